//! Independent inverse propensity scores (IIPS): each slot's reward times that
//! slot's weight alone.
//!
//! Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay, Wen (2018), "Offline
//! evaluation of ranking policies with click models",
//! <https://arxiv.org/abs/1804.10488>, the item-position model. Unbiased with
//! right marginal propensities where a slot earns what it does whatever the others
//! show; its weights do not multiply.

use super::{Score, Slate};

#[allow(clippy::cast_precision_loss)] // few slots
pub(super) fn score(slate: &Slate) -> Score {
    let weights = slate.slots.iter().map(|slot| slot.weight);
    let values = slate.slots.iter().map(|slot| slot.weight * slot.reward);
    Score {
        weight: weights.sum::<f64>() / slate.slots.len() as f64,
        value: values.sum(),
    }
}
