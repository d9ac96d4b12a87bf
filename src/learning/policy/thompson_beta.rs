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
//! [`best_arm`](crate::learning::best_arm) for the method, its error and its
//! cost. Valid for rewards in [0, 1].

use smallvec::SmallVec;

use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::time::Instant;
use crate::learning::beta::Beta;
use crate::learning::config::{PolicyError, ThompsonBetaConfig};
use crate::learning::memory::Evidence;
use crate::learning::state::SegmentState;

/// The checked Thompson sampling policy.
#[derive(Debug, Clone, PartialEq)]
pub struct ThompsonBeta {
    prior: Beta,
    pub(super) tabular: Tabular,
}

impl ThompsonBeta {
    pub(super) fn check(config: &ThompsonBetaConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            prior: Beta::check_prior(config.prior_successes, config.prior_failures)?,
            tabular: Tabular::check_unit(config.exploration_floor, config.outside, &config.memory)?,
        })
    }

    /// What is believed of an arm of which nothing was learnt.
    pub(in crate::learning) const fn prior(&self) -> Beta {
        self.prior
    }

    /// The least probability of each eligible offer.
    pub(in crate::learning) const fn exploration_floor(&self) -> f64 {
        self.tabular.exploration_floor
    }

    /// What is believed of an arm's mean reward.
    pub(super) fn posterior(&self, evidence: &Evidence) -> Beta {
        let failures = evidence.pulls - evidence.reward_sum;
        self.prior.after(evidence.reward_sum, failures)
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
