//! Rewards that are winsorised, and orders in another currency than their
//! placement's, through the engine under a manual clock.

mod support;

use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::money::{Currency, Money};
use promobandit::domain::time::Span;
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::lift::Grouping;
use promobandit::engine::record::{RecordError, RewardLine, RewardRequest};
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use support::{START, Shop, bought, cny, event, purchase, refund};
use uuid::Uuid;

fn catalogue(placement: &str, more: &str) -> CatalogDocument {
    let text = format!(
        r#"
[[placement]]
id = "checkout"
objective = "net_revenue"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
{placement}
policy = {{ kind = "epsilon_greedy", epsilon = 0.2 }}

[[offer]]
id = "ten-off"
placements = ["checkout"]
benefit = {{ kind = "percent_off", discount_basis_points = 1000 }}
limits = [{{ metric = "discount", most = "500" }}]
{more}
"#
    );
    read_toml(&text, "rewards.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

const RATES: &str = r#"
[[exchange_rate]]
from = "USD"
to = "CNY"
rate = "7.1234"
"#;

async fn open(placement: &str, more: &str) -> Shop {
    let shop = Shop::over(
        Arc::new(MemoryLedger::new()),
        Arc::new(Secrets::derived([9; 32])),
        Arc::new(ManualClock::at(START)),
    );
    let imported = shop
        .engine
        .import_catalog(catalogue(placement, more), "test")
        .await;
    imported.expect("the catalogue holds");
    shop
}

fn usd(minor_units: i64) -> Money {
    Money {
        minor_units,
        currency: Currency::from_code("USD").expect("a currency"),
    }
}

/// The same event with its amounts in dollars.
fn in_dollars(event: RewardRequest) -> RewardRequest {
    let dollars = |money: Option<Money>| money.map(|money| usd(money.minor_units));
    let lines = event.lines.iter().map(|line| RewardLine {
        price_paid: dollars(line.price_paid),
        discount_applied: dollars(line.discount_applied),
        refunded_amount: dollars(line.refunded_amount),
        unit_cost: dollars(line.unit_cost),
        ..line.clone()
    });
    RewardRequest {
        lines: lines.collect(),
        ..event
    }
}

async fn record(shop: &Shop, event: RewardRequest) {
    let recorded = shop.engine.record(&event).await;
    recorded.unwrap_or_else(|error| panic!("{error}"));
}

fn learnt(shop: &Shop) -> f64 {
    let stats = shop.engine.stats();
    let arms = stats.learnt.iter().flat_map(|segment| &segment.arms);
    #[allow(clippy::cast_precision_loss)]
    arms.map(|arm| arm.mean.unwrap_or(0.0) * arm.pulls as f64)
        .sum()
}

fn rewards(shop: &Shop, id: Uuid) -> (Vec<f64>, Vec<f64>) {
    let progress = shop.engine.explain(id).expect("an explanation").progress;
    (progress.rewards, progress.rewards_as_they_came)
}

fn verified(shop: &Shop) {
    let report = shop
        .engine
        .verify(None, &mut |_| ControlFlow::Continue(()))
        .expect("the ledger can be read");
    assert!(report.is_ok(), "{:?}", report.faults);
    let before = shop.engine.state_hash();
    assert_eq!(shop.reopened().engine.state_hash(), before);
}

#[tokio::test]
async fn a_reward_beyond_the_winsor_counts_as_its_end() {
    let shop = open("winsor = { max = 10000 }", "").await;
    let large = shop.choose(0, "checkout").await;
    record(&shop, purchase("large", large, 45_000)).await;
    assert_eq!(rewards(&shop, large), (vec![10_000.0], vec![45_000.0]));
    let small = shop.choose(1, "checkout").await;
    record(&shop, purchase("small", small, 8_000)).await;
    shop.close_all().await;
    assert_eq!(rewards(&shop, large), (vec![10_000.0], vec![45_000.0]));
    assert_eq!(rewards(&shop, small), (vec![8_000.0], vec![8_000.0]));
    assert_eq!(learnt(&shop), 18_000.0);
    assert_eq!(shop.engine.stats().counters.winsorised, 1);
    // What a refund leaves counts by the same ends: nothing changes while it is
    // still beyond them.
    for (id, back, expected) in [("one", 30_000, 18_000.0), ("two", 14_000, 9_000.0)] {
        let back = RewardRequest {
            event_time: shop.clock.now(),
            ..refund(id, large, "large", 0, back)
        };
        record(&shop, back).await;
        assert_eq!(learnt(&shop), expected, "{id}");
    }
    verified(&shop);
}

#[tokio::test]
async fn orders_in_another_currency_count_at_the_recorded_rate() {
    let shop = open("", RATES).await;
    let id = shop.choose(0, "checkout").await;
    record(&shop, in_dollars(purchase("dollars", id, 10_000))).await;
    assert_eq!(rewards(&shop, id).0, [71_234.0]);
    let told = shop.engine.explain(id).expect("an explanation").progress;
    let conversion = told.outcomes[0].conversion.expect("a conversion");
    assert_eq!(conversion.to_string(), "1 USD = 7.1234 CNY");
    // The limit of discounts, in CNY, took 5.00 USD.
    let used = shop.engine.stats().limits;
    assert_eq!(used[0].committed, 3_562);
    // The shop's totals are in the currency that was paid.
    let totals = shop.engine.stats().counters.totals;
    assert_eq!(
        (totals[0].currency.code(), totals[0].paid_minor),
        ("USD", 10_000)
    );

    // Another rate is for later orders: what was recorded keeps its own.
    let dearer = RATES.replace("7.1234", "8");
    let document = catalogue("", &dearer);
    shop.engine
        .import_catalog(document, "test")
        .await
        .expect("a catalogue");
    record(&shop, in_dollars(refund("half", id, "dollars", 1, 5_000))).await;
    assert_eq!(rewards(&shop, id).0, [35_617.0]);
    let later = shop.choose(1, "checkout").await;
    record(&shop, in_dollars(purchase("later", later, 1_000))).await;
    assert_eq!(rewards(&shop, later).0, [8_000.0]);
    // Once everything is paid back nothing is left, whatever the parts rounded to.
    for (id_of_part, minor) in [("a", 1_111), ("b", 1_111), ("c", 2_778)] {
        record(
            &shop,
            in_dollars(refund(id_of_part, id, "dollars", 0, minor)),
        )
        .await;
    }
    assert_eq!(rewards(&shop, id).0, [0.0]);
    shop.close_all().await;
    assert_eq!(learnt(&shop), 8_000.0);
    let rows = shop
        .engine
        .lift_rows("checkout", Grouping::Holdout, Span::ZERO);
    let revenue: i64 = rows
        .expect("rows")
        .shoppers
        .iter()
        .map(|row| row.revenue_minor)
        .sum();
    assert_eq!(revenue, 8_000);
    // After closing, too, at the purchase's rate.
    let back = RewardRequest {
        event_time: shop.clock.now(),
        ..in_dollars(refund("late", later, "later", 0, 250))
    };
    record(&shop, back).await;
    assert_eq!(learnt(&shop), 6_000.0);
    verified(&shop);
}

#[tokio::test]
async fn what_has_no_rate_or_another_currency_than_its_purchase_is_refused() {
    let shop = open("", RATES).await;
    let id = shop.choose(0, "checkout").await;
    let refused = |answer: Result<_, RecordError>| match answer {
        Err(error) => error.to_string(),
        Ok(recorded) => panic!("{recorded:?}"),
    };
    let euros = Money {
        minor_units: 1_000,
        currency: Currency::from_code("EUR").expect("a currency"),
    };
    let line = RewardLine {
        price_paid: Some(euros),
        discount_applied: None,
        unit_cost: None,
        ..bought("tea", 1, 0)
    };
    let paid = RewardRequest {
        lines: vec![line],
        ..purchase("euros", id, 0)
    };
    let told = refused(shop.engine.record(&paid).await);
    assert!(
        told.contains("CNY, the currency of placement \"checkout\""),
        "{told}"
    );
    let mixed = RewardLine {
        discount_applied: Some(cny(1)),
        price_paid: Some(usd(1_000)),
        unit_cost: None,
        ..bought("tea", 1, 0)
    };
    let mixed = RewardRequest {
        lines: vec![mixed],
        ..purchase("mixed", id, 0)
    };
    let told = refused(shop.engine.record(&mixed).await);
    assert!(
        told.contains("USD, the currency of lines[0].price_paid"),
        "{told}"
    );
    record(&shop, in_dollars(purchase("dollars", id, 1_000))).await;
    let told = refused(
        shop.engine
            .record(&refund("back", id, "dollars", 0, 100))
            .await,
    );
    assert!(
        told.contains("USD, the currency of the purchase that is reversed"),
        "{told}"
    );
    // A refund that comes first says what its purchase is paid in.
    let other = shop.choose(1, "checkout").await;
    record(&shop, in_dollars(refund("early", other, "late", 0, 100))).await;
    let told = refused(shop.engine.record(&purchase("late", other, 1_000)).await);
    assert!(
        told.contains("USD, the currency of what was paid back of it"),
        "{told}"
    );
    record(&shop, in_dollars(purchase("late", other, 1_000))).await;
    assert_eq!(rewards(&shop, other).0, [6_411.0]);
    let seen = event(
        "seen",
        other,
        promobandit::domain::outcome::OutcomeKind::Exposure,
    );
    record(&shop, seen).await;
}

#[test]
fn winsors_and_rates_that_do_not_hold_are_refused() {
    let told = |placement: &str, more: &str| {
        let text = format!(
            "[[placement]]\nid = \"checkout\"\nobjective = \"net_revenue\"\ncurrency = \"CNY\"\n\
             {placement}\npolicy = {{ kind = \"uniform\" }}\n{more}"
        );
        match read_toml(&text, "faulty.toml") {
            Err(faults) => faults.to_string(),
            Ok(document) => panic!("{document:?}"),
        }
    };
    let winsors = [
        (
            "winsor = {}",
            "winsor (placement \"checkout\"): must have at least one of min and max",
        ),
        (
            "winsor = { min = 5, max = 5 }",
            "winsor.max (placement \"checkout\") is 5: must be above min, which is 5",
        ),
        (
            "winsor = { max = nan }",
            "winsor.max (placement \"checkout\") is NaN: must be in [-2^52, 2^52]",
        ),
    ];
    for (winsor, expected) in winsors {
        let found = told(winsor, "");
        assert!(found.contains(expected), "{expected} in {found}");
    }
    let rates = [
        (
            "from = \"USD\"\nto = \"CNY\"\nrate = \"0\"",
            "exchange_rate[0].rate is \"0\": must be above 0",
        ),
        (
            "from = \"US\"\nto = \"CNY\"\nrate = \"7\"",
            "exchange_rate[0].from is \"US\"",
        ),
        (
            "from = \"CNY\"\nto = \"CNY\"\nrate = \"7\"",
            "exchange_rate[0].to is \"CNY\": must be another than from",
        ),
    ];
    for (rate, expected) in rates {
        let found = told("", &format!("[[exchange_rate]]\n{rate}\n"));
        assert!(found.contains(expected), "{expected} in {found}");
    }
    let twice = format!("{RATES}{RATES}");
    let found = told("", &twice);
    assert!(found.contains("must stand once for USD to CNY"), "{found}");
}
