//! The catalogue as people write it: unchecked.
//!
//! The same structures are the TOML file and the JSON that the ledger keeps.
//! Every default is filled in when a file is read, so that what is stored says
//! everything and does not change its meaning with a later program. What is a
//! name, an amount, a time or a length of time stays text here;
//! [`Catalog::build`](super::Catalog::build) makes it into values and says
//! what is wrong.

mod affinity;
mod features;
mod limits;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scalar::{Amount, TimeText};
use crate::domain::attribute::AttributeValue;
use crate::domain::money::Currency;
use crate::domain::placement::{Feedback, Objective};
use crate::domain::time::Span;
use crate::learning::PolicyConfig;

pub use affinity::{AffinityDocument, AffinityFile, AffinityPriorDocument, CompanionDocument};
pub use features::FeatureDocument;
pub use limits::{
    BudgetDocument, DecisionCapDocument, ExposureCapDocument, GuardDocument, LimitDocument,
    PacingDocument, StockDocument,
};
pub(super) use limits::{
    name_of_budget, name_of_cap, name_of_decision_cap, name_of_guard, name_of_limit, name_of_stock,
};

/// A whole catalogue, unchecked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogDocument {
    /// What requests may say of a shopper.
    #[serde(rename = "attribute", default)]
    pub attributes: Vec<AttributeDocument>,
    /// The groups of shoppers, in the order in which they are tried.
    #[serde(rename = "segment", default)]
    pub segments: Vec<SegmentDocument>,
    /// Where decisions are made.
    #[serde(rename = "placement", default)]
    pub placements: Vec<PlacementDocument>,
    /// Days that schedules name.
    #[serde(rename = "calendar", default, skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<CalendarDocument>,
    /// What offers share.
    #[serde(rename = "campaign", default)]
    pub campaigns: Vec<CampaignDocument>,
    /// What can be shown.
    #[serde(rename = "offer", default)]
    pub offers: Vec<OfferDocument>,
    /// What there is of the articles that gifts give away.
    #[serde(rename = "stock", default, skip_serializing_if = "Vec::is_empty")]
    pub stocks: Vec<StockDocument>,
    /// What currencies are worth in others.
    #[serde(
        rename = "exchange_rate",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exchange_rates: Vec<ExchangeRateDocument>,
    /// What goes with what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affinity: Vec<AffinityDocument>,
}

/// What one currency is worth in another: orders in the first count at placements
/// of the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRateDocument {
    /// The currency of orders, ISO 4217.
    pub from: String,
    /// The currency of placements.
    pub to: String,
    /// Units of the second for one of the first, above 0: `"7.1234"`.
    pub rate: Amount,
}

/// One declared attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeDocument {
    /// What requests and conditions call it.
    pub name: String,
    /// `string`, `number` or `boolean`.
    pub kind: String,
    /// Of a number: how large a difference of it counts as 1 where segments have a
    /// centroid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDocument {
    /// The id that people use.
    pub id: String,
    /// For people; the id where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who belongs here; without it, everybody who is left, which only the
    /// last segment may say. A catalogue without such a segment gets one with
    /// the id `default` at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<ConditionDocument>,
    /// Or whose numbers lie around here, by attribute: of the segments with a
    /// centroid a shopper belongs to the nearest, when no condition before takes
    /// them and all these attributes are known of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centroid: Option<BTreeMap<String, f64>>,
}

impl SegmentDocument {
    /// Whether it takes everybody who is left.
    pub(super) const fn is_default(&self) -> bool {
        self.when.is_none() && self.centroid.is_none()
    }
}

/// A condition: either `attribute` with one comparison (`equals`, `one_of`,
/// `at_least` and `below`, `present`), or one of `all`, `any`, `not`. The rule
/// of an offer or a campaign may test other things too: `cart`, `segment`,
/// `shopper`, `channel`, `device`, `store`, `region`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionDocument {
    /// Which attribute is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// It is this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<AttributeValue>,
    /// It is one of these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<AttributeValue>>,
    /// It is a number, this or above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is a number below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// `true`: it was given at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// The cart has enough of something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<CartTestDocument>,
    /// The shopper falls into one of these segments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Vec<String>>,
    /// `new` or `returning`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shopper: Option<String>,
    /// The request comes through one of these channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Vec<String>>,
    /// It comes from one of these devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Vec<String>>,
    /// It comes from one of these stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Vec<String>>,
    /// It comes from one of these regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Vec<String>>,
    /// Every part holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<ConditionDocument>>,
    /// At least one part holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<ConditionDocument>>,
    /// The part does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<ConditionDocument>>,
}

