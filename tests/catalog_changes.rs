//! The catalogue changes beside decisions: one entry at a time and whole, small
//! and too large for one record.

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::edit::{Edit, EditError, EntryKind, Step};
use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::ids::CatalogVersion;
use promobandit::engine::clock::ManualClock;
use promobandit::engine::price::PriceRequest;
use promobandit::engine::revise::{Rehearsal, ReviseError};
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use support::{START, Shop, request};

/// Offers in pairs: of each exactly one is active, and which one is the only
/// thing that changes.
fn pairs(count: usize, left: bool) -> CatalogDocument {
    let mut text = "[[placement]]\nid = \"checkout\"\nslots = 3\nobjective = \"conversion\"\n\
                    currency = \"CNY\"\npolicy = { kind = \"uniform\" }\n"
        .to_owned();
    for pair in 0..count {
        for side in ["left", "right"] {
            let status = if (side == "left") == left {
                "active"
            } else {
                "paused"
            };
            text += &format!(
                "[[offer]]\nid = \"{side}-{pair}\"\nstatus = \"{status}\"\nplacements = [\"checkout\"]\n\
                 benefit = {{ kind = \"amount_off\", amount = \"1.00\" }}\n"
            );
        }
    }
    read_toml(&text, "pairs.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

async fn shop(document: CatalogDocument) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([9; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let imported = shop.engine.import_catalog(document, "test").await;
    imported.expect("the catalogue holds");
    shop
}

fn verify(shop: &Shop, decisions: u64) {
    let report = shop.engine.verify(None, &mut |_| ControlFlow::Continue(()));
    let report = report.expect("the ledger is whole");
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!(report.rederived, decisions);
}

fn update(id: &str, json: &str, fields: &[&str]) -> Edit {
    Edit::Update {
        id: id.to_owned(),
        json: json.to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        etag: String::new(),
    }
}

fn moved(id: &str, step: Step) -> Edit {
    Edit::Move {
        id: id.to_owned(),
        step,
        etag: String::new(),
    }
}

/// Makes a change of an offer; its id.
async fn revise(shop: &Shop, edit: &Edit, actor: &str) -> Result<String, ReviseError> {
    let engine = &shop.engine;
    let revised = engine.revise_catalog(EntryKind::Offer, edit, actor, Rehearsal::No);
    Ok(revised.await?.id)
}

/// Whole catalogues and single entries change while decisions are made: each
/// decision was made with all of a version or none of it, and is derived again
/// from the version that it names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_decision_sees_half_a_change() {
    let shop = Arc::new(shop(pairs(20, true)).await);
    let changing = tokio::spawn({
        let shop = shop.clone();
        async move {
            for change in 0..60 {
                let document = pairs(20, change % 2 == 1);
                let imported = shop.engine.import_catalog(document, "test").await;
                imported.expect("it holds").expect("it is another");
                for offer in 0..5 {
                    let title = format!("{{\"title\":\"{change}\"}}");
                    let edit = update(&format!("left-{offer}"), &title, &["title"]);
                    revise(&shop, &edit, "ann").await.expect("it holds");
                }
            }
        }
    });
    let mut decisions = 0;
    let mut versions = BTreeMap::new();
    while !changing.is_finished() || decisions < 500 {
        let chosen = shop.engine.choose(&request(decisions, "checkout")).await;
        let decision = chosen.expect("a decision").decision;
        let eligible = decision.record.eligible.as_ref().expect("some are on");
        let sides: Vec<&str> = eligible
            .iter()
            .map(|offer| decision.catalog.offer(offer).expect("an offer"))
            .map(|offer| &offer.id[..4])
            .collect();
        assert_eq!(sides.len(), 20);
        assert!(
            sides.iter().all(|side| *side == sides[0]),
            "half a change: {sides:?}"
        );
        let told = shop.engine.explain(decision.recorded.expect("recorded").id);
        let told = told.expect("it can be told");
        assert_eq!(
            told.decision.catalog.version(),
            decision.record.catalog_version
        );
        *versions.entry(decision.record.catalog_version).or_insert(0) += 1;
        decisions += 1;
    }
    changing.await.expect("no change failed");
    let last = shop.engine.catalog().expect("a catalogue").version();
    assert_eq!(last, CatalogVersion(1 + 60 * 6));
    assert!(
        versions.len() > 1,
        "all decisions were made with one version"
    );
    verify(&shop, decisions);
    let again = shop.reopened();
    assert_eq!(again.engine.state_hash(), shop.engine.state_hash());
    let documents = [&shop, &again].map(|it| it.engine.catalog().expect("one").document());
    assert_eq!(documents[0], documents[1]);
}

#[tokio::test]
async fn two_changes_at_once_are_made_one_after_the_other() {
    let shop = shop(pairs(2, true)).await;
    let edits: Vec<Edit> = (0..50)
        .map(|number| update("left-0", &format!("{{\"title\":\"{number}\"}}"), &["title"]))
        .collect();
    let made = futures_util::future::join_all(edits.iter().map(|edit| revise(&shop, edit, "ann")));
    assert!(made.await.iter().all(Result::is_ok));
    let history = shop.engine.catalog_history(EntryKind::Offer, "left-0");
    assert_eq!(history.len(), 51);
    let versions: Vec<u32> = history.iter().map(|past| past.version.0).collect();
    assert_eq!(versions, (1..=51).collect::<Vec<_>>());
    assert!(
        history[1..]
            .iter()
            .all(|past| past.actor == "ann" && past.json.is_some())
    );
    // An entry that nobody touched has one content, whatever the version.
    assert_eq!(
        shop.engine
            .catalog_history(EntryKind::Offer, "left-1")
            .len(),
        1
    );
}

#[tokio::test]
async fn an_entry_goes_from_draft_by_another_s_approval_to_its_end() {
    let shop = shop(pairs(1, true)).await;
    let created = Edit::Create {
        json: r#"{"id":"new","status":"draft","needs_approval":true,"placements":["checkout"],"benefit":{"kind":"free_shipping"}}"#.to_owned(),
    };
    assert_eq!(
        revise(&shop, &created, "ann").await.expect("it holds"),
        "new"
    );
    let refused = |error: Result<String, ReviseError>| match error.expect_err("a refusal") {
        ReviseError::Edit(error) => error,
        other => panic!("{other}"),
    };
    let again = refused(revise(&shop, &created, "ann").await);
    assert!(matches!(again, EditError::Exists { .. }), "{again}");
    let early = refused(revise(&shop, &moved("new", Step::Activate), "ann").await);
    assert!(matches!(early, EditError::NotApproved { .. }), "{early}");
    let own = refused(revise(&shop, &moved("new", Step::Approve), "ann").await);
    assert!(matches!(own, EditError::OwnApproval { .. }), "{own}");
    for (step, actor) in [
        (Step::Approve, "bea"),
        (Step::Activate, "ann"),
        (Step::Pause, "ann"),
        (Step::Activate, "ann"),
        (Step::Delete, "ann"),
        (Step::Undelete, "ann"),
        (Step::End, "ann"),
    ] {
        revise(&shop, &moved("new", step), actor)
            .await
            .expect("a step that is allowed");
    }
    let over = refused(revise(&shop, &moved("new", Step::Activate), "ann").await);
    assert_eq!(
        over.to_string(),
        "\"new\" cannot activate while it is ended"
    );
    let statuses: Vec<String> = shop
        .engine
        .catalog_history(EntryKind::Offer, "new")
        .iter()
        .filter_map(|past| serde_json::from_str::<serde_json::Value>(past.json.as_ref()?).ok())
        .map(|json| json["status"].as_str().unwrap_or("active").to_owned())
        .collect();
    assert_eq!(
        statuses,
        [
            "draft", "approved", "active", "paused", "active", "deleted", "draft", "ended"
        ]
    );
}

#[tokio::test]
async fn a_change_with_a_fault_changes_nothing() {
    let shop = shop(pairs(1, true)).await;
    let before = shop.engine.catalog().expect("one").version();
    for (edit, told) in [
        (
            update("left-0", "{\"status\":\"activ\"}", &["status"]),
            "must be one of draft",
        ),
        (
            update("left-0", "{\"placements\":[\"chekout\"]}", &["placements"]),
            "did you mean \"checkout\"",
        ),
        (
            update("left-0", "{\"titel\":\"x\"}", &["titel"]),
            "unknown field `titel`",
        ),
        (
            update("left-0", "{}", &["benefit"]),
            "missing field `benefit`",
        ),
        (
            update("left-0", "{}", &["id"]),
            "no field of a catalogue's entry",
        ),
        (
            update("left-9", "{}", &["title"]),
            "has no offer \"left-9\"",
        ),
    ] {
        let error = revise(&shop, &edit, "ann")
            .await
            .expect_err(told)
            .to_string();
        assert!(error.contains(told), "{error}");
    }
    let stale = Edit::Move {
        id: "left-0".to_owned(),
        step: Step::Pause,
        etag: "0000000000000000".to_owned(),
    };
    let error = revise(&shop, &stale, "ann")
        .await
        .expect_err("another etag");
    assert!(matches!(
        error,
        ReviseError::Edit(EditError::Conflict { .. })
    ));
    let pause = moved("left-0", Step::Pause);
    let engine = &shop.engine;
    let rehearsed = engine.revise_catalog(EntryKind::Offer, &pause, "ann", Rehearsal::Yes);
    let rehearsed = rehearsed.await.expect("it would hold");
    assert_eq!(rehearsed.catalog.version(), CatalogVersion(before.0 + 1));
    assert_eq!(shop.engine.catalog().expect("one").version(), before);
}

#[tokio::test]
async fn the_end_of_an_offer_honours_or_voids_what_was_offered() {
    for (on_end, code) in [("honour", None), ("void", Some("OFFER_VOIDED"))] {
        let shop = shop(pairs(1, true)).await;
        let json = format!("{{\"on_end\":\"{on_end}\"}}");
        let edit = update("left-0", &json, &["on_end"]);
        revise(&shop, &edit, "ann").await.expect("it holds");
        let decision = shop.choose(1, "checkout").await;
        let end = moved("left-0", Step::End);
        revise(&shop, &end, "ann").await.expect("it can end");
        let cart = request(1, "checkout").cart;
        let priced = shop.engine.price(&PriceRequest { decision, cart });
        let priced = priced.expect("the decision is known");
        let lapse = priced.offers[0].lapse.as_ref();
        assert_eq!(lapse.map(|lapse| lapse.code()), code, "{on_end}");
    }
}

/// 9,000 offers with long names fit no record: they come in parts, take effect
/// with the last one, and what an upload without an end left behind is dropped.
#[tokio::test]
async fn a_large_catalogue_comes_in_parts_and_takes_effect_at_once() {
    let shop = shop(pairs(1, true)).await;
    let mut large = pairs(1, true);
    let offer = large.offers[0].clone();
    large.offers.extend((0..9_000_u64).map(|number| {
        let mut offer = offer.clone();
        offer.id = format!(
            "{:060x}",
            u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c)
        );
        offer
    }));
    let imported = shop.engine.import_catalog(large.clone(), "test").await;
    let imported = imported.expect("it holds").expect("it is another");
    assert_eq!(imported.version, CatalogVersion(2));
    shop.choose(1, "checkout").await;
    let edit = update("left-0", "{\"title\":\"after\"}", &["title"]);
    revise(&shop, &edit, "ann").await.expect("it holds");
    verify(&shop, 1);
    let again = shop.reopened();
    let catalog = again.engine.catalog().expect("one");
    assert_eq!(catalog.version(), CatalogVersion(3));
    large.offers[0].title = Some("after".to_owned());
    assert!(
        catalog.document() == large,
        "the parts make another catalogue"
    );
    assert_eq!(again.engine.state_hash(), shop.engine.state_hash());
}
