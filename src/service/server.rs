//! The services behind a socket, from the first connection to the last.
//!
//! tonic's defaults are open: no bound on calls, streams, connections' age. Each
//! is set here, and [`Settings`] says why.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::{JoinError, spawn_blocking};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::catalog::Catalogs;
use super::gate::Gate;
use super::ledger::Ledgers;
use super::limits::CallLimits;
use super::offer::Offers;
use super::reward::Rewards;
use crate::engine::committer::CommitError;
use crate::proto::promobandit::v1::FILE_DESCRIPTOR_SET;
use crate::proto::promobandit::v1::catalog_service_server::CatalogServiceServer;
use crate::proto::promobandit::v1::ledger_service_server::LedgerServiceServer;
use crate::proto::promobandit::v1::offer_service_server::OfferServiceServer;
use crate::proto::promobandit::v1::reward_service_server::RewardServiceServer;

/// The services whose health is reported; the empty name is the process.
const SERVICES: [&str; 5] = [
    "",
    "promobandit.v1.OfferService",
    "promobandit.v1.RewardService",
    "promobandit.v1.CatalogService",
    "promobandit.v1.LedgerService",
];

/// The largest message that is taken: a batch of 1,000 events of a usual size,
/// and gRPC's own default. What is answered stays below it as well, but for
/// `Stats` of a very large catalogue.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// The largest message of the catalogue's service: a catalogue of 100,000
/// offers.
const CATALOG_BYTES: usize = 64 * 1024 * 1024;
/// Metadata is short; a caller may not make the service keep more.
const HEADER_BYTES: u32 = 16 * 1024;
/// What a connection, or one stream of it, may send ahead of being read.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// A peer that resets streams faster than they are begun is cut off.
const MOST_RESET_STREAMS: usize = 20;
/// Two pings find out that a peer has vanished without a word.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// After so long a connection is asked to come again, so that a load balancer
/// gets to spread it anew; calls under way end in peace. A grace after which it
/// would be cut is not set: tonic 0.14.9 then never asks and only cuts.
const CONNECTION_AGE: Duration = Duration::from_secs(60 * 60);

/// Once no call is under way connections get so long to close.
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// How the service behaves, whatever its engine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether callers may ask for the contract itself (`grpc.reflection`, v1
    /// and v1alpha). Off: it tells more than a caller who has the contract
    /// needs.
    pub reflection: bool,
    /// How many calls may be under way; more are refused with
    /// RESOURCE_EXHAUSTED rather than queued, so that those inside are answered
    /// in time. Health checks are let in always.
    pub max_concurrent_calls: usize,
    /// How many calls one connection may have under way.
    pub max_streams_per_connection: u32,
    /// How long a call may take when its caller sets no shorter deadline.
    pub call_timeout: Duration,
    /// How long calls under way may take once the service goes down.
    pub drain_timeout: Duration,
    /// Where the ledger is, when it is on disk: for `Stats`.
    pub data_dir: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reflection: false,
            max_concurrent_calls: 4_096,
            max_streams_per_connection: 1_024,
            call_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(10),
            data_dir: None,
        }
    }
}

