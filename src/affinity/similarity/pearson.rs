//! Pearson correlation of two items' baskets:
//! (n n(AB) − n(A) n(B)) / √(n(A)(n − n(A)) n(B)(n − n(B))).
//!
//! Pearson (1895), "Note on regression and inheritance in the case of two
//! parents", <https://doi.org/10.1098/rspl.1895.0041>; for 0/1 vectors it is
//! the φ coefficient. From −1 to 1, 0 for chance; not defined for an item that
//! is in no basket or in every one, for it does not vary.

use super::PairCounts;
use crate::domain::math;

/// The similarity of two items.
#[must_use]
pub fn similarity(counts: PairCounts) -> Option<f64> {
    let PairCounts {
        left,
        right,
        both,
        baskets,
    } = counts;
    let (left, right, both) = (f64::from(left), f64::from(right), f64::from(both));
    let baskets = f64::from(baskets);
    // The root of each part, for the product of all four may not fit exactly.
    let spread = math::sqrt(left * (baskets - left)) * math::sqrt(right * (baskets - right));
    (spread > 0.0).then(|| (baskets * both - left * right) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_correlation() {
        let counts = |left, right, both| PairCounts {
            left,
            right,
            both,
            baskets: 100,
        };
        assert_eq!(similarity(counts(20, 50, 10)), Some(0.0));
        assert_eq!(similarity(counts(50, 50, 50)), Some(1.0));
        assert_eq!(similarity(counts(50, 50, 0)), Some(-1.0));
        assert_eq!(similarity(counts(20, 50, 15)), Some(0.25));
        assert_eq!(similarity(counts(100, 50, 50)), None);
        assert_eq!(similarity(counts(0, 50, 0)), None);
    }
}
