//! What goes with what, in decisions: which cross-sells are candidates for a cart,
//! what a policy expects of them before it has learnt, and that a decision can be
//! derived again when the cart was erased.

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::engine::choose::{ChooseRequest, PricedLine};
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::explain::Rederivation;
use promobandit::engine::verify::VerifyReport;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::{Secrets, SubjectSlot};
use support::{START, Shop, purchase, request};

const SHOP: &str = r#"
[[placement]]
id = "checkout"
slots = 2
objective = "conversion"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
assume_shown = true
affinity_prior = { base_rate = 0.02, decisions = 100 }
policy = { kind = "thompson_beta" }

[[offer]]
id = "milk"
placements = ["checkout"]
benefit = { kind = "cross_sell", sku = "milk" }

[[offer]]
id = "cup"
placements = ["checkout"]
benefit = { kind = "cross_sell", sku = "cup" }

[[offer]]
id = "salt"
placements = ["checkout"]
benefit = { kind = "cross_sell", sku = "salt" }

[[offer]]
id = "free-shipping"
placements = ["checkout"]
benefit = { kind = "free_shipping" }

[[affinity]]
sku = "milk"
with = [{ skus = ["tea"], lift = 8.0 }, { skus = ["bread", "jam"], lift = 3.0 }]

[[affinity]]
sku = "cup"
with = [{ skus = ["tea"], lift = 0.5 }]

[[affinity]]
sku = "salt"
with = [{ skus = ["bread"], lift = 2.0 }]
"#;

