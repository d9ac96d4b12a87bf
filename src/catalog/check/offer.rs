//! Campaigns and offers.

use super::super::document::{CatalogDocument, OfferDocument};
use super::super::fault::{Faults, Place, quoted};
use super::super::numbering::Numbering;
use super::placement::CheckedPlacement;
use super::{KnownNames, benefit, names, schedule};
use crate::domain::money::Currency;
use crate::domain::offer::{Campaign, Offer, Status};

/// The most bytes of a render payload.
const MAX_RENDER_BYTES: usize = 16_384;

/// Checks all campaigns, leaving out those that have a fault.
pub(super) fn check_campaigns(document: &CatalogDocument, faults: &mut Faults) -> Vec<Campaign> {
    let list = Place::top("campaign");
    let mut campaigns = Vec::new();
    for (index, written) in document.campaigns.iter().enumerate() {
        let entry = list.index(index);
        let title = names::title(&entry, written.title.as_deref(), &written.id, faults);
        let status = check_status(&entry, &written.status, faults);
        let schedule = schedule::check(&entry.key("schedule"), &written.schedule, faults);
        if let (Some(status), Some(schedule)) = (status, schedule) {
            campaigns.push(Campaign {
                id: written.id.clone(),
                title,
                status,
                schedule,
            });
        }
    }
    campaigns
}

/// Checks all offers, leaving out those that have a fault. `placements` is
/// aligned with the document's list.
pub(super) fn check(
    document: &CatalogDocument,
    names: &KnownNames<'_>,
    placements: &[CheckedPlacement],
    numbering: &Numbering,
    faults: &mut Faults,
) -> Vec<Offer> {
    let list = Place::top("offer");
    document
        .offers
        .iter()
        .enumerate()
        .filter_map(|(index, written)| {
            let entry = list.index(index);
            check_one(&entry, written, names, placements, numbering, faults)
        })
        .collect()
}

fn check_one(
    entry: &Place<'_>,
    written: &OfferDocument,
    names: &KnownNames<'_>,
    placements: &[CheckedPlacement],
    numbering: &Numbering,
    faults: &mut Faults,
) -> Option<Offer> {
    let title = names::title(entry, written.title.as_deref(), &written.id, faults);
    let campaign = written.campaign.as_deref().and_then(|campaign| {
        names
            .campaigns
            .resolve(&entry.key("campaign"), campaign, faults)
    });
    let shown_at = resolve_placements(entry, written, names, faults);
    let status = check_status(entry, &written.status, faults);
    let schedule = schedule::check(&entry.key("schedule"), &written.schedule, faults);
    let currency = shared_currency(entry, &shown_at, placements, written, faults);
    let context = benefit::Context {
        currency,
        costs_needed: shown_at
            .iter()
            .find(|index| placements[**index].counts_costs())
            .map(|index| placement_id(written, names, *index)),
    };
    let benefit = benefit::check(&entry.key("benefit"), &written.benefit, &context, faults);
    if written.render.len() > MAX_RENDER_BYTES {
        let place = entry.key("render");
        let bytes = written.render.len();
        faults.lack(
            &place,
            format!("has {bytes} bytes, may have at most {MAX_RENDER_BYTES}"),
        );
    }
    let mut numbers: Vec<_> = written
        .placements
        .iter()
        .filter_map(|id| numbering.placement(id))
        .collect();
    numbers.sort_unstable();
    Some(Offer {
        number: numbering.offer(&written.id)?,
        id: written.id.clone(),
        title,
        campaign,
        placements: numbers,
        status: status?,
        schedule: schedule?,
        benefit: benefit?,
        render_payload: written.render.clone(),
    })
}

fn check_status(entry: &Place<'_>, status: &str, faults: &mut Faults) -> Option<Status> {
    let place = entry.key("status");
    names::one_of(&place, status, &Status::ALL, Status::name, faults)
}

/// Where the offer's placements stand in the document's list.
fn resolve_placements(
    entry: &Place<'_>,
    written: &OfferDocument,
    names: &KnownNames<'_>,
    faults: &mut Faults,
) -> Vec<usize> {
    let list = entry.key("placements");
    if written.placements.is_empty() {
        faults.lack(&list, "is empty, must name at least 1 placement");
    }
    let mut resolved = Vec::new();
    for (index, id) in written.placements.iter().enumerate() {
        let place = list.index(index);
        if written.placements[..index].contains(id) {
            faults.refuse(&place, quoted(id), "must stand once");
        } else if let Some(found) = names.placements.resolve(&place, id, faults) {
            resolved.push(found);
        }
    }
    resolved
}

/// The currency of all of the offer's placements; `None` when they differ,
/// which is a fault, or when one of them has none, which is the placement's.
fn shared_currency(
    entry: &Place<'_>,
    shown_at: &[usize],
    placements: &[CheckedPlacement],
    written: &OfferDocument,
    faults: &mut Faults,
) -> Option<Currency> {
    let currencies: Vec<Currency> = shown_at
        .iter()
        .map(|index| placements[*index].currency)
        .collect::<Option<_>>()?;
    let first = *currencies.first()?;
    match currencies.iter().find(|currency| **currency != first) {
        None => Some(first),
        Some(other) => {
            let list = written.placements.join(", ");
            let rule = format!(
                "must have one currency, these placements have {first} and {other}: make an offer for each"
            );
            faults.refuse(&entry.key("placements"), list, rule);
            None
        }
    }
}

fn placement_id<'a>(written: &'a OfferDocument, names: &KnownNames<'_>, index: usize) -> &'a str {
    written
        .placements
        .iter()
        .find(|id| names.placements.place_of(id) == Some(index))
        .map_or("", String::as_str)
}
