//! What the offers of a decision come to, for its cart and for another.

use promobandit::domain::time::Span;
use promobandit::proto::google::r#type::Money;
use promobandit::proto::promobandit::v1::{
    Cart, CartLine, ChooseOfferRequest, GetDecisionRequest, PriceOfferRequest, PricedOffer,
};
use tonic::{Code, Status};

use crate::harness::{NOW_MS, Service, assert_refusal, at, choose_request, cny, new_id};

fn fen(units: i64, fen: i32) -> Money {
    Money {
        nanos: fen * 10_000_000,
        ..cny(units)
    }
}

/// Lines of pieces and the price of one.
fn cart(lines: &[(i64, Money)]) -> Option<Cart> {
    let line = |(quantity, price): &(i64, Money)| CartLine {
        sku: "running-shoes".to_owned(),
        quantity: *quantity,
        unit_price: Some(price.clone()),
        ..Default::default()
    };
    Some(Cart {
        lines: lines.iter().map(line).collect(),
    })
}

/// A decision at the checkout for this cart that chose this offer.
async fn decide(service: &Service, offer: &str, cart: Option<Cart>) -> String {
    for _ in 0..1_000 {
        let request = ChooseOfferRequest {
            cart: cart.clone(),
            ..choose_request()
        };
        let decision = service.choose(request).await.decision.expect("a decision");
        if decision.offers[0].offer_id == offer {
            return decision.decision_id;
        }
    }
    panic!("{offer} was never drawn in 1,000 decisions");
}

async fn price(service: &Service, id: &str, cart: Option<Cart>) -> Result<PricedOffer, Status> {
    let asked = PriceOfferRequest {
        decision_id: id.to_owned(),
        cart,
    };
    let answer = service.offers().price_offer(asked).await?.into_inner();
    let until = at(NOW_MS + 15 * 60 * 1_000);
    assert_eq!(answer.offer_valid_until, Some(until));
    assert_eq!(answer.offers.len(), 1);
    Ok(answer.offers[0].clone())
}

#[tokio::test]
async fn an_answer_carries_what_the_offer_comes_to() {
    let service = Service::start().await;
    let asked = cart(&[(1, fen(66, 67)), (1, fen(33, 33))]);
    let id = decide(&service, "spend_100_save_50", asked).await;
    let read = GetDecisionRequest { decision_id: id };
    let read = service.offers().get_decision(read).await;
    let decision = read.expect("it was made").into_inner().decision;
    let amounts = decision.expect("a decision").offers[0].amounts.clone();
    let amounts = amounts.expect("the cart is known");
    assert_eq!(amounts.discount, Some(cny(50)));
    // 33.335 and 16.665: the one unit that is left goes to the earlier line.
    assert_eq!(amounts.line_shares, [fen(33, 34), fen(16, 66)]);
    assert_eq!(amounts.shortfall_code, "");
}

#[tokio::test]
async fn a_changed_cart_is_priced_again_without_a_new_draw() {
    let service = Service::start().await;
    let id = decide(&service, "spend_100_save_50", cart(&[(1, cny(399))])).await;
    let before = service.stats().await;

    let enough = price(&service, &id, cart(&[(3, cny(40))])).await;
    let enough = enough.expect("the decision is known");
    assert!(enough.holds, "{enough:?}");
    assert_eq!(
        (enough.slot, enough.offer_id.as_str()),
        (1, "spend_100_save_50")
    );
    assert_eq!(enough.amounts.expect("amounts").line_shares, [cny(50)]);

    let less = price(&service, &id, cart(&[(1, fen(99, 99))])).await;
    let less = less.expect("the decision is known");
    assert_eq!(
        (less.holds, less.reason_code.as_str()),
        (false, "BELOW_SPEND")
    );
    assert_eq!(
        less.reason,
        "the cart is worth 99.99 CNY, less than 100.00 CNY"
    );
    let amounts = less.amounts.expect("amounts");
    assert_eq!(
        (amounts.discount, amounts.line_shares.len()),
        (Some(cny(0)), 0)
    );

    service.clock.advance(Span::from_seconds(15 * 60));
    let late = price(&service, &id, cart(&[(3, cny(40))])).await;
    let late = late.expect("the decision is known");
    assert_eq!(
        (late.holds, late.reason_code.as_str()),
        (false, "OFFER_NO_LONGER_VALID")
    );
    let after = service.stats().await;
    assert_eq!(after.events, before.events, "pricing records nothing");
}

#[tokio::test]
async fn a_cart_that_cannot_be_priced_is_refused() {
    let service = Service::start().await;
    let id = decide(&service, "ten_percent_off", cart(&[(1, cny(399))])).await;
    let euros = Money {
        currency_code: "EUR".to_owned(),
        ..cny(1)
    };
    let refused = price(&service, &id, cart(&[(1, euros)])).await;
    let field = "cart.lines[0].unit_price.currency_code";
    let refused = refused.expect_err("another currency");
    assert_refusal(
        &refused,
        "EUR",
        Code::InvalidArgument,
        "FIELD_INVALID",
        &[field],
    );
    let refused = price(&service, &id, cart(&[(1_000_000, cny(10_000_001))])).await;
    let refused = refused.expect_err("more than 10^15 fen");
    assert_refusal(
        &refused,
        "riches",
        Code::InvalidArgument,
        "FIELD_INVALID",
        &["cart"],
    );
    let refused = price(&service, &new_id(), None).await.expect_err("unknown");
    let fields = ["decision_id"];
    assert_refusal(
        &refused,
        "unknown",
        Code::NotFound,
        "DECISION_NOT_FOUND",
        &fields,
    );
}
