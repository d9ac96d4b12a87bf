//! Decisions.

use super::{benefit, durability, timestamp, version};
use crate::catalog::Catalog;
use crate::domain::decision::{DecisionKind, NoOfferReason};
use crate::domain::distribution::SlotDraw;
use crate::domain::ids::Position;
use crate::domain::money::Currency;
use crate::domain::placement::Placement;
use crate::engine::view::DecisionView;
use crate::proto::promobandit::v1;

/// A decision, recorded or previewed.
#[must_use]
pub fn decision(view: &DecisionView) -> v1::Decision {
    let record = &*view.record;
    let catalog = &*view.catalog;
    let made_at = view.recorded.map_or(record.evaluated_at, |it| it.at);
    let kind = match record.kind {
        DecisionKind::Offers => v1::DecisionKind::Offers,
        DecisionKind::NoOffer(_) => v1::DecisionKind::NoOffer,
        DecisionKind::Holdout => v1::DecisionKind::Holdout,
    };
    let reason = match record.kind {
        DecisionKind::NoOffer(NoOfferReason::NoneDefined) => v1::NoOfferReason::NoneDefined,
        DecisionKind::NoOffer(NoOfferReason::NoneEligible) => v1::NoOfferReason::NoneEligible,
        DecisionKind::Offers | DecisionKind::Holdout => v1::NoOfferReason::Unspecified,
    };
    let kept = view.recorded.map(|_| durability(view.is_durable));
    let placement = view.placement();
    let policy = catalog.policy(record.placement);
    let segment = catalog.numbering().segment_id(record.segment);
    v1::Decision {
        decision_id: view
            .recorded
            .map(|it| it.id.to_string())
            .unwrap_or_default(),
        request_id: record.request_id.to_string(),
        placement: placement.map(|it| it.id.clone()).unwrap_or_default(),
        kind: kind.into(),
        no_offer_reason: reason.into(),
        offers: placement
            .map(|placement| chosen(view, placement))
            .unwrap_or_default(),
        segment: segment.unwrap_or_default().to_owned(),
        policy: policy.map(|it| it.kind().to_owned()).unwrap_or_default(),
        state_position: state_position(record.snapshot_position),
        catalog_version: version(record.catalog_version.0),
        create_time: Some(timestamp(made_at)),
        offer_valid_until: placement.map(|it| timestamp(it.offer_valid_until(made_at))),
        attribution_closes_at: placement.map(|it| timestamp(it.attribution_closes_at(made_at))),
        test: record.test,
        durability: kept.unwrap_or(v1::Durability::Unspecified).into(),
    }
}

/// Callers compare it and hand it back; what it says is ours to change.
fn state_position(position: Position) -> String {
    format!("{:x}", position.0)
}

fn chosen(view: &DecisionView, placement: &Placement) -> Vec<v1::ChosenOffer> {
    let amounts = view.amounts.iter().map(Some);
    let amounts = amounts.chain(std::iter::repeat(None));
    (1..)
        .zip(&view.record.slots)
        .zip(amounts)
        .map(|((slot, draw), amounts)| v1::ChosenOffer {
            amounts: amounts.map(|it| benefit::amounts(it, placement.currency)),
            ..chosen_offer(&view.catalog, placement.currency, slot, draw)
        })
        .collect()
}

fn chosen_offer(
    catalog: &Catalog,
    currency: Currency,
    slot: i32,
    draw: &SlotDraw,
) -> v1::ChosenOffer {
    let propensity = draw.propensity().get();
    // The decision was drawn from the offers of this very catalogue.
    let Some(offer) = catalog.offer(draw.offer()) else {
        return v1::ChosenOffer {
            slot,
            propensity,
            ..Default::default()
        };
    };
    let campaign = catalog.campaign_of(offer);
    v1::ChosenOffer {
        slot,
        offer_id: offer.id.clone(),
        campaign_id: campaign.map(|it| it.id.clone()).unwrap_or_default(),
        title: offer.title.clone(),
        benefit: Some(benefit::to_wire(&offer.benefit, currency)),
        render_payload: offer.render_payload.clone(),
        propensity,
        ..Default::default()
    }
}
