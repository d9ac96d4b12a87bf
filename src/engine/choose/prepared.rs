//! A request, checked against the catalogue: what a decision is drawn from.

use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use super::{ChooseError, ChooseRequest, PricedLine};
use crate::catalog::Catalog;
use crate::domain::attribute::Attributes;
use crate::domain::cart::{Cart, CartLine};
use crate::domain::decision::{DecisionKind, DecisionRecord, RequestContext};
use crate::domain::distribution::{EligibleOffers, SlotDraw};
use crate::domain::features::{NumberOf, OutsideNumber};
use crate::domain::ids::{OfferNumber, PlacementNumber, Position};
use crate::domain::keys::{HashKey, Pseudonym, ReloadKey, SessionKey, ShareKey, SubjectNumber};
use crate::domain::limit::Scope;
use crate::domain::money::{MAX_MINOR_UNITS, Money};
use crate::domain::placement::Placement;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::engine::content::Content;
use crate::engine::derive::{self, Derived};
use crate::engine::fault::FieldFault;
use crate::engine::sealing::{NonceSeed, seal};
use crate::engine::shared::Shared;
use crate::engine::snapshot::{Asked, Drawing, Snapshot};
use crate::engine::view::DecisionView;
use crate::ledger::codec::sealed;
use crate::promotion::Known;
use crate::promotion::constraints::Constraints;
use crate::promotion::constraints::book::LimitBook;
use crate::promotion::constraints::cost::{OfferCost, offer_cost};
use crate::promotion::constraints::gate::{self, Asking, Gate, Shares};

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
    shares: Shares,
}

/// What a decision is drawn from, besides its request and the book of limits.
///
/// A decision is a function of its request, of this, and of the book as it is
/// at the decision's own place in the ledger. What a caller draws, from the
/// book as it was, is a guess at that; when the book refuses otherwise at the
/// decision's place, the same grounds are drawn from again. They must be the
/// same, for whether a decision is drawn again may depend on what was drawn.
#[derive(Debug)]
pub(in crate::engine) struct Grounds {
    snapshot: Option<Arc<Snapshot>>,
    evaluated_at: Instant,
}

impl Grounds {
    /// The state as it is now.
    pub fn now(shared: &Shared) -> Self {
        Self {
            evaluated_at: shared.clock.now(),
            snapshot: shared.snapshot(),
        }
    }

    /// The last event that they know of.
    pub fn position(&self) -> Position {
        let snapshot = self.snapshot.as_ref();
        snapshot.map_or(Position::START, |snapshot| snapshot.position)
    }
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
    let key = &shared.hash_key;
    let hashed = |id: &String| (!id.is_empty()).then(|| id.as_bytes().to_vec());
    let session = hashed(&request.session_id).map(|id| SessionKey::of(key, &id));
    let personal = !request.unpersonalized;
    let shopper = hashed(&request.shopper_id)
        .filter(|_| personal)
        .map(|id| Pseudonym::of(key, &id));
    let context = RequestContext {
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
    };
    faults.extend(placement.features.refused(&context).map(out_of_range));
    if !faults.is_empty() {
        return Err(ChooseError::Invalid(faults));
    }
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
        context,
        unpersonalized: request.unpersonalized,
        test: request.test,
        slots,
        seed: seed_of(shared.master_seed, request.request_id),
        subject,
        subject_key,
        shares: catalog
            .constraints()
            .at(placement.number)
            .map(|_| shares_of(key, request, shopper, session))
            .unwrap_or_default(),
        catalog,
    })
}

/// A number that a feature of the placement does not take.
fn out_of_range(number: OutsideNumber<'_>) -> FieldFault {
    let field = match number.of {
        NumberOf::Attribute(name) => format!("attributes[{name:?}]"),
        NumberOf::CartValue | NumberOf::CartLines | NumberOf::CartPieces => "cart".to_owned(),
    };
    let expected = format!(
        "from {} to {}, as the placement's feature {:?} declares",
        number.min, number.max, number.feature.name
    );
    FieldFault::new(field, number.value, expected)
}

