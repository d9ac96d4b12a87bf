//! One pass over a log: every estimator, interval and diagnostic that was
//! asked for, streaming and mergeable, and what came of them.

use std::fmt;

use thiserror::Error;

use super::anytime::AnytimeDr;
use super::coverage::{NotAShape, Shape};
use super::diagnostics::{Diagnostics, Summary, Thresholds, Verdict};
use super::estimator::{Accumulator, CrossFittedCells, Estimate, Estimator, TunedCandidates};
use super::interval::{
    Bootstrap, BootstrapPlan, ConfidenceSequence, Ends, Level, Sample, WeightedSums,
    clopper_pearson, cressie_read, empirical_bernstein, hoeffding, normal, student_t,
};
use super::logged::{MissingColumn, RewardRange, Rounds};
use super::target::TargetTable;

/// What is asked of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Which estimators.
    pub estimators: Vec<Estimator>,
    /// What rewards lie in.
    pub range: RewardRange,
    /// What no weight can exceed, where that is known before the log is looked
    /// at.
    pub largest_weight: Option<f64>,
    /// With which probability intervals are to hold the truth.
    pub level: Level,
    /// How to resample, if at all.
    pub bootstrap: Option<BootstrapPlan>,
    /// When to refuse.
    pub thresholds: Thresholds,
}

/// A kind of interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Normal, by the delta method.
    Normal,
    /// Student's t, by the delta method.
    StudentT,
    /// The bootstrap's percentiles.
    BootstrapPercentile,
    /// The bootstrap, bias-corrected and accelerated.
    BootstrapBca,
    /// Hoeffding's.
    Hoeffding,
    /// Empirical Bernstein.
    EmpiricalBernstein,
    /// The confidence sequence, which holds at every round at once.
    ConfidenceSequence,
    /// The default: holds at every round at once, around a doubly robust score.
    AnytimeValid,
    /// Vowpal Wabbit's: the normal interval of inverse propensity scores.
    Gaussian,
    /// Vowpal Wabbit's: Clopper-Pearson with weights.
    ClopperPearson,
    /// Vowpal Wabbit's: empirical Cressie-Read, for rewards in this range.
    CressieRead(RewardRange),
}

impl Kind {
    /// Whether it claims to hold at every look at once, not at one that was fixed
    /// before.
    #[must_use]
    pub const fn holds_at_every_look(self) -> bool {
        matches!(self, Self::ConfidenceSequence | Self::AnytimeValid)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::StudentT => f.write_str("student_t"),
            Self::BootstrapPercentile => f.write_str("bootstrap_percentile"),
            Self::BootstrapBca => f.write_str("bootstrap_bca"),
            Self::Hoeffding => f.write_str("hoeffding"),
            Self::EmpiricalBernstein => f.write_str("empirical_bernstein"),
            Self::ConfidenceSequence => f.write_str("confidence_sequence"),
            Self::AnytimeValid => f.write_str("anytime_valid"),
            Self::Gaussian => f.write_str("gaussian_interval"),
            Self::ClopperPearson => f.write_str("clopper_pearson_interval"),
            Self::CressieRead(range) => {
                let (low, high) = (range.low(), range.high());
                write!(f, "cressieread_interval_rmin{low}_rmax{high}")
            }
        }
    }
}

/// One interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IntervalLine {
    /// Which.
    pub kind: Kind,
    /// Of which estimator.
    pub estimator: Estimator,
    /// Its ends.
    pub ends: Ends,
}

/// An estimator that could say nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skipped {
    /// Which.
    pub estimator: Estimator,
    /// Why.
    pub why: WhySkipped,
}

/// Why an estimator said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WhySkipped {
    /// The log lacks what it reads.
    #[error(transparent)]
    Missing(#[from] MissingColumn),
    /// Replay is for uniform logs.
    #[error("the log's propensities are not all the same, and replay is for uniform logs")]
    NotUniform,
    /// It is computed for a target that is a table.
    #[error("it needs a target that is the same for every round of a position")]
    NoTable,
    /// It needs the log's order, and passes were merged.
    #[error("it needs the log in one pass, in its order")]
    Merged,
    /// It is not defined on this log.
    #[error("it is not defined on this log, or needs more of its weights than are kept")]
    Undefined,
}

