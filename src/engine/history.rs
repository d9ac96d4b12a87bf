//! What decisions came to: every decision of a ledger that has closed, in the
//! order in which they closed, with what was on offer, what was drawn with
//! which probabilities, and what each slot earned.
//!
//! The ledger is read twice. The first time ([`FirstReading`]) notes what was taken
//! back after its decision had closed, which is little, and serves every history
//! of that ledger; the second time folds the events by
//! [`State::apply`] and sees each decision close. So a decision's earnings are
//! what is known at the end of what is read: refunds and cancellations that
//! came late are taken off. Memory holds the open decisions, as the fold does.
//!
//! Reading may stop at a position: the ledger is then seen as it was there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::attribution::{DecisionOutcome, OrderBook, Purchase, Reversal};
use super::identity::DecisionIds;
use super::recovery::Progress;
use super::state::{FoldError, JustClosed, State};
use crate::catalog::{Catalog, Numbering};
use crate::domain::decision::DecisionRecord;
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{OfferNumber, PlacementNumber, Position};
use crate::domain::keys::{EventKey, HashKey, OrderKey};
use crate::domain::outcome::OutcomeKind;
use crate::domain::time::Instant;
use crate::ledger::codec::{DecodeError, decode_event};
use crate::ledger::secrets::Secrets;
use crate::ledger::{Ledger, ReadError, Scan};

/// Progress is told after so many events.
const PROGRESS_EVENTS: u64 = 4_096;

/// Why a history cannot be read to its end.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The ledger does not give its records.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record does not decode.
    #[error("the record at position {position} does not decode: {error}")]
    Decode {
        /// Which record.
        position: Position,
        /// Why.
        error: DecodeError,
    },
    /// The events do not fold.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The ledger's old prefix is no longer kept, and the fold begins there.
    #[error("the ledger begins at position {first}: what was before is no longer kept")]
    Cut {
        /// The first position that is kept.
        first: Position,
    },
}

/// A closed decision.
#[derive(Debug, Clone)]
pub struct PastDecision {
    /// Its id; `None` when the id key is not at hand.
    pub id: Option<Uuid>,
    /// Its place in the ledger.
    pub position: Position,
    /// When it was made.
    pub decided_at: Instant,
    /// When it closed.
    pub closed_at: Instant,
    /// What was recorded.
    pub record: Arc<DecisionRecord>,
    /// The catalogue that it was made with.
    pub catalog: Arc<Catalog>,
    /// It was shown and is no rehearsal: what policies learn from.
    pub taught: bool,
    /// What each slot earned, in slot order.
    pub slots: Vec<Earned>,
}

/// What a slot earned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Earned {
    /// By the placement's objective.
    pub reward: f64,
    /// Whether something converted.
    pub converted: bool,
    /// Paid less refunded.
    pub net_revenue_minor: i64,
    /// Net revenue less what it cost.
    pub margin_minor: i64,
    /// Discount, gift and points.
    pub discount_cost_minor: i64,
}

/// Purchases with what was taken back of them after their decision had closed.
type Later = BTreeMap<EventKey, Vec<Reversal>>;

/// What the first reading of a ledger notes. A clone shares it.
#[derive(Debug, Clone)]
pub struct FirstReading {
    seen: Arc<Seen>,
    until: Position,
}

impl FirstReading {
    /// Reads a ledger up to `until`, or to its head.
    ///
    /// # Errors
    /// When the ledger cannot be read, or does not begin at its beginning.
    pub fn of(ledger: &dyn Ledger, until: Option<Position>) -> Result<Self, HistoryError> {
        if ledger.start().position > Position::START {
            let first = ledger.first_position();
            return Err(HistoryError::Cut { first });
        }
        let head = ledger.head().position;
        let until = until.map_or(head, |until| until.min(head));
        let mut seen = Seen::default();
        for record in ledger.scan(Position::START, None) {
            let record = record?;
            if record.position > until {
                break;
            }
            let event = decode(record.position, &record.bytes)?;
            seen.note(record.position, &event)?;
        }
        Ok(Self {
            seen: Arc::new(seen),
            until,
        })
    }
}

#[derive(Debug, Default)]
struct Seen {
    later: Later,
    numbering: Numbering,
    node_id: u32,
    most_slots: usize,
}

