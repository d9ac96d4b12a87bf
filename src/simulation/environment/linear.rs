//! Features, and offers whose reward is linear in them, or whose rate of
//! conversion is logistic in them.
//!
//! Features are independent standard normal numbers. Each offer has weights of
//! its own, normal with mean 0 and such a deviation that its score varies by
//! `spread` over rows, and an intercept that varies by as much over offers.

use serde::Deserialize;

use super::{MOST_ARMS, number_within};
use crate::domain::math;
use crate::domain::random::Generator;
use crate::learning::gaussian::standard_normal;
use crate::simulation::ScenarioError;
use crate::simulation::scenario::whole_within;

/// A linear world as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearDocument {
    /// How many offers, in [2, 1 000].
    pub offers: i64,
    /// How many features, in [1, 500].
    pub dimension: i64,
    /// The standard deviation of an offer's mean reward over rows, in
    /// [0, 10⁶]; default 1.
    #[serde(default = "one")]
    pub spread: f64,
    /// The mean reward of an average offer, in [−10⁶, 10⁶]; default 0.
    #[serde(default)]
    pub level: f64,
    /// The standard deviation of a reward about its mean, in [0, 10⁶];
    /// default 1.
    #[serde(default = "one")]
    pub noise: f64,
}

/// A logistic world as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticDocument {
    /// How many offers, in [2, 1 000].
    pub offers: i64,
    /// How many features, in [1, 500].
    pub dimension: i64,
    /// The standard deviation of an offer's logit over rows, in [0, 100];
    /// default 1.
    #[serde(default = "one")]
    pub spread: f64,
    /// The rate of an average offer on an average row, in [0, 1]; default
    /// 0.05.
    #[serde(default = "twentieth")]
    pub base_rate: f64,
}

const fn one() -> f64 {
    1.0
}

const fn twentieth() -> f64 {
    0.05
}

/// The checked environment of either kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    offers: u32,
    dimension: usize,
    spread: f64,
    /// The score of an average offer on an average row.
    level: f64,
    /// `None` for rates of conversion.
    noise: Option<f64>,
}

impl Linear {
    pub(super) fn check_linear(document: &LinearDocument) -> Result<Self, ScenarioError> {
        let within = |key: &str, value, least, most| {
            number_within(&format!("environment.{key}"), value, least, most)
        };
        let mut checked = Self::check(document.offers, document.dimension)?;
        checked.spread = within("spread", document.spread, 0.0, 1e6)?;
        checked.level = within("level", document.level, -1e6, 1e6)?;
        checked.noise = Some(within("noise", document.noise, 0.0, 1e6)?);
        Ok(checked)
    }

    pub(super) fn check_logistic(document: &LogisticDocument) -> Result<Self, ScenarioError> {
        let within = |key: &str, value, least, most| {
            number_within(&format!("environment.{key}"), value, least, most)
        };
        let mut checked = Self::check(document.offers, document.dimension)?;
        checked.spread = within("spread", document.spread, 0.0, 100.0)?;
        let rate = within("base_rate", document.base_rate, 0.0, 1.0)?;
        checked.level = math::ln(rate / (1.0 - rate)).clamp(-700.0, 700.0);
        Ok(checked)
    }

    #[allow(clippy::cast_possible_truncation)] // within their bounds
    fn check(offers: i64, dimension: i64) -> Result<Self, ScenarioError> {
        let offers = whole_within("environment.offers", offers, 2, MOST_ARMS as u64)?;
        let dimension = whole_within("environment.dimension", dimension, 1, 500)?;
        Ok(Self {
            offers: offers as u32,
            dimension: dimension as usize,
            spread: 0.0,
            level: 0.0,
            noise: None,
        })
    }

    pub(super) const fn offers(&self) -> u32 {
        self.offers
    }

    pub(super) const fn dimension(&self) -> usize {
        self.dimension
    }

    /// Whether rewards are other than 0 and 1.
    pub(super) const fn has_noise(&self) -> bool {
        self.noise.is_some()
    }

    #[allow(clippy::cast_precision_loss)] // at most 500
    pub(super) fn begin(&self, generator: &mut Generator) -> LinearWorld {
        let scale = self.spread / math::sqrt(self.dimension as f64);
        let weights = (0..self.offers)
            .map(|_| {
                let intercept = self.level + self.spread * standard_normal(generator);
                let slopes = (0..self.dimension).map(|_| scale * standard_normal(generator));
                std::iter::once(intercept).chain(slopes).collect()
            })
            .collect();
        LinearWorld {
            weights,
            noise: self.noise,
        }
    }
}

/// One replication.
#[derive(Debug, Clone)]
pub struct LinearWorld {
    /// Each offer's intercept and slopes.
    weights: Vec<Vec<f64>>,
    noise: Option<f64>,
}

impl LinearWorld {
    /// The features of the next round and what each offer earns in the mean;
    /// gives the deviation of every offer's reward from its mean.
    pub(super) fn round(
        &self,
        generator: &mut Generator,
        features: &mut Vec<f64>,
        means: &mut Vec<f64>,
    ) -> f64 {
        features.clear();
        let dimension = self.weights[0].len() - 1;
        features.extend((0..dimension).map(|_| standard_normal(generator)));
        means.clear();
        means.extend(self.weights.iter().map(|weights| {
            let slopes = weights[1..].iter().zip(features.iter());
            let score = weights[0] + slopes.map(|(slope, entry)| slope * entry).sum::<f64>();
            if self.noise.is_some() {
                score
            } else {
                math::logistic(score)
            }
        }));
        self.noise
            .map_or(0.0, |noise| noise * standard_normal(generator))
    }
}
