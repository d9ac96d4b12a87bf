//! Decision ids.
//!
//! A decision's id is a UUIDv7 whose time is the decision's `recorded_at` and
//! whose other bits are its node and its place in the node's count of events,
//! hidden under the data directory's id key. So a closed decision is found by
//! its id without an index, nobody learns a shop's volume from its ids, and an
//! id that this ledger never gave is told without reading the disk.
//!
//! Layout of the 74 free bits (RFC 9562, section 5.7): 16 bits of tag, 58 bits
//! of node (10) and sequence (48) under a mask. The tag is a keyed hash of
//! time, node and sequence; the mask a keyed hash of time and tag.

use uuid::Uuid;

use crate::domain::ids::Position;
use crate::domain::keys::HashKey;
use crate::domain::time::Instant;

const SEQUENCE_BITS: u32 = 48;
const NODE_BITS: u32 = 10;
const TAG_BITS: u32 = 16;

/// The largest node id that an id can carry.
pub const MAX_NODE_ID: u32 = (1 << NODE_BITS) - 1;

/// Makes decision ids and reads them back.
#[derive(Debug, Clone)]
pub struct DecisionIds {
    key: HashKey,
    node_id: u32,
}

impl DecisionIds {
    /// The ids of one node.
    #[must_use]
    pub fn new(key: HashKey, node_id: u32) -> Self {
        assert!(
            node_id <= MAX_NODE_ID,
            "node ids are checked when the configuration is read"
        );
        Self { key, node_id }
    }

    /// The id of the decision at `position`, recorded at `recorded_at`.
    #[must_use]
    pub fn id_of(&self, position: Position, recorded_at: Instant) -> Uuid {
        let time = time_bits(recorded_at);
        let place = u64::from(self.node_id) << SEQUENCE_BITS | (position.0 & mask(SEQUENCE_BITS));
        let tag = self.tag(time, place);
        let hidden = place ^ self.mask(time, tag);
        let free = u128::from(tag) << (NODE_BITS + SEQUENCE_BITS) | u128::from(hidden);
        // 12 bits before the variant, 62 after it.
        let bits = u128::from(time) << 80
            | 7 << 76
            | (free >> 62) << 64
            | 0b10 << 62
            | (free & ((1 << 62) - 1));
        Uuid::from_u128(bits)
    }

    /// The position that an id names; `None` when this node never gave it.
    #[must_use]
    pub fn position_of(&self, id: Uuid) -> Option<Position> {
        let bits = id.as_u128();
        if (bits >> 76) & 0xf != 7 || (bits >> 62) & 0b11 != 0b10 {
            return None;
        }
        let time = low_u64(bits >> 80);
        let free = ((bits >> 64) & 0xfff) << 62 | (bits & ((1 << 62) - 1));
        let tag = low_u64(free >> (NODE_BITS + SEQUENCE_BITS)) & mask(TAG_BITS);
        let hidden = low_u64(free) & mask(NODE_BITS + SEQUENCE_BITS);
        let place = hidden ^ self.mask(time, tag);
        let ours = place >> SEQUENCE_BITS == u64::from(self.node_id);
        let sequence = place & mask(SEQUENCE_BITS);
        (ours && sequence > 0 && self.tag(time, place) == tag).then_some(Position(sequence))
    }

    fn tag(&self, time: u64, place: u64) -> u64 {
        let parts: [&[u8]; 2] = [&time.to_le_bytes(), &place.to_le_bytes()];
        self.key.hash_u64(b"decision id tag", &parts) & mask(TAG_BITS)
    }

    fn mask(&self, time: u64, tag: u64) -> u64 {
        let parts: [&[u8]; 2] = [&time.to_le_bytes(), &tag.to_le_bytes()];
        self.key.hash_u64(b"decision id mask", &parts) & mask(NODE_BITS + SEQUENCE_BITS)
    }
}

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[allow(clippy::cast_possible_truncation)] // the low half is what is wanted
const fn low_u64(bits: u128) -> u64 {
    bits as u64
}

/// The 48 bits of milliseconds that a UUIDv7 opens with.
fn time_bits(instant: Instant) -> u64 {
    u64::try_from(instant.unix_ms()).unwrap_or(0) & mask(48)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(node_id: u32) -> DecisionIds {
        DecisionIds::new(HashKey::new([3; 32]), node_id)
    }

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_position(
            position in 1_u64..1 << 48,
            unix_ms in 0_i64..1 << 47,
            node in 0_u32..=MAX_NODE_ID,
        ) {
            let id = ids(node).id_of(Position(position), Instant::from_unix_ms(unix_ms));
            prop_assert_eq!(id.get_version_num(), 7);
            prop_assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            prop_assert_eq!(ids(node).position_of(id), Some(Position(position)));
        }

        #[test]
        fn an_id_of_another_ledger_is_told(bits in any::<u128>()) {
            // A random UUIDv7 passes the 16-bit tag and the 10-bit node once in
            // 2^26 cases.
            let id = Uuid::from_u128(bits & !(0xf << 76) | 7 << 76);
            prop_assert_eq!(ids(1).position_of(id), None);
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let early = ids(1).id_of(Position(9), Instant::from_unix_ms(1_000));
        let late = ids(1).id_of(Position(2), Instant::from_unix_ms(1_001));
        assert!(early < late);
    }

    #[test]
    fn the_bits_of_an_id_never_change() {
        let id = ids(1).id_of(Position(42), Instant::from_unix_ms(1_764_000_000_000));
        assert_eq!(id.to_string(), "019ab697-e800-7711-ab1e-11ccae247135");
    }
}
