//! Who decides in a replication: what the runner asks, and a policy's shorter
//! way where rewards are known at once.

use super::environment::shop::Sale;
use super::environment::{Environment, Situation};
use super::scenario::Candidate;
use crate::domain::distribution::Propensity;
use crate::domain::ids::{OfferNumber, PlacementNumber, SegmentNumber};
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::learning::RewardedDecision;
use crate::learning::rounds::Rounds;

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

impl Decided {
    pub fn offer(&self) -> OfferNumber {
        self.shown_or_bug().0
    }

    pub fn rewarded(&self) -> RewardedDecision<'_> {
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
