//! Vowpal Wabbit's dsjson: one decision a line, as JSON.
//!
//! <https://github.com/VowpalWabbit/vowpal_wabbit/wiki/DSJSON-format>. What is
//! read of a line:
//!
//! | key | what it holds |
//! | --- | --- |
//! | `_label_cost` | minus the reward |
//! | `_label_probability` | the propensity, in (0, 1\] |
//! | `_labelIndex`, or `_label_Action` | which action was chosen, from 0, or from 1 |
//! | `a` | the actions in the order of `p`, from 1, the chosen one first |
//! | `p` | the probability of each of `a` |
//! | `c._multi` | the actions; `_tag` names one |
//! | `Timestamp` | when, RFC 3339 |
//! | `promobandit` | what the writer adds: position, segment, shopper, … |
//!
//! An action without a tag is called by its place, from 1. Other keys are
//! passed over, as Vowpal Wabbit does; a line without a label is refused.

mod read;
mod write;

pub use read::DsjsonChoices;
pub use write::DsjsonWriter;

#[cfg(test)]
mod tests;
