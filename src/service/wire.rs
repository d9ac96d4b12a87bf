//! The only reader and writer of wire types.
//!
//! Requests become what the engine takes, with every fault of every field
//! collected; what the engine tells becomes messages. What depends on the
//! catalogue or on what was recorded, the engine checks.

mod benefit;
mod catalog;
mod choose;
mod decision;
mod entry;
mod explanation;
mod field;
mod lift;
mod money;
mod page;
mod price;
mod reward;
mod stats;

use prost_types::Timestamp;

use crate::domain::ids::ChainHash;
use crate::domain::time::Instant;
use crate::engine::fault::FieldFault;
use crate::proto::promobandit::v1;

pub(super) use catalog::{
    campaign, catalog_summary, list_campaigns, list_offers, list_placements, list_segments, offer,
    placement, required_id,
};
pub(super) use choose::choose_request;
pub use decision::decision;
pub(super) use entry::{
    Revision, creation, entry, entry_name, list_entries, list_history, policy_change, policy_reset,
    preview, priors, status_change, update, whole_catalog,
};
pub use explanation::explanation;
pub(super) use lift::{lift_report, lift_request};
pub(super) use price::{price_request, repriced};
pub(super) use reward::{recorded, reward_request};
pub use stats::{stats, verify_report};

use field::{Field, Quoted, Reader};

/// Reads the `decision_id` of a request.
pub(super) fn decision_id(text: &str) -> Result<uuid::Uuid, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let id = reader.uuid(&Field::of("decision_id"), text);
    reader.finish(id)
}

/// Reads the `expect_head` of a request.
pub(super) fn expected_head(digits: &str) -> Result<Option<ChainHash>, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let head = ChainHash::from_hex(digits);
    if head.is_none() && !digits.is_empty() {
        let expected = "64 hexadecimal digits, or nothing";
        reader.refuse(&Field::of("expect_head"), Quoted(digits), expected);
    }
    reader.finish(head)
}

fn timestamp(instant: Instant) -> Timestamp {
    let unix_ms = instant.min(Instant::LAST).unix_ms();
    let nanos = unix_ms.rem_euclid(1_000) * 1_000_000;
    Timestamp {
        seconds: unix_ms.div_euclid(1_000),
        nanos: i32::try_from(nanos).expect("less than a second is less than 10^9 nanos"),
    }
}

const fn durability(is_durable: bool) -> v1::Durability {
    if is_durable {
        v1::Durability::Durable
    } else {
        v1::Durability::Pending
    }
}

/// A version number that the wire carries as a signed one.
pub(super) fn version(version: u32) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}
