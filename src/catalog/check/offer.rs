//! Campaigns and offers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::document::{CampaignDocument, CatalogDocument, OfferDocument};
use super::super::fault::{Faults, Place, quoted};
use super::super::numbering::Numbering;
use super::condition::Declared;
use super::placement::CheckedPlacement;
use super::rule::{AmountCurrency, Speech};
use super::{KnownNames, affinity, benefit, contradiction, names, rule, schedule};
use crate::domain::attribute::AttributeKind;
use crate::domain::companions::Companions;
use crate::domain::money::Currency;
use crate::domain::offer::{Campaign, Offer, Status};
use crate::domain::rule::Rule;
use crate::domain::schedule::Calendar;

/// The most bytes of a render payload.
const MAX_RENDER_BYTES: usize = 16_384;

/// The highest priority; the lowest is as far below 0.
const MAX_PRIORITY: i64 = 1_000;
/// The most bytes of a stacking group's name.
const MAX_GROUP_BYTES: usize = 64;
/// The most categories of an offer.
const MAX_CATEGORIES: usize = 50;

/// What campaigns and offers are checked against.
pub(super) struct Parts<'a> {
    pub document: &'a CatalogDocument,
    pub names: &'a KnownNames<'a>,
    pub attributes: &'a BTreeMap<String, AttributeKind>,
    pub calendars: &'a BTreeMap<String, Arc<Calendar>>,
    /// By article.
    pub companions: &'a BTreeMap<&'a str, Arc<Companions>>,
    /// Aligned with the document's list.
    pub placements: &'a [CheckedPlacement],
    pub numbering: &'a Numbering,
}

impl Parts<'_> {
    fn speech(&self, currency: AmountCurrency) -> Speech<'_> {
        Speech {
            declared: Declared {
                kinds: self.attributes,
                names: &self.names.attributes,
            },
            segments: &self.names.segments,
            numbering: self.numbering,
            currency,
        }
    }

    fn days(&self) -> schedule::Days<'_> {
        schedule::Days {
            names: &self.names.calendars,
            calendars: self.calendars,
        }
    }

    /// The currency of all placements.
    fn sole_currency(&self) -> AmountCurrency {
        let mut currencies = self.placements.iter().map(|placement| placement.currency);
        let Some(Some(first)) = currencies.next() else {
            return AmountCurrency::Unknown;
        };
        if currencies.all(|currency| currency == Some(first)) {
            AmountCurrency::Known(first)
        } else {
            AmountCurrency::Several
        }
    }
}

/// Checks all campaigns; the result is aligned with the document's list, with
/// `None` for those that have a fault.
pub(super) fn check_campaigns(parts: &Parts<'_>, faults: &mut Faults) -> Vec<Option<Campaign>> {
    let list = Place::top("campaign");
    let speech = parts.speech(parts.sole_currency());
    let check = |(index, written): (usize, &CampaignDocument)| {
        let entry = list.index(index);
        let title = names::title(&entry, written.title.as_deref(), &written.id, faults);
        let status = check_status(&entry, &written.status, faults);
        let place = entry.key("schedule");
        let schedule = schedule::check(&place, &written.schedule, &parts.days(), faults);
        check_priority(&entry, written.priority, faults);
        let rule = written.eligibility.as_ref();
        let rule = rule.map(|rule| rule::check(&entry.key("eligibility"), rule, &speech, faults));
        Some(Campaign {
            id: written.id.clone(),
            title,
            status: status?,
            schedule: schedule?,
            rule: rule.map_or(Some(None), |rule| rule.map(Some))?,
        })
    };
    parts
        .document
        .campaigns
        .iter()
        .enumerate()
        .map(check)
        .collect()
}

fn check_priority(entry: &Place<'_>, priority: i64, faults: &mut Faults) -> Option<i32> {
    let place = entry.key("priority");
    let priority = names::whole(&place, priority, -MAX_PRIORITY, MAX_PRIORITY, faults)?;
    i32::try_from(priority).ok()
}

/// Checks all offers, leaving out those that have a fault. `campaigns` is
/// aligned with the document's list.
pub(super) fn check(
    parts: &Parts<'_>,
    campaigns: &[Option<Campaign>],
    faults: &mut Faults,
) -> Vec<Offer> {
    let list = Place::top("offer");
    let offers = parts.document.offers.iter().enumerate();
    offers
        .filter_map(|(index, written)| {
            check_one(&list.index(index), written, parts, campaigns, faults)
        })
        .collect()
}

