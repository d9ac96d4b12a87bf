//! `report lift` on the data directory of a stopped service.

use std::path::Path;
use std::sync::Arc;

use promobandit::catalog::read_toml;
use promobandit::domain::decision::DecisionKind;
use promobandit::domain::money::{Currency, Money};
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::Instant;
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::clock::ManualClock;
use promobandit::engine::record::{RewardLine, RewardRequest};
use promobandit::engine::{Engine, Settings, Storage};
use promobandit::ledger::open::{self, Probe};
use uuid::Uuid;

use crate::served::{Served, json, run, stderr};

const NOW: Instant = Instant::from_unix_ms(1_771_286_400_000);
const WANTING: i32 = 3;

const CATALOG: &str = r#"
[[placement]]
id = "checkout"
objective = "conversion"
currency = "CNY"
holdout_basis_points = 5000
policy = { kind = "uniform" }

[[placement]]
id = "cart"
objective = "conversion"
currency = "CNY"

[placement.policy]
kind = "split"
experiment = "shipping"
arms = [
    { name = "ten-off", share_basis_points = 4000, offer = "ten-off" },
    { name = "free", share_basis_points = 6000, offer = "free" },
]

[[offer]]
id = "free"
placements = ["cart"]
benefit = { kind = "free_shipping" }

[[offer]]
id = "ten-off"
placements = ["checkout", "cart"]
benefit = { kind = "amount_off", amount = "10.00" }
"#;

fn cny(minor_units: i64) -> Option<Money> {
    Some(Money {
        minor_units,
        currency: Currency::from_code("CNY").expect("a currency"),
    })
}

/// A shop in which so many shoppers came once: of those who saw the offer every
/// second bought, of the others every fourth.
async fn write(root: &Path, shoppers: u32) {
    let settings = open::Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::Skip,
        shop_key: None,
    };
    let opened = open::open(root, &settings).unwrap_or_else(|error| panic!("{error}"));
    let storage = Storage {
        ledger: opened.ledger,
        secrets: Arc::new(opened.secrets),
        checkpoints: Some(opened.checkpoints),
    };
    let clock = Arc::new(ManualClock::at(NOW));
    let opened = Engine::open(storage, clock, Settings::default(), &mut |_| {});
    let (engine, _) = opened.unwrap_or_else(|error| panic!("{error}"));
    let document = read_toml(CATALOG, "report.toml").expect("no fault");
    engine
        .import_catalog(document, "test")
        .await
        .expect("a catalogue");
    let mut seen = [0_u32; 2];
    for number in 1..=shoppers {
        let elsewhere = ChooseRequest {
            shopper_id: format!("shopper-{number}"),
            ..ChooseRequest::new(Uuid::from_u128(1_000_000 + u128::from(number)), "cart")
        };
        engine.choose(&elsewhere).await.expect("a decision");
        let request = ChooseRequest {
            request_id: Uuid::from_u128(u128::from(number)),
            placement: "checkout".to_owned(),
            ..elsewhere
        };
        let chosen = engine.choose(&request).await.expect("a decision").decision;
        let held_out = chosen.record.kind == DecisionKind::Holdout;
        let count = &mut seen[usize::from(held_out)];
        *count += 1;
        if *count % if held_out { 4 } else { 2 } != 0 {
            continue;
        }
        let line = RewardLine {
            line_id: String::new(),
            sku: "tea".to_owned(),
            quantity: 1,
            price_paid: cny(if held_out { 5_000 } else { 4_000 }),
            discount_applied: cny(if held_out { 0 } else { 1_000 }),
            refunded_amount: None,
            unit_cost: cny(2_000),
        };
        let event = RewardRequest {
            event_id: format!("buy-{number}"),
            decision_id: chosen.recorded.map(|recorded| recorded.id),
            order_id: String::new(),
            shopper_id: String::new(),
            slot: None,
            offer_id: String::new(),
            kind: OutcomeKind::Purchase,
            custom_kind: String::new(),
            event_time: NOW,
            lines: vec![line],
            reverses_event_id: String::new(),
        };
        engine.record(&event).await.expect("recorded");
    }
    engine.drain().expect("the ledger is whole");
}

