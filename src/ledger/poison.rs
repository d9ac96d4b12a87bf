//! Whether writes are still taken, and if not, since what failure.

use std::sync::OnceLock;

use crate::domain::ids::Position;

use super::{AppendError, SyncError};

/// Empty while all is well; holds the reason of the first failed write for ever
/// after.
#[derive(Debug, Default)]
pub(super) struct Poison(OnceLock<String>);

impl Poison {
    /// Refuses an append after a failure.
    pub(super) fn check_append(&self) -> Result<(), AppendError> {
        match self.0.get() {
            Some(reason) => Err(AppendError::Poisoned {
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Refuses a sync after a failure.
    pub(super) fn check_sync(&self) -> Result<(), SyncError> {
        match self.0.get() {
            Some(reason) => Err(SyncError::Poisoned {
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Records that an append failed. A reason that is there already stays: the
    /// first failure is the one to look into.
    pub(super) fn append_failed(&self, reason: String) -> AppendError {
        let reason = self.0.get_or_init(|| reason).clone();
        AppendError::Store { reason }
    }

    /// Records that a sync failed.
    pub(super) fn sync_failed(&self, durable: Position, reason: String) -> SyncError {
        let reason = self.0.get_or_init(|| reason).clone();
        SyncError::Store { durable, reason }
    }
}
