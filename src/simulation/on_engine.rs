//! A scenario's world played through the production engine.
//!
//! A world in which offers simply convert is a small shop: one placement, one
//! offer an arm, one segment a segment of the world. Requests, outcomes and time
//! go in as they do in the service; decisions come out of the engine's own
//! snapshot, and what is learnt is learnt by its fold. Policies alone must play
//! just the same, which the tests check: the same offers with the same
//! probabilities, and the same state in the end.
//!
//! What the engine does not have, it refuses by name: see [`refusal`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use uuid::Uuid;

use super::environment::{Environment, Situation};
use super::runner::{Decided, Decider, ROUND};
use super::scenario::{Candidate, Scenario, Timing};
use crate::catalog::document::{
    AttributeDocument, BenefitDocument, ConditionDocument, PlacementDocument,
};
use crate::catalog::{Catalog, CatalogDocument, Numbering, OfferDocument, SegmentDocument};
use crate::domain::attribute::{AttributeKind, AttributeValue, Attributes};
use crate::domain::distribution::{ActionDistribution, Propensity, most_probable};
use crate::domain::ids::{CatalogVersion, PlacementNumber, SegmentNumber};
use crate::domain::money::Currency;
use crate::domain::outcome::OutcomeKind;
use crate::domain::placement::{Feedback, Objective};
use crate::domain::random::DecisionSeed;
use crate::domain::time::{Instant, Span};
use crate::engine::choose::ChooseRequest;
use crate::engine::clock::ManualClock;
use crate::engine::record::RewardRequest;
use crate::engine::stepped::SteppedEngine;
use crate::engine::{Settings, Storage};
use crate::learning::PolicyState;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::secrets::Secrets;

/// The placement's id.
const PLACEMENT: &str = "everywhere";
/// The attribute that a request names its segment by.
const SEGMENT: &str = "segment";
/// The placement's number: there is no other.
const FIRST: PlacementNumber = PlacementNumber(0);

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
        | Environment::ColdStart(_) => {}
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

/// The world as a shop.
fn catalogue(environment: &Environment, candidate: &Candidate) -> CatalogDocument {
    let feedback = candidate.feedback.of_placement();
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
    let currency = Currency::from_code("CNY").expect("ISO 4217 knows it");
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
            ..PlacementDocument::new(id, Objective::Conversion, currency, policy)
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
    has_delays: bool,
    /// Requests so far.
    requests: u64,
    /// The decision that was made last.
    last: Option<Uuid>,
    /// How probable each offer was there.
    probabilities: Option<ActionDistribution>,
    /// Conversions that are still to come, by time and then by request.
    coming: BinaryHeap<Reverse<(Instant, u64, Uuid)>>,
}

impl EngineDecider {
    /// An engine that a candidate decides in, before the first round.
    ///
    /// # Panics
    /// When the candidate is one that [`refusal`] tells of.
    #[must_use]
    pub fn new(environment: &Environment, candidate: &Candidate) -> Self {
        let clock = Arc::new(ManualClock::at(Instant::from_unix_ms(0)));
        let storage = Storage {
            ledger: Arc::new(MemoryLedger::new()),
            secrets: Arc::new(Secrets::derived([0; 32])),
            checkpoints: None,
        };
        let mut engine = SteppedEngine::open(storage, clock.clone(), Settings::default())
            .expect("an empty ledger in memory folds");
        engine
            .import_catalog(catalogue(environment, candidate), "simulation")
            .expect("the candidate was looked at before");
        Self {
            engine,
            clock,
            has_delays: environment.has_delays(),
            requests: 0,
            last: None,
            probabilities: None,
            coming: BinaryHeap::new(),
        }
    }

    /// What was learnt when everything is over that lasts no longer than a
    /// round.
    #[must_use]
    pub fn into_learnt(mut self, last_round_at: Instant) -> PolicyState {
        if !self.has_delays {
            self.pass_to(last_round_at.plus(ROUND));
        }
        self.engine.engine().learnt(FIRST)
    }

    fn pass_to(&mut self, now: Instant) {
        self.clock.set(now);
        self.engine.tick().expect("a ledger in memory takes a tick");
    }

    /// Tells the engine of a conversion.
    fn convert(&mut self, at: Instant, request: u64, decision: Uuid) {
        self.clock.set(at);
        let click = RewardRequest {
            event_id: request.to_string(),
            decision_id: Some(decision),
            order_id: String::new(),
            shopper_id: String::new(),
            slot: None,
            offer_id: String::new(),
            kind: OutcomeKind::Click,
            custom_kind: String::new(),
            event_time: at,
            lines: Vec::new(),
            reverses_event_id: String::new(),
        };
        let recorded = self.engine.record(&click);
        recorded.expect("a conversion of a decision just made");
    }
}

impl Decider for EngineDecider {
    fn go_on(&mut self, _: u64, situation: &Situation<'_>) {
        let now = situation.decided_at;
        while let Some(Reverse((at, request, decision))) = self.coming.peek().copied() {
            if at > now {
                break;
            }
            self.coming.pop();
            self.convert(at, request, decision);
        }
        self.pass_to(now);
    }

    fn decide(&mut self, situation: &Situation<'_>, seed: DecisionSeed) -> (usize, Propensity) {
        self.requests += 1;
        let request = ChooseRequest {
            request_id: Uuid::from_u128(u128::from(self.requests)),
            placement: PLACEMENT.to_owned(),
            shopper_id: String::new(),
            session_id: String::new(),
            device: String::new(),
            channel: String::new(),
            store: String::new(),
            region: String::new(),
            history: None,
            payment_fingerprint: String::new(),
            attributes: Attributes::from([(SEGMENT.to_owned(), name_of(situation.segment))]),
            cart: Vec::new(),
            slots: None,
            unpersonalized: false,
            test: false,
        };
        let chosen = self.engine.choose(&request, Some(seed));
        let decision = chosen.expect("a request that holds").decision;
        self.last = decision.recorded.map(|recorded| recorded.id);
        let draw = &decision.record.slots[0];
        assert_eq!(draw.eligible(), situation.eligible, "every arm is on offer");
        self.probabilities = Some(draw.distribution().clone());
        (draw.index(), draw.propensity())
    }

    fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        let probabilities = self.probabilities.iter();
        probabilities
            .flat_map(|it| most_probable(it.probabilities()))
            .for_each(name);
    }

    fn decided(&mut self, decided: Decided) -> u64 {
        let decision = self.last.expect("a decision was made");
        if decided.reward != 0.0 {
            if self.has_delays {
                let coming = (decided.known_at, self.requests, decision);
                self.coming.push(Reverse(coming));
            } else {
                self.convert(decided.decided_at, self.requests, decision);
            }
        }
        0
    }
}
