//! The high-water mark: the last acknowledged head, in a file of its own beside
//! the store, so that a store that was cut short is noticed.
//!
//! Two slots, each a page apart, are written in turn; each carries a generation
//! and a checksum, so that a write torn by a power loss leaves the other slot.
//! The file has its full size from the beginning: writing a slot changes no
//! metadata.
//!
//! The mark is written after each sync of the store and before the
//! acknowledgement, but is itself synced only every
//! [`MARK_SYNC_INTERVAL_MS`] and at the end. It survives the loss of the process
//! at once and the loss of power after that interval. A mark that lags says less
//! than it could; it is never wrong, and it never refuses a good store. A mark
//! that is ahead of the store proves that acknowledged records are gone.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::ids::{ChainHash, Position};

use super::chunk::{seal, unseal};
use super::data_dir::StoreId;
use super::durable_file::{self, FileError, failed_to};
use super::{Head, MARK_SYNC_INTERVAL_MS};

const MAGIC: [u8; 8] = *b"pb mark1";
const SLOT_SPACING_BYTES: u64 = 4096;
const FILE_BYTES: u64 = 2 * SLOT_SPACING_BYTES;
const SLOT_BYTES: usize = 76;

/// Why the mark was refused.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// There is a store and no mark.
    #[error(
        "{} is missing beside a store, so that nobody can tell whether the store is whole; \
         restore the data directory from a backup",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// No slot can be read, or the file has another size.
    #[error("{} is damaged: {reason}; restore the data directory from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It is the mark of another data directory.
    #[error(
        "{} belongs to the store {found}, this is the store {expected}; restore the data \
         directory from one backup as a whole",
        path.display()
    )]
    OtherStore {
        /// The file.
        path: PathBuf,
        /// The identity in the file.
        found: StoreId,
        /// The identity of the data directory.
        expected: StoreId,
    },
    /// The file system refused something.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The mark's file, open for writing. See the module's documentation.
#[derive(Debug)]
pub struct HighWaterMark {
    file: File,
    store_id: StoreId,
    generation: u64,
    /// Whether something was written and not synced.
    dirty: bool,
    synced_at: Duration,
}

impl HighWaterMark {
    /// Creates the file with a first mark, durably.
    ///
    /// # Errors
    /// When the file system refuses, or the file is there already.
    pub fn create(path: &Path, store_id: StoreId, head: Head) -> Result<(), FileError> {
        let mut content = vec![0; FILE_BYTES as usize];
        let slot = encode(store_id, 0, head);
        content[..SLOT_BYTES].copy_from_slice(&slot);
        durable_file::create(path, &content).map(drop)
    }

    /// Opens the file and returns the latest mark in it.
    ///
    /// # Errors
    /// See [`MarkError`].
    pub fn open(path: &Path, store_id: StoreId) -> Result<(Self, Head), MarkError> {
        let (generation, head) = read_latest(path, store_id)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed_to("open", path))?;
        let mark = Self {
            file,
            store_id,
            generation,
            dirty: false,
            synced_at: Duration::ZERO,
        };
        Ok((mark, head))
    }

    /// The latest mark in the file, without opening it for writing.
    ///
    /// # Errors
    /// See [`MarkError`].
    pub fn read(path: &Path, store_id: StoreId) -> Result<Head, MarkError> {
        read_latest(path, store_id).map(|(_, head)| head)
    }

    /// Writes a new mark over the older of the two; not yet synced.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&mut self, head: Head) -> io::Result<()> {
        self.generation += 1;
        let slot = encode(self.store_id, self.generation, head);
        self.dirty = true;
        self.file.write_all_at(&slot, offset_of(self.generation))
    }

    /// Syncs the file if something was written and the last sync is an interval
    /// old. `now` is a monotonic clock's reading.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn sync_if_due(&mut self, now: Duration) -> io::Result<()> {
        let interval = Duration::from_millis(MARK_SYNC_INTERVAL_MS);
        if self.dirty && now.saturating_sub(self.synced_at) >= interval {
            self.sync(now)?;
        }
        Ok(())
    }

    /// Syncs the file if something was written.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn sync(&mut self, now: Duration) -> io::Result<()> {
        if self.dirty {
            self.file.sync_data()?;
            self.dirty = false;
        }
        self.synced_at = now;
        Ok(())
    }
}

fn offset_of(generation: u64) -> u64 {
    generation % 2 * SLOT_SPACING_BYTES
}

fn encode(store_id: StoreId, generation: u64, head: Head) -> Vec<u8> {
    let mut slot = Vec::with_capacity(SLOT_BYTES);
    slot.extend_from_slice(&MAGIC);
    slot.extend_from_slice(&store_id.0);
    slot.extend_from_slice(&generation.to_le_bytes());
    slot.extend_from_slice(&head.position.0.to_le_bytes());
    slot.extend_from_slice(&head.chain.0);
    seal(&mut slot);
    assert_eq!(slot.len(), SLOT_BYTES, "a slot has a fixed size");
    slot
}

