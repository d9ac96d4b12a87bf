//! Policies as a person writes them in TOML, and what can be wrong with them.
//!
//! ```toml
//! kind = "thompson_beta"
//! prior_successes = 1.0
//! prior_failures = 20.0
//! exploration_floor = 0.005
//! ```

pub mod contextual;
pub mod index;
pub mod posterior;
pub mod session;
pub mod split;
pub mod memory;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use contextual::{
    BaggingConfig, LinUcbConfig, LinearThompsonConfig, LogisticThompsonConfig, RegCbConfig,
    SquareCbConfig,
};
use index::{ImedConfig, KlUcbConfig, SoftmaxConfig, Ucb1Config};
use memory::MemoryConfig;
use posterior::{
    InformationDirectedConfig, PooledThompsonConfig, TemperedThompsonConfig, ThompsonNormalConfig,
    ThompsonPoissonConfig, ThompsonRevenueConfig,
};
use session::QLearningConfig;
use split::SplitConfig;

use super::exact_sum::{LARGEST_REWARD, LARGEST_SQUARED};
use super::reward::{Outside, RewardDomain};
use crate::domain::time::{NotASpan, Span};

/// A policy as written, unchecked; [`Policy::check`](super::Policy::check)
/// makes the checked form of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PolicyConfig {
    /// Every eligible offer with the same probability.
    Uniform(UniformConfig),
    /// The first eligible offer of a list.
    Fixed(FixedConfig),
    /// Mostly the best mean so far.
    EpsilonGreedy(EpsilonGreedyConfig),
    /// Mostly the best of what the rest of the session will earn.
    QLearning(QLearningConfig),
    /// In proportion to e^(mean / temperature).
    Softmax(SoftmaxConfig),
    /// The best mean with a bonus for few pulls.
    Ucb1(Ucb1Config),
    /// The best mean that the rewards do not rule out.
    KlUcb(KlUcbConfig),
    /// The cheapest to rule out, and looked at the least.
    Imed(ImedConfig),
    /// As probable as it is to be the best, under Beta posteriors.
    ThompsonBeta(ThompsonBetaConfig),
    /// The same under Beta posteriors that are sharper than they should be.
    TemperedThompson(TemperedThompsonConfig),
    /// As probable as it is to be the best, given what all segments learnt.
    PooledThompson(PooledThompsonConfig),
    /// As probable as its mean count is to be the largest, under Gamma
    /// posteriors.
    ThompsonPoisson(ThompsonPoissonConfig),
    /// As probable as its mean revenue is to be the largest, when most
    /// decisions earn nothing.
    ThompsonRevenue(ThompsonRevenueConfig),
    /// As probable as its reward is to be the largest, under a linear model.
    LinearThompson(LinearThompsonConfig),
    /// The largest reward that a linear model holds possible.
    LinUcb(LinUcbConfig),
    /// As probable as its rate is to be the largest, under a logistic model.
    LogisticThompson(LogisticThompsonConfig),
    /// In inverse proportion to what it seems to fall short of the best.
    SquareCb(SquareCbConfig),
    /// The largest reward that a model with nearly the least loss predicts.
    RegCb(RegCbConfig),
    /// As often as models of bootstrap samples hold it for the best.
    Bagging(BaggingConfig),
    /// As probable as its mean reward is to be the largest, under normal
    /// rewards of unknown mean and spread.
    ThompsonNormal(ThompsonNormalConfig),
    /// The least squared regret for what is learnt of which is the best.
    InformationDirected(InformationDirectedConfig),
    /// Each shopper always by the same one of several arms.
    Split(SplitConfig),
}

/// Nothing to set.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformConfig {}

/// Parameters of the fixed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedConfig {
    /// Names of offers, the most preferred first: at least one, each once.
    pub preference: Vec<String>,
    /// The least probability of each eligible offer, in [0, 1]; default 0.
    #[serde(default)]
    pub exploration_floor: f64,
}

/// Parameters of epsilon-greedy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpsilonGreedyConfig {
    /// The probability of exploring; default 0.1.
    #[serde(default)]
    pub epsilon: EpsilonConfig,
    /// How far a reward moves its arm's value; default `"sample_average"`.
    #[serde(default)]
    pub step: StepConfig,
    /// The value of an arm that was never learnt, in the unit of the reward;
    /// default 0. A high one is optimism: each arm is tried until its own
    /// rewards have brought it down.
    #[serde(default)]
    pub initial_value: f64,
    /// How many rewards the initial value counts for under
    /// `"sample_average"`, in [0, 10⁹]; default 0, which the first reward
    /// replaces.
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

