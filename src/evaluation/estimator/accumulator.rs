//! An estimator at work: what it has seen so far, and its estimate.

use thiserror::Error;

use super::super::logged::{MissingColumn, RewardRange, Rounds, RoundsView};
use super::super::moments::{CHUNK, MOST_TERMS, Moments, Terms};
use super::super::weighted_sums::WeightedSums;
use super::{Estimator, Formula, MaximumLikelihood, cressie_read};
use crate::domain::math;

/// What an estimator says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate of the target's mean reward.
    pub value: f64,
    /// Its standard error by the delta method; `None` below 2 rounds and where
    /// no formula gives one.
    pub standard_error: Option<f64>,
    /// The standard deviation (divisor n − 1) of Open Bandit Pipeline's "round
    /// values", which hold a normalising mean fixed. It is the delta method's
    /// where nothing is normalised.
    pub round_deviation: Option<f64>,
    /// How far its expectation may be from the truth, where a parameter biases
    /// it knowingly and the bias has a bound.
    pub bias_bound: Option<f64>,
    /// How many rounds it rests on.
    pub rounds: u64,
}

/// Two accumulators of different estimators.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{left} does not merge with {right}")]
pub struct Unlike {
    left: Estimator,
    right: Estimator,
}

#[derive(Debug, Clone)]
enum Memory {
    Means(Moments),
    Likelihood(MaximumLikelihood),
    CressieRead(WeightedSums),
}

/// Streams over rounds and merges with another of its kind. The order of
/// rounds matters only to rounding.
#[derive(Debug, Clone)]
pub struct Accumulator {
    estimator: Estimator,
    memory: Memory,
    rounds: u64,
}

impl Accumulator {
    /// Nothing seen yet; `None` of an estimator that needs the log's order.
    #[must_use]
    pub fn new(estimator: Estimator) -> Option<Self> {
        let memory = match (estimator.formula(), estimator) {
            (Some(formula), _) => Memory::Means(Moments::new(formula.terms())),
            (None, Estimator::CressieRead) => Memory::CressieRead(WeightedSums::default()),
            (None, Estimator::Mle) => Memory::Likelihood(MaximumLikelihood::default()),
            (None, _) => return None,
        };
        Some(Self {
            estimator,
            memory,
            rounds: 0,
        })
    }

    /// The estimator.
    #[must_use]
    pub const fn estimator(&self) -> Estimator {
        self.estimator
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When the log lacks a column that the estimator reads; nothing is added
    /// then.
    pub fn add(&mut self, rounds: &Rounds) -> Result<(), MissingColumn> {
        match &mut self.memory {
            Memory::Means(moments) => {
                let formula = self.estimator.formula();
                let formula = formula.expect("means are kept for formulas alone");
                Self::for_each_chunk(formula, rounds, |terms, rows| moments.add(terms, rows))?;
            }
            Memory::Likelihood(likelihood) => likelihood.add(whole(rounds)),
            Memory::CressieRead(sums) => sums.add(whole(rounds)),
        }
        self.rounds += rounds.len() as u64;
        Ok(())
    }

    /// Hands a batch's terms over, chunk by chunk.
    pub(in super::super) fn for_each_chunk(
        formula: &dyn Formula,
        rounds: &Rounds,
        mut take: impl FnMut(&Terms, usize),
    ) -> Result<(), MissingColumn> {
        let mut terms = [[0.0; CHUNK]; MOST_TERMS];
        for start in (0..rounds.len()).step_by(CHUNK) {
            let end = (start + CHUNK).min(rounds.len());
            formula.fill(rounds.view(start..end), &mut terms)?;
            take(&terms, end - start);
        }
        Ok(())
    }

    /// Adds what another pass saw.
    ///
    /// # Errors
    /// When the other is of another estimator.
    pub fn merge(&mut self, other: &Self) -> Result<(), Unlike> {
        let unlike = Unlike {
            left: self.estimator,
            right: other.estimator,
        };
        if self.estimator != other.estimator {
            return Err(unlike);
        }
        match (&mut self.memory, &other.memory) {
            (Memory::Means(ours), Memory::Means(theirs)) => ours.merge(theirs),
            (Memory::Likelihood(ours), Memory::Likelihood(theirs)) => ours.merge(theirs),
            (Memory::CressieRead(ours), Memory::CressieRead(theirs)) => ours.merge(theirs),
            _ => return Err(unlike),
        }
        self.rounds += other.rounds;
        Ok(())
    }

    /// The estimate; `None` of nothing, or where the estimator is not defined.
    #[must_use]
    pub fn estimate(&self, range: RewardRange) -> Option<Estimate> {
        let bare = |value| Estimate {
            value,
            standard_error: None,
            round_deviation: None,
            bias_bound: None,
            rounds: self.rounds,
        };
        match &self.memory {
            Memory::Means(moments) => self.estimate_of_means(moments, range),
            Memory::Likelihood(likelihood) => likelihood.estimate().map(bare),
            Memory::CressieRead(sums) => cressie_read(sums).map(bare),
        }
    }

    #[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
    fn estimate_of_means(&self, moments: &Moments, range: RewardRange) -> Option<Estimate> {
        let formula = self.estimator.formula()?;
        let means = moments.means()?;
        let value = formula.value(means).filter(|value| value.is_finite())?;
        let variance = moments.variance_along(&formula.gradient(means));
        let round_variance = moments.variance_along(&formula.round_weights(means));
        Some(Estimate {
            value,
            standard_error: variance.map(|variance| math::sqrt(variance / self.rounds as f64)),
            round_deviation: round_variance.map(math::sqrt),
            bias_bound: formula.bias_bound(means, range),
            rounds: self.rounds,
        })
    }
}

fn whole(rounds: &Rounds) -> RoundsView<'_> {
    rounds.view(0..rounds.len())
}
