//! Fixed: the first eligible offer of an ordered list, whatever was learnt.
//! When none of the list is eligible, every eligible offer with the same
//! probability.
//!
//! Without an exploration floor it is deterministic, and its log supports no
//! evaluation of another policy.

use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::ids::OfferNumber;
use crate::learning::config::{Bound, FixedConfig, PolicyError};

/// The checked fixed policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    /// At least one, each once, the most preferred first.
    preference: Vec<OfferNumber>,
    exploration_floor: f64,
}

impl Fixed {
    pub(super) fn check(
        config: &FixedConfig,
        offer_number: impl Fn(&str) -> Option<OfferNumber>,
    ) -> Result<Self, PolicyError> {
        let key = "preference";
        if config.preference.is_empty() {
            return Err(PolicyError::NoOffers { key });
        }
        let mut preference = Vec::with_capacity(config.preference.len());
        for name in &config.preference {
            let value = || name.clone();
            let offer = offer_number(name).ok_or_else(|| PolicyError::UnknownOffer {
                key,
                value: value(),
            })?;
            if preference.contains(&offer) {
                return Err(PolicyError::RepeatedOffer {
                    key,
                    value: value(),
                });
            }
            preference.push(offer);
        }
        Ok(Self {
            preference,
            exploration_floor: Bound::PROBABILITY
                .check("exploration_floor", config.exploration_floor)?,
        })
    }

    /// That one offer wherever it is eligible.
    pub(super) fn always(offer: OfferNumber) -> Self {
        Self {
            preference: vec![offer],
            exploration_floor: 0.0,
        }
    }

    pub(super) fn distribution(&self, eligible: &EligibleOffers) -> ActionDistribution {
        let chosen = self
            .preference
            .iter()
            .find_map(|offer| eligible.index_of(*offer));
        match chosen {
            Some(index) => ActionDistribution::concentrated(eligible, &[index])
                .with_floor(self.exploration_floor),
            None => ActionDistribution::uniform(eligible),
        }
    }
}
