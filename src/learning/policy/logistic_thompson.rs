//! Logistic Thompson sampling: each offer with the probability that its rate,
//! the logistic function of a linear score, is the largest.
//!
//! Chapelle, Li (2011), "An empirical evaluation of Thompson sampling", NIPS
//! 24, section 4, with a full covariance and one approximate update a reward
//! ([`regression`](crate::learning::linear::regression) states it). As there,
//! the posterior's standard deviations are multiplied by `posterior_scale`;
//! below 1 it explores less than the posterior asks for, which their
//! experiments and ours favour.
//!
//! The largest rate is the largest score, so the probabilities come as in
//! [`linear_thompson`](super::linear_thompson): computed with disjoint
//! parameters, M draws under the decision's seed with shared ones. A learnt
//! reward cannot be taken back: refunds after closing are counted as not
//! unlearnt.
//!
//! Valid for rewards in [0, 1]. d²/2 operations an offer.

use super::score_thompson::ScoreThompson;
use crate::learning::config::PolicyError;
use crate::learning::config::contextual::{LogisticThompsonConfig, RegressionConfig};

pub(super) fn check(config: &LogisticThompsonConfig) -> Result<ScoreThompson, PolicyError> {
    ScoreThompson::check(
        config.posterior_scale,
        config.exploration_floor,
        &config.model,
        RegressionConfig::Logistic,
    )
}
