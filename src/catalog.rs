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
//! - [`CatalogDifference`] says what changed between two documents, a
//!   [`CatalogPatch`] changes single entries of one.
//!
//! Every version is kept; each shares with the one before what did not change.
//!
//! Invariants: a catalogue never changes after it was built, so one `Arc` of it
//! serves every decision of its version; the same document, version and
//! numbering give the same catalogue; iteration is in the order of numbers or
//! of the document, never of a hash map; no file, no clock, no zone database
//! but the one compiled in.

mod check;
pub mod difference;
pub mod document;
pub mod edit;
pub mod fault;
pub mod numbering;
mod patch;
pub mod scalar;
mod written;
pub mod starter;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::Vector;
use thiserror::Error;

use crate::domain::attribute::AttributeKind;
use crate::domain::event::CatalogChange;
use crate::domain::exchange::Conversion;
use crate::domain::ids::{CatalogVersion, OfferNumber, PlacementNumber};
use crate::domain::money::Currency;
use crate::domain::offer::{Campaign, Offer};
use crate::domain::placement::Placement;
use crate::learning::{Policy, PolicyConfig};
use crate::promotion::constraints::Constraints;
use crate::segment::Segmentation;
use check::Origin;
use written::{Written, grafted, kept};

pub use check::{
    DEFAULT_SEGMENT, MAX_ATTRIBUTES, MAX_CAMPAIGNS, MAX_OFFERS, MAX_PLACEMENTS, MAX_SEGMENTS,
    id_rule, is_id,
};
pub use difference::{CatalogDifference, Changes};
pub use document::{
    AffinityDocument, AffinityFile, AffinityPriorDocument, AttributeDocument, CampaignDocument,
    CatalogDocument, CompanionDocument, OfferDocument, PlacementDocument, ScheduleDocument,
    SegmentDocument, Windows,
};
pub use fault::{CatalogFaults, Fault};
pub use numbering::{NewNames, Numbering, NumberingError};
pub use patch::CatalogPatch;
pub use text::{KINDS, nearest_expected, read_segments, read_toml, read_toml_beside, write_toml};

/// One version of the catalogue.
#[derive(Debug, Clone)]
pub struct Catalog {
    version: CatalogVersion,
    numbering: Numbering,
    written: Written,
    attributes: Arc<BTreeMap<String, AttributeKind>>,
    segmentation: Arc<Segmentation>,
    /// In the order of their numbers.
    placements: Arc<Vec<PlacementEntry>>,
    /// In the order of the document.
    campaigns: Vector<Arc<Campaign>>,
    /// In the order of their numbers.
    offers: Vector<Arc<Offer>>,
    constraints: Arc<Constraints>,
    conversions: Arc<Vec<Conversion>>,
    placement_indices: Arc<Indices>,
    offer_indices: Arc<Indices>,
    /// Where offers stand in the document, by number.
    written_indices: Arc<Indices>,
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
    /// It changes the catalogue before it, and there is none.
    #[error("the first catalogue is a change of the one before it")]
    NothingBefore,
}