fn check_one(
    entry: &Place<'_>,
    written: &OfferDocument,
    parts: &Parts<'_>,
    campaigns: &[Option<Campaign>],
    faults: &mut Faults,
) -> Option<Offer> {
    let Parts {
        names,
        placements,
        numbering,
        ..
    } = *parts;
    let title = names::title(entry, written.title.as_deref(), &written.id, faults);
    let campaign = written.campaign.as_deref().and_then(|campaign| {
        names
            .campaigns
            .resolve(&entry.key("campaign"), campaign, faults)
    });
    let shown_at = resolve_placements(entry, written, names, faults);
    let status = check_status(entry, &written.status, faults);
    let place = entry.key("schedule");
    let schedule = schedule::check(&place, &written.schedule, &parts.days(), faults);
    let currency = shared_currency(entry, &shown_at, placements, written, faults);
    let context = benefit::Context {
        currency,
        costs_needed: shown_at
            .iter()
            .find(|index| placements[**index].counts_costs)
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
    let speech = parts.speech(currency.map_or(AmountCurrency::Unknown, AmountCurrency::Known));
    let shared = campaign.and_then(|campaign| campaigns.get(campaign)?.as_ref());
    let rule = check_rule(entry, written, shared, &speech, faults);
    let priority = match (written.priority, campaign) {
        (Some(priority), _) => check_priority(entry, priority, faults),
        (None, Some(campaign)) => i32::try_from(parts.document.campaigns[campaign].priority).ok(),
        (None, None) => Some(0),
    };
    check_group(entry, written, faults);
    check_categories(entry, written, faults);
    let place = entry.key("on_end");
    let on_end = names::one_of(
        &place,
        &written.on_end,
        &["honour", "void"],
        |it| it,
        faults,
    );
    let mut numbers: Vec<_> = written
        .placements
        .iter()
        .filter_map(|id| numbering.placement(id))
        .collect();
    numbers.sort_unstable();
    let benefit = benefit?;
    let companions = affinity::companions_of(&benefit, parts.companions);
    Some(Offer {
        number: numbering.offer(&written.id)?,
        id: written.id.clone(),
        title,
        campaign,
        categories: written.categories.clone(),
        placements: numbers,
        status: status?,
        schedule: schedule?,
        rule: affinity::with_companions(rule?, companions.as_ref()),
        companions,
        priority: priority?,
        exclusive: written.exclusive,
        stacking_group: written.stacking_group.clone(),
        void_on_end: on_end? == "void",
        benefit,
        render_payload: written.render.clone(),
    })
}

/// The offer's rule, which must leave something of its campaign's.
fn check_rule(
    entry: &Place<'_>,
    written: &OfferDocument,
    campaign: Option<&Campaign>,
    speech: &Speech<'_>,
    faults: &mut Faults,
) -> Option<Option<Rule>> {
    let Some(rule) = &written.eligibility else {
        return Some(None);
    };
    let place = entry.key("eligibility");
    let rule = rule::check(&place, rule, speech, faults)?;
    let shared = campaign.and_then(|campaign| Some((campaign, campaign.rule.as_ref()?)));
    if let Some((campaign, shared)) = shared
        && let Some(contradiction) = contradiction::find(&[&rule, shared])
    {
        let told = format!(
            "can never hold together with the rule of its campaign {}: {contradiction}",
            quoted(&campaign.id)
        );
        faults.lack(&place, told);
        return None;
    }
    Some(Some(rule))
}

fn check_categories(entry: &Place<'_>, written: &OfferDocument, faults: &mut Faults) {
    let list = entry.key("categories");
    let count = written.categories.len();
    if count > MAX_CATEGORIES {
        faults.lack(
            &list,
            format!("has {count} entries, may have at most {MAX_CATEGORIES}"),
        );
    }
    for (index, category) in written.categories.iter().enumerate() {
        let place = list.index(index);
        let is_well_written = (1..=MAX_GROUP_BYTES).contains(&category.len())
            && !category.chars().any(char::is_control);
        if !is_well_written {
            let rule = format!("must have 1 to {MAX_GROUP_BYTES} bytes and no control characters");
            faults.refuse(&place, quoted(category), rule);
        } else if written.categories[..index].contains(category) {
            faults.refuse(&place, quoted(category), "must stand once");
        }
    }
}

fn check_group(entry: &Place<'_>, written: &OfferDocument, faults: &mut Faults) {
    if let Some(group) = &written.stacking_group
        && (!(1..=MAX_GROUP_BYTES).contains(&group.len()) || group.chars().any(char::is_control))
    {
        let rule = format!("must have 1 to {MAX_GROUP_BYTES} bytes and no control characters");
        faults.refuse(&entry.key("stacking_group"), quoted(group), rule);
    }
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
