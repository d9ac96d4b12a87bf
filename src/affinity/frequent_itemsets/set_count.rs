//! How many sets there are, when that may be more than any integer holds.

use std::fmt;

use crate::domain::digits::grouped;
use crate::domain::math;

/// A number of sets, kept as its binary logarithm where it is too large to be
/// exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SetCount {
    log2: f64,
}

impl SetCount {
    /// A number that is known.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // shown with few digits beyond 2^53
    pub fn exact(count: usize) -> Self {
        Self::approximate(count as f64)
    }

    /// A number that is estimated; at least 0.
    #[must_use]
    pub fn approximate(count: f64) -> Self {
        Self {
            log2: math::ln(count.max(0.0)) / std::f64::consts::LN_2,
        }
    }

    /// How many sets of 1 to `max_length` of `items` items there are.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // numbers of items
    pub fn subsets(items: usize, max_length: usize) -> Self {
        if max_length >= items {
            return if items < 53 {
                Self::exact((1usize << items) - 1)
            } else {
                Self { log2: items as f64 }
            };
        }
        // Each binomial coefficient from the one before, as logarithms.
        let (mut term, mut sum) = (0.0, f64::NEG_INFINITY);
        for length in 1..=max_length {
            term += math::ln((items + 1 - length) as f64 / length as f64);
            let (high, low) = if term > sum { (term, sum) } else { (sum, term) };
            sum = high + math::ln_1p(math::exp(low - high));
        }
        Self {
            log2: sum / std::f64::consts::LN_2,
        }
    }

    /// Whether it is more than `bound`.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a bound in memory
    pub fn exceeds(self, bound: usize) -> bool {
        // The logarithm of an exact number may be off in its last bits.
        self.log2 > Self::exact(bound).log2 + 1e-9 / (bound as f64 + 1.0)
    }

    /// The larger of two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if self.log2 < other.log2 { other } else { self }
    }
}

impl fmt::Display for SetCount {
    /// Exact up to a thousand million, then as `4.3e9`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 10^9
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LOG10_OF_2: f64 = std::f64::consts::LOG10_2;
        let log10 = self.log2 * LOG10_OF_2;
        if log10 < 9.0 {
            let whole = math::exp2(self.log2).round() as u64;
            return f.write_str(&grouped(&whole.to_string()));
        }
        if log10 == f64::INFINITY {
            return f.write_str("more than 1e308");
        }
        let exponent = log10.floor();
        let leading = math::pow(10.0, log10 - exponent);
        write!(f, "{leading:.1}e{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_exact_and_large_ones_rounded() {
        assert_eq!(SetCount::exact(0).to_string(), "0");
        assert_eq!(SetCount::exact(13_492).to_string(), "13,492");
        assert_eq!(SetCount::exact(2_000_000).to_string(), "2,000,000");
        assert_eq!(SetCount::subsets(32, usize::MAX).to_string(), "4.3e9");
        assert_eq!(SetCount::subsets(169, usize::MAX).to_string(), "7.5e50");
        assert_eq!(SetCount::subsets(10_000, 10_000).to_string(), "2.0e3010");
    }

    #[test]
    fn subsets_of_bounded_length_are_sums_of_binomial_coefficients() {
        assert_eq!(SetCount::subsets(4, 2).to_string(), "10");
        assert_eq!(SetCount::subsets(169, 2).to_string(), "14,365");
        assert_eq!(SetCount::subsets(0, 3).to_string(), "0");
        assert_eq!(SetCount::subsets(5, 5).to_string(), "31");
    }

    #[test]
    fn a_bound_is_exceeded_by_one_more() {
        for bound in [0, 1, 2, 15, 1_000, 2_000_000] {
            assert!(!SetCount::exact(bound).exceeds(bound));
            assert!(SetCount::exact(bound + 1).exceeds(bound), "{bound}");
        }
        assert!(!SetCount::subsets(4, 9).exceeds(15));
        assert!(SetCount::subsets(4, 9).exceeds(14));
    }
}
