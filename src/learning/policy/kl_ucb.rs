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

use super::index::{choose_largest, counted, upper_confidence};
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::learning::config::index::{KlBonus, KlUcbConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::reward::RewardDomain;
use crate::learning::state::SegmentState;

/// The checked KL-UCB policy.
#[derive(Debug, Clone, PartialEq)]
pub struct KlUcb {
    bonus: KlBonus,
    exploration: f64,
    exploration_floor: f64,
    reward_domain: RewardDomain,
}

impl KlUcb {
    pub(super) fn check(config: &KlUcbConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            bonus: config.bonus,
            exploration: Bound::CONFIDENCE.check("exploration", config.exploration)?,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            reward_domain: RewardDomain::unit(config.outside),
        })
    }

    pub(super) const fn reward_domain(&self) -> RewardDomain {
        self.reward_domain
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let arms = counted(segment, eligible);
        let pulls: f64 = arms.iter().map(|arm| arm.pulls).sum();
        let ln_time = math::ln(pulls.max(1.0));
        choose_largest(&arms, eligible, self.exploration_floor, |arm| {
            let bound = match self.bonus {
                KlBonus::Time => ln_time,
                KlBonus::TimePerPull => ln_time - math::ln(arm.pulls),
            };
            upper_confidence(arm.mean, self.exploration * bound / arm.pulls)
        })
    }
}
