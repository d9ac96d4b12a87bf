//! Self-normalised doubly robust: the weighted residuals divided by the mean
//! weight instead of by 1.
//!
//! Thomas, Brunskill (2016), "Data-efficient off-policy policy evaluation for
//! reinforcement learning", <https://arxiv.org/abs/1604.00923>: their weighted
//! doubly robust estimator at horizon 1.
//!
//! Consistent under the conditions of doubly robust.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;
use super::snips::ratio;

/// mean(q(π)) + mean(w·(r − q(a))) / mean(w).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfNormalisedDoublyRobust;

impl Formula for SelfNormalisedDoublyRobust {
    fn terms(&self) -> usize {
        3
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let model = rounds.predictions()?;
        let rows = rounds.reward.len();
        let [predicted, residual, weight] = terms;
        predicted[..rows].copy_from_slice(model.target);
        weight[..rows].copy_from_slice(rounds.weight);
        let logged = rounds.reward.iter().zip(model.logged);
        for (residual, (weight, (reward, logged))) in
            residual.iter_mut().zip(rounds.weight.iter().zip(logged))
        {
            *residual = weight * (reward - logged);
        }
        Ok(())
    }

    fn value(&self, means: &[f64]) -> Option<f64> {
        Some(means[0] + ratio(means[1], means[2])?)
    }

    fn gradient(&self, means: &[f64]) -> [f64; 3] {
        let [residual, weight] = [means[1], means[2]];
        [1.0, 1.0 / weight, -residual / (weight * weight)]
    }

    fn round_weights(&self, means: &[f64]) -> [f64; 3] {
        [1.0, 1.0 / means[2], 0.0]
    }
}
