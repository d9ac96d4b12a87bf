//! The data directory's keys.
//!
//! - The *shop key* turns shopper ids into pseudonyms (a keyed hash).
//! - The *id key* keeps ids that leave the house from being guessed.
//! - Each subject has a key of its own, in a numbered *slot*, under which what
//!   the ledger knows of that subject is encrypted. Destroying the key is how a
//!   subject is forgotten while the chain of records stays whole. Slot 0 is for
//!   what belongs to nobody and is never destroyed.
//!
//! Subject keys are drawn and synced a block of [`BLOCK_SLOTS`] at a time,
//! before the first of them is used, so that a decision never waits for this
//! file. All keys are in memory; reading one takes no lock.
//!
//! ```text
//! 0      identity: magic [8] ‖ store id [16] ‖ shop key [32] ‖ id key [32] ‖ CRC32C
//! 1024   extent, written in turn with the one at 2048:
//!        magic [8] ‖ generation u64 ‖ blocks u64 ‖ CRC32C
//! 4096   slots of 64 bytes: state u8 ‖ slot number u64 ‖ key [32] ‖ zeros ‖ CRC32C
//! ```
//!
//! The extent says how many blocks must be there: a file that was cut short is
//! noticed at whatever length. A block is written and synced before the extent
//! counts it; what stands behind the last counted block was never used.
//!
//! What destruction can promise: the bytes in the file are overwritten and
//! synced. A disk that writes elsewhere and remaps, a file system that copies on
//! write, a snapshot and a backup may each still hold the old ones.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::data_dir::StoreId;
use super::durable_file::FileError;

mod file;

use file::SecretsFile;

/// How many subject keys are drawn at a time.
pub const BLOCK_SLOTS: u32 = 4096;

/// There are no slots from here on: their keys would fill 2 GiB of memory.
pub const SLOT_LIMIT: u32 = 1 << 26;

/// Whose key it is: the number of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectSlot(pub u32);

impl SubjectSlot {
    /// The slot of what belongs to nobody.
    pub const ANONYMOUS: Self = Self(0);

    fn block(self) -> usize {
        (self.0 / BLOCK_SLOTS) as usize
    }

    fn place(self) -> usize {
        (self.0 % BLOCK_SLOTS) as usize
    }
}

impl fmt::Display for SubjectSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// 32 secret bytes. They are compared and handed to a cipher, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; 32]);

impl SecretKey {
    /// A key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a cipher or a keyed hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(not shown)")
    }
}

