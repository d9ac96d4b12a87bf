//! Checks an outcome event against the state.

use smallvec::SmallVec;

use super::{Checked, ClosedDecision, Keys, RecordError, RewardRequest};
use crate::catalog::Catalog;
use crate::domain::event::RecordedEvent;
use crate::domain::ids::{OfferNumber, Position};
use crate::domain::keys::{EventKey, SubjectNumber};
use crate::domain::limit::Hold;
use crate::domain::outcome::{OutcomeKind, OutcomeRecord, OutcomeTarget};
use crate::domain::placement::Placement;
use crate::domain::time::Instant;
use crate::engine::committer::version_of;
use crate::engine::fault::FieldFault;
use crate::engine::queue::{Entity, Premise};
use crate::engine::shared::Shared;
use crate::engine::state::{CLOCK_SKEW, OpenDecision, State};

mod lines;
mod reversal;

pub(super) use lines::lines_of;
use reversal::{check_reversal, claimants, corrections, order_of};

/// So many events a decision takes; a page that reports without end is refused
/// beyond.
const MAX_EVENTS_PER_DECISION: usize = 1_000;

/// A decision that an event is about.
enum Target<'a> {
    Open(Position, &'a OpenDecision),
    Closed(&'a ClosedDecision),
}

impl Target<'_> {
    const fn position(&self) -> Position {
        match self {
            Self::Open(position, _) => *position,
            Self::Closed(closed) => closed.position,
        }
    }

    const fn decided_at(&self) -> Instant {
        match self {
            Self::Open(_, open) => open.decided_at,
            Self::Closed(closed) => closed.decided_at,
        }
    }

    fn subject(&self) -> SubjectNumber {
        match self {
            Self::Open(_, open) => open.subject,
            Self::Closed(closed) => closed.record.subject,
        }
    }

    fn offers(&self) -> SmallVec<[OfferNumber; 2]> {
        match self {
            Self::Open(_, open) => open.slots.iter().map(|slot| slot.offer).collect(),
            Self::Closed(closed) => closed.record.chosen().collect(),
        }
    }

    /// How many events came for it.
    fn events(&self) -> usize {
        match self {
            Self::Open(_, open) => open.outcomes.len(),
            Self::Closed(closed) => closed.events.len(),
        }
    }

    fn event(&self, event: EventKey) -> Option<RecordedEvent> {
        match self {
            Self::Open(_, open) => open
                .outcomes
                .iter()
                .map(|outcome| outcome.event)
                .find(|it| it.event == event),
            Self::Closed(closed) => closed.event(event).copied(),
        }
    }

    /// The catalogue that the decision was made with, and its placement.
    fn placement<'b>(&'b self, state: &'b State) -> Option<(&'b Catalog, &'b Placement)> {
        let (catalog, number) = match self {
            Self::Open(_, open) => (
                state.catalog_of(open.catalog_version)?.as_ref(),
                open.placement,
            ),
            Self::Closed(closed) => (closed.catalog.as_ref(), closed.record.placement),
        };
        Some((catalog, catalog.placement(number)?))
    }
}

