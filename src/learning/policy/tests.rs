mod contextual;
mod counts;
mod memory;
mod propensities;
mod index;
mod revenue;
mod sessions;

use proptest::prelude::*;

use super::*;
use crate::domain::distribution::{Propensity, SUM_TOLERANCE};
use crate::domain::math;
use crate::domain::time::Span;
use crate::learning::memory::Evidence;

const SEGMENT: SegmentNumber = SegmentNumber(3);

/// When everything happens that happens at no other time.
const NOW: Instant = Instant::from_unix_ms(0);

/// A policy from its TOML; offer "o7" has the number 7.
fn policy(text: &str) -> Policy {
    let config: PolicyConfig = toml::from_str(text).unwrap();
    let number = |name: &str| name.strip_prefix('o')?.parse().ok().map(OfferNumber);
    Policy::check(&config, number).unwrap()
}

fn every_policy() -> Vec<Policy> {
    [
        "kind = 'uniform'",
        "kind = 'fixed'\npreference = ['o9', 'o2']\nexploration_floor = 0.05",
        "kind = 'epsilon_greedy'\nreward = { min = 0.0, max = 1.0 }",
        "kind = 'epsilon_greedy'\nstep = 0.2\ninitial_value = 1.0\nepsilon = { schedule = 'inverse', scale = 5.0 }",
        "kind = 'thompson_beta'",
        "kind = 'thompson_beta'\nprior_failures = 9.0\nexploration_floor = 0.02",
        "kind = 'softmax'\nreward = { min = 0.0, max = 1.0 }",
        "kind = 'ucb1'",
        "kind = 'kl_ucb'\nbonus = 'time_per_pull'\nexploration_floor = 0.01",
        "kind = 'imed'",
        "kind = 'tempered_thompson'",
        "kind = 'pooled_thompson'\nprior_failures = 4.0",
        "kind = 'thompson_poisson'\nprior_decisions = 4.0",
        "kind = 'thompson_revenue'\nprior_failures = 4.0",
        "kind = 'thompson_normal'\nprior_mean = 0.2\nprior_deviation = 0.5",
        "kind = 'information_directed'\nexploration_floor = 0.01",
    ]
    .map(policy)
    .to_vec()
}

fn offers(numbers: &[u32]) -> EligibleOffers {
    EligibleOffers::new(numbers.iter().copied().map(OfferNumber)).unwrap()
}

fn context() -> Context<'static> {
    Context {
        segment: SEGMENT,
        features: &[],
        seed: DecisionSeed(0),
        decided_at: NOW,
    }
}

fn rewarded(offer: u32, reward: f64) -> RewardedDecision<'static> {
    RewardedDecision {
        segment: SEGMENT,
        offer: OfferNumber(offer),
        features: &[],
        propensity: Propensity::CERTAIN,
        decided_at: NOW,
        reward,
    }
}

fn learnt(policy: &Policy, rewards: &[(u32, f64)]) -> PolicyState {
    let mut state = PolicyState::new();
    for (offer, reward) in rewards {
        policy
            .learn(&mut state, &rewarded(*offer, *reward))
            .unwrap();
    }
    state
}

fn canonical(state: &PolicyState) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.write_canonical(&mut |part| bytes.extend_from_slice(part));
    bytes
}

fn probabilities(policy: &Policy, state: &PolicyState, eligible: &EligibleOffers) -> Vec<f64> {
    policy
        .distribution(state, &context(), eligible)
        .probabilities()
        .to_vec()
}

/// Some rewards over four offers, with a tie between 1 and 2.
const HISTORY: [(u32, f64); 9] = [
    (1, 1.0),
    (2, 0.0),
    (1, 0.0),
    (9, 0.0),
    (2, 1.0),
    (9, 0.0),
    (9, 1.0),
    (4, 0.0),
    (9, 0.0),
];

