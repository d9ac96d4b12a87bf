use super::*;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::OfferNumber;
use crate::domain::random::Generator;
use crate::domain::time::Instant;
use crate::learning::config::PolicyConfig;
use crate::learning::policy::Context;
use crate::learning::reward::RewardedDecision;
use crate::learning::state::PolicyState;

/// Plays a policy both ways; the rates of conversion change half-way, so that
/// the best arm does too.
fn play(toml: &str, offers: usize, rounds: u32, seed: u64) {
    let config: PolicyConfig = toml::from_str(toml).expect("a policy");
    let policy = Policy::check(&config, |_| None).expect("a policy within its bounds");
    let eligible = EligibleOffers::new((0..offers as u32).map(OfferNumber)).expect("offers");
    let mut quick = Rounds::of(&policy, offers).expect("a shorter way");
    let mut state = PolicyState::new();
    let mut generator = Generator::from_seed(seed);
    for round in 0..rounds {
        let segment = SegmentNumber(round % 3);
        let seed = DecisionSeed(generator.next_word());
        let context = Context {
            segment,
            features: &[],
            seed,
            decided_at: Instant::from_unix_ms(i64::from(round)),
        };
        let distribution = policy.distribution(&state, &context, &eligible);
        let place = distribution.draw(seed.slot_uniform(0));
        let (chosen, probability) = quick.choose(segment, seed);
        assert_eq!(chosen, place, "round {round} of {toml}");
        let error = probability - distribution.probabilities()[place];
        assert!(error.abs() < 5e-5, "{error:e} in round {round} of {toml}");
        let distance = if round < rounds / 2 {
            place
        } else {
            offers - 1 - place
        };
        let rate = 0.02 + 0.3 * distance as f64 / offers as f64;
        let earned = generator.next_uniform() < rate;
        quick.learn(segment, place, earned);
        let rewarded = RewardedDecision {
            segment,
            offer: OfferNumber(place as u32),
            features: &[],
            propensity: distribution.propensity(place).expect("it was drawn"),
            decided_at: context.decided_at,
            reward: f64::from(u8::from(earned)),
        };
        policy
            .learn(&mut state, &rewarded)
            .expect("a reward of 0 or 1");
    }
}

#[test]
fn the_shorter_way_leads_to_the_same_offers() {
    for (toml, offers, rounds) in [
        ("kind = \"epsilon_greedy\"\nepsilon = 0.1", 10, 4_000),
        (
            "kind = \"epsilon_greedy\"\nepsilon = 0.0\nexploration_floor = 0.01",
            7,
            2_000,
        ),
        ("kind = \"epsilon_greedy\"\nepsilon = 1.0", 1, 100),
        (
            "kind = \"epsilon_greedy\"\ninitial_value = 0.15\ninitial_weight = 100.0\n\
             epsilon = { schedule = \"inverse\", start = 1.0, scale = 200.0 }",
            10,
            4_000,
        ),
        ("kind = \"thompson_beta\"", 10, 3_000),
        (
            "kind = \"thompson_beta\"\nexploration_floor = 0.02",
            4,
            2_000,
        ),
        (
            "kind = \"thompson_beta\"\nprior_successes = 0.3\nprior_failures = 7.5",
            6,
            2_000,
        ),
        ("kind = \"thompson_beta\"", 1, 50),
    ] {
        for seed in 0..2 {
            play(toml, offers, rounds, seed);
        }
    }
}

/// Rewards of other kinds, values that depend on order and memories that fade
/// have no shorter way.
#[test]
fn what_has_no_shorter_way_says_so() {
    for toml in [
        "kind = \"uniform\"",
        "kind = \"epsilon_greedy\"\nepsilon = 0.1\nstep = 0.05",
        "kind = \"thompson_beta\"\nmemory = { half_life = \"7d\" }",
    ] {
        let config: PolicyConfig = toml::from_str(toml).expect("a policy");
        let policy = Policy::check(&config, |_| None).expect("a policy within its bounds");
        assert!(Rounds::of(&policy, 3).is_none(), "{toml}");
    }
}
