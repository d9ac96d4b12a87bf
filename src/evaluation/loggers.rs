//! A log of several loggers: rows that different policies chose, each of which
//! names its own.
//!
//! Agarwal, Basu, Schnabel, Joachims (2017), "Effective evaluation using logged
//! bandit feedback from multiple loggers",
//! <https://arxiv.org/abs/1703.06180>. Notation, as there: logger i has the
//! policy πᵢ and nᵢ of the n rows; π̄ is the target. Every estimator is a mean
//! Σᵢ ωᵢ·mᵢ of the loggers' own means mᵢ of w·r:
//!
//! | estimator | w of a row of logger i | ωᵢ | it needs |
//! | --- | --- | --- | --- |
//! | `naive_ips` | π̄/πᵢ | nᵢ/n | the row's propensity |
//! | `balanced_ips` | π̄/Σⱼ(nⱼ/n)·πⱼ | nᵢ/n | every logger's probability of what the row chose |
//! | `weighted_ips` | π̄/πᵢ | proportional to nᵢ/σᵢ² | the row's propensity |
//!
//! The sizes nᵢ count as given, so the variance is Σᵢ ωᵢ²·σᵢ²/nᵢ, where σᵢ² is that
//! of w·r among the rows of logger i. Where the log names shoppers it comes from
//! groups of whole shoppers instead, each row less its logger's mean (see
//! [`clustered`](super::interval)).
//!
//! The log is read twice: `balanced_ips` has to know nᵢ beforehand
//! ([`LoggerSizes`]). Memory: 16 KiB an estimator and logger. The second reading
//! does not depend on the order of rows but by rounding.

mod balanced;
mod naive;
mod pass;
mod weighted;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::choices::Choices;

pub use pass::{LoggerAnswer, LoggerLine, LoggerPass, WhyNoLoggers};

/// More loggers than this are refused: such a log names something else in that
/// column, or has a policy for every few rows.
pub const MOST_LOGGERS: usize = 256;

/// An estimator of what the target earns, from several loggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggerEstimator {
    /// Every row by its own logger's propensity.
    Naive,
    /// Every row by the propensity of all loggers together.
    Balanced,
    /// The loggers' own means, by their precision.
    Weighted,
}

impl LoggerEstimator {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Naive, Self::Balanced, Self::Weighted];

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive_ips",
            Self::Balanced => "balanced_ips",
            Self::Weighted => "weighted_ips",
        }
    }

    /// What a reader of the figure has to know.
    #[must_use]
    pub const fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Naive | Self::Balanced => None,
            Self::Weighted => Some("the loggers' precisions are estimated from the same rows"),
        }
    }

    /// What a row weighs.
    fn weight(self, row: &Row<'_>, sizes: &LoggerSizes) -> f64 {
        match self {
            Self::Naive | Self::Weighted => row.weight,
            Self::Balanced => balanced::weight(row, sizes),
        }
    }

    /// ωᵢ of every logger; they sum to 1.
    fn shares(self, strata: &[Stratum]) -> Result<Vec<f64>, WhyNoLoggers> {
        match self {
            Self::Naive | Self::Balanced => Ok(naive::shares(strata)),
            Self::Weighted => weighted::shares(strata),
        }
    }
}

impl fmt::Display for LoggerEstimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no estimator's of several loggers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not naive_ips, balanced_ips or weighted_ips")]
pub struct UnknownLoggerEstimator(String);

impl FromStr for LoggerEstimator {
    type Err = UnknownLoggerEstimator;

    fn from_str(name: &str) -> Result<Self, UnknownLoggerEstimator> {
        let mut all = Self::ALL.into_iter();
        all.find(|estimator| estimator.name() == name)
            .ok_or_else(|| UnknownLoggerEstimator(name.to_owned()))
    }
}

/// Why a log is not one of several loggers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoggerFault {
    /// Rows name no logger.
    #[error(
        "the log does not say which logger chose a row: a column logger (docs/logs.md), or a ledger, \
         which knows its own policies"
    )]
    NoLoggers,
    /// There are too many.
    #[error("the log has more than {MOST_LOGGERS} loggers")]
    TooMany,
    /// The second reading is not of what the first one was.
    #[error("the log changed while it was read")]
    Changed,
}

/// nᵢ: how many rows each logger has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggerSizes {
    rows: Vec<u64>,
}

impl LoggerSizes {
    /// Counts a batch's rows.
    ///
    /// # Errors
    /// When rows name no logger, or too many.
    pub fn add(&mut self, choices: &Choices) -> Result<(), LoggerFault> {
        let loggers = &choices.columns().logger;
        if loggers.len() != choices.len() {
            return Err(LoggerFault::NoLoggers);
        }
        for logger in loggers {
            let logger = *logger as usize;
            if logger >= MOST_LOGGERS {
                return Err(LoggerFault::TooMany);
            }
            if logger >= self.rows.len() {
                self.rows.resize(logger + 1, 0);
            }
            self.rows[logger] += 1;
        }
        Ok(())
    }

    /// nᵢ, logger by logger.
    #[must_use]
    pub fn rows(&self) -> &[u64] {
        &self.rows
    }

    /// n.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows.iter().sum()
    }
}

/// One row.
struct Row<'a> {
    /// π̄/πᵢ.
    weight: f64,
    /// πᵢ of what was chosen.
    propensity: f64,
    /// The same of every logger; `None` where the log does not know it.
    propensities: Option<&'a [f64]>,
}

/// The rows of one logger, as one estimator sees them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stratum {
    /// nᵢ.
    rows: u64,
    /// mᵢ; 0 of no row.
    mean: f64,
    /// σᵢ² (divisor nᵢ − 1); `None` below 2 rows.
    variance: Option<f64>,
}

#[allow(clippy::cast_precision_loss)] // no log has 2^53 rows
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
