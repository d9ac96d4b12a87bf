//! Q-learning: epsilon-greedy over action values that count what the rest of
//! the session will earn.
//!
//! Watkins (1989), "Learning from delayed rewards" (thesis, King's College),
//! with its traces, Watkins's Q(λ); Watkins, Dayan (1992),
//! <https://doi.org/10.1007/BF00992698>; Sutton, Barto (2018), "Reinforcement
//! learning", 2nd edition, sections 6.5, 6.7 and 12.10; two tables: van Hasselt
//! (2010), "Double Q-learning", NeurIPS 23. Their state s is (segment, stage),
//! the stage being the placement; their action a is the offer, r the reward,
//! α `step`, γ `discount`, λ `trace_decay`, and Q(s, a) the arm's value in the
//! placement's state.
//!
//! A session is learnt whole, in the order of its decisions: for each offer
//! shown, Q(s, a) moves by α toward r + γ·max Q(s′, ·) over what was on offer at
//! the next decision, toward r at the last one. With λ the same surprise moves
//! the decisions before by (γλ)^k, back to the last one that explored. With two
//! tables a coin of the decision's seed says which one learns; it takes the best
//! offer from its own values and the value of that offer from the other's. Of
//! several slots each is an action of its own; the first carries the traces.
//!
//! Without a discount each decision is learnt at its own closing, and the
//! policy is epsilon-greedy, bit for bit. With one, what is learnt later rests
//! on what was learnt before, so a reward cannot be exchanged afterwards.
//!
//! Exact propensities, as epsilon-greedy. Cost: O(K) a decision, O(K) to learn
//! one, and with traces O(length of the session) more.

use imbl::OrdMap;
use smallvec::SmallVec;

use super::Policy;
use super::epsilon_greedy::{EpsilonGreedy, Step};
use super::index::largest;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::ids::{OfferNumber, PlacementNumber, SegmentNumber};
use crate::domain::random::Stream;
use crate::domain::time::Instant;
use crate::learning::config::session::QLearningConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::reward::{LearnError, Learnt};
use crate::learning::session::{RewardedOffer, SessionDecision};
use crate::learning::state::{ArmState, PolicyState, SegmentState, Table, aligned};

/// The checked Q-learning policy.
#[derive(Debug, Clone, PartialEq)]
pub struct QLearning {
    /// How it chooses, and what it is without a discount.
    pub(super) greedy: EpsilonGreedy,
    discount: f64,
    trace_decay: f64,
    double: bool,
}

/// An action that a later surprise still reaches.
#[derive(Debug, Clone, Copy)]
struct Trace {
    placement: PlacementNumber,
    segment: SegmentNumber,
    offer: OfferNumber,
    weight: f64,
}

impl Trace {
    fn of(decision: &SessionDecision<'_>, offer: OfferNumber) -> Self {
        Self {
            placement: decision.placement,
            segment: decision.segment,
            offer,
            weight: 1.0,
        }
    }
}

impl QLearning {
    pub(super) fn check(config: &QLearningConfig) -> Result<Self, PolicyError> {
        let greedy = EpsilonGreedy::check(&config.greedy())?;
        let checked = Self {
            discount: Bound::PROBABILITY.check("discount", config.discount)?,
            trace_decay: Bound::PROBABILITY.check("trace_decay", config.trace_decay)?,
            double: config.double,
            greedy,
        };
        if checked.double && checked.trace_decay > 0.0 {
            return Err(PolicyError::Unfit {
                key: "double",
                rule: "goes with trace_decay = 0 alone: a trace belongs to one table",
            });
        }
        if checked.double && checked.greedy.step == Step::SampleAverage {
            return Err(PolicyError::Unfit {
                key: "double",
                rule: "needs a constant step: 1/n counts what both tables learnt",
            });
        }
        Ok(checked)
    }

    /// Whether it looks beyond the decision.
    pub(super) const fn looks_ahead(&self) -> bool {
        self.discount > 0.0
    }

