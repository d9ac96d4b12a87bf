//! Plays every policy of a scenario on every seed.
//!
//! One replication is a fold in order of rounds: learn what is due, ask the
//! policy for its distribution, draw from it with the round's own seed, see
//! what the world gives. Replications do not touch each other and are put
//! together in the order of policies and seeds, so the number of threads
//! cannot change a byte.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use imbl::OrdMap;
#[cfg(feature = "offline")]
use rayon::prelude::*;

use super::environment::Environment;
use super::scenario::{Candidate, Feedback, Scenario};
use super::summary::{PolicySummary, Replication, Summary};
use crate::domain::distribution::{EligibleOffers, Propensity};
use crate::domain::ids::{OfferNumber, PlacementNumber, SegmentNumber};
use crate::domain::random::{DecisionSeed, Stream};
use crate::domain::time::Instant;
use crate::learning::session::{RewardedOffer, SessionDecision};
use crate::learning::{
    Context, Correction, NotUnlearnt, Policy, PolicyState, Receipt, RewardedDecision,
};

/// What a replication's decisions are drawn from, apart from the world.
const DECISIONS: Stream = Stream::numbered(17);

/// How many decisions are reported at once as done.
const REPORT_EVERY: u64 = 4_096;

/// Plays the scenario, on rayon's current thread pool where the feature
/// `offline` is on. `done` is told, from any thread, how many more decisions
/// were made.
#[must_use]
pub fn run(scenario: &Scenario, done: &(dyn Fn(u64) + Sync)) -> Summary {
    let seeds: Vec<u64> = scenario.seeds.iter().collect();
    let jobs: Vec<(&Candidate, u64)> = scenario
        .candidates
        .iter()
        .flat_map(|candidate| seeds.iter().map(move |seed| (candidate, *seed)))
        .collect();
    let replicate =
        |(candidate, seed): &(&Candidate, u64)| replication(scenario, candidate, *seed, done);
    #[cfg(feature = "offline")]
    let results: Vec<Replication> = jobs.par_iter().map(replicate).collect();
    #[cfg(not(feature = "offline"))]
    let results: Vec<Replication> = jobs.iter().map(replicate).collect();
    let policies = scenario
        .candidates
        .iter()
        .zip(results.chunks(seeds.len()))
        .map(|(candidate, replications)| {
            let decisions = scenario.rounds - scenario.count_from;
            let kind = candidate.policy.kind();
            let groups = scenario.environment.groups();
            PolicySummary {
                recommended: candidate.recommended,
                ..PolicySummary::of(&candidate.name, kind, decisions, &groups, replications)
            }
        })
        .collect();
    Summary {
        scenario: scenario.name.clone(),
        seeds: scenario.seeds.to_string(),
        replications: scenario.seeds.count(),
        rounds: scenario.rounds,
        policies,
    }
}

fn replication(
    scenario: &Scenario,
    candidate: &Candidate,
    seed: u64,
    done: &(dyn Fn(u64) + Sync),
) -> Replication {
    let policy = &candidate.policy;
    let mut learner = Learner::new(policy, candidate.feedback, &scenario.environment);
    let mut world = scenario.environment.world(seed);
    let mut seeds = DecisionSeed(seed).generator(DECISIONS);
    let mut total = Replication::new(scenario.environment.groups().len());
    for round in 0..scenario.rounds {
        let situation = world.next_situation();
        let (segment, decided_at) = (situation.segment, situation.decided_at);
        let stage = situation.stage;
        if situation.begins_session {
            learner.end_session();
        }
        learner.learn_until(decided_at);
        let seed = DecisionSeed(seeds.next_word());
        let context = Context {
            segment,
            features: situation.features,
            seed,
            decided_at,
        };
        let distribution = policy.distribution(learner.at(stage), &context, situation.eligible);
        let index = distribution.draw(context.seed.slot_uniform(0));
        let propensity = distribution
            .propensity(index)
            .expect("what was drawn has a probability above 0");
        let offer = situation.eligible.as_slice()[index];
        let outcome = world.outcome(index);
        if round >= scenario.count_from {
            let regret = world.best_mean() - world.mean(index);
            total.count(
                scenario.environment.group_of(segment),
                outcome.reward,
                regret,
            );
        }
        world.go_on(index);
        learner.decided(Decided {
            stage,
            seed,
            segment,
            features: world.features().to_vec(),
            offer,
            propensity,
            decided_at,
            reward: outcome.reward,
            known_at: decided_at.plus(outcome.delay),
        });
        let resets = learner.reset_what_changed();
        if round >= scenario.count_from {
            total.resets += resets;
        }
        if (round + 1).is_multiple_of(REPORT_EVERY) {
            done(REPORT_EVERY);
        }
    }
    done(scenario.rounds % REPORT_EVERY);
    total
}

/// A decision and what came of it.
#[derive(Debug, Clone)]
struct Decided {
    stage: PlacementNumber,
    seed: DecisionSeed,
    features: Vec<f64>,
    segment: SegmentNumber,
    offer: OfferNumber,
    propensity: Propensity,
    decided_at: Instant,
    reward: f64,
    known_at: Instant,
}

impl Decided {
    fn rewarded(&self, reward: f64) -> RewardedDecision<'_> {
        RewardedDecision {
            segment: self.segment,
            offer: self.offer,
            features: &self.features,
            propensity: self.propensity,
            decided_at: self.decided_at,
            reward,
        }
    }
}

