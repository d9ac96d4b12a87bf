//! `promobandit simulate`: plays a scenario and tells which policy earned what.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::logs::classification;
use crate::logs::fault::LogError;
use crate::simulation::{
    ClassificationDocument, LabelledRows, Override, Scenario, Summary, refusal, run as play,
    run_on_engine,
};

/// Which scenario, and how it is told.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The scenario, a TOML file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Replaces a value of the scenario; a list's entry is named by its place
    /// or its name: seeds=0..9, policies.thompson.prior_failures=20.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<Override>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: OutputForm,
    /// Only checks that the scenario can be played.
    #[arg(long)]
    check: bool,
    /// Plays through the production engine instead of the policies alone: the
    /// same result, slower. Policies that it cannot play are named and left out.
    #[arg(long)]
    engine: bool,
}

/// In which form the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum OutputForm {
    /// A table.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Runs the command.
///
/// # Errors
/// When the scenario cannot be read or is wrong, before anything is played;
/// when standard output cannot be written.
pub fn run(args: &SimulateArgs) -> anyhow::Result<()> {
    let file = args.file.display();
    let text =
        std::fs::read_to_string(&args.file).with_context(|| format!("{file} cannot be read"))?;
    let beside = args.file.parent().unwrap_or(Path::new(""));
    let load = |document: &ClassificationDocument| load(document, beside);
    let scenario = Scenario::read_with(&text, &args.overrides, &load)
        .with_context(|| format!("{file} is refused"))?;
    let decisions = scenario.rounds * scenario.seeds.count() * scenario.candidates.len() as u64;
    if args.check {
        return print(&format!(
            "{file} can be played: {} policies, {} replications of {} rounds, {decisions} decisions",
            scenario.candidates.len(),
            scenario.seeds.count(),
            scenario.rounds,
        ));
    }
    let left_out = if args.engine {
        name_refused(&scenario)?
    } else {
        0
    };
    let bar = progress_bar(decisions - left_out * scenario.rounds * scenario.seeds.count());
    let summary = if args.engine {
        run_on_engine(&scenario, &|more| bar.inc(more))
    } else {
        play(&scenario, &|more| bar.inc(more))
    };
    bar.finish_and_clear();
    match args.output {
        OutputForm::Text => print(&table(&summary)),
        OutputForm::Json => {
            let json = serde_json::to_string_pretty(&summary)
                .context("the result could not be written as JSON")?;
            print(&json)
        }
    }
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

/// Reads the files of a classified data set. A relative path is looked for from
/// the working directory, then from the scenario's own.
fn load(document: &ClassificationDocument, beside: &Path) -> Result<LabelledRows, String> {
    let found = |name: &str| {
        let path = PathBuf::from(name);
        if path.exists() {
            path
        } else {
            beside.join(path)
        }
    };
    let told = |error: LogError| error.to_string();
    let rows = classification::read_rows(&found(&document.data)).map_err(told)?;
    let orders = document
        .order
        .as_ref()
        .map(|name| classification::read_orders(&found(name)));
    let orders = orders.transpose().map_err(told)?;
    LabelledRows::new(rows.dimension, rows.features, rows.labels, orders)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end())
        .and_then(|()| out.flush())
        .context("standard output could not be written")
}

/// A bar on standard error, seen only when that is a terminal.
fn progress_bar(decisions: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(decisions), ProgressDrawTarget::stderr());
    let template = "{wide_bar} {human_pos} of {human_len} decisions, {per_sec}, {eta} left";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// One line a policy.
fn table(summary: &Summary) -> String {
    let mut text = format!(
        "{}: {} replications (seeds {}) of {} rounds\n\n",
        summary.scenario, summary.replications, summary.seeds, summary.rounds
    );
    let names = summary
        .policies
        .iter()
        .map(|policy| policy.name.chars().count());
    let width = names.max().unwrap_or(0).max("policy".len());
    let error = |value: Option<f64>, digits: usize| {
        value.map_or_else(String::new, |value| format!("± {value:.digits$}"))
    };
    let _ = writeln!(
        text,
        "{:width$}  {:>20}  {:>20}  {:>10}  {:>10}",
        "policy", "reward a decision", "regret", "95th pct.", "largest"
    );
    for policy in &summary.policies {
        let reward = format!("{:.6} {}", policy.reward_mean, error(policy.reward_se, 6));
        let regret = format!("{:.1} {}", policy.regret_mean, error(policy.regret_se, 1));
        let _ = writeln!(
            text,
            "{:width$}  {reward:>20}  {regret:>20}  {:>10.1}  {:>10.1}",
            policy.name, policy.regret_p95, policy.regret_max
        );
        for group in &policy.groups {
            let regret = format!("{:.1} {}", group.regret_mean, error(group.regret_se, 1));
            let _ = writeln!(
                text,
                "{:width$}  {:>20}  {regret:>20}",
                "",
                format!("{}:", group.name)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bake_off_can_be_played_with_the_data_beside_it() {
        let text = include_str!("../../simulations/bake_off.toml");
        assert!(text.starts_with("# "), "a scenario opens with its question");
        let beside = Path::new("simulations");
        let scenario = Scenario::read_with(text, &[], &|it| load(it, beside)).unwrap();
        assert_eq!(
            (scenario.rounds, scenario.environment.features()),
            (178, 13)
        );
        let recommended = scenario.candidates.iter().filter(|it| it.recommended);
        assert_eq!(recommended.count(), 1);
    }

    #[test]
    fn a_table_has_one_line_a_policy() {
        let text = "name = 'two'\nrounds = 50\nseeds = 3\n\
            [environment]\nkind = 'bernoulli'\nrates = [0.0, 1.0]\n\
            [[policies]]\nname = 'uniform'\nkind = 'uniform'\n\
            [[policies]]\nname = 'always'\nkind = 'fixed'\npreference = ['1']";
        let scenario = Scenario::read(text, &[]).unwrap();
        let table = table(&play(&scenario, &|_| {}));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "two: 1 replications (seeds 3..3) of 50 rounds");
        assert_eq!(lines.len(), 5);
        assert!(lines[4].starts_with("always"), "{table}");
        assert!(
            lines[4].contains("1.000000") && lines[4].contains("0.0"),
            "{table}"
        );
    }
}
