//! One pass over a log: every estimator, interval and diagnostic that was
//! asked for, streaming and mergeable, and what came of them.

mod answer;

use thiserror::Error;

use super::anytime::AnytimeDr;
use super::arrays::Arrays;
use super::coverage::{NotAShape, Shape};
use super::diagnostics::{Diagnostics, Thresholds};
use super::estimator::{
    Accumulator, AdaptivelyWeightedDr, CrossFittedCells, Estimate, Estimator, TunedCandidates,
};
use super::interval::{
    Bootstrap, BootstrapPlan, ConfidenceSequence, Ends, GroupedTerms, Level, PoissonBootstrap,
    Sample, clopper_pearson, cressie_read, empirical_bernstein, groups_of, hoeffding, normal,
    student_t,
};
use super::logged::{RewardRange, RoundFault, Rounds};
use super::portrait::Portrait;
use super::target::TargetTable;

pub use answer::{Answer, IntervalLine, Kind, Skipped, WhySkipped};

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
    /// How to resample a log of any length, if at all.
    pub poisson: Option<BootstrapPlan>,
    /// Whether rounds of a log that names shoppers count as independent all the
    /// same.
    pub independent: bool,
    /// Whether the target's choices rest on rounds that come later: what reads the
    /// log in its order is left out then.
    pub looks_ahead: bool,
    /// Whether to keep what the log looks like, for the eye.
    pub portrait: bool,
    /// When to refuse.
    pub thresholds: Thresholds,
}

/// Two passes under different questions or targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("passes with different questions or targets do not merge")]
pub struct NotMergeable;

/// A pass at work. Merging two equals one pass over both logs, but for the
/// rounding of sums, for the bootstrap, whose draws follow the order of the
/// rounds, and for what needs that order, which is left out.
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
    /// Where the log names shoppers.
    grouped: Vec<GroupedTerms>,
    poisson: Option<PoissonBootstrap>,
    names_shoppers: bool,
    /// Where it is asked for; gone after a merge, as it follows time.
    portrait: Option<Portrait>,
    /// Plain inverse propensity scores, on which the bounded intervals rest,
    /// where the question does not ask for them.
    plain: Option<Accumulator>,
    /// Where a largest weight is declared; gone after a merge, since it needs
    /// the order of the log.
    sequence: Option<ConfidenceSequence>,
    /// The same of the default, and of the weights for a logger that learns.
    anytime: Option<AnytimeDr>,
    adaptive: Option<AdaptivelyWeightedDr>,
    diagnostics: Diagnostics,
    skipped: Vec<Skipped>,
}

