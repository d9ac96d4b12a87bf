//! Softmax, UCB1, KL-UCB, IMED and tempered Thompson sampling against closed
//! forms.

use super::*;

/// Three arms: 40 of 100, 45 of 100, 3 of 10.
fn three_arms(policy: &Policy) -> PolicyState {
    let mut rewards = Vec::new();
    for (offer, successes, pulls) in [(1, 40, 100), (2, 45, 100), (3, 3, 10)] {
        rewards.extend((0..pulls).map(|pull| (offer, f64::from(u8::from(pull < successes)))));
    }
    learnt(policy, &rewards)
}

fn largest(policy: &Policy, state: &PolicyState) -> usize {
    let all = probabilities(policy, state, &offers(&[1, 2, 3]));
    assert_eq!(all.iter().filter(|p| **p > 0.0).count(), 1, "{all:?}");
    all.iter().position(|p| *p == 1.0).unwrap()
}

#[test]
fn softmax_weighs_by_the_exponential_of_the_mean() {
    let policy = policy("kind = 'softmax'\ntemperature = 0.05");
    let state = three_arms(&policy);
    let all = probabilities(&policy, &state, &offers(&[1, 2, 3]));
    assert!((all[1] / all[0] - math::exp(1.0)).abs() < 1e-12, "{all:?}");
    assert!((all[1] / all[2] - math::exp(3.0)).abs() < 1e-12, "{all:?}");
}

#[test]
fn softmax_cools_with_what_the_segment_has_learnt() {
    let policy = policy(
        "kind = 'softmax'\ntemperature = { schedule = 'inverse', start = 1.0, scale = 1.0, minimum = 0.25 }",
    );
    let eligible = offers(&[1, 2]);
    let ratio = |rewards: &[(u32, f64)]| {
        let all = probabilities(&policy, &learnt(&policy, rewards), &eligible);
        math::ln(all[0] / all[1])
    };
    assert!((ratio(&[(1, 1.0)]) - 2.0).abs() < 1e-12);
    // 1 / (1 + 9) is below the minimum.
    assert!((ratio(&[(1, 1.0); 9]) - 4.0).abs() < 1e-12);
}

#[test]
fn softmax_survives_rewards_of_any_size() {
    let policy = policy("kind = 'softmax'\ntemperature = 1e-9");
    let state = learnt(&policy, &[(1, 4e15), (2, -4e15)]);
    assert_eq!(probabilities(&policy, &state, &offers(&[1, 2])), [1.0, 0.0]);
}

#[test]
fn an_index_policy_looks_at_what_it_has_not_seen_first() {
    for kind in ["ucb1", "kl_ucb", "imed"] {
        let policy = policy(&format!("kind = '{kind}'"));
        let state = three_arms(&policy);
        let all = probabilities(&policy, &state, &offers(&[1, 2, 7, 9]));
        assert_eq!(all, [0.0, 0.0, 0.5, 0.5], "{kind}");
        let fresh = probabilities(&policy, &PolicyState::new(), &offers(&[1, 2]));
        assert_eq!(fresh, [0.5, 0.5], "{kind}");
        let summary = policy.summary(&state, SEGMENT, &offers(&[2, 9]), NOW);
        assert_eq!(
            (summary[0].estimate, summary[1].estimate),
            (Some(0.45), None)
        );
    }
}

#[test]
fn ucb1_adds_the_root_of_what_is_open() {
    // With n = 210 the bonuses are √(c ln 210 / nᵢ): the third arm's mean is
    // 0.15 behind and its bonus √c · (0.731 − 0.231) ahead of the second's.
    let narrow = policy("kind = 'ucb1'\nexploration = 0.08");
    assert_eq!(largest(&narrow, &three_arms(&narrow)), 1);
    let wide = policy("kind = 'ucb1'\nexploration = 0.1");
    assert_eq!(largest(&wide, &three_arms(&wide)), 2);
}

#[test]
fn kl_ucb_prefers_the_arm_that_is_not_ruled_out() {
    let time = policy("kind = 'kl_ucb'");
    assert_eq!(largest(&time, &three_arms(&time)), 2);
    let little = policy("kind = 'kl_ucb'\nexploration = 0.01");
    assert_eq!(largest(&little, &three_arms(&little)), 1);
    // Nearly certain arms keep an index below 1 and apart from each other.
    let state = learnt(&time, &[(1, 1.0), (2, 1.0), (2, 1.0), (3, 0.0)]);
    assert_eq!(
        probabilities(&time, &state, &offers(&[1, 2, 3])),
        [0.5, 0.5, 0.0]
    );
}

#[test]
fn imed_takes_the_smallest_of_cost_and_count() {
    // ln 100 = 4.61 for the best; 100 · kl(0.4, 0.45) + ln 100 = 5.11 for the
    // first; 10 · kl(0.3, 0.45) + ln 10 = 2.78 for the third.
    let policy = policy("kind = 'imed'");
    let state = three_arms(&policy);
    assert_eq!(largest(&policy, &state), 2);
    let all = probabilities(&policy, &state, &offers(&[1, 2]));
    assert_eq!(all, [0.0, 1.0]);
    // Nothing earned yet: the least pulled first.
    let zeros = learnt(&policy, &[(1, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)]);
    assert_eq!(
        probabilities(&policy, &zeros, &offers(&[1, 2, 3])),
        [0.0, 0.5, 0.5]
    );
}

#[test]
fn tempered_thompson_is_thompson_on_multiplied_counts() {
    let tempered = policy("kind = 'tempered_thompson'\nsharpness = 3.0\nprior_failures = 2.0");
    let plain = policy("kind = 'thompson_beta'\nprior_failures = 2.0");
    let thrice: Vec<(u32, f64)> = HISTORY.iter().flat_map(|pair| [*pair; 3]).collect();
    let eligible = offers(&[1, 2, 4, 9, 30]);
    assert_eq!(
        probabilities(&tempered, &learnt(&tempered, &HISTORY), &eligible),
        probabilities(&plain, &learnt(&plain, &thrice), &eligible)
    );
    let same = policy("kind = 'tempered_thompson'\nsharpness = 1.0");
    let thompson = policy("kind = 'thompson_beta'");
    assert_eq!(
        probabilities(&same, &learnt(&same, &HISTORY), &eligible),
        probabilities(&thompson, &learnt(&thompson, &HISTORY), &eligible)
    );
}
