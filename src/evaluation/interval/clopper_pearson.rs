//! Clopper-Pearson, stretched to weighted rewards.
//!
//! Clopper, Pearson (1934), "The use of confidence or fiducial limits
//! illustrated in the case of the binomial",
//! <https://doi.org/10.1093/biomet/26.4.404>. As in Vowpal Wabbit's estimators:
//! with W the largest sampled weight, Σwr/W counts as successes in n/W trials,
//! rewards scaled to \[0, 1\]. Exact for unweighted 0/1 rewards; with weights a
//! rule of thumb, since W is the sample's.

use super::super::logged::RewardRange;
use super::super::weighted_sums::WeightedSums;
use super::{Ends, Level};
use crate::learning::beta::Beta;

/// The interval for the inverse-propensity estimate; `None` of nothing, where
/// every weight is 0, and where there are more successes than trials allow.
#[must_use]
pub fn clopper_pearson(sums: &WeightedSums, range: RewardRange, level: Level) -> Option<Ends> {
    let largest = sums.largest_weight();
    if !(largest > 0.0) {
        return None;
    }
    let width = range.high() - range.low();
    let scaled = (sums.weighted.get() - range.low() * sums.weight.get()) / width;
    let (successes, trials) = (scaled / largest, sums.rounds()? / largest);
    let tail = 0.5 * level.miss();
    let lower = if successes > 0.0 {
        let failures = trials - successes + 1.0;
        if !(failures > 0.0) {
            return None;
        }
        Beta::new(successes, failures).quantile(tail)
    } else {
        0.0
    };
    let upper = if successes < trials {
        Beta::new(successes.max(0.0) + 1.0, trials - successes).quantile(1.0 - tail)
    } else {
        1.0
    };
    Ends::new(range.low() + lower * width, range.low() + upper * width)
}
