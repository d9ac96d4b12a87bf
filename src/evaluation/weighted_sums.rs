//! Sums over weights and rewards, each kept once for all who read them: the
//! diagnostics, the intervals over (w, r) and the Cressie-Read estimator.

use super::columns::{CHUNK, largest, largest_of, sums};
use super::logged::RoundsView;
use crate::domain::compensated_sum::CompensatedSum;

/// n, sums and extremes of w and r; streams and merges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedSums {
    count: u64,
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
    /// Σr.
    pub(super) reward: CompensatedSum,
    largest_weight: f64,
    lowest_reward: f64,
    highest_reward: f64,
}

impl Default for WeightedSums {
    fn default() -> Self {
        Self {
            count: 0,
            weight: CompensatedSum::default(),
            weight_square: CompensatedSum::default(),
            weighted: CompensatedSum::default(),
            square_weighted: CompensatedSum::default(),
            weighted_square: CompensatedSum::default(),
            reward: CompensatedSum::default(),
            largest_weight: 0.0,
            lowest_reward: f64::INFINITY,
            highest_reward: f64::NEG_INFINITY,
        }
    }
}

impl WeightedSums {
    /// Adds rounds.
    pub fn add(&mut self, rounds: RoundsView<'_>) {
        self.count += rounds.reward.len() as u64;
        let columns = rounds.weight.chunks(CHUNK).zip(rounds.reward.chunks(CHUNK));
        for (weight, reward) in columns {
            let [weights, squares, rewards] = sums(weight, reward, |w, r| [w, w * w, r]);
            let [weighted, square_weighted, weighted_squares] = sums(weight, reward, |w, r| {
                let weighted = w * r;
                [weighted, w * weighted, weighted * weighted]
            });
            self.weight.add(weights);
            self.weight_square.add(squares);
            self.weighted.add(weighted);
            self.square_weighted.add(square_weighted);
            self.weighted_square.add(weighted_squares);
            self.reward.add(rewards);
            self.largest_weight = largest(self.largest_weight, weight);
            self.highest_reward = largest(self.highest_reward, reward);
            self.lowest_reward = -largest_of(-self.lowest_reward, reward, |value| -value);
        }
    }

    /// Adds one round.
    pub fn push(&mut self, weight: f64, reward: f64) {
        let weighted = weight * reward;
        self.count += 1;
        self.weight.add(weight);
        self.weight_square.add(weight * weight);
        self.weighted.add(weighted);
        self.square_weighted.add(weight * weighted);
        self.weighted_square.add(weighted * weighted);
        self.reward.add(reward);
        self.largest_weight = self.largest_weight.max(weight);
        self.lowest_reward = self.lowest_reward.min(reward);
        self.highest_reward = self.highest_reward.max(reward);
    }

    /// Adds what another pass saw.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.weight.merge(&other.weight);
        self.weight_square.merge(&other.weight_square);
        self.weighted.merge(&other.weighted);
        self.square_weighted.merge(&other.square_weighted);
        self.weighted_square.merge(&other.weighted_square);
        self.reward.merge(&other.reward);
        self.largest_weight = self.largest_weight.max(other.largest_weight);
        self.lowest_reward = self.lowest_reward.min(other.lowest_reward);
        self.highest_reward = self.highest_reward.max(other.highest_reward);
    }

    /// The same of weights that are each `factor` times as large.
    pub(super) fn with_weights_times(&self, factor: f64) -> Self {
        let times = |sum: &CompensatedSum, factor: f64| {
            let mut product = CompensatedSum::default();
            product.add(sum.get() * factor);
            product
        };
        let square = factor * factor;
        Self {
            weight: times(&self.weight, factor),
            weight_square: times(&self.weight_square, square),
            weighted: times(&self.weighted, factor),
            square_weighted: times(&self.square_weighted, square),
            weighted_square: times(&self.weighted_square, square),
            largest_weight: self.largest_weight * factor,
            ..*self
        }
    }

    /// How many rounds there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// n, when there is any.
    #[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
    pub(super) fn rounds(&self) -> Option<f64> {
        (self.count > 0).then_some(self.count as f64)
    }

    /// The largest weight; 0 of nothing.
    #[must_use]
    pub const fn largest_weight(&self) -> f64 {
        self.largest_weight
    }

    /// The one reward that there is, when they are all the same.
    #[must_use]
    #[allow(clippy::float_cmp)] // two of the rewards, not computed ones
    pub fn only_reward(&self) -> Option<f64> {
        (self.lowest_reward == self.highest_reward).then_some(self.lowest_reward)
    }
}
