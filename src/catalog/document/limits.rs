//! Limits, budgets, exposure caps and guards as people write them.

use serde::{Deserialize, Serialize};

use super::super::scalar::Amount;
use super::CatalogDocument;

/// A limit of an offer, or of a campaign's offers together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitDocument {
    /// Who shares it: `global`, `shopper`, `session`, `device`, `store` or
    /// `payment`; `global` unless given.
    #[serde(default = "global")]
    pub scope: String,
    /// What is counted: `redemptions`, `discount` or `cost`; `redemptions`
    /// unless given.
    #[serde(default = "redemptions")]
    pub metric: String,
    /// A number of redemptions, or an amount of money.
    pub most: Amount,
    /// It counts anew each `hour`, `day`, `week` or `month`; never unless
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Whose clocks tell the period: an IANA name, required with a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Instead of a period: a use counts for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// What makes a use: `purchases`, or `choices`; `purchases` unless given.
    #[serde(default = "purchases")]
    pub counts: String,
}

/// So many exposures to one shopper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExposureCapDocument {
    /// Exposures, 1 or more.
    pub most: i64,
    /// An exposure counts for so long.
    pub within: String,
}

/// An abuse guard of a placement: so many decisions with offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardDocument {
    /// For each what: `shopper`, `session`, `device`, `store` or `payment`.
    pub per: String,
    /// Decisions, 1 or more.
    pub most: i64,
    /// A decision counts for so long.
    pub within: String,
}

/// So much money for a campaign: discounts, and what gifts and points cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetDocument {
    /// Above zero.
    pub amount: Amount,
    /// That of all placements of its offers, ISO 4217.
    pub currency: String,
}

/// What a campaign's offers may come to in the slots of one decision together: at
/// least one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionCapDocument {
    /// Offers, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offers: Option<i64>,
    /// Discount, an amount of the offers' one currency above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Amount>,
}

/// How many pieces of an article gifts may give away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockDocument {
    /// The article.
    pub sku: String,
    /// Pieces since the stock was first declared, 1 or more; without bound unless
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<i64>,
}

/// How a campaign's budget is spread over its schedule. Weights are relative
/// whole numbers: only their proportions count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacingDocument {
    /// `even`, or `front_loaded`: falling in a straight line.
    pub kind: String,
    /// Front-loaded: what is spent in an hour at the start, in percent of an
    /// hour at the end, from 101 to 10,000; 300 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_percent: Option<i64>,
    /// The weight of each weekday, Monday first; all alike unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<i64>,
    /// The weight of each hour of the day, from 0 to 23; all alike unless
    /// given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<i64>,
    /// Whose clocks tell weekdays and hours: an IANA name, required with
    /// either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The least share of its probability that an offer keeps, in hundredths
    /// of a percent, from 1 to 10,000; 10 unless given.
    #[serde(default = "ten_basis_points")]
    pub floor_basis_points: i64,
}

const fn ten_basis_points() -> i64 {
    10
}

fn global() -> String {
    "global".to_owned()
}

fn redemptions() -> String {
    "redemptions".to_owned()
}

fn purchases() -> String {
    "purchases".to_owned()
}

/// What distinguishes one limit from all others: what it belongs to and what
/// it counts. Another `most` is the same limit.
pub fn name_of_limit(owner: &str, id: &str, limit: &LimitDocument) -> String {
    let LimitDocument {
        scope,
        metric,
        counts,
        ..
    } = limit;
    let period = match (&limit.period, &limit.time_zone, &limit.within) {
        (Some(unit), zone, _) => format!("{unit}@{}", zone.as_deref().unwrap_or_default()),
        (None, _, Some(within)) => within.clone(),
        (None, _, None) => "always".to_owned(),
    };
    format!("{owner}/{id}/limit/{scope}/{metric}/{counts}/{period}")
}

/// What distinguishes an exposure cap.
pub fn name_of_cap(owner: &str, id: &str, cap: &ExposureCapDocument) -> String {
    format!("{owner}/{id}/exposure_cap/{}", cap.within)
}

/// What distinguishes a guard.
pub fn name_of_guard(id: &str, guard: &GuardDocument) -> String {
    format!("placement/{id}/guard/{}/{}", guard.per, guard.within)
}

/// What distinguishes a budget.
pub fn name_of_budget(campaign: &str) -> String {
    format!("campaign/{campaign}/budget")
}

/// What distinguishes a cap on one decision.
pub fn name_of_decision_cap(campaign: &str, metric: &str) -> String {
    format!("campaign/{campaign}/decision/{metric}")
}

/// What distinguishes the stock of an article.
pub fn name_of_stock(sku: &str) -> String {
    format!("stock/{sku}")
}

impl CatalogDocument {
    /// What distinguishes each limit, in the order in which limits get their
    /// numbers: that of the document, placements before campaigns before
    /// offers before stocks.
    #[must_use]
    pub fn limit_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for placement in &self.placements {
            let id = &placement.id;
            let caps = placement.exposure_caps.iter();
            names.extend(caps.map(|cap| name_of_cap("placement", id, cap)));
            names.extend(placement.guards.iter().map(|it| name_of_guard(id, it)));
        }
        for campaign in &self.campaigns {
            let id = &campaign.id;
            let limits = campaign.limits.iter();
            names.extend(limits.map(|limit| name_of_limit("campaign", id, limit)));
            let caps = campaign.exposure_caps.iter();
            names.extend(caps.map(|cap| name_of_cap("campaign", id, cap)));
            names.extend(campaign.budget.iter().map(|_| name_of_budget(id)));
            if let Some(cap) = &campaign.per_decision {
                let offers = cap.offers.iter();
                names.extend(offers.map(|_| name_of_decision_cap(id, "redemptions")));
                let discount = cap.discount.iter();
                names.extend(discount.map(|_| name_of_decision_cap(id, "discount")));
            }
        }
        for offer in &self.offers {
            let id = &offer.id;
            let limits = offer.limits.iter();
            names.extend(limits.map(|limit| name_of_limit("offer", id, limit)));
            let caps = offer.exposure_caps.iter();
            names.extend(caps.map(|cap| name_of_cap("offer", id, cap)));
        }
        let stocks = self.stocks.iter().filter(|stock| stock.pieces.is_some());
        names.extend(stocks.map(|stock| name_of_stock(&stock.sku)));
        names
    }
}
