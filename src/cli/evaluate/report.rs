//! An answer as JSON and as text.

use std::fmt::Write;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{EvaluateArgs, Passed};
use crate::domain::math;
use crate::evaluation::choices::Metric;
use crate::evaluation::estimator::{Estimate, Estimator};
use crate::evaluation::pass::{Answer, IntervalLine, Kind};
use crate::evaluation::target_policy::Replayed;
use crate::logs::ledger::LeftOut;

/// The answer for a program. Figures of a log that cannot answer are there only
/// when they were forced, each marked.
pub(super) fn json(args: &EvaluateArgs, answer: &Answer, passed: &Passed) -> Result<String> {
    let identifiable = answer.verdict.identifiable();
    let (estimates, intervals) = if identifiable || args.force {
        let marked = |mut line: Value| {
            if !identifiable {
                line["not_identifiable"] = Value::Bool(true);
            }
            line
        };
        let estimates = answer.estimates.iter().map(estimate_line).map(marked);
        let level = args.level.get();
        let intervals = answer
            .intervals
            .iter()
            .map(|line| interval_line(line, level));
        (estimates.collect(), intervals.map(marked).collect())
    } else {
        (Vec::<Value>::new(), Vec::<Value>::new())
    };
    let reasons = answer.verdict.reasons.iter().map(|reason| {
        json!({
            "code": reason.code(),
            "reason": reason.to_string(),
            "what_would_answer": reason.remedy(),
        })
    });
    let warnings = answer.verdict.warnings.iter().map(ToString::to_string);
    let skipped = answer.skipped.iter().map(|skipped| {
        json!({ "estimator": skipped.estimator.to_string(), "reason": skipped.why.to_string() })
    });
    let document = json!({
        "status": if identifiable { "identifiable" } else { "not identifiable" },
        "forced": args.force && !identifiable,
        "log": args.log.as_ref().map(ToString::to_string),
        "target": args.target.as_ref().map(ToString::to_string),
        "target_is": passed.label,
        "reward_range": [args.reward_range.low(), args.reward_range.high()],
        "estimand": args.estimand(),
        "bootstrap": { "resamples": args.bootstrap, "seed": args.seed },
        "placement": args.placement,
        "metric": args.metric.map(Metric::name),
        "replay": passed.replayed.map(|replayed| {
            json!({
                "value": replayed.mean,
                "standard_error": replayed.standard_error,
                "accepted_rounds": replayed.rounds,
            })
        }),
        "left_out": passed.left_out.map(|left_out| {
            json!({
                "open": left_out.open,
                "after_open": left_out.after_open,
                "not_shown": left_out.not_shown,
                "without_offer": left_out.without_offer,
                "before_snapshot": left_out.before,
            })
        }),
        "diagnostics": diagnostics(answer),
        "reasons": reasons.collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
        "anytime_valid_is_one_sided": answer.one_sided,
        "estimates": estimates,
        "intervals": intervals,
        "intervals_left_out": answer.unclustered.iter().map(|kind| {
            json!({ "kind": kind.to_string(), "reason": UNCLUSTERED })
        }).collect::<Vec<_>>(),
        "skipped": skipped.collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

pub(super) const UNCLUSTERED: &str = "rounds count as independent there, and the log names shoppers; \
    --independent-rounds shows them";

fn diagnostics(answer: &Answer) -> Value {
    let summary = &answer.summary;
    json!({
        "rounds": summary.rounds,
        "mean_reward": summary.mean_reward,
        "mean_weight": summary.mean_weight,
        "mean_weight_standard_error": summary.mean_weight_error,
        "largest_weight": summary.largest_weight,
        "largest_weight_share": summary.largest_weight_share,
        "effective_sample_size": summary.effective_sample_size,
        "effective_rewards": summary.effective_rewards,
        "unsupported_target_mass": summary.unsupported_mass,
        "winsorised_rewards": summary.winsorised,
    })
}

/// `round_sd_ddof1` and `se` are Open Bandit Pipeline's, which hold a
/// normalising mean fixed; `standard_error` is the delta method's.
#[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
fn estimate_line((estimator, estimate): &(Estimator, Estimate)) -> Value {
    let mut line = Map::new();
    line.insert("estimator".to_owned(), json!(estimator.to_string()));
    line.insert("value".to_owned(), json!(estimate.value));
    let root = math::sqrt(estimate.rounds as f64);
    let optional = [
        ("standard_error", estimate.standard_error),
        ("round_sd_ddof1", estimate.round_deviation),
        (
            "se",
            estimate.round_deviation.map(|deviation| deviation / root),
        ),
        ("bias_bound", estimate.bias_bound),
    ];
    for (name, number) in optional {
        if let Some(number) = number {
            line.insert(name.to_owned(), json!(number));
        }
    }
    line.insert("rounds".to_owned(), json!(estimate.rounds));
    if let Some(caveat) = estimator.caveat() {
        line.insert("caveat".to_owned(), json!(caveat));
    }
    Value::Object(line)
}

fn interval_line(line: &IntervalLine, level: f64) -> Value {
    json!({
        "kind": line.kind.to_string(),
        "estimator": line.estimator.to_string(),
        "lower": line.ends.lower(),
        "upper": line.ends.upper(),
        "level": level,
    })
}

/// The answer to read.
pub(super) fn text(args: &EvaluateArgs, answer: &Answer, passed: &Passed) -> String {
    let mut text = passed.left_out.map(left_out_text).unwrap_or_default();
    if let Some(label) = &passed.label {
        text += &format!("the target is {label}\n\n");
    }
    if let Some(replayed) = passed.replayed {
        text += &replayed_text(replayed);
    }
    // Writing to a string cannot fail.
    let _ = write_text(&mut text, args, answer);
    text
}

fn replayed_text(replayed: Replayed) -> String {
    let error = replayed.standard_error;
    let error = error.map_or_else(|| "unknown".to_owned(), |error| format!("{error:.6}"));
    format!(
        "the target learns on the way: replay by rejection earns {:.6} (standard error {error}) over \
         {} accepted rounds; the estimates below weigh every round by what it would have done then\n\n",
        replayed.mean, replayed.rounds
    )
}

fn left_out_text(left_out: LeftOut) -> String {
    let counts = [
        ("decisions still open", left_out.open),
        ("  made after an open one", left_out.after_open),
        ("never shown", left_out.not_shown),
        ("without an offer", left_out.without_offer),
        ("before the snapshot", left_out.before),
    ];
    let lines = counts.map(|(name, count)| format!("{name:<25}{count:>12}, left out\n"));
    lines.concat() + "\n"
}

fn write_text(text: &mut String, args: &EvaluateArgs, answer: &Answer) -> std::fmt::Result {
    let identifiable = answer.verdict.identifiable();
    write_diagnostics(text, answer)?;
    if let Some(estimand) = args.estimand() {
        let moved = answer.summary.winsorised;
        writeln!(
            text,
            "\nestimated is {estimand}: {moved} rewards were moved"
        )?;
    }
    if !identifiable {
        writeln!(text, "\nnot identifiable: this log cannot answer.")?;
        for reason in &answer.verdict.reasons {
            writeln!(
                text,
                "  - {reason}\n    what would answer: {}",
                reason.remedy()
            )?;
        }
        if !args.force {
            return writeln!(
                text,
                "With --force the figures are printed all the same, marked."
            );
        }
        writeln!(text, "\nThe figures below were forced and answer nothing.")?;
    }
    for warning in &answer.verdict.warnings {
        writeln!(text, "\nwarning: {warning}")?;
    }
    let mark = if identifiable {
        ""
    } else {
        "  NOT IDENTIFIABLE"
    };
    write_estimates(text, args, answer, mark)?;
    write_others(text, answer, mark)?;
    let kinds = answer.unclustered.iter();
    let unclustered = kinds.map(|kind| (kind.to_string(), UNCLUSTERED.to_owned()));
    let estimators = answer.skipped.iter();
    let skipped = estimators.map(|it| (it.estimator.to_string(), it.why.to_string()));
    for (names, why) in by_reason(unclustered.chain(skipped)) {
        writeln!(text, "left out: {}, because {why}", names.join(", "))?;
    }
    Ok(())
}

fn write_diagnostics(text: &mut String, answer: &Answer) -> std::fmt::Result {
    let summary = &answer.summary;
    let percent = |share: Option<f64>| share.map(|share| 100.0 * share);
    writeln!(text, "rounds                   {:>12}", summary.rounds)?;
    for (name, value, unit) in [
        ("mean reward", summary.mean_reward, ""),
        ("mean weight", summary.mean_weight, ""),
        ("  its standard error", summary.mean_weight_error, ""),
        ("effective sample size", summary.effective_sample_size, ""),
        ("effective rewards", summary.effective_rewards, ""),
        ("largest weight", summary.largest_weight, ""),
        ("  its share", percent(summary.largest_weight_share), " %"),
        (
            "unsupported target mass",
            percent(summary.unsupported_mass),
            " %",
        ),
    ] {
        match value {
            Some(value) => writeln!(text, "{name:<25}{value:>12.4}{unit}")?,
            None => writeln!(text, "{name:<25}{:>12}", "none")?,
        }
    }
    Ok(())
}

/// Names that share a reason, in the order in which they came.
pub(super) fn by_reason(
    left_out: impl Iterator<Item = (String, String)>,
) -> Vec<(Vec<String>, String)> {
    let mut reasons: Vec<(Vec<String>, String)> = Vec::new();
    for (name, why) in left_out {
        match reasons.iter_mut().find(|(_, known)| *known == why) {
            Some((names, _)) => names.push(name),
            None => reasons.push((vec![name], why)),
        }
    }
    reasons
}

/// The interval of an estimator that is shown beside it.
pub(super) fn best_interval<'a>(
    args: &EvaluateArgs,
    answer: &'a Answer,
    estimator: Estimator,
) -> Option<&'a IntervalLine> {
    let kinds = [
        Kind::AnytimeValid,
        Kind::ClusteredT,
        Kind::BootstrapBca,
        Kind::StudentT,
        Kind::CressieRead(args.reward_range),
    ];
    kinds.into_iter().find_map(|kind| {
        let mut lines = answer.intervals.iter();
        lines.find(|line| line.kind == kind && line.estimator == estimator)
    })
}

fn write_estimates(
    text: &mut String,
    args: &EvaluateArgs,
    answer: &Answer,
    mark: &str,
) -> std::fmt::Result {
    let percent = 100.0 * args.level.get();
    writeln!(
        text,
        "\n{:<16}{:>14}  {percent} % interval",
        "estimator", "value"
    )?;
    for (estimator, estimate) in &answer.estimates {
        let name = estimator.to_string();
        write!(text, "{name:<16}{:>14.8}", estimate.value)?;
        match best_interval(args, answer, *estimator) {
            Some(line) => write!(
                text,
                "  {:.8} to {:.8} ({}), {:.3e} wide",
                line.ends.lower(),
                line.ends.upper(),
                line.kind,
                line.ends.upper() - line.ends.lower()
            )?,
            None => write!(text, "  no interval")?,
        }
        if let Some(caveat) = estimator.caveat() {
            write!(text, "; {caveat}")?;
        }
        if let Some(bound) = estimate.bias_bound {
            write!(text, "; bias_bound = {bound:.3e}")?;
        }
        writeln!(text, "{mark}")?;
    }
    Ok(())
}

fn write_others(text: &mut String, answer: &Answer, mark: &str) -> std::fmt::Result {
    writeln!(text, "\nintervals under other assumptions")?;
    let shown = |line: &&IntervalLine| {
        matches!(
            line.kind,
            Kind::Gaussian
                | Kind::ClopperPearson
                | Kind::CressieRead(_)
                | Kind::Hoeffding
                | Kind::EmpiricalBernstein
                | Kind::ConfidenceSequence
                | Kind::BootstrapPoisson
        )
    };
    for line in answer.intervals.iter().filter(shown) {
        let mut kind = line.kind.to_string();
        if line.kind == Kind::BootstrapPoisson {
            let _ = write!(kind, " of {}", line.estimator);
        }
        let ends = line.ends;
        writeln!(
            text,
            "{kind:<36}{:>12.8} to {:.8}{mark}",
            ends.lower(),
            ends.upper()
        )?;
    }
    Ok(())
}
