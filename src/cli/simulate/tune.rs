//! `promobandit simulate --tune`: the best of a scenario's policies, and what
//! it earns on seeds that did not choose it.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::files::Outputs;
use super::{Run, SimulateArgs, counted, stop_on_interrupt};
use crate::cli::output::progress_bar;
use crate::cli::table::Table;
use crate::page::number::with_interval;
use crate::simulation::{Estimate, Scenario, Search, Tuned};

/// Rows of a rung's table; JSON has them all.
const SHOWN: usize = 10;

/// Searches in one scenario.
///
/// # Errors
/// When there is not one scenario, it has nothing to choose from, a file cannot
/// be written, or the search was stopped: half a search chooses nothing.
pub(super) fn run(args: &SimulateArgs, scenarios: Vec<(Scenario, String)>) -> anyhow::Result<()> {
    let count = scenarios.len();
    let Ok([(scenario, question)]) = <[_; 1]>::try_from(scenarios) else {
        bail!("--tune searches in one scenario, {count} are given");
    };
    let outputs = Outputs::create(&args.outputs, &args.files)?;
    let held_out = args.held_out.unwrap_or(scenario.seeds.count());
    let search = Search::new(&scenario, held_out)
        .with_context(|| format!("{} cannot be tuned", scenario.name))?;
    let stop = stop_on_interrupt();
    let bar = progress_bar(search.decisions(), "decisions");
    let tuned = search.run(&|more| counted(&bar, &stop, more));
    bar.finish_and_clear();
    let Some(tuned) = tuned else {
        bail!("stopped before the search was over: it has chosen nothing yet");
    };
    args.output
        .print(|| text(&scenario, &tuned), || as_json(&tuned))?;
    let run = Run {
        scenario: tuned.held_out,
        question,
        played: tuned.played,
    };
    for place in outputs.write(&[run])? {
        eprintln!("{} written", place.display());
    }
    Ok(())
}

fn figure(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(String::new, |it| with_interval(it.value, it.interval()))
}

fn text(scenario: &Scenario, tuned: &Tuned) -> String {
    let of_what = if tuned.by_regret {
        "regret a decision"
    } else {
        "reward a decision"
    };
    let mut text = String::new();
    for rung in &tuned.rungs {
        let (left, kept) = (rung.policies.len(), rung.kept);
        let _ = writeln!(text, "seeds {}: {left} policies, {kept} kept", rung.seeds);
        let mut table = Table::new(["policy", of_what]);
        for scored in rung.policies.iter().take(SHOWN) {
            table.row([scored.policy.clone(), figure(Some(scored.estimate))]);
        }
        let _ = write!(text, "{table}");
        if left > SHOWN {
            let _ = writeln!(text, "  and {} more", left - SHOWN);
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{} is left.", tuned.winner.name);
    let unit = &scenario.report.unit;
    let _ = writeln!(
        text,
        "  on the seeds that chose it   {of_what} {}",
        figure(Some(tuned.on_search_seeds))
    );
    let _ = writeln!(
        text,
        "  on seeds {:19} {of_what} {}",
        tuned.played.summary.seeds,
        figure(tuned.on_held_out_seeds())
    );
    if let (Some(gain), Some(first)) = (tuned.gain(), tuned.held_out.candidates.get(1)) {
        let _ = writeln!(
            text,
            "  there it earned {} {unit} a decision more than {}",
            figure(Some(gain)),
            first.name
        );
    }
    if let Ok(parameters) = toml::to_string(&tuned.winner.config) {
        let _ = write!(text, "\n[[policies]]\n{parameters}");
    }
    text
}

fn as_json(tuned: &Tuned) -> Value {
    let summary = &tuned.played.summary;
    json!({
        "scenario": summary.scenario,
        "version": summary.version,
        "scenario_hash": summary.scenario_hash,
        "score": if tuned.by_regret { "regret_a_decision" } else { "reward_a_decision" },
        "rungs": tuned.rungs,
        "winner": tuned.winner.name,
        "policy": tuned.winner.config,
        "on_search_seeds": tuned.on_search_seeds,
        "on_held_out_seeds": tuned.on_held_out_seeds(),
        "more_a_decision_than_the_first": tuned.gain(),
        "held_out": summary,
    })
}
