//! Softmax: each offer with a probability in proportion to e^(value / τ).
//!
//! Sutton, Barto (2018), "Reinforcement learning", 2nd edition, section 2.8;
//! Cesa-Bianchi, Gentile, Lugosi, Neu (2017), arXiv 1705.10257, on why a
//! temperature that falls for all arms alike is not consistent by itself. Their
//! η is 1/τ, with τ the `temperature`; an arm's value is the mean of its
//! rewards with `initial_weight` rewards of `initial_value` before them.
//!
//! Exact. Valid for any finite reward. Cost: O(K), an `exp` an arm.

use smallvec::SmallVec;

use super::falling::Falling;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::learning::config::index::{SoftmaxConfig, TemperatureConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::reward::RewardDomain;
use crate::learning::state::{ArmState, SegmentState, aligned};

/// The checked softmax policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    temperature: Falling,
    initial_value: f64,
    initial_weight: f64,
    exploration_floor: f64,
    reward_domain: RewardDomain,
}

impl Softmax {
    pub(super) fn check(config: &SoftmaxConfig) -> Result<Self, PolicyError> {
        let bound = Bound::TEMPERATURE;
        let temperature = match &config.temperature {
            TemperatureConfig::Constant(value) => {
                Falling::constant(bound.check("temperature", *value)?)
            }
            TemperatureConfig::Schedule(schedule) => Falling {
                shape: Some(schedule.schedule),
                start: bound.check("temperature.start", schedule.start)?,
                scale: Bound::DECISIONS.check("temperature.scale", schedule.scale)?,
                minimum: bound.check("temperature.minimum", schedule.minimum)?,
            },
        };
        Ok(Self {
            temperature,
            initial_value: Bound::REWARD.check("initial_value", config.initial_value)?,
            initial_weight: Bound::WEIGHT.check("initial_weight", config.initial_weight)?,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            reward_domain: config.reward.check()?,
        })
    }

    pub(super) const fn reward_domain(&self) -> RewardDomain {
        self.reward_domain
    }

    /// What the arm's next reward is estimated to be.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub(super) fn value(&self, arm: Option<&ArmState>) -> f64 {
        let Some(arm) = arm.filter(|arm| arm.pulls() > 0) else {
            return self.initial_value;
        };
        let weight = self.initial_weight;
        (weight * self.initial_value + arm.reward_sum()) / (weight + arm.pulls() as f64)
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let values: SmallVec<[f64; 16]> = aligned(segment, eligible)
            .map(|arm| self.value(arm))
            .collect();
        let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let temperature = self
            .temperature
            .after(segment.map_or(0, SegmentState::learnt));
        // The best weighs 1, so the total is at least 1.
        let weights = values
            .iter()
            .map(|value| math::exp((value - best) / temperature));
        ActionDistribution::from_weights(weights)
            .expect("weights in [0, 1], one of them 1, have a sum")
            .with_floor(self.exploration_floor)
    }
}
