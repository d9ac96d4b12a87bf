//! A request, checked against the catalogue: what a decision is drawn from.

use std::sync::Arc;

use uuid::Uuid;

use super::{ChooseError, ChooseRequest, PricedLine};
use crate::catalog::Catalog;
use crate::domain::attribute::Attributes;
use crate::domain::cart::{Cart, CartLine};
use crate::domain::decision::{DecisionRecord, RequestContext};
use crate::domain::ids::{PlacementNumber, Position};
use crate::domain::keys::{HashKey, Pseudonym, ReloadKey, SessionKey, SubjectNumber};
use crate::domain::money::{MAX_MINOR_UNITS, Money};
use crate::domain::placement::Placement;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::engine::content::Content;
use crate::engine::derive::{self, Derived};
use crate::engine::fault::FieldFault;
use crate::engine::sealing::{NonceSeed, seal};
use crate::engine::shared::Shared;
use crate::engine::snapshot::{Asked, Snapshot};
use crate::engine::view::DecisionView;
use crate::ledger::codec::sealed;
use crate::promotion::Known;

/// A request, checked against the catalogue and ready to be drawn.
#[derive(Debug)]
pub(in crate::engine) struct PreparedRequest {
    pub(super) request_id: Uuid,
    pub(super) fingerprint: u64,
    pub(super) catalog: Arc<Catalog>,
    placement: PlacementNumber,
    context: RequestContext,
    unpersonalized: bool,
    test: bool,
    slots: u32,
    pub(super) reload_key: Option<ReloadKey>,
    seed: DecisionSeed,
    subject: SubjectNumber,
    subject_key: [u8; 32],
}

/// Checks a request against the catalogue.
pub(super) fn prepare(
    shared: &Shared,
    request: &ChooseRequest,
) -> Result<PreparedRequest, ChooseError> {
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
            region: request.region.clone(),
            history: request.history.filter(|_| personal),
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

/// The cart of a request: in the placement's currency, and worth no more than
/// can be reckoned with.
pub(in crate::engine) fn checked_cart(
    lines: &[PricedLine],
    placement: &Placement,
    faults: &mut Vec<FieldFault>,
) -> Cart {
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
            brand: line.brand.clone(),
            quantity: line.quantity,
            unit_price_minor: line.unit_price.map_or(0, |price| price.minor_units),
        });
    }
    let money = |minor_units| Money {
        minor_units,
        currency: placement.currency,
    };
    if cart.value_minor() > MAX_MINOR_UNITS {
        let most = format!("lines worth at most {} together", money(MAX_MINOR_UNITS));
        faults.push(FieldFault::new("cart", "lines worth more", most));
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
    // What earlier versions did not know stands last and only where it says
    // something: their requests keep their fingerprints.
    if !request.region.is_empty() {
        content.text("region").text(&request.region);
    }
    if let Some(history) = request.history {
        content.text("history").text(history.name());
    }
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
    if cart.iter().any(|line| !line.brand.is_empty()) {
        content.text("brands");
        for line in cart {
            content.text(&line.brand);
        }
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
    /// What is in the cart.
    pub const fn cart(&self) -> &Cart {
        &self.context.cart
    }

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
        // The catalogue may have changed since the request was checked.
        let same = snapshot.filter(|it| it.catalog.version() == catalog.version());
        let index = same.and_then(|snapshot| snapshot.index(self.placement));
        let derived = derive::derive(
            catalog,
            placement,
            standing,
            derive::Judging {
                request: Known::Request(&self.context),
                index,
            },
            &derive::Terms {
                evaluated_at,
                slots: self.slots as usize,
                seed: self.seed,
            },
            |_, eligible| {
                let policy = catalog.policy(self.placement);
                let (Some(snapshot), Some(policy)) = (snapshot, policy) else {
                    unreachable!("every placement of a catalogue has a policy");
                };
                let asked = Asked {
                    policy,
                    catalog: catalog.version(),
                    placement: self.placement,
                    segment: standing.segment,
                    decided_at: evaluated_at,
                    seed: self.seed,
                };
                snapshot.distribution(&asked, eligible)
            },
        );
        (standing, derived)
    }

    /// The fields in which this request differs from the one that was answered
    /// before, as far as its record tells.
    pub(super) fn differs_from(
        &self,
        shared: &Shared,
        decision: &DecisionView,
    ) -> Vec<&'static str> {
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
            compare("region", before.region != now.region);
            compare("shopper_history", before.history != now.history);
            compare("attributes", before.attributes != now.attributes);
            compare("cart", before.cart != now.cart);
        }
        if fields.is_empty() {
            fields.push("fields that are not stored");
        }
        fields
    }
}
