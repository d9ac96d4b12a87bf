//! Decisions: what ChooseOffer asked and what it answered.

use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::attribute::Attributes;
use super::cart::Cart;
use super::distribution::{EligibleOffers, SlotDraw};
use super::ids::{
    CatalogVersion, LimitNumber, OfferNumber, PlacementNumber, Position, SegmentNumber,
};
use super::keys::{Pseudonym, ReloadKey, SessionKey, SubjectNumber, VisitKey};
use super::limit::Hold;
use super::random::DecisionSeed;
use super::rule::{PlaceKind, ShopperHistory};
use super::time::Instant;

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionKind {
    /// There are offers.
    Offers,
    /// Nothing may be offered.
    NoOffer(NoOfferReason),
    /// The shopper belongs to the holdout.
    Holdout,
}

/// Why nothing may be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOfferReason {
    /// The placement has no offer in the catalogue.
    NoneDefined,
    /// There are offers; each was rejected.
    NoneEligible,
}

/// One decision as the ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    /// Made by the client.
    pub request_id: Uuid,
    /// The first 8 bytes of the hash of the request's content.
    pub request_fingerprint: u64,
    /// The instant that schedules were judged at.
    pub evaluated_at: Instant,
    /// The state that the distributions were made from.
    pub snapshot_position: Position,
    /// The catalogue that the decision was made with.
    pub catalog_version: CatalogVersion,
    /// The seed of the draws.
    pub seed: DecisionSeed,
    /// Where.
    pub placement: PlacementNumber,
    /// What came of it.
    pub kind: DecisionKind,
    /// In which segment.
    pub segment: SegmentNumber,
    /// The arm of the placement's split that the shopper belongs to; `None`
    /// without a split, where nobody is known, or for the holdout.
    pub arm: Option<Arc<str>>,
    /// Nothing of the shopper was used.
    pub unpersonalized: bool,
    /// Never learnt from, never counted.
    pub test: bool,
    /// How many offers the request asked for, 1 or more.
    pub slots_requested: u32,
    /// What was on offer; `None` when nothing was, or for the holdout.
    pub eligible: Option<EligibleOffers>,
    /// The draws, in slot order.
    pub slots: SmallVec<[SlotDraw; 2]>,
    /// What concurrency took away.
    pub refusals: Vec<ConcurrencyRefusal>,
    /// The capacity that the chosen offers take.
    pub holds: Vec<Hold>,
    /// The placement's features of the request; empty where it declares none or
    /// nothing was on offer.
    pub features: Vec<f64>,
    /// The visit that it belongs to, where the placement's policy learns the
    /// decisions of a session together.
    pub visit: Option<VisitKey>,
    /// How many times likelier than usual each eligible offer's article was with
    /// the cart, in their order; empty where the placement expects nothing of
    /// that.
    pub lifts: Vec<f64>,
    /// Finds this decision when the page is loaded again.
    pub reload_key: Option<ReloadKey>,
    /// Whose key `sealed` is under.
    pub subject: SubjectNumber,
    /// What the request said of the shopper, encrypted.
    pub sealed: Vec<u8>,
}

impl DecisionRecord {
    /// The chosen offers, in slot order.
    pub fn chosen(&self) -> impl Iterator<Item = OfferNumber> + '_ {
        self.slots.iter().map(SlotDraw::offer)
    }
}

/// An offer that the rules allowed but that concurrency took away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrencyRefusal {
    /// Which.
    pub offer: OfferNumber,
    /// The code of the limit that refused.
    pub code: String,
    /// The limit.
    pub limit: Option<LimitNumber>,
    /// From which slot on, from 0: what is chosen above takes capacity too.
    pub slot: u32,
}

/// What a request said of its shopper. It is stored encrypted under the
/// subject's key; nothing that was learnt rests on reading it again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RequestContext {
    /// Who; `None` when not known or not to be used.
    pub shopper: Option<Pseudonym>,
    /// Which visit.
    pub session: Option<SessionKey>,
    /// On what.
    pub device: String,
    /// Through what.
    pub channel: String,
    /// In which store.
    pub store: String,
    /// In which region.
    pub region: String,
    /// Whether the shopper has bought before; `None` when not known or not to
    /// be used.
    pub history: Option<ShopperHistory>,
    /// Declared attributes only.
    pub attributes: Attributes,
    /// What was in the cart.
    pub cart: Cart,
}

impl RequestContext {
    /// What it says of one kind of place; empty when nothing.
    #[must_use]
    pub fn place(&self, kind: PlaceKind) -> &str {
        match kind {
            PlaceKind::Channel => &self.channel,
            PlaceKind::Device => &self.device,
            PlaceKind::Store => &self.store,
            PlaceKind::Region => &self.region,
        }
    }
}
