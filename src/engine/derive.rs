//! How a decision follows from a request: the pure part of ChooseOffer.
//!
//! Used when a decision is made and again when `verify` and `explain` derive it
//! from its record: there is no second way to a decision.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::catalog::Catalog;
use crate::domain::cart::Cart;
use crate::domain::decision::{DecisionKind, DecisionRecord, NoOfferReason, RequestContext};
use crate::domain::distribution::{EligibleOffers, Odds, SlotDraw, draw_slots};
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::keys::{HashKey, VisitKey};
use crate::domain::placement::Placement;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::learning::Policy;
use crate::learning::state::Suggested;
use crate::promotion::constraints::gate::{Gate, Refused};
use crate::promotion::{
    Known, Occasion, OfferIndex, eligible, experiment_basis_point, fitting, in_holdout,
};

/// Who the shopper is, as far as a decision asks: all that rests on what an
/// erasure takes away.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The segment.
    pub segment: SegmentNumber,
    /// The shopper belongs to the placement's holdout.
    pub holdout: bool,
    /// The placement's features.
    pub features: Vec<f64>,
    /// The visit, where the placement's policy learns visits whole.
    pub visit: Option<VisitKey>,
    /// The place of the shopper's arm, where the policy is a split.
    pub arm: Option<usize>,
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
    /// The name of the shopper's arm.
    pub arm: Option<Arc<str>>,
}

impl Derived {
    /// Whether a record says the same, bit for bit.
    #[must_use]
    pub fn matches(&self, record: &DecisionRecord) -> bool {
        self.kind == record.kind
            && self.arm == record.arm
            && self.eligible == record.eligible
            && self.slots.len() == record.slots.len()
            && self
                .slots
                .iter()
                .zip(&record.slots)
                .all(|(derived, recorded)| {
                    derived.index() == recorded.index()
                        && same_bits(
                            derived.distribution().probabilities(),
                            recorded.distribution().probabilities(),
                        )
                })
    }

    /// In what a record differs; `None` when it says the same. `lifts` are what
    /// it would keep.
    #[must_use]
    pub fn difference(
        &self,
        standing: &Standing,
        lifts: &[f64],
        record: &DecisionRecord,
    ) -> Option<String> {
        let differs = |what: &str, recorded: String, derived: String| {
            Some(format!("{what}: recorded {recorded}, derived {derived}"))
        };
        if standing.segment != record.segment {
            let derived = standing.segment.to_string();
            return differs("the segment's number", record.segment.to_string(), derived);
        }
        if self.kind != record.kind {
            return differs(
                "the kind",
                format!("{:?}", record.kind),
                format!("{:?}", self.kind),
            );
        }
        if self.arm != record.arm {
            return differs(
                "the arm",
                format!("{:?}", record.arm),
                format!("{:?}", self.arm),
            );
        }
        if self.eligible != record.eligible {
            let recorded = format!("{:?}", record.eligible);
            return differs(
                "the eligible offers",
                recorded,
                format!("{:?}", self.eligible),
            );
        }
        if self.kind == DecisionKind::Offers && !same_bits(&standing.features, &record.features) {
            let recorded = format!("{:?}", record.features);
            return differs("the features", recorded, format!("{:?}", standing.features));
        }
        if self.kind == DecisionKind::Offers && standing.visit != record.visit {
            let recorded = format!("{:?}", record.visit);
            return differs("the visit", recorded, format!("{:?}", standing.visit));
        }
        if !same_bits(lifts, &record.lifts) {
            let recorded = format!("{:?}", record.lifts);
            return differs("the lifts", recorded, format!("{lifts:?}"));
        }
        if self.matches(record) {
            return None;
        }
        let of = |slots: &[SlotDraw]| {
            let slots: Vec<_> = slots
                .iter()
                .map(|it| (it.offer().0, it.distribution().probabilities()))
                .collect();
            format!("{slots:?}")
        };
        differs("the draws", of(&record.slots), of(&self.slots))
    }
}

fn same_bits(left: &[f64], right: &[f64]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| left.to_bits() == right.to_bits())
}

