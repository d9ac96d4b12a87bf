//! Reading the catalogue.

use promobandit::catalog::starter::starter;
use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::proto::promobandit::v1::{
    ApplyCatalogRequest, EntryKind, ExportCatalogRequest, GetCampaignRequest, GetCatalogRequest,
    GetOfferRequest, GetPlacementRequest, ListCampaignsRequest, ListOffersRequest,
    ListPlacementsRequest, ListSegmentsRequest, Objective, Status, UpdateEntryRequest, reward_term,
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

/// A catalogue that says everything that a file can say of an entry.
const FULL: &str = r#"
[[placement]]
id = "checkout"
slots = 2
objective = "weighted"
reward_terms = [{ event = "CLICK", weight = 0.5 }, { value = "margin", weight = 0.01 }]
winsor = { min = -5, max = 200 }
currency = "CNY"
holdout_basis_points = 500
holdout_group = "all"
exposure_caps = [{ most = 20, within = "1d" }]
guards = [{ per = "payment", most = 10, within = "1h" }]
policy = { kind = "epsilon_greedy", epsilon = 0.1 }

[[calendar]]
id = "closed"
dates = ["2027-02-07", "2027-02-09/2027-02-11"]

[[campaign]]
id = "spring"
needs_approval = true
priority = 3
schedule = { starts_at = "2027-02-06", ends_at = "2027-03-06", time_zone = "Asia/Shanghai", except_on = ["closed"] }
eligibility = { any = [{ shopper = "new" }, { channel = ["app"] }] }
limits = [{ most = 100000 }]
exposure_caps = [{ most = 5, within = "7d" }]
budget = { amount = "90000", currency = "CNY" }
pacing = { kind = "even", weekdays = [10, 10, 10, 10, 12, 16, 15], time_zone = "Asia/Shanghai" }
per_decision = { offers = 1, discount = "50.00" }

[[offer]]
id = "tea_for_two"
title = "Tea for two"
campaign = "spring"
placements = ["checkout"]
status = "paused"
render = '{"badge":"tea"}'
needs_approval = true
priority = 7
exclusive = true
stacking_group = "tea"
on_end = "void"
schedule = { time_zone = "Asia/Shanghai", days = ["fri", "sat"], hours = [{ from = "18:00", until = "02:00" }] }
eligibility = { all = [{ cart = { category = ["tea"], min_quantity = 2, min_spend = "100.00" } }, { not = { region = ["east"] } }] }
limits = [{ scope = "shopper", most = 1 }]
exposure_caps = [{ most = 3, within = "7d" }]
benefit = { kind = "percent_off", discount_basis_points = 500 }

[[stock]]
sku = "lantern"
pieces = 10

[[exchange_rate]]
from = "USD"
to = "CNY"
rate = "7.1234"
"#;

#[tokio::test]
async fn the_wire_carries_all_that_a_file_can_say() {
    let service = Service::start().await;
    let mut catalogs = service.catalogs();
    let file = read_toml(FULL, "full.toml").unwrap_or_else(|faults| panic!("{faults}"));
    let applied = catalogs.apply_catalog(ApplyCatalogRequest {
        document_json: file.to_json().expect("JSON"),
        actor: "ann".to_owned(),
        validate_only: false,
    });
    assert_eq!(applied.await.expect("it holds").into_inner().version, 2);
    let exported = catalogs.export_catalog(ExportCatalogRequest {}).await;
    let exported = exported.expect("a catalogue").into_inner().document_json;
    assert_eq!(
        CatalogDocument::from_json(&exported).expect("a document"),
        file
    );

    let asked = GetOfferRequest {
        offer_id: "tea_for_two".to_owned(),
    };
    let offer = catalogs.get_offer(asked.clone()).await.expect("an offer");
    let offer = offer.into_inner().offer.expect("an offer");
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    let written = serde_json::to_value(&file.offers[0]).expect("JSON");
    assert_eq!(json(&offer.document_json), written);
    assert_eq!(json(&offer.eligibility_json), written["eligibility"]);
    assert_eq!(
        (
            offer.status(),
            offer.priority,
            offer.exclusive,
            offer.void_on_end,
            offer.needs_approval
        ),
        (Status::Paused, 7, true, true, true)
    );
    assert_eq!(offer.stacking_group, "tea");
    let schedule = offer.schedule.as_ref().expect("a schedule");
    assert_eq!(
        (schedule.time_zone.as_str(), &schedule.days),
        ("Asia/Shanghai", &vec!["fri".to_owned(), "sat".to_owned()])
    );
    assert_eq!(
        (
            schedule.hours[0].from.as_str(),
            schedule.hours[0].until.as_str()
        ),
        ("18:00", "02:00")
    );

    let asked_campaign = GetCampaignRequest {
        campaign_id: "spring".to_owned(),
    };
    let campaign = catalogs
        .get_campaign(asked_campaign)
        .await
        .expect("a campaign");
    let campaign = campaign.into_inner().campaign.expect("a campaign");
    let written = serde_json::to_value(&file.campaigns[0]).expect("JSON");
    assert_eq!(json(&campaign.document_json), written);
    assert_eq!(json(&campaign.eligibility_json), written["eligibility"]);
    assert_eq!((campaign.priority, campaign.needs_approval), (3, true));
    assert_eq!(campaign.schedule.expect("a schedule").except_on, ["closed"]);

    let asked_placement = GetPlacementRequest {
        placement: "checkout".to_owned(),
    };
    let placement = catalogs
        .get_placement(asked_placement)
        .await
        .expect("a placement");
    let placement = placement.into_inner().placement.expect("a placement");
    let written = serde_json::to_value(&file.placements[0]).expect("JSON");
    assert_eq!(json(&placement.document_json), written);
    assert_eq!(placement.holdout_group, "all");
    assert_eq!(placement.winsor.expect("a winsor").max, 200.0);
    let terms: Vec<_> = placement
        .reward_terms
        .iter()
        .map(|term| (term.of, term.weight))
        .collect();
    let margin = reward_term::Of::Value(Objective::Margin.into());
    assert_eq!(terms[1], (Some(margin), 0.01));

    // What was read can be written back: nothing changes. A mask changes its
    // fields alone, wherever they stand.
    let update = |document_json: &str, paths: &[&str], etag: &str| UpdateEntryRequest {
        kind: EntryKind::Offer.into(),
        id: "tea_for_two".to_owned(),
        document_json: document_json.to_owned(),
        update_mask: (!paths.is_empty()).then(|| prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        etag: etag.to_owned(),
        actor: "ann".to_owned(),
        validate_only: false,
    };
    let same = catalogs
        .update_entry(update(&offer.document_json, &[], &offer.etag))
        .await;
    let same = same
        .expect("it holds")
        .into_inner()
        .entry
        .expect("an entry");
    // Only that it needs a new approval.
    let mut drafted = json(&offer.document_json);
    drafted["status"] = "draft".into();
    assert_eq!(json(&same.document_json), drafted);
    let changed = r#"{"priority":9,"schedule":{"days":["mon"],"hours":[{"from":"08:00","until":"09:00"}]},"eligibility":{"channel":["web"]},"title":"not in the mask"}"#;
    let mask = ["priority", "schedule.days", "schedule.hours", "eligibility"];
    let answer = catalogs
        .update_entry(update(changed, &mask, &same.etag))
        .await;
    answer.expect("it holds");
    let stale = catalogs
        .update_entry(update(changed, &mask, &same.etag))
        .await;
    assert_eq!(stale.expect_err("a stale etag").code(), Code::Aborted);
    let after = catalogs.get_offer(asked).await.expect("an offer");
    let after = after.into_inner().offer.expect("an offer");
    let schedule = after.schedule.as_ref().expect("a schedule");
    assert_eq!((after.priority, after.title.as_str()), (9, "Tea for two"));
    assert_eq!(
        (schedule.days.as_slice(), schedule.time_zone.as_str()),
        (&["mon".to_owned()][..], "Asia/Shanghai")
    );
    assert_eq!(schedule.hours[0].from, "08:00");
    assert_eq!(
        json(&after.eligibility_json),
        json(r#"{"channel":["web"]}"#)
    );
    assert_eq!(
        (after.exclusive, after.stacking_group.as_str()),
        (true, "tea")
    );
}
