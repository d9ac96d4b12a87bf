//! A shop under a manual clock, with its ledger in memory.
#![allow(dead_code)] // each test file uses its share

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use promobandit::catalog::{CatalogDocument, read_toml};
use promobandit::domain::attribute::{AttributeValue, Attributes};
use promobandit::domain::money::{Currency, Money};
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::{Instant, Span};
use promobandit::engine::choose::{ChooseRequest, PricedLine};
use promobandit::engine::clock::ManualClock;
use promobandit::engine::record::{RewardLine, RewardRequest};
use promobandit::engine::{Engine, Settings, Storage};
use promobandit::ledger::Ledger;
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use uuid::Uuid;

/// 2026-02-17, New Year's Day of the year of the horse.
pub const START: Instant = Instant::from_unix_ms(1_771_286_400_000);

/// Three placements: conversion by Thompson sampling, net revenue by an
/// epsilon-greedy policy that averages, margin by one with a constant step.
pub const CATALOG: &str = r#"
[[attribute]]
name = "tier"
kind = "string"

[[segment]]
id = "gold"
when = { attribute = "tier", equals = "gold" }

[[placement]]
id = "checkout"
slots = 3
objective = "conversion"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
[placement.policy]
kind = "thompson_beta"

[[placement]]
id = "cart"
objective = "net_revenue"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
[placement.policy]
kind = "epsilon_greedy"
epsilon = 0.2

[[placement]]
id = "post_purchase"
objective = "margin"
currency = "CNY"
attribution_window = "2d"
allowed_lateness = "1d"
refund_window = "30d"
assume_shown = true
[placement.policy]
kind = "epsilon_greedy"
epsilon = 0.2
step = 0.25

[[offer]]
id = "save-50"
placements = ["checkout", "cart", "post_purchase"]
benefit = { kind = "spend_threshold", tiers = [{ spend = "100.00", save = "50.00" }] }

[[offer]]
id = "ten-off"
placements = ["checkout", "cart", "post_purchase"]
benefit = { kind = "percent_off", discount_basis_points = 1000 }

[[offer]]
id = "gift"
placements = ["checkout", "cart", "post_purchase"]
benefit = { kind = "gift", sku = "lantern", unit_cost = "3.00" }

[[stock]]
sku = "lantern"

[[offer]]
id = "paused"
status = "paused"
placements = ["checkout", "cart", "post_purchase"]
benefit = { kind = "free_shipping" }
"#;

pub fn document() -> CatalogDocument {
    read_toml(CATALOG, "test.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

/// A running shop.
pub struct Shop {
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    pub ledger: Arc<MemoryLedger>,
    pub secrets: Arc<Secrets>,
}

impl Shop {
    pub async fn open() -> Self {
        let shop = Self::over(
            Arc::new(MemoryLedger::new()),
            Arc::new(Secrets::derived([9; 32])),
            Arc::new(ManualClock::at(START)),
        );
        shop.engine
            .import_catalog(document(), "test")
            .await
            .expect("the catalogue holds");
        shop
    }

    /// An engine over what is there already.
    pub fn over(ledger: Arc<MemoryLedger>, secrets: Arc<Secrets>, clock: Arc<ManualClock>) -> Self {
        let storage = Storage {
            ledger: ledger.clone() as Arc<dyn Ledger>,
            secrets: secrets.clone(),
            checkpoints: None,
        };
        let settings = Settings {
            master_seed: 20_260_217,
            ..Settings::default()
        };
        let (engine, _) = Engine::open(storage, clock.clone(), settings, &mut |_| {})
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            engine,
            clock,
            ledger,
            secrets,
        }
    }

    /// The same ledger, folded again from its start.
    pub fn reopened(&self) -> Self {
        Self::over(
            self.ledger.clone(),
            self.secrets.clone(),
            self.clock.clone(),
        )
    }

    pub async fn choose(&self, number: u64, placement: &str) -> Uuid {
        let chosen = self.engine.choose(&request(number, placement)).await;
        let chosen = chosen.unwrap_or_else(|error| panic!("{error}"));
        chosen
            .decision
            .recorded
            .expect("a decision was recorded")
            .id
    }

    /// Lets every window close.
    pub async fn close_all(&self) {
        self.clock.advance(Span::from_seconds(4 * 24 * 3_600));
        self.engine.tick().await.expect("the ledger takes a tick");
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Another engine over the same ledger may have closed it already.
        let _ = self.engine.drain();
    }
}

/// Polls all futures together to their ends.
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures
        .into_iter()
        .map(|future| (Box::pin(future), None))
        .collect();
    poll_fn(move |context| {
        let mut waiting = false;
        for (future, output) in &mut pending {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            return Poll::Pending;
        }
        Poll::Ready(
            pending
                .iter_mut()
                .filter_map(|(_, output)| output.take())
                .collect(),
        )
    })
    .await
}

