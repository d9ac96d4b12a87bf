//! `promobandit evaluate --loggers`: a log whose rows several policies chose.

use std::fmt::Write as _;
use std::str::FromStr;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::choices::weigh_batch;
use super::lines::{self, Line, Lines};
use super::{EvaluateArgs, Outcome};
use crate::evaluation::choices::Names;
use crate::evaluation::diagnostics::Thresholds;
use crate::evaluation::loggers::{
    LoggerEstimator, LoggerLine, LoggerPass, LoggerSizes, UnknownLoggerEstimator, WhyNoLoggers,
};

/// Which estimators of several loggers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggerChoice(Vec<LoggerEstimator>);

impl FromStr for LoggerChoice {
    type Err = UnknownLoggerEstimator;

    fn from_str(names: &str) -> Result<Self, Self::Err> {
        lines::estimators(names, &LoggerEstimator::ALL).map(Self)
    }
}

/// Evaluates a log of several loggers, which is read twice.
pub(super) fn evaluate(args: &EvaluateArgs, choice: &LoggerChoice) -> Result<Outcome> {
    let (log, mut target) = lines::open(args, "several loggers")?;
    let mut weighing = args.weighing()?;
    let mut sizes = LoggerSizes::default();
    for batch in log.read(target.after)? {
        sizes.add(&batch?)?;
    }
    let mut pass = LoggerPass::new(&choice.0, sizes, args.level, args.independent_rounds);
    let (mut rows, mut names) = (0, Names::default());
    for batch in log.read(target.after)? {
        let batch = batch?;
        names = batch.vocabulary().loggers.as_ref().clone();
        let read = batch.len() as u64;
        pass.add(&weigh_batch(batch, &mut target, &mut weighing, rows)?)?;
        rows += read;
    }
    let answer = pass.answer(&Thresholds::default());
    let name = |logger: usize| {
        let number = u32::try_from(logger).unwrap_or(u32::MAX);
        names.get(number).unwrap_or_default()
    };
    // The loggers that have rows.
    let there = answer.sizes.rows().iter().copied().enumerate();
    let there: Vec<(usize, u64)> = there.filter(|(_, rows)| *rows > 0).collect();
    let shares = |line: &LoggerLine| -> Map<String, Value> {
        let share =
            |(logger, _): &(usize, u64)| (name(*logger).to_owned(), json!(line.shares[*logger]));
        there.iter().map(share).collect()
    };
    let why = |why: &WhyNoLoggers| match why {
        WhyNoLoggers::NoVariance { logger } => format!(
            "the scores of logger {:?} do not vary, so its precision is not known",
            name(*logger)
        ),
        other => other.to_string(),
    };
    let (lines, refused) = (answer.lines.iter(), answer.refused.iter());
    let told = Lines {
        args,
        unit: "round",
        rewarded: "round",
        lines: lines
            .map(|line| Line {
                name: line.estimator.name(),
                caveat: line.estimator.caveat(),
                estimate: &line.estimate,
                intervals: &line.intervals,
                summary: &line.summary,
                verdict: &line.verdict,
                more: Map::from_iter([("shares".to_owned(), Value::Object(shares(line)))]),
            })
            .collect(),
        refused: refused
            .map(|(estimator, told)| (estimator.name(), why(told)))
            .collect(),
        logged: answer.logged,
        label: target.policy.label(),
    };
    // Writing to a string cannot fail.
    let mut opening = format!("rounds {}\n", answer.sizes.total());
    for (logger, rows) in &there {
        let _ = writeln!(opening, "logger {}: {rows} rounds", name(*logger));
    }
    let loggers = there.iter();
    let loggers = loggers.map(|(logger, rows)| json!({ "logger": name(*logger), "rounds": rows }));
    let facts = json!({
        "rounds": answer.sizes.total(),
        "loggers": loggers.collect::<Vec<_>>(),
    });
    told.outcome(facts, &opening)
}
