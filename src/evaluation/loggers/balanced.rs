//! The balanced estimator: every row by the probability with which the loggers
//! together would have chosen it.
//!
//! Agarwal, Basu, Schnabel, Joachims (2017), <https://arxiv.org/abs/1703.06180>:
//! Û(bal) = (1/n)·Σᵢ Σⱼ δᵢⱼ·π̄(yᵢⱼ|xᵢⱼ)/π_avg(yᵢⱼ|xᵢⱼ) with
//! π_avg = Σᵢ (nᵢ/n)·πᵢ; the balance heuristic of Veach, Guibas (1995),
//! <https://doi.org/10.1145/218380.218498>.
//!
//! Unbiased where some logger can choose whatever the target can; its variance is
//! never above the naive estimator's. It needs every logger's probability of what
//! each row chose, which a ledger does not keep: what another policy would have
//! learnt by then is not known.

use super::{LoggerSizes, Row, real};

/// π̄/π_avg; the row has to know every logger's probability.
pub(super) fn weight(row: &Row<'_>, sizes: &LoggerSizes) -> f64 {
    let propensities = row.propensities.unwrap_or_default();
    let together = sizes.rows().iter().zip(propensities);
    let together: f64 = together.map(|(rows, it)| real(*rows) * it).sum();
    row.weight * row.propensity * real(sizes.total()) / together
}
