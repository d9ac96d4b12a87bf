//! How sure an estimate is: intervals, apart from the estimators.
//!
//! Each file is one kind and says what its claim rests on. The level is the
//! probability with which the interval is to hold the truth when it is looked
//! at once, after a number of rounds that was fixed before. The confidence
//! sequence alone keeps its claim when one looks again and again and stops at
//! will.

mod bootstrap;
mod clopper_pearson;
mod clustered;
mod confidence_sequence;
mod cressie_read;
mod empirical_bernstein;
mod hoeffding;
mod mixture_bound;
mod normal;
mod poisson_bootstrap;

use thiserror::Error;

pub use bootstrap::{Bootstrap, BootstrapIntervals, BootstrapPlan, MOST_ROUNDS, Sample};
pub use clopper_pearson::clopper_pearson;
pub use clustered::{GROUPS, GroupSums, GroupedTerms, group_of, groups_of};
pub use confidence_sequence::ConfidenceSequence;
pub use cressie_read::cressie_read;
pub use empirical_bernstein::empirical_bernstein;
pub use hoeffding::hoeffding;
pub use mixture_bound::MixtureBound;
pub use normal::{normal, student_t};
pub use poisson_bootstrap::PoissonBootstrap;

/// The probability with which an interval is to hold the truth: in (0, 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level(f64);

/// A number that is no [`Level`].
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("the level {0} is not between 0 and 1")]
pub struct NotALevel(pub f64);

impl Level {
    /// 95 %.
    pub const USUAL: Self = Self(0.95);

    /// # Errors
    /// When the number is not in (0, 1).
    pub fn new(level: f64) -> Result<Self, NotALevel> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(NotALevel(level))
        }
    }

    /// The level, in (0, 1).
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// What is left: α.
    #[must_use]
    pub const fn miss(self) -> f64 {
        1.0 - self.0
    }
}

/// Two finite ends, the lower not above the upper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ends {
    lower: f64,
    upper: f64,
}

impl Ends {
    /// `None` when an end is not finite or they are not in order.
    #[must_use]
    pub fn new(lower: f64, upper: f64) -> Option<Self> {
        (lower.is_finite() && upper.is_finite() && lower <= upper).then_some(Self { lower, upper })
    }

    /// The lower end.
    #[must_use]
    pub const fn lower(&self) -> f64 {
        self.lower
    }

    /// The upper end.
    #[must_use]
    pub const fn upper(&self) -> f64 {
        self.upper
    }
}

#[cfg(test)]
mod tests;