/// What came of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the log is like.
    pub summary: Summary,
    /// Whether it can answer.
    pub verdict: Verdict,
    /// The estimates, in the order of the question.
    pub estimates: Vec<(Estimator, Estimate)>,
    /// The intervals.
    pub intervals: Vec<IntervalLine>,
    /// Whether the default interval says nothing of its upper end, because the
    /// log has neither whole distributions nor a declared largest weight.
    pub one_sided: bool,
    /// The estimators that said nothing.
    pub skipped: Vec<Skipped>,
}

/// Two passes under different questions or targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("passes with different questions or targets do not merge")]
pub struct NotMergeable;

/// A pass at work. Merging two equals one pass over both logs, but for the
/// rounding of sums, for the bootstrap, whose draws follow the order of the
/// rounds, and for the confidence sequence, which needs that order and is left
/// out.
#[derive(Debug, Clone)]
pub struct Pass {
    question: Question,
    /// `None` for one that is no table.
    target: Option<TargetTable>,
    accumulators: Vec<Accumulator>,
    /// Where an estimator asks for it.
    cross_fitted: Option<CrossFittedCells>,
    tuned: Vec<TunedCandidates>,
    samples: Vec<Sample>,
    sums: WeightedSums,
    /// Plain inverse propensity scores, on which the bounded intervals rest.
    weighted: Accumulator,
    /// Where a largest weight is declared; gone after a merge, since it needs
    /// the order of the log.
    sequence: Option<ConfidenceSequence>,
    /// The same of the default.
    anytime: Option<AnytimeDr>,
    diagnostics: Diagnostics,
    skipped: Vec<Skipped>,
}

/// Plain inverse propensity scores.
const IPS: Estimator = Estimator::Ips(super::estimator::InversePropensity { clip: None });

impl Pass {
    /// Nothing seen yet; `target` is `None` for one that is no table, whose
    /// rounds are of logged choices.
    #[must_use]
    pub fn new(question: Question, target: impl Into<Option<TargetTable>>) -> Self {
        let target = target.into();
        let estimators = question.estimators.iter().copied();
        let samples = match question.bootstrap {
            Some(_) => estimators.clone().filter_map(Sample::new).collect(),
            None => Vec::new(),
        };
        let sequence = question
            .largest_weight
            .and_then(|weight| ConfidenceSequence::new(question.range, weight, question.level));
        let anytime = question
            .estimators
            .contains(&Estimator::AnytimeDr)
            .then(|| AnytimeDr::new(question.range, question.largest_weight, question.level));
        let plain = Accumulator::new(IPS).expect("inverse propensity scores are a formula");
        let asks = |estimator: &Estimator| matches!(estimator, Estimator::CrossFitted(_));
        let cross_fitted = target
            .as_ref()
            .filter(|_| question.estimators.iter().any(asks))
            .map(CrossFittedCells::new);
        let no_table = question.estimators.iter().copied();
        let no_table = no_table.filter(|estimator| target.is_none() && asks(estimator));
        let skipped = no_table.map(|estimator| Skipped {
            estimator,
            why: WhySkipped::NoTable,
        });
        let skipped = skipped.collect();
        let tuned = estimators.clone().filter_map(|estimator| match estimator {
            Estimator::Tuned(tuned) => Some(TunedCandidates::new(tuned)),
            _ => None,
        });
        Self {
            sequence,
            anytime,
            cross_fitted,
            tuned: tuned.collect(),
            accumulators: estimators.filter_map(Accumulator::new).collect(),
            samples,
            sums: WeightedSums::default(),
            weighted: plain,
            diagnostics: Diagnostics::new(target.as_ref()),
            skipped,
            question,
            target,
        }
    }

    /// The target, when it is a table.
    #[must_use]
    pub const fn target(&self) -> Option<&TargetTable> {
        self.target.as_ref()
    }

