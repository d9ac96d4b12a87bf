//! How records become keys and values of a store.
//!
//! A store pays for each key, so that many records share one value, a *chunk*.
//! A chunk is closed once it has reached [`TARGET_BYTES`]; each append begins a
//! new one, because what is on disk is never rewritten: small appends make
//! small chunks. A record that does not fit a value of [`LIMIT_BYTES`] is cut
//! into *parts*, one value each.
//!
//! ```text
//! key    first position, big-endian u64 ‖ part, big-endian u16 (0 for a chunk)
//! value  version u8 ‖ kind u8 ‖ part u16 ‖ parts u16 ‖ zero u16
//!        ‖ first position u64 ‖ count u32 ‖ chain before [32]
//!        ‖ lengths: u32 for each record (a part: of the whole record)
//!        ‖ the records' bytes, one after another ‖ CRC32C of all before
//! ```
//!
//! Numbers in values are little-endian. The first position stands in the key
//! and in the value, so that a value under a wrong key is noticed; the chain
//! before a chunk ties it to its predecessor, so that a missing or exchanged
//! chunk is noticed.

use crate::domain::ids::{ChainHash, Position};

use super::{Head, RECORD_LIMIT_BYTES};

/// The size at which a chunk is closed. A value costs about as much as ten keys;
/// larger ones gain little and make reading a single record dearer.
pub(super) const TARGET_BYTES: usize = 4096;

/// No value is larger. The store keeps up to 17 neighbouring values in one node
/// and moves a node of 128 KiB or more to a file of its own, which a sync does
/// not cover: 17 × 7,168 stays below that with room for the keys.
pub(super) const LIMIT_BYTES: usize = 7168;

/// The most keys that one atomic write may have: the store's memory and disk
/// grow without bound from batches of a thousand.
pub(super) const BATCH_LIMIT_KEYS: usize = 200;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 52;
const LENGTH_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;
const PART_PAYLOAD_BYTES: usize = LIMIT_BYTES - HEADER_BYTES - LENGTH_BYTES - CHECKSUM_BYTES;

// A record's parts go to the store in one atomic write.
const _: () = assert!(RECORD_LIMIT_BYTES.div_ceil(PART_PAYLOAD_BYTES) <= BATCH_LIMIT_KEYS);

/// A key of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The first record of the value.
    pub first: Position,
    /// Which part of it; 0 for a chunk.
    pub part: u16,
}

impl Key {
    /// Where the description of the store itself stands: no record has this
    /// position.
    pub const STORE: Self = Self {
        first: Position::START,
        part: 0,
    };

    /// The last key that a value with this first position can have.
    pub const fn last_of(first: Position) -> Self {
        Self {
            first,
            part: u16::MAX,
        }
    }

    pub fn encode(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.first.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.part.to_be_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 10] = bytes.try_into().ok()?;
        let (first, part) = bytes.split_at(8);
        Some(Self {
            first: Position(u64::from_be_bytes(first.try_into().ok()?)),
            part: u16::from_be_bytes(part.try_into().ok()?),
        })
    }
}

/// One key with its value.
pub(super) type Entry = (Key, Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chunk = 1,
    Part = 2,
}

/// Cuts records into atomic batches of entries, and returns the head after the
/// last one. Every record must be within [`RECORD_LIMIT_BYTES`].
pub(super) fn encode(head: Head, records: &[&[u8]]) -> (Vec<Vec<Entry>>, Head) {
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut before = head;
    let mut rest = records;
    while let Some(first) = rest.first() {
        let (entries, taken) = if fits(first) {
            let taken = records_in_next_chunk(rest);
            (vec![encode_chunk(before, &rest[..taken])], taken)
        } else {
            (encode_parts(before, first), 1)
        };
        before = rest[..taken]
            .iter()
            .fold(before, |head, bytes| head.after(bytes));
        rest = &rest[taken..];
        match batches.last_mut() {
            Some(batch) if batch.len() + entries.len() <= BATCH_LIMIT_KEYS => batch.extend(entries),
            _ => batches.push(entries),
        }
    }
    (batches, before)
}

/// Whether a record may stand in a chunk.
fn fits(record: &[u8]) -> bool {
    record.len() <= PART_PAYLOAD_BYTES
}

