//! Policies that do not remember everything for ever.

use super::*;

const KINDS: [&str; 11] = [
    "kind = 'epsilon_greedy'\ninitial_weight = 1.0\nreward = { min = 0.0, max = 1.0 }",
    "kind = 'softmax'\ninitial_weight = 1.0\nreward = { min = 0.0, max = 1.0 }",
    "kind = 'ucb1'",
    "kind = 'kl_ucb'",
    "kind = 'imed'",
    "kind = 'thompson_beta'",
    "kind = 'tempered_thompson'",
    "kind = 'thompson_poisson'",
    "kind = 'thompson_revenue'",
    "kind = 'thompson_normal'",
    "kind = 'information_directed'",
];

const HALF_LIFE: &str = "memory = { half_life = '1h' }";
const WINDOW: &str = "memory = { window = '3h', parts = 12 }";
const UNTIL_CHANGE: &str = "memory = { until_change = 'bernoulli_glr' }";

/// Every tabular kind with each of these memories.
fn remembering(memories: &[&str]) -> Vec<Policy> {
    let texts = KINDS.iter().flat_map(|kind| {
        let with = move |memory: &&str| policy(&format!("{kind}\n{memory}"));
        memories.iter().map(with).collect::<Vec<_>>()
    });
    texts.collect()
}

fn minutes(count: i64) -> Instant {
    NOW.plus(Span::from_seconds(60 * count))
}

/// Offer, minute, reward.
type Event = (u32, i64, f64);

fn at(event: Event) -> RewardedDecision<'static> {
    RewardedDecision {
        decided_at: minutes(event.1),
        ..rewarded(event.0, event.2)
    }
}

fn learnt_at(policy: &Policy, events: &[Event]) -> PolicyState {
    let mut state = PolicyState::new();
    for event in events {
        policy.learn(&mut state, &at(*event)).unwrap();
    }
    state
}

fn distribution_at(policy: &Policy, state: &PolicyState, minute: i64) -> Vec<f64> {
    let context = Context {
        decided_at: minutes(minute),
        ..context()
    };
    let eligible = offers(&[1, 2, 4, 9, 30]);
    let distribution = policy.distribution(state, &context, &eligible);
    distribution.probabilities().to_vec()
}

/// [`HISTORY`], an event every 25 minutes.
fn spread_history() -> Vec<Event> {
    let place = |(index, (offer, reward)): (i64, (u32, f64))| (offer, 25 * index, reward);
    (0..).zip(HISTORY).map(place).collect()
}