    /// Adds a batch that was weighed for the same target. An estimator that
    /// lacks a column is left out from then on, and said to be.
    pub fn add(&mut self, rounds: &Rounds) {
        self.diagnostics.add(rounds);
        self.sums.add(rounds);
        if let Some(sequence) = &mut self.sequence {
            sequence.add(rounds);
        }
        if rounds.target_mass().is_some() {
            self.leave_out_what_needs_a_table();
        }
        if let Some(anytime) = &mut self.anytime {
            anytime.add(rounds, self.target.as_ref());
        }
        if let Some(cells) = &mut self.cross_fitted {
            cells.add(rounds);
        }
        let skipped = &mut self.skipped;
        self.tuned.retain_mut(|candidates| {
            let missing = candidates.add(rounds).err();
            let estimator = Estimator::Tuned(candidates.tuned());
            skipped.extend(missing.map(|missing| Skipped {
                estimator,
                why: WhySkipped::Missing(missing),
            }));
            missing.is_none()
        });
        self.accumulators.retain_mut(|accumulator| {
            let missing = accumulator.add(rounds).err();
            let estimator = accumulator.estimator();
            skipped.extend(missing.map(|missing| Skipped {
                estimator,
                why: WhySkipped::Missing(missing),
            }));
            missing.is_none()
        });
        self.samples.retain_mut(|sample| sample.add(rounds).is_ok());
        let known = self.weighted.add(rounds);
        debug_assert!(known.is_ok(), "every log has weights and rewards");
    }

    fn leave_out_what_needs_a_table(&mut self) {
        let anytime = self.anytime.take().is_some();
        let cells = self.cross_fitted.take().is_some();
        let asked = self.question.estimators.iter().copied();
        let left_out = asked.filter(|estimator| match estimator {
            Estimator::AnytimeDr => anytime,
            Estimator::CrossFitted(_) => cells,
            _ => false,
        });
        self.skipped.extend(left_out.map(|estimator| Skipped {
            estimator,
            why: WhySkipped::NoTable,
        }));
    }

