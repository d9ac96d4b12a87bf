//! Linear Thompson sampling: each offer with the probability that its reward,
//! a linear function of the features, is the largest.
//!
//! Agrawal, Goyal (2013), "Thompson sampling for contextual bandits with linear
//! payoffs", arXiv 1209.3352: the posterior of the weights is N(A⁻¹h, v²A⁻¹);
//! v is the noise's standard deviation, estimated from the residuals, times
//! `posterior_scale`.
//!
//! With disjoint parameters the scores are independent and the probabilities
//! are computed ([`best_arm`](crate::learning::best_arm), error at most
//! 2·10⁻⁶). With shared ones the policy *is* M draws of the parameters under
//! the decision's seed: the share of draws that an offer won is its
//! probability, exactly. Refunds are unlearnt exactly up to rounding.
//!
//! Valid for rewards of any size. d²/2 operations an offer.

use super::Context;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::config::contextual::{
    ExpansionConfig, LinearThompsonConfig, RegressionConfig,
};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::contextual::{Model, beliefs};
use crate::learning::state::PolicyState;

/// The checked linear Thompson sampling policy.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearThompson {
    posterior_scale: f64,
    exploration_floor: f64,
    pub(super) model: Model,
}

impl LinearThompson {
    pub(super) fn check(config: &LinearThompsonConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            posterior_scale: Bound::CONFIDENCE_FROM_0
                .check("posterior_scale", config.posterior_scale)?,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            model: Model::check(
                &config.model,
                RegressionConfig::Ridge,
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
