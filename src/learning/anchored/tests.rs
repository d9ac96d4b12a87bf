use super::*;
use crate::domain::distribution::Propensity;
use crate::domain::ids::OfferNumber;
use crate::domain::random::{DecisionSeed, Generator};
use crate::domain::time::Instant;
use crate::learning::reward::Receipt;
use crate::learning::{PolicyConfig, RewardedDecision};

/// Plays a policy by its anchors beside its own distributions: two segments,
/// two sets of offers, refunds, and rewards that are learnt a while after their
/// decision. Gives how often the distribution was computed.
fn played_alike(config: &str, worth: f64, rates: &[f64], rounds: u32) -> u32 {
    let config: PolicyConfig = serde_json::from_str(config).unwrap();
    let policy = Policy::check(&config, |_| None).unwrap();
    let mut anchored = Anchored::of(&policy).unwrap();
    let mut state = PolicyState::new();
    let offers = u32::try_from(rates.len()).unwrap();
    let sets = [0, 1].map(|first| EligibleOffers::new((first..offers).map(OfferNumber)).unwrap());
    let mut generator = Generator::from_seed(11);
    let mut waiting: Vec<RewardedDecision<'_>> = Vec::new();
    let mut learnt: Vec<(RewardedDecision<'_>, Receipt)> = Vec::new();
    let mut computed = 0;
    for round in 0..rounds {
        let seed = DecisionSeed(generator.next_word());
        let context = Context {
            segment: SegmentNumber(u32::from(generator.next_uniform() < 0.3)),
            features: &[],
            seed,
            decided_at: Instant::from_unix_ms(i64::from(round)),
        };
        let eligible = &sets[usize::from(generator.next_uniform() < 0.4)];
        let exact = policy.distribution(&state, &context, eligible);
        let (index, _) = anchored.choose(&state, &context, eligible);
        let drawn = exact.draw(seed.slot_uniform(0));
        assert_eq!(index, drawn, "round {round}: {exact:?}");
        let mut favourites = Vec::new();
        anchored.favourites(&mut |place| favourites.push(place));
        let expected: Vec<usize> = most_probable(exact.probabilities()).collect();
        assert_eq!(favourites, expected, "round {round}: {exact:?}");
        computed += u32::from(!anchored.is_certain());
        let offer = eligible.as_slice()[index];
        let earned = generator.next_uniform() < rates[offer.0 as usize];
        let reward = if earned {
            worth * (0.5 + generator.next_uniform())
        } else {
            0.0
        };
        waiting.push(RewardedDecision {
            segment: context.segment,
            offer,
            features: &[],
            propensity: Propensity::CERTAIN,
            decided_at: context.decided_at,
            reward: if worth == 1.0 {
                reward.ceil().min(1.0)
            } else {
                reward
            },
        });
        if waiting.len() > 20 {
            let decision = waiting.remove(0);
            let receipt = policy.learn(&mut state, &decision).unwrap().receipt;
            learnt.push((decision, receipt));
        }
        if round % 9 == 8
            && let Some((decision, receipt)) = learnt.pop()
        {
            policy.correct(&mut state, &decision, receipt, 0.0).unwrap();
        }
    }
    computed
}

#[test]
fn draws_and_favourites_are_those_of_the_exact_method() {
    let apart = [0.1, 0.3, 0.12, 0.05];
    let alike = [0.2, 0.21, 0.2];
    for (config, worth, rates, rounds, most) in [
        (r#"{"kind": "thompson_beta"}"#, 1.0, &apart[..], 1_500, 400),
        (r#"{"kind": "thompson_beta"}"#, 1.0, &alike[..], 1_000, 600),
        (
            r#"{"kind": "thompson_beta", "exploration_floor": 0.05}"#,
            1.0,
            &apart[..],
            1_000,
            400,
        ),
        (
            r#"{"kind": "thompson_beta", "memory": {"half_life": "300ms"},
                "prior_successes": 1.0, "prior_failures": 4.0}"#,
            1.0,
            &apart[..],
            600,
            600,
        ),
        (
            r#"{"kind": "tempered_thompson", "sharpness": 2.0}"#,
            1.0,
            &apart[..],
            1_000,
            400,
        ),
        (
            r#"{"kind": "thompson_poisson", "largest_count": 10.0}"#,
            3.0,
            &apart[..],
            1_000,
            400,
        ),
        (
            r#"{"kind": "thompson_revenue", "prior_value": 40.0, "prior_failures": 5.0}"#,
            50.0,
            &apart[..],
            300,
            200,
        ),
    ] {
        let computed = played_alike(config, worth, rates, rounds);
        println!("{config}: {computed} of {rounds} were computed");
        assert!(computed <= most, "{config}: {computed}");
    }
}

#[test]
fn other_policies_have_no_anchors() {
    let config: PolicyConfig = serde_json::from_str(r#"{"kind": "uniform"}"#).unwrap();
    let policy = Policy::check(&config, |_| None).unwrap();
    assert!(Anchored::of(&policy).is_none());
}
