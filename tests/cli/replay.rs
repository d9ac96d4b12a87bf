//! `replay`: a log through the served engine.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::served::{Served, json, run, stderr};

const SAMPLE: &str = concat!(
    "obd:",
    env!("CARGO_MANIFEST_DIR"),
    "/simulations/data/obd-random-all-sample.csv.gz"
);
const NOT_DONE: i32 = 1;

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Serves a catalogue that was written for a log.
async fn serve(directory: &Path, log: &str, policy: &str) -> Served {
    let config: PathBuf = directory.join(format!("{policy}.toml"));
    let written = run([
        "replay",
        "--log",
        log,
        "--write-config",
        text(&config),
        "--policy",
        policy,
    ]);
    assert!(written.status.success(), "{}", stderr(&written));
    Served::start(&directory.join(policy), &["--config", text(&config)]).await
}

fn replay(log: &str, endpoint: &str) -> Value {
    json([
        "replay",
        "--log",
        log,
        "--endpoint",
        endpoint,
        "--output",
        "json",
    ])
}

#[tokio::test]
async fn what_replay_counts_the_ledger_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let served = serve(directory.path(), SAMPLE, "thompson_beta").await;
    let endpoint = served.endpoint.as_str();
    let first = replay(SAMPLE, endpoint);
    let stats = json([
        "ledger",
        "stats",
        "--endpoint",
        endpoint,
        "--output",
        "json",
    ]);
    assert_eq!(
        (&first["requests"], &stats["decisions"]),
        (&1_000.into(), &1_000.into())
    );
    assert_eq!(first["matches"], stats["settled"]);
    assert_eq!(first["matches"], stats["exposures"]);
    assert_eq!(first["clicks"], stats["clicks"]);
    assert_eq!(first["ledger"]["agrees"], true);
    let matches = first["matches"].as_u64().expect("a count");
    assert!(matches > 0 && stats["not_shown_events"] == 1_000 - matches);

    // Again is a retry: the same answers, and nothing is counted again.
    let second = replay(SAMPLE, endpoint);
    assert_eq!(second["reused"], 1_000);
    assert_eq!(
        (&second["matches"], &second["clicks"]),
        (&first["matches"], &first["clicks"])
    );
    assert_eq!(second["ledger"]["agrees"], true);
    let after = json([
        "ledger",
        "stats",
        "--endpoint",
        endpoint,
        "--output",
        "json",
    ]);
    assert_eq!(after["outcomes"], stats["outcomes"]);

    let verified = json([
        "ledger",
        "verify",
        "--endpoint",
        endpoint,
        "--output",
        "json",
    ]);
    assert_eq!(
        (&verified["ok"], &verified["rederived"]),
        (&true.into(), &1_000.into())
    );
}

/// On a log whose click rates are known, Thompson sampling earns more than the
/// uniform policy does: the interval of the difference excludes 0, and that of
/// the same log through a service with a uniform policy does not.
#[tokio::test]
async fn thompson_learns_what_a_uniform_policy_does_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("generated.csv.gz");
    let known = json([
        "replay",
        "--generate",
        text(&log),
        "--rows",
        "5000",
        "--items",
        "5",
        "--lowest-rate",
        "0.02",
        "--highest-rate",
        "0.3",
        "--seed",
        "3",
        "--output",
        "json",
    ]);
    let log = format!("obd:{}", text(&log));
    let learning = serve(directory.path(), &log, "thompson_beta").await;
    let thompson = replay(&log, &learning.endpoint);
    let standing = serve(directory.path(), &log, "uniform").await;
    let uniform = replay(&log, &standing.endpoint);

    let rate = |report: &Value| report["click_rate"].as_f64().expect("a rate");
    let error = |report: &Value| report["standard_error"].as_f64().expect("an error");
    let difference = rate(&thompson) - rate(&uniform);
    let errors = (error(&thompson) * error(&thompson) + error(&uniform) * error(&uniform)).sqrt();
    assert!(
        difference > 1.96 * errors,
        "{difference} with standard error {errors}"
    );
    assert!(thompson["uplift"]["lower"].as_f64().expect("an interval") > 0.0);
    assert!(uniform["uplift"]["lower"].as_f64().expect("an interval") < 0.0);
    let best = known["best_click_rate"].as_f64().expect("a rate");
    assert!(rate(&thompson) < best + 4.0 * error(&thompson));
    assert_eq!(thompson["ledger"]["agrees"], true);
}

#[tokio::test]
async fn a_service_without_the_items_refuses_and_says_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("other.csv");
    let generated = run([
        "replay",
        "--generate",
        text(&log),
        "--rows",
        "50",
        "--items",
        "3",
    ]);
    assert!(generated.status.success());
    let other = format!("obd:{}", text(&log));
    let served = serve(directory.path(), &other, "uniform").await;
    let refused = run(["replay", "--log", SAMPLE, "--endpoint", &served.endpoint]);
    assert_eq!(refused.status.code(), Some(NOT_DONE));
    let said = stderr(&refused);
    assert!(
        said.contains("item-3") && said.contains("--write-config"),
        "{said}"
    );
}

#[tokio::test]
async fn a_log_of_a_policy_that_was_not_uniform_is_refused_unless_forced() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("skewed.csv");
    let rows = "timestamp,item_id,position,click,propensity_score\n\
                2019-11-24 00:00:00+00:00,0,1,0,0.75\n\
                2019-11-24 00:00:01+00:00,1,1,1,0.25\n";
    fs::write(&path, rows).expect("a file");
    let log = format!("obd:{}", text(&path));
    let config = directory.path().join("skewed.toml");
    let written = run([
        "replay",
        "--log",
        &log,
        "--write-config",
        text(&config),
        "--segments",
        "none",
    ]);
    assert!(written.status.success(), "{}", stderr(&written));
    let served = Served::start(&directory.path().join("data"), &["--config", text(&config)]).await;
    let endpoint = served.endpoint.as_str();
    let refused = run(["replay", "--log", &log, "--endpoint", endpoint]);
    assert_eq!(refused.status.code(), Some(NOT_DONE));
    let said = stderr(&refused);
    assert!(said.contains("1/2") && said.contains("--force"), "{said}");
    let forced = json([
        "replay",
        "--log",
        &log,
        "--endpoint",
        endpoint,
        "--force",
        "--output",
        "json",
    ]);
    assert_eq!(
        (&forced["valid"], &forced["requests"]),
        (&false.into(), &2.into())
    );
}

#[test]
fn logs_that_are_none_are_refused() {
    let missing = run([
        "replay",
        "--log",
        "obd:nowhere.csv",
        "--write-config",
        "unused.toml",
    ]);
    assert_eq!(missing.status.code(), Some(NOT_DONE));
    assert!(stderr(&missing).contains("nowhere.csv"));
    let no_format = run([
        "replay",
        "--log",
        "nowhere.csv",
        "--write-config",
        "unused.toml",
    ]);
    assert!(
        stderr(&no_format).contains("obd:FILE"),
        "{}",
        stderr(&no_format)
    );
    assert!(!Path::new("unused.toml").exists());
}
