//! What is written for the policies that learn from features.
//!
//! ```toml
//! kind = "reg_cb"
//! regression = "logistic"
//! exploration_floor = 0.01
//! model = { parameters = "disjoint", expansion = "random_features" }
//! ```

use serde::{Deserialize, Serialize};

use super::RewardConfig;

/// The models of a contextual policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// `"disjoint"` (the default): each offer has its own model. `"shared"`:
    /// one model of the features, the offer's and their products, hashed.
    pub parameters: Parameters,
    /// `"none"`, or `"random_features"`: beside the linear models, models of
    /// 128 random features learn, and whichever predicted best so far speaks.
    /// Default `"random_features"` for `reg_cb`, `"none"` for others and for
    /// shared parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expansion: Option<ExpansionConfig>,
    /// How many random features an expansion has, in [16, 512]; default 128.
    pub random_features: i64,
    /// Hash the features into 2^b entries with signs, b in [1, 10]; not done
    /// for disjoint parameters unless given, 8 for shared ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_bits: Option<i64>,
    /// The prior variance of a typical score, in [10⁻⁶, 10⁶]: in units of the
    /// noise under ridge regression, there chosen from the data unless given;
    /// in squared logits under logistic regression, there 10 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_variance: Option<f64>,
    /// How many draws of shared parameters make a Thompson distribution, in
    /// [10, 10 000]; default 100.
    pub draws: i64,
    /// The rewards that it learns from; default every finite one for ridge
    /// regression, [0, 1] for logistic regression, which takes no others.
    pub reward: RewardConfig,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            parameters: Parameters::Disjoint,
            expansion: None,
            random_features: 128,
            hash_bits: None,
            prior_variance: None,
            draws: 100,
            reward: RewardConfig::default(),
        }
    }
}

/// Whether offers have their own models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameters {
    /// Each offer has its own.
    Disjoint,
    /// One for all.
    Shared,
}

/// What stands beside the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpansionConfig {
    /// Nothing.
    None,
    /// Random Fourier features, for models that compete with the linear ones.
    RandomFeatures,
}

impl ExpansionConfig {
    /// The name in the file.
    pub(in crate::learning) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::RandomFeatures => "random_features",
        }
    }
}

/// What predicts rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegressionConfig {
    /// For any reward.
    Ridge,
    /// For rewards in [0, 1].
    #[default]
    Logistic,
}

/// Parameters of linear Thompson sampling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearThompsonConfig {
    /// What the posterior's standard deviations are multiplied by, in
    /// [0, 100]; default 0.25.
    #[serde(default = "quarter")]
    pub posterior_scale: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The models; default what each of their keys has.
    #[serde(default)]
    pub model: ModelConfig,
}

/// Parameters of LinUCB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinUcbConfig {
    /// α: how many standard deviations above its mean a reward is held
    /// possible, in [0, 100]; default 0.5.
    #[serde(default = "half")]
    pub confidence: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The models; default what each of their keys has.
    #[serde(default)]
    pub model: ModelConfig,
}

/// Parameters of logistic Thompson sampling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticThompsonConfig {
    /// What the posterior's standard deviations are multiplied by, in
    /// [0, 100]; default 0.25.
    #[serde(default = "quarter")]
    pub posterior_scale: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The models; default what each of their keys has.
    #[serde(default)]
    pub model: ModelConfig,
}

const fn quarter() -> f64 {
    0.25
}

/// Parameters of SquareCB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SquareCbConfig {
    /// What predicts rewards; default `"logistic"`.
    #[serde(default)]
    pub regression: RegressionConfig,
    /// c of γ = c·√(K n), K offers on offer and n decisions learnt, in
    /// (0, 10⁹]; default 100. More explores less.
    #[serde(default = "hundred")]
    pub gamma_scale: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The models; default what each of their keys has.
    #[serde(default)]
    pub model: ModelConfig,
}

const fn hundred() -> f64 {
    100.0
}

/// Parameters of RegCB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegCbConfig {
    /// What predicts rewards; default `"logistic"`.
    #[serde(default)]
    pub regression: RegressionConfig,
    /// `"optimistic"` (the default): the offer whose upper bound is largest.
    /// `"elimination"`: every offer that may be the best, alike.
    #[serde(default)]
    pub mode: RegCbMode,
    /// How many standard deviations the bounds are away, in [0, 100]; default
    /// 0.5. It stands for √(2β), β the excess loss that is allowed.
    #[serde(default = "half")]
    pub confidence: f64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The models; default what each of their keys has.
    #[serde(default)]
    pub model: ModelConfig,
}

const fn half() -> f64 {
    0.5
}

/// What RegCB does with its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegCbMode {
    /// The largest upper bound.
    #[default]
    Optimistic,
    /// Every offer whose upper bound reaches the largest lower one.
    Elimination,
}

/// Parameters of online bagging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaggingConfig {
    /// What predicts rewards; default `"logistic"`.
    #[serde(default)]
    pub regression: RegressionConfig,
    /// How many bootstrap samples there are, in [2, 100]; default 10.
    #[serde(default = "ten_replicates")]
    pub replicates: i64,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
    /// The models; default what each of their keys has.
    #[serde(default)]
    pub model: ModelConfig,
}

const fn ten_replicates() -> i64 {
    10
}
