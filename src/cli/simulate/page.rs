//! What was played as one HTML page: the questions that a scenario is played
//! for, each answered by a figure with its interval, and the plots behind it.

use super::Run;
use super::findings::{Findings, told};
use crate::page::number::{count, fixed, percent, significant, with_interval};
use crate::page::{
    Cell, Dot, Figure, IntervalPlot, Layer, Line, LinePlot, Page, Point, SharePlot, Table,
};
use crate::simulation::estimate::mean;
use crate::simulation::{Estimate, Measure, MeasureUnit, PolicySummary};

/// Policies that are plotted, those that earn most; the table has them all.
const PLOTTED: usize = 12;

/// Policies that are compared two by two.
const PAIRED: usize = 8;

/// Offers with a layer of their own; the others share one.
const LAYERS: usize = 15;

/// The whole page.
pub(super) fn page(runs: &[Run]) -> String {
    let title = match runs {
        [run] => format!("Simulation: {}", run.scenario.name),
        runs => format!("Simulation of {} scenarios", runs.len()),
    };
    let mut page = Page::new(&title);
    for run in runs {
        page.section(&run.scenario.name);
        Part::of(run).write(&mut page);
    }
    page.finish()
}

/// One scenario's part of the page.
struct Part<'r> {
    run: &'r Run,
    findings: Findings<'r>,
    /// The unit of rewards.
    unit: &'r str,
}

impl<'r> Part<'r> {
    fn of(run: &'r Run) -> Self {
        Self {
            run,
            findings: Findings::of(run),
            unit: &run.scenario.report.unit,
        }
    }

    fn write(&self, page: &mut Page) {
        let summary = &self.run.played.summary;
        if !self.run.question.is_empty() {
            page.paragraph(&self.run.question);
        }
        if let Some(asked) = summary.stopped_of {
            let played = count(summary.replications);
            page.note(&format!(
                "Stopped: {played} of {} replications were played.",
                count(asked)
            ));
        }
        page.answers(self.findings.answers());
        page.note(&format!(
            "In brackets: 95 % intervals of means over {} replications. Policies meet the same \
             shoppers and the same luck, so differences between them are told seed by seed.",
            count(summary.replications)
        ));
        page.figures(self.curves());
        self.write_differences(page);
        page.part("What was shown");
        page.figures(self.shares());
        page.part("Policies");
        page.table(&self.policies());
        self.write_groups(page);
        page.part("Where this comes from");
        page.facts(self.facts());
    }

    fn summaries(&self) -> impl Iterator<Item = (usize, &'r PolicySummary)> {
        let policies = &self.run.played.summary.policies;
        let ranking = self.findings.ranking.iter();
        ranking.map(move |place| (*place, &policies[*place]))
    }

    /// How a measure's values are named on an axis.
    fn unit_of(&self, measure: Measure) -> String {
        match measure.unit() {
            MeasureUnit::Reward if measure == Measure::MarginLift => {
                format!("{} a decision", self.unit)
            }
            MeasureUnit::Reward => self.unit.to_owned(),
            MeasureUnit::Share => "share".to_owned(),
            MeasureUnit::Ratio => format!("{0} for a {0}", self.unit),
        }
    }

    fn curves(&self) -> Vec<Figure> {
        let plots = self.findings.measures().map(|measure| self.curve(measure));
        // What is 0 for everybody all along (nothing was cross-sold) tells nothing.
        let tells = |plot: &LinePlot| {
            let mut points = plot.lines.iter().flat_map(|line| &line.points);
            points.any(|point| point.y != 0.0 && !point.y.is_nan())
        };
        plots.filter(tells).map(|plot| plot.figure()).collect()
    }

    fn curve(&self, measure: Measure) -> LinePlot {
        let line = |(place, policy): (usize, &PolicySummary)| {
            let curves = &self.run.played.policies[place];
            let curve = curves.curve(measure)?;
            let points = curve.points.iter().enumerate();
            let points = points.map(|(point, estimate)| self.point(point, *estimate));
            Some(Line {
                name: policy.name.clone(),
                series: place,
                points: points.collect(),
            })
        };
        let unit = measure.unit();
        LinePlot {
            title: measure.title().to_owned(),
            x_name: "decisions".to_owned(),
            y_name: self.unit_of(measure),
            percent: unit == MeasureUnit::Share,
            from_zero: unit == MeasureUnit::Reward,
            lines: self.summaries().take(PLOTTED).filter_map(line).collect(),
        }
    }

