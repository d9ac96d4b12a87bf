//! The sums that the intervals over (w, r) share.

use super::super::columns::{CHUNK, largest, sums};
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
        let columns = rounds
            .weight()
            .chunks(CHUNK)
            .zip(rounds.reward().chunks(CHUNK));
        for (weight, reward) in columns {
            let [
                weights,
                squares,
                weighted,
                square_weighted,
                weighted_squares,
            ] = sums(weight, reward, |w, r| {
                [w, w * w, w * r, w * (w * r), (w * r) * (w * r)]
            });
            self.weight.add(weights);
            self.weight_square.add(squares);
            self.weighted.add(weighted);
            self.square_weighted.add(square_weighted);
            self.weighted_square.add(weighted_squares);
            self.largest_weight = largest(self.largest_weight, weight);
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
