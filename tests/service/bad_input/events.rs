//! RecordReward.

use promobandit::proto::promobandit::v1::{OutcomeKind, RecordRewardRequest};
use prost_types::Timestamp;
use tonic::Code;

use super::{INVALID, Row, long, money};
use crate::harness::{NOW_MS, Service, assert_refusal, at, cny, event, new_id, purchase, refund};

const REWARD: &[Row<RecordRewardRequest>] = &[
    ("no event id", |r| r.event_id.clear(), &["event_id"]),
    ("a long event id", |r| r.event_id = long(129), &["event_id"]),
    (
        "no UUID",
        |r| r.decision_id = "d".to_owned(),
        &["decision_id"],
    ),
    (
        "the nil UUID",
        |r| r.decision_id = uuid::Uuid::nil().to_string(),
        &["decision_id"],
    ),
    ("about nothing", |r| r.decision_id.clear(), &["decision_id"]),
    ("a long order", |r| r.order_id = long(129), &["order_id"]),
    (
        "a long shopper",
        |r| r.shopper_id = long(257),
        &["shopper_id"],
    ),
    ("slot 0", |r| r.slot = Some(0), &["slot"]),
    ("slot -1", |r| r.slot = Some(-1), &["slot"]),
    ("slot 2 of 1", |r| r.slot = Some(2), &["slot"]),
    (
        "slot and offer",
        |r| {
            r.slot = Some(1);
            r.offer_id = "coupon_20".to_owned();
        },
        &["offer_id"],
    ),
    ("a long offer", |r| r.offer_id = long(65), &["offer_id"]),
    ("no kind", |r| r.kind = 0, &["kind"]),
    ("no such kind", |r| r.kind = 99, &["kind"]),
    (
        "a custom event without a name",
        |r| {
            r.set_kind(OutcomeKind::Custom);
            r.lines.clear();
        },
        &["custom_kind"],
    ),
    (
        "a name for no custom event",
        |r| r.custom_kind = "wishlist".to_owned(),
        &["custom_kind"],
    ),
    (
        "a long custom name",
        |r| r.custom_kind = long(65),
        &["custom_kind"],
    ),
    ("no time", |r| r.event_time = None, &["event_time"]),
    (
        "year 10000",
        |r| {
            r.event_time = Some(Timestamp {
                seconds: 253_402_300_800,
                nanos: 0,
            });
        },
        &["event_time.seconds"],
    ),
    (
        "negative nanos",
        |r| {
            r.event_time = Some(Timestamp {
                seconds: 0,
                nanos: -1,
            });
        },
        &["event_time.nanos"],
    ),
    (
        "six minutes before the decision",
        |r| r.event_time = Some(at(NOW_MS - 360_000)),
        &["event_time"],
    ),
    (
        "six minutes ahead",
        |r| r.event_time = Some(at(NOW_MS + 360_000)),
        &["event_time"],
    ),
    ("a purchase of nothing", |r| r.lines.clear(), &["lines"]),
    (
        "a click with lines",
        |r| r.set_kind(OutcomeKind::Click),
        &["lines"],
    ),
    (
        "many lines",
        |r| r.lines = vec![r.lines[0].clone(); 501],
        &["lines"],
    ),
    (
        "a long line id",
        |r| r.lines[0].line_id = long(129),
        &["lines[0].line_id"],
    ),
    (
        "a line id twice",
        |r| {
            r.lines[0].line_id = "1".to_owned();
            let again = r.lines[0].clone();
            r.lines.push(again);
        },
        &["lines[1].line_id"],
    ),
    ("no sku", |r| r.lines[0].sku.clear(), &["lines[0].sku"]),
    (
        "no pieces",
        |r| r.lines[0].quantity = 0,
        &["lines[0].quantity"],
    ),
    (
        "too many pieces",
        |r| r.lines[0].quantity = 1_000_001,
        &["lines[0].quantity"],
    ),
    (
        "no price",
        |r| r.lines[0].price_paid = None,
        &["lines[0].price_paid"],
    ),
    (
        "a negative price",
        |r| r.lines[0].price_paid = Some(cny(-1)),
        &["lines[0].price_paid"],
    ),
    (
        "a price of two signs",
        |r| r.lines[0].price_paid = Some(money("CNY", -1, 1)),
        &["lines[0].price_paid"],
    ),
    (
        "a price too fine",
        |r| r.lines[0].price_paid = Some(money("CNY", 1, 1)),
        &["lines[0].price_paid.nanos"],
    ),
    (
        "a price in another currency",
        |r| r.lines[0].price_paid = Some(money("JPY", 1, 0)),
        &["lines[0].price_paid.currency_code"],
    ),
    (
        "mixed currencies",
        |r| r.lines[0].discount_applied = Some(money("EUR", 1, 0)),
        &["lines[0].discount_applied.currency_code"],
    ),
    (
        "a negative discount",
        |r| r.lines[0].discount_applied = Some(cny(-1)),
        &["lines[0].discount_applied"],
    ),
    (
        "a negative cost",
        |r| r.lines[0].unit_cost = Some(cny(-1)),
        &["lines[0].unit_cost"],
    ),
    (
        "a purchase with a refund",
        |r| r.lines[0].refunded_amount = Some(cny(1)),
        &["lines[0].refunded_amount"],
    ),
    (
        "a purchase that reverses",
        |r| r.reverses_event_id = "p".to_owned(),
        &["reverses_event_id"],
    ),
    (
        "a long reversed event",
        |r| r.reverses_event_id = long(129),
        &["reverses_event_id"],
    ),
];

