//! `RewardService`: what happened after a decision.
//!
//! Events of a batch or a stream are recorded concurrently, so that they share
//! commits. Those that name the same decision, order or purchase go one after
//! the other, in the order in which they came: a SETTLED must not overtake the
//! click before it.

use std::pin::pin;

use futures_util::stream::{self, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use super::gate::Gate;
use super::status::Refusal;
use super::wire;
use crate::engine::Engine;
use crate::engine::fault::FieldFault;
use crate::proto::promobandit::v1;
use crate::proto::promobandit::v1::batch_reward_result;
use crate::proto::promobandit::v1::reward_service_server::RewardService;

mod related;

/// The most events of a batch.
const MOST_EVENTS: usize = 1_000;
/// So many groups of related events are recorded at the same time.
const CONCURRENT_GROUPS: usize = 256;
/// A stream's events are taken so many at a time.
const STREAM_EVENTS: usize = 256;
/// A stream's answer tells so many refusals.
const REFUSALS_TOLD: usize = 100;

/// Answers payment callbacks and pages.
#[derive(Clone)]
pub(super) struct Rewards {
    gate: Gate,
}

impl Rewards {
    pub const fn new(gate: Gate) -> Self {
        Self { gate }
    }

    async fn batch(
        &self,
        request: v1::BatchRecordRewardsRequest,
    ) -> Result<v1::BatchRecordRewardsResponse, Refusal> {
        let engine = self.gate.enter()?;
        let count = request.requests.len();
        if !(1..=MOST_EVENTS).contains(&count) {
            let expected = format!("1 to {MOST_EVENTS} events");
            let fault = FieldFault::new("requests", format!("{count} events"), expected);
            return Err(Refusal::fields(vec![fault]));
        }
        let results = record_all(engine, request.requests).await;
        Ok(v1::BatchRecordRewardsResponse {
            results: results.into_iter().map(batch_result).collect(),
        })
    }

    async fn stream(
        &self,
        messages: Streaming<v1::StreamRewardsRequest>,
    ) -> Result<v1::StreamRewardsResponse, Status> {
        let engine = self.gate.enter()?;
        let mut chunks = pin!(messages.ready_chunks(STREAM_EVENTS));
        let mut draining = pin!(self.gate.draining());
        let mut told = v1::StreamRewardsResponse::default();
        let mut taken = 0;
        loop {
            let chunk = tokio::select! {
                biased;
                () = &mut draining => {
                    let message = format!(
                        "the service is shutting down and has taken {taken} events of this stream"
                    );
                    return Err(Refusal::draining(message).into());
                }
                chunk = chunks.next() => chunk,
            };
            let Some(chunk) = chunk else {
                return Ok(told);
            };
            // What came before a broken message is recorded nevertheless.
            let mut broken = None;
            let mut events = Vec::with_capacity(chunk.len());
            for message in chunk {
                match message {
                    Ok(message) => events.push(message.request.unwrap_or_default()),
                    Err(status) => broken = Some(status),
                }
            }
            let ids: Vec<String> = events.iter().map(|event| event.event_id.clone()).collect();
            let results = record_all(engine, events).await;
            for (event_id, result) in ids.into_iter().zip(results) {
                count(&mut told, taken, event_id, result);
                taken += 1;
            }
            if let Some(status) = broken {
                return Err(status);
            }
        }
    }
}

/// Records one event.
async fn record(
    engine: &Engine,
    request: v1::RecordRewardRequest,
) -> Result<v1::RecordRewardResponse, Refusal> {
    let request = wire::reward_request(request)?;
    let recorded = engine.record(&request).await?;
    Ok(wire::recorded(request.event_id, &recorded))
}

/// Records events, related ones in their order; the results are in the order of
/// the events.
async fn record_all(
    engine: &Engine,
    events: Vec<v1::RecordRewardRequest>,
) -> Vec<Result<v1::RecordRewardResponse, Refusal>> {
    let groups = related::groups(&events);
    let mut results: Vec<_> = events.iter().map(|_| None).collect();
    let mut events: Vec<_> = events.into_iter().map(Some).collect();
    let groups: Vec<Vec<(usize, v1::RecordRewardRequest)>> = groups
        .into_iter()
        .map(|group| {
            group
                .into_iter()
                .filter_map(|index| Some((index, events[index].take()?)))
                .collect()
        })
        .collect();
    let mut recorded = pin!(
        stream::iter(groups)
            .map(|group| record_in_order(engine, group))
            .buffer_unordered(CONCURRENT_GROUPS)
    );
    while let Some(group) = recorded.next().await {
        for (index, result) in group {
            results[index] = Some(result);
        }
    }
    results
        .into_iter()
        .map(|result| result.expect("every event is in one group"))
        .collect()
}

async fn record_in_order(
    engine: &Engine,
    group: Vec<(usize, v1::RecordRewardRequest)>,
) -> Vec<(usize, Result<v1::RecordRewardResponse, Refusal>)> {
    let mut results = Vec::with_capacity(group.len());
    for (index, event) in group {
        results.push((index, record(engine, event).await));
    }
    results
}

fn batch_result(result: Result<v1::RecordRewardResponse, Refusal>) -> v1::BatchRewardResult {
    v1::BatchRewardResult {
        result: Some(match result {
            Ok(response) => batch_reward_result::Result::Response(response),
            Err(refusal) => batch_reward_result::Result::Error(refusal.into_reward_error()),
        }),
    }
}

/// Adds one event's result to a stream's answer.
fn count(
    told: &mut v1::StreamRewardsResponse,
    index: i64,
    event_id: String,
    result: Result<v1::RecordRewardResponse, Refusal>,
) {
    match result {
        Ok(response) => {
            told.duplicates += i64::from(response.duplicate);
            match response.result() {
                v1::RewardResult::Late => told.late += 1,
                v1::RewardResult::OverWindow => told.over_window += 1,
                v1::RewardResult::Recorded | v1::RewardResult::Unspecified => told.recorded += 1,
            }
        }
        Err(refusal) => {
            told.refused += 1;
            if told.refusals.len() < REFUSALS_TOLD {
                told.refusals.push(v1::StreamRewardRefusal {
                    index,
                    event_id,
                    error: Some(refusal.into_reward_error()),
                });
            }
        }
    }
}

#[tonic::async_trait]
impl RewardService for Rewards {
    async fn record_reward(
        &self,
        request: Request<v1::RecordRewardRequest>,
    ) -> Result<Response<v1::RecordRewardResponse>, Status> {
        let engine = self.gate.enter()?;
        let answer = record(engine, request.into_inner()).await;
        Ok(Response::new(answer?))
    }

    async fn batch_record_rewards(
        &self,
        request: Request<v1::BatchRecordRewardsRequest>,
    ) -> Result<Response<v1::BatchRecordRewardsResponse>, Status> {
        let answer = self.batch(request.into_inner()).await;
        Ok(Response::new(answer?))
    }

    async fn stream_rewards(
        &self,
        request: Request<Streaming<v1::StreamRewardsRequest>>,
    ) -> Result<Response<v1::StreamRewardsResponse>, Status> {
        let answer = self.stream(request.into_inner()).await;
        Ok(Response::new(answer?))
    }
}
