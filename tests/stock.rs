//! What one decision may hold of a campaign, and what there is of a gift, through
//! the engine under a manual clock.

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::read_toml;
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::Span;
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::record::RewardRequest;
use promobandit::engine::stats::LimitStats;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use support::{START, Shop, event, join_all, purchase, request};

async fn open(text: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([9; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let document = read_toml(text, "stock.toml").unwrap_or_else(|faults| panic!("{faults}"));
    let imported = shop.engine.import_catalog(document, "test").await;
    imported.expect("the catalogue holds");
    shop
}

fn verified(shop: &Shop) {
    let report = shop
        .engine
        .verify(None, &mut |_| ControlFlow::Continue(()))
        .expect("the ledger can be read");
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!(report.rederived, report.decisions);
}

fn campaign(per_decision: &str) -> String {
    let mut text = format!(
        "[[placement]]\nid = \"checkout\"\nslots = 4\nobjective = \"conversion\"\ncurrency = \"CNY\"\n\
         policy = {{ kind = \"uniform\" }}\n\
         [[campaign]]\nid = \"spring\"\nper_decision = {per_decision}\n\
         [[offer]]\nid = \"free\"\nplacements = [\"checkout\"]\nbenefit = {{ kind = \"free_shipping\" }}\n"
    );
    for amount in [10, 20, 30, 60] {
        text += &format!(
            "[[offer]]\nid = \"off-{amount}\"\ncampaign = \"spring\"\nplacements = [\"checkout\"]\n\
             benefit = {{ kind = \"amount_off\", amount = \"{amount}.00\" }}\n"
        );
    }
    text
}

/// The amounts of the campaign's offers in each of 200 decisions of four slots.
async fn shown(shop: &Shop) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for number in 0..200 {
        let asked = ChooseRequest {
            slots: Some(4),
            ..request(number, "checkout")
        };
        let decision = shop
            .engine
            .choose(&asked)
            .await
            .expect("a decision")
            .decision;
        let ids = decision.record.chosen().map(|offer| {
            let offer = decision.catalog.offer(offer).expect("an offer");
            offer
                .id
                .strip_prefix("off-")
                .and_then(|amount| amount.parse().ok())
        });
        all.push(ids.flatten().collect());
    }
    all
}

#[tokio::test]
async fn one_decision_holds_no_more_of_a_campaign_than_its_cap() {
    let shop = open(&campaign("{ offers = 2 }")).await;
    let shown_of_two = shown(&shop).await;
    // The free offer and two of the campaign fill three of the four slots.
    assert!(shown_of_two.iter().all(|amounts| amounts.len() == 2));
    verified(&shop);
    let shop = open(&campaign("{ offers = 3, discount = \"50\" }")).await;
    let shown_of_fifty = shown(&shop).await;
    let sums: Vec<u32> = shown_of_fifty
        .iter()
        .map(|amounts| amounts.iter().sum())
        .collect();
    assert!(sums.iter().all(|sum| *sum <= 50), "{sums:?}");
    // 10 + 20, 10 + 30 and 20 + 30 all come up; 60 alone is above the cap.
    for expected in [30, 40, 50] {
        assert!(sums.contains(&expected), "{expected} in {sums:?}");
    }
    let first = request(0, "checkout");
    let (_, candidates) = shop.engine.preview_explained(&first).expect("a preview");
    let refused: Vec<_> = candidates
        .iter()
        .filter_map(|it| it.refusal.as_ref())
        .collect();
    let [refusal] = refused.as_slice() else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, "CAMPAIGN_DECISION_DISCOUNT");
    assert!(
        refusal.at_once && refusal.reason.contains("in a decision"),
        "{}",
        refusal.reason
    );
    verified(&shop);
    // Nothing is kept of it.
    assert!(shop.engine.stats().limits.is_empty());
}

const GIFTS: &str = r#"
[[placement]]
id = "checkout"
objective = "conversion"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
policy = { kind = "uniform" }

[[offer]]
id = "pair"
placements = ["checkout"]
benefit = { kind = "gift", sku = "lantern", quantity = 2 }

