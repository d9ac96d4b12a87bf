//! The empirical Bernstein interval: as Hoeffding's, but as narrow as the
//! sample's variance allows.
//!
//! Maurer, Pontil (2009), "Empirical Bernstein bounds and sample variance
//! penalization", <https://arxiv.org/abs/0907.3740>, theorem 4: with w·r in an
//! interval of width b and sample variance V, the mean is within
//! √(2·V·ln(2/δ)/n) + 7·b·ln(2/δ)/(3(n − 1)) of the truth on one side; here
//! δ = α/2 for each of the two.

use super::super::estimator::Estimate;
use super::super::logged::RewardRange;
use super::hoeffding::weighted_width;
use super::{Ends, Level};
use crate::domain::math;

/// The interval for the inverse-propensity estimate, where no weight can
/// exceed `largest_weight`, declared as for [`hoeffding`](super::hoeffding()).
#[must_use]
#[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
pub fn empirical_bernstein(
    estimate: &Estimate,
    range: RewardRange,
    largest_weight: f64,
    level: Level,
) -> Option<Ends> {
    let width = weighted_width(range, largest_weight)?;
    let n = estimate.rounds as f64;
    let error = estimate.standard_error?;
    let log = math::ln(4.0 / level.miss());
    let half = error * math::sqrt(2.0 * log) + 7.0 * width * log / (3.0 * (n - 1.0));
    Ends::new(estimate.value - half, estimate.value + half)
}
