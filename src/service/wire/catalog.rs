//! The catalogue.

use super::field::{Field, Reader};
use super::page::{List, PageRequest, page};
use super::reward::outcome_kind;
use super::{benefit, timestamp, version};
use crate::catalog::edit::etag;
use crate::catalog::{Catalog, ScheduleDocument};
use crate::domain::attribute::AttributeKind;
use crate::domain::offer::{Campaign, Offer, Status};
use crate::domain::placement::{Feedback, Objective, Placement, RewardOf, RewardTerm};
use crate::domain::schedule::Schedule;
use crate::domain::time::Instant;
use crate::engine::fault::FieldFault;
use crate::proto::promobandit::v1;
use crate::segment::Segment;

/// Reads an id of the catalogue.
pub(in crate::service) fn required_id(
    name: &'static str,
    id: String,
) -> Result<String, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let id = reader.required_text(&Field::of(name), id, super::choose::ID_BYTES);
    reader.finish(id)
}

/// How much is in the catalogue.
pub(in crate::service) fn catalog_summary(
    catalog: &Catalog,
    since: Instant,
) -> v1::GetCatalogResponse {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    v1::GetCatalogResponse {
        version: version(catalog.version().0),
        update_time: Some(timestamp(since)),
        placements: count(catalog.placements().len()),
        campaigns: count(catalog.campaigns().len()),
        offers: count(catalog.offers().len()),
        segments: count(catalog.segmentation().len()),
        attributes: catalog
            .attributes()
            .iter()
            .map(|(name, kind)| v1::DeclaredAttribute {
                name: name.clone(),
                kind: attribute_kind(*kind).into(),
            })
            .collect(),
    }
}

const fn attribute_kind(kind: AttributeKind) -> v1::AttributeKind {
    match kind {
        AttributeKind::String => v1::AttributeKind::String,
        AttributeKind::Number => v1::AttributeKind::Number,
        AttributeKind::Boolean => v1::AttributeKind::Bool,
    }
}

/// A placement.
pub(in crate::service) fn placement(catalog: &Catalog, placement: &Placement) -> v1::Placement {
    let objective = match placement.objective {
        Objective::Conversion => v1::Objective::Conversion,
        Objective::NetRevenue => v1::Objective::NetRevenue,
        Objective::Margin => v1::Objective::Margin,
        Objective::Weighted => v1::Objective::Weighted,
    };
    let conversion_events = placement.conversion_events.iter();
    let written = catalog.written_placement(placement.number);
    v1::Placement {
        id: placement.id.clone(),
        title: placement.title.clone(),
        slots: version(placement.slots),
        objective: objective.into(),
        currency: placement.currency.code().to_owned(),
        conversion_events: conversion_events
            .map(|kind| outcome_kind(*kind).into())
            .collect(),
        attribution_window_ms: placement.attribution_window.ms(),
        allowed_lateness_ms: placement.allowed_lateness.ms(),
        refund_window_ms: placement.refund_window.ms(),
        offer_valid_for_ms: placement.offer_valid_for.ms(),
        assume_shown: placement.assume_shown,
        feedback: feedback(placement.feedback).into(),
        holdout_basis_points: i32::from(placement.holdout.get()),
        policy_json: as_json(catalog.policy_config(placement.number)),
        holdout_group: written
            .and_then(|written| written.holdout_group.clone())
            .unwrap_or_else(|| placement.id.clone()),
        reward_terms: placement.reward_terms.iter().map(reward_term).collect(),
        winsor: placement.winsor.map(|winsor| v1::Winsor {
            min: winsor.min,
            max: winsor.max,
        }),
        document_json: as_json(written),
    }
}

fn reward_term(term: &RewardTerm) -> v1::RewardTerm {
    use v1::reward_term::Of;
    let of = match term.of {
        RewardOf::Event(kind) => Of::Event(outcome_kind(kind).into()),
        RewardOf::NetRevenue => Of::Value(v1::Objective::NetRevenue.into()),
        RewardOf::Margin => Of::Value(v1::Objective::Margin.into()),
    };
    v1::RewardTerm {
        of: Some(of),
        weight: term.weight,
    }
}

const fn feedback(feedback: Feedback) -> v1::Feedback {
    match feedback {
        Feedback::AtClosing => v1::Feedback::AtClosing,
        Feedback::Provisional => v1::Feedback::Provisional,
        Feedback::DelayCorrected => v1::Feedback::DelayCorrected,
    }
}

/// What a checked catalogue holds has been written as JSON before.
fn as_json<T: serde::Serialize>(written: Option<&T>) -> String {
    written
        .and_then(|written| serde_json::to_string(written).ok())
        .unwrap_or_default()
}

/// A campaign.
pub(in crate::service) fn campaign(catalog: &Catalog, campaign: &Campaign) -> v1::Campaign {
    let written = catalog.written_campaign(&campaign.id).map(AsRef::as_ref);
    let document_json = as_json(written);
    v1::Campaign {
        id: campaign.id.clone(),
        title: campaign.title.clone(),
        status: status(campaign.status).into(),
        schedule: written.map(|written| schedule(&campaign.schedule, &written.schedule)),
        needs_approval: written.is_some_and(|written| written.needs_approval),
        priority: whole(written.map(|written| written.priority)),
        eligibility_json: as_json(written.and_then(|written| written.eligibility.as_ref())),
        etag: etag(document_json.as_bytes()),
        document_json,
    }
}

/// Priorities were checked to lie within ±1,000.
fn whole(number: Option<i64>) -> i32 {
    number
        .and_then(|it| i32::try_from(it).ok())
        .unwrap_or_default()
}