/// Why keys were refused.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file is not as it was written.
    #[error(
        "{} is damaged at byte {offset}: {reason}; restore the data directory from a backup",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The file is that of another data directory.
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
    /// The operator's shop key is not the one that the records were made with.
    #[error(
        "the shop key that was given is not the one in {}; give the key that the data directory \
         was created with, or none",
        path.display()
    )]
    OtherShopKey {
        /// The file.
        path: PathBuf,
    },
    /// Slot 0 stays.
    #[error("slot 0 holds the key of what belongs to nobody and cannot be destroyed")]
    Anonymous,
    /// No key was ever drawn for the slot.
    #[error("slot {slot} has no key: the keys end before slot {end}")]
    NoSuchSlot {
        /// The slot.
        slot: SubjectSlot,
        /// The first slot without a key.
        end: SubjectSlot,
    },
    /// No data directory has that many slots.
    #[error("slot {slot} is beyond the last of the {limit} slots that a data directory can have")]
    BeyondLimit {
        /// The slot.
        slot: SubjectSlot,
        /// How many slots there can be.
        limit: u32,
    },
    /// An earlier write failed: see the ledger's rule, no write is tried twice.
    #[error("no keys are written any more since a write failed ({reason}); restart the process")]
    Poisoned {
        /// What failed first.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Entropy(#[from] getrandom::Error),
    /// The file system refused something.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The keys of [`BLOCK_SLOTS`] neighbouring slots; `None` where one was
/// destroyed.
type Block = Vec<Option<SecretKey>>;

/// The keys of one data directory. Everybody may read at any time; extending
/// and destroying take their turn, and readers do not wait for them.
pub struct Secrets {
    shop_key: SecretKey,
    id_key: SecretKey,
    /// What readers see: replaced as a whole.
    blocks: ArcSwap<Vec<Arc<Block>>>,
    /// Where changes go before readers see them; locked during a change.
    origin: Mutex<Origin>,
}

enum Origin {
    File(SecretsFile),
    /// No file: keys follow from a seed.
    Seed([u8; 32]),
}

impl Secrets {
    /// Creates the file, with one block of subject keys. Keys are drawn from the
    /// operating system, except for a shop key that is given.
    ///
    /// # Errors
    /// When the file is there already, or the file system refuses.
    pub fn create(
        path: &Path,
        store_id: StoreId,
        shop_key: Option<SecretKey>,
    ) -> Result<(), SecretsError> {
        let shop_key = match shop_key {
            Some(key) => key,
            None => draw()?,
        };
        SecretsFile::create(path, store_id, &shop_key, &draw()?, &draw_block()?)
    }

    /// Opens the file and checks all of it. A shop key that is given must be the
    /// one in the file.
    ///
    /// # Errors
    /// See [`SecretsError`]; damage is named by its place.
    pub fn open(
        path: &Path,
        store_id: StoreId,
        shop_key: Option<&SecretKey>,
    ) -> Result<Self, SecretsError> {
        let (file, content) = SecretsFile::open(path, store_id)?;
        if shop_key.is_some_and(|given| *given != content.shop_key) {
            return Err(SecretsError::OtherShopKey {
                path: path.to_path_buf(),
            });
        }
        Ok(Self {
            shop_key: content.shop_key,
            id_key: content.id_key,
            blocks: ArcSwap::from_pointee(content.blocks.into_iter().map(Arc::new).collect()),
            origin: Mutex::new(Origin::File(file)),
        })
    }

    /// Keys that follow from a seed and are kept nowhere: for the simulator and
    /// for tests.
    #[must_use]
    pub fn derived(seed: [u8; 32]) -> Self {
        Self {
            shop_key: derive(&seed, b"shop"),
            id_key: derive(&seed, b"id"),
            blocks: ArcSwap::from_pointee(vec![Arc::new(derive_block(&seed, 0))]),
            origin: Mutex::new(Origin::Seed(seed)),
        }
    }

    /// The key for pseudonyms.
    #[must_use]
    pub fn shop_key(&self) -> &SecretKey {
        &self.shop_key
    }

    /// The key for ids.
    #[must_use]
    pub fn id_key(&self) -> &SecretKey {
        &self.id_key
    }

    /// The key in a slot; `None` when it was destroyed or never drawn.
    #[must_use]
    pub fn subject_key(&self, slot: SubjectSlot) -> Option<SecretKey> {
        let blocks = self.blocks.load();
        blocks.get(slot.block())?[slot.place()].clone()
    }

    /// Whether the key in a slot was destroyed.
    #[must_use]
    pub fn is_destroyed(&self, slot: SubjectSlot) -> bool {
        slot < self.end() && self.subject_key(slot).is_none()
    }

    /// The first slot that has no key yet.
    #[must_use]
    pub fn end(&self) -> SubjectSlot {
        SubjectSlot(self.blocks.load().len() as u32 * BLOCK_SLOTS)
    }

    /// Sees to it that a slot, and every one before it, has a key on disk. Call
    /// it well ahead of need: with a slot that has a key it returns at once,
    /// otherwise it writes and syncs.
    ///
    /// # Errors
    /// [`SecretsError::BeyondLimit`] from [`SLOT_LIMIT`] on; when the file system
    /// refuses, no keys are written any more.
    pub fn ensure(&self, slot: SubjectSlot) -> Result<(), SecretsError> {
        if slot < self.end() {
            return Ok(());
        }
        if slot.0 >= SLOT_LIMIT {
            return Err(SecretsError::BeyondLimit {
                slot,
                limit: SLOT_LIMIT,
            });
        }
        let mut origin = self.origin();
        while slot >= self.end() {
            let mut blocks = Vec::clone(&self.blocks.load());
            let block = match &mut *origin {
                Origin::File(file) => {
                    let block = draw_block()?;
                    file.add_block(&block)?;
                    block
                }
                Origin::Seed(seed) => derive_block(seed, blocks.len() as u32),
            };
            blocks.push(Arc::new(block));
            self.blocks.store(Arc::new(blocks));
        }
        Ok(())
    }

    /// Destroys the key in a slot, on disk and then in memory. Destroying it
    /// again is harmless, so that an erasure which was cut off can be repeated.
    ///
    /// # Errors
    /// [`SecretsError::Anonymous`] and [`SecretsError::NoSuchSlot`] for slots
    /// that cannot be destroyed; when the file system refuses, the key is still
    /// in use and no keys are written any more.
    pub fn destroy(&self, slot: SubjectSlot) -> Result<(), SecretsError> {
        if slot == SubjectSlot::ANONYMOUS {
            return Err(SecretsError::Anonymous);
        }
        let mut origin = self.origin();
        let end = self.end();
        if slot >= end {
            return Err(SecretsError::NoSuchSlot { slot, end });
        }
        if let Origin::File(file) = &mut *origin {
            file.destroy(slot)?;
        }
        let mut blocks = Vec::clone(&self.blocks.load());
        let mut block = Block::clone(&blocks[slot.block()]);
        block[slot.place()] = None;
        blocks[slot.block()] = Arc::new(block);
        self.blocks.store(Arc::new(blocks));
        Ok(())
    }

    /// A panic during a change leaves the file as a crash would, which opening
    /// it again sorts out; what readers see is replaced whole.
    fn origin(&self) -> MutexGuard<'_, Origin> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets(keys up to slot {}, not shown)", self.end())
    }
}

fn draw() -> Result<SecretKey, SecretsError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(SecretKey(bytes))
}

fn draw_block() -> Result<Block, SecretsError> {
    let mut bytes = vec![0; 32 * BLOCK_SLOTS as usize];
    getrandom::fill(&mut bytes)?;
    let (keys, _) = bytes.as_chunks::<32>();
    Ok(keys.iter().map(|key| Some(SecretKey(*key))).collect())
}

fn derive(seed: &[u8; 32], purpose: &[u8]) -> SecretKey {
    SecretKey(*blake3::keyed_hash(seed, purpose).as_bytes())
}

fn derive_block(seed: &[u8; 32], number: u32) -> Block {
    let first = number * BLOCK_SLOTS;
    let key_of = |slot: u32| Some(derive(seed, &slot.to_le_bytes()));
    (first..first + BLOCK_SLOTS).map(key_of).collect()
}

#[cfg(test)]
mod tests;