    /// Q(s, a): what the offer is estimated to earn by the end of the session.
    pub(super) fn action_value(&self, arm: Option<&ArmState>, now: Instant) -> f64 {
        if !self.looks_ahead() {
            return self.greedy.action_value(arm, now);
        }
        let first = self.value(arm, Table::First);
        if self.double {
            0.5 * (first + self.value(arm, Table::Second))
        } else {
            first
        }
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> ActionDistribution {
        let values: SmallVec<[f64; 16]> = aligned(segment, eligible)
            .map(|arm| self.action_value(arm, now))
            .collect();
        self.greedy.around(&values, segment, eligible)
    }

    /// Learns the only decision of a session; called before the reward is
    /// counted.
    pub(super) fn step(&self, arm: &mut ArmState, reward: f64) {
        if self.looks_ahead() {
            self.begin(arm);
            self.surprise(arm, Table::First, reward);
            if self.double {
                self.surprise(arm, Table::Second, reward);
            }
        } else {
            self.greedy.step(arm, reward);
        }
    }

    /// Learns a session whose decisions are all known, into the states of its
    /// placements; what became of each offer shown, in order of decisions and
    /// slots.
    pub fn learn_session(
        &self,
        learnt: &mut OrdMap<PlacementNumber, PolicyState>,
        session: &[SessionDecision<'_>],
    ) -> Vec<Result<Learnt, LearnError>> {
        let mut answers = Vec::new();
        let mut traces: SmallVec<[Trace; 4]> = SmallVec::new();
        for (place, decision) in session.iter().enumerate() {
            let table = self.table_of(decision);
            let rest = session.get(place + 1).map_or(0.0, |next| {
                self.discount * self.best_value(learnt, next, table)
            });
            for (slot, shown) in decision.shown.iter().enumerate() {
                let carries = slot == 0 && self.trace_decay > 0.0;
                if carries && !self.is_greedy(learnt, decision, shown.offer) {
                    traces.clear();
                }
                let taken = self.take(learnt, decision, shown, rest, table);
                match &taken {
                    Ok((_, surprise)) if carries => {
                        self.send_back(learnt, &mut traces, *surprise);
                        traces.push(Trace::of(decision, shown.offer));
                    }
                    Err(_) if carries => traces.clear(),
                    _ => {}
                }
                answers.push(taken.map(|(answer, _)| answer));
            }
        }
        answers
    }

    /// Learns one offer that was shown; by how much its target surprised.
    fn take(
        &self,
        learnt: &mut OrdMap<PlacementNumber, PolicyState>,
        decision: &SessionDecision<'_>,
        shown: &RewardedOffer,
        rest: f64,
        table: Table,
    ) -> Result<(Learnt, f64), LearnError> {
        let reward = self.greedy.tabular.reward_domain.admit(shown.reward)?;
        let state = learnt.entry(decision.placement).or_default();
        let segment = state.segment_or_new(decision.segment);
        segment.count_learnt();
        let arm = segment.arm_or_new(shown.offer);
        self.begin(arm);
        let surprise = self.surprise(arm, table, reward.value + rest);
        let receipt = arm.count(reward);
        let clipped = reward.clipped;
        Ok((Learnt { receipt, clipped }, surprise))
    }

    /// Lets a surprise reach the actions before.
    fn send_back(
        &self,
        learnt: &mut OrdMap<PlacementNumber, PolicyState>,
        traces: &mut SmallVec<[Trace; 4]>,
        surprise: f64,
    ) {
        for trace in traces {
            trace.weight *= self.discount * self.trace_decay;
            let arm = learnt
                .get_mut(&trace.placement)
                .and_then(|state| state.segment_mut(trace.segment))
                .and_then(|segment| segment.arm_mut(trace.offer));
            if let Some(arm) = arm {
                let moved = self.step_size(arm.pulls()) * trace.weight * surprise;
                arm.set_value_in(Table::First, arm.value_in(Table::First) + moved);
            }
        }
    }

    /// A value starts where an offer begins that was never learnt.
    fn begin(&self, arm: &mut ArmState) {
        if arm.pulls() == 0 {
            arm.set_value_in(Table::First, self.greedy.start.value);
            if self.double {
                arm.set_value_in(Table::Second, self.greedy.start.value);
            }
        }
    }

    /// Moves a value toward its target before the reward is counted; returns
    /// target − value.
    fn surprise(&self, arm: &mut ArmState, table: Table, target: f64) -> f64 {
        let value = arm.value_in(table);
        let surprise = target - value;
        let step = self.step_size(arm.pulls() + 1);
        arm.set_value_in(table, value + step * surprise);
        surprise
    }

    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    fn step_size(&self, pulls: u64) -> f64 {
        match self.greedy.step {
            Step::Constant(step) => step,
            Step::SampleAverage => 1.0 / pulls as f64,
        }
    }

    fn value(&self, arm: Option<&ArmState>, table: Table) -> f64 {
        arm.filter(|arm| arm.pulls() > 0)
            .map_or(self.greedy.start.value, |arm| arm.value_in(table))
    }

    fn values_at(
        &self,
        learnt: &OrdMap<PlacementNumber, PolicyState>,
        decision: &SessionDecision<'_>,
        table: Table,
    ) -> SmallVec<[f64; 16]> {
        let state = learnt.get(&decision.placement);
        let segment = state.and_then(|state| state.segment(decision.segment));
        aligned(segment, decision.eligible)
            .map(|arm| self.value(arm, table))
            .collect()
    }

    /// Which table learns a decision.
    fn table_of(&self, decision: &SessionDecision<'_>) -> Table {
        let mut coin = decision.seed.generator(Stream::TABLE);
        if self.double && coin.next_word() & 1 == 1 {
            Table::Second
        } else {
            Table::First
        }
    }

    /// What the best offer of a decision is worth to the table that learns.
    fn best_value(
        &self,
        learnt: &OrdMap<PlacementNumber, PolicyState>,
        decision: &SessionDecision<'_>,
        table: Table,
    ) -> f64 {
        let own = self.values_at(learnt, decision, table);
        let best = largest(&own);
        if self.double {
            self.values_at(learnt, decision, table.other())[best[0]]
        } else {
            own[best[0]]
        }
    }

    /// Whether an offer was one of the best by what is known now.
    fn is_greedy(
        &self,
        learnt: &OrdMap<PlacementNumber, PolicyState>,
        decision: &SessionDecision<'_>,
        offer: OfferNumber,
    ) -> bool {
        let values = self.values_at(learnt, decision, Table::First);
        let index = decision.eligible.index_of(offer);
        index.is_some_and(|index| largest(&values).contains(&index))
    }

    /// Starts the values of an arm that another policy learnt; whether its
    /// receipts lost their meaning.
    pub(super) fn take_over(&self, arm: &mut ArmState, previous: &Policy) -> bool {
        if !self.looks_ahead() {
            return self.greedy.take_over(arm, previous);
        }
        let looked_ahead = matches!(previous, Policy::QLearning(other) if other.looks_ahead());
        if !looked_ahead {
            arm.set_value_in(Table::First, arm.mean().unwrap_or(0.0));
        }
        let had_both = matches!(previous, Policy::QLearning(other) if other.double);
        if self.double && !(looked_ahead && had_both) {
            arm.set_value_in(Table::Second, arm.value_in(Table::First));
        }
        !looked_ahead
    }
}
