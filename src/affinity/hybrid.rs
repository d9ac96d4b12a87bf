//! The hybrid: a weighted sum of what all parts say.
//!
//! Burke (2002), "Hybrid recommender systems: survey and experiments",
//! <https://doi.org/10.1023/A:1021240730564>, the weighted kind. An item's
//! score for a basket is Σ wₚ sₚ over the parts p, with sₚ from 0 to 1 as
//! [`Parts`](super::parts::Parts) gives it, and [`Weights`] that are not
//! negative and add up to 1; among equals the more popular item comes first. A
//! part alone is the hybrid with all weight on it, so the hybrid that
//! [`fit`] finds is never worse on the baskets that it is fitted on.

mod fit;

pub use fit::fit;
pub(super) use fit::{Queries, discounted_gain};

use super::parts::Part;

/// How much each part counts: not negative, together 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights([f64; Part::COUNT]);

impl Weights {
    /// All weight on one part.
    #[must_use]
    pub fn only(part: Part) -> Self {
        let mut weights = [0.0; Part::COUNT];
        weights[part.index()] = 1.0;
        Self(weights)
    }

    /// The same weight on every part.
    #[must_use]
    pub fn equal() -> Self {
        #[allow(clippy::cast_precision_loss)] // a handful of parts
        Self([1.0 / Part::COUNT as f64; Part::COUNT])
    }

    /// In the proportion of these numbers; `None` unless they are finite, not
    /// negative, and one of them is above 0.
    #[must_use]
    pub fn in_proportion(numbers: [f64; Part::COUNT]) -> Option<Self> {
        let sum: f64 = numbers.iter().sum();
        let are_weights = numbers.iter().all(|number| *number >= 0.0);
        (are_weights && sum > 0.0 && sum.is_finite()).then(|| Self(numbers.map(|it| it / sum)))
    }

    /// The weight of a part.
    #[must_use]
    pub const fn of(&self, part: Part) -> f64 {
        self.0[part.index()]
    }

    /// The score of an item that the parts give these, each from 0 to 1.
    #[must_use]
    pub(super) fn score(&self, scores: &[f64; Part::COUNT]) -> f64 {
        self.0
            .iter()
            .zip(scores)
            .map(|(weight, score)| weight * score)
            .sum()
    }

    /// The place, from 1, of a candidate among all of them.
    pub(super) fn rank(&self, candidates: &[[f64; Part::COUNT]], looked_for: usize) -> u32 {
        let own = self.score(&candidates[looked_for]);
        let mut rank = 1;
        for (place, scores) in candidates.iter().enumerate() {
            let score = self.score(scores);
            rank += u32::from(score > own || (score == own && place < looked_for));
        }
        rank
    }
}
