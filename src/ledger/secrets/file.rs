//! The file of [`Secrets`](super::Secrets); its layout stands there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::chunk::{seal, unseal};
use super::super::data_dir::StoreId;
use super::super::durable_file::{self, failed_to};
use super::{BLOCK_SLOTS, Block, SecretKey, SecretsError, SubjectSlot};

const IDENTITY_MAGIC: [u8; 8] = *b"pb keys1";
const EXTENT_MAGIC: [u8; 8] = *b"pb extnt";
const IDENTITY_BYTES: usize = 8 + 16 + 32 + 32 + 4;
const EXTENT_BYTES: usize = 8 + 8 + 8 + 4;
const EXTENT_OFFSETS: [u64; 2] = [1024, 2048];
const SLOTS_OFFSET: u64 = 4096;
const SLOT_BYTES: usize = 64;
const BLOCK_BYTES: u64 = BLOCK_SLOTS as u64 * SLOT_BYTES as u64;

const LIVE: u8 = 1;
const DESTROYED: u8 = 2;

/// The file, open for writing.
pub(super) struct SecretsFile {
    file: File,
    path: PathBuf,
    extent: Extent,
    /// The reason of the first failed write.
    poison: Option<String>,
}

/// Everything in the file.
pub(super) struct Content {
    pub shop_key: SecretKey,
    pub id_key: SecretKey,
    pub blocks: Vec<Block>,
}

/// How many blocks are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    generation: u64,
    blocks: u64,
}

impl SecretsFile {
    /// Writes a new file with a first block.
    pub fn create(
        path: &Path,
        store_id: StoreId,
        shop_key: &SecretKey,
        id_key: &SecretKey,
        block: &Block,
    ) -> Result<(), SecretsError> {
        let mut content = vec![0; SLOTS_OFFSET as usize];
        let identity = encode_identity(store_id, shop_key, id_key);
        content[..IDENTITY_BYTES].copy_from_slice(&identity);
        // Both are written, so that an unreadable one is always damage.
        for generation in [0, 1] {
            let extent = Extent {
                generation,
                blocks: 1,
            };
            let offset = extent.offset() as usize;
            content[offset..offset + EXTENT_BYTES].copy_from_slice(&extent.encode());
        }
        content.extend(encode_block(0, block));
        durable_file::create(path, &content)?;
        Ok(())
    }

