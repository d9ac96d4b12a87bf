//! Scenarios: which policy would earn what in a world whose truth is known.
//!
//! - A [`Scenario`] is read from TOML and checked whole before any work.
//! - An [`Environment`] says what the world does; a
//!   [`World`](environment::World) is one replication of it. What the world
//!   draws depends on the seed and the round alone, never on what a policy
//!   chose, so all policies meet the same shoppers and the same luck (common
//!   random numbers) and their differences are sharp.
//! - [`run`] plays every policy on every seed with the production policies,
//!   their state and the one draw from a distribution.
//! - [`run_on_engine`] plays them through the production engine under a manual
//!   clock, with the same decisions and the same state in the end, where the
//!   engine has what a scenario asks for; [`refusal`] tells where it has not.
//! - A [`Summary`] is what came out.
//!
//! Invariants: the same scenario gives the same bytes on any number of
//! threads; nothing here reads a clock, a file or the environment.

pub mod environment;
pub mod overrides;
pub mod runner;
pub mod on_engine;
pub mod scenario;
pub mod seeds;
pub mod summary;

pub use environment::Environment;
pub use environment::classification::{ClassificationDocument, LabelledRows};
pub use on_engine::refusal;
pub use overrides::Override;
pub use runner::{run, run_on_engine};
pub use scenario::{Scenario, ScenarioError};
pub use seeds::SeedRange;
pub use summary::{GroupSummary, PolicySummary, Summary};

#[cfg(test)]
mod tests;
