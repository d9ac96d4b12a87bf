//! Epsilon-greedy: with probability ε any eligible offer, otherwise the one
//! with the highest action value; equal values share.
//!
//! Watkins (1989), "Learning from delayed rewards" (thesis, King's College);
//! Sutton, Barto (2018), "Reinforcement learning", 2nd edition, chapter 2:
//! their Q is `action_value` by (segment, offer), their α the
//! step, their Q₁ the initial value. Falling ε: Auer, Cesa-Bianchi, Fischer
//! (2002), <https://doi.org/10.1023/A:1013689704352>.
//!
//! Exact: with K eligible offers of which m have the highest value, each of
//! those has ε/K + (1 − ε)/m, every other ε/K. Valid for any finite reward.
//! Cost: O(K).

use smallvec::SmallVec;

use super::falling::Falling;
use super::index::largest;
use super::shrunken_mean::ShrunkenMean;
use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers, with_floor};
use crate::domain::math;
use crate::domain::time::Instant;
use crate::learning::config::{
    Bound, EpsilonConfig, EpsilonGreedyConfig, EpsilonScheduleConfig, PolicyError, StepConfig,
    StepRule,
};
use crate::learning::memory::{Evidence, Memory};
use crate::learning::policy::Policy;
use crate::learning::state::{ArmState, SegmentState, aligned};

/// The checked epsilon-greedy policy.
#[derive(Debug, Clone, PartialEq)]
pub struct EpsilonGreedy {
    epsilon: Falling,
    pub(super) step: Step,
    pub(super) start: ShrunkenMean,
    pub(super) tabular: Tabular,
}

/// How far a reward moves its arm's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// 1/n at the n-th.
    SampleAverage,
    /// The same for ever.
    Constant(f64),
}

fn check_epsilon(config: &EpsilonConfig) -> Result<Falling, PolicyError> {
    match config {
        EpsilonConfig::Constant(epsilon) => Ok(Falling::constant(
            Bound::PROBABILITY.check("epsilon", *epsilon)?,
        )),
        EpsilonConfig::Schedule(EpsilonScheduleConfig {
            schedule,
            start,
            scale,
            minimum,
        }) => Ok(Falling {
            shape: Some(*schedule),
            start: Bound::PROBABILITY.check("epsilon.start", *start)?,
            scale: Bound::DECISIONS.check("epsilon.scale", *scale)?,
            minimum: Bound::PROBABILITY.check("epsilon.minimum", *minimum)?,
        }),
    }
}

impl EpsilonGreedy {
    pub(super) fn check(config: &EpsilonGreedyConfig) -> Result<Self, PolicyError> {
        let step = match config.step {
            StepConfig::Rule(StepRule::SampleAverage) => Step::SampleAverage,
            StepConfig::Constant(step) => Step::Constant(Bound::STEP.check("step", step)?),
        };
        let tabular = Tabular::check(
            config.exploration_floor,
            config.reward.check()?,
            &config.memory,
        )?;
        if step != Step::SampleAverage && tabular.memory != Memory::Forever {
            return Err(PolicyError::Unfit {
                key: "memory",
                rule: "goes with step = \"sample_average\" alone: a constant step forgets by itself",
            });
        }
        Ok(Self {
            epsilon: check_epsilon(&config.epsilon)?,
            step,
            start: ShrunkenMean::check(
                config.initial_value,
                config.initial_weight,
                &tabular.memory,
            )?,
            tabular,
        })
    }

    /// Whether its values are means; a constant step's depend on the order of
    /// the rewards.
    pub(in crate::learning) const fn acts_on_counts(&self) -> bool {
        matches!(self.step, Step::SampleAverage)
    }

    /// The sample average of an arm, with the imagined rewards before it.
    pub(in crate::learning) fn mean_of(&self, evidence: &Evidence) -> f64 {
        self.start.of(evidence)
    }

    /// The probability of each of the best arms, of which there are `sharing`,
    /// and of each other arm, after so many decisions learnt: bit for bit what
    /// `around` gives.
    #[allow(clippy::cast_precision_loss)] // few offers
    pub(in crate::learning) fn shares(
        &self,
        learnt: u64,
        sharing: usize,
        offers: usize,
    ) -> (f64, f64) {
        let epsilon = self.epsilon.after(learnt);
        let share = |probability| {
            let explored = with_floor(probability, epsilon / offers as f64, offers);
            with_floor(explored, self.tabular.exploration_floor, offers)
        };
        (share(1.0 / sharing as f64), share(0.0))
    }

    /// Q(segment, offer): what the arm's next reward is estimated to be.
    pub(super) fn action_value(&self, arm: Option<&ArmState>, now: Instant) -> f64 {
        match (self.step, arm) {
            (Step::Constant(_), Some(arm)) if arm.pulls() > 0 => arm.value(),
            (Step::Constant(_), _) => self.start.value,
            (Step::SampleAverage, _) => self.start.of(&self.tabular.evidence_of(arm, now)),
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
        self.around(&values, segment, eligible)
    }

    /// Mostly the largest of these values.
    pub(super) fn around(
        &self,
        values: &[f64],
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let epsilon = self.epsilon.after(segment.map_or(0, SegmentState::learnt));
        ActionDistribution::concentrated(eligible, &largest(values))
            .mixed_with_uniform(epsilon)
            .with_floor(self.tabular.exploration_floor)
    }

    /// Moves the recency-weighted value; called before the reward is counted.
    pub(super) fn step(&self, arm: &mut ArmState, reward: f64) {
        if let Step::Constant(step) = self.step {
            let value = if arm.pulls() == 0 {
                self.start.value
            } else {
                arm.value()
            };
            arm.set_value(value + step * (reward - value));
        }
    }

    /// Changes by `difference` the reward that `later` others have followed.
    pub(super) fn amend(&self, arm: &mut ArmState, later: u64, difference: f64) {
        if let Step::Constant(step) = self.step {
            let weight = step * math::pow_whole(1.0 - step, later);
            arm.set_value(arm.value() + weight * difference);
        }
    }

    /// Starts the recency-weighted value of an arm that a policy with another
    /// step learnt; whether it did so.
    pub(super) fn take_over(&self, arm: &mut ArmState, previous: &Policy) -> bool {
        let same_step = matches!(previous, Policy::EpsilonGreedy(other) if other.step == self.step);
        match self.step {
            Step::Constant(_) if !same_step => {
                arm.set_value(arm.mean().unwrap_or(0.0));
                true
            }
            _ => false,
        }
    }
}
