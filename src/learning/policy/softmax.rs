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
use super::shrunken_mean::ShrunkenMean;
use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::domain::time::Instant;
use crate::learning::config::index::{SoftmaxConfig, TemperatureConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::memory::Evidence;
use crate::learning::state::SegmentState;

/// The checked softmax policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    temperature: Falling,
    start: ShrunkenMean,
    pub(super) tabular: Tabular,
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
        let tabular = Tabular::check(
            config.exploration_floor,
            config.reward.check()?,
            &config.memory,
        )?;
        Ok(Self {
            temperature,
            start: ShrunkenMean::check(
                config.initial_value,
                config.initial_weight,
                &tabular.memory,
            )?,
            tabular,
        })
    }

    /// What the arm's next reward is estimated to be.
    pub(super) fn value(&self, evidence: &Evidence) -> f64 {
        self.start.of(evidence)
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> ActionDistribution {
        let evidence = self.tabular.evidence(segment, eligible, now);
        let values: SmallVec<[f64; 16]> = evidence.iter().map(|arm| self.value(arm)).collect();
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
            .with_floor(self.tabular.exploration_floor)
    }
}
