//! The policy that looks ahead within a session, as a person writes it.

use serde::{Deserialize, Serialize};

use super::memory::MemoryConfig;
use super::{EpsilonConfig, EpsilonGreedyConfig, RewardConfig, StepConfig};

/// Parameters of Q-learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QLearningConfig {
    /// γ: what a reward one decision later in the session counts now, in
    /// [0, 1]; default 1. With 0 the policy is `epsilon_greedy`, bit for bit.
    #[serde(default = "super::one")]
    pub discount: f64,
    /// λ: how much of a surprise goes back to each decision before, in [0, 1];
    /// default 0, one decision at a time. Traces end at a decision that
    /// explored.
    #[serde(default)]
    pub trace_decay: f64,
    /// Two tables that correct each other's optimism about the best offer;
    /// default false. Not together with `trace_decay` above 0.
    #[serde(default)]
    pub double: bool,
    /// The probability of exploring; default 0.1.
    #[serde(default)]
    pub epsilon: EpsilonConfig,
    /// α: how far a target moves its action value; default
    /// `"sample_average"`, 1/n at the n-th. A constant one follows targets that
    /// still move themselves; two tables need one.
    #[serde(default)]
    pub step: StepConfig,
    /// The value of an offer that was never learnt, in the unit of the reward;
    /// default 0.
    #[serde(default)]
    pub initial_value: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The rewards that it learns from; default every finite one.
    #[serde(default)]
    pub reward: RewardConfig,
}

impl QLearningConfig {
    /// How it chooses among action values, and what it is without a discount.
    pub(in crate::learning) fn greedy(&self) -> EpsilonGreedyConfig {
        EpsilonGreedyConfig {
            epsilon: self.epsilon.clone(),
            step: self.step.clone(),
            initial_value: self.initial_value,
            initial_weight: 0.0,
            exploration_floor: self.exploration_floor,
            reward: self.reward,
            memory: MemoryConfig::default(),
        }
    }
}
