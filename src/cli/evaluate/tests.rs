mod asked;
#[cfg(feature = "offline")]
mod loggers;

use clap::Parser;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::domain::random::Generator;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    evaluate: EvaluateArgs,
}

fn outcome(arguments: &[&str]) -> Result<Outcome> {
    let words = ["evaluate"].iter().chain(arguments);
    evaluate(&Command::try_parse_from(words)?.evaluate)
}

fn json(arguments: &[&str]) -> (Value, u8) {
    let mut arguments = arguments.to_vec();
    arguments.extend(["--output", "json"]);
    let outcome = outcome(&arguments).unwrap();
    (serde_json::from_str(&outcome.report).unwrap(), outcome.code)
}

/// A log in the form of the Open Bandit Dataset over two items with reward
/// rates 0.2 and 0.6, the second of them shown with `second`.
fn obd(folder: &TempDir, rounds: usize, second: f64) -> String {
    let mut generator = Generator::from_seed(9);
    let mut csv = String::from("timestamp,item_id,position,click,propensity_score\n");
    for index in 0..rounds {
        let item = usize::from(generator.next_uniform() < second);
        let click = u8::from(generator.next_uniform() < [0.2, 0.6][item]);
        let propensity = [1.0 - second, second][item];
        let position = index % 3 + 1;
        csv +=
            &format!("2019-11-24 00:00:00.000000+00:00,{item},{position},{click},{propensity}\n");
    }
    let path = folder.path().join("log.csv");
    std::fs::write(&path, csv).unwrap();
    format!("obd:{}", path.display())
}

fn value(document: &Value, name: &str) -> Option<f64> {
    let estimates = document["estimates"].as_array().unwrap();
    let line = estimates.iter().find(|line| line["estimator"] == name)?;
    line["value"].as_f64()
}

#[test]
fn a_log_with_overlap_is_answered() {
    let folder = TempDir::new().unwrap();
    let log = obd(&folder, 6_000, 0.2);
    let (document, code) = json(&["--log", &log, "--target", "uniform", "--bootstrap", "200"]);
    assert_eq!(code, 0);
    assert_eq!(document["status"], "identifiable");
    // The truth is 0.4; the estimate's standard error is about 0.016.
    assert!((value(&document, "ips").unwrap() - 0.4).abs() < 0.06);
    assert!((value(&document, "snips").unwrap() - 0.4).abs() < 0.06);
    // The log has no model: those who need one are left out and said to be.
    assert_eq!(value(&document, "dr"), None);
    let skipped = document["skipped"].as_array().unwrap();
    assert!(skipped.iter().any(|line| line["estimator"] == "dr"));
    let intervals = document["intervals"].as_array().unwrap();
    for kind in [
        "normal",
        "bootstrap_bca",
        "gaussian_interval",
        "clopper_pearson_interval",
    ] {
        let line = intervals.iter().find(|line| line["kind"] == kind).unwrap();
        assert!(line["lower"].as_f64().unwrap() < line["upper"].as_f64().unwrap());
    }
    let text = outcome(&["--log", &log, "--target", "uniform", "--bootstrap", "0"]).unwrap();
    assert!(
        text.report.contains("effective sample size"),
        "{}",
        text.report
    );
    assert_eq!(text.code, 0);
}

#[test]
fn a_log_without_overlap_is_refused_unless_forced() {
    let folder = TempDir::new().unwrap();
    let log = obd(&folder, 3_000, 0.0005);
    let arguments = ["--log", &log, "--target", "uniform", "--bootstrap", "0"];
    let (document, code) = json(&arguments);
    assert_eq!(code, NOT_IDENTIFIABLE);
    assert_eq!(document["status"], "not identifiable");
    assert!(document["estimates"].as_array().unwrap().is_empty());
    assert!(document["intervals"].as_array().unwrap().is_empty());
    assert!(!document["reasons"].as_array().unwrap().is_empty());
    let text = outcome(&arguments).unwrap();
    assert!(text.report.contains("not identifiable"));
    assert!(text.report.contains("what would answer"));

    let mut forced = arguments.to_vec();
    forced.push("--force");
    let (document, code) = json(&forced);
    assert_eq!(code, 0);
    assert_eq!(document["forced"], true);
    let estimates = document["estimates"].as_array().unwrap();
    assert!(!estimates.is_empty());
    assert!(
        estimates
            .iter()
            .all(|line| line["not_identifiable"] == true)
    );
    let text = outcome(&forced).unwrap();
    assert!(text.report.contains("NOT IDENTIFIABLE"));
}