/// The probability of exploring: a number in [0, 1], or a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a number in [0, 1], or a table of schedule, start, scale and minimum"
)]
pub enum EpsilonConfig {
    /// The same for ever.
    Constant(f64),
    /// Falling with the number of decisions that the segment has learnt.
    Schedule(EpsilonScheduleConfig),
}

impl Default for EpsilonConfig {
    fn default() -> Self {
        Self::Constant(0.1)
    }
}

/// A falling probability of exploring: with n decisions learnt in the
/// segment, `max(minimum, start · g(n / scale))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpsilonScheduleConfig {
    /// The shape of g.
    pub schedule: Schedule,
    /// Epsilon before anything was learnt, in [0, 1]; default 1.
    #[serde(default = "one")]
    pub start: f64,
    /// In decisions learnt, in (0, 10¹²].
    pub scale: f64,
    /// Epsilon never falls below this, in [0, 1]; default 0.
    #[serde(default)]
    pub minimum: f64,
}

const fn one() -> f64 {
    1.0
}

/// How epsilon falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// g(x) = 1 / (1 + x).
    Inverse,
    /// g(x) = 1 / √(1 + x).
    InverseSqrt,
    /// g(x) = 2^−x: the scale is a half-life.
    Exponential,
}

/// How far a reward moves its arm's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a number in (0, 1], or the word \"sample_average\""
)]
pub enum StepConfig {
    /// The same step size α for ever.
    Constant(f64),
    /// A rule with a name.
    Rule(StepRule),
}

impl Default for StepConfig {
    fn default() -> Self {
        Self::Rule(StepRule::SampleAverage)
    }
}

/// The step sizes that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepRule {
    /// 1/n at the n-th reward: the mean.
    SampleAverage,
}

/// The rewards that are learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardConfig {
    /// The smallest; default −2⁵².
    pub min: Option<f64>,
    /// The largest; default 2⁵².
    pub max: Option<f64>,
    /// What happens outside: `"refuse"` (the default) or `"clip"`.
    #[serde(default)]
    pub outside: Outside,
}

/// Parameters of Thompson sampling with Beta posteriors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThompsonBetaConfig {
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

/// What is wrong with a policy as written.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PolicyError {
    /// A number out of its bounds.
    #[error("{key} is {value}, it must be in {bound}")]
    OutOfBounds {
        /// Which parameter, as in the file.
        key: &'static str,
        /// What was written.
        value: f64,
        /// The interval that it must lie in.
        bound: &'static str,
    },
    /// A length of time that cannot be read, or out of its bounds.
    #[error("{key}: {reason}")]
    BadSpan {
        /// Which parameter, as in the file.
        key: &'static str,
        /// What is wrong with it.
        reason: BadSpan,
    },
    /// Two parameters that do not go together.
    #[error("{key} {rule}")]
    Unfit {
        /// Which parameter.
        key: &'static str,
        /// What it needs.
        rule: &'static str,
    },
    /// A list without an entry.
    #[error("{key} is empty, it needs at least 1 offer")]
    NoOffers {
        /// Which parameter.
        key: &'static str,
    },
    /// A name that the catalogue does not have.
    #[error("{key} names the offer {value:?}, which the catalogue does not have")]
    UnknownOffer {
        /// Which parameter.
        key: &'static str,
        /// The name.
        value: String,
    },
    /// A value that another one leaves no room for.
    #[error("{key} is {value:?}, which {reason}")]
    Contradiction {
        /// Which parameter.
        key: &'static str,
        /// What was written.
        value: &'static str,
        /// Why it cannot be.
        reason: &'static str,
    },
    /// A value that is not as it must be.
    #[error("{key} is {value}, {rule}")]
    Ill {
        /// Which parameter.
        key: &'static str,
        /// What was written.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// Something in an arm of a split.
    #[error("arms[{arm}].{error}")]
    InArm {
        /// Which arm, from 0.
        arm: usize,
        /// What is wrong there.
        error: Box<Self>,
    },
    /// Something in the policy of an arm.
    #[error("policy.{error}")]
    InPolicy {
        /// What is wrong there.
        error: Box<Self>,
    },
    /// The same name twice.
    #[error("{key} names the offer {value:?} twice, each may stand once")]
    RepeatedOffer {
        /// Which parameter.
        key: &'static str,
        /// The name.
        value: String,
    },
}

