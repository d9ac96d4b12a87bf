//! Plays every policy of a scenario on every seed.
//!
//! One replication is a fold in order of rounds: learn what is due, ask the
//! policy for its distribution, draw from it with the round's own seed, see
//! what the world gives. Replications do not touch each other and are put
//! together in the order of policies and seeds, so the number of threads
//! cannot change a byte.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::ops::ControlFlow;

use imbl::OrdMap;

use super::comparison::{compared, differences, ranking};
use super::curves::{CurveBuilder, PolicyCurves};
use super::environment::shop::Sale;
use super::environment::{Environment, Situation, World};
use super::in_order::in_order;
use super::on_engine::{EngineDecider, needs_engine, refusal};
use super::scenario::{Candidate, Scenario};
use super::seeds::SeedRange;
use super::summary::{PolicySummary, Summary};
use super::trace::{Column, Counted, Layout, Trace};
use crate::domain::distribution::{ActionDistribution, EligibleOffers, Propensity, most_probable};
use crate::domain::ids::{OfferNumber, PlacementNumber, SegmentNumber};
use crate::domain::placement::Feedback;
use crate::domain::random::{DecisionSeed, Stream};
use crate::domain::time::{Instant, Span};
use crate::learning::delay::Overlay;
use crate::learning::reward::Receipt;
use crate::learning::rounds::Rounds;
use crate::learning::session::{RewardedOffer, SessionDecision};
use crate::learning::{Context, Policy, PolicyState, RewardedDecision};

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
        let mut learner = Learner::new(candidate, &scenario.environment);
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

/// Who decides in a replication, and learns from it.
pub(super) trait Decider {
    /// The next decision is near: what has become known until then is learnt.
    /// Rounds count from 0.
    fn go_on(&mut self, round: u64, situation: &Situation<'_>);

    /// The chosen offer's place among those that the rules leave, and its
    /// probability; `None` when nothing may be shown.
    fn decide(&mut self, situation: &Situation<'_>, seed: DecisionSeed) -> Option<Choice>;

    /// Names the places of the offers that were the most probable in the last
    /// decision.
    fn favourites(&mut self, name: &mut dyn FnMut(usize));

    /// What came of the decision. Says how often change detection reset
    /// something.
    fn decided(&mut self, decided: Decided, sale: Option<Sale<'_>>) -> u64;
}

/// A place among the offers that the rules leave, and the probability that it was
/// drawn with.
pub(super) type Choice = (usize, Propensity);

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

/// A policy that has a shorter way, in a world whose rewards of 0 and 1 are
/// known at once. It makes the same decisions as a [`Learner`].
pub(super) struct RoundByRound<'a> {
    rounds: Rounds<'a>,
    /// The segment of the last decision.
    segment: SegmentNumber,
}

impl<'a> RoundByRound<'a> {
    /// `None` where there is no shorter way.
    pub fn new(candidate: &'a Candidate, environment: &Environment) -> Option<Self> {
        if !environment.converts_at_once() || candidate.update_every > 1 {
            return None;
        }
        Some(Self {
            rounds: Rounds::of(&candidate.policy, environment.arms() as usize)?,
            segment: SegmentNumber(0),
        })
    }
}

impl Decider for RoundByRound<'_> {
    fn go_on(&mut self, _: u64, _: &Situation<'_>) {}

    fn decide(&mut self, situation: &Situation<'_>, seed: DecisionSeed) -> Option<Choice> {
        self.segment = situation.segment;
        let (index, probability) = self.rounds.choose(situation.segment, seed);
        let propensity = Propensity::new(probability.min(1.0));
        Some((
            index,
            propensity.expect("what was drawn has a probability above 0"),
        ))
    }

    fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        self.rounds.favourites(self.segment, name);
    }

    fn decided(&mut self, decided: Decided, _: Option<Sale<'_>>) -> u64 {
        let (segment, place) = (decided.segment, decided.offer().0 as usize);
        self.rounds.learn(segment, place, decided.reward > 0.0);
        0
    }
}

/// A decision and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    pub stage: PlacementNumber,
    pub seed: DecisionSeed,
    pub features: Vec<f64>,
    pub segment: SegmentNumber,
    /// What was shown, and the probability that it was drawn with.
    pub shown: Option<(OfferNumber, Propensity)>,
    pub decided_at: Instant,
    /// What is learnt when the decision closes.
    pub reward: f64,
    pub known_at: Instant,
    /// When, after closing, that was taken back.
    pub taken_back_at: Option<Instant>,
}