const fn status(status: Status) -> v1::Status {
    match status {
        Status::Draft => v1::Status::Draft,
        Status::Approved => v1::Status::Approved,
        Status::Deleted => v1::Status::Deleted,
        Status::Active => v1::Status::Active,
        Status::Paused => v1::Status::Paused,
        Status::Ended => v1::Status::Ended,
    }
}

/// A schedule: its instants as they were resolved, days and hours as written.
fn schedule(schedule: &Schedule, written: &ScheduleDocument) -> v1::Schedule {
    v1::Schedule {
        starts_at: schedule.starts_at.map(timestamp),
        ends_at: schedule.ends_at.map(timestamp),
        time_zone: written.time_zone.clone().unwrap_or_default(),
        days: written.days.clone(),
        only_on: written.only_on.clone(),
        except_on: written.except_on.clone(),
        hours: written
            .hours
            .iter()
            .map(|hours| v1::Hours {
                from: hours.from.clone(),
                until: hours.until.clone(),
            })
            .collect(),
    }
}

/// An offer.
pub(in crate::service) fn offer(catalog: &Catalog, offer: &Offer) -> v1::Offer {
    let placements: Vec<&Placement> = offer
        .placements
        .iter()
        .filter_map(|number| catalog.placement(*number))
        .collect();
    // An offer has a placement, and its placements have one currency.
    let currency = placements.first().map(|placement| placement.currency);
    let campaign = catalog.campaign_of(offer);
    let written = catalog.written_offer(&offer.id).map(AsRef::as_ref);
    let document_json = as_json(written);
    v1::Offer {
        id: offer.id.clone(),
        campaign_id: campaign.map(|it| it.id.clone()).unwrap_or_default(),
        title: offer.title.clone(),
        placements: placements.iter().map(|it| it.id.clone()).collect(),
        status: status(offer.status).into(),
        schedule: written.map(|written| schedule(&offer.schedule, &written.schedule)),
        benefit: currency.map(|currency| benefit::to_wire(&offer.benefit, currency)),
        render_payload: offer.render_payload.clone(),
        needs_approval: written.is_some_and(|written| written.needs_approval),
        priority: offer.priority,
        exclusive: offer.exclusive,
        stacking_group: offer.stacking_group.clone().unwrap_or_default(),
        void_on_end: offer.void_on_end,
        eligibility_json: as_json(written.and_then(|written| written.eligibility.as_ref())),
        etag: etag(document_json.as_bytes()),
        document_json,
    }
}

fn segment(catalog: &Catalog, segment: &Segment) -> v1::Segment {
    let written = catalog.segment_document(&segment.id);
    v1::Segment {
        id: segment.id.clone(),
        title: segment.title.clone(),
        condition_json: as_json(written.and_then(|written| written.when.as_ref())),
    }
}

/// A page of the placements.
pub(in crate::service) fn list_placements(
    catalog: &Catalog,
    request: &v1::ListPlacementsRequest,
) -> Result<v1::ListPlacementsResponse, Vec<FieldFault>> {
    let asked = PageRequest {
        page_size: request.page_size,
        page_token: &request.page_token,
    };
    let list = all(catalog, "placements");
    let (placements, next_page_token) = page(list, &asked, catalog.placements(), |it| {
        placement(catalog, it)
    })?;
    Ok(v1::ListPlacementsResponse {
        placements,
        next_page_token,
    })
}

/// A page of the campaigns.
pub(in crate::service) fn list_campaigns(
    catalog: &Catalog,
    request: &v1::ListCampaignsRequest,
) -> Result<v1::ListCampaignsResponse, Vec<FieldFault>> {
    let asked = PageRequest {
        page_size: request.page_size,
        page_token: &request.page_token,
    };
    let list = all(catalog, "campaigns");
    let (campaigns, next_page_token) = page(list, &asked, catalog.campaigns(), |it| {
        campaign(catalog, it)
    })?;
    Ok(v1::ListCampaignsResponse {
        campaigns,
        next_page_token,
    })
}

/// A page of the segments.
pub(in crate::service) fn list_segments(
    catalog: &Catalog,
    request: &v1::ListSegmentsRequest,
) -> Result<v1::ListSegmentsResponse, Vec<FieldFault>> {
    let asked = PageRequest {
        page_size: request.page_size,
        page_token: &request.page_token,
    };
    let segments: Vec<&Segment> = catalog.segmentation().iter().collect();
    let list = all(catalog, "segments");
    let (segments, next_page_token) = page(list, &asked, segments.into_iter(), |it| {
        segment(catalog, it)
    })?;
    Ok(v1::ListSegmentsResponse {
        segments,
        next_page_token,
    })
}

/// A page of the offers: all, or those of one placement.
pub(in crate::service) fn list_offers(
    catalog: &Catalog,
    of: Option<&Placement>,
    request: &v1::ListOffersRequest,
) -> Result<v1::ListOffersResponse, Vec<FieldFault>> {
    let asked = PageRequest {
        page_size: request.page_size,
        page_token: &request.page_token,
    };
    let list = List {
        kind: "offers",
        of: &request.placement,
        version: catalog.version(),
    };
    let to_wire = |it: &Offer| offer(catalog, it);
    let (offers, next_page_token) = match of {
        Some(placement) => {
            let offers: Vec<&Offer> = catalog.offers_at(placement).map(|(it, _)| it).collect();
            page(list, &asked, offers.into_iter(), to_wire)?
        }
        None => page(list, &asked, catalog.offers(), to_wire)?,
    };
    Ok(v1::ListOffersResponse {
        offers,
        next_page_token,
    })
}

fn all(catalog: &Catalog, kind: &'static str) -> List<'static> {
    List {
        kind,
        of: "",
        version: catalog.version(),
    }
}
