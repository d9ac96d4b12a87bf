//! What may be shown and what it is worth: which offers of a placement are on
//! now, who is left out on purpose, and what a benefit comes to for a cart.
//!
//! - [`judge`] says of one offer whether it may be shown on an [`Occasion`], and
//!   why not; [`eligible`] keeps those that may, [`explain`] tells of each.
//!   All three go through the same rules, so that what `explain` says later is
//!   what the decision did.
//! - [`OfferIndex`] finds the offers whose rules a request may meet, so that those
//!   of a large placement need not all be judged.
//! - [`fitting`] sorts out what a slot is drawn among: the highest priority, and
//!   what may stand beside the offers above.
//! - [`constraints`] says what is left of limits, budgets, exposure caps and
//!   abuse guards.
//! - [`in_holdout`] says whether a shopper belongs to the share that sees no
//!   offer, so that what offers bring can be measured;
//!   [`experiment_basis_point`] which arm of a split one belongs to.
//! - [`benefit`] says what a benefit comes to for a cart, to the last minor unit.
//!
//! Invariants: no clock and no draw; the same offer, campaign and occasion give
//! the same verdict. Eligible offers come in ascending order of number.

pub mod benefit;
pub mod constraints;
mod rules;
mod eligibility;
mod index;
mod holdout;
mod ranking;

pub use eligibility::{Cause, Rejection, Scope, Verdict, eligible, explain, judge, judge_rules};
pub use holdout::{experiment_basis_point, in_holdout};
pub use index::OfferIndex;
pub use ranking::fitting;
pub use rules::{Known, Occasion, Unmet};