/// Why a length of time is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSpan {
    /// Not a length of time.
    #[error(transparent)]
    Unreadable(#[from] NotASpan),
    /// Too short or too long.
    #[error("{0} is not from 1ms to 36500d")]
    OutOfBounds(Span),
}

/// The longest length of time that is written: a hundred years.
const LONGEST_SPAN: Span = Span::from_seconds(36_500 * 86_400);

/// An interval that a parameter must lie in, in words and in numbers.
pub(super) struct Bound {
    words: &'static str,
    min: f64,
    max: f64,
    open_below: bool,
}

impl Bound {
    /// [0, 1].
    pub(super) const PROBABILITY: Self = Self::closed("[0, 1]", 0.0, 1.0);
    /// (0, 1].
    pub(super) const STEP: Self = Self::above("(0, 1]", 0.0, 1.0);
    /// (0, 1e12].
    pub(super) const DECISIONS: Self = Self::above("(0, 1e12]", 0.0, 1e12);
    /// [0, 1e9].
    pub(super) const WEIGHT: Self = Self::closed("[0, 1e9]", 0.0, 1e9);
    /// [0.01, 1e9].
    pub(super) const PRIOR: Self = Self::closed("[0.01, 1e9]", 0.01, 1e9);
    /// [0.5, 1e9].
    pub(super) const POOLED_PRIOR: Self = Self::closed("[0.5, 1e9]", 0.5, 1e9);
    /// [1e-9, 1e9].
    pub(super) const TEMPERATURE: Self = Self::closed("[1e-9, 1e9]", 1e-9, 1e9);
    /// [-2^52, 2^52].
    pub(super) const REWARD: Self = Self::closed("[-2^52, 2^52]", -LARGEST_REWARD, LARGEST_REWARD);
    /// (0, 2^52].
    pub(super) const REWARD_ABOVE_0: Self = Self::above("(0, 2^52]", 0.0, LARGEST_REWARD);
    /// [1e-9, 2^52].
    pub(super) const VALUE: Self = Self::closed("[1e-9, 2^52]", 1e-9, LARGEST_REWARD);
    /// (0, 100].
    pub(super) const CONFIDENCE: Self = Self::above("(0, 100]", 0.0, 100.0);
    /// [0, 100].
    pub(super) const CONFIDENCE_FROM_0: Self = Self::closed("[0, 100]", 0.0, 100.0);
    /// [1e-12, 0.5].
    pub(super) const FALSE_ALARM: Self = Self::closed("[1e-12, 0.5]", 1e-12, 0.5);
    /// [-2^40, 2^40].
    pub(super) const SQUARED: Self =
        Self::closed("[-2^40, 2^40]", -LARGEST_SQUARED, LARGEST_SQUARED);
    /// [1e-9, 2^40].
    pub(super) const DEVIATION: Self = Self::closed("[1e-9, 2^40]", 1e-9, LARGEST_SQUARED);
    /// [1, 1e9].
    pub(super) const SHAPE: Self = Self::closed("[1, 1e9]", 1.0, 1e9);
    /// [1, 256].
    pub(super) const PARTS: Self = Self::closed("[1, 256]", 1.0, 256.0);
    /// [0.01, 100].
    pub(super) const SHARPNESS: Self = Self::closed("[0.01, 100]", 0.01, 100.0);

    /// [1, 10].
    pub(super) const HASH_BITS: Self = Self::closed("[1, 10]", 1.0, 10.0);
    /// [10, 10000].
    pub(super) const DRAWS: Self = Self::closed("[10, 10000]", 10.0, 1e4);
    /// [16, 512].
    pub(super) const RANDOM_FEATURES: Self = Self::closed("[16, 512]", 16.0, 512.0);
    /// [1e-6, 1e6].
    pub(super) const PRIOR_VARIANCE: Self = Self::closed("[1e-6, 1e6]", 1e-6, 1e6);
    /// [2, 100].
    pub(super) const REPLICATES: Self = Self::closed("[2, 100]", 2.0, 100.0);
    /// (0, 1e9].
    pub(super) const SCALE: Self = Self::above("(0, 1e9]", 0.0, 1e9);

    const fn closed(words: &'static str, min: f64, max: f64) -> Self {
        Self {
            words,
            min,
            max,
            open_below: false,
        }
    }

    const fn above(words: &'static str, min: f64, max: f64) -> Self {
        Self {
            words,
            min,
            max,
            open_below: true,
        }
    }

