//! The driver of `promobandit serve --demo`: simulated shoppers of known tastes
//! who use the running service over its own socket, and a screen that says what
//! it has learnt and how far from the truth that is.
//!
//! The visits follow from `--demo-seed`, the position of the ledger at which
//! the demo began, and what the service answers; only their timing is the
//! machine's.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tonic::transport::Channel;

use super::client::{connect, refusal};
use crate::catalog::starter::starter;
use crate::catalog::{CatalogDocument, Windows};
use crate::domain::time::Span;
use crate::proto::promobandit::v1::ledger_service_client::LedgerServiceClient;
use crate::proto::promobandit::v1::{StatsRequest, StatsResponse};

mod screen;
mod tally;
mod tastes;
mod visit;

use screen::Screen;
use tally::{Books, Tally};
use tastes::Tastes;
use visit::Shop;

/// Decisions a second that are made at most.
const MAX_RATE: u32 = 100_000;
/// How many pages may be waiting for their offer.
const PAGES_UNDER_WAY: usize = 256;
/// The screen is drawn again so often.
const REFRESH: Duration = Duration::from_secs(1);
/// How long is waited for the last decisions to close, beyond their windows.
const CLOSING_PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked whether they have.
const CLOSING_POLL: Duration = Duration::from_millis(100);

/// How the demo is driven.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Drive the service with simulated shoppers of known tastes on the starter
    /// catalogue, and show what it learns.
    #[arg(long)]
    pub demo: bool,
    /// What the shoppers and their tastes are drawn from.
    #[arg(long, requires = "demo", default_value_t = 1, value_name = "SEED")]
    pub demo_seed: u64,
    /// At most so many decisions a second.
    #[arg(long, requires = "demo", default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RATE)))]
    pub demo_rate: u32,
    /// End after so many decisions with a summary; the service goes on serving.
    /// Without it the demo runs until the service stops.
    #[arg(long, requires = "demo", value_name = "N")]
    pub demo_decisions: Option<u64>,
    /// Stop the service too when the demo has ended; exits with 3 when the
    /// ledger counted something else than was sent.
    #[arg(long, requires = "demo_decisions")]
    pub demo_exit: bool,
}

/// How a demo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoEnd {
    /// The ledger counted what was sent, once each.
    Agrees,
    /// It did not.
    Differs,
}

/// How long outcomes count in the demo: everything closes within seconds.
#[must_use]
pub const fn demo_windows() -> Windows {
    Windows {
        attribution_window: Span::from_seconds(3),
        allowed_lateness: Span::from_seconds(1),
        refund_window: Span::from_seconds(600),
        offer_valid_for: Span::from_seconds(3),
    }
}

/// The starter catalogue with the demo's windows.
#[must_use]
pub fn demo_catalog() -> CatalogDocument {
    let mut catalog = starter();
    catalog.override_windows(&demo_windows());
    catalog
}

/// Drives the service at `endpoint`, which serves [`demo_catalog`], until
/// enough decisions were made or `stop` is ready, and prints a summary.
///
/// # Errors
/// When the service refuses a call.
pub async fn drive(
    endpoint: &str,
    args: &DemoArgs,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<DemoEnd> {
    let channel = connect(endpoint).await?;
    let before = stats(&channel).await?;
    let tastes = Tastes::new(&demo_catalog(), args.demo_seed);
    let (stopping, stopped) = watch::channel(false);
    let segments = tastes.iter().len();
    let shop = Arc::new(Shop {
        channel,
        tastes,
        windows: demo_windows(),
        seed: args.demo_seed,
        run: before.position,
        tally: Tally::of_segments(segments).into(),
        stopping: stopped,
    });
    let mut screen = Screen::new();
    let mut visits = JoinSet::new();
    tokio::pin!(stop);
    tokio::select! {
        run = run(&shop, args, &mut screen, &mut visits, &before) => run?,
        () = &mut stop => {}
    }
    // Visits that wait for something give up; calls under way are answered, so
    // that what was sent is known.
    let _ = stopping.send(true);
    while let Some(visit) = visits.join_next().await {
        visit.context("a visit was given up")??;
    }
    let after = stats(&shop.channel).await?;
    let counted = Books::between(&before, &after);
    let agrees = shop.books(|tally| {
        screen.finish(&shop.tastes, tally, &after, &counted);
        screen::agrees(tally, &counted)
    });
    Ok(if agrees {
        DemoEnd::Agrees
    } else {
        DemoEnd::Differs
    })
}

async fn stats(channel: &Channel) -> anyhow::Result<StatsResponse> {
    let mut client = LedgerServiceClient::new(channel.clone());
    let answer = client.stats(StatsRequest {}).await;
    Ok(answer.map_err(|status| refusal(&status))?.into_inner())
}

/// Sends visitors until there were enough, waits until all have done what they
/// came for, and until their decisions have closed.
async fn run(
    shop: &Arc<Shop>,
    args: &DemoArgs,
    screen: &mut Screen,
    visits: &mut JoinSet<anyhow::Result<()>>,
    before: &StatsResponse,
) -> anyhow::Result<()> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / args.demo_rate);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut refresh = tokio::time::interval(REFRESH);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once, when there is nothing to show yet.
    refresh.tick().await;
    let pages = Arc::new(Semaphore::new(PAGES_UNDER_WAY));
    let mut sent = 0;
    loop {
        let more = args.demo_decisions.is_none_or(|enough| sent < enough);
        if !more && visits.is_empty() {
            break;
        }
        tokio::select! {
            _ = pace.tick(), if more => {
                let permit = pages.clone().acquire_owned().await;
                let permit = permit.context("nobody may visit any more")?;
                visits.spawn(visit::visit(shop.clone(), sent, permit));
                sent += 1;
            }
            Some(visit) = visits.join_next() => visit.context("a visit was given up")??,
            _ = refresh.tick() => {
                let now = stats(&shop.channel).await?;
                shop.books(|tally| screen.show(&shop.tastes, tally, &now));
            }
        }
    }
    wait_for_closing(shop, before).await
}

/// Waits until no decision of the demo is open.
async fn wait_for_closing(shop: &Shop, before: &StatsResponse) -> anyhow::Result<()> {
    let windows = &shop.windows;
    let windows = windows.attribution_window.plus(windows.allowed_lateness);
    let windows = Duration::from_millis(u64::try_from(windows.ms()).unwrap_or(0));
    let closed = async {
        while stats(&shop.channel).await?.open_decisions > before.open_decisions {
            tokio::time::sleep(CLOSING_POLL).await;
        }
        anyhow::Ok(())
    };
    // A service that closes nothing is seen in the summary.
    tokio::time::timeout(windows + CLOSING_PATIENCE, closed)
        .await
        .unwrap_or(Ok(()))
}
