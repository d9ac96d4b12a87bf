//! `explain`: why a decision came out as it did.

use uuid::Uuid;

use super::attribution::OrderBook;
use super::closed::{ClosedDecision, load_closed};
use super::derive;
use super::sealing::UnsealError;
use super::shared::Shared;
use super::stats::{SegmentStats, summary};
use super::view::{DecisionView, LookupError, read_event};
use crate::catalog::Catalog;
use crate::domain::decision::{ConcurrencyRefusal, RequestContext};
use crate::domain::distribution::{ActionDistribution, EligibleOffers, Odds, SlotDraw};
use crate::domain::event::RecordedEvent;
use crate::domain::exchange::Conversion;
use crate::domain::ids::{OfferNumber, Position};
use crate::domain::outcome::OutcomeKind;
use crate::domain::time::Instant;
use crate::learning::{ALGORITHM_VERSION, Context, Policy, PolicyState};
use crate::promotion::constraints::PlacementConstraints;
use crate::promotion::constraints::gate::Recorded;
use crate::promotion::{Occasion, Rejection, explain as verdicts};

/// Everything that can be told about a decision.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision.
    pub decision: DecisionView,
    /// The version of the policies' arithmetic that it was drawn with.
    pub algorithm_version: u32,
    /// Every offer of the placement, ascending.
    pub candidates: Vec<Candidate>,
    /// What the request said; `None` when the shopper was erased.
    pub context: Option<RequestContext>,
    /// The number that each slot was drawn with.
    pub draws: Vec<f64>,
    /// What came of it so far.
    pub progress: DecisionProgress,
    /// Whether it comes out the same now.
    pub rederivation: Rederivation,
    /// What the policy knows in the segment now.
    pub learnt: Option<SegmentStats>,
}

/// An offer of the placement.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Which.
    pub offer: OfferNumber,
    /// Why it was not eligible.
    pub rejection: Option<Rejection>,
    /// The limit that took it away; `rejection` is then `None`.
    pub refusal: Option<ToldRefusal>,
    /// How many times likelier than usual its article was with the cart, where
    /// the placement's policy expects something of that.
    pub lift: Option<f64>,
    /// Its probability in each slot's draw.
    pub probabilities: Vec<f64>,
    /// The slot that it was chosen for, from 1.
    pub chosen_slot: Option<u32>,
}

/// Why a limit took an offer away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRefusal {
    /// The reason code.
    pub code: String,
    /// A clause such as `the offer's limit of 1 redemptions has no room for it`.
    pub reason: String,
    /// It was not on offer at all; otherwise only not in a later slot.
    pub at_once: bool,
}

impl ToldRefusal {
    fn of(refusal: &ConcurrencyRefusal, catalog: &Catalog) -> Self {
        let limit = refusal.limit.and_then(|it| catalog.constraints().limit(it));
        let whose = limit.map_or_else(|| "a limit".to_owned(), ToString::to_string);
        let when = match refusal.slot {
            0 => String::new(),
            slot => format!(
                " after what was chosen for the slots above slot {}",
                slot + 1
            ),
        };
        Self {
            code: refusal.code.clone(),
            reason: format!("{whose} has no room for it{when}"),
            at_once: refusal.slot == 0,
        }
    }
}

/// What came of a decision so far.
#[derive(Debug, Clone)]
pub struct DecisionProgress {
    /// No more outcomes are learnt.
    pub closed: bool,
    /// When it closed, or will.
    pub closes_at: Instant,
    /// It was proven to have been shown.
    pub shown: bool,
    /// Each slot's reward so far.
    pub rewards: Vec<f64>,
    /// The same before they were winsorised.
    pub rewards_as_they_came: Vec<f64>,
    /// What came.
    pub outcomes: Vec<ToldOutcome>,
}

/// An outcome event that came for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToldOutcome {
    /// What happened.
    pub kind: OutcomeKind,
    /// Where it is recorded, and how it was taken.
    pub event: RecordedEvent,
    /// How its amounts count here, where they came in another currency.
    pub conversion: Option<Conversion>,
}

