//! SquareCB: inverse gap weighting of what a regression predicts.
//!
//! Foster, Rakhlin (2020), "Beyond UCB: optimal and efficient contextual
//! bandits with regression oracles", arXiv 2002.04926, algorithm 1: with ŷ_a
//! the predictions and b the best offer, p_a = 1 / (K + γ(ŷ_b − ŷ_a)) for a ≠ b
//! and the rest for b (μ = K). γ grows as √(K n) over n rewards learnt, times
//! `gamma_scale`.
//!
//! The oracle is ridge or logistic regression. Under ridge, gaps are divided by
//! the standard deviation of what rewards leave unexplained, so that the unit
//! of the reward does not matter; under logistic regression they are
//! differences of rates, moderated by how certain they are. Every offer keeps a
//! probability above 0. Refunds are unlearnt exactly up to rounding under
//! ridge; under logistic regression they are counted as not unlearnt.

use super::Context;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::learning::config::contextual::{ExpansionConfig, SquareCbConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::contextual::beliefs::{self, PerOffer};
use crate::learning::contextual::{Beliefs, Model};
use crate::learning::state::PolicyState;

/// The checked SquareCB policy.
#[derive(Debug, Clone, PartialEq)]
pub struct SquareCb {
    gamma_scale: f64,
    exploration_floor: f64,
    pub(super) model: Model,
}

impl SquareCb {
    pub(super) fn check(config: &SquareCbConfig) -> Result<Self, PolicyError> {
        Ok(Self {
            gamma_scale: Bound::SCALE.check("gamma_scale", config.gamma_scale)?,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            model: Model::check(&config.model, config.regression, ExpansionConfig::None)?,
        })
    }

    #[allow(clippy::cast_precision_loss)] // exact below 2^53 rewards
    pub(super) fn distribution(
        &self,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let beliefs = Beliefs::asked_for_rewards(&self.model, state, context, eligible);
        let (Some(beliefs), Some(memory)) = (beliefs, state.contextual()) else {
            return ActionDistribution::uniform(eligible);
        };
        let learnt = memory.learnt() as f64;
        let gamma = self.gamma_scale * math::sqrt(eligible.len() as f64 * learnt);
        let predicted = beliefs.rewards();
        let unit = beliefs.reward_unit();
        inverse_gap(&predicted, gamma / unit, eligible).with_floor(self.exploration_floor)
    }
}

/// p_a = 1 / (K + γ·gap), the rest on the best; several best ones share.
#[allow(clippy::cast_precision_loss)] // far fewer offers than 2^53
fn inverse_gap(predicted: &[f64], gamma: f64, eligible: &EligibleOffers) -> ActionDistribution {
    let best = predicted.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !gamma.is_finite() {
        return beliefs::on_the_largest(predicted, eligible);
    }
    let count = predicted.len() as f64;
    let mut weights: PerOffer = predicted
        .iter()
        .map(|value| 1.0 / (count + gamma * (best - value)))
        .collect();
    let is_best = |value: f64| value == best;
    let below: f64 = weights
        .iter()
        .zip(predicted)
        .filter_map(|(weight, value)| (!is_best(*value)).then_some(*weight))
        .sum();
    let tied = predicted.iter().filter(|value| is_best(**value)).count() as f64;
    for (weight, value) in weights.iter_mut().zip(predicted) {
        if is_best(*value) {
            *weight = (1.0 - below) / tied;
        }
    }
    ActionDistribution::from_weights(weights).expect("the best has a probability above 0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::OfferNumber;

    #[test]
    fn gaps_weigh_inversely() {
        let eligible = EligibleOffers::new((0..3).map(OfferNumber)).unwrap();
        let distribution = inverse_gap(&[0.5, 0.3, 0.0], 10.0, &eligible);
        let exact = [1.0 - 0.2 - 0.125, 0.2, 0.125];
        for (ours, exact) in distribution.probabilities().iter().zip(exact) {
            assert!((ours - exact).abs() < 1e-15);
        }
        let tied = inverse_gap(&[0.5, 0.5, 0.0], 10.0, &eligible);
        assert_eq!(tied.probabilities()[0], tied.probabilities()[1]);
        let certain = inverse_gap(&[1.0, 0.5, 0.5], f64::INFINITY, &eligible);
        assert_eq!(certain.probabilities(), [1.0, 0.0, 0.0]);
    }
}
