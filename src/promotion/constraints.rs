//! Limits, budgets, exposure caps and abuse guards: what has been used of them,
//! and what an offer would use.
//!
//! - [`Constraints`]: the limits of one catalogue, and which of them each
//!   placement's offers are under.
//! - [`book`]: what is committed and reserved, as a value that the fold keeps.
//! - [`gate`]: which offers still fit, before a draw and between its slots.
//! - [`cost`]: what an offer takes of a limit of money.
//! - [`pacing`]: how a budget is spread over its campaign's time.
//!
//! Invariants: what is committed and reserved of a limit, overruns apart, never
//! exceeds it unless the limit itself was lowered; nothing here reads a clock.

pub mod book;
pub mod cost;
pub mod gate;
pub mod pacing;

use std::collections::BTreeMap;

use smallvec::SmallVec;

use self::book::LimitBook;
use self::pacing::Plan;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{LimitNumber, OfferNumber, PlacementNumber};
use crate::domain::limit::Limit;
use crate::domain::time::Instant;

/// The limits of one catalogue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Constraints {
    limits: BTreeMap<LimitNumber, Limit>,
    placements: BTreeMap<PlacementNumber, PlacementConstraints>,
    /// How budgets are to be spent, by the budget's limit.
    plans: BTreeMap<LimitNumber, Plan>,
}

/// What the offers of one placement are under.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlacementConstraints {
    /// Ascending; offers that are under no limit are left out.
    offers: Vec<(OfferNumber, SmallVec<[LimitNumber; 4]>)>,
    /// One of the limits is a budget with a plan.
    paced: bool,
}

/// For each offer the share of its probability that it keeps; `None` for one
/// that no paced budget pays.
pub type Factors = SmallVec<[Option<f64>; 16]>;

impl Constraints {
    /// Of limits, and for each placement, offer by offer in ascending order,
    /// those that the offer is under there.
    #[must_use]
    pub fn new(
        limits: impl IntoIterator<Item = Limit>,
        placements: impl IntoIterator<
            Item = (
                PlacementNumber,
                Vec<(OfferNumber, SmallVec<[LimitNumber; 4]>)>,
            ),
        >,
        plans: impl IntoIterator<Item = Plan>,
    ) -> Self {
        let limits = limits.into_iter().map(|limit| (limit.number, limit));
        let plans: BTreeMap<_, _> = plans.into_iter().map(|plan| (plan.limit, plan)).collect();
        let paced = |limits: &[LimitNumber]| limits.iter().any(|it| plans.contains_key(it));
        Self {
            limits: limits.collect(),
            placements: placements
                .into_iter()
                .map(|(number, mut offers)| {
                    offers.retain(|(_, limits)| !limits.is_empty());
                    let paced = offers.iter().any(|(_, limits)| paced(limits));
                    (number, PlacementConstraints { offers, paced })
                })
                .filter(|(_, constraints)| !constraints.offers.is_empty())
                .collect(),
            plans,
        }
    }

    /// The limit of that number.
    #[must_use]
    pub fn limit(&self, number: LimitNumber) -> Option<&Limit> {
        self.limits.get(&number)
    }

    /// All limits in the order of their numbers.
    pub fn limits(&self) -> impl ExactSizeIterator<Item = &Limit> {
        self.limits.values()
    }

    /// What the offers of a placement are under; `None` when none of them is
    /// under any limit.
    #[must_use]
    pub fn at(&self, placement: PlacementNumber) -> Option<&PlacementConstraints> {
        self.placements.get(&placement)
    }
}

impl Constraints {
    /// The shares of their probabilities that a placement's offers keep at an
    /// instant, by what a book says was spent; `None` where no budget is paced.
    #[must_use]
    pub fn factors(
        &self,
        placement: PlacementNumber,
        eligible: &EligibleOffers,
        book: &LimitBook,
        at: Instant,
    ) -> Option<Factors> {
        let here = self.at(placement).filter(|here| here.paced)?;
        let factor = |limit: &LimitNumber| {
            let plan = self.plans.get(limit)?;
            let key = self.limit(*limit)?.key(None, at);
            Some(plan.factor(at, book.usage(&key), book.experience(*limit)))
        };
        let of_offer = |offer| {
            // A campaign has one budget and an offer one campaign.
            here.of(offer).iter().find_map(factor)
        };
        Some(eligible.iter().map(of_offer).collect())
    }

    /// How a budget is to be spent.
    #[must_use]
    pub fn plan(&self, budget: LimitNumber) -> Option<&Plan> {
        self.plans.get(&budget)
    }
}

impl PlacementConstraints {
    /// Whether one of its offers is paid from a paced budget.
    #[must_use]
    pub const fn is_paced(&self) -> bool {
        self.paced
    }

    /// The limits that an offer is under.
    #[must_use]
    pub fn of(&self, offer: OfferNumber) -> &[LimitNumber] {
        self.offers
            .binary_search_by_key(&offer, |(number, _)| *number)
            .map_or(&[], |place| &self.offers[place].1)
    }
}