fn document(text: &str) -> CatalogDocument {
    read_toml(text, "affinity.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

async fn open(text: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([7; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let imported = shop.engine.import_catalog(document(text), "test").await;
    assert!(imported.expect("the catalogue holds").is_some());
    shop
}

fn visit(number: u64, cart: &[&str]) -> ChooseRequest {
    let line = |sku: &&str| PricedLine {
        sku: (*sku).to_owned(),
        categories: Vec::new(),
        brand: String::new(),
        quantity: 1,
        unit_price: None,
    };
    ChooseRequest {
        cart: cart.iter().map(line).collect(),
        ..request(number, "checkout")
    }
}

/// Each offer's id, its probability in the first slot, and why not.
fn told(shop: &Shop, cart: &[&str]) -> Vec<(String, Option<f64>, &'static str)> {
    let (decision, candidates) = shop
        .engine
        .preview_explained(&visit(1, cart))
        .expect("a decision");
    let id = |offer| decision.catalog.offer(offer).expect("known").id.clone();
    candidates
        .into_iter()
        .map(|it| {
            let code = it
                .rejection
                .as_ref()
                .map_or("", |rejection| rejection.code());
            let probability = it.rejection.is_none().then(|| it.probabilities[0]);
            (id(it.offer), probability, code)
        })
        .collect()
}

fn verified(shop: &Shop) -> VerifyReport {
    let report = shop.engine.verify(None, &mut |_| ControlFlow::Continue(()));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_ok(), "{:?}", report.faults);
    report
}

#[tokio::test]
async fn a_cross_sell_is_a_candidate_when_the_cart_has_a_companion_of_it() {
    let shop = open(SHOP).await;
    let lacking = |told: &[(String, Option<f64>, &'static str)]| -> Vec<String> {
        let rejected = told.iter().filter(|(_, _, code)| !code.is_empty());
        assert!(rejected.clone().all(|it| it.2 == "NO_COMPANION_IN_CART"));
        rejected.map(|(id, ..)| id.clone()).collect()
    };
    assert_eq!(lacking(&told(&shop, &["tea"])), ["salt"]);
    assert_eq!(lacking(&told(&shop, &["bread"])), ["milk", "cup"]);
    assert_eq!(lacking(&told(&shop, &["jam", "bread"])), ["cup"]);
    assert_eq!(lacking(&told(&shop, &[])), ["milk", "cup", "salt"]);
    let (_, candidates) = shop.engine.preview_explained(&visit(1, &[])).expect("told");
    let reason = candidates[0]
        .rejection
        .as_ref()
        .expect("rejected")
        .to_string();
    let expected = "by the rule of the offer: the cart has nothing that the article goes with: \
                    \"tea\", \"bread with jam\"";
    assert_eq!(reason, expected);
}

/// Before anything is learnt the policy draws by what affinity lets it expect:
/// milk at 16 %, the cup at 1 %, everything else at 2 %.
#[tokio::test]
async fn what_is_expected_of_a_cart_is_what_is_drawn_from() {
    let shop = open(SHOP).await;
    let of_tea = told(&shop, &["tea"]);
    let share = |id: &str| of_tea.iter().find(|it| it.0 == id).unwrap().1.unwrap();
    assert!(share("milk") > 0.98, "{of_tea:?}");
    assert!(share("cup") < share("free-shipping"), "{of_tea:?}");

    // Ten decisions beside Beta(1, 1): how often each of Beta(2.6, 9.4),
    // Beta(1.1, 10.9) and Beta(1.2, 10.8) is the largest, by the trapezoid rule on
    // 400,000 points of x = sin² t.
    let weaker = open(&SHOP.replace("decisions = 100", "decisions = 10")).await;
    let of_tea = told(&weaker, &["tea"]);
    for (id, expected) in [
        ("milk", 0.709_004_22),
        ("cup", 0.134_079_47),
        ("free-shipping", 0.156_916_31),
    ] {
        let share = of_tea.iter().find(|it| it.0 == id).unwrap().1.unwrap();
        assert!((share - expected).abs() < 2e-6, "{id}: {share}");
    }

    let without = open(&SHOP.replace("affinity_prior", "# affinity_prior")).await;
    let of_tea = told(&without, &["tea"]);
    let offered = of_tea.iter().filter_map(|it| it.1);
    assert!(
        offered
            .clone()
            .all(|share| (share - 1.0 / 3.0).abs() < 1e-9)
    );
    let chosen = without
        .engine
        .choose(&visit(9, &["tea"]))
        .await
        .expect("one");
    assert!(chosen.decision.record.lifts.is_empty());
}

/// What is learnt outweighs what was expected, once there is enough of it.
#[tokio::test]
async fn learning_goes_on_from_what_was_expected() {
    let shop = open(SHOP).await;
    for number in 0..300 {
        let chosen = shop
            .engine
            .choose(&visit(number, &["tea"]))
            .await
            .expect("one");
        let record = &chosen.decision.record;
        let offer = record.chosen().next().expect("an offer");
        if chosen.decision.catalog.offer(offer).expect("known").id == "free-shipping" {
            let decision = chosen.decision.recorded.expect("recorded").id;
            let mut bought = purchase(&format!("{number}-buy"), decision, 5_000);
            bought.event_time = shop.clock.now();
            shop.engine.record(&bought).await.expect("recorded");
        }
        if number % 50 == 49 {
            shop.close_all().await;
        }
    }
    let of_tea = told(&shop, &["tea"]);
    let share = |id: &str| of_tea.iter().find(|it| it.0 == id).unwrap().1.unwrap();
    assert!(share("free-shipping") > share("milk"), "{of_tea:?}");
    assert_eq!(verified(&shop).rederived, 300);
    assert_eq!(
        shop.reopened().engine.state_hash(),
        shop.engine.state_hash()
    );
}

#[tokio::test]
async fn lifts_are_recorded_explained_and_outlast_an_erasure() {
    let shop = open(SHOP).await;
    let chosen = shop.engine.choose(&visit(1, &["bread", "jam"])).await;
    let chosen = chosen.expect("a decision").decision;
    // Milk, salt, free shipping: of what no affinity speaks is as likely as usual.
    assert_eq!(chosen.record.lifts, [3.0, 2.0, 1.0]);
    let id = chosen.recorded.expect("recorded").id;
    let explained = shop.engine.explain(id).expect("explained");
    let lifts: Vec<Option<f64>> = explained.candidates.iter().map(|it| it.lift).collect();
    assert_eq!(lifts, [Some(3.0), None, Some(2.0), Some(1.0)]);
    assert_eq!(explained.rederivation, Rederivation::NeedsVerify);
    assert_eq!(verified(&shop).rederived, 1);

    let subject = SubjectSlot(u32::try_from(chosen.record.subject.0).expect("a slot"));
    shop.secrets.destroy(subject).expect("destroyed");
    assert_eq!(verified(&shop).erased, 1);
    let explained = shop.engine.explain(id).expect("explained");
    assert_eq!(explained.rederivation, Rederivation::Erased);
}
