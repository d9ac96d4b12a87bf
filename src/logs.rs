//! Logs that others made: one reader and writer a format.
//!
//! - [`obd`] reads, makes catalogues of, and generates logs in the form of the
//!   Open Bandit Dataset.
//!
//! Readers stream: a log is never held whole. A row that is read is right;
//! what is wrong is refused with its file, row and column. This room reads and
//! writes what it is given; it knows no engine and no clock.

pub mod obd;
