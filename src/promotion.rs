//! What may be shown and what it is worth: which offers of a placement are on
//! now, who is left out on purpose, and what a benefit comes to for a cart.
//!
//! - [`judge`] says of one offer whether it may be shown at an instant, and
//!   why not; [`eligible`] keeps those that may, [`explain`] tells of each.
//!   All three go through the same rules, so that what `explain` says later is
//!   what the decision did.
//! - [`in_holdout`] says whether a shopper belongs to the share that sees no
//!   offer, so that what offers bring can be measured.
//! - [`resolve`] says what a benefit comes to for a cart: [`Amounts`], to the
//!   last minor unit.
//!
//! Invariants: no clock and no draw; the same offer, campaign and instant give
//! the same verdict. Eligible offers come in ascending order of number.

mod benefit;
mod eligibility;
mod holdout;

pub use benefit::{Amounts, Shortfall, resolve, share_out};
pub use eligibility::{Cause, Rejection, Scope, Verdict, eligible, explain, judge};
pub use holdout::in_holdout;
