//! Cosine similarity of two items' baskets: n(AB) / √(n(A) n(B)).
//!
//! Salton, McGill (1983), "Introduction to modern information retrieval",
//! chapter 4; for 0/1 vectors also known by Ochiai (1957),
//! <https://doi.org/10.2331/suisan.22.526>. From 0 to 1; not defined for an
//! item without baskets.

use super::PairCounts;
use crate::domain::math;

/// The similarity of two items.
#[must_use]
pub fn similarity(counts: PairCounts) -> Option<f64> {
    let product = f64::from(counts.left) * f64::from(counts.right);
    (product > 0.0).then(|| f64::from(counts.both) / math::sqrt(product))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_cosine() {
        let counts = |left, right, both| PairCounts {
            left,
            right,
            both,
            baskets: 100,
        };
        assert_eq!(similarity(counts(4, 9, 3)), Some(0.5));
        assert_eq!(similarity(counts(7, 7, 7)), Some(1.0));
        assert_eq!(similarity(counts(0, 7, 0)), None);
    }
}
