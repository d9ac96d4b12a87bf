//! As Bernoulli, until the best and the worst offer change places.

use serde::Deserialize;

use super::check_rates;
use crate::simulation::ScenarioError;
use crate::simulation::scenario::{MOST_ROUNDS, whole_within};

/// As written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftingDocument {
    /// One rate of conversion an offer, each in [0, 1], before the swap.
    pub rates: Vec<f64>,
    /// The round, from 0, from which the best and the worst have each other's
    /// rate.
    pub swap_at: i64,
}

/// The checked environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Drifting {
    rates: Vec<f64>,
    best: usize,
    worst: usize,
    swap_at: u64,
}

impl Drifting {
    pub(super) fn check(document: &DriftingDocument) -> Result<Self, ScenarioError> {
        let rates = check_rates(&document.rates)?;
        let mut order: Vec<usize> = (0..rates.len()).collect();
        order.sort_by(|left, right| rates[*left].total_cmp(&rates[*right]));
        Ok(Self {
            worst: order[0],
            best: order[order.len() - 1],
            swap_at: whole_within("environment.swap_at", document.swap_at, 0, MOST_ROUNDS)?,
            rates,
        })
    }

    pub(super) fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// Sets the rates of a round.
    pub(super) fn drift(&self, round: u64, rates: &mut [f64]) {
        if round == self.swap_at {
            rates.swap(self.best, self.worst);
        }
    }
}
