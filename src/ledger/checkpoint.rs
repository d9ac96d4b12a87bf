//! Checkpoints: states folded from the records, so that a start folds only what
//! came after. What a state looks like is the engine's business; here it is
//! bytes.
//!
//! A checkpoint is only ever a shortcut. One that is damaged, or of another fold
//! version, is passed over, and the older one or the whole ledger is folded
//! instead. One that is whole and disagrees with the ledger is not passed over:
//! then the ledger is not the one that the state was folded from, and that is
//! refused.
//!
//! ```text
//! magic [8] ‖ store id [16] ‖ fold version u32 ‖ position u64 ‖ chain [32]
//! ‖ state hash [32] ‖ payload length u64 ‖ payload ‖ BLAKE3 of all before
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::domain::ids::{ChainHash, Position};

use super::data_dir::StoreId;
use super::durable_file::{self, FileError, failed_to};
use super::{Head, Ledger, ReadError};

const MAGIC: [u8; 8] = *b"pb fold1";
const HEADER_BYTES: usize = 8 + 16 + 4 + 8 + 32 + 32 + 8;
const HASH_BYTES: usize = 32;
const NAME_PREFIX: &str = "checkpoint-";

/// How many are kept: the newest, and one to fall back to.
const KEPT: usize = 2;

/// What a checkpoint says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointHeader {
    /// The version of the fold that made the state.
    pub fold_version: u32,
    /// The last record that was folded into it.
    pub head: Head,
    /// The hash of the state, by the engine's own rule.
    pub state_hash: [u8; 32],
}

/// A checkpoint that was read back whole and agrees with the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What it says of itself.
    pub header: CheckpointHeader,
    /// The state as it was saved.
    pub payload: Vec<u8>,
}

/// A checkpoint file that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The file.
    pub path: PathBuf,
    /// Why, for the log.
    pub reason: String,
}

/// What [`Checkpoints::load_latest`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The newest that can be used; `None`: fold from the beginning.
    pub checkpoint: Option<Checkpoint>,
    /// The newer ones that could not be.
    pub passed_over: Vec<PassedOver>,
}

/// Why checkpoints could not be saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The ledger does not reach as far as the state that was folded from it.
    #[error(
        "{} holds the state at position {position}, but the ledger ends at {head}: records are \
         missing; restore the data directory from one backup as a whole",
        path.display()
    )]
    BeyondHead {
        /// The checkpoint.
        path: PathBuf,
        /// Its position.
        position: Position,
        /// The ledger's.
        head: Position,
    },
    /// The ledger is not the one that the state was folded from.
    #[error(
        "{} was made when the chain at position {position} was {expected}, the ledger's is \
         {found} there; restore the data directory from one backup as a whole",
        path.display()
    )]
    OtherHistory {
        /// The checkpoint.
        path: PathBuf,
        /// Its position.
        position: Position,
        /// The chain in the checkpoint.
        expected: ChainHash,
        /// The chain in the ledger.
        found: ChainHash,
    },
    /// A state that is not durable yet would outlive the records it came from.
    #[error(
        "a checkpoint at position {position} was refused: the ledger is durable up to {durable} \
         only; sync it first"
    )]
    NotDurable {
        /// The state's position.
        position: Position,
        /// How far the ledger is durable.
        durable: Position,
    },
    /// The ledger could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file system refused something.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The checkpoints of one data directory.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    directory: PathBuf,
    store_id: StoreId,
}

