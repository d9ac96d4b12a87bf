//! The Open Bandit Dataset: impressions that ZOZOTOWN, a fashion shop, logged
//! under two policies.
//!
//! Saito, Aihara, Matsutani, Narita (2020), "Open Bandit Dataset and Pipeline:
//! Towards Realistic and Reproducible Off-Policy Evaluation",
//! <https://arxiv.org/abs/2008.07146>.
//!
//! A log is CSV, plain or gzip, one impression a row, with the columns
//! `timestamp`, `item_id`, `position` (1 to 3), `click` (0 or 1),
//! `propensity_score` (given the position; called `action_prob` by some) and
//! any number of `user_feature_N`. Other columns are passed over.

mod catalog;
mod generate;
mod read;
mod rounds;

use smallvec::SmallVec;

use crate::domain::distribution::Propensity;
use crate::domain::time::Instant;

pub use catalog::{ObdCatalog, ObdCatalogError, ObdCatalogOptions, item_offer_id, obd_catalog};
pub use generate::{
    KnownRates, ObdGenerateError, ObdGenerateOptions, obd_generate, obd_generate_file,
};
pub use read::{ObdError, ObdProblem, ObdReader};
pub use rounds::{ObdActions, ObdRounds, ObdRoundsError};

/// The most positions of an impression.
pub const POSITIONS: u32 = 3;

/// One logged impression.
#[derive(Debug, Clone, PartialEq)]
pub struct ObdRow {
    /// Which data row of the file it is, from 1.
    pub row: u64,
    /// When it was shown.
    pub timestamp: Instant,
    /// What was shown.
    pub item_id: u32,
    /// Where, from 1 to [`POSITIONS`].
    pub position: u32,
    /// Whether it was clicked.
    pub click: bool,
    /// The probability with which the logging policy showed it there.
    pub propensity_score: Propensity,
    /// The user's features, in the order of
    /// [`ObdReader::feature_names`].
    pub user_features: SmallVec<[String; 4]>,
}

/// The id of the placement that stands for a position.
#[must_use]
pub fn position_placement_id(position: u32) -> String {
    format!("position-{position}")
}
