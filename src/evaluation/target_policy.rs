//! Target policies for logged choices.

mod cross_fitted;
mod learning;
mod learnt;
mod table;

use super::choices::{Choice, Choices};
use super::weigh::{NoChoice, TargetPolicy};

pub use cross_fitted::CrossFittedPolicy;
pub use learning::{LearningPolicy, Replayed};
pub use learnt::LearntPolicy;
pub use table::{NamedTable, NotANamedTable};

/// Every action on offer with the same probability.
#[derive(Debug, Clone, Copy, Default)]
pub struct UniformTarget;

impl TargetPolicy for UniformTarget {
    #[allow(clippy::cast_precision_loss)] // far fewer actions than 2^53
    fn choose(
        &mut self,
        _: &Choices,
        choice: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice> {
        probabilities.fill(1.0 / choice.actions.len() as f64);
        Ok(())
    }
}

/// The policy that made the log, where the log keeps whole distributions.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoggingTarget;

impl TargetPolicy for LoggingTarget {
    fn choose(
        &mut self,
        _: &Choices,
        choice: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice> {
        let logging = choice.probabilities.ok_or(NoChoice::MissingColumn {
            column: "probabilities",
        })?;
        probabilities.copy_from_slice(logging);
        Ok(())
    }
}
