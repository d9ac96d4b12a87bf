//! Reward-interaction inverse propensity scores (RIPS): each slot's reward times
//! the weight of the slots down to it.
//!
//! McInerney, Brost, Chandar, Mehrotra, Carterette (2020), "Counterfactual
//! evaluation of slate recommendations with sequential reward interactions",
//! <https://arxiv.org/abs/2007.12986>, without their normalisation of the weights.
//! Unbiased with right propensities where a slot earns what it does whatever is
//! below it, as for a reader who goes from the top down.

use super::{Score, Slate};

pub(super) fn score(slate: &Slate) -> Score {
    let (mut weight, mut value) = (1.0, 0.0);
    for slot in &slate.slots {
        weight *= slot.weight;
        value += weight * slot.reward;
    }
    Score { weight, value }
}
