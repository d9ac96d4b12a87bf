//! Q-learning: what a session teaches.

use imbl::OrdMap;

use super::*;
use crate::domain::ids::PlacementNumber;
use crate::domain::random::Generator;
use crate::learning::session::{RewardedOffer, SessionDecision};

const CART: PlacementNumber = PlacementNumber(1);
const CHECKOUT: PlacementNumber = PlacementNumber(2);
const AFTER: PlacementNumber = PlacementNumber(3);

type Learnt = OrdMap<PlacementNumber, PolicyState>;

fn looking_ahead(policy: &Policy) -> &q_learning::QLearning {
    policy.looking_ahead().unwrap()
}

/// A session of one offer shown at each placement, all from the same set.
/// The seeds are 0 in the first session, 1 in the second …
fn learn(policy: &Policy, learnt: &mut Learnt, session: &[(PlacementNumber, u32, f64)]) {
    let eligible = offers(&[1, 2]);
    let before = learnt.get(&session[0].0);
    let sessions = before.and_then(|state| state.segment(SEGMENT));
    let seed = DecisionSeed(sessions.map_or(0, SegmentState::learnt));
    let shown: Vec<[RewardedOffer; 1]> = session
        .iter()
        .map(|(_, offer, reward)| {
            [RewardedOffer {
                offer: OfferNumber(*offer),
                reward: *reward,
            }]
        })
        .collect();
    let decisions: Vec<SessionDecision<'_>> = session
        .iter()
        .zip(&shown)
        .map(|((placement, ..), shown)| SessionDecision {
            placement: *placement,
            segment: SEGMENT,
            decided_at: NOW,
            seed,
            eligible: &eligible,
            shown,
        })
        .collect();
    for answer in looking_ahead(policy).learn_session(learnt, &decisions) {
        answer.unwrap();
    }
}

/// The action values of offers 1 and 2 at a placement.
fn values(policy: &Policy, learnt: &Learnt, placement: PlacementNumber) -> [f64; 2] {
    let nothing = PolicyState::new();
    let state = learnt.get(&placement).unwrap_or(&nothing);
    let summary = policy.summary(state, SEGMENT, &offers(&[1, 2]), NOW);
    [summary[0].estimate.unwrap(), summary[1].estimate.unwrap()]
}

/// By hand: α = 1/2, γ = 1/2. The first session moves the checkout's offer 2 to
/// 8/2; the second moves the cart's offer 1 to (1 + 4/2)/2.
#[test]
fn what_the_rest_earns_is_learnt_one_session_later() {
    let policy = policy("kind = 'q_learning'\nstep = 0.5\ndiscount = 0.5");
    let mut learnt = Learnt::new();
    learn(&policy, &mut learnt, &[(CART, 1, 0.0), (CHECKOUT, 2, 8.0)]);
    assert_eq!(values(&policy, &learnt, CART), [0.0, 0.0]);
    assert_eq!(values(&policy, &learnt, CHECKOUT), [0.0, 4.0]);
    learn(&policy, &mut learnt, &[(CART, 1, 1.0), (CHECKOUT, 1, 0.0)]);
    assert_eq!(values(&policy, &learnt, CART), [1.5, 0.0]);
    assert_eq!(values(&policy, &learnt, CHECKOUT), [0.0, 4.0]);
}

/// Nothing is worth anything yet, so every choice is greedy and the one reward
/// at the end goes back to the first decision, by γλ a step.
#[test]
fn a_trace_carries_a_reward_back() {
    let policy = policy("kind = 'q_learning'\nstep = 0.5\ndiscount = 0.5\ntrace_decay = 0.5");
    let mut learnt = Learnt::new();
    let session = [(CART, 1, 0.0), (CHECKOUT, 2, 0.0), (AFTER, 1, 16.0)];
    learn(&policy, &mut learnt, &session);
    assert_eq!(values(&policy, &learnt, AFTER), [8.0, 0.0]);
    assert_eq!(values(&policy, &learnt, CHECKOUT), [0.0, 2.0]);
    assert_eq!(values(&policy, &learnt, CART), [0.5, 0.0]);
}

