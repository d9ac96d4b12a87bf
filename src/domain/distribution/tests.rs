use proptest::prelude::*;

use super::*;

fn eligible(count: u32) -> EligibleOffers {
    EligibleOffers::new((0..count).map(OfferNumber)).unwrap()
}

#[test]
fn a_propensity_is_above_0_and_at_most_1() {
    for bad in [0.0, -0.1, 1.000_001, f64::NAN, f64::INFINITY] {
        assert!(Propensity::new(bad).is_err());
    }
    assert_eq!(Propensity::new(1.0), Ok(Propensity::CERTAIN));
    assert_eq!(
        Propensity::new(2.0).unwrap_err().to_string(),
        "propensity 2 is not in (0, 1]"
    );
}

#[test]
fn eligible_offers_ascend_strictly_and_are_never_none() {
    let numbers = |list: &[u32]| EligibleOffers::new(list.iter().copied().map(OfferNumber));
    assert_eq!(numbers(&[]), Err(NotEligibleOffers::Empty));
    for bad in [[4, 4], [4, 2]] {
        assert!(matches!(
            numbers(&bad),
            Err(NotEligibleOffers::NotAscending { .. })
        ));
    }
    let offers = numbers(&[2, 4, 9]).unwrap();
    assert_eq!(offers.index_of(OfferNumber(9)), Some(2));
    assert_eq!(offers.index_of(OfferNumber(3)), None);
    assert_eq!(offers.without(1), numbers(&[2, 9]).ok());
    assert_eq!(numbers(&[2]).unwrap().without(0), None);
}

#[test]
fn what_is_no_distribution_is_refused() {
    let weights = |list: &[f64]| ActionDistribution::from_weights(list.iter().copied());
    let stored = |list: &[f64]| ActionDistribution::from_stored(list.iter().copied());
    assert_eq!(weights(&[]), Err(NotADistribution::Empty));
    assert_eq!(weights(&[0.0, 0.0]), Err(NotADistribution::BadTotal(0.0)));
    assert!(weights(&[f64::MAX, f64::MAX]).is_err());
    for bad in [-1e-300, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            weights(&[1.0, bad]),
            Err(NotADistribution::BadEntry { index: 1, .. })
        ));
    }
    assert!(stored(&[0.5, 0.5 + 1e-11]).is_err());
    assert!(stored(&[0.5, 0.5 + 1e-13]).is_ok());
}

#[test]
fn the_ends_of_the_unit_interval_draw_what_is_possible() {
    let stored = [0.0, 0.3, 0.0, 0.7 - 1e-13, 0.0];
    let distribution = ActionDistribution::from_stored(stored).unwrap();
    assert_eq!(distribution.draw(0.0), 1);
    assert_eq!(distribution.draw(0.3), 3);
    assert_eq!(distribution.draw(1.0 - f64::EPSILON / 2.0), 3);
    assert_eq!(distribution.propensity(2), None);
}

fn weights() -> impl Strategy<Value = Vec<f64>> {
    let weight = prop_oneof![Just(0.0), 0.0..1.0f64, 1e-12..1e12f64];
    prop::collection::vec(weight, 1..60).prop_filter("something is possible", |list| {
        list.iter().sum::<f64>() > 0.0
    })
}

proptest! {
    #[test]
    fn weights_and_floors_make_distributions(list in weights(), floor in 0.0..0.2f64) {
        let distribution = ActionDistribution::from_weights(list).unwrap();
        let count = distribution.len() as f64;
        let floored = distribution.clone().with_floor(floor);
        let least = floor.min(1.0 / count);
        for (before, after) in distribution.probabilities().iter().zip(floored.probabilities()) {
            prop_assert!(*after >= least);
            prop_assert!(*after <= before.max(1.0 / count) + 1e-15);
        }
        prop_assert!(ActionDistribution::from_stored(Vec::from(floored)).is_ok());
    }

    #[test]
    fn a_draw_inverts_the_cumulative_distribution(list in weights(), uniform in 0.0..1.0f64) {
        let distribution = ActionDistribution::from_weights(list).unwrap();
        let drawn = distribution.draw(uniform);
        let below: f64 = distribution.probabilities()[..drawn].iter().sum();
        prop_assert!(distribution.propensity(drawn).is_some());
        prop_assert!(below <= uniform + 1e-15);
        let upto = below + distribution.probabilities()[drawn];
        prop_assert!(uniform < upto || upto >= 1.0 - SUM_TOLERANCE);
    }

    #[test]
    fn a_distribution_survives_its_stored_form(list in weights()) {
        let distribution = ActionDistribution::from_weights(list).unwrap();
        let bytes = postcard::to_stdvec(&distribution).unwrap();
        let back: ActionDistribution = postcard::from_bytes(&bytes).unwrap();
        prop_assert_eq!(back, distribution);
    }
}

#[test]
fn a_full_floor_is_uniform() {
    let offers = eligible(4);
    let distribution = ActionDistribution::concentrated(&offers, &[2]).with_floor(0.9);
    assert_eq!(distribution, ActionDistribution::uniform(&offers));
}

#[test]
fn slots_take_each_offer_once_and_stop_when_none_is_left() {
    let draws = draw_slots(&eligible(3), 5, DecisionSeed(11), |_, left| {
        Some(ActionDistribution::uniform(left))
    });
    let mut drawn: Vec<u32> = draws.iter().map(|draw| draw.offer().0).collect();
    let shares: Vec<f64> = draws.iter().map(|draw| draw.propensity().get()).collect();
    drawn.sort_unstable();
    assert_eq!(drawn, [0, 1, 2]);
    assert_eq!(shares, [1.0 / 3.0, 0.5, 1.0]);
}

#[test]
fn drawn_slots_do_not_change() {
    let drawn = |seed| -> Vec<u32> {
        draw_slots(&eligible(8), 3, DecisionSeed(seed), |_, left| {
            Some(ActionDistribution::uniform(left))
        })
        .iter()
        .map(|draw| draw.offer().0)
        .collect()
    };
    assert_eq!(drawn(0), [2, 1, 3]);
    assert_eq!(drawn(0x5eed), [6, 1, 4]);
}

#[test]
fn a_widened_distribution_never_falls_on_what_came_in() {
    let these = EligibleOffers::new([1, 3].map(OfferNumber)).unwrap();
    let widened = ActionDistribution::from_weights([1.0, 3.0])
        .unwrap()
        .widened(&these, &eligible(5));
    assert_eq!(widened.probabilities(), [0.0, 0.25, 0.0, 0.75, 0.0]);
    for step in 0..1_000 {
        assert!([1, 3].contains(&widened.draw(f64::from(step) / 1_000.0)));
    }
}

#[test]
fn a_recorded_draw_must_have_been_possible() {
    let stored = ActionDistribution::from_stored([0.0, 1.0]).unwrap();
    let recorded = |count, index| SlotDraw::from_stored(eligible(count), stored.clone(), index);
    assert!(recorded(2, 1).is_ok());
    assert_eq!(recorded(2, 0), Err(NotADraw::Impossible { index: 0 }));
    assert_eq!(recorded(2, 2), Err(NotADraw::Impossible { index: 2 }));
    assert!(matches!(recorded(3, 1), Err(NotADraw::NotAligned { .. })));
}