    #[allow(clippy::cast_precision_loss)] // drawn, not reckoned with
    fn point(&self, place: usize, estimate: Option<Estimate>) -> Point {
        Point {
            x: self.findings.points.rounds_at(place) as f64,
            y: estimate.map_or(f64::NAN, |estimate| estimate.value),
            band: estimate.and_then(|estimate| estimate.interval()),
        }
    }

    /// By how much policies differ, to the best and two by two.
    fn write_differences(&self, page: &mut Page) {
        let [leader, others @ ..] = &self.findings.ranking[..] else {
            return;
        };
        if others.is_empty() {
            return;
        }
        page.part("How policies differ");
        let name = self.findings.name(*leader);
        let dot = |place: &usize| {
            let estimate = self.findings.more_a_decision(*place, *leader)?;
            Some(Dot {
                name: self.findings.name(*place).to_owned(),
                series: *place,
                value: estimate.value,
                interval: estimate.interval(),
            })
        };
        let plot = IntervalPlot {
            title: format!("Earned more a decision than {name}"),
            x_name: format!("{} a decision", self.unit),
            percent: false,
            reference: Some(0.0),
            dots: others.iter().take(PLOTTED).filter_map(dot).collect(),
        };
        let of_what = if self.findings.by_regret {
            "Differences are of means that the world knows, without the luck of rewards."
        } else {
            "Differences are of rewards as they fell."
        };
        page.figures([plot.figure().note(of_what)]);
        if others.len() < PAIRED {
            page.table(&self.pairs());
        }
    }

    /// What the policy of a row earns more than that of a column.
    fn pairs(&self) -> Table {
        let names: Vec<&str> = self
            .findings
            .ranking
            .iter()
            .map(|it| self.findings.name(*it))
            .collect();
        let header = std::iter::once("policy").chain(names.iter().copied());
        let caption = format!(
            "What the policy of the row earns more than that of the column, {} in 1,000 decisions",
            self.unit
        );
        let mut table = Table::new(header).caption(&caption);
        for row in &self.findings.ranking {
            let cell = |column: &usize| match self.findings.more_a_decision(*row, *column) {
                Some(more) if row != column => number_cell(more.scaled(1_000.0)),
                _ => Cell::Empty,
            };
            let name = Cell::Text(self.findings.name(*row).to_owned());
            table.row(std::iter::once(name).chain(self.findings.ranking.iter().map(cell)));
        }
        table
    }

    /// For each policy which offers it chose over time.
    fn shares(&self) -> Vec<Figure> {
        let names = self.run.scenario.environment.offer_names();
        let plot = |(place, policy): (usize, &PolicySummary)| {
            let curves = &self.run.played.policies[place];
            let mut order: Vec<usize> = (0..curves.shares.len()).collect();
            order.sort_by_key(|offer| std::cmp::Reverse(curves.choices[*offer]));
            let value = |offer: usize, point: usize| {
                curves.shares[offer][point].map_or(0.0, |estimate| estimate.value)
            };
            let own = order.len().min(LAYERS);
            let points = 0..curves.points.len();
            let mut layers: Vec<Layer> = order[..own]
                .iter()
                .map(|offer| Layer {
                    name: names[*offer].clone(),
                    series: *offer,
                    shares: points.clone().map(|point| value(*offer, point)).collect(),
                })
                .collect();
            let rest = &order[own..];
            if !rest.is_empty() {
                let all = |point| rest.iter().map(|offer| value(*offer, point)).sum();
                layers.push(Layer {
                    name: format!("{} others", rest.len()),
                    series: names.len(),
                    shares: points.clone().map(all).collect(),
                });
            }
            #[allow(clippy::cast_precision_loss)] // drawn, not reckoned with
            let x = points.map(|point| curves.points.rounds_at(point) as f64);
            SharePlot {
                title: policy.name.clone(),
                x_name: "decisions".to_owned(),
                y_name: "share of decisions".to_owned(),
                x: x.collect(),
                layers,
            }
            .figure()
        };
        self.summaries().take(PLOTTED).map(plot).collect()
    }

