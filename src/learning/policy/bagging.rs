//! Online bagging: each offer as often as models of bootstrap samples hold it
//! for the best.
//!
//! Oza, Russell (2001), "Online bagging and boosting", AISTATS; as a bandit in
//! Bietti, Agarwal, Langford (2021), "A contextual bandit bake-off", arXiv
//! 1802.04064, section 3.2: each of B replicates learns a reward Poisson(1)
//! times, and an offer's probability is its share of the replicates' votes.
//! How often a replicate learns a reward follows from a hash of which reward it
//! is (segment, offer, which update of the two), so the state is a function of
//! what was learnt.
//!
//! Refunds are unlearnt exactly up to rounding under ridge; under logistic
//! regression they are counted as not unlearnt. B times the memory and the time
//! of one model; d operations an offer and replicate for a decision.

use super::Context;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::config::contextual::{BaggingConfig, ExpansionConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::contextual::{Model, beliefs};
use crate::learning::state::PolicyState;

/// The checked bagging policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Bagging {
    exploration_floor: f64,
    pub(super) model: Model,
}

impl Bagging {
    pub(super) fn check(config: &BaggingConfig) -> Result<Self, PolicyError> {
        #[allow(clippy::cast_precision_loss)] // for people to read
        Bound::REPLICATES.check("replicates", config.replicates as f64)?;
        let replicates = usize::try_from(config.replicates).unwrap_or(0);
        let model = Model::check(&config.model, config.regression, ExpansionConfig::None)?;
        Ok(Self {
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            model: model.bagged(replicates),
        })
    }

    pub(super) fn distribution(
        &self,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let Some(memory) = beliefs::usable(&self.model, state, context) else {
            return ActionDistribution::uniform(eligible);
        };
        let votes = beliefs::votes(&self.model, memory, context.features, eligible);
        ActionDistribution::from_weights(votes)
            .expect("every replicate has a vote")
            .with_floor(self.exploration_floor)
    }
}
