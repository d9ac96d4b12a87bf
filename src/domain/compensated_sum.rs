//! A sum that keeps what rounding drops.
//!
//! Neumaier (1974), "Rundungsfehleranalyse einiger Verfahren zur Summation
//! endlicher Summen", <https://doi.org/10.1002/zamm.19740540106>.

use serde::{Deserialize, Serialize};

use super::math;

/// A running sum s and its compensation c, so that s + c is nearly as exact as
/// if the terms had been added in twice the precision. Two sums merge; order
/// matters only to the last bit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CompensatedSum {
    sum: f64,
    compensation: f64,
}

impl CompensatedSum {
    /// Adds a term.
    #[inline]
    pub fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.compensation += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.add(other.sum);
        self.compensation += other.compensation;
    }

    /// Multiplies the sum by 2 to the power `exponent`: exact, but for what
    /// becomes too small to be told from 0.
    pub fn scale_by_power_of_two(&mut self, exponent: i64) {
        self.sum = math::times_power_of_two(self.sum, exponent);
        self.compensation = math::times_power_of_two(self.compensation, exponent);
    }

    /// The sum and its compensation as 16 bytes, least significant first.
    #[must_use]
    pub fn to_le_bytes(self) -> [u8; 16] {
        let sum = u128::from(self.sum.to_bits());
        let compensation = u128::from(self.compensation.to_bits());
        ((compensation << 64) | sum).to_le_bytes()
    }

    /// The sum.
    #[must_use]
    pub fn get(&self) -> f64 {
        self.sum + self.compensation
    }
}

impl FromIterator<f64> for CompensatedSum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plain_sum_drops_is_kept() {
        let terms = [1.0, 1e100, 1.0, -1e100];
        assert_eq!(terms.iter().sum::<f64>(), 0.0);
        assert_eq!(terms.into_iter().collect::<CompensatedSum>().get(), 2.0);
        let mut left: CompensatedSum = terms[..2].iter().copied().collect();
        left.merge(&terms[2..].iter().copied().collect());
        assert_eq!(left.get(), 2.0);
    }
}
