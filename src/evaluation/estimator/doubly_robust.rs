//! Doubly robust: the model's prediction, corrected by weighted residuals.
//!
//! Dudík, Erhan, Langford, Li (2014), "Doubly robust policy evaluation and
//! optimization", <https://doi.org/10.1214/14-STS500>: their ϱ̂ is q, their
//! p̂ the propensity.
//!
//! Unbiased when the propensities are right, whatever the model, provided that
//! the model did not see the round (cross-fitting); a good model makes the
//! variance small. Clipped, it is biased by the model's error where weights
//! were cut.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;

/// mean(q(π) + min(w, L)·(r − q(a))).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoublyRobust {
    /// L: what weights are cut to; `None` leaves them.
    pub clip: Option<f64>,
}

impl Formula for DoublyRobust {
    fn terms(&self) -> usize {
        1
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        match self.clip {
            None => fill_corrected(rounds, terms, |weight| weight),
            Some(limit) => fill_corrected(rounds, terms, |weight| weight.min(limit)),
        }
    }
}

/// Writes q(π) + ŵ·(r − q(a)), where ŵ is what `rule` makes of w.
pub(super) fn fill_corrected(
    rounds: RoundsView<'_>,
    terms: &mut Terms,
    rule: impl Fn(f64) -> f64,
) -> Result<(), MissingColumn> {
    let model = rounds.predictions()?;
    let logged = rounds.weight.iter().zip(rounds.reward);
    let predicted = model.target.iter().zip(model.logged);
    let rows = logged.zip(predicted);
    for (term, ((weight, reward), (target, logged))) in terms[0].iter_mut().zip(rows) {
        *term = target + rule(*weight) * (reward - logged);
    }
    Ok(())
}
