//! The sums that the intervals over (w, r) share.

use super::super::logged::Rounds;
use crate::domain::compensated_sum::CompensatedSum;

/// n and sums over w and r; streams and merges.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WeightedSums {
    rounds: u64,
    /// Σw.
    pub(super) weight: CompensatedSum,
    /// Σw².
    pub(super) weight_square: CompensatedSum,
    /// Σwr.
    pub(super) weighted: CompensatedSum,
    /// Σw²r.
    pub(super) square_weighted: CompensatedSum,
    /// Σ(wr)².
    pub(super) weighted_square: CompensatedSum,
    largest_weight: f64,
}

impl WeightedSums {
    /// Adds a batch.
    pub fn add(&mut self, rounds: &Rounds) {
        self.rounds += rounds.len() as u64;
        for (weight, reward) in rounds.weight().iter().zip(rounds.reward()) {
            let weighted = weight * reward;
            self.weight.add(*weight);
            self.weight_square.add(weight * weight);
            self.weighted.add(weighted);
            self.square_weighted.add(weight * weighted);
            self.weighted_square.add(weighted * weighted);
            self.largest_weight = self.largest_weight.max(*weight);
        }
    }

    /// Adds what another pass saw.
    pub fn merge(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.weight.merge(&other.weight);
        self.weight_square.merge(&other.weight_square);
        self.weighted.merge(&other.weighted);
        self.square_weighted.merge(&other.square_weighted);
        self.weighted_square.merge(&other.weighted_square);
        self.largest_weight = self.largest_weight.max(other.largest_weight);
    }

    /// n, when there is any.
    #[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
    pub(super) fn rounds(&self) -> Option<f64> {
        (self.rounds > 0).then_some(self.rounds as f64)
    }

    /// The largest weight; 0 of nothing.
    #[must_use]
    pub const fn largest_weight(&self) -> f64 {
        self.largest_weight
    }
}
