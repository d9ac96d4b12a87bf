//! Closed decisions: found again on disk.

use std::sync::Arc;

use super::attribution::{DecisionOutcome, Purchase, Reversal, Rewardable};
use super::committer::version_of;
use super::queue::Entity;
use super::shared::Shared;
use super::view::{LookupError, read_event};
use crate::catalog::Catalog;
use crate::domain::decision::DecisionRecord;
use crate::domain::event::{Closing, EventBody, RecordedEvent};
use crate::domain::ids::Position;
use crate::domain::keys::EventKey;
use crate::domain::outcome::{OutcomeKind, OutcomeRecord};
use crate::domain::placement::Placement;
use crate::domain::time::Instant;

/// A closed decision with everything that came for it.
#[derive(Debug, Clone)]
pub(super) struct ClosedDecision {
    /// Which.
    pub position: Position,
    /// What the state knew when this was read; it may have grown since.
    pub seen_version: u64,
    /// When it was made.
    pub decided_at: Instant,
    /// What was recorded.
    pub record: Arc<DecisionRecord>,
    /// The catalogue that it was made with.
    pub catalog: Arc<Catalog>,
    /// How it closed; `None` when nothing had come for it.
    pub closing: Option<Closing>,
    /// Everything that came, with its record, in the order in which it came.
    pub events: Vec<(RecordedEvent, OutcomeRecord)>,
    /// What came before it closed, as its rewards see it.
    pub outcomes: Vec<DecisionOutcome>,
}

impl ClosedDecision {
    /// The event of that id, if it came for this decision.
    pub fn event(&self, event: EventKey) -> Option<&RecordedEvent> {
        self.events
            .iter()
            .map(|(recorded, _)| recorded)
            .find(|known| known.event == event)
    }

    /// The placement that it was made at.
    pub fn placement(&self) -> Option<&Placement> {
        self.catalog.placement(self.record.placement)
    }

    /// The decision as its rewards see it.
    pub fn rewardable(&self) -> Option<Rewardable<'_>> {
        Some(Rewardable {
            position: self.position,
            placement: self.placement()?,
            outcomes: &self.outcomes,
        })
    }

    /// A purchase with its reversals, as far as they came for this decision.
    pub fn purchase(&self, event: EventKey) -> Option<Purchase> {
        let bought = |(recorded, record): &&(RecordedEvent, OutcomeRecord)| {
            recorded.event == event && record.kind == OutcomeKind::Purchase
        };
        let (recorded, record) = self.events.iter().find(bought)?;
        let mut purchase = Purchase {
            position: Some(recorded.position),
            order: record.order,
            currency: record.currency,
            conversion: record.conversion,
            lines: record.lines.clone(),
            reversals: Vec::new(),
        };
        for (_, record) in self
            .events
            .iter()
            .filter(|(_, record)| record.reverses == Some(event))
        {
            purchase.reverse(Reversal {
                event: record.event,
                whole: record.kind == OutcomeKind::Cancellation,
                lines: record.lines.clone(),
            });
        }
        Some(purchase)
    }
}

/// Reads a decision that is no longer open.
pub(super) fn load_closed(
    shared: &Shared,
    position: Position,
) -> Result<ClosedDecision, LookupError> {
    let (seen_version, written, mut closings) = {
        let state = shared.read_state();
        (
            version_of(&state, Entity::Decision(position)),
            state.written_closings(position).to_vec(),
            state.unwritten_about(position),
        )
    };
    let event = read_event(shared, position)?;
    let decided_at = event.envelope.recorded_at;
    let EventBody::Decision(record) = event.body else {
        return Err(LookupError::OtherKind {
            position,
            expected: "a decision",
        });
    };
    let mut all = Vec::new();
    for place in written {
        let EventBody::Closings(page) = read_event(shared, place)?.body else {
            return Err(LookupError::OtherKind {
                position: place,
                expected: "closings",
            });
        };
        all.extend(
            page.into_iter()
                .filter(|closing| closing.decision == position),
        );
    }
    all.append(&mut closings);
    let mut events = Vec::new();
    let mut outcomes = Vec::new();
    for closing in &all {
        for recorded in &closing.events {
            let EventBody::Outcome(outcome) = read_event(shared, recorded.position)?.body else {
                let position = recorded.position;
                return Err(LookupError::OtherKind {
                    position,
                    expected: "an outcome",
                });
            };
            if !closing.late {
                let target = outcome
                    .targets
                    .iter()
                    .find(|target| target.decision == position);
                outcomes.push(DecisionOutcome {
                    event: *recorded,
                    kind: outcome.kind,
                    slot: target.and_then(|target| target.slot),
                });
            }
            events.push((*recorded, *outcome));
        }
    }
    let version = record.catalog_version;
    let catalog = shared.read_state().catalog_of(version).cloned();
    Ok(ClosedDecision {
        position,
        seen_version,
        decided_at,
        record,
        catalog: catalog.ok_or(LookupError::NoCatalog(version))?,
        closing: all.into_iter().find(|closing| !closing.late),
        events,
        outcomes,
    })
}
