//! `explain`, `ledger verify` and `ledger stats`, beside a running service and
//! on the data directory of a stopped one.

use serde_json::Value;

use crate::served::{Served, choose, json, run, stderr};

const REQUEST: &str = "7d9c4f5e-31c7-4f0e-9a53-0b6f2f2a9d11";
const NOT_DONE: i32 = 1;
const USAGE: i32 = 2;
const WANTING: i32 = 3;

/// What stopping changes: the service writes down what has closed.
fn without_places(mut explained: Value) -> Value {
    explained["arms"] = Value::Null;
    explained
}

#[tokio::test]
async fn explain_says_the_same_by_both_ways() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let served = Served::start(&data_dir, &[]).await;
    let decision = choose(&served.endpoint, "post_purchase", REQUEST).await;
    let id = decision.decision_id.as_str();
    let asked = json([
        "explain",
        id,
        "--endpoint",
        &served.endpoint,
        "--output",
        "json",
    ]);
    served.stop();
    let data_dir = data_dir.to_str().expect("text");
    let read = json(["explain", id, "--data-dir", data_dir, "--output", "json"]);
    assert_eq!(without_places(asked.clone()), without_places(read));
    assert_eq!(asked["decision"]["decision_id"], id);
    assert_eq!(asked["candidates"].as_array().expect("offers").len(), 6);
    let chosen = decision.offers.first().expect("an offer").offer_id.as_str();
    let page = run(["explain", id, "--data-dir", data_dir]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains(chosen) && page.contains("the draw"), "{page}");
}

#[tokio::test]
async fn verify_and_stats_say_the_same_by_both_ways_and_change_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let served = Served::start(&data_dir, &[]).await;
    choose(&served.endpoint, "checkout", REQUEST).await;
    let endpoint = served.endpoint.clone();
    let asked = json([
        "ledger",
        "verify",
        "--endpoint",
        &endpoint,
        "--output",
        "json",
    ]);
    let counted = json([
        "ledger",
        "stats",
        "--endpoint",
        &endpoint,
        "--output",
        "json",
    ]);
    served.stop();
    let data_dir = data_dir.to_str().expect("text");
    let read = json([
        "ledger",
        "verify",
        "--data-dir",
        data_dir,
        "--output",
        "json",
    ]);
    let again = json([
        "ledger",
        "verify",
        "--data-dir",
        data_dir,
        "--output",
        "json",
    ]);
    assert_eq!(read, again);
    assert_eq!(asked, read);
    assert_eq!(
        (&asked["ok"], &asked["decisions"]),
        (&true.into(), &1.into())
    );
    assert_eq!(asked["rederived"], 1);
    let mut counted_again = json([
        "ledger",
        "stats",
        "--data-dir",
        data_dir,
        "--output",
        "json",
    ]);
    // The store takes what room it likes.
    counted_again["disk_bytes"] = counted["disk_bytes"].clone();
    assert_eq!(counted, counted_again);
    for key in ["decisions", "outcomes", "settled", "clicks", "position"] {
        assert!(counted[key].is_u64(), "{key} is {}", counted[key]);
    }
}

#[tokio::test]
async fn verify_finds_a_head_that_was_noted_and_misses_one_that_never_was() {
    let directory = tempfile::tempdir().expect("a directory");
    let served = Served::start(&directory.path().join("data"), &[]).await;
    let endpoint = served.endpoint.as_str();
    let counted = json([
        "ledger",
        "stats",
        "--endpoint",
        endpoint,
        "--output",
        "json",
    ]);
    let head = counted["chain_head"].as_str().expect("a head");
    choose(endpoint, "checkout", REQUEST).await;
    let verify = ["ledger", "verify", "--endpoint", endpoint, "--expect-head"];
    let [a, b, c, d, e] = verify;
    assert!(run([a, b, c, d, e, head]).status.success());
    let never = "0123456789abcdef".repeat(4);
    let missed = run([a, b, c, d, e, &never]);
    assert_eq!(missed.status.code(), Some(WANTING), "{}", stderr(&missed));
    let refused = run([a, b, c, d, e, "cafe"]);
    assert_eq!(refused.status.code(), Some(USAGE));
    assert!(stderr(&refused).contains("64 hexadecimal digits"));
}

#[tokio::test]
async fn a_directory_in_use_is_refused_with_its_holder_and_the_other_way() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let _served = Served::start(&data_dir, &[]).await;
    let refused = run([
        "ledger",
        "stats",
        "--data-dir",
        data_dir.to_str().expect("text"),
    ]);
    assert_eq!(refused.status.code(), Some(WANTING));
    let said = stderr(&refused);
    assert!(
        said.contains("pid ") && said.contains("--endpoint"),
        "{said}"
    );
}

#[test]
fn a_directory_that_is_none_is_refused_and_not_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let nowhere = directory.path().join("nowhere");
    let refused = run([
        "ledger",
        "verify",
        "--data-dir",
        nowhere.to_str().expect("text"),
    ]);
    assert_eq!(refused.status.code(), Some(NOT_DONE));
    assert!(stderr(&refused).contains("no data directory"));
    assert!(!nowhere.exists());
}

#[test]
fn whose_records_must_be_said_once() {
    assert_eq!(run(["ledger", "stats"]).status.code(), Some(USAGE));
    let both = run([
        "ledger",
        "stats",
        "--endpoint",
        "localhost:1",
        "--data-dir",
        "d",
    ]);
    assert_eq!(both.status.code(), Some(USAGE));
}

#[test]
fn a_service_that_is_not_there_is_said_to_be_so() {
    let refused = run(["ledger", "stats", "--endpoint", "http://127.0.0.1:1"]);
    assert_eq!(refused.status.code(), Some(NOT_DONE));
    assert!(stderr(&refused).contains("no service answers at http://127.0.0.1:1"));
}

#[tokio::test]
async fn a_decision_that_is_none_is_refused_with_its_id() {
    let directory = tempfile::tempdir().expect("a directory");
    let served = Served::start(&directory.path().join("data"), &[]).await;
    let endpoint = served.endpoint.as_str();
    let unknown = run(["explain", REQUEST, "--endpoint", endpoint]);
    assert_eq!(unknown.status.code(), Some(NOT_DONE));
    assert!(stderr(&unknown).contains(REQUEST), "{}", stderr(&unknown));
    let no_uuid = run(["explain", "seven", "--endpoint", endpoint]);
    assert_eq!(no_uuid.status.code(), Some(USAGE));
    assert!(stderr(&no_uuid).contains("seven"));
}
