//! One simulated shopper's visit: a page with an offer, perhaps a purchase,
//! perhaps a refund; and what goes wrong on the way in every shop: answers that
//! do not arrive, pages that are loaded again, callbacks that come twice or too
//! late.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use prost_types::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::transport::Channel;
use uuid::Uuid;

use super::tally::{Judged, Tally};
use super::tastes::{PLACEMENT, Taste, Tastes};
use crate::catalog::Windows;
use crate::cli::client::patiently;
use crate::domain::random::Generator;
use crate::engine::clock::{Clock, SystemClock};
use crate::proto::google::r#type::Money;
use crate::proto::promobandit::v1::offer_service_client::OfferServiceClient;
use crate::proto::promobandit::v1::reward_service_client::RewardServiceClient;
use crate::proto::promobandit::v1::{
    Cart, CartLine, ChooseOfferRequest, ChooseOfferResponse, Decision, Durability, OrderLine,
    OutcomeKind, RecordRewardRequest, RewardResult,
};

/// Of all requests, those sent twice at the same time.
const RETRIED_SHARE: f64 = 0.03;
/// Of all pages, those loaded again.
const RELOADED_SHARE: f64 = 0.03;
/// Of all purchases, those told twice.
const DOUBLED_SHARE: f64 = 0.05;
/// Of all purchases, those told when their decision has closed.
const LATE_SHARE: f64 = 0.04;
/// Of all purchases that are told in time, those paid back.
const REFUNDED_SHARE: f64 = 0.05;

/// How long after closing a late purchase is told.
const LATE_BY: Duration = Duration::from_millis(1_500);

/// The share of purchases that the service is to learn: not told too late and
/// not paid back.
pub const LEARNT_SHARE: f64 = (1.0 - LATE_SHARE) * (1.0 - REFUNDED_SHARE);

/// What every visit shares.
#[derive(Debug)]
pub struct Shop {
    /// The way to the service.
    pub channel: Channel,
    /// What shoppers like.
    pub tastes: Tastes,
    /// How long outcomes count.
    pub windows: Windows,
    /// What the visits are drawn from.
    pub seed: u64,
    /// Tells this run's requests from those of an earlier run on the same
    /// ledger: the ledger's position when the demo began.
    pub run: u64,
    /// Protects the demo's books; held to add to them, never over a call.
    pub tally: Mutex<Tally>,
    /// Becomes true when the demo is to end: nobody waits for anything then.
    pub stopping: watch::Receiver<bool>,
}

