//! The naive estimator: inverse propensity scores, every row by the propensity
//! that its own logger drew it with.
//!
//! Agarwal, Basu, Schnabel, Joachims (2017), <https://arxiv.org/abs/1703.06180>:
//! Û(naive) = (1/n)·Σᵢ Σⱼ δᵢⱼ·π̄(yᵢⱼ|xᵢⱼ)/πᵢ(yᵢⱼ|xᵢⱼ), whose δ is the
//! reward.
//!
//! Unbiased where every logger can choose all that the target can. One logger that
//! is far from the target spoils it: more rows may make it worse.

use super::{Stratum, real};

/// nᵢ/n.
pub(super) fn shares(strata: &[Stratum]) -> Vec<f64> {
    let all: u64 = strata.iter().map(|stratum| stratum.rows).sum();
    let share = |stratum: &Stratum| real(stratum.rows) / real(all);
    strata.iter().map(share).collect()
}
