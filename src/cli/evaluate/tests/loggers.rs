//! Logs whose rows several policies chose.

use std::sync::Arc;

use super::*;
use crate::evaluation::choices::{Choices, Names, UncheckedChoices};
use crate::logs::parquet::ParquetWriter;

/// Two policies over two actions with reward rates 0.2 and 0.6, one of which
/// shows the second often, the other seldom.
fn log(folder: &TempDir, spoil: impl Fn(&mut UncheckedChoices)) -> String {
    let mut generator = Generator::from_seed(4);
    let mut columns = UncheckedChoices {
        logger_propensities: Some(Vec::new()),
        ..UncheckedChoices::default()
    };
    for row in 0..2_000_u32 {
        let logger = row % 2;
        let second = [0.7, 0.1];
        let chosen = usize::from(generator.next_uniform() < second[logger as usize]);
        let earned = generator.next_uniform() < [0.2, 0.6][chosen];
        let of_both = second.map(|second| [1.0 - second, second][chosen]);
        columns.actions.extend([0, 1]);
        columns.ends.push(columns.actions.len());
        columns.chosen.push(u32::try_from(chosen).unwrap());
        columns.propensity.push(of_both[logger as usize]);
        columns.reward.push(f64::from(u8::from(earned)));
        columns.position.push(0);
        columns.logger.push(logger);
        columns
            .logger_propensities
            .as_mut()
            .unwrap()
            .extend(of_both);
    }
    spoil(&mut columns);
    let vocabulary = Vocabulary {
        actions: Arc::new(Names::from_iter(["tea", "cake"])),
        loggers: Arc::new(Names::from_iter(["bold", "shy"])),
        ..Vocabulary::default()
    };
    let path = folder.path().join("log.parquet");
    let mut writer = ParquetWriter::new(Vec::new());
    let choices = Choices::new(columns, vocabulary).unwrap();
    writer.add(&choices).unwrap();
    std::fs::write(&path, writer.finish().unwrap().unwrap()).unwrap();
    format!("parquet:{}", path.display())
}

#[test]
fn three_estimators_answer_and_say_which_logger_counts() {
    let folder = TempDir::new().unwrap();
    let log = log(&folder, |_| {});
    let asked = ["--log", &log, "--target", "uniform", "--loggers", "all"];
    let (document, code) = json(&asked);
    assert_eq!(code, 0);
    assert_eq!(document["loggers"][1]["logger"], "shy");
    assert_eq!(document["loggers"][1]["rounds"], 1_000);
    // The truth is 0.4; the widest standard error, the naive one's, is about 0.024.
    for name in ["naive_ips", "balanced_ips", "weighted_ips"] {
        assert!(
            (value(&document, name).unwrap() - 0.4).abs() < 0.08,
            "{name}"
        );
    }
    let shares = &document["estimates"][2]["shares"];
    assert!(shares["bold"].as_f64().unwrap() > 2.0 * shares["shy"].as_f64().unwrap());
    let text = outcome(&asked).unwrap().report;
    assert!(text.contains("logger bold: 1000 rounds"), "{text}");
    // One logger's propensities are the whole log's: the naive estimate is plain IPS.
    let (plain, _) = json(&["--log", &log, "--target", "uniform", "--estimators", "ips"]);
    let gap = value(&plain, "ips").unwrap() - value(&document, "naive_ips").unwrap();
    assert!(gap.abs() < 1e-12);
}

#[test]
fn a_target_that_learnt_from_the_log_is_said_to_be() {
    let folder = TempDir::new().unwrap();
    let log = log(&folder, |_| {});
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, "kind = 'epsilon_greedy'\nepsilon = 0.2").unwrap();
    let target = format!("cross-fitted:{}", file.display());
    let asked = ["--log", &log, "--target", &target, "--loggers", "all"];
    let (document, _) = json(&asked);
    let label = document["target_is"].as_str().unwrap();
    assert!(
        label.starts_with("cross-fitted in 5 folds by row"),
        "{label}"
    );
    assert!(outcome(&asked).unwrap().report.contains(label));
}

#[test]
fn what_a_log_lacks_is_named() {
    let folder = TempDir::new().unwrap();
    let without = log(&folder, |columns| columns.logger_propensities = None);
    let asked = [
        "--log",
        &without,
        "--target",
        "uniform",
        "--loggers",
        "balanced_ips",
    ];
    let (document, code) = json(&asked);
    assert_eq!(code, NOT_IDENTIFIABLE);
    let reason = document["skipped"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("the column logger_propensities"),
        "{reason}"
    );
    let nameless = log(&folder, |columns| {
        columns.logger_propensities = None;
        columns.logger.clear();
    });
    let asked = [
        "--log",
        &nameless,
        "--target",
        "uniform",
        "--loggers",
        "all",
    ];
    let refused = outcome(&asked).unwrap_err().to_string();
    assert!(refused.contains("which logger chose a row"), "{refused}");
}
