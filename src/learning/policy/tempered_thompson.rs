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
//! The probabilities are computed, not sampled: see [`best_arm`](crate::learning::best_arm). Valid for
//! rewards in [0, 1].

use smallvec::SmallVec;

use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::time::Instant;
use crate::learning::beta::Beta;
use crate::learning::config::posterior::TemperedThompsonConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::memory::Evidence;
use crate::learning::state::SegmentState;

/// The checked tempered Thompson sampling policy.
#[derive(Debug, Clone, PartialEq)]
pub struct TemperedThompson {
    prior: Beta,
    sharpness: f64,
    pub(super) tabular: Tabular,
}

impl TemperedThompson {
    pub(super) fn check(config: &TemperedThompsonConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            prior: Beta::check_prior(config.prior_successes, config.prior_failures)?,
            sharpness: Bound::SHARPNESS.check("sharpness", config.sharpness)?,
            tabular: Tabular::check_unit(config.exploration_floor, config.outside, &config.memory)?,
        })
    }

    /// What is acted upon as if it were believed of an arm's mean reward.
    pub(super) fn posterior(&self, evidence: &Evidence) -> Beta {
        let failures = evidence.pulls - evidence.reward_sum;
        self.prior.after(
            self.sharpness * evidence.reward_sum,
            self.sharpness * failures,
        )
    }

    /// What is believed of each eligible offer in turn.
    pub(in crate::learning) fn beliefs(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> SmallVec<[Beta; 16]> {
        self.tabular
            .beliefs(segment, eligible, now, |arm| self.posterior(arm))
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> ActionDistribution {
        self.tabular.thompson(&self.beliefs(segment, eligible, now))
    }
}
