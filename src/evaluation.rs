//! Off-policy evaluation: from a log, what another policy would have earned,
//! how sure that is, and whether this log can answer at all.
//!
//! - [`choices`]: what was on offer, with which probabilities, what was chosen;
//!   [`weigh`] applies a target policy, one of [`target_policy`] or another.
//! - [`logged`]: rounds as checked columns, with the [`target`] applied.
//! - [`arrays`]: the same from arrays in memory.
//! - [`in_order`]: the rounds one by one, for what learns from those before.
//! - [`reward_model`]: what an action would have earned, as the log suggests.
//! - [`weighted_sums`]: the sums that several of those below read.
//! - [`embeddings`]: what actions are like.
//! - [`demands`]: what an estimator or interval can do with a log.
//! - [`response`]: who responds, as rows of features suggest; chosen by
//!   cross-validation.
//! - [`estimator`]: one file each; [`Accumulator`](estimator::Accumulator)
//!   streams and merges.
//! - [`interval`]: how sure an estimate is, apart from the estimators.
//! - [`anytime`]: the default, an estimate and its interval that hold at every
//!   round, whatever the logging policy learnt.
//! - [`diagnostics`]: whether the log can answer, which is asked first.
//! - [`gate`]: whether a candidate may take over, by the paired difference.
//! - [`pass`]: all of it in one pass over a log.
//! - [`portrait`]: what a log looks like, for the eye.
//! - [`pessimism`]: a policy fitted to a log.
//! - [`slates`]: whole decisions, with all of their slots.
//! - [`loggers`]: a log whose rows several policies chose.
//! - [`lift`]: what offers bring against the shoppers who are held out.
//! - [`coverage`]: how often intervals hold what they claim, by simulation.
//!
//! Invariants: no data gives `None`, never 0 or NaN; a value that exists is
//! finite; nothing here does I/O, reads a clock or draws from a global
//! generator.

pub mod anytime;
pub mod arrays;
pub mod choices;
pub mod columns;
pub mod coverage;
pub mod demands;
pub mod diagnostics;
pub mod embeddings;
pub mod estimator;
pub mod gate;
pub mod in_order;
pub mod interval;
pub mod logged;
pub mod moments;
pub mod lift;
pub mod loggers;
pub mod pass;
pub mod pessimism;
pub mod portrait;
pub mod quantile;
pub mod response;
pub mod reward_model;
pub mod slates;
pub mod target;
pub mod target_policy;
pub mod weigh;
pub mod weighted_sums;