/// A policy's state and what it has still to learn.
struct Learner<'a> {
    policy: &'a Policy,
    feedback: Feedback,
    environment: &'a Environment,
    /// What was learnt at each stage; one where there are no sessions.
    learnt: OrdMap<PlacementNumber, PolicyState>,
    nothing: PolicyState,
    /// What is on offer at every stage.
    eligible: EligibleOffers,
    /// The session under way, for a policy that looks ahead.
    session: Vec<Decided>,
    /// Decisions whose window is open, the oldest first.
    open: VecDeque<Decided>,
    /// Conversions that are still to come, by time and then by decision.
    coming: BinaryHeap<Reverse<(Instant, u64)>>,
    /// What was learnt provisionally and will convert, by decision.
    provisional: VecDeque<Option<(Decided, Receipt)>>,
    /// Decisions that have left the front of `provisional`.
    settled: u64,
}

impl<'a> Learner<'a> {
    fn new(policy: &'a Policy, feedback: Feedback, environment: &'a Environment) -> Self {
        Self {
            policy,
            feedback,
            environment,
            learnt: OrdMap::new(),
            nothing: PolicyState::new(),
            eligible: environment.eligible(),
            session: Vec::new(),
            open: VecDeque::new(),
            coming: BinaryHeap::new(),
            provisional: VecDeque::new(),
            settled: 0,
        }
    }

    /// What was learnt at a stage.
    fn at(&self, stage: PlacementNumber) -> &PolicyState {
        self.learnt.get(&stage).unwrap_or(&self.nothing)
    }

    /// Learns one reward, of those that the scenario's check tried on every
    /// policy.
    fn learn(&mut self, decided: &Decided, reward: f64) -> Receipt {
        let state = self.learnt.entry(decided.stage).or_default();
        self.policy
            .learn(state, &decided.rewarded(reward))
            .expect("a policy that was checked learns what the environment gives")
            .receipt
    }

    /// Learns the session that is over.
    fn end_session(&mut self) {
        let shown: Vec<[RewardedOffer; 1]> = self
            .session
            .iter()
            .map(|decided| {
                [RewardedOffer {
                    offer: decided.offer,
                    propensity: decided.propensity,
                    reward: decided.reward,
                }]
            })
            .collect();
        let decisions: Vec<SessionDecision<'_>> = self
            .session
            .iter()
            .zip(&shown)
            .map(|(decided, shown)| SessionDecision {
                placement: decided.stage,
                segment: decided.segment,
                decided_at: decided.decided_at,
                seed: decided.seed,
                eligible: &self.eligible,
                shown,
            })
            .collect();
        for answer in self.policy.learn_session(&mut self.learnt, &decisions) {
            answer.expect("a policy that was checked learns what the environment gives");
        }
        self.session.clear();
    }

    fn decided(&mut self, decided: Decided) {
        if self.policy.looks_ahead() {
            self.session.push(decided);
            return;
        }
        if !self.environment.has_delays() || self.feedback == Feedback::Undelayed {
            self.learn(&decided, decided.reward);
            return;
        }
        match self.feedback {
            Feedback::Undelayed | Feedback::AtClosing => self.open.push_back(decided),
            Feedback::Provisional => {
                let receipt = self.learn(&decided, 0.0);
                let converts = (decided.reward != 0.0).then_some(receipt);
                if converts.is_some() {
                    let number = self.settled + self.provisional.len() as u64;
                    self.coming.push(Reverse((decided.known_at, number)));
                }
                self.provisional
                    .push_back(converts.map(|receipt| (decided, receipt)));
            }
        }
    }

    /// Resets what the policy has seen to have changed, as the service does by
    /// an event; says how often.
    fn reset_what_changed(&mut self) -> u64 {
        let mut resets = 0;
        for (stage, state) in self.learnt.clone() {
            for alarm in state.alarms() {
                let state = self.learnt.entry(stage).or_default();
                state.reset(Some(alarm.segment), alarm.offer);
                resets += 1;
            }
        }
        resets
    }

    /// Learns what became known before or at `now`.
    fn learn_until(&mut self, now: Instant) {
        let window = self.environment.window();
        let is_closed = |decided: &mut Decided| decided.decided_at.plus(window) <= now;
        while let Some(decided) = self.open.pop_front_if(is_closed) {
            self.learn(&decided, decided.reward);
        }
        while let Some(Reverse((known_at, number))) = self.coming.peek().copied() {
            if known_at > now {
                break;
            }
            self.coming.pop();
            self.convert(number);
        }
        while matches!(self.provisional.front(), Some(None)) {
            self.provisional.pop_front();
            self.settled += 1;
        }
    }

    fn convert(&mut self, number: u64) {
        let place = usize::try_from(number - self.settled).ok();
        let entry = place.and_then(|place| self.provisional.get_mut(place));
        if let Some((decided, receipt)) = entry.and_then(Option::take) {
            let before = decided.rewarded(0.0);
            let state = self.learnt.entry(decided.stage).or_default();
            let done = self.policy.correct(state, &before, receipt, decided.reward);
            // What a reset forgot cannot be corrected.
            let is_done = matches!(
                done,
                Ok(Correction::Corrected { .. } | Correction::NotUnlearnt(NotUnlearnt::Superseded))
            );
            assert!(is_done, "{done:?}");
        }
    }
}
