//! Plays every policy of a scenario on every seed.
//!
//! One replication is a fold in order of rounds: learn what is due, ask the
//! policy for its distribution, draw from it with the round's own seed, see
//! what the world gives. Replications do not touch each other and are put
//! together in the order of policies and seeds, so the number of threads
//! cannot change a byte.

use std::ops::ControlFlow;

use super::comparison::{compared, differences, ranking};
use super::curves::{CurveBuilder, PolicyCurves};
use super::decider::{Decided, Decider, RoundByRound};
use super::environment::World;
use super::in_order::in_order;
use super::learner::Learner;
use super::on_engine::{EngineDecider, needs_engine, refusal};
use super::scenario::{Candidate, Scenario};
use super::seeds::SeedRange;
use super::summary::{PolicySummary, Summary};
use super::trace::{Column, Counted, Layout, Trace};
use crate::domain::random::{DecisionSeed, Stream};
use crate::domain::time::Span;

/// What a replication's decisions are drawn from, apart from the world.
const DECISIONS: Stream = Stream::numbered(17);

/// How long a round takes where a world does not say.
pub(super) const ROUND: Span = Span::from_ms(1);

/// How many decisions are reported at once as done.
const REPORT_EVERY: u64 = 4_096;

/// Is told, from any thread, how many more decisions were made, and may ask to
/// stop.
pub type Done<'a> = &'a (dyn Fn(u64) -> ControlFlow<()> + Sync);

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// In few figures.
    pub summary: Summary,
    /// One for each policy, in the scenario's order.
    pub policies: Vec<PolicyCurves>,
}

/// Plays the scenario, policies alone where they can and through the engine
/// where a world has what only that keeps, on rayon's current thread pool where
/// the feature `offline` is on. When `done` asks to stop, those seeds count that
/// every policy had played, from the first on. `None` when there is no such seed.
#[must_use]
pub fn run(scenario: &Scenario, done: Done<'_>) -> Option<Played> {
    let candidates: Vec<&Candidate> = scenario.candidates.iter().collect();
    replicated(scenario, &candidates, |candidate, seed| {
        if needs_engine(scenario, candidate).is_some() {
            return replication_on_engine(scenario, candidate, seed, done);
        }
        if let Some(mut decider) = RoundByRound::new(candidate, &scenario.environment) {
            return play(scenario, candidate, seed, &mut decider, done);
        }
        let mut learner = Learner::new(candidate, &scenario.environment).with_anchors();
        play(scenario, candidate, seed, &mut learner, done)
    })
}

/// The same through the production engine: slower by far, and with the same
/// result. Policies that the engine cannot play are left out; [`refusal`] tells
/// why.
#[must_use]
pub fn run_on_engine(scenario: &Scenario, done: Done<'_>) -> Option<Played> {
    let candidates: Vec<&Candidate> = scenario
        .candidates
        .iter()
        .filter(|candidate| refusal(scenario, candidate).is_none())
        .collect();
    replicated(scenario, &candidates, |candidate, seed| {
        replication_on_engine(scenario, candidate, seed, done)
    })
}

fn replication_on_engine(
    scenario: &Scenario,
    candidate: &Candidate,
    seed: u64,
    done: Done<'_>,
) -> Option<Trace> {
    let mut engine = EngineDecider::new(&scenario.environment, candidate, seed);
    play(scenario, candidate, seed, &mut engine, done)
}

/// Every candidate on every seed.
fn replicated(
    scenario: &Scenario,
    candidates: &[&Candidate],
    replicate: impl Fn(&Candidate, u64) -> Option<Trace> + Sync,
) -> Option<Played> {
    let layout = Layout::of(scenario);
    let nothing = CurveBuilder::new(&layout, scenario.environment.columns());
    let mut builders = vec![nothing; candidates.len()];
    let mut of_one_seed = Vec::with_capacity(candidates.len());
    let replicate = |job: usize| {
        let seed = scenario.seeds.first() + (job / candidates.len()) as u64;
        replicate(candidates[job % candidates.len()], seed)
    };
    let seeds = usize::try_from(scenario.seeds.count()).unwrap_or(usize::MAX);
    in_order(
        seeds.saturating_mul(candidates.len()),
        &replicate,
        |trace| {
            of_one_seed.push(trace);
            if of_one_seed.len() == builders.len() {
                for (builder, trace) in builders.iter_mut().zip(of_one_seed.drain(..)) {
                    builder.add(trace);
                }
            }
        },
    );
    let policies: Vec<PolicyCurves> = builders.into_iter().map(CurveBuilder::finish).collect();
    let replications = policies.first()?.replications.len() as u64;
    let seeds = scenario.seeds.first_of(replications)?;
    let summary = summed_up(scenario, candidates, seeds, &policies);
    Some(Played { summary, policies })
}