impl Seen {
    fn note(&mut self, position: Position, event: &Event) -> Result<(), HistoryError> {
        self.node_id = event.envelope.node_id;
        match &event.body {
            EventBody::Decision(record) => {
                self.most_slots = self.most_slots.max(record.slots.len());
            }
            EventBody::CatalogChange(change) => {
                let after = std::mem::take(&mut self.numbering).after(change);
                self.numbering = after.map_err(|error| FoldError::Catalog {
                    position,
                    reason: error.to_string(),
                })?;
            }
            EventBody::Outcome(record) => {
                // Whether its decision had closed is told by its targets, or by
                // what it corrects.
                let late = record.targets.iter().any(|target| target.closed)
                    || !record.corrections.is_empty();
                if let Some(purchase) = record.reverses.filter(|_| late) {
                    self.later.entry(purchase).or_default().push(Reversal {
                        event: record.event,
                        whole: record.kind == OutcomeKind::Cancellation,
                        lines: record.lines.clone(),
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads a ledger's closed decisions one by one. After the first error it gives
/// nothing more.
pub struct History<'a> {
    scan: Scan<'a>,
    state: State,
    ids: Option<DecisionIds>,
    until: Position,
    seen: Arc<Seen>,
    /// What was recorded of the decisions that are open.
    records: BTreeMap<Position, Arc<DecisionRecord>>,
    /// Which of them count, by placement.
    open: BTreeMap<PlacementNumber, BTreeSet<Position>>,
    closed: std::vec::IntoIter<JustClosed>,
    progress: Box<dyn FnMut(Progress) + 'a>,
    ended: bool,
}

impl std::fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History")
            .field("position", &self.state.position())
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl<'a> History<'a> {
    /// Reads a ledger up to `until`, or to its head. Decisions get their ids
    /// when `secrets` are at hand.
    ///
    /// # Errors
    /// When the ledger cannot be read, or does not begin at its beginning.
    pub fn open(
        ledger: &'a dyn Ledger,
        secrets: Option<&Secrets>,
        until: Option<Position>,
        progress: impl FnMut(Progress) + 'a,
    ) -> Result<Self, HistoryError> {
        let first = FirstReading::of(ledger, until)?;
        let until = first.until;
        Ok(Self::after(&first, ledger, secrets, until, progress))
    }

    /// Reads a ledger that was read once, up to `until` and no further than that
    /// reading went.
    #[must_use]
    pub fn after(
        first: &FirstReading,
        ledger: &'a dyn Ledger,
        secrets: Option<&Secrets>,
        until: Position,
        progress: impl FnMut(Progress) + 'a,
    ) -> Self {
        let seen = Arc::clone(&first.seen);
        let until = until.min(first.until);
        let mut state = State::default();
        state.watch_closings();
        let key = |secrets: &Secrets| HashKey::new(*secrets.id_key().as_bytes());
        Self {
            scan: ledger.scan(Position::START, None),
            state,
            ids: secrets.map(|secrets| DecisionIds::new(key(secrets), seen.node_id)),
            until,
            seen,
            records: BTreeMap::new(),
            open: BTreeMap::new(),
            closed: Vec::new().into_iter(),
            progress: Box::new(progress),
            ended: false,
        }
    }

    /// The state that the events so far lead to.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The numbers of every name there is by the end.
    #[must_use]
    pub fn numbering(&self) -> &Numbering {
        &self.seen.numbering
    }

    /// The most slots that a decision has by the end.
    #[must_use]
    pub fn most_slots(&self) -> usize {
        self.seen.most_slots
    }

    /// The oldest decision of a placement that still takes outcomes; rehearsals
    /// do not count.
    #[must_use]
    pub fn oldest_open(&self, placement: PlacementNumber) -> Option<Position> {
        self.open.get(&placement)?.first().copied()
    }

    /// How many decisions of a placement still take outcomes.
    #[must_use]
    pub fn open_decisions(&self, placement: PlacementNumber) -> u64 {
        self.open
            .get(&placement)
            .map_or(0, |open| open.len() as u64)
    }

    fn read(&mut self) -> Result<Option<PastDecision>, HistoryError> {
        loop {
            if let Some(closed) = self.closed.next() {
                if let Some(decision) = self.describe(closed)? {
                    return Ok(Some(decision));
                }
                continue;
            }
            if self.state.position() >= self.until {
                return Ok(None);
            }
            let Some(record) = self.scan.next().transpose()? else {
                return Ok(None);
            };
            let position = record.position;
            let event = decode(position, &record.bytes)?;
            self.state.apply(position, &event)?;
            self.closed = self.state.take_closed().into_iter();
            if let EventBody::Decision(record) = event.body {
                if !record.test {
                    let open = self.open.entry(record.placement).or_default();
                    open.insert(position);
                }
                self.records.insert(position, record);
            }
            if position.0.is_multiple_of(PROGRESS_EVENTS) {
                let last = self.until;
                (self.progress)(Progress { position, last });
            }
        }
    }

    /// A decision with everything that it came to; `None` for a rehearsal.
    fn describe(&mut self, closed: JustClosed) -> Result<Option<PastDecision>, HistoryError> {
        let JustClosed {
            position,
            decision,
            closing,
            state,
        } = closed;
        let dangling = |what: String| FoldError::Dangling { position, what };
        let record = self.records.remove(&position);
        let record = record.ok_or_else(|| dangling("a decision that never was".to_owned()))?;
        if decision.test {
            return Ok(None);
        }
        if let Some(open) = self.open.get_mut(&decision.placement) {
            open.remove(&position);
        }
        let version = decision.catalog_version;
        let catalog = state.catalog_of(version).cloned();
        let catalog = catalog.ok_or_else(|| dangling(format!("catalogue version {version}")))?;
        let placement = catalog.placement(decision.placement);
        let placement =
            placement.ok_or_else(|| dangling(format!("placement {}", decision.placement)))?;
        let book = WithLater::of(&state, &decision.outcomes, &self.seen.later);
        let rewardable = decision.rewardable(position, placement);
        let earned = |(slot, offer): (u32, OfferNumber)| {
            let benefit = catalog.offer(offer).map(|offer| &offer.benefit);
            Earned {
                reward: rewardable.reward(&book, slot, benefit),
                converted: rewardable.converts(&book, slot),
                net_revenue_minor: rewardable.net_revenue_minor(&book, slot),
                margin_minor: rewardable.margin_minor(&book, slot, benefit),
                discount_cost_minor: rewardable.discount_cost_minor(&book, slot, benefit),
            }
        };
        let offers = decision.slots.iter().map(|slot| slot.offer);
        let slots = (1_u32..).zip(offers).map(earned).collect();
        let decided_at = decision.decided_at;
        Ok(Some(PastDecision {
            id: self.ids.as_ref().map(|ids| ids.id_of(position, decided_at)),
            position,
            decided_at,
            closed_at: closing.closed_at,
            record,
            taught: closing.taught,
            slots,
            catalog,
        }))
    }
}

impl Iterator for History<'_> {
    type Item = Result<PastDecision, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let decision = self.read().transpose();
        self.ended = !matches!(decision, Some(Ok(_)));
        decision
    }
}

fn decode(position: Position, bytes: &[u8]) -> Result<Event, HistoryError> {
    decode_event(bytes).map_err(|error| HistoryError::Decode { position, error })
}

/// The order book when a decision closed, with what was taken back afterwards.
struct WithLater<'a> {
    state: &'a State,
    reversed: BTreeMap<EventKey, Purchase>,
}

impl<'a> WithLater<'a> {
    fn of(state: &'a State, outcomes: &[DecisionOutcome], later: &Later) -> Self {
        let mut reversed = BTreeMap::new();
        if !later.is_empty() {
            let of_decision = outcomes.iter().map(|outcome| outcome.event.event);
            let orders = of_decision
                .clone()
                .filter_map(|event| state.purchase(event)?.order)
                .flat_map(|order| state.purchases_of(order).iter().copied());
            for event in of_decision.chain(orders) {
                let Some(reversals) = later.get(&event) else {
                    continue;
                };
                let mut purchase = state.purchase(event).cloned().unwrap_or_default();
                for reversal in reversals {
                    purchase.reverse(reversal.clone());
                }
                reversed.insert(event, purchase);
            }
        }
        Self { state, reversed }
    }
}

impl OrderBook for WithLater<'_> {
    fn purchase(&self, event: EventKey) -> Option<&Purchase> {
        self.reversed
            .get(&event)
            .or_else(|| self.state.purchase(event))
    }

    fn purchases_of(&self, order: OrderKey) -> &[EventKey] {
        self.state.purchases_of(order)
    }

    fn claimant(&self, order: OrderKey, placement: PlacementNumber, line: u64) -> Option<Position> {
        self.state.claimant(order, placement, line)
    }
}