#[test]
fn a_trace_ends_at_a_decision_that_explored() {
    let policy = policy("kind = 'q_learning'\nstep = 0.5\ndiscount = 0.5\ntrace_decay = 0.5");
    let mut learnt = Learnt::new();
    learn(&policy, &mut learnt, &[(CHECKOUT, 1, 2.0)]);
    // Offer 1 is the better one at the checkout now; offer 2 explores.
    learn(&policy, &mut learnt, &[(CART, 1, 0.0), (CHECKOUT, 2, 8.0)]);
    // The cart learnt γ·1 alone, not the surprise of what was explored.
    assert_eq!(values(&policy, &learnt, CART), [0.25, 0.0]);
    assert_eq!(values(&policy, &learnt, CHECKOUT), [1.0, 4.0]);
}

/// van Hasselt's example: what comes next is worth nothing whatever is chosen,
/// but noise makes the best of twenty look good to a single table. The mean over
/// the later half of 20,000 sessions, seed 11; its standard error is about 0.02.
#[test]
fn two_tables_are_not_fooled_by_the_best_of_many() {
    let eligible = offers(&(1..=20).collect::<Vec<_>>());
    let of = |double: bool| {
        let policy = policy(&format!(
            "kind = 'q_learning'\nstep = 0.1\ndiscount = 1.0\ndouble = {double}"
        ));
        let mut learnt = Learnt::new();
        let mut generator = Generator::from_seed(11);
        let mut sum = 0.0;
        for number in 0..20_000 {
            let noise = 2.0 * generator.next_uniform() - 1.0;
            let explored = 1 + u32::try_from(generator.next_word() % 20).unwrap();
            let seed = DecisionSeed(generator.next_word());
            let rewarded = |offer, reward| {
                [RewardedOffer {
                    offer: OfferNumber(offer),
                    reward,
                }]
            };
            let (first, second) = (rewarded(1, 0.0), rewarded(explored, noise));
            let decision = |placement, shown| SessionDecision {
                placement,
                segment: SEGMENT,
                decided_at: NOW,
                seed,
                eligible: &eligible,
                shown,
            };
            let decisions = [decision(CART, &first[..]), decision(CHECKOUT, &second[..])];
            looking_ahead(&policy).learn_session(&mut learnt, &decisions);
            if number >= 10_000 {
                sum += values(&policy, &learnt, CART)[0];
            }
        }
        sum / 10_000.0
    };
    let (single, double) = (of(false), of(true));
    // Twenty values of standard deviation 0.13: the largest is about 0.25.
    assert!(single > 0.15, "{single}");
    assert!(double.abs() < 0.08, "{double}");
}

/// The bits of both tables after a few sessions, and that they survive storing.
#[test]
fn golden_values_of_two_tables() {
    let policy = policy("kind = 'q_learning'\nstep = 0.3\ndiscount = 0.9\ndouble = true");
    let mut learnt = Learnt::new();
    for reward in [1.0, 0.0, 3.5, 0.25] {
        let session = [(CART, 1, 0.1), (CHECKOUT, 2, reward), (AFTER, 1, reward)];
        learn(&policy, &mut learnt, &session);
    }
    let bits = |placement| values(&policy, &learnt, placement).map(f64::to_bits);
    let all: Vec<u64> = [CART, CHECKOUT, AFTER].into_iter().flat_map(bits).collect();
    assert_eq!(
        format!("{all:016x?}"),
        "[3fc93fa2ad3e920c, 0000000000000000, 0000000000000000, 3fe9cb923a29c77a, 3fe45a1cac083127, 0000000000000000]"
    );
    let stored = postcard::to_stdvec(&learnt[&CHECKOUT]).unwrap();
    let read: PolicyState = postcard::from_bytes(&stored).unwrap();
    assert_eq!(canonical(&read), canonical(&learnt[&CHECKOUT]));
}

