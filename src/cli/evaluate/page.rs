//! An answer as one page of HTML that stands for itself.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use super::EvaluateArgs;
use super::report::{UNCLUSTERED, best_interval, by_reason};
use crate::cli::whole_file::WholeFile;
use crate::evaluation::choices::{Metric, Vocabulary};
use crate::evaluation::estimator::Estimate;
use crate::evaluation::interval::Ends;
use crate::evaluation::pass::Answer;
use crate::evaluation::portrait::{Part, Portrait, WEIGHT_ENDS};
use crate::page::{
    Bar, BarPlot, Cell, Dot, IntervalPlot, Line, LinePlot, Page, Point, Table, number,
};

/// What a page shows.
pub(super) struct Told<'a> {
    pub args: &'a EvaluateArgs,
    pub answer: &'a Answer,
    /// What has to be known of the target besides its name.
    pub label: Option<&'a str>,
    pub portrait: &'a Portrait,
    /// Of the log's actions and segments, where it has any.
    pub vocabulary: &'a Vocabulary,
}

impl Told<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut file = WholeFile::create(path)?;
        file.write_all(self.page().as_bytes())?;
        file.put_in_place()?;
        Ok(())
    }

    fn page(&self) -> String {
        let target = self.args.target.as_ref();
        let target = target.map_or_else(|| "the target".to_owned(), ToString::to_string);
        let mut page = Page::new(&format!("What {target} would have earned"));
        if let Some(label) = self.label {
            page.note(&format!("The target is {label}."));
        }
        self.answers(&mut page);
        let identifiable = self.answer.verdict.identifiable();
        if identifiable || self.args.force {
            if !identifiable {
                page.note("The figures below were forced and answer nothing.");
            }
            self.estimates(&mut page);
            self.parts(&mut page);
        }
        self.support(&mut page);
        page.section("Where this comes from");
        page.facts(self.facts());
        page.finish()
    }

    fn answers(&self, page: &mut Page) {
        let verdict = &self.answer.verdict;
        if verdict.identifiable() {
            page.paragraph("The log can answer.");
        } else {
            page.paragraph("Not identifiable: this log cannot answer.");
        }
        for reason in &verdict.reasons {
            page.paragraph(&format!(
                "{reason}. What would answer: {}.",
                reason.remedy()
            ));
        }
        for warning in &verdict.warnings {
            page.note(&format!("Warning: {warning}."));
        }
        let summary = &self.answer.summary;
        let figure = |value: Option<f64>| {
            value.map_or_else(|| "none".to_owned(), |value| number::significant(value, 4))
        };
        let share = |value: Option<f64>| {
            value.map_or_else(|| "none".to_owned(), |value| number::percent(value, None))
        };
        page.facts([
            ("rounds", number::count(summary.rounds)),
            ("mean reward", figure(summary.mean_reward)),
            ("mean weight", figure(summary.mean_weight)),
            (
                "effective sample size",
                figure(summary.effective_sample_size),
            ),
            ("effective rewards", figure(summary.effective_rewards)),
            ("largest weight", figure(summary.largest_weight)),
            ("its share of all", share(summary.largest_weight_share)),
            ("unsupported target mass", share(summary.unsupported_mass)),
        ]);
    }

    fn estimates(&self, page: &mut Page) {
        page.section("Estimates");
        let percent = 100.0 * self.args.level.get();
        page.note(&format!(
            "Each with its {percent} % interval; the line is what the log's own policy earned."
        ));
        let pair = |ends: Ends| (ends.lower(), ends.upper());
        let mut dots = Vec::new();
        let mut table = Table::new(["estimator", "value", "lower", "upper", "interval", ""]);
        for (estimator, estimate) in &self.answer.estimates {
            let best = best_interval(self.args, self.answer, *estimator);
            let interval = best.map(|line| pair(line.ends));
            dots.push(Dot {
                name: estimator.to_string(),
                series: usize::from(estimator.demands().order),
                value: estimate.value,
                interval,
            });
            let kind = best.map_or_else(String::new, |line| line.kind.to_string());
            let caveat = estimator.caveat().unwrap_or_default();
            table.row(estimate_row(
                &estimator.to_string(),
                estimate,
                interval,
                &kind,
                caveat,
            ));
        }
        page.figures([IntervalPlot {
            title: "Estimates and intervals".to_owned(),
            x_name: self.metric().to_owned(),
            percent: false,
            reference: self.answer.summary.mean_reward,
            dots,
        }
        .figure()]);
        page.table(&table.sortable());
        let kinds = self.answer.unclustered.iter();
        let unclustered = kinds.map(|kind| (kind.to_string(), UNCLUSTERED.to_owned()));
        let estimators = self.answer.skipped.iter();
        let skipped = estimators.map(|it| (it.estimator.to_string(), it.why.to_string()));
        for (names, why) in by_reason(unclustered.chain(skipped)) {
            page.note(&format!("Left out: {}, because {why}.", names.join(", ")));
        }
    }

    fn metric(&self) -> &'static str {
        self.args.metric.map_or("reward", Metric::name)
    }

    /// Time and segments.
    #[allow(clippy::cast_precision_loss)] // drawn, not reckoned with
    fn parts(&self, page: &mut Page) {
        let blocks = self.portrait.blocks(self.args.level);
        page.section("Over time");
        page.note(
            "Inverse propensity scores in blocks of equal length, in the log's order, each with its \
             normal interval; a block has few rounds, so its interval is wide and rough.",
        );
        let mut rounds = 0;
        let (mut target, mut logged) = (Vec::new(), Vec::new());
        for part in &blocks {
            let x = rounds as f64 + 0.5 * part.rounds as f64;
            rounds += part.rounds;
            target.push(Point {
                x,
                y: part.value,
                band: part.ends.map(|ends| (ends.lower(), ends.upper())),
            });
            logged.push(Point {
                x,
                y: part.logged,
                band: None,
            });
        }
        let line = |name: &str, series, points| Line {
            name: name.to_owned(),
            series,
            points,
        };
        page.figures([LinePlot {
            title: "Earned over time".to_owned(),
            x_name: "round".to_owned(),
            y_name: self.metric().to_owned(),
            percent: false,
            from_zero: true,
            lines: vec![line("target", 0, target), line("log", 1, logged)],
        }
        .figure()]);
        let segments = self.portrait.segments(self.args.level);
        if segments.is_empty() {
            return;
        }
        page.section("By segment");
        let mut table = Table::new(["segment", "rounds", "logged", "target", "lower", "upper"]);
        let mut dots = Vec::new();
        for (segment, part) in &segments {
            let name = self.vocabulary.segments.get(*segment).unwrap_or("?");
            table.row(segment_row(name, part));
            dots.push(Dot {
                name: name.to_owned(),
                series: 0,
                value: part.value,
                interval: part.ends.map(|ends| (ends.lower(), ends.upper())),
            });
        }
        // More rows than this are a table's, not a plot's.
        if dots.len() <= 40 {
            page.figures([IntervalPlot {
                title: "By segment".to_owned(),
                x_name: self.metric().to_owned(),
                percent: false,
                reference: None,
                dots,
            }
            .figure()]);
        }
        page.note("Inverse propensity scores; each interval is normal and holds by itself.");
        page.table(&table.sortable());
    }

    #[allow(clippy::cast_precision_loss)] // drawn, not reckoned with
    fn support(&self, page: &mut Page) {
        page.section("Weights and support");
        page.note(
            "A weight is how much more often the target would have chosen what was logged. Each bar \
             holds those above the one before it.",
        );
        let mut bars = Vec::new();
        let ends = WEIGHT_ENDS.iter().map(|end| Some(*end)).chain([None]);
        for (end, count) in ends.zip(self.portrait.weights()) {
            let name = end.map_or_else(
                || "more".to_owned(),
                |end| format!("to {}", number::significant(end, 3)),
            );
            bars.push(Bar {
                name,
                series: 0,
                value: *count as f64,
            });
        }
        page.figures([BarPlot {
            title: "How large the weights are".to_owned(),
            x_name: "rounds".to_owned(),
            percent: false,
            bars,
        }
        .figure()]);
        let mut table = Table::new(["action", "logged", "target would show"]);
        let mut some = false;
        for (action, tally) in self.portrait.actions() {
            some = true;
            let name = self.vocabulary.actions.get(action).unwrap_or("?");
            table.row([
                Cell::Text(name.to_owned()),
                Cell::Number(number::count(tally.logged), tally.logged as f64),
                Cell::Number(number::fixed(tally.mass, 1), tally.mass),
            ]);
        }
        if some {
            page.table(&table.sortable());
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let args = self.args;
        let mut facts = vec![
            ("log", args.log.as_ref().map(ToString::to_string)),
            ("target", args.target.as_ref().map(ToString::to_string)),
            ("placement", args.placement.clone()),
            ("metric", Some(self.metric().to_owned())),
            ("estimand", args.estimand()),
            ("reward range", Some(args.reward_range.to_string())),
            ("level", Some(args.level.get().to_string())),
            ("seed", Some(args.seed.to_string())),
            ("program", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ];
        facts.retain(|(_, value)| value.is_some());
        facts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

fn cell(value: Option<f64>) -> Cell {
    value.map_or(Cell::Empty, |value| {
        Cell::Number(number::significant(value, 5), value)
    })
}

fn estimate_row(
    name: &str,
    estimate: &Estimate,
    interval: Option<(f64, f64)>,
    kind: &str,
    caveat: &str,
) -> [Cell; 6] {
    [
        Cell::Text(name.to_owned()),
        cell(Some(estimate.value)),
        cell(interval.map(|(lower, _)| lower)),
        cell(interval.map(|(_, upper)| upper)),
        Cell::Text(kind.to_owned()),
        Cell::Text(caveat.to_owned()),
    ]
}

#[allow(clippy::cast_precision_loss)] // told, not reckoned with
fn segment_row(name: &str, part: &Part) -> [Cell; 6] {
    [
        Cell::Text(name.to_owned()),
        Cell::Number(number::count(part.rounds), part.rounds as f64),
        cell(Some(part.logged)),
        cell(Some(part.value)),
        cell(part.ends.map(|ends| ends.lower())),
        cell(part.ends.map(|ends| ends.upper())),
    ]
}
