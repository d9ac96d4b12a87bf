//! What an action would have earned, as the log suggests: the models that the
//! direct method rests on and that doubly robust estimators correct.
//!
//! - [`RunningMeans`]: each action's mean so far; at a round it knows the rounds
//!   before only, as logs of a policy that learns ask for.

mod running_means;

pub use running_means::RunningMeans;
