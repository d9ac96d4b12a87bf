//! Standard inverse propensity scores of slates (SIPS): the whole slate's weight
//! times all that it earned.
//!
//! Precup, Sutton, Singh (2000), "Eligibility traces for off-policy policy
//! evaluation", whose importance sampling over a trajectory it is. Unbiased with
//! right propensities, whatever slots do to each other; its weights are products,
//! and so their variance grows with the number of slots as a power.

use super::{Score, Slate};

pub(super) fn score(slate: &Slate) -> Score {
    let weight = slate.weight();
    Score {
        weight,
        value: weight * slate.reward(),
    }
}