#[test]
fn golden_distributions_of_what_is_remembered() {
    let bits: Vec<String> = remembering(&[HALF_LIFE, WINDOW, UNTIL_CHANGE])
        .iter()
        .map(|policy| {
            let state = learnt_at(policy, &spread_history());
            let all = distribution_at(policy, &state, 240);
            let words = all.iter().map(|p| format!("{:016x}", p.to_bits()));
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    let golden: [&str; 33] = [
        "3f947ae147ae147b 3fed70a3d70a3d71 3f947ae147ae147b 3f947ae147ae147b 3f947ae147ae147b",
        "3f947ae147ae147b 3fed70a3d70a3d71 3f947ae147ae147b 3f947ae147ae147b 3f947ae147ae147b",
        "3fde147ae147ae15 3fde147ae147ae15 3f947ae147ae147b 3f947ae147ae147b 3f947ae147ae147b",
        "3fc1101c46f8b2a3 3fd78dc50fe281dc 3fb409b35d136f61 3fd5e5531e176d22 3fb409b35d136f61",
        "3f79cb0804509420 3fede811797718d6 3f79cb0804509420 3fa7d2c566f03b29 3f79cb0804509420",
        "3fdb68de04bf1294 3fdb68de04bf1294 3f8f4a3ac90e53d9 3fbce68127c3d669 3f8f4a3ac90e53d9",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "3fe0000000000000 0000000000000000 0000000000000000 0000000000000000 3fe0000000000000",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "3fe0000000000000 0000000000000000 0000000000000000 0000000000000000 3fe0000000000000",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "3fe0000000000000 0000000000000000 0000000000000000 0000000000000000 3fe0000000000000",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
        "3fcda57391aa466a 3fd173641b0f605f 3fc15197bc24af66 3fbae9771a7227e9 3fd056b8776c9abd",
        "3fccf889b75662e7 3fdcf889b6ecadf1 3fafd7cef230171c 3fa09f959bb76213 3fccf889b75662e7",
        "3fd0507964ae6686 3fd0507964ae6686 3fba4c8d8418f66e 3fae592b6534d1aa 3fd500c468f65b22",
        "3fce2fd02b025a93 3fd3158d2a614e32 3fbc4779176151fd 3fb5bb90a4d65ca4 3fd151c8510f98de",
        "3fcb08870e6ddbe8 3fe0e554688667fa 3fa0bb0b33976068 3f9156eba1268191 3fcb08870e6ddbe8",
        "3fd0f765f49b6864 3fd0f765f49b6864 3fb2474ac33b6e3a 3fa6161537bc2f15 3fd6bc9ebf02cdc6",
        "3fce2f9c581e0b7b 3fcfeb086bff7709 3fc2ca1c148484bb 3fb8654a6ae5e4c1 3fd1744cf8f58330",
        "3fd24a24168f3b51 3fd3974d3484d5bf 3fb6356057309a9e 3fa23894448467c4 3fd24a24168f3b51",
        "3fcb020d1c09eb29 3fcb020d1c09eb29 3fc0da588d099d65 3faf4dcb72470fc5 3fd8a70d2f28642d",
        "3fcb25cace259ea7 3fcf7479bce107bb 3fc45d20ab2e34ad 3fc59b7044e079b8 3fcb6d2a84eaab38",
        "3fc8d3b5b7afd1f0 3fd8d0cf4590d390 3fbbcb7ac20f1c67 3fbda27148ee4da3 3fc8d3b5b7afd1f0",
        "3fd109af45a6a887 3fd109af45a6a887 3fbef00fbf5fd53c 3fc0d730f7fcce24 3fcb8a0a11b8a521",
        "3fcbad120e588c61 3fcdfb27a84865a1 3fc58ce0bdaf3d2b 3fc3f71a4e835495 3fccd3cb3d2c7c3b",
        "3fcd27e600c0f63a 3fd481eb1ed44ab2 3fbf3718f1b024df 3fba21a28ffad773 3fcd27e600c0f63a",
        "3fceae378329d598 3fceae378329d598 3fc270f742bf1207 3fbca90a9de3f641 3fd0ef0a33fda3d3",
        "0000000000000000 3ff0000000000000 0000000000000000 0000000000000000 0000000000000000",
        "0000000000000000 3ff0000000000000 0000000000000000 0000000000000000 0000000000000000",
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 3ff0000000000000",
    ];
    assert_eq!(bits, golden);
}

/// What is forgotten leaves what was there before anything was learnt.
#[test]
fn forgetting_leads_back_to_the_prior() {
    for policy in remembering(&[HALF_LIFE, WINDOW]) {
        let state = learnt_at(&policy, &spread_history());
        let now = distribution_at(&policy, &state, 240);
        let fresh = distribution_at(&policy, &PolicyState::new(), 0);
        // UCB1 and its kin have tried nothing of what is forgotten.
        let later = distribution_at(&policy, &state, 240 + 60 * 24 * 365);
        if policy.kind() != "epsilon_greedy" {
            assert_eq!(later, fresh, "{policy:?}");
        }
        assert_ne!(now, later, "{policy:?}");
        assert!(!policy.rests_on_state_alone());
    }
}

#[test]
fn a_half_life_halves_what_is_believed() {
    let policy = policy(&format!("kind = 'thompson_beta'\n{HALF_LIFE}"));
    let state = learnt_at(&policy, &[(1, 0, 1.0), (1, 30, 0.0), (2, 60, 1.0)]);
    let estimate = |minute| {
        let summary = policy.summary(&state, SEGMENT, &offers(&[1, 2]), minutes(minute));
        (summary[0].estimate.unwrap(), summary[0].pulls)
    };
    let expected = |success: f64, failure: f64| (1.0 + success) / (2.0 + success + failure);
    assert!((estimate(60).0 - expected(0.5, 0.5f64.sqrt())).abs() < 1e-15);
    assert!((estimate(120).0 - expected(0.25, 0.5 * 0.5f64.sqrt())).abs() < 1e-15);
    // The whole counts stay for people to read.
    assert_eq!(estimate(1_000_000), (0.5, 2));
}

#[test]
fn a_window_holds_what_is_younger_and_nothing_that_is_older() {
    let policy = policy("kind = 'ucb1'\nmemory = { window = '60min', parts = 6 }");
    let events: Vec<Event> = (0..300).map(|minute| (1, minute, 1.0)).collect();
    let state = learnt_at(&policy, &events);
    let arm = state.segment(SEGMENT).unwrap().arm(OfferNumber(1));
    for minute in [299, 305, 309, 310, 340, 353] {
        let remembered = policy.memory().evidence(arm, minutes(minute)).pulls;
        // The grid's parts are 10 minutes long.
        let oldest = (minute / 10 - 5) * 10;
        let expected = (300 - oldest.max(0)).max(0) as f64;
        assert_eq!(remembered, expected, "at {minute}");
    }
    assert_eq!(policy.memory().evidence(arm, minutes(360)).pulls, 0.0);
}

/// Rewards that change: the alarm stands until it is acted upon, and the reset
/// ends it.
#[test]
fn a_change_raises_an_alarm() {
    for (restart, scope) in [("segment", None), ("offer", Some(OfferNumber(1)))] {
        let policy = policy(&format!(
            "kind = 'thompson_beta'\nmemory = {{ until_change = 'bernoulli_glr', restart = '{restart}' }}"
        ));
        let mut state = learnt_at(&policy, &[(2, 0, 1.0); 5]);
        for _ in 0..500 {
            policy.learn(&mut state, &rewarded(1, 1.0)).unwrap();
        }
        assert_eq!(state.alarms().next(), None);
        let quiet = canonical(&state).len();
        let mut later = 0;
        while state.alarms().next().is_none() {
            policy.learn(&mut state, &rewarded(1, 0.0)).unwrap();
            later += 1;
        }
        assert!(later < 10, "{later} rewards of 0 after 500 of 1");
        assert!(canonical(&state).len() > quiet);
        let alarm = state.alarms().next().unwrap();
        assert_eq!((alarm.segment, alarm.offer), (SEGMENT, scope));
        // A reset of something else leaves it.
        state.reset(Some(SegmentNumber(99)), None);
        assert_eq!(state.alarms().count(), 1);
        state.reset(Some(alarm.segment), alarm.offer);
        assert_eq!(state.alarms().count(), 0);
        let segment = state.segment(SEGMENT).unwrap();
        assert_eq!(segment.arm(OfferNumber(1)).unwrap().pulls(), 0);
        let kept = u64::from(scope.is_some()) * 5;
        assert_eq!(segment.arm(OfferNumber(2)).unwrap().pulls(), kept);
    }
}

#[test]
fn a_change_of_memory_keeps_what_was_remembered() {
    let with = |memory: &str| policy(&format!("kind = 'thompson_beta'\n{memory}"));
    let (forever, half_life) = (with(""), with(HALF_LIFE));
    let (window, until_change) = (with(WINDOW), with(UNTIL_CHANGE));
    let mut state = learnt_at(&forever, &spread_history());
    let whole = |policy: &Policy, state: &PolicyState, minute| {
        let arm = state.segment(SEGMENT).unwrap().arm(OfferNumber(9));
        policy.memory().evidence(arm, minutes(minute))
    };
    let before = whole(&forever, &state, 300);

    // As if all of it had been decided at the change.
    let adopted = half_life.adopt(&mut state, &forever, minutes(300));
    assert_eq!((adopted.arms_kept, adopted.arms_settled), (4, 4));
    assert_eq!(whole(&half_life, &state, 300), before);
    assert_eq!(whole(&half_life, &state, 360).pulls, 0.5 * before.pulls);

    let adopted = window.adopt(&mut state, &half_life, minutes(360));
    assert_eq!((adopted.arms_kept, adopted.arms_settled), (4, 4));
    assert_eq!(whole(&window, &state, 360).pulls, 2.0);
    assert_eq!(whole(&window, &state, 600).pulls, 0.0);

    // The whole counts were kept all the time.
    for policy in [&until_change, &forever] {
        let mut state = state.clone();
        let adopted = policy.adopt(&mut state, &window, minutes(600));
        assert_eq!((adopted.arms_kept, adopted.arms_settled), (4, 0));
        assert_eq!(whole(policy, &state, 600), before);
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let refusal = |text: &str| {
        let config: PolicyConfig = toml::from_str(text).unwrap();
        Policy::check(&config, |_| None).unwrap_err().to_string()
    };
    for (text, message) in [
        (
            "kind = 'epsilon_greedy'\nstep = 0.1\nmemory = { half_life = '1d' }",
            "memory goes with step = \"sample_average\" alone: a constant step forgets by itself",
        ),
        (
            "kind = 'softmax'\nmemory = { window = '1d' }",
            "initial_weight is 0, it must be above 0 with this memory: what is forgotten gives \
             way to initial_value",
        ),
        (
            "kind = 'imed'\nmemory = { half_life = '14 days' }",
            "memory.half_life: \"14 days\" is not a length of time such as 7d, 12h, 90min, 30s \
             or 500ms",
        ),
        (
            "kind = 'imed'\nmemory = { half_life = '0d' }",
            "memory.half_life: 0ms is not from 1ms to 36500d",
        ),
        (
            "kind = 'ucb1'\nmemory = { window = '1d', parts = 0 }",
            "memory.parts is 0, it must be in [1, 256]",
        ),
        (
            "kind = 'ucb1'\nmemory = { until_change = 'bernoulli_glr', false_alarm = nan }",
            "memory.false_alarm is NaN, it must be in [1e-12, 0.5]",
        ),
    ] {
        assert_eq!(refusal(text), message);
    }
    let unknown: Result<PolicyConfig, _> =
        toml::from_str("kind = 'ucb1'\nmemory = { half_live = '1d' }");
    let message = unknown.unwrap_err().to_string();
    assert!(message.contains("a table of half_life"), "{message}");
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let reward = prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64];
    // Up to a hundred half-lives.
    prop::collection::vec((0..6u32, 0..6_000i64, reward), 1..60)
}

proptest! {
    /// A refund, inside the window and after it: the state is the one that
    /// learnt the right reward in the first place, to the bit where counts are
    /// kept and to 10⁻⁹ relative where weights decay.
    #[test]
    fn a_corrected_state_is_the_one_that_learnt_it_so(
        events in events(),
        place in 0..60usize,
        refunded in prop_oneof![Just(0.0), 0.0..1.0f64],
    ) {
        let place = place % events.len();
        for policy in remembering(&[HALF_LIFE, WINDOW, UNTIL_CHANGE]) {
            let mut state = PolicyState::new();
            let mut receipt = None;
            for (index, event) in events.iter().enumerate() {
                let done = policy.learn(&mut state, &at(*event)).unwrap();
                if index == place {
                    receipt = Some(done.receipt);
                }
            }
            let event = events[place];
            let done = policy.correct(&mut state, &at(event), receipt.unwrap(), refunded);
            prop_assert_eq!(done, Ok(Correction::Corrected { clipped: false }));
            let mut otherwise = events.clone();
            otherwise[place].2 = refunded;
            let expected = learnt_at(&policy, &otherwise);
            if !matches!(policy.memory(), Memory::HalfLife(_)) {
                prop_assert_eq!(canonical(&state), canonical(&expected));
                continue;
            }
            for now in [events.iter().map(|event| event.1).max().unwrap(), 7_000] {
                let remembered = |state: &PolicyState| {
                    let arm = state.segment(SEGMENT).unwrap().arm(OfferNumber(event.0));
                    policy.memory().evidence(arm, minutes(now))
                };
                let (ours, theirs) = (remembered(&state), remembered(&expected));
                for (one, other) in [
                    (ours.pulls, theirs.pulls),
                    (ours.reward_sum, theirs.reward_sum),
                    (ours.earning, theirs.earning),
                    (ours.squares, theirs.squares),
                ] {
                    prop_assert!((one - other).abs() <= 1e-9 * other.abs(), "{one} {other}");
                }
            }
        }
    }

    #[test]
    fn the_order_of_learning_does_not_matter_to_what_is_remembered(
        (events, shuffled) in events().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
    ) {
        for policy in remembering(&[HALF_LIFE, WINDOW]) {
            let now = 6_000;
            let one = distribution_at(&policy, &learnt_at(&policy, &events), now);
            let other = distribution_at(&policy, &learnt_at(&policy, &shuffled), now);
            if matches!(policy.memory(), Memory::Window(_)) {
                prop_assert_eq!(one, other);
            } else if policy.kind().contains("thompson") || policy.kind() == "softmax" {
                let pairs = one.iter().zip(&other);
                prop_assert!(pairs.into_iter().all(|(l, r)| (l - r).abs() < 1e-9));
            }
        }
    }

    #[test]
    fn what_is_remembered_survives_its_stored_forms(events in events()) {
        for policy in remembering(&[HALF_LIFE, WINDOW, UNTIL_CHANGE]) {
            let state = learnt_at(&policy, &events);
            let bytes = postcard::to_stdvec(&state).unwrap();
            let restored: PolicyState = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&restored, &state);
            prop_assert_eq!(canonical(&restored), canonical(&state));
            let text = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<PolicyState>(&text).unwrap(), &state);
        }
    }
}
