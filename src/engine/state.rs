//! The fold: state is a deterministic function of the events in order.
//!
//! [`State::apply`] is the only way in, used live, at recovery, in `verify` and
//! in simulation. It reads no clock and no disk. Its time is the events'
//! `recorded_at`. What the edge has to do because of an event comes back as an
//! [`Effect`].
//!
//! Invariants:
//! 1. A decision closes at the first event whose `recorded_at` is at or after
//!    its closing time, or with SETTLED; decisions that close together close in
//!    the order of (closing time, position), and are learnt in that order.
//! 2. Doubled and shuffled delivery within the windows leads to the same state
//!    hash.
//! 3. A clone shares structure: taking one for a checkpoint costs no copy.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use uuid::Uuid;

use super::attribution::{DecisionOutcome, OpenSlot, OrderBook, Purchase, Rewardable};
use crate::catalog::{Catalog, Numbering};
use crate::domain::event::{CatalogPart, Closing, Event, EventBody, RecordedEvent};
use crate::domain::ids::{CatalogVersion, PlacementNumber, Position, SegmentNumber};
use crate::domain::keys::{EventKey, OrderKey, ReloadKey, SubjectNumber, VisitKey};
use crate::domain::outcome::OutcomeResult;
use crate::domain::time::{Instant, Span};
use crate::learning::PolicyState;
use crate::learning::delay::Overlay;
use crate::promotion::constraints::book::LimitBook;

mod catalogs;
mod checkpoint;
mod closing;
mod counters;
mod decisions;
mod error;
mod hash;
mod limits;
mod outcomes;
mod overlay;
mod policies;
mod priors;
mod visits;

pub(super) use limits::{hold, use_limits};
pub use outcomes::CLOCK_SKEW;
pub use policies::CarriedOver;
pub use priors::PriorsLearnt;
pub use visits::Ahead;
use visits::Visit;

pub use catalogs::Revision;
pub use checkpoint::{CheckpointError, CheckpointPayload};
pub use counters::{Counters, CurrencyTotal};
pub use error::FoldError;
pub use hash::StateHash;

/// The rules by which events become state. Whatever changes the state that some
/// events lead to adds 1 here.
pub const FOLD_VERSION: u32 = 1;

/// How many decisions share one entry of the index of written closings.
const PAGE_DECISIONS: u64 = 1_024;

/// A decision that still takes outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenDecision {
    /// The client's id of the request.
    pub request_id: Uuid,
    /// When it was recorded.
    pub decided_at: Instant,
    /// The last instant whose outcomes count.
    pub attribution_closes_at: Instant,
    /// When it closes unless it is settled before.
    pub closes_at: Instant,
    /// Where.
    pub placement: PlacementNumber,
    /// In which segment.
    pub segment: SegmentNumber,
    /// In which arm of a split.
    pub arm: Option<Arc<str>>,
    /// By which catalogue.
    pub catalog_version: CatalogVersion,
    /// Never learnt from, never counted.
    pub test: bool,
    /// What was shown, in slot order; empty without an offer.
    pub slots: SmallVec<[OpenSlot; 1]>,
    /// The features of a contextual policy.
    pub features: Vec<f64>,
    /// What a policy that looks ahead needs, where there is one and the decision
    /// belongs to a visit.
    pub ahead: Option<Box<Ahead>>,
    /// Whose key its records are sealed under.
    pub subject: SubjectNumber,
    /// What came.
    pub outcomes: Vec<DecisionOutcome>,
}

/// An order that outcomes named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Order {
    /// The decisions that it was linked to, ascending.
    pub decisions: SmallVec<[Position; 2]>,
    /// Its purchases, ascending by event.
    pub purchases: Vec<EventKey>,
    /// Who counts its lines: the first decision of a placement that closed with
    /// one.
    pub claims: Vec<Claim>,
}

/// A line of an order that a decision counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// In which placement.
    pub placement: PlacementNumber,
    /// Which line.
    pub line: u64,
    /// For which decision.
    pub decision: Position,
}

/// Something that is forgotten when its refund window has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Forgettable {
    Order(OrderKey),
    Purchase(EventKey),
}

