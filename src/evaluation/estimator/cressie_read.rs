//! The empirical Cressie-Read estimator: empirical likelihood with the
//! divergence of power −2, which has a closed form.
//!
//! Karampatziakis, Langford, Mineiro (2019), "Empirical likelihood for
//! contextual bandits", <https://arxiv.org/abs/1906.03323>. The estimate is
//! Σ (−γ − β·wᵢ)·wᵢ·rᵢ / (n + 1), where their dual variables β and γ make the
//! masses sum to 1 and the weights' mean 1 once an unseen weight is added: 0
//! when the sampled weights are too large, unbounded when they are too small.
//! What mass is left over gets the sample's mean reward.

use super::super::logged::RoundsView;
use crate::domain::compensated_sum::CompensatedSum;

/// The estimator: six sums, streaming and mergeable.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CressieRead {
    rounds: u64,
    weight: CompensatedSum,
    weight_square: CompensatedSum,
    weighted: CompensatedSum,
    square_weighted: CompensatedSum,
    reward: CompensatedSum,
}

impl CressieRead {
    /// Adds rounds.
    pub fn add(&mut self, rounds: RoundsView<'_>) {
        self.rounds += rounds.reward.len() as u64;
        for (weight, reward) in rounds.weight.iter().zip(rounds.reward) {
            self.weight.add(*weight);
            self.weight_square.add(weight * weight);
            self.weighted.add(weight * reward);
            self.square_weighted.add(weight * weight * reward);
            self.reward.add(*reward);
        }
    }

    /// Adds what another pass saw.
    pub fn merge(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.weight.merge(&other.weight);
        self.weight_square.merge(&other.weight_square);
        self.weighted.merge(&other.weighted);
        self.square_weighted.merge(&other.square_weighted);
        self.reward.merge(&other.reward);
    }

    /// The estimate; `None` of nothing.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
    pub fn estimate(&self) -> Option<f64> {
        if self.rounds == 0 {
            return None;
        }
        let n = self.rounds as f64;
        let (weight, weight_square) = (self.weight.get(), self.weight_square.get());
        let (gamma, beta) = if weight < n {
            // The unseen weight is unbounded and takes no mass.
            (-(1.0 + n) / n, 0.0)
        } else {
            let mean = weight / (1.0 + n);
            let mean_square = weight_square / (1.0 + n);
            let variance = mean_square - mean * mean;
            if !(variance > 0.0) {
                return None;
            }
            ((mean - mean_square) / variance, (mean - 1.0) / variance)
        };
        let value = -(gamma * self.weighted.get() + beta * self.square_weighted.get()) / (1.0 + n);
        let carried = -(gamma * weight + beta * weight_square) / (1.0 + n);
        let mean_reward = self.reward.get() / n;
        Some(value + (1.0 - carried).max(0.0) * mean_reward)
    }
}
