//! What a million decisions and their rewards take: memory and disk a decision,
//! and the time to open the ledger again and to verify it.
//!
//! ```text
//! cargo bench --bench million [-- --decisions 1000000 --directory DIR]
//! ```

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use mimalloc::MiMalloc;
use promobandit::catalog::starter::starter;
use promobandit::domain::attribute::{AttributeValue, Attributes};
use promobandit::domain::money::{Currency, Money};
use promobandit::domain::outcome::OutcomeKind;
use promobandit::domain::time::{Instant, Span};
use promobandit::engine::choose::{ChooseRequest, PricedLine};
use promobandit::engine::clock::{Clock, ManualClock};
use promobandit::engine::record::{RewardLine, RewardRequest};
use promobandit::engine::{Engine, Settings, Storage};
use promobandit::ledger::open::{self, Probe};
use tokio::task::JoinSet;
use uuid::Uuid;

/// As in the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SHOPPERS: u64 = 100_000;
const CALLERS: u64 = 256;
const START: Instant = Instant::from_unix_ms(1_771_286_400_000);

struct Options {
    decisions: u64,
    directory: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let scratch = match &options.directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure(scratch.path(), options.decisions))
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        decisions: 1_000_000,
        directory: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--decisions" => options.decisions = value()?.parse()?,
            "--directory" => options.directory = Some(value()?.into()),
            "--bench" => {}
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(options)
}

#[allow(clippy::cast_precision_loss)] // counts and bytes
async fn measure(scratch: &Path, decisions: u64) -> Result<(), Box<dyn Error>> {
    let root = scratch.join("data");
    let clock = Arc::new(ManualClock::at(START));
    let before = resident_bytes()?;
    let engine = open_engine(&root, clock.clone())?.0;
    engine.import_catalog(starter(), "million").await?;
    let begun_at = Stopwatch::now();
    let rewards = fill(&engine, &clock, decisions).await?;
    let seconds = begun_at.elapsed().as_secs_f64();
    let each = |bytes: u64| bytes as f64 / decisions as f64;
    let row = |what: &str, figure: String| println!("| {what} | {figure} |");
    println!("| {decisions} decisions, {rewards} outcomes | |\n| --- | --- |");
    row(
        "written, durable, by 256 callers",
        format!("{:.0} records/s", (decisions + rewards) as f64 / seconds),
    );
    row(
        "memory while open",
        format!("{:.0} bytes a decision", each(resident_bytes()? - before)),
    );
    row(
        "disk",
        format!("{:.0} bytes a decision", each(disk_bytes(&root)?)),
    );
    let closed_at = Stopwatch::now();
    clock.advance(Span::from_seconds(11 * 24 * 3_600));
    engine.tick().await?;
    row(
        "closing all of them at once",
        format!("{:.2} s", closed_at.elapsed().as_secs_f64()),
    );
    let drained_at = Stopwatch::now();
    engine.drain()?;
    row(
        "draining, with a checkpoint",
        format!("{:.2} s", drained_at.elapsed().as_secs_f64()),
    );
    row(
        "disk after closing",
        format!("{:.0} bytes a decision", each(disk_bytes(&root)?)),
    );
    drop(engine);
    let (engine, store_s, fold_s) = open_engine(&root, clock.clone())?;
    row(
        "opening with a checkpoint",
        format!("{store_s:.2} s store, {fold_s:.2} s state"),
    );
    let verified_at = Stopwatch::now();
    let report = engine.verify(None, &mut |_| ControlFlow::Continue(()))?;
    assert!(report.is_ok(), "{:?}", report.faults);
    row(
        "verify, every decision derived again",
        format!("{:.2} s", verified_at.elapsed().as_secs_f64()),
    );
    engine.drain()?;
    drop(engine);
    fs::remove_dir_all(root.join("checkpoints"))?;
    let (engine, store_s, fold_s) = open_engine(&root, clock)?;
    row(
        "opening without a checkpoint",
        format!("{store_s:.2} s store, {fold_s:.2} s state"),
    );
    engine.drain()?;
    Ok(())
}

