//! What is written for how long a policy remembers.
//!
//! ```toml
//! memory = "forever"
//! memory = { half_life = "14d" }
//! memory = { window = "28d", parts = 28 }
//! memory = { until_change = "bernoulli_glr", false_alarm = 0.001, restart = "segment" }
//! ```

use serde::{Deserialize, Serialize};

/// How long a policy remembers, one of four.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "the word \"forever\", or a table of half_life, or of window and parts, or of \
                 until_change, false_alarm and restart"
)]
pub enum MemoryConfig {
    /// The default.
    Word(MemoryWord),
    /// Forgetting by half-life.
    HalfLife(HalfLifeConfig),
    /// A sliding window.
    Window(WindowConfig),
    /// Change detection.
    UntilChange(UntilChangeConfig),
}

/// The memory that needs no parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryWord {
    /// Everything counts for ever.
    #[default]
    Forever,
}

/// Forgetting by half-life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HalfLifeConfig {
    /// After how long a decision counts half: a length of time such as `"14d"`,
    /// from 1ms to 36500d. In a scenario it may be written `"20000 rounds"`.
    pub half_life: String,
}

/// A sliding window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// How old a decision may be to count: a length of time, from 1ms to
    /// 36500d. In a scenario it may be written `"20000 rounds"`.
    pub window: String,
    /// How many parts leave it one by one, in [1, 256]; default 32.
    #[serde(default = "thirty_two")]
    pub parts: u32,
}

const fn thirty_two() -> u32 {
    32
}

/// Change detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UntilChangeConfig {
    /// The test: `"bernoulli_glr"`.
    pub until_change: ChangeTest,
    /// δ: about the probability that an arm whose rewards never change is ever
    /// reset, in [1e-12, 0.5]; default 0.001.
    #[serde(default = "thousandth")]
    pub false_alarm: f64,
    /// What is reset: `"segment"` (the default), or the `"offer"` alone.
    #[serde(default)]
    pub restart: Restart,
}

const fn thousandth() -> f64 {
    1e-3
}

/// The tests for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeTest {
    /// A generalised likelihood ratio for rewards in [0, 1].
    #[default]
    BernoulliGlr,
}

/// What is reset when a change was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Every offer in the segment: what changed may have made another one the
    /// best.
    #[default]
    Segment,
    /// The offer whose rewards changed.
    Offer,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self::Word(MemoryWord::Forever)
    }
}

impl Default for UntilChangeConfig {
    fn default() -> Self {
        Self {
            until_change: ChangeTest::default(),
            false_alarm: thousandth(),
            restart: Restart::default(),
        }
    }
}

impl MemoryConfig {
    /// Whether it is the default, which is not written down.
    #[must_use]
    pub const fn is_forever(&self) -> bool {
        matches!(self, Self::Word(MemoryWord::Forever))
    }
}
