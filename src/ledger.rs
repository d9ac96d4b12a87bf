//! The ledger: the one ordered sequence of records that everything else is
//! computed from. This room knows nothing of what a record says: a record is
//! bytes.
//!
//! Reading order: the contract (`trait Ledger`, below), the two backends
//! (`memory`, `sled`), what stands beside the store so that damage is seen
//! ([`high_water_mark`], [`probe`]), what makes a start quick ([`checkpoint`]),
//! what is kept secret ([`secrets`]), and the directory that holds it all
//! ([`data_dir`], [`open`]).
//!
//! Invariants:
//! 1. A position, once handed out, always holds the same bytes. Nothing is
//!    rewritten, nothing is skipped.
//! 2. A head that [`Ledger::sync`] returned survives the loss of the process
//!    and of power. A store that no longer holds it is refused when it is
//!    opened; it is never shortened in silence.
//! 3. The head is a function of the records alone: two ledgers with the same
//!    records have the same head, however the records were grouped and
//!    whatever the backend.
//! 4. After a failed write nothing is written any more. No write is tried
//!    twice: after a failed fsync the kernel may have dropped what it could not
//!    write, so that a second one that succeeds proves nothing.
//! 5. Absent on purpose: no wall clock, no knowledge of events, no background
//!    thread of our own, no repair.

use std::fmt;

use crate::domain::ids::{ChainHash, Position};

mod durable_file;
mod poison;

pub mod codec;
pub mod memory;

mod chunk;
mod chunked;
mod sled;

pub mod checkpoint;
pub mod data_dir;
pub mod high_water_mark;
pub mod open;
pub mod probe;
pub mod secrets;

#[cfg(test)]
mod conformance;

pub use durable_file::FileError;

/// The largest record that a ledger takes. Every part of a record goes to the
/// store in one atomic batch, and batches must stay small (see `sled.rs`).
pub const RECORD_LIMIT_BYTES: usize = 1024 * 1024;

/// A place in the ledger together with the hash of everything up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The last record that the head covers; [`Position::START`] for none.
    pub position: Position,
    /// The hash of every record up to and including `position`.
    pub chain: ChainHash,
}

impl Head {
    /// The head of a ledger that never held a record.
    pub const START: Self = Self {
        position: Position::START,
        chain: ChainHash::START,
    };

    /// The head after one more record with these bytes.
    #[must_use]
    pub fn after(self, record_bytes: &[u8]) -> Self {
        Self {
            position: self.position.next(),
            chain: self.chain.after(record_bytes),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "position {} with chain {}", self.position, self.chain)
    }
}

/// One record as a scan yields it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// The chain after it.
    pub chain: ChainHash,
    /// What was appended.
    pub bytes: Vec<u8>,
}

/// The records from some position to the head, in order. After the first error
/// it yields nothing more.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<Record, ReadError>> + Send + 'a>;

/// A durable, ordered, append-only sequence of records.
///
/// **Positions.** The first record ever appended has position 1, every further
/// one the next. A ledger whose old prefix was cut begins later:
/// [`Ledger::start`] is then the head of what was cut, and the chain continues
/// from it.
///
/// **Who may call.** One committer calls [`append`](Self::append),
/// [`sync`](Self::sync) and [`drain`](Self::drain), one call at a time. A second
/// caller is not unsafe, only pointless: calls are serialized, and a sync covers
/// whatever was appended before it began. Everybody may read at any time, also
/// during an append or a sync; readers never wait for a sync.
///
/// **Visibility.** A record can be read as soon as `append` has returned, which
/// is before it is durable. Reads never go past [`head`](Self::head).
///
/// **Durability.** What was appended before a `sync` that returned `Ok` is on
/// disk. What was appended and not synced may or may not be there after a
/// restart, but if a record is there then so is every record before it.
///
/// **Errors.** A record that is too large is refused and changes nothing. Any
/// other failure of `append`, `sync` or `drain` *poisons* the ledger: every
/// later write is refused with the reason of the first failure, reads go on,
/// the head stays where it was. The process should stop; opening the directory
/// again finds out what is really there. A read error means damage and says
/// where; it poisons nothing.
///
/// **Cancellation.** The calls block and cannot be cancelled. An asynchronous
/// caller runs the committer on a thread of its own and abandons only its own
/// wait: the records stay appended.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Adds records behind the head, in this order, and returns the new head.
    /// No records: nothing happens, the head is returned.
    ///
    /// # Errors
    /// [`AppendError::RecordTooLarge`] leaves everything as it was; every other
    /// error poisons, or says that the ledger is poisoned or drained already.
    fn append(&self, records: &[&[u8]]) -> Result<Head, AppendError>;

    /// Makes everything durable that was appended before, and returns the head
    /// up to which that now holds. The high-water mark is written before this
    /// returns, so that a caller may acknowledge.
    ///
    /// A committer that goes idle calls `sync` once more after
    /// [`MARK_SYNC_INTERVAL_MS`]: with nothing new to sync the call only puts
    /// the mark itself on disk, if that is due.
    ///
    /// # Errors
    /// Any error poisons: what was appended since the last good sync must not be
    /// acknowledged.
    fn sync(&self) -> Result<Head, SyncError>;

    /// The last record that can be read.
    fn head(&self) -> Head;

    /// The last record that a sync has covered.
    fn durable_head(&self) -> Head;

    /// The head before the first record that is still kept: [`Head::START`]
    /// unless an old prefix was cut.
    fn start(&self) -> Head;

    /// The position of the first record that is kept, or that the first one will
    /// get.
    fn first_position(&self) -> Position {
        self.start().position.next()
    }

    /// The record at a position; `None` past the head and for
    /// [`Position::START`].
    ///
    /// # Errors
    /// [`ReadError::BeforeFirst`] for what was cut, otherwise damage.
    fn read(&self, position: Position) -> Result<Option<Vec<u8>>, ReadError>;

    /// The chain after the record at `position`; `None` past the head. The
    /// position of [`start`](Self::start) is allowed.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn chain_at(&self, position: Position) -> Result<Option<ChainHash>, ReadError>;

    /// The records from `from` on, up to the head as it was when this was
    /// called; [`Position::START`] means from the first that is kept. Checksums
    /// and chain are checked on the way. With `chain_before` the chain must
    /// continue from that hash: a caller who already holds the head before
    /// `from` proves so that this is the same history.
    ///
    /// Damage, or a `from` that was cut, is yielded as the last item.
    fn scan(&self, from: Position, chain_before: Option<ChainHash>) -> Scan<'_>;

    /// Syncs everything, the high-water mark included, and takes no appends from
    /// now on. Draining twice is harmless.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    fn drain(&self) -> Result<Head, SyncError>;
}

