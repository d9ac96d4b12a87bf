//! Thompson sampling for money per decision.

use super::*;

#[test]
fn a_mean_value_is_weighted_with_its_prior() {
    let policy = policy(
        "kind = 'thompson_revenue'\nvalue_shape = 2.0\nprior_value = 50.0\nprior_value_weight = 3.0",
    );
    let state = learnt(&policy, &[(1, 0.0), (1, 120.0), (1, 0.0), (1, 80.0)]);
    let summary = policy.summary(&state, SEGMENT, &offers(&[1, 2]), NOW);
    // Beta(1 + 2, 1 + 2), and (3 · 50 + 200) / (3 + 2) a conversion.
    let estimate = summary[0].estimate.unwrap();
    assert!((estimate - 0.5 * 70.0).abs() < 1e-12, "{estimate}");
    assert!((summary[1].estimate.unwrap() - 25.0).abs() < 1e-12);
    let arm = state.segment(SEGMENT).unwrap().arm(OfferNumber(1)).unwrap();
    assert_eq!((arm.pulls(), arm.earning()), (4, 2));
}

/// In whatever currency unit the same is earned, the same is chosen.
#[test]
fn the_unit_of_money_does_not_matter() {
    let in_unit = |unit: f64| {
        let policy = policy(&format!(
            "kind = 'thompson_revenue'\nprior_value = {}",
            40.0 * unit
        ));
        let earned = [(1, 0.0), (1, 60.0), (2, 0.0), (2, 0.0), (2, 35.0), (3, 0.0)];
        let rewards = earned.map(|(offer, reward)| (offer, reward * unit));
        probabilities(&policy, &learnt(&policy, &rewards), &offers(&[1, 2, 3, 4]))
    };
    let (cents, whole) = (in_unit(100.0), in_unit(1.0));
    for (one, other) in cents.iter().zip(&whole) {
        assert!((one - other).abs() < 1e-6, "{cents:?} {whole:?}");
    }
}

#[test]
fn a_refund_takes_a_conversion_back() {
    let policy = policy("kind = 'thompson_revenue'");
    let mut state = PolicyState::new();
    let receipt = policy
        .learn(&mut state, &rewarded(1, 99.0))
        .unwrap()
        .receipt;
    policy.learn(&mut state, &rewarded(1, 3.0)).unwrap();
    policy
        .correct(&mut state, &rewarded(1, 99.0), receipt, 0.0)
        .unwrap();
    assert_eq!(
        canonical(&state),
        canonical(&learnt(&policy, &[(1, 0.0), (1, 3.0)]))
    );
}

#[test]
fn a_winsor_counts_what_is_larger_as_the_largest() {
    let policy = policy("kind = 'thompson_revenue'\nlargest_value = 500.0\noutside = 'clip'");
    let state = learnt(&policy, &[(1, 1e9)]);
    let arm = state.segment(SEGMENT).unwrap().arm(OfferNumber(1)).unwrap();
    assert_eq!((arm.reward_sum(), arm.earning()), (500.0, 1));
}
