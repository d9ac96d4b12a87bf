//! What a decision costs at a placement with very many offers: 10,000 with
//! rules, found by the index, beside 10 without any, and beside thousands that
//! are all eligible. In memory, one caller; the sizes take turns, so that each
//! figure stands beside its baseline of the same moments.
//!
//! `cargo bench --bench large_placement`

use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use promobandit::catalog::read_toml;
use promobandit::domain::money::{Currency, Money};
use promobandit::domain::time::Instant;
use promobandit::engine::choose::{ChooseRequest, PricedLine};
use promobandit::engine::clock::ManualClock;
use promobandit::engine::{Engine, Settings, Storage};
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::secrets::Secrets;
use uuid::Uuid;

/// How often the sizes take turns.
const ROUNDS: usize = 9;
/// How long a size is measured in a round.
const SLICE: Duration = Duration::from_millis(300);

/// A placement with so many offers, and what their rules need.
struct Size {
    name: &'static str,
    offers: u32,
    rule: fn(u32) -> String,
}

const SIZES: [Size; 6] = [
    Size {
        name: "10 offers, no rules",
        offers: 10,
        rule: |_| String::new(),
    },
    Size {
        name: "10,000 offers, each for 2 of 5,000 articles",
        offers: 10_000,
        rule: |number| {
            let (one, other) = (number % 5_000, number * 7 % 5_000);
            format!("eligibility = {{ cart = {{ sku = [\"sku-{one}\", \"sku-{other}\"] }} }}\n")
        },
    },
    Size {
        name: "10,000 offers, mixed rules",
        offers: 10_000,
        rule: |number| match number % 4 {
            0 => format!(
                "eligibility = {{ cart = {{ category = [\"category-{}\"] }} }}\n",
                number % 997
            ),
            1 => format!("eligibility = {{ store = [\"store-{}\"] }}\n", number % 499),
            2 => format!(
                "eligibility = {{ all = [{{ channel = [\"app\"] }}, {{ cart = {{ brand = [\"brand-{}\"], min_spend = \"50\" }} }}] }}\n",
                number % 1_009
            ),
            _ => format!(
                "eligibility = {{ any = [{{ region = [\"region-{}\"] }}, {{ attribute = \"tier\", equals = \"tier-{}\" }}] }}\n",
                number % 499,
                number % 503
            ),
        },
    },
    Size {
        name: "100 offers, all eligible",
        offers: 100,
        rule: |_| String::new(),
    },
    Size {
        name: "1,000 offers, all eligible",
        offers: 1_000,
        rule: |_| String::new(),
    },
    Size {
        name: "10,000 offers, all eligible",
        offers: 10_000,
        rule: |_| String::new(),
    },
];

fn engine(runtime: &tokio::runtime::Runtime, size: &Size) -> Engine {
    let mut text = "[[attribute]]\nname = \"tier\"\nkind = \"string\"\n[[placement]]\nid = \"checkout\"\n\
         objective = \"conversion\"\ncurrency = \"CNY\"\npolicy = { kind = \"epsilon_greedy\", epsilon = 0.1 }\n"
        .to_owned();
    for number in 0..size.offers {
        text += &format!(
            "[[offer]]\nid = \"o{number}\"\nplacements = [\"checkout\"]\n{}\
             benefit = {{ kind = \"percent_off\", discount_basis_points = 500 }}\n",
            (size.rule)(number)
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
    let line = |part: u64| PricedLine {
        sku: format!("sku-{}", (number * 31 + part * 17) % 5_000),
        categories: vec![format!("category-{}", (number * 13 + part) % 997)],
        brand: format!("brand-{}", (number * 11 + part) % 1_009),
        quantity: 1,
        unit_price: Some(Money {
            minor_units: 9_900,
            currency: Currency::from_code("CNY").expect("a currency"),
        }),
    };
    ChooseRequest {
        shopper_id: format!("shopper-{}", number % 1_000),
        device: "phone".to_owned(),
        channel: "app".to_owned(),
        store: format!("store-{}", number % 499),
        region: format!("region-{}", number % 499),
        cart: (0..3).map(line).collect(),
        ..ChooseRequest::new(Uuid::from_u128(1 << 64 | u128::from(number)), "checkout")
    }
}

/// Microseconds a decision, and how many offers were eligible on average.
fn measure(runtime: &tokio::runtime::Runtime, engine: &Engine, from: &mut u64) -> (f64, f64) {
    let (start, mut calls, mut eligible) = (Stopwatch::now(), 0_u32, 0);
    while start.elapsed() < SLICE {
        let chosen = runtime.block_on(engine.choose(&request(*from)));
        let chosen = chosen.unwrap_or_else(|error| panic!("{error}"));
        let offered = chosen.decision.record.eligible.as_ref();
        eligible += offered.map_or(0, |offers| offers.len());
        *from += 1;
        calls += 1;
    }
    let us = start.elapsed().as_secs_f64() * 1e6 / f64::from(calls);
    #[allow(clippy::cast_precision_loss)]
    let eligible = eligible as f64 / f64::from(calls);
    (us, eligible)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let engines: Vec<Engine> = SIZES.iter().map(|size| engine(&runtime, size)).collect();
    let mut rounds: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut from = vec![0; SIZES.len()];
    for _ in 0..ROUNDS {
        let of_size = engines.iter().zip(&mut from);
        rounds.push(
            of_size
                .map(|(engine, from)| measure(&runtime, engine, from))
                .collect(),
        );
    }
    println!("| placement | eligible | us a decision | times the baseline |");
    println!("| --- | --- | --- | --- |");
    for (place, size) in SIZES.iter().enumerate() {
        let median = |mut figures: Vec<f64>| {
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let us = median(rounds.iter().map(|round| round[place].0).collect());
        let ratio = median(
            rounds
                .iter()
                .map(|round| round[place].0 / round[0].0)
                .collect(),
        );
        let eligible = median(rounds.iter().map(|round| round[place].1).collect());
        println!("| {} | {eligible:.1} | {us:.1} | {ratio:.2} |", size.name);
    }
}
