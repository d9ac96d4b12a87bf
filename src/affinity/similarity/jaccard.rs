//! Jaccard similarity of two items' baskets: n(AB) / (n(A) + n(B) − n(AB)).
//!
//! Jaccard (1912), "The distribution of the flora in the alpine zone",
//! <https://doi.org/10.1111/j.1469-8137.1912.tb05611.x>. From 0 to 1; not
//! defined when neither item has a basket.

use super::PairCounts;

/// The similarity of two items.
#[must_use]
pub fn similarity(counts: PairCounts) -> Option<f64> {
    let both = f64::from(counts.both);
    let either = f64::from(counts.left) + f64::from(counts.right) - both;
    (either > 0.0).then(|| both / either)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_share_of_either_that_is_both() {
        let counts = |left, right, both| PairCounts {
            left,
            right,
            both,
            baskets: 100,
        };
        assert_eq!(similarity(counts(4, 9, 3)), Some(0.3));
        assert_eq!(similarity(counts(7, 7, 7)), Some(1.0));
        assert_eq!(similarity(counts(0, 0, 0)), None);
    }
}
