//! A scenario's world played through the production engine.
//!
//! A shop has its catalogue. A world in which offers simply convert is a small
//! shop: one placement, one offer an arm, one segment a segment of the world.
//! Requests, outcomes and time go in as they do in the service; decisions come
//! out of the engine's own snapshot, and what is learnt is learnt by its fold.
//! Policies alone must play just the same, which the tests check: the same
//! offers with the same probabilities, and the same state in the end.
//!
//! What the engine does not have, it refuses by name: see [`refusal`]. What only
//! the engine has, policies alone cannot play: see [`needs_engine`].

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::decider::{Choice, Decided, Decider};
use super::environment::shop::{AffinityUse, Placing, Sale, Shop, Sold, Visitor};
use super::environment::{Environment, Situation};
use super::runner::ROUND;
use super::scenario::{Candidate, Scenario, Timing};
use crate::catalog::document::{
    AttributeDocument, BenefitDocument, ConditionDocument, PlacementDocument,
};
use crate::catalog::{Catalog, CatalogDocument, Numbering, OfferDocument, SegmentDocument};
use crate::domain::attribute::{AttributeKind, AttributeValue, Attributes};
use crate::domain::distribution::{ActionDistribution, most_probable};
use crate::domain::ids::{CatalogVersion, PlacementNumber, SegmentNumber};
use crate::domain::money::{Currency, Money};
use crate::domain::outcome::OutcomeKind;
use crate::domain::placement::{Feedback, Objective};
use crate::domain::random::DecisionSeed;
use crate::domain::time::{Instant, Span};
use crate::engine::choose::{ChooseRequest, PricedLine};
use crate::engine::clock::ManualClock;
use crate::engine::record::{RewardLine, RewardRequest};
use crate::engine::stepped::SteppedEngine;
use crate::engine::{Settings, Storage};
use crate::learning::PolicyState;
use crate::ledger::memory::MemoryLedger;

/// The placement's id.
const PLACEMENT: &str = "everywhere";
/// The attribute that a request names its segment by.
const SEGMENT: &str = "segment";

/// Why the engine cannot play a policy of a scenario; `None` when it can.
#[must_use]
pub fn refusal(scenario: &Scenario, candidate: &Candidate) -> Option<String> {
    let told = |reason: &str| Some(reason.to_owned());
    match &scenario.environment {
        Environment::Session(_) => {
            return told("the stages of its world are not played through placements yet");
        }
        Environment::Linear(_) | Environment::Classification(_) => {
            return told("the features of its world are not declared to a placement yet");
        }
        Environment::Bernoulli(_)
        | Environment::Drifting(_)
        | Environment::Delayed(_)
        | Environment::ColdStart(_)
        | Environment::Shop(_) => {}
    }
    if candidate.update_every > 1 {
        return told("the engine's decisions always see what was learnt last");
    }
    if candidate.feedback == Timing::Undelayed {
        return told("the service cannot know what is still to come");
    }
    let document = catalogue(&scenario.environment, candidate);
    let built = Catalog::build(document, CatalogVersion(1), &Numbering::default());
    built.err().map(|faults| faults.to_string())
}

/// Why policies alone cannot play a policy of a scenario; `None` when they can.
#[must_use]
pub fn needs_engine(scenario: &Scenario, candidate: &Candidate) -> Option<&'static str> {
    let Environment::Shop(shop) = &scenario.environment else {
        return None;
    };
    let placement = shop.placement();
    if shop.catalog().constraints().at(placement.number).is_some() {
        return Some("budgets, limits and caps are the engine's to keep");
    }
    if placement.is_ranked {
        return Some("priorities and exclusive offers are the engine's to judge");
    }
    if candidate.affinity != AffinityUse::default() || placement.affinity_prior.is_some() {
        return Some("what goes with a cart is the engine's to judge");
    }
    if candidate.policy.looking_ahead().is_some() {
        return Some("sessions are the engine's to keep");
    }
    if candidate.policy.model().is_some() {
        return Some("the features of a decision are the engine's to make");
    }
    if candidate.feedback != Timing::AtClosing && shop.has_refunds() {
        return Some("what open decisions suggest after refunds is the engine's to tell");
    }
    None
}

