//! Whether a log can answer, asked before any estimate is shown.
//!
//! The default refusals, as numbers ([`Thresholds`]): an effective sample size
//! (Σw)²/Σw² below 100 (Kish 1965, "Survey sampling"); one weight that is more
//! than 10 % of their sum; more than 1 % of the target's choices on actions
//! that the log never shows at that position; a mean weight that is more than
//! 4 of its standard errors from 1, which right propensities make it; rewards
//! that are all the same. Below 30 effective rewards, (Σwr)²/Σ(wr)², there is a
//! warning.
//!
//! A log with only the chosen action's propensity does not say which actions
//! were possible, so support is judged by what was logged: the target's mass
//! on an action and position that occurs in no round counts as unsupported.

use std::fmt;

use super::columns::{largest, largest_of};
use super::logged::{RewardRange, Rounds};
use super::target::TargetTable;
use super::weigh::Tally;
use super::weighted_sums::WeightedSums;
use crate::domain::compensated_sum::CompensatedSum;
use crate::domain::math;

/// Below what, or above what, a log is refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The least effective sample size.
    pub effective_sample_size: f64,
    /// The largest share of one weight in their sum.
    pub largest_weight_share: f64,
    /// The largest share of the target's choices that the log cannot speak of.
    pub unsupported_mass: f64,
    /// How many standard errors the mean weight may be from 1.
    pub mean_weight_errors: f64,
    /// Below how many effective rewards there is a warning.
    pub effective_rewards: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            effective_sample_size: 100.0,
            largest_weight_share: 0.1,
            unsupported_mass: 0.01,
            mean_weight_errors: 4.0,
            effective_rewards: 30.0,
        }
    }
}

/// What has been seen of a log so far; streams and merges.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    sums: WeightedSums,
    /// How often each action was logged at each position, as the target's
    /// table is laid out.
    logged: Vec<u64>,
    /// The target's mass that whole distributions rule out.
    unsupported: CompensatedSum,
    /// Of choices whose log knows only the chosen action's propensity.
    tally: Tally,
    /// And the sum of its rewards.
    earned: Vec<f64>,
    /// What targets that are no table choose, action by action; empty before the
    /// first such round.
    mass: Vec<f64>,
    lowest_propensity: f64,
    highest_propensity: f64,
    winsorised: u64,
}

/// What a log is like under a target. `None` where the log has no answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// n.
    pub rounds: u64,
    /// The mean reward that was logged.
    pub mean_reward: Option<f64>,
    /// The mean of w.
    pub mean_weight: Option<f64>,
    /// Its standard error.
    pub mean_weight_error: Option<f64>,
    /// The largest w.
    pub largest_weight: Option<f64>,
    /// Its share in the sum.
    pub largest_weight_share: Option<f64>,
    /// (Σw)²/Σw².
    pub effective_sample_size: Option<f64>,
    /// (Σwr)²/Σ(wr)².
    pub effective_rewards: Option<f64>,
    /// The share of the target's choices on actions that were never logged at
    /// their position.
    pub unsupported_mass: Option<f64>,
    /// The one reward that there is, when they are all the same.
    pub only_reward: Option<f64>,
    /// How many rewards were moved to the nearer end of the declared range.
    pub winsorised: u64,
}

/// Why a log cannot answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// There is no round.
    NoRounds,
    /// The target chooses nothing of what was logged.
    NoOverlap,
    /// The effective sample size is too small.
    FewEffectiveRounds {
        /// What it is.
        found: f64,
        /// What it has to be.
        least: f64,
    },
    /// One round outweighs the others.
    LargeWeight {
        /// Its share in the sum.
        share: f64,
        /// What is allowed.
        most: f64,
        /// The weight.
        weight: f64,
    },
    /// The target chooses what the log never shows.
    Unsupported {
        /// The share of its choices.
        mass: f64,
        /// What is allowed.
        most: f64,
    },
    /// Propensities do not fit what was logged.
    MeanWeight {
        /// The mean weight.
        mean: f64,
        /// Its standard error.
        error: f64,
        /// How many of them are allowed.
        most: f64,
    },
    /// Every reward is the same.
    OneReward {
        /// Which.
        value: f64,
        /// How many rounds have it.
        rounds: u64,
    },
}

