//! A policy alone: its state, what is still to come, and the draws that the
//! service makes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use imbl::OrdMap;

use super::decider::{Choice, Decided, Decider};
use super::environment::shop::Sale;
use super::environment::{Environment, Situation};
use super::scenario::Candidate;
use crate::domain::distribution::{ActionDistribution, EligibleOffers, Propensity, most_probable};
use crate::domain::ids::PlacementNumber;
use crate::domain::placement::Feedback;
use crate::domain::random::DecisionSeed;
use crate::domain::time::{Instant, Span};
use crate::learning::anchored::Anchored;
use crate::learning::delay::Overlay;
use crate::learning::reward::Receipt;
use crate::learning::session::{RewardedOffer, SessionDecision};
use crate::learning::{Context, Policy, PolicyState};

/// What was learnt, by stage.
type Learnt = OrdMap<PlacementNumber, PolicyState>;

const DRAWN: &str = "what was drawn has a probability above 0";

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
    /// How probable each offer was in the last decision, where that was
    /// computed.
    last: Option<ActionDistribution>,
    /// What draws without computing that, where the policy has it.
    anchored: Option<Anchored<'a>>,
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
        if let Some(mut anchored) = self.anchored.take() {
            let (index, probability) = self.seeing(situation.stage, &context, |state| {
                anchored.choose(state, &context, eligible)
            });
            self.anchored = Some(anchored);
            let propensity = Propensity::new(probability.min(1.0));
            return Some((index, propensity.expect(DRAWN)));
        }
        let policy = self.policy;
        let distribution = self.seeing(situation.stage, &context, |state| {
            policy.distribution(state, &context, eligible)
        });
        let index = distribution.draw(seed.slot_uniform(0));
        let propensity = distribution.propensity(index).expect(DRAWN);
        self.last = Some(distribution);
        Some((index, propensity))
    }

    fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        if let Some(anchored) = &mut self.anchored {
            return anchored.favourites(name);
        }
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
            anchored: None,
            taken_back: BTreeMap::new(),
        }
    }

    /// The same with draws that are made without computing their distribution,
    /// where the policy allows it: the same offers, the probabilities of an
    /// older one.
    pub fn with_anchors(self) -> Self {
        Self {
            anchored: Anchored::of(self.policy),
            ..self
        }
    }

    #[cfg(test)]
    pub fn has_anchors(&self) -> bool {
        self.anchored.is_some()
    }

    /// From now on decisions see what is known now, and nothing newer.
    fn publish(&mut self) {
        self.published = Some((self.learnt.clone(), self.overlay.clone()));
    }

    /// Asks the state as a decision sees it.
    fn seeing<T>(
        &self,
        stage: PlacementNumber,
        context: &Context<'_>,
        ask: impl FnOnce(&PolicyState) -> T,
    ) -> T {
        let newest = (&self.learnt, &self.overlay);
        let published = self.published.as_ref();
        let (learnt, overlay) = published.map_or(newest, |(learnt, overlay)| (learnt, overlay));
        let state = learnt.get(&stage).unwrap_or(&self.nothing);
        match self.feedback {
            None | Some(Feedback::AtClosing) => ask(state),
            Some(feedback) => {
                let (segment, at) = (context.segment, context.decided_at);
                let seen = self.policy.seeing(state, overlay, feedback, segment, at);
                ask(&seen)
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
