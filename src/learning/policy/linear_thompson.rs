//! Linear Thompson sampling: each offer with the probability that its reward,
//! a linear function of the features, is the largest.
//!
//! Agrawal, Goyal (2013), "Thompson sampling for contextual bandits with linear
//! payoffs", arXiv 1209.3352: the posterior of the weights is N(A⁻¹h, v²A⁻¹);
//! v is the noise's standard deviation, estimated from the residuals, times
//! `posterior_scale`.
//!
//! With disjoint parameters the scores are independent and the probabilities
//! are computed ([`best_arm`](crate::learning::best_arm), error at most
//! 2·10⁻⁶). With shared ones the policy *is* M draws of the parameters under
//! the decision's seed: the share of draws that an offer won is its
//! probability, exactly. Refunds are unlearnt exactly up to rounding.
//!
//! Valid for rewards of any size. d²/2 operations an offer.

use super::score_thompson::ScoreThompson;
use crate::learning::config::PolicyError;
use crate::learning::config::contextual::{LinearThompsonConfig, RegressionConfig};

pub(super) fn check(config: &LinearThompsonConfig) -> Result<ScoreThompson, PolicyError> {
    ScoreThompson::check(
        config.posterior_scale,
        config.exploration_floor,
        &config.model,
        RegressionConfig::Ridge,
    )
}
