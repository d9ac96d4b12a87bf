//! Choosing, retrying, reloading, reading back.

use std::collections::HashMap;

use promobandit::proto::promobandit::v1::attribute_value::Value;
use promobandit::proto::promobandit::v1::{
    AttributeValue, ChooseOfferRequest, DecisionKind, Durability, ExplainRequest,
    GetDecisionRequest, OutcomeKind, Personalization, Rederivation, RewardResult,
};
use tonic::Code;

use crate::harness::{
    NOW_MS, Service, assert_refusal, at, choose_request, event, new_id, purchase,
};

#[tokio::test]
async fn a_decision_is_made_rewarded_and_read_back() {
    let service = Service::start().await;
    let request = ChooseOfferRequest {
        placement: "post_purchase".to_owned(),
        slots: Some(2),
        ..choose_request()
    };
    let chosen = service.choose(request.clone()).await;
    assert!(!chosen.reused);
    let decision = chosen.decision.expect("a decision");
    assert_eq!(decision.request_id, request.request_id);
    assert_eq!(decision.kind(), DecisionKind::Offers);
    assert_eq!(decision.durability(), Durability::Durable);
    assert_eq!(decision.segment, "default");
    assert_eq!(decision.policy, "thompson_beta");
    assert_eq!(decision.catalog_version, 1);
    assert_eq!(decision.create_time, Some(at(NOW_MS)));
    let quarter_of_an_hour = 15 * 60 * 1_000;
    assert_eq!(
        decision.offer_valid_until,
        Some(at(NOW_MS + quarter_of_an_hour))
    );
    let slots: Vec<i32> = decision.offers.iter().map(|offer| offer.slot).collect();
    assert_eq!(slots, [1, 2]);
    for offer in &decision.offers {
        assert!(offer.propensity > 0.0 && offer.propensity <= 1.0);
        assert!(offer.benefit.is_some() && !offer.render_payload.is_empty());
    }

    let id = &decision.decision_id;
    let click = event(id, OutcomeKind::Click);
    let recorded = service.rewards().record_reward(click.clone()).await;
    let recorded = recorded.expect("the event holds").into_inner();
    assert_eq!(recorded.result(), RewardResult::Recorded);
    assert_eq!(recorded.event_id, click.event_id);
    assert_eq!(recorded.decision_ids, std::slice::from_ref(id));
    assert!(!recorded.duplicate);
    let again = service.rewards().record_reward(click).await;
    assert!(again.expect("a retry").into_inner().duplicate);

    let asked = GetDecisionRequest {
        decision_id: id.clone(),
    };
    let read = service.offers().get_decision(asked).await;
    let read = read.expect("it was made").into_inner().decision;
    assert_eq!(read, Some(decision));
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_also_while_it_is_under_way() {
    let service = Service::start().await;
    service.ledger.stall();
    let request = choose_request();
    let first = tokio::spawn({
        let (mut offers, request) = (service.offers(), request.clone());
        async move { offers.choose_offer(request).await }
    });
    service.ledger.reached.notified().await;
    let mut retries = Vec::new();
    for _ in 0..4 {
        let (mut offers, request) = (service.offers(), request.clone());
        retries.push(tokio::spawn(
            async move { offers.choose_offer(request).await },
        ));
    }
    service.ledger.release();
    let first = first.await.expect("no panic").expect("it holds");
    let first = first.into_inner();
    for retry in retries {
        let retry = retry.await.expect("no panic").expect("it holds");
        let retry = retry.into_inner();
        assert!(retry.reused);
        assert_eq!(retry.decision, first.decision);
    }
    assert_eq!(service.stats().await.decisions, 1);
}

#[tokio::test]
async fn the_same_id_with_other_content_names_what_differs() {
    let service = Service::start().await;
    let request = choose_request();
    service.choose(request.clone()).await;
    let other = ChooseOfferRequest {
        device: "mobile".to_owned(),
        placement: "cart".to_owned(),
        ..request
    };
    let refusal = service.offers().choose_offer(other).await;
    let refusal = refusal.expect_err("other content");
    let fields = ["placement", "device"];
    let (code, reason) = (Code::AlreadyExists, "CONTENT_DIFFERS");
    assert_refusal(&refusal, "another placement", code, reason, &fields);

    let id = service.decide().await;
    let first = event(&id, OutcomeKind::Click);
    let recorded = service.rewards().record_reward(first.clone()).await;
    recorded.expect("it holds");
    let mut other = first;
    other.set_kind(OutcomeKind::Exposure);
    let refusal = service.rewards().record_reward(other).await;
    let refusal = refusal.expect_err("other content");
    assert_refusal(&refusal, "another kind", code, reason, &["kind"]);
}

#[tokio::test]
async fn a_reload_draws_nothing_new() {
    let service = Service::start().await;
    let request = ChooseOfferRequest {
        session_id: "a visit".to_owned(),
        ..choose_request()
    };
    let first = service.choose(request.clone()).await;
    let reload = ChooseOfferRequest {
        request_id: new_id(),
        ..request.clone()
    };
    let second = service.choose(reload).await;
    assert!(second.reused);
    assert_eq!(second.decision, first.decision);
    let mut later = request;
    later.request_id = new_id();
    later.cart = None;
    let third = service.choose(later).await;
    assert!(!third.reused, "another cart is another decision");
    assert_eq!(service.stats().await.decisions, 2);
}

#[tokio::test]
async fn validate_only_records_nothing() {
    let service = Service::start().await;
    let before = service.stats().await;
    let request = ChooseOfferRequest {
        validate_only: true,
        ..choose_request()
    };
    let previewed = service.choose(request.clone()).await;
    let decision = previewed.decision.expect("what it would look like");
    assert_eq!(decision.decision_id, "");
    assert_eq!(decision.durability(), Durability::Unspecified);
    assert_eq!(decision.offers.len(), 1);
    let bad = ChooseOfferRequest {
        slots: Some(9),
        ..request
    };
    let refusal = service.offers().choose_offer(bad).await;
    assert_eq!(
        refusal.expect_err("nine slots").code(),
        Code::InvalidArgument
    );
    assert_eq!(service.stats().await.position, before.position);
}

#[tokio::test]
async fn a_rehearsal_is_recorded_and_never_counted() {
    let service = Service::start().await;
    let request = ChooseOfferRequest {
        test: true,
        ..choose_request()
    };
    let decision = service.choose(request).await.decision.expect("a decision");
    assert!(decision.test);
    let bought = service
        .rewards()
        .record_reward(purchase(&decision.decision_id))
        .await;
    bought.expect("rehearsals take outcomes");
    let stats = service.stats().await;
    assert_eq!((stats.decisions, stats.test_decisions), (0, 1));
    assert!(stats.totals.is_empty(), "{:?}", stats.totals);
}

#[tokio::test]
async fn attributes_choose_the_segment_unless_nothing_may_be_used() {
    let service = Service::start().await;
    let tier = AttributeValue {
        value: Some(Value::StringValue("high".to_owned())),
    };
    let request = ChooseOfferRequest {
        shopper_id: "shopper-1".to_owned(),
        attributes: HashMap::from([
            ("value_tier".to_owned(), tier),
            (
                "undeclared".to_owned(),
                AttributeValue {
                    value: Some(Value::NumberValue(1.5)),
                },
            ),
        ]),
        ..choose_request()
    };
    let decision = service.choose(request.clone()).await.decision;
    let decision = decision.expect("a decision");
    assert_eq!(decision.segment, "high_value");
    let told = service
        .ledgers()
        .explain(ExplainRequest {
            decision_id: decision.decision_id.clone(),
        })
        .await;
    let told = told.expect("it was made").into_inner();
    assert_eq!(told.decision, Some(decision));
    assert!(
        told.segment_reason.contains("value_tier"),
        "{}",
        told.segment_reason
    );
    assert_eq!(told.rederivation(), Rederivation::NeedsVerify);
    assert_eq!(told.candidates.len(), 9);
    let chosen = told.candidates.iter().filter(|it| it.chosen_slot == 1);
    assert_eq!(chosen.count(), 1);
    let sum: f64 = told.candidates.iter().map(|it| it.probabilities[0]).sum();
    assert!((sum - 1.0).abs() < 1e-12);

    let nothing = ChooseOfferRequest {
        request_id: new_id(),
        personalization: Personalization::None.into(),
        ..request
    };
    let decision = service.choose(nothing).await.decision.expect("a decision");
    assert_eq!(decision.segment, "default");
}
