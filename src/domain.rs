//! The vocabulary: values that every other room speaks in.
//!
//! Invariants: nothing here does I/O, reads a clock, draws from a global
//! generator or knows of the wire; a value that exists is a valid value.

pub mod distribution;
pub mod ids;
pub mod math;
pub mod random;
pub mod time;
