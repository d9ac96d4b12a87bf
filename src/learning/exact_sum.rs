//! A sum of rewards that does not depend on their order and from which each
//! can be taken back exactly.

use serde::{Deserialize, Serialize};

/// The largest reward, either side of zero: 2⁵². In minor units of money that
/// is 45 × 10¹² of the major one.
pub const LARGEST_REWARD: f64 = (1u64 << 52) as f64;

/// Ticks in 1.
const TICKS: f64 = (1u64 << 40) as f64;

/// A sum in whole multiples of 2⁻⁴⁰ (about 10⁻¹²). A term that is such a
/// multiple, as every whole number is, enters exactly; another is rounded to
/// the nearest one. Addition is that of whole numbers, so it is associative,
/// commutative and reversible; 2³⁵ terms of the largest size fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "(i64, u64)", into = "(i64, u64)")]
pub struct ExactSum(i128);

impl ExactSum {
    /// No term yet.
    pub const ZERO: Self = Self(0);

    /// `term` in ticks. Terms lie within [`LARGEST_REWARD`]: the reward's
    /// domain was checked before.
    #[allow(clippy::cast_possible_truncation)] // |term · 2⁴⁰| ≤ 2⁹²
    fn ticks(term: f64) -> i128 {
        assert!(
            term.abs() <= LARGEST_REWARD,
            "a reward is checked before it is summed"
        );
        (term * TICKS).round_ties_even() as i128
    }

    /// A sum as it was read, rounded to a whole number of ticks. It may be as
    /// large as a sum can be, unlike a term.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // saturates
    pub fn of(sum: f64) -> Self {
        Self((sum * TICKS).round_ties_even() as i128)
    }

    /// Adds another sum.
    pub const fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    /// Adds a term within ±[`LARGEST_REWARD`].
    pub fn add(&mut self, term: f64) {
        self.0 += Self::ticks(term);
    }

    /// Adds all terms of another sum.
    pub const fn add_all(&mut self, other: Self) {
        self.0 += other.0;
    }

    /// Takes back a term that was added.
    pub fn remove(&mut self, term: f64) {
        self.0 -= Self::ticks(term);
    }

    /// The sum, rounded once.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // rounds to the nearest, as said
    pub fn get(self) -> f64 {
        self.0 as f64 / TICKS
    }

    /// The sum as 16 bytes, least significant first.
    #[must_use]
    pub const fn to_le_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}

impl From<(i64, u64)> for ExactSum {
    fn from((high, low): (i64, u64)) -> Self {
        Self((i128::from(high) << 64) | i128::from(low))
    }
}

impl From<ExactSum> for (i64, u64) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the two halves
    fn from(sum: ExactSum) -> Self {
        ((sum.0 >> 64) as i64, sum.0 as u64)
    }
}

/// The largest reward, either side of zero, whose square is summed: 2⁴⁰.
pub const LARGEST_SQUARED: f64 = (1u64 << 40) as f64;

/// A sum of squares in whole multiples of 2⁻²⁰, exact and reversible as
/// [`ExactSum`] is; 2²⁷ squares of the largest size fit. Of rewards beyond
/// [`LARGEST_SQUARED`] it keeps nothing that means anything, but still takes
/// back what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "(i64, u64)", into = "(i64, u64)")]
pub struct ExactSquares(i128);

impl ExactSquares {
    const TICKS: f64 = (1u64 << 20) as f64;

    /// A sum as it was read, rounded to a whole number of ticks.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // saturates
    pub fn of(sum: f64) -> Self {
        Self((sum * Self::TICKS).round_ties_even() as i128)
    }

    /// Adds a reward's square.
    pub fn add(&mut self, reward: f64) {
        self.0 = self.0.wrapping_add(Self::of(reward * reward).0);
    }

    /// Takes back a reward's square.
    pub fn remove(&mut self, reward: f64) {
        self.0 = self.0.wrapping_sub(Self::of(reward * reward).0);
    }

    /// Adds another sum.
    pub const fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// The sum, rounded once.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // rounds to the nearest, as said
    pub fn get(self) -> f64 {
        self.0 as f64 / Self::TICKS
    }

    /// The sum as 16 bytes, least significant first.
    #[must_use]
    pub const fn to_le_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}

impl From<(i64, u64)> for ExactSquares {
    fn from(halves: (i64, u64)) -> Self {
        Self(ExactSum::from(halves).0)
    }
}

impl From<ExactSquares> for (i64, u64) {
    fn from(sum: ExactSquares) -> Self {
        ExactSum(sum.0).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_does_not_matter_and_terms_can_be_taken_back(
            mut terms in prop::collection::vec(-1e15..1e15f64, 0..40),
            extra in -1e15..1e15f64,
        ) {
            let mut forward = ExactSum::ZERO;
            terms.iter().for_each(|term| forward.add(*term));
            terms.reverse();
            let mut backward = ExactSum::ZERO;
            backward.add(extra);
            terms.iter().for_each(|term| backward.add(*term));
            backward.remove(extra);
            prop_assert_eq!(forward, backward);
            let halves: (i64, u64) = forward.into();
            prop_assert_eq!(ExactSum::from(halves), forward);
        }
    }

    #[test]
    fn whole_numbers_are_exact() {
        let mut sum = ExactSum::ZERO;
        sum.add(LARGEST_REWARD);
        sum.add(1.0);
        sum.add(-LARGEST_REWARD);
        assert_eq!(sum.get(), 1.0);
    }
}