impl Reason {
    /// The reason in one word, for machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRounds => "NO_ROUNDS",
            Self::NoOverlap => "NO_OVERLAP",
            Self::FewEffectiveRounds { .. } => "FEW_EFFECTIVE_ROUNDS",
            Self::LargeWeight { .. } => "LARGE_WEIGHT",
            Self::Unsupported { .. } => "UNSUPPORTED",
            Self::MeanWeight { .. } => "MEAN_WEIGHT",
            Self::OneReward { .. } => "ONE_REWARD",
        }
    }

    /// What log would answer.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NoRounds => "a log with rounds in it".to_owned(),
            Self::NoOverlap => {
                "a log of a policy that chooses what the target chooses".to_owned()
            }
            Self::FewEffectiveRounds { found, least } => format!(
                "a logging policy nearer to the target or, if larger weights than these are not to \
                 come, at least {:.1} times as many rounds",
                least / found
            ),
            Self::LargeWeight { most, .. } => format!(
                "a logging policy with a floor under its probabilities, so that no weight is more \
                 than {:.3} % of the sum",
                100.0 * most
            ),
            Self::Unsupported { .. } => {
                "a log in which every action that the target chooses was sometimes shown at that \
                 position, or a target that leaves those actions out"
                    .to_owned()
            }
            Self::MeanWeight { .. } => {
                "a log whose propensities are the probabilities that were drawn from, over every \
                 action that the target chooses"
                    .to_owned()
            }
            Self::OneReward { .. } => {
                "a log that is long enough for both rewarded and unrewarded rounds, or whose rewards \
                 were joined to it"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRounds => f.write_str("the log has no round"),
            Self::NoOverlap => f.write_str("the target chooses nothing that was logged"),
            Self::FewEffectiveRounds { found, least } => write!(
                f,
                "the effective sample size is {found:.2}, at least {least} is needed"
            ),
            Self::LargeWeight {
                share,
                most,
                weight,
            } => write!(
                f,
                "the largest weight, {weight:.4}, is {:.2} % of the sum of all, at most {} % is allowed",
                100.0 * share,
                100.0 * most
            ),
            Self::Unsupported { mass, most } => write!(
                f,
                "{:.2} % of the target's choices are actions that were never logged at that position, \
                 at most {} % is allowed",
                100.0 * mass,
                100.0 * most
            ),
            Self::MeanWeight { mean, error, most } => write!(
                f,
                "the mean weight is {mean:.4} with a standard error of {error:.4}, more than {most} \
                 of them from 1"
            ),
            Self::OneReward { value, rounds } => write!(
                f,
                "column reward is {value} in every row, 1 to {rounds}: nothing tells the policies apart"
            ),
        }
    }
}

/// What does not stop an estimate but has to be known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Warning {
    /// Few rounds carry the reward.
    FewEffectiveRewards {
        /// How many.
        found: f64,
        /// Below how many there is a warning.
        least: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewEffectiveRewards { found, least } => write!(
                f,
                "the estimate rests on {found:.1} effective rewards, fewer than {least}: intervals \
                 that assume normality are too narrow"
            ),
        }
    }
}

/// Whether the log can answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// Why not; none when it can.
    pub reasons: Vec<Reason>,
    /// What has to be known.
    pub warnings: Vec<Warning>,
}

impl Verdict {
    /// Whether the log can answer.
    #[must_use]
    pub const fn identifiable(&self) -> bool {
        self.reasons.is_empty()
    }
}

#[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
fn real(count: u64) -> f64 {
    count as f64
}

