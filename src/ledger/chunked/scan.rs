//! Reading chunks back: from the store's entries to records, checked on the way.

use crate::domain::ids::{ChainHash, Position};

use super::super::chunk::{self, Key, Value};
use super::super::{Head, ReadError, Record};
use super::StoreError;

/// The records of one chunk, or the one record of a row of parts: never empty.
pub(super) struct Block {
    before: Head,
    records: Vec<Vec<u8>>,
}

impl Block {
    pub fn of_chunk(key: Key, value: &Value<'_>) -> Self {
        Self {
            before: head_before(key.first, value.chain_before),
            records: value.records().map(<[u8]>::to_vec).collect(),
        }
    }

    pub fn first(&self) -> Position {
        self.before.position.next()
    }

    pub fn head_after(&self) -> Head {
        let after = |head: Head, bytes: &Vec<u8>| head.after(bytes);
        self.records.iter().fold(self.before, after)
    }

    pub fn holds(&self, position: Position) -> bool {
        let last = self.before.position.0 + self.records.len() as u64;
        position > self.before.position && position.0 <= last
    }

    /// The chain after a record that the block holds.
    pub fn chain_at(&self, position: Position) -> ChainHash {
        let records = &self.records[..=self.index_of(position)];
        let after = |head: Head, bytes: &Vec<u8>| head.after(bytes);
        records.iter().fold(self.before, after).chain
    }

    /// The bytes of a record that the block holds.
    pub fn into_record(mut self, position: Position) -> Vec<u8> {
        let index = self.index_of(position);
        self.records.swap_remove(index)
    }

    fn index_of(&self, position: Position) -> usize {
        assert!(self.holds(position), "the caller looked the block up");
        (position.0 - self.before.position.0 - 1) as usize
    }
}

fn head_before(first: Position, chain: ChainHash) -> Head {
    Head {
        position: Position(first.0.saturating_sub(1)),
        chain,
    }
}

fn damaged(position: Position, reason: &str) -> ReadError {
    ReadError::Damaged {
        position,
        reason: reason.to_owned(),
    }
}

/// A key that the store handed out near a position.
pub(super) fn decode_key(key: &[u8], position: Position) -> Result<Key, ReadError> {
    Key::decode(key).ok_or_else(|| damaged(position, "the store holds a key that is not ours"))
}

/// A value under its key.
pub(super) fn decode_value(key: Key, value: &[u8]) -> Result<Value<'_>, ReadError> {
    chunk::decode(key, value).map_err(|reason| damaged(key.first, reason))
}

/// Takes one chunk, or all parts of one record, off an iterator of entries;
/// `None` at its end. `position` is where the reader stands, for errors.
pub(super) fn next_block<I, B>(
    entries: &mut I,
    position: Position,
) -> Result<Option<Block>, ReadError>
where
    I: Iterator<Item = Result<(B, B), StoreError>>,
    B: AsRef<[u8]>,
{
    let Some((key, value)) = next_entry(entries, position)? else {
        return Ok(None);
    };
    let key = decode_key(key.as_ref(), position)?;
    let first_value = decode_value(key, value.as_ref())?;
    if key.part != 0 {
        return Err(damaged(
            key.first,
            "the first part of its record is missing",
        ));
    }
    if first_value.parts == 1 {
        return Ok(Some(Block::of_chunk(key, &first_value)));
    }
    let mut record = Vec::with_capacity(first_value.whole_record_bytes());
    record.extend_from_slice(first_value.payload);
    for part in 1..first_value.parts {
        let (next_key, next_value) = next_entry(entries, key.first)?
            .ok_or_else(|| damaged(key.first, "the last parts of its record are missing"))?;
        let expected = Key { part, ..key };
        if decode_key(next_key.as_ref(), key.first)? != expected {
            return Err(damaged(key.first, "a part of its record is missing"));
        }
        let next = decode_value(expected, next_value.as_ref())?;
        if (next.parts, next.chain_before) != (first_value.parts, first_value.chain_before) {
            return Err(damaged(
                key.first,
                "the parts of its record contradict each other",
            ));
        }
        record.extend_from_slice(next.payload);
    }
    if record.len() != first_value.whole_record_bytes() {
        return Err(damaged(key.first, "its parts do not have its length"));
    }
    Ok(Some(Block {
        before: head_before(key.first, first_value.chain_before),
        records: vec![record],
    }))
}

fn next_entry<I, B>(entries: &mut I, position: Position) -> Result<Option<(B, B)>, ReadError>
where
    I: Iterator<Item = Result<(B, B), StoreError>>,
{
    let entry = entries.next().transpose();
    entry.map_err(|error| error.at(position))
}

/// The records from one on, up to a head that was the ledger's.
pub(super) struct ChunkScan<I> {
    entries: I,
    start: Head,
    from: Position,
    end: Head,
    /// The head after the last record taken out of `block`; `None` before the
    /// first block.
    reached: Option<Head>,
    block: std::vec::IntoIter<Vec<u8>>,
    finished: bool,
}

impl<I, B> ChunkScan<I>
where
    I: Iterator<Item = Result<(B, B), StoreError>>,
    B: AsRef<[u8]>,
{
    /// `entries` begin with the block that holds `from`.
    pub fn new(entries: I, start: Head, from: Position, end: Head) -> Self {
        Self {
            entries,
            start,
            from,
            end,
            reached: None,
            block: Vec::new().into_iter(),
            finished: from > end.position,
        }
    }

    fn next_record(&mut self) -> Result<Record, ReadError> {
        loop {
            let reached = match (self.reached, self.block.next()) {
                (Some(reached), Some(bytes)) => {
                    let head = reached.after(&bytes);
                    self.reached = Some(head);
                    if head.position < self.from {
                        continue;
                    }
                    return self.check_end(Record {
                        position: head.position,
                        chain: head.chain,
                        bytes,
                    });
                }
                (reached, _) => reached,
            };
            self.load_block(reached)?;
        }
    }

    /// The next block must continue what was read; the first one must continue
    /// the ledger's start if it is the ledger's first.
    fn load_block(&mut self, reached: Option<Head>) -> Result<(), ReadError> {
        let expected = reached.map_or(self.from, |head| head.position.next());
        let block = next_block(&mut self.entries, expected)?
            .ok_or_else(|| damaged(expected, "no chunk holds it"))?;
        let first_of_all = block.first() == self.start.position.next();
        let before = reached.or_else(|| first_of_all.then_some(self.start));
        if let Some(before) = before {
            if block.before.position != before.position {
                return Err(damaged(
                    expected,
                    "the chunk that should hold it is missing",
                ));
            }
            if block.before.chain != before.chain {
                return Err(ReadError::ChainBroken {
                    position: expected,
                    expected: before.chain,
                    found: block.before.chain,
                });
            }
        }
        self.reached = Some(block.before);
        self.block = block.records.into_iter();
        Ok(())
    }

    /// The last record must bring the chain to the ledger's head.
    fn check_end(&mut self, record: Record) -> Result<Record, ReadError> {
        if record.position == self.end.position {
            self.finished = true;
            if record.chain != self.end.chain {
                return Err(ReadError::ChainBroken {
                    position: record.position.next(),
                    expected: self.end.chain,
                    found: record.chain,
                });
            }
        }
        Ok(record)
    }
}

impl<I, B> Iterator for ChunkScan<I>
where
    I: Iterator<Item = Result<(B, B), StoreError>>,
    B: AsRef<[u8]>,
{
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let record = self.next_record();
        self.finished |= record.is_err();
        Some(record)
    }
}
