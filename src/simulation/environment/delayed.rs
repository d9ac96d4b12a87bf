//! As Bernoulli, but a conversion comes after an exponential delay, and what
//! comes after the window does not count. Decisions are evenly spaced.

use serde::Deserialize;

use super::{check_rates, number_within};
use crate::domain::math;
use crate::domain::time::{Instant, Span};
use crate::simulation::ScenarioError;

const DAY_MS: f64 = 86_400_000.0;

/// As written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayedDocument {
    /// One rate of conversion an offer, each in [0, 1], however late.
    pub rates: Vec<f64>,
    /// The mean delay, in days, in [0, 10 000].
    pub delay_mean_days: f64,
    /// How long a conversion counts, in days, in [0, 10 000].
    pub window_days: f64,
    /// How many decisions there are in a day, in [0.001, 10⁹].
    pub decisions_per_day: f64,
}

/// The checked environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Delayed {
    rates: Vec<f64>,
    delay_mean_days: f64,
    window_days: f64,
    decisions_per_day: f64,
}

#[allow(clippy::cast_possible_truncation)] // saturates beyond what i64 holds
fn days(days: f64) -> i64 {
    (days * DAY_MS) as i64
}

impl Delayed {
    pub(super) fn check(document: &DelayedDocument) -> Result<Self, ScenarioError> {
        let within = |key: &str, value, least, most| {
            number_within(&format!("environment.{key}"), value, least, most)
        };
        Ok(Self {
            rates: check_rates(&document.rates)?,
            delay_mean_days: within("delay_mean_days", document.delay_mean_days, 0.0, 1e4)?,
            window_days: within("window_days", document.window_days, 0.0, 1e4)?,
            decisions_per_day: within("decisions_per_day", document.decisions_per_day, 1e-3, 1e9)?,
        })
    }

    pub(super) fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// What each offer earns in the mean within the window.
    pub(super) fn means(&self) -> Vec<f64> {
        let share = if self.delay_mean_days > 0.0 {
            -math::exp_m1(-self.window_days / self.delay_mean_days)
        } else {
            1.0
        };
        self.rates.iter().map(|rate| rate * share).collect()
    }

    pub(super) const fn window(&self) -> Span {
        #[allow(clippy::cast_possible_truncation)] // at most 10,000 days
        Span::from_ms((self.window_days * DAY_MS) as i64)
    }

    pub(super) const fn decisions_per_day(&self) -> f64 {
        self.decisions_per_day
    }

    #[allow(clippy::cast_precision_loss)] // exact below 2^53 rounds
    pub(super) fn decided_at(&self, round: u64) -> Instant {
        Instant::from_unix_ms(days(round as f64 / self.decisions_per_day))
    }

    /// The delay whose cumulative probability is `uniform`, in [0, 1).
    pub(super) fn delay(&self, uniform: f64) -> Span {
        Span::from_ms(days(-self.delay_mean_days * math::ln_1p(-uniform)))
    }
}
