//! Self-normalised inverse propensity scores: the mean of w·r over the mean
//! of w.
//!
//! Swaminathan, Joachims (2015), "The self-normalized estimator for
//! counterfactual learning", <https://proceedings.neurips.cc/paper/2015/hash/39027dfad5138c9ca0c474d71db915c3-Abstract.html>.
//!
//! Consistent, with a bias of order 1/n; never outside the rewards' range.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;

/// mean(w·r) / mean(w).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfNormalised;

impl Formula for SelfNormalised {
    fn terms(&self) -> usize {
        2
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let [weighted, weights, _] = terms;
        let rows = rounds.weight.iter().zip(rounds.reward);
        for ((weighted, copy), (weight, reward)) in weighted.iter_mut().zip(weights).zip(rows) {
            *weighted = weight * reward;
            *copy = *weight;
        }
        Ok(())
    }

    fn value(&self, means: &[f64]) -> Option<f64> {
        ratio(means[0], means[1])
    }

    fn gradient(&self, means: &[f64]) -> [f64; 3] {
        let [weighted, weight] = [means[0], means[1]];
        [1.0 / weight, -weighted / (weight * weight), 0.0]
    }

    fn round_weights(&self, means: &[f64]) -> [f64; 3] {
        [1.0 / means[1], 0.0, 0.0]
    }
}

/// A quotient, where the divisor is above 0.
pub(super) fn ratio(dividend: f64, divisor: f64) -> Option<f64> {
    (divisor > 0.0).then(|| dividend / divisor)
}
