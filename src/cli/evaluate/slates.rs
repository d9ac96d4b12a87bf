//! `promobandit evaluate --slates`: what whole decisions would have earned, with
//! all of their slots.

use std::str::FromStr;

use anyhow::Result;
use serde_json::{Map, json};

use super::choices::weigh_batch;
use super::lines::{self, Line, Lines};
use super::{EvaluateArgs, Outcome};
use crate::evaluation::diagnostics::Thresholds;
use crate::evaluation::slates::{SlateEstimator, SlatePass, UnknownSlateEstimator};

/// Which estimators of slates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlateChoice(Vec<SlateEstimator>);

impl FromStr for SlateChoice {
    type Err = UnknownSlateEstimator;

    fn from_str(names: &str) -> Result<Self, Self::Err> {
        lines::estimators(names, &SlateEstimator::ALL).map(Self)
    }
}

/// Evaluates a log's slates.
pub(super) fn evaluate(args: &EvaluateArgs, choice: &SlateChoice) -> Result<Outcome> {
    let (log, mut target) = lines::open(args, "slates")?;
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
    let (lines, refused) = (answer.lines.iter(), answer.refused.iter());
    let told = Lines {
        args,
        unit: "decision",
        rewarded: "slot",
        lines: lines
            .map(|line| Line {
                name: line.estimator.name(),
                caveat: line.estimator.assumes(),
                estimate: &line.estimate,
                intervals: &line.intervals,
                summary: &line.summary,
                verdict: &line.verdict,
                more: Map::new(),
            })
            .collect(),
        refused: refused
            .map(|(estimator, why)| (estimator.name(), why.to_string()))
            .collect(),
        logged: answer.logged,
        label: target.policy.label(),
    };
    let facts = json!({ "decisions": answer.slates, "slots": answer.slots });
    let opening = format!("decisions {}, slots {}\n", answer.slates, answer.slots);
    told.outcome(facts, &opening)
}
