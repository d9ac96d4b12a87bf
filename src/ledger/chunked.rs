//! The durable ledger: records in chunks, in a store of ordered keys, with a
//! high-water mark beside it.
//!
//! What a store must do is [`ChunkStore`], so that the same ledger runs over
//! sled and, in tests, over a store that fails on request.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::ids::{ChainHash, Position};

use super::chunk::{self, Entry, Key};
use super::data_dir::StoreId;
use super::durable_file::failed_to;
use super::high_water_mark::HighWaterMark;
use super::open::OpenError;
use super::poison::Poison;
use super::{
    AppendError, Head, Ledger, ReadError, Scan, SyncError, check_record_sizes, check_scan_start,
};

mod scan;

use scan::{Block, ChunkScan};

/// What a store said when it refused. Stores have errors of their own; the
/// ledger only passes their words on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum StoreError {
    /// It found its own files changed.
    #[error("{0}")]
    Damaged(String),
    /// It could not do what was asked.
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    /// As an error of whoever wanted to read at a position.
    fn at(self, position: Position) -> ReadError {
        match self {
            Self::Damaged(reason) => ReadError::Damaged { position, reason },
            Self::Refused(reason) => ReadError::Store { position, reason },
        }
    }
}

/// A key with its value, if there is one.
pub(super) type Found<Bytes> = Option<(Bytes, Bytes)>;

/// Ordered keys with values, written atomically and flushed on demand.
pub(super) trait ChunkStore: Send + Sync {
    /// A key or a value as the store hands it out.
    type Bytes: AsRef<[u8]> + Send;
    /// Keys and values in ascending order of keys.
    type Iter: Iterator<Item = Result<(Self::Bytes, Self::Bytes), StoreError>> + Send;

    /// Puts all of these entries, or none. They are visible afterwards and not
    /// yet durable. Whatever of several writes is on disk after a crash is a
    /// prefix of them.
    fn put(&self, entries: &[Entry]) -> Result<(), StoreError>;

    /// Makes everything that was put before durable, against a loss of power
    /// too.
    fn flush(&self) -> Result<(), StoreError>;

    /// The entry with the largest key that is not beyond this one.
    fn last_up_to(&self, key: Key) -> Result<Found<Self::Bytes>, StoreError>;

    /// The entries from this key on.
    fn entries_from(&self, key: Key) -> Self::Iter;
}

/// A monotonic clock's reading since some fixed moment.
pub(super) type MonotonicClock = Box<dyn Fn() -> Duration + Send + Sync>;

/// See the module's documentation.
pub(super) struct ChunkedLedger<S> {
    store: S,
    start: Head,
    poison: Poison,
    clock: MonotonicClock,
    /// Serializes the committers; held during writes and syncs, which readers
    /// therefore never wait for.
    writer: Mutex<Writer>,
    /// What readers go by; held only to copy it.
    heads: Mutex<Heads>,
}

struct Writer {
    mark: HighWaterMark,
    appended: Head,
    drained: bool,
}

#[derive(Clone, Copy)]
struct Heads {
    visible: Head,
    durable: Head,
}

