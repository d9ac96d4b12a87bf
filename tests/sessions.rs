//! Placements whose policy looks ahead: the decisions of a session are learnt
//! together, once the last of its windows has closed.

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::read_toml;
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::Span;
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::record::RewardRequest;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::{Secrets, SubjectSlot};
use support::{START, Shop, event, purchase, refund, request};
use uuid::Uuid;

/// One offer at each stage, so that nothing but learning is at play.
const FUNNEL: &str = r#"
[[placement]]
id = "cart"
objective = "net_revenue"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
assume_shown = true
policy = { POLICY }

[[placement]]
id = "checkout"
objective = "net_revenue"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
assume_shown = true
policy = { POLICY }

[[offer]]
id = "ten-off"
placements = ["cart", "checkout"]
benefit = { kind = "percent_off", discount_basis_points = 1000 }
"#;

const AHEAD: &str = r#"kind = "q_learning", discount = 0.5, epsilon = 0.0"#;

const DAY: Span = Span::from_seconds(24 * 3_600);

async fn open(policy: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([5; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let text = FUNNEL.replace("POLICY", policy);
    let document = read_toml(&text, "funnel.toml").unwrap_or_else(|faults| panic!("{faults}"));
    let imported = shop.engine.import_catalog(document, "test").await;
    assert!(imported.expect("the catalogue holds").is_some());
    shop
}

fn visit(number: u64, placement: &str, session: &str) -> ChooseRequest {
    ChooseRequest {
        session_id: session.to_owned(),
        ..request(number, placement)
    }
}

async fn choose(shop: &Shop, request: &ChooseRequest) -> Uuid {
    let chosen = shop.engine.choose(request).await.expect("a decision");
    chosen.decision.recorded.expect("recorded").id
}

async fn record(shop: &Shop, request: RewardRequest) {
    let request = RewardRequest {
        event_time: shop.clock.now(),
        ..request
    };
    shop.engine.record(&request).await.expect("recorded");
}

/// What the only offer of a placement is estimated to earn, and how often it
/// was learnt.
fn value(shop: &Shop, placement: &str) -> (u64, f64) {
    let stats = shop.engine.stats();
    let catalog = stats.catalog.expect("a catalogue");
    let number = catalog
        .placement_by_id(placement)
        .expect("a placement")
        .number;
    let mut arms = stats
        .learnt
        .iter()
        .filter(|segment| segment.placement == number)
        .flat_map(|segment| &segment.arms);
    arms.next()
        .map_or((0, 0.0), |arm| (arm.pulls, arm.estimate.expect("a value")))
}

/// Derives everything again; how many decisions of erased shoppers there are.
fn verify(shop: &Shop) -> u64 {
    let report = shop.engine.verify(None, &mut |_| ControlFlow::Continue(()));
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_ok(), "{:?}", report.faults);
    assert_eq!(report.state_hash, shop.engine.state_hash());
    report.erased
}

/// The same, and folds the ledger again; nothing can be recorded afterwards.
fn assert_whole(shop: &Shop) -> u64 {
    let hash = shop.engine.state_hash();
    assert_eq!(shop.reopened().engine.state_hash(), hash);
    verify(shop)
}

/// A shopper passes both stages and buys at the second for 80.00.
async fn funnel(shop: &Shop, number: u64, session: &str) -> (Uuid, Uuid) {
    let cart = choose(shop, &visit(2 * number, "cart", session)).await;
    shop.clock.advance(DAY);
    let checkout = choose(shop, &visit(2 * number + 1, "checkout", session)).await;
    record(shop, purchase(&format!("{number}-buy"), checkout, 8_000)).await;
    (cart, checkout)
}

#[tokio::test]
async fn what_the_checkout_earns_reaches_the_cart() {
    let shop = open(AHEAD).await;
    for number in 0..4 {
        funnel(&shop, number, &format!("session-{number}")).await;
        shop.close_all().await;
    }
    assert_eq!(value(&shop, "checkout"), (4, 8_000.0));
    // The first visit knew nothing of the checkout yet: 0, 4000, 4000, 4000.
    assert_eq!(value(&shop, "cart"), (4, 3_000.0));
    assert_eq!(shop.engine.stats().counters.learnt, 8);
    assert_whole(&shop);
}

#[tokio::test]
async fn a_session_is_learnt_when_its_last_window_has_closed() {
    let shop = open(AHEAD).await;
    let (_, checkout) = funnel(&shop, 1, "a").await;
    // The cart's decision has closed, the checkout's is open.
    shop.clock.advance(Span::from_seconds(2 * 24 * 3_600 + 60));
    shop.engine.tick().await.expect("a tick");
    assert_eq!(shop.engine.stats().open_decisions, 1);
    assert_eq!(value(&shop, "cart").0, 0);
    verify(&shop);
    // It may be settled before.
    record(&shop, event("settled", checkout, OutcomeKind::Settled)).await;
    assert_eq!(value(&shop, "cart"), (1, 0.0));
    assert_eq!(value(&shop, "checkout"), (1, 8_000.0));
    assert_whole(&shop);
}

#[tokio::test]
async fn without_a_session_or_a_discount_each_decision_is_learnt_by_itself() {
    for (policy, session) in [
        (AHEAD, ""),
        (r#"kind = "q_learning", discount = 0.0, epsilon = 0.0"#, "a"),
    ] {
        let shop = open(policy).await;
        for number in 0..3 {
            let session = if session.is_empty() {
                String::new()
            } else {
                format!("{session}{number}")
            };
            funnel(&shop, number, &session).await;
            shop.close_all().await;
        }
        assert_eq!(value(&shop, "cart"), (3, 0.0), "{policy}");
        assert_eq!(value(&shop, "checkout"), (3, 8_000.0), "{policy}");
        assert_whole(&shop);
    }
}

/// A refund is exact while the session waits, and counted as not unlearnt when
/// it does not any more.
#[tokio::test]
async fn a_refund_reaches_a_session_until_it_is_learnt() {
    let shop = open(AHEAD).await;
    let checkout = choose(&shop, &visit(1, "checkout", "a")).await;
    record(&shop, purchase("buy", checkout, 8_000)).await;
    record(&shop, event("settled", checkout, OutcomeKind::Settled)).await;
    assert_eq!(value(&shop, "checkout"), (1, 8_000.0));
    record(&shop, refund("late", checkout, "buy", 1, 3_000)).await;
    let counters = shop.engine.stats().counters;
    assert_eq!((counters.corrected, counters.not_unlearnt), (0, 1));

    let cart = choose(&shop, &visit(5, "cart", "c")).await;
    let checkout = choose(&shop, &visit(7, "checkout", "c")).await;
    record(&shop, purchase("buy-c", checkout, 8_000)).await;
    record(&shop, event("settled-c", checkout, OutcomeKind::Settled)).await;
    record(&shop, refund("refund-c", checkout, "buy-c", 1, 4_000)).await;
    let counters = shop.engine.stats().counters;
    assert_eq!((counters.corrected, counters.not_unlearnt), (1, 1));
    record(&shop, event("settled-cart", cart, OutcomeKind::Settled)).await;
    assert_eq!(value(&shop, "checkout"), (2, 6_000.0));
    assert_whole(&shop);
}

#[tokio::test]
async fn an_erased_shopper_s_session_is_verified_still() {
    let shop = open(AHEAD).await;
    funnel(&shop, 1, "a").await;
    let chosen = shop
        .engine
        .choose(&visit(9, "cart", "a"))
        .await
        .expect("a decision");
    let subject = chosen.decision.record.subject;
    let slot = SubjectSlot(u32::try_from(subject.0).expect("a slot"));
    shop.secrets.destroy(slot).expect("destroyed");
    shop.close_all().await;
    assert_eq!(value(&shop, "cart").0, 2);
    assert!(assert_whole(&shop) >= 1);
}
