//! Hoeffding's interval: holds at every n, from nothing but a declared bound.
//!
//! Hoeffding (1963), "Probability inequalities for sums of bounded random
//! variables", <https://doi.org/10.1080/01621459.1963.10500830>: with w·r in an
//! interval of width b, the mean is within b·√(ln(2/α) / 2n) of the truth.
//!
//! The bound is declared before the log is looked at. The sample's largest
//! weight is no bound: what breaks it may be what was not drawn.

use super::super::estimator::Estimate;
use super::super::logged::RewardRange;
use super::{Ends, Level};
use crate::domain::math;

/// The interval for the inverse-propensity estimate, where no weight can
/// exceed `largest_weight`; `None` when that is not finite and above 0.
#[must_use]
#[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
pub fn hoeffding(
    estimate: &Estimate,
    range: RewardRange,
    largest_weight: f64,
    level: Level,
) -> Option<Ends> {
    let width = weighted_width(range, largest_weight)?;
    let n = estimate.rounds as f64;
    let half = width * math::sqrt(math::ln(2.0 / level.miss()) / (2.0 * n));
    Ends::new(estimate.value - half, estimate.value + half)
}

/// How wide the range of w·r is.
pub(super) fn weighted_width(range: RewardRange, largest_weight: f64) -> Option<f64> {
    if !(largest_weight > 0.0 && largest_weight.is_finite()) {
        return None;
    }
    Some(largest_weight * (range.high().max(0.0) - range.low().min(0.0)))
}
