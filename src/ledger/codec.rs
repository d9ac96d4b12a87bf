//! Events as bytes: the only reader and writer of the stored format.
//!
//! An event's bytes are its envelope's fields followed by its body's, which
//! protobuf reads as one message. So a body can be encoded before its place in
//! the ledger is known, and the envelope put before it later.
//!
//! Decoding is total: bytes that are no event of this schema, or that break
//! what an event promises, are an error that names the field.

use std::sync::Arc;

use prost::Message;
use prost::bytes::BufMut;
use thiserror::Error;
use uuid::Uuid;

use crate::domain::event::{
    CatalogChange, CatalogPart, ClosedSlot, Closing, Envelope, Event, EventBody, PolicyChange,
    PolicyReset, PriorImport, PriorRewards, RecordedEvent, SCHEMA_VERSION,
};
use crate::domain::ids::{CatalogVersion, OfferNumber, PlacementNumber, Position, SegmentNumber};
use crate::domain::keys::EventKey;
use crate::domain::time::Instant;
use crate::proto::promobandit::ledger::v1 as stored;

mod decision;
pub mod deflate;
mod hold;
mod outcome;
pub mod sealed;

/// A catalogue of more bytes is compressed.
const COMPRESSED_FROM_BYTES: usize = 64 * 1024;

/// Why bytes are no event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// They are no protobuf message of the schema.
    #[error("not an event: {0}")]
    Malformed(String),
    /// A field holds what it must not.
    #[error("field {field} of the event is {value}, expected {expected}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// A later program wrote it.
    #[error(
        "the event has schema version {found}, this program reads up to {SCHEMA_VERSION}: use the \
         program that wrote it, or a later one"
    )]
    LaterSchema {
        /// The event's version.
        found: u32,
    },
}

impl DecodeError {
    fn field(field: &'static str, value: impl ToString, expected: &'static str) -> Self {
        Self::Field {
            field,
            value: value.to_string(),
            expected,
        }
    }
}

/// The bytes of a body, to be completed by [`encode_event`].
#[must_use]
pub fn encode_body(body: &EventBody) -> Vec<u8> {
    let body = match body {
        EventBody::Genesis {
            ledger_id,
            created_by,
        } => stored::event::Body::Genesis(stored::Genesis {
            ledger_id: ledger_id.to_vec(),
            created_by: created_by.clone(),
        }),
        EventBody::Decision(record) => stored::event::Body::Decision(decision::to_stored(record)),
        EventBody::Reuse {
            request_id,
            request_fingerprint,
            decision,
        } => stored::event::Body::Reuse(stored::Reuse {
            request_id: request_id.as_bytes().to_vec(),
            request_fingerprint: *request_fingerprint,
            decision: decision.0,
        }),
        EventBody::Outcome(record) => stored::event::Body::Outcome(outcome::to_stored(record)),
        EventBody::Tick => stored::event::Body::Tick(stored::Tick {}),
        EventBody::Closings(closings) => stored::event::Body::Closings(stored::Closings {
            closings: closings.iter().map(closing_to_stored).collect(),
        }),
        EventBody::CatalogChange(change) => {
            stored::event::Body::CatalogChange(stored::CatalogChange {
                version: change.version.0,
                is_compressed: change.document.len() > COMPRESSED_FROM_BYTES,
                document: if change.document.len() > COMPRESSED_FROM_BYTES {
                    deflate::deflate(&change.document)
                } else {
                    change.document.clone()
                },
                patch: change.patch.clone(),
                parts: change.parts,
                new_placements: change.new_placements.clone(),
                new_offers: change.new_offers.clone(),
                new_segments: change.new_segments.clone(),
                actor: change.actor.clone(),
                new_limits: change.new_limits.clone(),
            })
        }
        EventBody::CatalogPart(part) => stored::event::Body::CatalogPart(stored::CatalogPart {
            index: part.index,
            bytes: part.bytes.clone(),
        }),
        EventBody::PolicyChange(change) => {
            stored::event::Body::PolicyChange(stored::PolicyChange {
                placement: change.placement.0,
                document: change.document.clone(),
                actor: change.actor.clone(),
            })
        }
        EventBody::PolicyReset(reset) => stored::event::Body::PolicyReset(stored::PolicyReset {
            placement: reset.placement.0,
            segment: reset.segment.map(|segment| segment.0),
            offer: reset.offer.map(|offer| offer.0),
            reason: reset.reason.clone(),
            actor: reset.actor.clone(),
        }),
        EventBody::PriorImport(import) => {
            stored::event::Body::PriorImport(priors_to_stored(import))
        }
        EventBody::Unsupported { kind } => {
            unreachable!("an event of kind {kind} is only ever read")
        }
    };
    let mut bytes = Vec::with_capacity(body.encoded_len());
    body.encode(&mut bytes);
    bytes
}