[[offer]]
id = "single"
placements = ["checkout"]
benefit = { kind = "gift", sku = "lantern" }

[[stock]]
sku = "lantern"
pieces = 25
"#;

fn stock(shop: &Shop) -> LimitStats {
    let limits = shop.engine.stats().limits;
    let [stock] = limits.as_slice() else {
        panic!("{limits:?}");
    };
    assert!(stock.committed + stock.reserved <= 25, "{stock:?}");
    *stock
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn offers_of_one_gift_share_its_stock() {
    let shop = open(GIFTS).await;
    let requests: Vec<_> = (0..60).map(|number| request(number, "checkout")).collect();
    let chosen = join_all(requests.iter().map(|request| shop.engine.choose(request))).await;
    let decisions: Vec<_> = chosen
        .into_iter()
        .map(|chosen| chosen.expect("a decision").decision)
        .collect();
    let pieces = |decision: &promobandit::engine::view::DecisionView| -> i64 {
        let chosen = decision.record.chosen().next();
        let offer = chosen.and_then(|offer| decision.catalog.offer(offer));
        offer
            .and_then(|offer| offer.benefit.gift())
            .map_or(0, |(_, pieces)| pieces)
    };
    let given: i64 = decisions.iter().map(pieces).sum();
    // A pair no longer fits beside 24, a single one does.
    assert_eq!(given, 25);
    assert_eq!(stock(&shop).reserved, 25);
    let by_stock = decisions
        .iter()
        .flat_map(|decision| &decision.record.refusals);
    assert!(by_stock.clone().count() > 0);
    assert!(by_stock.clone().all(|refusal| refusal.code == "GIFT_STOCK"));

    let taken: Vec<_> = decisions.iter().filter(|it| pieces(it) > 0).collect();
    for (number, decision) in taken.iter().take(4).enumerate() {
        let id = decision.recorded.expect("recorded").id;
        let bought = purchase(&format!("buy-{number}"), id, 8_000);
        shop.engine.record(&bought).await.expect("recorded");
    }
    let sold: i64 = taken.iter().take(4).map(|decision| pieces(decision)).sum();
    assert_eq!(
        (stock(&shop).committed, stock(&shop).reserved),
        (sold, 25 - sold)
    );
    // What was not bought in time comes back, and what is cancelled.
    shop.clock.advance(Span::from_seconds(901));
    shop.engine.tick().await.expect("time passes");
    assert_eq!((stock(&shop).committed, stock(&shop).reserved), (sold, 0));
    let id = taken[0].recorded.expect("recorded").id;
    let off = RewardRequest {
        reverses_event_id: "buy-0".to_owned(),
        event_time: shop.clock.now(),
        ..event("off", id, OutcomeKind::Cancellation)
    };
    shop.engine.record(&off).await.expect("recorded");
    assert_eq!(stock(&shop).committed, sold - pieces(taken[0]));
    verified(&shop);
    let before = shop.engine.state_hash();
    assert_eq!(shop.reopened().engine.state_hash(), before);
}

#[test]
fn a_gift_without_stock_is_a_fault() {
    let told = |text: &str| match read_toml(text, "gifts.toml") {
        Err(faults) => faults.to_string(),
        Ok(document) => panic!("{document:?}"),
    };
    let without = GIFTS.replace("[[stock]]\nsku = \"lantern\"\npieces = 25\n", "");
    let found = told(&without);
    assert!(
        found.contains("benefit.sku (offer \"pair\") is \"lantern\": is a gift without stock"),
        "{found}"
    );
    let none = told(&GIFTS.replace("pieces = 25", "pieces = 0"));
    assert!(
        none.contains("stock[0].pieces is 0: must be from 1 to"),
        "{none}"
    );
    let twice = told(&format!("{GIFTS}\n[[stock]]\nsku = \"lantern\"\n"));
    assert!(twice.contains("stock[0] has it already"), "{twice}");
    let nothing = told(&campaign("{}"));
    assert!(
        nothing.contains("must have at least one of offers and discount"),
        "{nothing}"
    );
}