/// A test of the cart: of the lines that match every list, at least so many
/// pieces, worth at least so much.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartTestDocument {
    /// Articles; any unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sku: Vec<String>,
    /// Categories; any unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// Brands; any unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brand: Vec<String>,
    /// Pieces; 1 unless given.
    #[serde(default = "one")]
    pub min_quantity: i64,
    /// What the lines are worth before promotions; nothing unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_spend: Option<Amount>,
}

/// One placement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacementDocument {
    /// The id that requests name.
    pub id: String,
    /// For people; the id where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How many offers a decision may hold, from 1 to 20; 1 unless given.
    #[serde(default = "one")]
    pub slots: i64,
    /// `conversion`, `net_revenue`, `margin` or `weighted`.
    pub objective: String,
    /// The terms of a weighted objective.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reward_terms: Vec<RewardTermDocument>,
    /// Beyond which ends a reward counts as the end; as it comes unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winsor: Option<WinsorDocument>,
    /// The currency of its carts and orders, ISO 4217.
    pub currency: String,
    /// Which outcomes convert: `PURCHASE` unless given.
    #[serde(default = "purchase")]
    pub conversion_events: Vec<String>,
    /// How long after the decision outcomes count; `7d` unless given.
    #[serde(default = "seven_days")]
    pub attribution_window: String,
    /// How much later they may arrive; `3d` unless given.
    #[serde(default = "three_days")]
    pub allowed_lateness: String,
    /// How long after closing refunds still correct; `90d` unless given.
    #[serde(default = "ninety_days")]
    pub refund_window: String,
    /// How long a decision is honoured and given again on a reload; `15min`
    /// unless given.
    #[serde(default = "fifteen_minutes")]
    pub offer_valid_for: String,
    /// What open decisions tell its policy: `at_closing` (nothing),
    /// `provisional` or `delay_corrected`; `at_closing` unless given.
    #[serde(default = "at_closing")]
    pub feedback: String,
    /// A decision counts as shown although nothing said so; `false` unless
    /// given.
    #[serde(default)]
    pub assume_shown: bool,
    /// The share of shoppers who see no offer, in hundredths of a percent; 0
    /// unless given.
    #[serde(default)]
    pub holdout_basis_points: i64,
    /// Placements that name the same group hold out the same shoppers; those of
    /// one placement alone unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout_group: Option<String>,
    /// How often a shopper may be shown anything here; without bound unless
    /// given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposure_caps: Vec<ExposureCapDocument>,
    /// How many decisions may hold offers; without bound unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardDocument>,
    /// What its decisions carry for policies that learn from features; nothing
    /// unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureDocument>,
    /// Pairs of features, by name, whose entries are multiplied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_interactions: Vec<[String; 2]>,
    /// What its policy expects of cross-sell offers before it has learnt; nothing
    /// unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity_prior: Option<AffinityPriorDocument>,
    /// How it chooses and learns.
    pub policy: PolicyConfig,
}

/// The ends of a reward, in the unit of the objective (minor units for money): at
/// least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WinsorDocument {
    /// What is less counts as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// What is more counts as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// One term of a weighted objective: exactly one of `event` and `value`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardTermDocument {
    /// A kind of outcome: `EXPOSURE`, `CLICK`, `PURCHASE` or `CUSTOM`; it counts
    /// once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// `net_revenue` or `margin`: each minor unit counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What one of it is worth, from -1,000,000,000 to 1,000,000,000, not 0.
    pub weight: f64,
}

/// One campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignDocument {
    /// The id that people use.
    pub id: String,
    /// For people; the id where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `draft`, `approved`, `active`, `paused`, `ended` or `deleted`; `active`
    /// unless given.
    #[serde(default = "active")]
    pub status: String,
    /// A draft has to be approved, by somebody else than whoever changed it last,
    /// before it is activated; `false` unless given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub needs_approval: bool,
    /// The priority of its offers that have none of their own; 0 unless given.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i64,
    /// When it is on; always unless given.
    #[serde(default, skip_serializing_if = "ScheduleDocument::is_open")]
    pub schedule: ScheduleDocument,
    /// To which requests its offers may be shown; to all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<ConditionDocument>,
    /// How often its offers together may be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitDocument>,
    /// How often a shopper may be shown any of its offers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposure_caps: Vec<ExposureCapDocument>,
    /// What its offers may come to in one decision; without bound unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_decision: Option<DecisionCapDocument>,
    /// What its offers together may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetDocument>,
    /// How the budget is spread; as it comes unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pacing: Option<PacingDocument>,
}

