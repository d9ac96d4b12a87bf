//! Uniform: every eligible offer with the same probability, whatever was
//! learnt. The best logging policy for later evaluation, and the baseline.

use crate::domain::distribution::{ActionDistribution, EligibleOffers};

/// The uniform policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uniform;

impl Uniform {
    pub(super) fn distribution(self, eligible: &EligibleOffers) -> ActionDistribution {
        ActionDistribution::uniform(eligible)
    }
}
