//! `promobandit learn`: fits a policy to a part of a log, pessimistically
//! ([`pessimism`](crate::evaluation::pessimism)), and evaluates it on the rest.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::choices::{ChoiceLog, weigh_batch};
use super::log::LogSource;
use super::targets::ChoiceTarget;
use super::{NOT_IDENTIFIABLE, Outcome, Output, parse_level, parse_metric, parse_range, print};
use crate::cli::table::Table;
use crate::cli::whole_file::WholeFile;
use crate::domain::ids::Position;
use crate::evaluation::choices::{Choices, Metric, Vocabulary};
use crate::evaluation::diagnostics::Thresholds;
use crate::evaluation::estimator::Estimator;
use crate::evaluation::gate::{Difference, Gate};
use crate::evaluation::interval::Level;
use crate::evaluation::logged::RewardRange;
use crate::evaluation::pass::{Answer, Kind, Pass, Question};
use crate::evaluation::pessimism::{PessimisticFit, Ranking, held_out};
use crate::evaluation::target_policy::UniformTarget;
use crate::evaluation::weigh::Weighing;

/// What to learn from, and how.
#[derive(Debug, Clone, Args)]
pub struct LearnArgs {
    /// The log, one of choices: ledger:DIR, parquet:FILE, obp:FILE, dsjson:FILE or
    /// vw:FILE
    #[arg(long, value_name = "FORMAT:FILE")]
    pub log: LogSource,
    /// Only the decisions of this placement
    #[arg(long, value_name = "ID")]
    pub placement: Option<String>,
    /// Learn to earn this in place of the log's reward: conversion, revenue, margin
    /// or discount_cost (the last three in minor units)
    #[arg(long, value_name = "METRIC", value_parser = parse_metric)]
    pub metric: Option<Metric>,
    /// The least and the largest reward that can be; a reward outside is refused
    #[arg(long, value_name = "LOW:HIGH", default_value = "0:1", value_parser = parse_range,
          allow_hyphen_values = true)]
    pub reward_range: RewardRange,
    /// Count a reward outside --reward-range as its nearer end
    #[arg(long)]
    pub winsorise: bool,
    /// The share of the log that is kept for the evaluation: whole shoppers, where
    /// it names them
    #[arg(long, value_name = "SHARE", default_value = "0.3", value_parser = parse_share)]
    pub held_out: f64,
    /// The seed of the split
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The probability with which all lower bounds hold at once, and each interval
    #[arg(long, default_value = "0.95", value_parser = parse_level)]
    pub level: Level,
    /// Write the policy: segment, rank, action, lower_bound, shown
    #[arg(long, value_name = "FILE.csv")]
    pub save: Option<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Print the figures, marked, of a log that cannot answer
    #[arg(long)]
    pub force: bool,
}

fn parse_share(text: &str) -> Result<f64> {
    let share: f64 = text.parse()?;
    if !(share > 0.0 && share < 1.0) {
        bail!("{text} is not between 0 and 1");
    }
    Ok(share)
}

/// Learns, evaluates and prints; errors go to standard error.
#[must_use]
pub fn run(args: &LearnArgs) -> ExitCode {
    print(learn(args))
}

/// Learns and evaluates.
///
/// # Errors
/// When the log is refused, or the file cannot be written.
pub fn learn(args: &LearnArgs) -> Result<Outcome> {
    let Some(log) = ChoiceLog::open(&args.log, args.placement.as_deref())? else {
        bail!("a policy is learnt from a log of choices, such as ledger:DIR or parquet:FILE");
    };
    let mut weighing = Weighing {
        metric: args.metric,
        winsorise: args.winsorise,
        ..Weighing::new(args.reward_range)
    };
    let mut fit = PessimisticFit::new(args.reward_range, args.level);
    // Any target: only the rewards are read.
    let mut unused = ChoiceTarget {
        policy: Box::new(UniformTarget),
        after: Position::START,
    };
    let (mut rows, mut vocabulary) = (0, Vocabulary::default());
    for batch in log.read(Position::START)? {
        let batch = batch?;
        vocabulary = batch.vocabulary().clone();
        let read = batch.len() as u64;
        let rounds = weigh_batch(batch, &mut unused, &mut weighing, rows)?;
        fit.add(&rounds, |index, choice| {
            !held_out(choice, rows + index as u64, args.held_out, args.seed)
        });
        rows += read;
    }
    let ranking = fit.ranking();
    if let Some(file) = &args.save {
        save(file, &ranking, &vocabulary).with_context(|| format!("{}", file.display()))?;
    }
    let judged = judge(args, &log, &mut weighing, ranking.clone())?;
    let learnt = Learnt {
        args,
        ranking: &ranking,
        vocabulary: &vocabulary,
        trained: fit.rounds(),
        answer: judged.0,
        difference: judged.1,
    };
    let report = match args.output {
        Output::Json => serde_json::to_string_pretty(&learnt.json())? + "\n",
        Output::Text => learnt.text(),
    };
    let answered = learnt.answer.verdict.identifiable() || args.force;
    let code = if answered { 0 } else { NOT_IDENTIFIABLE };
    Ok(Outcome { report, code })
}

