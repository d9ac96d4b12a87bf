//! What decisions of a placement carry for policies that learn from features,
//! as people write it.
//!
//! ```toml
//! features = [
//!   { attribute = "age", missing = 35.0, min = 0.0, max = 120.0 },
//!   { attribute = "tier", one_of = ["gold", "silver"] },
//!   { attribute = "city", hash_bits = 5 },
//!   { cart = "value", logarithm = true },
//!   { cart = "category", one_of = ["tea", "cups"] },
//!   { request = "device", one_of = ["phone", "desktop"] },
//!   { time = "time_of_day", time_zone = "Asia/Shanghai" },
//! ]
//! feature_interactions = [["tier", "device"]]
//! ```

use serde::{Deserialize, Serialize};

/// One feature: exactly one of `attribute`, `cart`, `request` and `time` says
/// where it comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureDocument {
    /// What `feature_interactions` and people call it; the attribute's name, or
    /// `cart_value`, `device`, `time_of_day` and the like, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A declared attribute. A number is one entry, a boolean one of 1 or 0, a
    /// string one entry for each text of `one_of`, or hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// Of the cart: the number `value` (minor units), `lines` or `pieces`, or
    /// the texts `category`, `brand` or `sku`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
    /// Of the request: `channel`, `device`, `store`, `region`, `segment` or
    /// `shopper` (`new`, `returning`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Of the clock: `time_of_day` (the sine and cosine of its angle) or
    /// `day_of_week` (seven entries).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The texts that have an entry of their own; others have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// Texts are hashed into 2^b entries with signs, b in [1, 8].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_bits: Option<i64>,
    /// What stands for a number that the request does not give; 0 unless given,
    /// or the end of the range that is nearest to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<f64>,
    /// The smallest number; -1,000,000,000 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number; 1,000,000,000 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// What happens to a number outside: `clip`, or `refuse` the request; `clip`
    /// unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
    /// The entry is ±ln(1 + |x|) instead of x; `false` unless given.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub logarithm: bool,
    /// Whose clock, by its IANA name; UTC unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}