#[test]
fn golden_distributions() {
    let eligible = offers(&[1, 2, 4, 9, 30]);
    let bits: Vec<String> = every_policy()
        .iter()
        .map(|policy| {
            let state = learnt(policy, &HISTORY);
            let all = probabilities(policy, &state, &eligible);
            let words: Vec<String> = all
                .iter()
                .map(|p| format!("{:016x}", p.to_bits()))
                .collect();
            words.join(" ")
        })
        .collect();
    let golden: [&str; 16] = [
        "3fc999999999999a 3fc999999999999a 3fc999999999999a 3fc999999999999a 3fc999999999999a",
        "3fa999999999999a 3fa999999999999a 3fa999999999999a 3fe999999999999a 3fa999999999999a",
        "3fde147ae147ae15 3fde147ae147ae15 3f947ae147ae147b 3f947ae147ae147b 3f947ae147ae147b",
        "3fb2492492492492 3fb2492492492492 3fb2492492492492 3fb2492492492492 3fe6db6db6db6db7",
        "3fd0507964ae6686 3fd0507964ae6686 3fba4c8d8418f66e 3fae592b6534d1aa 3fd500c468f65b22",
        "3fd255dd3b39e3d4 3fd255dd3b39e3d4 3fb9b8b55e8a9c77 3fca5e62b0da106f 3fbedb9b65f2240b",
        "3fde8a6e8ce4a462 3fde8a6e8ce4a462 3f6a57101dd1f306 3fa40e352dfb7b75 3f6a57101dd1f306",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "3f847ae147ae147b 3f847ae147ae147b 3f847ae147ae147b 3f847ae147ae147b 3feeb851eb851eb8",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "3fd0f765f49b6864 3fd0f765f49b6864 3fb2474ac33b6e3a 3fa6161537bc2f15 3fd6bc9ebf02cdc6",
        "3fd0ea5d7870b391 3fd0ea5d7870b391 3fc124e586675055 3fc45dbf3b137c29 3fc6d3e55cc2653e",
        "3fd206bf66f4a5ff 3fd206bf66f4a5ff 3fbce320dd8b19a7 3fc35c8bc497c44f 3fc616e630d016e1",
        "3fd20b6a5974fce4 3fd20b6a5974fce4 3fbbb14a1242b069 3fc82cc1570bf31c 3fc1ccf039fec120",
        "3fd20d0da93857f3 3fd20d0da93857f3 3fb80b1c5ee5112f 3fb81501041b76e2 3fcfbbbaa99e5c2b",
        "3f847ae147ae147b 3f847ae147ae147b 3f847ae147ae147b 3f847ae147ae147b 3feeb851eb851eb8",
    ];
    assert_eq!(bits, golden);
}

#[test]
fn the_canonical_form_does_not_change() {
    let hash = |policy: &Policy| {
        let bytes = canonical(&learnt(policy, &HISTORY));
        blake3::hash(&bytes).to_hex()[..16].to_string()
    };
    let hashes: Vec<String> = every_policy().iter().map(hash).collect();
    // Counts and sums are the same to all; a constant step has values too, and
    // normal rewards have squares.
    let (counts, values) = ("259ba2e88dc6d5b5", "005cb0bdfa5e4447");
    let squares = "52d10924c6fdeddb";
    for (place, hash) in hashes.iter().enumerate() {
        let expected = match place {
            3 => values,
            14 => squares,
            _ => counts,
        };
        assert_eq!(hash, expected, "{}", every_policy()[place].kind());
    }
}

#[test]
fn epsilon_greedy_shares_the_greedy_part_among_the_best() {
    let policy = policy("kind = 'epsilon_greedy'\nepsilon = 0.2");
    let state = learnt(&policy, &HISTORY);
    // 1 and 2 have the mean 0.5, 9 has 0.25, 4 and 30 have 0.
    let all = probabilities(&policy, &state, &offers(&[1, 2, 4, 9, 30]));
    let expected = [0.44, 0.44, 0.04, 0.04, 0.04];
    for (probability, expected) in all.iter().zip(expected) {
        assert!((probability - expected).abs() < 1e-15, "{all:?}");
    }
    let rest = probabilities(&policy, &state, &offers(&[4, 9]));
    assert!((rest[1] - 0.9).abs() < 1e-15, "{rest:?}");
}