/// How many records the next chunk takes, at least one: as many as it needs to
/// reach the target, as long as it keeps to the limit.
fn records_in_next_chunk(records: &[&[u8]]) -> usize {
    let mut bytes = HEADER_BYTES + CHECKSUM_BYTES;
    let mut taken = 0;
    for record in records {
        let with_this = bytes + LENGTH_BYTES + record.len();
        if bytes >= TARGET_BYTES || with_this > LIMIT_BYTES {
            break;
        }
        bytes = with_this;
        taken += 1;
    }
    taken
}

fn encode_chunk(before: Head, records: &[&[u8]]) -> Entry {
    let first = before.position.next();
    let payload_bytes: usize = records.iter().map(|record| record.len()).sum();
    let value_bytes = HEADER_BYTES + LENGTH_BYTES * records.len() + payload_bytes + CHECKSUM_BYTES;
    assert!(!records.is_empty(), "a chunk holds at least one record");
    assert!(value_bytes <= LIMIT_BYTES, "a chunk keeps to the limit");

    let mut value = Vec::with_capacity(value_bytes);
    let count = records.len() as u32;
    put_header(&mut value, Kind::Chunk, (0, 1), first, count, before.chain);
    for record in records {
        value.extend_from_slice(&(record.len() as u32).to_le_bytes());
    }
    for record in records {
        value.extend_from_slice(record);
    }
    seal(&mut value);
    assert_eq!(value.len(), value_bytes, "the size was foreseen");
    (Key { first, part: 0 }, value)
}

fn encode_parts(before: Head, record: &[u8]) -> Vec<Entry> {
    let first = before.position.next();
    let pieces = record.chunks(PART_PAYLOAD_BYTES);
    let parts = pieces.len();
    assert!(parts <= BATCH_LIMIT_KEYS, "the record's size was checked");

    let encode_part = |(part, piece): (usize, &[u8])| {
        let part = part as u16;
        let mut value = Vec::with_capacity(LIMIT_BYTES);
        put_header(
            &mut value,
            Kind::Part,
            (part, parts as u16),
            first,
            1,
            before.chain,
        );
        value.extend_from_slice(&(record.len() as u32).to_le_bytes());
        value.extend_from_slice(piece);
        seal(&mut value);
        assert!(value.len() <= LIMIT_BYTES, "a part keeps to the limit");
        (Key { first, part }, value)
    };
    pieces.enumerate().map(encode_part).collect()
}

fn put_header(
    value: &mut Vec<u8>,
    kind: Kind,
    (part, parts): (u16, u16),
    first: Position,
    count: u32,
    chain_before: ChainHash,
) {
    value.extend_from_slice(&[VERSION, kind as u8]);
    value.extend_from_slice(&part.to_le_bytes());
    value.extend_from_slice(&parts.to_le_bytes());
    value.extend_from_slice(&[0, 0]);
    value.extend_from_slice(&first.0.to_le_bytes());
    value.extend_from_slice(&count.to_le_bytes());
    value.extend_from_slice(&chain_before.0);
    assert_eq!(value.len(), HEADER_BYTES, "the header has a fixed size");
}

/// Appends the checksum of everything before.
pub(super) fn seal(value: &mut Vec<u8>) {
    let checksum = crc32c::crc32c(value);
    value.extend_from_slice(&checksum.to_le_bytes());
}

/// Takes the checksum off again; `None` when it does not match.
pub(super) fn unseal(value: &[u8]) -> Option<&[u8]> {
    let (content, checksum) = value.split_last_chunk::<CHECKSUM_BYTES>()?;
    (crc32c::crc32c(content) == u32::from_le_bytes(*checksum)).then_some(content)
}

/// A value taken apart. Its checksum matched and its lengths add up; whether
/// its records continue the chain is for the reader to check.
#[derive(Debug)]
pub(super) struct Value<'a> {
    /// The chain before the first record.
    pub chain_before: ChainHash,
    /// How many parts the record has; 1 for a chunk.
    pub parts: u16,
    /// The length of each record; of the whole record for a part.
    lengths: Vec<usize>,
    /// The records' bytes; a piece of the record for a part.
    pub payload: &'a [u8],
}

impl<'a> Value<'a> {
    /// The length of the whole record that this is a part of.
    pub fn whole_record_bytes(&self) -> usize {
        self.lengths[0]
    }

    /// The records of a chunk.
    pub fn records(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        assert_eq!(self.parts, 1, "a part is no record");
        let mut rest = self.payload;
        self.lengths.iter().map(move |length| {
            let (record, after) = rest.split_at(*length);
            rest = after;
            record
        })
    }
}

