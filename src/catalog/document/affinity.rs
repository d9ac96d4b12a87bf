//! What goes with what, as `promobandit mine --affinity-out` writes it.

use serde::{Deserialize, Serialize};

/// What one article goes with. It makes cross-sell offers of the article
/// candidates for carts that hold a companion, and for no others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffinityDocument {
    /// The article that is recommended.
    pub sku: String,
    /// What it goes with, at least one thing.
    pub with: Vec<CompanionDocument>,
}

/// What goes with what as a file of its own, to be added to a catalogue.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffinityFile {
    /// Its entries, as in a catalogue; none unless given.
    #[serde(default)]
    pub affinity: Vec<AffinityDocument>,
}

/// Articles that another goes with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanionDocument {
    /// All of them have to be in the cart; 1 to 4.
    pub skus: Vec<String>,
    /// How many times likelier the article is then than usual; above 0, at most
    /// 1,000,000.
    pub lift: f64,
}

/// What affinity makes a policy expect before it has learnt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffinityPriorDocument {
    /// The rate at which an offer converts whose article is as likely as usual:
    /// above 0, below 1. One that is `lift` times likelier is expected to convert
    /// at `lift` times the rate, at most always.
    pub base_rate: f64,
    /// The expectation counts as much as so many decisions, from 1 to
    /// 1,000,000.
    pub decisions: i64,
}
