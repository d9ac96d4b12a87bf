//! What it costs to know a shopper's segment: the nearest of 5 centroids in 8
//! attributes, beside 4 segments told by conditions over the same attributes and
//! the look-up of these attributes alone. In turn, many times; the medians are
//! printed.
//!
//! `cargo bench --bench segments`

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant as Stopwatch};

use promobandit::catalog::read_segments;
use promobandit::domain::attribute::{AttributeValue, Attributes};
use promobandit::domain::random::Generator;
use promobandit::segment::Segmentation;

const FEATURES: usize = 8;
const CLUSTERS: usize = 5;
const SHOPPERS: usize = 4_096;
const TURNS: usize = 41;

fn name(feature: usize) -> String {
    format!("attribute_{feature}")
}

fn attributes_text() -> String {
    (0..FEATURES).fold(String::new(), |mut text, feature| {
        let name = name(feature);
        let _ = write!(
            text,
            "[[attribute]]\nname = \"{name}\"\nkind = \"number\"\nscale = 0.3\n"
        );
        text
    })
}

fn by_centroids(generator: &mut Generator) -> Segmentation {
    let mut text = attributes_text();
    for cluster in 0..CLUSTERS {
        let _ = write!(
            text,
            "[[segment]]\nid = \"s{cluster}\"\n[segment.centroid]\n"
        );
        for feature in 0..FEATURES {
            let _ = writeln!(text, "{} = {:?}", name(feature), generator.next_uniform());
        }
    }
    read_segments(&text, "bench.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

fn by_conditions() -> Segmentation {
    let mut text = attributes_text();
    for segment in 0..CLUSTERS - 1 {
        let (one, other) = (name(2 * segment), name(2 * segment + 1));
        let _ = write!(
            text,
            "[[segment]]\nid = \"s{segment}\"\nwhen = {{ all = [{{ attribute = \"{one}\", at_least = \
             0.5 }}, {{ attribute = \"{other}\", below = 0.5 }}] }}\n"
        );
    }
    read_segments(&text, "bench.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

fn shoppers(generator: &mut Generator) -> Vec<Attributes> {
    let mut shopper = || {
        let value = |feature| {
            (
                name(feature),
                AttributeValue::Number(generator.next_uniform()),
            )
        };
        (0..FEATURES).map(value).collect()
    };
    (0..SHOPPERS).map(|_| shopper()).collect()
}

fn timed(shoppers: &[Attributes], mut work: impl FnMut(&Attributes)) -> Duration {
    let start = Stopwatch::now();
    shoppers.iter().for_each(&mut work);
    start.elapsed()
}

#[allow(clippy::cast_precision_loss)] // some thousands
fn nanoseconds(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[TURNS / 2].as_nanos() as f64 / SHOPPERS as f64
}

fn main() {
    let mut generator = Generator::from_seed(1);
    let (near, told) = (by_centroids(&mut generator), by_conditions());
    let shoppers = shoppers(&mut generator);
    let names: Vec<String> = (0..FEATURES).map(name).collect();
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        times[0].push(timed(&shoppers, |shopper| {
            black_box(near.assign(black_box(shopper)));
        }));
        times[1].push(timed(&shoppers, |shopper| {
            black_box(told.assign(black_box(shopper)));
        }));
        times[2].push(timed(&shoppers, |shopper| {
            for name in &names {
                black_box(black_box(shopper).get(name));
            }
        }));
    }
    let [near, told, looked_up] = times.map(nanoseconds);
    println!("{FEATURES} attributes, median of {TURNS} turns of {SHOPPERS} shoppers:");
    println!("  nearest of {CLUSTERS} centroids     {near:7.1} ns");
    println!("  {} conditions of 2 tests    {told:7.1} ns", CLUSTERS - 1);
    println!("  look-up of the attributes  {looked_up:7.1} ns");
    println!(
        "  centroids / conditions {:.2}, centroids / look-up {:.2}",
        near / told,
        near / looked_up
    );
}
