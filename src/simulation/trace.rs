//! What one replication sums up on its way.
//!
//! A world adds to the [`Column`]s that it knows of; at each of the points the
//! sums are kept as they stand, and how often each offer was chosen until then.
//! A world in which the truth of each decision is known calls
//! [`Trace::decided`]; one whose outcomes come later, as the engine's do, calls
//! [`Trace::chose`] at the decision and [`Trace::add`] whenever something
//! became of one. Both end each round with [`Trace::end_round`].

use std::collections::BTreeSet;

use super::points::Points;
use super::scenario::Scenario;
use super::summary::{EarlyTotal, Replication};

/// Beyond so many offers their shares over time are not kept.
pub const MOST_SHARES: usize = 100;

/// What is summed. Money is in the unit of the scenario, decisions are those
/// that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// What the decisions earned, as the policy's objective has it.
    Reward,
    /// What the best offer earns in the mean, less what the chosen one does.
    Regret,
    /// What the best offer earns in the mean, whatever was chosen before.
    Best,
    /// What the policy's favourite, the offer that it gave the largest
    /// probability, earns in the mean, less what the drawn one does.
    Exploration,
    /// Decisions that an offer was shown at.
    Treated,
    /// Treated decisions that led to a purchase.
    Conversions,
    /// What was paid after treated decisions, less what was refunded.
    Revenue,
    /// That revenue less the cost of goods, gifts and points.
    Margin,
    /// What the offers took off, or gave away, after treated decisions.
    DiscountCost,
    /// Treated decisions after which the product of a cross-sell was bought.
    CrossSells,
    /// What was spent of limited budgets.
    BudgetSpent,
    /// Decisions for held-out shoppers, who get no offer.
    HeldOut,
    /// Held-out decisions that led to a purchase.
    HeldOutConversions,
    /// The margin after held-out decisions.
    HeldOutMargin,
}

impl Column {
    /// How many columns there are.
    pub const COUNT: usize = Self::HeldOutMargin as usize + 1;

    /// What is known wherever the truth of each decision is.
    pub const OF_TRUTH: [Self; 4] = [Self::Reward, Self::Regret, Self::Best, Self::Exploration];
}

/// The sums of all columns.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums([f64; Column::COUNT]);

impl Sums {
    /// The sum of one column.
    #[must_use]
    pub const fn of(&self, column: Column) -> f64 {
        self.0[column as usize]
    }

    fn add(&mut self, column: Column, amount: f64) {
        self.0[column as usize] += amount;
    }
}

/// The sums as they stood at a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// All of them, from the first counted round.
    pub sums: Sums,
    /// How often each offer was chosen until then; empty beyond
    /// [`MOST_SHARES`] offers.
    pub choices: Vec<u64>,
}

/// What is told apart in a replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Where the sums are looked at.
    pub points: Points,
    /// After how many of the decisions that count its total is looked at besides,
    /// ascending, each once.
    pub early: Vec<u64>,
    /// How many groups of segments there are.
    pub groups: usize,
    /// How many offers.
    pub offers: usize,
}

impl Layout {
    /// What a scenario tells apart.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let early: BTreeSet<u64> = scenario.comparisons.iter().map(|it| it.decisions).collect();
        Self {
            points: Points::new(scenario.count_from, scenario.rounds),
            early: early.into_iter().collect(),
            groups: scenario.environment.groups().len(),
            offers: scenario.environment.arms() as usize,
        }
    }
}

/// A decision whose truth is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// The group of its segment, where groups are told apart.
    pub group: Option<usize>,
    /// The number of the offer that was chosen.
    pub offer: usize,
    /// What it earned.
    pub reward: f64,
    /// What the best offer earns in the mean.
    pub best_mean: f64,
    /// What the favourite earns in the mean.
    pub favourite_mean: f64,
    /// What the chosen one earns in the mean.
    pub mean: f64,
}

/// One replication of one policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    layout: Layout,
    /// What it comes to.
    pub total: Replication,
    sums: Sums,
    choices: Vec<u64>,
    group_choices: Vec<Vec<u64>>,
    stops: Vec<Stop>,
    /// After how many rounds the sums are kept again.
    next_stop: u64,
    /// After how many rounds the total is looked at again.
    next_early: u64,
}

impl Trace {
    /// Nothing yet.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let mut trace = Self {
            total: Replication::new(layout.groups),
            sums: Sums::default(),
            choices: vec![0; layout.offers],
            group_choices: vec![vec![0; layout.offers]; layout.groups],
            stops: Vec::with_capacity(layout.points.len()),
            next_stop: layout.points.rounds_at(0),
            next_early: 0,
            layout,
        };
        trace.next_early = trace.early_after();
        trace
    }

    /// After how many rounds the total is looked at again; never any more where
    /// it was looked at as often as asked.
    fn early_after(&self) -> u64 {
        let next = self.layout.early.get(self.total.early.len());
        next.map_or(u64::MAX, |decisions| self.layout.points.from() + decisions)
    }

    /// Counts a decision whose truth is known.
    pub fn decided(&mut self, counted: Counted) {
        let regret = counted.best_mean - counted.mean;
        self.chose(counted.group, counted.offer);
        self.add(counted.group, Column::Reward, counted.reward);
        self.add(counted.group, Column::Regret, regret);
        self.add(None, Column::Best, counted.best_mean);
        let explored = counted.favourite_mean - counted.mean;
        self.add(None, Column::Exploration, explored);
    }

    /// Counts that an offer was chosen.
    pub fn chose(&mut self, group: Option<usize>, offer: usize) {
        self.choices[offer] += 1;
        if let Some(group) = group {
            self.group_choices[group][offer] += 1;
            self.total.groups[group].decisions += 1;
        }
    }

    /// Adds to a column; reward and regret also to a group's, if one is named.
    pub fn add(&mut self, group: Option<usize>, column: Column, amount: f64) {
        self.sums.add(column, amount);
        self.total.add(group, column, amount);
    }

    /// A round, from 0, is over: at a point the sums are kept.
    pub fn end_round(&mut self, round: u64) {
        if round + 1 == self.next_early {
            self.total.early.push(EarlyTotal {
                decisions: round + 1 - self.layout.points.from(),
                reward: self.total.reward,
                regret: self.total.regret,
            });
            self.next_early = self.early_after();
        }
        if round + 1 < self.next_stop {
            return;
        }
        let are_kept = self.layout.offers <= MOST_SHARES;
        let choices = if are_kept { &self.choices[..] } else { &[] };
        self.stops.push(Stop {
            sums: self.sums,
            choices: choices.to_vec(),
        });
        let points = self.layout.points;
        let next = self.stops.len();
        self.next_stop = if next < points.len() {
            points.rounds_at(next)
        } else {
            u64::MAX
        };
    }

    /// The sums at every point that was reached.
    #[must_use]
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// How often each offer was chosen.
    #[must_use]
    pub fn choices(&self) -> &[u64] {
        &self.choices
    }

    /// How often each offer was chosen in each group of segments.
    #[must_use]
    pub fn group_choices(&self) -> &[Vec<u64>] {
        &self.group_choices
    }
}