/// What the edge has to do, or to know, because of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A decision was recorded.
    Decided {
        /// The client's id.
        request_id: Uuid,
        /// The hash of the request's content.
        fingerprint: u64,
        /// Where it is.
        position: Position,
        /// Finds it when the page is loaded again, until the instant.
        reload: Option<(ReloadKey, Instant)>,
    },
    /// A request got an earlier decision.
    Reused {
        /// The client's id.
        request_id: Uuid,
        /// The hash of the request's content.
        fingerprint: u64,
        /// The earlier decision.
        position: Position,
    },
    /// An outcome was taken.
    Outcome {
        /// How.
        result: OutcomeResult,
        /// It used what was not left of a limit any more.
        over_limit: bool,
    },
    /// The catalogue became another.
    CatalogChanged {
        /// What became of what was learnt, for the placements whose policy or
        /// reward became another one.
        carried_over: Vec<CarriedOver>,
    },
    /// What a policy had learnt was forgotten.
    PolicyReset {
        /// How many rewards.
        forgotten: u64,
    },
    /// Rewards that are thought to have been seen were learnt.
    PriorsLearnt(PriorsLearnt),
    /// Nothing to do.
    Nothing,
}

/// Everything that the events so far lead to.
#[derive(Debug, Clone)]
pub struct State {
    position: Position,
    now: Instant,
    numbering: Numbering,
    catalogs: OrdMap<CatalogVersion, Arc<Catalog>>,
    revisions: OrdMap<CatalogVersion, Arc<Revision>>,
    /// The parts so far of a catalogue that comes in parts.
    catalog_parts: Vector<Arc<CatalogPart>>,
    learnt: OrdMap<PlacementNumber, PolicyState>,
    /// What open decisions suggest, where a placement asks for that. No part of
    /// what is learnt: it can be taken off again.
    overlays: OrdMap<PlacementNumber, Overlay>,
    open: OrdMap<Position, Arc<OpenDecision>>,
    due: OrdSet<(Instant, Position)>,
    /// Visits of which a decision is open.
    visits: OrdMap<VisitKey, Visit>,
    /// The visits of decisions that closed and are not learnt yet.
    waiting: OrdMap<Position, VisitKey>,
    /// The imports of priors that were learnt.
    priors: OrdSet<Uuid>,
    /// The events of decisions that are open, and of orders without one.
    events: OrdMap<EventKey, RecordedEvent>,
    orders: OrdMap<OrderKey, Arc<Order>>,
    purchases: OrdMap<EventKey, Arc<Purchase>>,
    forget: OrdSet<(Instant, Forgettable)>,
    forget_at: OrdMap<Forgettable, Instant>,
    /// Closed and not yet written down, in the order in which they closed.
    unwritten: Vector<Closing>,
    unwritten_since: Option<Instant>,
    /// By page of decisions: where closings of them were written down.
    written: OrdMap<u64, Arc<Vec<Position>>>,
    next_subject: u64,
    counters: Counters,
    limits: LimitBook,
    /// What closed since it was last taken, for whoever watches; `None` when
    /// nobody does. No part of what the events lead to.
    watched: Option<Vec<JustClosed>>,
}

/// A decision as it was when it closed.
#[derive(Debug, Clone)]
pub struct JustClosed {
    /// Which.
    pub position: Position,
    /// What was open.
    pub decision: Arc<OpenDecision>,
    /// What it came to.
    pub closing: Closing,
    /// Everything, when it had just closed; it shares structure.
    pub state: Box<State>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            position: Position::START,
            now: Instant::from_unix_ms(0),
            numbering: Numbering::default(),
            catalogs: OrdMap::new(),
            revisions: OrdMap::new(),
            catalog_parts: Vector::new(),
            learnt: OrdMap::new(),
            overlays: OrdMap::new(),
            open: OrdMap::new(),
            due: OrdSet::new(),
            visits: OrdMap::new(),
            waiting: OrdMap::new(),
            priors: OrdSet::new(),
            events: OrdMap::new(),
            orders: OrdMap::new(),
            purchases: OrdMap::new(),
            forget: OrdSet::new(),
            forget_at: OrdMap::new(),
            unwritten: Vector::new(),
            unwritten_since: None,
            written: OrdMap::new(),
            next_subject: 1,
            counters: Counters::default(),
            limits: LimitBook::default(),
            watched: None,
        }
    }
}

