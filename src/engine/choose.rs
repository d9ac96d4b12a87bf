//! ChooseOffer: from a request to a recorded decision.
//!
//! A request's way: its id enters the registry, its session, placement and cart
//! too; the decision is derived from the current snapshot, sealed, encoded and
//! pushed; the answer leaves when the committer has appended and applied it.
//! Between entering the registry and pushing nothing waits, so a request whose
//! caller leaves is still completed once it was pushed, and given up whole
//! before that.

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use super::explain::{Candidate, candidates};
use super::fault::FieldFault;
use super::queue::{CommitError, Committed, Condition, Proposal, Reply};
use super::registry::{Answered, Begun, Reloadable};
use super::shared::Shared;
use super::view::{DecisionView, LookupError, RecordedAt};
use crate::domain::attribute::Attributes;
use crate::domain::decision::DecisionRecord;
use crate::domain::event::EventBody;
use crate::domain::keys::ReloadKey;
use crate::domain::money::Money;
use crate::domain::random::DecisionSeed;
use crate::domain::rule::ShopperHistory;
use crate::ledger::codec::encode_body;

mod prepared;

use prepared::prepare;
pub(super) use prepared::{Grounds, PreparedRequest, checked_cart};

/// What a caller of ChooseOffer asks, with every field checked by itself; what
/// depends on the catalogue is checked here.
#[derive(Debug, Clone, PartialEq)]
pub struct ChooseRequest {
    /// Made by the client; not nil.
    pub request_id: Uuid,
    /// The placement's id.
    pub placement: String,
    /// As the shop knows the shopper; empty when not known.
    pub shopper_id: String,
    /// The visit; empty without one.
    pub session_id: String,
    /// On what.
    pub device: String,
    /// Through what.
    pub channel: String,
    /// In which store.
    pub store: String,
    /// In which region.
    pub region: String,
    /// Whether the shopper has bought before, where the shop says.
    pub history: Option<ShopperHistory>,
    /// What is paid with, as the payment provider tells one from another;
    /// empty when not known. Only a keyed hash is ever kept.
    pub payment_fingerprint: String,
    /// Declared or not.
    pub attributes: Attributes,
    /// The cart's lines.
    pub cart: Vec<PricedLine>,
    /// How many offers, 1 or more; one when not given.
    pub slots: Option<u32>,
    /// Nothing of the shopper may be used.
    pub unpersonalized: bool,
    /// A rehearsal.
    pub test: bool,
}

impl ChooseRequest {
    /// A request that says nothing but where: nobody known, nothing in the
    /// cart, one offer.
    #[must_use]
    pub fn new(request_id: Uuid, placement: impl Into<String>) -> Self {
        Self {
            request_id,
            placement: placement.into(),
            shopper_id: String::new(),
            session_id: String::new(),
            device: String::new(),
            channel: String::new(),
            store: String::new(),
            region: String::new(),
            history: None,
            payment_fingerprint: String::new(),
            attributes: Attributes::new(),
            cart: Vec::new(),
            slots: None,
            unpersonalized: false,
            test: false,
        }
    }
}

/// A cart's line with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// The article.
    pub sku: String,
    /// Its categories.
    pub categories: Vec<String>,
    /// Its brand; empty when not known.
    pub brand: String,
    /// Pieces.
    pub quantity: i64,
    /// The price of one; `None` is free.
    pub unit_price: Option<Money>,
}

/// Why ChooseOffer refused.
#[derive(Debug, Error)]
pub enum ChooseError {
    /// Fields that do not hold.
    #[error("the request does not hold: {}", super::fault::list(.0))]
    Invalid(Vec<FieldFault>),
    /// No such placement.
    #[error("placement {placement:?} is not in the catalogue{}", hint(.nearest))]
    UnknownPlacement {
        /// What was asked for.
        placement: String,
        /// The id that looks most like it.
        nearest: Option<String>,
    },
    /// The same request id came with other content.
    #[error("request {request_id} was answered before with other content: {} differ", .fields.join(", "))]
    OtherContent {
        /// The id.
        request_id: Uuid,
        /// The fields that differ.
        fields: Vec<&'static str>,
    },
    /// There is no catalogue yet.
    #[error("there is no catalogue yet")]
    NoCatalog,
    /// Nothing is accepted now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The earlier answer could not be read.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The shopper's key is not to be had.
    #[error("the shopper's encryption key is not to be had: {0}")]
    Key(String),
}

pub(super) fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|nearest| format!("; did you mean {nearest:?}?"))
        .unwrap_or_default()
}

/// What ChooseOffer answers.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The decision.
    pub decision: DecisionView,
    /// It is an earlier one: of a retry or of a reload.
    pub reused: bool,
}

/// A request id and a reload key that entered the registry. Dropped before its
/// decision was pushed, it gives them up again.
struct Registration<'a> {
    shared: &'a Shared,
    request_id: Uuid,
    reload_key: Option<ReloadKey>,
    pushed: bool,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        if !self.pushed {
            self.shared.registry.abandon_request(self.request_id);
            if let Some(key) = self.reload_key {
                self.shared.registry.abandon_reload(key);
            }
        }
    }
}

