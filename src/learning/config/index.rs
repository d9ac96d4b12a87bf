//! What is written for the policies that rank offers by an index or weigh
//! them by their value: softmax, UCB1, KL-UCB, IMED.

use serde::{Deserialize, Serialize};

use super::memory::MemoryConfig;
use super::{RewardConfig, Schedule, one};
use crate::learning::reward::Outside;

/// Parameters of softmax.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxConfig {
    /// How different two values must be for the better one to be clearly
    /// preferred, in the unit of the reward; default 0.1.
    #[serde(default)]
    pub temperature: TemperatureConfig,
    /// The value of an arm that was never learnt, in the unit of the reward;
    /// default 0.
    #[serde(default)]
    pub initial_value: f64,
    /// How many rewards the initial value counts for, in [0, 10⁹]; default 0,
    /// which the first reward replaces.
    #[serde(default)]
    pub initial_weight: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The rewards that it learns from; default every finite one.
    #[serde(default)]
    pub reward: RewardConfig,
    /// How long it remembers; default `"forever"`.
    #[serde(default, skip_serializing_if = "MemoryConfig::is_forever")]
    pub memory: MemoryConfig,
}

/// The temperature: a number in [10⁻⁹, 10⁹], or a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a number in [1e-9, 1e9], or a table of schedule, start, scale and minimum"
)]
pub enum TemperatureConfig {
    /// The same for ever.
    Constant(f64),
    /// Falling with the number of decisions that the segment has learnt.
    Schedule(TemperatureScheduleConfig),
}

impl Default for TemperatureConfig {
    fn default() -> Self {
        Self::Constant(0.1)
    }
}

/// A falling temperature: with n decisions learnt in the segment,
/// `max(minimum, start · g(n / scale))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemperatureScheduleConfig {
    /// The shape of g.
    pub schedule: Schedule,
    /// The temperature before anything was learnt, in [10⁻⁹, 10⁹]; default 1.
    #[serde(default = "one")]
    pub start: f64,
    /// In decisions learnt, in (0, 10¹²].
    pub scale: f64,
    /// The temperature never falls below this, in [10⁻⁹, 10⁹]; default 0.001.
    #[serde(default = "thousandth")]
    pub minimum: f64,
}

const fn thousandth() -> f64 {
    1e-3
}

/// Parameters of UCB1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ucb1Config {
    /// The factor c in the bonus √(c ln n / nᵢ), in [0, 100]; default 2.
    #[serde(default = "two")]
    pub exploration: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// What happens to a reward outside [0, 1]: `"refuse"` (the default) or
    /// `"clip"`.
    #[serde(default)]
    pub outside: Outside,
    /// How long it remembers; default `"forever"`.
    #[serde(default, skip_serializing_if = "MemoryConfig::is_forever")]
    pub memory: MemoryConfig,
}

const fn two() -> f64 {
    2.0
}

/// Parameters of KL-UCB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KlUcbConfig {
    /// What an arm's divergence is allowed to reach: `"time"` (the default)
    /// or `"time_per_pull"`.
    #[serde(default)]
    pub bonus: KlBonus,
    /// A factor of that bound, in (0, 100]; default 1. Below 1 the regret's
    /// logarithmic bound no longer holds.
    #[serde(default = "one")]
    pub exploration: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// What happens to a reward outside [0, 1]: `"refuse"` (the default) or
    /// `"clip"`.
    #[serde(default)]
    pub outside: Outside,
    /// How long it remembers; default `"forever"`.
    #[serde(default, skip_serializing_if = "MemoryConfig::is_forever")]
    pub memory: MemoryConfig,
}

/// How the bound of KL-UCB grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlBonus {
    /// ln n, with n the pulls of all eligible arms.
    #[default]
    Time,
    /// ln(n / nᵢ), with nᵢ the arm's own pulls: KL-UCB⁺.
    TimePerPull,
}

/// Parameters of IMED.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImedConfig {
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// What happens to a reward outside [0, 1]: `"refuse"` (the default) or
    /// `"clip"`.
    #[serde(default)]
    pub outside: Outside,
    /// How long it remembers; default `"forever"`.
    #[serde(default, skip_serializing_if = "MemoryConfig::is_forever")]
    pub memory: MemoryConfig,
}
