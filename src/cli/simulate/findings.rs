//! What a person asks of a scenario's result, and the answers.

use super::Run;
use crate::page::number::{count, fixed, percent, with_interval};
use crate::simulation::comparison::{paired, ranking};
use crate::simulation::estimate::mean;
use crate::simulation::summary::Replication;
use crate::simulation::{Column, Estimate, Measure, MeasureUnit, Points};

/// The part of the best possible from which on a policy has got there.
const THERE: f64 = 0.95;

/// A result, looked at.
pub(super) struct Findings<'r> {
    run: &'r Run,
    pub(super) points: Points,
    /// Whether policies are ranked by what they miss, which the world knows.
    pub(super) by_regret: bool,
    /// The places of the policies, that which earns most first.
    pub(super) ranking: Vec<usize>,
}

impl<'r> Findings<'r> {
    pub(super) fn of(run: &'r Run) -> Self {
        let columns = run.scenario.environment.columns();
        let by_regret = columns.contains(&Column::Regret);
        Self {
            points: Points::new(run.scenario.count_from, run.scenario.rounds),
            by_regret,
            ranking: ranking(&run.played.policies, by_regret),
            run,
        }
    }

    pub(super) fn name(&self, place: usize) -> &'r str {
        &self.run.played.summary.policies[place].name
    }

    /// The measures that the world knows of.
    pub(super) fn measures(&self) -> impl Iterator<Item = Measure> + 'r {
        let first = self.run.played.policies.first();
        first
            .into_iter()
            .flat_map(|policy| policy.curves.iter().map(|curve| curve.measure))
    }

    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    fn decisions(&self) -> f64 {
        (self.run.scenario.rounds - self.run.scenario.count_from) as f64
    }

    fn replications(&self, place: usize) -> &'r [Replication] {
        &self.run.played.policies[place].replications
    }

    fn last(&self, place: usize, measure: Measure) -> Option<Estimate> {
        self.run.played.policies[place].curve(measure)?.last()
    }

    /// What a policy was rewarded a decision.
    pub(super) fn reward_a_decision(&self, place: usize) -> Option<Estimate> {
        let rewards = self.replications(place).iter().map(|one| one.reward);
        Some(mean(rewards)?.scaled(1.0 / self.decisions()))
    }

    /// What a policy earned more a decision than another, seed by seed.
    pub(super) fn more_a_decision(&self, place: usize, than: usize) -> Option<Estimate> {
        let earned = |one: &Replication| {
            if self.by_regret {
                -one.regret
            } else {
                one.reward
            }
        };
        let more = paired(self.replications(place), self.replications(than), earned)?;
        Some(more.scaled(1.0 / self.decisions()))
    }

    /// What a policy was rewarded a decision in a group of segments.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    pub(super) fn group_reward(&self, place: usize, group: usize) -> Option<Estimate> {
        let totals = self.replications(place).iter().map(|one| one.groups[group]);
        let with_any = totals.filter(|one| one.decisions > 0);
        mean(with_any.map(|one| one.reward / one.decisions as f64))
    }

    /// The questions and their answers.
    pub(super) fn answers(&self) -> Vec<(&'static str, String)> {
        let Some((leader, others)) = self.ranking.split_first() else {
            return Vec::new();
        };
        let mut answers = Vec::new();
        let mut answer = |question, text: Option<String>| {
            answers.extend(text.map(|text| (question, text)));
        };
        answer("Which policy earns most?", self.most(*leader));
        let next = others.first().and_then(|next| self.over(*leader, *next));
        answer("By how much over the next?", next);
        for pair in self.compared() {
            answer("And these two?", Some(pair));
        }
        answer("In which segment?", self.by_segment());
        answer("At what discount cost?", self.discount(*leader));
        answer("How fast did it get there?", self.speed(*leader));
        answer("What did exploring cost?", self.exploring(*leader));
        answers
    }

    fn most(&self, leader: usize) -> Option<String> {
        let reward = self.reward_a_decision(leader)?;
        let figure = with_interval(reward.value, reward.interval());
        let (name, unit) = (self.name(leader), &self.run.scenario.report.unit);
        Some(format!("{name}: {figure} {unit} a decision"))
    }

    fn over(&self, leader: usize, next: usize) -> Option<String> {
        let more = self.more_a_decision(leader, next)?;
        Some(self.more_than(more, self.name(next)))
    }

    /// By how much more, a decision, in words.
    fn more_than(&self, more: Estimate, than: &str) -> String {
        let in_thousand = more.scaled(1_000.0);
        let figure = with_interval(in_thousand.value, in_thousand.interval());
        let unit = &self.run.scenario.report.unit;
        let doubt = if more.is_clear() {
            ""
        } else {
            "; these replications do not tell the two apart"
        };
        format!("{figure} {unit} in 1,000 decisions more than {than}{doubt}")
    }

    /// The pairs that the scenario compares.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    fn compared(&self) -> impl Iterator<Item = String> {
        let compared = self.run.played.summary.comparisons.iter();
        compared.map(|it| {
            let earned = if self.by_regret {
                it.regret.scaled(-1.0)
            } else {
                it.reward
            };
            let more = self.more_than(earned.scaled(1.0 / it.decisions as f64), &it.than);
            let decisions = count(it.decisions);
            format!(
                "{}, over the first {decisions} decisions: {more}",
                it.policy
            )
        })
    }

    /// Who earns most in each group of segments.
    fn by_segment(&self) -> Option<String> {
        let groups = self.run.scenario.environment.groups();
        let leader_of = |group: usize| {
            let earned = |place: &usize| -> f64 {
                let totals = self
                    .replications(*place)
                    .iter()
                    .map(|one| one.groups[group]);
                let figures = totals.map(|it| {
                    if self.by_regret {
                        -it.regret
                    } else {
                        it.reward
                    }
                });
                figures.sum()
            };
            let places = self.ranking.iter().copied().rev();
            places.max_by(|left, right| earned(left).total_cmp(&earned(right)))
        };
        let told = groups.iter().enumerate().filter_map(|(group, name)| {
            let leader = leader_of(group)?;
            let reward = self.group_reward(leader, group)?;
            let figure = with_interval(reward.value, reward.interval());
            Some(format!("{name}: {}, {figure}", self.name(leader)))
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    fn discount(&self, leader: usize) -> Option<String> {
        let cost = self
            .last(leader, Measure::DiscountCost)?
            .scaled(1.0 / self.decisions());
        let unit = &self.run.scenario.report.unit;
        let figure = with_interval(cost.value, cost.interval());
        let mut text = format!("{figure} {unit} a decision");
        if let Some(benefit) = self.last(leader, Measure::BenefitPerCost) {
            let figure = with_interval(benefit.value, benefit.interval());
            text.push_str(&format!(", each {unit} of which brought in {figure}"));
        }
        Some(text)
    }

    /// From which decision on the policy earns nearly what the best would.
    fn speed(&self, leader: usize) -> Option<String> {
        let curve = self.run.played.policies[leader].curve(Measure::PartOfBest)?;
        let is_there = |estimate: &Option<Estimate>| estimate.is_some_and(|it| it.value >= THERE);
        let late = curve.points.iter().rposition(|point| !is_there(point));
        let at_end = curve.last()?;
        let part = percent(at_end.value, at_end.interval());
        match late {
            Some(late) if late + 1 == curve.points.len() => Some(format!(
                "it has not: at the end it earned {part} of the best possible"
            )),
            late => {
                let first =
                    late.map_or(self.run.scenario.count_from, |it| self.points.rounds_at(it));
                Some(format!(
                    "from decision {} on it earned more than {} % of the best possible, at the end {part}",
                    count(first),
                    fixed(100.0 * THERE, 0),
                ))
            }
        }
    }

    fn exploring(&self, leader: usize) -> Option<String> {
        let price = self.last(leader, Measure::PriceOfExploration)?;
        let a_decision = price.scaled(1.0 / self.decisions());
        let report = &self.run.scenario.report;
        let (scaled, per) = match report.decisions_per_day {
            Some(decisions) => (a_decision.scaled(decisions), "a day".to_owned()),
            None => (a_decision.scaled(1_000.0), "in 1,000 decisions".to_owned()),
        };
        let figure = with_interval(scaled.value, scaled.interval());
        Some(format!("{figure} {} {per}", report.unit))
    }
}

/// An estimate of a measure as people read it.
pub(super) fn told(measure: Measure, estimate: Estimate) -> String {
    match measure.unit() {
        MeasureUnit::Share => percent(estimate.value, estimate.interval()),
        MeasureUnit::Reward | MeasureUnit::Ratio => {
            with_interval(estimate.value, estimate.interval())
        }
    }
}
