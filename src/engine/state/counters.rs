//! Counts of what happened, for `ledger stats`. They are part of the fold but
//! not of the state hash: doubled delivery may change them.

use serde::{Deserialize, Serialize};

use crate::domain::money::Currency;
use crate::domain::outcome::{OutcomeKind, OutcomeResult};

/// Counts since the ledger's first event. Rehearsals (`test`) count only in
/// `test_decisions`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Events of every kind.
    pub events: u64,
    /// Decisions, those without an offer and of the holdout included.
    pub decisions: u64,
    /// Decisions without an offer.
    pub no_offer: u64,
    /// Decisions of the holdout.
    pub holdout: u64,
    /// Rehearsals.
    pub test_decisions: u64,
    /// Decisions that closed.
    pub closed: u64,
    /// Closed decisions that taught.
    pub learnt: u64,
    /// Closed decisions with offers that taught nothing, not having been shown.
    pub not_shown: u64,
    /// Closed decisions whose reward the policy refused.
    pub unlearnable: u64,
    /// Resets of what a policy had learnt.
    pub resets: u64,
    /// Rewards that are thought to have been seen and were learnt as a prior.
    pub prior_rewards: u64,
    /// Rewards that were learnt winsorised.
    pub winsorised: u64,
    /// Distinct outcome events.
    pub outcomes: u64,
    /// Distinct outcome events by kind, in the order of [`OutcomeKind::ALL`].
    pub by_kind: [u64; OutcomeKind::ALL.len()],
    /// Outcome events that came after closing.
    pub late: u64,
    /// Outcome events beyond the attribution window.
    pub over_window: u64,
    /// Outcome events whose time was off by clock skew within the tolerance.
    pub skewed: u64,
    /// Rewards corrected after closing.
    pub corrected: u64,
    /// Rewards that turned out otherwise after closing and could not be
    /// corrected.
    pub not_unlearnt: u64,
    /// Outcome events that used what was not left of a limit any more.
    pub over_limit: u64,
    /// The shop's totals by currency, in the order of first appearance.
    pub totals: Vec<CurrencyTotal>,
}

/// The shop's totals in one currency, each order line counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrencyTotal {
    /// Which currency.
    pub currency: Currency,
    /// Paid, in minor units.
    pub paid_minor: i64,
    /// Paid back.
    pub refunded_minor: i64,
    /// Discounts in the prices paid.
    pub discount_minor: i64,
}

impl Counters {
    /// How many distinct events of a kind came.
    #[must_use]
    pub const fn of_kind(&self, kind: OutcomeKind) -> u64 {
        self.by_kind[kind as usize]
    }

    pub(super) const fn count_outcome(&mut self, kind: OutcomeKind, result: OutcomeResult) {
        self.outcomes += 1;
        self.by_kind[kind as usize] += 1;
        match result {
            OutcomeResult::Recorded => {}
            OutcomeResult::Late => self.late += 1,
            OutcomeResult::OverWindow => self.over_window += 1,
        }
    }

    pub(super) fn total_mut(&mut self, currency: Currency) -> &mut CurrencyTotal {
        let place = self
            .totals
            .iter()
            .position(|total| total.currency == currency);
        let place = place.unwrap_or_else(|| {
            self.totals.push(CurrencyTotal {
                currency,
                paid_minor: 0,
                refunded_minor: 0,
                discount_minor: 0,
            });
            self.totals.len() - 1
        });
        &mut self.totals[place]
    }
}
