//! The bootstrap for logs of any length: each shopper counts a Poisson(1) number
//! of times in each resample.
//!
//! Chamandy, Muralidharan, Najmi, Naidu (2012), "Estimating uncertainty for
//! massive data streams", Google technical report 43157; Hanley, MacGibbon (2006), "Creating
//! non-parametric bootstrap samples using Poisson frequencies",
//! <https://doi.org/10.1016/j.cmpb.2006.04.006>. Their weights are the counts
//! here, drawn for each unit by itself, so that nothing is kept but sums.
//!
//! A unit is a shopper where the log names shoppers, otherwise a round. Its
//! counts follow from the seed and its own number alone: all rounds of a shopper
//! have the same ones, in whatever order and part of the log they come. So it
//! clusters by shopper, merges and needs no order. Of rounds without shoppers the
//! number is the place in the pass; parts that merge then share counts between
//! rounds that have nothing to do with each other, which does the estimate no harm.
//!
//! As with any bootstrap, a resample never holds a reward that the log lacks.
//! Costs a draw a round and resample, and a multiplication a term more, so it is
//! for when it is asked for.

use super::super::estimator::{Accumulator, Estimator};
use super::super::logged::{MissingColumn, Rounds};
use super::super::moments::MOST_TERMS;
use super::bootstrap::between;
use super::{BootstrapPlan, Ends, Level};
use crate::domain::random::{DecisionSeed, Stream};

/// What the counts of a unit are drawn from.
const COUNTS: Stream = Stream::numbered(19);

/// P(Poisson(1) ≤ k)·2³² for k = 0, 1, …: a count is how many of them a word's
/// half is not below.
const THRESHOLDS: [u64; 13] = [
    1_580_030_169,
    3_160_060_337,
    3_950_075_422,
    4_213_413_783,
    4_279_248_374,
    4_292_415_292,
    4_294_609_778,
    4_294_923_276,
    4_294_962_463,
    4_294_966_817,
    4_294_967_253,
    4_294_967_292,
    4_294_967_296,
];

/// The resamples' sums of several estimators over one log.
#[derive(Debug, Clone, PartialEq)]
pub struct PoissonBootstrap {
    plan: BootstrapPlan,
    estimators: Vec<Resampled>,
    rounds: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Resampled {
    estimator: Estimator,
    /// Σ of the counts, resample by resample.
    counts: Vec<f64>,
    /// Σ of each term times the counts, term by term.
    sums: [Vec<f64>; MOST_TERMS],
}

impl PoissonBootstrap {
    /// Nothing seen yet; estimators without a formula are left out.
    #[must_use]
    pub fn new(estimators: &[Estimator], plan: BootstrapPlan) -> Self {
        let zeros = || vec![0.0; plan.resamples as usize];
        let resampled = |estimator: &Estimator| {
            let terms = estimator.formula()?.terms();
            let sums = std::array::from_fn(|term| if term < terms { zeros() } else { Vec::new() });
            Some(Resampled {
                estimator: *estimator,
                counts: zeros(),
                sums,
            })
        };
        Self {
            plan,
            estimators: estimators.iter().filter_map(resampled).collect(),
            rounds: 0,
        }
    }

    /// Adds a batch; `shoppers` names one a round, or nobody. An estimator that
    /// lacks a column is left out from then on.
    ///
    /// # Panics
    /// When shoppers are named, and not one a round.
    pub fn add(&mut self, rounds: &Rounds, shoppers: &[u64]) {
        assert!(
            shoppers.is_empty() || shoppers.len() == rounds.len(),
            "a log names every round's shopper or nobody's"
        );
        let unit = |row: usize| match shoppers.get(row) {
            Some(shopper) => *shopper,
            None => self.rounds + row as u64,
        };
        let mut counts = vec![0.0; self.plan.resamples as usize];
        // Rows one by one, so that the counts of a unit are drawn once for all.
        let terms: Vec<Option<Vec<[f64; MOST_TERMS]>>> = self
            .estimators
            .iter()
            .map(|resampled| rows_of(resampled.estimator, rounds).ok())
            .collect();
        for row in 0..rounds.len() {
            draw(self.plan.seed, unit(row), &mut counts);
            for (resampled, terms) in self.estimators.iter_mut().zip(&terms) {
                if let Some(terms) = terms {
                    resampled.add(&terms[row], &counts);
                }
            }
        }
        self.rounds += rounds.len() as u64;
        let mut known = terms.iter().map(Option::is_some);
        self.estimators.retain(|_| known.next().unwrap_or_default());
    }

