//! Logistic Thompson sampling: each offer with the probability that its rate,
//! the logistic function of a linear score, is the largest.
//!
//! Chapelle, Li (2011), "An empirical evaluation of Thompson sampling", NIPS
//! 24, section 4, with a full covariance and one approximate update a reward
//! ([`regression`](crate::learning::linear::regression) states it). As there,
//! the posterior's standard deviations are multiplied by `posterior_scale`;
//! below 1 it explores less than the posterior asks for, which their
//! experiments and ours favour.
//!
//! The largest rate is the largest score, so the probabilities come as in
//! [`linear_thompson`](super::linear_thompson): computed with disjoint
//! parameters, M draws under the decision's seed with shared ones. A learnt
//! reward cannot be taken back: refunds after closing are counted as not
//! unlearnt.
//!
//! Valid for rewards in [0, 1]. d²/2 operations an offer.

use super::Context;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::config::contextual::{
    ExpansionConfig, LogisticThompsonConfig, RegressionConfig,
};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::contextual::{Model, beliefs};
use crate::learning::state::PolicyState;

/// The checked logistic Thompson sampling policy.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticThompson {
    posterior_scale: f64,
    exploration_floor: f64,
    pub(super) model: Model,
}

impl LogisticThompson {
    pub(super) fn check(config: &LogisticThompsonConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            posterior_scale: Bound::CONFIDENCE_FROM_0
                .check("posterior_scale", config.posterior_scale)?,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            model: Model::check(
                &config.model,
                RegressionConfig::Logistic,
                ExpansionConfig::None,
            )?,
        })
    }

    pub(super) fn distribution(
        &self,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        beliefs::thompson(&self.model, state, context, eligible, self.posterior_scale)
            .with_floor(self.exploration_floor)
    }
}
