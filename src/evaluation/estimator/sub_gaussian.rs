//! Sub-Gaussian weights, alone and doubly robust.
//!
//! Metelli, Russo, Restelli (2021), "Subgaussian and differentiable importance
//! sampling for off-policy evaluation and learning",
//! <https://proceedings.neurips.cc/paper/2021/hash/4476b929e30dd0c4e8bdbcc82c6ba23a-Abstract.html>:
//! their power mean of order s = −1; λ is `mixing`. The weight becomes
//! ŵ = w / (1 − λ + λ·w), at most 1/λ; λ = 0 leaves it.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;
use super::doubly_robust::fill_corrected;

/// mean(ŵ·r).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubGaussian {
    /// λ in [0, 1].
    pub mixing: f64,
}

/// mean(q(π) + ŵ·(r − q(a))).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubGaussianDoublyRobust {
    /// λ in [0, 1].
    pub mixing: f64,
}

/// ŵ. With λ = 1 every weight above 0 becomes 1, and 0 stays 0.
fn mixed(mixing: f64, weight: f64) -> f64 {
    if weight > 0.0 {
        weight / (1.0 - mixing + mixing * weight)
    } else {
        0.0
    }
}

impl Formula for SubGaussian {
    fn terms(&self) -> usize {
        1
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let rows = rounds.weight.iter().zip(rounds.reward);
        for (term, (weight, reward)) in terms[0].iter_mut().zip(rows) {
            *term = mixed(self.mixing, *weight) * reward;
        }
        Ok(())
    }
}

impl Formula for SubGaussianDoublyRobust {
    fn terms(&self) -> usize {
        1
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        fill_corrected(rounds, terms, |weight| mixed(self.mixing, weight))
    }
}
