//! `promobandit evaluate`: from a log, what another policy would have earned.
//!
//! The log is judged first ([`diagnostics`](crate::evaluation::diagnostics)).
//! One that cannot answer ends with [`NOT_IDENTIFIABLE`], the reasons and what
//! log would answer; with `--force` the figures are printed, each marked. With
//! `--against` a candidate is judged instead (`gate`).
//!
//! The default interval is of `anytime_dr`
//! ([`anytime`](crate::evaluation::anytime)): it holds however often one looks.

pub(super) mod choices;
mod coverage;
mod gate;
pub mod learn;
mod lines;
mod list;
pub(super) mod log;
mod loggers;
mod page;
mod report;
mod slates;
mod tables;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::choices::{ChoiceLog, weigh_batch};
use self::coverage::CoverageArgs;
use self::log::{LogSource, TargetSource};
use self::targets::ChoiceTarget;
use crate::evaluation::choices::{Metric, Vocabulary};
use crate::evaluation::diagnostics::Thresholds;
use crate::evaluation::estimator::Estimator;
use crate::evaluation::interval::{BootstrapPlan, Level};
use crate::evaluation::logged::RewardRange;
use crate::evaluation::pass::{Answer, Pass, Question, WhySkipped};
use crate::evaluation::target_policy::Replayed;
use crate::evaluation::weigh::Weighing;
use crate::logs::ledger::LeftOut;

/// The exit code of a log that cannot answer.
pub const NOT_IDENTIFIABLE: u8 = 3;
/// The exit code of a log that is refused, or a question that does not fit it.
pub const REFUSED: u8 = 1;