/// Why a service came to an end that nobody asked for.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The socket.
    #[error("the service could not go on serving: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors of the contract.
    #[error("the contract's descriptors cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The ledger failed, while serving or at the end.
    #[error(transparent)]
    Ledger(#[from] CommitError),
    /// A bug in draining.
    #[error("draining the engine came to no end: {0}")]
    Drain(#[from] JoinError),
}

/// Serves until `shutdown` resolves or the ledger fails.
///
/// Callers are let in as soon as the gate is open; before that they are told
/// that the service starts, and its health is NOT_SERVING. At the end nobody
/// new is let in, calls under way get [`Settings::drain_timeout`] to end, and
/// the engine is drained.
///
/// # Errors
/// When the ledger fails, or the socket does.
pub async fn run(
    listener: TcpListener,
    gate: Gate,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let health = HealthReporter::new();
    report(&health, ServingStatus::NotServing).await;
    let limits = CallLimits::new(settings.max_concurrent_calls, settings.call_timeout);
    let routes = routes(&gate, &settings, &health)?;
    let stop_accepting = Gate::draining(&gate);
    let serving = server(&settings)
        .layer(limits.clone())
        .serve_with_incoming_shutdown(routes, incoming(listener), stop_accepting);
    let mut serving = std::pin::pin!(serving);
    let failure = tokio::select! {
        ended = &mut serving => return Ok(ended?),
        failure = failed(&gate, &health) => Some(failure),
        () = shutdown => None,
    };
    report(&health, ServingStatus::NotServing).await;
    gate.drain();
    let in_peace = async {
        tokio::select! {
            ended = &mut serving => return ended,
            () = limits.all_ended() => {}
        }
        // Whoever watches the health would keep the connection open.
        end_watching(health).await;
        // A peer that is there answers at once that it has understood.
        match tokio::time::timeout(CLOSING_TIME, serving).await {
            Ok(ended) => ended,
            Err(_) => Ok(()),
        }
    };
    match tokio::time::timeout(settings.drain_timeout, in_peace).await {
        Ok(ended) => ended?,
        Err(_) => tracing::warn!(
            drain_timeout = ?settings.drain_timeout,
            "calls were still under way and are cut off"
        ),
    }
    let drained = drain_engine(&gate).await;
    match failure {
        Some(failure) => Err(failure.into()),
        None => drained,
    }
}

/// Opens the health once the engine is there; then waits for the ledger to
/// fail.
async fn failed(gate: &Gate, health: &HealthReporter) -> CommitError {
    let engine = gate.opened().await;
    report(health, ServingStatus::Serving).await;
    engine.failed().await
}

async fn report(health: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        health.set_service_status(service, status).await;
    }
}

async fn end_watching(mut health: HealthReporter) {
    for service in SERVICES {
        health.clear_service_status(service).await;
    }
}

async fn drain_engine(gate: &Gate) -> Result<(), ServeError> {
    let Some(engine) = gate.engine().cloned() else {
        return Ok(());
    };
    Ok(spawn_blocking(move || engine.drain()).await??)
}

fn incoming(listener: TcpListener) -> TcpIncoming {
    // Answers are small and complete: waiting to fill a packet only delays them.
    TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .with_keepalive(Some(PING_EVERY))
}

fn server(settings: &Settings) -> Server {
    Server::builder()
        .max_concurrent_streams(settings.max_streams_per_connection)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MOST_RESET_STREAMS))
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_ANSWERED_WITHIN))
        .max_connection_age(CONNECTION_AGE)
        .accept_http1(false)
}

fn routes(gate: &Gate, settings: &Settings, health: &HealthReporter) -> Result<Routes, ServeError> {
    let offers = OfferServiceServer::new(Offers::new(gate.clone()));
    let rewards = RewardServiceServer::new(Rewards::new(gate.clone()));
    let catalogs = CatalogServiceServer::new(Catalogs::new(gate.clone()));
    let data_dir = settings.data_dir.clone();
    let ledgers = LedgerServiceServer::new(Ledgers::new(gate.clone(), data_dir));
    let health = tonic_health::server::HealthService::from_health_reporter(health.clone());
    let mut routes = Routes::builder();
    routes
        .add_service(offers.max_decoding_message_size(MESSAGE_BYTES))
        .add_service(rewards.max_decoding_message_size(MESSAGE_BYTES))
        .add_service(catalogs.max_decoding_message_size(CATALOG_BYTES))
        .add_service(ledgers.max_decoding_message_size(MESSAGE_BYTES))
        .add_service(tonic_health::pb::health_server::HealthServer::new(health));
    if settings.reflection {
        routes
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
    }
    Ok(routes.routes().prepare())
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
