//! Every field of every request, missing, empty, too long, out of bounds: the
//! answer names field, value and bound, and nothing is appended.

mod events;
mod offers;

use promobandit::proto::google::r#type::Money;
use promobandit::proto::promobandit::v1::{
    BatchRecordRewardsRequest, ExplainRequest, GetCampaignRequest, GetDecisionRequest,
    GetOfferRequest, GetPlacementRequest, ListCampaignsRequest, ListOffersRequest,
    ListPlacementsRequest, ListSegmentsRequest, RecordRewardRequest, VerifyRequest,
};
use tonic::{Code, Status};

use crate::harness::{Service, assert_refusal, new_id};

const INVALID: (Code, &str) = (Code::InvalidArgument, "FIELD_INVALID");

type Change<R> = fn(&mut R);
/// What is wrong, how it gets there, and the fields that are named.
type Row<R> = (&'static str, Change<R>, &'static [&'static str]);

fn money(code: &str, units: i64, nanos: i32) -> Money {
    Money {
        currency_code: code.to_owned(),
        units,
        nanos,
    }
}

fn long(bytes: usize) -> String {
    "长".repeat(bytes / 3) + &"x".repeat(bytes % 3)
}

#[tokio::test]
async fn every_other_request_is_checked_as_well() {
    let service = Service::start().await;
    let before = service.stats().await.position;
    let (mut catalogs, mut offers) = (service.catalogs(), service.offers());
    let (mut ledgers, mut rewards) = (service.ledgers(), service.rewards());
    let mut refusals: Vec<(&str, Option<Status>)> = Vec::new();
    for decision_id in ["", "x"].map(str::to_owned) {
        let request = GetDecisionRequest {
            decision_id: decision_id.clone(),
        };
        refusals.push(("decision_id", offers.get_decision(request).await.err()));
        let request = ExplainRequest { decision_id };
        refusals.push(("decision_id", ledgers.explain(request).await.err()));
    }
    for requests in [vec![], vec![RecordRewardRequest::default(); 1_001]] {
        let request = BatchRecordRewardsRequest { requests };
        let refusal = rewards.batch_record_rewards(request).await.err();
        refusals.push(("requests", refusal));
    }
    for expect_head in ["abc".to_owned(), "g".repeat(64), "a".repeat(66)] {
        let request = VerifyRequest { expect_head };
        refusals.push(("expect_head", ledgers.verify(request).await.err()));
    }
    for id in [String::new(), long(65)] {
        let request = GetPlacementRequest {
            placement: id.clone(),
        };
        refusals.push(("placement", catalogs.get_placement(request).await.err()));
        let request = GetCampaignRequest {
            campaign_id: id.clone(),
        };
        refusals.push(("campaign_id", catalogs.get_campaign(request).await.err()));
        let request = GetOfferRequest { offer_id: id };
        refusals.push(("offer_id", catalogs.get_offer(request).await.err()));
    }
    for (field, page_size, page_token) in [
        ("page_size", -1, ""),
        ("page_size", 1_001, ""),
        ("page_token", 0, "1.2.nonsense."),
    ] {
        let page_token = page_token.to_owned();
        let request = ListPlacementsRequest {
            page_size,
            page_token: page_token.clone(),
        };
        refusals.push((field, catalogs.list_placements(request).await.err()));
        let request = ListCampaignsRequest {
            page_size,
            page_token: page_token.clone(),
        };
        refusals.push((field, catalogs.list_campaigns(request).await.err()));
        let request = ListSegmentsRequest {
            page_size,
            page_token: page_token.clone(),
        };
        refusals.push((field, catalogs.list_segments(request).await.err()));
        let request = ListOffersRequest {
            placement: String::new(),
            page_size,
            page_token,
        };
        refusals.push((field, catalogs.list_offers(request).await.err()));
    }
    for (field, refusal) in refusals {
        let refusal = refusal.expect(field);
        assert_refusal(&refusal, field, INVALID.0, INVALID.1, &[field]);
    }
    assert_eq!(service.stats().await.position, before);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let service = Service::start().await;
    let (mut catalogs, mut offers) = (service.catalogs(), service.offers());
    let id = "nothing".to_owned();
    let decision_id = new_id();
    let request = GetDecisionRequest { decision_id };
    let decision = offers.get_decision(request).await.err();
    let request = GetPlacementRequest {
        placement: id.clone(),
    };
    let placement = catalogs.get_placement(request).await.err();
    let request = GetCampaignRequest {
        campaign_id: id.clone(),
    };
    let campaign = catalogs.get_campaign(request).await.err();
    let request = GetOfferRequest {
        offer_id: id.clone(),
    };
    let offer = catalogs.get_offer(request).await.err();
    let request = ListOffersRequest {
        placement: id,
        ..Default::default()
    };
    let listed = catalogs.list_offers(request).await.err();
    for (refusal, reason, field) in [
        (decision, "DECISION_NOT_FOUND", "decision_id"),
        (placement, "PLACEMENT_NOT_FOUND", "placement"),
        (campaign, "CAMPAIGN_NOT_FOUND", "campaign_id"),
        (offer, "OFFER_NOT_FOUND", "offer_id"),
        (listed, "PLACEMENT_NOT_FOUND", "placement"),
    ] {
        let refusal = refusal.expect(reason);
        assert_refusal(&refusal, reason, Code::NotFound, reason, &[field]);
    }
}
