//! Reading the catalogue.

use promobandit::catalog::starter::starter;
use promobandit::proto::promobandit::v1::{
    GetCampaignRequest, GetCatalogRequest, GetOfferRequest, GetPlacementRequest,
    ListCampaignsRequest, ListOffersRequest, ListPlacementsRequest, ListSegmentsRequest, Objective,
};
use tonic::Code;

use crate::harness::{NOW_MS, Service, assert_refusal, at};

#[tokio::test]
async fn the_catalogue_is_told_as_it_was_imported() {
    let service = Service::start().await;
    let mut catalogs = service.catalogs();
    let told = catalogs.get_catalog(GetCatalogRequest {}).await;
    let told = told.expect("a catalogue").into_inner();
    assert_eq!((told.version, told.placements, told.offers), (1, 3, 15));
    assert_eq!(told.update_time, Some(at(NOW_MS)));
    assert_eq!(told.attributes.len(), 4);

    let asked = GetPlacementRequest {
        placement: "cart".to_owned(),
    };
    let placement = catalogs.get_placement(asked).await.expect("a placement");
    let placement = placement.into_inner().placement.expect("a placement");
    assert_eq!(placement.objective(), Objective::NetRevenue);
    assert!(placement.policy_json.contains("epsilon_greedy"));

    let asked = GetCampaignRequest {
        campaign_id: "spring_festival".to_owned(),
    };
    let campaign = catalogs.get_campaign(asked).await.expect("a campaign");
    let campaign = campaign.into_inner().campaign.expect("a campaign");
    assert!(campaign.schedule.expect("a schedule").starts_at.is_some());

    let asked = GetOfferRequest {
        offer_id: "tea_gift".to_owned(),
    };
    let offer = catalogs.get_offer(asked).await.expect("an offer");
    let offer = offer.into_inner().offer.expect("an offer");
    assert_eq!(offer.campaign_id, "spring_festival");
    assert_eq!(offer.placements, ["checkout", "cart"]);

    let listed = catalogs.list_segments(ListSegmentsRequest::default()).await;
    let segments = listed.expect("segments").into_inner().segments;
    assert_eq!(segments.len(), 5);
    assert!(segments[0].condition_json.contains("value_tier"));
    assert_eq!(segments[4].condition_json, "");
    let asked = ListPlacementsRequest::default();
    let listed = catalogs.list_placements(asked).await.expect("placements");
    assert_eq!(listed.into_inner().placements.len(), 3);
    let asked = ListCampaignsRequest::default();
    let listed = catalogs.list_campaigns(asked).await.expect("campaigns");
    assert_eq!(listed.into_inner().campaigns.len(), 1);
}

#[tokio::test]
async fn pages_belong_to_their_version() {
    let service = Service::start().await;
    let mut catalogs = service.catalogs();
    let mut asked = ListOffersRequest {
        placement: "checkout".to_owned(),
        page_size: 4,
        page_token: String::new(),
    };
    let mut ids = Vec::new();
    loop {
        let page = catalogs.list_offers(asked.clone()).await.expect("a page");
        let page = page.into_inner();
        ids.extend(page.offers.into_iter().map(|offer| offer.id));
        if page.next_page_token.is_empty() {
            break;
        }
        asked.page_token = page.next_page_token;
    }
    assert_eq!(ids.len(), 9);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9, "no offer comes twice");

    let mut document = starter();
    document.offers.truncate(14);
    let engine = service.gate.engine().expect("an engine");
    let imported = engine.import_catalog(document, "test").await;
    imported.expect("it holds");
    let refusal = catalogs.list_offers(asked).await;
    let refusal = refusal.expect_err("a token of version 1");
    let (code, reason) = (Code::InvalidArgument, "FIELD_INVALID");
    assert_refusal(&refusal, "an old token", code, reason, &["page_token"]);
}