const REFUND: &[Row<RecordRewardRequest>] = &[
    (
        "a refund of no purchase",
        |r| r.reverses_event_id.clear(),
        &["reverses_event_id"],
    ),
    ("a refund of nothing", |r| r.lines.clear(), &["lines"]),
    (
        "a refund of no money",
        |r| r.lines[0].refunded_amount = Some(cny(0)),
        &["lines[0].refunded_amount"],
    ),
    (
        "a refund without an amount",
        |r| r.lines[0].refunded_amount = None,
        &["lines[0].refunded_amount"],
    ),
    (
        "a refund with a price",
        |r| r.lines[0].price_paid = Some(cny(1)),
        &["lines[0].price_paid"],
    ),
    (
        "negative pieces",
        |r| r.lines[0].quantity = -1,
        &["lines[0].quantity"],
    ),
    (
        "a cancellation with lines",
        |r| r.set_kind(OutcomeKind::Cancellation),
        &["lines"],
    ),
];

#[tokio::test]
async fn a_bad_event_is_told_by_field() {
    let service = Service::start().await;
    let id = service.decide().await;
    let bought = purchase(&id);
    let recorded = service.rewards().record_reward(bought.clone()).await;
    recorded.expect("it holds");
    let before = service.stats().await.position;
    let record = async |request| service.rewards().record_reward(request).await;
    for (what, change, fields) in REWARD {
        let mut request = purchase(&id);
        change(&mut request);
        let refusal = record(request).await.expect_err(what);
        assert_refusal(&refusal, what, INVALID.0, INVALID.1, fields);
    }
    for (what, change, fields) in REFUND {
        let mut request = refund(&id, &bought.event_id);
        change(&mut request);
        let refusal = record(request).await.expect_err(what);
        assert_refusal(&refusal, what, INVALID.0, INVALID.1, fields);
    }
    assert_eq!(service.stats().await.position, before);
}

#[tokio::test]
async fn an_event_about_nothing_that_is_known_is_refused() {
    let service = Service::start().await;
    let id = service.decide().await;
    let bought = purchase(&id);
    let recorded = service.rewards().record_reward(bought.clone()).await;
    recorded.expect("it holds");
    let before = service.stats().await.position;
    let mut of_order = event("", OutcomeKind::Click);
    of_order.order_id = "order-1".to_owned();
    let mut of_offer = event(&id, OutcomeKind::Click);
    of_offer.offer_id = "wireless_mouse".to_owned();
    let mut of_orphan = refund("", "no purchase");
    of_orphan.shopper_id = "shopper-1".to_owned();
    let mut too_much = refund(&id, &bought.event_id);
    too_much.lines[0].refunded_amount = Some(cny(350));
    let mut other_line = refund(&id, &bought.event_id);
    other_line.lines[0].sku = "other".to_owned();
    let (not_found, precondition) = (Code::NotFound, Code::FailedPrecondition);
    for (what, request, code, reason, field) in [
        (
            "no such decision",
            event(&new_id(), OutcomeKind::Click),
            not_found,
            "DECISION_NOT_FOUND",
            "decision_id",
        ),
        (
            "no such order",
            of_order,
            not_found,
            "ORDER_NOT_FOUND",
            "order_id",
        ),
        (
            "no such purchase",
            of_orphan,
            not_found,
            "PURCHASE_NOT_FOUND",
            "reverses_event_id",
        ),
        (
            "an offer that was not shown",
            of_offer,
            precondition,
            "CONTRADICTS_RECORD",
            "offer_id",
        ),
        (
            "a refund above its purchase",
            too_much,
            precondition,
            "CONTRADICTS_RECORD",
            "lines[0].refunded_amount",
        ),
        (
            "a refund of what was not bought",
            other_line,
            precondition,
            "CONTRADICTS_RECORD",
            "lines[0]",
        ),
    ] {
        let refusal = service.rewards().record_reward(request).await;
        let refusal = refusal.expect_err(what);
        assert_refusal(&refusal, what, code, reason, &[field]);
    }
    assert_eq!(service.stats().await.position, before);
}
