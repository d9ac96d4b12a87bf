//! The store on sled 0.34: the only file that knows of it. What was measured
//! of sled decides what is done here.
//!
//! - Its `flush` never calls fsync, it only hands the pages to the disk: after
//!   each flush the data file is synced through a handle of our own.
//! - That handle does not cover `blobs/`, where sled puts large nodes: values
//!   stay small enough that there are none (see `chunk.rs`).
//! - It flushes by timer from a thread of its own; that is switched off, the
//!   committer alone decides.
//! - Many threads that flush are slower than one; there is one committer.
//! - While it opens, sled repairs what it takes for the end of an interrupted
//!   write, and may drop records that were synced, or panic in one of its
//!   threads, or hang. So a store is opened in a child process first
//!   (`probe.rs`), and the high-water mark tells what must be there.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::chunk::{Entry, Key};
use super::chunked::{ChunkStore, Found, StoreError};
use super::data_dir::DataDir;
use super::durable_file::{failed_to, sync_directory};
use super::open::OpenError;

const DATA_FILE: &str = "db";
const CONFIGURATION_FILE: &str = "conf";
const BLOBS: &str = "blobs";
const SNAPSHOT_PREFIX: &str = "snap.";
const UNFINISHED_SUFFIX: &str = ".generating";

/// A sled database used as a store of chunks.
pub(super) struct SledStore {
    database: ::sled::Db,
    /// The data file once more, to sync it.
    data_file: File,
    /// Keeps the directory this process's for as long as its store is open.
    _directory: Option<DataDir>,
}

impl From<::sled::Error> for StoreError {
    fn from(error: ::sled::Error) -> Self {
        match error {
            ::sled::Error::Corruption {
                at: Some(place), ..
            } => Self::Damaged(format!("the store found wrong bytes at {place}")),
            ::sled::Error::Corruption { at: None, .. } => {
                Self::Damaged("the store found wrong bytes in one of its files".to_owned())
            }
            other => Self::Refused(format!("the store refused: {other}")),
        }
    }
}

impl SledStore {
    /// Creates a store in an empty directory; its entries are durable afterwards.
    pub fn create(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        Self::open_or_create(path, cache_bytes)
    }

    /// Opens a store that is there. Only the probe may do so before the probe
    /// has passed it.
    pub fn open(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        // sled would make a new, empty store of what is missing.
        for name in [DATA_FILE, CONFIGURATION_FILE] {
            if !path.join(name).is_file() {
                return Err(OpenError::damaged(format!("its file {name:?} is missing")));
            }
        }
        wait_until_free(&path.join(DATA_FILE))?;
        remove_unfinished_snapshots(path)?;
        Self::open_or_create(path, cache_bytes)
    }

    fn open_or_create(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let database = ::sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None)
            .use_compression(false)
            .open()
            .map_err(|error| OpenError::store(error.into()))?;
        let data_path = path.join(DATA_FILE);
        let data_file = File::open(&data_path).map_err(failed_to("open", &data_path))?;
        let blobs = path.join(BLOBS);
        for directory in [&blobs, path, super::durable_file::parent_of(path)] {
            sync_directory(directory)?;
        }
        Ok(Self {
            database,
            data_file,
            _directory: None,
        })
    }

    /// The same store, holding on to the directory that it is in.
    pub fn holding(self, directory: DataDir) -> Self {
        Self {
            _directory: Some(directory),
            ..self
        }
    }
}

/// Waits for the lock that sled itself will take. Whoever opens a store holds its
/// directory, so that only the child of a process that was killed during its
/// probe can hold the store; it notices that and ends.
fn wait_until_free(data_path: &Path) -> Result<(), OpenError> {
    const PATIENCE: Duration = Duration::from_secs(10);
    const POLL_INTERVAL: Duration = Duration::from_millis(5);

    let file = File::open(data_path).map_err(failed_to("open", data_path))?;
    let begun_at = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => {
                return Err(failed_to("lock", data_path)(error).into());
            }
            Err(TryLockError::WouldBlock) if begun_at.elapsed() < PATIENCE => {
                thread::sleep(POLL_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: data_path.to_path_buf(),
                    waited_seconds: PATIENCE.as_secs(),
                });
            }
        }
    }
}

/// Removes `snap.*.generating`, which make sled refuse to open.
///
/// That is safe. Such a file is a summary of the log, written only while sled
/// opens, and used only once it was renamed. Before it, sled does no more than
/// to erase the torn end of the log, which no summary covers; the summary that
/// it replaces, if there was one, is removed after the renaming. So a file that
/// still has this name stands beside everything that it was computed from.
fn remove_unfinished_snapshots(path: &Path) -> Result<(), OpenError> {
    let mut unfinished: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(failed_to("list", path))? {
        let entry = entry.map_err(failed_to("list", path))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(SNAPSHOT_PREFIX) && name.ends_with(UNFINISHED_SUFFIX) {
            unfinished.push(entry.path());
        }
    }
    for file in unfinished {
        super::durable_file::remove(&file)?;
    }
    Ok(())
}

impl ChunkStore for SledStore {
    type Bytes = ::sled::IVec;
    type Iter = SledEntries;

    fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        // A single key is atomic by itself and needs no batch record.
        if let [(key, value)] = entries {
            self.database.insert(key.encode(), value.as_slice())?;
            return Ok(());
        }
        let mut batch = ::sled::Batch::default();
        for (key, value) in entries {
            batch.insert(&key.encode(), value.as_slice());
        }
        self.database.apply_batch(batch)?;
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.database.flush()?;
        let synced = self.data_file.sync_data();
        synced.map_err(|error| {
            StoreError::Refused(format!("the data file could not be synced: {error}"))
        })
    }

    fn last_up_to(&self, key: Key) -> Result<Found<Self::Bytes>, StoreError> {
        let mut entries = self.database.range(..=key.encode());
        Ok(entries.next_back().transpose()?)
    }

    fn entries_from(&self, key: Key) -> Self::Iter {
        SledEntries(self.database.range(key.encode()..))
    }
}

/// Entries of a sled database in ascending order of keys.
pub(super) struct SledEntries(::sled::Iter);

impl Iterator for SledEntries {
    type Item = Result<(::sled::IVec, ::sled::IVec), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map_err(StoreError::from))
    }
}

#[cfg(test)]
mod tests;
