//! How a decision follows from a request: the pure part of ChooseOffer.
//!
//! Used when a decision is made and again when `verify` and `explain` derive it
//! from its record: there is no second way to a decision.

use smallvec::SmallVec;

use crate::catalog::Catalog;
use crate::domain::decision::{DecisionKind, NoOfferReason, RequestContext};
use crate::domain::distribution::{ActionDistribution, EligibleOffers, SlotDraw, draw_slots};
use crate::domain::ids::SegmentNumber;
use crate::domain::keys::HashKey;
use crate::domain::offer::{Campaign, Offer};
use crate::domain::placement::Placement;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::learning::{Context, Policy, PolicyState};
use crate::promotion::eligibility::eligible;
use crate::promotion::holdout::in_holdout;

/// Who the shopper is, as far as a decision asks: all that rests on what an
/// erasure takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The segment.
    pub segment: SegmentNumber,
    /// The shopper belongs to the placement's holdout.
    pub holdout: bool,
}

/// What a decision comes out as.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Offers, none, or the holdout.
    pub kind: DecisionKind,
    /// What was on offer.
    pub eligible: Option<EligibleOffers>,
    /// The draws.
    pub slots: SmallVec<[SlotDraw; 2]>,
}

/// Who the shopper is at a placement.
#[must_use]
pub fn standing(
    catalog: &Catalog,
    placement: &Placement,
    context: &RequestContext,
    unpersonalized: bool,
    hash_key: &HashKey,
) -> Standing {
    let segmentation = catalog.segmentation();
    if unpersonalized {
        return Standing { segment: segmentation.default_segment().number, holdout: false };
    }
    let holdout = placement.holdout.get() > 0
        && context.shopper.is_some_and(|shopper| {
            in_holdout(hash_key, &placement.id, &shopper, placement.holdout)
        });
    Standing { segment: segmentation.assign(&context.attributes).number, holdout }
}

/// A placement's offers with their campaigns, ascending by number.
pub fn candidates<'a>(
    catalog: &'a Catalog,
    placement: &'a Placement,
) -> impl Iterator<Item = (&'a Offer, Option<&'a Campaign>)> {
    placement
        .offers
        .iter()
        .filter_map(|number| catalog.offer(*number))
        .map(|offer| (offer, catalog.campaign_of(offer)))
}

/// What a shopper of that standing gets: eligible offers, distributions, draws.
pub fn derive(
    catalog: &Catalog,
    placement: &Placement,
    standing: Standing,
    evaluated_at: Instant,
    slots: usize,
    seed: DecisionSeed,
    distribution_of: impl FnMut(usize, &EligibleOffers) -> ActionDistribution,
) -> Derived {
    let nothing = |kind| Derived { kind, eligible: None, slots: SmallVec::new() };
    if standing.holdout {
        return nothing(DecisionKind::Holdout);
    }
    if placement.offers.is_empty() {
        return nothing(DecisionKind::NoOffer(NoOfferReason::NoneDefined));
    }
    let Some(eligible) = eligible(candidates(catalog, placement), evaluated_at) else {
        return nothing(DecisionKind::NoOffer(NoOfferReason::NoneEligible));
    };
    let slots = draw_slots(&eligible, slots, seed, distribution_of);
    Derived { kind: DecisionKind::Offers, eligible: Some(eligible), slots }
}

/// The distribution of a policy in a state, for one decision.
#[must_use]
pub fn distribution(
    policy: &Policy,
    learnt: &PolicyState,
    segment: SegmentNumber,
    decided_at: Instant,
    seed: DecisionSeed,
    eligible: &EligibleOffers,
) -> ActionDistribution {
    let context = Context { segment, features: &[], seed, decided_at };
    policy.distribution(learnt, &context, eligible)
}
