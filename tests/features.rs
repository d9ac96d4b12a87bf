//! Placements whose policies learn from features: what a decision carries, what
//! is learnt from it, and that it can be derived again when the shopper was
//! erased.

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::attribute::{AttributeValue, Attributes};
use promobandit::engine::Engine;
use promobandit::engine::choose::{ChooseError, ChooseRequest};
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::verify::VerifyReport;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::{Secrets, SubjectSlot};
use support::{START, Shop, purchase, request};

const SHOP: &str = r#"
[[attribute]]
name = "tier"
kind = "string"

[[attribute]]
name = "age"
kind = "number"

[[placement]]
id = "checkout"
objective = "conversion"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
assume_shown = true
features = [
  { attribute = "tier", one_of = ["gold", "plain"] },
  { attribute = "age", missing = 40.0, min = 0.0, max = 120.0, outside = "refuse" },
  { cart = "value", logarithm = true },
  { request = "device", hash_bits = 1 },
]
feature_interactions = [["tier", "cart_value"]]
policy = { POLICY }

[[campaign]]
id = "spring"

[[offer]]
id = "ten-off"
campaign = "spring"
categories = ["tea"]
placements = ["checkout"]
benefit = { kind = "percent_off", discount_basis_points = 1000 }

[[offer]]
id = "gift"
placements = ["checkout"]
benefit = { kind = "gift", sku = "lantern", unit_cost = "3.00" }

[[stock]]
sku = "lantern"

[[offer]]
id = "free-shipping"
placements = ["checkout"]
benefit = { kind = "free_shipping" }
"#;

const SQUARE_CB: &str = r#"kind = "square_cb""#;

fn shop_with(policy: &str) -> CatalogDocument {
    let text = SHOP.replace("POLICY", policy);
    read_toml(&text, "features.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

async fn open(policy: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([7; 32])),
        Arc::new(ManualClock::at(START)),
    );
    import(&shop, shop_with(policy)).await;
    shop
}

async fn import(shop: &Shop, document: CatalogDocument) {
    let imported = shop.engine.import_catalog(document, "test").await;
    assert!(imported.expect("the catalogue holds").is_some());
}

/// Gold and plain shoppers by turns.
fn visit(number: u64) -> ChooseRequest {
    let tier = if number.is_multiple_of(2) {
        "gold"
    } else {
        "plain"
    };
    let text = AttributeValue::String(tier.to_owned());
    let age = AttributeValue::Number(f64::from(20 + u32::try_from(number % 50).unwrap_or(0)));
    ChooseRequest {
        attributes: Attributes::from([("tier".to_owned(), text), ("age".to_owned(), age)]),
        ..request(number, "checkout")
    }
}

/// Decides for visits; gold shoppers buy with ten off, plain ones with a gift.
/// Then every window closes.
async fn season(shop: &Shop, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let chosen = shop
            .engine
            .choose(&visit(number))
            .await
            .expect("a decision");
        let record = &chosen.decision.record;
        let offer = record.chosen().next().expect("an offer");
        let id = &chosen.decision.catalog.offer(offer).expect("known").id;
        let wanted = if number.is_multiple_of(2) {
            "ten-off"
        } else {
            "gift"
        };
        if id == wanted {
            let decision = chosen.decision.recorded.expect("recorded").id;
            let mut bought = purchase(&format!("{number}-buy"), decision, 5_000);
            bought.event_time = shop.clock.now();
            shop.engine.record(&bought).await.expect("recorded");
        }
    }
    shop.close_all().await;
}

/// The probability of each offer for a visit, in the order of the file.
fn shares(engine: &Engine, number: u64) -> Vec<f64> {
    let decision = engine.preview(&visit(number)).expect("a decision");
    let draw = &decision.record.slots[0];
    draw.distribution().probabilities().to_vec()
}

fn verified(engine: &Engine) -> VerifyReport {
    let report = engine.verify(None, &mut |_| ControlFlow::Continue(()));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!(report.state_hash, engine.state_hash());
    report
}

#[tokio::test]
async fn one_segment_is_served_by_what_its_shoppers_are_like() {
    let shop = open(SQUARE_CB).await;
    for wave in 0..4 {
        season(&shop, wave * 100..(wave + 1) * 100).await;
    }
    let (gold, plain) = (shares(&shop.engine, 1_000), shares(&shop.engine, 1_001));
    assert!(gold[0] > 0.6 && gold[1] < 0.2, "{gold:?}");
    assert!(plain[1] > 0.6 && plain[0] < 0.2, "{plain:?}");
    assert_eq!(shop.engine.stats().counters.learnt, 400);
    assert_eq!(shop.engine.stats().counters.unlearnable, 0);

    // Folded again from its start it is the same, and so is each decision.
    assert_eq!(verified(&shop.engine).rederived, 400);
    let again = shop.reopened();
    assert_eq!(again.engine.state_hash(), shop.engine.state_hash());
    assert_eq!(shares(&again.engine, 1_000), gold);
}

