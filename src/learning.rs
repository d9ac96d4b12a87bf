//! Policies: what to offer, given what was learnt, and how to learn from what
//! became of it.
//!
//! - A [`PolicyConfig`] is what a person wrote; a [`Policy`] is the checked
//!   form that the program relies on. `Policy` is a closed enum: each variant
//!   has its own file under `policy/`.
//! - [`Policy::distribution`] maps (state, context, eligible offers) to exact
//!   probabilities. Nothing here draws an offer: that is
//!   [`ActionDistribution::draw`](crate::domain::distribution::ActionDistribution::draw).
//! - [`Policy::learn`] folds one [`RewardedDecision`] into a [`PolicyState`]
//!   and gives a [`Receipt`]; with it, [`Policy::correct`] replaces that
//!   decision's reward later, as a refund does.
//! - [`PolicyState`] is one policy's memory over all segments. Cloning shares
//!   structure: a segment that does not change afterwards is never copied.
//!
//! Invariants: the same state, context and eligible offers give the same bits
//! on every machine; no NaN or infinity enters a state; a refused reward
//! leaves the state as it was; no clock, no global generator; nothing here
//! knows of events, catalogues or the wire.

pub mod anchored;
pub mod best_arm;
pub mod beta;
pub mod config;
pub mod contextual;
pub mod delay;
pub mod divergence;
pub mod exact_sum;
pub mod gamma;
pub mod gaussian;
pub mod linear;
pub mod memory;
pub mod policy;
pub mod pooling;
pub mod revenue;
pub mod reward;
pub mod rounds;
pub mod session;
pub mod state;
pub mod student_t;

pub use config::{PolicyConfig, PolicyError};
pub use policy::{ArmSummary, Context, Policy, PosteriorInterval};
pub use reward::{
    Adopted, Correction, LearnError, Learnt, NotUnlearnt, Receipt, RewardDomain, RewardedDecision,
};
pub use state::{Alarm, PolicyState};

/// The version of what [`Policy::distribution`] computes, recorded with each
/// decision. Whatever changes a bit of a distribution adds 1 here.
pub const ALGORITHM_VERSION: u32 = 1;

#[cfg(test)]
mod chi_squared;