/// The part of a batch that is held out.
fn held_out_part(batch: &Choices, rows_before: u64, args: &LearnArgs) -> Choices {
    let row = Cell::new(rows_before);
    batch.only(|choice| {
        let here = row.replace(row.get() + 1);
        held_out(choice, here, args.held_out, args.seed)
    })
}

/// Evaluates the fitted policy on what was held out.
fn judge(
    args: &LearnArgs,
    log: &ChoiceLog,
    weighing: &mut Weighing,
    ranking: Ranking,
) -> Result<(Answer, Option<Difference>)> {
    let mut target = ChoiceTarget {
        policy: Box::new(ranking),
        after: Position::START,
    };
    let estimators = ["anytime_dr", "ips", "snips"].map(str::parse::<Estimator>);
    let question = Question {
        estimators: estimators.into_iter().collect::<Result<_, _>>()?,
        range: args.reward_range,
        largest_weight: None,
        level: args.level,
        bootstrap: None,
        poisson: None,
        independent: false,
        looks_ahead: false,
        portrait: false,
        thresholds: Thresholds::default(),
    };
    let mut pass = Pass::new(question, None);
    let mut gate = Gate::new(args.reward_range, Vec::new(), args.level);
    let mut rows = 0;
    for batch in log.read(Position::START)? {
        let batch = batch?;
        let read = batch.len() as u64;
        // The first reading refused what cannot be weighed, with its row.
        let part = held_out_part(&batch, rows, args);
        let rounds = weigh_batch(part, &mut target, weighing, rows)?;
        gate.add(&rounds)?;
        pass.add(&rounds);
        rows += read;
    }
    Ok((pass.answer(), gate.ruling().first))
}

fn save(path: &Path, ranking: &Ranking, vocabulary: &Vocabulary) -> Result<()> {
    let file = WholeFile::create(path)?;
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(["segment", "rank", "action", "lower_bound", "shown"])?;
    for (segment, standings) in ranking.segments() {
        let segment = vocabulary.segments.get(segment).unwrap_or_default();
        for (rank, standing) in (1_u64..).zip(standings) {
            let action = vocabulary.actions.get(standing.action).unwrap_or_default();
            let (rank, lower) = (rank.to_string(), standing.lower.to_string());
            csv.write_record([segment, &rank, action, &lower, &standing.shown.to_string()])?;
        }
    }
    let file = csv.into_inner().map_err(|error| error.into_error())?;
    file.put_in_place()?;
    Ok(())
}

struct Learnt<'a> {
    args: &'a LearnArgs,
    ranking: &'a Ranking,
    vocabulary: &'a Vocabulary,
    trained: u64,
    answer: Answer,
    difference: Option<Difference>,
}