/// The world as a shop.
fn catalogue(environment: &Environment, candidate: &Candidate) -> CatalogDocument {
    let feedback = candidate.feedback.of_placement();
    if let Environment::Shop(shop) = environment {
        let placing = Placing {
            objective: Some(candidate.objective),
            feedback,
            affinity: candidate.affinity,
        };
        return shop.catalogue(&candidate.config, &placing);
    }
    let segment = |number: u32| SegmentDocument {
        id: number.to_string(),
        title: None,
        when: Some(ConditionDocument {
            attribute: Some(SEGMENT.to_owned()),
            equals: Some(name_of(SegmentNumber(number))),
            ..ConditionDocument::default()
        }),
        centroid: None,
    };
    let offer = |number: u32| {
        // Shown at its own price: it may stand beside an empty cart.
        let benefit = BenefitDocument::CrossSell {
            sku: number.to_string(),
            discount_basis_points: 0,
        };
        OfferDocument::new(number.to_string(), vec![PLACEMENT.to_owned()], benefit)
    };
    let policy = candidate.config.clone();
    let id = PLACEMENT.to_owned();
    CatalogDocument {
        attributes: vec![AttributeDocument {
            name: SEGMENT.to_owned(),
            kind: AttributeKind::String.name().to_owned(),
            scale: None,
        }],
        segments: (0..environment.segments()).map(segment).collect(),
        placements: vec![PlacementDocument {
            conversion_events: vec![OutcomeKind::Click.name().to_owned()],
            attribution_window: window(environment).to_string(),
            allowed_lateness: Span::ZERO.to_string(),
            refund_window: Span::ZERO.to_string(),
            feedback: feedback.unwrap_or(Feedback::AtClosing).name().to_owned(),
            assume_shown: true,
            ..PlacementDocument::new(id, Objective::Conversion, own_currency(), policy)
        }],
        offers: (0..environment.arms()).map(offer).collect(),
        ..CatalogDocument::default()
    }
}

/// How long a decision is open: without delays, until the next one.
fn window(environment: &Environment) -> Span {
    if environment.has_delays() {
        environment.window()
    } else {
        ROUND
    }
}

/// How a request names a segment.
fn name_of(segment: SegmentNumber) -> AttributeValue {
    AttributeValue::String(segment.to_string())
}

/// A replication's engine.
pub struct EngineDecider {
    engine: SteppedEngine,
    clock: Arc<ManualClock>,
    placement: String,
    currency: Currency,
    /// Decisions count as shown without an exposure.
    assume_shown: bool,
    /// Without delays a decision is over with its round.
    ends_with_round: bool,
    /// Requests so far.
    requests: u64,
    /// The decision that was made last.
    last: Option<Uuid>,
    /// How probable each offer was there, of those that the rules leave.
    probabilities: Option<ActionDistribution>,
    /// How long after a decision a refund is still taken.
    refunds_for: Span,
    /// What is still to come, by time and then by the order of requests; a
    /// refund comes after its purchase.
    coming: BTreeMap<(Instant, u64, bool), Coming>,
}

/// An outcome that is still to come.
#[derive(Debug, Clone)]
struct Coming {
    decision: Uuid,
    request: u64,
    what: Outcome,
}

/// What becomes of a decision.
#[derive(Debug, Clone)]
enum Outcome {
    Exposure,
    Click,
    Purchase(Sold),
    Refund(Sold),
}

impl Outcome {
    const fn kind(&self) -> OutcomeKind {
        match self {
            Self::Exposure => OutcomeKind::Exposure,
            Self::Click => OutcomeKind::Click,
            Self::Purchase(_) => OutcomeKind::Purchase,
            Self::Refund(_) => OutcomeKind::Refund,
        }
    }
}