#[test]
fn a_refused_reward_leaves_everything_as_it_was() {
    let policy = policy("kind = 'q_learning'\nreward = { min = 0.0, max = 1.0 }");
    let mut learnt = Learnt::new();
    learn(&policy, &mut learnt, &[(CART, 1, 0.5), (CHECKOUT, 2, 1.0)]);
    let before = learnt.clone();
    let eligible = offers(&[1, 2]);
    let shown = [RewardedOffer {
        offer: OfferNumber(1),
        reward: f64::NAN,
    }];
    let session = [SessionDecision {
        placement: CART,
        segment: SEGMENT,
        decided_at: NOW,
        seed: DecisionSeed(1),
        eligible: &eligible,
        shown: &shown,
    }];
    let answers = looking_ahead(&policy).learn_session(&mut learnt, &session);
    assert!(matches!(answers[..], [Err(LearnError::NotFinite(_))]));
    assert_eq!(learnt, before);
}

#[test]
fn what_others_rest_on_is_not_unlearnt() {
    let policy = policy("kind = 'q_learning'\nstep = 0.5");
    let mut state = PolicyState::new();
    let receipt = policy.learn(&mut state, &rewarded(1, 4.0)).unwrap().receipt;
    let before = state.clone();
    let done = policy.correct(&mut state, &rewarded(1, 4.0), receipt, 0.0);
    let expected = Correction::NotUnlearnt(NotUnlearnt::RestedUpon);
    assert_eq!(done.unwrap(), expected);
    assert_eq!(state, before);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let refusal = |text: &str| {
        let config: PolicyConfig = toml::from_str(text).unwrap();
        Policy::check(&config, |_| None).unwrap_err().to_string()
    };
    for (text, message) in [
        (
            "kind = 'q_learning'\ndiscount = 1.5",
            "discount is 1.5, it must be in [0, 1]",
        ),
        (
            "kind = 'q_learning'\ndouble = true\nstep = 0.1\ntrace_decay = 0.5",
            "double goes with trace_decay = 0 alone: a trace belongs to one table",
        ),
        (
            "kind = 'q_learning'\ndouble = true",
            "double needs a constant step: 1/n counts what both tables learnt",
        ),
    ] {
        assert_eq!(refusal(text), message);
    }
}

proptest! {
    /// Without a discount it is epsilon-greedy: the same state, the same
    /// distributions, the same corrections, to the bit.
    #[test]
    fn without_a_discount_it_is_epsilon_greedy(
        rewards in prop::collection::vec((1u32..4, -5.0..5.0f64), 1..40),
        constant in any::<bool>(),
        corrected in any::<prop::sample::Index>(),
    ) {
        let step = if constant { "step = 0.2" } else { "" };
        let q = policy(&format!("kind = 'q_learning'\ndiscount = 0.0\n{step}"));
        let greedy = policy(&format!("kind = 'epsilon_greedy'\n{step}"));
        let mut states = [PolicyState::new(), PolicyState::new()];
        let place = corrected.index(rewards.len());
        for (policy, state) in [&q, &greedy].into_iter().zip(&mut states) {
            let mut receipts = Vec::new();
            for (offer, reward) in &rewards {
                receipts.push(policy.learn(state, &rewarded(*offer, *reward)).unwrap().receipt);
            }
            let (offer, reward) = rewards[place];
            policy.correct(state, &rewarded(offer, reward), receipts[place], 1.0).unwrap();
        }
        prop_assert_eq!(canonical(&states[0]), canonical(&states[1]));
        let eligible = offers(&[1, 2, 3, 9]);
        prop_assert_eq!(
            probabilities(&q, &states[0], &eligible),
            probabilities(&greedy, &states[1], &eligible)
        );
    }
}