impl Diagnostics {
    /// Nothing seen yet, under this target; `None` for one that is no table,
    /// whose rounds are of logged choices.
    #[must_use]
    pub fn new<'a>(target: impl Into<Option<&'a TargetTable>>) -> Self {
        let target = target.into();
        Self {
            sums: WeightedSums::default(),
            logged: vec![0; target.map_or(0, |it| it.actions() * it.positions())],
            unsupported: CompensatedSum::default(),
            tally: Tally::new(),
            earned: vec![0.0; target.map_or(0, |it| it.actions() * it.positions())],
            mass: Vec::new(),
            lowest_propensity: f64::INFINITY,
            highest_propensity: 0.0,
            winsorised: 0,
        }
    }

    /// Adds a batch that was weighed for the same target.
    pub fn add(&mut self, rounds: &Rounds) {
        self.sums.add(rounds.view(0..rounds.len()));
        self.winsorised += rounds.winsorised();
        let propensity = rounds.propensity();
        self.highest_propensity = largest(self.highest_propensity, propensity);
        self.lowest_propensity = -largest_of(-self.lowest_propensity, propensity, |value| -value);
        if let Some(mass) = rounds.target_mass() {
            self.mass.resize(mass.len(), 0.0);
            for (ours, theirs) in self.mass.iter_mut().zip(mass) {
                *ours += theirs;
            }
        }
        self.add_cells(rounds);
        for mass in rounds.unsupported().unwrap_or_default() {
            self.unsupported.add(*mass);
        }
        if let Some(tally) = rounds.tally() {
            add_tally(&mut self.tally, tally);
        }
    }

    /// Counts in lanes: a count that the row before has just written is not read
    /// at once. What is earned is for targets that are tables.
    fn add_cells(&mut self, rounds: &Rounds) {
        let mut logged = vec![[0; 4]; self.logged.len()];
        let (wide, rest) = rounds.cell().as_chunks::<4>();
        for cells in wide {
            for (lane, cell) in cells.iter().enumerate() {
                logged[*cell as usize][lane] += 1;
            }
        }
        for cell in rest {
            logged[*cell as usize][0] += 1;
        }
        for (ours, lanes) in self.logged.iter_mut().zip(&logged) {
            *ours += lanes.iter().sum::<u64>();
        }
        if rounds.target_mass().is_none() {
            for (cell, reward) in rounds.cell().iter().zip(rounds.reward()) {
                self.earned[*cell as usize] += reward;
            }
        }
    }

    /// The sums over weights and rewards.
    #[must_use]
    pub const fn sums(&self) -> &WeightedSums {
        &self.sums
    }

    /// Adds what another pass under the same target saw.
    ///
    /// # Panics
    /// When the other is of a target of another size, which is an error of the
    /// caller.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(
            self.logged.len(),
            other.logged.len(),
            "passes under the same target merge"
        );
        self.sums.merge(&other.sums);
        for (ours, theirs) in self.logged.iter_mut().zip(&other.logged) {
            *ours += theirs;
        }
        self.unsupported.merge(&other.unsupported);
        add_tally(&mut self.tally, &other.tally);
        for (ours, theirs) in self.earned.iter_mut().zip(&other.earned) {
            *ours += theirs;
        }
        self.mass.resize(self.mass.len().max(other.mass.len()), 0.0);
        for (ours, theirs) in self.mass.iter_mut().zip(&other.mass) {
            *ours += theirs;
        }
        self.lowest_propensity = self.lowest_propensity.min(other.lowest_propensity);
        self.highest_propensity = self.highest_propensity.max(other.highest_propensity);
        self.winsorised += other.winsorised;
    }

    /// Whether every round had the same propensity, as a uniform logger over the
    /// same actions gives.
    #[must_use]
    pub(super) fn one_propensity(&self) -> bool {
        self.highest_propensity - self.lowest_propensity <= ROUNDING * self.highest_propensity
    }

    /// How many rounds each place of the target's table was logged for, and the
    /// sum of their rewards, scaled from `range` to [0, 1].
    pub(super) fn places(&self, range: RewardRange) -> Vec<(f64, f64)> {
        let places = self.logged.iter().zip(&self.earned);
        places
            .map(|(count, sum)| {
                let count = real(*count);
                (count, (sum - count * range.low()) / range.width())
            })
            .collect()
    }

    /// What was seen.
    #[must_use]
    pub fn summary<'a>(&self, target: impl Into<Option<&'a TargetTable>>) -> Summary {
        let some = self.sums.count() > 0;
        let unsupported = some.then(|| self.unsupported_mass(target.into()));
        Summary {
            winsorised: self.winsorised,
            ..Summary::of_sums(&self.sums, unsupported)
        }
    }

    fn unsupported_mass(&self, target: Option<&TargetTable>) -> f64 {
        if !self.mass.is_empty() {
            let actions = self.mass.iter().zip(&self.logged);
            let never = actions.filter(|(_, logged)| **logged == 0);
            return never.map(|(mass, _)| mass).sum::<f64>() / real(self.sums.count()) + 0.0;
        }
        let of_choices = self.unsupported_choices();
        let Some(target) = target else {
            return of_choices / real(self.sums.count());
        };
        let positions = self.logged.chunks(target.actions()).enumerate();
        let mass = positions.map(|(position, logged)| {
            let rounds: u64 = logged.iter().sum();
            let never = logged.iter().zip(target.at(position));
            let never = never.filter(|(count, _)| **count == 0);
            real(rounds) * never.map(|(_, probability)| probability).sum::<f64>()
        });
        (mass.sum::<f64>() + of_choices) / real(self.sums.count())
    }

    /// How many of the target's choices, of logged choices, the log cannot
    /// speak of.
    fn unsupported_choices(&self) -> f64 {
        unsupported_by(&self.tally) + self.unsupported.get()
    }
}