    /// A row a policy, that which earns most first.
    fn policies(&self) -> Table {
        let measures: Vec<Measure> = self.findings.measures().collect();
        let unit = self.unit;
        let reward = format!("{unit} a decision");
        let mut header = vec!["policy", "kind", reward.as_str()];
        header.extend(measures.iter().map(|measure| measure.title()));
        header.extend(["95th percentile of regret", "largest regret"]);
        let has_resets = self.summaries().any(|(_, it)| it.resets_per_million > 0.0);
        if has_resets {
            header.push("resets in a million decisions");
        }
        let mut table = Table::new(header).sortable();
        for (place, policy) in self.summaries() {
            let curves = &self.run.played.policies[place];
            let mut row = vec![
                Cell::Text(policy.name.clone()),
                Cell::Text(policy.kind.to_owned()),
            ];
            let reward = self.findings.reward_a_decision(place);
            row.push(reward.map_or(Cell::Empty, number_cell));
            row.extend(measures.iter().map(|measure| {
                let last = curves.curve(*measure).and_then(|curve| curve.last());
                last.map_or(Cell::Empty, |last| {
                    Cell::Number(told(*measure, last), last.value)
                })
            }));
            for value in [policy.regret_p95, policy.regret_max] {
                row.push(Cell::Number(significant(value, 4), value));
            }
            if has_resets {
                let value = policy.resets_per_million;
                row.push(Cell::Number(fixed(value, 1), value));
            }
            table.row(row);
        }
        table
    }

    /// What each policy earns in a group of segments, the most first.
    fn group(&self, group: usize, name: &str) -> Figure {
        let dot = |(place, policy): (usize, &PolicySummary)| {
            let estimate = self.findings.group_reward(place, group)?;
            Some(Dot {
                name: policy.name.clone(),
                series: place,
                value: estimate.value,
                interval: estimate.interval(),
            })
        };
        let mut dots: Vec<Dot> = self.summaries().take(PLOTTED).filter_map(dot).collect();
        dots.sort_by(|one, other| other.value.total_cmp(&one.value));
        let plot = IntervalPlot {
            title: format!("Earned a decision: {name}"),
            x_name: format!("{} a decision", self.unit),
            percent: false,
            reference: None,
            dots,
        };
        plot.figure()
    }

    /// The same for each group of segments.
    fn write_groups(&self, page: &mut Page) {
        let groups = self.run.scenario.environment.groups();
        if groups.is_empty() {
            return;
        }
        page.part("Segments");
        if groups.len() <= PLOTTED {
            let plots = (0..).zip(groups.iter());
            page.figures(plots.map(|(group, name)| self.group(group, name)));
        }
        let names = self.run.scenario.environment.offer_names();
        let unit = self.unit;
        let reward = format!("{unit} a decision");
        let regret = format!("regret, {unit}");
        for (group, group_name) in groups.iter().enumerate() {
            let header = ["policy", "decisions", &reward, &regret, "shown most"];
            let mut table = Table::new(header).caption(group_name);
            for (place, policy) in self.summaries() {
                let totals = &policy.groups[group];
                let curves = &self.run.played.policies[place];
                let replications = &curves.replications;
                let regret = mean(replications.iter().map(|one| one.groups[group].regret));
                table.row([
                    Cell::Text(policy.name.clone()),
                    Cell::Number(significant(totals.decisions, 4), totals.decisions),
                    self.findings
                        .group_reward(place, group)
                        .map_or(Cell::Empty, number_cell),
                    regret.map_or(Cell::Empty, number_cell),
                    Cell::Text(shown_most(&names, &curves.group_choices[group])),
                ]);
            }
            page.table(&table);
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let (summary, scenario) = (&self.run.played.summary, &self.run.scenario);
        let mut facts = vec![
            ("scenario", scenario.name.clone()),
            ("seeds", summary.seeds.clone()),
            ("replications", count(summary.replications)),
            ("decisions in each", count(summary.rounds)),
        ];
        if scenario.count_from > 0 {
            facts.push(("counted from decision", count(scenario.count_from)));
        }
        if !summary.set.is_empty() {
            facts.push(("set", summary.set.join(", ")));
        }
        facts.extend([
            ("promobandit", summary.version.to_owned()),
            ("scenario's hash", summary.scenario_hash.clone()),
        ]);
        facts
    }
}

/// The offer that was chosen most, and how often.
#[allow(clippy::cast_precision_loss)] // counts of decisions
fn shown_most(names: &[String], choices: &[u64]) -> String {
    let all: u64 = choices.iter().sum();
    let most = (0..choices.len()).rev().max_by_key(|it| choices[*it]);
    match most {
        Some(most) if all > 0 => {
            let share = percent(choices[most] as f64 / all as f64, None);
            format!("{} ({share})", names[most])
        }
        _ => String::new(),
    }
}

fn number_cell(estimate: Estimate) -> Cell {
    let text = with_interval(estimate.value, estimate.interval());
    Cell::Number(text, estimate.value)
}
