//! `promobandit evaluate --loggers`: a log whose rows several policies chose.

use std::fmt::Write as _;
use std::str::FromStr;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::choices::{ChoiceLog, weigh_batch};
use super::targets::ChoiceTarget;
use super::{EvaluateArgs, NOT_IDENTIFIABLE, Outcome, Output};
use crate::cli::table::Table;
use crate::evaluation::choices::{Metric, Names};
use crate::evaluation::diagnostics::Thresholds;
use crate::evaluation::loggers::{
    LoggerAnswer, LoggerEstimator, LoggerLine, LoggerPass, LoggerSizes, UnknownLoggerEstimator,
    WhyNoLoggers,
};
use crate::evaluation::pass::Kind;

/// Which estimators of several loggers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggerChoice(Vec<LoggerEstimator>);

impl FromStr for LoggerChoice {
    type Err = UnknownLoggerEstimator;

    fn from_str(names: &str) -> Result<Self, Self::Err> {
        if names == "all" {
            return Ok(Self(LoggerEstimator::ALL.to_vec()));
        }
        let estimators = names.split(',').map(|name| name.trim().parse());
        Ok(Self(estimators.collect::<Result<_, _>>()?))
    }
}

/// Evaluates a log of several loggers, which is read twice.
pub(super) fn evaluate(args: &EvaluateArgs, choice: &LoggerChoice) -> Result<Outcome> {
    let Some(log) = ChoiceLog::open(args.log()?, args.placement.as_deref())? else {
        bail!("several loggers need a log of choices, such as ledger:DIR or parquet:FILE");
    };
    let Some(target) = &args.target else {
        bail!("the log does not say what to evaluate: add --target uniform, or another policy");
    };
    let mut target = ChoiceTarget::open(target, &log, args)?;
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
    let told = Told {
        args,
        answer: &pass.answer(&Thresholds::default()),
        names: &names,
        label: target.policy.label(),
    };
    let answered = told.answered();
    let code = if answered || args.force {
        0
    } else {
        NOT_IDENTIFIABLE
    };
    let report = match args.output {
        Output::Json => serde_json::to_string_pretty(&told.document())? + "\n",
        Output::Text => told.text(),
    };
    Ok(Outcome { report, code })
}

/// An answer, and what is needed to tell it.
struct Told<'a> {
    args: &'a EvaluateArgs,
    answer: &'a LoggerAnswer,
    /// What the loggers are called.
    names: &'a Names,
    /// What has to be known of the target besides its name.
    label: Option<String>,
}