fn summed_up(
    scenario: &Scenario,
    candidates: &[&Candidate],
    seeds: SeedRange,
    policies: &[PolicyCurves],
) -> Summary {
    let decisions = scenario.rounds - scenario.count_from;
    let groups = scenario.environment.groups();
    let asked = scenario.seeds.count();
    let names: Vec<String> = candidates.iter().map(|it| it.name.clone()).collect();
    let by_regret = scenario.environment.columns().contains(&Column::Regret);
    Summary {
        scenario: scenario.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        scenario_hash: scenario.hash.clone(),
        set: scenario.set.clone(),
        seeds: seeds.to_string(),
        replications: seeds.count(),
        stopped_of: (seeds.count() < asked).then_some(asked),
        rounds: scenario.rounds,
        policies: candidates
            .iter()
            .zip(policies)
            .map(|(candidate, curves)| {
                let kind = candidate.policy.kind();
                PolicySummary {
                    recommended: candidate.recommended,
                    ..PolicySummary::of(&candidate.name, kind, decisions, &groups, curves)
                }
            })
            .collect(),
        differences: differences(&names, policies, &ranking(policies, by_regret)),
        comparisons: compared(&scenario.comparisons, &names, policies),
    }
}

/// Plays one replication; `None` when it was stopped.
pub(super) fn play(
    scenario: &Scenario,
    candidate: &Candidate,
    seed: u64,
    decider: &mut impl Decider,
    done: Done<'_>,
) -> Option<Trace> {
    let mut world = scenario.environment.world(seed);
    let mut seeds = DecisionSeed(seed).generator(DECISIONS);
    let mut trace = Trace::new(Layout::of(scenario));
    for round in 0..scenario.rounds {
        let situation = world.next_situation();
        decider.go_on(round, &situation);
        let seed = DecisionSeed(seeds.next_word());
        let drawn = decider.decide(&situation, seed);
        let (segment, decided_at) = (situation.segment, situation.decided_at);
        let stage = situation.stage;
        let shown = drawn.and_then(|(index, propensity)| {
            Some((situation.eligible?.as_slice()[index], propensity))
        });
        let choice = drawn.map(|(index, _)| index);
        let outcome = world.outcome(choice, candidate.objective);
        if round >= scenario.count_from {
            let group = world.group(segment);
            if let (Some(index), Some((offer, _))) = (choice, shown) {
                trace.decided(Counted {
                    group,
                    offer: scenario.environment.place_of(offer),
                    reward: outcome.reward,
                    best_mean: world.best_mean(),
                    favourite_mean: favourite_mean(decider, &world),
                    mean: world.mean(index),
                });
            } else {
                trace.add(group, Column::Reward, outcome.reward);
                trace.add(group, Column::Regret, world.missed());
            }
            world.account(choice, &mut trace);
        }
        let decided = Decided {
            stage,
            seed,
            segment,
            features: world.features().to_vec(),
            shown,
            decided_at,
            reward: outcome.learnt,
            known_at: decided_at.plus(outcome.delay),
            taken_back_at: outcome.taken_back_after.map(|after| decided_at.plus(after)),
        };
        let resets = decider.decided(decided, world.sale(choice));
        world.go_on(choice);
        if round >= scenario.count_from {
            trace.total.resets += resets;
        }
        trace.end_round(round);
        if (round + 1).is_multiple_of(REPORT_EVERY) && done(REPORT_EVERY).is_break() {
            return None;
        }
    }
    match done(scenario.rounds % REPORT_EVERY) {
        ControlFlow::Continue(()) => Some(trace),
        ControlFlow::Break(()) => None,
    }
}

/// What the most probable offer earns in the mean; several that are alike, on
/// average.
fn favourite_mean(decider: &mut impl Decider, world: &World<'_>) -> f64 {
    let (mut sum, mut favourites) = (0.0, 0u32);
    decider.favourites(&mut |index| {
        sum += world.mean(index);
        favourites += 1;
    });
    sum / f64::from(favourites)
}
