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
//! - A replication sums up [`Column`]s in its [`Trace`]; from the sums at some
//!   points follow [`Measure`]s, and from all replications their [`Curve`]s with
//!   95 % intervals. Policies are compared seed by seed ([`Difference`],
//!   [`Compared`]).
//! - A [`Summary`] is what came out, in few figures.
//!
//! Invariants: the same scenario gives the same bytes on any number of
//! threads; nothing here reads a clock, a file or the environment.

pub mod environment;
pub mod overrides;
pub mod grid;
pub mod scenario;
pub mod seeds;

pub mod points;
pub mod trace;
pub mod measure;
pub mod estimate;
pub mod curves;
pub mod comparison;

mod decider;
mod in_order;
mod learner;
pub mod runner;
pub mod on_engine;
pub mod tune;
pub mod summary;

pub use comparison::{Compared, Comparison, Difference};
pub use curves::{Curve, PolicyCurves};
pub use environment::Environment;
pub use environment::classification::{ClassificationDocument, LabelledRows};
pub use estimate::Estimate;
pub use measure::{Measure, MeasureUnit};
pub use on_engine::{needs_engine, refusal};
pub use overrides::Override;
pub use points::Points;
pub use runner::{Played, run, run_on_engine};
pub use scenario::{Files, Scenario, ScenarioError};
pub use seeds::SeedRange;
pub use summary::{GroupSummary, PolicySummary, Summary};
pub use trace::{Column, Trace};
pub use tune::{Search, TuneError, Tuned};

#[cfg(test)]
mod tests;
