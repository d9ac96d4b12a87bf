//! `promobandit fit` as a whole: tables in, answers and files out, nothing half
//! written.
//!
//! The test on the breast cancer data (as scikit-learn has it) needs that file,
//! which is not part of this project. It looks for it at
//! `PROMOBANDIT_CLASSIFICATION` and else at `../shared/data/classification`; where
//! it is in neither place the test says so and tests nothing. What it covers is
//! also tested on rows that are made up.

use std::fs;
use std::path::Path;

use clap::Parser;
use promobandit::cli::fit::{FitCommand, run};
use promobandit::domain::math;
use promobandit::domain::random::Generator;
use serde_json::Value;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: FitCommand,
}

fn fit(file: &Path, options: &[&str]) -> anyhow::Result<()> {
    let file = file.to_str().expect("the path is UTF-8");
    let line = Line::try_parse_from([&["fit", "response", file], options].concat())?;
    run(&line.command)
}

fn model_of(file: &Path, options: &[&str]) -> Value {
    let out = tempfile::tempdir().unwrap();
    let model = out.path().join("model.json");
    let model_out = ["--model-out", model.to_str().unwrap()];
    fit(file, &[&model_out, options].concat()).unwrap();
    serde_json::from_str(&fs::read_to_string(model).unwrap()).unwrap()
}

fn coefficients(model: &Value) -> Vec<f64> {
    let features = model["features"].as_array().unwrap().iter();
    let coefficients = features.map(|feature| feature["coefficient"].as_f64().unwrap());
    std::iter::once(model["intercept"].as_f64().unwrap())
        .chain(coefficients)
        .collect()
}

/// Rows of two features of which the first tells the response; every tenth lacks
/// one, every eleventh repeats the one before.
fn made_table() -> String {
    let mut generator = Generator::from_seed(3);
    let mut text = String::from("id,recency,note,spend,bought\n");
    let mut line = String::new();
    for row in 0..500 {
        if row % 11 != 10 {
            let (recency, spend) = (generator.next_uniform(), 100.0 * generator.next_uniform());
            let bought = generator.next_uniform() < math::logistic(2.0 - 6.0 * recency);
            let gap = row % 10 == 9;
            let spend = if gap {
                String::new()
            } else {
                spend.to_string()
            };
            let bought = if bought { "yes" } else { "no" };
            line = format!("{recency},x,{spend},{bought}\n");
        }
        text.push_str(&format!("{row},{line}"));
    }
    text
}

const COLUMNS: [&str; 4] = ["--label", "bought", "--exclude", "id,note"];

#[test]
fn a_model_and_its_rows_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("shoppers.csv"), made_table()).unwrap();
    let rows = at("rows.csv");
    let rows_out = ["--rows-out", rows.to_str().unwrap(), "--output", "json"];
    let model = model_of(&at("shoppers.csv"), &[&COLUMNS[..], &rows_out].concat());
    assert_eq!(model["positive"], "yes");
    let found = coefficients(&model);
    // Recency tells, spend does not.
    assert!(
        found.len() == 3 && found[1] < -1.0 && found[2].abs() < 0.4,
        "{found:?}"
    );

    let mut reader = csv::Reader::from_path(&rows).unwrap();
    let records: Vec<Vec<String>> = reader
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect();
    // 500 less 50 with a gap less 45 repetitions, of which some repeat a gap.
    let text = made_table();
    let used: std::collections::BTreeSet<&str> = text
        .lines()
        .skip(1)
        .filter(|line| !line.contains("x,,"))
        .filter_map(|line| Some(line.split_once(',')?.1))
        .collect();
    assert_eq!(records.len(), used.len());
    let held_out = records.iter().filter(|row| row[1] == "held_out");
    assert_eq!(held_out.clone().count(), records.len().div_ceil(5));
    assert!(held_out.clone().all(|row| row[2].is_empty()));
    for row in &records {
        let number: usize = row[0].parse().unwrap();
        let line: Vec<&str> = text.lines().nth(number).unwrap().split(',').collect();
        assert_eq!(row[3] == "1", line[4] == "yes");
        let probability: f64 = row[4].parse().unwrap();
        let feature = |place: usize, text: &str| {
            let feature = &model["features"][place];
            let value = |key: &str| feature[key].as_f64().unwrap();
            value("coefficient") * (text.parse::<f64>().unwrap() - value("mean"))
                / value("deviation")
        };
        let score = found[0] + feature(0, line[1]) + feature(1, line[3]);
        assert!((probability - math::logistic(score)).abs() < 1e-12);
    }
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("shoppers.csv"), made_table()).unwrap();
    fs::write(at("constant.csv"), "x,y,label\n1,7,0\n2,7,1\n3,7,0\n").unwrap();
    let model = at("model.json");
    let out = ["--model-out", model.to_str().unwrap()];
    for (file, options, message) in [
        (
            "shoppers.csv",
            vec![],
            "there is no column label; there are id, recency, note, spend, bought",
        ),
        (
            "shoppers.csv",
            vec!["--label", "bought"],
            "column note: \"x\" is not a finite number; leave",
        ),
        (
            "shoppers.csv",
            vec!["--label", "bought", "--features", "age"],
            "there is no column age",
        ),
        (
            "shoppers.csv",
            vec!["--label", "bought", "--features", "spend,bought"],
            "which has another use",
        ),
        (
            "shoppers.csv",
            vec!["--label", "recency", "--exclude", "note"],
            "a response is told by 2 values",
        ),
        (
            "constant.csv",
            vec![],
            "constant over all rows that are left: y (7)",
        ),
        (
            "constant.csv",
            vec!["--exclude", "y"],
            "1 rows that responded, at least 5 are needed",
        ),
        (
            "constant.csv",
            vec!["--c", "0"],
            "C is 0, it must be above 0",
        ),
        (
            "absent.csv",
            vec![],
            "absent.csv: the file could not be read",
        ),
    ] {
        let refused = fit(&at(file), &[&out[..], &options].concat()).unwrap_err();
        assert!(
            refused.to_string().contains(message),
            "{message}: {refused}"
        );
    }
    assert!(!model.exists());
}

#[cfg(feature = "offline")]
fn classification() -> std::path::PathBuf {
    std::env::var_os("PROMOBANDIT_CLASSIFICATION").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/classification"),
        std::path::PathBuf::from,
    )
}

/// scikit-learn 1.9.1, `LogisticRegression(C=c, solver="newton-cholesky",
/// tol=1e-14)` on the standard scores of the whole table: the intercept and the
/// first three coefficients.
#[cfg(feature = "offline")]
#[test]
fn coefficients_are_those_of_scikit_learn() {
    let file = classification().join("breast_cancer.parquet");
    if !file.exists() {
        eprintln!("skipped: there is no {}", file.display());
        return;
    }
    for (c, expected) in [
        (
            "0.1",
            [
                0.540651004920,
                -0.390277945350,
                -0.416548754849,
                -0.379729018513,
            ],
        ),
        (
            "1",
            [
                0.214502725509,
                -0.363092538287,
                -0.387675422440,
                -0.351062176787,
            ],
        ),
        (
            "10",
            [
                -0.604860131990,
                0.650629952272,
                0.127688724948,
                0.581965023642,
            ],
        ),
    ] {
        let found = coefficients(&model_of(&file, &["--no-split", "--c", c]));
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-9,
                "C = {c}: {found} is not {expected}"
            );
        }
    }
    // `GridSearchCV` over 5 folds of `train_test_split(random_state=42)`.
    assert_eq!(model_of(&file, &[])["c"], 10.0);
}