/// Whether a decision comes out the same when it is derived again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rederivation {
    /// The same bits.
    Matches,
    /// Not the same.
    Differs,
    /// The shopper was erased: what rests on the shopper is taken from the
    /// record.
    Erased,
    /// Made by another version of the arithmetic.
    OtherAlgorithm,
    /// All but the distributions comes out the same; those need the state that
    /// the decision was drawn from, which `verify` makes again.
    NeedsVerify,
}

pub(super) fn explain(shared: &Shared, id: Uuid) -> Result<Explanation, LookupError> {
    let decision = DecisionView::find(shared, id)?;
    let position = decision
        .recorded
        .map_or(Position::START, |recorded| recorded.position);
    let algorithm_version = read_event(shared, position)?.envelope.algorithm_version;
    let context = match decision.context(shared) {
        Ok(context) => Some(context),
        Err(LookupError::Unseal(UnsealError::Erased)) => None,
        Err(error) => return Err(error),
    };
    let progress = progress(shared, position)?;
    let rederivation = if algorithm_version == ALGORITHM_VERSION {
        rederive(shared, &decision, context.as_ref())
    } else {
        Rederivation::OtherAlgorithm
    };
    let record = &decision.record;
    let learnt = {
        let state = shared.read_state();
        let catalog = state.catalog();
        let arm = record.arm.as_ref();
        catalog.map(|catalog| summary(&state, catalog, record.placement, record.segment, arm))
    };
    Ok(Explanation {
        algorithm_version,
        candidates: candidates(&decision, context.as_ref()),
        draws: (0..record.slots.len())
            .map(|slot| record.seed.slot_uniform(slot))
            .collect(),
        context,
        progress,
        rederivation,
        learnt,
        decision,
    })
}

pub(super) fn candidates(
    decision: &DecisionView,
    context: Option<&RequestContext>,
) -> Vec<Candidate> {
    let record = &decision.record;
    let Some(placement) = decision.placement() else {
        return Vec::new();
    };
    let occasion = Occasion {
        at: record.evaluated_at,
        segment: record.segment,
        request: derive::known(context, record),
    };
    verdicts(decision.catalog.offers_at(placement), &occasion)
        .into_iter()
        .map(|verdict| Candidate {
            offer: verdict.offer,
            rejection: verdict.rejection,
            refusal: record
                .refusals
                .iter()
                .find(|refusal| refusal.offer == verdict.offer)
                .map(|refusal| ToldRefusal::of(refusal, &decision.catalog)),
            lift: record
                .eligible
                .as_ref()
                .and_then(|eligible| record.lifts.get(eligible.index_of(verdict.offer)?).copied()),
            probabilities: record
                .slots
                .iter()
                .map(|draw| {
                    let place = draw.eligible().index_of(verdict.offer);
                    place.map_or(0.0, |place| draw.distribution().probabilities()[place])
                })
                .collect(),
            chosen_slot: (1..)
                .zip(record.chosen())
                .find(|(_, offer)| *offer == verdict.offer)
                .map(|(slot, _)| slot),
        })
        .collect()
}

fn progress(shared: &Shared, position: Position) -> Result<DecisionProgress, LookupError> {
    {
        let state = shared.read_state();
        if let Some(open) = state.open_decision(position)
            && let Some(catalog) = state.catalog_of(open.catalog_version)
            && let Some(placement) = catalog.placement(open.placement)
        {
            let rewardable = open.rewardable(position, placement);
            let slots = (1..).zip(&open.slots).map(|(index, slot)| {
                let benefit = catalog.offer(slot.offer).map(|offer| &offer.benefit);
                (
                    rewardable.reward(&*state, index, benefit),
                    rewardable.reward_as_it_comes(&*state, index, benefit),
                )
            });
            let (rewards, rewards_as_they_came) = slots.unzip();
            return Ok(DecisionProgress {
                closed: false,
                closes_at: open.closes_at,
                shown: rewardable.is_shown(),
                rewards,
                rewards_as_they_came,
                outcomes: open
                    .outcomes
                    .iter()
                    .map(|it| ToldOutcome {
                        kind: it.kind,
                        event: it.event,
                        conversion: state
                            .purchase(it.event.event)
                            .and_then(|purchase| purchase.conversion),
                    })
                    .collect(),
            });
        }
    }
    let closed = load_closed(shared, position)?;
    Ok(closed_progress(&closed))
}

