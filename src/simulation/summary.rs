//! What the replications of a scenario came to.

use serde::Serialize;

use super::comparison::{Compared, Difference};
use super::curves::PolicyCurves;
use super::estimate::Estimate;
use super::trace::Column;
use crate::domain::math;

/// A scenario's result. Serialised, it is what `--output json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// The version of the program that played it.
    pub version: &'static str,
    /// A hash of the scenario as it was played, its data and what replaced its
    /// values among it: the same scenario has the same.
    pub scenario_hash: String,
    /// What replaced values of the file, in the order given; left out where
    /// nothing did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The seeds, one a replication, as a range with both ends.
    pub seeds: String,
    /// How many replications.
    pub replications: u64,
    /// How many there should have been; left out unless it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_of: Option<u64>,
    /// Decisions in each.
    pub rounds: u64,
    /// One for each policy, in the scenario's order.
    pub policies: Vec<PolicySummary>,
    /// What each policy earned more, seed by seed, than the one that earned
    /// most; left out where there is one policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// The pairs that the scenario compares; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Compared>,
}

/// One policy's result over all replications. A standard error is `None` when
/// there was one replication only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicySummary {
    /// The policy's name in the scenario.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// The one that the scenario recommends; left out where it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recommended: bool,
    /// Decisions that were counted in each replication.
    pub decisions: u64,
    /// The mean reward of a decision.
    pub reward_mean: f64,
    /// Its standard error over replications.
    pub reward_se: Option<f64>,
    /// The mean over replications of the regret: the sum over decisions of
    /// what the best offer earns in the mean less what the chosen one does.
    pub regret_mean: f64,
    /// Its standard error over replications.
    pub regret_se: Option<f64>,
    /// The regret that 95 % of the replications did not exceed: of n in
    /// ascending order, number ⌈0.95 n⌉.
    pub regret_p95: f64,
    /// The largest regret of a replication.
    pub regret_max: f64,
    /// How often change detection reset something, in a million of the
    /// decisions that were counted.
    pub resets_per_million: f64,
    /// What its curves end at.
    pub figures: Vec<FigureSummary>,
    /// Its parts by group of segments, where segments differ in kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSummary>,
}

/// What a curve of a policy ends at: a mean over replications and its 95 %
/// interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureSummary {
    /// Which measure.
    pub measure: &'static str,
    /// The mean.
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// What one policy comes to in one group of segments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupSummary {
    /// Which segments.
    pub name: String,
    /// The mean number of its decisions in a replication.
    pub decisions: f64,
    /// The mean reward of a decision; `None` where no replication had one.
    pub reward_mean: Option<f64>,
    /// Its standard error over the replications that had one.
    pub reward_se: Option<f64>,
    /// The mean over replications of the regret.
    pub regret_mean: f64,
    /// Its standard error over replications.
    pub regret_se: Option<f64>,
}

/// What one replication of one policy came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Replication {
    /// The sum of the rewards.
    pub reward: f64,
    /// The sum of the regrets.
    pub regret: f64,
    /// How often change detection reset something.
    pub resets: u64,
    /// The same by group of segments.
    pub groups: Vec<GroupTotal>,
    /// What it came to over the first decisions, where that is looked at.
    pub early: Vec<EarlyTotal>,
}

/// What the first decisions that count came to in one replication.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarlyTotal {
    /// How many.
    pub decisions: u64,
    /// The sum of their rewards.
    pub reward: f64,
    /// The sum of their regrets.
    pub regret: f64,
}

/// What a group of segments came to in one replication of one policy.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GroupTotal {
    /// Its decisions.
    pub decisions: u64,
    /// The sum of their rewards.
    pub reward: f64,
    /// The sum of their regrets.
    pub regret: f64,
}

impl Replication {
    /// Nothing yet.
    #[must_use]
    pub fn new(groups: usize) -> Self {
        Self {
            reward: 0.0,
            regret: 0.0,
            resets: 0,
            groups: vec![GroupTotal::default(); groups],
            early: Vec::new(),
        }
    }

    /// Adds to reward or regret; other columns are not told here.
    pub fn add(&mut self, group: Option<usize>, column: Column, amount: f64) {
        let group = group.map(|group| &mut self.groups[group]);
        match column {
            Column::Reward => {
                self.reward += amount;
                group.into_iter().for_each(|group| group.reward += amount);
            }
            Column::Regret => {
                self.regret += amount;
                group.into_iter().for_each(|group| group.regret += amount);
            }
            _ => {}
        }
    }
}

