//! One segment; each offer converts with a rate of its own that never
//! changes. A conversion earns 1.

use serde::Deserialize;

use super::check_rates;
use crate::simulation::ScenarioError;

/// As written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BernoulliDocument {
    /// One rate of conversion an offer, each in [0, 1].
    pub rates: Vec<f64>,
}

/// The checked environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Bernoulli {
    rates: Vec<f64>,
}

impl Bernoulli {
    pub(super) fn check(document: &BernoulliDocument) -> Result<Self, ScenarioError> {
        Ok(Self {
            rates: check_rates(&document.rates)?,
        })
    }

    pub(super) fn rates(&self) -> &[f64] {
        &self.rates
    }
}