/// Opens the engine; says how long the store and the state took.
fn open_engine(root: &Path, clock: Arc<ManualClock>) -> Result<(Engine, f64, f64), Box<dyn Error>> {
    let settings = open::Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::Skip,
        shop_key: None,
    };
    let begun_at = Stopwatch::now();
    let opened = open::open(root, &settings)?;
    let store_s = begun_at.elapsed().as_secs_f64();
    let storage = Storage {
        ledger: opened.ledger,
        secrets: Arc::new(opened.secrets),
        checkpoints: Some(opened.checkpoints),
    };
    let settings = Settings {
        checkpoint_every_events: u64::MAX,
        ..Settings::default()
    };
    let begun_at = Stopwatch::now();
    let (engine, _) = Engine::open(storage, clock, settings, &mut |_| {})?;
    Ok((engine, store_s, begun_at.elapsed().as_secs_f64()))
}

/// Decisions, each with an exposure and every tenth with a purchase.
async fn fill(
    engine: &Engine,
    clock: &Arc<ManualClock>,
    decisions: u64,
) -> Result<u64, Box<dyn Error>> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (engine, clock) = (engine.clone(), clock.clone());
        callers.spawn(async move {
            let mut rewards = 0;
            for number in (caller..decisions).step_by(CALLERS as usize) {
                let chosen = engine
                    .choose(&request(number))
                    .await
                    .map_err(|e| e.to_string())?;
                let id = chosen.decision.recorded.ok_or("not recorded")?.id;
                for outcome in outcomes(number, id, clock.now()) {
                    engine.record(&outcome).await.map_err(|e| e.to_string())?;
                    rewards += 1;
                }
            }
            Ok::<u64, String>(rewards)
        });
    }
    let mut rewards = 0;
    while let Some(caller) = callers.join_next().await {
        rewards += caller??;
    }
    Ok(rewards)
}

fn cny(units: i64) -> Option<Money> {
    let currency = Currency::from_code("CNY").ok()?;
    Some(Money {
        minor_units: units * 100,
        currency,
    })
}

fn request(number: u64) -> ChooseRequest {
    let tier = ["high", "middle", "low"][usize::try_from(number % 3).unwrap_or(0)];
    let line = |sku: &str, quantity| PricedLine {
        sku: sku.to_owned(),
        categories: vec!["food".to_owned()],
        brand: String::new(),
        quantity,
        unit_price: cny(45),
    };
    ChooseRequest {
        shopper_id: format!("shopper-{}", number % SHOPPERS),
        device: "phone".to_owned(),
        channel: "app".to_owned(),
        attributes: Attributes::from([(
            "value_tier".to_owned(),
            AttributeValue::String(tier.to_owned()),
        )]),
        cart: vec![line("tea-1", 2), line("lantern-7", 1)],
        ..ChooseRequest::new(Uuid::from_u128(1 << 64 | u128::from(number)), "checkout")
    }
}

fn outcomes(number: u64, decision: Uuid, event_time: Instant) -> Vec<RewardRequest> {
    let exposure = RewardRequest {
        event_id: format!("seen-{number}"),
        decision_id: Some(decision),
        order_id: String::new(),
        shopper_id: String::new(),
        slot: None,
        offer_id: String::new(),
        kind: OutcomeKind::Exposure,
        custom_kind: String::new(),
        event_time,
        lines: Vec::new(),
        reverses_event_id: String::new(),
    };
    if !number.is_multiple_of(10) {
        return vec![exposure];
    }
    let line = |sku: &str| RewardLine {
        line_id: String::new(),
        sku: sku.to_owned(),
        quantity: 1,
        price_paid: cny(40),
        discount_applied: cny(5),
        refunded_amount: None,
        unit_cost: None,
    };
    let purchase = RewardRequest {
        event_id: format!("bought-{number}"),
        order_id: format!("order-{number}"),
        kind: OutcomeKind::Purchase,
        lines: vec![line("tea-1"), line("lantern-7")],
        ..exposure.clone()
    };
    vec![exposure, purchase]
}

/// What this process holds in memory.
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .ok_or("no VmRSS")?;
    Ok(kib.parse::<u64>()? * 1024)
}

fn disk_bytes(root: &Path) -> Result<u64, Box<dyn Error>> {
    let mut bytes = 0;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}
