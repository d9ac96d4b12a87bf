//! The weighted estimator: the mean of the loggers' own inverse propensity
//! scores, each by its precision.
//!
//! Agarwal, Basu, Schnabel, Joachims (2017), <https://arxiv.org/abs/1703.06180>:
//! of all Σᵢ λᵢ·Σⱼ δᵢⱼ·π̄/πᵢ that are unbiased, the
//! one of least variance has λᵢ = 1/(σᵢ²·Σⱼ nⱼ/σⱼ²), where σᵢ² is the variance of
//! one score of logger i. Here ωᵢ = λᵢ·nᵢ, and σᵢ² is estimated from the logger's own
//! rows.
//!
//! Its variance is never above the naive estimator's where the σᵢ² are known;
//! estimated ones make it consistent, and biased by as much as rare rewards are
//! missed: a logger whose rows happen to have few seems precise. It is refused where
//! a logger's scores are all the same, whose precision would be without bound.

use super::{Stratum, WhyNoLoggers, real};

/// (nᵢ/σᵢ²)/Σⱼ(nⱼ/σⱼ²); a logger without a row has no part.
pub(super) fn shares(strata: &[Stratum]) -> Result<Vec<f64>, WhyNoLoggers> {
    let precision = |(logger, stratum): (usize, &Stratum)| match stratum.variance {
        _ if stratum.rows == 0 => Ok(0.0),
        Some(variance) if variance > 0.0 => Ok(real(stratum.rows) / variance),
        _ => Err(WhyNoLoggers::NoVariance { logger }),
    };
    let precisions = strata.iter().enumerate().map(precision);
    let precisions = precisions.collect::<Result<Vec<f64>, _>>()?;
    let total: f64 = precisions.iter().sum();
    Ok(precisions.into_iter().map(|it| it / total).collect())
}
