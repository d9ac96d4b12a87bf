//! Replay: the mean reward of the rounds in which the target would have chosen
//! what was logged.
//!
//! Li, Chu, Langford, Wang (2011), "Unbiased offline evaluation of
//! contextual-bandit-based news article recommendation algorithms",
//! <https://arxiv.org/abs/1003.5956>, for a log whose actions were chosen
//! uniformly. A target that draws is matched by its probability of the logged
//! action instead of by a draw of it: mean(π(a)·r) / mean(π(a)), which has the
//! same mean and less variance, and is their estimate where π is 0 or 1.
//!
//! Of a log whose propensities are not all the same there is no replay.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;
use super::snips::ratio;

/// mean(π(a)·r) / mean(π(a)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replay;

impl Formula for Replay {
    fn terms(&self) -> usize {
        2
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let [matched, chosen, _] = terms;
        let rows = rounds
            .weight
            .iter()
            .zip(rounds.propensity)
            .zip(rounds.reward);
        for ((matched, chosen), ((weight, propensity), reward)) in
            matched.iter_mut().zip(chosen).zip(rows)
        {
            *chosen = weight * propensity;
            *matched = *chosen * reward;
        }
        Ok(())
    }

    fn value(&self, means: &[f64]) -> Option<f64> {
        ratio(means[0], means[1])
    }

    fn gradient(&self, means: &[f64]) -> [f64; 3] {
        let [matched, chosen] = [means[0], means[1]];
        [1.0 / chosen, -matched / (chosen * chosen), 0.0]
    }

    fn round_weights(&self, means: &[f64]) -> [f64; 3] {
        [1.0 / means[1], 0.0, 0.0]
    }
}
