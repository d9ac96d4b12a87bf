//! The probabilities that are stated are those of what is drawn: for every
//! policy, 200 random states and eligible subsets.

use std::collections::BTreeSet;

use rand_distr::Distribution;

use super::contextual::{History, KINDS as CONTEXTUAL};
use super::*;
use crate::domain::random::{Generator, Stream};
use crate::learning::chi_squared;

/// States and subsets of each policy.
const CASES: u64 = 200;

/// Of some 15,000 tests all pass with probability 0.999 when the probabilities
/// are right: Bonferroni, a tail of 6.7·10⁻⁸ each, one-sided. Seeds are fixed,
/// so they pass always or never.
const DEVIATIONS: f64 = 5.27;

/// Every kind that has a memory.
const REMEMBERING: [&str; 11] = [
    "kind = 'epsilon_greedy'\ninitial_weight = 1.0",
    "kind = 'softmax'\ninitial_weight = 1.0",
    "kind = 'ucb1'\nexploration_floor = 0.01",
    "kind = 'kl_ucb'\nexploration_floor = 0.01",
    "kind = 'imed'\nexploration_floor = 0.01",
    "kind = 'thompson_beta'",
    "kind = 'tempered_thompson'",
    "kind = 'thompson_poisson'",
    "kind = 'thompson_revenue'",
    "kind = 'thompson_normal'",
    "kind = 'information_directed'\nexploration_floor = 0.01",
];

/// The policies that learn arm by arm, with every memory that they may have.
fn tabular_policies() -> Vec<Policy> {
    let memories = [
        "",
        "memory = { half_life = '1h' }",
        "memory = { window = '3h', parts = 6 }",
        "memory = { until_change = 'bernoulli_glr' }",
    ];
    let mut all: Vec<Policy> = REMEMBERING
        .iter()
        .flat_map(|kind| memories.map(|memory| policy(&format!("{kind}\n{memory}"))))
        .collect();
    all.extend(every_policy());
    all.push(policy("kind = 'q_learning'\nepsilon = 0.2"));
    all.push(policy("kind = 'q_learning'\ndouble = true\nstep = 0.1"));
    all
}

fn contextual_policies() -> Vec<Policy> {
    CONTEXTUAL.map(policy).to_vec()
}

/// What a random history leaves, and what is on offer then.
fn tabular_case(policy: &Policy, generator: &mut Generator) -> (PolicyState, EligibleOffers) {
    let mut state = PolicyState::new();
    let money = matches!(policy.kind(), "thompson_revenue" | "thompson_normal");
    let length = generator.next_below(400);
    let rates: Vec<f64> = (0..12).map(|_| 0.5 * generator.next_uniform()).collect();
    for minute in 0..length {
        let offer = generator.next_below(12) as u32;
        let earns = generator.next_uniform() < rates[offer as usize];
        let worth = if money {
            (1.0 + 50.0 * generator.next_uniform()).floor()
        } else {
            1.0
        };
        let decision = RewardedDecision {
            decided_at: NOW.plus(Span::from_seconds(60 * minute as i64)),
            ..rewarded(offer, f64::from(u8::from(earns)) * worth)
        };
        policy.learn(&mut state, &decision).unwrap();
    }
    (state, subset(generator))
}

/// One is always there; another was never learnt.
fn subset(generator: &mut Generator) -> EligibleOffers {
    let numbers = (0..14).filter(|number| *number == 3 || generator.next_below(2) == 0);
    let numbers: Vec<OfferNumber> = numbers.map(OfferNumber).collect();
    EligibleOffers::new(numbers).unwrap()
}

fn then() -> Context<'static> {
    Context {
        decided_at: NOW.plus(Span::from_seconds(60 * 400)),
        ..context()
    }
}

fn compare(counts: &[u64], stated: &[f64], what: &str) {
    let (statistic, degrees) = chi_squared::statistic(counts, stated);
    if degrees > 0.0 {
        let limit = chi_squared::limit(degrees, DEVIATIONS);
        assert!(
            statistic <= limit,
            "chi-squared {statistic} with {degrees} degrees of freedom: {what}, stated {stated:?}, \
             seen {counts:?}"
        );
    }
}

/// Draws from what is stated; `number` tells the policy's draws from another's.
fn draw_and_compare(policy: &Policy, stated: &ActionDistribution, number: u64, draws: u64) {
    let sum: f64 = stated.probabilities().iter().sum();
    assert!((sum - 1.0).abs() <= 1e-12, "{policy:?} sums to {sum}");
    let mut counts = vec![0; stated.probabilities().len()];
    for draw in 0..draws {
        let seed = DecisionSeed((number << 32) | draw);
        counts[stated.draw(seed.slot_uniform(0))] += 1;
    }
    compare(&counts, stated.probabilities(), &format!("{policy:?}"));
}

fn tabular_draws_agree(cases: u64, draws: u64) {
    for (number, policy) in (0..).zip(tabular_policies()) {
        let mut generator = Generator::from_seed(number);
        for case in 0..cases {
            let (state, eligible) = tabular_case(&policy, &mut generator);
            let stated = policy.distribution(&state, &then(), &eligible);
            draw_and_compare(&policy, &stated, (number << 16) | case, draws);
        }
    }
}

