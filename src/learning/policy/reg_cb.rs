//! RegCB: the offer with the largest reward that some model with nearly the
//! least loss predicts.
//!
//! Foster, Agarwal, Dudík, Luo, Schapire (2018), "Practical contextual bandits
//! with regression oracles", arXiv 1803.01088, algorithm 1: the version space
//! holds the models whose loss exceeds the least by at most β. Theirs finds the
//! bounds by weighted regressions and bisection; for linear scores the loss is
//! quadratic (exactly under ridge, to second order under logistic regression),
//! the version space is an ellipsoid and the bounds are
//! θ̂ᵀx ± √(2β)·√(xᵀA⁻¹x) in closed form. √(2β) is `confidence`; for logistic
//! regression the bounds are on the logit, whose order is that of the rates.
//!
//! `optimistic` takes the largest upper bound; `elimination` gives every offer
//! whose upper bound reaches the largest lower bound the same probability.
//! Optimism is deterministic but for ties, which share: a log of it supports no
//! evaluation unless there is a floor. Refunds are unlearnt exactly up to
//! rounding under ridge; under logistic regression they are counted as not
//! unlearnt. d²/2 operations an offer.

use super::Context;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::config::contextual::{ExpansionConfig, RegCbConfig, RegCbMode};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::contextual::{Beliefs, Model, beliefs};
use crate::learning::state::PolicyState;

/// The checked RegCB policy.
#[derive(Debug, Clone, PartialEq)]
pub struct RegCb {
    mode: RegCbMode,
    confidence: f64,
    exploration_floor: f64,
    pub(super) model: Model,
}

impl RegCb {
    pub(super) fn check(config: &RegCbConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            mode: config.mode,
            confidence: Bound::CONFIDENCE_FROM_0.check("confidence", config.confidence)?,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            model: Model::check(
                &config.model,
                config.regression,
                ExpansionConfig::RandomFeatures,
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
        let upper = beliefs.bounds(self.confidence);
        let distribution = match self.mode {
            RegCbMode::Optimistic => beliefs::on_the_largest(&upper, eligible),
            RegCbMode::Elimination => {
                let lower = beliefs.bounds(-self.confidence);
                let bar = lower.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let possible: Vec<usize> = (0..upper.len())
                    .filter(|place| upper[*place] >= bar)
                    .collect();
                ActionDistribution::concentrated(eligible, &possible)
            }
        };
        distribution.with_floor(self.exploration_floor)
    }
}
