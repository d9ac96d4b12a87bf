//! RecordReward: from an outcome event to the ledger.
//!
//! The event is checked against the state under a read lock, sealed, encoded
//! and pushed together with its premises: what the check rested on. The
//! committer appends it only if none of them has changed; otherwise it is
//! checked again. So two refunds that come together never take back more than
//! was paid, and a retry that comes while the first is under way finds it.

use smallvec::SmallVec;
use thiserror::Error;
use uuid::Uuid;

use super::closed::{ClosedDecision, load_closed};
use super::content::Content;
use super::fault::FieldFault;
use super::queue::{CommitError, Condition, Premise, Proposal, Reply};
use super::sealing::{NonceSeed, UnsealError, seal, unseal};
use super::shared::Shared;
use super::state::Effect;
use super::view::{LookupError, read_event};
use crate::domain::event::EventBody;
use crate::domain::ids::Position;
use crate::domain::keys::{EventKey, OrderKey, Pseudonym};
use crate::domain::money::Money;
use crate::domain::outcome::{LineWords, OutcomeKind, OutcomeRecord, OutcomeResult, OutcomeWords};
use crate::domain::time::Instant;
use crate::ledger::codec::{encode_body, sealed};

mod check;

/// What a caller of RecordReward says, with every field checked by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardRequest {
    /// Made by the client, not empty.
    pub event_id: String,
    /// The decision.
    pub decision_id: Option<Uuid>,
    /// The order; empty without one.
    pub order_id: String,
    /// The shopper of an order that no decision led to; empty otherwise.
    pub shopper_id: String,
    /// From 1.
    pub slot: Option<u32>,
    /// Instead of the slot; empty otherwise.
    pub offer_id: String,
    /// What happened.
    pub kind: OutcomeKind,
    /// The name of a custom event; empty otherwise.
    pub custom_kind: String,
    /// When, by the client's clock.
    pub event_time: Instant,
    /// What was bought or paid back.
    pub lines: Vec<RewardLine>,
    /// The purchase that is reversed; empty otherwise.
    pub reverses_event_id: String,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewardLine {
    /// Empty when the line is known by its sku.
    pub line_id: String,
    /// The article.
    pub sku: String,
    /// Pieces; 0 only in a refund of pieces that are kept.
    pub quantity: i64,
    /// Paid for the line.
    pub price_paid: Option<Money>,
    /// The discount in it.
    pub discount_applied: Option<Money>,
    /// Paid back.
    pub refunded_amount: Option<Money>,
    /// What one piece costs the shop.
    pub unit_cost: Option<Money>,
}

/// Why RecordReward refused.
#[derive(Debug, Error)]
pub enum RecordError {
    /// Fields that do not hold.
    #[error("the event does not hold: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldFault>),
    /// Something that the event names does not exist.
    #[error("{0}")]
    NotFound(FieldFault),
    /// The event contradicts what is known.
    #[error("{0}")]
    Precondition(FieldFault),
    /// The same event id came with other content.
    #[error("event {event_id:?} was recorded before with other content: {} differ", .fields.join(", "))]
    OtherContent {
        /// The id.
        event_id: String,
        /// The fields that differ.
        fields: Vec<&'static str>,
    },
    /// Nothing is accepted now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What was recorded before could not be read.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The subject's key is not to be had.
    #[error("the subject's encryption key is not to be had: {0}")]
    Key(String),
}

/// What RecordReward answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// How the event was taken.
    pub result: OutcomeResult,
    /// It was recorded before.
    pub duplicate: bool,
    /// The decisions that it was recorded for.
    pub decisions: Vec<Uuid>,
    /// It used what was not left of a limit any more.
    pub over_limit: bool,
    /// It is on disk.
    pub is_durable: bool,
}

/// What a check of an event against the state comes to.
enum Checked {
    /// It was recorded before, there.
    Duplicate {
        position: Position,
        fingerprint: u64,
        result: OutcomeResult,
    },
    /// It may be recorded, as long as the premises hold.
    Record {
        record: Box<OutcomeRecord>,
        premises: SmallVec<[Premise; 4]>,
    },
    /// What is known of these closed decisions has to be read first.
    NeedsClosed(SmallVec<[Position; 2]>),
}

/// An event's ids as the ledger keeps them.
struct Keys {
    event: EventKey,
    order: Option<OrderKey>,
    reverses: Option<EventKey>,
    shopper: Option<Pseudonym>,
    fingerprint: u64,
}

