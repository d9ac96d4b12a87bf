//! What changes of the catalogue cost the decisions beside them, and the memory:
//! a catalogue of 5,000 offers with rules, one offer changed 17 times a second
//! (1,000 times a minute), a caller that chooses all the while. In memory; the
//! same decisions without changes, in turn, are the baseline.
//!
//! `cargo bench --bench catalog_changes -- --seconds 60`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use promobandit::catalog::edit::{Edit, EntryKind};
use promobandit::catalog::read_toml;
use promobandit::domain::money::{Currency, Money};
use promobandit::domain::time::Instant;
use promobandit::engine::choose::{ChooseRequest, PricedLine};
use promobandit::engine::clock::ManualClock;
use promobandit::engine::revise::Rehearsal;
use promobandit::engine::{Engine, Settings, Storage};
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use uuid::Uuid;

const OFFERS: u32 = 5_000;
/// 1,000 a minute.
const BETWEEN_CHANGES: Duration = Duration::from_millis(60);
/// Changes and none take turns so often.
const TURNS: u64 = 6;

fn engine(runtime: &tokio::runtime::Runtime) -> Engine {
    let mut text =
        "[[placement]]\nid = \"checkout\"\nobjective = \"conversion\"\ncurrency = \"CNY\"\n\
         policy = { kind = \"epsilon_greedy\", epsilon = 0.1 }\n"
            .to_owned();
    for number in 0..OFFERS {
        text += &format!(
            "[[offer]]\nid = \"o{number}\"\nplacements = [\"checkout\"]\n\
             eligibility = {{ cart = {{ sku = [\"sku-{}\"] }} }}\n\
             benefit = {{ kind = \"percent_off\", discount_basis_points = 500 }}\n",
            number % 500
        );
    }
    let document = read_toml(&text, "bench.toml").unwrap_or_else(|faults| panic!("{faults}"));
    let storage = Storage {
        ledger: Arc::new(MemoryLedger::new()),
        secrets: Arc::new(Secrets::derived([7; 32])),
        checkpoints: None,
    };
    let clock = Arc::new(ManualClock::at(Instant::from_unix_ms(1_771_300_800_000)));
    let (engine, _) = Engine::open(storage, clock, Settings::default(), &mut |_| {})
        .unwrap_or_else(|error| panic!("{error}"));
    let imported = runtime.block_on(engine.import_catalog(document, "bench"));
    imported.unwrap_or_else(|error| panic!("{error}"));
    engine
}

fn request(number: u64) -> ChooseRequest {
    ChooseRequest {
        shopper_id: format!("shopper-{}", number % 1_000),
        cart: vec![PricedLine {
            sku: format!("sku-{}", number % 500),
            categories: Vec::new(),
            brand: String::new(),
            quantity: 1,
            unit_price: Some(Money {
                minor_units: 9_900,
                currency: Currency::from_code("CNY").expect("a currency"),
            }),
        }],
        ..ChooseRequest::new(Uuid::from_u128(1 << 64 | u128::from(number)), "checkout")
    }
}

/// Chooses until the time is over; each call's microseconds, ascending.
async fn choose(engine: &Engine, time: Duration, from: &mut u64) -> Vec<f64> {
    let (start, mut took) = (Stopwatch::now(), Vec::new());
    while start.elapsed() < time {
        let call = Stopwatch::now();
        let chosen = engine.choose(&request(*from)).await;
        chosen.unwrap_or_else(|error| panic!("{error}"));
        took.push(call.elapsed().as_secs_f64() * 1e6);
        *from += 1;
    }
    took.sort_by(f64::total_cmp);
    took
}

/// Changes one offer after the other until told to stop; how many.
async fn change(engine: Engine, stop: Arc<AtomicBool>, first: u32) -> u32 {
    let mut ticks = tokio::time::interval(BETWEEN_CHANGES);
    let mut changes = 0;
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let edit = Edit::Update {
            id: format!("o{}", (first + changes) * 37 % OFFERS),
            json: format!("{{\"title\":\"change {}\"}}", first + changes),
            fields: vec!["title".to_owned()],
            etag: String::new(),
        };
        let revised = engine.revise_catalog(EntryKind::Offer, &edit, "bench", Rehearsal::No);
        revised.await.unwrap_or_else(|error| panic!("{error}"));
        changes += 1;
    }
    changes
}

/// Resident memory in MiB, from /proc.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn main() {
    let seconds = std::env::args().skip_while(|it| it != "--seconds").nth(1);
    let seconds: u64 = seconds.and_then(|it| it.parse().ok()).unwrap_or(60);
    let turn = Duration::from_secs(seconds) / u32::try_from(TURNS).expect("a few");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let engine = engine(&runtime);
    let (mut from, mut changes, mut growth) = (0, 0, [0.0; 2]);
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        let before = resident_mib();
        took[0].extend(runtime.block_on(choose(&engine, turn, &mut from)));
        growth[0] += resident_mib() - before;
        let stop = Arc::new(AtomicBool::new(false));
        let changing = runtime.spawn(change(engine.clone(), stop.clone(), changes));
        let (before, calls) = (resident_mib(), took[1].len());
        took[1].extend(runtime.block_on(choose(&engine, turn, &mut from)));
        stop.store(true, Ordering::Relaxed);
        changes += runtime.block_on(changing).expect("no change failed");
        growth[1] += resident_mib() - before;
        println!(
            "{} decisions beside {changes} changes so far",
            took[1].len() - calls
        );
    }
    println!("| beside | decisions | p50 us | p99 us | longest us | memory grew by MiB |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let names = ["nothing", "1,000 changes a minute"];
    for ((name, took), growth) in names.into_iter().zip(&mut took).zip(growth) {
        took.sort_by(f64::total_cmp);
        let at = |share: usize| took[(took.len() - 1) * share / 100];
        let (p50, p99, longest) = (at(50), at(99), at(100));
        let count = took.len();
        println!("| {name} | {count} | {p50:.1} | {p99:.1} | {longest:.0} | {growth:.1} |");
    }
    println!("{changes} changes in all");
}
