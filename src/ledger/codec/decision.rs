//! Decisions in the stored format.

use smallvec::SmallVec;
use uuid::Uuid;

use super::{DecodeError, hold, sixteen, sixteen_or_none, stored};
use crate::domain::decision::{ConcurrencyRefusal, DecisionKind, DecisionRecord, NoOfferReason};
use crate::domain::distribution::{ActionDistribution, EligibleOffers, SlotDraw};
use crate::domain::ids::{
    CatalogVersion, LimitNumber, OfferNumber, PlacementNumber, Position, SegmentNumber,
};
use crate::domain::keys::{ReloadKey, SubjectNumber, VisitKey};
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;

pub(super) fn to_stored(record: &DecisionRecord) -> stored::Decision {
    let (kind, no_offer_reason) = kind_to_stored(record.kind);
    stored::Decision {
        request_id: record.request_id.as_bytes().to_vec(),
        request_fingerprint: record.request_fingerprint,
        evaluated_at_ms: record.evaluated_at.unix_ms(),
        snapshot_position: record.snapshot_position.0,
        catalog_version: record.catalog_version.0,
        seed: record.seed.0,
        placement: record.placement.0,
        kind: kind.into(),
        no_offer_reason: no_offer_reason.into(),
        segment: record.segment.0,
        unpersonalized: record.unpersonalized,
        test: record.test,
        slots_requested: record.slots_requested,
        eligible_offer_steps: record.eligible.as_ref().map(steps).unwrap_or_default(),
        slots: record.slots.iter().map(slot_to_stored).collect(),
        refusals: record
            .refusals
            .iter()
            .map(|refusal| stored::decision::Refusal {
                offer: refusal.offer.0,
                code: refusal.code.clone(),
                limit: refusal.limit.map(|limit| limit.0),
                slot: refusal.slot,
            })
            .collect(),
        features: record.features.clone(),
        visit: record
            .visit
            .map(|visit| visit.0.to_vec())
            .unwrap_or_default(),
        reload_key: record
            .reload_key
            .map(|key| key.0.to_vec())
            .unwrap_or_default(),
        subject: record.subject.0,
        sealed: record.sealed.clone(),
        holds: record.holds.iter().map(hold::to_stored).collect(),
        arm: record.arm.as_deref().unwrap_or_default().to_owned(),
        lifts: record.lifts.clone(),
    }
}

pub(super) fn from_stored(decision: stored::Decision) -> Result<DecisionRecord, DecodeError> {
    let kind = kind_from_stored(&decision)?;
    let eligible = eligible_from_steps(&decision.eligible_offer_steps)?;
    let slots = slots_from_stored(eligible.as_ref(), decision.slots)?;
    if (kind == DecisionKind::Offers) == slots.is_empty() {
        return Err(DecodeError::field(
            "decision.slots",
            format!("{} slots", slots.len()),
            "slots exactly when there are offers",
        ));
    }
    Ok(DecisionRecord {
        request_id: Uuid::from_bytes(sixteen("decision.request_id", &decision.request_id)?),
        request_fingerprint: decision.request_fingerprint,
        evaluated_at: Instant::from_unix_ms(decision.evaluated_at_ms),
        snapshot_position: Position(decision.snapshot_position),
        catalog_version: CatalogVersion(decision.catalog_version),
        seed: DecisionSeed(decision.seed),
        placement: PlacementNumber(decision.placement),
        kind,
        segment: SegmentNumber(decision.segment),
        arm: (!decision.arm.is_empty()).then(|| decision.arm.into()),
        unpersonalized: decision.unpersonalized,
        test: decision.test,
        slots_requested: decision.slots_requested,
        eligible,
        slots,
        refusals: decision
            .refusals
            .into_iter()
            .map(|refusal| ConcurrencyRefusal {
                offer: OfferNumber(refusal.offer),
                code: refusal.code,
                limit: refusal.limit.map(LimitNumber),
                slot: refusal.slot,
            })
            .collect(),
        holds: decision
            .holds
            .into_iter()
            .map(hold::from_stored)
            .collect::<Result<_, _>>()?,
        features: decision.features,
        visit: sixteen_or_none("decision.visit", &decision.visit)?.map(VisitKey),
        lifts: decision.lifts,
        reload_key: sixteen_or_none("decision.reload_key", &decision.reload_key)?.map(ReloadKey),
        subject: SubjectNumber(decision.subject),
        sealed: decision.sealed,
    })
}

