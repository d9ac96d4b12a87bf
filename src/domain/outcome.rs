//! Outcome events: what happened after a decision.

use std::sync::Arc;

use super::distribution::Propensity;
use super::exchange::Conversion;
use super::ids::{OfferNumber, PlacementNumber, Position, SegmentNumber};
use super::keys::{EventKey, OrderKey, Pseudonym, SubjectNumber};
use super::limit::Hold;
use super::money::Currency;
use super::time::Instant;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// The offer was shown.
    Exposure,
    /// The offer was clicked.
    Click,
    /// Something was bought.
    Purchase,
    /// Part of a purchase was paid back.
    Refund,
    /// All that was left of a purchase was reversed.
    Cancellation,
    /// The answer was not used.
    NotShown,
    /// Nothing more will come.
    Settled,
    /// Anything else, by a name of the client's.
    Custom,
}

impl OutcomeKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Exposure,
        Self::Click,
        Self::Purchase,
        Self::Refund,
        Self::Cancellation,
        Self::NotShown,
        Self::Settled,
        Self::Custom,
    ];

    /// The name on the wire and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exposure => "EXPOSURE",
            Self::Click => "CLICK",
            Self::Purchase => "PURCHASE",
            Self::Refund => "REFUND",
            Self::Cancellation => "CANCELLATION",
            Self::NotShown => "NOT_SHOWN",
            Self::Settled => "SETTLED",
            Self::Custom => "CUSTOM",
        }
    }

    /// Whether it reverses a purchase.
    #[must_use]
    pub const fn reverses(self) -> bool {
        matches!(self, Self::Refund | Self::Cancellation)
    }

    /// Whether it proves that the decision was shown. A refund does not: its
    /// purchase has said so already or will.
    #[must_use]
    pub const fn shows(self) -> bool {
        matches!(
            self,
            Self::Exposure | Self::Click | Self::Purchase | Self::Custom
        )
    }
}

/// How an outcome was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum OutcomeResult {
    /// It counts.
    Recorded,
    /// The decision had closed.
    Late,
    /// Its event time lies beyond the attribution window.
    OverWindow,
}

/// One outcome event as the ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct OutcomeRecord {
    /// The keyed hash of the client's event id.
    pub event: EventKey,
    /// The first 8 bytes of the hash of the content.
    pub fingerprint: u64,
    /// What happened.
    pub kind: OutcomeKind,
    /// The name of a custom event, empty otherwise.
    pub custom_kind: String,
    /// When, by the client's clock.
    pub event_time: Instant,
    /// The decisions it is about, ascending.
    pub targets: Vec<OutcomeTarget>,
    /// The order it belongs to.
    pub order: Option<OrderKey>,
    /// The currency of the lines.
    pub currency: Option<Currency>,
    /// How the lines count at the decisions' placements, where those are of
    /// another currency: by the rate in force when the purchase was recorded.
    pub conversion: Option<Conversion>,
    /// What was bought or paid back.
    pub lines: Vec<OutcomeLine>,
    /// The purchase that is reversed.
    pub reverses: Option<EventKey>,
    /// Whose key `sealed` is under.
    pub subject: SubjectNumber,
    /// The client's words, encrypted.
    pub sealed: Vec<u8>,
    /// What it changes in what was learnt from decisions that had closed.
    pub corrections: Vec<Correction>,
    /// What a purchase uses of the limits that decisions which had closed were
    /// under.
    pub holds: Vec<Hold>,
}

/// A decision that an outcome is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeTarget {
    /// The decision.
    pub decision: Position,
    /// From 1; `None` stands for the decision as a whole.
    pub slot: Option<u32>,
    /// The decision had closed when the outcome came.
    pub closed: bool,
}

/// One line of an order, amounts in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OutcomeLine {
    /// The line's identity within its order: a keyed hash.
    pub line: u64,
    /// Pieces bought or given back.
    pub quantity: i64,
    /// Paid for the whole line.
    pub paid_minor: i64,
    /// The discount already in what was paid.
    pub discount_minor: i64,
    /// Paid back.
    pub refunded_minor: i64,
    /// What one piece costs the shop.
    pub unit_cost_minor: Option<i64>,
}

/// A learnt reward that turned out otherwise after its decision had closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The decision.
    pub decision: Position,
    /// From 1.
    pub slot: u32,
    /// As it was learnt, or last corrected.
    pub reward_before: f64,
    /// As it is now known to be.
    pub reward_after: f64,
    /// Where it was learnt.
    pub placement: PlacementNumber,
    /// Where it was learnt.
    pub segment: SegmentNumber,
    /// The arm it was learnt for.
    pub offer: OfferNumber,
    /// The policy's receipt, as it encodes it.
    pub receipt: Vec<u8>,
    /// When the decision was made.
    pub decided_at: Instant,
    /// The offer's propensity.
    pub propensity: Propensity,
    /// The features that it was learnt with.
    pub features: Vec<f64>,
    /// The arm of the split that the decision belongs to.
    pub arm: Option<Arc<str>>,
}

/// What an outcome said in the client's words. It is stored encrypted under the
/// subject's key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutcomeWords {
    /// The event.
    pub event_id: String,
    /// The order, empty without one.
    pub order_id: String,
    /// The shopper, where the event named one.
    pub shopper: Option<Pseudonym>,
    /// The purchase that is reversed, empty without one.
    pub reverses_event_id: String,
    /// In the order of the record's lines.
    pub lines: Vec<LineWords>,
}

/// How the client calls a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineWords {
    /// The line, empty when it is known by its sku.
    pub line_id: String,
    /// The article.
    pub sku: String,
}
