//! Generated logs: the shape, the rates, the bounds.

use super::super::{ObdReader, ObdRow};
use super::*;

fn generate(options: &ObdGenerateOptions) -> (Vec<ObdRow>, KnownRates) {
    let mut log = Vec::new();
    let rates = obd_generate(options, &mut log).expect("memory");
    let reader = ObdReader::new("generated", log.as_slice()).expect("a header");
    let rows = reader.collect::<Result<_, _>>().expect("a log");
    (rows, rates)
}

#[test]
fn a_generated_log_is_uniform_and_has_its_rates() {
    let options = ObdGenerateOptions {
        rows: 60_000,
        items: 6,
        ..ObdGenerateOptions::default()
    };
    let (rows, rates) = generate(&options);
    assert_eq!(rows.len(), 60_000);
    assert_eq!(rates.rates().len(), 6);
    for item_id in 0..6 {
        let shown: Vec<&ObdRow> = rows.iter().filter(|row| row.item_id == item_id).collect();
        // 10,000 expected, standard deviation 91.
        assert!(shown.len().abs_diff(10_000) < 400, "{}", shown.len());
        let clicks = shown.iter().filter(|row| row.click).count();
        let count = f64::from(u32::try_from(shown.len()).expect("few"));
        let clicks = f64::from(u32::try_from(clicks).expect("few"));
        let rate = rates.rate(item_id).expect("a known item");
        let deviation = (count * rate * (1.0 - rate)).sqrt();
        assert!(
            (clicks - count * rate).abs() < 4.0 * deviation,
            "{clicks} at {rate}"
        );
    }
    let times: Vec<_> = rows.iter().map(|row| row.timestamp).collect();
    assert!(times.is_sorted());
    for position in 1..=3 {
        let count = rows.iter().filter(|row| row.position == position).count();
        assert!(count.abs_diff(20_000) < 600, "{count} at {position}");
    }
    assert!(
        rows.iter()
            .all(|row| row.propensity_score.get() == 1.0 / 6.0)
    );
    assert!(rows.iter().all(|row| row.user_features.len() == 4));
}

#[test]
fn rates_reach_from_the_lowest_to_the_highest() {
    let options = ObdGenerateOptions {
        rows: 1,
        ..ObdGenerateOptions::default()
    };
    let (_, rates) = generate(&options);
    let mut sorted = rates.rates().to_vec();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(sorted.first(), Some(&0.01));
    assert!((rates.best() - 0.15).abs() < 1e-12);
    assert!(rates.uniform() < rates.best() / 2.0, "{}", rates.uniform());
    let mut csv = Vec::new();
    rates.write_csv(&mut csv).expect("memory");
    let csv = String::from_utf8(csv).expect("text");
    assert_eq!(csv.lines().count(), 11);
    assert!(csv.starts_with("item_id,click_rate\n0,"));
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let log = |seed| {
        let options = ObdGenerateOptions {
            rows: 500,
            seed,
            ..ObdGenerateOptions::default()
        };
        let mut log = Vec::new();
        obd_generate(&options, &mut log).expect("memory");
        log
    };
    assert_eq!(log(1), log(1));
    assert_ne!(log(1), log(2));
    let hash = blake3::hash(&log(1)).to_hex();
    assert_eq!(&hash[..16], GOLDEN_LOG);
}

/// How the hash of 500 rows with seed 1 begins: a generated log never changes.
const GOLDEN_LOG: &str = "288b2580c9c6f2f8";

#[test]
fn the_columns_are_those_of_the_real_log() {
    let options = ObdGenerateOptions {
        rows: 1,
        items: 80,
        ..ObdGenerateOptions::default()
    };
    let mut log = Vec::new();
    obd_generate(&options, &mut log).expect("memory");
    let log = String::from_utf8(log).expect("text");
    let sample: &[u8] = include_bytes!("../../../../simulations/data/obd-random-all-sample.csv.gz");
    let mut real = String::new();
    io::Read::read_to_string(&mut flate2::read::GzDecoder::new(sample), &mut real).expect("text");
    assert_eq!(log.lines().next(), real.lines().next());
}

#[test]
fn files_are_packed_when_their_names_say_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ObdGenerateOptions {
        rows: 50,
        ..ObdGenerateOptions::default()
    };
    let mut read = Vec::new();
    for name in ["log.csv", "log.csv.gz"] {
        let path = directory.path().join(name);
        obd_generate_file(&options, &path).expect("written");
        let rows: Vec<ObdRow> = ObdReader::open(&path)
            .expect("a header")
            .collect::<Result<_, _>>()
            .expect("a log");
        read.push((std::fs::metadata(&path).expect("a file").len(), rows));
    }
    assert_eq!(read[0].1, read[1].1);
    assert!(read[1].0 < read[0].0, "gzip is smaller");
}

#[test]
fn options_out_of_bounds_are_named() {
    let good = ObdGenerateOptions::default();
    let mut log = Vec::new();
    for (options, key) in [
        (ObdGenerateOptions { rows: 0, ..good }, "rows"),
        (ObdGenerateOptions { items: 0, ..good }, "items"),
        (
            ObdGenerateOptions {
                items: 10_001,
                ..good
            },
            "items",
        ),
        (
            ObdGenerateOptions {
                lowest_rate: -0.1,
                ..good
            },
            "lowest_rate",
        ),
        (
            ObdGenerateOptions {
                lowest_rate: f64::NAN,
                ..good
            },
            "lowest_rate",
        ),
        (
            ObdGenerateOptions {
                highest_rate: 0.001,
                ..good
            },
            "highest_rate",
        ),
        (
            ObdGenerateOptions {
                highest_rate: 1.5,
                ..good
            },
            "highest_rate",
        ),
    ] {
        let refused = obd_generate(&options, &mut log).expect_err(key).to_string();
        assert!(refused.starts_with(key), "{refused}");
    }
    assert!(log.is_empty());
}
