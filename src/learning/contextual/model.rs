//! The checked configuration of a contextual policy's models.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::domain::ids::OfferNumber;
use crate::learning::config::contextual::{
    ExpansionConfig, ModelConfig, Parameters, RegressionConfig,
};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::linear::regression::MOST_WEIGHTS;
use crate::learning::reward::RewardDomain;

/// The most features of a decision.
pub const MOST_FEATURES: usize = 4_096;

/// No entry of a row is further from 0.
pub const LARGEST_FEATURE: f64 = 1e9;

/// The most random features of an expansion.
pub const MOST_RANDOM_FEATURES: usize = 512;

/// The variance of a typical row's prior score in squared logits, unless set.
const LOGIT_VARIANCE: f64 = 10.0;

/// Those that compete in units of the noise: how much of a reward features
/// explain is told by the evidence.
const NOISE_VARIANCES: [f64; 3] = [1.0, 10.0, 100.0];

/// How a score becomes a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The score is the reward: ridge regression.
    Identity,
    /// The score is the logit of the reward: logistic regression.
    Logit,
}

/// What becomes of the features before the regression sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expansion {
    /// They stay as they are.
    Linear,
    /// They are standardised, and random features stand beside them.
    RandomFeatures,
}

/// One of the regressions that learn side by side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// What it sees.
    pub expansion: Expansion,
    /// The prior variance of a typical row's score, τ².
    pub prior_variance: f64,
}

/// How members speak for the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    /// The one that predicted best so far speaks for all.
    Leader,
    /// Each learnt its own bootstrap sample and has one vote.
    Votes,
}

/// An offer's features: the hash of each one's name, and its value.
pub type OfferFeatures = Vec<(u64, f64)>;

/// One model for all offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// Rows have 2^bits entries.
    pub bits: u32,
    /// How many draws of the parameters make a distribution.
    pub draws: u32,
    /// What is known of offers besides which they are.
    pub offers: Arc<BTreeMap<OfferNumber, OfferFeatures>>,
}

/// What the catalogue says of the rows that decisions carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredFeatures {
    /// How many features there are.
    pub dimension: usize,
    /// Differs when any of them means something else.
    pub fingerprint: u64,
}

/// The models of a contextual policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    link: Link,
    shared: Option<Shared>,
    members: Vec<Member>,
    combination: Combination,
    random_features: usize,
    hash_bits: Option<u32>,
    reward_domain: RewardDomain,
    declared: Option<DeclaredFeatures>,
}