impl PolicySummary {
    /// Sums up a policy's replications.
    ///
    /// # Panics
    /// When there is none: a range of seeds has one.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    pub fn of(
        name: &str,
        kind: &'static str,
        decisions: u64,
        groups: &[String],
        curves: &PolicyCurves,
    ) -> Self {
        let replications = &curves.replications;
        assert!(!replications.is_empty(), "a scenario has a seed");
        let rewards: Vec<f64> = replications
            .iter()
            .map(|one| one.reward / decisions as f64)
            .collect();
        let resets: u64 = replications.iter().map(|one| one.resets).sum();
        let mut regrets: Vec<f64> = replications.iter().map(|one| one.regret).collect();
        let (reward_mean, reward_se) = mean_and_error(&rewards);
        let (regret_mean, regret_se) = mean_and_error(&regrets);
        regrets.sort_by(f64::total_cmp);
        let below = (regrets.len() * 95).div_ceil(100);
        let figures = curves.curves.iter().filter_map(|curve| {
            Some(FigureSummary {
                measure: curve.measure.name(),
                estimate: curve.last()?,
            })
        });
        let groups = groups.iter().enumerate();
        Self {
            name: name.to_owned(),
            kind,
            recommended: false,
            decisions,
            reward_mean,
            reward_se,
            regret_mean,
            regret_se,
            regret_p95: regrets[below - 1],
            regret_max: regrets[regrets.len() - 1],
            resets_per_million: 1e6 * resets as f64 / (decisions as f64 * regrets.len() as f64),
            figures: figures.collect(),
            groups: groups
                .map(|(group, name)| {
                    let totals = replications.iter().map(|one| one.groups[group]);
                    GroupSummary::of(name, &totals.collect::<Vec<_>>())
                })
                .collect(),
        }
    }
}

impl GroupSummary {
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    fn of(name: &str, totals: &[GroupTotal]) -> Self {
        let decisions: Vec<f64> = totals.iter().map(|one| one.decisions as f64).collect();
        let regrets: Vec<f64> = totals.iter().map(|one| one.regret).collect();
        let with_any = totals.iter().filter(|one| one.decisions > 0);
        let rewards: Vec<f64> = with_any
            .map(|one| one.reward / one.decisions as f64)
            .collect();
        let (regret_mean, regret_se) = mean_and_error(&regrets);
        let reward = (!rewards.is_empty()).then(|| mean_and_error(&rewards));
        Self {
            name: name.to_owned(),
            decisions: mean_and_error(&decisions).0,
            reward_mean: reward.map(|(mean, _)| mean),
            reward_se: reward.and_then(|(_, error)| error),
            regret_mean,
            regret_se,
        }
    }
}

/// The mean and its standard error.
#[allow(clippy::cast_precision_loss)] // far fewer replications than 2^53
fn mean_and_error(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let error = (values.len() > 1).then(|| math::sqrt(squares / (count - 1.0) / count));
    (mean, error)
}

#[cfg(test)]
mod tests {
    use super::super::points::Points;
    use super::*;

    fn curves(replications: Vec<Replication>) -> PolicyCurves {
        PolicyCurves {
            points: Points::new(0, 1),
            curves: Vec::new(),
            shares: Vec::new(),
            choices: Vec::new(),
            group_choices: Vec::new(),
            replications,
        }
    }

    #[test]
    fn a_summary_is_that_of_its_replications() {
        let group = |decisions, reward, regret| GroupTotal {
            decisions,
            reward,
            regret,
        };
        let replications: Vec<Replication> = (1..=20)
            .map(|place| Replication {
                reward: 10.0,
                regret: f64::from(place),
                resets: 3,
                groups: vec![group(8, 4.0, f64::from(place) - 1.0), group(0, 0.0, 1.0)],
                early: Vec::new(),
            })
            .collect();
        let groups = ["many".to_owned(), "few".to_owned()];
        let summary = PolicySummary::of("p", "uniform", 100, &groups, &curves(replications));
        assert_eq!(summary.groups[0].regret_mean, 9.5);
        assert_eq!(summary.groups[1].regret_se, Some(0.0));
        assert_eq!(
            (summary.groups[0].decisions, summary.groups[0].reward_mean),
            (8.0, Some(0.5))
        );
        assert_eq!(summary.groups[1].reward_mean, None);
        assert!((summary.reward_mean - 0.1).abs() < 1e-15);
        assert!(summary.reward_se.unwrap() < 1e-15);
        assert_eq!(summary.regret_mean, 10.5);
        // The variance of 1..20 is 35.
        assert!((summary.regret_se.unwrap() - (35.0f64 / 20.0).sqrt()).abs() < 1e-12);
        assert_eq!((summary.regret_p95, summary.regret_max), (19.0, 20.0));
        assert_eq!(summary.resets_per_million, 30_000.0);
    }

    #[test]
    fn one_replication_has_no_standard_error() {
        let mut one = Replication::new(0);
        one.add(None, Column::Reward, 1.0);
        one.add(None, Column::Regret, 2.0);
        let summary = PolicySummary::of("p", "uniform", 1, &[], &curves(vec![one]));
        assert_eq!((summary.reward_se, summary.regret_se), (None, None));
        assert_eq!(summary.regret_p95, 2.0);
    }
}
