//! ChooseOffer.

use std::collections::HashMap;

use promobandit::proto::promobandit::v1::attribute_value::Value;
use promobandit::proto::promobandit::v1::{AttributeValue, Cart, CartLine, ChooseOfferRequest};
use tonic::Code;

use super::{INVALID, Row, long, money};
use crate::harness::{Service, assert_refusal, choose_request, cny, purchase};

fn line(request: &mut ChooseOfferRequest) -> &mut CartLine {
    &mut request.cart.get_or_insert_default().lines[0]
}

fn set_price(request: &mut ChooseOfferRequest, code: &str, units: i64, nanos: i32) {
    line(request).unit_price = Some(money(code, units, nanos));
}

fn attribute(request: &mut ChooseOfferRequest, name: &str, value: Option<Value>) {
    let value = AttributeValue { value };
    request.attributes.insert(name.to_owned(), value);
}

const CHOOSE: &[Row<ChooseOfferRequest>] = &[
    ("no request id", |r| r.request_id.clear(), &["request_id"]),
    (
        "no UUID",
        |r| r.request_id = "request-1".to_owned(),
        &["request_id"],
    ),
    (
        "the nil UUID",
        |r| r.request_id = uuid::Uuid::nil().to_string(),
        &["request_id"],
    ),
    (
        "a UUID without hyphens",
        |r| r.request_id = r.request_id.replace('-', ""),
        &["request_id"],
    ),
    ("no placement", |r| r.placement.clear(), &["placement"]),
    (
        "a long placement",
        |r| r.placement = long(65),
        &["placement"],
    ),
    (
        "a long shopper",
        |r| r.shopper_id = long(257),
        &["shopper_id"],
    ),
    (
        "a control character",
        |r| r.shopper_id = "a\u{7}b".to_owned(),
        &["shopper_id"],
    ),
    (
        "a long session",
        |r| r.session_id = long(257),
        &["session_id"],
    ),
    ("a long device", |r| r.device = long(65), &["device"]),
    ("a long channel", |r| r.channel = long(65), &["channel"]),
    ("a long store", |r| r.store = long(65), &["store"]),
    (
        "many attributes",
        |r| {
            let value = Some(Value::BoolValue(true));
            (0..65).for_each(|count| attribute(r, &format!("a{count}"), value.clone()));
        },
        &["attributes"],
    ),
    (
        "an attribute without a name",
        |r| attribute(r, "", Some(Value::BoolValue(true))),
        &["attributes[\"\"]"],
    ),
    (
        "an attribute without a value",
        |r| attribute(r, "value_tier", None),
        &["attributes[\"value_tier\"]"],
    ),
    (
        "a long value",
        |r| attribute(r, "value_tier", Some(Value::StringValue(long(257)))),
        &["attributes[\"value_tier\"].string_value"],
    ),
    (
        "not a number",
        |r| attribute(r, "x", Some(Value::NumberValue(f64::NAN))),
        &["attributes[\"x\"].number_value"],
    ),
    (
        "infinite",
        |r| attribute(r, "x", Some(Value::NumberValue(f64::NEG_INFINITY))),
        &["attributes[\"x\"].number_value"],
    ),
    (
        "an attribute of another kind",
        |r| attribute(r, "value_tier", Some(Value::NumberValue(1.0))),
        &["attributes[\"value_tier\"]"],
    ),
    (
        "many lines",
        |r| {
            let one = line(r).clone();
            r.cart = Some(Cart {
                lines: vec![one; 501],
            });
        },
        &["cart.lines"],
    ),
    (
        "a heavy cart",
        |r| {
            let mut one = line(r).clone();
            one.categories = vec![long(128); 32];
            r.cart = Some(Cart {
                lines: vec![one; 70],
            });
        },
        &["cart"],
    ),
    ("no sku", |r| line(r).sku.clear(), &["cart.lines[0].sku"]),
    (
        "a long sku",
        |r| line(r).sku = long(129),
        &["cart.lines[0].sku"],
    ),
    (
        "many categories",
        |r| line(r).categories = vec!["c".to_owned(); 33],
        &["cart.lines[0].categories"],
    ),
    (
        "an empty category",
        |r| line(r).categories = vec![String::new()],
        &["cart.lines[0].categories[0]"],
    ),
    (
        "a long category",
        |r| line(r).categories = vec!["c".to_owned(), long(129)],
        &["cart.lines[0].categories[1]"],
    ),
    (
        "no pieces",
        |r| line(r).quantity = 0,
        &["cart.lines[0].quantity"],
    ),
    (
        "negative pieces",
        |r| line(r).quantity = -1,
        &["cart.lines[0].quantity"],
    ),
    (
        "a million and one pieces",
        |r| line(r).quantity = 1_000_001,
        &["cart.lines[0].quantity"],
    ),
    (
        "no currency",
        |r| set_price(r, "", 1, 0),
        &["cart.lines[0].unit_price.currency_code"],
    ),
    (
        "no such currency",
        |r| set_price(r, "CNX", 1, 0),
        &["cart.lines[0].unit_price.currency_code"],
    ),
    (
        "another currency",
        |r| set_price(r, "EUR", 1, 0),
        &["cart.lines[0].unit_price.currency_code"],
    ),
    (
        "two signs",
        |r| set_price(r, "CNY", 1, -10_000_000),
        &["cart.lines[0].unit_price"],
    ),
    (
        "a negative price",
        |r| set_price(r, "CNY", -1, 0),
        &["cart.lines[0].unit_price"],
    ),
    (
        "a negative fen",
        |r| set_price(r, "CNY", 0, -10_000_000),
        &["cart.lines[0].unit_price"],
    ),
    (
        "too many nanos",
        |r| set_price(r, "CNY", 0, 1_000_000_000),
        &["cart.lines[0].unit_price.nanos"],
    ),
    (
        "a tenth of a fen",
        |r| set_price(r, "CNY", 0, 1_000_000),
        &["cart.lines[0].unit_price.nanos"],
    ),
    (
        "more money than there is",
        |r| set_price(r, "CNY", 10_000_000_000_001, 0),
        &["cart.lines[0].unit_price.units"],
    ),
    (
        "more money than an integer",
        |r| set_price(r, "CNY", i64::MAX, 0),
        &["cart.lines[0].unit_price.units"],
    ),
    ("no slots", |r| r.slots = Some(0), &["slots"]),
    ("negative slots", |r| r.slots = Some(-1), &["slots"]),
    ("two slots", |r| r.slots = Some(2), &["slots"]),
    (
        "no such personalization",
        |r| r.personalization = 3,
        &["personalization"],
    ),
    (
        "everything at once",
        |r| {
            r.request_id.clear();
            r.slots = Some(0);
            line(r).quantity = 0;
            line(r).sku.clear();
        },
        &[
            "request_id",
            "cart.lines[0].sku",
            "cart.lines[0].quantity",
            "slots",
        ],
    ),
];