const fn kind_to_stored(
    kind: DecisionKind,
) -> (stored::decision::Kind, stored::decision::NoOfferReason) {
    use stored::decision::{Kind, NoOfferReason as Reason};
    match kind {
        DecisionKind::Offers => (Kind::Offers, Reason::Unspecified),
        DecisionKind::Holdout => (Kind::Holdout, Reason::Unspecified),
        DecisionKind::NoOffer(NoOfferReason::NoneDefined) => (Kind::NoOffer, Reason::NoneDefined),
        DecisionKind::NoOffer(NoOfferReason::NoneEligible) => (Kind::NoOffer, Reason::NoneEligible),
    }
}

fn kind_from_stored(decision: &stored::Decision) -> Result<DecisionKind, DecodeError> {
    use stored::decision::{Kind, NoOfferReason as Reason};
    match (decision.kind(), decision.no_offer_reason()) {
        (Kind::Offers, Reason::Unspecified) => Ok(DecisionKind::Offers),
        (Kind::Holdout, Reason::Unspecified) => Ok(DecisionKind::Holdout),
        (Kind::NoOffer, Reason::NoneDefined) => {
            Ok(DecisionKind::NoOffer(NoOfferReason::NoneDefined))
        }
        (Kind::NoOffer, Reason::NoneEligible) => {
            Ok(DecisionKind::NoOffer(NoOfferReason::NoneEligible))
        }
        _ => Err(DecodeError::field(
            "decision.kind",
            format!("{} with reason {}", decision.kind, decision.no_offer_reason),
            "a kind of this schema with the reason that belongs to it",
        )),
    }
}

/// The first number, then each one's distance to the one before.
fn steps(eligible: &EligibleOffers) -> Vec<u32> {
    let mut before = 0;
    eligible
        .iter()
        .map(|offer| {
            let step = offer.0 - before;
            before = offer.0;
            step
        })
        .collect()
}

fn eligible_from_steps(steps: &[u32]) -> Result<Option<EligibleOffers>, DecodeError> {
    if steps.is_empty() {
        return Ok(None);
    }
    let bad = |value: String| {
        DecodeError::field(
            "decision.eligible_offer_steps",
            value,
            "ascending offer numbers",
        )
    };
    let mut numbers: SmallVec<[OfferNumber; 16]> = SmallVec::with_capacity(steps.len());
    let mut number = 0_u32;
    for step in steps {
        number = number
            .checked_add(*step)
            .ok_or_else(|| bad(format!("{number} + {step}")))?;
        numbers.push(OfferNumber(number));
    }
    EligibleOffers::new(numbers)
        .map(Some)
        .map_err(|error| bad(error.to_string()))
}

/// From so many offers on runs of the same probability are written as such, where
/// that is shorter.
const RUNS_FROM_OFFERS: usize = 32;

#[allow(clippy::cast_possible_truncation)] // fewer than 2^32 offers
fn slot_to_stored(draw: &SlotDraw) -> stored::decision::Slot {
    let chosen = draw.index() as u32;
    let probabilities = draw.distribution().probabilities();
    let same = |one: &f64, other: &f64| one.to_bits() == other.to_bits();
    let runs = || probabilities.chunk_by(same);
    if probabilities.len() < RUNS_FROM_OFFERS || 2 * runs().count() > probabilities.len() {
        return stored::decision::Slot {
            chosen,
            probabilities: probabilities.to_vec(),
            ..stored::decision::Slot::default()
        };
    }
    stored::decision::Slot {
        chosen,
        probabilities: Vec::new(),
        run_probabilities: runs().map(|run| run[0]).collect(),
        run_lengths: runs().map(|run| run.len() as u32).collect(),
    }
}