fn closed_progress(closed: &ClosedDecision) -> DecisionProgress {
    let due = closed
        .placement()
        .map(|placement| placement.closes_at(closed.decided_at));
    let closing = closed.closing.as_ref();
    let slots = closing.map_or(&[][..], |closing| &closing.slots);
    let nothing = vec![0.0; closed.record.slots.len()];
    let (rewards, rewards_as_they_came) = match slots {
        [] => (nothing.clone(), nothing),
        slots => slots
            .iter()
            .map(|slot| (slot.reward, slot.reward_as_it_came.unwrap_or(slot.reward)))
            .unzip(),
    };
    DecisionProgress {
        closed: true,
        closes_at: closing
            .map(|closing| closing.closed_at)
            .or(due)
            .unwrap_or(closed.decided_at),
        shown: closed
            .rewardable()
            .is_some_and(|rewardable| rewardable.is_shown()),
        rewards,
        rewards_as_they_came,
        outcomes: closed
            .events
            .iter()
            .map(|(event, record)| ToldOutcome {
                kind: record.kind,
                event: *event,
                conversion: record.conversion,
            })
            .collect(),
    }
}

/// Derives the decision again, with the recorded distributions where the policy
/// rests on a state that is not at hand.
fn rederive(
    shared: &Shared,
    decision: &DecisionView,
    context: Option<&RequestContext>,
) -> Rederivation {
    let record = &decision.record;
    let (catalog, Some(placement)) = (&decision.catalog, decision.placement()) else {
        return Rederivation::Differs;
    };
    let standing = derive::recorded_standing(catalog, placement, context, record, &shared.hash_key);
    let policy = catalog.policy(record.placement);
    let paced = catalog.constraints().at(record.placement);
    let stateless = matches!(policy, Some(Policy::Uniform(_) | Policy::Fixed(_)))
        && !paced.is_some_and(PlacementConstraints::is_paced);
    let nothing_learnt = PolicyState::default();
    let mut aligned = true;
    let mut recorded = |draw: Option<&SlotDraw>, eligible: &EligibleOffers| -> Odds {
        let stated = draw.and_then(|draw| draw.distribution().narrowed(draw.eligible(), eligible));
        let Some(stated) = stated else {
            aligned = false;
            return ActionDistribution::uniform(eligible).into();
        };
        // What an arm drew by is not recorded: that it drew this is taken as it is.
        let drawn = draw.and_then(|draw| eligible.index_of(draw.offer()));
        let by_arm = drawn.filter(|_| record.arm.is_some());
        Odds {
            stated,
            in_group: by_arm.map(|place| ActionDistribution::concentrated(eligible, &[place])),
        }
    };
    let odds_of = |above: &[SlotDraw], eligible: &EligibleOffers| match policy {
        Some(policy) if stateless => {
            let context = Context {
                segment: standing.segment,
                features: &standing.features,
                seed: record.seed,
                decided_at: record.evaluated_at,
            };
            let stated = policy.distribution(&nothing_learnt, &context, eligible);
            stated.into()
        }
        _ => recorded(record.slots.get(above.len()), eligible),
    };
    let derived = derive::derive(
        catalog,
        placement,
        &standing,
        derive::Judging {
            request: derive::known(context, record),
            index: None,
        },
        &derive::Terms::of(record),
        &mut Recorded(&record.refusals),
        odds_of,
    );
    let lifts = derive::Lifts::recorded(catalog, context, record);
    let kept = lifts.kept(placement, derived.eligible.as_ref());
    let same = aligned && derived.difference(&standing, &kept, record).is_none();
    match (
        same,
        context.is_some(),
        stateless || record.slots.is_empty(),
    ) {
        (false, _, _) => Rederivation::Differs,
        (true, false, _) => Rederivation::Erased,
        (true, true, true) => Rederivation::Matches,
        (true, true, false) => Rederivation::NeedsVerify,
    }
}