#[tokio::test]
async fn an_erased_shopper_is_learnt_from_and_verified_still() {
    let shop = open(SQUARE_CB).await;
    season(&shop, 0..60).await;
    // What one of them asked is open when their key is destroyed.
    let last = shop.engine.choose(&visit(60)).await.expect("a decision");
    let subject = last.decision.record.subject;
    let slot = SubjectSlot(u32::try_from(subject.0).expect("a slot"));
    shop.secrets.destroy(slot).expect("destroyed");
    shop.close_all().await;
    let counters = shop.engine.stats().counters;
    assert_eq!((counters.learnt, counters.unlearnable), (61, 0));
    let report = verified(&shop.engine);
    assert_eq!((report.decisions, report.erased), (61, 1));
    assert_eq!(
        shop.reopened().engine.state_hash(),
        shop.engine.state_hash()
    );
}

#[tokio::test]
async fn a_decision_carries_its_features_in_the_clear() {
    let shop = open(SQUARE_CB).await;
    let personal = shop.engine.choose(&visit(2)).await.expect("a decision");
    let features = &personal.decision.record.features;
    // gold, plain, age, cart value, device in two entries, then tier × value.
    assert_eq!(features.len(), 8);
    assert_eq!(features[..3], [1.0, 0.0, 22.0]);
    assert!(features[3] > 9.0 && features[3] < 9.2, "{}", features[3]);
    assert_eq!(features[4].abs() + features[5].abs(), 1.0);
    assert_eq!(features[6..], [features[3], 0.0]);

    // What is said of a shopper who allows no use is not a feature either.
    let mut unpersonalized = visit(3);
    unpersonalized.unpersonalized = true;
    let chosen = shop
        .engine
        .choose(&unpersonalized)
        .await
        .expect("a decision");
    let features = &chosen.decision.record.features;
    assert_eq!(features[..3], [0.0, 0.0, 40.0]);
    assert_eq!(features[4..], [0.0; 4]);
}

#[tokio::test]
async fn a_number_beyond_its_range_is_refused_and_named() {
    let shop = open(SQUARE_CB).await;
    let mut old = visit(1);
    old.attributes
        .insert("age".to_owned(), AttributeValue::Number(121.0));
    match shop.engine.choose(&old).await {
        Err(ChooseError::Invalid(faults)) => {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            assert_eq!(
                told,
                [
                    "attributes[\"age\"] is 121, expected from 0 to 120, as the placement's feature \"age\" declares"
                ]
            );
        }
        other => panic!("{other:?}"),
    }
}

/// What was decided under other features cannot be learnt by models of these.
#[tokio::test]
async fn features_that_changed_meanwhile_are_not_learnt_from() {
    let shop = open(SQUARE_CB).await;
    season(&shop, 0..40).await;
    shop.engine.choose(&visit(40)).await.expect("a decision");
    let other = SHOP.replace("POLICY", SQUARE_CB).replace(
        r#"one_of = ["gold", "plain"]"#,
        r#"one_of = ["plain", "gold"]"#,
    );
    import(&shop, read_toml(&other, "features.toml").expect("it holds")).await;
    shop.close_all().await;
    assert_eq!(shop.engine.stats().counters.unlearnable, 1);
    // The models begin anew: nothing is known of any offer.
    let shares = shares(&shop.engine, 1_000);
    assert!(
        shares.iter().all(|share| (share - 1.0 / 3.0).abs() < 1e-9),
        "{shares:?}"
    );
    verified(&shop.engine);

    // A catalogue that changes something else keeps them.
    season(&shop, 100..160).await;
    let hash = shop.engine.state_hash();
    let titled = other.replace("id = \"gift\"", "id = \"gift\"\ntitle = \"A lantern\"");
    import(
        &shop,
        read_toml(&titled, "features.toml").expect("it holds"),
    )
    .await;
    assert_eq!(shop.engine.state_hash(), hash);
}

#[tokio::test]
async fn every_policy_that_learns_from_features_serves_and_is_verified() {
    for policy in [
        r#"kind = "linear_thompson", exploration_floor = 0.01"#,
        r#"kind = "linear_thompson", model = { parameters = "shared", hash_bits = 5, draws = 20 }"#,
        r#"kind = "lin_ucb", exploration_floor = 0.05"#,
        r#"kind = "logistic_thompson", model = { parameters = "shared", hash_bits = 5, draws = 20 }"#,
        r#"kind = "square_cb", regression = "ridge""#,
        r#"kind = "reg_cb", exploration_floor = 0.05, model = { random_features = 16 }"#,
        r#"kind = "bagging", replicates = 4, exploration_floor = 0.05, model = { hash_bits = 3 }"#,
    ] {
        let shop = open(policy).await;
        season(&shop, 0..40).await;
        season(&shop, 100..120).await;
        let report = verified(&shop.engine);
        assert_eq!((report.decisions, report.rederived), (60, 60), "{policy}");
        let again = shop.reopened();
        assert_eq!(
            again.engine.state_hash(),
            shop.engine.state_hash(),
            "{policy}"
        );
    }
}
