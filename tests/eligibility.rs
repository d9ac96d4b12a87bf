//! Rules, tiers and groups from the catalogue file to the recorded decision,
//! and back through explain, verify and pricing.

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::decision::DecisionKind;
use promobandit::domain::rule::ShopperHistory;
use promobandit::domain::time::Span;
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::clock::ManualClock;
use promobandit::engine::explain::Rederivation;
use promobandit::engine::price::PriceRequest;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use support::{START, Shop, cny, request};

/// START is 08:00 on a Tuesday in Shanghai, New Year's Day.
const RULES: &str = r#"
[[attribute]]
name = "tier"
kind = "string"

[[segment]]
id = "gold"
when = { attribute = "tier", equals = "gold" }

[[placement]]
id = "checkout"
slots = 3
objective = "conversion"
currency = "CNY"
policy = { kind = "thompson_beta" }

[[calendar]]
id = "new_year"
dates = ["2026-02-17/2026-02-23"]

[[campaign]]
id = "app_only"
eligibility = { channel = ["app"] }

[[offer]]
id = "big-cart"
placements = ["checkout"]
eligibility = { cart = { min_spend = "200.00" } }
benefit = { kind = "amount_off", amount = "20.00" }

[[offer]]
id = "tea-drinkers"
placements = ["checkout"]
eligibility = { all = [{ cart = { category = ["drinks"], min_quantity = 2 } }, { not = { cart = { sku = ["cola"] } } }] }
benefit = { kind = "percent_off", discount_basis_points = 500 }

[[offer]]
id = "welcome"
campaign = "app_only"
placements = ["checkout"]
eligibility = { shopper = "new" }
benefit = { kind = "percent_off", discount_basis_points = 1500 }

[[offer]]
id = "gold-shanghai"
placements = ["checkout"]
eligibility = { all = [{ segment = ["gold"] }, { region = ["CN-31"] }] }
benefit = { kind = "free_shipping" }

[[offer]]
id = "holiday-evening"
placements = ["checkout"]
schedule = { time_zone = "Asia/Shanghai", only_on = ["new_year"], hours = [{ from = "18:00", until = "22:00" }] }
benefit = { kind = "points", fixed = 100 }

[[offer]]
id = "always"
placements = ["checkout"]
benefit = { kind = "gift", sku = "lantern" }

[[stock]]
sku = "lantern"
"#;

