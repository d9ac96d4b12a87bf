//! Offers and campaigns: what can be shown, when, and what it gives.

use std::sync::Arc;

use super::companions::Companions;
use super::ids::{OfferNumber, PlacementNumber};
use super::money::BasisPoints;
use super::rule::Rule;
use super::schedule::Schedule;

/// Whether something of the catalogue is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Being written; never shown.
    Draft,
    /// Somebody else than its writer has looked at it; not shown yet.
    Approved,
    /// Shown while its schedule holds.
    Active,
    /// Not shown for now.
    Paused,
    /// Not shown any more.
    Ended,
    /// Taken away; what was offered before still refers to it.
    Deleted,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::Approved,
        Self::Active,
        Self::Paused,
        Self::Ended,
        Self::Deleted,
    ];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Deleted => "deleted",
        }
    }
}

/// Offers with a shared schedule, rule and priority.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// The id that people use.
    pub id: String,
    /// For people.
    pub title: String,
    /// Whether it is in use.
    pub status: Status,
    /// When it is on.
    pub schedule: Schedule,
    /// To which requests its offers may be shown; to all where `None`.
    pub rule: Option<Rule>,
}

/// One thing that can be shown: the bandit's arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The catalogue's number for it.
    pub number: OfferNumber,
    /// The id that people use.
    pub id: String,
    /// For the shopper.
    pub title: String,
    /// The campaign it belongs to, as its place in the catalogue's list.
    pub campaign: Option<usize>,
    /// What it belongs to, for policies that share what they learn between
    /// offers.
    pub categories: Vec<String>,
    /// Where it may be shown, ascending.
    pub placements: Vec<PlacementNumber>,
    /// Whether it is in use.
    pub status: Status,
    /// When it is on, within its campaign's schedule.
    pub schedule: Schedule,
    /// To which requests it may be shown, besides its campaign's rule; to all
    /// where `None`.
    pub rule: Option<Rule>,
    /// What its article goes with, as far as its catalogue says; its rule then
    /// asks for one of them in the cart.
    pub companions: Option<Arc<Companions>>,
    /// Its own priority, or its campaign's: a slot is drawn among the eligible
    /// offers of the highest one.
    pub priority: i32,
    /// Never shown beside another offer.
    pub exclusive: bool,
    /// At most one offer of a group is shown in one decision.
    pub stacking_group: Option<String>,
    /// Once it is ended or deleted, what was offered before is not honoured any
    /// more.
    pub void_on_end: bool,
    /// What it gives.
    pub benefit: Benefit,
    /// For the page that shows it; never looked into.
    pub render_payload: String,
}

/// What an offer gives. Amounts are minor units of its placements' currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Benefit {
    /// A share of the price off.
    PercentOff(PercentOff),
    /// A fixed amount off.
    AmountOff {
        /// Above zero.
        amount_minor: i64,
    },
    /// Spend so much, save so much (满减): ascending in what is to be spent, at
    /// least one.
    SpendThreshold {
        /// The highest tier that is reached counts.
        tiers: Vec<SpendTier>,
    },
    /// An article for nothing.
    Gift {
        /// Which.
        sku: String,
        /// Pieces, 1 or more.
        quantity: i64,
        /// What one piece costs the shop.
        unit_cost_minor: i64,
    },
    /// A code to redeem.
    Coupon {
        /// What the shopper types.
        code: String,
        /// What it gives.
        discount: CouponDiscount,
    },
    /// Articles that are cheaper together.
    Bundle {
        /// At least two.
        skus: Vec<String>,
        /// Off these articles.
        discount: BasisPoints,
    },
    /// Buy so many, get so many more at a discount.
    BuyXGetY {
        /// The articles that count; empty means all.
        skus: Vec<String>,
        /// Pieces to buy, 1 or more.
        buy_quantity: i64,
        /// Pieces to get, 1 or more.
        get_quantity: i64,
        /// Off the pieces that are got.
        discount: BasisPoints,
    },
    /// Loyalty points.
    Points {
        /// For the purchase as such.
        fixed: i64,
        /// For each whole major unit that is paid.
        per_major_unit: i64,
        /// What a thousand points cost the shop, in minor units.
        cost_per_thousand_minor: i64,
    },
    /// Shipping for nothing.
    FreeShipping {
        /// From this cart value on.
        min_spend_minor: Option<i64>,
    },
    /// Another article shown beside the cart.
    CrossSell {
        /// Which.
        sku: String,
        /// Off that article; 0 for none.
        discount: BasisPoints,
    },
}

impl Benefit {
    /// The kind's name in the catalogue file.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PercentOff(_) => "percent_off",
            Self::AmountOff { .. } => "amount_off",
            Self::SpendThreshold { .. } => "spend_threshold",
            Self::Gift { .. } => "gift",
            Self::Coupon { .. } => "coupon",
            Self::Bundle { .. } => "bundle",
            Self::BuyXGetY { .. } => "buy_x_get_y",
            Self::Points { .. } => "points",
            Self::FreeShipping { .. } => "free_shipping",
            Self::CrossSell { .. } => "cross_sell",
        }
    }

    /// Whether it gives nothing by itself: an article that is shown at its own
    /// price.
    #[must_use]
    pub const fn is_only_shown(&self) -> bool {
        matches!(self, Self::CrossSell { discount, .. } if discount.get() == 0)
    }

    /// The article that it gives away, and how many pieces of it.
    #[must_use]
    pub fn gift(&self) -> Option<(&str, i64)> {
        match self {
            Self::Gift { sku, quantity, .. } => Some((sku, *quantity)),
            _ => None,
        }
    }

    /// What the benefit costs the shop beyond the price that was paid, once a
    /// purchase of `net_revenue_minor` used it: a gift's goods, and points
    /// (rounded up to a whole minor unit). A discount is in the price already.
    #[must_use]
    pub fn cost_minor(&self, net_revenue_minor: i64, minor_per_major: i64) -> i64 {
        match self {
            Self::Gift {
                quantity,
                unit_cost_minor,
                ..
            } => quantity.saturating_mul(*unit_cost_minor),
            Self::Points {
                fixed,
                per_major_unit,
                cost_per_thousand_minor,
            } => {
                let major_units = net_revenue_minor.max(0) / minor_per_major.max(1);
                let points = fixed.saturating_add(per_major_unit.saturating_mul(major_units));
                let thousandths = points.saturating_mul(*cost_per_thousand_minor);
                thousandths / 1_000 + i64::from(thousandths % 1_000 > 0)
            }
            _ => 0,
        }
    }
}

/// A share of the price off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PercentOff {
    /// Above zero.
    pub discount: BasisPoints,
    /// The discount never exceeds this.
    pub max_discount_minor: Option<i64>,
}

/// One tier of a spend-threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendTier {
    /// From this cart value on.
    pub spend_minor: i64,
    /// So much off; less than what is spent.
    pub save_minor: i64,
}

/// What a coupon gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CouponDiscount {
    /// A share of the price.
    PercentOff(PercentOff),
    /// A fixed amount.
    AmountOff {
        /// Above zero.
        amount_minor: i64,
    },
}