#[derive(Debug, Clone, PartialEq)]
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
        Self::build_after(None, document, version, before)
    }

    /// The same, sharing with the catalogue before what did not change.
    ///
    /// # Errors
    /// Every fault of the document.
    pub fn build_after(
        catalog: Option<&Self>,
        document: CatalogDocument,
        version: CatalogVersion,
        before: &Numbering,
    ) -> Result<Self, CatalogFaults> {
        Self::build_from(Origin::Written, catalog, document, version, before)
    }

    fn build_from(
        origin: Origin,
        catalog: Option<&Self>,
        document: CatalogDocument,
        version: CatalogVersion,
        before: &Numbering,
    ) -> Result<Self, CatalogFaults> {
        let numbering = before.including(&document);
        let unreadable = check::Unreadable::default();
        let checked = check::check(&document, &numbering, &unreadable, origin);
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
        let written_numbers: Vec<u32> = checked.offers.iter().map(|it| it.number.0).collect();
        let mut offers = checked.offers;
        offers.sort_by_key(|offer| offer.number);
        let placement_numbers = placements.iter().map(|it| it.placement.number.0);
        let placement_indices = Indices::of(placement_numbers);
        let offer_indices = Indices::of(offers.iter().map(|offer| offer.number.0));
        let before = catalog;
        Ok(Self {
            version,
            numbering,
            written: Written::after(before.map(|it| &it.written), document),
            attributes: kept(before.map(|it| &it.attributes), checked.attributes),
            segmentation: kept(before.map(|it| &it.segmentation), checked.segmentation),
            placements: kept(before.map(|it| &it.placements), placements),
            campaigns: grafted(before.map(|it| &it.campaigns), checked.campaigns),
            constraints: kept(before.map(|it| &it.constraints), checked.constraints),
            conversions: kept(before.map(|it| &it.conversions), checked.conversions),
            offers: grafted(before.map(|it| &it.offers), offers),
            placement_indices: kept(before.map(|it| &it.placement_indices), placement_indices),
            offer_indices: kept(before.map(|it| &it.offer_indices), offer_indices),
            written_indices: kept(
                before.map(|it| &it.written_indices),
                Indices::of(written_numbers.into_iter()),
            ),
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
        let document = self.document();
        let new = before.new_names(&document);
        Ok(CatalogChange {
            version: self.version,
            document: document.to_json()?,
            patch: Vec::new(),
            parts: 0,
            new_placements: new.placements,
            new_offers: new.offers,
            new_segments: new.segments,
            new_limits: new.limits,
            actor: actor.into(),
        })
    }

    /// The catalogue of a recorded change; `numbering` is the one that the
    /// changes up to it led to, or a later one, and `before` the catalogue
    /// before it.
    ///
    /// # Errors
    /// When the bytes hold no document, or one with faults.
    pub fn from_stored(
        before: Option<&Self>,
        change: &CatalogChange,
        numbering: &Numbering,
    ) -> Result<Self, StoredCatalogError> {
        let document = if change.patch.is_empty() {
            CatalogDocument::from_json(&change.document)?
        } else {
            let before = before.ok_or(StoredCatalogError::NothingBefore)?;
            let mut document = before.document();
            CatalogPatch::from_json(&change.patch)?.apply(&mut document);
            document
        };
        Ok(Self::build_from(
            Origin::Stored,
            before,
            document,
            change.version,
            numbering,
        )?)
    }

    /// How amounts of one currency count at placements of another, where that is
    /// declared.
    #[must_use]
    pub fn conversion(&self, from: Currency, to: Currency) -> Option<Conversion> {
        let mut conversions = self.conversions.iter();
        let found = conversions.find(|known| (known.from, known.to) == (from, to));
        found.copied()
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

    /// What it was built from, put together again.
    #[must_use]
    pub fn document(&self) -> CatalogDocument {
        self.written.document()
    }

    /// An offer as it was written; shared by the versions in which it is the
    /// same.
    #[must_use]
    pub fn written_offer(&self, id: &str) -> Option<&Arc<OfferDocument>> {
        let number = self.numbering.offer(id)?;
        self.written.offers.get(self.written_indices.get(number.0)?)
    }

    /// A campaign as it was written, shared likewise.
    #[must_use]
    pub fn written_campaign(&self, id: &str) -> Option<&Arc<CampaignDocument>> {
        self.written
            .campaigns
            .iter()
            .find(|written| written.id == id)
    }

    /// A placement as it was written.
    #[must_use]
    pub fn written_placement(&self, number: PlacementNumber) -> Option<&PlacementDocument> {
        self.written.placements.get(self.entry(number)?.written_at)
    }

    /// The campaigns as they were written, in the order of the document.
    pub fn written_campaigns(&self) -> impl ExactSizeIterator<Item = &Arc<CampaignDocument>> {
        self.written.campaigns.iter()
    }

    /// The offers as they were written, in the order of the document.
    pub fn written_offers(&self) -> impl ExactSizeIterator<Item = &Arc<OfferDocument>> {
        self.written.offers.iter()
    }

    /// The declared attributes in the order of their names.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, AttributeKind> {
        &self.attributes
    }

    /// The kind of a declared attribute.
    #[must_use]
    pub fn attribute_kind(&self, name: &str) -> Option<AttributeKind> {
        self.attributes.get(name).copied()
    }

    /// Which shopper belongs to which segment.
    #[must_use]
    pub fn segmentation(&self) -> &Segmentation {
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
        Some(&self.written_placement(number)?.policy)
    }

    /// The campaigns in the order of the document.
    pub fn campaigns(&self) -> impl ExactSizeIterator<Item = &Campaign> {
        self.campaigns.iter().map(AsRef::as_ref)
    }

    /// The campaign with this id.
    #[must_use]
    pub fn campaign_by_id(&self, id: &str) -> Option<&Campaign> {
        self.campaigns().find(|campaign| campaign.id == id)
    }

    /// The campaign that an offer of this catalogue belongs to.
    #[must_use]
    pub fn campaign_of(&self, offer: &Offer) -> Option<&Campaign> {
        self.campaigns.get(offer.campaign?).map(AsRef::as_ref)
    }

    /// The offers in the order of their numbers.
    pub fn offers(&self) -> impl ExactSizeIterator<Item = &Offer> {
        self.offers.iter().map(AsRef::as_ref)
    }

    /// The offer with this number.
    #[must_use]
    pub fn offer(&self, number: OfferNumber) -> Option<&Offer> {
        let offer = self.offers.get(self.offer_indices.get(number.0)?);
        offer.map(AsRef::as_ref)
    }

    /// The offer with this id.
    #[must_use]
    pub fn offer_by_id(&self, id: &str) -> Option<&Offer> {
        self.offer(self.numbering.offer(id)?)
    }

    /// The limits of offers, campaigns and placements.
    #[must_use]
    pub fn constraints(&self) -> &Constraints {
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
        self.written
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