    /// Opens the file and checks every byte that means something.
    pub fn open(path: &Path, store_id: StoreId) -> Result<(Self, Content), SecretsError> {
        let bytes = fs::read(path).map_err(failed_to("read", path))?;
        let reader = Reader {
            path,
            bytes: &bytes,
        };
        let (shop_key, id_key) = reader.identity(store_id)?;
        let extents = EXTENT_OFFSETS.map(|offset| reader.extent(offset));
        let (extent, blocks) = reader.blocks(extents)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed_to("open", path))?;
        let mut opened = Self {
            file,
            path: path.to_path_buf(),
            extent,
            poison: None,
        };
        if blocks.len() as u64 != extent.blocks || extents.contains(&None) {
            // One extent was unreadable. Writing the next one mends it.
            opened.write_extent(blocks.len() as u64)?;
        }
        opened.drop_what_was_never_used(bytes.len() as u64)?;
        let content = Content {
            shop_key,
            id_key,
            blocks,
        };
        Ok((opened, content))
    }

    /// A crash while a block was being added leaves bytes behind the last one.
    fn drop_what_was_never_used(&mut self, length: u64) -> Result<(), SecretsError> {
        let used = SLOTS_OFFSET + self.extent.blocks * BLOCK_BYTES;
        assert!(length >= used, "the blocks were read");
        if length == used {
            return Ok(());
        }
        let cut = self.file.set_len(used).and_then(|()| self.file.sync_all());
        cut.map_err(failed_to("cut the unused end of", &self.path))?;
        Ok(())
    }

    /// Adds a block: first its slots, then the extent that counts it.
    pub fn add_block(&mut self, block: &Block) -> Result<(), SecretsError> {
        let first_slot = self.extent.blocks * u64::from(BLOCK_SLOTS);
        let offset = SLOTS_OFFSET + self.extent.blocks * BLOCK_BYTES;
        self.write_synced(&encode_block(first_slot, block), offset)?;
        self.write_extent(self.extent.blocks + 1)
    }

    /// Overwrites a key.
    pub fn destroy(&mut self, slot: SubjectSlot) -> Result<(), SecretsError> {
        let number = u64::from(slot.0);
        let offset = SLOTS_OFFSET + number * SLOT_BYTES as u64;
        self.write_synced(&encode_slot(number, None), offset)
    }

    fn write_extent(&mut self, blocks: u64) -> Result<(), SecretsError> {
        let next = Extent {
            generation: self.extent.generation + 1,
            blocks,
        };
        self.write_synced(&next.encode(), next.offset())?;
        self.extent = next;
        Ok(())
    }

    fn write_synced(&mut self, bytes: &[u8], offset: u64) -> Result<(), SecretsError> {
        if let Some(reason) = &self.poison {
            return Err(SecretsError::Poisoned {
                reason: reason.clone(),
            });
        }
        let write = || -> io::Result<()> {
            self.file.write_all_at(bytes, offset)?;
            self.file.sync_data()
        };
        let written = write();
        written.map_err(|error| {
            self.poison = Some(error.to_string());
            failed_to("write", &self.path)(error).into()
        })
    }
}

impl Extent {
    fn offset(self) -> u64 {
        EXTENT_OFFSETS[(self.generation % 2) as usize]
    }

    fn encode(self) -> Vec<u8> {
        let mut bytes = EXTENT_MAGIC.to_vec();
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.blocks.to_le_bytes());
        seal(&mut bytes);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let content = unseal(bytes)?;
        let (magic, rest) = content.split_first_chunk::<8>()?;
        let (generation, rest) = rest.split_first_chunk::<8>()?;
        let (blocks, _) = rest.split_first_chunk::<8>()?;
        (*magic == EXTENT_MAGIC).then_some(Self {
            generation: u64::from_le_bytes(*generation),
            blocks: u64::from_le_bytes(*blocks),
        })
    }
}

fn encode_identity(store_id: StoreId, shop_key: &SecretKey, id_key: &SecretKey) -> Vec<u8> {
    let mut bytes = IDENTITY_MAGIC.to_vec();
    bytes.extend_from_slice(&store_id.0);
    bytes.extend_from_slice(shop_key.as_bytes());
    bytes.extend_from_slice(id_key.as_bytes());
    seal(&mut bytes);
    bytes
}

fn decode_identity(bytes: &[u8]) -> Option<(StoreId, SecretKey, SecretKey)> {
    let content = unseal(bytes)?;
    let (magic, rest) = content.split_first_chunk::<8>()?;
    let (store_id, rest) = rest.split_first_chunk::<16>()?;
    let (shop_key, rest) = rest.split_first_chunk::<32>()?;
    let (id_key, _) = rest.split_first_chunk::<32>()?;
    (*magic == IDENTITY_MAGIC).then_some((
        StoreId(*store_id),
        SecretKey(*shop_key),
        SecretKey(*id_key),
    ))
}

fn encode_block(first_slot: u64, block: &Block) -> Vec<u8> {
    assert_eq!(
        block.len(),
        BLOCK_SLOTS as usize,
        "a block has a fixed size"
    );
    let numbered = (first_slot..).zip(block);
    numbered
        .flat_map(|(number, key)| encode_slot(number, key.as_ref()))
        .collect()
}

