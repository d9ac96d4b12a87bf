//! What was learnt of each offer in all segments, as sums that one more reward
//! changes at the cost of one segment.
//!
//! A segment with S successes and F failures of an offer adds to its
//! log-likelihood at m, under a concentration κ,
//!
//! ```text
//! ln Γ(κm + S) − ln Γ(κm) + ln Γ(κ(1−m) + F) − ln Γ(κ(1−m)) − ln Γ(κ + n) + ln Γ(κ)
//! ```
//!
//! Each ln Γ is rounded to a whole number of ticks of 2⁻²⁰, so that the sums
//! are a function of the segments' counts, whatever the way that led to them.
//! Cost of a change: one or two ln Γ for each of 32 nodes and 7 points, about
//! 6 µs.

use std::sync::{Arc, OnceLock};

use super::campaign::Beliefs;
use super::curve::{Curve, NODES, Posterior, ln_likelihood_at_mean};
use super::{Moments, POINTS, Point, Pooling};
use crate::domain::ids::OfferNumber;
use crate::learning::beta::{Beta, ln_gamma};
use crate::learning::state::{ArmState, PolicyState};

/// Ticks in 1.
const TICKS: f64 = (1u64 << 20) as f64;

/// How often an offer succeeded and failed in a segment; a reward inside (0, 1)
/// is part of each.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counts {
    /// The sum of the rewards.
    pub successes: f64,
    /// The pulls less that.
    pub failures: f64,
}

impl Counts {
    /// Of an arm; none when it was never learnt.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub fn of(arm: Option<&ArmState>) -> Self {
        arm.map_or_else(Self::default, |arm| Self {
            successes: arm.reward_sum(),
            failures: arm.pulls() as f64 - arm.reward_sum(),
        })
    }
}

/// A likelihood over nodes, for every point of the grid.
type Sums = [[i64; NODES]; POINTS];

/// What is known of one offer in all segments together.
#[derive(Debug, Clone)]
struct OfferPool {
    offer: OfferNumber,
    sums: Sums,
    /// Computed when first asked for, a function of the sums.
    posteriors: OnceLock<[Posterior; POINTS]>,
}

/// What a placement's segments know together of its offers: a function of the
/// counts of a [`PolicyState`].
#[derive(Debug, Clone)]
pub struct Pool {
    pooling: Pooling,
    /// In ascending order of offer, each once.
    offers: Vec<Arc<OfferPool>>,
    /// Computed when first asked for, a function of the rest.
    beliefs: OnceLock<Arc<Beliefs>>,
}

#[allow(clippy::cast_possible_truncation)] // far below 2^63 ticks
fn ticks(z: f64) -> i64 {
    (ln_gamma(z) * TICKS).round_ties_even() as i64
}

/// What a term of `ln Γ` gains when its count goes from one to another.
fn gain(parameter: f64, before: f64, after: f64) -> i64 {
    ticks(parameter + after) - ticks(parameter + before)
}

impl OfferPool {
    const fn new(offer: OfferNumber) -> Self {
        Self {
            offer,
            sums: [[0; NODES]; POINTS],
            posteriors: OnceLock::new(),
        }
    }

    /// Puts one segment's counts in the place of what they were.
    fn replace(&mut self, points: &[Point; POINTS], before: Counts, after: Counts) {
        let trials = |counts: Counts| counts.successes + counts.failures;
        for (point, sums) in points.iter().zip(&mut self.sums) {
            let total = gain(point.own, trials(before), trials(after));
            for (node, sum) in point.at_nodes.iter().zip(sums) {
                *sum -= total;
                if after.successes != before.successes {
                    *sum += gain(node.alpha(), before.successes, after.successes);
                }
                if after.failures != before.failures {
                    *sum += gain(node.beta(), before.failures, after.failures);
                }
            }
        }
        self.posteriors = OnceLock::new();
    }

    fn posteriors(&self, pooling: &Pooling) -> &[Posterior; POINTS] {
        self.posteriors.get_or_init(|| {
            std::array::from_fn(|point| posterior(pooling, point, &self.sums[point]))
        })
    }
}

/// What follows for m_j from its sums at a point of the grid, as if the offer
/// were alone.
#[allow(clippy::cast_precision_loss)] // far below 2^53 ticks
fn posterior(pooling: &Pooling, point: usize, sums: &[i64; NODES]) -> Posterior {
    let values = sums.map(|sum| sum as f64 / TICKS);
    let mean = pooling.prior.mean();
    match pooling.points[point].common {
        Some(common) => {
            let prior = Beta::new(common * mean, common * (1.0 - mean));
            Curve::new(&values, prior, &pooling.nodes).posterior()
        }
        None => Posterior {
            moments: Moments {
                mean,
                variance: 0.0,
            },
            ln_evidence: ln_likelihood_at_mean(&values, &pooling.nodes),
        },
    }
}

impl Pool {
    /// What a state's segments know together.
    #[must_use]
    pub fn of(pooling: &Pooling, state: &PolicyState) -> Self {
        let mut pool = Self {
            pooling: pooling.clone(),
            offers: Vec::new(),
            beliefs: OnceLock::new(),
        };
        for (_, segment) in state.segments() {
            for arm in segment.arms() {
                pool.replace(arm.offer(), Counts::default(), Counts::of(Some(arm)));
            }
        }
        pool
    }

    /// Whether it was made for this pooling.
    #[must_use]
    pub fn is_for(&self, pooling: &Pooling) -> bool {
        self.pooling == *pooling
    }

    /// Puts a segment's counts of an offer in the place of what they were.
    pub fn replace(&mut self, offer: OfferNumber, before: Counts, after: Counts) {
        if before == after {
            return;
        }
        let place = self.offers.binary_search_by_key(&offer, |pool| pool.offer);
        let place = place.unwrap_or_else(|place| {
            self.offers.insert(place, Arc::new(OfferPool::new(offer)));
            place
        });
        let pool = Arc::make_mut(&mut self.offers[place]);
        pool.replace(&self.pooling.points, before, after);
        self.beliefs = OnceLock::new();
    }

    /// What is known of an offer as if it were alone, by point of the grid.
    #[cfg(test)]
    pub(super) fn posteriors_of(&self, offer: OfferNumber) -> Option<&[Posterior; POINTS]> {
        let place = self.offers.binary_search_by_key(&offer, |pool| pool.offer);
        Some(self.offers[place.ok()?].posteriors(&self.pooling))
    }

    /// What is believed now.
    #[must_use]
    pub fn beliefs(&self) -> &Arc<Beliefs> {
        self.beliefs.get_or_init(|| {
            let offers = self.offers.iter().map(|pool| {
                let posteriors = pool.posteriors(&self.pooling);
                (pool.offer, posteriors)
            });
            Arc::new(Beliefs::new(&self.pooling, offers))
        })
    }
}
