//! A split through the engine: who belongs to which arm, with which propensities
//! decisions are recorded, and who learns what.

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::ids::OfferNumber;
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::Span;
use promobandit::engine::Engine;
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::lift::{Grouping, LiftError};
use promobandit::engine::view::DecisionView;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::{Secrets, SubjectSlot};
use support::{START, Shop, event, purchase, refund, request};

const SPLIT: &str = r#"
kind = "split"
experiment = "spring"
arms = [
    { name = "ten", share_basis_points = 3000, offer = "ten-off" },
    { name = "gift", share_basis_points = 2000, offer = "gift" },
    { name = "learns", share_basis_points = 5000, policy = { kind = "thompson_beta", exploration_floor = 0.05 } },
]
"#;

fn catalogue(policy: &str) -> CatalogDocument {
    let policy: toml::Value = toml::from_str(policy).expect("TOML");
    let mut document = support::document();
    document.placements[0].policy = policy.try_into().expect("a policy");
    document.placements[0].holdout_basis_points = 500;
    document
}

async fn open(policy: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([9; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let imported = shop.engine.import_catalog(catalogue(policy), "test").await;
    imported.expect("the catalogue holds");
    shop
}

fn of_shopper(number: u64, shopper: u64) -> ChooseRequest {
    ChooseRequest {
        shopper_id: format!("shopper-{shopper}"),
        ..request(number, "checkout")
    }
}

async fn choose(engine: &Engine, request: &ChooseRequest) -> DecisionView {
    let chosen = engine.choose(request).await;
    chosen.unwrap_or_else(|error| panic!("{error}")).decision
}

fn verified(engine: &Engine) {
    let report = engine
        .verify(None, &mut |_| ControlFlow::Continue(()))
        .expect("the ledger can be read");
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!(report.rederived, report.decisions);
}

/// Has some shoppers see and buy, so that the arm that learns has learnt.
async fn play(shop: &Shop, shoppers: u64) {
    for number in 0..shoppers {
        let decision = choose(&shop.engine, &of_shopper(number, number)).await;
        let id = decision.recorded.expect("recorded").id;
        if decision.record.slots.is_empty() {
            continue;
        }
        let seen = event(&format!("{number}-seen"), id, OutcomeKind::Exposure);
        shop.engine.record(&seen).await.expect("taken");
        if number % 5 == 0 {
            let buy = purchase(&format!("{number}-buy"), id, 8_000);
            shop.engine.record(&buy).await.expect("taken");
        }
    }
    shop.close_all().await;
}

#[tokio::test]
async fn shoppers_stay_in_their_arms_by_the_declared_shares() {
    let shop = open(SPLIT).await;
    let mut arms: BTreeMap<String, u32> = BTreeMap::new();
    for shopper in 0..600 {
        let first = choose(&shop.engine, &of_shopper(2 * shopper, shopper)).await;
        let again = choose(&shop.engine, &of_shopper(2 * shopper + 1, shopper)).await;
        assert_eq!(first.record.arm, again.record.arm);
        let Some(arm) = &first.record.arm else {
            assert!(first.record.slots.is_empty(), "held out");
            continue;
        };
        *arms.entry(arm.to_string()).or_default() += 1;
    }
    let total = f64::from(arms.values().sum::<u32>());
    for (arm, share) in [("ten", 0.3), ("gift", 0.2), ("learns", 0.5)] {
        let deviation = f64::from(arms[arm]) - share * total;
        let error = (total * share * (1.0 - share)).sqrt();
        assert!(deviation.abs() < 4.0 * error, "{arms:?}");
    }
    verified(&shop.engine);
    // Folded again from its start, it assigns as before.
    let reopened = shop.reopened();
    let before = choose(&shop.engine, &of_shopper(1, 0)).await;
    let after = choose(&reopened.engine, &of_shopper(9_999, 0)).await;
    assert_eq!(before.record.arm, after.record.arm);
}

/// The stated propensities are those over the chance that assigned the shoppers:
/// over many shoppers each pair of slots is drawn as often as they say.
#[tokio::test]
async fn propensities_are_exact_over_the_assignment() {
    const SHOPPERS: u64 = 6_000;
    let shop = open(SPLIT).await;
    play(&shop, 200).await;
    let mut drawn: BTreeMap<[OfferNumber; 2], u32> = BTreeMap::new();
    let mut stated: BTreeMap<[OfferNumber; 2], f64> = BTreeMap::new();
    let mut asked = 0_u32;
    for shopper in 0..SHOPPERS {
        let mut request = of_shopper(100_000 + shopper, 100_000 + shopper);
        request.slots = Some(2);
        // The segment is the same for all.
        request.attributes.clear();
        let view = shop.engine.preview(&request).expect("a preview");
        let [first, second] = view.record.slots.as_slice() else {
            continue;
        };
        asked += 1;
        *drawn.entry([first.offer(), second.offer()]).or_default() += 1;
        let pair = first.propensity().get() * second.propensity().get();
        let known = stated.insert([first.offer(), second.offer()], pair);
        assert!(known.is_none_or(|known| (known - pair).abs() < 1e-12));
    }
    let total: f64 = stated.values().sum();
    assert!((total - 1.0).abs() < 1e-9, "{stated:?}");
    for (pair, probability) in &stated {
        let expected = probability * f64::from(asked);
        let error = (expected * (1.0 - probability)).sqrt();
        let deviation = f64::from(drawn[pair]) - expected;
        assert!(
            deviation.abs() < 4.5 * error,
            "{pair:?}: {} of {asked}, {expected} expected",
            drawn[pair]
        );
    }
}

#[tokio::test]
async fn an_arm_learns_from_its_own_shoppers_and_hands_on_what_it_learnt() {
    let shop = open(SPLIT).await;
    play(&shop, 200).await;
    verified(&shop.engine);
    let pulls = |shop: &Shop| {
        let mut pulls: BTreeMap<String, u64> = BTreeMap::new();
        for learnt in &shop.engine.stats().learnt {
            let arm = learnt.arm.as_deref().unwrap_or("none").to_owned();
            let sum: u64 = learnt.arms.iter().map(|arm| arm.pulls).sum();
            *pulls.entry(arm).or_default() += sum;
        }
        pulls
    };
    let in_arms = pulls(&shop);
    assert!(in_arms["learns"] > 60 && in_arms["ten"] > 30, "{in_arms:?}");
    assert!(!in_arms.contains_key("none"), "{in_arms:?}");
    let learnt = shop.engine.stats().counters.learnt;
    assert_eq!(in_arms.values().sum::<u64>(), learnt);

    // A refund after closing corrects the arm that had learnt the purchase.
    let bought = choose(&shop.engine, &of_shopper(0, 0)).await;
    let id = bought.recorded.expect("recorded").id;
    let back = refund("0-back", id, "0-buy", 2, 8_000);
    let back = promobandit::engine::record::RewardRequest {
        event_time: shop.clock.now(),
        ..back
    };
    shop.engine.record(&back).await.expect("taken");
    let counters = shop.engine.stats().counters;
    assert_eq!((counters.corrected, counters.not_unlearnt), (1, 0));

    // Another policy takes over what all arms have learnt.
    let plain = catalogue("kind = \"thompson_beta\"\n");
    shop.engine
        .import_catalog(plain, "test")
        .await
        .expect("a catalogue");
    let merged = pulls(&shop);
    assert_eq!(merged, BTreeMap::from([("none".to_owned(), learnt)]));
    // What an arm had learnt can no longer be corrected, and is counted so.
    let bought = choose(&shop.engine, &of_shopper(5, 5)).await;
    let id = bought.recorded.expect("recorded").id;
    let back = promobandit::engine::record::RewardRequest {
        event_time: shop.clock.now(),
        ..refund("5-back", id, "5-buy", 2, 8_000)
    };
    shop.engine.record(&back).await.expect("taken");
    assert_eq!(shop.engine.stats().counters.not_unlearnt, 1);
    verified(&shop.engine);
    let before = shop.engine.state_hash();
    assert_eq!(shop.reopened().engine.state_hash(), before);
}

#[tokio::test]
async fn an_erased_shopper_and_nobody_can_be_derived_again() {
    let shop = open(SPLIT).await;
    let known = choose(&shop.engine, &of_shopper(0, 3)).await;
    assert!(known.record.arm.is_some());
    let subject = known.record.subject;
    let nobody = ChooseRequest {
        unpersonalized: true,
        ..of_shopper(1, 3)
    };
    let drawn_by_nobody = choose(&shop.engine, &nobody).await;
    assert_eq!(drawn_by_nobody.record.arm, None);
    let by_session = ChooseRequest {
        shopper_id: String::new(),
        session_id: "visit".to_owned(),
        ..request(2, "checkout")
    };
    let first = choose(&shop.engine, &by_session).await;
    assert!(first.record.arm.is_some());
    shop.secrets
        .destroy(SubjectSlot(u32::try_from(subject.0).expect("few")))
        .expect("the key is destroyed");
    let report = shop
        .engine
        .verify(None, &mut |_| ControlFlow::Continue(()))
        .expect("the ledger can be read");
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!((report.decisions, report.erased), (3, 1));
}

#[tokio::test]
async fn the_arms_of_the_experiment_are_told_apart() {
    const WEEK: Span = Span::from_seconds(7 * 86_400);
    let shop = open(SPLIT).await;
    play(&shop, 300).await;
    let rows = shop.engine.lift_rows("checkout", Grouping::Arms, WEEK);
    let rows = rows.expect("rows");
    assert_eq!(rows.arms, ["ten", "gift", "learns"]);
    assert_eq!(rows.shares, [[3_000, 2_000, 5_000]]);
    let held_out = shop.engine.stats().counters.holdout;
    assert_eq!(rows.shoppers.len() as u64, 300 - held_out);
    // Other shares move some shoppers; those are left out.
    let moved = SPLIT.replace("3000", "1000").replace("2000", "4000");
    let document = catalogue(&moved);
    shop.engine
        .import_catalog(document, "test")
        .await
        .expect("a catalogue");
    for shopper in 0..300 {
        choose(&shop.engine, &of_shopper(1_000 + shopper, shopper)).await;
    }
    let rows = shop.engine.lift_rows("checkout", Grouping::Arms, WEEK);
    let rows = rows.expect("rows");
    assert!(
        (30..=95).contains(&rows.switched),
        "{} moved",
        rows.switched
    );
    assert_eq!(rows.shares.len(), 2);
    match shop.engine.lift_rows("cart", Grouping::Arms, WEEK) {
        Err(LiftError::NoSplit { kind, .. }) => assert_eq!(kind, "epsilon_greedy"),
        answer => panic!("{answer:?}"),
    }
}

#[test]
fn a_split_that_does_not_hold_is_refused_where_it_does_not() {
    let faulty = r#"
[[placement]]
id = "checkout"
objective = "net_revenue"
currency = "CNY"
[placement.policy]
kind = "split"
experiment = "spring"
arms = [
    { name = "a", share_basis_points = 5000, offer = "elsewhere" },
    { name = "b", share_basis_points = 5000, policy = { kind = "thompson_beta" } },
]

[[placement]]
id = "cart"
objective = "conversion"
currency = "CNY"
[placement.policy]
kind = "split"
experiment = "spring"
arms = [{ name = "a", share_basis_points = 5000, offer = "ten" }, { name = "b", share_basis_points = 4000, offer = "ten" }]

[[placement]]
id = "home"
objective = "conversion"
currency = "CNY"
[placement.policy]
kind = "split"
experiment = "spring"
arms = [
    { name = "a", share_basis_points = 5000, policy = { kind = "epsilon_greedy", epsilon = 2 } },
    { name = "b", share_basis_points = 5000, offer = "ten" },
]

[[offer]]
id = "ten"
placements = ["cart", "home"]
benefit = { kind = "free_shipping" }

[[offer]]
id = "elsewhere"
placements = ["cart"]
benefit = { kind = "free_shipping" }
"#;
    let document = read_toml(faulty, "split.toml");
    let told = match document {
        Ok(document) => promobandit::catalog::Catalog::build(
            document,
            promobandit::domain::ids::CatalogVersion(1),
            &promobandit::catalog::Numbering::default(),
        )
        .expect_err("faults")
        .to_string(),
        Err(faults) => faults.to_string(),
    };
    for part in [
        "policy.arms[0].offer",
        "policy.arms[1].policy.kind",
        "shares of 9000 together",
        "policy.arms[0].policy.epsilon",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
