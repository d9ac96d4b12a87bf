//! Decisions as callers see them: the record with its place and its catalogue.

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::price;
use super::sealing::{NonceSeed, UnsealError, unseal};
use super::shared::Shared;
use crate::catalog::Catalog;
use crate::domain::cart::Cart;
use crate::domain::decision::{DecisionRecord, RequestContext};
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{CatalogVersion, Position};
use crate::domain::placement::Placement;
use crate::domain::time::Instant;
use crate::ledger::ReadError;
use crate::ledger::codec::{DecodeError, decode_event, sealed};
use crate::promotion::benefit::Amounts;

/// Why something recorded could not be read back.
#[derive(Debug, Error)]
pub enum LookupError {
    /// No decision has that id.
    #[error("no decision has the id {id}")]
    NoSuchDecision {
        /// The id.
        id: String,
    },
    /// The ledger does not give the record.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record does not decode.
    #[error("the record at position {position} does not decode: {error}")]
    Decode {
        /// Which record.
        position: Position,
        /// Why.
        error: DecodeError,
    },
    /// The record is of another kind than what refers to it says.
    #[error("the record at position {position} is not {expected}")]
    OtherKind {
        /// Which record.
        position: Position,
        /// What it should be.
        expected: &'static str,
    },
    /// A catalogue version that was never brought.
    #[error("catalogue version {0} is not in the ledger")]
    NoCatalog(CatalogVersion),
    /// The sealed part of a record.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// The key file.
    #[error("the subject's key could not be read: {0}")]
    Key(String),
}

/// A decision, recorded or previewed.
#[derive(Debug, Clone)]
pub struct DecisionView {
    /// Its id and place; `None` for a preview.
    pub recorded: Option<RecordedAt>,
    /// What was recorded.
    pub record: Arc<DecisionRecord>,
    /// The catalogue that it was made with.
    pub catalog: Arc<Catalog>,
    /// What each chosen offer comes to for the request's cart, in slot order;
    /// empty once the shopper was erased, and the cart with the shopper.
    pub amounts: Vec<Amounts>,
    /// It is on disk.
    pub is_durable: bool,
}

/// Where and when a decision was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedAt {
    /// The decision's id.
    pub id: Uuid,
    /// Its place in the ledger.
    pub position: Position,
    /// Its instant.
    pub at: Instant,
}

impl DecisionView {
    pub(super) fn recorded(
        recorded: RecordedAt,
        record: Arc<DecisionRecord>,
        catalog: Arc<Catalog>,
        cart: Option<&Cart>,
    ) -> Self {
        Self {
            recorded: Some(recorded),
            is_durable: true,
            ..Self::preview(record, catalog, cart)
        }
    }

    pub(super) fn preview(
        record: Arc<DecisionRecord>,
        catalog: Arc<Catalog>,
        cart: Option<&Cart>,
    ) -> Self {
        let amounts = cart.map(|cart| price::amounts(&record, &catalog, cart));
        Self {
            recorded: None,
            record,
            catalog,
            amounts: amounts.unwrap_or_default(),
            is_durable: false,
        }
    }

    pub(super) fn durable(mut self, is_durable: bool) -> Self {
        self.is_durable = is_durable;
        self
    }

    /// Reads the decision at a position back.
    pub(super) fn read(shared: &Shared, position: Position) -> Result<Self, LookupError> {
        let event = read_event(shared, position)?;
        let EventBody::Decision(record) = event.body else {
            return Err(LookupError::OtherKind {
                position,
                expected: "a decision",
            });
        };
        let version = record.catalog_version;
        let catalog = shared.read_state().catalog_of(version).cloned();
        let catalog = catalog.ok_or(LookupError::NoCatalog(version))?;
        let context = match context_of(shared, &record, position) {
            Ok(context) => Some(context),
            Err(LookupError::Unseal(UnsealError::Erased)) => None,
            Err(error) => return Err(error),
        };
        let at = event.envelope.recorded_at;
        let recorded = RecordedAt {
            id: shared.ids.id_of(position, at),
            position,
            at,
        };
        let durable = shared.ledger.durable_head().position >= position;
        let cart = context.as_ref().map(|context| &context.cart);
        Ok(Self::recorded(recorded, record, catalog, cart).durable(durable))
    }

    /// Reads a decision back by its id.
    pub(super) fn find(shared: &Shared, id: Uuid) -> Result<Self, LookupError> {
        let unknown = || LookupError::NoSuchDecision { id: id.to_string() };
        let position = shared.ids.position_of(id).ok_or_else(unknown)?;
        if position > shared.read_state().position() {
            return Err(unknown());
        }
        let view = match Self::read(shared, position) {
            Err(LookupError::OtherKind { .. }) => Err(unknown()),
            other => other,
        }?;
        // The id names the instant as well.
        view.recorded
            .filter(|recorded| recorded.id == id)
            .ok_or_else(unknown)?;
        Ok(view)
    }

    /// The placement that the decision was made at.
    #[must_use]
    pub fn placement(&self) -> Option<&Placement> {
        self.catalog.placement(self.record.placement)
    }

    /// What the request said of its shopper.
    pub(super) fn context(&self, shared: &Shared) -> Result<RequestContext, LookupError> {
        context_of(
            shared,
            &self.record,
            self.recorded.map_or(Position::START, |at| at.position),
        )
    }
}

/// What a decision's request said of its shopper.
pub(super) fn context_of(
    shared: &Shared,
    record: &DecisionRecord,
    position: Position,
) -> Result<RequestContext, LookupError> {
    let key = shared
        .subject_key(record.subject)
        .map_err(|error| LookupError::Key(error.to_string()))?
        .ok_or(UnsealError::Erased)?;
    let seed = NonceSeed {
        kind: "decision",
        id: record.request_id.as_bytes(),
        at: record.evaluated_at,
    };
    let plaintext = unseal(&key, seed, &record.sealed)?;
    sealed::decode_request(&plaintext).map_err(|error| LookupError::Decode { position, error })
}

/// Reads the event at a position back.
pub(super) fn read_event(shared: &Shared, position: Position) -> Result<Event, LookupError> {
    let bytes = shared.ledger.read(position)?;
    let bytes = bytes.ok_or(LookupError::OtherKind {
        position,
        expected: "in the ledger",
    })?;
    decode_event(&bytes).map_err(|error| LookupError::Decode { position, error })
}
