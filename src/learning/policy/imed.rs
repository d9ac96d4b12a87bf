//! IMED, indexed minimum empirical divergence: the offer that is cheapest to
//! rule out as the best one, and was looked at the least.
//!
//! Honda, Takemura (2015), "Non-asymptotic analysis of a new bandit algorithm
//! for semi-bounded rewards", JMLR 16, 3721-3756,
//! <https://jmlr.org/papers/v16/honda15a.html>: the arm with the smallest
//! Tᵢ · D(F̂ᵢ, μ̂*) + ln Tᵢ, with D the divergence kl for rewards of 0 and 1 and
//! μ̂* the largest mean of an eligible arm.
//!
//! Deterministic but for ties: set an `exploration_floor` where its log is to
//! be evaluated. Valid for rewards in [0, 1]; asymptotically optimal for
//! rewards of 0 and 1, without a horizon or a parameter. Cost: O(K), three
//! logarithms an arm.

use super::index::{Counted, choose_largest};
use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::domain::time::Instant;
use crate::learning::config::PolicyError;
use crate::learning::config::index::ImedConfig;
use crate::learning::divergence::bernoulli_divergence;
use crate::learning::state::SegmentState;

/// The checked IMED policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Imed {
    pub(super) tabular: Tabular,
}

impl Imed {
    pub(super) fn check(config: &ImedConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            tabular: Tabular::check_unit(config.exploration_floor, config.outside, &config.memory)?,
        })
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> ActionDistribution {
        let arms = Counted::all(&self.tabular.evidence(segment, eligible, now));
        let best = arms.iter().map(|arm| arm.mean).fold(0.0, f64::max);
        choose_largest(&arms, eligible, &self.tabular, |arm| {
            let divergence = if arm.mean >= best {
                0.0
            } else {
                bernoulli_divergence(arm.mean, best)
            };
            -(arm.pulls * divergence + math::ln(arm.pulls))
        })
    }
}
