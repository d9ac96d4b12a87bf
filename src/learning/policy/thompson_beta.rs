//! Thompson sampling with Beta posteriors: each offer with the probability
//! that it is the best one, given what was learnt.
//!
//! Thompson (1933), <https://doi.org/10.1093/biomet/25.3-4.285>; Agrawal,
//! Goyal (2012), arXiv 1111.1797. With S the sum of an arm's rewards over n
//! pulls, its posterior is Beta(α₀ + S, β₀ + n − S), where α₀ and β₀ are
//! `prior_successes` and `prior_failures`; a reward inside (0, 1) counts as
//! that part of a success.
//!
//! The probabilities are computed, not sampled: see
//! [`best_arm`] for the method, its error and its
//! cost. Valid for rewards in [0, 1].

use smallvec::SmallVec;

use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::best_arm;
use crate::learning::beta::Beta;
use crate::learning::config::{Bound, PolicyError, ThompsonBetaConfig};
use crate::learning::reward::RewardDomain;
use crate::learning::state::{ArmState, SegmentState, aligned};

/// The checked Thompson sampling policy.
#[derive(Debug, Clone, PartialEq)]
pub struct ThompsonBeta {
    prior: Beta,
    exploration_floor: f64,
    reward_domain: RewardDomain,
}

impl ThompsonBeta {
    pub(super) fn check(config: &ThompsonBetaConfig) -> Result<Self, PolicyError> {
        let successes = Bound::PRIOR.check("prior_successes", config.prior_successes)?;
        let failures = Bound::PRIOR.check("prior_failures", config.prior_failures)?;
        Ok(Self {
            prior: Beta::new(successes, failures),
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            reward_domain: RewardDomain::unit(config.outside),
        })
    }

    pub(super) const fn reward_domain(&self) -> RewardDomain {
        self.reward_domain
    }

    /// What is believed of an arm's mean reward.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub(super) fn posterior(&self, arm: Option<&ArmState>) -> Beta {
        let Some(arm) = arm else { return self.prior };
        let successes = arm.reward_sum();
        let failures = arm.pulls() as f64 - successes;
        Beta::new(self.prior.alpha() + successes, self.prior.beta() + failures)
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let posteriors: SmallVec<[Beta; 16]> = aligned(segment, eligible)
            .map(|arm| self.posterior(arm))
            .collect();
        best_arm::probabilities(&posteriors).with_floor(self.exploration_floor)
    }
}