/// Chooses offers and records the decision, drawn from `seed` or else from the
/// one that follows from the request's id.
pub(super) async fn choose(
    shared: &Shared,
    request: &ChooseRequest,
    seed: Option<DecisionSeed>,
) -> Result<Chosen, ChooseError> {
    let prepared = Arc::new(prepare(shared, request)?.drawn_from(seed));
    let mut registration = loop {
        match shared.registry.begin_request(request.request_id) {
            Begun::New => {
                break Registration {
                    shared,
                    request_id: request.request_id,
                    reload_key: None,
                    pushed: false,
                };
            }
            Begun::UnderWay(other) => other.await,
            Begun::Known(answered) => return answer_again(shared, &prepared, answered),
        }
    };
    shared.queue.check_room()?;
    if let Some(key) = prepared.reload_key {
        loop {
            match shared.registry.begin_reload(key, shared.clock.now()) {
                Begun::New => break,
                Begun::UnderWay(other) => other.await,
                Begun::Known(known) => {
                    return reuse(shared, &prepared, registration, known).await;
                }
            }
        }
        registration.reload_key = Some(key);
    }
    let (grounds, record) = prepared.draw_now(shared);
    let record = Arc::new(record);
    let body = EventBody::Decision(record.clone());
    let bytes = encode_body(&body);
    let ticket = shared.queue.push(Proposal {
        body,
        bytes,
        condition: Condition::Fresh(prepared.clone(), grounds),
    })?;
    registration.pushed = true;
    match ticket.reply().await {
        Reply::Committed(committed) if committed.redrawn => {
            let decision = DecisionView::read(shared, committed.position)?;
            Ok(Chosen {
                decision: decision.durable(committed.durable),
                reused: false,
            })
        }
        Reply::Committed(committed) => Ok(Chosen {
            decision: view(shared, &prepared, record, committed),
            reused: false,
        }),
        Reply::Failed(error) => {
            registration.pushed = false;
            Err(error.into())
        }
        Reply::Bounced => unreachable!("a decision rests on nothing that could change"),
    }
}

/// What ChooseOffer would answer; nothing is recorded.
pub(super) fn preview(
    shared: &Shared,
    request: &ChooseRequest,
) -> Result<DecisionView, ChooseError> {
    Ok(rehearse(shared, &prepare(shared, request)?))
}

/// The same, with what was said of each offer.
pub(super) fn preview_explained(
    shared: &Shared,
    request: &ChooseRequest,
) -> Result<(DecisionView, Vec<Candidate>), ChooseError> {
    let prepared = prepare(shared, request)?;
    let decision = rehearse(shared, &prepared);
    let candidates = candidates(&decision, Some(prepared.context()));
    Ok((decision, candidates))
}

fn rehearse(shared: &Shared, prepared: &PreparedRequest) -> DecisionView {
    let record = Arc::new(prepared.draw_now(shared).1);
    let catalog = prepared.catalog.clone();
    DecisionView::preview(record, catalog, Some(prepared.cart()))
}

fn view(
    shared: &Shared,
    prepared: &PreparedRequest,
    record: Arc<DecisionRecord>,
    committed: Committed,
) -> DecisionView {
    let Committed {
        position,
        recorded_at,
        durable,
        ..
    } = committed;
    let recorded = RecordedAt {
        id: shared.ids.id_of(position, recorded_at),
        position,
        at: recorded_at,
    };
    let (catalog, cart) = (prepared.catalog.clone(), prepared.cart());
    DecisionView::recorded(recorded, record, catalog, Some(cart)).durable(durable)
}

/// A retry: the first answer, unless the content is another.
fn answer_again(
    shared: &Shared,
    prepared: &PreparedRequest,
    answered: Answered,
) -> Result<Chosen, ChooseError> {
    let decision = DecisionView::read(shared, answered.decision)?;
    if answered.fingerprint != prepared.fingerprint {
        return Err(ChooseError::OtherContent {
            request_id: prepared.request_id,
            fields: prepared.differs_from(shared, &decision),
        });
    }
    Ok(Chosen {
        decision,
        reused: true,
    })
}

/// A reload: the earlier decision, recorded as this request's answer.
async fn reuse(
    shared: &Shared,
    prepared: &PreparedRequest,
    mut registration: Registration<'_>,
    known: Reloadable,
) -> Result<Chosen, ChooseError> {
    let body = EventBody::Reuse {
        request_id: prepared.request_id,
        request_fingerprint: prepared.fingerprint,
        decision: known.decision,
    };
    let bytes = encode_body(&body);
    let ticket = shared.queue.push(Proposal {
        body,
        bytes,
        condition: Condition::None,
    })?;
    registration.pushed = true;
    match ticket.reply().await {
        Reply::Committed(committed) => {
            let decision = DecisionView::read(shared, known.decision)?;
            Ok(Chosen {
                decision: decision.durable(committed.durable),
                reused: true,
            })
        }
        Reply::Failed(error) => {
            registration.pushed = false;
            Err(error.into())
        }
        Reply::Bounced => unreachable!("a reuse rests on nothing that could change"),
    }
}