#[test]
fn an_optimistic_start_tries_every_offer_first() {
    let policy = policy("kind = 'epsilon_greedy'\nepsilon = 0.0\ninitial_value = 2.0");
    let state = learnt(&policy, &[(1, 1.0)]);
    let all = probabilities(&policy, &state, &offers(&[1, 2, 3]));
    assert_eq!(all, [0.0, 0.5, 0.5]);
}

#[test]
fn epsilon_falls_with_what_the_segment_has_learnt() {
    for (schedule, after_three) in [
        ("inverse", 0.25),
        ("inverse_sqrt", 0.5),
        ("exponential", 0.125),
    ] {
        let policy = policy(&format!(
            "kind = 'epsilon_greedy'\nepsilon = {{ schedule = '{schedule}', scale = 1.0, minimum = 0.2 }}"
        ));
        let eligible = offers(&[1, 2]);
        let fresh = probabilities(&policy, &PolicyState::new(), &eligible);
        assert_eq!(fresh, [0.5, 0.5]);
        let state = learnt(&policy, &[(1, 1.0), (1, 1.0), (2, 0.0)]);
        let worse = probabilities(&policy, &state, &eligible)[1];
        let epsilon = f64::max(after_three, 0.2);
        assert!((worse - epsilon / 2.0).abs() < 1e-15, "{schedule}: {worse}");
    }
}

#[test]
fn fixed_takes_the_first_of_its_list_that_is_eligible() {
    let policy = policy("kind = 'fixed'\npreference = ['o9', 'o2']");
    let state = PolicyState::new();
    assert_eq!(probabilities(&policy, &state, &offers(&[2, 9])), [0.0, 1.0]);
    assert_eq!(probabilities(&policy, &state, &offers(&[1, 2])), [0.0, 1.0]);
    assert_eq!(probabilities(&policy, &state, &offers(&[1, 3])), [0.5, 0.5]);
}

#[test]
fn thompson_sampling_matches_the_closed_form_for_two_arms() {
    // P(Beta(3, 1) > Beta(1, 2)) = ∫ 3x² (1 − (1 − x)²) dx = 3/2 − 3/5.
    let policy = policy("kind = 'thompson_beta'");
    let state = learnt(&policy, &[(1, 1.0), (1, 1.0), (2, 0.0)]);
    let all = probabilities(&policy, &state, &offers(&[1, 2]));
    assert!((all[0] - 0.9).abs() < 1e-7, "{all:?}");
}

#[test]
fn segments_learn_apart() {
    let policy = policy("kind = 'thompson_beta'");
    let mut state = learnt(&policy, &HISTORY);
    let before = canonical(&state);
    let elsewhere = RewardedDecision {
        segment: SegmentNumber(4),
        ..rewarded(1, 1.0)
    };
    let eligible = offers(&[1, 2]);
    let here = probabilities(&policy, &state, &eligible);
    policy.learn(&mut state, &elsewhere).unwrap();
    assert_eq!(probabilities(&policy, &state, &eligible), here);
    assert_ne!(canonical(&state), before);
}

#[test]
fn a_bad_reward_changes_nothing() {
    for policy in every_policy() {
        let mut state = learnt(&policy, &HISTORY);
        let before = canonical(&state);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert!(policy.learn(&mut state, &rewarded(1, bad)).is_err());
            let receipt = Receipt {
                epoch: 0,
                ordinal: 1,
                split: 0,
            };
            let corrected = policy.correct(&mut state, &rewarded(1, 1.0), receipt, bad);
            assert!(corrected.is_err());
        }
        assert_eq!(canonical(&state), before);
    }
}

