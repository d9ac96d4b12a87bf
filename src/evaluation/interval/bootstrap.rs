//! The bootstrap: the estimate of resampled logs, as percentiles and
//! bias-corrected and accelerated (BCa).
//!
//! Efron (1987), "Better bootstrap confidence intervals",
//! <https://doi.org/10.1080/01621459.1987.10478410>: his z₀ is the bias
//! correction, his a the acceleration, from the influence of each round.
//!
//! Rounds are drawn with replacement from a stated seed; every estimator is
//! computed on the same resamples, and each estimate anew, its normalising mean
//! included. A resample never holds a reward that the log lacks: with few
//! effective rewards the interval is too narrow.
//!
//! A resample costs one draw a round and one multiplication a round and term.
//! Terms are kept in memory, for up to [`MOST_ROUNDS`] rounds; of a longer log
//! there is no bootstrap, and the normal interval says the same.

use super::super::estimator::{Accumulator, Estimator, Formula};
use super::super::logged::{MissingColumn, Rounds};
use super::super::moments::MOST_TERMS;
use super::super::quantile::{normal_cumulative, normal_quantile};
use super::{Ends, Level};
use crate::domain::math;
use crate::domain::random::Generator;

/// The most rounds that are resampled.
pub const MOST_ROUNDS: usize = 200_000;

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootstrapPlan {
    /// How many resamples.
    pub resamples: u32,
    /// The seed of every draw.
    pub seed: u64,
}

/// One estimator's terms, kept for resampling.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    estimator: Estimator,
    columns: [Vec<f64>; MOST_TERMS],
    rounds: usize,
}

impl Sample {
    /// Nothing kept yet; `None` of an estimator without a formula.
    #[must_use]
    pub fn new(estimator: Estimator) -> Option<Self> {
        estimator.formula()?;
        Some(Self {
            estimator,
            columns: Default::default(),
            rounds: 0,
        })
    }

    /// The estimator.
    #[must_use]
    pub const fn estimator(&self) -> Estimator {
        self.estimator
    }

    /// Keeps a batch's terms, unless the sample is then too long.
    ///
    /// # Errors
    /// When the log lacks a column that the estimator reads.
    pub fn add(&mut self, rounds: &Rounds) -> Result<(), MissingColumn> {
        self.rounds += rounds.len();
        if self.rounds > MOST_ROUNDS {
            self.columns = Default::default();
            return Ok(());
        }
        let Some(formula) = self.estimator.formula() else {
            return Ok(());
        };
        let columns = &mut self.columns;
        Accumulator::for_each_chunk(formula, rounds, |terms, rows| {
            for (column, terms) in columns.iter_mut().zip(terms).take(formula.terms()) {
                column.extend_from_slice(&terms[..rows]);
            }
        })
    }

    /// Appends another pass's sample of the same estimator; another's is left.
    pub fn merge(&mut self, other: &Self) {
        if self.estimator != other.estimator {
            return;
        }
        self.rounds += other.rounds;
        if self.rounds > MOST_ROUNDS {
            self.columns = Default::default();
            return;
        }
        for (ours, theirs) in self.columns.iter_mut().zip(&other.columns) {
            ours.extend_from_slice(theirs);
        }
    }

    fn whole(&self) -> Option<(&dyn Formula, &[Vec<f64>])> {
        let formula = self.estimator.formula()?;
        let complete = self.rounds > 0 && self.columns[0].len() == self.rounds;
        complete.then(|| (formula, &self.columns[..formula.terms()]))
    }
}

/// Both intervals of one estimator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapIntervals {
    /// Of which.
    pub estimator: Estimator,
    /// The percentiles of the resamples' estimates.
    pub percentile: Option<Ends>,
    /// The same at Efron's corrected levels.
    pub bca: Option<Ends>,
}

/// The estimates of every resample.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// For each sample its resamples' estimates, in ascending order.
    replicates: Vec<Vec<f64>>,
}

impl Bootstrap {
    /// Resamples; samples that were too long or of another length than the
    /// first have no replicates.
    #[must_use]
    pub fn draw(samples: &[Sample], plan: BootstrapPlan) -> Self {
        let rounds = samples.first().map_or(0, |sample| sample.rounds);
        let mut generator = Generator::from_seed(plan.seed);
        let mut replicates = vec![Vec::new(); samples.len()];
        if rounds == 0 || rounds > MOST_ROUNDS {
            return Self { replicates };
        }
        let mut counts = vec![0; rounds];
        for _ in 0..plan.resamples {
            draw_counts(&mut generator, &mut counts);
            for (sample, replicates) in samples.iter().zip(&mut replicates) {
                if sample.rounds == rounds {
                    replicates.extend(estimate_of(sample, &counts));
                }
            }
        }
        for replicates in &mut replicates {
            replicates.sort_by(f64::total_cmp);
        }
        Self { replicates }
    }

