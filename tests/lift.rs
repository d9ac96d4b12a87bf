//! Lift against the held-out shoppers, from the ledger, and rewards as weighted
//! sums, through the engine under a manual clock.

mod support;

use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::decision::DecisionKind;
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::random::Generator;
use promobandit::domain::time::Span;
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::lift::{Grouping, LiftError};
use promobandit::engine::record::{RewardLine, RewardRequest};
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use support::{START, Shop, bought, cny, event, purchase, refund, request};
use uuid::Uuid;

const WEEK: Span = Span::from_seconds(7 * 86_400);

fn catalogue(checkout: &str) -> CatalogDocument {
    let text = format!(
        r#"
[[placement]]
id = "checkout"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
{checkout}

[[placement]]
id = "cart"
objective = "conversion"
currency = "CNY"
holdout_basis_points = 3000
holdout_group = "everywhere"
policy = {{ kind = "uniform" }}

[[offer]]
id = "gift"
placements = ["checkout", "cart"]
benefit = {{ kind = "gift", sku = "lantern", unit_cost = "3.00" }}

[[stock]]
sku = "lantern"
"#
    );
    read_toml(&text, "lift.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

async fn open(checkout: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([9; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let imported = shop
        .engine
        .import_catalog(catalogue(checkout), "test")
        .await;
    imported.expect("the catalogue holds");
    shop
}

const HELD_OUT: &str = r#"
objective = "conversion"
holdout_basis_points = 3000
holdout_group = "everywhere"
policy = { kind = "uniform" }
"#;

async fn choose(shop: &Shop, number: u64, placement: &str, shopper: u64) -> (Uuid, bool) {
    let request = ChooseRequest {
        shopper_id: format!("shopper-{shopper}"),
        ..request(number, placement)
    };
    let chosen = shop.engine.choose(&request).await;
    let decision = chosen.unwrap_or_else(|error| panic!("{error}")).decision;
    let held_out = decision.record.kind == DecisionKind::Holdout;
    (decision.recorded.expect("recorded").id, held_out)
}

async fn record(shop: &Shop, event: RewardRequest) {
    let event = RewardRequest {
        event_time: shop.clock.now(),
        ..event
    };
    let recorded = shop.engine.record(&event).await;
    recorded.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_group_holds_out_the_same_shoppers_everywhere() {
    let shop = open(HELD_OUT).await;
    let mut held_out = 0;
    for shopper in 0..400 {
        let (_, at_checkout) = choose(&shop, 2 * shopper, "checkout", shopper).await;
        let (_, at_cart) = choose(&shop, 2 * shopper + 1, "cart", shopper).await;
        assert_eq!(at_checkout, at_cart, "shopper {shopper}");
        held_out += u32::from(at_checkout);
    }
    // 120 expected, standard deviation 9.2.
    assert!((83..=157).contains(&held_out), "{held_out}");
}

#[tokio::test]
async fn rows_are_what_shoppers_did() {
    let shop = open(HELD_OUT).await;
    // Find one of each group.
    let (mut offered, mut held) = (None, None);
    for shopper in 0..50 {
        let (decision, held_out) = choose(&shop, shopper, "checkout", shopper).await;
        let place = if held_out { &mut held } else { &mut offered };
        place.get_or_insert((decision, shopper));
    }
    let (decision, shopper) = offered.expect("somebody sees offers");
    let (held_decision, _) = held.expect("somebody is held out");
    // Two articles, one of which comes back; the gift costs 3.00.
    let two = RewardRequest {
        lines: vec![bought("tea", 2, 8_000), bought("cup", 1, 5_000)],
        ..purchase("two", decision, 0)
    };
    record(&shop, two).await;
    record(&shop, refund("half", decision, "two", 1, 4_000)).await;
    // Held out, and the whole of it cancelled.
    record(&shop, purchase("held", held_decision, 8_000)).await;
    let off = RewardRequest {
        reverses_event_id: "held".to_owned(),
        ..event("off", held_decision, OutcomeKind::Cancellation)
    };
    record(&shop, off).await;
    // A week later the first buys again; the article's cost is not known.
    shop.clock.advance(WEEK);
    let (again, _) = choose(&shop, 1_000, "checkout", shopper).await;
    let line = RewardLine {
        unit_cost: None,
        discount_applied: Some(cny(0)),
        ..bought("tea", 1, 2_000)
    };
    let later = RewardRequest {
        lines: vec![line],
        ..purchase("later", again, 0)
    };
    record(&shop, later).await;

    let rows = shop
        .engine
        .lift_rows("checkout", Grouping::Holdout, WEEK)
        .expect("rows");
    assert_eq!((rows.shoppers.len(), rows.switched), (50, 0));
    assert_eq!(rows.lines_without_cost, 1);
    let buyers: Vec<_> = rows
        .shoppers
        .iter()
        .filter(|row| row.conversions > 0)
        .collect();
    let [buyer] = buyers.as_slice() else {
        panic!("{buyers:?}");
    };
    assert_eq!(
        (buyer.held_out, buyer.holdout_basis_points, buyer.decisions),
        (false, 3_000, 2)
    );
    assert_eq!(
        (buyer.conversions, buyer.cross_sold, buyer.returned),
        (2, 1, true)
    );
    assert_eq!(buyer.revenue_minor, 8_000 + 5_000 - 4_000 + 2_000);
    // One piece of tea and one cup are kept at 10.00 each; two gifts at 3.00.
    assert_eq!(
        buyer.margin_minor,
        buyer.revenue_minor - 2 * 1_000 - 2 * 300
    );
    assert_eq!(buyer.cost_minor, 2 * 500 + 2 * 300);
    match shop.engine.lift_rows("chekout", Grouping::Holdout, WEEK) {
        Err(LiftError::UnknownPlacement { nearest, .. }) => {
            assert_eq!(nearest.as_deref(), Some("checkout"));
        }
        answer => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_weighted_reward_sums_its_terms() {
    let weighted = r#"
objective = "weighted"
reward_terms = [
    { event = "CLICK", weight = 0.5 },
    { event = "PURCHASE", weight = 2 },
    { value = "net_revenue", weight = 0.001 },
]
policy = { kind = "epsilon_greedy", epsilon = 0.2 }
"#;
    let shop = open(weighted).await;
    let mut random = Generator::from_seed(4);
    let mut expected = 0.0;
    for number in 0..40 {
        let (decision, _) = choose(&shop, number, "checkout", number).await;
        let name = |what: &str| format!("{what}-{number}");
        record(&shop, event(&name("seen"), decision, OutcomeKind::Exposure)).await;
        if random.next_below(2) == 0 {
            for click in ["click", "click-again"] {
                record(&shop, event(&name(click), decision, OutcomeKind::Click)).await;
            }
            expected += 0.5;
        }
        match random.next_below(3) {
            0 => {
                record(&shop, purchase(&name("buy"), decision, 8_000)).await;
                expected += 2.0 + 8.0;
            }
            1 => {
                record(&shop, purchase(&name("buy"), decision, 8_000)).await;
                let off = RewardRequest {
                    reverses_event_id: name("buy"),
                    ..event(&name("off"), decision, OutcomeKind::Cancellation)
                };
                record(&shop, off).await;
            }
            _ => {}
        }
    }
    shop.close_all().await;
    let stats = shop.engine.stats();
    let arms = stats.learnt.iter().flat_map(|segment| &segment.arms);
    #[allow(clippy::cast_precision_loss)]
    let sums = arms.map(|arm| (arm.pulls, arm.mean.unwrap_or(0.0) * arm.pulls as f64));
    let (pulls, earned) = sums.fold((0, 0.0), |all, arm| (all.0 + arm.0, all.1 + arm.1));
    assert_eq!(pulls, 40);
    assert!(
        (earned - expected).abs() < 1e-9,
        "{earned}, expected {expected}"
    );
}