impl State {
    /// Folds one more event.
    ///
    /// # Errors
    /// When the event cannot follow what was folded before, or this program does
    /// not know how to fold it. The state is then not to be used any further.
    pub fn apply(&mut self, position: Position, event: &Event) -> Result<Effect, FoldError> {
        let expected = self.position.next();
        if position != expected {
            return Err(FoldError::OutOfOrder {
                expected,
                found: position,
            });
        }
        let envelope = &event.envelope;
        if envelope.recorded_at < self.now {
            let (found, before) = (envelope.recorded_at, self.now);
            return Err(FoldError::TimeWentBack {
                position,
                found,
                before,
            });
        }
        if envelope.fold_version > FOLD_VERSION {
            return Err(FoldError::LaterFold {
                position,
                found: envelope.fold_version,
            });
        }
        self.position = position;
        self.pass_time(envelope.recorded_at)?;
        self.counters.events += 1;
        match &event.body {
            EventBody::Genesis { .. } | EventBody::Tick => Ok(Effect::Nothing),
            EventBody::Decision(record) => self.apply_decision(record),
            EventBody::Reuse {
                request_id,
                request_fingerprint,
                decision,
            } => Ok(Effect::Reused {
                request_id: *request_id,
                fingerprint: *request_fingerprint,
                position: *decision,
            }),
            EventBody::Outcome(record) => self.apply_outcome(record),
            EventBody::Closings(closings) => self.apply_closings(closings),
            EventBody::CatalogChange(change) => self.apply_catalog_change(change),
            EventBody::CatalogPart(part) => self.apply_catalog_part(part),
            EventBody::PolicyChange(change) => self.apply_policy_change(change),
            EventBody::PolicyReset(reset) => self.apply_policy_reset(reset),
            EventBody::PriorImport(import) => self.apply_prior_import(import),
            EventBody::Unsupported { kind } => Err(FoldError::Unsupported { position, kind }),
        }
    }

    /// From now on keeps what closes, until it is taken.
    pub fn watch_closings(&mut self) {
        self.watched.get_or_insert_default();
    }

    /// What closed since this was last called, in the order in which it closed;
    /// nothing unless closings are watched.
    pub fn take_closed(&mut self) -> Vec<JustClosed> {
        self.watched
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// The last event folded.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The instant of the last event.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The numbers given to names so far.
    #[must_use]
    pub const fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    /// The catalogue in force; `None` before the first import.
    #[must_use]
    pub fn catalog(&self) -> Option<&Arc<Catalog>> {
        self.catalogs.get_max().map(|(_, catalog)| catalog)
    }

    /// Since when the catalogue is in force; the epoch before the first one.
    #[must_use]
    pub fn catalog_since(&self) -> Instant {
        let last = self.revisions.get_max();
        last.map_or(Instant::from_unix_ms(0), |(_, revision)| revision.at)
    }

    /// Every change of the catalogue, oldest first.
    #[must_use]
    pub const fn revisions(&self) -> &OrdMap<CatalogVersion, Arc<Revision>> {
        &self.revisions
    }

    /// The catalogue of a version.
    #[must_use]
    pub fn catalog_of(&self, version: CatalogVersion) -> Option<&Arc<Catalog>> {
        self.catalogs.get(&version)
    }

    /// What was learnt, by placement. A clone shares structure.
    #[must_use]
    pub const fn learnt(&self) -> &OrdMap<PlacementNumber, PolicyState> {
        &self.learnt
    }

    /// What open decisions suggest, by placement; only where a placement asks
    /// for that. A clone shares structure.
    #[must_use]
    pub const fn overlays(&self) -> &OrdMap<PlacementNumber, Overlay> {
        &self.overlays
    }

    /// An open decision.
    #[must_use]
    pub fn open_decision(&self, position: Position) -> Option<&Arc<OpenDecision>> {
        self.open.get(&position)
    }

    /// How many decisions are open.
    #[must_use]
    pub fn open_decisions(&self) -> usize {
        self.open.len()
    }

    /// When the next decision closes.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.get_min().map(|(at, _)| *at)
    }

