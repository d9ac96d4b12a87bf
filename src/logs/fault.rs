//! Why a file is refused: with its name and, where it has them, row and column.

use std::path::Path;

use thiserror::Error;

use crate::evaluation::target::NotATarget;

/// A file that is refused.
#[derive(Debug, Error)]
#[error("{name}: {problem}")]
pub struct LogError {
    /// The file's name.
    pub name: String,
    /// What is wrong with it.
    pub problem: LogProblem,
}

/// A file that is read batch by batch: it stands in every refusal, and after the
/// first one nothing more comes of it.
#[derive(Debug)]
pub(super) struct ReadFile {
    name: String,
    refused: bool,
}

impl ReadFile {
    /// The file at `path`.
    pub fn at(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            refused: false,
        }
    }

    /// Its name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A refusal that names it.
    pub fn refusal(&self, problem: LogProblem) -> LogError {
        LogError {
            name: self.name.clone(),
            problem,
        }
    }

    /// Whether it was refused.
    pub const fn is_refused(&self) -> bool {
        self.refused
    }

    /// What a reader's iterator gives for a batch that was read.
    pub fn give<T>(&mut self, batch: Result<Option<T>, LogProblem>) -> Option<Result<T, LogError>> {
        let batch = batch.transpose()?;
        self.refused = batch.is_err();
        Some(batch.map_err(|problem| self.refusal(problem)))
    }
}

/// What is wrong with a file. Rows count from 1.
#[derive(Debug, Error)]
pub enum LogProblem {
    /// No byte at all.
    #[error("the file is empty, {expected} was expected")]
    Empty {
        /// What it should have been.
        expected: &'static str,
    },
    /// Rows are missing altogether.
    #[error("the file has no row, at least 1 was expected")]
    NoRows,
    /// It begins as its format does and does not end so.
    #[error(
        "the file was cut short: it begins as {format} and ends after {bytes} bytes without {end}"
    )]
    Truncated {
        /// The format.
        format: &'static str,
        /// How many bytes there are.
        bytes: u64,
        /// What its end should have been.
        end: &'static str,
    },
    /// Something else.
    #[error("the file is not {format}")]
    OtherFormat {
        /// What it should have been.
        format: &'static str,
    },
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
    /// A column of another type.
    #[error("column {column} is of type {found}, {expected} were expected")]
    ColumnType {
        /// Which.
        column: String,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: &'static str,
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

/// How much of a list of columns is shown.
const SHOWN_CHARS: usize = 200;

/// A column is missing; tells what there is.
pub(super) fn missing<'a>(column: &str, found: impl IntoIterator<Item = &'a str>) -> LogProblem {
    let found: Vec<&str> = found.into_iter().collect();
    let found = found.join(", ");
    let short: String = found.chars().take(SHOWN_CHARS).collect();
    LogProblem::MissingColumn {
        column: column.to_owned(),
        found: if short == found {
            short
        } else {
            format!("{short}…")
        },
    }
}
