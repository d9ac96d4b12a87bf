//! One pass over a log, slate by slate.

use thiserror::Error;

use super::{Gatherer, Slate, SlateEstimator, SlateFault, cascade_dr};
use crate::domain::math;
use crate::evaluation::diagnostics::{Summary, Thresholds, Verdict};
use crate::evaluation::estimator::Estimate;
use crate::evaluation::interval::{Ends, GroupSums, Level, group_of, normal, student_t};
use crate::evaluation::logged::{RewardRange, Rounds};
use crate::evaluation::pass::Kind;
use crate::evaluation::reward_model::RunningMeans;
use crate::evaluation::weighted_sums::WeightedSums;

/// One estimator's scores so far.
#[derive(Debug, Clone)]
struct Kept {
    estimator: SlateEstimator,
    /// Of the slates' weights and rewards: whether the log can answer.
    sums: WeightedSums,
    mean: f64,
    /// Σ(score − mean)².
    squares: f64,
    groups: GroupSums,
}

/// A pass at work, in the order of the log: the model of `cascade_dr` learns from
/// slates before.
#[derive(Debug, Clone)]
pub struct SlatePass {
    range: RewardRange,
    level: Level,
    /// Whether slates of a log that names shoppers count as independent.
    independent: bool,
    gatherer: Gatherer,
    seen: Seen,
}

#[derive(Debug, Clone)]
struct Seen {
    range: RewardRange,
    kept: Vec<Kept>,
    model: RunningMeans,
    slates: u64,
    slots: u64,
    /// Σ of what was logged.
    earned: f64,
    /// Σ of the target's mass that no slot could have shown, where that is known.
    unsupported: Option<f64>,
    /// A decision whose slots have no marginal probabilities.
    without_marginals: Option<u128>,
    names_shoppers: bool,
}

/// Why an estimator says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WhyNoSlates {
    /// There are no marginal probabilities.
    #[error(
        "the log lacks the slots' marginal probabilities: of decision {decision:032x} it has those \
         of what the slots above had left"
    )]
    NoMarginals {
        /// The first of which it is so.
        decision: u128,
    },
    /// There is no slate.
    #[error("the log has no decision with a slot")]
    NoSlates,
}

/// What one estimator says.
#[derive(Debug, Clone, PartialEq)]
pub struct SlateLine {
    /// Which.
    pub estimator: SlateEstimator,
    /// What a decision would have earned.
    pub estimate: Estimate,
    /// How sure that is.
    pub intervals: Vec<(Kind, Ends)>,
    /// What its weights are like.
    pub summary: Summary,
    /// Whether they can answer.
    pub verdict: Verdict,
}

/// What came of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct SlateAnswer {
    /// How many decisions.
    pub slates: u64,
    /// How many slots.
    pub slots: u64,
    /// What a decision earned; `None` of nothing.
    pub logged: Option<f64>,
    /// What the estimators say.
    pub lines: Vec<SlateLine>,
    /// Those that say nothing.
    pub refused: Vec<(SlateEstimator, WhyNoSlates)>,
}

impl SlatePass {
    /// Nothing seen yet; a slot's reward lies in `range`.
    #[must_use]
    pub fn new(
        estimators: &[SlateEstimator],
        range: RewardRange,
        level: Level,
        independent: bool,
    ) -> Self {
        let kept = |estimator: &SlateEstimator| Kept {
            estimator: *estimator,
            sums: WeightedSums::default(),
            mean: 0.0,
            squares: 0.0,
            groups: GroupSums::default(),
        };
        Self {
            range,
            level,
            independent,
            gatherer: Gatherer::default(),
            seen: Seen {
                range,
                kept: estimators.iter().map(kept).collect(),
                model: RunningMeans::new(),
                slates: 0,
                slots: 0,
                earned: 0.0,
                unsupported: None,
                without_marginals: None,
                names_shoppers: false,
            },
        }
    }