/// Records an outcome event.
pub(super) async fn record(
    shared: &Shared,
    request: &RewardRequest,
) -> Result<Recorded, RecordError> {
    shared.queue.check_room()?;
    let keys = keys_of(shared, request);
    let mut closed: SmallVec<[ClosedDecision; 2]> = SmallVec::new();
    loop {
        let checked = {
            let state = shared.read_state();
            check::check(shared, &state, request, &keys, &closed)?
        };
        match checked {
            Checked::Duplicate {
                position,
                fingerprint,
                result,
            } => {
                return answer_again(shared, request, &keys, position, fingerprint, result);
            }
            Checked::NeedsClosed(positions) => {
                closed = positions
                    .iter()
                    .map(|position| load_closed(shared, *position))
                    .collect::<Result<_, _>>()?;
            }
            Checked::Record { record, premises } => {
                let record = sealed_record(shared, request, *record)?;
                let targets: Vec<Position> = record
                    .targets
                    .iter()
                    .map(|target| target.decision)
                    .collect();
                let body = EventBody::Outcome(Box::new(record));
                let bytes = encode_body(&body);
                let condition = Condition::Unchanged(premises);
                let ticket = shared.queue.push(Proposal {
                    body,
                    bytes,
                    condition,
                })?;
                match ticket.reply().await {
                    Reply::Bounced => closed.clear(),
                    Reply::Failed(error) => return Err(error.into()),
                    Reply::Committed(committed) => {
                        let (result, over_limit) = match committed.effect {
                            Effect::Outcome { result, over_limit } => (result, over_limit),
                            _ => (OutcomeResult::Recorded, false),
                        };
                        if over_limit {
                            tracing::warn!(
                                event = %request.event_id,
                                position = committed.position.0,
                                "a purchase used more than was left of a limit"
                            );
                        }
                        return Ok(Recorded {
                            result,
                            duplicate: false,
                            over_limit,
                            decisions: ids_of(shared, &targets)?,
                            is_durable: committed.durable,
                        });
                    }
                }
            }
        }
    }
}

/// The ids of decisions by their positions.
fn ids_of(shared: &Shared, positions: &[Position]) -> Result<Vec<Uuid>, LookupError> {
    positions
        .iter()
        .map(|position| {
            let open = shared.read_state().open_decision(*position).cloned();
            let decided_at = match open {
                Some(decision) => decision.decided_at,
                None => read_event(shared, *position)?.envelope.recorded_at,
            };
            Ok(shared.ids.id_of(*position, decided_at))
        })
        .collect()
}

fn keys_of(shared: &Shared, request: &RewardRequest) -> Keys {
    let key = &shared.hash_key;
    let given = |id: &String| (!id.is_empty()).then(|| id.clone());
    Keys {
        event: EventKey::of(key, request.event_id.as_bytes()),
        order: given(&request.order_id).map(|id| OrderKey::of(key, id.as_bytes())),
        reverses: given(&request.reverses_event_id).map(|id| EventKey::of(key, id.as_bytes())),
        shopper: given(&request.shopper_id).map(|id| Pseudonym::of(key, id.as_bytes())),
        fingerprint: fingerprint(shared, request),
    }
}

/// The hash of everything that an event says, its id apart.
fn fingerprint(shared: &Shared, request: &RewardRequest) -> u64 {
    let mut content = Content::default();
    content
        .text(
            &request
                .decision_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
        )
        .text(&request.order_id)
        .text(&request.shopper_id)
        .number(request.slot.map_or(0, i64::from))
        .text(&request.offer_id)
        .number(request.kind as i64)
        .text(&request.custom_kind)
        .number(request.event_time.unix_ms())
        .text(&request.reverses_event_id)
        .number(request.lines.len() as i64);
    for line in &request.lines {
        content
            .text(&line.line_id)
            .text(&line.sku)
            .number(line.quantity);
        for money in [
            line.price_paid,
            line.discount_applied,
            line.refunded_amount,
            line.unit_cost,
        ] {
            match money {
                Some(money) => content
                    .text(money.currency.code())
                    .number(money.minor_units),
                None => content.text(""),
            };
        }
    }
    content.fingerprint(&shared.hash_key)
}