#[test]
fn clipped_rewards_are_counted_and_the_count_is_reversible() {
    let policy = policy("kind = 'thompson_beta'\noutside = 'clip'");
    let mut state = learnt(&policy, &[(1, 1.0)]);
    let first = policy.learn(&mut state, &rewarded(1, 7.0)).unwrap();
    assert!(first.clipped);
    assert_eq!(state.segment(SEGMENT).unwrap().clipped(), 1);
    assert_eq!(state.segment(SEGMENT).unwrap().arms()[0].reward_sum(), 2.0);
    let done = policy.correct(&mut state, &rewarded(1, 7.0), first.receipt, 0.0);
    assert_eq!(done, Ok(Correction::Corrected { clipped: false }));
    assert_eq!(state, learnt(&policy, &[(1, 1.0), (1, 0.0)]));
}

#[test]
fn a_reset_forgets_what_it_names_and_ends_its_receipts() {
    let policy = policy("kind = 'thompson_beta'");
    let mut state = learnt(&policy, &HISTORY);
    let kept = policy.learn(&mut state, &rewarded(2, 1.0)).unwrap().receipt;
    let lost = policy.learn(&mut state, &rewarded(1, 1.0)).unwrap().receipt;
    state.reset(Some(SEGMENT), Some(OfferNumber(1)));
    let segment = state.segment(SEGMENT).unwrap();
    assert_eq!(segment.learnt(), 8);
    assert_eq!(segment.arm(OfferNumber(1)).unwrap().mean(), None);
    let correct = |state: &mut PolicyState, offer, receipt| {
        policy
            .correct(state, &rewarded(offer, 1.0), receipt, 0.0)
            .unwrap()
    };
    assert_eq!(
        correct(&mut state, 1, lost),
        Correction::NotUnlearnt(NotUnlearnt::Superseded)
    );
    assert_eq!(
        correct(&mut state, 2, kept),
        Correction::Corrected { clipped: false }
    );
    assert_eq!(
        correct(&mut state, 77, kept),
        Correction::NotUnlearnt(NotUnlearnt::Unknown)
    );
    let fresh = policy.learn(&mut state, &rewarded(1, 1.0)).unwrap().receipt;
    assert_eq!((fresh.epoch, fresh.ordinal), (1, 1));
    state.reset(None, None);
    assert_eq!(state.segment(SEGMENT).unwrap().learnt(), 0);
}

#[test]
fn a_change_of_policy_keeps_what_it_can() {
    let uniform = policy("kind = 'uniform'");
    let thompson = policy("kind = 'thompson_beta'\noutside = 'clip'");
    let steps = policy("kind = 'epsilon_greedy'\nstep = 0.5");
    let mut state = learnt(&uniform, &HISTORY);
    let money = uniform.learn(&mut state, &rewarded(4, 250.0)).unwrap();
    let receipt = uniform
        .learn(&mut state, &rewarded(1, 1.0))
        .unwrap()
        .receipt;

    // 250 is no success or failure: offer 4 starts anew, the others are kept.
    let adopted = thompson.adopt(&mut state, &uniform, NOW);
    assert_eq!(
        (adopted.arms_kept, adopted.arms_reset, adopted.arms_settled),
        (3, 1, 0)
    );
    let done = thompson.correct(&mut state, &rewarded(1, 1.0), receipt, 0.0);
    assert_eq!(done, Ok(Correction::Corrected { clipped: false }));
    let done = thompson.correct(&mut state, &rewarded(4, 250.0), money.receipt, 0.0);
    assert_eq!(done, Ok(Correction::NotUnlearnt(NotUnlearnt::Superseded)));
    assert_eq!(state.segment(SEGMENT).unwrap().learnt(), 9);

    // A clipped reward cannot be found again under another domain.
    thompson.learn(&mut state, &rewarded(9, 3.0)).unwrap();
    let adopted = steps.adopt(&mut state, &thompson, NOW);
    assert_eq!(
        (adopted.arms_kept, adopted.arms_reset, adopted.arms_settled),
        (4, 0, 4)
    );
    let summary = steps.summary(&state, SEGMENT, &offers(&[9, 30]), NOW);
    assert_eq!(summary[0].estimate, Some(0.4));
    assert_eq!(summary[1].estimate, Some(0.0));
    // The same policy with another epsilon changes nothing.
    let before = canonical(&state);
    let adopted =
        policy("kind = 'epsilon_greedy'\nstep = 0.5\nepsilon = 0.3").adopt(&mut state, &steps, NOW);
    assert_eq!(adopted.arms_settled, 0);
    assert_eq!(canonical(&state), before);
}

