//! Thompson sampling for money per decision: each offer with the probability
//! that its mean revenue is the largest, when most decisions earn nothing and
//! the rest earn amounts with a heavy tail.
//!
//! Thompson (1933), <https://doi.org/10.1093/biomet/25.3-4.285>, on a
//! zero-inflated Gamma model (as in hurdle models: Cragg 1971,
//! <https://doi.org/10.2307/1909582>) with conjugate priors. Of an arm's n
//! rewards m are not 0, with sum S:
//!
//! - the rate of conversion p is Beta(α₀ + m, β₀ + n − m);
//! - a conversion is worth a Gamma variable of known shape k (`value_shape`; 1
//!   is exponential, less is heavier) and unknown rate r, which is
//!   Gamma(1 + k(w + m), w·v₀ + S); w is `prior_value_weight`, in conversions,
//!   v₀ is `prior_value`.
//!
//! So the mean value of a conversion, k/r, has the posterior mean
//! (w·v₀ + S) / (w + m): always finite, because w > 0 is required. A weight of
//! 0 would leave an arm without conversions an improper predictive mean, and
//! is refused. One immense purchase moves an arm as much as its mean moves;
//! where that is not wanted, declare `largest_value` with `outside = "clip"`,
//! which counts larger rewards as that one (a winsor).
//!
//! The probabilities are computed, not sampled: see [`best_arm`](crate::learning::best_arm). Valid for
//! rewards of at least 0. Cost: a mixture of some 30 to 100 parts an arm, more
//! where the prior knows the value far better than the conversion, so about a
//! hundred times that of `thompson_beta`.

use smallvec::SmallVec;

use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::time::Instant;
use crate::learning::beta::Beta;
use crate::learning::config::posterior::ThompsonRevenueConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::gamma::Gamma;
use crate::learning::memory::Evidence;
use crate::learning::revenue::Revenue;
use crate::learning::state::SegmentState;

/// The checked Thompson sampling policy for money.
#[derive(Debug, Clone, PartialEq)]
pub struct ThompsonRevenue {
    prior: Beta,
    value_shape: f64,
    prior_value: f64,
    prior_value_weight: f64,
    pub(super) tabular: Tabular,
}

impl ThompsonRevenue {
    pub(super) fn check(config: &ThompsonRevenueConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            prior: Beta::check_prior(config.prior_successes, config.prior_failures)?,
            value_shape: Bound::SHARPNESS.check("value_shape", config.value_shape)?,
            prior_value: Bound::VALUE.check("prior_value", config.prior_value)?,
            prior_value_weight: Bound::PRIOR
                .check("prior_value_weight", config.prior_value_weight)?,
            tabular: Tabular::check_from_0(
                config.exploration_floor,
                ("largest_value", config.largest_value),
                config.outside,
                &config.memory,
            )?,
        })
    }

    /// What is believed of an arm's mean revenue.
    pub(super) fn posterior(&self, evidence: &Evidence) -> Revenue {
        let weight = self.prior_value_weight;
        let conversions = evidence.earning;
        Revenue::new(
            self.prior.after(conversions, evidence.pulls - conversions),
            Gamma::new(
                1.0 + self.value_shape * (weight + conversions),
                weight * self.prior_value + evidence.reward_sum.max(0.0),
            ),
            self.value_shape,
        )
    }

    /// What is believed of each eligible offer in turn.
    pub(in crate::learning) fn beliefs(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> SmallVec<[Revenue; 16]> {
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
