//! Estimators that choose their own parameter on the log.
//!
//! - SLOPE: Su, Srinath, Krishnamurthy (2020), "Adaptive estimator selection for
//!   off-policy evaluation", <https://arxiv.org/abs/2002.07729>, with the rule of
//!   Tucker, Lee (2021), "Improved estimator selection for off-policy evaluation"
//!   (SLOPE++). Candidates stand in order of falling variance and growing bias;
//!   the last one is chosen whose estimate is, for every candidate before it,
//!   within CNFᵢ + (√6 − 1)·CNFⱼ, where CNF is the half-width of the normal
//!   interval.
//! - Estimated MSE: Su, Dimakopoulou, Krishnamurthy, Dudík (2020),
//!   <https://arxiv.org/abs/1907.09623>, section 5: the least of squared bias,
//!   estimated by the distance to the estimate without the parameter, plus
//!   squared standard error.
//!
//! The interval is the chosen candidate's and does not know that it was chosen.

use std::fmt;

use super::{
    Accumulator, DoublyRobust, DoublyRobustShrinkage, Estimate, Estimator, InversePropensity,
    SubGaussianDoublyRobust, SwitchDoublyRobust,
};
use crate::evaluation::logged::{MissingColumn, RewardRange, Rounds};

/// Whose parameter is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Where inverse propensity scores are clipped.
    IpsClip,
    /// Where doubly robust is clipped.
    DrClip,
    /// Where Switch-DR switches.
    SwitchDr,
    /// How far DRos shrinks.
    Dros,
    /// How far sub-Gaussian doubly robust mixes.
    Sgdr,
}

/// By which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// SLOPE++.
    Slope,
    /// The least estimated mean squared error.
    Mse,
}

/// A family and a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuned {
    /// Whose parameter is chosen.
    pub family: Family,
    /// By which rule.
    pub rule: Rule,
}

/// Limits on weights, from none downwards.
const LIMITS: [f64; 8] = [f64::INFINITY, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0];
/// λ of sub-Gaussian weights, of which 1/λ is the limit.
const MIXINGS: [f64; 8] = [0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0];
/// λ of DRos, whose weights are at most √λ/2.
const SHRINKAGES: [f64; 8] = [1e12, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1.0];
/// CNF is this many standard errors.
const HALF_WIDTH: f64 = 1.959_963_984_540_054;
/// √6 − 1.
const SLACK: f64 = 1.449_489_742_783_178;

impl Tuned {
    /// Every family by every rule.
    pub fn all() -> impl Iterator<Item = Self> {
        let families = [
            Family::IpsClip,
            Family::DrClip,
            Family::SwitchDr,
            Family::Dros,
            Family::Sgdr,
        ];
        families
            .into_iter()
            .flat_map(|family| [Rule::Slope, Rule::Mse].map(|rule| Self { family, rule }))
    }

    /// Parameters and estimators, in order of falling variance. The first has no
    /// bias by its parameter, or next to none.
    fn candidates(self) -> Vec<(f64, Estimator)> {
        let finite = |limit: f64| limit.is_finite().then_some(limit);
        let of = |parameter: f64| match self.family {
            Family::IpsClip => Estimator::Ips(InversePropensity {
                clip: finite(parameter),
            }),
            Family::DrClip => Estimator::Dr(DoublyRobust {
                clip: finite(parameter),
            }),
            Family::SwitchDr => Estimator::SwitchDr(SwitchDoublyRobust {
                threshold: parameter,
            }),
            Family::Dros => Estimator::Dros(DoublyRobustShrinkage {
                shrinkage: parameter,
            }),
            Family::Sgdr => Estimator::Sgdr(SubGaussianDoublyRobust { mixing: parameter }),
        };
        let grid = match self.family {
            Family::IpsClip | Family::DrClip | Family::SwitchDr => LIMITS,
            Family::Dros => SHRINKAGES,
            Family::Sgdr => MIXINGS,
        };
        grid.into_iter()
            .map(|parameter| (parameter, of(parameter)))
            .collect()
    }
}

impl fmt::Display for Tuned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.family {
            Family::IpsClip => "ips_clip",
            Family::DrClip => "dr_clip",
            Family::SwitchDr => "switch_dr",
            Family::Dros => "dros",
            Family::Sgdr => "sgdr",
        })?;
        f.write_str(match self.rule {
            Rule::Slope => "_slope",
            Rule::Mse => "_mse",
        })
    }
}

/// A family's candidates over the same log; streams and merges.
#[derive(Debug, Clone)]
pub struct TunedCandidates {
    tuned: Tuned,
    candidates: Vec<(f64, Accumulator)>,
}

impl TunedCandidates {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(tuned: Tuned) -> Self {
        let candidates = tuned.candidates().into_iter();
        let candidates = candidates
            .filter_map(|(parameter, estimator)| Some((parameter, Accumulator::new(estimator)?)));
        Self {
            candidates: candidates.collect(),
            tuned,
        }
    }

    /// Which.
    #[must_use]
    pub const fn tuned(&self) -> Tuned {
        self.tuned
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When the log lacks a column that the family reads.
    pub fn add(&mut self, rounds: &Rounds) -> Result<(), MissingColumn> {
        self.candidates
            .iter_mut()
            .try_for_each(|(_, candidate)| candidate.add(rounds))
    }

    /// Adds what another pass saw of the same; another's is left.
    pub fn merge(&mut self, other: &Self) {
        if self.tuned != other.tuned {
            return;
        }
        for ((_, ours), (_, theirs)) in self.candidates.iter_mut().zip(&other.candidates) {
            debug_assert_eq!(ours.estimator(), theirs.estimator());
            let merged = ours.merge(theirs);
            debug_assert!(
                merged.is_ok(),
                "candidates of one family stand in one order"
            );
        }
    }

    /// The chosen parameter and its estimate; `None` below 2 rounds.
    #[must_use]
    pub fn estimate(&self, range: RewardRange) -> Option<(f64, Estimate)> {
        let estimates: Option<Vec<(f64, Estimate, f64)>> = self
            .candidates
            .iter()
            .map(|(parameter, candidate)| {
                let estimate = candidate.estimate(range)?;
                Some((*parameter, estimate, estimate.standard_error?))
            })
            .collect();
        let estimates = estimates?;
        let chosen = match self.tuned.rule {
            Rule::Slope => slope(&estimates),
            Rule::Mse => least_mse(&estimates),
        };
        let (parameter, estimate, _) = estimates.get(chosen)?;
        Some((*parameter, *estimate))
    }
}

fn slope(estimates: &[(f64, Estimate, f64)]) -> usize {
    let near = |later: usize| {
        let (_, estimate, error) = &estimates[later];
        estimates[..later].iter().all(|(_, before, wide)| {
            let allowed = HALF_WIDTH * (error + SLACK * wide);
            (estimate.value - before.value).abs() <= allowed
        })
    };
    (1..estimates.len())
        .take_while(|later| near(*later))
        .last()
        .unwrap_or(0)
}

fn least_mse(estimates: &[(f64, Estimate, f64)]) -> usize {
    let unbiased = estimates
        .first()
        .map_or(0.0, |(_, estimate, _)| estimate.value);
    let mse = |(_, estimate, error): &(f64, Estimate, f64)| {
        let bias = estimate.value - unbiased;
        bias * bias + error * error
    };
    let order =
        |left: &usize, right: &usize| mse(&estimates[*left]).total_cmp(&mse(&estimates[*right]));
    (0..estimates.len()).min_by(order).unwrap_or(0)
}
