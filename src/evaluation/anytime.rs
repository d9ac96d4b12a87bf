//! The default: a doubly robust estimate and an interval that hold at every
//! round at once, also where the logging policy learnt as it went.
//!
//! Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro (2022), "Anytime-valid
//! off-policy inference for contextual bandits",
//! <https://arxiv.org/abs/2210.10768>. Their doubly robust score of a round,
//! with rewards scaled to \[0, 1\],
//!
//! φₜ = wₜ·(rₜ − q̃ₜ(aₜ)) + Σₐ π(a)·q̃ₜ(a),   q̃ₜ(a) = min(qₜ(a), kₜ/wₜ(a)),
//!
//! has the target's mean reward as its mean, given all rounds before, and is at
//! least −kₜ. The model qₜ is [`RunningMeans`]: it knows rounds before t only.
//! [`MixtureBound`] makes a lower bound of it at α/2; the same with rewards
//! 1 − r makes the upper one. No largest weight is needed for either, because
//! large values of φ make a lower bound no less valid.
//!
//! What a log knows decides what comes of it:
//!
//! | the log knows | kₜ | interval |
//! | --- | --- | --- |
//! | each round's whole logging distribution | the largest w(a)·q(a) of any action in the rounds before, at least 1 and at most [`SHARE`] of √Σ(φ − c)² or [`LEAST_CAP`] | both ends |
//! | the chosen action's propensity, and the largest weight is declared | that weight times the largest prediction | both ends |
//! | the chosen action's propensity | 0: the score is w·r, without a model | the lower end at α; the upper one is the range's |
//!
//! The bound on kₜ keeps one round of an enormous weight from widening every
//! interval after it: predictions are cut instead, which costs variance and no
//! validity. Where an action that the target chooses could not be logged, the
//! scores leave its reward out on either side, so that both ends still hold.
//!
//! The interval is of the mean, over the rounds, of what the target would have
//! earned given what went before each; so rounds of the same shopper do it no
//! harm. Needs the log in its order and does not merge. Costs the number of
//! actions a round.

use super::estimator::Estimate;
use super::in_order::{Round, in_order};
use super::interval::{Ends, Level, MixtureBound};
use super::logged::{RewardRange, Rounds};
use super::reward_model::RunningMeans;
use super::target::TargetTable;

/// The largest kₜ, as a share of √Σ(φ − c)²: the bound is then a sixth wider at
/// most than it would be for values without a lower limit.
pub const SHARE: f64 = 0.2;
/// What that share is not less than.
pub const LEAST_CAP: f64 = 8.0;

/// One side: of rewards r, or of 1 − r.
#[derive(Debug, Clone, PartialEq)]
struct Side {
    bound: MixtureBound,
    /// The largest w(a)·q(a) so far.
    largest: f64,
}

impl Side {
    fn new(miss: f64) -> Self {
        Self {
            bound: MixtureBound::new(miss),
            largest: 0.0,
        }
    }

    /// kₜ of the next round.
    fn limit(&self) -> f64 {
        let cap = (SHARE * self.bound.spread()).max(LEAST_CAP);
        self.largest.min(cap).max(1.0)
    }
}

/// The estimate and its interval, at the rounds seen so far.
#[derive(Debug, Clone, PartialEq)]
pub struct AnytimeDr {
    range: RewardRange,
    /// The largest weight that can be, where it is declared.
    declared: Option<f64>,
    model: RunningMeans,
    below: Side,
    above: Side,
    /// Of w·r alone, at the whole α.
    plain: MixtureBound,
    rounds: u64,
    /// Whether some round knew only its own propensity, and none was declared.
    one_sided: bool,
    /// Whether a weight exceeded the declared largest one.
    broken: bool,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnytimeEstimate {
    /// The mean score, its rounds weighted as in the interval.
    pub value: f64,
    /// The interval.
    pub ends: Ends,
    /// Whether only the lower end says more than the declared range.
    pub one_sided: bool,
    /// How many rounds it rests on.
    pub rounds: u64,
}

impl From<AnytimeEstimate> for Estimate {
    fn from(anytime: AnytimeEstimate) -> Self {
        Self {
            value: anytime.value,
            standard_error: None,
            round_deviation: None,
            bias_bound: None,
            rounds: anytime.rounds,
        }
    }
}

impl AnytimeDr {
    /// Nothing seen yet. `declared` is the largest weight that can be, known
    /// from the logging policy and not from the log.
    #[must_use]
    pub fn new(range: RewardRange, declared: Option<f64>, level: Level) -> Self {
        Self {
            range,
            declared: declared.filter(|weight| *weight > 0.0 && weight.is_finite()),
            model: RunningMeans::new(),
            below: Side::new(0.5 * level.miss()),
            above: Side::new(0.5 * level.miss()),
            plain: MixtureBound::new(level.miss()),
            rounds: 0,
            one_sided: false,
            broken: false,
        }
    }