/// A panic while one of the locks was held leaves whole values behind: they are
/// assigned, never edited.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: ChunkStore> ChunkedLedger<S> {
    /// Makes an empty store the beginning of a ledger, durably, with its mark.
    pub fn create(store: &S, mark_path: &Path, id: StoreId, start: Head) -> Result<(), OpenError> {
        let description = (Key::STORE, describe_store(id, start));
        store
            .put(&[description])
            .and_then(|()| store.flush())
            .map_err(OpenError::store)?;
        HighWaterMark::create(mark_path, id, start)?;
        Ok(())
    }

    /// Opens a ledger, and refuses it when the store does not hold what the
    /// high-water mark says was acknowledged. The records themselves are not
    /// scanned: that is the probe's work.
    pub fn open(
        store: S,
        mark_path: &Path,
        id: StoreId,
        clock: MonotonicClock,
    ) -> Result<Self, OpenError> {
        let ledger = Self::inspect(store, mark_path, id, clock)?;
        // What is in the store may have survived the loss of a process only. It
        // is flushed before anybody takes it for durable, and then marked.
        ledger.store.flush().map_err(OpenError::store)?;
        let mut writer = lock(&ledger.writer);
        let head = writer.appended;
        let now = (ledger.clock)();
        writer
            .mark
            .write(head)
            .and_then(|()| writer.mark.sync(now))
            .map_err(failed_to("write", mark_path))?;
        drop(writer);
        lock(&ledger.heads).durable = head;
        Ok(ledger)
    }

    /// As [`open`](Self::open), and writes nothing itself.
    pub fn inspect(
        store: S,
        mark_path: &Path,
        id: StoreId,
        clock: MonotonicClock,
    ) -> Result<Self, OpenError> {
        let start = read_description(&store, id)?;
        let (mark, marked) = HighWaterMark::open(mark_path, id)?;
        let ledger = Self::over(store, start, mark, clock);
        let head = ledger.find_head()?;
        ledger.check_mark(head, marked)?;
        lock(&ledger.writer).appended = head;
        *lock(&ledger.heads) = Heads {
            visible: head,
            durable: marked,
        };
        Ok(ledger)
    }

    /// A ledger that shows nothing yet.
    fn over(store: S, start: Head, mark: HighWaterMark, clock: MonotonicClock) -> Self {
        Self {
            store,
            start,
            poison: Poison::default(),
            clock,
            writer: Mutex::new(Writer {
                mark,
                appended: start,
                drained: false,
            }),
            heads: Mutex::new(Heads {
                visible: start,
                durable: start,
            }),
        }
    }

    /// The head after the last record in the store.
    fn find_head(&self) -> Result<Head, OpenError> {
        let last_key = Key::last_of(Position(u64::MAX));
        match self.block_up_to(last_key)? {
            Some(block) => Ok(block.head_after()),
            None => Ok(self.start),
        }
    }

    /// Refuses a store that has lost what the mark covers, or that holds another
    /// history.
    fn check_mark(&self, head: Head, marked: Head) -> Result<(), OpenError> {
        if marked.position > head.position {
            return Err(OpenError::RecordsLost {
                first: head.position.next(),
                last: marked.position,
            });
        }
        match self.chain_within(marked.position, head)? {
            Some(found) if found == marked.chain => Ok(()),
            found => Err(OpenError::OtherHistory {
                position: marked.position,
                expected: marked.chain,
                found: found.unwrap_or_default(),
            }),
        }
    }

    /// Reads the block that holds the record of a key, or the last before it.
    fn block_up_to(&self, key: Key) -> Result<Option<Block>, ReadError> {
        let position = key.first;
        let refused = |error: StoreError| error.at(position);
        let Some((key, value)) = self.store.last_up_to(key).map_err(refused)? else {
            return Ok(None);
        };
        let key = scan::decode_key(key.as_ref(), position)?;
        if key == Key::STORE {
            return Ok(None);
        }
        if key.part == 0 {
            let value = scan::decode_value(key, value.as_ref())?;
            if value.parts == 1 {
                return Ok(Some(Block::of_chunk(key, &value)));
            }
        }
        // Within the parts of a large record: gather them from the first on.
        let whole = Key {
            first: key.first,
            part: 0,
        };
        let mut entries = self.store.entries_from(whole);
        scan::next_block(&mut entries, key.first)
    }

    fn chain_within(&self, position: Position, head: Head) -> Result<Option<ChainHash>, ReadError> {
        if position == self.start.position {
            return Ok(Some(self.start.chain));
        }
        if position > head.position {
            return Ok(None);
        }
        let block = self.block_of(position)?;
        Ok(Some(block.chain_at(position)))
    }

    /// The block that holds a record which must be there.
    fn block_of(&self, position: Position) -> Result<Block, ReadError> {
        let first = self.first_position();
        if position < first {
            return Err(ReadError::BeforeFirst { position, first });
        }
        match self.block_up_to(Key::last_of(position))? {
            Some(block) if block.holds(position) => Ok(block),
            _ => Err(ReadError::Damaged {
                position,
                reason: "no chunk holds it".to_owned(),
            }),
        }
    }

    fn begin_scan(
        &self,
        from: Position,
        chain_before: Option<ChainHash>,
    ) -> Result<ChunkScan<S::Iter>, ReadError> {
        let from = check_scan_start(self, from, chain_before)?;
        let head = self.head();
        let first = match from > head.position {
            true => from,
            false => self.block_of(from)?.first(),
        };
        let entries = self.store.entries_from(Key { first, part: 0 });
        Ok(ChunkScan::new(entries, self.start, from, head))
    }

    fn heads(&self) -> Heads {
        *lock(&self.heads)
    }

    /// The part of a sync that may fail.
    fn make_durable(&self, writer: &mut Writer, drain: bool) -> Result<(), String> {
        let durable = self.heads().durable;
        if writer.appended != durable {
            self.store.flush().map_err(|error| error.to_string())?;
            let failed = |error| format!("the high-water mark could not be written: {error}");
            writer.mark.write(writer.appended).map_err(failed)?;
        }
        let now = (self.clock)();
        let synced = match drain {
            true => writer.mark.sync(now),
            false => writer.mark.sync_if_due(now),
        };
        synced.map_err(|error| format!("the high-water mark could not be synced: {error}"))
    }

    fn sync_as(&self, drain: bool) -> Result<Head, SyncError> {
        let mut writer = lock(&self.writer);
        self.poison.check_sync()?;
        writer.drained |= drain;
        if let Err(reason) = self.make_durable(&mut writer, drain) {
            let durable = self.heads().durable.position;
            return Err(self.poison.sync_failed(durable, reason));
        }
        lock(&self.heads).durable = writer.appended;
        Ok(writer.appended)
    }
}