/// States of one policy follow each other: it goes on living between them. What
/// is stated is conditional on the decision's recorded seed.
fn contextual_draws_agree(cases: u64, draws: u64) {
    for (number, policy) in (100..).zip(contextual_policies()) {
        let mut generator = Generator::from_seed(number);
        let mut history = History::new(policy.clone(), number);
        for case in 0..cases {
            let eligible = subset(&mut generator);
            history.live(2, &eligible);
            let features = history.features();
            let stated = history.ask(&features, generator.next_word(), &eligible);
            draw_and_compare(&policy, &stated, (number << 16) | case, draws);
        }
    }
}

#[test]
fn no_policy_is_left_out() {
    let covered: BTreeSet<&str> = tabular_policies()
        .iter()
        .chain(&contextual_policies())
        .map(Policy::kind)
        .collect();
    let all = "bagging epsilon_greedy fixed imed information_directed kl_ucb lin_ucb linear_thompson \
               logistic_thompson pooled_thompson q_learning reg_cb softmax square_cb \
               tempered_thompson thompson_beta thompson_normal thompson_poisson thompson_revenue \
               ucb1 uniform";
    assert_eq!(covered.into_iter().collect::<Vec<_>>().join(" "), all);
}

/// One draw of each arm's score from its posterior.
fn posterior_draw(policy: &Policy, evidence: &Evidence, generator: &mut Generator) -> f64 {
    let beta = |posterior: crate::learning::beta::Beta, generator: &mut Generator| {
        let law = rand_distr::Beta::new(posterior.alpha(), posterior.beta());
        law.unwrap().sample(generator)
    };
    let gamma = |posterior: crate::learning::gamma::Gamma, generator: &mut Generator| {
        let law = rand_distr::Gamma::new(posterior.shape(), 1.0 / posterior.rate());
        law.unwrap().sample(generator)
    };
    match policy {
        Policy::ThompsonBeta(policy) => beta(policy.posterior(evidence), generator),
        Policy::TemperedThompson(policy) => beta(policy.posterior(evidence), generator),
        Policy::ThompsonPoisson(policy) => gamma(policy.posterior(evidence), generator),
        Policy::ThompsonRevenue(policy) => {
            let posterior = policy.posterior(evidence);
            let conversion = beta(posterior.conversion(), generator);
            conversion * posterior.value_shape() / gamma(posterior.value_rate(), generator)
        }
        Policy::ThompsonNormal(policy) => {
            let posterior = policy.posterior(evidence);
            let law = rand_distr::StudentT::new(posterior.degrees()).unwrap();
            posterior.location() + posterior.scale() * law.sample(generator)
        }
        _ => unreachable!("{} has no posterior to draw from", policy.kind()),
    }
}

/// How often each arm's posterior draw is the largest.
fn posterior_draws_agree(cases: u64, draws: u64) {
    let sampled = REMEMBERING.iter().filter(|kind| kind.contains("thompson"));
    for (number, policy) in (0..).zip(sampled.map(|kind| policy(kind))) {
        let mut generator = Generator::from_seed(1_000 + number);
        for case in 0..cases {
            let (state, eligible) = tabular_case(&policy, &mut generator);
            let stated = policy.distribution(&state, &then(), &eligible);
            let evidence: Vec<Evidence> = aligned(state.segment(SEGMENT), &eligible)
                .map(|arm| policy.memory().evidence(arm, then().decided_at))
                .collect();
            let mut drawn = DecisionSeed((number << 32) | case).generator(Stream::POSTERIOR);
            let mut counts = vec![0; eligible.len()];
            for _ in 0..draws {
                let mut best = (0, f64::MIN);
                for (arm, evidence) in evidence.iter().enumerate() {
                    let value = posterior_draw(&policy, evidence, &mut drawn);
                    if value > best.1 {
                        best = (arm, value);
                    }
                }
                counts[best.0] += 1;
            }
            compare(&counts, stated.probabilities(), &format!("{policy:?}"));
        }
    }
}

#[test]
fn what_is_stated_is_what_is_drawn() {
    tabular_draws_agree(8, 1_000);
    contextual_draws_agree(8, 1_000);
}

#[test]
fn what_is_stated_is_how_often_a_posterior_draw_is_the_largest() {
    posterior_draws_agree(2, 2_000);
}

#[test]
#[ignore = "10^6 draws of each of 200 states of each policy"]
fn a_million_draws_of_every_tabular_policy_are_what_is_stated() {
    tabular_draws_agree(CASES, 1_000_000);
}

#[test]
#[ignore = "10^6 draws of each of 200 states of each policy"]
fn a_million_draws_of_every_contextual_policy_are_what_is_stated() {
    contextual_draws_agree(CASES, 1_000_000);
}

/// Where the probabilities come by quadrature they are also those of another
/// road: how often an arm's own posterior draw is the largest.
#[test]
#[ignore = "10^6 posterior draws of each of 200 states of each Thompson policy"]
fn a_million_posterior_draws_are_what_is_stated() {
    posterior_draws_agree(CASES, 1_000_000);
}
