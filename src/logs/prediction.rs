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

use std::path::{Path, PathBuf};

pub use read::{PredictionReader, read_target};

/// Where the target of a log stands: `NAME_evalpi.parquet` beside
/// `NAME.parquet`.
#[must_use]
pub fn target_path(log: &Path) -> PathBuf {
    let stem = log.file_stem().unwrap_or_default().to_string_lossy();
    log.with_file_name(format!("{stem}_evalpi.parquet"))
}

#[cfg(test)]
mod tests;