/// From when to when something is on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleDocument {
    /// Inclusive: a date and time with an offset, or without one in
    /// `time_zone`; a date alone is its midnight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<TimeText>,
    /// Exclusive, written likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<TimeText>,
    /// The IANA name of the zone of times without an offset, of days and of
    /// hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The days of the week, `mon` to `sun`; all unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    /// Only the days of these calendars; every day unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only_on: Vec<String>,
    /// Not the days of these calendars.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_on: Vec<String>,
    /// The hours of each day; the whole day unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<HoursDocument>,
}

/// Part of each day, by the clock on the wall: `18:00` to `22:00`. One that
/// ends no later than it begins goes on past midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursDocument {
    /// Inclusive, `00:00` to `23:59`.
    pub from: String,
    /// Exclusive, `00:01` to `24:00`.
    pub until: String,
}

/// Days with a name, such as a country's holidays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarDocument {
    /// The id that schedules name.
    pub id: String,
    /// For people; the id where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Each a day, `2027-02-06`, or the days from one to another, both
    /// inclusive: `2027-02-06/2027-02-12`.
    pub dates: Vec<String>,
}

/// One offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferDocument {
    /// The id that people use.
    pub id: String,
    /// For the shopper; the id where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The id of its campaign, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// What it belongs to, for policies that share what they learn between
    /// offers; nothing unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// The ids of the placements where it may be shown, at least one.
    pub placements: Vec<String>,
    /// `draft`, `approved`, `active`, `paused`, `ended` or `deleted`; `active`
    /// unless given.
    #[serde(default = "active")]
    pub status: String,
    /// A draft has to be approved, by somebody else than whoever changed it last,
    /// before it is activated; `false` unless given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub needs_approval: bool,
    /// For the page that shows it; never looked into.
    #[serde(default)]
    pub render: String,
    /// A slot is drawn among the eligible offers of the highest priority, from
    /// -1,000 to 1,000; its campaign's, or 0, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Never shown beside another offer; `false` unless given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exclusive: bool,
    /// At most one offer of a group is shown in one decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stacking_group: Option<String>,
    /// Once it, or its campaign, is ended or deleted: `honour` what was offered
    /// before until its validity is over, or `void` it; `honour` unless given.
    #[serde(default = "honour", skip_serializing_if = "is_honour")]
    pub on_end: String,
    /// When it is on, within its campaign's schedule; always unless given.
    #[serde(default, skip_serializing_if = "ScheduleDocument::is_open")]
    pub schedule: ScheduleDocument,
    /// To which requests it may be shown, besides its campaign's rule; to all
    /// unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligibility: Option<ConditionDocument>,
    /// How often it may be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitDocument>,
    /// How often a shopper may be shown it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposure_caps: Vec<ExposureCapDocument>,
    /// What it gives.
    pub benefit: BenefitDocument,
}

/// What an offer gives. Amounts are in the currency of its placements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BenefitDocument {
    /// A share of the price off.
    PercentOff {
        /// Hundredths of a percent, from 1 to 10,000.
        discount_basis_points: i64,
        /// The discount never exceeds this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_discount: Option<Amount>,
    },
    /// A fixed amount off.
    AmountOff {
        /// Above zero.
        amount: Amount,
    },
    /// Spend so much, save so much (满减).
    SpendThreshold {
        /// Ascending in what is to be spent, at least one.
        tiers: Vec<SpendTierDocument>,
    },
    /// An article for nothing.
    Gift {
        /// Which.
        sku: String,
        /// Pieces; 1 unless given.
        #[serde(default = "one")]
        quantity: i64,
        /// What one piece costs the shop; required under a margin objective.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit_cost: Option<Amount>,
    },
    /// A code to redeem: either `discount_basis_points` or `amount`.
    Coupon {
        /// What the shopper types.
        code: String,
        /// Hundredths of a percent, from 1 to 10,000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        discount_basis_points: Option<i64>,
        /// The discount of a percentage never exceeds this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_discount: Option<Amount>,
        /// A fixed amount, above zero.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Amount>,
    },
    /// Articles that are cheaper together.
    Bundle {
        /// At least two.
        skus: Vec<String>,
        /// Hundredths of a percent, from 1 to 10,000.
        discount_basis_points: i64,
    },
    /// Buy so many, get so many more at a discount.
    BuyXGetY {
        /// The articles that count; all unless given.
        #[serde(default)]
        skus: Vec<String>,
        /// Pieces to buy.
        buy_quantity: i64,
        /// Pieces to get.
        get_quantity: i64,
        /// Hundredths of a percent off the pieces that are got; 10,000, which
        /// is free, unless given.
        #[serde(default = "everything")]
        discount_basis_points: i64,
    },
    /// Loyalty points.
    Points {
        /// For the purchase as such; 0 unless given.
        #[serde(default)]
        fixed: i64,
        /// For each whole major unit that is paid; 0 unless given.
        #[serde(default)]
        per_major_unit: i64,
        /// What a thousand points cost the shop; required under a margin
        /// objective.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_per_thousand: Option<Amount>,
    },
    /// Shipping for nothing.
    FreeShipping {
        /// From this cart value on; always unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min_spend: Option<Amount>,
    },
    /// Another article shown beside the cart.
    CrossSell {
        /// Which.
        sku: String,
        /// Hundredths of a percent off that article; 0 unless given.
        #[serde(default)]
        discount_basis_points: i64,
    },
}