/// What to evaluate, and how.
#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// The log: ledger:DIR (the data directory of a service that is stopped),
    /// parquet:FILE (docs/logs.md has the columns), obp:FILE (Open Bandit
    /// Pipeline's feedback, npz or Parquet), dsjson:FILE or vw:FILE (Vowpal
    /// Wabbit), obd:FILE.csv.gz (Open Bandit Dataset), golden:FILE.parquet (a
    /// prediction log, with its target in FILE_evalpi.parquet)
    #[arg(
        long,
        value_name = "FORMAT:FILE",
        required_unless_present = "list_estimators"
    )]
    pub log: Option<LogSource>,
    /// Print what there is of estimators and intervals, and what each can do with
    /// a log: cluster by shopper, merge, go without the log's order
    #[arg(long, exclusive = true)]
    pub list_estimators: bool,
    /// The policy to evaluate: uniform; table:FILE.csv with the columns action
    /// (item_id on an obd log), probability and, where it matters, position;
    /// logging, the one that made the log; snapshot:POSITION, the one that a
    /// ledger's placement had there, on the decisions made after it;
    /// config:POSITION:FILE.toml, another configuration with what that one had
    /// learnt; learning:FILE.toml, a policy that begins with nothing and learns
    /// from the rounds that it would have chosen (needs --max-weight);
    /// cross-fitted, the one that a ledger's placement has today, or
    /// cross-fitted:FILE.toml, that of a file, which learn from this log: at each
    /// round from the shoppers of the other folds alone
    #[arg(long, value_name = "POLICY")]
    pub target: Option<TargetSource>,
    /// How many folds of shoppers a cross-fitted target has
    #[arg(long, value_name = "K", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(2..=100))]
    pub folds: u32,
    /// Only the decisions of this placement
    #[arg(long, value_name = "ID")]
    pub placement: Option<String>,
    /// Evaluate this in place of the log's reward: conversion, revenue, margin
    /// or discount_cost (the last three in minor units)
    #[arg(long, value_name = "METRIC", value_parser = parse_metric)]
    pub metric: Option<Metric>,
    /// Judge a candidate: promote (exit code 0), hold (4) or not identifiable
    /// (3), by what it earns more than this
    #[arg(long, value_enum, requires = "candidate", conflicts_with = "target")]
    pub against: Option<gate::Against>,
    /// The policy that is to take over, named as --target names one
    #[arg(long, value_name = "POLICY", requires = "against")]
    pub candidate: Option<TargetSource>,
    /// The probability with which a candidate may be promoted wrongly, however
    /// often one looks
    #[arg(long, default_value = "0.05", value_parser = parse_alpha)]
    pub alpha: f64,
    /// A metric that must not become worse by more than a margin, with the
    /// range that it lies in; may be given several times
    #[arg(
        long,
        value_name = "METRIC:MARGIN:LOW:HIGH",
        requires = "against",
        allow_hyphen_values = true
    )]
    pub guard: Vec<gate::GuardArg>,
    /// Evaluate whole decisions, all of their slots together: all, or names
    /// separated by commas of sips, rips, cascade_dr, iips and pseudo_inverse
    #[arg(long, value_name = "all|NAMES",
          conflicts_with_all = ["against", "coverage", "estimators"])]
    pub slates: Option<slates::SlateChoice>,
    /// Evaluate a log whose rows several policies chose, each of which names its
    /// own: all, or names separated by commas of naive_ips, balanced_ips and
    /// weighted_ips
    #[arg(long, value_name = "all|NAMES",
          conflicts_with_all = ["against", "coverage", "estimators", "slates"])]
    pub loggers: Option<loggers::LoggerChoice>,
    /// Which estimators: all, or names separated by commas
    #[arg(long, value_name = "all|NAMES", default_value = "all")]
    pub estimators: EstimatorChoice,
    /// Write a page of HTML too, with the weights, what is supported, blocks of
    /// time and segments
    #[arg(long, value_name = "PAGE.html", conflicts_with_all = ["against", "coverage", "slates", "loggers"])]
    pub report: Option<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// The least and the largest reward that can be; a reward outside is refused
    #[arg(long, value_name = "LOW:HIGH", default_value = "0:1", value_parser = parse_range,
          allow_hyphen_values = true)]
    pub reward_range: RewardRange,
    /// The largest weight that can be, known from the logging policy's floor
    /// and not from the log; intervals that hold at every n need it
    #[arg(long, value_name = "WEIGHT", value_parser = parse_weight)]
    pub max_weight: Option<f64>,
    /// The probability with which an interval is to hold the truth
    #[arg(long, default_value = "0.95", value_parser = parse_level)]
    pub level: Level,
    /// Count a reward outside --reward-range as its nearer end; what is estimated
    /// is then the winsorised reward, and said to be
    #[arg(long)]
    pub winsorise: bool,
    /// What actions are like, for the estimator mips: a CSV with the column action
    /// and one or more others, which are the action's embedding
    #[arg(long, value_name = "FILE.csv")]
    pub embeddings: Option<PathBuf>,
    /// Show intervals that count rounds as independent although the log names
    /// shoppers
    #[arg(long)]
    pub independent_rounds: bool,
    /// How many bootstrap resamples to draw; 0 for none
    #[arg(long, value_name = "RESAMPLES", default_value_t = 1_000)]
    pub bootstrap: u32,
    /// How many resamples to draw as the log streams by, of any length of log and
    /// whole shoppers at once where it names them; 0 for none
    #[arg(long, value_name = "RESAMPLES", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub poisson_bootstrap: u32,
    /// The seed of the bootstrap's draws
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the figures, marked, of a log that cannot answer
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub coverage: CoverageArgs,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table to read.
    Text,
    /// JSON for a program.
    Json,
}

/// Which estimators are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum EstimatorChoice {
    /// Those that the log allows.
    All,
    /// These, each of which the log has to allow.
    Named(Vec<Estimator>),
}

impl FromStr for EstimatorChoice {
    type Err = crate::evaluation::estimator::UnknownEstimator;

    fn from_str(names: &str) -> Result<Self, Self::Err> {
        if names == "all" {
            return Ok(Self::All);
        }
        let estimators = names.split(',').map(|name| name.trim().parse());
        Ok(Self::Named(estimators.collect::<Result<_, _>>()?))
    }
}