    /// Adds a batch that was weighed for the target.
    ///
    /// # Errors
    /// When the rows are not those of slates.
    pub fn add(&mut self, rounds: &Rounds) -> Result<(), SlateFault> {
        let (low, width) = (self.range.low(), self.range.width());
        if let Some(unsupported) = rounds.unsupported() {
            let before = self.seen.unsupported.unwrap_or(0.0);
            self.seen.unsupported = Some(before + unsupported.iter().sum::<f64>());
        }
        let scale = |reward: f64| (reward - low) / width;
        let seen = &mut self.seen;
        self.gatherer.add(rounds, scale, |slate| seen.take(slate))
    }

    /// What came of it; no batch comes after.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // no log has 2^53 decisions
    pub fn answer(mut self, thresholds: &Thresholds) -> SlateAnswer {
        let seen = &mut self.seen;
        self.gatherer.end(|slate| seen.take(slate));
        let seen = &self.seen;
        let (mut lines, mut refused) = (Vec::new(), Vec::new());
        let unsupported = seen.unsupported.map(|mass| mass / seen.slots as f64);
        for kept in &seen.kept {
            let estimator = kept.estimator;
            match seen.without_marginals {
                _ if seen.slates == 0 => refused.push((estimator, WhyNoSlates::NoSlates)),
                Some(decision) if estimator.needs_marginals() => {
                    refused.push((estimator, WhyNoSlates::NoMarginals { decision }));
                }
                _ => {
                    let summary = Summary::of_sums(&kept.sums, unsupported);
                    let estimate = kept.estimate(seen.slates);
                    lines.push(SlateLine {
                        estimator,
                        intervals: self.intervals(kept, &estimate),
                        estimate,
                        verdict: summary.verdict(thresholds),
                        summary,
                    });
                }
            }
        }
        SlateAnswer {
            slates: seen.slates,
            slots: seen.slots,
            logged: (seen.slates > 0).then(|| seen.earned / seen.slates as f64),
            lines,
            refused,
        }
    }

    fn intervals(&self, kept: &Kept, estimate: &Estimate) -> Vec<(Kind, Ends)> {
        let mut intervals = Vec::new();
        let mut push = |kind, ends: Option<Ends>| intervals.extend(ends.map(|it| (kind, it)));
        if self.seen.names_shoppers {
            let first = |means: &[f64]| means.first().copied();
            let ends = kept.groups.ends(self.level, 1, first, |_| [1.0, 0.0, 0.0]);
            push(Kind::ClusteredT, ends);
        }
        if self.independent || !self.seen.names_shoppers {
            push(Kind::Normal, normal(estimate, self.level));
            push(Kind::StudentT, student_t(estimate, self.level));
        }
        intervals
    }
}

impl Seen {
    #[allow(clippy::cast_precision_loss)] // few slots, and no log has 2^53 slates
    fn take(&mut self, slate: &Slate) {
        let (low, width) = (self.range.low(), self.range.width());
        let slots = slate.slots.len() as f64;
        let unscaled = |value: f64| slots * low + width * value;
        self.slates += 1;
        self.slots += slate.slots.len() as u64;
        let earned = unscaled(slate.reward());
        self.earned += earned;
        if self.without_marginals.is_none() && !slate.has_marginals() {
            self.without_marginals = Some(slate.decision);
        }
        self.names_shoppers |= slate.shopper.is_some();
        let group = slate.shopper.map(group_of);
        for kept in &mut self.kept {
            let score = kept.estimator.score(slate, &self.model);
            let value = unscaled(score.value);
            kept.sums.push(score.weight, earned);
            let gap = value - kept.mean;
            kept.mean += gap / self.slates as f64;
            kept.squares += gap * (value - kept.mean);
            if let Some(group) = group {
                kept.groups.add(group, &[value, 0.0, 0.0]);
            }
        }
        cascade_dr::learn(slate, &mut self.model);
    }
}

impl Kept {
    #[allow(clippy::cast_precision_loss)] // no log has 2^53 slates
    fn estimate(&self, slates: u64) -> Estimate {
        let n = slates as f64;
        let deviation = (slates > 1).then(|| math::sqrt((self.squares / (n - 1.0)).max(0.0)));
        Estimate {
            value: self.mean,
            standard_error: deviation.map(|deviation| deviation / math::sqrt(n)),
            round_deviation: deviation,
            bias_bound: None,
            rounds: slates,
        }
    }
}
