//! Choice logs in Parquet: what a ledger is exported to, and what any program
//! can write. `docs/logs.md` documents every column.
//!
//! | column | type | what it holds |
//! | --- | --- | --- |
//! | `action` | text or whole number | what was chosen |
//! | `propensity` | number | with which probability, in (0, 1\] |
//! | `reward` | number | what it earned |
//! | `actions` | list of what `action` is | what was on offer |
//! | `probabilities` | list of numbers | the probability of each of `actions` |
//! | `position` | whole number | where it was shown, from 0 |
//! | `segment`, `placement` | text or whole number | for whom, where |
//! | `shopper` | text or whole number | equal ones are the same shopper |
//! | `decided_at` | timestamp, or whole number of milliseconds since 1970 | when |
//! | `sequence` | whole number | grows with the order of the log |
//! | `decision` | text | a UUID |
//! | `logger` | text or whole number | which policy chose, in a log of several |
//! | `logger_propensities` | list of numbers | with which probability each logger would have chosen the same, the loggers in the order of their names |
//! | `conversion`, `revenue`, `margin`, `discount_cost` | number | what else it earned |
//!
//! The first three have to be there. Without `actions`, every action that the
//! log shows counts as on offer at every row.

mod columns;
mod read;
mod write;

use super::survey::Survey;

pub use columns::Dialect;
pub use read::{ParquetChoices, survey};
pub use write::{ParquetWriteError, ParquetWriter};

/// What the columns are called.
const KNOWN: &str = "action, propensity, reward, actions, probabilities, position, segment, \
    placement, shopper, decided_at, sequence, decision, logger, logger_propensities, \
    conversion, revenue, margin, discount_cost";

/// Under which key of the file's metadata the writer leaves a [`Survey`], so
/// that the file need not be read twice.
const SURVEY_KEY: &str = "promobandit.survey";

#[cfg(test)]
mod tests;