    /// Adds what another pass saw under the same plan of the same estimators.
    pub fn merge(&mut self, other: &Self) {
        self.rounds += other.rounds;
        for (ours, theirs) in self.estimators.iter_mut().zip(&other.estimators) {
            debug_assert_eq!(ours.estimator, theirs.estimator);
            add_to(&mut ours.counts, &theirs.counts);
            for (sums, others) in ours.sums.iter_mut().zip(&theirs.sums) {
                add_to(sums, others);
            }
        }
    }

    /// The percentile interval of each estimator.
    #[must_use]
    pub fn intervals(&self, level: Level) -> Vec<(Estimator, Option<Ends>)> {
        let tail = 0.5 * level.miss();
        let of = |resampled: &Resampled| {
            let mut values = resampled.values();
            values.sort_by(f64::total_cmp);
            (resampled.estimator, between(&values, tail, 1.0 - tail))
        };
        self.estimators.iter().map(of).collect()
    }
}

fn add_to(sums: &mut [f64], others: &[f64]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
}

/// An estimator's terms, row by row.
fn rows_of(estimator: Estimator, rounds: &Rounds) -> Result<Vec<[f64; MOST_TERMS]>, MissingColumn> {
    let mut all = Vec::with_capacity(rounds.len());
    if let Some(formula) = estimator.formula() {
        Accumulator::for_each_chunk(formula, rounds, |terms, rows| {
            all.extend((0..rows).map(|row| std::array::from_fn(|term| terms[term][row])));
        })?;
    }
    Ok(all)
}

/// A unit's count in each resample.
#[allow(clippy::cast_possible_truncation)] // halves of a word
fn draw(seed: u64, unit: u64, counts: &mut [f64]) {
    // The odd factor keeps a unit's number and the seed apart.
    let unit = DecisionSeed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ unit);
    let mut generator = unit.generator(COUNTS);
    for pair in counts.chunks_mut(2) {
        let word = generator.next_word();
        for (count, half) in pair.iter_mut().zip([word as u32, (word >> 32) as u32]) {
            *count = poisson(half);
        }
    }
}

fn poisson(half: u32) -> f64 {
    let above = THRESHOLDS
        .iter()
        .map(|most| u8::from(u64::from(half) >= *most));
    f64::from(above.sum::<u8>())
}

impl Resampled {
    fn add(&mut self, terms: &[f64; MOST_TERMS], counts: &[f64]) {
        add_to(&mut self.counts, counts);
        for (sums, term) in self.sums.iter_mut().zip(terms) {
            // A round without a reward adds nothing to most terms.
            if *term != 0.0 {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += term * count;
                }
            }
        }
    }

    /// The estimates of the resamples that have one.
    fn values(&self) -> Vec<f64> {
        let Some(formula) = self.estimator.formula() else {
            return Vec::new();
        };
        let value = |(resample, count): (usize, &f64)| {
            let mean = |sums: &Vec<f64>| sums.get(resample).map_or(0.0, |sum| sum / count);
            let means = self.sums.each_ref().map(mean);
            let value = formula.value(&means[..formula.terms()])?;
            (*count > 0.0 && value.is_finite()).then_some(value)
        };
        self.counts.iter().enumerate().filter_map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::math;

    /// A million counts: the mean is 1 give or take 0.001, the variance 1 give or
    /// take 0.002, the share of zeros 1/e give or take 0.0005.
    #[test]
    fn counts_are_poisson() {
        let mut counts = vec![0.0; 1_000];
        let (mut sum, mut squares, mut none) = (0.0, 0.0, 0.0);
        for unit in 0..1_000 {
            draw(7, unit, &mut counts);
            for count in &counts {
                sum += count;
                squares += (count - 1.0) * (count - 1.0);
                none += f64::from(u8::from(*count == 0.0));
            }
        }
        assert!((sum / 1e6 - 1.0).abs() < 0.004, "{sum}");
        assert!((squares / 1e6 - 1.0).abs() < 0.008, "{squares}");
        assert!((none / 1e6 - 0.367_879).abs() < 0.002, "{none}");
    }

    /// The thresholds are those of the distribution.
    #[test]
    fn thresholds_add_up() {
        let (mut term, mut below) = (math::exp(-1.0), 0.0);
        for (count, threshold) in THRESHOLDS.iter().enumerate() {
            below += term;
            term /= (count + 1) as f64;
            let exact = below * 4_294_967_296.0;
            assert!((*threshold as f64 - exact).abs() <= 1.0, "{count}: {exact}");
        }
    }
}