impl Told<'_> {
    fn answered(&self) -> bool {
        let mut lines = self.answer.lines.iter();
        lines.any(|line| line.verdict.identifiable())
    }

    fn name(&self, logger: usize) -> &str {
        let number = u32::try_from(logger).unwrap_or(u32::MAX);
        self.names.get(number).unwrap_or_default()
    }

    /// The lines that are shown, which is every one when figures are forced.
    fn shown(&self) -> impl Iterator<Item = &LoggerLine> {
        let lines = self.answer.lines.iter();
        lines.filter(|line| self.args.force || line.verdict.identifiable())
    }

    /// Why an estimator is not shown.
    fn left_out(&self) -> Vec<(LoggerEstimator, String)> {
        let unfit = self.answer.lines.iter().filter(|_| !self.args.force);
        let unfit = unfit.flat_map(|line| {
            let reasons = line.verdict.reasons.iter();
            reasons.map(|reason| (line.estimator, reason.to_string()))
        });
        let refused = self.answer.refused.iter().map(|(estimator, why)| {
            let why = match why {
                WhyNoLoggers::NoVariance { logger } => format!(
                    "the scores of logger {:?} do not vary, so its precision is not known",
                    self.name(*logger)
                ),
                other => other.to_string(),
            };
            (*estimator, why)
        });
        unfit.chain(refused).collect()
    }

    /// The loggers that have rows.
    fn loggers(&self) -> impl Iterator<Item = (usize, u64)> {
        let rows = self.answer.sizes.rows().iter().copied().enumerate();
        rows.filter(|(_, rows)| *rows > 0)
    }

    fn document(&self) -> Value {
        let args = self.args;
        let shares = |line: &LoggerLine| {
            let there = self.loggers();
            let share = there.map(|(logger, _)| (self.name(logger), line.shares[logger]));
            share
                .map(|(name, share)| (name.to_owned(), json!(share)))
                .collect::<serde_json::Map<_, _>>()
        };
        let estimates = self.shown().map(|line| {
            json!({
                "estimator": line.estimator.name(),
                "value": line.estimate.value,
                "standard_error": line.estimate.standard_error,
                "rounds": line.estimate.rounds,
                "shares": shares(line),
                "effective_sample_size": line.summary.effective_sample_size,
                "largest_weight": line.summary.largest_weight,
                "mean_weight": line.summary.mean_weight,
                "caveat": line.estimator.caveat(),
                "not_identifiable": !line.verdict.identifiable(),
            })
        });
        let intervals = self.shown().flat_map(|line| {
            line.intervals.iter().map(|(kind, ends)| {
                json!({
                    "kind": kind.to_string(),
                    "estimator": line.estimator.name(),
                    "lower": ends.lower(),
                    "upper": ends.upper(),
                    "level": args.level.get(),
                })
            })
        });
        let loggers = self
            .loggers()
            .map(|(logger, rows)| json!({ "logger": self.name(logger), "rounds": rows }));
        let left_out = self.left_out().into_iter();
        let left_out = left_out
            .map(|(estimator, why)| json!({ "estimator": estimator.name(), "reason": why }));
        let answered = self.answered();
        json!({
            "status": if answered { "identifiable" } else { "not identifiable" },
            "forced": args.force && !answered,
            "log": args.log.as_ref().map(ToString::to_string),
            "target": args.target.as_ref().map(ToString::to_string),
            "target_is": self.label,
            "placement": args.placement,
            "metric": args.metric.map(Metric::name),
            "estimand": args.estimand(),
            "reward_range": [args.reward_range.low(), args.reward_range.high()],
            "rounds": self.answer.sizes.total(),
            "loggers": loggers.collect::<Vec<_>>(),
            "mean_reward": self.answer.logged,
            "estimates": estimates.collect::<Vec<_>>(),
            "intervals": intervals.collect::<Vec<_>>(),
            "skipped": left_out.collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        // Writing to a string cannot fail.
        let mut page = format!("rounds {}\n", self.answer.sizes.total());
        for (logger, rows) in self.loggers() {
            let _ = writeln!(page, "logger {}: {rows} rounds", self.name(logger));
        }
        if let Some(logged) = self.answer.logged {
            let _ = writeln!(page, "a round earned {logged:.6}");
        }
        if let Some(label) = &self.label {
            let _ = writeln!(page, "the target is {label}");
        }
        if let Some(estimand) = self.args.estimand() {
            let _ = writeln!(page, "a round's reward is {estimand}");
        }
        let percent = format!("{} % interval", 100.0 * self.args.level.get());
        let mut table = Table::new(["estimator", "value", percent.as_str(), "effective", ""]);
        for line in self.shown() {
            let best = [Kind::ClusteredT, Kind::StudentT]
                .into_iter()
                .find_map(|kind| {
                    let mut intervals = line.intervals.iter();
                    intervals.find(|(known, _)| *known == kind)
                });
            let ends = best.map_or_else(
                || "none".to_owned(),
                |(kind, ends)| format!("{:.6} to {:.6} ({kind})", ends.lower(), ends.upper()),
            );
            let mark = if line.verdict.identifiable() {
                line.estimator.caveat().unwrap_or_default()
            } else {
                "NOT IDENTIFIABLE"
            };
            let effective = line.summary.effective_sample_size;
            table.row([
                line.estimator.name().to_owned(),
                format!("{:.6}", line.estimate.value),
                ends,
                effective.map_or_else(|| "none".to_owned(), |it| format!("{it:.0}")),
                mark.to_owned(),
            ]);
        }
        let _ = writeln!(page, "\n{table}");
        for (estimator, why) in self.left_out() {
            let _ = writeln!(page, "left out: {estimator}, because {why}");
        }
        page
    }
}
