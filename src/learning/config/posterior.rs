//! What is written for the policies that act on a posterior, besides
//! `thompson_beta`.

use serde::{Deserialize, Serialize};

use super::memory::MemoryConfig;
use super::{RewardConfig, one};
use crate::learning::exact_sum::LARGEST_REWARD;
use crate::learning::reward::Outside;

/// Parameters of tempered Thompson sampling with Beta posteriors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemperedThompsonConfig {
    /// The prior's α, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_successes: f64,
    /// The prior's β, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_failures: f64,
    /// How many times each reward counts, in [0.01, 100]; default 1.5. 1 is
    /// Thompson sampling; more explores less.
    #[serde(default = "one_and_a_half")]
    pub sharpness: f64,
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

const fn one_and_a_half() -> f64 {
    1.5
}

/// Parameters of Thompson sampling with rates pooled over segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PooledThompsonConfig {
    /// The α of every rate's prior, in [0.5, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_successes: f64,
    /// The β of every rate's prior, in [0.5, 10⁹]; default 19, so that one
    /// decision in twenty is expected to convert.
    #[serde(default = "nineteen")]
    pub prior_failures: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// What happens to a reward outside [0, 1]: `"refuse"` (the default) or
    /// `"clip"`.
    #[serde(default)]
    pub outside: Outside,
}

const fn nineteen() -> f64 {
    19.0
}

/// Parameters of Thompson sampling for counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThompsonPoissonConfig {
    /// The prior's α: how much was counted before, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_count: f64,
    /// The prior's β: in how many decisions, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_decisions: f64,
    /// The largest reward that is learnt, in (0, 2⁵²]; default 2⁵². The
    /// smallest is 0.
    #[serde(default = "largest_reward")]
    pub largest_count: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// What happens to a reward outside [0, largest_count]: `"refuse"` (the
    /// default) or `"clip"`.
    #[serde(default)]
    pub outside: Outside,
    /// How long it remembers; default `"forever"`.
    #[serde(default, skip_serializing_if = "MemoryConfig::is_forever")]
    pub memory: MemoryConfig,
}

const fn largest_reward() -> f64 {
    LARGEST_REWARD
}

/// Parameters of Thompson sampling for money, in the unit of the reward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThompsonRevenueConfig {
    /// The conversion prior's α, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_successes: f64,
    /// The conversion prior's β, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_failures: f64,
    /// The shape of what a conversion is worth, in [0.01, 100]; default 1, an
    /// exponential value. Its coefficient of variation is 1/√shape.
    #[serde(default = "one")]
    pub value_shape: f64,
    /// What a conversion is thought to be worth before there was one, in the
    /// unit of the reward, in [10⁻⁹, 2⁵²]; default 1.
    #[serde(default = "one")]
    pub prior_value: f64,
    /// How many conversions that thought counts for, in [0.01, 10⁹]; default 1.
    /// Without any, the mean value of an arm that has not converted would be
    /// infinite.
    #[serde(default = "one")]
    pub prior_value_weight: f64,
    /// The largest reward that is learnt, in (0, 2⁵²]; default 2⁵². The
    /// smallest is 0.
    #[serde(default = "largest_reward")]
    pub largest_value: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// What happens to a reward outside [0, largest_value]: `"refuse"` (the
    /// default) or `"clip"`.
    #[serde(default)]
    pub outside: Outside,
    /// How long it remembers; default `"forever"`.
    #[serde(default, skip_serializing_if = "MemoryConfig::is_forever")]
    pub memory: MemoryConfig,
}

/// Parameters of Thompson sampling for nearly normal rewards, in the unit of
/// the reward.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThompsonNormalConfig {
    /// What an arm is thought to earn in the mean before it was learnt, in
    /// [−2⁴⁰, 2⁴⁰]; default 0.
    #[serde(default)]
    pub prior_mean: f64,
    /// How many rewards that thought counts for, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_weight: f64,
    /// How far rewards are thought to spread about their mean, as a standard
    /// deviation in [10⁻⁹, 2⁴⁰]; default 1.
    #[serde(default = "one")]
    pub prior_deviation: f64,
    /// Half of how many rewards that thought counts for, in [1, 10⁹]; default 1.
    /// Below 1 the predictive variance would be infinite, below ½ its mean.
    #[serde(default = "one")]
    pub prior_shape: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The rewards that it learns from; default every one within ±2⁴⁰.
    #[serde(default)]
    pub reward: RewardConfig,
    /// How long it remembers; default `"forever"`.
    #[serde(default, skip_serializing_if = "MemoryConfig::is_forever")]
    pub memory: MemoryConfig,
}

/// Parameters of information-directed sampling with Beta posteriors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InformationDirectedConfig {
    /// The prior's α, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_successes: f64,
    /// The prior's β, in [0.01, 10⁹]; default 1.
    #[serde(default = "one")]
    pub prior_failures: f64,
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
