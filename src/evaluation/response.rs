//! Who responds: a logistic regression of yes or no on features, with its
//! strength of regularisation chosen by cross-validation and its quality told
//! on rows that it never saw.
//!
//! - [`ResponseRows`]: what is fitted on, without rows that lack an entry and
//!   without repeated rows.
//! - [`Split`]: which rows are held out, [`stratified_folds`]: which belong
//!   together; both row for row as scikit-learn makes them.
//! - [`Plan`]: how a model is found; [`ResponseFit`]: what was found.
//! - [`Quality`]: accuracy, precision, recall, F1 and area under the curve.

mod mersenne_twister;
mod plan;
mod quality;
mod rows;
mod split;

pub use plan::{
    BadPlan, DEFAULT_GRID, Fitted, Plan, PlanSettings, ResponseFit, ResponseModel, Selection, Tried,
};
pub use quality::Quality;
pub use rows::{BadRows, LeftOut, MOST_FEATURES, ResponseRows};
pub use split::{Split, stratified_folds};
