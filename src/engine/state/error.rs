//! Why events do not fold.

use thiserror::Error;

use super::FOLD_VERSION;
use crate::domain::ids::Position;
use crate::domain::time::Instant;

/// Why events do not fold.
#[derive(Debug, Error)]
pub enum FoldError {
    /// An event is missing, or comes twice.
    #[error("position {found} was to be folded where {expected} is next")]
    OutOfOrder {
        /// The next position.
        expected: Position,
        /// What came.
        found: Position,
    },
    /// Time went back.
    #[error("the event at position {position} was recorded at {found}, before {before}")]
    TimeWentBack {
        /// The event.
        position: Position,
        /// Its instant.
        found: Instant,
        /// The instant of the event before.
        before: Instant,
    },
    /// An event that a later program wrote.
    #[error(
        "the event at position {position} is a {kind}, which this version does not fold: use the \
         program that wrote it, or a later one"
    )]
    Unsupported {
        /// The event.
        position: Position,
        /// Its kind.
        kind: &'static str,
    },
    /// An event that needs other rules.
    #[error(
        "the event at position {position} needs fold version {found}, this program has \
         {FOLD_VERSION}"
    )]
    LaterFold {
        /// The event.
        position: Position,
        /// Its fold version.
        found: u32,
    },
    /// An event that refers to what is not there.
    #[error("the event at position {position} refers to {what}")]
    Dangling {
        /// The event.
        position: Position,
        /// What is not there.
        what: String,
    },
    /// A catalogue that does not hold.
    #[error("the catalogue at position {position} does not hold: {reason}")]
    Catalog {
        /// The event.
        position: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// Written-down closings that differ from what the fold derived.
    #[error("the closings at position {position} differ from what the events before them lead to")]
    Closings {
        /// The event.
        position: Position,
    },
}
