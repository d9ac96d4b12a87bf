//! The coverage card: how often each interval holds a truth that is known, and
//! how wide it is, on simulated logs of a given [`Shape`].
//!
//! Every replication is a log: positions come with their shares, a
//! [`Logger`] chooses, the chosen action earns the range's high end with its
//! rate and the low end otherwise. All intervals read the same logs. Each log is
//! looked at after every so many rounds: an interval that is looked at once has
//! to hold the truth at the last look, one that is watched has to hold it at
//! every look.
//!
//! A replication is a pure function of its seed; [`Card`] puts them together in
//! the order of the seeds.

mod card;
mod logger;
mod shape;

use super::anytime::AnytimeDr;
use super::estimator::{Accumulator, Estimator};
use super::in_order::{Cells, Round};
use super::interval::{
    Bootstrap, BootstrapPlan, ConfidenceSequence, Ends, Level, Sample, clopper_pearson,
    cressie_read, empirical_bernstein, hoeffding, normal, student_t,
};
use super::logged::{Predictions, RewardRange, Rounds, UncheckedRounds};
use super::pass::Kind;
use super::reward_model::RunningMeans;
use super::weighted_sums::WeightedSums;
use crate::domain::random::{DecisionSeed, Generator, Stream};

pub use card::{Card, CardRow};
pub use logger::Logger;
pub use shape::{NotAShape, Shape};

/// What a replication's world draws from, apart from its logger and resamples.
const WORLD: Stream = Stream::numbered(16);

/// How logs are simulated and looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// Rounds of a log: 2 or more.
    pub rounds: u64,
    /// A look after every so many: 1 or more.
    pub look_every: u64,
    /// What rewards lie in.
    pub range: RewardRange,
    /// The level of every interval.
    pub level: Level,
    /// Resamples of a bootstrap at each look; 0 for none.
    pub resamples: u32,
}

/// What an interval of the card is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The kind.
    pub kind: Kind,
    /// The estimator.
    pub estimator: Estimator,
    /// What the log is taken to know beyond propensities, where it matters.
    pub given: &'static str,
}

/// One interval over one simulated log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watched {
    /// Which.
    pub entry: Entry,
    /// Whether it held the truth at the last look.
    pub held_last: bool,
    /// Whether it held it at every look where there was an interval.
    pub held_always: bool,
    /// Its width at the last look; `None` where there was no interval.
    pub width: Option<f64>,
}

const IPS: Estimator = Estimator::Ips(super::estimator::InversePropensity { clip: None });
const SNIPS: Estimator = Estimator::Snips(super::estimator::SelfNormalised);
const DR: Estimator = Estimator::Dr(super::estimator::DoublyRobust { clip: None });
const SERIAL: [Estimator; 3] = [IPS, SNIPS, DR];

/// What the anytime-valid interval is given, and whether its log knows whole
/// distributions and a declared largest weight.
const KNOWLEDGE: [(&str, bool, bool); 3] = [
    ("whole distributions", true, false),
    ("a declared largest weight", false, true),
    ("propensities alone", false, false),
];

/// Simulates one log and watches every interval over it.
///
/// # Panics
/// Never: a shape and its simulated rounds are what evaluation allows.
#[must_use]
pub fn replicate(shape: &Shape, logger: &Logger, design: &Design, seed: u64) -> Vec<Watched> {
    let mut log = Log::begin(shape, logger, design, seed);
    let mut all: Vec<Watched> = Vec::new();
    let mut done = 0;
    while done < design.rounds {
        let rounds = design.look_every.min(design.rounds - done);
        log.extend(rounds);
        done += rounds;
        for (place, (entry, ends)) in log.intervals(done).into_iter().enumerate() {
            let held =
                ends.is_none_or(|ends| ends.lower() <= log.truth && log.truth <= ends.upper());
            let width = ends.map(|ends| ends.upper() - ends.lower());
            match all.get_mut(place) {
                None => all.push(Watched {
                    entry,
                    held_last: held,
                    held_always: held,
                    width,
                }),
                Some(watched) => {
                    watched.held_last = held;
                    watched.held_always &= held;
                    watched.width = width;
                }
            }
        }
    }
    all
}

/// A log as it grows, with everything that reads it.
struct Log<'a> {
    shape: &'a Shape,
    design: &'a Design,
    seed: u64,
    truth: f64,
    /// The largest weight that the logger allows.
    largest: f64,
    world: Generator,
    logger: logger::Running<'a>,
    model: RunningMeans,
    sums: WeightedSums,
    accumulators: Vec<Accumulator>,
    samples: Vec<Sample>,
    sequence: Option<ConfidenceSequence>,
    anytime: [AnytimeDr; 3],
}

