//! `evaluate` from outside: the figures of prediction logs, and the log that is
//! refused.
//!
//! A sample is committed. The whole files, and the Open Bandit Dataset, are looked
//! for at `../shared` or where `PROMOBANDIT_SHARED` says; where they are not, the
//! tests that need them say so and are skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::served::stderr;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("PROMOBANDIT_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let found = named.unwrap_or(beside);
    if found.join("golden").is_dir() {
        return Some(found);
    }
    eprintln!("skipped: {} is not there", found.display());
    None
}

fn evaluate(log: &str, more: &[&str]) -> (Value, i32) {
    let mut words = vec!["evaluate", "--log", log, "--output", "json"];
    words.extend(more);
    let program = Command::new(env!("CARGO_BIN_EXE_promobandit"));
    let ended = { program }.args(words).output().expect("the program runs");
    let answer = serde_json::from_slice(&ended.stdout);
    let answer = answer.unwrap_or_else(|_| panic!("no JSON: {}", stderr(&ended)));
    (answer, ended.status.code().expect("an exit code"))
}

fn value(answer: &Value, name: &str) -> f64 {
    let lines = answer["estimates"].as_array().expect("estimates");
    let line = lines.iter().find(|line| line["estimator"] == name);
    line.and_then(|line| line["value"].as_f64())
        .unwrap_or_else(|| panic!("{name} is missing"))
}

/// Every estimator of the figures, to 1e-9 relative.
fn agrees(answer: &Value, figures: &Value) {
    let figures = figures["estimators"].as_object().expect("estimators");
    assert!(figures.len() >= 18);
    for (name, figure) in figures {
        let expected = figure["value"].as_f64().expect("a number");
        let ours = value(answer, name);
        assert!(
            (ours / expected - 1.0).abs() < 1e-9,
            "{name}: {ours} is not {expected}"
        );
    }
}

#[test]
fn the_sample_gives_the_figures_of_numpy() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/evaluation");
    let log = format!("golden:{}", folder.join("sample.parquet").display());
    // 400 rounds under a far logging policy cannot answer; the arithmetic can be
    // checked all the same.
    let more = ["--estimators", "all", "--bootstrap", "100", "--force"];
    let (answer, code) = evaluate(&log, &more);
    assert_eq!(code, 0);
    agrees(&answer, &json(&folder.join("sample.json")));
    let (answer, code) = evaluate(&log, &more[..4]);
    assert_eq!(
        (code, &answer["status"]),
        (3, &Value::from("not identifiable"))
    );
    assert!(answer["estimates"].as_array().expect("a list").is_empty());
}

#[test]
fn whole_files_give_the_figures_of_open_bandit_pipeline() {
    let Some(shared) = shared() else { return };
    for name in ["all_bts_to_random", "all_random_to_bts"] {
        let log = shared.join(format!("golden/{name}.parquet"));
        let log = format!("golden:{}", log.display());
        let (answer, code) = evaluate(&log, &["--estimators", "all", "--bootstrap", "100"]);
        assert_eq!(
            (code, &answer["status"]),
            (0, &Value::from("identifiable")),
            "{name}"
        );
        let figures = json(&shared.join(format!("golden/{name}.json")));
        agrees(&answer, &figures);
        let intervals = answer["intervals"].as_array().expect("intervals");
        let others = figures["vw_estimators"].as_object().expect("figures");
        let mut compared = 0;
        for (kind, ends) in others.iter().filter(|(kind, _)| kind.contains("interval")) {
            let line = intervals.iter().find(|line| line["kind"] == kind.as_str());
            let line = line.unwrap_or_else(|| panic!("{kind} is missing"));
            for (end, expected) in ["lower", "upper"].iter().zip(ends.as_array().expect("two")) {
                let gap =
                    line[end].as_f64().expect("a number") - expected.as_f64().expect("a number");
                assert!(gap.abs() < 1e-6, "{name}, {kind}: {line}");
            }
            compared += 1;
        }
        assert_eq!(compared, 3);
    }
}

/// The smallest propensity of that log is 1e-6, and two rounds outweigh all
/// others.
#[test]
fn women_logged_by_thompson_sampling_cannot_tell_of_a_uniform_policy() {
    let Some(shared) = shared() else { return };
    let log = shared.join("data/obd/bts-women/impressions.csv.gz");
    let log = format!("obd:{}", log.display());
    let (answer, code) = evaluate(&log, &["--target", "uniform", "--bootstrap", "0"]);
    assert_eq!(
        (code, &answer["status"]),
        (3, &Value::from("not identifiable"))
    );
    let reasons = answer["reasons"].as_array().expect("reasons");
    let codes: Vec<&str> = reasons
        .iter()
        .filter_map(|line| line["code"].as_str())
        .collect();
    assert!(
        codes.contains(&"FEW_EFFECTIVE_ROUNDS") && codes.contains(&"LARGE_WEIGHT"),
        "{codes:?}"
    );
}