/// The record with its client's words, encrypted.
fn sealed_record(
    shared: &Shared,
    request: &RewardRequest,
    mut record: OutcomeRecord,
) -> Result<OutcomeRecord, RecordError> {
    let key = shared
        .subject_key(record.subject)
        .map_err(|error| RecordError::Key(error.to_string()))?;
    // An erased shopper's late events are kept without words.
    if let Some(key) = key {
        let words = OutcomeWords {
            event_id: request.event_id.clone(),
            order_id: request.order_id.clone(),
            shopper: (!request.shopper_id.is_empty())
                .then(|| Pseudonym::of(&shared.hash_key, request.shopper_id.as_bytes())),
            reverses_event_id: request.reverses_event_id.clone(),
            lines: request
                .lines
                .iter()
                .map(|line| LineWords {
                    line_id: line.line_id.clone(),
                    sku: line.sku.clone(),
                })
                .collect(),
        };
        let id = nonce_id(&record);
        let seed = NonceSeed {
            kind: "outcome",
            id: &id,
            at: record.event_time,
        };
        record.sealed = seal(&key, seed, &sealed::encode_outcome(&words));
    }
    Ok(record)
}

/// What makes an outcome's nonce its own: its id and its content.
fn nonce_id(record: &OutcomeRecord) -> [u8; 24] {
    let mut id = [0; 24];
    id[..16].copy_from_slice(&record.event.0);
    id[16..].copy_from_slice(&record.fingerprint.to_le_bytes());
    id
}

/// A retry: the first answer, unless the content is another.
fn answer_again(
    shared: &Shared,
    request: &RewardRequest,
    keys: &Keys,
    position: Position,
    fingerprint: u64,
    result: OutcomeResult,
) -> Result<Recorded, RecordError> {
    let event = read_event(shared, position)?;
    let EventBody::Outcome(record) = event.body else {
        return Err(LookupError::OtherKind {
            position,
            expected: "an outcome",
        }
        .into());
    };
    if fingerprint != keys.fingerprint {
        return Err(RecordError::OtherContent {
            event_id: request.event_id.clone(),
            fields: differing(shared, request, keys, &record, position),
        });
    }
    let targets: Vec<Position> = record
        .targets
        .iter()
        .map(|target| target.decision)
        .collect();
    Ok(Recorded {
        result,
        duplicate: true,
        over_limit: shared.read_state().limits().overran(record.event),
        decisions: ids_of(shared, &targets)?,
        is_durable: shared.ledger.durable_head().position >= position,
    })
}

/// The fields in which an event differs from the one recorded under its id.
fn differing(
    shared: &Shared,
    request: &RewardRequest,
    keys: &Keys,
    before: &OutcomeRecord,
    position: Position,
) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut compare = |field, differs: bool| {
        if differs {
            fields.push(field);
        }
    };
    let about = request
        .decision_id
        .and_then(|id| shared.ids.position_of(id));
    let targets = |position: Position| {
        before
            .targets
            .iter()
            .any(|target| target.decision == position)
    };
    compare(
        "decision_id",
        about.is_some_and(|position| !targets(position)),
    );
    compare("kind", before.kind != request.kind);
    compare("custom_kind", before.custom_kind != request.custom_kind);
    compare("event_time", before.event_time != request.event_time);
    compare("order_id", before.order != keys.order);
    compare("reverses_event_id", before.reverses != keys.reverses);
    let slot = before.targets.first().and_then(|target| target.slot);
    compare("slot", request.slot.is_some() && request.slot != slot);
    let lines = check::lines_of(&shared.hash_key, request);
    compare("lines", before.lines != lines);
    if let Ok(words) = words_of(shared, before, position) {
        compare("shopper_id", words.shopper != keys.shopper);
    }
    if fields.is_empty() {
        fields.push("slot or offer_id");
    }
    fields
}

/// What an outcome said in the client's words.
pub(super) fn words_of(
    shared: &Shared,
    record: &OutcomeRecord,
    position: Position,
) -> Result<OutcomeWords, LookupError> {
    let key = shared
        .subject_key(record.subject)
        .map_err(|error| LookupError::Key(error.to_string()))?
        .ok_or(UnsealError::Erased)?;
    let id = nonce_id(record);
    let seed = NonceSeed {
        kind: "outcome",
        id: &id,
        at: record.event_time,
    };
    let plaintext = unseal(&key, seed, &record.sealed)?;
    sealed::decode_outcome(&plaintext).map_err(|error| LookupError::Decode { position, error })
}
