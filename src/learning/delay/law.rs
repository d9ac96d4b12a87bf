//! How long a conversion takes to become known, given that it does while its
//! decision is open: estimated from conversions that were seen, although a
//! young decision can only have shown a short delay.
//!
//! With p_k = P(delay in bin k | delay not beyond bin k), the reverse-time
//! hazard, the law is F_k = Π_{i>k} (1 − p_i): the estimator for data that are
//! truncated on the right of Lagakos, Barraj, De Gruttola (1988), "Nonparametric
//! analysis of truncated survival data, with application to AIDS",
//! <https://doi.org/10.1093/biomet/75.3.515>. Only conversions enter, so offers
//! may convert at any rates. A conversion counts toward p_k when its decision
//! was made at least k + 1 bins ago, so that a delay in bin k would have been
//! seen, and its delay does not lie beyond:
//!
//! ```text
//! p_k = (conversions with a delay in bin k + w·f_k) / (those not beyond bin k + w·F_k)
//! ```
//!
//! f and F are those of the law before the data, which weighs as w conversions:
//! uniform for a placement, the placement's for a segment. A closed decision
//! has shown whatever it will show. Valid while the law is the same for all
//! offers of a segment and does not drift within the window.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

/// Bins in the time that a decision may stay open.
pub(super) const BINS: usize = 32;

/// How many conversions the placement's law weighs as in a segment's.
pub(super) const SEGMENT_WEIGHT: f64 = 10.0;

/// Delays that were seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Delays {
    /// Of closed decisions, by bin of the delay; as long as the last one needs.
    closed: Vec<u64>,
    /// Of open ones, by bin of the time of decision and bin of the delay.
    open: OrdMap<(i64, usize), u64>,
}

/// P(delay below the end of each bin), the last one 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Law([f64; BINS]);

impl Delays {
    pub fn count_closed(&mut self, delay: usize) {
        if self.closed.len() <= delay {
            self.closed.resize(delay + 1, 0);
        }
        self.closed[delay] += 1;
    }

    pub fn count_open(&mut self, decided: i64, delay: usize, sign: i64) {
        super::add(&mut self.open, (decided, delay), sign);
    }

    /// By bin: conversions with their delay in it, and those not beyond it,
    /// among those that could have shown it by the bin `now`.
    fn seen(&self, now: i64) -> ([u64; BINS], [u64; BINS]) {
        let (mut inside, mut not_beyond) = ([0; BINS], [0; BINS]);
        let mut enter = |delay: usize, shown: usize, count: u64| {
            if delay < shown {
                inside[delay] += count;
                not_beyond[delay..shown]
                    .iter_mut()
                    .for_each(|sum| *sum += count);
            }
        };
        for (delay, count) in self.closed.iter().enumerate() {
            enter(delay, BINS, *count);
        }
        for ((decided, delay), count) in &self.open {
            // What was decided late in its bin is a bin younger.
            let whole_bins = usize::try_from(now - decided - 1).unwrap_or(0);
            enter(*delay, whole_bins.min(BINS), *count);
        }
        (inside, not_beyond)
    }
}

impl Law {
    /// Every delay as probable as the next.
    #[allow(clippy::cast_precision_loss)] // a few bins
    pub fn uniform() -> Self {
        Self(std::array::from_fn(|bin| (bin + 1) as f64 / BINS as f64))
    }

    /// The law after delays were seen, by the bin `now`, when this one weighs
    /// as `weight` conversions.
    #[allow(clippy::cast_precision_loss)] // far fewer conversions than 2^53
    pub fn after(&self, delays: &Delays, now: i64, weight: f64) -> Self {
        let (inside, not_beyond) = delays.seen(now);
        let mut law = [1.0; BINS];
        for bin in (1..BINS).rev() {
            let before = self.0[bin] - self.0[bin - 1];
            let hazard = (inside[bin] as f64 + weight * before)
                / (not_beyond[bin] as f64 + weight * self.0[bin]);
            law[bin - 1] = law[bin] * (1.0 - hazard);
        }
        Self(law)
    }

    /// The chance that a conversion is known at an age in bins, even within a
    /// bin.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within the bins
    pub fn part(&self, age: f64) -> f64 {
        let whole = age.floor();
        if !(whole < BINS as f64) {
            return 1.0;
        }
        let bin = whole as usize;
        let from = if bin == 0 { 0.0 } else { self.0[bin - 1] };
        from + (age - whole) * (self.0[bin] - from)
    }
}
