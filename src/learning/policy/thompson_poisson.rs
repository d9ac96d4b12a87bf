//! Thompson sampling for counts: each offer with the probability that its mean
//! count is the largest, under Gamma posteriors.
//!
//! Thompson (1933), <https://doi.org/10.1093/biomet/25.3-4.285>, with the
//! conjugate pair of Gelman et al. (2013), "Bayesian data analysis", 3rd
//! edition, section 2.6: an arm's rewards are Poisson with mean λ, the prior of
//! λ is Gamma(α₀, β₀), and after n rewards of sum S it is Gamma(α₀ + S, β₀ + n).
//! α₀ is `prior_count`, β₀ is `prior_decisions`.
//!
//! The probabilities are computed, not sampled: see [`best_arm`]. Valid for
//! rewards of at least 0: items in a basket, clicks, points. It believes that
//! a count varies as much as its mean; for money, which varies far more, its
//! posteriors are too sharp.

use smallvec::SmallVec;

use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::best_arm;
use crate::learning::config::posterior::ThompsonPoissonConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::gamma::Gamma;
use crate::learning::reward::RewardDomain;
use crate::learning::state::{ArmState, SegmentState, aligned};

/// The checked Thompson sampling policy for counts.
#[derive(Debug, Clone, PartialEq)]
pub struct ThompsonPoisson {
    prior: Gamma,
    exploration_floor: f64,
    reward_domain: RewardDomain,
}

impl ThompsonPoisson {
    /// # Panics
    /// Never: what would is refused before.
    pub(super) fn check(config: &ThompsonPoissonConfig) -> Result<Self, PolicyError> {
        let count = Bound::PRIOR.check("prior_count", config.prior_count)?;
        let decisions = Bound::PRIOR.check("prior_decisions", config.prior_decisions)?;
        let largest = Bound::REWARD_ABOVE_0.check("largest_count", config.largest_count)?;
        Ok(Self {
            prior: Gamma::new(count, decisions),
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
            reward_domain: RewardDomain::new(0.0, largest, config.outside)
                .expect("a largest count within its bound makes an interval"),
        })
    }

    pub(super) const fn reward_domain(&self) -> RewardDomain {
        self.reward_domain
    }

    /// What is believed of an arm's mean count.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub(super) fn posterior(&self, arm: Option<&ArmState>) -> Gamma {
        let Some(arm) = arm else { return self.prior };
        Gamma::new(
            self.prior.shape() + arm.reward_sum(),
            self.prior.rate() + arm.pulls() as f64,
        )
    }

    pub(super) fn distribution(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let posteriors: SmallVec<[Gamma; 16]> = aligned(segment, eligible)
            .map(|arm| self.posterior(arm))
            .collect();
        best_arm::probabilities(&posteriors).with_floor(self.exploration_floor)
    }
}
