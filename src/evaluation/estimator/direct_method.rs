//! The direct method: the mean of what a reward model predicts of the target.
//!
//! Beygelzimer, Langford (2009), "The offset tree for learning with partial
//! labels", <https://doi.org/10.1145/1557019.1557040>, name it so.
//!
//! As good as the model, and no better with more rounds: its interval says
//! nothing about the model's error.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;

/// mean(q(π)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectMethod;

impl Formula for DirectMethod {
    fn terms(&self) -> usize {
        1
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let target = rounds.predictions()?.target;
        terms[0][..target.len()].copy_from_slice(target);
        Ok(())
    }
}
