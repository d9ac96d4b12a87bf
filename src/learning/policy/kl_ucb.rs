//! KL-UCB: the offer with the largest mean that its rewards do not yet rule
//! out.
//!
//! Garivier, Cappé (2011), arXiv 1102.2490: the index of an arm is the largest
//! q with Nₐ · kl(μ̂ₐ, q) ≤ ln t + c ln ln t, here with their recommended c = 0,
//! t the pulls of the eligible arms, and a factor `exploration` before the
//! right side. KL-UCB⁺ (Kaufmann 2018, <https://doi.org/10.1214/17-AOS1569>)
//! has ln(t / Nₐ) instead: `bonus = "time_per_pull"`.
//!
//! Deterministic but for ties: set an `exploration_floor` where its log is to
//! be evaluated. Valid for rewards in [0, 1]; asymptotically optimal for
//! rewards of 0 and 1 with `exploration = 1`. Cost: O(K), about ten logarithms
//! an arm.

use super::index::{Counted, choose_largest};
use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::domain::time::Instant;
use crate::learning::config::index::{KlBonus, KlUcbConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::divergence::upper_confidence;
use crate::learning::state::SegmentState;

/// The checked KL-UCB policy.
#[derive(Debug, Clone, PartialEq)]
pub struct KlUcb {
    bonus: KlBonus,
    exploration: f64,
    pub(super) tabular: Tabular,
}

impl KlUcb {
    pub(super) fn check(config: &KlUcbConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            bonus: config.bonus,
            exploration: Bound::CONFIDENCE.check("exploration", config.exploration)?,
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
        let pulls: f64 = arms.iter().map(|arm| arm.pulls).sum();
        let ln_time = math::ln(pulls.max(1.0));
        choose_largest(&arms, eligible, &self.tabular, |arm| {
            let bound = match self.bonus {
                KlBonus::Time => ln_time,
                KlBonus::TimePerPull => ln_time - math::ln(arm.pulls),
            };
            upper_confidence(arm.mean, self.exploration * bound / arm.pulls)
        })
    }
}
