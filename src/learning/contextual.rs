//! What contextual policies learn with: models of the reward as a function of
//! features.
//!
//! - A [`Model`] is checked configuration: ridge or logistic regression, one
//!   model for each offer (*disjoint*) or one for all of them (*shared*), and
//!   which expansions of the features compete.
//! - A [`Memory`] is what was learnt, over all segments: a segment is a feature
//!   like others here. Clones share every offer's models until one changes.
//! - [`Beliefs`] are what a memory says of each eligible offer for one row of
//!   features.
//!
//! Scales are estimated, not set. Features are standardised with the moments of
//! the first [`OPENING`](memory::OPENING) decisions that were learnt, which are
//! then kept. Scores are shifted by the mean of the first few rewards, and the
//! noise of ridge regression is what its residuals say. *Members* learn side by
//! side, with other prior variances or with random features, and the one that
//! predicts best speaks: by the evidence for ridge (in closed form from sums, so
//! that a refund corrects it exactly), by the log loss of predictions made
//! before each reward was seen for logistic regression (Dawid 1984,
//! <https://doi.org/10.2307/2981683>).
//!
//! No NaN enters: rows of another dimension or with an entry that is not a
//! number within ±10⁹ are refused by [`Model::check_features`], and a decision
//! for such a row is made uniformly.

pub mod beliefs;
pub mod memory;
pub mod model;
pub mod random_features;
mod rows;

pub use beliefs::Beliefs;
pub use memory::Memory;
pub use model::{FeatureError, Model};