impl<'a> Log<'a> {
    fn begin(shape: &'a Shape, logger: &'a Logger, design: &'a Design, seed: u64) -> Self {
        let Design { range, level, .. } = *design;
        let largest = logger.largest_weight(shape);
        let anytime = |(_, _, declared): (&str, bool, bool)| {
            AnytimeDr::new(range, declared.then_some(largest), level)
        };
        let samples = if design.resamples > 0 {
            SERIAL.iter().copied().filter_map(Sample::new).collect()
        } else {
            Vec::new()
        };
        Self {
            shape,
            design,
            seed,
            truth: range.low() + range.width() * shape.truth(),
            largest,
            world: DecisionSeed(seed).generator(WORLD),
            logger: logger.begin(shape, seed),
            model: RunningMeans::new(),
            sums: WeightedSums::default(),
            accumulators: SERIAL
                .iter()
                .copied()
                .filter_map(Accumulator::new)
                .collect(),
            samples,
            sequence: ConfidenceSequence::new(range, largest, level),
            anytime: KNOWLEDGE.map(anytime),
        }
    }

    fn extend(&mut self, rounds: u64) {
        let mut columns = UncheckedRounds::default();
        let mut model = Predictions::default();
        for _ in 0..rounds {
            self.round(&mut columns, &mut model);
        }
        columns.predictions = Some(model);
        let rounds = Rounds::new(columns, self.shape.target(), self.design.range)
            .expect("a simulated log is what evaluation allows");
        self.sums.add(rounds.view(0..rounds.len()));
        if let Some(sequence) = &mut self.sequence {
            sequence.add(&rounds);
        }
        for accumulator in &mut self.accumulators {
            accumulator.add(&rounds).expect("the log has predictions");
        }
        for sample in &mut self.samples {
            sample.add(&rounds).expect("the log has predictions");
        }
    }

    fn round(&mut self, columns: &mut UncheckedRounds, predictions: &mut Predictions) {
        let range = self.design.range;
        let position = self.shape.position(self.world.next_uniform());
        let luck = self.world.next_uniform();
        let chosen = self.logger.choose(position);
        let action = chosen.action;
        let success = f64::from(u8::from(luck < self.shape.rate(position, action)));
        let target = self.shape.target().at(position);
        let first = position * target.len();
        let expected: f64 = target
            .iter()
            .enumerate()
            .map(|(action, probability)| probability * self.model.predict(first + action))
            .sum();
        let scale = |share: f64| range.low() + range.width() * share;
        predictions.target.push(scale(expected));
        predictions
            .logged
            .push(scale(self.model.predict(first + action)));
        let logging = self.logger.distribution(position);
        let propensity = logging[action];
        for (anytime, (_, whole, _)) in self.anytime.iter_mut().zip(KNOWLEDGE) {
            anytime.push(&Round {
                cells: Cells::From(first),
                target,
                logging: whole.then_some(logging),
                chosen: action,
                weight: target[action] / propensity,
                reward: scale(success),
            });
        }
        columns.reward.push(scale(success));
        columns.action.push(chosen.number);
        columns.position.push(shape::number(position));
        columns.propensity.push(propensity);
        self.model.learn(first + action, success);
        self.logger.learn(position, action, success);
    }

    /// Every interval at this look, always in the same order.
    fn intervals(&self, done: u64) -> Vec<(Entry, Option<Ends>)> {
        let Design { range, level, .. } = *self.design;
        let mut all = Vec::new();
        let mut push = |kind, estimator, given, ends| {
            all.push((
                Entry {
                    kind,
                    estimator,
                    given,
                },
                ends,
            ));
        };
        for (anytime, (given, _, _)) in self.anytime.iter().zip(KNOWLEDGE) {
            let ends = anytime.estimate().map(|estimate| estimate.ends);
            push(Kind::AnytimeValid, Estimator::AnytimeDr, given, ends);
        }
        let declared = KNOWLEDGE[1].0;
        let ends = self.sequence.and_then(|sequence| sequence.ends());
        push(Kind::ConfidenceSequence, IPS, declared, ends);
        for (accumulator, estimator) in self.accumulators.iter().zip(SERIAL) {
            let estimate = accumulator.estimate(range);
            let of = |interval: &dyn Fn(&_) -> Option<Ends>| estimate.as_ref().and_then(interval);
            push(Kind::Normal, estimator, "", of(&|it| normal(it, level)));
            push(
                Kind::StudentT,
                estimator,
                "",
                of(&|it| student_t(it, level)),
            );
            if estimator == IPS {
                let largest = self.largest;
                let ends = of(&|it| hoeffding(it, range, largest, level));
                push(Kind::Hoeffding, IPS, declared, ends);
                let ends = of(&|it| empirical_bernstein(it, range, largest, level));
                push(Kind::EmpiricalBernstein, IPS, declared, ends);
            }
        }
        push(
            Kind::ClopperPearson,
            IPS,
            "",
            clopper_pearson(&self.sums, range, level),
        );
        let ends = cressie_read(&self.sums, range, level);
        push(Kind::CressieRead(range), Estimator::CressieRead, "", ends);
        let plan = BootstrapPlan {
            resamples: self.design.resamples,
            seed: self.seed ^ done,
        };
        for drawn in Bootstrap::draw(&self.samples, plan).intervals(&self.samples, level) {
            push(
                Kind::BootstrapPercentile,
                drawn.estimator,
                "",
                drawn.percentile,
            );
            push(Kind::BootstrapBca, drawn.estimator, "", drawn.bca);
        }
        all
    }
}

#[cfg(test)]
mod tests;