fn encode_slot(number: u64, key: Option<&SecretKey>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.push(if key.is_some() { LIVE } else { DESTROYED });
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(key.map_or(&[0; 32], SecretKey::as_bytes).as_slice());
    bytes.resize(SLOT_BYTES - 4, 0);
    seal(&mut bytes);
    assert_eq!(bytes.len(), SLOT_BYTES, "a slot has a fixed size");
    bytes
}

/// The key in a slot, or that it was destroyed; `None` when the slot is damaged.
fn decode_slot(number: u64, bytes: &[u8]) -> Option<Option<SecretKey>> {
    let content = unseal(bytes)?;
    let (state, rest) = content.split_first()?;
    let (found, rest) = rest.split_first_chunk::<8>()?;
    let (key, _) = rest.split_first_chunk::<32>()?;
    if u64::from_le_bytes(*found) != number {
        return None;
    }
    match *state {
        LIVE => Some(Some(SecretKey(*key))),
        DESTROYED => Some(None),
        _ => None,
    }
}

struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn damaged(&self, offset: u64, reason: impl Into<String>) -> SecretsError {
        SecretsError::Damaged {
            path: self.path.to_path_buf(),
            offset,
            reason: reason.into(),
        }
    }

    fn identity(&self, expected: StoreId) -> Result<(SecretKey, SecretKey), SecretsError> {
        let bytes = self.bytes.get(..IDENTITY_BYTES).unwrap_or_default();
        let (found, shop_key, id_key) = decode_identity(bytes)
            .ok_or_else(|| self.damaged(0, "the keys of the shop cannot be read"))?;
        if found != expected {
            return Err(SecretsError::OtherStore {
                path: self.path.to_path_buf(),
                found,
                expected,
            });
        }
        Ok((shop_key, id_key))
    }

    fn extent(&self, offset: u64) -> Option<Extent> {
        let from = offset as usize;
        let extent = Extent::decode(self.bytes.get(from..from + EXTENT_BYTES)?)?;
        (extent.offset() == offset).then_some(extent)
    }

    /// The blocks in use. With one extent unreadable the other may be the older
    /// one, so that what stands behind its last block may be in use: then every
    /// whole block counts, and anything else is damage.
    fn blocks(&self, extents: [Option<Extent>; 2]) -> Result<(Extent, Vec<Block>), SecretsError> {
        let latest = extents
            .into_iter()
            .flatten()
            .max_by_key(|extent| extent.generation);
        let extent = latest
            .ok_or_else(|| self.damaged(EXTENT_OFFSETS[0], "the number of keys cannot be read"))?;
        let slot_bytes = (self.bytes.len() as u64).saturating_sub(SLOTS_OFFSET);
        let count = if extents.contains(&None) {
            if !slot_bytes.is_multiple_of(BLOCK_BYTES) {
                return Err(self.damaged(self.bytes.len() as u64, "the last key is cut short"));
            }
            extent.blocks.max(slot_bytes / BLOCK_BYTES)
        } else {
            extent.blocks
        };
        if slot_bytes / BLOCK_BYTES < count {
            let slots = count * u64::from(BLOCK_SLOTS);
            let reason = format!("it ends there, before the last of its {slots} slots");
            return Err(self.damaged(self.bytes.len() as u64, reason));
        }
        let blocks = (0..count).map(|number| self.block(number));
        Ok((extent, blocks.collect::<Result<_, _>>()?))
    }

    fn block(&self, number: u64) -> Result<Block, SecretsError> {
        let first = number * u64::from(BLOCK_SLOTS);
        let slots = first..first + u64::from(BLOCK_SLOTS);
        slots.map(|number| self.slot(number)).collect()
    }

    fn slot(&self, number: u64) -> Result<Option<SecretKey>, SecretsError> {
        let offset = SLOTS_OFFSET + number * SLOT_BYTES as u64;
        let bytes = &self.bytes[offset as usize..offset as usize + SLOT_BYTES];
        decode_slot(number, bytes)
            .ok_or_else(|| self.damaged(offset, format!("the key in slot {number} cannot be read")))
    }
}
