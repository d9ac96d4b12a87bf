//! The catalogue: placements, campaigns, offers and segments, as one immutable
//! version.
//!
//! - [`CatalogDocument`] is what a person wrote, in TOML, and what the ledger
//!   keeps, as JSON. [`read_toml`] reads a file and names every fault with its
//!   line; [`write_toml`] writes one.
//! - [`Catalog`] is the checked form: [`Catalog::build`] makes it from a
//!   document and the [`Numbering`] before it. What refers to something finds
//!   it, amounts are minor units, schedules are instants.
//! - [`Numbering`] gives each name a number once and for good; it can be made
//!   again from the changes that the ledger holds.
//! - [`CatalogDifference`] says what changed between two documents.
//!
//! Invariants: a catalogue never changes after it was built, so one `Arc` of it
//! serves every decision of its version; the same document, version and
//! numbering give the same catalogue; iteration is in the order of numbers or
//! of the document, never of a hash map; no file, no clock, no zone database
//! but the one compiled in.

mod check;
pub mod difference;
pub mod document;
pub mod fault;
pub mod numbering;
pub mod scalar;
pub mod starter;
mod text;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::domain::attribute::AttributeKind;
use crate::domain::event::CatalogChange;
use crate::domain::ids::{CatalogVersion, OfferNumber, PlacementNumber};
use crate::domain::offer::{Campaign, Offer};
use crate::domain::placement::Placement;
use crate::learning::{Policy, PolicyConfig};
use crate::promotion::constraints::Constraints;
use crate::segment::Segmentation;

pub use check::{
    DEFAULT_SEGMENT, MAX_ATTRIBUTES, MAX_CAMPAIGNS, MAX_OFFERS, MAX_PLACEMENTS, MAX_SEGMENTS,
};
pub use difference::CatalogDifference;
pub use document::{CatalogDocument, SegmentDocument, Windows};
pub use fault::{CatalogFaults, Fault};
pub use numbering::{NewNames, Numbering, NumberingError};
pub use text::{KINDS, nearest_expected, read_toml, read_toml_beside, write_toml};

/// One version of the catalogue.
#[derive(Debug, Clone)]
pub struct Catalog {
    version: CatalogVersion,
    numbering: Numbering,
    document: CatalogDocument,
    attributes: BTreeMap<String, AttributeKind>,
    segmentation: Segmentation,
    /// In the order of their numbers.
    placements: Vec<PlacementEntry>,
    /// In the order of the document.
    campaigns: Vec<Campaign>,
    /// In the order of their numbers.
    offers: Vec<Offer>,
    constraints: Constraints,
    placement_indices: Indices,
    offer_indices: Indices,
}

/// Why a recorded catalogue cannot be taken over.
#[derive(Debug, Error)]
pub enum StoredCatalogError {
    /// The bytes hold no document.
    #[error("the stored catalogue is no catalogue document: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The document has faults.
    #[error(transparent)]
    Faults(#[from] CatalogFaults),
}

#[derive(Debug, Clone)]
struct PlacementEntry {
    placement: Placement,
    policy: Policy,
    /// Where it stands in the document.
    written_at: usize,
}

impl Catalog {
    /// Checks a document and makes the catalogue of it. Names that `before`
    /// has no number for get the next ones, in the order of the document.
    ///
    /// # Errors
    /// Every fault of the document.
    pub fn build(
        document: CatalogDocument,
        version: CatalogVersion,
        before: &Numbering,
    ) -> Result<Self, CatalogFaults> {
        let numbering = before.including(&document);
        let checked = check::check(&document, &numbering, &check::Unreadable::default());
        let checked = checked.map_err(|faults| CatalogFaults::from_check(None, faults))?;
        let mut placements: Vec<PlacementEntry> = checked
            .placements
            .into_iter()
            .enumerate()
            .map(|(written_at, (placement, policy))| PlacementEntry {
                placement,
                policy,
                written_at,
            })
            .collect();
        placements.sort_by_key(|entry| entry.placement.number);
        let mut offers = checked.offers;
        offers.sort_by_key(|offer| offer.number);
        Ok(Self {
            version,
            numbering,
            document,
            attributes: checked.attributes,
            segmentation: checked.segmentation,
            placement_indices: Indices::of(placements.iter().map(|it| it.placement.number.0)),
            offer_indices: Indices::of(offers.iter().map(|offer| offer.number.0)),
            placements,
            campaigns: checked.campaigns,
            constraints: checked.constraints,
            offers,
        })
    }

    /// The event that records this catalogue after `before`.
    ///
    /// # Errors
    /// When the document cannot be written as JSON, which a checked one can.
    pub fn change(
        &self,
        before: &Numbering,
        actor: impl Into<String>,
    ) -> serde_json::Result<CatalogChange> {
        let new = before.new_names(&self.document);
        Ok(CatalogChange {
            version: self.version,
            document: self.document.to_json()?,
            new_placements: new.placements,
            new_offers: new.offers,
            new_segments: new.segments,
            new_limits: new.limits,
            actor: actor.into(),
        })
    }

    /// The catalogue of a recorded change; `before` is the numbering that the
    /// changes before it led to, or a later one.
    ///
    /// # Errors
    /// When the bytes hold no document, or one with faults.
    pub fn from_stored(
        document: &[u8],
        version: CatalogVersion,
        before: &Numbering,
    ) -> Result<Self, StoredCatalogError> {
        let document = CatalogDocument::from_json(document)?;
        Ok(Self::build(document, version, before)?)
    }