#[test]
fn a_table_is_a_target() {
    let folder = TempDir::new().unwrap();
    let log = obd(&folder, 6_000, 0.5);
    let table = folder.path().join("target.csv");
    let target = format!("table:{}", table.display());
    let arguments = [
        "--log",
        &log,
        "--target",
        &target,
        "--estimators",
        "ips, snips",
    ];
    std::fs::write(&table, "item_id,probability\n0,0.25\n1,0.75\n").unwrap();
    let (document, code) = json(&arguments);
    assert_eq!(code, 0);
    // The truth is 0.5; the estimate's standard error is about 0.01.
    assert!((value(&document, "ips").unwrap() - 0.5).abs() < 0.04);
    assert_eq!(document["estimates"].as_array().unwrap().len(), 2);

    // Half of what this target chooses is an item that the log never shows.
    std::fs::write(&table, "item_id,probability\n0,0.5\n9,0.5\n").unwrap();
    let (document, code) = json(&arguments);
    assert_eq!(code, NOT_IDENTIFIABLE);
    assert_eq!(document["reasons"][0]["code"], "UNSUPPORTED");

    for (wrong, expected) in [
        ("item_id,probability\n0,0.5\n", "sum to 0.5"),
        (
            "item_id,probability\n0,x\n",
            "row 1, column probability: \"x\"",
        ),
        ("item_id,position,probability\n0,4,1\n", "4 is not 1 to 3"),
        ("item_id\n0\n", "no column probability"),
        (
            "item_id,probability\n0,0.5\n0,0.5\n",
            "row 2: item 0 is there twice",
        ),
    ] {
        std::fs::write(&table, wrong).unwrap();
        let refused = format!("{:#}", outcome(&arguments).unwrap_err());
        assert!(refused.contains(expected), "{refused}");
    }
}

/// The default interval of a log with propensities alone has one end; with a
/// declared largest weight it has two, and holds the truth of 0.4.
#[test]
fn the_default_interval_is_anytime_valid() {
    let folder = TempDir::new().unwrap();
    let log = obd(&folder, 6_000, 0.2);
    let base = ["--log", &log, "--target", "uniform", "--bootstrap", "0"];
    for (more, one_sided) in [(&[][..], true), (&["--max-weight", "2.5"][..], false)] {
        let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
        let (document, code) = json(&arguments);
        assert_eq!(code, 0);
        assert_eq!(document["anytime_valid_is_one_sided"], one_sided);
        let intervals = document["intervals"].as_array().unwrap();
        let line = intervals
            .iter()
            .find(|line| line["kind"] == "anytime_valid");
        let line = line.unwrap();
        let (lower, upper) = (
            line["lower"].as_f64().unwrap(),
            line["upper"].as_f64().unwrap(),
        );
        assert!(lower > 0.2 && lower < 0.4 && upper > 0.4, "{line}");
        assert_eq!(upper == 1.0, one_sided);
        assert!((value(&document, "anytime_dr").unwrap() - 0.4).abs() < 0.08);
    }
}

/// 60 logs of 600 rounds: at 95 %, 57 hold the truth, give or take 1.7.
#[test]
fn a_coverage_card_simulates_logs_of_the_same_shape() {
    let folder = TempDir::new().unwrap();
    let log = obd(&folder, 6_000, 0.2);
    let arguments = [
        "--log",
        &log,
        "--target",
        "uniform",
        "--bootstrap",
        "0",
        "--coverage",
        "--replications",
        "60",
        "--coverage-rounds",
        "600",
        "--look-every",
        "100",
        "--logger-floor",
        "0.1",
    ];
    let (document, code) = json(&arguments);
    assert_eq!(code, 0);
    assert!((document["truth"].as_f64().unwrap() - 0.4).abs() < 0.05);
    for card in document["cards"].as_array().unwrap() {
        let rows = card["intervals"].as_array().unwrap();
        let anytime = rows.iter().filter(|row| row["kind"] == "anytime_valid");
        for row in anytime {
            assert!(
                row["coverage_every_look"].as_f64().unwrap() >= 0.85,
                "{row}"
            );
            assert!(row["median_width"].as_f64().unwrap() > 0.0);
        }
    }
    let text = outcome(&arguments).unwrap().report;
    assert!(
        text.contains("learning logger: 60 logs of 600 rounds"),
        "{text}"
    );
    let mut high = arguments.to_vec();
    high[14] = "0.9";
    let refused = format!("{:#}", outcome(&high).unwrap_err());
    assert!(
        refused.contains("--logger-floor 0.9 is not in (0, 0.5]"),
        "{refused}"
    );
}