/// Whose shares of limits the request counts against. Nothing of a shopper who
/// allows no use is kept apart.
fn shares_of(
    key: &HashKey,
    request: &ChooseRequest,
    shopper: Option<Pseudonym>,
    session: Option<SessionKey>,
) -> Shares {
    let share =
        |scope: Scope, id: &[u8]| (!id.is_empty()).then(|| ShareKey::of(key, scope.name(), id));
    let personal = |scope: Scope, id: &[u8]| share(scope, id).filter(|_| !request.unpersonalized);
    Shares {
        shopper: shopper.and_then(|shopper| personal(Scope::Shopper, &shopper.0)),
        session: session.and_then(|session| personal(Scope::Session, &session.0)),
        device: personal(Scope::Device, request.device.as_bytes()),
        store: share(Scope::Store, request.store.as_bytes()),
        payment: personal(Scope::Payment, request.payment_fingerprint.as_bytes()),
    }
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
    if !request.payment_fingerprint.is_empty() {
        content.text("payment").text(&request.payment_fingerprint);
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
    /// Drawn from another seed than that of the request's id, where one is
    /// given.
    pub fn drawn_from(mut self, seed: Option<DecisionSeed>) -> Self {
        self.seed = seed.unwrap_or(self.seed);
        self
    }

    /// What the request said.
    pub const fn context(&self) -> &RequestContext {
        &self.context
    }

    /// What is in the cart.
    pub const fn cart(&self) -> &Cart {
        &self.context.cart
    }

    /// Whether its offers are under limits.
    pub fn is_constrained(&self) -> bool {
        self.catalog.constraints().at(self.placement).is_some()
    }

    /// Draws the decision; `in_force` are the limits in force where it is to
    /// stand, `None` those of its own catalogue.
    pub fn draw(
        &self,
        shared: &Shared,
        grounds: &Grounds,
        book: &LimitBook,
        in_force: Option<&Constraints>,
    ) -> DecisionRecord {
        let placement = self.placement();
        let standing = derive::standing(
            &self.catalog,
            placement,
            &self.context,
            grounds.evaluated_at,
            self.unpersonalized,
            &shared.hash_key,
        );
        let costs = |offer| self.cost_of(offer);
        let (derived, refusals, holds) = match self.asking(grounds, in_force, &costs) {
            None => {
                let derived = self.derive(&standing, grounds, &mut gate::Open);
                (derived, Vec::new(), Vec::new())
            }
            Some(asking) => {
                let mut live = gate::Live::new(asking, book);
                let derived = self.derive(&standing, grounds, &mut live);
                let chosen: SmallVec<[_; 2]> = derived.slots.iter().map(SlotDraw::offer).collect();
                // A rehearsal takes no capacity.
                let holds = if self.test {
                    Vec::new()
                } else {
                    live.holds(&chosen)
                };
                (derived, live.into_refusals(), holds)
            }
        };
        let seed = NonceSeed {
            kind: "decision",
            id: self.request_id.as_bytes(),
            at: grounds.evaluated_at,
        };
        let lifts = derive::Lifts::Cart(&self.catalog, &self.context.cart);
        DecisionRecord {
            lifts: lifts.kept(placement, derived.eligible.as_ref()),
            request_id: self.request_id,
            request_fingerprint: self.fingerprint,
            evaluated_at: grounds.evaluated_at,
            snapshot_position: grounds.position(),
            catalog_version: self.catalog.version(),
            seed: self.seed,
            placement: self.placement,
            kind: derived.kind,
            segment: standing.segment,
            arm: derived.arm,
            unpersonalized: self.unpersonalized,
            test: self.test,
            slots_requested: self.slots,
            eligible: derived.eligible,
            slots: derived.slots,
            refusals,
            holds,
            visit: standing
                .visit
                .filter(|_| derived.kind == DecisionKind::Offers),
            features: if derived.kind == DecisionKind::Offers {
                standing.features
            } else {
                Vec::new()
            },
            reload_key: self.reload_key,
            subject: self.subject,
            sealed: seal(
                &self.subject_key,
                seed,
                &sealed::encode_request(&self.context),
            ),
        }
    }

    /// Draws the decision from the state as it is now.
    pub fn draw_now(&self, shared: &Shared) -> (Grounds, DecisionRecord) {
        let grounds = Grounds::now(shared);
        let record = match grounds.snapshot.as_deref() {
            Some(snapshot) if self.is_constrained() => {
                let mut book = snapshot.limits.clone();
                book.pass_time(grounds.evaluated_at);
                let in_force = snapshot.catalog.constraints();
                self.draw(shared, &grounds, &book, Some(in_force))
            }
            _ => self.draw(shared, &grounds, &LimitBook::default(), None),
        };
        (grounds, record)
    }

    /// Whether the limits, as a book has them, refuse just what they refused
    /// when this decision was drawn.
    pub fn still_fits(
        &self,
        grounds: &Grounds,
        record: &DecisionRecord,
        book: &LimitBook,
        in_force: &Constraints,
    ) -> bool {
        let costs = |offer| self.cost_of(offer);
        let Some(asking) = self.asking(grounds, Some(in_force), &costs) else {
            return true;
        };
        let at_once = record.refusals.iter().filter(|refusal| refusal.slot == 0);
        let mut on_offer: Vec<OfferNumber> = at_once.map(|refusal| refusal.offer).collect();
        on_offer.extend(record.eligible.iter().flat_map(EligibleOffers::iter));
        on_offer.sort_unstable();
        let Ok(on_offer) = EligibleOffers::new(on_offer) else {
            return true;
        };
        let mut live = gate::Live::new(asking, book);
        live.refuse(0, &[], &on_offer);
        let mut left = record.eligible.clone();
        let mut chosen: SmallVec<[OfferNumber; 2]> = SmallVec::new();
        for slot in 0..self.slots as usize {
            let Some(offers) = &left else { break };
            if slot > 0 {
                live.refuse(slot, &chosen, offers);
            }
            let Some(draw) = record.slots.get(slot) else {
                break;
            };
            chosen.push(draw.offer());
            left = draw.eligible().without(draw.index());
        }
        live.into_refusals() == record.refusals
    }

    fn placement(&self) -> &Placement {
        self.catalog
            .placement(self.placement)
            .expect("the placement was looked up in this very catalogue")
    }

    /// What the limits are asked; `None` where there are none.
    fn asking<'a>(
        &'a self,
        grounds: &Grounds,
        in_force: Option<&'a Constraints>,
        costs: &'a dyn Fn(OfferNumber) -> OfferCost,
    ) -> Option<Asking<'a>> {
        let constraints = self.catalog.constraints();
        Some(Asking {
            constraints,
            placement: constraints.at(self.placement)?,
            in_force: in_force.unwrap_or(constraints),
            shares: &self.shares,
            at: grounds.evaluated_at,
            costs,
        })
    }

    fn cost_of(&self, offer: OfferNumber) -> OfferCost {
        let currency = self.placement().currency;
        let benefit = self.catalog.offer(offer).map(|offer| &offer.benefit);
        benefit.map_or_else(OfferCost::default, |benefit| {
            offer_cost(benefit, &self.context.cart, currency)
        })
    }

    fn derive(
        &self,
        standing: &derive::Standing,
        grounds: &Grounds,
        gate: &mut impl Gate,
    ) -> Derived {
        let catalog = &self.catalog;
        let terms = derive::Terms {
            evaluated_at: grounds.evaluated_at,
            slots: self.slots as usize,
            seed: self.seed,
        };
        // The catalogue may have changed since the request was checked.
        let snapshot = grounds.snapshot.as_ref();
        let same = snapshot.filter(|it| it.catalog.version() == catalog.version());
        let index = same.and_then(|snapshot| snapshot.index(self.placement));
        let policy = catalog.policy(self.placement);
        let (Some(snapshot), Some(policy)) = (snapshot, policy) else {
            unreachable!("every placement of a catalogue has a policy");
        };
        let asked = Asked {
            policy,
            arm: None,
            feedback: self.placement().feedback,
            catalog: catalog.version(),
            constraints: catalog.constraints(),
            placement: self.placement,
            segment: standing.segment,
            decided_at: grounds.evaluated_at,
            seed: self.seed,
            features: &standing.features,
            expected: &[],
        };
        let mut drawing = Drawing::new(asked, standing.arm);
        let lifts = derive::Lifts::Cart(catalog, &self.context.cart);
        derive::derive(
            catalog,
            self.placement(),
            standing,
            derive::Judging {
                request: Known::Request(&self.context),
                index,
            },
            &terms,
            gate,
            |above, eligible| {
                drawing.odds(above, eligible, |asked, eligible| {
                    let expected = lifts.expected(self.placement(), eligible);
                    let asked = Asked {
                        expected: &expected,
                        ..*asked
                    };
                    snapshot.distribution(&asked, eligible)
                })
            },
        )
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