    /// Adds a batch in the order of the log; `table` is what it was weighed for,
    /// when it is not of logged choices.
    pub fn add(&mut self, rounds: &Rounds, table: Option<&TargetTable>) {
        in_order(rounds, table, |round| self.push(round));
    }

    /// Adds the round that comes next.
    ///
    /// # Panics
    /// When the round's columns are not equally long or the chosen action is
    /// not among them.
    pub fn push(&mut self, round: &Round<'_>) {
        let width = self.range.high() - self.range.low();
        let reward = (round.reward - self.range.low()) / width;
        let weight = round.weight;
        self.rounds += 1;
        match (round.logging, self.declared) {
            (Some(logging), _) => self.push_known(round, logging, reward),
            (None, Some(largest)) => {
                // A weight of exactly the declared size may round to a hair above.
                self.broken |= weight > largest * (1.0 + 1e-12);
                self.push_declared(round, weight, largest, reward);
            }
            (None, None) => {
                self.one_sided = true;
                self.plain.push(weight * reward, 0.0);
            }
        }
        self.model.learn(round.cells.get(round.chosen), reward);
    }

    fn push_known(&mut self, round: &Round<'_>, logging: &[f64], reward: f64) {
        let limits = [self.below.limit(), self.above.limit()];
        let mut scores = [0.0; 2];
        for (place, (target, logging)) in round.target.iter().zip(logging).enumerate() {
            if !(*target > 0.0 && *logging > 0.0) {
                continue;
            }
            let weight = target / logging;
            let predicted = self.model.predict(round.cells.get(place));
            let sides = [(predicted, reward), (1.0 - predicted, 1.0 - reward)];
            let largest = [&mut self.below.largest, &mut self.above.largest];
            for (side, (predicted, reward)) in sides.into_iter().enumerate() {
                *largest[side] = largest[side].max(weight * predicted);
                let cut = predicted.min(limits[side] / weight);
                scores[side] += target * cut;
                if place == round.chosen {
                    scores[side] += weight * (reward - cut);
                }
            }
        }
        self.below.bound.push(scores[0], limits[0]);
        self.above.bound.push(scores[1], limits[1]);
    }

    fn push_declared(&mut self, round: &Round<'_>, weight: f64, largest: f64, reward: f64) {
        let (mut expected, mut total) = (0.0, 0.0);
        let (mut least, mut most) = (1.0_f64, 0.0_f64);
        for (place, target) in round.target.iter().enumerate() {
            if *target > 0.0 {
                let predicted = self.model.predict(round.cells.get(place));
                expected += target * predicted;
                total += target;
                least = least.min(predicted);
                most = most.max(predicted);
            }
        }
        let logged = self.model.predict(round.cells.get(round.chosen));
        let residual = weight * (reward - logged);
        self.below.bound.push(expected + residual, largest * most);
        let score = total - expected - residual;
        self.above.bound.push(score, largest * (1.0 - least));
    }

    /// The estimate; `None` of nothing, or where a weight exceeded the declared
    /// largest one.
    #[must_use]
    pub fn estimate(&self) -> Option<AnytimeEstimate> {
        if self.broken {
            return None;
        }
        let (value, lower, upper) = if self.one_sided {
            (self.plain.mean()?, self.plain.lower()?, 1.0)
        } else {
            let (below, above) = (&self.below.bound, &self.above.bound);
            let value = 0.5 * (below.mean()? + 1.0 - above.mean()?);
            (value, below.lower()?, 1.0 - above.lower()?)
        };
        let scale = |share: f64| {
            let share = share.clamp(0.0, 1.0);
            self.range.low() + share * (self.range.high() - self.range.low())
        };
        let ends = Ends::new(scale(lower), scale(upper))?;
        let value = self.range.low() + value * (self.range.high() - self.range.low());
        Some(AnytimeEstimate {
            value,
            ends,
            one_sided: self.one_sided,
            rounds: self.rounds,
        })
    }
}

#[cfg(test)]
mod tests;