#[test]
fn a_summary_tells_what_is_believed() {
    let policy = policy("kind = 'thompson_beta'");
    let state = learnt(&policy, &HISTORY);
    let summary = policy.summary(&state, SEGMENT, &offers(&[9, 30]), NOW);
    assert_eq!((summary[0].pulls, summary[0].mean), (4, Some(0.25)));
    assert!((summary[0].estimate.unwrap() - 2.0 / 6.0).abs() < 1e-15);
    assert_eq!((summary[1].pulls, summary[1].mean), (0, None));
    // Beta(1, 1): the interval is that of a uniform variable.
    let flat = summary[1].posterior.unwrap();
    assert!((flat.lower - 0.025).abs() < 1e-9 && (flat.upper - 0.975).abs() < 1e-9);
}

#[test]
fn a_clone_shares_what_does_not_change() {
    let policy = policy("kind = 'uniform'");
    let mut state = PolicyState::new();
    for number in 0..200 {
        let decision = RewardedDecision {
            segment: SegmentNumber(number),
            ..rewarded(1, 1.0)
        };
        policy.learn(&mut state, &decision).unwrap();
    }
    let snapshot = state.clone();
    policy.learn(&mut state, &rewarded(2, 0.0)).unwrap();
    let shared = |number: u32| {
        let number = SegmentNumber(number);
        std::ptr::eq(
            state.segment(number).unwrap(),
            snapshot.segment(number).unwrap(),
        )
    };
    assert_eq!((0..200).filter(|number| !shared(*number)).count(), 1);
}

fn history() -> impl Strategy<Value = Vec<(u32, f64)>> {
    let reward = prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64];
    prop::collection::vec((0..12u32, reward), 0..60)
}

fn eligible_offers() -> impl Strategy<Value = EligibleOffers> {
    prop::collection::btree_set(0..20u32, 1..15)
        .prop_map(|numbers| EligibleOffers::new(numbers.into_iter().map(OfferNumber)).unwrap())
}

