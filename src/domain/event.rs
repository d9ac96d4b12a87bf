//! Events: what the ledger holds, in order, and what state is folded from.

use std::sync::Arc;

use uuid::Uuid;

use super::decision::DecisionRecord;
use super::ids::{CatalogVersion, OfferNumber, PlacementNumber, Position, SegmentNumber};
use super::keys::EventKey;
use super::outcome::{OutcomeRecord, OutcomeResult};
use super::time::Instant;

/// The version of the stored schema that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// What every event carries besides its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The version of the stored schema.
    pub schema_version: u32,
    /// Which shop.
    pub shop_id: String,
    /// Which node made it.
    pub node_id: u32,
    /// The node's count of events, from 1.
    pub node_sequence: u64,
    /// The fold's clock; never decreases.
    pub recorded_at: Instant,
    /// The rules that fold the event into state.
    pub fold_version: u32,
    /// The version of the policies' arithmetic.
    pub algorithm_version: u32,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Who, when, by which rules.
    pub envelope: Envelope,
    /// What.
    pub body: EventBody,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    /// The ledger began.
    Genesis {
        /// Which ledger this is.
        ledger_id: [u8; 16],
        /// The program that began it.
        created_by: String,
    },
    /// A decision was made. Shared with the answer that tells of it.
    Decision(Arc<DecisionRecord>),
    /// A request got an earlier decision.
    Reuse {
        /// Made by the client.
        request_id: Uuid,
        /// The hash of the request's content.
        request_fingerprint: u64,
        /// The decision that it got.
        decision: Position,
    },
    /// An outcome came.
    Outcome(Box<OutcomeRecord>),
    /// Time passed.
    Tick,
    /// Decisions that had closed were written down.
    Closings(Vec<Closing>),
    /// The catalogue became another.
    CatalogChange(CatalogChange),
    /// A part of a catalogue that is too large for one event.
    CatalogPart(CatalogPart),
    /// A placement's policy became another.
    PolicyChange(PolicyChange),
    /// What a placement's policy had learnt is forgotten.
    PolicyReset(PolicyReset),
    /// A placement's policy was told of rewards that are thought to have been seen.
    PriorImport(Arc<PriorImport>),
    /// An event of a kind that this version stores but does not fold yet.
    Unsupported {
        /// The kind's name in the stored schema.
        kind: &'static str,
    },
}

/// A part of a catalogue. It changes nothing before the [`CatalogChange`] that
/// follows the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogPart {
    /// From 1; the first one begins anew.
    pub index: u32,
    /// Its share of the catalogue's bytes, which are compressed.
    pub bytes: Vec<u8>,
}

/// The catalogue became another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogChange {
    /// Counts from 1.
    pub version: CatalogVersion,
    /// The whole catalogue in the catalogue file's form, as JSON; empty when it
    /// came in parts, or when this is a patch.
    pub document: Vec<u8>,
    /// Entries that change in the catalogue before, in the same form; empty when
    /// this is a whole catalogue.
    pub patch: Vec<u8>,
    /// In how many parts the catalogue came before this event; 0 when in none.
    pub parts: u32,
    /// Names that are new, in the order of their numbers. Empty for a catalogue
    /// that came in parts: its names get their numbers in its own order.
    pub new_placements: Vec<String>,
    /// Names that are new, in the order of their numbers.
    pub new_offers: Vec<String>,
    /// Names that are new, in the order of their numbers.
    pub new_segments: Vec<String>,
    /// Limits that are new, by what distinguishes them.
    pub new_limits: Vec<String>,
    /// Who changed it, where known.
    pub actor: String,
}

/// A placement's policy became another: the next version of the catalogue,
/// which differs from the one before in that policy alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// Where.
    pub placement: PlacementNumber,
    /// The policy in the catalogue file's form, as JSON.
    pub document: Vec<u8>,
    /// Who changed it, where known.
    pub actor: String,
}

/// What a placement's policy had learnt is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyReset {
    /// Where.
    pub placement: PlacementNumber,
    /// In which segment; in all of them where there is none.
    pub segment: Option<SegmentNumber>,
    /// About which offer; about all of them where there is none.
    pub offer: Option<OfferNumber>,
    /// Why, for people.
    pub reason: String,
    /// Who did so; the program itself where the policy detected a change.
    pub actor: String,
}

/// Beliefs of a placement's offers, as rewards that are thought to have been seen.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorImport {
    /// The client's id: an import is learnt once.
    pub id: Uuid,
    /// Where.
    pub placement: PlacementNumber,
    /// What.
    pub rewards: Vec<PriorRewards>,
    /// Who brought them.
    pub actor: String,
}

/// So many rewards of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorRewards {
    /// In which segment.
    pub segment: SegmentNumber,
    /// Of which offer.
    pub offer: OfferNumber,
    /// How much each was, in the unit of the placement's objective.
    pub reward: f64,
    /// How many.
    pub times: u32,
    /// What the decisions are thought to have been made with; empty for a policy
    /// that reads none.
    pub features: Vec<f64>,
}

/// What the fold derived when a decision closed, or when outcomes came after
/// that.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Closing {
    /// The decision.
    pub decision: Position,
    /// When it closed.
    pub closed_at: Instant,
    /// Each slot's reward and the policy's receipt for it.
    pub slots: Vec<ClosedSlot>,
    /// The outcomes that had come.
    pub events: Vec<RecordedEvent>,
    /// Whether the decision taught.
    pub taught: bool,
    /// The events came after the decision had closed.
    pub late: bool,
}

/// What a slot earned.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ClosedSlot {
    /// By the placement's objective, winsorised where that says so.
    pub reward: f64,
    /// The reward as it came, where it was winsorised to another.
    pub reward_as_it_came: Option<f64>,
    /// The policy's receipt, as it encodes it; empty when nothing was learnt.
    pub receipt: Vec<u8>,
}

/// An outcome event of a decision, as retries are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordedEvent {
    /// The client's event id, hashed.
    pub event: EventKey,
    /// The hash of its content.
    pub fingerprint: u64,
    /// Where it is in the ledger.
    pub position: Position,
    /// How it was taken.
    pub result: OutcomeResult,
}
