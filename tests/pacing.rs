//! Pacing: a budget over a month with a daily and a weekly rhythm, through the
//! engine under a manual clock.

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::random::{DecisionSeed, Stream};
use promobandit::domain::time::{Instant, Span};
use promobandit::engine::choose::ChooseRequest;
use promobandit::engine::clock::ManualClock;
use promobandit::engine::record::RewardRequest;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use support::{Shop, bought, join_all, purchase, request};
use uuid::Uuid;

/// Midnight of 2026-06-01, a Monday, in Shanghai.
const START: Instant = Instant::from_unix_ms(1_780_243_200_000);
const DAYS: usize = 30;
/// 300 coupons a day.
const BUDGET_MINOR: i64 = 9_000_000;
const COUPON_MINOR: i64 = 1_000;

/// What a weekday, Monday first, and an hour weigh: in the plan and, but for
/// noise, in the traffic.
const WEEKDAYS: [u32; 7] = [10, 10, 10, 10, 12, 16, 15];
const HOURS: [u32; 24] = [
    3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 10, 11, 12, 14, 16, 17, 15, 11, 6,
];

fn catalogue(pacing: &str) -> CatalogDocument {
    let text = format!(
        r#"
[[placement]]
id = "checkout"
objective = "conversion"
currency = "CNY"
attribution_window = "1h"
allowed_lateness = "0s"
refund_window = "0s"
[placement.policy]
kind = "uniform"

[[campaign]]
id = "june"
schedule = {{ starts_at = "2026-06-01", ends_at = "2026-07-01", time_zone = "Asia/Shanghai" }}
budget = {{ amount = "90000", currency = "CNY" }}
{pacing}

[[offer]]
id = "coupon"
campaign = "june"
placements = ["checkout"]
benefit = {{ kind = "amount_off", amount = "10.00" }}

[[offer]]
id = "case"
placements = ["checkout"]
benefit = {{ kind = "cross_sell", sku = "case" }}
"#
    );
    read_toml(&text, "pacing.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

fn with_rhythm() -> String {
    format!(
        "pacing = {{ kind = \"even\", weekdays = {WEEKDAYS:?}, hours = {HOURS:?}, time_zone = \"Asia/Shanghai\" }}"
    )
}

/// What a month came to.
struct Month {
    /// Spent on each day, in minor units.
    spent_minor: Vec<i64>,
    /// Purchases on each day.
    purchases: Vec<u32>,
    decisions: u64,
    least_propensity: f64,
    /// How often the coupon came out beyond what its probabilities say, and the
    /// variance of that.
    surplus: f64,
    variance: f64,
}

impl Month {
    fn conversion_rate(&self) -> f64 {
        let purchases: u32 = self.purchases.iter().sum();
        #[allow(clippy::cast_precision_loss)]
        let decisions = self.decisions as f64;
        f64::from(purchases) / decisions
    }
}

/// Lives through so many days: shoppers come by the rhythm, twice as many as
/// the budget could serve with coupons. Half of those who get one buy, four
/// minutes later, and one in five of the others.
async fn live(pacing: &str, days: usize) -> Month {
    let clock = Arc::new(ManualClock::at(START));
    let (ledger, secrets) = (Arc::new(MemoryLedger::new()), Secrets::derived([9; 32]));
    let shop = Shop::over(ledger, Arc::new(secrets), clock);
    let imported = shop.engine.import_catalog(catalogue(pacing), "test").await;
    imported.expect("the catalogue holds");
    let mut random = DecisionSeed(20_260_601).generator(Stream::numbered(16));
    let mut month = Month {
        spent_minor: Vec::new(),
        purchases: vec![0; days],
        decisions: 0,
        least_propensity: 1.0,
        surplus: 0.0,
        variance: 0.0,
    };
    let mut pending: BTreeMap<(usize, u64), Uuid> = BTreeMap::new();
    let (mut number, mut owed) = (0_u64, 0.0);
    for minutes in (0..days * 1_440).step_by(2) {
        let (day, hour) = (minutes / 1_440, minutes % 1_440 / 60);
        // 2,400 shoppers on an average day.
        let weight = f64::from(WEEKDAYS[day % 7] * HOURS[hour]);
        let noise = 0.7 + 0.6 * random.next_uniform();
        owed += noise * weight * 2_400.0 / (83.0 / 7.0 * 206.0 * 30.0);
        let mut requests = Vec::new();
        while owed >= 1.0 {
            owed -= 1.0;
            requests.push(ChooseRequest {
                shopper_id: String::new(),
                ..request(number, "checkout")
            });
            number += 1;
        }
        let calls = requests.iter().map(|request| shop.engine.choose(request));
        for answer in join_all(calls).await {
            let chosen = answer.unwrap_or_else(|error| panic!("{error}"));
            let record = &chosen.decision.record;
            let draw = &record.slots[0];
            let offer = chosen
                .decision
                .catalog
                .offer(draw.offer())
                .expect("an offer");
            for probability in draw.distribution().probabilities() {
                month.least_propensity = month.least_propensity.min(*probability);
            }
            let coupon = offer.id == "coupon";
            let propensity = draw.propensity().get();
            let probability = if coupon { propensity } else { 1.0 - propensity };
            month.surplus += f64::from(u8::from(coupon)) - probability;
            month.variance += probability * (1.0 - probability);
            let appeal = if offer.id == "coupon" { 0.5 } else { 0.2 };
            month.decisions += 1;
            if random.next_uniform() < appeal {
                let id = chosen.decision.recorded.expect("recorded").id;
                pending.insert((minutes + 4, month.decisions), id);
            }
        }
        let now: Vec<_> = pending
            .range(..(minutes + 1, 0))
            .map(|(at, id)| (*at, *id))
            .collect();
        let events: Vec<RewardRequest> = now
            .iter()
            .map(|((at, number), id)| {
                pending.remove(&(*at, *number));
                month.purchases[day] += 1;
                let explained = shop.engine.decision(*id).expect("recorded");
                let offer = explained.record.slots[0].offer();
                let coupon = explained.catalog.offer(offer).expect("an offer").id == "coupon";
                let mut line = bought("tea", 2, 8_000);
                line.discount_applied = Some(support::cny(if coupon { COUPON_MINOR } else { 0 }));
                RewardRequest {
                    event_time: START.plus(Span::from_seconds(60 * minutes as i64)),
                    lines: vec![line],
                    ..purchase(&format!("buy-{number}"), *id, 8_000)
                }
            })
            .collect();
        let calls = events.iter().map(|event| shop.engine.record(event));
        for answer in join_all(calls).await {
            let recorded = answer.unwrap_or_else(|error| panic!("{error}"));
            assert!(!recorded.over_limit);
        }
        shop.clock.advance(Span::from_seconds(120));
        if (minutes + 2) % 1_440 == 0 {
            let limits = shop.engine.stats().limits;
            let spent = limits.first().map_or(0, |it| it.committed);
            assert!(
                limits
                    .iter()
                    .all(|it| it.committed + it.reserved <= BUDGET_MINOR)
            );
            let before: i64 = month.spent_minor.iter().sum();
            month.spent_minor.push(spent - before);
        }
    }
    if days < DAYS {
        let report = shop.engine.verify(None, &mut |_| ControlFlow::Continue(()));
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        assert!(report.is_ok(), "{:?}", report.faults);
    }
    month
}

/// What is planned for a day, in minor units.
fn planned_minor(day: usize) -> f64 {
    let all: u32 = (0..DAYS).map(|day| WEEKDAYS[day % 7]).sum();
    #[allow(clippy::cast_precision_loss)]
    let budget = BUDGET_MINOR as f64;
    budget * f64::from(WEEKDAYS[day % 7]) / f64::from(all)
}

#[allow(clippy::cast_precision_loss)]
fn largest_deviation(month: &Month) -> f64 {
    let deviation = |(day, spent): (usize, &i64)| (*spent as f64 / planned_minor(day) - 1.0).abs();
    let deviations = month.spent_minor.iter().enumerate().map(deviation);
    deviations.fold(0.0, f64::max)
}

#[tokio::test]
async fn the_first_days_spend_their_plan() {
    let days = live(&with_rhythm(), 3).await;
    let deviation = largest_deviation(&days);
    assert!(deviation < 0.02, "{deviation}: {:?}", days.spent_minor);
    assert!(days.least_propensity > 0.0);
    let deviation = (days.surplus / days.variance.sqrt()).abs();
    assert!(deviation < 4.5, "{deviation} standard deviations");
}

/// The whole month, with pacing and without; run with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "takes a minute"]
async fn every_day_of_a_month_spends_its_plan_and_what_that_costs() {
    let paced = live(&with_rhythm(), DAYS).await;
    let unpaced = live("", DAYS).await;
    let tell = |name: &str, month: &Month| {
        println!(
            "{name}: conversion {:.4}, spent {:?}",
            month.conversion_rate(),
            month.spent_minor
        );
        println!("{name}: least propensity {:.4}", month.least_propensity);
    };
    tell("paced", &paced);
    tell("not paced", &unpaced);
    println!("largest deviation {:.4}", largest_deviation(&paced));
    let cost = 1.0 - paced.conversion_rate() / unpaced.conversion_rate();
    println!("pacing costs {:.2} % of the reward", 100.0 * cost);
    assert!(largest_deviation(&paced) < 0.02);
    assert!(paced.spent_minor.iter().sum::<i64>() <= BUDGET_MINOR);
}