/// Appends to `out` the bytes of an event from its envelope and its body's
/// bytes.
pub fn encode_event(envelope: &Envelope, body_bytes: &[u8], out: &mut Vec<u8>) {
    let envelope = stored::Event {
        schema_version: envelope.schema_version,
        shop_id: envelope.shop_id.clone(),
        node_id: envelope.node_id,
        node_sequence: envelope.node_sequence,
        recorded_at_ms: envelope.recorded_at.unix_ms(),
        fold_version: envelope.fold_version,
        algorithm_version: envelope.algorithm_version,
        body: None,
    };
    out.reserve(envelope.encoded_len() + body_bytes.len());
    envelope.encode_raw(out);
    out.put_slice(body_bytes);
}

/// The event that some bytes hold.
///
/// # Errors
/// When they hold none, or one of a later schema.
pub fn decode_event(bytes: &[u8]) -> Result<Event, DecodeError> {
    let event =
        stored::Event::decode(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if event.schema_version > SCHEMA_VERSION {
        return Err(DecodeError::LaterSchema {
            found: event.schema_version,
        });
    }
    if event.schema_version == 0 {
        return Err(DecodeError::field("schema_version", 0, "1 or more"));
    }
    let envelope = Envelope {
        schema_version: event.schema_version,
        shop_id: event.shop_id,
        node_id: event.node_id,
        node_sequence: event.node_sequence,
        recorded_at: Instant::from_unix_ms(event.recorded_at_ms),
        fold_version: event.fold_version,
        algorithm_version: event.algorithm_version,
    };
    let body = event
        .body
        .ok_or_else(|| DecodeError::field("body", "missing", "an event body"))?;
    Ok(Event {
        envelope,
        body: decode_body(body)?,
    })
}

fn decode_body(body: stored::event::Body) -> Result<EventBody, DecodeError> {
    use stored::event::Body;
    let unsupported = |kind| Ok(EventBody::Unsupported { kind });
    match body {
        Body::Genesis(genesis) => Ok(EventBody::Genesis {
            ledger_id: sixteen("genesis.ledger_id", &genesis.ledger_id)?,
            created_by: genesis.created_by,
        }),
        Body::Decision(record) => Ok(EventBody::Decision(Arc::new(decision::from_stored(
            record,
        )?))),
        Body::Reuse(reuse) => Ok(EventBody::Reuse {
            request_id: Uuid::from_bytes(sixteen("reuse.request_id", &reuse.request_id)?),
            request_fingerprint: reuse.request_fingerprint,
            decision: Position(reuse.decision),
        }),
        Body::Outcome(record) => Ok(EventBody::Outcome(Box::new(outcome::from_stored(record)?))),
        Body::Tick(stored::Tick {}) => Ok(EventBody::Tick),
        Body::Closings(closings) => Ok(EventBody::Closings(
            closings
                .closings
                .into_iter()
                .map(closing_from_stored)
                .collect::<Result<_, _>>()?,
        )),
        Body::CatalogChange(change) => Ok(EventBody::CatalogChange(CatalogChange {
            version: CatalogVersion(change.version),
            document: if change.is_compressed {
                deflate::inflate(&change.document)?
            } else {
                change.document
            },
            patch: change.patch,
            parts: change.parts,
            new_placements: change.new_placements,
            new_offers: change.new_offers,
            new_segments: change.new_segments,
            actor: change.actor,
            new_limits: change.new_limits,
        })),
        Body::CatalogPart(part) => Ok(EventBody::CatalogPart(CatalogPart {
            index: part.index,
            bytes: part.bytes,
        })),
        Body::PolicyChange(change) => Ok(EventBody::PolicyChange(PolicyChange {
            placement: PlacementNumber(change.placement),
            document: change.document,
            actor: change.actor,
        })),
        Body::PolicyReset(reset) => Ok(EventBody::PolicyReset(PolicyReset {
            placement: PlacementNumber(reset.placement),
            segment: reset.segment.map(SegmentNumber),
            offer: reset.offer.map(OfferNumber),
            reason: reset.reason,
            actor: reset.actor,
        })),
        Body::PriorImport(import) => Ok(EventBody::PriorImport(Arc::new(priors_from_stored(
            import,
        )?))),
        Body::Reservation(_) => unsupported("reservation"),
        Body::Commit(_) => unsupported("commit"),
        Body::Release(_) => unsupported("release"),
        Body::Approval(_) => unsupported("approval"),
        Body::SegmentationChange(_) => unsupported("segmentation_change"),
        Body::AffinityChange(_) => unsupported("affinity_change"),
        Body::HistoricImport(_) => unsupported("historic_import"),
        Body::Erasure(_) => unsupported("erasure"),
    }
}

fn priors_to_stored(import: &PriorImport) -> stored::PriorImport {
    let rewards = import.rewards.iter();
    stored::PriorImport {
        placement: import.placement.0,
        document: Vec::new(),
        actor: import.actor.clone(),
        import_id: import.id.as_bytes().to_vec(),
        rewards: rewards
            .map(|rewards| stored::prior_import::Rewards {
                segment: rewards.segment.0,
                offer: rewards.offer.0,
                reward: rewards.reward,
                times: rewards.times,
                features: rewards.features.clone(),
            })
            .collect(),
    }
}

fn priors_from_stored(import: stored::PriorImport) -> Result<PriorImport, DecodeError> {
    let rewards = import.rewards.into_iter();
    Ok(PriorImport {
        id: Uuid::from_bytes(sixteen("prior_import.import_id", &import.import_id)?),
        placement: PlacementNumber(import.placement),
        rewards: rewards
            .map(|rewards| PriorRewards {
                segment: SegmentNumber(rewards.segment),
                offer: OfferNumber(rewards.offer),
                reward: rewards.reward,
                times: rewards.times,
                features: rewards.features,
            })
            .collect(),
        actor: import.actor,
    })
}

fn closing_to_stored(closing: &Closing) -> stored::closings::Closing {
    stored::closings::Closing {
        decision: closing.decision.0,
        closed_at_ms: closing.closed_at.unix_ms(),
        slots: closing
            .slots
            .iter()
            .map(|slot| stored::closings::Slot {
                reward: slot.reward,
                receipt: slot.receipt.clone(),
                reward_as_it_came: slot.reward_as_it_came,
            })
            .collect(),
        events: closing
            .events
            .iter()
            .map(|event| stored::closings::Event {
                event_id: event.event.0.to_vec(),
                fingerprint: event.fingerprint,
                position: event.position.0,
                result: outcome::result_to_stored(event.result),
            })
            .collect(),
        taught: closing.taught,
        late: closing.late,
    }
}

fn closing_from_stored(closing: stored::closings::Closing) -> Result<Closing, DecodeError> {
    let events = closing.events.into_iter().map(|event| {
        Ok(RecordedEvent {
            event: EventKey(sixteen("closings.event_id", &event.event_id)?),
            fingerprint: event.fingerprint,
            position: Position(event.position),
            result: outcome::result_from_stored(event.result)?,
        })
    });
    Ok(Closing {
        decision: Position(closing.decision),
        closed_at: Instant::from_unix_ms(closing.closed_at_ms),
        events: events.collect::<Result<_, DecodeError>>()?,
        slots: closing
            .slots
            .into_iter()
            .map(|slot| ClosedSlot {
                reward: slot.reward,
                receipt: slot.receipt,
                reward_as_it_came: slot.reward_as_it_came,
            })
            .collect(),
        taught: closing.taught,
        late: closing.late,
    })
}

/// A field of exactly 16 bytes.
fn sixteen(field: &'static str, bytes: &[u8]) -> Result<[u8; 16], DecodeError> {
    bytes
        .try_into()
        .map_err(|_| DecodeError::field(field, format!("{} bytes", bytes.len()), "16 bytes"))
}

/// A field of 16 bytes or none.
fn sixteen_or_none(field: &'static str, bytes: &[u8]) -> Result<Option<[u8; 16]>, DecodeError> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        sixteen(field, bytes).map(Some)
    }
}
