//! The policy that is evaluated, as a table of probabilities.

use thiserror::Error;

/// How far the probabilities at a position may be from summing to 1. Tables
/// that were made by simulation or written with few digits come this close.
pub const SUM_TOLERANCE: f64 = 1e-6;

/// The target policy π(a | position): the same for every shopper. Every entry
/// is in [0, 1] and each position's entries sum to 1 within
/// [`SUM_TOLERANCE`].
#[derive(Debug, Clone, PartialEq)]
pub struct TargetTable {
    actions: usize,
    /// `probabilities[position · actions + action]`.
    probabilities: Vec<f64>,
    /// Each position's sum.
    totals: Vec<f64>,
}

/// Why numbers are not a [`TargetTable`]. Actions and positions count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum NotATarget {
    /// No position or no action.
    #[error("a target has no entry, at least 1 action at 1 position is needed")]
    Empty,
    /// Positions with different numbers of actions.
    #[error("position {position} has {found} actions, position 0 has {expected}")]
    Ragged {
        /// Which.
        position: usize,
        /// How many it has.
        found: usize,
        /// How many were expected.
        expected: usize,
    },
    /// Not a probability.
    #[error("action {action} at position {position} has probability {value}, not one in [0, 1]")]
    BadEntry {
        /// Where.
        position: usize,
        /// Where.
        action: usize,
        /// What stands there.
        value: f64,
    },
    /// A position whose probabilities are no distribution.
    #[error(
        "position {position} has probabilities that sum to {total}, not to 1 within {SUM_TOLERANCE}"
    )]
    BadTotal {
        /// Which.
        position: usize,
        /// Their sum.
        total: f64,
    },
}

impl TargetTable {
    /// From one column a position, each with one entry an action.
    ///
    /// # Errors
    /// When the columns are not distributions over the same actions.
    pub fn new(columns: &[Vec<f64>]) -> Result<Self, NotATarget> {
        let actions = columns.first().map_or(0, Vec::len);
        if actions == 0 {
            return Err(NotATarget::Empty);
        }
        let mut totals = Vec::with_capacity(columns.len());
        for (position, column) in columns.iter().enumerate() {
            if column.len() != actions {
                return Err(NotATarget::Ragged {
                    position,
                    found: column.len(),
                    expected: actions,
                });
            }
            let bad = |value: &f64| !(0.0..=1.0).contains(value);
            if let Some(action) = column.iter().position(bad) {
                return Err(NotATarget::BadEntry {
                    position,
                    action,
                    value: column[action],
                });
            }
            let total: f64 = column.iter().sum();
            if !((total - 1.0).abs() <= SUM_TOLERANCE) {
                return Err(NotATarget::BadTotal { position, total });
            }
            totals.push(total);
        }
        Ok(Self {
            actions,
            probabilities: columns.concat(),
            totals,
        })
    }

    /// Every action with the same probability at every position.
    ///
    /// # Errors
    /// When there is no action or no position.
    #[allow(clippy::cast_precision_loss)] // far fewer actions than 2^53
    pub fn uniform(actions: usize, positions: usize) -> Result<Self, NotATarget> {
        Self::new(&vec![vec![1.0 / actions as f64; actions]; positions])
    }

    /// How many actions there are: 1 or more.
    #[must_use]
    pub const fn actions(&self) -> usize {
        self.actions
    }

    /// How many positions there are: 1 or more.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.totals.len()
    }

    /// The probabilities at a position, one an action.
    ///
    /// # Panics
    /// When there is no such position.
    #[must_use]
    pub fn at(&self, position: usize) -> &[f64] {
        &self.probabilities[position * self.actions..][..self.actions]
    }

    /// The number of an action's place in the table.
    ///
    /// # Panics
    /// When the table has 2³² places or more.
    pub(super) fn cell_of(&self, action: u32, position: u32) -> u32 {
        let cell = position as usize * self.actions + action as usize;
        u32::try_from(cell).expect("a target's table has fewer than 2^32 entries")
    }

    /// The probability in a place of the table.
    pub(super) fn cell(&self, cell: u32) -> f64 {
        self.probabilities[cell as usize]
    }

    /// The sum of the probabilities at a position: 1, but for rounding.
    ///
    /// # Panics
    /// When there is no such position.
    #[must_use]
    pub fn total(&self, position: usize) -> f64 {
        self.totals[position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_distributions_are_targets() {
        assert!(TargetTable::new(&[vec![0.25, 0.75], vec![1.0, 0.0]]).is_ok());
        assert_eq!(TargetTable::new(&[]), Err(NotATarget::Empty));
        assert_eq!(TargetTable::new(&[vec![]]), Err(NotATarget::Empty));
        assert!(matches!(
            TargetTable::new(&[vec![0.5, 0.5], vec![1.0]]),
            Err(NotATarget::Ragged {
                position: 1,
                found: 1,
                expected: 2
            })
        ));
        assert!(matches!(
            TargetTable::new(&[vec![0.5, f64::NAN]]),
            Err(NotATarget::BadEntry { action: 1, .. })
        ));
        assert!(matches!(
            TargetTable::new(&[vec![0.5, 0.4]]),
            Err(NotATarget::BadTotal { position: 0, .. })
        ));
    }

    #[test]
    fn the_uniform_target_is_even() {
        let target = TargetTable::uniform(4, 2).unwrap();
        assert_eq!((target.actions(), target.positions()), (4, 2));
        assert_eq!(target.at(1), [0.25; 4]);
        assert!(TargetTable::uniform(0, 1).is_err());
    }
}