#[tokio::test]
async fn a_bad_request_for_an_offer_is_told_by_field() {
    let service = Service::start().await;
    let before = service.stats().await.position;
    for (what, change, fields) in CHOOSE {
        let mut request = choose_request();
        change(&mut request);
        let refusal = service.offers().choose_offer(request).await;
        let refusal = refusal.expect_err(what);
        assert_refusal(&refusal, what, INVALID.0, INVALID.1, fields);
    }
    let mut unknown = choose_request();
    unknown.placement = "chekout".to_owned();
    let refusal = service.offers().choose_offer(unknown).await;
    let refusal = refusal.expect_err("no such placement");
    let (code, reason) = (Code::NotFound, "PLACEMENT_NOT_FOUND");
    assert_refusal(&refusal, "a typo", code, reason, &["placement"]);
    assert!(
        refusal.message().contains("did you mean \"checkout\"?"),
        "{refusal}"
    );
    assert_eq!(service.stats().await.position, before);
}

#[tokio::test]
async fn what_is_at_its_bound_is_taken() {
    let service = Service::start().await;
    let mut request = choose_request();
    request.shopper_id = long(256);
    request.session_id = long(256);
    request.device = long(64);
    request.attributes = HashMap::new();
    (0..64).for_each(|count| {
        let value = Some(Value::StringValue(long(256)));
        attribute(&mut request, &format!("a{count}"), value);
    });
    // 500 lines of a million pieces are worth 10^15 fen together.
    set_price(&mut request, "CNY", 20_000, 0);
    line(&mut request).sku = long(128);
    line(&mut request).quantity = 1_000_000;
    let one = line(&mut request).clone();
    request.cart = Some(Cart {
        lines: vec![one; 500],
    });
    let chosen = service.choose(request).await;
    let id = chosen.decision.expect("a decision").decision_id;
    let mut bought = purchase(&id);
    bought.event_id = long(128);
    bought.order_id = long(128);
    bought.lines[0].price_paid = Some(cny(10_000_000_000_000));
    bought.lines[0].quantity = 1_000_000;
    bought.lines[0].unit_cost = Some(cny(10_000_000_000_000));
    bought.lines = vec![bought.lines[0].clone(); 500];
    for (count, line) in bought.lines.iter_mut().enumerate() {
        line.line_id = format!("{count:0128}");
        line.sku = long(128);
    }
    // The totals of many such orders are more than an i64 holds.
    for count in 0..20 {
        bought.event_id = format!("event-{count}");
        bought.order_id = format!("order-{count}");
        let recorded = service.rewards().record_reward(bought.clone()).await;
        recorded.expect("it is at its bound");
    }
}
