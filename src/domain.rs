//! The vocabulary: values that every other room speaks in.
//!
//! Invariants: nothing here does I/O, reads a clock, draws from a global
//! generator or knows of the wire; a value that exists is a valid value.

pub mod attribute;
pub mod cart;
pub mod companions;
pub mod decision;
pub mod digits;
pub mod distribution;
pub mod event;
pub mod features;
pub mod ids;
pub mod keys;
pub mod limit;
pub mod math;
pub mod compensated_sum;
pub mod money;
pub mod exchange;
pub mod offer;
pub mod outcome;
pub mod placement;
pub mod random;
pub mod rule;
pub mod schedule;
pub mod standard_scores;
pub mod time;
