//! `promobandit evaluate --coverage`: the coverage card of a log's shape.

use std::fmt::Write;

use anyhow::{Context, Result};
use clap::Args;
#[cfg(feature = "offline")]
use rayon::prelude::*;
use serde_json::{Value, json};

use super::super::output::progress_bar;
use super::super::table::Table;
use super::{EvaluateArgs, Outcome, Output};
use crate::evaluation::coverage::{Card, CardRow, Design, Logger, Shape, Watched, replicate};
use crate::evaluation::estimator::Estimator;
use crate::evaluation::pass::{Kind, Pass};
use crate::learning::config::ThompsonBetaConfig;
use crate::learning::{Policy, PolicyConfig};

/// How logs are simulated.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Coverage card")]
pub struct CoverageArgs {
    /// Instead of answering, simulate logs of this log's shape (how often each
    /// action is shown, what it earns), with a fixed logger and with one that
    /// learns, and print how often each interval holds the truth
    #[arg(long)]
    pub coverage: bool,
    /// How many logs of each logger
    #[arg(long, value_name = "LOGS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub replications: u32,
    /// How many rounds a simulated log has
    #[arg(long, value_name = "ROUNDS", default_value_t = 10_000,
          value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pub coverage_rounds: u64,
    /// After how many rounds each log is looked at
    #[arg(long, value_name = "ROUNDS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(10..=10_000_000))]
    pub look_every: u64,
    /// The least probability of each action under the logger that learns, which
    /// is Thompson sampling with Beta posteriors: in (0, 1 / actions]
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.01)]
    pub logger_floor: f64,
}

/// Resamples of a bootstrap at each look.
const RESAMPLES: u32 = 200;
/// In how many parts of a log the learning logger publishes what it learnt.
const PUBLICATIONS: u64 = 1_000;

/// Simulates and prints.
///
/// # Errors
/// When the target chooses what the log never shows, or the floor is too high.
pub(super) fn card(args: &EvaluateArgs, pass: &Pass) -> Result<Outcome> {
    let shape = pass
        .shape()
        .context("no log of this shape can be simulated")?;
    let options = args.coverage;
    let design = Design {
        rounds: options.coverage_rounds,
        look_every: options.look_every,
        range: args.reward_range,
        level: args.level,
        resamples: if args.bootstrap > 0 { RESAMPLES } else { 0 },
    };
    let loggers = [
        ("fixed", Logger::Fixed),
        ("learning", learning_logger(&shape, &options)?),
    ];
    let bar = progress_bar(2 * u64::from(options.replications), "logs");
    let seeds: Vec<u64> = (0..u64::from(options.replications))
        .map(|log| args.seed + log)
        .collect();
    let mut cards = Vec::new();
    for (name, logger) in &loggers {
        let one = |seed: &u64| {
            let watched = replicate(&shape, logger, &design, *seed);
            bar.inc(1);
            watched
        };
        #[cfg(feature = "offline")]
        let logs: Vec<Vec<Watched>> = seeds.par_iter().map(one).collect();
        #[cfg(not(feature = "offline"))]
        let logs: Vec<Vec<Watched>> = seeds.iter().map(one).collect();
        let card = Card::of(&logs, args.level.get()).context("there is no replication")?;
        cards.push((*name, card));
    }
    bar.finish_and_clear();
    let truth = args.reward_range.low() + args.reward_range.width() * shape.truth();
    let report = match args.output {
        Output::Json => json(args, truth, &cards)?,
        Output::Text => text(args, truth, &cards),
    };
    Ok(Outcome { report, code: 0 })
}

#[allow(clippy::cast_precision_loss)] // far fewer actions than 2^53
fn learning_logger(shape: &Shape, options: &CoverageArgs) -> Result<Logger> {
    let floor = options.logger_floor;
    let most = 1.0 / shape.target().actions() as f64;
    if !(floor > 0.0 && floor <= most) {
        anyhow::bail!(
            "--logger-floor {floor} is not in (0, {most}], as the target has {} actions",
            shape.target().actions()
        );
    }
    let config: ThompsonBetaConfig = toml::from_str(&format!("exploration_floor = {floor:?}"))
        .context("the learning logger's configuration")?;
    Ok(Logger::Adaptive {
        policy: Policy::check(&PolicyConfig::ThompsonBeta(config), |_| None)?,
        floor,
        publish_every: (options.coverage_rounds / PUBLICATIONS).max(1),
    })
}

fn claim(row: &CardRow) -> &'static str {
    if row.claims_always {
        "every look"
    } else {
        "one look"
    }
}

/// Its width over that of the normal interval of the doubly robust estimate.
fn relative(card: &Card, row: &CardRow) -> Option<f64> {
    let normal = card.rows.iter().find(|row| {
        row.entry.kind == Kind::Normal && matches!(row.entry.estimator, Estimator::Dr(_))
    });
    Some(row.width? / normal?.width?)
}

fn json(args: &EvaluateArgs, truth: f64, cards: &[(&str, Card)]) -> Result<String> {
    let cards = cards.iter().map(|(logger, card)| {
        let rows = card.rows.iter().map(|row| {
            json!({
                "kind": row.entry.kind.to_string(),
                "estimator": row.entry.estimator.to_string(),
                "given": row.entry.given,
                "claim": row.claim,
                "claims": claim(row),
                "coverage_once": row.once,
                "coverage_every_look": row.always,
                "standard_error": row.error,
                "median_width": row.width,
                "width_over_normal_dr": relative(card, row),
                "absent": row.absent,
            })
        });
        json!({
            "logger": logger,
            "replications": card.replications,
            "intervals": rows.collect::<Vec<Value>>(),
        })
    });
    let options = args.coverage;
    let document = json!({
        "log": args.log.as_ref().map(ToString::to_string),
        "truth": truth,
        "rounds": options.coverage_rounds,
        "look_every": options.look_every,
        "logger_floor": options.logger_floor,
        "seed": args.seed,
        "cards": cards.collect::<Vec<Value>>(),
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn text(args: &EvaluateArgs, truth: f64, cards: &[(&str, Card)]) -> String {
    let options = args.coverage;
    let mut text = String::new();
    for (logger, card) in cards {
        let error = card.rows.first().map_or(0.0, |row| 100.0 * row.error);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{logger} logger: {} logs of {} rounds, looked at after every {}; the truth is {truth:.6}; a \
             share of {} % has a standard error of {error:.2} %\n",
            card.replications,
            options.coverage_rounds,
            options.look_every,
            100.0 * args.level.get(),
        );
        let mut table = Table::new([
            "interval",
            "estimator",
            "given",
            "claims for",
            "last look %",
            "every look %",
            "median width",
            "/ normal dr",
        ]);
        for row in &card.rows {
            let or_none = |number: Option<String>| number.unwrap_or_else(|| "none".to_owned());
            table.row([
                row.entry.kind.to_string(),
                row.entry.estimator.to_string(),
                row.entry.given.to_owned(),
                claim(row).to_owned(),
                format!("{:.1}", 100.0 * row.once),
                format!("{:.1}", 100.0 * row.always),
                or_none(row.width.map(|width| format!("{width:.5}"))),
                or_none(relative(card, row).map(|ratio| format!("{ratio:.2}"))),
            ]);
        }
        let _ = writeln!(text, "{table}");
    }
    text
}
