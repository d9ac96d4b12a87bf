//! Starting, deadlines, overload, draining, failing; health, reflection, verify.

use std::time::Duration;

use promobandit::engine::Settings as EngineSettings;
use promobandit::proto::promobandit::v1::verify_response::Message;
use promobandit::proto::promobandit::v1::{
    ChooseOfferRequest, GetCatalogRequest, OutcomeKind, StatsRequest, StreamRewardsRequest,
    VerifyReport, VerifyRequest,
};
use promobandit::service::{ServeError, Settings};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::codegen::http::{HeaderMap, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::{v1, v1alpha};
use tonic_types::StatusExt as _;

use crate::harness::{Service, assert_refusal, choose_request, event};

const SERVICES: [&str; 4] = ["Catalog", "Ledger", "Offer", "Reward"];

fn name(service: &str) -> String {
    format!("promobandit.v1.{service}Service")
}

async fn health(service: &Service, name: &str) -> ServingStatus {
    let request = HealthCheckRequest {
        service: name.to_owned(),
    };
    let checked = HealthClient::new(service.channel.clone())
        .check(request)
        .await;
    checked.expect("a known service").into_inner().status()
}

#[tokio::test]
async fn nobody_is_let_in_before_the_engine_is_there() {
    let service = Service::start_closed(Settings::default()).await;
    for name in SERVICES.map(name) {
        assert_eq!(health(&service, &name).await, ServingStatus::NotServing);
    }
    let refusal = service.offers().choose_offer(choose_request()).await;
    let refusal = refusal.expect_err("the service starts");
    assert_refusal(&refusal, "starting", Code::Unavailable, "STARTING", &[]);
    assert!(refusal.get_details_retry_info().is_some());
    let refusal = service.catalogs().get_catalog(GetCatalogRequest {}).await;
    assert_eq!(refusal.expect_err("starting").code(), Code::Unavailable);
    let mut watched = HealthClient::new(service.channel.clone())
        .watch(HealthCheckRequest::default())
        .await
        .expect("the process is known")
        .into_inner();
    let mut next = async || {
        let told = watched.next().await.expect("a status").expect("a status");
        told.status()
    };
    assert_eq!(next().await, ServingStatus::NotServing);
    service.open().await;
    assert_eq!(next().await, ServingStatus::Serving);
    service.choose(choose_request()).await;
}

/// One unary call with headers of its own, beneath tonic's client, which would
/// answer at the deadline itself.
async fn raw_call(service: &Service, timeout: &str, request: &ChooseOfferRequest) -> HeaderMap {
    let socket = TcpStream::connect(service.address).await.expect("a socket");
    let (mut client, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
    tokio::spawn(connection);
    let head = Request::post("http://promobandit/promobandit.v1.OfferService/ChooseOffer")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(())
        .expect("a request");
    let (answer, mut body) = client.send_request(head, false).expect("a stream");
    let message = request.encode_to_vec();
    let length = u32::try_from(message.len()).expect("a short message");
    let framed = [&[0][..], &length.to_be_bytes(), &message].concat();
    body.send_data(Bytes::from(framed), true).expect("sent");
    let (head, mut body) = answer.await.expect("an answer").into_parts();
    while let Some(data) = body.data().await {
        drop(data.expect("data"));
    }
    let trailers = body.trailers().await.expect("trailers");
    trailers.unwrap_or(head.headers)
}

#[tokio::test]
async fn a_callers_deadline_is_honoured_and_nothing_is_half_done() {
    let service = Service::start().await;
    service.ledger.stall();
    let request = choose_request();
    // Shorter than a tick of the timer, and longer.
    for timeout in ["1n", "500u", "30m"] {
        let told = raw_call(&service, timeout, &request).await;
        let status = told.get("grpc-status").expect("a status");
        assert_eq!(status, "4", "DEADLINE_EXCEEDED at {timeout}: {told:?}");
    }
    service.ledger.release();
    let first = service.choose(request.clone()).await;
    let again = service.choose(request).await;
    assert!(again.reused);
    assert_eq!(again.decision, first.decision);
    assert_eq!(service.stats().await.decisions, 1);
}

#[tokio::test]
async fn a_call_without_a_deadline_gets_one() {
    let settings = Settings {
        call_timeout: Duration::from_millis(20),
        ..Settings::default()
    };
    let service = Service::start_with(settings).await;
    service.ledger.stall();
    let refusal = service.offers().choose_offer(choose_request()).await;
    let refusal = refusal.expect_err("the ledger stalls");
    let (code, reason) = (Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    assert_refusal(&refusal, "stalled", code, reason, &[]);
    service.ledger.release();
}

#[tokio::test]
async fn too_many_calls_are_turned_away() {
    let settings = Settings {
        max_concurrent_calls: 1,
        ..Settings::default()
    };
    let service = Service::start_with(settings).await;
    service.ledger.stall();
    let first = tokio::spawn({
        let mut offers = service.offers();
        async move { offers.choose_offer(choose_request()).await }
    });
    service.ledger.reached.notified().await;
    let refusal = service.ledgers().stats(StatsRequest {}).await;
    let refusal = refusal.expect_err("one call is under way");
    let (code, reason) = (Code::ResourceExhausted, "TOO_MANY_CALLS");
    assert_refusal(&refusal, "overload", code, reason, &[]);
    assert!(refusal.get_details_retry_info().is_some());
    assert_eq!(health(&service, "").await, ServingStatus::Serving);
    service.ledger.release();
    first.await.expect("no panic").expect("it was let in");
    service.stats().await;
}

#[tokio::test]
async fn a_full_queue_turns_away_before_anything_is_drawn() {
    let service = Service::start_closed(Settings::default()).await;
    let settings = EngineSettings {
        queue_limit_bytes: 1,
        ..EngineSettings::default()
    };
    service.open_with(settings).await;
    service.ledger.stall();
    // The first is being committed; of two more, one waits in the queue and the
    // other finds it full.
    let mut calls = JoinSet::new();
    let call = |calls: &mut JoinSet<_>| {
        let mut offers = service.offers();
        calls.spawn(async move { offers.choose_offer(choose_request()).await });
    };
    call(&mut calls);
    service.ledger.reached.notified().await;
    call(&mut calls);
    call(&mut calls);
    let refusal = calls.join_next().await.expect("a call");
    let refusal = refusal.expect("no panic").expect_err("the queue is full");
    let (code, reason) = (Code::ResourceExhausted, "QUEUE_FULL");
    assert_refusal(&refusal, "a full queue", code, reason, &[]);
    assert!(refusal.get_details_retry_info().is_some());
    service.ledger.release();
    while let Some(call) = calls.join_next().await {
        call.expect("no panic").expect("it was let in");
    }
}

#[tokio::test]
async fn what_is_under_way_ends_in_peace() {
    let mut service = Service::start().await;
    let mut watched = HealthClient::new(service.channel.clone())
        .watch(HealthCheckRequest::default())
        .await
        .expect("the process is known")
        .into_inner();
    let told = watched.next().await.expect("a status").expect("a status");
    assert_eq!(told.status(), ServingStatus::Serving);
    service.ledger.stall();
    let under_way = tokio::spawn({
        let mut offers = service.offers();
        async move { offers.choose_offer(choose_request()).await }
    });
    service.ledger.reached.notified().await;
    service.begin_stop();
    let told = watched.next().await.expect("a status").expect("a status");
    assert_eq!(told.status(), ServingStatus::NotServing);
    service.ledger.release();
    let chosen = under_way.await.expect("no panic");
    chosen.expect("it is answered").into_inner();
    let address = service.address;
    service.ended().await.expect("it drains");
    assert!(watched.next().await.is_none_or(|told| told.is_err()));
    TcpStream::connect(address)
        .await
        .expect_err("nobody listens any more");
}

#[tokio::test]
async fn calls_that_do_not_end_are_cut_off() {
    let settings = Settings {
        drain_timeout: Duration::from_millis(20),
        ..Settings::default()
    };
    let mut service = Service::start_with(settings).await;
    service.ledger.stall();
    let under_way = tokio::spawn({
        let mut offers = service.offers();
        async move { offers.choose_offer(choose_request()).await }
    });
    service.ledger.reached.notified().await;
    service.begin_stop();
    // The engine drains although the call has not ended, and waits for the
    // ledger then.
    let engine = service.gate.engine().expect("an engine").clone();
    while engine.refusal().is_none() {
        tokio::task::yield_now().await;
    }
    service.ledger.release();
    service.ended().await.expect("it drains");
    drop(under_way);
}

#[tokio::test]
async fn a_stream_is_told_that_the_service_goes_down() {
    let mut service = Service::start().await;
    let id = service.decide().await;
    let (events, sent) = tokio::sync::mpsc::channel(4);
    let streaming = tokio::spawn({
        let mut rewards = service.rewards();
        let messages = tokio_stream::wrappers::ReceiverStream::new(sent);
        async move { rewards.stream_rewards(messages).await }
    });
    let request = Some(event(&id, OutcomeKind::Exposure));
    let sent = events.send(StreamRewardsRequest { request }).await;
    sent.expect("the stream takes it");
    while service.stats().await.outcomes == 0 {
        tokio::task::yield_now().await;
    }
    service.begin_stop();
    let refusal = streaming.await.expect("no panic");
    let refusal = refusal.expect_err("the service goes down");
    assert_refusal(&refusal, "draining", Code::Unavailable, "DRAINING", &[]);
    service.ended().await.expect("it drains");
}

#[tokio::test]
async fn a_failing_ledger_ends_the_service() {
    let service = Service::start().await;
    service.ledger.fail_next_sync();
    let refusal = service.offers().choose_offer(choose_request()).await;
    let refusal = refusal.expect_err("the ledger fails");
    let (code, reason) = (Code::Unavailable, "LEDGER_FAILED");
    assert_refusal(&refusal, "a failed sync", code, reason, &[]);
    let ended = service.ended().await;
    assert!(matches!(ended, Err(ServeError::Ledger(_))), "{ended:?}");
}

async fn verify(service: &Service, expect_head: String) -> VerifyReport {
    let request = VerifyRequest { expect_head };
    let told = service.ledgers().verify(request).await.expect("a ledger");
    let mut told = told.into_inner();
    let mut report = None;
    while let Some(message) = told.message().await.expect("no failure") {
        assert!(report.is_none(), "the report is the last message");
        if let Some(Message::Report(told)) = message.message {
            report = Some(told);
        }
    }
    report.expect("a report")
}

#[tokio::test]
async fn the_ledger_is_verified_and_its_heads_are_found() {
    let service = Service::start().await;
    let id = service.decide().await;
    let noted = service.stats().await.chain_head;
    let recorded = service
        .rewards()
        .record_reward(event(&id, OutcomeKind::Click))
        .await;
    recorded.expect("it holds");
    let report = verify(&service, noted.to_ascii_uppercase()).await;
    assert!(report.ok, "{report:?}");
    assert_eq!((report.decisions, report.rederived), (1, 1));
    let stats = service.stats().await;
    assert_eq!(report.chain_head, stats.chain_head);
    assert_eq!(report.state_hash, stats.state_hash);
    let report = verify(&service, "ab".repeat(32)).await;
    assert!(!report.ok);
    assert_eq!(report.faults_total, 1);
    assert!(report.faults[0].what.contains("abab"), "{report:?}");
    assert!(verify(&service, String::new()).await.ok);
}

#[tokio::test]
async fn reflection_lists_every_service_only_when_it_is_wanted() {
    let service = Service::start_with(Settings {
        reflection: true,
        ..Settings::default()
    })
    .await;
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut told = ServerReflectionClient::new(service.channel.clone())
        .server_reflection_info(tokio_stream::once(request.clone()))
        .await
        .expect("reflection")
        .into_inner();
    let message = told.message().await.expect("an answer").expect("an answer");
    let Some(MessageResponse::ListServicesResponse(listed)) = message.message_response else {
        panic!("{message:?}");
    };
    let names: Vec<String> = listed.service.into_iter().map(|it| it.name).collect();
    for expected in SERVICES.map(name) {
        assert!(names.contains(&expected), "{names:?}");
    }
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()));

    let alpha = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(name("Offer")),
        ),
    };
    let mut client =
        v1alpha::server_reflection_client::ServerReflectionClient::new(service.channel.clone());
    let told = client
        .server_reflection_info(tokio_stream::once(alpha))
        .await;
    told.expect("grpcurl's version of it");

    let service = Service::start().await;
    let refusal = ServerReflectionClient::new(service.channel.clone())
        .server_reflection_info(tokio_stream::once(request))
        .await;
    assert_eq!(
        refusal.expect_err("not asked for").code(),
        Code::Unimplemented
    );
}
