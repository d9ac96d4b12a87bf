//! A change of single entries: what the ledger keeps of it, instead of the
//! whole catalogue.

use serde::{Deserialize, Serialize};

use super::document::{CampaignDocument, CatalogDocument, OfferDocument};
use crate::learning::PolicyConfig;

/// Entries in the form of the catalogue file. Each takes the place of the entry
/// with its id, or comes last where there is none; a policy takes the place of
/// its placement's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogPatch {
    /// Campaigns.
    #[serde(rename = "campaign", default, skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<CampaignDocument>,
    /// Offers.
    #[serde(rename = "offer", default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<OfferDocument>,
    /// Policies.
    #[serde(rename = "policy", default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PlacementPolicy>,
}

/// The policy of a placement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacementPolicy {
    /// The placement's id.
    pub placement: String,
    /// How it chooses and learns.
    pub policy: PolicyConfig,
}

impl CatalogPatch {
    /// Another policy for one placement.
    #[must_use]
    pub fn of_policy(placement: String, policy: PolicyConfig) -> Self {
        Self {
            policies: vec![PlacementPolicy { placement, policy }],
            ..Self::default()
        }
    }

    /// The patch as the ledger keeps it.
    ///
    /// # Errors
    /// When it holds a number that JSON cannot, which no checked document
    /// does.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// The patch of what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn from_json(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// Changes a document.
    pub fn apply(self, document: &mut CatalogDocument) {
        put(&mut document.campaigns, self.campaigns, |it| &it.id);
        put(&mut document.offers, self.offers, |it| &it.id);
        for changed in self.policies {
            let mut placements = document.placements.iter_mut();
            if let Some(known) = placements.find(|known| known.id == changed.placement) {
                known.policy = changed.policy;
            }
        }
    }
}

fn put<T>(list: &mut Vec<T>, entries: Vec<T>, id: impl Fn(&T) -> &String) {
    for entry in entries {
        match list.iter_mut().find(|known| id(known) == id(&entry)) {
            Some(known) => *known = entry,
            None => list.push(entry),
        }
    }
}
