//! LinUCB: the offer with the largest upper confidence limit under a linear
//! model.
//!
//! Li, Chu, Langford, Schapire (2010), "A contextual-bandit approach to
//! personalized news article recommendation", arXiv 1003.0146: x is the
//! features, θ̂ᵀx + α·√(xᵀA⁻¹x) the limit, here in units of the noise as the
//! residuals show it; α is `confidence`. Disjoint parameters are their
//! algorithm 1; shared ones with offers' features and products stand for their
//! hybrid.
//!
//! Deterministic but for ties, which share; a log of it supports no evaluation
//! unless there is a floor. Refunds are unlearnt exactly up to rounding. Valid
//! for rewards of any size. d²/2 operations an offer.

use super::Context;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::config::contextual::{ExpansionConfig, LinUcbConfig, RegressionConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::contextual::{Beliefs, Model, beliefs};
use crate::learning::state::PolicyState;

/// The checked LinUCB policy.
#[derive(Debug, Clone, PartialEq)]
pub struct LinUcb {
    confidence: f64,
    exploration_floor: f64,
    pub(super) model: Model,
}

impl LinUcb {
    pub(super) fn check(config: &LinUcbConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            confidence: Bound::CONFIDENCE_FROM_0.check("confidence", config.confidence)?,
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
        let Some(beliefs) = Beliefs::asked(&self.model, state, context, eligible) else {
            return ActionDistribution::uniform(eligible);
        };
        beliefs::on_the_largest(&beliefs.bounds(self.confidence), eligible)
            .with_floor(self.exploration_floor)
    }
}
