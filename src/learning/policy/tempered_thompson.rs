//! Tempered Thompson sampling: each offer with the probability that it is the
//! best one under posteriors sharper, or blunter, than what was learnt.
//!
//! A posterior whose likelihood is raised to a power: Grünwald, van Ommen
//! (2017), <https://doi.org/10.1214/17-BA1085>, whose η is κ here, the
//! `sharpness`; Chapelle, Li (2011), "An empirical evaluation of Thompson
//! sampling", NIPS 24, section 4, sharpen posteriors so as to explore less. An
//! arm of n pulls and sum of rewards S has Beta(α₀ + κS, β₀ + κ(n − S)).
//!
//! κ > 1 explores less, without a horizon: the mean regret over some 10⁵ to
//! 10⁶ decisions is smaller. What it costs is in the tail: the best arm, once
//! it was unlucky, is taken up again less often, so a few runs lose far more,
//! and at κ = 2 or more they do so visibly (see the scenario
//! `bernoulli_ten_arms`). κ < 1 explores more. The logarithmic bound of κ = 1
//! holds for no κ above; an `exploration_floor` bounds the tail.
//!
//! The probabilities are computed, not sampled: see [`best_arm`]. Valid for
//! rewards in [0, 1].

use smallvec::SmallVec;

use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::best_arm;
use crate::learning::beta::Beta;
use crate::learning::config::posterior::TemperedThompsonConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::reward::RewardDomain;
use crate::learning::state::{ArmState, SegmentState, aligned};

/// The checked tempered Thompson sampling policy.
#[derive(Debug, Clone, PartialEq)]
pub struct TemperedThompson {
    prior: Beta,
    sharpness: f64,
    exploration_floor: f64,
    reward_domain: RewardDomain,
}

impl TemperedThompson {
    pub(super) fn check(config: &TemperedThompsonConfig) -> Result<Self, PolicyError> {
        let successes = Bound::PRIOR.check("prior_successes", config.prior_successes)?;
        let failures = Bound::PRIOR.check("prior_failures", config.prior_failures)?;
        Ok(Self {
            prior: Beta::new(successes, failures),
            sharpness: Bound::SHARPNESS.check("sharpness", config.sharpness)?,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            reward_domain: RewardDomain::unit(config.outside),
        })
    }

    pub(super) const fn reward_domain(&self) -> RewardDomain {
        self.reward_domain
    }

    /// What is acted upon as if it were believed of an arm's mean reward.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub(super) fn posterior(&self, arm: Option<&ArmState>) -> Beta {
        let successes = arm.map_or(0.0, ArmState::reward_sum);
        let failures = arm.map_or(0, ArmState::pulls) as f64 - successes;
        Beta::new(
            self.prior.alpha() + self.sharpness * successes,
            self.prior.beta() + self.sharpness * failures,
        )
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