impl Learnt<'_> {
    fn shown(&self) -> bool {
        self.answer.verdict.identifiable() || self.args.force
    }

    fn segment(&self, number: u32) -> &str {
        self.vocabulary.segments.get(number).unwrap_or("all")
    }

    fn action(&self, number: u32) -> &str {
        self.vocabulary.actions.get(number).unwrap_or("?")
    }

    fn json(&self) -> Value {
        let identifiable = self.answer.verdict.identifiable();
        let lines = self.answer.estimates.iter().filter(|_| self.shown());
        let estimates = lines.map(|(estimator, estimate)| {
            json!({ "estimator": estimator.to_string(), "value": estimate.value })
        });
        let lines = self.answer.intervals.iter().filter(|_| self.shown());
        let intervals = lines.map(|line| {
            json!({
                "kind": line.kind.to_string(),
                "estimator": line.estimator.to_string(),
                "lower": line.ends.lower(),
                "upper": line.ends.upper(),
            })
        });
        let difference = self.difference.filter(|_| self.shown()).map(|it| {
            json!({
                "value": it.value,
                "lower": it.ends.lower(),
                "upper": it.ends.upper(),
                "logged": it.logged,
            })
        });
        let reasons = self.answer.verdict.reasons.iter();
        let reasons = reasons.map(|it| json!({ "code": it.code(), "reason": it.to_string() }));
        let policy = self.ranking.segments().map(|(segment, standings)| {
            let actions = standings.iter().map(|it| {
                json!({
                    "action": self.action(it.action),
                    "lower_bound": it.lower,
                    "shown": it.shown,
                })
            });
            json!({
                "segment": self.segment(segment),
                "actions": actions.collect::<Vec<_>>(),
            })
        });
        json!({
            "status": if identifiable { "identifiable" } else { "not identifiable" },
            "forced": self.args.force && !identifiable,
            "log": self.args.log.to_string(),
            "placement": self.args.placement,
            "metric": self.args.metric.map(Metric::name),
            "winsorised": self.args.winsorise,
            "learnt_from_rows": self.trained,
            "held_out_rows": self.answer.summary.rounds,
            "policy": policy.collect::<Vec<_>>(),
            "estimates": estimates.collect::<Vec<_>>(),
            "intervals": intervals.collect::<Vec<_>>(),
            "difference": difference,
            "reasons": reasons.collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let held = self.answer.summary.rounds;
        // Writing to a string cannot fail.
        let mut page = format!(
            "learnt from {} rows, {held} held out for the evaluation\n\nwhat stands first in each \
             segment\n",
            self.trained
        );
        let mut table = Table::new(["segment", "action", "earns at least", "shown", "then"]);
        for (segment, standings) in self.ranking.segments() {
            let Some(first) = standings.first() else {
                continue;
            };
            let then = standings.get(1);
            table.row([
                self.segment(segment).to_owned(),
                self.action(first.action).to_owned(),
                format!("{:.6}", first.lower),
                first.shown.to_string(),
                then.map_or_else(String::new, |it| self.action(it.action).to_owned()),
            ]);
        }
        let _ = writeln!(page, "{table}");
        for reason in &self.answer.verdict.reasons {
            let remedy = reason.remedy();
            let _ = writeln!(page, "  - {reason}\n    what would answer: {remedy}");
        }
        if !self.shown() {
            page += "not identifiable: the rows that were held out cannot judge the policy.\n";
            return page;
        }
        let mark = if self.answer.verdict.identifiable() {
            ""
        } else {
            "  NOT IDENTIFIABLE"
        };
        let percent = 100.0 * self.args.level.get();
        let _ = writeln!(page, "on the rows that were held out");
        for (estimator, estimate) in &self.answer.estimates {
            let _ = write!(
                page,
                "{:<12}{:>14.6}",
                estimator.to_string(),
                estimate.value
            );
            let best = [Kind::AnytimeValid, Kind::ClusteredT, Kind::StudentT];
            let line = best.into_iter().find_map(|kind| {
                let mut lines = self.answer.intervals.iter();
                lines.find(|line| line.kind == kind && line.estimator == *estimator)
            });
            if let Some(line) = line {
                let (lower, upper) = (line.ends.lower(), line.ends.upper());
                let kind = line.kind;
                let _ = write!(page, "  {percent} %: {lower:.6} to {upper:.6} ({kind})");
            }
            let _ = writeln!(page, "{mark}");
        }
        if let Some(it) = self.difference {
            let _ = writeln!(
                page,
                "\nmore than the policy that made the log, which earned {:.6}: {:.6}; each end of \
                 {:.6} to {:.6} holds with {percent} % at every look{mark}",
                it.logged,
                it.value,
                it.ends.lower(),
                it.ends.upper()
            );
        }
        page
    }
}
