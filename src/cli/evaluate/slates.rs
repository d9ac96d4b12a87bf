//! `promobandit evaluate --slates`: what whole decisions would have earned, with
//! all of their slots.

use std::fmt::Write as _;
use std::str::FromStr;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::choices::{ChoiceLog, weigh_batch};
use super::targets::ChoiceTarget;
use super::{EvaluateArgs, NOT_IDENTIFIABLE, Outcome, Output};
use crate::cli::table::Table;
use crate::evaluation::choices::Metric;
use crate::evaluation::diagnostics::Thresholds;
use crate::evaluation::pass::Kind;
use crate::evaluation::slates::{
    SlateAnswer, SlateEstimator, SlateLine, SlatePass, UnknownSlateEstimator,
};

/// Which estimators of slates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlateChoice(Vec<SlateEstimator>);

impl FromStr for SlateChoice {
    type Err = UnknownSlateEstimator;

    fn from_str(names: &str) -> Result<Self, Self::Err> {
        if names == "all" {
            return Ok(Self(SlateEstimator::ALL.to_vec()));
        }
        let estimators = names.split(',').map(|name| name.trim().parse());
        Ok(Self(estimators.collect::<Result<_, _>>()?))
    }
}

/// Evaluates a log's slates.
pub(super) fn evaluate(args: &EvaluateArgs, choice: &SlateChoice) -> Result<Outcome> {
    let Some(log) = ChoiceLog::open(args.log()?, args.placement.as_deref())? else {
        bail!("slates need a log of choices, such as ledger:DIR or parquet:FILE");
    };
    let Some(target) = &args.target else {
        bail!("the log does not say what to evaluate: add --target uniform, or another policy");
    };
    let mut target = ChoiceTarget::open(target, &log, args)?;
    let mut weighing = args.weighing()?;
    let independent = args.independent_rounds;
    let mut pass = SlatePass::new(&choice.0, args.reward_range, args.level, independent);
    let mut rows = 0;
    for batch in log.read(target.after)? {
        let batch = batch?;
        let read = batch.len() as u64;
        pass.add(&weigh_batch(batch, &mut target, &mut weighing, rows)?)?;
        rows += read;
    }
    let answer = pass.answer(&Thresholds::default());
    let label = target.policy.label();
    let label = label.as_deref();
    let answered = answer.lines.iter().any(|line| line.verdict.identifiable());
    let code = if answered || args.force {
        0
    } else {
        NOT_IDENTIFIABLE
    };
    let report = match args.output {
        Output::Json => {
            serde_json::to_string_pretty(&document(args, &answer, answered, label))? + "\n"
        }
        Output::Text => text(args, &answer, label),
    };
    Ok(Outcome { report, code })
}

/// The lines that are shown, which is every one when figures are forced.
fn shown<'a>(args: &EvaluateArgs, answer: &'a SlateAnswer) -> Vec<&'a SlateLine> {
    let lines = answer.lines.iter();
    let shown = lines.filter(|line| args.force || line.verdict.identifiable());
    shown.collect()
}

/// Why an estimator is not shown.
fn left_out<'a>(
    args: &EvaluateArgs,
    answer: &'a SlateAnswer,
) -> impl Iterator<Item = (SlateEstimator, String)> + 'a {
    let forced = args.force;
    let unfit = answer.lines.iter().filter(move |_| !forced);
    let unfit = unfit.flat_map(|line| {
        let reasons = line.verdict.reasons.iter();
        reasons.map(|reason| (line.estimator, reason.to_string()))
    });
    let refused = answer.refused.iter();
    unfit.chain(refused.map(|(estimator, why)| (*estimator, why.to_string())))
}

fn document(
    args: &EvaluateArgs,
    answer: &SlateAnswer,
    answered: bool,
    label: Option<&str>,
) -> Value {
    let lines = shown(args, answer);
    let estimates = lines.iter().map(|line| {
        json!({
            "estimator": line.estimator.name(),
            "value": line.estimate.value,
            "standard_error": line.estimate.standard_error,
            "decisions": line.estimate.rounds,
            "effective_sample_size": line.summary.effective_sample_size,
            "largest_weight": line.summary.largest_weight,
            "mean_weight": line.summary.mean_weight,
            "caveat": line.estimator.assumes(),
            "not_identifiable": !line.verdict.identifiable(),
        })
    });
    let intervals = lines.iter().flat_map(|line| {
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
    let left_out = left_out(args, answer)
        .map(|(estimator, why)| json!({ "estimator": estimator.name(), "reason": why }));
    json!({
        "status": if answered { "identifiable" } else { "not identifiable" },
        "forced": args.force && !answered,
        "log": args.log.as_ref().map(ToString::to_string),
        "target": args.target.as_ref().map(ToString::to_string),
        "target_is": label,
        "placement": args.placement,
        "metric": args.metric.map(Metric::name),
        "estimand": args.estimand(),
        "reward_range": [args.reward_range.low(), args.reward_range.high()],
        "decisions": answer.slates,
        "slots": answer.slots,
        "mean_reward": answer.logged,
        "estimates": estimates.collect::<Vec<_>>(),
        "intervals": intervals.collect::<Vec<_>>(),
        "skipped": left_out.collect::<Vec<_>>(),
    })
}

fn text(args: &EvaluateArgs, answer: &SlateAnswer, label: Option<&str>) -> String {
    // Writing to a string cannot fail.
    let mut page = format!("decisions {}, slots {}\n", answer.slates, answer.slots);
    if let Some(logged) = answer.logged {
        let _ = writeln!(page, "a decision earned {logged:.6}");
    }
    if let Some(label) = label {
        let _ = writeln!(page, "the target is {label}");
    }
    if let Some(estimand) = args.estimand() {
        let _ = writeln!(page, "a slot's reward is {estimand}");
    }
    let percent = format!("{} % interval", 100.0 * args.level.get());
    let mut table = Table::new(["estimator", "value", percent.as_str(), "effective", ""]);
    for line in shown(args, answer) {
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
            line.estimator.assumes().unwrap_or_default()
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
    for (estimator, why) in left_out(args, answer) {
        let _ = writeln!(page, "left out: {estimator}, because {why}");
    }
    page
}
