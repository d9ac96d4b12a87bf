//! The state as a checkpoint keeps it.
//!
//! A checkpoint saves time, never truth: one of another version is not read,
//! and the state is folded from the ledger instead.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::{Counters, Forgettable, OpenDecision, Order, Purchase, Revision, State, Visit};
use crate::catalog::{Catalog, Numbering};
use crate::domain::event::{CatalogPart, Closing, RecordedEvent};
use crate::domain::ids::{CatalogVersion, PlacementNumber, Position};
use crate::domain::keys::{EventKey, OrderKey, VisitKey};
use crate::domain::time::Instant;
use crate::learning::PolicyState;
use crate::learning::delay::Overlay;
use crate::promotion::constraints::book::LimitBook;

/// Why a checkpoint's payload is no state.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// It is not what this version writes.
    #[error("the checkpoint does not decode: {0}")]
    Malformed(String),
    /// It holds a catalogue that does not hold.
    #[error("the checkpoint's catalogue version {version} does not hold: {reason}")]
    Catalog {
        /// Which version.
        version: CatalogVersion,
        /// Why.
        reason: String,
    },
}

/// Everything of a [`State`], as it is serialised. A clone of the state shares
/// structure with it, so making one copies nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckpointPayload {
    position: Position,
    now: Instant,
    numbering: Numbering,
    revisions: OrdMap<CatalogVersion, Arc<Revision>>,
    catalog_parts: Vec<(u32, Vec<u8>)>,
    learnt: OrdMap<PlacementNumber, PolicyState>,
    overlays: OrdMap<PlacementNumber, Overlay>,
    open: OrdMap<Position, Arc<OpenDecision>>,
    due: OrdSet<(Instant, Position)>,
    visits: OrdMap<VisitKey, Visit>,
    waiting: OrdMap<Position, VisitKey>,
    priors: OrdSet<Uuid>,
    events: OrdMap<EventKey, RecordedEvent>,
    orders: OrdMap<OrderKey, Arc<Order>>,
    purchases: OrdMap<EventKey, Arc<Purchase>>,
    forget: OrdSet<(Instant, Forgettable)>,
    unwritten: Vector<Closing>,
    unwritten_since: Option<Instant>,
    written: OrdMap<u64, Arc<Vec<Position>>>,
    next_subject: u64,
    counters: Counters,
    limits: LimitBook,
}

impl State {
    /// The state, ready to be serialised.
    #[must_use]
    pub fn to_payload(&self) -> CheckpointPayload {
        let parts = self.catalog_parts.iter();
        CheckpointPayload {
            position: self.position,
            now: self.now,
            numbering: self.numbering.clone(),
            revisions: self.revisions.clone(),
            catalog_parts: parts.map(|part| (part.index, part.bytes.clone())).collect(),
            learnt: self.learnt.clone(),
            overlays: self.overlays.clone(),
            open: self.open.clone(),
            due: self.due.clone(),
            visits: self.visits.clone(),
            waiting: self.waiting.clone(),
            priors: self.priors.clone(),
            events: self.events.clone(),
            orders: self.orders.clone(),
            purchases: self.purchases.clone(),
            forget: self.forget.clone(),
            unwritten: self.unwritten.clone(),
            unwritten_since: self.unwritten_since,
            written: self.written.clone(),
            next_subject: self.next_subject,
            counters: self.counters.clone(),
            limits: self.limits.clone(),
        }
    }

    /// The state of a payload.
    ///
    /// # Errors
    /// When one of its catalogues does not hold.
    pub fn from_payload(payload: CheckpointPayload) -> Result<Self, CheckpointError> {
        let numbering = payload.numbering;
        let mut catalogs: OrdMap<CatalogVersion, Arc<Catalog>> = OrdMap::new();
        for (version, revision) in &payload.revisions {
            let version = *version;
            let refuse = |reason| CheckpointError::Catalog { version, reason };
            let change = revision.change(version).map_err(refuse)?;
            let before = catalogs.get_max().map(|(_, catalog)| catalog.clone());
            let catalog = Catalog::from_stored(before.as_deref(), &change, &numbering)
                .map_err(|error| refuse(error.to_string()))?;
            catalogs.insert(version, Arc::new(catalog));
        }
        let parts = payload.catalog_parts.into_iter();
        let parts = parts.map(|(index, bytes)| Arc::new(CatalogPart { index, bytes }));
        let mut learnt = payload.learnt;
        if let Some((_, catalog)) = catalogs.get_max() {
            prepare(catalog, &mut learnt);
        }
        Ok(Self {
            position: payload.position,
            now: payload.now,
            numbering,
            catalogs,
            revisions: payload.revisions,
            catalog_parts: parts.collect(),
            learnt,
            overlays: payload.overlays,
            open: payload.open,
            due: payload.due,
            visits: payload.visits,
            waiting: payload.waiting,
            priors: payload.priors,
            events: payload.events,
            orders: payload.orders,
            purchases: payload.purchases,
            forget_at: payload
                .forget
                .iter()
                .map(|(at, what)| (*what, *at))
                .collect(),
            forget: payload.forget,
            unwritten: payload.unwritten,
            unwritten_since: payload.unwritten_since,
            written: payload.written,
            next_subject: payload.next_subject,
            counters: payload.counters,
            limits: payload.limits,
            watched: None,
        })
    }
}

/// What policies keep beside their states and checkpoints do not hold.
fn prepare(catalog: &Catalog, learnt: &mut OrdMap<PlacementNumber, PolicyState>) {
    for placement in catalog.placements() {
        let policy = catalog.policy(placement.number);
        let state = learnt.get_mut(&placement.number);
        if let (Some(policy), Some(state)) = (policy, state) {
            policy.prepare(state);
        }
    }
}
