//! Balanced inverse propensity weights: weights from a classifier that tells
//! the target's choices from the logged ones, self-normalised.
//!
//! Sondhi, Arbour, Dimmery (2020), "Balanced off-policy evaluation in general
//! action spaces", <https://arxiv.org/abs/1906.03694>.
//!
//! The weights ŵ come with the log. The estimate is as good as the classifier
//! that made them; the logged propensities are not used.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;
use super::snips::ratio;

/// mean(ŵ·r) / mean(ŵ).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BalancedIpw;

impl Formula for BalancedIpw {
    fn terms(&self) -> usize {
        2
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let [weighted, weights, _] = terms;
        let rows = rounds.balanced_weight()?.iter().zip(rounds.reward);
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
