//! From a document to values, collecting every fault on the way.
//!
//! A part that has a fault is left out and the check goes on; what refers to
//! it is not blamed for its absence.

mod affinity;
mod benefit;
mod calendar;
mod condition;
mod constraints;
mod contradiction;
mod exchange;
mod features;
mod names;
mod offer;
mod offer_features;
mod pacing;
mod placement;
mod reward;
mod rule;
mod schedule;
mod segments;
mod stock;

use std::collections::{BTreeMap, BTreeSet};

use super::document::CatalogDocument;
use super::fault::{Fault, Faults, KeyPath, Place, Step};
use super::numbering::Numbering;
use crate::domain::attribute::AttributeKind;
use crate::domain::exchange::Conversion;
use crate::domain::offer::{Campaign, Offer};
use crate::domain::placement::Placement;
use crate::learning::Policy;
use crate::promotion::constraints::Constraints;
use crate::segment::Segmentation;
use names::Names;

pub use names::{id_rule, is_id};

/// The id of the segment that a catalogue without a default gets.
pub const DEFAULT_SEGMENT: &str = "default";

/// The most attributes that a catalogue may declare.
pub const MAX_ATTRIBUTES: usize = 200;
/// The most segments.
pub const MAX_SEGMENTS: usize = 10_000;
/// The most placements.
pub const MAX_PLACEMENTS: usize = 1_000;
/// The most calendars.
pub const MAX_CALENDARS: usize = 1_000;
/// The most campaigns.
pub const MAX_CAMPAIGNS: usize = 10_000;
/// The most stocks.
pub const MAX_STOCKS: usize = 10_000;
/// The most exchange rates.
pub const MAX_EXCHANGE_RATES: usize = 1_000;
/// The most offers.
pub const MAX_OFFERS: usize = 100_000;

/// A document's parts as values; complete when there was no fault.
pub(super) struct Checked {
    pub attributes: BTreeMap<String, AttributeKind>,
    pub segmentation: Segmentation,
    pub placements: Vec<(Placement, Policy)>,
    pub campaigns: Vec<Campaign>,
    /// In the order of the document.
    pub offers: Vec<Offer>,
    pub constraints: Constraints,
    pub conversions: Vec<Conversion>,
}

/// Ids of entries that could not be read at all: known names without content.
#[derive(Debug, Default)]
pub(super) struct Unreadable {
    pub attributes: BTreeSet<String>,
    pub segments: BTreeSet<String>,
    pub placements: BTreeSet<String>,
    pub calendars: BTreeSet<String>,
    pub campaigns: BTreeSet<String>,
    pub offers: BTreeSet<String>,
    pub stocks: BTreeSet<String>,
}

/// Where a document comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is new, and held to all that is asked of one today.
    Written,
    /// It is in the ledger: what was in force stays so.
    Stored,
}

/// The names that a document's parts refer to each other by.
struct KnownNames<'a> {
    attributes: Names<'a>,
    segments: Names<'a>,
    placements: Names<'a>,
    calendars: Names<'a>,
    campaigns: Names<'a>,
    offers: Names<'a>,
}

/// Checks a whole document. `numbering` has a number for each of its names.
///
/// # Errors
/// At least one fault.
pub(super) fn check(
    document: &CatalogDocument,
    numbering: &Numbering,
    unreadable: &Unreadable,
    origin: Origin,
) -> Result<Checked, Vec<Fault>> {
    let mut faults = Faults::default();
    check_sizes(document, &mut faults);
    let names = KnownNames::collect(document, unreadable, &mut faults);
    let attributes = segments::check_attributes(document, &mut faults);
    let segmentation = segments::check(
        document,
        &attributes,
        &names.attributes,
        numbering,
        &mut faults,
    );
    let mut placements = placement::check(document, &names, &attributes, numbering, &mut faults);
    let calendars = calendar::check(document, &mut faults);
    let companions = affinity::check(document, &mut faults);
    let parts = offer::Parts {
        document,
        names: &names,
        attributes: &attributes,
        calendars: &calendars,
        companions: &companions,
        placements: &placements,
        numbering,
    };
    let campaigns = offer::check_campaigns(&parts, &mut faults);
    let offers = offer::check(&parts, &campaigns, &mut faults);
    if placements.is_empty() && unreadable.placements.is_empty() {
        let place = Place::top("placement");
        faults.lack(&place, "is missing: a catalogue needs at least 1 placement");
    }
    let limits = constraints::check(&parts, &campaigns, &mut faults);
    let stocks = stock::check(document, numbering, unreadable, origin, &mut faults);
    let conversions = exchange::check(document, &mut faults);
    let found = faults.into_vec();
    if !found.is_empty() {
        return Err(with_subjects(document, found));
    }
    let campaigns: Vec<Campaign> = campaigns.into_iter().flatten().collect();
    placement::attach_offers(&mut placements, &offers, &campaigns);
    let constraints = constraints::attach(limits, stocks, &placements, &offers);
    Ok(Checked {
        constraints,
        conversions,
        attributes,
        segmentation: segmentation.expect("segments without a fault make a segmentation"),
        placements: placements
            .into_iter()
            .filter_map(|placement| Some((placement.placement?, placement.policy?)))
            .collect(),
        campaigns,
        offers,
    })
}

