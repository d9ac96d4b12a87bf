//! Thompson sampling for counts: each offer with the probability that its mean
//! count is the largest, under Gamma posteriors.
//!
//! Thompson (1933), <https://doi.org/10.1093/biomet/25.3-4.285>, with the
//! conjugate pair of Gelman et al. (2013), "Bayesian data analysis", 3rd
//! edition, section 2.6: an arm's rewards are Poisson with mean λ, the prior of
//! λ is Gamma(α₀, β₀), and after n rewards of sum S it is Gamma(α₀ + S, β₀ + n).
//! α₀ is `prior_count`, β₀ is `prior_decisions`.
//!
//! The probabilities are computed, not sampled: see [`best_arm`](crate::learning::best_arm). Valid for
//! rewards of at least 0: items in a basket, clicks, points. It believes that
//! a count varies as much as its mean; for money, which varies far more, its
//! posteriors are too sharp.

use smallvec::SmallVec;

use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::time::Instant;
use crate::learning::config::posterior::ThompsonPoissonConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::gamma::Gamma;
use crate::learning::memory::Evidence;
use crate::learning::state::SegmentState;

/// The checked Thompson sampling policy for counts.
#[derive(Debug, Clone, PartialEq)]
pub struct ThompsonPoisson {
    prior: Gamma,
    pub(super) tabular: Tabular,
}

impl ThompsonPoisson {
    pub(super) fn check(config: &ThompsonPoissonConfig) -> Result<Self, PolicyError> {
        let count = Bound::PRIOR.check("prior_count", config.prior_count)?;
        let decisions = Bound::PRIOR.check("prior_decisions", config.prior_decisions)?;
        Ok(Self {
            prior: Gamma::new(count, decisions),
            tabular: Tabular::check_from_0(
                config.exploration_floor,
                ("largest_count", config.largest_count),
                config.outside,
                &config.memory,
            )?,
        })
    }

    /// What is believed of an arm's mean count.
    pub(super) fn posterior(&self, evidence: &Evidence) -> Gamma {
        Gamma::new(
            self.prior.shape() + evidence.reward_sum.max(0.0),
            self.prior.rate() + evidence.pulls,
        )
    }

    /// What is believed of each eligible offer in turn.
    pub(in crate::learning) fn beliefs(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> SmallVec<[Gamma; 16]> {
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
