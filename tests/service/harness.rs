//! A service on a port of its own, and requests that hold.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use promobandit::catalog::starter::starter;
use promobandit::domain::ids::{ChainHash, Position};
use promobandit::domain::time::Instant;
use promobandit::engine::clock::ManualClock;
use promobandit::engine::{Engine, Settings as EngineSettings, Storage};
use promobandit::ledger::memory::{Failure, MemoryLedger};
use promobandit::ledger::secrets::Secrets;
use promobandit::ledger::{AppendError, Head, Ledger, ReadError, Scan, SyncError};
use promobandit::proto::google::r#type::Money;
use promobandit::proto::promobandit::v1::catalog_service_client::CatalogServiceClient;
use promobandit::proto::promobandit::v1::ledger_service_client::LedgerServiceClient;
use promobandit::proto::promobandit::v1::offer_service_client::OfferServiceClient;
use promobandit::proto::promobandit::v1::reward_service_client::RewardServiceClient;
use promobandit::proto::promobandit::v1::{
    Cart, CartLine, ChooseOfferRequest, ChooseOfferResponse, OrderLine, OutcomeKind,
    RecordRewardRequest, StatsRequest, StatsResponse,
};
use promobandit::service::{DOMAIN, Gate, ServeError, Settings, run};
use prost_types::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

/// 2026-02-17T04:00:00Z, the first day of the year of the horse.
pub const NOW_MS: i64 = 1_771_300_800_000;

/// A ledger in memory whose syncs can be held up.
#[derive(Debug, Default)]
pub struct StallingLedger {
    inner: MemoryLedger,
    /// Whether syncs are held up.
    stalled: Mutex<bool>,
    released: Condvar,
    /// Told when a sync is held up.
    pub reached: Notify,
}

impl StallingLedger {
    pub fn stall(&self) {
        *self.stalled.lock().expect("not poisoned") = true;
    }

    pub fn release(&self) {
        *self.stalled.lock().expect("not poisoned") = false;
        self.released.notify_all();
    }

    pub fn fail_next_sync(&self) {
        self.inner.fail_next(Failure::Sync);
    }
}

impl Ledger for StallingLedger {
    fn append(&self, records: &[&[u8]]) -> Result<Head, AppendError> {
        self.inner.append(records)
    }

    fn sync(&self) -> Result<Head, SyncError> {
        let mut stalled = self.stalled.lock().expect("not poisoned");
        while *stalled {
            self.reached.notify_one();
            stalled = self.released.wait(stalled).expect("not poisoned");
        }
        drop(stalled);
        self.inner.sync()
    }

    fn head(&self) -> Head {
        self.inner.head()
    }

    fn durable_head(&self) -> Head {
        self.inner.durable_head()
    }

    fn start(&self) -> Head {
        self.inner.start()
    }

    fn read(&self, position: Position) -> Result<Option<Vec<u8>>, ReadError> {
        self.inner.read(position)
    }

    fn chain_at(&self, position: Position) -> Result<Option<ChainHash>, ReadError> {
        self.inner.chain_at(position)
    }

    fn scan(&self, from: Position, chain_before: Option<ChainHash>) -> Scan<'_> {
        self.inner.scan(from, chain_before)
    }

    fn drain(&self) -> Result<Head, SyncError> {
        self.inner.drain()
    }
}

/// A service that runs until it is stopped or dropped.
pub struct Service {
    pub channel: Channel,
    pub address: std::net::SocketAddr,
    pub ledger: Arc<StallingLedger>,
    pub clock: Arc<ManualClock>,
    pub gate: Gate,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), ServeError>>,
}

impl Service {
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub async fn start_with(settings: Settings) -> Self {
        let service = Self::start_closed(settings).await;
        service.open().await;
        service
    }

    /// Starts without an engine, as during a recovery.
    pub async fn start_closed(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let gate = Gate::closed();
        let stopped = async move {
            let _ = stopped.await;
        };
        let running = tokio::spawn(run(listener, gate.clone(), settings, stopped));
        let channel = Endpoint::try_from(format!("http://{address}"))
            .expect("an endpoint")
            .connect()
            .await
            .expect("a connection");
        Self {
            channel,
            address,
            ledger: Arc::default(),
            clock: Arc::new(ManualClock::at(Instant::from_unix_ms(NOW_MS))),
            gate,
            stop: Some(stop),
            running,
        }
    }

    /// Opens the engine with the starter catalogue and lets callers in.
    pub async fn open(&self) {
        self.open_with(EngineSettings::default()).await;
    }

