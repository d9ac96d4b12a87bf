//! The empirical Cressie-Read estimator: empirical likelihood with the
//! divergence of power −2, which has a closed form.
//!
//! Karampatziakis, Langford, Mineiro (2019), "Empirical likelihood for
//! contextual bandits", <https://arxiv.org/abs/1906.03323>. The estimate is
//! Σ (−γ − β·wᵢ)·wᵢ·rᵢ / (n + 1), where their dual variables β and γ make the
//! masses sum to 1 and the weights' mean 1 once an unseen weight is added: 0
//! when the sampled weights are too large, unbounded when they are too small.
//! What mass is left over gets the sample's mean reward.

use super::super::weighted_sums::WeightedSums;

/// The estimate; `None` of nothing.
#[must_use]
pub fn cressie_read(sums: &WeightedSums) -> Option<f64> {
    let n = sums.rounds()?;
    let (weight, weight_square) = (sums.weight.get(), sums.weight_square.get());
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
    let value = -(gamma * sums.weighted.get() + beta * sums.square_weighted.get()) / (1.0 + n);
    let carried = -(gamma * weight + beta * weight_square) / (1.0 + n);
    let mean_reward = sums.reward.get() / n;
    Some(value + (1.0 - carried).max(0.0) * mean_reward)
}
