//! Cascade doubly robust: as RIPS, with a model of what a slot and those below it
//! earn.
//!
//! Kiyohara, Saito, Matsuhiro, Narita, Shimizu, Yamamoto (2022), "Doubly robust
//! off-policy evaluation for ranking policies under the cascade behavior model",
//! <https://arxiv.org/abs/2202.01562>. Their Q̂ₖ(a) predicts the rewards of slot k
//! and all below it when slot k shows a; from the last slot up,
//!
//! Vₖ = Σₐ π(a)·Q̂ₖ(a) + wₖ·(rₖ + Vₖ₊₁ − Q̂ₖ(aₖ)),   V of nothing = 0.
//!
//! Here Q̂ is the mean of each slot and action over the slates before
//! ([`RunningMeans`]), so that no slate is predicted by itself. Unbiased with right
//! propensities, whatever the model, where a slot earns what it does whatever is
//! below it; a good model makes the variance small.

use super::{Score, Slate};
use crate::evaluation::reward_model::RunningMeans;

/// Slots below this share the model of the last one.
const POSITIONS: usize = 8;

fn cell(position: usize, action: u32) -> usize {
    action as usize * POSITIONS + position.min(POSITIONS - 1)
}

/// Slots that there are from this one down.
#[allow(clippy::cast_precision_loss)] // few slots
fn left(slate: &Slate, position: usize) -> f64 {
    (slate.slots.len() - position) as f64
}

pub(super) fn score(slate: &Slate, model: &RunningMeans) -> Score {
    let mut value = 0.0;
    for (position, slot) in slate.slots.iter().enumerate().rev() {
        let predict = |action: u32| left(slate, position) * model.predict(cell(position, action));
        let actions = slot.actions.iter().zip(&slot.target);
        let expected: f64 = actions
            .map(|(action, share)| share * predict(*action))
            .sum();
        let logged = predict(slot.actions[slot.chosen]);
        value = expected + slot.weight * (slot.reward + value - logged);
    }
    Score {
        weight: slate.weight(),
        value,
    }
}

/// What a slate teaches the model: the mean reward from each slot down.
pub(super) fn learn(slate: &Slate, model: &mut RunningMeans) {
    let mut below = 0.0;
    for (position, slot) in slate.slots.iter().enumerate().rev() {
        below += slot.reward;
        let cell = cell(position, slot.actions[slot.chosen]);
        model.learn(cell, below / left(slate, position));
    }
}