/// One probability for each of so many offers.
fn probabilities_from_stored(
    slot: &stored::decision::Slot,
    offers: usize,
) -> Result<Vec<f64>, DecodeError> {
    if slot.run_lengths.is_empty() && slot.run_probabilities.is_empty() {
        return Ok(slot.probabilities.clone());
    }
    let lengths = slot.run_lengths.iter().map(|length| u64::from(*length));
    let fits = lengths.sum::<u64>() == offers as u64
        && slot.run_lengths.len() == slot.run_probabilities.len()
        && slot.probabilities.is_empty();
    if !fits {
        return Err(DecodeError::field(
            "decision.slots.run_lengths",
            format!("{} runs for {offers} offers", slot.run_lengths.len()),
            "runs that cover the offers, and nothing beside them",
        ));
    }
    let runs = slot.run_probabilities.iter().zip(&slot.run_lengths);
    Ok(runs
        .flat_map(|(probability, length)| std::iter::repeat_n(*probability, *length as usize))
        .collect())
}

fn slots_from_stored(
    eligible: Option<&EligibleOffers>,
    slots: Vec<stored::decision::Slot>,
) -> Result<SmallVec<[SlotDraw; 2]>, DecodeError> {
    let mut left = eligible.cloned();
    let mut draws = SmallVec::with_capacity(slots.len());
    for slot in slots {
        let offers = left.take().ok_or_else(|| {
            DecodeError::field(
                "decision.slots",
                "another slot",
                "no more slots than offers",
            )
        })?;
        let probabilities = probabilities_from_stored(&slot, offers.len())?;
        let distribution = ActionDistribution::from_stored(probabilities).map_err(|error| {
            DecodeError::field("decision.slots.probabilities", error, "a distribution")
        })?;
        let draw = SlotDraw::from_stored(offers, distribution, slot.chosen as usize)
            .map_err(|error| DecodeError::field("decision.slots", error, "a draw"))?;
        left = draw.eligible().without(draw.index());
        draws.push(draw);
    }
    Ok(draws)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(weights: impl IntoIterator<Item = f64>) -> (EligibleOffers, SlotDraw) {
        let distribution = ActionDistribution::from_weights(weights).expect("weights");
        let offers = (0..u32::try_from(distribution.len()).expect("few")).map(OfferNumber);
        let offers = EligibleOffers::new(offers).expect("offers");
        let draw = SlotDraw::new(offers.clone(), distribution.into(), 0.4);
        (offers, draw)
    }

    #[test]
    fn thousands_of_like_probabilities_take_a_few_bytes_and_keep_their_bits() {
        let some_learnt = |place: u32| if place % 1_000 == 7 { 1e4 } else { 1.0 };
        for (weights, most_bytes) in [
            ((0..5_000).map(some_learnt).collect::<Vec<_>>(), 200),
            (vec![1.0; 5_000], 30),
            ((0..100).map(f64::from).collect(), 900),
            (vec![1.0; 8], 100),
        ] {
            let (offers, draw) = slot(weights);
            let stored = slot_to_stored(&draw);
            let bytes = prost::Message::encoded_len(&stored);
            assert!(
                bytes <= most_bytes,
                "{bytes} bytes for {} offers",
                offers.len()
            );
            let read = slots_from_stored(Some(&offers), vec![stored]).expect("a draw");
            assert_eq!(read.as_slice(), [draw]);
        }
    }

    #[test]
    fn runs_that_are_not_of_the_offers_are_refused() {
        let (offers, draw) = slot(vec![1.0; 100]);
        for spoil in [
            |slot: &mut stored::decision::Slot| slot.run_lengths[0] = u32::MAX,
            |slot: &mut stored::decision::Slot| slot.run_lengths.push(0),
            |slot: &mut stored::decision::Slot| slot.run_lengths.clear(),
            |slot: &mut stored::decision::Slot| slot.probabilities.push(1.0),
        ] {
            let mut stored = slot_to_stored(&draw);
            spoil(&mut stored);
            assert!(slots_from_stored(Some(&offers), vec![stored]).is_err());
        }
    }
}