/// One slot; `None` when it was never written or is damaged.
fn decode(slot: &[u8]) -> Option<(StoreId, u64, Head)> {
    let content = unseal(slot)?;
    let (magic, rest) = content.split_first_chunk::<8>()?;
    let (store_id, rest) = rest.split_first_chunk::<16>()?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let (chain, _) = rest.split_first_chunk::<32>()?;
    let head = Head {
        position: Position(u64::from_le_bytes(*position)),
        chain: ChainHash(*chain),
    };
    (*magic == MAGIC).then_some((StoreId(*store_id), u64::from_le_bytes(*generation), head))
}

fn read_latest(path: &Path, expected: StoreId) -> Result<(u64, Head), MarkError> {
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(MarkError::Missing {
                path: path.to_path_buf(),
            });
        }
        Err(error) => return Err(failed_to("read", path)(error).into()),
    };
    let damaged = |reason: String| MarkError::Damaged {
        path: path.to_path_buf(),
        reason,
    };
    if content.len() as u64 != FILE_BYTES {
        let found = content.len();
        return Err(damaged(format!(
            "it has {found} bytes instead of {FILE_BYTES}"
        )));
    }
    let slot_at = |generation: u64| {
        let offset = offset_of(generation) as usize;
        // A generation in the wrong slot was never written by us.
        decode(&content[offset..offset + SLOT_BYTES]).filter(|slot| slot.1 % 2 == generation)
    };
    let latest = [slot_at(0), slot_at(1)]
        .into_iter()
        .flatten()
        .max_by_key(|slot| slot.1);
    let (found, generation, head) =
        latest.ok_or_else(|| damaged("neither of its two slots can be read".to_owned()))?;
    if found != expected {
        return Err(MarkError::OtherStore {
            path: path.to_path_buf(),
            found,
            expected,
        });
    }
    Ok((generation, head))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: StoreId = StoreId([3; 16]);

    fn head(number: u64) -> Head {
        Head {
            position: Position(number),
            chain: ChainHash([number as u8; 32]),
        }
    }

    /// A mark that was written with the heads 1, 2, … up to `last`.
    fn written_up_to(path: &Path, last: u64) {
        HighWaterMark::create(path, STORE, Head::START).expect("created");
        let (mut mark, first) = HighWaterMark::open(path, STORE).expect("opened");
        assert_eq!(first, Head::START);
        for number in 1..=last {
            mark.write(head(number)).expect("written");
        }
        mark.sync(Duration::ZERO).expect("synced");
    }

    #[test]
    fn the_latest_mark_is_found_again() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        for last in [1, 2, 7] {
            let path = scratch.path().join(format!("mark-{last}"));
            written_up_to(&path, last);
            assert_eq!(HighWaterMark::read(&path, STORE).expect("read"), head(last));
        }
    }

    #[test]
    fn a_flipped_bit_gives_the_latest_or_the_mark_before() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let path = scratch.path().join("mark");
        written_up_to(&path, 6);
        let original = fs::read(&path).expect("read");
        let slots = [0, SLOT_SPACING_BYTES as usize];
        let in_slots = slots.into_iter().flat_map(|slot| slot..slot + SLOT_BYTES);
        let bits = in_slots.flat_map(|byte| byte * 8..byte * 8 + 8);
        for bit in bits.chain((0..original.len() * 8).step_by(1_009)) {
            let mut content = original.clone();
            content[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &content).expect("written");
            let found = HighWaterMark::read(&path, STORE).expect("one slot is left");
            assert!(found == head(6) || found == head(5), "bit {bit}: {found}");
        }
    }

    #[test]
    fn any_other_length_and_absence_are_refused() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let path = scratch.path().join("mark");
        let missing = HighWaterMark::read(&path, STORE).expect_err("it is not there");
        assert!(matches!(missing, MarkError::Missing { .. }));
        written_up_to(&path, 1);
        let content = fs::read(&path).expect("read");
        for length in [0, 1, 75, 76, 4096, 8191] {
            fs::write(&path, &content[..length]).expect("written");
            let error = HighWaterMark::read(&path, STORE).expect_err("it is cut short");
            assert!(matches!(error, MarkError::Damaged { .. }), "{error}");
        }
    }

    #[test]
    fn the_mark_of_another_store_is_refused() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let path = scratch.path().join("mark");
        written_up_to(&path, 1);
        let error = HighWaterMark::read(&path, StoreId([4; 16])).expect_err("not ours");
        assert!(matches!(error, MarkError::OtherStore { .. }), "{error}");
    }

    #[test]
    fn a_sync_is_due_once_an_interval() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let path = scratch.path().join("mark");
        HighWaterMark::create(&path, STORE, Head::START).expect("created");
        let (mut mark, _) = HighWaterMark::open(&path, STORE).expect("opened");
        mark.write(head(1)).expect("written");
        mark.sync_if_due(Duration::from_millis(MARK_SYNC_INTERVAL_MS - 1))
            .expect("not due");
        assert!(mark.dirty);
        mark.sync_if_due(Duration::from_millis(MARK_SYNC_INTERVAL_MS))
            .expect("due");
        assert!(!mark.dirty);
    }
}
