//! The second reading of a log of several loggers.

use thiserror::Error;

use super::{LoggerEstimator, LoggerFault, LoggerSizes, Row, Stratum, real};
use crate::domain::math;
use crate::evaluation::diagnostics::{Summary, Thresholds, Verdict, unsupported_by};
use crate::evaluation::estimator::Estimate;
use crate::evaluation::interval::{Ends, GROUPS, Level, group_of, normal, student_t};
use crate::evaluation::logged::Rounds;
use crate::evaluation::pass::Kind;
use crate::evaluation::quantile::student_two_sided;
use crate::evaluation::weigh::{Tally, note};
use crate::evaluation::weighted_sums::WeightedSums;

/// The rows of one logger, as one estimator sees them, so far.
#[derive(Debug, Clone)]
struct Kept {
    /// Of weights and rewards.
    sums: WeightedSums,
    /// mᵢ.
    mean: f64,
    /// Σ(w·r − mᵢ)².
    squares: f64,
    /// Of each group of shoppers: how many rows, and Σ w·r.
    groups: Vec<(f64, f64)>,
}

impl Kept {
    fn none() -> Self {
        Self {
            sums: WeightedSums::default(),
            mean: 0.0,
            squares: 0.0,
            groups: Vec::new(),
        }
    }

    fn add(&mut self, weight: f64, reward: f64, group: Option<u32>) {
        self.sums.push(weight, reward);
        let score = weight * reward;
        let gap = score - self.mean;
        self.mean += gap / real(self.sums.count());
        self.squares += gap * (score - self.mean);
        if let Some(group) = group {
            self.groups.resize(GROUPS, (0.0, 0.0));
            let (rows, sum) = &mut self.groups[group as usize];
            *rows += 1.0;
            *sum += score;
        }
    }

    fn stratum(&self) -> Stratum {
        let rows = self.sums.count();
        Stratum {
            rows,
            mean: self.mean,
            variance: (rows > 1).then(|| self.squares / real(rows - 1)),
        }
    }
}

/// A pass at work.
#[derive(Debug, Clone)]
pub struct LoggerPass {
    sizes: LoggerSizes,
    level: Level,
    /// Whether rows of a log that names shoppers count as independent.
    independent: bool,
    /// One entry a logger each.
    kept: Vec<(LoggerEstimator, Vec<Kept>)>,
    /// A row does not know every logger's probability.
    without_propensities: bool,
    names_shoppers: bool,
    /// What rows chose, and what the target would have.
    tally: Tally,
    /// Σ of the target's mass that a row's own logger could not have chosen, where
    /// that is known.
    unsupported: Option<f64>,
    earned: f64,
}

/// Why an estimator says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WhyNoLoggers {
    /// There is no row.
    #[error("the log has no row")]
    NoRows,
    /// There are no distributions of the other loggers.
    #[error(
        "the log does not say with which probability every logger would have chosen what a row chose \
         (the column logger_propensities)"
    )]
    NoPropensities,
    /// A logger's scores are all the same.
    #[error("the scores of logger {logger} do not vary, so its precision is not known")]
    NoVariance {
        /// Which, by its number.
        logger: usize,
    },
}

/// What one estimator says.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggerLine {
    /// Which.
    pub estimator: LoggerEstimator,
    /// What a row would have earned.
    pub estimate: Estimate,
    /// ωᵢ of each logger.
    pub shares: Vec<f64>,
    /// How sure that is.
    pub intervals: Vec<(Kind, Ends)>,
    /// What its weights are like, each times ωᵢ·n/nᵢ.
    pub summary: Summary,
    /// Whether they can answer.
    pub verdict: Verdict,
}

/// What came of a pass.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggerAnswer {
    /// nᵢ, logger by logger.
    pub sizes: LoggerSizes,
    /// What a row earned; `None` of nothing.
    pub logged: Option<f64>,
    /// What the estimators say.
    pub lines: Vec<LoggerLine>,
    /// Those that say nothing.
    pub refused: Vec<(LoggerEstimator, WhyNoLoggers)>,
}

impl LoggerPass {
    /// Nothing read yet, of a log whose loggers have these sizes.
    #[must_use]
    pub fn new(
        estimators: &[LoggerEstimator],
        sizes: LoggerSizes,
        level: Level,
        independent: bool,
    ) -> Self {
        let loggers = sizes.rows().len();
        let kept = |estimator: &LoggerEstimator| (*estimator, vec![Kept::none(); loggers]);
        Self {
            kept: estimators.iter().map(kept).collect(),
            sizes,
            level,
            independent,
            without_propensities: false,
            names_shoppers: false,
            tally: Tally::new(),
            unsupported: None,
            earned: 0.0,
        }
    }

    /// Adds a batch that was weighed for the target.
    ///
    /// # Errors
    /// When rows name no logger, or one that the first reading did not see.
    pub fn add(&mut self, rounds: &Rounds) -> Result<(), LoggerFault> {
        let choices = rounds.choices().ok_or(LoggerFault::NoLoggers)?;
        let target = rounds.target_probabilities().unwrap_or_default();
        if let Some(unsupported) = rounds.unsupported() {
            let before = self.unsupported.unwrap_or(0.0);
            self.unsupported = Some(before + unsupported.iter().sum::<f64>());
        }
        for index in 0..rounds.len() {
            let choice = choices.get(index);
            let logger = choice.logger.ok_or(LoggerFault::NoLoggers)? as usize;
            if logger >= self.sizes.rows().len() {
                return Err(LoggerFault::Changed);
            }
            let row = Row {
                weight: rounds.weight()[index],
                propensity: choice.propensity,
                propensities: choice.logger_propensities,
            };
            self.without_propensities |= row.propensities.is_none();
            self.names_shoppers |= choice.shopper.is_some();
            let group = choice.shopper.map(group_of);
            let reward = rounds.reward()[index];
            self.earned += reward;
            for (estimator, kept) in &mut self.kept {
                if *estimator == LoggerEstimator::Balanced && self.without_propensities {
                    continue;
                }
                let weight = estimator.weight(&row, &self.sizes);
                kept[logger].add(weight, reward, group);
            }
            note(&mut self.tally, &choice, &target[choices.span(index)]);
        }
        Ok(())
    }

