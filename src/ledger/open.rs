//! How a data directory is opened: everything that must agree is compared, and
//! what does not agree is refused.
//!
//! 1. The directory is taken: it exists or is created, nobody else holds it, its
//!    format is known.
//! 2. A child process opens the store and reads every record (see
//!    [`probe`]). A store that makes it panic, hang or find a
//!    wrong byte is refused.
//! 3. This process opens the store, and finds the head that the child found and
//!    at least the head of the high-water mark.
//! 4. The keys are read and checked.
//!
//! Nothing is ever repaired or cut off: an operator who restores a backup knows
//! what was lost, a program that shortens a ledger does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::ids::{ChainHash, Position};

use super::checkpoint::Checkpoints;
use super::chunked::{ChunkedLedger, MonotonicClock, StoreError};
use super::data_dir::{self, Acquired, DataDir, DataDirError, NewDataDir, StoreId};
use super::durable_file::FileError;
use super::high_water_mark::MarkError;
use super::probe::{self, ProbeError, ProbeReport};
use super::secrets::{SecretKey, Secrets, SecretsError};
use super::sled::SledStore;
use super::{Head, Ledger, ReadError};

/// What the store may keep in memory unless told otherwise. The engine reads old
/// records seldom, and the operating system caches the file as well.
pub const DEFAULT_CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How a data directory is to be opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the store may keep in memory.
    pub cache_bytes: u64,
    /// How the store is looked through before it is used.
    pub probe: Probe,
    /// The shop's key, where the operator gives it. At creation it is used
    /// instead of a drawn one; later it must be the one that was used then.
    pub shop_key: Option<SecretKey>,
}

/// How a store is looked through before it is used.
#[derive(Debug, Clone)]
pub enum Probe {
    /// By a child process: the only way that survives every kind of damage.
    InChild {
        /// A program whose `main` begins with
        /// [`probe::answer_if_asked`]; usually this one.
        program: PathBuf,
        /// When to give up; by the store's size if `None`.
        timeout: Option<Duration>,
    },
    /// Not at all: for a test that has just closed the store itself.
    Skip,
}

/// A data directory that is open.
#[derive(Debug)]
pub struct Opened {
    /// The records. The directory stays this process's as long as a clone of
    /// this lives.
    pub ledger: Arc<dyn Ledger>,
    /// The states folded from them.
    pub checkpoints: Checkpoints,
    /// The keys.
    pub secrets: Secrets,
    /// The store's identity.
    pub store_id: StoreId,
    /// Whether the directory was created just now.
    pub created: bool,
    /// What the probe found, and what it cost.
    pub probe: Option<ProbeReport>,
}

/// Why a data directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory, or its `FORMAT`.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The file system refused something.
    #[error(transparent)]
    File(#[from] FileError),
    /// The high-water mark.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// The keys.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A record.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The look through the store by a child process.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The store gave an error of its own.
    #[error(
        "the store could not be opened: {reason}; if no other process uses it and the disk is \
         sound and has space, restore the data directory from a backup"
    )]
    Store {
        /// What it said.
        reason: String,
    },
    /// Another process has the store open.
    #[error(
        "{} is in use by a process that does not hold the data directory (waited \
         {waited_seconds} s); stop that process",
        path.display()
    )]
    InUse {
        /// The store's data file.
        path: PathBuf,
        /// How long it was waited for.
        waited_seconds: u64,
    },
    /// The store lacks something that every store has.
    #[error("the store is damaged: {reason}; restore the data directory from a backup")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The store is that of another data directory.
    #[error(
        "the store is {found}, the data directory's is {expected}; restore the data directory \
         from one backup as a whole"
    )]
    OtherStore {
        /// The identity in the store.
        found: StoreId,
        /// The identity of the data directory.
        expected: StoreId,
    },
    /// Acknowledged records are gone.
    #[error(
        "the positions {first} to {last} were acknowledged and are missing from the store; \
         restore the data directory from a backup"
    )]
    RecordsLost {
        /// The first position that is missing.
        first: Position,
        /// The last position that was acknowledged.
        last: Position,
    },
    /// The store holds other records than those that were acknowledged.
    #[error(
        "the chain at position {position} is {found}, but {expected} was acknowledged: the store \
         holds another history; restore the data directory from one backup as a whole"
    )]
    OtherHistory {
        /// The position of the high-water mark.
        position: Position,
        /// The chain that was acknowledged.
        expected: ChainHash,
        /// The chain in the store.
        found: ChainHash,
    },
    /// The store changed between the probe and the opening.
    #[error(
        "the store ended at {found} when it was opened and at {probed} when it was looked \
         through before: it is damaged or another process changes it; restore the data \
         directory from a backup"
    )]
    ChangedSinceProbe {
        /// What the probe found.
        probed: Head,
        /// What is there now.
        found: Head,
    },
}

impl OpenError {
    pub(super) fn store(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(reason) => Self::Damaged { reason },
            StoreError::Refused(reason) => Self::Store { reason },
        }
    }

    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged {
            reason: reason.into(),
        }
    }
}

/// Opens the data directory at `root`; creates it where there is none.
///
/// This takes as long as reading all records once; call it off the asynchronous
/// threads.
///
/// # Errors
/// See [`OpenError`]: each says what is wrong, where, and what to do.
pub fn open(root: &Path, settings: &Settings) -> Result<Opened, OpenError> {
    match data_dir::acquire(root)? {
        Acquired::New(new) => create(new, settings),
        Acquired::Existing(directory) => {
            let report = match &settings.probe {
                Probe::InChild { program, timeout } => {
                    Some(probe::probe_in_child(program, root, *timeout)?)
                }
                Probe::Skip => None,
            };
            open_parts(directory, settings, report, false)
        }
    }
}

/// The parts are made first; only then does the directory count as one.
fn create(new: NewDataDir, settings: &Settings) -> Result<Opened, OpenError> {
    let layout = new.layout();
    let id = new.store_id();
    let store = SledStore::create(&layout.store(), settings.cache_bytes)?;
    ChunkedLedger::create(&store, &layout.high_water_mark(), id, Head::START)?;
    drop(store);
    Secrets::create(&layout.secrets(), id, settings.shop_key.clone())?;
    let directory = new.finish()?;
    open_parts(directory, settings, None, true)
}

fn open_parts(
    directory: DataDir,
    settings: &Settings,
    probe: Option<ProbeReport>,
    created: bool,
) -> Result<Opened, OpenError> {
    let layout = directory.layout().clone();
    let store_id = directory.store_id();
    let secrets = Secrets::open(&layout.secrets(), store_id, settings.shop_key.as_ref())?;
    let checkpoints = Checkpoints::open(&layout.checkpoints(), store_id)?;
    let store = SledStore::open(&layout.store(), settings.cache_bytes)?.holding(directory);
    let mark_path = layout.high_water_mark();
    let ledger = ChunkedLedger::open(store, &mark_path, store_id, process_clock())?;
    match &probe {
        Some(report) if report.head != ledger.head() => Err(OpenError::ChangedSinceProbe {
            probed: report.head,
            found: ledger.head(),
        }),
        _ => Ok(Opened {
            ledger: Arc::new(ledger),
            checkpoints,
            secrets,
            store_id,
            created,
            probe,
        }),
    }
}

/// Time since the ledger was opened, from a clock that never goes back.
pub(super) fn process_clock() -> MonotonicClock {
    let opened_at = Instant::now();
    Box::new(move || opened_at.elapsed())
}
