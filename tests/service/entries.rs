//! Changing the catalogue over the wire.

use promobandit::proto::promobandit::v1::{
    ApplyCatalogRequest, CatalogEntry, ChangeEntryStatusRequest, CreateEntryRequest, EntryAction,
    EntryKind, ExportCatalogRequest, GetEntryRequest, ListEntriesRequest, ListEntryHistoryRequest,
    ListOffersRequest, PreviewOffersRequest, Status as EntryStatus, UpdateEntryRequest,
};
use prost_types::FieldMask;
use tonic::{Code, Status};

use crate::harness::{Service, assert_refusal, choose_request};

const OFFER: i32 = EntryKind::Offer as i32;

async fn entry(service: &Service, id: &str) -> CatalogEntry {
    let asked = GetEntryRequest {
        kind: OFFER,
        id: id.to_owned(),
    };
    let read = service.catalogs().get_entry(asked).await;
    read.expect("it is there")
        .into_inner()
        .entry
        .expect("an entry")
}

/// Gives the offer `coupon_20` another title.
async fn retitle(service: &Service, title: &str, etag: &str) -> Result<CatalogEntry, Status> {
    let asked = UpdateEntryRequest {
        kind: OFFER,
        id: "coupon_20".to_owned(),
        document_json: format!("{{\"title\":\"{title}\"}}"),
        update_mask: Some(FieldMask {
            paths: vec!["title".to_owned()],
        }),
        etag: etag.to_owned(),
        actor: "ann".to_owned(),
        validate_only: false,
    };
    let updated = service.catalogs().update_entry(asked).await?.into_inner();
    Ok(updated.entry.expect("an entry"))
}

#[tokio::test]
async fn an_update_rests_on_the_etag_that_its_caller_saw() {
    let service = Service::start().await;
    let seen = entry(&service, "coupon_20").await;
    let first = retitle(&service, "First", &seen.etag)
        .await
        .expect("it holds");
    assert_eq!(first.catalog_version, 2);
    assert_ne!(first.etag, seen.etag);
    let late = retitle(&service, "Second", &seen.etag)
        .await
        .expect_err("stale");
    assert_refusal(&late, "stale", Code::Aborted, "ETAG_DIFFERS", &[]);
    let second = retitle(&service, "Second", &first.etag).await;
    assert_eq!(second.expect("it holds").catalog_version, 3);

    let mut asked = ListEntryHistoryRequest {
        kind: OFFER,
        id: "coupon_20".to_owned(),
        page_size: 2,
        page_token: String::new(),
    };
    let page = service.catalogs().list_entry_history(asked.clone()).await;
    let page = page.expect("it is there").into_inner();
    let versions = |of: &[promobandit::proto::promobandit::v1::PastEntry]| -> Vec<i32> {
        of.iter().map(|past| past.catalog_version).collect()
    };
    assert_eq!(versions(&page.entries), [1, 2]);
    assert_eq!(page.entries[1].actor, "ann");
    asked.page_token = page.next_page_token;
    let page = service.catalogs().list_entry_history(asked).await;
    let page = page.expect("it is there").into_inner();
    assert_eq!(
        (versions(&page.entries), page.next_page_token),
        (vec![3], String::new())
    );
}

