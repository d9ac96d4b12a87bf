//! The mean of an arm's rewards with some imagined ones before them.

use crate::learning::config::{Bound, PolicyError};
use crate::learning::memory::{Evidence, Memory};

/// `weight` rewards of `value` each before the first one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ShrunkenMean {
    /// What an arm is worth before it was learnt.
    pub value: f64,
    weight: f64,
}

impl ShrunkenMean {
    /// Checks what is written. Who forgets needs something to return to.
    pub fn check(
        initial_value: f64,
        initial_weight: f64,
        memory: &Memory,
    ) -> Result<Self, PolicyError> {
        let weight = Bound::WEIGHT.check("initial_weight", initial_weight)?;
        if memory.fades() && weight == 0.0 {
            return Err(PolicyError::Unfit {
                key: "initial_weight",
                rule: "is 0, it must be above 0 with this memory: what is forgotten gives way to \
                       initial_value",
            });
        }
        Ok(Self {
            value: Bound::REWARD.check("initial_value", initial_value)?,
            weight,
        })
    }

    /// The mean.
    pub fn of(&self, evidence: &Evidence) -> f64 {
        if evidence.pulls > 0.0 {
            (self.weight * self.value + evidence.reward_sum) / (self.weight + evidence.pulls)
        } else {
            self.value
        }
    }
}