#[test]
fn what_does_not_fit_the_log_is_refused() {
    let folder = TempDir::new().unwrap();
    let log = obd(&folder, 300, 0.5);
    let base = ["--log", &log, "--target", "uniform", "--bootstrap", "0"];
    let with = |more: &[&str]| {
        let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
        format!("{:#}", outcome(&arguments).unwrap_err())
    };
    assert!(
        with(&["--estimators", "dr"])
            .contains("dr cannot be computed: the log has no reward prediction")
    );
    assert!(with(&["--estimators", "best"]).contains("is no estimator"));
    assert!(with(&["--max-weight", "0.5"]).contains("more than --max-weight 0.5"));
    assert!(with(&["--max-weight", "-1"]).contains("-1"));
    assert!(with(&["--level", "1.5"]).contains("1.5"));
    assert!(with(&["--reward-range", "1:0"]).contains("1:0"));
    let narrow = with(&["--reward-range", "0.5:1"]);
    assert!(narrow.contains("row 1, column reward") || narrow.contains("column reward: 0 is not"));
    assert!(outcome(&["--log", &log]).is_err());
    assert!(outcome(&["--log", "csv:x"]).is_err());
    assert!(outcome(&["--log", "golden:/nowhere/x.parquet"]).is_err());
}

/// Choices as dsjson: two offers with reward rates 0.2 and 0.6, the second
/// shown with 0.25; every third row is of another placement.
fn dsjson(folder: &TempDir, rounds: usize, sign: f64) -> String {
    let mut generator = Generator::from_seed(4);
    let mut lines = String::new();
    for row in 0..rounds {
        let chosen = usize::from(generator.next_uniform() < 0.25);
        let reward = f64::from(u8::from(generator.next_uniform() < [0.2, 0.6][chosen]));
        let probability = [0.75, 0.25][chosen];
        let placement = if row % 3 == 0 { "cart" } else { "checkout" };
        lines += &format!(
            "{{\"_label_cost\":{},\"_label_probability\":{probability},\"_labelIndex\":{chosen},\
             \"a\":[1,2],\"c\":{{\"_multi\":[{{\"_tag\":\"tea\"}},{{\"_tag\":\"cake\"}}]}},\
             \"p\":[0.75,0.25],\"promobandit\":{{\"placement\":\"{placement}\",\
             \"revenue\":{}}}}}\n",
            sign * reward,
            700.0 * reward,
        );
    }
    let path = folder.path().join("log.dsjson");
    std::fs::write(&path, lines).unwrap();
    format!("dsjson:{}", path.display())
}

#[test]
fn a_log_of_choices_is_evaluated_placement_by_placement() {
    let folder = TempDir::new().unwrap();
    let log = dsjson(&folder, 6_000, -1.0);
    let table = folder.path().join("cake.csv");
    std::fs::write(&table, "action,probability\ncake,1\n").unwrap();
    let target = format!("table:{}", table.display());
    let asked = [
        "--log",
        &log,
        "--target",
        &target,
        "--estimators",
        "ips,anytime_dr",
    ];
    let refused = outcome(&asked).unwrap_err().to_string();
    assert!(
        refused.ends_with("choose one with --placement cart|checkout"),
        "{refused}"
    );

    let with = |more: &[&str]| {
        let mut arguments = asked.to_vec();
        arguments.extend(["--placement", "checkout", "--bootstrap", "0"]);
        arguments.extend(more);
        json(&arguments)
    };
    let (answer, code) = with(&[]);
    assert_eq!((code, &answer["diagnostics"]["rounds"]), (0, &4_000.into()));
    // 1,000 rounds showed the cake; the standard error is sqrt(0.6·4 − 0.36)/63.
    let value = answer["estimates"][0]["value"].as_f64().unwrap();
    assert!((value - 0.6).abs() < 3.0 * 0.023, "{value}");
    let intervals = answer["intervals"].as_array().unwrap();
    let anytime = intervals
        .iter()
        .find(|it| it["kind"] == "anytime_valid")
        .unwrap();
    assert!(anytime["lower"].as_f64().unwrap() < 0.6);
    assert!(anytime["upper"].as_f64().unwrap() > 0.6);
    assert_eq!(answer["anytime_valid_is_one_sided"], false);

    let (revenue, _) = with(&["--metric", "revenue", "--reward-range", "0:700"]);
    let money = revenue["estimates"][0]["value"].as_f64().unwrap();
    assert!((money - 700.0 * value).abs() < 1e-9 * money);
}

