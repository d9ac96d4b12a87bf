//! Switch doubly robust: the correction only where the weight is small, the
//! model alone elsewhere.
//!
//! Wang, Agarwal, Dudík (2017), "Optimal and adaptive off-policy evaluation in
//! contextual bandits", <https://arxiv.org/abs/1612.01205>: their τ is
//! [`threshold`](SwitchDoublyRobust::threshold).

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;
use super::doubly_robust::fill_corrected;

/// mean(q(π) + w·\[w ≤ τ\]·(r − q(a))).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SwitchDoublyRobust {
    /// τ: the largest weight that is used.
    pub threshold: f64,
}

impl Formula for SwitchDoublyRobust {
    fn terms(&self) -> usize {
        1
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let threshold = self.threshold;
        fill_corrected(rounds, terms, |weight| {
            if weight <= threshold { weight } else { 0.0 }
        })
    }
}
