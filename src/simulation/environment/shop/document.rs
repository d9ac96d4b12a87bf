//! A shop as written in a scenario.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Table;

use crate::catalog::scalar::Amount;
use crate::domain::attribute::Attributes;

/// As written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopDocument {
    /// The catalogue: the path of its file, or its content as a table.
    pub catalog: CatalogSource,
    /// What goes with what, for the policies that ask for it: the path of a file
    /// as `promobandit mine --affinity-out` writes it; none unless given.
    pub affinity: Option<String>,
    /// The id of the placement where shoppers are met; the only one there is
    /// unless given.
    pub placement: Option<String>,
    /// What policies are compared by: `conversion`, `net_revenue` or `margin`;
    /// the placement's objective unless given.
    pub value: Option<String>,
    /// What of a purchase counts for the decision: the whole `order`, or the
    /// article that was `added` because it was shown. `order` unless given.
    #[serde(default)]
    pub counts: Counts,
    /// The day whose midnight is the beginning, `2027-02-01`.
    pub starts_on: String,
    /// The IANA name of the zone of days and hours; `UTC` unless given.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// How many visits there are on a day of average weight, in (0, 10⁷].
    pub visits_per_day: f64,
    /// What each hour of the day weighs, 24 of them from midnight on; all the
    /// same unless given.
    #[serde(default)]
    pub hours: Vec<f64>,
    /// What each day of the week weighs, 7 of them from Monday on; all the same
    /// unless given.
    #[serde(default)]
    pub weekdays: Vec<f64>,
    /// Days with more visits, or fewer; none unless given.
    #[serde(default)]
    pub peaks: Vec<PeakDocument>,
    /// How many shoppers there are, from 1 to 10⁶.
    pub shoppers: i64,
    /// The kinds of shoppers; their shares sum to 1.
    pub segments: Vec<ShopperSegmentDocument>,
    /// What the shop sells.
    pub articles: Vec<ArticleDocument>,
    /// The mean of the exponential time from a decision to its purchase; `0s`
    /// unless given.
    #[serde(default = "no_time")]
    pub purchase_delay: String,
    /// The share of purchases that are paid back whole, in [0, 1]; 0 unless
    /// given.
    #[serde(default)]
    pub refund_rate: f64,
    /// The mean of the exponential time from a purchase to its refund; `2d`
    /// unless given.
    #[serde(default = "two_days")]
    pub refund_delay: String,
    /// How offers wear off; they do not unless given.
    pub fatigue: Option<FatigueDocument>,
    /// What changes for good from some day on; nothing unless given.
    #[serde(default)]
    pub changes: Vec<ChangeDocument>,
}

/// Where the catalogue is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "the path of a catalogue file, or a catalogue as a table"
)]
pub enum CatalogSource {
    /// In a file.
    File(String),
    /// In the scenario.
    Inline(Table),
}

/// What of a purchase counts for the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// The whole order.
    #[default]
    Order,
    /// The article that was added because it was shown.
    Added,
}

/// Days with more visits, or fewer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeakDocument {
    /// A day, `2027-02-06`, or the days from one to another, both inclusive:
    /// `2027-02-06/2027-02-12`.
    pub days: String,
    /// How many times as many visits, in [0, 1000].
    pub factor: f64,
}

/// A kind of shoppers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopperSegmentDocument {
    /// Its name in reports.
    pub name: String,
    /// Its share of the shoppers, in [0, 1].
    pub share: f64,
    /// How often one of them comes, as a multiple of others; 1 unless given.
    #[serde(default = "once")]
    pub visits: f64,
    /// What requests say of them; the catalogue's rules put them into one of
    /// its segments by that. Nothing unless given.
    #[serde(default)]
    pub attributes: Attributes,
    /// The probability of a purchase on a visit without an offer, in (0, 1).
    pub purchase_rate: f64,
    /// The standard deviation between shoppers of that probability's log-odds,
    /// in [0, 10]; 0 unless given.
    #[serde(default)]
    pub spread: f64,
    /// What a discount of the whole cart's price would add to the log-odds of a
    /// purchase, in [0, 1000]; a smaller one adds its share of that. 0 unless
    /// given.
    #[serde(default)]
    pub price_sensitivity: f64,
    /// What an offer adds to the log-odds besides its discount, in [-20, 20], by
    /// the offer's id; 0 unless given.
    #[serde(default)]
    pub appeal: BTreeMap<String, f64>,
    /// What they have in their carts, at least one.
    pub baskets: Vec<BasketDocument>,
}

/// A cart.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasketDocument {
    /// How often it occurs, as a multiple of others; 1 unless given.
    #[serde(default = "once")]
    pub weight: f64,
    /// Pieces by article.
    pub lines: BTreeMap<String, i64>,
    /// The probability, in [0, 1], that whoever buys adds an article that is
    /// shown at its own price; 0 unless given.
    #[serde(default)]
    pub adds: BTreeMap<String, f64>,
}

/// Something that the shop sells.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArticleDocument {
    /// The article's number.
    pub sku: String,
    /// What one piece costs the shopper.
    pub price: Amount,
    /// What one piece costs the shop.
    pub cost: Amount,
    /// Its categories; none unless given.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Its brand; not known unless given.
    #[serde(default)]
    pub brand: String,
}

/// How offers wear off.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FatigueDocument {
    /// The share of an offer's effect on a shopper that each exposure to it
    /// takes away, in [0, 1].
    pub loss: f64,
    /// After how many days half of the exposures are forgotten, in (0, 10 000].
    pub half_life_days: f64,
}

/// What changes for good from some day on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeDocument {
    /// From the midnight of this day on.
    pub on: String,
    /// For which segments; for all unless given.
    #[serde(default)]
    pub segments: Vec<String>,
    /// Added to the log-odds of a purchase, in [-20, 20]; 0 unless given.
    #[serde(default)]
    pub log_odds: f64,
    /// What price sensitivity is multiplied by, in [0, 100]; 1 unless given.
    #[serde(default = "once")]
    pub price_sensitivity: f64,
    /// Added to the appeal of offers, in [-20, 20], by id; 0 unless given.
    #[serde(default)]
    pub appeal: BTreeMap<String, f64>,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn no_time() -> String {
    "0s".to_owned()
}

fn two_days() -> String {
    "2d".to_owned()
}

const fn once() -> f64 {
    1.0
}
