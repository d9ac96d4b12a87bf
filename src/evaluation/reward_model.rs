//! What an action would have earned, as the log suggests: the models that the
//! direct method rests on and that doubly robust estimators correct.
//!
//! - [`RunningMeans`]: each action's mean so far; at a round it knows the rounds
//!   before only, as logs of a policy that learns ask for.
//! - [`LinearModel`]: ridge and logistic regression on features;
//!   [`CrossFitted`] predicts each round by a model that did not see its fold.

mod folds;
mod linear;
mod normal_equations;
mod running_means;

pub use folds::{CrossFitted, Row, fold_of};
pub use linear::{Examples, LinearModel, Link};
pub use normal_equations::NormalEquations;
pub use running_means::RunningMeans;