impl<S: ChunkStore> Ledger for ChunkedLedger<S> {
    fn append(&self, records: &[&[u8]]) -> Result<Head, AppendError> {
        check_record_sizes(records)?;
        let mut writer = lock(&self.writer);
        self.poison.check_append()?;
        if writer.drained {
            return Err(AppendError::Drained);
        }
        let (batches, head) = chunk::encode(writer.appended, records);
        for batch in &batches {
            let put = self.store.put(batch);
            put.map_err(|error| self.poison.append_failed(error.to_string()))?;
        }
        writer.appended = head;
        lock(&self.heads).visible = head;
        Ok(head)
    }

    fn sync(&self) -> Result<Head, SyncError> {
        self.sync_as(false)
    }

    fn head(&self) -> Head {
        self.heads().visible
    }

    fn durable_head(&self) -> Head {
        self.heads().durable
    }

    fn start(&self) -> Head {
        self.start
    }

    fn read(&self, position: Position) -> Result<Option<Vec<u8>>, ReadError> {
        if position == Position::START || position > self.head().position {
            return Ok(None);
        }
        let block = self.block_of(position)?;
        Ok(Some(block.into_record(position)))
    }

    fn chain_at(&self, position: Position) -> Result<Option<ChainHash>, ReadError> {
        if position == Position::START && position != self.start.position {
            return Ok(None);
        }
        self.chain_within(position, self.head())
    }

    fn scan(&self, from: Position, chain_before: Option<ChainHash>) -> Scan<'_> {
        match self.begin_scan(from, chain_before) {
            Ok(scan) => Box::new(scan),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn drain(&self) -> Result<Head, SyncError> {
        self.sync_as(true)
    }
}

impl<S: ChunkStore> fmt::Debug for ChunkedLedger<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkedLedger")
            .field("head", &self.heads().visible)
            .finish_non_exhaustive()
    }
}

/// What a store says of itself: whose it is and where its records begin.
fn describe_store(id: StoreId, start: Head) -> Vec<u8> {
    let mut value = STORE_MAGIC.to_vec();
    value.extend_from_slice(&id.0);
    value.extend_from_slice(&start.position.0.to_le_bytes());
    value.extend_from_slice(&start.chain.0);
    chunk::seal(&mut value);
    value
}

const STORE_MAGIC: [u8; 8] = *b"pb store";

/// Finds the description of an existing store. Its absence means that the store
/// was lost: an empty ledger has one too.
fn read_description<S: ChunkStore>(store: &S, expected: StoreId) -> Result<Head, OpenError> {
    let (_, value) = store
        .last_up_to(Key::STORE)
        .map_err(OpenError::store)?
        .ok_or_else(|| OpenError::damaged("it holds no description of itself"))?;
    let (found, start) = parse_description(value.as_ref())
        .ok_or_else(|| OpenError::damaged("its description of itself is damaged"))?;
    if found != expected {
        return Err(OpenError::OtherStore { found, expected });
    }
    Ok(start)
}

fn parse_description(value: &[u8]) -> Option<(StoreId, Head)> {
    let content = chunk::unseal(value)?;
    let (magic, rest) = content.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let (chain, rest) = rest.split_first_chunk::<32>()?;
    let start = Head {
        position: Position(u64::from_le_bytes(*position)),
        chain: ChainHash(*chain),
    };
    (*magic == STORE_MAGIC && rest.is_empty()).then_some((StoreId(*id), start))
}

#[cfg(test)]
mod tests;