#[tokio::test]
async fn an_offer_is_created_ended_and_deleted_over_the_wire() {
    let service = Service::start().await;
    let create = CreateEntryRequest {
        kind: OFFER,
        document_json: r#"{"id":"lantern","status":"draft","placements":["checkout"],"benefit":{"kind":"gift","sku":"tea-gift-box","unit_cost":"3.00"}}"#.to_owned(),
        actor: "ann".to_owned(),
        validate_only: false,
    };
    let created = service.catalogs().create_entry(create.clone()).await;
    let created = created
        .expect("it holds")
        .into_inner()
        .entry
        .expect("an entry");
    assert_eq!(
        (created.id.as_str(), created.catalog_version),
        ("lantern", 2)
    );
    let again = service
        .catalogs()
        .create_entry(create)
        .await
        .expect_err("twice");
    assert_refusal(&again, "twice", Code::AlreadyExists, "ENTRY_EXISTS", &[]);
    let step = |action: EntryAction| ChangeEntryStatusRequest {
        kind: OFFER,
        id: "lantern".to_owned(),
        action: action.into(),
        actor: "ann".to_owned(),
        ..ChangeEntryStatusRequest::default()
    };
    for action in [
        EntryAction::Activate,
        EntryAction::Pause,
        EntryAction::Delete,
    ] {
        let changed = service.catalogs().change_entry_status(step(action)).await;
        changed.expect("a step that is allowed");
    }
    let offers = service
        .catalogs()
        .list_offers(ListOffersRequest::default())
        .await;
    let offers = offers.expect("the catalogue").into_inner().offers;
    let lantern = offers.iter().find(|offer| offer.id == "lantern");
    assert_eq!(
        lantern.expect("deleted softly").status(),
        EntryStatus::Deleted
    );
    let pause = service
        .catalogs()
        .change_entry_status(step(EntryAction::Pause))
        .await;
    let pause = pause.expect_err("it is deleted");
    assert_refusal(
        &pause,
        "deleted",
        Code::FailedPrecondition,
        "STATUS_FORBIDS",
        &[],
    );
    let nothing = service
        .catalogs()
        .change_entry_status(ChangeEntryStatusRequest::default())
        .await;
    let nothing = nothing.expect_err("nothing is said");
    let fields = ["kind", "id", "action"];
    assert_refusal(
        &nothing,
        "nothing",
        Code::InvalidArgument,
        "FIELD_INVALID",
        &fields,
    );
}

#[tokio::test]
async fn what_would_make_a_faulty_catalogue_is_refused_with_its_faults() {
    let service = Service::start().await;
    let update = UpdateEntryRequest {
        kind: OFFER,
        id: "coupon_20".to_owned(),
        document_json: r#"{"status":"activ","placements":["chekout"]}"#.to_owned(),
        update_mask: Some(FieldMask {
            paths: vec!["status".to_owned(), "placements".to_owned()],
        }),
        ..UpdateEntryRequest::default()
    };
    let refused = service
        .catalogs()
        .update_entry(update)
        .await
        .expect_err("two faults");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().contains("would have 2 faults"),
        "{}",
        refused.message()
    );
    let exported = service
        .catalogs()
        .export_catalog(ExportCatalogRequest {})
        .await;
    let exported = exported.expect("the catalogue").into_inner();
    assert_eq!(exported.version, 1);
    let apply = |document_json: Vec<u8>| ApplyCatalogRequest {
        document_json,
        actor: "ann".to_owned(),
        validate_only: false,
    };
    let same = service
        .catalogs()
        .apply_catalog(apply(exported.document_json.clone()))
        .await;
    assert!(same.expect("it holds").into_inner().unchanged);
    let json = String::from_utf8(exported.document_json).expect("text");
    let other = json.replacen("\"20.00\"", "\"25.00\"", 1);
    let applied = service
        .catalogs()
        .apply_catalog(apply(other.into_bytes()))
        .await;
    let applied = applied.expect("it holds").into_inner();
    assert_eq!(applied.difference, "offers: 1 changed (coupon_20)");
    let bad = service
        .catalogs()
        .apply_catalog(apply(b"{\"offers\":[]}".to_vec()))
        .await;
    let bad = bad.expect_err("no catalogue");
    assert_refusal(
        &bad,
        "bad",
        Code::InvalidArgument,
        "FIELD_INVALID",
        &["document_json"],
    );
}

#[tokio::test]
async fn entries_are_listed_and_a_preview_records_nothing() {
    let service = Service::start().await;
    let mut asked = ListEntriesRequest {
        kind: OFFER,
        page_size: 10,
        page_token: String::new(),
    };
    let mut ids = Vec::new();
    loop {
        let page = service.catalogs().list_entries(asked.clone()).await;
        let page = page.expect("the catalogue").into_inner();
        ids.extend(page.entries.into_iter().map(|entry| entry.id));
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            break;
        }
    }
    assert_eq!((ids.len(), ids[0].as_str()), (15, "spend_100_save_50"));
    let before = service.stats().await;
    let preview = PreviewOffersRequest {
        request: Some(choose_request()),
    };
    let told = service.catalogs().preview_offers(preview).await;
    let told = told.expect("it holds").into_inner();
    assert_eq!(told.candidates.len(), 9);
    assert!(told.candidates.iter().all(|candidate| candidate.eligible));
    assert_eq!(told.decision.expect("a decision").decision_id, "");
    assert_eq!(service.stats().await.events, before.events);
}