/// Why features cannot be used. What would have been learnt from them is not.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum FeatureError {
    /// Not as many as the policy's memory, or the catalogue, is about.
    #[error("features has {found} entries, it must have {expected}")]
    Dimension {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// None at all, or more than a model takes.
    #[error("features has {found} entries, it must have from 1 to {most}")]
    Count {
        /// The largest number.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// NaN, infinite or too far from 0.
    #[error("features[{index}] is {value}, it must be in [-1e9, 1e9]")]
    Value {
        /// Which, from 0.
        index: usize,
        /// What stands there.
        value: f64,
    },
}

impl Model {
    /// Checks a model as written; `expansion` is the policy's own default.
    pub(in crate::learning) fn check(
        config: &ModelConfig,
        regression: RegressionConfig,
        expansion: ExpansionConfig,
    ) -> Result<Self, PolicyError> {
        let whole = |key, value: i64, bound: Bound| {
            #[allow(clippy::cast_precision_loss)] // for people to read
            bound.check(key, value as f64).map(|_| value.unsigned_abs())
        };
        #[allow(clippy::cast_possible_truncation)] // within their bounds
        let bits = |key, value| whole(key, value, Bound::HASH_BITS).map(|bits| bits as u32);
        let hash_bits = config
            .hash_bits
            .map(|value| bits("model.hash_bits", value))
            .transpose()?;
        let draws = whole("model.draws", config.draws, Bound::DRAWS)?;
        let random_features = whole(
            "model.random_features",
            config.random_features,
            Bound::RANDOM_FEATURES,
        )?;
        let variance = config
            .prior_variance
            .map(|value| Bound::PRIOR_VARIANCE.check("model.prior_variance", value))
            .transpose()?;
        let shared = config.parameters == Parameters::Shared;
        let expansion = match config.expansion {
            Some(written) if shared && written != ExpansionConfig::None => {
                return Err(PolicyError::Contradiction {
                    key: "model.expansion",
                    value: written.name(),
                    reason: "is for model.parameters = \"disjoint\" only",
                });
            }
            _ if shared => ExpansionConfig::None,
            written => written.unwrap_or(expansion),
        };
        let link = match regression {
            RegressionConfig::Ridge => Link::Identity,
            RegressionConfig::Logistic => Link::Logit,
        };
        Ok(Self {
            link,
            shared: shared.then(|| Shared {
                bits: hash_bits.unwrap_or(8),
                #[allow(clippy::cast_possible_truncation)] // within its bound
                draws: draws as u32,
                offers: Arc::default(),
            }),
            members: members(link, expansion, variance),
            combination: Combination::Leader,
            #[allow(clippy::cast_possible_truncation)] // within its bound
            random_features: random_features as usize,
            hash_bits,
            reward_domain: match link {
                Link::Identity => config.reward.check()?,
                Link::Logit => config.reward.check_unit()?,
            },
            declared: None,
        })
    }

    /// The same with `count` members that each learn a bootstrap sample.
    pub(in crate::learning) fn bagged(mut self, count: usize) -> Self {
        let member = self.members[0];
        self.members = vec![member; count];
        self.combination = Combination::Votes;
        self
    }

    /// The same with what a catalogue declares of the features.
    pub(in crate::learning) fn declare(&mut self, declared: DeclaredFeatures) {
        self.declared = Some(declared);
    }

    /// Tells what is known of offers, where one model is for all of them.
    pub(in crate::learning) fn describe_offers(
        &mut self,
        offers: impl Iterator<Item = (OfferNumber, OfferFeatures)>,
    ) {
        if let Some(shared) = &mut self.shared {
            shared.offers = Arc::new(offers.collect());
        }
    }

    /// How scores become rewards.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.link
    }

    /// One model for all offers; `None` when each has its own.
    #[must_use]
    pub const fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// The regressions that learn side by side, at least one.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// How members speak for the memory.
    #[must_use]
    pub const fn combination(&self) -> Combination {
        self.combination
    }

    /// How many random features an expansion has.
    #[must_use]
    pub const fn random_features(&self) -> usize {
        self.random_features
    }

    /// Whether any member needs random features.
    #[must_use]
    pub fn expands(&self) -> bool {
        let expands = |member: &Member| member.expansion == Expansion::RandomFeatures;
        self.members.iter().any(expands)
    }

    /// Rows of one offer's own model are hashed into 2^bits entries.
    #[must_use]
    pub const fn hash_bits(&self) -> Option<u32> {
        self.hash_bits
    }

    /// The rewards that it learns from.
    #[must_use]
    pub const fn reward_domain(&self) -> RewardDomain {
        self.reward_domain
    }

    /// Whether what one learnt means the same to the other.
    #[must_use]
    pub fn remembers_like(&self, other: &Self) -> bool {
        let layout = |shared: &Shared| shared.bits;
        self.link == other.link
            && self.shared.as_ref().map(layout) == other.shared.as_ref().map(layout)
            && self.members == other.members
            && self.combination == other.combination
            && self.random_features == other.random_features
            && self.hash_bits == other.hash_bits
            && self.declared == other.declared
    }

    /// How many entries the features of a decision have in a linear row, the
    /// intercept apart.
    pub(super) fn linear_dimension(&self, dimension: usize) -> usize {
        match (&self.shared, self.hash_bits) {
            (Some(shared), _) => (1 << shared.bits) - 1,
            (None, Some(bits)) => (1 << bits) - 1,
            (None, None) => dimension,
        }
    }

    /// Whether features can be used: finite, within bounds, and as many as
    /// declared, or as `known` from before.
    ///
    /// # Errors
    /// Names the entry, its value and its bound.
    pub fn check_features(
        &self,
        features: &[f64],
        known: Option<usize>,
    ) -> Result<(), FeatureError> {
        let found = features.len();
        let expected = self.declared.map(|declared| declared.dimension).or(known);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(FeatureError::Dimension { expected, found });
        }
        let most = self.most_features();
        if !(1..=most).contains(&found) {
            return Err(FeatureError::Count { most, found });
        }
        let is_bad = |value: &f64| !(value.abs() <= LARGEST_FEATURE);
        match features.iter().position(is_bad) {
            Some(index) => Err(FeatureError::Value {
                index,
                value: features[index],
            }),
            None => Ok(()),
        }
    }

    /// How many features a decision may have.
    #[must_use]
    pub fn most_features(&self) -> usize {
        let expanded = if self.expands() {
            self.random_features
        } else {
            0
        };
        match (&self.shared, self.hash_bits) {
            (None, None) => MOST_WEIGHTS - 1 - expanded,
            (None, Some(_)) if self.expands() => MOST_WEIGHTS - 1 - expanded,
            _ => MOST_FEATURES,
        }
    }
}

fn members(link: Link, expansion: ExpansionConfig, variance: Option<f64>) -> Vec<Member> {
    let expansions: &[Expansion] = match expansion {
        ExpansionConfig::None => &[Expansion::Linear],
        ExpansionConfig::RandomFeatures => &[Expansion::Linear, Expansion::RandomFeatures],
    };
    let variances = match (variance, link) {
        (Some(variance), _) => vec![variance],
        (None, Link::Logit) => vec![LOGIT_VARIANCE],
        (None, Link::Identity) => NOISE_VARIANCES.to_vec(),
    };
    expansions
        .iter()
        .flat_map(|expansion| {
            variances.iter().map(|variance| Member {
                expansion: *expansion,
                prior_variance: *variance,
            })
        })
        .collect()
}
