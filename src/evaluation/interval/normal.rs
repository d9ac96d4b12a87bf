//! The estimate, give or take its standard error times a quantile of the
//! normal distribution or of Student's t.
//!
//! Student (1908), "The probable error of a mean",
//! <https://doi.org/10.1093/biomet/6.1.1>. Both rest on the central limit
//! theorem: with few effective rewards they are too narrow and too symmetric.
//! With the plain inverse-propensity estimate, the normal one is Vowpal
//! Wabbit's `gaussian` interval.

use super::super::estimator::Estimate;
use super::super::quantile::{normal_quantile, student_two_sided};
use super::{Ends, Level};

/// value ± z·SE; `None` where there is no standard error.
#[must_use]
pub fn normal(estimate: &Estimate, level: Level) -> Option<Ends> {
    let z = normal_quantile(1.0 - 0.5 * level.miss())?;
    around(estimate, z)
}

/// value ± t·SE with n − 1 degrees of freedom; `None` where there is no
/// standard error.
#[must_use]
#[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
pub fn student_t(estimate: &Estimate, level: Level) -> Option<Ends> {
    let freedom = estimate.rounds.checked_sub(1)?;
    around(estimate, student_two_sided(level.get(), freedom as f64)?)
}

fn around(estimate: &Estimate, factor: f64) -> Option<Ends> {
    let half = factor * estimate.standard_error?;
    Ends::new(estimate.value - half, estimate.value + half)
}
