//! Late, doubled, shuffled and concurrent delivery leads to the same state.

mod support;

use std::collections::BTreeMap;

use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::random::Generator;
use promobandit::domain::time::{Instant, Span};
use promobandit::engine::record::RewardRequest;
use promobandit::engine::state::StateHash;
use support::{START, Shop, event, join_all, purchase, refund};
use uuid::Uuid;

const DECISIONS: u64 = 10_000;
const MADE_OVER_MS: u64 = 10 * 24 * 3_600_000;
const WINDOW_MS: u64 = 2 * 24 * 3_600_000;
const LATENESS_MS: u64 = 24 * 3_600_000;

/// When the events of a run arrive.
#[derive(Debug, Clone, Copy)]
enum Delivery {
    /// As they happen.
    InOrder,
    /// At any time until their decision closes.
    Shuffled { seed: u64 },
    /// As they happen, and again at any time until their decision closes.
    Doubled { seed: u64 },
    /// As they happen, five calls at once.
    InFlight,
}

fn decided_at(number: u64) -> Instant {
    at(number * MADE_OVER_MS / DECISIONS)
}

fn at(ms: u64) -> Instant {
    START.plus(Span::from_ms(i64::try_from(ms).expect("some days")))
}

/// What happens to a decision, with its times. Some of it contradicts itself, as
/// the world does: shown and not shown, refunded and cancelled.
fn events_of(number: u64, decision: Uuid) -> Vec<RewardRequest> {
    let mut draws = Generator::from_seed(number);
    let mut events = Vec::new();
    let mut add = |draws: &mut Generator, request: RewardRequest| {
        let after_ms = draws.next_below(WINDOW_MS);
        let event_time =
            decided_at(number).plus(Span::from_ms(i64::try_from(after_ms).expect("two days")));
        events.push(RewardRequest {
            event_time,
            ..request
        });
    };
    let id = |name: &str| format!("{number}-{name}");
    if draws.next_below(10) < 7 {
        add(
            &mut draws,
            event(&id("seen"), decision, OutcomeKind::Exposure),
        );
    }
    if draws.next_below(10) < 2 {
        add(
            &mut draws,
            event(&id("unseen"), decision, OutcomeKind::NotShown),
        );
    }
    if draws.next_below(10) < 2 {
        add(
            &mut draws,
            event(&id("click"), decision, OutcomeKind::Click),
        );
        add(
            &mut draws,
            event(&id("wish"), decision, OutcomeKind::Custom),
        );
    }
    if draws.next_below(10) < 4 {
        let paid = 1_000 + i64::try_from(draws.next_below(9_000)).expect("small");
        let mut buy = purchase(&id("buy"), decision, paid);
        if draws.next_below(2) == 0 {
            buy.order_id = format!("order-{number}");
        }
        add(&mut draws, buy);
        match draws.next_below(6) {
            0 => add(
                &mut draws,
                refund(&id("back"), decision, &id("buy"), 1, paid / 3),
            ),
            1 => {
                add(
                    &mut draws,
                    refund(&id("back"), decision, &id("buy"), 1, paid / 2),
                );
                add(
                    &mut draws,
                    refund(&id("rest"), decision, &id("buy"), 1, paid - paid / 2),
                );
            }
            2 => add(
                &mut draws,
                RewardRequest {
                    reverses_event_id: id("buy"),
                    ..event(&id("off"), decision, OutcomeKind::Cancellation)
                },
            ),
            _ => {}
        }
    }
    events
}

/// When an event that happened at `event_time` arrives.
fn arrivals(delivery: Delivery, number: u64, index: u64, event_time: Instant) -> Vec<Instant> {
    let closes_ms = number * MADE_OVER_MS / DECISIONS + WINDOW_MS + LATENESS_MS;
    let any_time = |seed: u64| {
        let mut draws = Generator::from_seed(seed ^ (number * 64 + index));
        let happened = event_time.since(START).ms().unsigned_abs();
        at(happened + draws.next_below(closes_ms - happened))
    };
    match delivery {
        Delivery::InOrder => vec![event_time],
        Delivery::Shuffled { seed } => vec![any_time(seed)],
        Delivery::Doubled { seed } => vec![event_time, any_time(seed)],
        Delivery::InFlight => vec![event_time; 5],
    }
}

/// Runs the whole story and gives the state's hash once all windows are closed,
/// and the shop's totals.
async fn run(delivery: Delivery) -> (StateHash, i64, i64, u64) {
    let shop = Shop::open().await;
    let mut due: BTreeMap<Instant, Vec<RewardRequest>> = BTreeMap::new();
    for number in 0..DECISIONS {
        deliver_until(&shop, &mut due, decided_at(number)).await;
        shop.clock.set(decided_at(number));
        shop.engine.tick().await.expect("a tick");
        let placement =
            ["checkout", "cart", "post_purchase"][usize::try_from(number % 3).expect("small")];
        let decision = shop.choose(number, placement).await;
        for (index, event) in (0..).zip(events_of(number, decision)) {
            for arrival in arrivals(delivery, number, index, event.event_time) {
                due.entry(arrival).or_default().push(event.clone());
            }
        }
    }
    deliver_until(&shop, &mut due, Instant::LAST).await;
    shop.close_all().await;
    let stats = shop.engine.stats();
    assert_eq!(stats.open_decisions, 0);
    assert_eq!(stats.counters.late + stats.counters.over_window, 0);
    let total = stats.counters.totals[0];
    (
        stats.state_hash,
        total.paid_minor,
        total.refunded_minor,
        stats.counters.outcomes,
    )
}

async fn deliver_until(
    shop: &Shop,
    due: &mut BTreeMap<Instant, Vec<RewardRequest>>,
    until: Instant,
) {
    while let Some(entry) = due.first_entry().filter(|entry| *entry.key() <= until) {
        let (arrival, events) = entry.remove_entry();
        shop.clock.set(arrival);
        let answers = join_all(events.iter().map(|event| shop.engine.record(event))).await;
        for answer in answers {
            answer.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[tokio::test]
async fn every_delivery_leads_to_the_same_state() {
    let expected = run(Delivery::InOrder).await;
    for delivery in [
        Delivery::Shuffled { seed: 1 },
        Delivery::Shuffled { seed: 2 },
        Delivery::Doubled { seed: 3 },
        Delivery::InFlight,
    ] {
        assert_eq!(run(delivery).await, expected, "{delivery:?}");
    }
}
