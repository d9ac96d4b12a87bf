//! Policies alone play as the production engine does.

use std::ops::ControlFlow;
use std::path::Path;

use super::shop::Committed;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::learning::PolicyState;
use crate::simulation::decider::{Choice, Decided, Decider};
use crate::simulation::environment::Situation;
use crate::simulation::environment::shop::Sale;
use crate::simulation::learner::Learner;
use crate::simulation::on_engine::{EngineDecider, needs_engine, refusal};
use crate::simulation::runner::play;
use crate::simulation::scenario::Candidate;
use crate::simulation::{Override, Scenario, run, run_on_engine};

/// The committed scenarios whose worlds are known by their truth, cut short.
const COMMITTED: [(&str, &[&str]); 12] = [
    ("bernoulli_ten_arms", &["rounds=150"]),
    (
        "cold_start",
        &["environment.segments=[{ count = 3, decisions = 40 }, { count = 8, decisions = 10 }]"],
    ),
    (
        "delayed_conversions",
        &["rounds=300", "environment.decisions_per_day=12"],
    ),
    (
        "drift",
        &["rounds=150", "count_from=0", "environment.swap_at=75"],
    ),
    ("funnel", &["rounds=100", "count_from=0"]),
    ("stale_snapshots", &["rounds=150"]),
    (
        "spring_festival",
        &[
            "rounds=120",
            "environment.visits_per_day=12",
            "environment.shoppers=60",
        ],
    ),
    (
        "discount_addicts",
        &["rounds=120", "environment.visits_per_day=20"],
    ),
    ("price_war", &["rounds=150", "environment.visits_per_day=3"]),
    ("fatigue", &["rounds=150", "environment.shoppers=20"]),
    ("budget_race", &["rounds=100"]),
    (
        "checkout_cross_sell",
        &["rounds=150", "environment.visits_per_day=20"],
    ),
];

/// What of them policies alone cannot play.
const ENGINE_ALONE: [(&str, &str); 6] = [
    ("budget_race", "coupon_to_everybody"),
    ("budget_race", "conversion"),
    ("budget_race", "margin"),
    ("budget_race", "uniform"),
    ("checkout_cross_sell", "thompson_companions"),
    ("checkout_cross_sell", "thompson_affinity"),
];

/// What of them the engine cannot play, and the first words of why.
const REFUSED: [(&str, &str, &str); 9] = [
    (
        "delayed_conversions",
        "undelayed",
        "the service cannot know",
    ),
    ("funnel", "q_learning", "the stages of its world"),
    ("funnel", "double_q_learning", "the stages of its world"),
    ("funnel", "q_lambda", "the stages of its world"),
    ("funnel", "one_decision_at_a_time", "the stages of its"),
    ("stale_snapshots", "every_100", "the engine's decisions"),
    ("stale_snapshots", "every_1000", "the engine's decisions"),
    ("stale_snapshots", "every_10000", "the engine's decisions"),
    ("stale_snapshots", "kl_ucb_every_1000", "the engine's"),
];

/// Keeps what another decides.
struct Observed<D> {
    decider: D,
    decisions: Vec<Option<Choice>>,
    at: Instant,
}

impl<D: Decider> Decider for Observed<D> {
    fn go_on(&mut self, round: u64, situation: &Situation<'_>) {
        self.at = situation.decided_at;
        self.decider.go_on(round, situation);
    }

    fn decide(&mut self, situation: &Situation<'_>, seed: DecisionSeed) -> Option<Choice> {
        let decision = self.decider.decide(situation, seed);
        self.decisions.push(decision);
        decision
    }

    fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        self.decider.favourites(name);
    }

    fn decided(&mut self, decided: Decided, sale: Option<Sale<'_>>) -> u64 {
        self.decider.decided(decided, sale)
    }
}

fn observed<D: Decider>(
    decider: D,
    scenario: &Scenario,
    candidate: &Candidate,
    seed: u64,
) -> Observed<D> {
    let mut observed = Observed {
        decider,
        decisions: Vec::new(),
        at: Instant::from_unix_ms(0),
    };
    let played = play(scenario, candidate, seed, &mut observed, &|_| {
        ControlFlow::Continue(())
    });
    assert!(played.is_some());
    observed
}

fn learnt_by_policies(scenario: &Scenario, candidate: &Candidate) -> Played {
    let learner = Learner::new(candidate, &scenario.environment);
    let observed = observed(learner, scenario, candidate, 3);
    (observed.decisions, observed.decider.into_learnt())
}

fn learnt_by_the_engine(scenario: &Scenario, candidate: &Candidate) -> Played {
    let engine = EngineDecider::new(&scenario.environment, candidate, 3);
    let observed = observed(engine, scenario, candidate, 3);
    (
        observed.decisions,
        observed.decider.into_learnt(observed.at),
    )
}

type Played = (Vec<Option<Choice>>, PolicyState);

pub(super) fn committed(name: &str, overrides: &[&str]) -> Scenario {
    let path = Path::new("simulations").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    let overrides: Vec<Override> = overrides.iter().map(|set| set.parse().unwrap()).collect();
    Scenario::read_with(&text, &overrides, &Committed)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What the command line prints is the same either way.
#[test]
fn a_summary_through_the_engine_is_that_of_policies_alone() {
    let scenario = committed("bernoulli_ten_arms", &["rounds=60", "seeds=0..2"]);
    let on = |_| ControlFlow::Continue(());
    let alone = run(&scenario, &on).unwrap();
    assert_eq!(
        run_on_engine(&scenario, &on).unwrap().summary,
        alone.summary
    );
}

#[test]
fn policies_alone_decide_and_learn_as_the_engine_does() {
    let (mut refused, mut engine_alone) = (Vec::new(), Vec::new());
    for (name, overrides) in COMMITTED {
        let scenario = committed(name, overrides);
        for candidate in &scenario.candidates {
            if let Some(reason) = refusal(&scenario, candidate) {
                refused.push((name, candidate.name.clone(), reason));
                continue;
            }
            if needs_engine(&scenario, candidate).is_some() {
                engine_alone.push((name, candidate.name.clone()));
                continue;
            }
            let alone = learnt_by_policies(&scenario, candidate);
            let engine = learnt_by_the_engine(&scenario, candidate);
            let differs = alone.0.iter().zip(&engine.0).position(|(a, b)| a != b);
            assert_eq!(differs, None, "{name}, {}: decisions", candidate.name);
            assert_eq!(alone.0.len(), engine.0.len());
            assert!(
                alone.1 == engine.1,
                "{name}, {}: what was learnt differs",
                candidate.name
            );
        }
    }
    let expected = ENGINE_ALONE.map(|(scenario, candidate)| (scenario, candidate.to_owned()));
    assert_eq!(engine_alone, expected);
    let told: Vec<_> = refused
        .iter()
        .map(|(scenario, candidate, _)| (*scenario, candidate.as_str()))
        .collect();
    let expected: Vec<_> = REFUSED.iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(told, expected, "{refused:#?}");
    for ((.., reason), (.., words)) in refused.iter().zip(REFUSED) {
        assert!(reason.starts_with(words), "{reason}");
    }
}