/// What was learnt, by stage.
type Learnt = OrdMap<PlacementNumber, PolicyState>;

/// A policy's state, what open decisions suggest, and what is still to come.
pub(super) struct Learner<'a> {
    policy: &'a Policy,
    /// Decisions see what was learnt only after every so many.
    update_every: u64,
    feedback: Option<Feedback>,
    window: Span,
    /// What was learnt at each stage; one where there are no sessions.
    learnt: Learnt,
    nothing: PolicyState,
    overlay: Overlay,
    /// State and overlay as decisions see them; `None` while they see the
    /// newest.
    published: Option<(Learnt, Overlay)>,
    /// What is on offer at every stage.
    eligible: EligibleOffers,
    /// The session under way, for a policy that looks ahead.
    session: Vec<Decided>,
    /// Decisions whose window is open, the oldest first.
    open: VecDeque<Decided>,
    /// Conversions that are still to come, by time and then by decision.
    coming: BinaryHeap<Reverse<(Instant, u64)>>,
    /// Decisions that have closed.
    closed: u64,
    /// How probable each offer was in the last decision.
    last: Option<ActionDistribution>,
    /// Rewards that were learnt and will be taken back, by time and then by
    /// decision.
    taken_back: BTreeMap<(Instant, u64), (Decided, Receipt)>,
}

impl Decider for Learner<'_> {
    fn go_on(&mut self, round: u64, situation: &Situation<'_>) {
        if situation.begins_session {
            self.end_session();
        }
        self.learn_until(situation.decided_at);
        if self.update_every > 1 && round.is_multiple_of(self.update_every) {
            self.publish();
        }
    }

    fn decide(&mut self, situation: &Situation<'_>, seed: DecisionSeed) -> Option<Choice> {
        let eligible = situation.eligible?;
        let context = Context {
            segment: situation.segment,
            features: situation.features,
            seed,
            decided_at: situation.decided_at,
        };
        let distribution = self.distribution(situation.stage, &context, eligible);
        let index = distribution.draw(seed.slot_uniform(0));
        let propensity = distribution
            .propensity(index)
            .expect("what was drawn has a probability above 0");
        self.last = Some(distribution);
        Some((index, propensity))
    }

    fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        let last = self.last.iter();
        last.flat_map(|it| most_probable(it.probabilities()))
            .for_each(name);
    }

    fn decided(&mut self, decided: Decided, _: Option<Sale<'_>>) -> u64 {
        if decided.shown.is_some() {
            self.keep(decided);
        }
        self.reset_what_changed()
    }
}

impl<'a> Learner<'a> {
    pub fn new(candidate: &'a Candidate, environment: &Environment) -> Self {
        let window = environment.window();
        let feedback = candidate.feedback.of_placement();
        Self {
            policy: &candidate.policy,
            update_every: candidate.update_every,
            feedback: feedback.filter(|_| environment.has_delays()),
            window,
            learnt: Learnt::new(),
            nothing: PolicyState::new(),
            overlay: Overlay::new(window),
            published: None,
            eligible: environment.eligible(),
            session: Vec::new(),
            open: VecDeque::new(),
            coming: BinaryHeap::new(),
            closed: 0,
            last: None,
            taken_back: BTreeMap::new(),
        }
    }

    /// From now on decisions see what is known now, and nothing newer.
    fn publish(&mut self) {
        self.published = Some((self.learnt.clone(), self.overlay.clone()));
    }

    /// The probability of each offer now.
    fn distribution(
        &self,
        stage: PlacementNumber,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let newest = (&self.learnt, &self.overlay);
        let published = self.published.as_ref();
        let (learnt, overlay) = published.map_or(newest, |(learnt, overlay)| (learnt, overlay));
        let state = learnt.get(&stage).unwrap_or(&self.nothing);
        match self.feedback {
            None | Some(Feedback::AtClosing) => self.policy.distribution(state, context, eligible),
            Some(feedback) => {
                let (segment, at) = (context.segment, context.decided_at);
                let seen = self.policy.seeing(state, overlay, feedback, segment, at);
                self.policy.distribution(&seen, context, eligible)
            }
        }
    }

    /// Learns one reward, of those that the scenario's check tried on every
    /// policy.
    fn learn(&mut self, decided: &Decided) -> Receipt {
        let rewarded = decided.rewarded();
        let state = self.learnt.entry(decided.stage).or_default();
        self.policy
            .learn(state, &rewarded)
            .expect("a policy that was checked learns what the environment gives")
            .receipt
    }

