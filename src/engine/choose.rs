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

use super::committer::{CommitError, Committed, Condition, Proposal, Reply};
use super::content::Content;
use super::derive::{self, Derived};
use super::fault::FieldFault;
use super::registry::{Answered, Begun, Reloadable};
use super::sealing::{NonceSeed, seal};
use super::shared::Shared;
use super::snapshot::Snapshot;
use super::view::{DecisionView, LookupError};
use crate::catalog::Catalog;
use crate::domain::attribute::Attributes;
use crate::domain::cart::{Cart, CartLine};
use crate::domain::decision::{DecisionRecord, RequestContext};
use crate::domain::event::EventBody;
use crate::domain::ids::{PlacementNumber, Position};
use crate::domain::keys::{HashKey, Pseudonym, ReloadKey, SessionKey, SubjectNumber};
use crate::domain::money::Money;
use crate::domain::placement::Placement;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::ledger::codec::{encode_body, sealed};

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

/// A cart's line with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// The article.
    pub sku: String,
    /// Its categories.
    pub categories: Vec<String>,
    /// Pieces.
    pub quantity: i64,
    /// The price of one; `None` is free.
    pub unit_price: Option<Money>,
}

/// Why ChooseOffer refused.
#[derive(Debug, Error)]
pub enum ChooseError {
    /// Fields that do not hold.
    #[error("the request does not hold: {}", list(.0))]
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

fn list(faults: &[FieldFault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn hint(nearest: &Option<String>) -> String {
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

/// A request, checked against the catalogue and ready to be drawn.
#[derive(Debug)]
pub(super) struct PreparedRequest {
    request_id: Uuid,
    fingerprint: u64,
    catalog: Arc<Catalog>,
    placement: PlacementNumber,
    context: RequestContext,
    unpersonalized: bool,
    test: bool,
    slots: u32,
    reload_key: Option<ReloadKey>,
    seed: DecisionSeed,
    subject: SubjectNumber,
    subject_key: [u8; 32],
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

/// Chooses offers and records the decision.
pub(super) async fn choose(
    shared: &Shared,
    request: &ChooseRequest,
) -> Result<Chosen, ChooseError> {
    let prepared = Arc::new(prepare(shared, request)?);
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
    let record = prepared.draw(shared);
    let body = EventBody::Decision(Box::new(record));
    let bytes = encode_body(&body);
    let EventBody::Decision(record) = &body else {
        unreachable!("a decision was just made")
    };
    let record = Arc::new(DecisionRecord::clone(record));
    let ticket = shared.queue.push(Proposal {
        body,
        bytes,
        condition: Condition::Fresh(prepared.clone()),
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
            decision: view(shared, record, prepared.catalog.clone(), committed),
            reused: false,
        }),
        Reply::Failed(error) => Err(error.into()),
        Reply::Bounced => unreachable!("a decision rests on nothing that could change"),
    }
}

/// What ChooseOffer would answer; nothing is recorded.
pub(super) fn preview(
    shared: &Shared,
    request: &ChooseRequest,
) -> Result<DecisionView, ChooseError> {
    let prepared = prepare(shared, request)?;
    let record = Arc::new(prepared.draw(shared));
    Ok(DecisionView::preview(record, prepared.catalog.clone()))
}

fn view(
    shared: &Shared,
    record: Arc<DecisionRecord>,
    catalog: Arc<Catalog>,
    committed: Committed,
) -> DecisionView {
    let Committed {
        position,
        recorded_at,
        durable,
        ..
    } = committed;
    let id = shared.ids.id_of(position, recorded_at);
    DecisionView::recorded(id, position, recorded_at, record, catalog).durable(durable)
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
        Reply::Failed(error) => Err(error.into()),
        Reply::Bounced => unreachable!("a reuse rests on nothing that could change"),
    }
}

/// Checks a request against the catalogue.
fn prepare(shared: &Shared, request: &ChooseRequest) -> Result<PreparedRequest, ChooseError> {
    let snapshot = shared.snapshot().ok_or(ChooseError::NoCatalog)?;
    let catalog = snapshot.catalog.clone();
    let placement = catalog.placement_by_id(&request.placement).ok_or_else(|| {
        ChooseError::UnknownPlacement {
            placement: request.placement.clone(),
            nearest: catalog.nearest_placement(&request.placement),
        }
    })?;
    let mut faults = Vec::new();
    let slots = request.slots.unwrap_or(1);
    if slots == 0 || slots > placement.slots {
        let expected = format!(
            "1 to {}, the slots of placement {:?}",
            placement.slots, placement.id
        );
        faults.push(FieldFault::new("slots", slots, expected));
    }
    let cart = checked_cart(&request.cart, placement, &mut faults);
    let attributes = declared(&catalog, &request.attributes, &mut faults);
    if !faults.is_empty() {
        return Err(ChooseError::Invalid(faults));
    }
    let key = &shared.hash_key;
    let hashed = |id: &String| (!id.is_empty()).then(|| id.as_bytes().to_vec());
    let session = hashed(&request.session_id).map(|id| SessionKey::of(key, &id));
    let personal = !request.unpersonalized;
    let shopper = hashed(&request.shopper_id)
        .filter(|_| personal)
        .map(|id| Pseudonym::of(key, &id));
    let subject = shopper.map_or(SubjectNumber::NOBODY, |shopper| {
        shared.registry.subject_of(shopper)
    });
    let subject_key = shared
        .subject_key(subject)
        .map_err(|error| ChooseError::Key(error.to_string()))?
        .ok_or_else(|| ChooseError::Key("it was destroyed".to_owned()))?;
    Ok(PreparedRequest {
        request_id: request.request_id,
        fingerprint: fingerprint(key, request),
        placement: placement.number,
        reload_key: session.map(|session| reload_key(key, session, request, slots)),
        context: RequestContext {
            shopper,
            session: session.filter(|_| personal),
            device: if personal {
                request.device.clone()
            } else {
                String::new()
            },
            channel: request.channel.clone(),
            store: request.store.clone(),
            attributes: if personal {
                attributes
            } else {
                Attributes::new()
            },
            cart,
        },
        unpersonalized: request.unpersonalized,
        test: request.test,
        slots,
        seed: seed_of(shared.master_seed, request.request_id),
        subject,
        subject_key,
        catalog,
    })
}

fn checked_cart(lines: &[PricedLine], placement: &Placement, faults: &mut Vec<FieldFault>) -> Cart {
    let mut cart = Cart::default();
    for (index, line) in lines.iter().enumerate() {
        if let Some(price) = line
            .unit_price
            .filter(|price| price.currency != placement.currency)
        {
            faults.push(FieldFault::new(
                format!("cart.lines[{index}].unit_price.currency_code"),
                price.currency,
                format!(
                    "{}, the currency of placement {:?}",
                    placement.currency, placement.id
                ),
            ));
        }
        cart.lines.push(CartLine {
            sku: line.sku.clone(),
            categories: line.categories.clone(),
            quantity: line.quantity,
            unit_price_minor: line.unit_price.map_or(0, |price| price.minor_units),
        });
    }
    cart
}

/// The attributes that the catalogue declares; each must be of its kind.
fn declared(
    catalog: &Catalog,
    attributes: &Attributes,
    faults: &mut Vec<FieldFault>,
) -> Attributes {
    let mut kept = Attributes::new();
    for (name, value) in attributes {
        let Some(kind) = catalog.attribute_kind(name) else {
            continue;
        };
        if value.kind() == kind {
            kept.insert(name.clone(), value.clone());
        } else {
            faults.push(FieldFault::new(
                format!("attributes[{name:?}]"),
                format!("a {}", value.kind().name()),
                format!("a {}, as the catalogue declares", kind.name()),
            ));
        }
    }
    kept
}

/// The hash of everything that a request says, its id apart.
fn fingerprint(key: &HashKey, request: &ChooseRequest) -> u64 {
    let mut content = Content::default();
    content
        .text(&request.placement)
        .text(&request.shopper_id)
        .text(&request.session_id)
        .text(&request.device)
        .text(&request.channel)
        .text(&request.store)
        .attributes(&request.attributes)
        .number(i64::from(request.slots.unwrap_or(1)))
        .flag(request.unpersonalized)
        .flag(request.test);
    add_cart(&mut content, &request.cart);
    content.fingerprint(key)
}

/// What a reload of the page has in common with the first load. A rehearsal
/// never gets a real decision, nor an unpersonalised request a personal one.
fn reload_key(
    key: &HashKey,
    session: SessionKey,
    request: &ChooseRequest,
    slots: u32,
) -> ReloadKey {
    let mut content = Content::default();
    content
        .text(&request.placement)
        .number(i64::from(slots))
        .flag(request.unpersonalized)
        .flag(request.test);
    add_cart(&mut content, &request.cart);
    ReloadKey(key.hash(
        b"reload",
        &[&session.0, &content.key(key, b"reload content")],
    ))
}

fn add_cart(content: &mut Content, cart: &[PricedLine]) {
    content.number(cart.len() as i64);
    for line in cart {
        content
            .text(&line.sku)
            .number(line.quantity)
            .number(line.categories.len() as i64);
        for category in &line.categories {
            content.text(category);
        }
        match line.unit_price {
            Some(price) => content
                .text(price.currency.code())
                .number(price.minor_units),
            None => content.text(""),
        };
    }
}

/// A decision's seed: a hash of the engine's seed and the request's id, so that
/// the same requests draw the same whatever their order.
fn seed_of(master_seed: u64, request_id: Uuid) -> DecisionSeed {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"decision seed");
    hasher.update(&master_seed.to_le_bytes());
    hasher.update(request_id.as_bytes());
    let mut seed = [0; 8];
    hasher.finalize_xof().fill(&mut seed);
    DecisionSeed(u64::from_le_bytes(seed))
}

impl PreparedRequest {
    /// Draws the decision from the state as it is now.
    pub fn draw(&self, shared: &Shared) -> DecisionRecord {
        let evaluated_at = shared.clock.now();
        let snapshot = shared.snapshot();
        let derived = self.derive(shared, snapshot.as_deref(), evaluated_at);
        let (standing, derived) = derived;
        let seed = NonceSeed {
            kind: "decision",
            id: self.request_id.as_bytes(),
            at: evaluated_at,
        };
        DecisionRecord {
            request_id: self.request_id,
            request_fingerprint: self.fingerprint,
            evaluated_at,
            snapshot_position: snapshot.map_or(Position::START, |snapshot| snapshot.position),
            catalog_version: self.catalog.version(),
            seed: self.seed,
            placement: self.placement,
            kind: derived.kind,
            segment: standing.segment,
            unpersonalized: self.unpersonalized,
            test: self.test,
            slots_requested: self.slots,
            eligible: derived.eligible,
            slots: derived.slots,
            refusals: Vec::new(),
            features: Vec::new(),
            reload_key: self.reload_key,
            subject: self.subject,
            sealed: seal(
                &self.subject_key,
                seed,
                &sealed::encode_request(&self.context),
            ),
        }
    }

    fn derive(
        &self,
        shared: &Shared,
        snapshot: Option<&Snapshot>,
        evaluated_at: Instant,
    ) -> (derive::Standing, Derived) {
        let catalog = &self.catalog;
        let placement = catalog
            .placement(self.placement)
            .expect("the placement was looked up in this very catalogue");
        let standing = derive::standing(
            catalog,
            placement,
            &self.context,
            self.unpersonalized,
            &shared.hash_key,
        );
        let derived = derive::derive(
            catalog,
            placement,
            standing,
            evaluated_at,
            self.slots as usize,
            self.seed,
            |_, eligible| {
                let policy = catalog.policy(self.placement);
                match (snapshot, policy) {
                    (Some(snapshot), Some(policy)) => snapshot.distribution(
                        policy,
                        self.placement,
                        standing.segment,
                        evaluated_at,
                        self.seed,
                        eligible,
                    ),
                    _ => unreachable!("every placement of a catalogue has a policy"),
                }
            },
        );
        (standing, derived)
    }

    /// The fields in which this request differs from the one that was answered
    /// before, as far as its record tells.
    fn differs_from(&self, shared: &Shared, decision: &DecisionView) -> Vec<&'static str> {
        let record = &decision.record;
        let mut fields = Vec::new();
        let mut compare = |field, differs: bool| {
            if differs {
                fields.push(field);
            }
        };
        compare("placement", record.placement != self.placement);
        compare("slots", record.slots_requested != self.slots);
        compare(
            "personalization",
            record.unpersonalized != self.unpersonalized,
        );
        compare("test", record.test != self.test);
        if let Ok(before) = decision.context(shared) {
            let now = &self.context;
            compare("shopper_id", before.shopper != now.shopper);
            compare("session_id", before.session != now.session);
            compare("device", before.device != now.device);
            compare("channel", before.channel != now.channel);
            compare("store", before.store != now.store);
            compare("attributes", before.attributes != now.attributes);
            compare("cart", before.cart != now.cart);
        }
        if fields.is_empty() {
            fields.push("fields that are not stored");
        }
        fields
    }
}