    /// Adds what another pass saw.
    ///
    /// # Errors
    /// When the other has another question or target, or left other estimators
    /// out; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), NotMergeable> {
        let same = self.question == other.question
            && self.target == other.target
            && self.accumulators.len() == other.accumulators.len()
            && self.tuned.len() == other.tuned.len()
            && self.missing().eq(other.missing());
        if !same {
            return Err(NotMergeable);
        }
        self.sequence = None;
        if self.anytime.take().is_some() {
            self.skipped.push(Skipped {
                estimator: Estimator::AnytimeDr,
                why: WhySkipped::Merged,
            });
        }
        self.diagnostics.merge(&other.diagnostics);
        self.sums.merge(&other.sums);
        for (ours, theirs) in self.accumulators.iter_mut().zip(&other.accumulators) {
            ours.merge(theirs).map_err(|_| NotMergeable)?;
        }
        if let (Some(ours), Some(theirs)) = (&mut self.cross_fitted, &other.cross_fitted) {
            ours.merge(theirs);
        }
        for (ours, theirs) in self.tuned.iter_mut().zip(&other.tuned) {
            ours.merge(theirs);
        }
        for (ours, theirs) in self.samples.iter_mut().zip(&other.samples) {
            ours.merge(theirs);
        }
        self.weighted
            .merge(&other.weighted)
            .map_err(|_| NotMergeable)
    }

    /// What the log was like, to simulate others like it.
    ///
    /// # Errors
    /// When there is no round, or the target chooses what was never logged.
    pub fn shape(&self) -> Result<Shape, NotAShape> {
        let places = self.diagnostics.places(self.question.range);
        let target = self.target.clone().ok_or(NotAShape::NoTable)?;
        Shape::of_log(target, &places)
    }

    /// What was left out for want of a column.
    fn missing(&self) -> impl Iterator<Item = &Skipped> {
        let skipped = self.skipped.iter();
        skipped.filter(|skipped| skipped.why != WhySkipped::Merged)
    }

    /// What came of it.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let summary = self.diagnostics.summary(self.target.as_ref());
        let mut skipped = self.skipped.clone();
        let mut estimates = Vec::new();
        for (estimator, said) in self.said() {
            match said {
                Ok(estimate) => estimates.push((estimator, estimate)),
                Err(why) => skipped.push(Skipped { estimator, why }),
            }
        }
        let anytime = self.anytime.as_ref().map(AnytimeDr::estimate);
        let anytime = match anytime {
            Some(None) => {
                skipped.push(Skipped {
                    estimator: Estimator::AnytimeDr,
                    why: WhySkipped::Undefined,
                });
                None
            }
            other => other.flatten(),
        };
        estimates.extend(anytime.map(|anytime| (Estimator::AnytimeDr, anytime.into())));
        let mut intervals = self.intervals(&estimates);
        intervals.extend(anytime.map(|anytime| IntervalLine {
            kind: Kind::AnytimeValid,
            estimator: Estimator::AnytimeDr,
            ends: anytime.ends,
        }));
        Answer {
            one_sided: anytime.is_some_and(|anytime| anytime.one_sided),
            verdict: summary.verdict(&self.question.thresholds),
            intervals,
            summary,
            estimates,
            skipped,
        }
    }

    /// What each estimator says that can be asked at any time.
    fn said(&self) -> Vec<(Estimator, Result<Estimate, WhySkipped>)> {
        let range = self.question.range;
        let some = |estimate: Option<Estimate>| estimate.ok_or(WhySkipped::Undefined);
        let mut said = Vec::new();
        for accumulator in &self.accumulators {
            let estimator = accumulator.estimator();
            let estimate = some(accumulator.estimate(range));
            let uniform = self.diagnostics.one_propensity();
            let replay = matches!(estimator, Estimator::Replay(_)) && !uniform;
            said.push((
                estimator,
                if replay {
                    Err(WhySkipped::NotUniform)
                } else {
                    estimate
                },
            ));
        }
        if let (Some(cells), Some(target)) = (&self.cross_fitted, &self.target) {
            for estimator in &self.question.estimators {
                if let Estimator::CrossFitted(model) = estimator {
                    said.push((*estimator, some(cells.estimate(*model, target))));
                }
            }
        }
        for candidates in &self.tuned {
            let chosen = candidates.estimate(range).map(|(_, estimate)| estimate);
            said.push((Estimator::Tuned(candidates.tuned()), some(chosen)));
        }
        said
    }

    fn intervals(&self, estimates: &[(Estimator, Estimate)]) -> Vec<IntervalLine> {
        let Question { range, level, .. } = self.question;
        let mut lines = Vec::new();
        let mut push = |kind, estimator, ends: Option<Ends>| {
            lines.extend(ends.map(|ends| IntervalLine {
                kind,
                estimator,
                ends,
            }));
        };
        if let Some(estimate) = self.weighted.estimate(range) {
            push(Kind::Gaussian, IPS, normal(&estimate, level));
            let ends = clopper_pearson(&self.sums, range, level);
            push(Kind::ClopperPearson, IPS, ends);
            let ends = cressie_read(&self.sums, range, level);
            push(Kind::CressieRead(range), Estimator::CressieRead, ends);
            if let Some(bound) = self.question.largest_weight {
                push(
                    Kind::Hoeffding,
                    IPS,
                    hoeffding(&estimate, range, bound, level),
                );
                let ends = empirical_bernstein(&estimate, range, bound, level);
                push(Kind::EmpiricalBernstein, IPS, ends);
                let ends = self.sequence.and_then(|sequence| sequence.ends());
                push(Kind::ConfidenceSequence, IPS, ends);
            }
        }
        for (estimator, estimate) in estimates {
            push(Kind::Normal, *estimator, normal(estimate, level));
            push(Kind::StudentT, *estimator, student_t(estimate, level));
        }
        if let Some(plan) = self.question.bootstrap {
            let drawn = Bootstrap::draw(&self.samples, plan);
            for intervals in drawn.intervals(&self.samples, level) {
                let estimator = intervals.estimator;
                push(Kind::BootstrapPercentile, estimator, intervals.percentile);
                push(Kind::BootstrapBca, estimator, intervals.bca);
            }
        }
        lines
    }
}