    /// What came of it.
    #[must_use]
    pub fn answer(&self, thresholds: &Thresholds) -> LoggerAnswer {
        let (mut lines, mut refused) = (Vec::new(), Vec::new());
        for (estimator, kept) in &self.kept {
            match self.line(*estimator, kept, thresholds) {
                Ok(line) => lines.push(line),
                Err(why) => refused.push((*estimator, why)),
            }
        }
        let total = self.sizes.total();
        LoggerAnswer {
            sizes: self.sizes.clone(),
            logged: (total > 0).then(|| self.earned / real(total)),
            lines,
            refused,
        }
    }

    fn line(
        &self,
        estimator: LoggerEstimator,
        kept: &[Kept],
        thresholds: &Thresholds,
    ) -> Result<LoggerLine, WhyNoLoggers> {
        if self.sizes.total() == 0 {
            return Err(WhyNoLoggers::NoRows);
        }
        if estimator == LoggerEstimator::Balanced && self.without_propensities {
            return Err(WhyNoLoggers::NoPropensities);
        }
        let strata: Vec<Stratum> = kept.iter().map(Kept::stratum).collect();
        let shares = estimator.shares(&strata)?;
        let estimate = estimate(&strata, &shares);
        let summary = self.summary(estimator, kept, &shares);
        Ok(LoggerLine {
            estimator,
            intervals: self.intervals(kept, &shares, &estimate),
            estimate,
            shares,
            verdict: summary.verdict(thresholds),
            summary,
        })
    }

    /// The weights as they come into the estimate.
    fn summary(&self, estimator: LoggerEstimator, kept: &[Kept], shares: &[f64]) -> Summary {
        let total = real(self.sizes.total());
        let mut sums = WeightedSums::default();
        for (kept, share) in kept.iter().zip(shares) {
            if kept.sums.count() > 0 {
                let factor = share * total / real(kept.sums.count());
                sums.merge(&kept.sums.with_weights_times(factor));
            }
        }
        // What one logger cannot choose another may.
        let own = self
            .unsupported
            .filter(|_| estimator != LoggerEstimator::Balanced);
        let mass = own.unwrap_or_else(|| unsupported_by(&self.tally));
        Summary::of_sums(&sums, Some(mass / total))
    }

    fn intervals(&self, kept: &[Kept], shares: &[f64], estimate: &Estimate) -> Vec<(Kind, Ends)> {
        let mut intervals = Vec::new();
        let mut push = |kind, ends: Option<Ends>| intervals.extend(ends.map(|it| (kind, it)));
        if self.names_shoppers {
            let ends = clustered(kept, shares, estimate.value, self.level);
            push(Kind::ClusteredT, ends);
        }
        if self.independent || !self.names_shoppers {
            push(Kind::Normal, normal(estimate, self.level));
            push(Kind::StudentT, student_t(estimate, self.level));
        }
        intervals
    }
}

/// Σᵢ ωᵢ·mᵢ, with the standard error of rows that are independent; without one
/// where a logger has a single row.
fn estimate(strata: &[Stratum], shares: &[f64]) -> Estimate {
    let parts = strata.iter().zip(shares);
    let value = parts.clone().map(|(it, share)| share * it.mean).sum();
    let mut variance = Some(0.0);
    for (stratum, share) in parts.filter(|(stratum, _)| stratum.rows > 0) {
        let part = |own| share * share * own / real(stratum.rows);
        variance = variance.zip(stratum.variance.map(part)).map(|(a, b)| a + b);
    }
    Estimate {
        value,
        standard_error: variance.map(math::sqrt),
        round_deviation: None,
        bias_bound: None,
        rounds: strata.iter().map(|stratum| stratum.rows).sum(),
    }
}

/// Student's t with the standard error of groups of whole shoppers: group k has the
/// influence Σᵢ (ωᵢ/nᵢ)·Σ(w·r − mᵢ) over its rows.
fn clustered(kept: &[Kept], shares: &[f64], value: f64, level: Level) -> Option<Ends> {
    let mut influences = vec![(0.0, 0.0); GROUPS];
    for (kept, share) in kept.iter().zip(shares) {
        let factor = share / real(kept.sums.count().max(1));
        for ((seen, influence), (rows, sum)) in influences.iter_mut().zip(&kept.groups) {
            *seen += rows;
            *influence += factor * (sum - rows * kept.mean);
        }
    }
    let there = influences.iter().filter(|(rows, _)| *rows > 0.0);
    let groups = real(there.clone().count() as u64);
    if !(groups > 1.0) {
        return None;
    }
    let squares: f64 = there.map(|(_, influence)| influence * influence).sum();
    let error = math::sqrt(groups / (groups - 1.0) * squares);
    let half = student_two_sided(level.get(), groups - 1.0)? * error;
    Ends::new(value - half, value + half)
}