/// How long the high-water mark may stay without being synced itself: a mark
/// that lags is harmless, and syncing it at each commit would halve the rate.
pub const MARK_SYNC_INTERVAL_MS: u64 = 100;

/// Why an append was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Nothing was appended and the ledger is as it was.
    #[error(
        "record {index} of the batch has {bytes} bytes, more than the {limit_bytes} that a \
         record may have"
    )]
    RecordTooLarge {
        /// Its place in the batch, from 0.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The largest size.
        limit_bytes: usize,
    },
    /// The ledger was drained.
    #[error("the ledger is closed and takes no more records")]
    Drained,
    /// An earlier write failed.
    #[error(
        "the ledger takes no more records since a write failed ({reason}); restart the process"
    )]
    Poisoned {
        /// What failed first.
        reason: String,
    },
    /// This write failed; the ledger is poisoned from now on.
    #[error(
        "the records could not be written: {reason}; free disk space or mend the disk, then \
         restart the process"
    )]
    Store {
        /// What failed.
        reason: String,
    },
}

/// Why a sync was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// An earlier write failed.
    #[error("the ledger syncs no more since a write failed ({reason}); restart the process")]
    Poisoned {
        /// What failed first.
        reason: String,
    },
    /// This sync failed; the ledger is poisoned from now on.
    #[error(
        "the records after {durable} could not be made durable: {reason}; free disk space or \
         mend the disk, then restart the process"
    )]
    Store {
        /// The last position that is certainly on disk.
        durable: Position,
        /// What failed.
        reason: String,
    },
}

/// Why a record could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The record belongs to a prefix that is no longer kept.
    #[error("position {position} is no longer kept: the ledger begins at {first}")]
    BeforeFirst {
        /// What was asked for.
        position: Position,
        /// The first position that is kept.
        first: Position,
    },
    /// The bytes at a position are not what was written.
    #[error(
        "the ledger is damaged at position {position}: {reason}; restore the data directory \
         from a backup"
    )]
    Damaged {
        /// The first position that cannot be trusted.
        position: Position,
        /// What is wrong with it.
        reason: String,
    },
    /// The chain does not continue from the hash that it should.
    #[error(
        "the chain breaks before position {position}: {found} where {expected} was expected; \
         restore the data directory from a backup"
    )]
    ChainBroken {
        /// The first record after the break.
        position: Position,
        /// What should stand before it.
        expected: ChainHash,
        /// What does.
        found: ChainHash,
    },
    /// The store refused to answer.
    #[error("position {position} could not be read: {reason}")]
    Store {
        /// What was asked for.
        position: Position,
        /// What the store said.
        reason: String,
    },
}

/// Refuses a batch with a record that is too large, before anything is written.
fn check_record_sizes(records: &[&[u8]]) -> Result<(), AppendError> {
    let too_large = |record: &&[u8]| record.len() > RECORD_LIMIT_BYTES;
    match records.iter().position(too_large) {
        Some(index) => Err(AppendError::RecordTooLarge {
            index,
            bytes: records[index].len(),
            limit_bytes: RECORD_LIMIT_BYTES,
        }),
        None => Ok(()),
    }
}

/// Where a scan begins, once it is sure that the record is kept and that the
/// history before it is the caller's.
fn check_scan_start(
    ledger: &dyn Ledger,
    from: Position,
    chain_before: Option<ChainHash>,
) -> Result<Position, ReadError> {
    let first = ledger.first_position();
    let from = match from {
        Position::START => first,
        other => other,
    };
    if from < first {
        return Err(ReadError::BeforeFirst {
            position: from,
            first,
        });
    }
    let Some(expected) = chain_before else {
        return Ok(from);
    };
    match ledger.chain_at(Position(from.0 - 1))? {
        Some(found) if found != expected => Err(ReadError::ChainBroken {
            position: from,
            expected,
            found,
        }),
        _ => Ok(from),
    }
}