#[test]
fn a_log_of_costs_is_told() {
    let folder = TempDir::new().unwrap();
    let log = dsjson(&folder, 100, 1.0);
    let arguments = [
        "--log",
        &log,
        "--target",
        "uniform",
        "--placement",
        "checkout",
    ];
    let refused = outcome(&arguments).unwrap_err().to_string();
    assert!(
        refused.contains("column reward: -1 is not in the declared range [0, 1]; it would be"),
        "{refused}"
    );
}

#[test]
fn a_target_that_the_log_cannot_carry_is_refused() {
    let folder = TempDir::new().unwrap();
    let log = dsjson(&folder, 100, -1.0);
    let ask = |target: &str| {
        let arguments = ["--log", &log, "--target", target, "--placement", "cart"];
        outcome(&arguments).unwrap_err().to_string()
    };
    assert_eq!(
        ask("snapshot:7"),
        "only a ledger has the policy of a position; the log is a file"
    );
    let table = folder.path().join("table.csv");
    std::fs::write(&table, "action,probability\nlantern,1\n").unwrap();
    assert_eq!(
        ask(&format!("table:{}", table.display())),
        "row 1, the target gives no probability to any of the 2 actions on offer"
    );
}

#[test]
fn a_gate_promotes_holds_or_says_that_it_cannot_tell() {
    let folder = TempDir::new().unwrap();
    let log = dsjson(&folder, 6_000, -1.0);
    let table = |name: &str| {
        let path = folder.path().join(format!("{name}.csv"));
        std::fs::write(&path, format!("action,probability\n{name},1\n")).unwrap();
        format!("table:{}", path.display())
    };
    let (cake, tea) = (table("cake"), table("tea"));
    let judge = |candidate: &str, more: &[&str]| {
        let mut arguments = vec![
            "--log",
            &log,
            "--placement",
            "checkout",
            "--against",
            "current",
            "--candidate",
            candidate,
        ];
        arguments.extend(more);
        let (answer, code) = json(&arguments);
        (
            answer["decision"].as_str().unwrap().to_owned(),
            code,
            answer,
        )
    };
    let (decision, code, answer) = judge(&cake, &[]);
    assert_eq!((decision.as_str(), code), ("promote", 0));
    // The log earns 0.75·0.2 + 0.25·0.6 = 0.3.
    let difference = answer["difference"]["value"].as_f64().unwrap();
    assert!((difference - 0.3).abs() < 0.08, "{difference}");
    let (decision, code, _) = judge(&tea, &[]);
    assert_eq!((decision.as_str(), code), ("hold", gate::HOLD));
    let (_, code, guarded) = judge(&cake, &["--guard", "revenue:10:0:700"]);
    assert_eq!((code, &guarded["guards"][0]["kept"]), (0, &true.into()));
    let refused = outcome(&[
        "--log",
        &log,
        "--placement",
        "cart",
        "--against",
        "current",
        "--candidate",
        &cake,
        "--guard",
        "margin:10:0:700",
    ]);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the log has no column margin, which is guarded"
    );
    let few = dsjson(&folder, 60, -1.0);
    let arguments = [
        "--log",
        &few,
        "--placement",
        "checkout",
        "--against",
        "current",
        "--candidate",
        &cake,
    ];
    let (answer, code) = json(&arguments);
    assert_eq!(
        (&answer["decision"], code),
        (&"not identifiable".into(), NOT_IDENTIFIABLE)
    );
}
