//! Thompson sampling for counts.

use super::*;

#[test]
fn counts_sharpen_a_gamma_posterior() {
    let policy = policy("kind = 'thompson_poisson'\nprior_count = 2.0\nprior_decisions = 0.5");
    let state = learnt(&policy, &[(1, 3.0), (1, 0.0), (1, 4.0)]);
    let summary = policy.summary(&state, SEGMENT, &offers(&[1, 2]), NOW);
    assert_eq!(summary[0].estimate, Some(9.0 / 3.5));
    assert_eq!(summary[1].estimate, Some(4.0));
    let interval = summary[0].posterior.unwrap();
    assert!(interval.lower < 9.0 / 3.5 && interval.upper > 9.0 / 3.5);
}

/// Two arms whose posteriors are Gamma(1 + S, 1 + n): the first is larger with
/// the probability of a Beta variable, here Beta(1, 1) > 3/4.
#[test]
fn two_exponential_posteriors_have_a_closed_form() {
    let policy = policy("kind = 'thompson_poisson'");
    let state = learnt(&policy, &[(1, 0.0), (1, 0.0)]);
    let all = probabilities(&policy, &state, &offers(&[1, 2]));
    assert!((all[0] - 0.25).abs() < 1e-7, "{all:?}");
}

#[test]
fn what_is_no_count_is_refused_or_clipped() {
    let strict = policy("kind = 'thompson_poisson'\nlargest_count = 50.0");
    let mut state = PolicyState::new();
    for reward in [-1.0, 50.5, f64::NAN] {
        assert!(strict.learn(&mut state, &rewarded(1, reward)).is_err());
    }
    assert_eq!(state, PolicyState::new());
    let lenient = policy("kind = 'thompson_poisson'\nlargest_count = 50.0\noutside = 'clip'");
    assert!(
        lenient
            .learn(&mut state, &rewarded(1, 80.0))
            .unwrap()
            .clipped
    );
    assert_eq!(
        lenient.summary(&state, SEGMENT, &offers(&[1]), NOW)[0].mean,
        Some(50.0)
    );
}

/// An arm that may hold a negative sum starts anew: its posterior would have
/// no shape.
#[test]
fn only_counts_are_taken_over() {
    let counts = policy("kind = 'thompson_poisson'");
    let uniform = policy("kind = 'uniform'");
    let mut state = learnt(&uniform, &[(1, -5.0), (2, 1.0), (2, 0.0)]);
    let adopted = counts.adopt(&mut state, &uniform, NOW);
    assert_eq!((adopted.arms_kept, adopted.arms_reset), (1, 1));
    counts.learn(&mut state, &rewarded(2, 7.0)).unwrap();
    let other = policy("kind = 'thompson_poisson'\nprior_count = 3.0");
    let adopted = other.adopt(&mut state, &counts, NOW);
    assert_eq!((adopted.arms_kept, adopted.arms_reset), (2, 0));
}