    /// A length of time from 1 ms to [`LONGEST_SPAN`].
    pub(super) fn check_span(key: &'static str, text: &str) -> Result<Span, PolicyError> {
        let bad = |reason| PolicyError::BadSpan { key, reason };
        let span: Span = text.parse().map_err(|error: NotASpan| bad(error.into()))?;
        if span < Span::from_ms(1) || span > LONGEST_SPAN {
            return Err(bad(BadSpan::OutOfBounds(span)));
        }
        Ok(span)
    }

    /// The same for a whole number.
    pub(super) fn check_whole(&self, key: &'static str, value: u32) -> Result<u32, PolicyError> {
        self.check(key, f64::from(value)).map(|_| value)
    }

    /// The value when it lies inside; NaN never does.
    pub(super) fn check(&self, key: &'static str, value: f64) -> Result<f64, PolicyError> {
        let above = value > self.min || (!self.open_below && value == self.min);
        if above && value <= self.max {
            Ok(value)
        } else {
            Err(PolicyError::OutOfBounds {
                key,
                value,
                bound: self.words,
            })
        }
    }
}

impl RewardConfig {
    /// The checked domain.
    pub(super) fn check(&self) -> Result<RewardDomain, PolicyError> {
        let widest = RewardDomain::WIDEST;
        let min = self.min.unwrap_or(widest.min());
        let max = self.max.unwrap_or(widest.max());
        let out_of_bounds = |key, value, bound| PolicyError::OutOfBounds { key, value, bound };
        if !(min >= widest.min() && min < widest.max()) {
            return Err(out_of_bounds("reward.min", min, "[-2^52, 2^52)"));
        }
        RewardDomain::new(min, max, self.outside)
            .ok_or_else(|| out_of_bounds("reward.max", max, "(reward.min, 2^52]"))
    }

