//! Every field of every request, missing, empty, too long, out of bounds: the
//! answer names field, value and bound, and nothing is appended.

use std::collections::HashMap;

use promobandit::proto::google::r#type::Money;
use promobandit::proto::promobandit::v1::attribute_value::Value;
use promobandit::proto::promobandit::v1::{
    AttributeValue, BatchRecordRewardsRequest, Cart, CartLine, ChooseOfferRequest, ExplainRequest,
    GetCampaignRequest, GetDecisionRequest, GetOfferRequest, GetPlacementRequest,
    ListCampaignsRequest, ListOffersRequest, ListPlacementsRequest, ListSegmentsRequest,
    OutcomeKind, RecordRewardRequest, VerifyRequest,
};
use prost_types::Timestamp;
use tonic::{Code, Status};

use crate::harness::{
    NOW_MS, Service, assert_refusal, at, choose_request, cny, event, new_id, purchase, refund,
};

const INVALID: (Code, &str) = (Code::InvalidArgument, "FIELD_INVALID");

type Change<R> = fn(&mut R);
/// What is wrong, how it gets there, and the fields that are named.
type Row<R> = (&'static str, Change<R>, &'static [&'static str]);

fn line(request: &mut ChooseOfferRequest) -> &mut CartLine {
    &mut request.cart.get_or_insert_default().lines[0]
}

fn set_price(request: &mut ChooseOfferRequest, code: &str, units: i64, nanos: i32) {
    line(request).unit_price = Some(money(code, units, nanos));
}

fn money(code: &str, units: i64, nanos: i32) -> Money {
    Money {
        currency_code: code.to_owned(),
        units,
        nanos,
    }
}

fn attribute(request: &mut ChooseOfferRequest, name: &str, value: Option<Value>) {
    let value = AttributeValue { value };
    request.attributes.insert(name.to_owned(), value);
}

fn long(bytes: usize) -> String {
    "长".repeat(bytes / 3) + &"x".repeat(bytes % 3)
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

#[tokio::test]
async fn every_other_request_is_checked_as_well() {
    let service = Service::start().await;
    let before = service.stats().await.position;
    let (mut catalogs, mut offers) = (service.catalogs(), service.offers());
    let (mut ledgers, mut rewards) = (service.ledgers(), service.rewards());
    let mut refusals: Vec<(&str, Option<Status>)> = Vec::new();
    for decision_id in ["", "x"].map(str::to_owned) {
        let request = GetDecisionRequest {
            decision_id: decision_id.clone(),
        };
        refusals.push(("decision_id", offers.get_decision(request).await.err()));
        let request = ExplainRequest { decision_id };
        refusals.push(("decision_id", ledgers.explain(request).await.err()));
    }
    for requests in [vec![], vec![RecordRewardRequest::default(); 1_001]] {
        let request = BatchRecordRewardsRequest { requests };
        let refusal = rewards.batch_record_rewards(request).await.err();
        refusals.push(("requests", refusal));
    }
    for expect_head in ["abc".to_owned(), "g".repeat(64), "a".repeat(66)] {
        let request = VerifyRequest { expect_head };
        refusals.push(("expect_head", ledgers.verify(request).await.err()));
    }
    for id in [String::new(), long(65)] {
        let request = GetPlacementRequest {
            placement: id.clone(),
        };
        refusals.push(("placement", catalogs.get_placement(request).await.err()));
        let request = GetCampaignRequest {
            campaign_id: id.clone(),
        };
        refusals.push(("campaign_id", catalogs.get_campaign(request).await.err()));
        let request = GetOfferRequest { offer_id: id };
        refusals.push(("offer_id", catalogs.get_offer(request).await.err()));
    }
    for (field, page_size, page_token) in [
        ("page_size", -1, ""),
        ("page_size", 1_001, ""),
        ("page_token", 0, "1.2.nonsense."),
    ] {
        let page_token = page_token.to_owned();
        let request = ListPlacementsRequest {
            page_size,
            page_token: page_token.clone(),
        };
        refusals.push((field, catalogs.list_placements(request).await.err()));
        let request = ListCampaignsRequest {
            page_size,
            page_token: page_token.clone(),
        };
        refusals.push((field, catalogs.list_campaigns(request).await.err()));
        let request = ListSegmentsRequest {
            page_size,
            page_token: page_token.clone(),
        };
        refusals.push((field, catalogs.list_segments(request).await.err()));
        let request = ListOffersRequest {
            placement: String::new(),
            page_size,
            page_token,
        };
        refusals.push((field, catalogs.list_offers(request).await.err()));
    }
    for (field, refusal) in refusals {
        let refusal = refusal.expect(field);
        assert_refusal(&refusal, field, INVALID.0, INVALID.1, &[field]);
    }
    assert_eq!(service.stats().await.position, before);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let service = Service::start().await;
    let (mut catalogs, mut offers) = (service.catalogs(), service.offers());
    let id = "nothing".to_owned();
    let decision_id = new_id();
    let request = GetDecisionRequest { decision_id };
    let decision = offers.get_decision(request).await.err();
    let request = GetPlacementRequest {
        placement: id.clone(),
    };
    let placement = catalogs.get_placement(request).await.err();
    let request = GetCampaignRequest {
        campaign_id: id.clone(),
    };
    let campaign = catalogs.get_campaign(request).await.err();
    let request = GetOfferRequest {
        offer_id: id.clone(),
    };
    let offer = catalogs.get_offer(request).await.err();
    let request = ListOffersRequest {
        placement: id,
        ..Default::default()
    };
    let listed = catalogs.list_offers(request).await.err();
    for (refusal, reason, field) in [
        (decision, "DECISION_NOT_FOUND", "decision_id"),
        (placement, "PLACEMENT_NOT_FOUND", "placement"),
        (campaign, "CAMPAIGN_NOT_FOUND", "campaign_id"),
        (offer, "OFFER_NOT_FOUND", "offer_id"),
        (listed, "PLACEMENT_NOT_FOUND", "placement"),
    ] {
        let refusal = refusal.expect(reason);
        assert_refusal(&refusal, reason, Code::NotFound, reason, &[field]);
    }
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
    set_price(&mut request, "CNY", 10_000_000_000_000, 0);
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