/// The request with a number: shopper, segment and cart follow from it.
pub fn request(number: u64, placement: &str) -> ChooseRequest {
    let tier = if number.is_multiple_of(3) {
        "gold"
    } else {
        "plain"
    };
    ChooseRequest {
        shopper_id: format!("shopper-{}", number % 97),
        device: "phone".to_owned(),
        channel: "app".to_owned(),
        attributes: Attributes::from([(
            "tier".to_owned(),
            AttributeValue::String(tier.to_owned()),
        )]),
        cart: vec![PricedLine {
            sku: "tea".to_owned(),
            categories: vec!["drinks".to_owned()],
            brand: String::new(),
            quantity: 2,
            unit_price: Some(cny(4_500)),
        }],
        ..ChooseRequest::new(
            Uuid::from_u128(0x5afe_0000_0000_4000_8000_0000_0000_0000 + u128::from(number)),
            placement,
        )
    }
}

pub fn cny(minor_units: i64) -> Money {
    Money {
        minor_units,
        currency: Currency::from_code("CNY").expect("a currency"),
    }
}

/// An event about a decision, a minute after `START`.
pub fn event(id: &str, decision: Uuid, kind: OutcomeKind) -> RewardRequest {
    RewardRequest {
        event_id: id.to_owned(),
        decision_id: Some(decision),
        order_id: String::new(),
        shopper_id: String::new(),
        slot: None,
        offer_id: String::new(),
        kind,
        custom_kind: if kind == OutcomeKind::Custom {
            "wishlist".to_owned()
        } else {
            String::new()
        },
        event_time: START.plus(Span::from_seconds(60)),
        lines: Vec::new(),
        reverses_event_id: String::new(),
    }
}

/// A purchase of one line.
pub fn purchase(id: &str, decision: Uuid, paid_minor: i64) -> RewardRequest {
    RewardRequest {
        lines: vec![bought("tea", 2, paid_minor)],
        ..event(id, decision, OutcomeKind::Purchase)
    }
}

pub fn bought(sku: &str, quantity: i64, paid_minor: i64) -> RewardLine {
    RewardLine {
        line_id: String::new(),
        sku: sku.to_owned(),
        quantity,
        price_paid: Some(cny(paid_minor)),
        discount_applied: Some(cny(500)),
        refunded_amount: None,
        unit_cost: Some(cny(1_000)),
    }
}

/// A refund of part of a purchase of tea.
pub fn refund(
    id: &str,
    decision: Uuid,
    reverses: &str,
    quantity: i64,
    refunded_minor: i64,
) -> RewardRequest {
    RewardRequest {
        lines: vec![RewardLine {
            price_paid: None,
            discount_applied: None,
            refunded_amount: Some(cny(refunded_minor)),
            unit_cost: None,
            ..bought("tea", quantity, 0)
        }],
        reverses_event_id: reverses.to_owned(),
        ..event(id, decision, OutcomeKind::Refund)
    }
}