impl EngineDecider {
    /// An engine that a candidate decides in, before the first round of a seed.
    ///
    /// # Panics
    /// When the candidate is one that [`refusal`] tells of.
    #[must_use]
    pub fn new(environment: &Environment, candidate: &Candidate, seed: u64) -> Self {
        let shop = match environment {
            Environment::Shop(shop) => Some(shop),
            _ => None,
        };
        let starts_at = shop.map_or(Instant::from_unix_ms(0), |shop| shop.starts_at());
        let clock = Arc::new(ManualClock::at(starts_at));
        let storage = Storage {
            ledger: Arc::new(MemoryLedger::new()),
            secrets: Arc::new(Shop::secrets(seed)),
            checkpoints: None,
        };
        let mut engine = SteppedEngine::open(storage, clock.clone(), Settings::default())
            .expect("an empty ledger in memory folds");
        engine
            .import_catalog(catalogue(environment, candidate), "simulation")
            .expect("the candidate was looked at before");
        let placement = shop.map(|shop| shop.placement());
        Self {
            engine,
            clock,
            placement: placement.map_or_else(|| PLACEMENT.to_owned(), |it| it.id.clone()),
            currency: placement.map_or_else(own_currency, |it| it.currency),
            assume_shown: placement.is_none_or(|it| it.assume_shown),
            ends_with_round: !environment.has_delays(),
            refunds_for: placement.map_or(Span::ZERO, |it| it.open_for().plus(it.refund_window)),
            requests: 0,
            last: None,
            probabilities: None,
            coming: BTreeMap::new(),
        }
    }

    /// What was learnt when everything is over that lasts no longer than a
    /// round.
    #[must_use]
    pub fn into_learnt(mut self, last_round_at: Instant) -> PolicyState {
        if self.ends_with_round {
            self.pass_to(last_round_at.plus(ROUND));
        }
        let catalog = self.engine.engine().catalog();
        let placement = catalog
            .as_ref()
            .and_then(|catalog| catalog.placement_by_id(&self.placement));
        let number = placement.map_or(PlacementNumber(0), |placement| placement.number);
        self.engine.engine().learnt(number)
    }

    fn pass_to(&mut self, now: Instant) {
        self.clock.set(now);
        self.engine.tick().expect("a ledger in memory takes a tick");
    }

    /// Has the engine told of an outcome at its time: now, or later.
    fn tell_at(&mut self, at: Instant, now: Instant, what: Outcome) {
        let coming = Coming {
            decision: self.last.expect("a decision was made"),
            request: self.requests,
            what,
        };
        if at <= now {
            self.tell(at, coming);
        } else {
            let is_refund = matches!(coming.what, Outcome::Refund(_));
            self.coming.insert((at, self.requests, is_refund), coming);
        }
    }

    /// Tells the engine of an outcome.
    fn tell(&mut self, at: Instant, coming: Coming) {
        self.clock.set(at);
        let request = coming.request;
        let (lines, reverses_event_id) = match &coming.what {
            Outcome::Exposure | Outcome::Click => (Vec::new(), String::new()),
            Outcome::Purchase(sold) => (self.bought(sold), String::new()),
            Outcome::Refund(sold) => {
                let purchase = event_id(request, OutcomeKind::Purchase);
                (self.paid_back(sold), purchase)
            }
        };
        let event = RewardRequest {
            event_id: event_id(request, coming.what.kind()),
            decision_id: Some(coming.decision),
            order_id: String::new(),
            shopper_id: String::new(),
            slot: None,
            offer_id: String::new(),
            kind: coming.what.kind(),
            custom_kind: String::new(),
            event_time: at,
            lines,
            reverses_event_id,
        };
        let recorded = self.engine.record(&event);
        recorded.unwrap_or_else(|error| panic!("an outcome as shoppers bring them: {error}"));
    }

    fn money(&self, minor_units: i64) -> Money {
        Money {
            minor_units,
            currency: self.currency,
        }
    }

    fn bought(&self, sold: &Sold) -> Vec<RewardLine> {
        let lines = sold.lines.iter().map(|line| RewardLine {
            line_id: String::new(),
            sku: line.sku.clone(),
            quantity: line.quantity,
            price_paid: Some(self.money(line.paid_minor)),
            discount_applied: Some(self.money(line.discount_minor)),
            refunded_amount: None,
            unit_cost: Some(self.money(line.unit_cost_minor)),
        });
        lines.collect()
    }

