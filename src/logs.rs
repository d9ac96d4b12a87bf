//! Logs that others made: one reader and writer a format.
//!
//! - [`ledger`] reads the service's own ledger, [`parquet`] what it is exported
//!   to and what others write in the same columns; both give
//!   [`Choices`](crate::evaluation::choices::Choices).
//! - [`obd`] reads, makes catalogues of, and generates logs in the form of the
//!   Open Bandit Dataset, and weighs them for evaluation.
//! - [`sheet`] reads tables of numbers and texts, CSV or Parquet.
//! - [`classification`] reads classified data sets, which a simulation plays as
//!   bandits.
//! - `prediction` reads Parquet logs with a reward model's predictions, and
//!   the target that goes with them (feature `offline`).
//!
//! Readers stream: a log is never held whole. A row that is read is right;
//! what is wrong is refused with its file, row and column ([`fault`]). This room
//! reads and writes what it is given; it knows no clock. Of the engine it knows
//! `history`, which says what became of each decision; of evaluation the
//! vocabulary that rounds are handed over in, `choices`, `logged` and `target`,
//! so that a wide row is summed up as it is read and never copied.

pub mod fault;
pub mod sheet;
pub mod classification;
mod lines;
pub mod obd;
pub mod survey;
pub mod ledger;
pub mod dsjson;
pub mod vw;
#[cfg(feature = "offline")]
pub mod obp;
#[cfg(feature = "offline")]
pub mod parquet;
#[cfg(feature = "offline")]
mod parquet_file;
#[cfg(feature = "offline")]
pub mod prediction;
