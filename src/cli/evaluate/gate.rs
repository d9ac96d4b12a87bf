//! The gate: whether a candidate may take the place of the policy that made the
//! log. Exit codes: 0 promote, [`HOLD`] hold, and the ones of every evaluation.

use std::fmt::Write as _;
use std::str::FromStr;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use thiserror::Error;

use super::choices::{ChoiceLog, weigh_batch};
use super::log::TargetSource;
use super::targets::ChoiceTarget;
use super::{EvaluateArgs, NOT_IDENTIFIABLE, Outcome, Output, question};
use crate::cli::table::Table;
use crate::evaluation::choices::Metric;
use crate::evaluation::diagnostics::Verdict;
use crate::evaluation::estimator::{Estimator, InversePropensity};
use crate::evaluation::gate::{Decision, Difference, Gate, Guard, Ruling};
use crate::evaluation::interval::Level;
use crate::evaluation::logged::RewardRange;
use crate::evaluation::pass::{Pass, Question};

/// The exit code of a candidate that is held.
pub const HOLD: u8 = 4;

/// What a candidate is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Against {
    /// The policy that made the log.
    Current,
}

/// A guard on the command line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuardArg(Guard);

/// Words that are no guard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not METRIC:MARGIN:LOW:HIGH with a metric of conversion, revenue, margin, \
     discount_cost, a margin of at least 0 and the range that the metric lies in"
)]
pub struct NotAGuard(String);

impl FromStr for GuardArg {
    type Err = NotAGuard;

    fn from_str(text: &str) -> Result<Self, NotAGuard> {
        let wrong = || NotAGuard(text.to_owned());
        let [metric, margin, low, high] = text.split(':').collect::<Vec<_>>()[..] else {
            return Err(wrong());
        };
        let mut metrics = Metric::ALL.into_iter();
        let metric = metrics
            .find(|known| known.name() == metric)
            .ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<f64>().map_err(|_| wrong());
        let (margin, low, high) = (number(margin)?, number(low)?, number(high)?);
        if !(margin >= 0.0 && margin.is_finite()) {
            return Err(wrong());
        }
        let range = RewardRange::new(low, high).map_err(|_| wrong())?;
        Ok(Self(Guard {
            metric,
            margin,
            range,
        }))
    }
}

/// Judges the candidate.
pub(super) fn judge(args: &EvaluateArgs) -> Result<Outcome> {
    let Some(candidate) = &args.candidate else {
        bail!("--against needs --candidate POLICY, the policy that is to take over");
    };
    let Some(log) = ChoiceLog::open(args.log()?, args.placement.as_deref())? else {
        bail!("a gate needs a log of choices, such as ledger:DIR or parquet:FILE");
    };
    if matches!(candidate, TargetSource::CrossFitted(_)) {
        bail!(
            "a gate holds however often one looks, which a cross-fitted candidate cannot: it rests on \
             rounds that come later. Name the policy of a position, snapshot:POSITION, which is judged \
             on what came after it"
        );
    }
    let mut target = ChoiceTarget::open(candidate, &log, args)?;
    let question = Question {
        estimators: vec![Estimator::Ips(InversePropensity { clip: None })],
        bootstrap: None,
        poisson: None,
        portrait: false,
        ..question(args)
    };
    let guards = args.guard.iter().map(|guard| guard.0).collect();
    let mut gate = Gate::new(args.reward_range, guards, Level::new(1.0 - args.alpha)?);
    let mut pass = Pass::new(question, None);
    let mut reading = log.read(target.after)?;
    let mut weighing = args.weighing()?;
    let (mut rows, mut names) = (0, Vec::new());
    for batch in &mut reading {
        let batch = batch?;
        names = batch
            .vocabulary()
            .segments
            .iter()
            .map(str::to_owned)
            .collect();
        let read = batch.len() as u64;
        let rounds = weigh_batch(batch, &mut target, &mut weighing, rows)?;
        gate.add(&rounds)?;
        pass.add(&rounds);
        rows += read;
    }
    let verdict = pass.answer().verdict;
    let ruling = gate.ruling();
    let code = match ruling.decision {
        _ if !verdict.identifiable() => NOT_IDENTIFIABLE,
        Decision::Promote => 0,
        Decision::Hold => HOLD,
    };
    let word = match code {
        NOT_IDENTIFIABLE => "not identifiable",
        HOLD => "hold",
        _ => "promote",
    };
    let told = Told {
        args,
        word,
        verdict: &verdict,
        ruling: &ruling,
        segments: &names,
    };
    let report = match args.output {
        Output::Json => serde_json::to_string_pretty(&told.json())? + "\n",
        Output::Text => told.text(),
    };
    Ok(Outcome { report, code })
}

