//! Inverse propensity scores: the mean of w·r.
//!
//! Horvitz, Thompson (1952), <https://doi.org/10.1080/01621459.1952.10483446>;
//! clipped: Ionides (2008), "Truncated importance sampling",
//! <https://doi.org/10.1198/106186008X320456>, whose τ is
//! [`clip`](InversePropensity::clip).
//!
//! Unbiased when the propensities are right and every action that the target
//! can choose was possible; its variance grows with the weights. Clipped at L,
//! its bias is at most the mean of w − min(w, L) times the largest reward, which
//! is estimated beside it.

use super::super::logged::{MissingColumn, RewardRange, RoundsView};
use super::super::moments::Terms;
use super::Formula;

/// The mean of min(w, L)·r.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InversePropensity {
    /// L: what weights are cut to; `None` leaves them.
    pub clip: Option<f64>,
}

impl Formula for InversePropensity {
    fn terms(&self) -> usize {
        if self.clip.is_some() { 2 } else { 1 }
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let [weighted, excess, _] = terms;
        let rows = rounds.weight.iter().zip(rounds.reward);
        let Some(limit) = self.clip else {
            for (term, (weight, reward)) in weighted.iter_mut().zip(rows) {
                *term = weight * reward;
            }
            return Ok(());
        };
        for ((term, excess), (weight, reward)) in weighted.iter_mut().zip(excess).zip(rows) {
            let cut = weight.min(limit);
            *term = cut * reward;
            *excess = weight - cut;
        }
        Ok(())
    }

    fn bias_bound(&self, means: &[f64], range: RewardRange) -> Option<f64> {
        let largest = range.low().abs().max(range.high().abs());
        self.clip.map(|_| means[1] * largest)
    }
}