impl Shop {
    /// The demo's books.
    pub fn books<T>(&self, with: impl FnOnce(&mut Tally) -> T) -> T {
        with(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits; false when the demo ends meanwhile.
    async fn wait(&self, time: Duration) -> bool {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}

/// A visit under way.
struct Visit {
    shop: Arc<Shop>,
    number: u64,
    generator: Generator,
}

/// Makes one visit. The permit is given back when the page is shown: what comes
/// later may take as long as it takes.
///
/// # Errors
/// When the service refuses a call.
pub async fn visit(
    shop: Arc<Shop>,
    number: u64,
    permit: OwnedSemaphorePermit,
) -> anyhow::Result<()> {
    let seed = blake3::derive_key("promobandit demo visit v1", &stated(&shop, number));
    let [a, b, c, d, e, f, g, h, ..] = seed;
    let mut visit = Visit {
        generator: Generator::from_seed(u64::from_le_bytes([a, b, c, d, e, f, g, h])),
        shop: shop.clone(),
        number,
    };
    let Some((segment, taste)) = shop.tastes.draw(&mut visit.generator) else {
        return Ok(());
    };
    let decision = visit.page(segment, taste).await?;
    drop(permit);
    let rate = decision
        .offers
        .first()
        .map(|offer| taste.rate(&offer.offer_id));
    if rate.is_some_and(|rate| visit.happens(rate)) {
        visit.buy(&decision).await?;
    }
    Ok(())
}

/// What a visit is drawn from.
fn stated(shop: &Shop, number: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    let numbers = [shop.seed, shop.run, number];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

impl Visit {
    fn happens(&mut self, probability: f64) -> bool {
        self.generator.next_uniform() < probability
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.generator.next_word(), self.generator.next_word());
        let bits = u128::from(high) << 64 | u128::from(low);
        let random = bits.to_be_bytes();
        uuid::Builder::from_random_bytes(random)
            .into_uuid()
            .to_string()
    }

    /// Shows the page: chooses an offer, now and then twice, and tells that it
    /// was shown.
    async fn page(&mut self, segment: usize, taste: &Taste) -> anyhow::Result<Decision> {
        let request = self.request(taste);
        let begun_at = Instant::now();
        let (answer, retry) = if self.happens(RETRIED_SHARE) {
            let both = tokio::join!(self.choose(&request), self.choose(&request));
            (both.0?, Some(both.1?))
        } else {
            (self.choose(&request).await?, None)
        };
        let latency = begun_at.elapsed();
        let decision = decided(answer)?;
        self.judge(segment, taste, &decision, latency);
        if let Some(retry) = retry {
            let same = decided(retry)?.decision_id == decision.decision_id;
            self.shop.books(|tally| {
                tally.repeats.retries += 1;
                tally.repeats.broken += u64::from(!same);
            });
        }
        if self.happens(RELOADED_SHARE) {
            let again = ChooseOfferRequest {
                request_id: self.uuid(),
                ..request
            };
            let same = decided(self.choose(&again).await?)?.decision_id == decision.decision_id;
            self.shop.books(|tally| {
                tally.repeats.reloads += 1;
                tally.repeats.broken += u64::from(!same);
            });
        }
        if !decision.offers.is_empty() {
            let shown = self.event(&decision, OutcomeKind::Exposure, now());
            self.tell(&shown).await?;
            self.shop.books(|tally| tally.books.exposures += 1);
        }
        Ok(decision)
    }

    fn request(&mut self, taste: &Taste) -> ChooseOfferRequest {
        let price_minor_units = self.price();
        ChooseOfferRequest {
            request_id: self.uuid(),
            placement: PLACEMENT.to_owned(),
            shopper_id: format!("demo-{}-{}", self.shop.run, self.number),
            session_id: self.uuid(),
            device: "web".to_owned(),
            attributes: taste.attributes().into_iter().collect(),
            cart: Some(Cart {
                lines: vec![CartLine {
                    sku: "running-shoes".to_owned(),
                    categories: vec!["running".to_owned()],
                    brand: String::new(),
                    quantity: 1,
                    unit_price: Some(yuan(price_minor_units)),
                }],
            }),
            ..ChooseOfferRequest::default()
        }
    }

    /// Between ¥50 and ¥500.
    fn price(&mut self) -> u32 {
        5_000 + u32::try_from(self.generator.next_below(45_000)).unwrap_or(0)
    }

    async fn choose(&self, request: &ChooseOfferRequest) -> anyhow::Result<ChooseOfferResponse> {
        patiently(|| {
            let mut client = OfferServiceClient::new(self.shop.channel.clone());
            let request = request.clone();
            async move { client.choose_offer(request).await }
        })
        .await
    }

    fn judge(&self, segment: usize, taste: &Taste, decision: &Decision, latency: Duration) {
        let chosen = decision.offers.first();
        let judged = Judged {
            segment,
            rate: chosen.map_or(0.0, |offer| taste.rate(&offer.offer_id)),
            best: taste.best().1,
            uniform: taste.uniform(),
            latency,
            durability: Durability::try_from(decision.durability).unwrap_or_default(),
        };
        self.shop.books(|tally| tally.decided(judged));
    }

    /// Buys, in time or not, and now and then sends it all back.
    async fn buy(&mut self, decision: &Decision) -> anyhow::Result<()> {
        let window = span(self.shop.windows.attribution_window.ms());
        let lateness = span(self.shop.windows.allowed_lateness.ms());
        let late = self.happens(LATE_SHARE);
        let thinking = window.mul_f64(0.6 * self.generator.next_uniform());
        let mut purchase = self.event(decision, OutcomeKind::Purchase, now());
        let paid = self.price();
        purchase.order_id = format!("order-{}", purchase.event_id);
        purchase.lines = vec![OrderLine {
            sku: "running-shoes".to_owned(),
            quantity: 1,
            price_paid: Some(yuan(paid)),
            ..OrderLine::default()
        }];
        let until_told = if late {
            window + lateness + LATE_BY
        } else {
            thinking
        };
        let doubled = self.happens(DOUBLED_SHARE);
        let refunded = !late && self.happens(REFUNDED_SHARE);
        let until_refund = window.mul_f64(2.0 * self.generator.next_uniform());
        if !self.shop.wait(until_told).await {
            return Ok(());
        }
        if !late {
            purchase.event_time = Some(now());
        }
        self.record(&purchase, doubled).await?;
        self.shop.books(|tally| {
            tally.books.purchases += 1;
            tally.books.paid += i64::from(paid);
        });
        if refunded && self.shop.wait(until_refund).await {
            let mut refund = self.event(decision, OutcomeKind::Refund, now());
            refund.reverses_event_id = purchase.event_id;
            refund.lines = vec![OrderLine {
                sku: "running-shoes".to_owned(),
                quantity: 1,
                refunded_amount: Some(yuan(paid)),
                ..OrderLine::default()
            }];
            self.record(&refund, doubled).await?;
            self.shop.books(|tally| {
                tally.books.refunds += 1;
                tally.books.refunded += i64::from(paid);
            });
        }
        Ok(())
    }

    fn event(&self, decision: &Decision, kind: OutcomeKind, at: Timestamp) -> RecordRewardRequest {
        RecordRewardRequest {
            event_id: format!("{}-{}", decision.request_id, kind.as_str_name()),
            decision_id: decision.decision_id.clone(),
            kind: kind.into(),
            event_time: Some(at),
            ..RecordRewardRequest::default()
        }
    }

    /// Tells an event, twice at the same time when it is doubled.
    async fn record(&self, event: &RecordRewardRequest, doubled: bool) -> anyhow::Result<()> {
        if !doubled {
            self.tell(event).await?;
            return Ok(());
        }
        let both = tokio::join!(self.tell(event), self.tell(event));
        let once = both.0? != both.1?;
        self.shop.books(|tally| {
            tally.repeats.doubled += 1;
            tally.repeats.broken += u64::from(!once);
        });
        Ok(())
    }

    /// Tells an event; whether it was told before.
    async fn tell(&self, event: &RecordRewardRequest) -> anyhow::Result<bool> {
        let told = patiently(|| {
            let mut client = RewardServiceClient::new(self.shop.channel.clone());
            let event = event.clone();
            async move { client.record_reward(event).await }
        });
        let told = told.await?;
        let late = told.result == i32::from(RewardResult::Late);
        if late && !told.duplicate {
            self.shop.books(|tally| tally.books.late += 1);
        }
        Ok(told.duplicate)
    }
}

fn decided(answer: ChooseOfferResponse) -> anyhow::Result<Decision> {
    let decision = answer
        .decision
        .context("the service answered with no decision")?;
    if Uuid::parse_str(&decision.decision_id).is_err() {
        let id = &decision.decision_id;
        bail!("the service answered with the decision id {id:?}, expected a UUID");
    }
    Ok(decision)
}

fn yuan(minor_units: u32) -> Money {
    Money {
        currency_code: "CNY".to_owned(),
        units: i64::from(minor_units / 100),
        nanos: i32::try_from(minor_units % 100).unwrap_or(0) * 10_000_000,
    }
}

fn span(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn now() -> Timestamp {
    let unix_ms = SystemClock.now().unix_ms();
    Timestamp {
        seconds: unix_ms.div_euclid(1_000),
        nanos: i32::try_from(unix_ms.rem_euclid(1_000)).unwrap_or(0) * 1_000_000,
    }
}
