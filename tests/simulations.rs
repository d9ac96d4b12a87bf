//! The committed scenarios and the command that plays them, from outside.
//!
//! `simulations/expected/` has what each scenario comes to when it is cut short,
//! as the command prints it; what cut it short stands in it. After a change
//! that is meant:
//!
//! ```text
//! promobandit simulate simulations/NAME.toml --set … --output json > simulations/expected/NAME.json
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn simulate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promobandit"));
    command.arg("simulate").args(arguments);
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program runs")
}

fn succeeded(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout.clone()).expect("JSON is UTF-8")
}

fn refused(arguments: &[&str]) -> String {
    let output = run(&mut simulate(arguments));
    assert!(!output.status.success(), "{arguments:?}");
    assert!(output.stdout.is_empty(), "nothing was played");
    String::from_utf8(output.stderr).expect("words are UTF-8")
}

fn scenarios() -> Vec<PathBuf> {
    let entries = fs::read_dir("simulations").expect("the scenarios are readable");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 7, "{files:?}");
    files
}

#[test]
fn every_scenario_comes_to_what_is_expected() {
    for path in scenarios() {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a scenario is readable");
        assert!(text.starts_with("# "), "{name} opens with its question");
        let expected = Path::new("simulations/expected").join(format!("{name}.json"));
        let expected = fs::read_to_string(&expected)
            .unwrap_or_else(|error| panic!("{}: {error}", expected.display()));
        let document: Value = serde_json::from_str(&expected).expect("it is JSON");
        let mut command = simulate(&[&path.to_string_lossy(), "--output", "json"]);
        for set in document["set"].as_array().into_iter().flatten() {
            command.args(["--set", set.as_str().expect("what was set is a text")]);
        }
        let printed = succeeded(&run(&mut command));
        // The version moves on; nothing else may.
        let written = format!("\"version\": {}", document["version"]);
        let own = concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\"");
        assert_eq!(printed, expected.replacen(&written, own, 1), "{name}");
    }
}

#[test]
#[cfg(feature = "offline")]
fn the_number_of_threads_changes_no_byte_of_any_output() {
    let outputs = |threads: &str| -> Vec<Vec<u8>> {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        let (page, csv, parquet) = (place("p.html"), place("c.csv"), place("c.parquet"));
        let output = run(simulate(&[
            "simulations/bernoulli_ten_arms.toml",
            "simulations/cold_start.toml",
            "--set=seeds=0..5",
            "--set=rounds=400",
            "--output=json",
            "--report",
            &page,
            "--curves-csv",
            &csv,
            "--curves-parquet",
            &parquet,
        ])
        .env("RAYON_NUM_THREADS", threads));
        let printed = succeeded(&output).into_bytes();
        let files = [page, csv, parquet].map(|path| fs::read(path).expect("it was written"));
        std::iter::once(printed).chain(files).collect()
    };
    let one = outputs("1");
    assert!(one.iter().all(|bytes| bytes.len() > 1_000));
    for threads in ["2", "8"] {
        assert!(one == outputs(threads), "{threads} threads");
    }
    let page = String::from_utf8(one[1].clone()).expect("a page is UTF-8");
    for held in [
        "How much is lost by learning each segment alone",
        "Which policy earns most?",
        "50 segments of 1000 decisions",
        "0..5",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(page.contains(held), "{held}");
    }
    let csv = String::from_utf8(one[2].clone()).expect("CSV is UTF-8");
    let last = "bernoulli_ten_arms,thompson,400,regret,,";
    assert!(csv.lines().any(|line| line.starts_with(last)), "{csv}");
}

#[test]
fn what_cannot_be_played_or_written_is_told_before_any_work() {
    let ten = "simulations/bernoulli_ten_arms.toml";
    let told = refused(&[ten, "--report", "/no/such/place/page.html"]);
    assert!(
        told.contains("/no/such/place/page.html cannot be written"),
        "{told}"
    );
    let told = refused(&[ten, "--set", "policies.imed.outsid=clip"]);
    assert!(
        told.contains("the nearest known name is \"outside\""),
        "{told}"
    );
    let told = refused(&[ten, "--set", "rounds=0"]);
    assert!(
        told.contains("rounds is 0, it must be in [1, 1000000000]"),
        "{told}"
    );
    let told = refused(&[ten, "--report", ten]);
    assert!(told.contains("is the scenario itself"), "{told}");
    let told = refused(&[
        ten,
        "--tune",
        "--set",
        "seeds=0..1",
        "--output",
        "json",
        ten,
    ]);
    assert!(
        told.contains("--tune searches in one scenario, 2 are given"),
        "{told}"
    );
    let checked = succeeded(&run(&mut simulate(&[
        "--check",
        ten,
        "simulations/drift.toml",
    ])));
    let lines: Vec<&str> = checked.lines().collect();
    assert!(lines[0].ends_with(
        "can be played: 5 policies, 200 replications of 100000 rounds, 100000000 decisions"
    ));
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_grid_is_tuned() {
    let grid = "policies.thompson.grid={ prior_failures = { from = 1.0, to = 40.0, count = 4, scale = 'log' } }";
    let printed = succeeded(&run(&mut simulate(&[
        "simulations/bernoulli_ten_arms.toml",
        "--tune",
        "--set=seeds=0..7",
        "--set=rounds=300",
        "--set",
        grid,
        "--held-out=5",
        "--output=json",
    ])));
    let found: Value = serde_json::from_str(&printed).expect("it is JSON");
    assert_eq!(
        found["rungs"][0]["policies"]
            .as_array()
            .expect("a list")
            .len(),
        8
    );
    assert_eq!(found["held_out"]["seeds"], "8..12");
    assert_eq!(found["score"], "regret_a_decision");
    assert!(found["on_held_out_seeds"]["lower"].is_number());
}

#[test]
fn the_reference_is_printed_as_it_is_committed() {
    let printed = succeeded(&run(&mut simulate(&["--reference"])));
    let committed = fs::read_to_string("docs/scenarios.md").expect("it is committed");
    assert!(printed == committed, "{printed}");
}