#[tokio::test]
async fn lift_tells_rates_with_intervals_or_why_it_does_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    write(&data_dir, 200).await;
    let data_dir = data_dir.to_str().expect("text");
    let asked = [
        "report",
        "lift",
        "--data-dir",
        data_dir,
        "--placement",
        "checkout",
    ];
    let [report, lift, flag, dir, at, placement] = asked;
    let told = json([report, lift, flag, dir, at, placement, "--output", "json"]);
    let shoppers = &told["shoppers"];
    let [offered, held_out] = ["offered", "held_out"].map(|key| {
        let count = shoppers[key].as_u64().expect("a count");
        u32::try_from(count).expect("few")
    });
    assert_eq!(offered + held_out, 200);
    let expected = f64::from(offered / 2) / f64::from(offered);
    assert_eq!(told["conversion"]["offered"], expected);
    let difference = &told["conversion"]["difference"];
    assert!(difference["lower"].as_f64() > Some(0.0), "{difference}");
    // A purchase earns 20.00 with the offer, which cost 10.00, and 30.00 without.
    // Who is held out is a hash under a key that each data directory makes anew, so
    // the counts differ between runs, and with them the last bit.
    for (metric, earned) in [("margin", 2_000.0), ("revenue", 4_000.0)] {
        let offered = told[metric]["offered"].as_f64().expect("a mean");
        assert!(
            (offered - expected * earned).abs() < 1e-9,
            "{metric}: {offered}"
        );
    }
    assert!(told["benefit_per_cost"]["value"].is_f64(), "{told}");
    let page = run(asked);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(
        page.contains("retention") && page.contains("held out"),
        "{page}"
    );
    let arms = [
        "--placement",
        "cart",
        "--against",
        "free",
        "--output",
        "json",
    ];
    let [by, cart, against, free, output, as_json] = arms;
    let arms = json([
        report, lift, flag, dir, by, cart, against, free, output, as_json,
    ]);
    let told_arm = &arms["arms"][0];
    assert_eq!(told_arm["arm"], "ten-off");
    let shoppers = &told_arm["shoppers"];
    let sum = shoppers["arm"].as_u64().zip(shoppers["against"].as_u64());
    assert_eq!(sum.map(|(arm, free)| arm + free), Some(200));
    assert_eq!(told_arm["conversion"]["arm"], 0.0);
    let unknown = run([report, lift, flag, dir, by, cart, against, "fre"]);
    assert!(
        stderr(&unknown).contains("only ten-off, free"),
        "{}",
        stderr(&unknown)
    );

    // The same beside a running service.
    let served = Served::start(Path::new(data_dir), &[]).await;
    let (flag, url) = ("--endpoint", served.endpoint.as_str());
    let beside = json([report, lift, flag, url, at, placement, output, as_json]);
    assert_eq!(beside, told);
    let beside = json([
        report, lift, flag, url, by, cart, against, free, output, as_json,
    ]);
    assert_eq!(beside, arms);
    let unknown = run([report, lift, flag, url, at, "chekout"]);
    assert!(
        stderr(&unknown).contains("did you mean \"checkout\""),
        "{}",
        stderr(&unknown)
    );
    served.stop();

    let few = directory.path().join("few");
    write(&few, 20).await;
    let few = few.to_str().expect("text");
    let refused = run([
        "report",
        "lift",
        "--data-dir",
        few,
        "--placement",
        "checkout",
    ]);
    assert_eq!(refused.status.code(), Some(WANTING));
    let page = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        page.contains("NO REPORT") && page.contains("at least 30"),
        "{page}"
    );
}