/// Takes a value apart; says what is wrong with it otherwise.
pub(super) fn decode(key: Key, value: &[u8]) -> Result<Value<'_>, &'static str> {
    let content = unseal(value).ok_or("the checksum does not match")?;
    let mut input = Input(content);
    let version = input.take::<1>()?[0];
    if version != VERSION {
        return Err("the value has an unknown format version");
    }
    let kind = match input.take::<1>()?[0] {
        kind if kind == Kind::Chunk as u8 => Kind::Chunk,
        kind if kind == Kind::Part as u8 => Kind::Part,
        _ => return Err("the value is of an unknown kind"),
    };
    let part = u16::from_le_bytes(input.take()?);
    let parts = u16::from_le_bytes(input.take()?);
    let _reserved = input.take::<2>()?;
    let first = Position(u64::from_le_bytes(input.take()?));
    let count = u32::from_le_bytes(input.take()?) as usize;
    let chain_before = ChainHash(input.take()?);
    if (Key { first, part }) != key {
        return Err("the value belongs under another key");
    }
    if count == 0 || count > LIMIT_BYTES / LENGTH_BYTES || part >= parts {
        return Err("the value's header contradicts itself");
    }
    let length = |_| Ok(u32::from_le_bytes(input.take()?) as usize);
    let lengths = (0..count)
        .map(length)
        .collect::<Result<Vec<usize>, &'static str>>()?;
    let payload = input.0;
    let adds_up = match kind {
        Kind::Chunk => parts == 1 && lengths.iter().sum::<usize>() == payload.len(),
        Kind::Part => count == 1 && is_piece(lengths[0], part, parts, payload.len()),
    };
    if !adds_up {
        return Err("the lengths of the value's records do not add up");
    }
    Ok(Value {
        chain_before,
        parts,
        lengths,
        payload,
    })
}

/// Whether a part of this size is what cutting a record of that size gives.
fn is_piece(record_bytes: usize, part: u16, parts: u16, piece_bytes: usize) -> bool {
    let expected = record_bytes
        .saturating_sub(usize::from(part) * PART_PAYLOAD_BYTES)
        .min(PART_PAYLOAD_BYTES);
    record_bytes.div_ceil(PART_PAYLOAD_BYTES) == usize::from(parts) && piece_bytes == expected
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (head, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or("the value is too short")?;
        self.0 = rest;
        Ok(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode_one(record: &[u8]) -> Vec<Entry> {
        let (mut batches, _) = encode(Head::START, &[record]);
        assert_eq!(batches.len(), 1, "one record is one atomic write");
        batches.pop().expect("one batch")
    }

    #[test]
    fn records_share_chunks_of_the_target_size() {
        let record = [7; 400];
        let (batches, head) = encode(Head::START, &[&record[..]; 100]);
        let values: Vec<&Entry> = batches.iter().flatten().collect();
        assert_eq!(values.len(), 10);
        assert_eq!(head.position, Position(100));
        for (_, value) in values {
            assert!(value.len() >= TARGET_BYTES && value.len() <= LIMIT_BYTES);
        }
    }

    #[test]
    fn sizes_around_the_limit_come_back() {
        for size in [
            0,
            1,
            4_095,
            4_096,
            PART_PAYLOAD_BYTES,
            PART_PAYLOAD_BYTES + 1,
            100_000,
        ] {
            let record: Vec<u8> = (0..size).map(|i| i as u8).collect();
            let mut back = Vec::new();
            for (key, bytes) in encode_one(&record) {
                let value = decode(key, &bytes).expect("it was just encoded");
                back.extend_from_slice(value.payload);
                assert_eq!(value.whole_record_bytes(), size);
            }
            assert_eq!(back, record, "{size} bytes");
        }
    }

    #[test]
    fn every_flipped_bit_of_a_value_is_noticed() {
        let (key, original) = encode_one(b"a record").remove(0);
        for bit in 0..original.len() * 8 {
            let mut value = original.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(key, &value).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_value_under_another_key_is_noticed() {
        let (key, value) = encode_one(b"a record").remove(0);
        let other = Key {
            first: key.first.next(),
            ..key
        };
        assert!(decode(other, &value).is_err());
    }

    #[test]
    fn the_largest_record_is_one_atomic_write() {
        let entries = encode_one(&vec![1; RECORD_LIMIT_BYTES]);
        assert!(entries.len() <= BATCH_LIMIT_KEYS);
    }
}
