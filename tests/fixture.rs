//! A data directory that the first version of the stored format wrote opens in
//! every later version, and leads to the same state.
//!
//! It was written by this file, run with `PROMOBANDIT_WRITE_FIXTURE=1`. It is
//! not to be written again: a change that cannot read it needs another way.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::Span;
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::record::RewardRequest;
use promobandit::engine::{Engine, Settings, Storage};
use promobandit::ledger::open::{self, Probe};
use support::{START, bought, document, event, purchase, refund, request};
use uuid::Uuid;

const STATE_HASH: &str = "to be pinned";
const CHAIN: &str = "to be pinned";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data-dir-v1")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Opens a data directory; with its checkpoints or without.
fn open_engine(root: &Path, clock: Arc<ManualClock>, with_checkpoints: bool) -> Engine {
    let settings = open::Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::Skip,
        shop_key: None,
    };
    let opened = open::open(root, &settings).unwrap_or_else(|error| panic!("{error}"));
    let storage = Storage {
        ledger: opened.ledger,
        secrets: Arc::new(opened.secrets),
        checkpoints: with_checkpoints.then_some(opened.checkpoints),
    };
    let settings = Settings {
        shop_id: "fixture".to_owned(),
        master_seed: 7,
        ..Settings::default()
    };
    let engine = Engine::open(storage, clock, settings, &mut |_| {});
    engine.unwrap_or_else(|error| panic!("{error}")).0
}

/// Everything that the first version can record.
async fn write_story(engine: &Engine, clock: &ManualClock) {
    engine
        .import_catalog(document(), "fixture")
        .await
        .expect("a catalogue");
    let mut decisions = Vec::new();
    for number in 0..60 {
        let placement = ["checkout", "cart", "post_purchase"][number as usize % 3];
        let mut request = request(number, placement);
        request.session_id = if number < 50 {
            String::new()
        } else {
            format!("visit-{number}")
        };
        request.slots = (number % 3 == 0).then_some(2);
        request.unpersonalized = number % 17 == 0;
        request.test = number % 19 == 0;
        let chosen = engine.choose(&request).await.expect("a decision");
        decisions.push(chosen.decision.recorded.expect("recorded").id);
        if number >= 55 {
            request.request_id = Uuid::from_u128(u128::from(number));
            assert!(engine.choose(&request).await.expect("a reload").reused);
        }
        clock.advance(Span::from_seconds(60));
    }
    for (number, decision) in decisions.iter().enumerate() {
        let id = |name: &str| format!("{number}-{name}");
        let mut events = vec![event(&id("seen"), *decision, OutcomeKind::Exposure)];
        match number % 6 {
            0 => events.push(event(&id("click"), *decision, OutcomeKind::Click)),
            1 => {
                events.push(RewardRequest {
                    order_id: format!("order-{number}"),
                    ..purchase(&id("buy"), *decision, 8_000)
                });
                events.push(refund(&id("back"), *decision, &id("buy"), 1, 3_000));
            }
            2 => {
                events.push(purchase(&id("buy"), *decision, 5_000));
                events.push(event(&id("end"), *decision, OutcomeKind::Settled));
                events.push(RewardRequest {
                    reverses_event_id: id("buy"),
                    ..event(&id("off"), *decision, OutcomeKind::Cancellation)
                });
            }
            3 => events.push(event(&id("unseen"), *decision, OutcomeKind::NotShown)),
            4 => events.push(event(&id("wish"), *decision, OutcomeKind::Custom)),
            _ => events.push(purchase(&id("buy"), *decision, 1_000)),
        }
        for event in events {
            let event = RewardRequest {
                event_time: clock.now(),
                ..event
            };
            engine
                .record(&event)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
        }
    }
    let orphan = RewardRequest {
        decision_id: None,
        shopper_id: "walk-in".to_owned(),
        lines: vec![bought("tea", 1, 2_500)],
        ..event("walk-in-1", Uuid::nil(), OutcomeKind::Purchase)
    };
    engine.record(&orphan).await.expect("recorded");
    clock.advance(Span::from_seconds(4 * 24 * 3_600));
    engine.tick().await.expect("a tick");
    for number in 60..70 {
        engine
            .choose(&request(number, "checkout"))
            .await
            .expect("a decision");
    }
    let late = refund("5-late", decisions[5], "5-buy", 1, 400);
    engine
        .record(&RewardRequest {
            event_time: clock.now(),
            ..late
        })
        .await
        .expect("recorded");
}

#[tokio::test]
async fn what_the_first_version_wrote_opens_and_leads_to_the_same_state() {
    let clock = Arc::new(ManualClock::at(START));
    if std::env::var_os("PROMOBANDIT_WRITE_FIXTURE").is_some() {
        let engine = open_engine(&fixture(), clock.clone(), true);
        write_story(&engine, &clock).await;
        engine.drain().expect("the ledger is whole");
        let stats = engine.stats();
        panic!("written: state {} chain {}", stats.state_hash, stats.chain);
    }
    let scratch = tempfile::tempdir().expect("a folder");
    for with_checkpoints in [true, false] {
        let root = scratch
            .path()
            .join(format!("checkpoints-{with_checkpoints}"));
        copy(&fixture(), &root);
        let engine = open_engine(&root, clock.clone(), with_checkpoints);
        let stats = engine.stats();
        assert_eq!(stats.state_hash.to_string(), STATE_HASH);
        assert_eq!(stats.chain.to_string(), CHAIN);
        let report = engine.verify(None, &mut |_| std::ops::ControlFlow::Continue(()));
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        assert!(report.is_ok(), "{:?}", report.faults);
        assert_eq!(report.rederived, 70);
        // A retry of the first version's request gets the first version's answer.
        assert!(
            engine
                .choose(&request(69, "checkout"))
                .await
                .expect("a decision")
                .reused
        );
        engine.drain().expect("the ledger is whole");
    }
}
