//! A parameter that falls as a segment learns, or stays as it is.

use crate::domain::math;
use crate::learning::config::Schedule;

/// `max(minimum, start · g(n / scale))` after n decisions learnt.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Falling {
    /// `None`: constant at `start`.
    pub shape: Option<Schedule>,
    /// The value before anything was learnt.
    pub start: f64,
    /// In decisions learnt, above 0.
    pub scale: f64,
    /// The value never falls below this.
    pub minimum: f64,
}

impl Falling {
    /// A parameter that does not fall.
    pub(super) const fn constant(value: f64) -> Self {
        Self {
            shape: None,
            start: value,
            scale: 1.0,
            minimum: 0.0,
        }
    }

    /// The value after `learnt` decisions.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    pub(super) fn after(&self, learnt: u64) -> f64 {
        let x = learnt as f64 / self.scale;
        let factor = match self.shape {
            None => 1.0,
            Some(Schedule::Inverse) => 1.0 / (1.0 + x),
            Some(Schedule::InverseSqrt) => 1.0 / math::sqrt(1.0 + x),
            Some(Schedule::Exponential) => math::exp2(-x),
        };
        self.minimum.max(self.start * factor)
    }
}