    /// An order that was named.
    #[must_use]
    pub fn order(&self, key: OrderKey) -> Option<&Arc<Order>> {
        self.orders.get(&key)
    }

    /// An event of an open decision, or of an order without a decision.
    #[must_use]
    pub fn recorded_event(&self, event: EventKey) -> Option<&RecordedEvent> {
        self.events.get(&event)
    }

    /// The closings that are not written down yet, oldest first, and since when
    /// the oldest waits.
    #[must_use]
    pub fn unwritten_closings(&self) -> (&Vector<Closing>, Option<Instant>) {
        (&self.unwritten, self.unwritten_since)
    }

    /// Where closings about this decision may have been written down.
    #[must_use]
    pub fn written_closings(&self, decision: Position) -> &[Position] {
        self.written
            .get(&page_of(decision))
            .map_or(&[], |positions| positions.as_slice())
    }

    /// The last event that may have changed something about a closed decision.
    /// Never goes back.
    #[must_use]
    pub fn last_touched(&self, decision: Position) -> Position {
        let written = self.written_closings(decision).last().copied();
        let about = |closing: &&Closing| closing.decision == decision;
        let unwritten = self
            .unwritten
            .iter()
            .filter(about)
            .flat_map(|closing| &closing.events);
        written
            .into_iter()
            .chain(unwritten.map(|event| event.position))
            .max()
            .unwrap_or_default()
    }

    /// The next number for a new subject.
    #[must_use]
    pub const fn next_subject(&self) -> u64 {
        self.next_subject
    }

    /// What was used of limits, and what is reserved.
    #[must_use]
    pub const fn limits(&self) -> &LimitBook {
        &self.limits
    }

    /// Counts of what happened.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    fn note_subject(&mut self, subject: SubjectNumber) {
        self.next_subject = self.next_subject.max(subject.0.saturating_add(1));
    }

    fn catalog_for(&self, version: CatalogVersion) -> Result<Arc<Catalog>, FoldError> {
        self.catalogs
            .get(&version)
            .cloned()
            .ok_or_else(|| FoldError::Dangling {
                position: self.position,
                what: format!("catalogue version {version}, which no event before it brought"),
            })
    }
}

impl OrderBook for State {
    fn purchase(&self, event: EventKey) -> Option<&Purchase> {
        self.purchases.get(&event).map(AsRef::as_ref)
    }

    fn purchases_of(&self, order: OrderKey) -> &[EventKey] {
        self.orders
            .get(&order)
            .map_or(&[], |order| order.purchases.as_slice())
    }

    fn claimant(&self, order: OrderKey, placement: PlacementNumber, line: u64) -> Option<Position> {
        let order = self.orders.get(&order)?;
        let claim = |claim: &&Claim| claim.placement == placement && claim.line == line;
        order.claims.iter().find(claim).map(|claim| claim.decision)
    }
}

/// The page of the closings' index that a decision belongs to.
const fn page_of(decision: Position) -> u64 {
    decision.0 / PAGE_DECISIONS
}

impl OpenDecision {
    /// The decision as its rewards see it.
    #[must_use]
    pub fn rewardable<'a>(
        &'a self,
        position: Position,
        placement: &'a crate::domain::placement::Placement,
    ) -> Rewardable<'a> {
        Rewardable {
            position,
            placement,
            outcomes: &self.outcomes,
        }
    }

    /// How an outcome that comes in time is taken, by its event time.
    #[must_use]
    pub fn result_at(&self, event_time: Instant) -> OutcomeResult {
        if event_time > self.attribution_closes_at {
            OutcomeResult::OverWindow
        } else {
            OutcomeResult::Recorded
        }
    }
}

/// How long an order without a decision is remembered.
pub const ORPHAN_RETENTION: Span = Span::from_seconds(90 * 24 * 3_600);