/// Checks an event. `closed` holds what was read of closed decisions so far.
pub(super) fn check(
    shared: &Shared,
    state: &State,
    request: &RewardRequest,
    keys: &Keys,
    closed: &[ClosedDecision],
) -> Result<Checked, RecordError> {
    lines::check_alone(request)?;
    let now = shared.clock.now().max(state.now());
    check_not_ahead(request, now)?;
    if let Some(known) = state.recorded_event(keys.event) {
        return Ok(duplicate(known));
    }
    let positions = positions(shared, state, request, keys)?;
    let fresh = |position: Position| {
        let seen = version_of(state, Entity::Decision(position));
        closed
            .iter()
            .find(|closed| closed.position == position && closed.seen_version == seen)
    };
    let mut to_read: SmallVec<[Position; 2]> = SmallVec::new();
    let mut targets: SmallVec<[Target<'_>; 2]> = SmallVec::new();
    for position in &positions {
        match (state.open_decision(*position), fresh(*position)) {
            (Some(open), _) => targets.push(Target::Open(*position, open)),
            (None, Some(closed)) => targets.push(Target::Closed(closed)),
            (None, None) => to_read.push(*position),
        }
    }
    let claimants = claimants(state, keys, &positions);
    to_read.extend(
        claimants
            .iter()
            .copied()
            .filter(|claimant| fresh(*claimant).is_none()),
    );
    if !to_read.is_empty() {
        to_read.extend(closed.iter().map(|closed| closed.position));
        to_read.sort_unstable();
        to_read.dedup();
        return Ok(Checked::NeedsClosed(to_read));
    }
    if let Some(known) = targets.iter().find_map(|target| target.event(keys.event)) {
        return Ok(duplicate(&known));
    }
    check_identity(shared, request, &targets)?;
    check_room(request, &targets)?;
    let targets = in_time(request, targets)?;
    let lines = lines_of(&shared.hash_key, request);
    let (currency, conversion) = lines::check_currency(state, request, keys, &targets)?;
    check_costs(state, request, &targets)?;
    check_reversal(state, request, keys, &targets, &lines)?;
    let about = slots(state, request, &targets)?;
    let siblings: Vec<&ClosedDecision> = claimants
        .iter()
        .filter_map(|claimant| fresh(*claimant))
        .collect();
    let record = OutcomeRecord {
        event: keys.event,
        fingerprint: keys.fingerprint,
        kind: request.kind,
        custom_kind: request.custom_kind.clone(),
        event_time: request.event_time,
        corrections: corrections(state, now, request, keys, &targets, &siblings, &lines),
        targets: targets
            .iter()
            .zip(&about)
            .map(|(target, slot)| OutcomeTarget {
                decision: target.position(),
                slot: *slot,
                closed: matches!(target, Target::Closed(_)),
            })
            .collect(),
        order: keys.order,
        currency,
        conversion,
        lines,
        reverses: keys.reverses,
        holds: holds_of_closed(request, &targets, &about),
        subject: subject(shared, keys, &targets),
        sealed: Vec::new(),
    };
    let premises = premises(state, keys, &positions, &claimants);
    Ok(Checked::Record {
        record: Box::new(record),
        premises,
    })
}

/// What a purchase uses of limits for decisions that the state has forgotten.
fn holds_of_closed(
    request: &RewardRequest,
    targets: &[Target<'_>],
    about: &[Option<u32>],
) -> Vec<Hold> {
    if request.kind != OutcomeKind::Purchase {
        return Vec::new();
    }
    let closed = targets
        .iter()
        .zip(about)
        .filter_map(|(target, slot)| match target {
            Target::Closed(closed) => Some((closed, *slot)),
            Target::Open(..) => None,
        });
    closed
        .flat_map(|(closed, slot)| {
            let offers: SmallVec<[OfferNumber; 2]> = (1_u32..)
                .zip(closed.record.chosen())
                .filter(|(place, _)| slot.is_none_or(|slot| slot == *place))
                .map(|(_, offer)| offer)
                .collect();
            let holds = closed.record.holds.iter();
            holds.filter(move |hold| offers.contains(&hold.offer))
        })
        .copied()
        .collect()
}

const fn duplicate(known: &RecordedEvent) -> Checked {
    Checked::Duplicate {
        position: known.position,
        fingerprint: known.fingerprint,
        result: known.result,
    }
}

fn check_not_ahead(request: &RewardRequest, now: Instant) -> Result<(), RecordError> {
    if request.event_time > now.plus(CLOCK_SKEW) {
        let expected = format!("at most {CLOCK_SKEW} ahead of the server's {now}");
        let fault = FieldFault::new("event_time", request.event_time, expected);
        return Err(RecordError::Invalid(vec![fault]));
    }
    Ok(())
}

/// The decisions that an event names, ascending.
fn positions(
    shared: &Shared,
    state: &State,
    request: &RewardRequest,
    keys: &Keys,
) -> Result<SmallVec<[Position; 2]>, RecordError> {
    if let Some(id) = request.decision_id {
        let known = shared
            .ids
            .position_of(id)
            .filter(|position| *position <= state.position());
        let position = known.ok_or_else(|| no_such_decision(request))?;
        return Ok(SmallVec::from_slice(&[position]));
    }
    let linked = keys
        .order
        .and_then(|order| state.order(order))
        .map(|order| &order.decisions);
    match linked {
        Some(decisions) if !decisions.is_empty() => Ok(decisions.iter().copied().collect()),
        _ if keys.shopper.is_some() => match request.kind {
            OutcomeKind::Purchase | OutcomeKind::Refund | OutcomeKind::Cancellation => {
                Ok(SmallVec::new())
            }
            kind => Err(RecordError::Invalid(vec![FieldFault::new(
                "kind",
                kind.name(),
                "PURCHASE, REFUND or CANCELLATION for an order without a decision; set decision_id",
            )])),
        },
        _ if keys.order.is_some() => Err(RecordError::NotFound(FieldFault::new(
            "order_id",
            format!("{:?}", request.order_id),
            "an order that an earlier event linked to a decision; set decision_id, or shopper_id \
             for an order that no decision led to",
        ))),
        _ => Err(RecordError::Invalid(vec![FieldFault::missing(
            "decision_id",
            "a decision's id, or an order_id or shopper_id",
        )])),
    }
}

fn no_such_decision(request: &RewardRequest) -> RecordError {
    let id = request
        .decision_id
        .map(|id| id.to_string())
        .unwrap_or_default();
    RecordError::NotFound(FieldFault::new(
        "decision_id",
        id,
        "the id of a decision of this service",
    ))
}

/// An id names an instant besides the position; both must be the decision's.
fn check_identity(
    shared: &Shared,
    request: &RewardRequest,
    targets: &[Target<'_>],
) -> Result<(), RecordError> {
    let (Some(id), [target]) = (request.decision_id, targets) else {
        return Ok(());
    };
    if shared.ids.id_of(target.position(), target.decided_at()) == id {
        Ok(())
    } else {
        Err(no_such_decision(request))
    }
}

/// What came for a decision is one entry of a record when it closes, and is read
/// again whenever more comes.
fn check_room(request: &RewardRequest, targets: &[Target<'_>]) -> Result<(), RecordError> {
    if targets
        .iter()
        .all(|target| target.events() < MAX_EVENTS_PER_DECISION)
    {
        return Ok(());
    }
    let (field, id) = match request.decision_id {
        Some(id) => ("decision_id", id.to_string()),
        None => ("order_id", format!("{:?}", request.order_id)),
    };
    let expected = format!("a decision that has fewer than {MAX_EVENTS_PER_DECISION} events");
    Err(RecordError::Precondition(FieldFault::new(
        field, id, expected,
    )))
}

/// Drops an order's decisions that were made after the event; what an event
/// names itself must not have been.
fn in_time<'a>(
    request: &RewardRequest,
    targets: SmallVec<[Target<'a>; 2]>,
) -> Result<SmallVec<[Target<'a>; 2]>, RecordError> {
    let Some(first) = targets.iter().map(Target::decided_at).min() else {
        return Ok(targets);
    };
    let before = |target: &Target<'_>| request.event_time.plus(CLOCK_SKEW) >= target.decided_at();
    let kept: SmallVec<[Target<'a>; 2]> = targets.into_iter().filter(before).collect();
    if kept.is_empty() {
        let expected = format!("at most {CLOCK_SKEW} before its decision was made, at {first}");
        let fault = FieldFault::new("event_time", request.event_time, expected);
        return Err(RecordError::Invalid(vec![fault]));
    }
    Ok(kept)
}

/// Which slot of each decision the event is about.
fn slots(
    state: &State,
    request: &RewardRequest,
    targets: &[Target<'_>],
) -> Result<SmallVec<[Option<u32>; 2]>, RecordError> {
    targets
        .iter()
        .map(|target| slot(state, request, target))
        .collect()
}

fn slot(
    state: &State,
    request: &RewardRequest,
    target: &Target<'_>,
) -> Result<Option<u32>, RecordError> {
    let offers = target.offers();
    if let Some(slot) = request.slot {
        return if slot >= 1 && slot as usize <= offers.len() {
            Ok(Some(slot))
        } else {
            let expected = match offers.len() {
                0 => "no slot: the decision shows no offer".to_owned(),
                count => format!("1 to {count}, the slots of the decision"),
            };
            Err(RecordError::Invalid(vec![FieldFault::new(
                "slot", slot, expected,
            )]))
        };
    }
    if request.offer_id.is_empty() {
        return Ok(None);
    }
    let number = target
        .placement(state)
        .and_then(|(catalog, _)| catalog.offer_by_id(&request.offer_id))
        .map(|offer| offer.number);
    let place = offers.iter().position(|offer| Some(*offer) == number);
    match place.and_then(|place| u32::try_from(place).ok()) {
        Some(place) => Ok(Some(place + 1)),
        None => Err(RecordError::Precondition(FieldFault::new(
            "offer_id",
            format!("{:?}", request.offer_id),
            "an offer that the decision shows",
        ))),
    }
}

/// A margin needs to know what each article costs.
fn check_costs(
    state: &State,
    request: &RewardRequest,
    targets: &[Target<'_>],
) -> Result<(), RecordError> {
    if request.kind != OutcomeKind::Purchase {
        return Ok(());
    }
    let placement = targets
        .iter()
        .filter_map(|target| target.placement(state))
        .map(|(_, placement)| placement)
        .find(|placement| placement.counts_costs());
    let Some(placement) = placement else {
        return Ok(());
    };
    let faults: Vec<_> = (0..)
        .zip(&request.lines)
        .filter(|(_, line)| line.unit_cost.is_none())
        .map(|(index, line)| {
            FieldFault::missing(
                format!("lines[{index}].unit_cost"),
                format!(
                    "the cost of one piece of {:?}: placement {:?} is after margin",
                    line.sku, placement.id
                ),
            )
        })
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(RecordError::Invalid(faults))
    }
}

/// Whose key the record is sealed under.
fn subject(shared: &Shared, keys: &Keys, targets: &[Target<'_>]) -> SubjectNumber {
    match (targets.first(), keys.shopper) {
        (Some(target), _) => target.subject(),
        (None, Some(shopper)) => shared.registry.subject_of(shopper),
        (None, None) => SubjectNumber::NOBODY,
    }
}

/// Everything that the check rested on.
fn premises(
    state: &State,
    keys: &Keys,
    positions: &[Position],
    claimants: &[Position],
) -> SmallVec<[Premise; 4]> {
    let decisions = positions
        .iter()
        .chain(claimants)
        .map(|position| Entity::Decision(*position));
    let orders = [keys.order, order_of(state, keys)]
        .into_iter()
        .flatten()
        .map(Entity::Order);
    let purchase = keys.reverses.unwrap_or(keys.event);
    let mut entities: SmallVec<[Entity; 6]> = decisions
        .chain(orders)
        .chain([Entity::Event(keys.event), Entity::Purchase(purchase)])
        .collect();
    entities.dedup();
    entities
        .into_iter()
        .map(|entity| (entity, version_of(state, entity)))
        .collect()
}
