//! `promobandit simulate`: plays scenarios and tells which policy earned what.

mod curves;
mod files;
mod findings;
mod page;
mod read;
mod text;
mod tune;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use clap::Args;
use indicatif::ProgressBar;

use super::output::{Output, print_line, progress_bar};
use crate::simulation::{Override, Played, Scenario, Summary, refusal, run as play, run_on_engine};
use files::{FileArgs, Outputs};

/// Plays scenarios: which policy would earn what in a world whose truth is
/// known.
///
/// Ctrl-C stops after the seeds that every policy has played, and tells what
/// they came to; once more ends at once.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The scenarios, TOML files.
    #[arg(value_name = "FILE.toml", required_unless_present = "reference")]
    files: Vec<PathBuf>,
    /// Replaces a value of every scenario; a list's entry is named by its place
    /// or its name: seeds=0..9, policies.thompson.prior_failures=20.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    outputs: FileArgs,
    /// Prints what every key of a scenario is, its bounds and its default.
    #[arg(long, exclusive = true)]
    reference: bool,
    /// Only checks that the scenarios can be played.
    #[arg(long)]
    check: bool,
    /// Plays through the production engine instead of the policies alone: the
    /// same result, slower. Policies that it cannot play are named and left out.
    #[arg(long)]
    engine: bool,
    /// Searches for the best of a scenario's policies, usually a grid's, by
    /// successive halving over its seeds; the final figure, and what --report
    /// and the curves show, comes from seeds after them.
    #[arg(long, conflicts_with = "engine")]
    tune: bool,
    /// How many seeds the final figure comes from; as many as the scenario has
    /// when not given.
    #[arg(long, value_name = "SEEDS", requires = "tune", value_parser = clap::value_parser!(u64).range(1..))]
    held_out: Option<u64>,
}

/// What every key of a scenario is; `tests/reference.rs` makes it of the
/// sources.
const REFERENCE: &str = include_str!("../../docs/scenarios.md");

/// What the shell has for a program that was interrupted.
const EXIT_INTERRUPTED: i32 = 130;

/// A scenario and what it came to.
struct Run {
    scenario: Scenario,
    /// What it asks.
    question: String,
    played: Played,
}

/// Runs the command.
///
/// # Errors
/// When a scenario cannot be read or is wrong, or a file cannot be written
/// where it is to be, before anything is played; when standard output cannot be
/// written.
pub fn run(args: &SimulateArgs) -> anyhow::Result<()> {
    if args.reference {
        return print_line(REFERENCE);
    }
    let scenarios = args
        .files
        .iter()
        .map(|path| read::read(path, &args.overrides));
    let scenarios: Vec<(Scenario, String)> = scenarios.collect::<anyhow::Result<_>>()?;
    if args.check {
        let lines: Vec<String> = args.files.iter().zip(&scenarios).map(checked).collect();
        return print_line(&lines.join("\n"));
    }
    if args.tune {
        return tune::run(args, scenarios);
    }
    let outputs = Outputs::create(&args.outputs, &args.files)?;
    let stop = stop_on_interrupt();
    let mut runs: Vec<Run> = Vec::with_capacity(scenarios.len());
    for (scenario, question) in scenarios {
        let played = played(&scenario, args.engine, &stop)?;
        runs.extend(played.map(|played| Run {
            scenario,
            question,
            played,
        }));
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    if runs.is_empty() {
        bail!("stopped before every policy had played one seed: there is nothing to tell");
    }
    if runs.len() < args.files.len() {
        let (played, all) = (runs.len(), args.files.len());
        eprintln!("stopped: {played} of {all} scenarios were played");
    }
    args.output.print(|| text(&runs), || json(&runs))?;
    for place in outputs.write(&runs)? {
        eprintln!("{} written", place.display());
    }
    Ok(())
}

/// Plays one scenario; `None` when it was stopped before there was anything.
fn played(scenario: &Scenario, engine: bool, stop: &AtomicBool) -> anyhow::Result<Option<Played>> {
    let left_out = if engine { name_refused(scenario)? } else { 0 };
    let policies = scenario.candidates.len() as u64 - left_out;
    let bar = progress_bar(
        policies * scenario.rounds * scenario.seeds.count(),
        "decisions",
    );
    let done = |more| counted(&bar, stop, more);
    let played = if engine {
        run_on_engine(scenario, &done)
    } else {
        play(scenario, &done)
    };
    bar.finish_and_clear();
    Ok(played)
}

/// Counts decisions that were made, and says whether to go on.
fn counted(bar: &ProgressBar, stop: &AtomicBool, more: u64) -> ControlFlow<()> {
    bar.inc(more);
    if stop.load(Ordering::Relaxed) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Becomes true when the person at the terminal asks to stop; a second time
/// ends the program.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if asked.swap(true, Ordering::Relaxed) {
                std::process::exit(EXIT_INTERRUPTED);
            }
            eprintln!("stopping after the seeds that are whole; once more ends at once");
        }
    });
    stop
}

/// Names on standard error the policies that the engine cannot play; says how
/// many.
fn name_refused(scenario: &Scenario) -> anyhow::Result<u64> {
    let mut refused = 0;
    for candidate in &scenario.candidates {
        if let Some(reason) = refusal(scenario, candidate) {
            eprintln!("policies.{} is left out: {reason}", candidate.name);
            refused += 1;
        }
    }
    if refused == scenario.candidates.len() as u64 {
        bail!("the engine can play none of the policies; without --engine they play alone");
    }
    Ok(refused)
}

/// That a scenario can be played, and how much there is to play.
fn checked((path, (scenario, _)): (&PathBuf, &(Scenario, String))) -> String {
    let policies = scenario.candidates.len() as u64;
    let (seeds, rounds) = (scenario.seeds.count(), scenario.rounds);
    format!(
        "{} can be played: {policies} policies, {seeds} replications of {rounds} rounds, {} \
         decisions",
        path.display(),
        policies * seeds * rounds
    )
}

fn text(runs: &[Run]) -> String {
    let texts: Vec<String> = runs.iter().map(text::text).collect();
    texts.join("\n\n")
}

/// One scenario's summary, or a list of several.
fn json(runs: &[Run]) -> serde_json::Value {
    let summaries: Vec<&Summary> = runs.iter().map(|run| &run.played.summary).collect();
    match summaries[..] {
        [summary] => serde_json::json!(summary),
        _ => serde_json::json!(summaries),
    }
}