/// Rounds of arrays that are weighed at once: their columns stay in the second
/// cache from one step to the next, and each matrix is read in long stretches.
const BLOCK: usize = 8_192;

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
        let in_order = !question.looks_ahead;
        let sequence = question
            .largest_weight
            .filter(|_| in_order)
            .and_then(|weight| ConfidenceSequence::new(question.range, weight, question.level));
        let anytime = (in_order && question.estimators.contains(&Estimator::AnytimeDr))
            .then(|| AnytimeDr::new(question.range, question.largest_weight, question.level));
        let weighs = |estimator: &Estimator| matches!(estimator, Estimator::AdaptivelyWeighted(_));
        let adaptive = in_order && question.estimators.iter().any(weighs);
        let asked = question.estimators.contains(&IPS);
        let plain = Accumulator::new(IPS).filter(|_| !asked);
        let asks = |estimator: &Estimator| matches!(estimator, Estimator::CrossFitted(_));
        let cross_fitted = target
            .as_ref()
            .filter(|_| question.estimators.iter().any(asks))
            .map(CrossFittedCells::new);
        let skipped = estimators.clone().filter_map(|estimator| {
            let why = match estimator {
                _ if target.is_none() && asks(&estimator) => WhySkipped::NoTable,
                _ if !in_order && estimator.demands().order => WhySkipped::LooksAhead,
                _ => return None,
            };
            Some(Skipped { estimator, why })
        });
        let skipped = skipped.collect();
        let tuned = estimators.clone().filter_map(|estimator| match estimator {
            Estimator::Tuned(tuned) => Some(TunedCandidates::new(tuned)),
            _ => None,
        });
        Self {
            sequence,
            anytime,
            adaptive: adaptive.then(|| AdaptivelyWeightedDr::new(question.range)),
            cross_fitted,
            grouped: Vec::new(),
            poisson: question
                .poisson
                .map(|plan| PoissonBootstrap::new(&question.estimators, plan)),
            names_shoppers: false,
            portrait: question.portrait.then(Portrait::default),
            tuned: tuned.collect(),
            accumulators: estimators.filter_map(Accumulator::new).collect(),
            samples,
            plain,
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
        if let Some(sequence) = &mut self.sequence {
            sequence.add(rounds);
        }
        if rounds.target_mass().is_some() {
            self.leave_out_what_needs_a_table();
        }
        if let Some(anytime) = &mut self.anytime {
            anytime.add(rounds, self.target.as_ref());
        }
        if let Some(Err(missing)) = self.adaptive.as_mut().map(|it| it.add(rounds)) {
            self.adaptive = None;
            self.leave_out(WhySkipped::Missing(missing), |estimator| {
                matches!(estimator, Estimator::AdaptivelyWeighted(_))
            });
        }
        if let Some(cells) = &mut self.cross_fitted {
            cells.add(rounds);
        }
        if let Some(portrait) = &mut self.portrait {
            portrait.add(rounds);
        }
        self.add_shoppers(rounds);
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
        if let Some(plain) = &mut self.plain {
            let known = plain.add(rounds);
            debug_assert!(known.is_ok(), "every log has weights and rewards");
        }
    }

    /// Adds arrays in memory, block by block in the same memory.
    ///
    /// # Errors
    /// At the first round that a column does not allow; the blocks before it are
    /// added by then.
    ///
    /// # Panics
    /// When the arrays do not fit together, which is an error of the caller.
    pub fn add_arrays(&mut self, arrays: &Arrays<'_>) -> Result<(), RoundFault> {
        let mut rounds = Rounds::none();
        for start in (0..arrays.rounds()).step_by(BLOCK) {
            let block = arrays.block(start..(start + BLOCK).min(arrays.rounds()));
            let filled = rounds.refill(&block, self.question.range);
            filled.map_err(|fault| RoundFault {
                index: start + fault.index,
                ..fault
            })?;
            self.add(&rounds);
        }
        Ok(())
    }

    /// What clusters by shopper. The groups begin with the first batch that
    /// names shoppers; all of a log's batches do, or none.
    fn add_shoppers(&mut self, rounds: &Rounds) {
        let shoppers = rounds.shoppers();
        if let Some(poisson) = &mut self.poisson {
            poisson.add(rounds, shoppers);
        }
        if shoppers.is_empty() {
            return;
        }
        if !self.names_shoppers {
            self.names_shoppers = true;
            if !self.question.independent {
                self.samples = Vec::new();
            }
            let asked = self.question.estimators.iter().copied();
            self.grouped = asked.filter_map(GroupedTerms::new).collect();
        }
        let groups = groups_of(shoppers);
        self.grouped
            .retain_mut(|terms| terms.add(rounds, &groups).is_ok());
    }

    fn leave_out(&mut self, why: WhySkipped, which: impl Fn(&Estimator) -> bool) {
        let asked = self.question.estimators.iter().copied();
        let left_out = asked.filter(which);
        let skipped = left_out.map(|estimator| Skipped { estimator, why });
        self.skipped.extend(skipped);
    }

    fn leave_out_what_needs_a_table(&mut self) {
        if self.anytime.take().is_some() {
            self.leave_out(WhySkipped::NoTable, |it| *it == Estimator::AnytimeDr);
        }
        if self.cross_fitted.take().is_some() {
            self.leave_out(WhySkipped::NoTable, |estimator| {
                matches!(estimator, Estimator::CrossFitted(_))
            });
        }
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
        self.portrait = None;
        let (anytime, adaptive) = (self.anytime.take(), self.adaptive.take());
        if anytime.is_some() || adaptive.is_some() {
            self.leave_out(WhySkipped::Merged, |estimator| match estimator {
                Estimator::AnytimeDr => anytime.is_some(),
                Estimator::AdaptivelyWeighted(_) => adaptive.is_some(),
                _ => false,
            });
        }
        self.merge_shoppers(other);
        self.diagnostics.merge(&other.diagnostics);
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
        if let (Some(ours), Some(theirs)) = (&mut self.plain, &other.plain) {
            ours.merge(theirs).map_err(|_| NotMergeable)?;
        }
        Ok(())
    }

    fn merge_shoppers(&mut self, other: &Self) {
        if let (Some(ours), Some(theirs)) = (&mut self.poisson, &other.poisson) {
            ours.merge(theirs);
        }
        if self.names_shoppers {
            for (ours, theirs) in self.grouped.iter_mut().zip(&other.grouped) {
                ours.merge(theirs);
            }
        } else {
            self.grouped.clone_from(&other.grouped);
        }
        self.names_shoppers |= other.names_shoppers;
    }

    /// The plain inverse propensity scores, kept for themselves or for the
    /// question.
    fn plain_estimate(&self) -> Option<Estimate> {
        let mut asked = self.accumulators.iter();
        let kept = self
            .plain
            .as_ref()
            .or_else(|| asked.find(|accumulator| accumulator.estimator() == IPS))?;
        kept.estimate(self.question.range)
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

    /// What the log looks like, where the question asked for it.
    #[must_use]
    pub const fn portrait(&self) -> Option<&Portrait> {
        self.portrait.as_ref()
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
        let unclustered = self.unclustered(&mut intervals);
        Answer {
            unclustered,
            one_sided: anytime.is_some_and(|anytime| anytime.one_sided),
            verdict: summary.verdict(&self.question.thresholds),
            intervals,
            summary,
            estimates,
            skipped,
        }
    }

    /// Of a log that names shoppers, takes the intervals out that count rounds as
    /// independent, unless they are to; says which kinds these are.
    fn unclustered(&self, intervals: &mut Vec<IntervalLine>) -> Vec<Kind> {
        if !self.names_shoppers || self.question.independent {
            return Vec::new();
        }
        let clusters = |line: &IntervalLine| line.kind.clusters_for(&line.estimator);
        let left_out = intervals.iter().filter(|line| !clusters(line));
        let mut kinds: Vec<Kind> = left_out.map(|line| line.kind).collect();
        if self.question.bootstrap.is_some() {
            kinds.extend([Kind::BootstrapPercentile, Kind::BootstrapBca]);
        }
        intervals.retain(clusters);
        let all = Kind::all(self.question.range).into_iter();
        all.filter(|kind| kinds.contains(kind)).collect()
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
        if let Some(adaptive) = &self.adaptive {
            for estimator in &self.question.estimators {
                if let Estimator::AdaptivelyWeighted(allocation) = estimator {
                    said.push((*estimator, some(adaptive.estimate(*allocation))));
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
        if let Some(estimate) = self.plain_estimate() {
            let sums = self.diagnostics.sums();
            push(Kind::Gaussian, IPS, normal(&estimate, level));
            push(
                Kind::ClopperPearson,
                IPS,
                clopper_pearson(sums, range, level),
            );
            let ends = cressie_read(sums, range, level);
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
        for terms in &self.grouped {
            push(Kind::ClusteredT, terms.estimator(), terms.ends(level));
        }
        if let Some(poisson) = &self.poisson {
            for (estimator, ends) in poisson.intervals(level) {
                push(Kind::BootstrapPoisson, estimator, ends);
            }
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
