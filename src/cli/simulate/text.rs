//! What was played for the terminal.

use std::fmt::Write as _;

use super::Run;
use super::findings::Findings;
use crate::cli::table::Table;

/// The answers first, then one line a policy.
pub(super) fn text(run: &Run) -> String {
    let summary = &run.played.summary;
    let mut text = format!(
        "{}: {} replications (seeds {}) of {} rounds\n",
        summary.scenario, summary.replications, summary.seeds, summary.rounds
    );
    if let Some(asked) = summary.stopped_of {
        let played = summary.replications;
        let _ = writeln!(
            text,
            "stopped: {played} of {asked} replications were played"
        );
    }
    text.push('\n');
    for (question, answer) in Findings::of(run).answers() {
        let _ = writeln!(text, "  {question} {answer}");
    }
    let has_groups = summary.policies.iter().any(|it| !it.groups.is_empty());
    let _ = write!(text, "\n{}", policies(run));
    if has_groups {
        let _ = write!(text, "\n{}", groups(run));
    }
    text
}

fn policies(run: &Run) -> Table {
    let header = [
        "policy",
        "reward a decision",
        "regret",
        "95th pct.",
        "largest",
    ];
    let mut table = Table::new(header);
    for policy in &run.played.summary.policies {
        table.row([
            policy.name.clone(),
            with_error(policy.reward_mean, policy.reward_se, 6),
            with_error(policy.regret_mean, policy.regret_se, 1),
            format!("{:.1}", policy.regret_p95),
            format!("{:.1}", policy.regret_max),
        ]);
    }
    table
}

fn groups(run: &Run) -> Table {
    let header = ["policy", "segment", "reward a decision", "regret"];
    let mut table = Table::new(header);
    for policy in &run.played.summary.policies {
        for group in &policy.groups {
            let reward = group.reward_mean;
            table.row([
                policy.name.clone(),
                group.name.clone(),
                reward.map_or_else(String::new, |mean| with_error(mean, group.reward_se, 6)),
                with_error(group.regret_mean, group.regret_se, 1),
            ]);
        }
    }
    table
}

/// A mean with its standard error.
fn with_error(mean: f64, error: Option<f64>, digits: usize) -> String {
    match error {
        Some(error) => format!("{mean:.digits$} ± {error:.digits$}"),
        None => format!("{mean:.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::simulation::{Scenario, run};

    #[test]
    fn answers_come_first_and_then_a_line_a_policy() {
        let text_of = "name = 'two'\nrounds = 50\nseeds = 3\n\
            report = { unit = 'CNY', decisions_per_day = 100.0 }\n\
            [environment]\nkind = 'bernoulli'\nrates = [0.0, 1.0]\n\
            [[policies]]\nname = 'uniform'\nkind = 'uniform'\n\
            [[policies]]\nname = 'always'\nkind = 'fixed'\npreference = ['1']";
        let scenario = Scenario::read(text_of, &[]).unwrap();
        let played = run(&scenario, &|_| ControlFlow::Continue(())).unwrap();
        let question = String::new();
        let text = text(&Run {
            scenario,
            question,
            played,
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "two: 1 replications (seeds 3..3) of 50 rounds");
        for line in [
            "  Which policy earns most? always: 1.000 CNY a decision",
            "  How fast did it get there? from decision 0 on it earned more than 95 % of the \
             best possible, at the end 100 %",
            "  What did exploring cost? 0.000 CNY a day",
        ] {
            assert!(lines.contains(&line), "{text}");
        }
        let always = lines.last().unwrap();
        assert!(
            always.starts_with("  always") && always.contains("1.000000"),
            "{text}"
        );
    }
}
