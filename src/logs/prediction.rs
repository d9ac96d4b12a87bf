//! Prediction logs: Parquet with a reward model's predictions beside what was
//! logged, and the target policy in a second file.
//!
//! `NAME.parquet` has one row a round:
//!
//! | column | what it holds |
//! | --- | --- |
//! | `reward` | a number in the declared range |
//! | `action` | which of the target's actions was shown, from 0 |
//! | `position` | where, from 0 |
//! | `pscore` | the logging propensity, in (0, 1\] |
//! | `w_hat` | the balanced estimator's weight, at least 0; may be left out |
//! | `q_0`, `q_1`, … | the predicted reward of each action at the logged position; all or none |
//!
//! `NAME_evalpi.parquet` has one row an action, and the columns `pos_0`,
//! `pos_1`, … with the target's probabilities at each position. Numbers may be
//! of any width; single precision is widened before anything is computed.
//!
//! The reader streams: a batch of rows is in memory at a time, and a row's
//! predictions are summed up for the target as they are read.

mod read;
mod values;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::evaluation::target::NotATarget;

pub use read::{PredictionReader, read_target};

/// A file that is refused.
#[derive(Debug, Error)]
#[error("{name}: {problem}")]
pub struct PredictionError {
    /// The file's name.
    pub name: String,
    /// What is wrong with it.
    pub problem: PredictionProblem,
}

/// What is wrong with a file. Rows count from 1.
#[derive(Debug, Error)]
pub enum PredictionProblem {
    /// No byte at all.
    #[error("the file is empty, a Parquet file was expected")]
    Empty,
    /// Rows are missing altogether.
    #[error("the file has no row, at least 1 was expected")]
    NoRows,
    /// It begins as Parquet does and does not end so.
    #[error(
        "the file was cut short: it begins as Parquet and ends after {bytes} bytes without a footer"
    )]
    Truncated {
        /// How many bytes there are.
        bytes: u64,
    },
    /// Something else.
    #[error("the file is not Parquet")]
    NotParquet,
    /// A column that every such file has.
    #[error("there is no column {column}; there are {found}")]
    MissingColumn {
        /// Which.
        column: String,
        /// What there is, cut short.
        found: String,
    },
    /// A column that no such file has.
    #[error("column {column} is not known; known are {known}")]
    UnknownColumn {
        /// Which.
        column: String,
        /// What is known.
        known: &'static str,
    },
    /// The same column twice.
    #[error("column {column} is there twice")]
    RepeatedColumn {
        /// Which.
        column: String,
    },
    /// A column that holds no numbers.
    #[error("column {column} is of type {found}, numbers were expected")]
    NotNumbers {
        /// Which.
        column: String,
        /// What it holds.
        found: String,
    },
    /// Predictions and target are over different actions.
    #[error("there are predictions of {predicted} actions, q_0 to q_{last}; the target has {target}", last = predicted - 1)]
    ActionCount {
        /// How many predictions a row has.
        predicted: usize,
        /// How many actions the target has.
        target: usize,
    },
    /// A value that its column does not allow.
    #[error("row {row}, column {column}: {value} is not {expected}")]
    Value {
        /// Where.
        row: u64,
        /// Where.
        column: String,
        /// What stands there.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// The target's columns are no distribution.
    #[error("columns pos_N: {0}")]
    Target(#[from] NotATarget),
    /// The file could not be opened or read.
    #[error("the file could not be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// The file's own structure is wrong.
    #[error("after row {row} the file could not be decoded: {error}")]
    Undecodable {
        /// The last row that was read.
        row: u64,
        /// Why.
        error: String,
    },
}

/// Where the target of a log stands: `NAME_evalpi.parquet` beside
/// `NAME.parquet`.
#[must_use]
pub fn target_path(log: &Path) -> PathBuf {
    let stem = log.file_stem().unwrap_or_default().to_string_lossy();
    log.with_file_name(format!("{stem}_evalpi.parquet"))
}

#[cfg(test)]
mod tests;