proptest! {
    #[test]
    fn every_distribution_sums_to_1_and_keeps_its_floor(
        history in history(),
        eligible in eligible_offers(),
        floor in 0.0..0.3f64,
    ) {
        for text in [
            "kind = 'fixed'\npreference = ['o9', 'o2']",
            "kind = 'epsilon_greedy'\nepsilon = 0.0",
            "kind = 'epsilon_greedy'\nstep = 0.3",
            "kind = 'q_learning'\nstep = 0.1\ndouble = true",
            "kind = 'softmax'\ntemperature = 1e-9",
            "kind = 'ucb1'",
            "kind = 'kl_ucb'",
            "kind = 'imed'",
            "kind = 'thompson_beta'",
            "kind = 'tempered_thompson'\nsharpness = 40.0",
            "kind = 'pooled_thompson'",
            "kind = 'thompson_poisson'",
            "kind = 'thompson_revenue'\nvalue_shape = 3.0",
            "kind = 'thompson_normal'",
            "kind = 'information_directed'",
        ] {
            let policy = policy(&format!("{text}\nexploration_floor = {floor}"));
            let state = learnt(&policy, &history);
            let all = probabilities(&policy, &state, &eligible);
            let least = floor.min(1.0 / all.len() as f64);
            prop_assert!((all.iter().sum::<f64>() - 1.0).abs() <= SUM_TOLERANCE);
            prop_assert!(all.iter().all(|p| *p >= least && *p <= 1.0));
        }
    }

    #[test]
    fn the_order_of_learning_does_not_matter_to_counts_and_sums(
        (history, shuffled) in history().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
    ) {
        for policy in every_policy().iter().filter(|policy| !has_constant_step(policy)) {
            prop_assert_eq!(
                canonical(&learnt(policy, &history)),
                canonical(&learnt(policy, &shuffled))
            );
        }
    }

    #[test]
    fn a_correction_equals_having_learnt_it_so(
        history in history().prop_filter("something to correct", |list| !list.is_empty()),
        place in 0..60usize,
        after in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64],
    ) {
        let place = place % history.len();
        for policy in every_policy() {
            let mut state = PolicyState::new();
            let mut receipt = None;
            for (index, (offer, reward)) in history.iter().enumerate() {
                let done = policy.learn(&mut state, &rewarded(*offer, *reward)).unwrap();
                if index == place {
                    receipt = Some(done.receipt);
                }
            }
            let (offer, before) = history[place];
            let done = policy.correct(&mut state, &rewarded(offer, before), receipt.unwrap(), after);
            prop_assert_eq!(done, Ok(Correction::Corrected { clipped: false }));
            let mut otherwise = history.clone();
            otherwise[place].1 = after;
            let expected = learnt(&policy, &otherwise);
            if has_constant_step(&policy) {
                let value = |state: &PolicyState| policy.summary(state, SEGMENT, &offers(&[offer]), NOW)[0].estimate;
                let (ours, theirs) = (value(&state).unwrap(), value(&expected).unwrap());
                prop_assert!((ours - theirs).abs() <= 1e-12);
            } else {
                prop_assert_eq!(canonical(&state), canonical(&expected));
            }
        }
    }

    #[test]
    fn a_state_survives_its_stored_forms(history in history()) {
        for policy in every_policy() {
            let state = learnt(&policy, &history);
            let bytes = postcard::to_stdvec(&state).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<PolicyState>(&bytes).unwrap(), &state);
            let text = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<PolicyState>(&text).unwrap(), &state);
        }
    }

    #[test]
    fn a_distribution_does_not_depend_on_offers_that_are_not_eligible(
        history in history(),
        eligible in eligible_offers(),
    ) {
        // Only a schedule, and a policy that pools, look at more than the
        // eligible arms.
        let apart = |policy: &&Policy| {
            !has_constant_step(policy) && !matches!(policy, Policy::PooledThompson(_))
        };
        for policy in every_policy().iter().filter(apart) {
            let only: Vec<(u32, f64)> = history
                .iter()
                .copied()
                .filter(|(offer, _)| eligible.index_of(OfferNumber(*offer)).is_some())
                .collect();
            prop_assert_eq!(
                probabilities(policy, &learnt(policy, &history), &eligible),
                probabilities(policy, &learnt(policy, &only), &eligible)
            );
        }
    }
}

fn has_constant_step(policy: &Policy) -> bool {
    let fresh = learnt(policy, &[(1, 1.0), (1, 0.0)]);
    let swapped = learnt(policy, &[(1, 0.0), (1, 1.0)]);
    canonical(&fresh) != canonical(&swapped)
}

#[test]
fn constant_steps_weigh_rewards_by_their_age() {
    let policy = policy("kind = 'epsilon_greedy'\nstep = 0.25\ninitial_value = 8.0");
    let state = learnt(&policy, &[(1, 1.0), (1, 0.0), (1, 1.0)]);
    let value = policy.summary(&state, SEGMENT, &offers(&[1]), NOW)[0].estimate;
    let expected = 8.0 * math::pow_whole(0.75, 3) + 0.25 * (0.75 * 0.75 + 1.0);
    assert!((value.unwrap() - expected).abs() < 1e-15);
}