const INTERFERENCE: &str = "Budgets, caps and fatigue, through which one decision changes what the \
    next may earn, are not corrected: simulate the candidate to see those.";

struct Told<'a> {
    args: &'a EvaluateArgs,
    word: &'static str,
    verdict: &'a Verdict,
    ruling: &'a Ruling,
    segments: &'a [String],
}

impl Told<'_> {
    fn segment(&self, number: u32) -> &str {
        let name = self.segments.get(number as usize);
        name.map_or("?", String::as_str)
    }

    fn first(&self) -> &'static str {
        self.args.metric.map_or("reward", Metric::name)
    }

    fn json(&self) -> Value {
        let reasons = self.verdict.reasons.iter().map(|reason| {
            json!({
                "code": reason.code(),
                "reason": reason.to_string(),
                "what_would_answer": reason.remedy(),
            })
        });
        let guards = self.ruling.guards.iter().map(|(guard, difference, keeps)| {
            json!({
                "metric": guard.metric.name(),
                "margin": guard.margin,
                "kept": keeps,
                "difference": difference.map(difference_json),
            })
        });
        let segments = self.ruling.segments.iter().map(|segment| {
            json!({
                "segment": self.segment(segment.segment),
                "loses": segment.loses,
                "p_value": segment.p_value,
                "difference": segment.difference.map(difference_json),
            })
        });
        json!({
            "decision": self.word,
            "log": self.args.log.as_ref().map(ToString::to_string),
            "estimand": self.args.estimand(),
            "candidate": self.args.candidate.as_ref().map(ToString::to_string),
            "against": "current",
            "alpha": self.args.alpha,
            "metric": self.first(),
            "difference": self.ruling.first.map(difference_json),
            "guards": guards.collect::<Vec<_>>(),
            "segments": segments.collect::<Vec<_>>(),
            "reasons": reasons.collect::<Vec<_>>(),
            "anytime_valid": true,
            "not_corrected": INTERFERENCE,
        })
    }

    fn text(&self) -> String {
        let mut page = format!("{}\n", self.word);
        for reason in &self.verdict.reasons {
            let remedy = reason.remedy();
            let _ = writeln!(page, "  - {reason}\n    what would answer: {remedy}");
        }
        let percent = 100.0 * (1.0 - self.args.alpha);
        let _ = writeln!(
            page,
            "\nwhat the candidate earns more than the policy that made the log, a round; each end \
             holds with {percent} % at every look\n"
        );
        if let Some(estimand) = self.args.estimand() {
            let _ = writeln!(page, "what is compared: {estimand}\n");
        }
        let mut table = Table::new(["", "rounds", "logged", "difference", "lower", "upper", ""]);
        let mut row = |name: &str, difference: Option<Difference>, what: String| {
            let number = |value: fn(&Difference) -> f64| {
                difference
                    .as_ref()
                    .map_or_else(String::new, |it| format!("{:.6}", value(it)))
            };
            let rounds = difference.map_or_else(String::new, |it| it.rounds.to_string());
            table.row([
                name.to_owned(),
                rounds,
                number(|it| it.logged),
                number(|it| it.value),
                number(|it| it.ends.lower()),
                number(|it| it.ends.upper()),
                what,
            ]);
        };
        row(self.first(), self.ruling.first, String::new());
        for (guard, difference, keeps) in &self.ruling.guards {
            let verdict = if *keeps {
                "not worse by"
            } else {
                "MAY BE WORSE BY"
            };
            let what = format!("{verdict} {}", guard.margin);
            row(guard.metric.name(), *difference, what);
        }
        for segment in &self.ruling.segments {
            let loses = if segment.loses { ", LOSES" } else { "" };
            let what = format!("p = {:.3}{loses}", segment.p_value);
            let name = format!("segment {}", self.segment(segment.segment));
            row(&name, segment.difference, what);
        }
        let _ = writeln!(page, "{table}\n{INTERFERENCE}");
        page
    }
}

fn difference_json(difference: Difference) -> Value {
    json!({
        "value": difference.value,
        "lower": difference.ends.lower(),
        "upper": difference.ends.upper(),
        "logged": difference.logged,
        "rounds": difference.rounds,
    })
}
