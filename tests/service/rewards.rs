//! Events: alone, in batches, in streams.

use promobandit::proto::promobandit::v1::batch_reward_result::Result as Outcome;
use promobandit::proto::promobandit::v1::{
    BatchRecordRewardsRequest, OutcomeKind, RecordRewardRequest, RewardResult, StreamRewardsRequest,
};
use tonic::Code;

use crate::harness::{Service, assert_refusal, cny, event, purchase, refund};

async fn batch(service: &Service, requests: Vec<RecordRewardRequest>) -> Vec<Outcome> {
    let answer = service
        .rewards()
        .batch_record_rewards(BatchRecordRewardsRequest { requests })
        .await;
    let results = answer.expect("the batch holds").into_inner().results;
    results
        .into_iter()
        .map(|result| result.result.expect("an answer for each event"))
        .collect()
}

#[track_caller]
fn result_of(outcome: &Outcome) -> RewardResult {
    match outcome {
        Outcome::Response(response) => response.result(),
        Outcome::Error(error) => panic!("refused: {error:?}"),
    }
}

#[tokio::test]
async fn a_batch_of_one_decisions_events_keeps_their_order() {
    let service = Service::start().await;
    let id = service.decide().await;
    let bought = purchase(&id);
    let refunded = refund(&id, &bought.event_id);
    let events = vec![
        event(&id, OutcomeKind::Exposure),
        event(&id, OutcomeKind::Click),
        bought,
        refunded,
        event(&id, OutcomeKind::Settled),
        event(&id, OutcomeKind::Click),
    ];
    let results = batch(&service, events).await;
    let taken: Vec<RewardResult> = results.iter().map(result_of).collect();
    let recorded = RewardResult::Recorded;
    assert_eq!(taken[..5], [recorded; 5]);
    assert_eq!(
        taken[5],
        RewardResult::Late,
        "what comes after SETTLED is late"
    );
    let stats = service.stats().await;
    assert_eq!(stats.totals[0].paid, 34_900);
    assert_eq!(stats.totals[0].refunded, 4_900);
    assert_eq!(stats.settled, 1);
}

#[tokio::test]
async fn a_refusal_holds_nothing_back() {
    let service = Service::start().await;
    let (one, other) = (service.decide().await, service.decide().await);
    let mut faulty = event(&one, OutcomeKind::Click);
    faulty.event_id.clear();
    faulty.event_time = None;
    let bought = purchase(&other);
    let mut too_much = refund(&other, &bought.event_id);
    too_much.lines[0].refunded_amount = Some(cny(350));
    let events = vec![
        event(&one, OutcomeKind::Exposure),
        faulty,
        bought,
        too_much,
        event(
            "01993d7e-0000-7000-8000-000000000000",
            OutcomeKind::Exposure,
        ),
    ];
    let results = batch(&service, events).await;
    assert_eq!(result_of(&results[0]), RewardResult::Recorded);
    assert_eq!(result_of(&results[2]), RewardResult::Recorded);
    let errors: Vec<_> = results
        .iter()
        .filter_map(|result| match result {
            Outcome::Error(error) => Some(error),
            Outcome::Response(_) => None,
        })
        .collect();
    let codes: Vec<i32> = errors.iter().map(|error| error.code).collect();
    let expected = [
        Code::InvalidArgument,
        Code::FailedPrecondition,
        Code::NotFound,
    ];
    assert_eq!(codes, expected.map(i32::from));
    let fields: Vec<&str> = errors[0]
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["event_id", "event_time"]);
    assert_eq!(errors[2].reason, "DECISION_NOT_FOUND");
    assert_eq!(service.stats().await.outcomes, 2);
}

#[tokio::test]
async fn a_thousand_events_of_many_decisions_share_commits() {
    let service = Service::start().await;
    let mut events = Vec::new();
    for _ in 0..50 {
        let id = service.decide().await;
        for _ in 0..20 {
            events.push(event(&id, OutcomeKind::Exposure));
        }
    }
    let results = batch(&service, events.clone()).await;
    assert_eq!(results.len(), 1_000);
    for (result, event) in results.iter().zip(&events) {
        let Outcome::Response(response) = result else {
            panic!("{result:?}");
        };
        assert_eq!(response.event_id, event.event_id, "in the batch's order");
        assert_eq!(
            response.decision_ids,
            std::slice::from_ref(&event.decision_id)
        );
    }
    assert_eq!(service.stats().await.outcomes, 1_000);
}

#[tokio::test]
async fn a_stream_is_counted() {
    let service = Service::start().await;
    let id = service.decide().await;
    let exposure = event(&id, OutcomeKind::Exposure);
    let mut faulty = event(&id, OutcomeKind::Click);
    faulty.decision_id = "none".to_owned();
    let mut events = vec![
        exposure.clone(),
        exposure,
        faulty.clone(),
        event(&id, OutcomeKind::Settled),
        event(&id, OutcomeKind::Click),
    ];
    events.extend(std::iter::repeat_n(faulty, 150));
    let messages = events.into_iter().map(|event| StreamRewardsRequest {
        request: Some(event),
    });
    let told = service
        .rewards()
        .stream_rewards(tokio_stream::iter(messages))
        .await;
    let told = told.expect("the stream ends").into_inner();
    assert_eq!((told.recorded, told.late, told.over_window), (3, 1, 0));
    assert_eq!((told.duplicates, told.refused), (1, 151));
    assert_eq!(told.refusals.len(), 100);
    assert_eq!((told.refusals[0].index, told.refusals[1].index), (2, 5));
    let error = told.refusals[0].error.as_ref().expect("why");
    assert_eq!(error.field_violations[0].field, "decision_id");
}

/// Symptom: the service ended, and again at each start. Cause: the closings of
/// 64 decisions with many events each made one event, larger than a record of
/// the ledger may be. Fix: an event of closings is complete sooner when they are
/// large, and a decision takes 1,000 events.
#[tokio::test]
async fn decisions_with_many_events_close() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for _ in 0..64 {
        ids.push(service.decide().await);
    }
    // 64 times 600 events of some 40 bytes are more than a mebibyte.
    for _ in 0..40 {
        let events = ids
            .iter()
            .flat_map(|id| std::iter::repeat_n(id, 15))
            .map(|id| event(id, OutcomeKind::Exposure));
        let results = batch(&service, events.collect()).await;
        assert_eq!(result_of(&results[0]), RewardResult::Recorded);
    }
    let settled = ids.iter().map(|id| event(id, OutcomeKind::Settled));
    let results = batch(&service, settled.collect()).await;
    assert_eq!(result_of(&results[63]), RewardResult::Recorded);
    service.decide().await;
    assert_eq!(service.stats().await.closed_decisions, 64);
}

#[tokio::test]
async fn a_decision_takes_a_thousand_events() {
    let service = Service::start().await;
    let id = service.decide().await;
    let events = std::iter::repeat_with(|| event(&id, OutcomeKind::Click)).take(1_000);
    let results = batch(&service, events.collect()).await;
    assert_eq!(result_of(&results[999]), RewardResult::Recorded);
    for kind in [OutcomeKind::Click, OutcomeKind::Settled] {
        let refusal = service.rewards().record_reward(event(&id, kind)).await;
        let refusal = refusal.expect_err("one too many");
        let (code, reason) = (Code::FailedPrecondition, "CONTRADICTS_RECORD");
        assert_refusal(
            &refusal,
            "an event too many",
            code,
            reason,
            &["decision_id"],
        );
    }
}