impl Checkpoints {
    /// The checkpoints in a directory, which is created if need be.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn open(directory: &Path, store_id: StoreId) -> Result<Self, FileError> {
        durable_file::create_directory(directory)?;
        Ok(Self {
            directory: directory.to_path_buf(),
            store_id,
        })
    }

    /// Saves a state, durably, and removes all but the newest two. One caller at
    /// a time; readers of the ledger and its committer are not held up.
    ///
    /// # Errors
    /// [`CheckpointError::NotDurable`] for a state that is ahead of what
    /// `ledger` has synced, [`CheckpointError::File`] when the file system
    /// refuses; what was saved before is still there.
    pub fn save(
        &self,
        ledger: &dyn Ledger,
        header: &CheckpointHeader,
        payload: &[u8],
    ) -> Result<(), CheckpointError> {
        let durable = ledger.durable_head().position;
        let position = header.head.position;
        if position > durable {
            return Err(CheckpointError::NotDurable { position, durable });
        }
        let header_bytes = encode_header(self.store_id, header, payload.len());
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header_bytes).update(payload);
        let hash = hasher.finalize();
        let path = self.directory.join(name_of(position));
        durable_file::replace(&path, &[&header_bytes, payload, hash.as_bytes()])?;
        for old in self.files_newest_first()?.iter().skip(KEPT) {
            durable_file::remove(old)?;
        }
        Ok(())
    }

    /// Loads the newest checkpoint that is whole, that `accepts` takes (usually:
    /// that the fold version is the present one), and from which `ledger` can
    /// continue.
    ///
    /// # Errors
    /// [`CheckpointError::BeyondHead`] and [`CheckpointError::OtherHistory`] when
    /// a whole checkpoint contradicts the ledger.
    pub fn load_latest(
        &self,
        ledger: &dyn Ledger,
        mut accepts: impl FnMut(&CheckpointHeader) -> bool,
    ) -> Result<Loaded, CheckpointError> {
        let mut loaded = Loaded::default();
        for path in self.files_newest_first()? {
            let bytes = fs::read(&path).map_err(failed_to("read", &path))?;
            let usable = match decode(self.store_id, bytes) {
                Ok(checkpoint) => {
                    check_against(&path, ledger, &checkpoint.header)?;
                    check_use(ledger, &checkpoint.header, &mut accepts).map(|()| checkpoint)
                }
                Err(reason) => Err(reason.to_owned()),
            };
            match usable {
                Ok(checkpoint) => {
                    loaded.checkpoint = Some(checkpoint);
                    break;
                }
                Err(reason) => loaded.passed_over.push(PassedOver { path, reason }),
            }
        }
        Ok(loaded)
    }

    fn files_newest_first(&self) -> Result<Vec<PathBuf>, FileError> {
        let directory = &self.directory;
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed_to("list", directory))? {
            let entry = entry.map_err(failed_to("list", directory))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let finished = !name.ends_with(durable_file::TEMPORARY_SUFFIX);
            if name.starts_with(NAME_PREFIX) && finished {
                files.push(entry.path());
            }
        }
        // The position in the name has a fixed width, so that names sort as
        // positions do.
        files.sort();
        files.reverse();
        Ok(files)
    }
}

fn name_of(position: Position) -> String {
    format!("{NAME_PREFIX}{:020}", position.0)
}

/// A whole checkpoint that contradicts the ledger means that one of the two is
/// not what it should be.
fn check_against(
    path: &Path,
    ledger: &dyn Ledger,
    header: &CheckpointHeader,
) -> Result<(), CheckpointError> {
    let position = header.head.position;
    let head = ledger.head().position;
    if position > head {
        return Err(CheckpointError::BeyondHead {
            path: path.to_path_buf(),
            position,
            head,
        });
    }
    if position < ledger.start().position {
        return Ok(());
    }
    match ledger.chain_at(position)? {
        Some(found) if found != header.head.chain => Err(CheckpointError::OtherHistory {
            path: path.to_path_buf(),
            position,
            expected: header.head.chain,
            found,
        }),
        _ => Ok(()),
    }
}

/// Whether a fold can continue from a checkpoint.
fn check_use(
    ledger: &dyn Ledger,
    header: &CheckpointHeader,
    accepts: &mut impl FnMut(&CheckpointHeader) -> bool,
) -> Result<(), String> {
    let position = header.head.position;
    let start = ledger.start().position;
    if position < start {
        return Err(format!(
            "it ends at position {position}, the records kept begin after {start}"
        ));
    }
    if !accepts(header) {
        let version = header.fold_version;
        return Err(format!("it was made by fold version {version}"));
    }
    Ok(())
}

fn encode_header(store_id: StoreId, header: &CheckpointHeader, payload_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&store_id.0);
    bytes.extend_from_slice(&header.fold_version.to_le_bytes());
    bytes.extend_from_slice(&header.head.position.0.to_le_bytes());
    bytes.extend_from_slice(&header.head.chain.0);
    bytes.extend_from_slice(&header.state_hash);
    bytes.extend_from_slice(&(payload_bytes as u64).to_le_bytes());
    assert_eq!(bytes.len(), HEADER_BYTES, "the header has a fixed size");
    bytes
}