/// Checks a document's attributes and segments alone, and that there is a segment.
///
/// # Errors
/// At least one fault.
pub(super) fn check_segments(document: &CatalogDocument) -> Result<Segmentation, Vec<Fault>> {
    let mut faults = Faults::default();
    check_sizes(document, &mut faults);
    if document.segments.is_empty() {
        faults.lack(&Place::top("segment"), "is missing: there is no segment");
    }
    let unreadable = Unreadable::default();
    let names = KnownNames::collect(document, &unreadable, &mut faults);
    let attributes = segments::check_attributes(document, &mut faults);
    let numbering = Numbering::default().including(document);
    let segmentation = segments::check(
        document,
        &attributes,
        &names.attributes,
        &numbering,
        &mut faults,
    );
    match segmentation {
        Some(segmentation) if faults.is_empty() => Ok(segmentation),
        _ => Err(with_subjects(document, faults.into_vec())),
    }
}

fn check_sizes(document: &CatalogDocument, faults: &mut Faults) {
    let mut at_most = |key, count: usize, most: usize| {
        if count > most {
            let rule = format!("has {count} entries, may have at most {most}");
            faults.lack(&Place::top(key), rule);
        }
    };
    at_most("attribute", document.attributes.len(), MAX_ATTRIBUTES);
    at_most("segment", document.segments.len(), MAX_SEGMENTS);
    at_most("placement", document.placements.len(), MAX_PLACEMENTS);
    at_most("calendar", document.calendars.len(), MAX_CALENDARS);
    at_most("campaign", document.campaigns.len(), MAX_CAMPAIGNS);
    at_most("offer", document.offers.len(), MAX_OFFERS);
    at_most("stock", document.stocks.len(), MAX_STOCKS);
    let rates = document.exchange_rates.len();
    at_most("exchange_rate", rates, MAX_EXCHANGE_RATES);
    at_most(
        "affinity",
        document.affinity.len(),
        affinity::MAX_AFFINITIES,
    );
}

impl<'a> KnownNames<'a> {
    fn collect(
        document: &'a CatalogDocument,
        unreadable: &'a Unreadable,
        faults: &mut Faults,
    ) -> Self {
        let attributes = document.attributes.iter().map(|attribute| &*attribute.name);
        let segments = document.segments.iter().map(|segment| &*segment.id);
        let placements = document.placements.iter().map(|placement| &*placement.id);
        let campaigns = document.campaigns.iter().map(|campaign| &*campaign.id);
        let offers = document.offers.iter().map(|offer| &*offer.id);
        let calendars = document.calendars.iter().map(|calendar| &*calendar.id);
        Self {
            segments: Names::collect("segment", "id", segments, &unreadable.segments, faults),
            calendars: Names::collect("calendar", "id", calendars, &unreadable.calendars, faults),
            attributes: Names::collect(
                "attribute",
                "name",
                attributes,
                &unreadable.attributes,
                faults,
            ),
            placements: Names::collect(
                "placement",
                "id",
                placements,
                &unreadable.placements,
                faults,
            ),
            campaigns: Names::collect("campaign", "id", campaigns, &unreadable.campaigns, faults),
            offers: Names::collect("offer", "id", offers, &unreadable.offers, faults),
        }
    }
}

/// Names the entry that each fault is in, so that people need not count.
fn with_subjects(document: &CatalogDocument, mut faults: Vec<Fault>) -> Vec<Fault> {
    for fault in &mut faults {
        fault.subject = subject(document, &fault.path);
    }
    faults
}

fn subject(document: &CatalogDocument, path: &KeyPath) -> Option<String> {
    let [Step::Key(kind), Step::Index(index), Step::Key(inner), ..] = path.0.as_slice() else {
        return None;
    };
    let id = match kind.as_ref() {
        "attribute" => &document.attributes.get(*index)?.name,
        "segment" => &document.segments.get(*index)?.id,
        "placement" => &document.placements.get(*index)?.id,
        "calendar" => &document.calendars.get(*index)?.id,
        "campaign" => &document.campaigns.get(*index)?.id,
        "offer" => &document.offers.get(*index)?.id,
        "affinity" => &document.affinity.get(*index)?.sku,
        _ => return None,
    };
    // A fault of the name itself shows the name already.
    let is_name = matches!(inner.as_ref(), "id" | "name" | "sku");
    (!is_name).then(|| format!("{kind} {}", super::fault::quoted(id)))
}
