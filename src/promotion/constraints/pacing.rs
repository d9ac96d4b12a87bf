//! Pacing: how a campaign's budget is spread over its time.
//!
//! A plan says what is to be spent by each instant: F(t) · B, with F the share
//! of the campaign's weight that lies before t and B the budget. The weight is a
//! product of the hour's, the weekday's and, front-loaded, of one that falls in
//! a straight line.
//!
//! Spending follows by a proportional controller. With S what is spent or
//! expected to be, the campaign's offers keep the share
//!
//! θ = ½ + (F(t) · B − S) / w, within [floor, 1],
//!
//! of the probability that their policy gives them, and the rest goes to the
//! offers that cost no paced budget, in proportion (see [`throttle`]). So the
//! probabilities change smoothly, stay exact and stay above zero. The width w is
//! a share of what is planned for the day around t, and at least two uses: the
//! lag of the spending behind its plan is then at most w/2 as long as the
//! demand suffices. (A budget's shadow price, learnt as in Balseiro and Gur
//! 2019, <https://doi.org/10.1287/mnsc.2018.3174>, adapts more slowly than a
//! day's plan asks for.)
//!
//! What is reserved counts with the share of reserved money that came to be
//! spent so far: S = committed + κ · reserved.
//!
//! Validity: demand that allows the plan. Where every offer is paced there is
//! nothing to shift to; what then holds is the budget as a limit.
//! Cost: a binary search over the campaign's hours.

use smallvec::SmallVec;

use super::book::{Experience, Usage};
use crate::domain::distribution::ActionDistribution;
use crate::domain::ids::LimitNumber;
use crate::domain::time::{Instant, Span};

/// The controller's width as a share of a day's plan.
const WIDTH: f64 = 0.01;
/// Half of the day around an instant.
const HALF_DAY: Span = Span::from_seconds(43_200);
/// The experience that is imagined before there is any, as a share of the
/// budget: that everything reserved is spent.
const IMAGINED: f64 = 0.001;

/// How a budget is to be spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The budget's limit.
    pub limit: LimitNumber,
    budget_minor: i64,
    /// The instants at which the weight changes, and the share of the budget to
    /// be spent before each; from 0 at the start to 1 at the end.
    spent_before: Vec<(Instant, f64)>,
    floor: f64,
}

impl Plan {
    /// A plan over steps, each an instant with the weight from there on to the
    /// next; the last one is the end and its weight counts nothing. `None`
    /// unless there are two steps, ascending, with weights of 0 or more that
    /// are not all 0.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // milliseconds of 400 days
    pub fn new(
        limit: LimitNumber,
        budget_minor: i64,
        steps: &[(Instant, f64)],
        floor: f64,
    ) -> Option<Self> {
        let mut sum = 0.0;
        let mut spent_before = Vec::with_capacity(steps.len());
        for pair in steps.windows(2) {
            let ((from, weight), (to, _)) = (pair[0], pair[1]);
            if to <= from || !(weight >= 0.0 && weight.is_finite()) {
                return None;
            }
            spent_before.push((from, sum));
            sum += weight * to.since(from).ms() as f64;
        }
        spent_before.push((steps.last()?.0, sum));
        if !(sum > 0.0 && sum.is_finite()) {
            return None;
        }
        for (_, share) in &mut spent_before {
            *share /= sum;
        }
        Some(Self {
            limit,
            budget_minor,
            spent_before,
            floor,
        })
    }

    /// The share of the budget that is to be spent before an instant.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn share_before(&self, at: Instant) -> f64 {
        let next = self.spent_before.partition_point(|(from, _)| *from <= at);
        let Some(((from, before), (to, after))) = next
            .checked_sub(1)
            .and_then(|place| self.spent_before.get(place))
            .zip(self.spent_before.get(next))
        else {
            return if next == 0 { 0.0 } else { 1.0 };
        };
        let into = at.since(*from).ms() as f64 / to.since(*from).ms() as f64;
        before + (after - before) * into
    }

    /// What is to be spent before an instant, in minor units.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // amounts are below 2^53
    pub fn planned_minor(&self, at: Instant) -> f64 {
        self.share_before(at) * self.budget_minor as f64
    }

    /// The share of its probability that an offer of the campaign keeps, in
    /// [floor, 1].
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // amounts are below 2^53
    pub fn factor(&self, at: Instant, usage: Usage, experience: Experience) -> f64 {
        let budget = self.budget_minor as f64;
        let imagined = IMAGINED * budget;
        let spent_share = (experience.spent_minor as f64 + imagined)
            / (experience.reserved_minor as f64 + imagined);
        let spent = usage.committed as f64 + spent_share.min(1.0) * usage.reserved as f64;
        let day = self.planned_minor(at.plus(HALF_DAY)) - self.planned_minor(at.minus(HALF_DAY));
        let one_use = if experience.uses > 0 {
            experience.spent_minor as f64 / experience.uses as f64
        } else {
            0.0
        };
        let width = (WIDTH * day).max(2.0 * one_use).max(1.0);
        let factor = 0.5 + (self.planned_minor(at) - spent) / width;
        factor.clamp(self.floor, 1.0)
    }
}

/// The distribution in which each offer keeps its factor of its probability,
/// and what is taken goes to the offers with no factor, in proportion to their
/// own, or evenly where they have none. Where every offer has a factor the
/// probabilities are kept in the proportion of their shares.
#[must_use]
#[allow(clippy::cast_precision_loss)] // far fewer offers than 2^53
pub fn throttle(distribution: ActionDistribution, factors: &[Option<f64>]) -> ActionDistribution {
    if factors
        .iter()
        .all(|factor| factor.is_none_or(|it| it >= 1.0))
    {
        return distribution;
    }
    let probabilities = distribution.probabilities();
    let mut weights: SmallVec<[f64; 16]> = SmallVec::with_capacity(probabilities.len());
    let (mut kept, mut free, mut free_count) = (0.0, 0.0, 0_usize);
    for (probability, factor) in probabilities.iter().zip(factors) {
        match factor {
            Some(factor) => {
                weights.push(factor * probability);
                kept += factor * probability;
            }
            None => {
                weights.push(*probability);
                free += probability;
                free_count += 1;
            }
        }
    }
    let rest = (1.0 - kept).max(0.0);
    for (weight, factor) in weights.iter_mut().zip(factors) {
        if factor.is_none() {
            *weight = if free > 0.0 {
                *weight / free * rest
            } else {
                rest / free_count as f64
            };
        }
    }
    // Nothing is left of no weight at all only where a factor is 0, which none
    // is; the policy's own distribution is then as good as any.
    ActionDistribution::from_weights(weights).unwrap_or(distribution)
}
