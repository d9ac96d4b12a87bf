//! Thompson sampling for tame money: each offer with the probability that its
//! mean reward is the largest, when rewards are nearly normal and neither their
//! mean nor their spread is known.
//!
//! Thompson (1933), <https://doi.org/10.1093/biomet/25.3-4.285>, with the
//! normal-inverse-gamma pair of Gelman et al. (2013), "Bayesian data analysis",
//! 3rd edition, section 3.3. With μ₀ the `prior_mean`, κ₀ the `prior_weight`,
//! α₀ the `prior_shape` and β₀ = α₀ · `prior_deviation`², an arm of n rewards
//! with sum S and sum of squares Q has κ = κ₀ + n, μ = (κ₀μ₀ + S) / κ,
//! α = α₀ + n/2 and β = β₀ + (Q − S²/n)/2 + κ₀n(S/n − μ₀)²/(2κ). Its mean
//! reward is then μ + √(β/(ακ)) · T, T a t-variable of 2α degrees of freedom.
//! The prior's shape is at least 1, so that this mean and every predictive one
//! is finite.
//!
//! The probabilities are computed, not sampled: see [`best_arm`]. Valid for
//! rewards within ±2⁴⁰, negative ones too, as margins may be. Where most
//! decisions earn nothing and the rest have a heavy tail, `thompson_revenue`
//! fits better: there the mean of few rewards is far from normal. A reward is
//! taken back exactly: squares are summed in whole multiples of 2⁻²⁰.

use smallvec::SmallVec;

use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::math;
use crate::domain::time::Instant;
use crate::learning::best_arm;
use crate::learning::config::posterior::ThompsonNormalConfig;
use crate::learning::config::{Bound, PolicyError, RewardConfig};
use crate::learning::exact_sum::LARGEST_SQUARED;
use crate::learning::memory::Evidence;
use crate::learning::state::SegmentState;
use crate::learning::student_t::StudentT;

/// A mean that is known better than this part of the largest mean or spread of
/// an eligible offer counts as known that well.
const SHARPEST: f64 = 1e-9;

/// The checked Thompson sampling policy for nearly normal rewards.
#[derive(Debug, Clone, PartialEq)]
pub struct ThompsonNormal {
    mean: f64,
    weight: f64,
    shape: f64,
    variance: f64,
    pub(super) tabular: Tabular,
}

impl ThompsonNormal {
    pub(super) fn check(config: &ThompsonNormalConfig) -> Result<Self, PolicyError> {
        let deviation = Bound::DEVIATION.check("prior_deviation", config.prior_deviation)?;
        let min = config.reward.min.unwrap_or(-LARGEST_SQUARED);
        let max = config.reward.max.unwrap_or(LARGEST_SQUARED);
        let reward = RewardConfig {
            min: Some(Bound::SQUARED.check("reward.min", min)?),
            max: Some(Bound::SQUARED.check("reward.max", max)?),
            outside: config.reward.outside,
        };
        let tabular = Tabular::check(config.exploration_floor, reward.check()?, &config.memory)?;
        Ok(Self {
            mean: Bound::SQUARED.check("prior_mean", config.prior_mean)?,
            weight: Bound::PRIOR.check("prior_weight", config.prior_weight)?,
            shape: Bound::SHAPE.check("prior_shape", config.prior_shape)?,
            variance: deviation * deviation,
            tabular: Tabular {
                unknown_variance: Some(deviation * deviation),
                ..tabular
            },
        })
    }

    /// What is believed of an arm's mean reward.
    pub(super) fn posterior(&self, evidence: &Evidence) -> StudentT {
        let count = evidence.pulls;
        let weight = self.weight + count;
        let shape = self.shape + 0.5 * count;
        let mut rate = self.shape * self.variance;
        if let Some(mean) = evidence.mean() {
            let spread = evidence.squares - mean * evidence.reward_sum;
            let distance = mean - self.mean;
            rate +=
                0.5 * spread.max(0.0) + 0.5 * self.weight * count / weight * distance * distance;
        }
        StudentT::new(
            (self.weight * self.mean + evidence.reward_sum) / weight,
            math::sqrt(rate / (shape * weight)),
            2.0 * shape,
        )
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> ActionDistribution {
        let evidence = self.tabular.evidence(segment, eligible, now);
        let posteriors: SmallVec<[StudentT; 16]> =
            evidence.iter().map(|arm| self.posterior(arm)).collect();
        let reaches = |arm: &StudentT| arm.scale().max(arm.location().abs());
        let sharpest = SHARPEST * posteriors.iter().map(reaches).fold(0.0, f64::max);
        let posteriors: SmallVec<[StudentT; 16]> = posteriors
            .iter()
            .map(|arm| arm.no_sharper_than(sharpest))
            .collect();
        best_arm::probabilities(&posteriors).with_floor(self.tabular.exploration_floor)
    }
}