    /// The intervals of the samples that were drawn from, in their order.
    #[must_use]
    pub fn intervals(&self, samples: &[Sample], level: Level) -> Vec<BootstrapIntervals> {
        let pairs = samples.iter().zip(&self.replicates);
        let tail = 0.5 * level.miss();
        pairs
            .map(|(sample, replicates)| BootstrapIntervals {
                estimator: sample.estimator,
                percentile: between(replicates, tail, 1.0 - tail),
                bca: bca(sample, replicates, tail),
            })
            .collect()
    }
}

/// How often each round is in a resample. Each word of the generator gives two
/// places by Lemire's method (2019), <https://doi.org/10.1145/3230636>, so that
/// all places have the same probability. No round comes 2¹⁶ times: of fewer
/// rounds none can, of more it has a probability below 10⁻²⁰⁰⁰⁰⁰.
#[allow(clippy::cast_possible_truncation)] // halves of a word
fn draw_counts(generator: &mut Generator, counts: &mut [u16]) {
    counts.fill(0);
    let bound = u32::try_from(counts.len()).expect("at most MOST_ROUNDS");
    let threshold = bound.wrapping_neg() % bound;
    let mut left = counts.len();
    while left > 0 {
        let word = generator.next_word();
        for half in [word as u32, (word >> 32) as u32] {
            let product = u64::from(half) * u64::from(bound);
            if product as u32 >= threshold && left > 0 {
                counts[(product >> 32) as usize] += 1;
                left -= 1;
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)] // at most MOST_ROUNDS
fn estimate_of(sample: &Sample, counts: &[u16]) -> Option<f64> {
    let (formula, columns) = sample.whole()?;
    let mut means = [0.0; MOST_TERMS];
    for (mean, column) in means.iter_mut().zip(columns) {
        *mean = dot(counts, column) / counts.len() as f64;
    }
    let value = formula.value(&means[..columns.len()])?;
    value.is_finite().then_some(value)
}

fn dot(counts: &[u16], column: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (counts, column) = (counts.chunks_exact(8), column.chunks_exact(8));
    let rest = counts.remainder().iter().zip(column.remainder());
    let rest: f64 = rest.map(|(count, x)| f64::from(*count) * x).sum();
    for (counts, column) in counts.zip(column) {
        for (lane, (count, x)) in lanes.iter_mut().zip(counts.iter().zip(column)) {
            *lane += f64::from(*count) * x;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// The interval between two quantiles of ascending replicates.
pub(super) fn between(replicates: &[f64], low: f64, high: f64) -> Option<Ends> {
    Ends::new(quantile(replicates, low)?, quantile(replicates, high)?)
}

/// Between the order statistics, linearly.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)] // a place in a slice
fn quantile(ascending: &[f64], probability: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let place = (probability * last as f64).clamp(0.0, last as f64);
    let below = place.floor();
    let lower = *ascending.get(below as usize)?;
    let upper = *ascending.get((below as usize + 1).min(last))?;
    Some(lower + (place - below) * (upper - lower))
}

#[allow(clippy::cast_precision_loss)] // at most MOST_ROUNDS
fn bca(sample: &Sample, replicates: &[f64], tail: f64) -> Option<Ends> {
    let value = estimate_of(sample, &vec![1; sample.rounds])?;
    let acceleration = acceleration(sample)?;
    let less = replicates.partition_point(|replicate| *replicate < value) as f64;
    let ties = replicates.partition_point(|replicate| *replicate <= value) as f64 - less;
    let correction = normal_quantile((less + 0.5 * ties) / replicates.len() as f64)?;
    let level = |probability: f64| {
        let shifted = correction + normal_quantile(probability)?;
        let divisor = 1.0 - acceleration * shifted;
        (divisor > 0.0).then(|| normal_cumulative(correction + shifted / divisor))
    };
    between(replicates, level(tail)?, level(1.0 - tail)?)
}

/// Σl³ / 6(Σl²)^{3/2} over the rounds' influences l; 0 where all are 0.
#[allow(clippy::cast_precision_loss)] // at most MOST_ROUNDS
fn acceleration(sample: &Sample) -> Option<f64> {
    let (formula, columns) = sample.whole()?;
    let mut means = [0.0; MOST_TERMS];
    for (mean, column) in means.iter_mut().zip(columns) {
        *mean = column.iter().sum::<f64>() / sample.rounds as f64;
    }
    let gradient = formula.gradient(&means[..columns.len()]);
    let (mut squares, mut cubes) = (0.0, 0.0);
    for round in 0..sample.rounds {
        let parts = columns.iter().zip(means).zip(gradient);
        let influence: f64 = parts
            .map(|((column, mean), slope)| slope * (column[round] - mean))
            .sum();
        squares += influence * influence;
        cubes += influence * influence * influence;
    }
    if squares == 0.0 {
        return Some(0.0);
    }
    Some(cubes / (6.0 * squares * math::sqrt(squares)))
}