/// One tier of a spend-threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpendTierDocument {
    /// From this cart value on.
    pub spend: Amount,
    /// So much off; less than what is spent.
    pub save: Amount,
}

impl ScheduleDocument {
    /// Whether nothing is written.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.starts_at.is_none()
            && self.ends_at.is_none()
            && self.time_zone.is_none()
            && !self.recurs()
    }

    /// Whether it speaks of days or hours.
    #[must_use]
    pub const fn recurs(&self) -> bool {
        !(self.days.is_empty()
            && self.hours.is_empty()
            && self.only_on.is_empty()
            && self.except_on.is_empty())
    }
}

impl PlacementDocument {
    /// A placement of which only what has no default is written.
    #[must_use]
    pub fn new(id: String, objective: Objective, currency: Currency, policy: PolicyConfig) -> Self {
        Self {
            id,
            title: None,
            slots: one(),
            objective: objective.name().to_owned(),
            reward_terms: Vec::new(),
            winsor: None,
            currency: currency.code().to_owned(),
            conversion_events: purchase(),
            attribution_window: seven_days(),
            allowed_lateness: three_days(),
            refund_window: ninety_days(),
            offer_valid_for: fifteen_minutes(),
            feedback: at_closing(),
            assume_shown: false,
            holdout_basis_points: 0,
            holdout_group: None,
            exposure_caps: Vec::new(),
            guards: Vec::new(),
            features: Vec::new(),
            feature_interactions: Vec::new(),
            affinity_prior: None,
            policy,
        }
    }
}

impl OfferDocument {
    /// An offer of which only what has no default is written.
    #[must_use]
    pub fn new(id: String, placements: Vec<String>, benefit: BenefitDocument) -> Self {
        Self {
            id,
            title: None,
            campaign: None,
            categories: Vec::new(),
            placements,
            status: active(),
            needs_approval: false,
            render: String::new(),
            priority: None,
            exclusive: false,
            stacking_group: None,
            on_end: honour(),
            schedule: ScheduleDocument::default(),
            eligibility: None,
            limits: Vec::new(),
            exposure_caps: Vec::new(),
            benefit,
        }
    }
}

/// The lengths of time that a test or a demonstration makes short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How long after a decision outcomes count.
    pub attribution_window: Span,
    /// How much later they may arrive.
    pub allowed_lateness: Span,
    /// How long after closing refunds still correct.
    pub refund_window: Span,
    /// How long a decision is honoured.
    pub offer_valid_for: Span,
}

impl CatalogDocument {
    /// Gives every placement these windows.
    pub fn override_windows(&mut self, windows: &Windows) {
        for placement in &mut self.placements {
            placement.attribution_window = windows.attribution_window.to_string();
            placement.allowed_lateness = windows.allowed_lateness.to_string();
            placement.refund_window = windows.refund_window.to_string();
            placement.offer_valid_for = windows.offer_valid_for.to_string();
        }
    }

    /// The document as the ledger keeps it.
    ///
    /// # Errors
    /// When it holds a number that JSON cannot, which no checked document
    /// does.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// The document of what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn from_json(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }
}

const fn is_zero(number: &i64) -> bool {
    *number == 0
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

const fn one() -> i64 {
    1
}

const fn everything() -> i64 {
    10_000
}

fn purchase() -> Vec<String> {
    vec!["PURCHASE".to_owned()]
}

fn seven_days() -> String {
    "7d".to_owned()
}

fn three_days() -> String {
    "3d".to_owned()
}

fn ninety_days() -> String {
    "90d".to_owned()
}

fn at_closing() -> String {
    Feedback::AtClosing.name().to_owned()
}

fn fifteen_minutes() -> String {
    "15min".to_owned()
}

fn honour() -> String {
    "honour".to_owned()
}

fn is_honour(on_end: &String) -> bool {
    on_end == "honour"
}

fn active() -> String {
    "active".to_owned()
}