/// Who the shopper is at a placement.
#[must_use]
pub fn standing(
    catalog: &Catalog,
    placement: &Placement,
    context: &RequestContext,
    at: Instant,
    unpersonalized: bool,
    hash_key: &HashKey,
) -> Standing {
    let segmentation = catalog.segmentation();
    let segment = if unpersonalized {
        segmentation.default_segment().number
    } else {
        segmentation.assign(&context.attributes).number
    };
    let split = catalog.policy(placement.number).and_then(Policy::split);
    let known = context.shopper.map(|shopper| shopper.0);
    let who = known.or(context.session.map(|session| session.0));
    let arm = split
        .zip(who.filter(|_| !unpersonalized))
        .map(|(split, who)| {
            split.arm_at(experiment_basis_point(hash_key, split.experiment(), &who))
        });
    let holdout = !unpersonalized
        && placement.holdout.get() > 0
        && context.shopper.is_some_and(|shopper| {
            in_holdout(
                hash_key,
                &placement.holdout_group,
                &shopper,
                placement.holdout,
            )
        });
    Standing {
        segment,
        holdout,
        features: placement.features.vector(context, segment, at),
        visit: catalog
            .policy(placement.number)
            .and_then(Policy::looking_ahead)
            .and(context.session)
            .filter(|_| !unpersonalized)
            .map(|session| VisitKey::of(hash_key, &session.0)),
        arm,
    }
}

/// Who the shopper of a recorded decision was: told again from what the request
/// said, or, once the shopper was erased, as the record has it.
#[must_use]
pub fn recorded_standing(
    catalog: &Catalog,
    placement: &Placement,
    context: Option<&RequestContext>,
    record: &DecisionRecord,
    hash_key: &HashKey,
) -> Standing {
    match context {
        Some(context) => standing(
            catalog,
            placement,
            context,
            record.evaluated_at,
            record.unpersonalized,
            hash_key,
        ),
        None => Standing {
            segment: record.segment,
            holdout: record.kind == DecisionKind::Holdout,
            features: record.features.clone(),
            visit: record.visit,
            arm: record.arm.as_deref().and_then(|name| {
                let split = catalog.policy(placement.number)?.split()?;
                split.arms().iter().position(|arm| *arm.name == *name)
            }),
        },
    }
}

/// How many times likelier than usual the articles of offers are with the cart.
#[derive(Debug, Clone, Copy)]
pub enum Lifts<'a> {
    /// Of the cart.
    Cart(&'a Catalog, &'a Cart),
    /// As the record has them, once the cart was erased.
    Recorded(&'a DecisionRecord),
}

impl<'a> Lifts<'a> {
    /// Of a recorded decision.
    #[must_use]
    pub const fn recorded(
        catalog: &'a Catalog,
        context: Option<&'a RequestContext>,
        record: &'a DecisionRecord,
    ) -> Self {
        match context {
            Some(context) => Self::Cart(catalog, &context.cart),
            None => Self::Recorded(record),
        }
    }

    /// That of an offer; 1 where nothing is known of its article.
    fn of(self, offer: OfferNumber) -> f64 {
        let known = match self {
            Self::Cart(catalog, cart) => catalog
                .offer(offer)
                .and_then(|offer| offer.companions.as_ref()?.lift(cart)),
            Self::Recorded(record) => record
                .eligible
                .as_ref()
                .and_then(|eligible| record.lifts.get(eligible.index_of(offer)?).copied()),
        };
        known.unwrap_or(1.0)
    }

    /// Those that a record keeps: of all eligible offers, where the placement's
    /// policy expects something of them.
    #[must_use]
    pub fn kept(self, placement: &Placement, eligible: Option<&EligibleOffers>) -> Vec<f64> {
        match (placement.affinity_prior, eligible) {
            (Some(_), Some(eligible)) => eligible.iter().map(|offer| self.of(offer)).collect(),
            _ => Vec::new(),
        }
    }

    /// What the placement's policy expects of these offers before it has learnt.
    #[must_use]
    pub fn expected(
        self,
        placement: &Placement,
        eligible: &EligibleOffers,
    ) -> Vec<(OfferNumber, Suggested)> {
        let Some(prior) = placement.affinity_prior else {
            return Vec::new();
        };
        let expecting = |offer| Suggested::expecting(prior.decisions, prior.rate(self.of(offer)));
        eligible
            .iter()
            .map(|offer| (offer, expecting(offer)))
            .collect()
    }
}

/// When a decision is made, for how many slots, and with which randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The instant that schedules are judged at.
    pub evaluated_at: Instant,
    /// How many offers were asked for.
    pub slots: usize,
    /// The seed of the draws.
    pub seed: DecisionSeed,
}

