//! Logs that others made: one reader and writer a format.
//!
//! - [`obd`] reads, makes catalogues of, and generates logs in the form of the
//!   Open Bandit Dataset, and weighs them for evaluation.
//! - `prediction` reads Parquet logs with a reward model's predictions, and
//!   the target that goes with them (feature `offline`).
//!
//! Readers stream: a log is never held whole. A row that is read is right;
//! what is wrong is refused with its file, row and column. This room reads and
//! writes what it is given; it knows no engine and no clock. Of evaluation it
//! knows the vocabulary that rounds are handed over in, `logged` and `target`,
//! so that a wide row is summed up as it is read and never copied.

pub mod obd;
#[cfg(feature = "offline")]
pub mod prediction;
