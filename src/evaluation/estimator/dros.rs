//! Doubly robust with optimistic shrinkage.
//!
//! Su, Dimakopoulou, Krishnamurthy, Dudík (2020), "Doubly robust off-policy
//! evaluation with shrinkage", <https://arxiv.org/abs/1907.09623>: their λ is
//! [`shrinkage`](DoublyRobustShrinkage::shrinkage). λ = 0 is the direct
//! method; as λ grows, it becomes doubly robust.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;
use super::doubly_robust::fill_corrected;

/// mean(q(π) + λ·w/(w² + λ)·(r − q(a))).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoublyRobustShrinkage {
    /// λ, at least 0.
    pub shrinkage: f64,
}

impl Formula for DoublyRobustShrinkage {
    fn terms(&self) -> usize {
        1
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let shrinkage = self.shrinkage;
        if shrinkage == 0.0 {
            // 0/0 at w = 0, and no correction anywhere else.
            return fill_corrected(rounds, terms, |_| 0.0);
        }
        fill_corrected(rounds, terms, |weight| {
            shrinkage * weight / (weight * weight + shrinkage)
        })
    }
}