fn document(text: &str) -> CatalogDocument {
    read_toml(text, "rules.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

async fn shop(text: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([9; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let imported = shop.engine.import_catalog(document(text), "test").await;
    imported.expect("the catalogue holds");
    shop
}

/// Chooses, and tells each offer's rejection code, empty for the eligible.
async fn judged(shop: &Shop, request: &ChooseRequest) -> BTreeMap<String, &'static str> {
    let chosen = shop.engine.choose(request).await.expect("a decision");
    let recorded = chosen.decision.recorded.expect("it was recorded");
    let told = shop.engine.explain(recorded.id).expect("it can be told");
    assert_ne!(told.rederivation, Rederivation::Differs);
    let catalog = &told.decision.catalog;
    let eligible = chosen.decision.record.eligible.as_ref();
    told.candidates
        .iter()
        .map(|candidate| {
            let rejection = candidate.rejection.as_ref();
            let is_eligible = eligible.is_some_and(|it| it.index_of(candidate.offer).is_some());
            assert_eq!(is_eligible, rejection.is_none(), "{candidate:?}");
            let id = catalog.offer(candidate.offer).expect("an offer").id.clone();
            (id, rejection.map_or("", |rejection| rejection.code()))
        })
        .collect()
}

fn verify(shop: &Shop, decisions: u64) {
    let report = shop.engine.verify(None, &mut |_| ControlFlow::Continue(()));
    let report = report.expect("the ledger is whole");
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!(report.rederived, decisions);
}

#[tokio::test]
async fn rules_are_judged_on_the_request_and_derived_again_from_its_record() {
    let shop = shop(RULES).await;
    let codes = |codes: [&'static str; 6]| -> BTreeMap<String, &'static str> {
        let ids = [
            "big-cart",
            "tea-drinkers",
            "welcome",
            "gold-shanghai",
            "holiday-evening",
            "always",
        ];
        ids.map(str::to_owned).into_iter().zip(codes).collect()
    };
    // Two teas for 45.00 each, tier plain, through the app.
    let plain = request(1, "checkout");
    assert_eq!(
        judged(&shop, &plain).await,
        codes([
            "CART_SPEND_TOO_LOW",
            "",
            "SHOPPER_NOT_NEW",
            "SEGMENT_EXCLUDED",
            "OFFER_OUTSIDE_HOURS",
            ""
        ])
    );
    let mut gold = request(3, "checkout");
    gold.region = "CN-31".to_owned();
    gold.history = Some(ShopperHistory::New);
    gold.cart[0].quantity = 1;
    gold.cart[0].unit_price = Some(cny(25_000));
    assert_eq!(
        judged(&shop, &gold).await,
        codes([
            "",
            "CART_QUANTITY_TOO_LOW",
            "",
            "",
            "OFFER_OUTSIDE_HOURS",
            ""
        ])
    );
    let mut elsewhere = request(6, "checkout");
    elsewhere.channel = "web".to_owned();
    elsewhere.region = "CN-11".to_owned();
    elsewhere.history = Some(ShopperHistory::New);
    elsewhere.cart[0].sku = "cola".to_owned();
    // 19:30 in Shanghai.
    shop.clock.advance(Span::from_seconds(11 * 3_600 + 1_800));
    assert_eq!(
        judged(&shop, &elsewhere).await,
        codes([
            "CART_SPEND_TOO_LOW",
            "CART_EXCLUDED",
            "CHANNEL_EXCLUDED",
            "REGION_EXCLUDED",
            "",
            ""
        ])
    );
    let mut unknown = request(9, "checkout");
    unknown.unpersonalized = true;
    unknown.history = Some(ShopperHistory::New);
    assert_eq!(
        judged(&shop, &unknown).await,
        codes([
            "CART_SPEND_TOO_LOW",
            "",
            "SHOPPER_NOT_NEW",
            "SEGMENT_EXCLUDED",
            "",
            ""
        ])
    );
    verify(&shop, 4);
    verify(&shop.reopened(), 4);
}

#[tokio::test]
async fn the_rules_of_a_large_placement_are_found_by_its_index() {
    let mut text = RULES.to_owned();
    for number in 0..200 {
        text += &format!(
            "[[offer]]\nid = \"o{number}\"\nplacements = [\"checkout\"]\n\
             eligibility = {{ cart = {{ sku = [\"sku-{number}\", \"tea\"], category = [\"c{}\"] }} }}\n\
             benefit = {{ kind = \"free_shipping\" }}\n",
            number % 10
        );
    }
    let shop = shop(&text).await;
    let mut asked = request(1, "checkout");
    asked.cart[0].categories = vec!["c3".to_owned()];
    let judged = judged(&shop, &asked).await;
    let eligible = judged.iter().filter(|(_, code)| code.is_empty()).count();
    assert_eq!(eligible, 21, "twenty of the category, and the one for all");
    verify(&shop, 1);
}

#[tokio::test]
async fn priorities_are_strict_and_groups_are_not_stacked() {
    let text = r#"
[[placement]]
id = "checkout"
slots = 3
objective = "conversion"
currency = "CNY"
policy = { kind = "uniform" }

[[campaign]]
id = "clearance"
priority = 10

[[offer]]
id = "first"
campaign = "clearance"
stacking_group = "discounts"
placements = ["checkout"]
benefit = { kind = "amount_off", amount = "1.00" }

[[offer]]
id = "second"
campaign = "clearance"
stacking_group = "discounts"
placements = ["checkout"]
benefit = { kind = "amount_off", amount = "2.00" }

[[offer]]
id = "alone"
exclusive = true
placements = ["checkout"]
benefit = { kind = "amount_off", amount = "3.00" }

[[offer]]
id = "gift"
placements = ["checkout"]
benefit = { kind = "gift", sku = "lantern" }

[[stock]]
sku = "lantern"

[[offer]]
id = "last"
priority = -5
placements = ["checkout"]
benefit = { kind = "free_shipping" }
"#;
    let shop = shop(text).await;
    let mut firsts = BTreeMap::new();
    for number in 0..40 {
        let mut asked = request(number, "checkout");
        asked.slots = Some(3);
        let chosen = shop.engine.choose(&asked).await.expect("a decision");
        let decision = chosen.decision;
        let ids: Vec<&str> = decision
            .record
            .chosen()
            .map(|offer| decision.catalog.offer(offer).expect("an offer").id.as_str())
            .collect();
        // One of the two of the highest tier, never both; then the gift, since
        // the exclusive one stands beside nothing; then the lowest tier.
        assert_eq!(ids[1..], ["gift", "last"]);
        let draws: Vec<f64> = decision
            .record
            .slots
            .iter()
            .map(|it| it.propensity().get())
            .collect();
        assert_eq!(draws, [0.5, 1.0, 1.0]);
        *firsts.entry(ids[0].to_owned()).or_insert(0) += 1;
        let told = shop.engine.explain(decision.recorded.expect("recorded").id);
        assert_eq!(told.expect("told").rederivation, Rederivation::Matches);
    }
    assert_eq!(
        firsts.keys().map(String::as_str).collect::<Vec<_>>(),
        ["first", "second"]
    );
    verify(&shop, 40);
    verify(&shop.reopened(), 40);
}

#[tokio::test]
async fn a_changed_cart_is_held_to_the_rules_of_the_decision() {
    let shop = shop(RULES).await;
    let mut asked = request(1, "checkout");
    asked.slots = Some(3);
    let chosen = shop
        .engine
        .choose(&asked)
        .await
        .expect("a decision")
        .decision;
    assert_eq!(chosen.record.kind, DecisionKind::Offers);
    let decision = chosen.recorded.expect("recorded").id;
    let mut cart = asked.cart.clone();
    cart[0].sku = "cola".to_owned();
    let priced = shop.engine.price(&PriceRequest { decision, cart });
    let priced = priced.expect("the decision is known");
    let told: BTreeMap<&str, &str> = priced
        .offers
        .iter()
        .map(|priced| {
            let id = chosen
                .catalog
                .offer(priced.offer)
                .expect("an offer")
                .id
                .as_str();
            (id, priced.lapse.as_ref().map_or("", |lapse| lapse.code()))
        })
        .collect();
    assert_eq!(
        told,
        BTreeMap::from([("always", ""), ("tea-drinkers", "CART_EXCLUDED")])
    );
}