impl Terms {
    /// Those of a recorded decision.
    #[must_use]
    pub const fn of(record: &DecisionRecord) -> Self {
        Self {
            evaluated_at: record.evaluated_at,
            slots: record.slots_requested as usize,
            seed: record.seed,
        }
    }
}

/// What the rules are judged on, and what finds the offers to judge.
#[derive(Debug, Clone, Copy)]
pub struct Judging<'a> {
    /// What the request said.
    pub request: Known<'a>,
    /// Of the placement in this catalogue, where there is one: it only saves
    /// judging offers that cannot be eligible.
    pub index: Option<&'a OfferIndex>,
}

/// What is known of the request of a recorded decision.
#[must_use]
pub fn known<'a>(context: Option<&'a RequestContext>, record: &'a DecisionRecord) -> Known<'a> {
    match context {
        Some(context) => Known::Request(context),
        None => Known::Erased(record.eligible.as_ref()),
    }
}

/// The offers of a placement that may be shown; `None` when there is none.
fn eligible_at(
    catalog: &Catalog,
    placement: &Placement,
    index: Option<&OfferIndex>,
    occasion: &Occasion<'_>,
) -> Option<EligibleOffers> {
    match (index, occasion.request) {
        (Some(index), Known::Request(request)) => {
            let candidates = index.candidates(occasion.segment, request);
            eligible(catalog.offers_of(&candidates), occasion)
        }
        _ => eligible(catalog.offers_at(placement), occasion),
    }
}

/// What a shopper of that standing gets: eligible offers, distributions, draws.
/// The gate says what the limits take away, before the first draw and before
/// each later one. An offer that may not stand in a slot, for a limit, its
/// priority or beside what stands above, keeps its place in the slot's
/// distribution, with probability 0. `odds_of` is given the draws above and what
/// may stand in the slot.
pub fn derive(
    catalog: &Catalog,
    placement: &Placement,
    standing: &Standing,
    judging: Judging<'_>,
    terms: &Terms,
    gate: &mut impl Gate,
    mut odds_of: impl FnMut(&[SlotDraw], &EligibleOffers) -> Odds,
) -> Derived {
    let arm = standing.arm.filter(|_| !standing.holdout).and_then(|arm| {
        let split = catalog.policy(placement.number)?.split()?;
        Some(split.arms().get(arm)?.name.clone())
    });
    let nothing = |kind| Derived {
        kind,
        eligible: None,
        slots: SmallVec::new(),
        arm: arm.clone(),
    };
    if standing.holdout {
        return nothing(DecisionKind::Holdout);
    }
    if placement.offers.is_empty() {
        return nothing(DecisionKind::NoOffer(NoOfferReason::NoneDefined));
    }
    let occasion = Occasion {
        at: terms.evaluated_at,
        segment: standing.segment,
        request: judging.request,
    };
    let by_rule = eligible_at(catalog, placement, judging.index, &occasion);
    let admitted = by_rule.and_then(|by_rule| {
        let refused = gate.refuse(0, &[], &by_rule);
        if refused.is_empty() {
            Some(by_rule)
        } else {
            without(&by_rule, &refused)
        }
    });
    let Some(eligible) = admitted else {
        return nothing(DecisionKind::NoOffer(NoOfferReason::NoneEligible));
    };
    let slots = draw_slots(&eligible, terms.slots, terms.seed, |above, left| {
        let chosen: SmallVec<[OfferNumber; 2]> = above.iter().map(SlotDraw::offer).collect();
        let refused = if above.is_empty() {
            Refused::new()
        } else {
            gate.refuse(above.len(), &chosen, left)
        };
        let admitted = if refused.is_empty() {
            Cow::Borrowed(left)
        } else {
            Cow::Owned(without(left, &refused)?)
        };
        let fitting = if placement.is_ranked {
            fitting(|offer| catalog.offer(offer), &chosen, &admitted)?
        } else {
            Cow::Borrowed(&*admitted)
        };
        let odds = odds_of(above, &fitting);
        Some(if std::ptr::eq(&*fitting, left) {
            odds
        } else {
            odds.widened(&fitting, left)
        })
    });
    Derived {
        kind: DecisionKind::Offers,
        eligible: Some(eligible),
        slots,
        arm,
    }
}

/// The offers but those that were refused; `None` when nothing is left.
fn without(offers: &EligibleOffers, refused: &Refused) -> Option<EligibleOffers> {
    EligibleOffers::new(offers.iter().filter(|offer| !refused.contains(offer))).ok()
}