fn decode(expected: StoreId, mut bytes: Vec<u8>) -> Result<Checkpoint, &'static str> {
    const SHORT: &str = "it is cut short";

    let (content, hash) = bytes.split_last_chunk::<HASH_BYTES>().ok_or(SHORT)?;
    if blake3::hash(content) != *hash {
        return Err("its checksum does not match");
    }
    let (magic, rest) = content.split_first_chunk::<8>().ok_or(SHORT)?;
    let (store_id, rest) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
    let (fold_version, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
    let (position, rest) = rest.split_first_chunk::<8>().ok_or(SHORT)?;
    let (chain, rest) = rest.split_first_chunk::<32>().ok_or(SHORT)?;
    let (state_hash, rest) = rest.split_first_chunk::<32>().ok_or(SHORT)?;
    let (payload_bytes, payload) = rest.split_first_chunk::<8>().ok_or(SHORT)?;
    if *magic != MAGIC {
        return Err("it is not a checkpoint of a known format");
    }
    if StoreId(*store_id) != expected {
        return Err("it belongs to another data directory");
    }
    if u64::from_le_bytes(*payload_bytes) != payload.len() as u64 {
        return Err("its payload does not have the length that it should");
    }
    let header = CheckpointHeader {
        fold_version: u32::from_le_bytes(*fold_version),
        head: Head {
            position: Position(u64::from_le_bytes(*position)),
            chain: ChainHash(*chain),
        },
        state_hash: *state_hash,
    };
    bytes.truncate(bytes.len() - HASH_BYTES);
    bytes.drain(..HEADER_BYTES);
    Ok(Checkpoint {
        header,
        payload: bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryLedger;
    use super::*;

    const STORE: StoreId = StoreId([9; 16]);

    fn ledger_of(records: u64) -> MemoryLedger {
        let ledger = MemoryLedger::new();
        for number in 0..records {
            ledger.append(&[&number.to_le_bytes()]).expect("appended");
        }
        ledger.sync().expect("synced");
        ledger
    }

    fn header_at(ledger: &dyn Ledger, position: u64) -> CheckpointHeader {
        let position = Position(position);
        let chain = ledger.chain_at(position).expect("read").expect("there");
        CheckpointHeader {
            fold_version: 1,
            head: Head { position, chain },
            state_hash: [5; 32],
        }
    }

    fn latest(checkpoints: &Checkpoints, ledger: &dyn Ledger) -> Option<Position> {
        let loaded = checkpoints.load_latest(ledger, |header| header.fold_version == 1);
        let checkpoint = loaded.expect("nothing contradicts").checkpoint;
        checkpoint.map(|checkpoint| checkpoint.header.head.position)
    }

    #[test]
    fn the_newest_is_loaded_and_two_are_kept() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let checkpoints = Checkpoints::open(scratch.path(), STORE).expect("opened");
        let ledger = ledger_of(10);
        assert_eq!(latest(&checkpoints, &ledger), None);
        for position in [2, 5, 10] {
            let header = header_at(&ledger, position);
            checkpoints.save(&ledger, &header, b"state").expect("saved");
            assert_eq!(latest(&checkpoints, &ledger), Some(Position(position)));
        }
        assert_eq!(
            checkpoints.files_newest_first().expect("listed").len(),
            KEPT
        );
    }

    #[test]
    fn damage_and_other_versions_fall_back_to_the_older_one() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let checkpoints = Checkpoints::open(scratch.path(), STORE).expect("opened");
        let ledger = ledger_of(10);
        for position in [5, 10] {
            let header = header_at(&ledger, position);
            checkpoints.save(&ledger, &header, b"state").expect("saved");
        }
        let newest = scratch.path().join(name_of(Position(10)));
        let original = fs::read(&newest).expect("read");
        for bit in 0..original.len() * 8 {
            let mut bytes = original.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&newest, &bytes).expect("written");
            assert_eq!(
                latest(&checkpoints, &ledger),
                Some(Position(5)),
                "bit {bit}"
            );
        }
        for length in 0..original.len() {
            fs::write(&newest, &original[..length]).expect("written");
            assert_eq!(
                latest(&checkpoints, &ledger),
                Some(Position(5)),
                "{length} bytes"
            );
        }
        let loaded = checkpoints.load_latest(&ledger, |_| false).expect("loaded");
        assert_eq!((loaded.checkpoint, loaded.passed_over.len()), (None, 2));
    }

    #[test]
    fn a_checkpoint_that_contradicts_the_ledger_is_refused() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let checkpoints = Checkpoints::open(scratch.path(), STORE).expect("opened");
        let ledger = ledger_of(10);
        let header = header_at(&ledger, 10);
        checkpoints.save(&ledger, &header, b"state").expect("saved");

        let shorter = checkpoints.load_latest(&ledger_of(9), |_| true);
        assert!(matches!(shorter, Err(CheckpointError::BeyondHead { .. })));
        let other = MemoryLedger::new();
        other
            .append(&[b"x"; 10].map(|record| &record[..]))
            .expect("appended");
        let other = checkpoints.load_latest(&other, |_| true);
        assert!(matches!(other, Err(CheckpointError::OtherHistory { .. })));
    }

    #[test]
    fn a_state_ahead_of_the_disk_is_not_saved() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let checkpoints = Checkpoints::open(scratch.path(), STORE).expect("opened");
        let ledger = ledger_of(1);
        ledger.append(&[b"not synced"]).expect("appended");
        let saved = checkpoints.save(&ledger, &header_at(&ledger, 2), b"state");
        assert!(matches!(saved, Err(CheckpointError::NotDurable { .. })));
    }

    #[test]
    fn a_checkpoint_before_a_cut_prefix_is_passed_over() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let checkpoints = Checkpoints::open(scratch.path(), STORE).expect("opened");
        let ledger = ledger_of(10);
        checkpoints
            .save(&ledger, &header_at(&ledger, 5), b"state")
            .expect("saved");
        let cut = MemoryLedger::continuing(ledger.head());
        let loaded = checkpoints.load_latest(&cut, |_| true).expect("loaded");
        assert_eq!((loaded.checkpoint, loaded.passed_over.len()), (None, 1));
    }
}