    pub async fn open_with(&self, settings: EngineSettings) {
        let storage = Storage {
            ledger: self.ledger.clone(),
            secrets: Arc::new(Secrets::derived([7; 32])),
            checkpoints: None,
        };
        let (engine, _) = Engine::open(storage, self.clock.clone(), settings, &mut |_| {})
            .expect("an empty ledger opens");
        let imported = engine.import_catalog(starter(), "test").await;
        imported.expect("the starter catalogue holds");
        self.gate.open(engine);
    }

    /// Asks the service to go down.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for its end.
    pub async fn ended(self) -> Result<(), ServeError> {
        self.running.await.expect("the service does not panic")
    }

    pub fn offers(&self) -> OfferServiceClient<Channel> {
        OfferServiceClient::new(self.channel.clone())
    }

    pub fn rewards(&self) -> RewardServiceClient<Channel> {
        RewardServiceClient::new(self.channel.clone())
    }

    pub fn catalogs(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.channel.clone())
    }

    pub fn ledgers(&self) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.channel.clone())
    }

    pub async fn stats(&self) -> StatsResponse {
        let stats = self.ledgers().stats(StatsRequest {}).await;
        stats.expect("the service counts").into_inner()
    }

    pub async fn choose(&self, request: ChooseOfferRequest) -> ChooseOfferResponse {
        let chosen = self.offers().choose_offer(request).await;
        chosen.expect("the request holds").into_inner()
    }

    /// A new decision at the checkout; its id.
    pub async fn decide(&self) -> String {
        let chosen = self.choose(choose_request()).await;
        chosen.decision.expect("a decision").decision_id
    }
}

/// Ids that no other request of the process has.
pub fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u64_pair(0x7117, COUNT.fetch_add(1, Ordering::Relaxed)).to_string()
}

/// A request that holds.
pub fn choose_request() -> ChooseOfferRequest {
    ChooseOfferRequest {
        request_id: new_id(),
        placement: "checkout".to_owned(),
        cart: Some(Cart {
            lines: vec![CartLine {
                sku: "running-shoes".to_owned(),
                categories: vec!["running".to_owned()],
                brand: String::new(),
                quantity: 1,
                unit_price: Some(cny(399)),
            }],
        }),
        ..Default::default()
    }
}

/// An event that holds.
pub fn event(decision_id: &str, kind: OutcomeKind) -> RecordRewardRequest {
    RecordRewardRequest {
        event_id: new_id(),
        decision_id: decision_id.to_owned(),
        kind: kind.into(),
        event_time: Some(at(NOW_MS)),
        ..Default::default()
    }
}

/// A purchase of one pair of shoes that holds.
pub fn purchase(decision_id: &str) -> RecordRewardRequest {
    RecordRewardRequest {
        lines: vec![OrderLine {
            sku: "running-shoes".to_owned(),
            quantity: 1,
            price_paid: Some(cny(349)),
            discount_applied: Some(cny(50)),
            ..Default::default()
        }],
        ..event(decision_id, OutcomeKind::Purchase)
    }
}

/// A refund of it that holds.
pub fn refund(decision_id: &str, reverses_event_id: &str) -> RecordRewardRequest {
    RecordRewardRequest {
        reverses_event_id: reverses_event_id.to_owned(),
        lines: vec![OrderLine {
            sku: "running-shoes".to_owned(),
            quantity: 0,
            refunded_amount: Some(cny(49)),
            ..Default::default()
        }],
        ..event(decision_id, OutcomeKind::Refund)
    }
}

pub fn cny(units: i64) -> Money {
    Money {
        currency_code: "CNY".to_owned(),
        units,
        nanos: 0,
    }
}

pub fn at(unix_ms: i64) -> Timestamp {
    Timestamp {
        seconds: unix_ms.div_euclid(1_000),
        nanos: 0,
    }
}

/// Asserts what every refusal carries: code, reason, and the fields.
#[track_caller]
pub fn assert_refusal(status: &Status, what: &str, code: Code, reason: &str, fields: &[&str]) {
    assert_eq!(status.code(), code, "{what}: {status:?}");
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.reason, reason, "{what}");
    assert_eq!(info.domain, DOMAIN, "{what}");
    let violations = status.get_details_bad_request();
    let violations = violations.map_or_else(Vec::new, |it| it.field_violations);
    let named: Vec<&str> = violations.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(named, fields, "{what}: {}", status.message());
    for violation in &violations {
        let told = &violation.description;
        assert!(told.starts_with(&violation.field), "{what}: {told}");
        assert!(told.contains("expected "), "{what} has no bound: {told}");
        assert!(told.len() < 400, "{what} repeats too much: {told}");
    }
}
