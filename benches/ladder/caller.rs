//! The callers: a process of its own that calls for a while and says what came
//! back.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use promobandit::proto::google::r#type::Money;
use promobandit::proto::promobandit::v1;
use promobandit::proto::promobandit::v1::offer_service_client::OfferServiceClient;
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

/// Set in the callers' process.
pub const ENVIRONMENT: &str = "PROMOBANDIT_LADDER_CALLERS";

/// Connections to each server: calls are spread over them.
const CONNECTIONS: usize = 4;

/// What to do in a slice.
#[derive(Debug, Serialize, Deserialize)]
pub struct SliceOrder {
    pub address: String,
    pub offers: usize,
    pub in_flight: usize,
    pub only_checked: bool,
    pub duration_ms: u64,
}

/// What came of a slice.
#[derive(Debug, Serialize, Deserialize)]
pub struct Slice {
    pub answered: u64,
    pub refused: u64,
    pub reason: String,
    pub seconds: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Takes orders from standard input until it ends.
pub fn serve_orders() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut connections: HashMap<String, Vec<Channel>> = HashMap::new();
    let numbers = Arc::new(AtomicU64::new(1));
    for line in std::io::stdin().lock().lines() {
        let order: SliceOrder = serde_json::from_str(&line?)?;
        let channels = match connections.get(&order.address) {
            Some(channels) => channels.clone(),
            None => {
                let channels = runtime.block_on(connect(&order.address))?;
                connections.insert(order.address.clone(), channels.clone());
                channels
            }
        };
        let slice = runtime.block_on(slice(&order, &channels, &numbers))?;
        println!("{}", serde_json::to_string(&slice)?);
    }
    Ok(())
}

async fn connect(address: &str) -> Result<Vec<Channel>, Box<dyn Error>> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
        channels.push(endpoint.connect().await?);
    }
    Ok(channels)
}

/// One real answer for each placement.
pub async fn answers(
    address: SocketAddr,
) -> Result<BTreeMap<String, v1::ChooseOfferResponse>, Box<dyn Error>> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?
        .connect()
        .await?;
    let mut client = OfferServiceClient::new(channel);
    let mut answers = BTreeMap::new();
    for (number, offers) in (u64::MAX - 9..).zip(super::OFFERS) {
        let request = request(number, offers, false);
        let placement = request.placement.clone();
        answers.insert(placement, client.choose_offer(request).await?.into_inner());
    }
    Ok(answers)
}

async fn slice(
    order: &SliceOrder,
    channels: &[Channel],
    numbers: &Arc<AtomicU64>,
) -> Result<Slice, Box<dyn Error>> {
    let begun_at = Instant::now();
    let until = begun_at + Duration::from_millis(order.duration_ms);
    let tasks: Vec<_> = (0..order.in_flight)
        .map(|index| {
            let client = OfferServiceClient::new(channels[index % channels.len()].clone());
            let (offers, only_checked) = (order.offers, order.only_checked);
            tokio::spawn(call_until(
                client,
                until,
                offers,
                only_checked,
                numbers.clone(),
            ))
        })
        .collect();
    let (mut times, mut refused, mut reason) = (Vec::new(), 0, String::new());
    for task in tasks {
        let outcome = task.await?;
        times.extend(outcome.times_ms);
        refused += outcome.refused;
        if reason.is_empty() {
            reason = outcome.reason;
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let place = (times.len() as f64 * share) as usize;
        times.get(place).copied().unwrap_or(f64::NAN)
    };
    Ok(Slice {
        answered: times.len() as u64,
        refused,
        reason,
        seconds: begun_at.elapsed().as_secs_f64(),
        p50_ms: if times.is_empty() { 0.0 } else { at(0.5) },
        p99_ms: if times.is_empty() { 0.0 } else { at(0.99) },
    })
}

struct Outcome {
    times_ms: Vec<f64>,
    refused: u64,
    reason: String,
}

async fn call_until(
    mut client: OfferServiceClient<Channel>,
    until: Instant,
    offers: usize,
    only_checked: bool,
    numbers: Arc<AtomicU64>,
) -> Outcome {
    let mut outcome = Outcome {
        times_ms: Vec::new(),
        refused: 0,
        reason: String::new(),
    };
    while Instant::now() < until {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let request = request(number, offers, only_checked);
        let called_at = Instant::now();
        match client.choose_offer(request).await {
            Ok(_) => outcome
                .times_ms
                .push(called_at.elapsed().as_secs_f64() * 1_000.0),
            Err(status) => {
                outcome.refused += 1;
                outcome.reason = status.to_string();
            }
        }
    }
    outcome
}

/// A checkout's request: one of ten thousand shoppers, two articles.
fn request(number: u64, offers: usize, only_checked: bool) -> v1::ChooseOfferRequest {
    let tier = if number.is_multiple_of(4) {
        "gold"
    } else {
        "plain"
    };
    let line = |sku: &str, quantity| v1::CartLine {
        sku: sku.to_owned(),
        categories: vec!["food".to_owned()],
        brand: String::new(),
        quantity,
        unit_price: Some(Money {
            currency_code: "CNY".to_owned(),
            units: 45,
            nanos: 0,
        }),
    };
    v1::ChooseOfferRequest {
        request_id: Uuid::from_u128(
            0x4000_8000_0000_0000_0000 | u128::from(number) << 80 | u128::from(number),
        )
        .to_string(),
        placement: format!("offers-{offers}"),
        shopper_id: format!("shopper-{}", number % 10_000),
        channel: "app".to_owned(),
        attributes: [(
            "tier".to_owned(),
            v1::AttributeValue {
                value: Some(v1::attribute_value::Value::StringValue(tier.to_owned())),
            },
        )]
        .into(),
        cart: Some(v1::Cart {
            lines: vec![line("tea-1", 2), line("lantern-7", 1)],
        }),
        validate_only: only_checked,
        ..v1::ChooseOfferRequest::default()
    }
}