    /// The checked domain of a policy that learns rewards in [0, 1] only: all
    /// of it unless written.
    pub(super) fn check_unit(&self) -> Result<RewardDomain, PolicyError> {
        let min = Bound::PROBABILITY.check("reward.min", self.min.unwrap_or(0.0))?;
        let max = self.max.unwrap_or(1.0);
        let out_of_bounds = || PolicyError::OutOfBounds {
            key: "reward.max",
            value: max,
            bound: "(reward.min, 1]",
        };
        RewardDomain::new(min, max, self.outside)
            .filter(|domain| domain.max() <= 1.0)
            .ok_or_else(out_of_bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::OfferNumber;
    use crate::learning::Policy;

    fn check(text: &str) -> Result<Policy, String> {
        let config: PolicyConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        let number = |name: &str| name.strip_prefix('o')?.parse().ok().map(OfferNumber);
        Policy::check(&config, number).map_err(|error| error.to_string())
    }

    fn refusal(text: &str) -> String {
        check(text).unwrap_err()
    }

    #[test]
    fn every_kind_reads_with_its_defaults() {
        for (text, kind) in [
            (r#"kind = "uniform""#, "uniform"),
            (
                r#"kind = "fixed"
                preference = ["o2", "o1"]"#,
                "fixed",
            ),
            (r#"kind = "epsilon_greedy""#, "epsilon_greedy"),
            (r#"kind = "q_learning""#, "q_learning"),
            (r#"kind = "softmax""#, "softmax"),
            (r#"kind = "ucb1""#, "ucb1"),
            (r#"kind = "kl_ucb""#, "kl_ucb"),
            (r#"kind = "imed""#, "imed"),
            (r#"kind = "thompson_beta""#, "thompson_beta"),
            (r#"kind = "tempered_thompson""#, "tempered_thompson"),
            (r#"kind = "pooled_thompson""#, "pooled_thompson"),
            (r#"kind = "thompson_poisson""#, "thompson_poisson"),
            (r#"kind = "thompson_revenue""#, "thompson_revenue"),
            (r#"kind = "thompson_normal""#, "thompson_normal"),
            (r#"kind = "information_directed""#, "information_directed"),
        ] {
            assert_eq!(check(text).unwrap().kind(), kind);
        }
    }

    #[test]
    fn every_parameter_reads() {
        check(
            r#"
            kind = "epsilon_greedy"
            epsilon = { schedule = "inverse_sqrt", start = 0.5, scale = 100.0, minimum = 0.01 }
            step = 0.1
            initial_value = 2.0
            initial_weight = 1.0
            exploration_floor = 0.001
            reward = { min = 0.0, max = 1e6, outside = "clip" }
            "#,
        )
        .unwrap();
        check(
            r#"
            kind = "thompson_beta"
            prior_successes = 0.5
            prior_failures = 20
            exploration_floor = 0.01
            outside = "clip"
            "#,
        )
        .unwrap();
    }

    #[test]
    fn what_is_out_of_bounds_is_named_with_its_bound() {
        for (text, message) in [
            (
                "kind = \"epsilon_greedy\"\nepsilon = 1.5",
                "epsilon is 1.5, it must be in [0, 1]",
            ),
            (
                "kind = \"epsilon_greedy\"\nepsilon = nan",
                "epsilon is NaN, it must be in [0, 1]",
            ),
            (
                "kind = \"epsilon_greedy\"\nstep = 0.0",
                "step is 0, it must be in (0, 1]",
            ),
            (
                "kind = \"epsilon_greedy\"\nepsilon = { schedule = \"inverse\", scale = 0.0 }",
                "epsilon.scale is 0, it must be in (0, 1e12]",
            ),
            (
                "kind = \"epsilon_greedy\"\ninitial_value = inf",
                "initial_value is inf, it must be in [-2^52, 2^52]",
            ),
            (
                "kind = \"epsilon_greedy\"\nreward = { min = 1.0, max = 1.0 }",
                "reward.max is 1, it must be in (reward.min, 2^52]",
            ),
            (
                "kind = \"thompson_beta\"\nprior_failures = 0.001",
                "prior_failures is 0.001, it must be in [0.01, 1e9]",
            ),
            (
                "kind = \"thompson_beta\"\nexploration_floor = -0.1",
                "exploration_floor is -0.1, it must be in [0, 1]",
            ),
            (
                "kind = \"softmax\"\ntemperature = 0.0",
                "temperature is 0, it must be in [1e-9, 1e9]",
            ),
            (
                "kind = \"softmax\"\ntemperature = { schedule = \"inverse\", scale = 9.0, minimum = 0.0 }",
                "temperature.minimum is 0, it must be in [1e-9, 1e9]",
            ),
            (
                "kind = \"ucb1\"\nexploration = -2.0",
                "exploration is -2, it must be in [0, 100]",
            ),
            (
                "kind = \"kl_ucb\"\nexploration = 0.0",
                "exploration is 0, it must be in (0, 100]",
            ),
            (
                "kind = \"imed\"\nexploration_floor = 2.0",
                "exploration_floor is 2, it must be in [0, 1]",
            ),
            (
                "kind = \"tempered_thompson\"\nsharpness = 0.0",
                "sharpness is 0, it must be in [0.01, 100]",
            ),
            (
                "kind = \"pooled_thompson\"\nprior_successes = 0.4",
                "prior_successes is 0.4, it must be in [0.5, 1e9]",
            ),
            (
                "kind = \"thompson_poisson\"\nlargest_count = 0.0",
                "largest_count is 0, it must be in (0, 2^52]",
            ),
            (
                "kind = \"thompson_revenue\"\nprior_value_weight = 0.0",
                "prior_value_weight is 0, it must be in [0.01, 1e9]",
            ),
            (
                "kind = \"thompson_normal\"\nprior_shape = 0.5",
                "prior_shape is 0.5, it must be in [1, 1e9]",
            ),
            (
                "kind = \"thompson_normal\"\nreward = { max = 1e15 }",
                "reward.max is 1000000000000000, it must be in [-2^40, 2^40]",
            ),
            (
                "kind = \"fixed\"\npreference = []",
                "preference is empty, it needs at least 1 offer",
            ),
            (
                "kind = \"fixed\"\npreference = [\"gift\"]",
                "preference names the offer \"gift\", which the catalogue does not have",
            ),
            (
                "kind = \"fixed\"\npreference = [\"o1\", \"o1\"]",
                "preference names the offer \"o1\" twice, each may stand once",
            ),
        ] {
            assert_eq!(refusal(text), message);
        }
    }

    #[test]
    fn unknown_keys_and_kinds_are_refused() {
        assert!(refusal("kind = \"uniform\"\nepsilon = 0.1").contains("epsilon"));
        assert!(refusal("kind = \"thompson_beta\"\nprior = 1.0").contains("prior"));
        assert!(refusal("kind = \"thomson_beta\"").contains("thompson_beta"));
        let step = refusal("kind = \"epsilon_greedy\"\nstep = \"average\"");
        assert!(step.contains("sample_average"), "{step}");
    }
}