    fn paid_back(&self, sold: &Sold) -> Vec<RewardLine> {
        let lines = sold.lines.iter().map(|line| RewardLine {
            line_id: String::new(),
            sku: line.sku.clone(),
            quantity: line.quantity,
            price_paid: None,
            discount_applied: None,
            refunded_amount: Some(self.money(line.paid_minor)),
            unit_cost: None,
        });
        lines.collect()
    }

    fn request(&self, situation: &Situation<'_>) -> ChooseRequest {
        let (shopper_id, attributes, cart) = match situation.visitor {
            Some(visitor) => said_of(&visitor),
            None => {
                let segment = name_of(situation.segment);
                let attributes = Attributes::from([(SEGMENT.to_owned(), segment)]);
                (String::new(), attributes, Vec::new())
            }
        };
        ChooseRequest {
            shopper_id,
            attributes,
            cart,
            ..ChooseRequest::new(
                Uuid::from_u128(u128::from(self.requests)),
                self.placement.clone(),
            )
        }
    }
}

fn own_currency() -> Currency {
    Currency::from_code("CNY").expect("ISO 4217 knows it")
}

fn event_id(request: u64, kind: OutcomeKind) -> String {
    format!("{request}-{}", kind.name())
}

/// What a request says of who came to a shop.
fn said_of(visitor: &Visitor<'_>) -> (String, Attributes, Vec<PricedLine>) {
    (
        Shop::shopper_id(visitor.shopper),
        visitor.attributes.clone(),
        visitor.cart.to_vec(),
    )
}

impl Decider for EngineDecider {
    fn go_on(&mut self, _: u64, situation: &Situation<'_>) {
        let now = situation.decided_at;
        while let Some(entry) = self.coming.first_entry() {
            let (at, ..) = *entry.key();
            if at > now {
                break;
            }
            let coming = entry.remove();
            self.tell(at, coming);
        }
        self.pass_to(now);
    }

    fn decide(&mut self, situation: &Situation<'_>, seed: DecisionSeed) -> Option<Choice> {
        self.requests += 1;
        let chosen = self.engine.choose(&self.request(situation), Some(seed));
        let decision = chosen.expect("a request that holds").decision;
        self.last = decision.recorded.map(|recorded| recorded.id);
        assert_eq!(
            decision.record.segment, situation.segment,
            "the catalogue's rules see the segment that the world does"
        );
        let draw = decision.record.slots.first()?;
        let by_rule = situation.eligible?;
        let place = by_rule.index_of(draw.offer());
        let place = place.expect("limits only take away what the rules leave");
        let distribution = if draw.eligible() == by_rule {
            draw.distribution().clone()
        } else {
            draw.distribution().widened(draw.eligible(), by_rule)
        };
        self.probabilities = Some(distribution);
        Some((place, draw.propensity()))
    }

    fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        let probabilities = self.probabilities.iter();
        probabilities
            .flat_map(|it| most_probable(it.probabilities()))
            .for_each(name);
    }

    fn decided(&mut self, decided: Decided, sale: Option<Sale<'_>>) -> u64 {
        let now = decided.decided_at;
        if decided.shown.is_some() && !self.assume_shown {
            self.tell_at(now, now, Outcome::Exposure);
        }
        if let Some(sale) = sale {
            let bought_at = now.plus(sale.after);
            self.tell_at(bought_at, now, Outcome::Purchase(sale.sold.clone()));
            if let Some(later) = sale.refunded_after {
                let refunded_at = bought_at.plus(later);
                if refunded_at < now.plus(self.refunds_for) {
                    self.tell_at(refunded_at, now, Outcome::Refund(sale.sold.clone()));
                }
            }
        } else if decided.reward != 0.0 {
            self.tell_at(decided.known_at, now, Outcome::Click);
        }
        0
    }
}
