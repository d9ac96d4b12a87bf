//! What estimators of one kind say of a log, told alike whichever kind they are:
//! those of slates, and those of several loggers.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::choices::ChoiceLog;
use super::targets::ChoiceTarget;
use super::{EvaluateArgs, NOT_IDENTIFIABLE, Outcome, Output};
use crate::cli::table::Table;
use crate::evaluation::choices::Metric;
use crate::evaluation::diagnostics::{Summary, Verdict};
use crate::evaluation::estimator::Estimate;
use crate::evaluation::interval::Ends;
use crate::evaluation::pass::Kind;

/// Opens the log and the target; `what` needs a log of choices.
pub(super) fn open(args: &EvaluateArgs, what: &str) -> Result<(ChoiceLog, ChoiceTarget)> {
    let Some(log) = ChoiceLog::open(args.log()?, args.placement.as_deref())? else {
        bail!("{what} need a log of choices, such as ledger:DIR or parquet:FILE");
    };
    let Some(target) = &args.target else {
        bail!("the log does not say what to evaluate: add --target uniform, or another policy");
    };
    let target = ChoiceTarget::open(target, &log, args)?;
    Ok((log, target))
}

/// Reads names of estimators, separated by commas, or `all`.
pub(super) fn estimators<E: std::str::FromStr + Clone>(
    names: &str,
    all: &[E],
) -> Result<Vec<E>, E::Err> {
    if names == "all" {
        return Ok(all.to_vec());
    }
    names.split(',').map(|name| name.trim().parse()).collect()
}

/// What one estimator says.
pub(super) struct Line<'a> {
    pub name: &'static str,
    /// What it rests on besides the log.
    pub caveat: Option<&'static str>,
    pub estimate: &'a Estimate,
    pub intervals: &'a [(Kind, Ends)],
    pub summary: &'a Summary,
    pub verdict: &'a Verdict,
    /// What else its kind tells in JSON.
    pub more: Map<String, Value>,
}

/// An answer, and what is needed to tell it.
pub(super) struct Lines<'a> {
    pub args: &'a EvaluateArgs,
    /// What a mean is over: `round` or `decision`.
    pub unit: &'static str,
    /// What a reward is of.
    pub rewarded: &'static str,
    pub lines: Vec<Line<'a>>,
    /// Those that say nothing, and why.
    pub refused: Vec<(&'static str, String)>,
    /// What one of the unit earned.
    pub logged: Option<f64>,
    /// What has to be known of the target besides its name.
    pub label: Option<String>,
}

impl Lines<'_> {
    /// The answer with its exit code; `facts` stand in the JSON beside the rest,
    /// `opening` before the text.
    pub fn outcome(&self, facts: Value, opening: &str) -> Result<Outcome> {
        let code = if self.answered() || self.args.force {
            0
        } else {
            NOT_IDENTIFIABLE
        };
        let report = match self.args.output {
            Output::Json => serde_json::to_string_pretty(&self.document(facts))? + "\n",
            Output::Text => self.text(opening),
        };
        Ok(Outcome { report, code })
    }

    fn answered(&self) -> bool {
        self.lines.iter().any(|line| line.verdict.identifiable())
    }

    /// The lines that are shown, which is every one when figures are forced.
    fn shown(&self) -> impl Iterator<Item = &Line<'_>> {
        let lines = self.lines.iter();
        lines.filter(|line| self.args.force || line.verdict.identifiable())
    }

    /// Why an estimator is not shown.
    fn left_out(&self) -> impl Iterator<Item = (&'static str, String)> {
        let unfit = self.lines.iter().filter(|_| !self.args.force);
        let unfit = unfit.flat_map(|line| {
            let reasons = line.verdict.reasons.iter();
            reasons.map(|reason| (line.name, reason.to_string()))
        });
        unfit.chain(self.refused.iter().cloned())
    }

    fn document(&self, facts: Value) -> Value {
        let args = self.args;
        let units = format!("{}s", self.unit);
        let estimates = self.shown().map(|line| {
            let mut told = json!({
                "estimator": line.name,
                "value": line.estimate.value,
                "standard_error": line.estimate.standard_error,
                &units: line.estimate.rounds,
                "effective_sample_size": line.summary.effective_sample_size,
                "largest_weight": line.summary.largest_weight,
                "mean_weight": line.summary.mean_weight,
                "caveat": line.caveat,
                "not_identifiable": !line.verdict.identifiable(),
            });
            add(&mut told, line.more.clone());
            told
        });
        let intervals = self.shown().flat_map(|line| {
            line.intervals.iter().map(|(kind, ends)| {
                json!({
                    "kind": kind.to_string(),
                    "estimator": line.name,
                    "lower": ends.lower(),
                    "upper": ends.upper(),
                    "level": args.level.get(),
                })
            })
        });
        let left_out = self
            .left_out()
            .map(|(estimator, why)| json!({ "estimator": estimator, "reason": why }));
        let answered = self.answered();
        let mut told = json!({
            "status": if answered { "identifiable" } else { "not identifiable" },
            "forced": args.force && !answered,
            "log": args.log.as_ref().map(ToString::to_string),
            "target": args.target.as_ref().map(ToString::to_string),
            "target_is": self.label,
            "placement": args.placement,
            "metric": args.metric.map(Metric::name),
            "estimand": args.estimand(),
            "reward_range": [args.reward_range.low(), args.reward_range.high()],
            "mean_reward": self.logged,
            "estimates": estimates.collect::<Vec<_>>(),
            "intervals": intervals.collect::<Vec<_>>(),
            "skipped": left_out.collect::<Vec<_>>(),
        });
        if let Value::Object(facts) = facts {
            add(&mut told, facts);
        }
        told
    }

    fn text(&self, opening: &str) -> String {
        // Writing to a string cannot fail.
        let mut page = opening.to_owned();
        if let Some(logged) = self.logged {
            let _ = writeln!(page, "a {} earned {logged:.6}", self.unit);
        }
        if let Some(label) = &self.label {
            let _ = writeln!(page, "the target is {label}");
        }
        if let Some(estimand) = self.args.estimand() {
            let _ = writeln!(page, "a {}'s reward is {estimand}", self.rewarded);
        }
        let percent = format!("{} % interval", 100.0 * self.args.level.get());
        let mut table = Table::new(["estimator", "value", percent.as_str(), "effective", ""]);
        for line in self.shown() {
            let best = [Kind::ClusteredT, Kind::StudentT]
                .into_iter()
                .find_map(|kind| line.intervals.iter().find(|(known, _)| *known == kind));
            let ends = best.map_or_else(
                || "none".to_owned(),
                |(kind, ends)| format!("{:.6} to {:.6} ({kind})", ends.lower(), ends.upper()),
            );
            let mark = if line.verdict.identifiable() {
                line.caveat.unwrap_or_default()
            } else {
                "NOT IDENTIFIABLE"
            };
            let effective = line.summary.effective_sample_size;
            table.row([
                line.name.to_owned(),
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

fn add(document: &mut Value, more: Map<String, Value>) {
    if let Value::Object(known) = document {
        known.extend(more);
    }
}
