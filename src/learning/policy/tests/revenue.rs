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

#[test]
fn nearly_normal_rewards_have_the_posterior_of_the_textbook() {
    let policy = policy(
        "kind = 'thompson_normal'\nprior_mean = 2.0\nprior_weight = 3.0\nprior_shape = 4.0\nprior_deviation = 0.5",
    );
    let rewards = [1.5, -2.0, 4.25, 3.0, 3.0];
    let state = learnt(&policy, &rewards.map(|reward| (1, reward)));
    let Policy::ThompsonNormal(normal) = &policy else {
        panic!("another kind");
    };
    let arm = state.segment(SEGMENT).unwrap().arm(OfferNumber(1));
    let posterior = normal.posterior(&policy.memory().evidence(arm, NOW));
    // One reward after the other, by the rule for a single one.
    let (mut mean, mut weight, mut shape, mut rate) = (2.0, 3.0, 4.0, 4.0 * 0.25);
    for reward in rewards {
        rate += 0.5 * weight / (weight + 1.0) * (reward - mean) * (reward - mean);
        mean = (weight * mean + reward) / (weight + 1.0);
        weight += 1.0;
        shape += 0.5;
    }
    assert!((posterior.location() - mean).abs() < 1e-12);
    assert!((posterior.degrees() - 2.0 * shape).abs() < 1e-12);
    let scale = math::sqrt(rate / (shape * weight));
    assert!((posterior.scale() - scale).abs() < 1e-12);
}

/// Whatever prior and rewards are allowed, there is a distribution.
#[test]
fn normal_rewards_far_beyond_the_prior_are_survived() {
    for deviation in ["1e-9", "1.0", "1e12"] {
        let policy = policy(&format!(
            "kind = 'thompson_normal'\nprior_weight = 0.01\nprior_deviation = {deviation}"
        ));
        let far = 1.0e12;
        for rewards in [
            vec![(1, far)],
            vec![(1, far), (2, -far), (3, 1e-9)],
            vec![(1, far); 50],
        ] {
            let state = learnt(&policy, &rewards);
            let all = probabilities(&policy, &state, &offers(&[1, 2, 3, 4]));
            assert!((all.iter().sum::<f64>() - 1.0).abs() <= 1e-12, "{all:?}");
        }
    }
}

/// Squares that nobody kept are those of rewards with the prior's variance.
#[test]
fn normal_rewards_go_on_from_counts_and_sums() {
    let before = policy("kind = 'epsilon_greedy'");
    let normal = policy("kind = 'thompson_normal'\nprior_deviation = 2.0");
    let mut state = learnt(&before, &[(1, 5.0), (1, 7.0), (2, 1.0)]);
    let adopted = normal.adopt(&mut state, &before, NOW);
    assert_eq!((adopted.arms_kept, adopted.arms_settled), (2, 0));
    let squares = |state: &PolicyState| {
        let arm = state.segment(SEGMENT).unwrap().arm(OfferNumber(1));
        normal.memory().evidence(arm, NOW).squares
    };
    assert_eq!(squares(&state), 72.0 + 2.0 * 4.0);
    // Going back keeps none.
    before.adopt(&mut state, &normal, NOW);
    assert_eq!(squares(&state), 0.0);
}