fn parse_range(text: &str) -> Result<RewardRange> {
    let (low, high) = text.split_once(':').context("write it LOW:HIGH")?;
    let low = low
        .parse()
        .with_context(|| format!("{low:?} is no number"))?;
    let high = high
        .parse()
        .with_context(|| format!("{high:?} is no number"))?;
    Ok(RewardRange::new(low, high)?)
}

fn parse_metric(text: &str) -> Result<Metric> {
    let mut metrics = Metric::ALL.into_iter();
    let found = metrics.find(|metric| metric.name() == text);
    found.with_context(|| {
        format!(
            "{text:?} is not {}",
            Metric::ALL.map(Metric::name).join(", ")
        )
    })
}

fn parse_alpha(text: &str) -> Result<f64> {
    Ok(Level::new(text.parse()?)?.get())
}

fn parse_level(text: &str) -> Result<Level> {
    Ok(Level::new(text.parse()?)?)
}

fn parse_weight(text: &str) -> Result<f64> {
    let weight: f64 = text.parse()?;
    if !(weight > 0.0 && weight.is_finite()) {
        bail!("{text} is not a finite number above 0");
    }
    Ok(weight)
}

/// What is printed, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What is printed.
    pub report: String,
    /// The exit code.
    pub code: u8,
}

/// Evaluates and prints; errors go to standard error.
#[must_use]
pub fn run(args: &EvaluateArgs) -> ExitCode {
    print(evaluate(args))
}

/// Prints what a command came to; errors go to standard error.
fn print(outcome: Result<Outcome>) -> ExitCode {
    use std::io::Write;
    let printed = outcome.and_then(|outcome| {
        let mut out = std::io::stdout().lock();
        out.write_all(outcome.report.as_bytes())?;
        out.flush()?;
        Ok(outcome.code)
    });
    match printed {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nothing is left to do when standard error is closed as well.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(REFUSED)
        }
    }
}

/// Evaluates.
///
/// # Errors
/// When the log or the target is refused, when a named estimator needs what the
/// log lacks, or when a weight exceeds the declared largest one.
pub fn evaluate(args: &EvaluateArgs) -> Result<Outcome> {
    if args.list_estimators {
        let report = list::text();
        return Ok(Outcome { report, code: 0 });
    }
    if let Some(choice) = &args.slates {
        return slates::evaluate(args, choice);
    }
    if let Some(choice) = &args.loggers {
        return loggers::evaluate(args, choice);
    }
    if args.against.is_some() {
        return gate::judge(args);
    }
    let passed = pass(args, question(args))?;
    if args.coverage.coverage {
        return coverage::card(args, &passed.pass);
    }
    let answer = passed.pass.answer();
    check(args, &answer)?;
    if let (Some(file), Some(portrait)) = (&args.report, passed.pass.portrait()) {
        let told = page::Told {
            args,
            answer: &answer,
            label: passed.label.as_deref(),
            portrait,
            vocabulary: &passed.vocabulary,
        };
        told.write(file)?;
    }
    let identifiable = answer.verdict.identifiable();
    let code = if identifiable || args.force {
        0
    } else {
        NOT_IDENTIFIABLE
    };
    let report = match args.output {
        Output::Json => report::json(args, &answer, &passed)?,
        Output::Text => report::text(args, &answer, &passed),
    };
    Ok(Outcome { report, code })
}

impl EvaluateArgs {
    fn log(&self) -> Result<&LogSource> {
        let log = self.log.as_ref();
        log.context("there is no log: --log FORMAT:FILE names one")
    }

    /// How a log of choices is weighed.
    fn weighing(&self) -> Result<Weighing> {
        let read = |file: &PathBuf| {
            tables::read_embeddings(file).with_context(|| format!("{}", file.display()))
        };
        Ok(Weighing {
            metric: self.metric,
            winsorise: self.winsorise,
            embeddings: self.embeddings.as_ref().map(read).transpose()?,
            ..Weighing::new(self.reward_range)
        })
    }

