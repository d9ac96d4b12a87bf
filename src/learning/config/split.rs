//! The policy that splits shoppers between arms, as a person writes it.

use serde::{Deserialize, Serialize};

use super::PolicyConfig;

/// Parameters of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConfig {
    /// The name of the experiment: which arm a shopper belongs to is a hash of
    /// it and of the shopper. Another name assigns all shoppers anew; the same
    /// name at two placements assigns them alike.
    pub experiment: String,
    /// From 2 to 20 arms, whose shares add up to 10,000.
    pub arms: Vec<SplitArmConfig>,
}

/// One arm of a split: an offer, or a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitArmConfig {
    /// The arm's name, once in a split.
    pub name: String,
    /// The share of the shoppers, in hundredths of a percent, from 1.
    pub share_basis_points: u32,
    /// The offer that the arm shows; no offer by default, and then `policy` is
    /// named. Where it is not eligible, every eligible offer has the same
    /// probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// The policy that the arm follows, which learns from the arm's own decisions
    /// alone; no policy by default, and then `offer` is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<PolicyConfig>>,
}
