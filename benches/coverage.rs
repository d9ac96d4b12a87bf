//! The coverage study of `docs/evaluation.md`: how often each interval holds the
//! truth, and how wide it is, on logs of a fixed logger and of Thompson sampling.
//!
//!     cargo bench --bench coverage -- [LOGS [ROUNDS [RESAMPLES]]]
//!
//! 1,000 logs of 10,000 rounds when nothing is given, each looked at after every
//! 1,000 rounds, with 40 resamples a bootstrap and look (0 leaves it out). Five
//! actions with rates of 5, 8, 10, 12 and 15 %; one target is uniform, the other
//! leans to the better actions. The production policy `thompson_beta` logs, with
//! floors of 0.05, 0.02, 0.01 and 0.001, and publishes after every 50 rounds.

use std::error::Error;

use promobandit::evaluation::coverage::{Card, Design, Logger, Shape, Watched, replicate};
use promobandit::evaluation::estimator::Estimator;
use promobandit::evaluation::interval::Level;
use promobandit::evaluation::logged::RewardRange;
use promobandit::evaluation::pass::Kind;
use promobandit::evaluation::target::TargetTable;
use promobandit::learning::config::ThompsonBetaConfig;
use promobandit::learning::{Policy, PolicyConfig};
use rayon::prelude::*;

const RATES: [f64; 5] = [0.05, 0.08, 0.10, 0.12, 0.15];
const LOGGING: [f64; 5] = [0.4, 0.3, 0.15, 0.1, 0.05];
const TARGETS: [(&str, [f64; 5]); 2] = [
    ("uniform target", [0.2; 5]),
    ("leaning target", [0.05, 0.1, 0.15, 0.3, 0.4]),
];
const FLOORS: [f64; 4] = [0.05, 0.02, 0.01, 0.001];
const LOOK_EVERY: u64 = 1_000;
const PUBLISH_EVERY: u64 = 50;

fn thompson(floor: f64) -> Result<Logger, Box<dyn Error>> {
    let config: ThompsonBetaConfig = toml::from_str(&format!("exploration_floor = {floor:?}"))?;
    Ok(Logger::Adaptive {
        policy: Policy::check(&PolicyConfig::ThompsonBeta(config), |_| None)?,
        floor,
        publish_every: PUBLISH_EVERY,
    })
}

fn print(title: &str, truth: f64, card: &Card) {
    println!("\n{title}; the truth is {truth:.4}\n");
    println!("| interval | of | given | last look % | every look % | median width | / normal |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let normal = card.rows.iter().find(|row| {
        row.entry.kind == Kind::Normal && matches!(row.entry.estimator, Estimator::Dr(_))
    });
    let normal = normal.and_then(|row| row.width).unwrap_or(f64::NAN);
    for row in &card.rows {
        let width = row.width.unwrap_or(f64::NAN);
        println!(
            "| {} | {} | {} | {:.1} | {:.1} | {width:.5} | {:.2} |",
            row.entry.kind,
            row.entry.estimator,
            row.entry.given,
            100.0 * row.once,
            100.0 * row.always,
            width / normal,
        );
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let logs = numbers.first().copied().unwrap_or(1_000);
    let rounds = numbers.get(1).copied().unwrap_or(10_000);
    let resamples = numbers.get(2).copied().unwrap_or(40);
    let design = Design {
        rounds,
        look_every: LOOK_EVERY,
        range: RewardRange::UNIT,
        level: Level::USUAL,
        resamples: u32::try_from(resamples)?,
    };
    println!(
        "{logs} logs of {rounds} rounds, a look after every {LOOK_EVERY}, {resamples} resamples"
    );
    let mut loggers = vec![("fixed logger".to_owned(), Logger::Fixed)];
    for floor in FLOORS {
        loggers.push((format!("Thompson logger, floor {floor}"), thompson(floor)?));
    }
    for (target, probabilities) in TARGETS {
        let table = TargetTable::new(&[probabilities.to_vec()])?;
        let shape = Shape::new(table, &[1.0], LOGGING.to_vec(), RATES.to_vec())?;
        for (name, logger) in &loggers {
            let one = |seed| replicate(&shape, logger, &design, seed);
            let logs: Vec<Vec<Watched>> = (0..logs).into_par_iter().map(one).collect();
            let card = Card::of(&logs, design.level.get()).ok_or("there is no log")?;
            print(&format!("{target}, {name}"), shape.truth(), &card);
        }
    }
    Ok(())
}