    /// Which version it is.
    #[must_use]
    pub const fn version(&self) -> CatalogVersion {
        self.version
    }

    /// The numbers of all names, also of those that earlier versions had.
    #[must_use]
    pub const fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    /// What it was built from.
    #[must_use]
    pub const fn document(&self) -> &CatalogDocument {
        &self.document
    }

    /// The declared attributes in the order of their names.
    #[must_use]
    pub const fn attributes(&self) -> &BTreeMap<String, AttributeKind> {
        &self.attributes
    }

    /// The kind of a declared attribute.
    #[must_use]
    pub fn attribute_kind(&self, name: &str) -> Option<AttributeKind> {
        self.attributes.get(name).copied()
    }

    /// Which shopper belongs to which segment.
    #[must_use]
    pub const fn segmentation(&self) -> &Segmentation {
        &self.segmentation
    }

    /// The placements in the order of their numbers.
    pub fn placements(&self) -> impl ExactSizeIterator<Item = &Placement> {
        self.placements.iter().map(|entry| &entry.placement)
    }

    /// The placement with this number.
    #[must_use]
    pub fn placement(&self, number: PlacementNumber) -> Option<&Placement> {
        self.entry(number).map(|entry| &entry.placement)
    }

    /// The placement with this id.
    #[must_use]
    pub fn placement_by_id(&self, id: &str) -> Option<&Placement> {
        self.placement(self.numbering.placement(id)?)
    }

    /// The placement's id that looks most like `id`, if one does.
    #[must_use]
    pub fn nearest_placement(&self, id: &str) -> Option<String> {
        fault::nearest(id, self.placements().map(|placement| placement.id.as_str()))
    }

    /// How a placement chooses and learns.
    #[must_use]
    pub fn policy(&self, number: PlacementNumber) -> Option<&Policy> {
        self.entry(number).map(|entry| &entry.policy)
    }

    /// The policy of a placement as it was written.
    #[must_use]
    pub fn policy_config(&self, number: PlacementNumber) -> Option<&PolicyConfig> {
        let written_at = self.entry(number)?.written_at;
        self.document
            .placements
            .get(written_at)
            .map(|placement| &placement.policy)
    }

    /// The campaigns in the order of the document.
    #[must_use]
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// The campaign with this id.
    #[must_use]
    pub fn campaign_by_id(&self, id: &str) -> Option<&Campaign> {
        self.campaigns.iter().find(|campaign| campaign.id == id)
    }

    /// The campaign that an offer of this catalogue belongs to.
    #[must_use]
    pub fn campaign_of(&self, offer: &Offer) -> Option<&Campaign> {
        self.campaigns.get(offer.campaign?)
    }

    /// The offers in the order of their numbers.
    #[must_use]
    pub fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// The offer with this number.
    #[must_use]
    pub fn offer(&self, number: OfferNumber) -> Option<&Offer> {
        self.offers.get(self.offer_indices.get(number.0)?)
    }

    /// The offer with this id.
    #[must_use]
    pub fn offer_by_id(&self, id: &str) -> Option<&Offer> {
        self.offer(self.numbering.offer(id)?)
    }

    /// The limits of offers, campaigns and placements.
    #[must_use]
    pub const fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// The offers of a placement in the order of their numbers, each with its
    /// campaign: what [`promotion`](crate::promotion) judges.
    pub fn offers_at(
        &self,
        placement: &Placement,
    ) -> impl Iterator<Item = (&Offer, Option<&Campaign>)> + Clone {
        self.offers_of(&placement.offers)
    }

    /// These offers, each with its campaign; numbers that the catalogue does not
    /// have are passed over.
    pub fn offers_of(
        &self,
        numbers: &[OfferNumber],
    ) -> impl Iterator<Item = (&Offer, Option<&Campaign>)> + Clone {
        numbers.iter().filter_map(|number| {
            let offer = self.offer(*number)?;
            Some((offer, self.campaign_of(offer)))
        })
    }

    /// A segment as it was written; `None` for the default that nobody wrote.
    #[must_use]
    pub fn segment_document(&self, id: &str) -> Option<&SegmentDocument> {
        self.document
            .segments
            .iter()
            .find(|segment| segment.id == id)
    }

    fn entry(&self, number: PlacementNumber) -> Option<&PlacementEntry> {
        self.placements.get(self.placement_indices.get(number.0)?)
    }
}

/// From numbers to places in a list. Numbers are dense, apart from those of
/// names that the catalogue no longer has.
#[derive(Debug, Clone)]
struct Indices(Vec<Option<u32>>);

impl Indices {
    /// `numbers` in the order of the list.
    fn of(numbers: impl Iterator<Item = u32>) -> Self {
        let mut indices = Vec::new();
        for (index, number) in (0_u32..).zip(numbers) {
            let number = number as usize;
            if indices.len() <= number {
                indices.resize(number + 1, None);
            }
            indices[number] = Some(index);
        }
        Self(indices)
    }

    fn get(&self, number: u32) -> Option<usize> {
        let index = self.0.get(number as usize).copied().flatten()?;
        Some(index as usize)
    }
}

#[cfg(test)]
mod tests;
