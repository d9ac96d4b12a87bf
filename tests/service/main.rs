//! The service through a real socket: what callers see, and what the ledger
//! holds afterwards. The ledger is in memory and the clock stands still.

mod bad_input;
mod catalog;
mod decisions;
mod entries;
mod harness;
mod operations;
mod policies;
mod pricing;
mod rewards;