    /// Learns the session that is over.
    fn end_session(&mut self) {
        let Some(policy) = self.policy.looking_ahead() else {
            return;
        };
        let shown: Vec<[RewardedOffer; 1]> = self
            .session
            .iter()
            .map(|decided| {
                [RewardedOffer {
                    offer: decided.offer(),
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
        for answer in policy.learn_session(&mut self.learnt, &decisions) {
            answer.expect("a policy that was checked learns what the environment gives");
        }
        self.session.clear();
    }

    fn keep(&mut self, decided: Decided) {
        if self.policy.looking_ahead().is_some() {
            self.session.push(decided);
            return;
        }
        let Some(feedback) = self.feedback else {
            self.learn(&decided);
            return;
        };
        if feedback != Feedback::AtClosing {
            let key = self.closed + self.open.len() as u64;
            self.suggest(key, &decided, 0.0, decided.decided_at);
            if decided.reward != 0.0 {
                self.coming.push(Reverse((decided.known_at, key)));
            }
        }
        self.open.push_back(decided);
    }

    /// What was learnt at the first stage.
    #[cfg(test)]
    pub fn into_learnt(mut self) -> PolicyState {
        self.learnt.remove(&PlacementNumber(0)).unwrap_or_default()
    }

    /// Puts on the overlay what a decision has earned by `now`.
    fn suggest(&mut self, key: u64, decided: &Decided, reward: f64, now: Instant) {
        let arms = std::iter::once((decided.offer(), reward));
        let (segment, decided_at) = (decided.segment, decided.decided_at);
        self.overlay.put(key, segment, decided_at, arms, Some(now));
    }

    /// Resets what the policy has seen to have changed, as the service does by
    /// an event; says how often.
    fn reset_what_changed(&mut self) -> u64 {
        if !self.policy.watches_for_changes() {
            return 0;
        }
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

    /// Learns what became known before or at `now`, in the order of time.
    fn learn_until(&mut self, now: Instant) {
        loop {
            let coming = self.coming.peek().map(|Reverse((at, _))| *at);
            let taken_back = self.taken_back.first_key_value().map(|((at, _), _)| *at);
            match (coming, taken_back) {
                (Some(at), back) if at <= now && back.is_none_or(|back| at <= back) => {
                    self.come(at);
                }
                (_, Some(at)) if at <= now => self.take_back(at),
                _ => break,
            }
        }
        self.close_until(now);
    }

    /// The next conversion comes.
    fn come(&mut self, at: Instant) {
        let Some(Reverse((_, key))) = self.coming.pop() else {
            return;
        };
        self.close_until(at);
        let place = key.checked_sub(self.closed).map(usize::try_from);
        if let Some(Ok(place)) = place
            && let Some(decided) = self.open.get(place).cloned()
        {
            self.suggest(key, &decided, decided.reward, at);
        }
    }

    /// The next learnt reward is taken back.
    fn take_back(&mut self, at: Instant) {
        self.close_until(at);
        let Some((_, (decided, receipt))) = self.taken_back.pop_first() else {
            return;
        };
        let state = self.learnt.entry(decided.stage).or_default();
        // What the policy's memory has let go of cannot be corrected, nor does
        // it count any more.
        let _corrected = self
            .policy
            .correct(state, &decided.rewarded(), receipt, 0.0);
    }

    /// Learns the decisions whose windows close before or at `now`.
    fn close_until(&mut self, now: Instant) {
        let window = self.window;
        let is_closed = |decided: &mut Decided| decided.decided_at.plus(window) <= now;
        while let Some(decided) = self.open.pop_front_if(is_closed) {
            self.overlay.close(self.closed);
            let receipt = self.learn(&decided);
            if let Some(at) = decided.taken_back_at {
                self.taken_back
                    .insert((at, self.closed), (decided, receipt));
            }
            self.closed += 1;
        }
    }
}

impl Decided {
    fn offer(&self) -> OfferNumber {
        self.shown_or_bug().0
    }

    fn rewarded(&self) -> RewardedDecision<'_> {
        let (offer, propensity) = self.shown_or_bug();
        RewardedDecision {
            segment: self.segment,
            offer,
            features: &self.features,
            propensity,
            decided_at: self.decided_at,
            reward: self.reward,
        }
    }

    fn shown_or_bug(&self) -> (OfferNumber, Propensity) {
        self.shown.expect("only what was shown is learnt from")
    }
}
