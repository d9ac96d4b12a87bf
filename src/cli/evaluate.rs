//! `promobandit evaluate`: from a log, what another policy would have earned.
//!
//! The log is judged first ([`diagnostics`](crate::evaluation::diagnostics)).
//! One that cannot answer ends with [`NOT_IDENTIFIABLE`], the reasons and what
//! log would answer; with `--force` the figures are printed, each marked.

mod log;
mod report;

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use self::log::{LogSource, TargetSource};
use crate::evaluation::diagnostics::Thresholds;
use crate::evaluation::estimator::Estimator;
use crate::evaluation::interval::{BootstrapPlan, Level};
use crate::evaluation::logged::RewardRange;
use crate::evaluation::pass::{Answer, Question, WhySkipped};

/// The exit code of a log that cannot answer.
pub const NOT_IDENTIFIABLE: u8 = 3;
/// The exit code of a log that is refused, or a question that does not fit it.
pub const REFUSED: u8 = 1;

/// What to evaluate, and how.
#[derive(Debug, Clone, Args)]
pub struct EvaluateArgs {
    /// The log: golden:FILE.parquet (a prediction log, with its target in
    /// FILE_evalpi.parquet) or obd:FILE.csv.gz (Open Bandit Dataset)
    #[arg(long, value_name = "FORMAT:FILE")]
    pub log: LogSource,
    /// The policy to evaluate on an obd log: uniform, or table:FILE.csv with
    /// the columns item_id, probability and, where it matters, position
    #[arg(long, value_name = "uniform|table:FILE")]
    pub target: Option<TargetSource>,
    /// Which estimators: all, or names separated by commas
    #[arg(long, value_name = "all|NAMES", default_value = "all")]
    pub estimators: EstimatorChoice,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// The least and the largest reward that can be
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
    /// How many bootstrap resamples to draw; 0 for none
    #[arg(long, value_name = "RESAMPLES", default_value_t = 1_000)]
    pub bootstrap: u32,
    /// The seed of the bootstrap's draws
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the figures, marked, of a log that cannot answer
    #[arg(long)]
    pub force: bool,
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
    use std::io::Write;
    let printed = evaluate(args).and_then(|outcome| {
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
    let question = Question {
        estimators: match &args.estimators {
            EstimatorChoice::All => Estimator::all(),
            EstimatorChoice::Named(estimators) => estimators.clone(),
        },
        range: args.reward_range,
        largest_weight: args.max_weight,
        level: args.level,
        bootstrap: (args.bootstrap > 0).then_some(BootstrapPlan {
            resamples: args.bootstrap,
            seed: args.seed,
        }),
        thresholds: Thresholds::default(),
    };
    let answer = log::pass(&args.log, args.target.as_ref(), question)?.answer();
    check(args, &answer)?;
    let identifiable = answer.verdict.identifiable();
    let code = if identifiable || args.force {
        0
    } else {
        NOT_IDENTIFIABLE
    };
    let report = match args.output {
        Output::Json => report::json(args, &answer)?,
        Output::Text => report::text(args, &answer),
    };
    Ok(Outcome { report, code })
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
        let missing = |why: &WhySkipped| matches!(why, WhySkipped::Missing(_));
        if let Some(skipped) = answer.skipped.iter().find(|skipped| missing(&skipped.why)) {
            bail!("{} cannot be computed: {}", skipped.estimator, skipped.why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
