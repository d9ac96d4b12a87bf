//! What linear and logistic Thompson sampling share: each offer with the
//! probability that its score is the largest under the posterior of its model.

use super::Context;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::config::contextual::{ExpansionConfig, ModelConfig, RegressionConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::contextual::{Model, beliefs};
use crate::learning::state::PolicyState;

/// A checked Thompson sampling policy over the scores of a regression.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreThompson {
    /// What the posterior's standard deviations are multiplied by.
    posterior_scale: f64,
    exploration_floor: f64,
    pub(super) model: Model,
}

impl ScoreThompson {
    pub(super) fn check(
        posterior_scale: f64,
        exploration_floor: f64,
        model: &ModelConfig,
        regression: RegressionConfig,
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            posterior_scale: Bound::CONFIDENCE_FROM_0.check("posterior_scale", posterior_scale)?,
            exploration_floor: Bound::PROBABILITY.check("exploration_floor", exploration_floor)?,
            model: Model::check(model, regression, ExpansionConfig::None)?,
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
