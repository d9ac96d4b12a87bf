//! The pseudo-inverse estimator: what a slate earned times a sum of its slots'
//! weights.
//!
//! Swaminathan, Krishnamurthy, Agarwal, Dudík, Langford, Jose, Zitouni (2017),
//! "Off-policy evaluation for slate recommendation",
//! <https://arxiv.org/abs/1605.04812>: for policies that draw each slot by itself,
//! their pseudo-inverse of the logging policy's second moments comes to
//! Σₖ wₖ − K + 1. Unbiased with right marginal propensities where what a slate
//! earns is a sum over its slots of something that each slot's action gives.

use super::{Score, Slate};

#[allow(clippy::cast_precision_loss)] // few slots
pub(super) fn score(slate: &Slate) -> Score {
    let weights: f64 = slate.slots.iter().map(|slot| slot.weight).sum();
    let weight = weights - slate.slots.len() as f64 + 1.0;
    Score {
        weight,
        value: weight * slate.reward(),
    }
}