/// How many of the target's choices are of an action that was never logged at its
/// position.
pub(super) fn unsupported_by(tally: &Tally) -> f64 {
    let never = tally.values().filter(|cell| cell.logged == 0);
    // A sum of nothing is −0; adding 0 makes it 0.
    never.map(|cell| cell.mass).sum::<f64>() + 0.0
}

fn add_tally(sum: &mut Tally, more: &Tally) {
    for (cell, added) in more {
        let cell = sum.entry(*cell).or_default();
        cell.logged += added.logged;
        cell.mass += added.mass;
    }
}

impl Summary {
    /// Of rounds with these weights and rewards, where the log cannot speak of
    /// the share `unsupported` of the target's choices.
    #[must_use]
    pub fn of_sums(sums: &WeightedSums, unsupported: Option<f64>) -> Self {
        let rounds = real(sums.count());
        let some = sums.count() > 0;
        let (weight, square) = (sums.weight.get(), sums.weight_square.get());
        let mean = weight / rounds;
        let variance = (square - mean * weight).max(0.0) / (rounds - 1.0);
        let (weighted, weighted_square) = (sums.weighted.get(), sums.weighted_square.get());
        Self {
            rounds: sums.count(),
            mean_reward: some.then(|| sums.reward.get() / rounds),
            mean_weight: some.then_some(mean),
            mean_weight_error: (sums.count() > 1).then(|| math::sqrt(variance / rounds)),
            largest_weight: some.then_some(sums.largest_weight()),
            largest_weight_share: (weight > 0.0).then(|| sums.largest_weight() / weight),
            effective_sample_size: (square > 0.0).then(|| weight * weight / square),
            effective_rewards: (weighted_square > 0.0)
                .then(|| weighted * weighted / weighted_square),
            unsupported_mass: unsupported,
            only_reward: sums.only_reward(),
            winsorised: 0,
        }
    }

    /// Whether such a log can answer.
    #[must_use]
    pub fn verdict(&self, thresholds: &Thresholds) -> Verdict {
        let mut verdict = Verdict::default();
        if self.rounds == 0 {
            verdict.reasons.push(Reason::NoRounds);
            return verdict;
        }
        match self.effective_sample_size {
            None => verdict.reasons.push(Reason::NoOverlap),
            Some(found) if !(found >= thresholds.effective_sample_size) => {
                let least = thresholds.effective_sample_size;
                verdict
                    .reasons
                    .push(Reason::FewEffectiveRounds { found, least });
            }
            Some(_) => {}
        }
        if let (Some(share), Some(weight)) = (self.largest_weight_share, self.largest_weight)
            && share > thresholds.largest_weight_share
        {
            let most = thresholds.largest_weight_share;
            verdict.reasons.push(Reason::LargeWeight {
                share,
                most,
                weight,
            });
        }
        if let Some(mass) = self.unsupported_mass
            && mass > thresholds.unsupported_mass
        {
            let most = thresholds.unsupported_mass;
            verdict.reasons.push(Reason::Unsupported { mass, most });
        }
        if let (Some(mean), Some(error)) = (self.mean_weight, self.mean_weight_error)
            && (mean - 1.0).abs() > thresholds.mean_weight_errors * error + ROUNDING
        {
            let most = thresholds.mean_weight_errors;
            verdict
                .reasons
                .push(Reason::MeanWeight { mean, error, most });
        }
        if let Some(value) = self.only_reward {
            let rounds = self.rounds;
            verdict.reasons.push(Reason::OneReward { value, rounds });
        }
        let found = self.effective_rewards.unwrap_or(0.0);
        if found < thresholds.effective_rewards {
            let least = thresholds.effective_rewards;
            verdict
                .warnings
                .push(Warning::FewEffectiveRewards { found, least });
        }
        verdict
    }
}

/// How far a mean weight that is 1 may be from it by the rounding of logged
/// propensities and of the target's table.
const ROUNDING: f64 = 1e-6;

#[cfg(test)]
mod tests;