    /// What rewards are taken for, where they are not those of the log.
    fn estimand(&self) -> Option<String> {
        let range = self.reward_range;
        let what = self.metric.map_or("reward", Metric::name);
        self.winsorise
            .then(|| format!("the mean {what}, winsorised to {range}"))
    }
}

fn question(args: &EvaluateArgs) -> Question {
    let plan = |resamples: u32| {
        (resamples > 0).then_some(BootstrapPlan {
            resamples,
            seed: args.seed,
        })
    };
    Question {
        estimators: match &args.estimators {
            EstimatorChoice::All => Estimator::all(),
            EstimatorChoice::Named(estimators) => estimators.clone(),
        },
        range: args.reward_range,
        largest_weight: args.max_weight,
        level: args.level,
        bootstrap: plan(args.bootstrap),
        poisson: plan(args.poisson_bootstrap),
        independent: args.independent_rounds,
        looks_ahead: false,
        portrait: args.report.is_some(),
        thresholds: Thresholds::default(),
    }
}

/// A log that was passed over.
struct Passed {
    pass: Pass,
    /// What a ledger left out.
    left_out: Option<LeftOut>,
    /// What a policy that learnt on the way earned by itself.
    replayed: Option<Replayed>,
    /// What has to be known of the target besides its name.
    label: Option<String>,
    /// What the log's numbers are called, where it has any.
    vocabulary: Vocabulary,
}

/// Passes over the log.
fn pass(args: &EvaluateArgs, question: Question) -> Result<Passed> {
    let source = args.log()?;
    let Some(log) = ChoiceLog::open(source, args.placement.as_deref())? else {
        if args.placement.is_some() || args.metric.is_some() {
            bail!("{source} knows no placements and no metrics");
        }
        if args.winsorise || args.embeddings.is_some() {
            bail!("--winsorise and --embeddings are for logs of choices, which {source} is not");
        }
        return Ok(Passed {
            pass: log::pass(source, args.target.as_ref(), question)?,
            left_out: None,
            replayed: None,
            label: None,
            vocabulary: Vocabulary::default(),
        });
    };
    let Some(target) = &args.target else {
        bail!("the log does not say what to evaluate: add --target uniform, or another policy");
    };
    let mut target = ChoiceTarget::open(target, &log, args)?;
    let mut weighing = args.weighing()?;
    let question = Question {
        looks_ahead: target.policy.looks_ahead(),
        ..question
    };
    let mut pass = Pass::new(question, None);
    let mut reading = log.read(target.after)?;
    let (mut rows, mut vocabulary) = (0, Vocabulary::default());
    for batch in &mut reading {
        let batch = batch?;
        vocabulary = batch.vocabulary().clone();
        let read = batch.len() as u64;
        pass.add(&weigh_batch(batch, &mut target, &mut weighing, rows)?);
        rows += read;
    }
    let is_ledger = matches!(source, LogSource::Ledger(_));
    Ok(Passed {
        pass,
        left_out: is_ledger.then(|| reading.left_out()),
        replayed: target.policy.replayed(),
        label: target.policy.label(),
        vocabulary,
    })
}

fn check(args: &EvaluateArgs, answer: &Answer) -> Result<()> {
    if let (Some(declared), Some(found)) = (args.max_weight, answer.summary.largest_weight)
        && found > declared
    {
        bail!(
            "a weight of {found} is in the log, more than --max-weight {declared} says there can be"
        );
    }
    if let EstimatorChoice::Named(_) = args.estimators {
        let missing =
            |why: &WhySkipped| matches!(why, WhySkipped::Missing(_) | WhySkipped::LooksAhead);
        if let Some(skipped) = answer.skipped.iter().find(|skipped| missing(&skipped.why)) {
            bail!("{} cannot be computed: {}", skipped.estimator, skipped.why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
