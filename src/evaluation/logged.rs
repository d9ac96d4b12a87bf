//! Logged rounds as columns, checked, with the target policy applied: what
//! every estimator, interval and diagnostic reads.
//!
//! Notation, as in the papers: a round i has a reward rᵢ, a logged action aᵢ
//! with propensity p₀(aᵢ), the target's probability π(aᵢ) and the weight
//! wᵢ = π(aᵢ) / p₀(aᵢ). A reward model predicts q(a); q(aᵢ) is its prediction
//! of the logged action and q(π) = Σₐ π(a)·q(a) / Σₐ π(a) that of the target.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use super::arrays::{Arrays, Swept};
use super::choices::Choices;
use super::columns::largest;
use super::target::TargetTable;
use super::weigh::Tally;

/// What every reward lies in, as the analyst declares it before looking at the
/// log; intervals that rest on a bound rest on this one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardRange {
    low: f64,
    high: f64,
}

/// Why two numbers are not a [`RewardRange`].
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("the reward range {low} to {high} must be finite and its low end below its high one")]
pub struct NotARange {
    low: f64,
    high: f64,
}

impl RewardRange {
    /// Conversions: 0 or 1.
    pub const UNIT: Self = Self {
        low: 0.0,
        high: 1.0,
    };

    /// # Errors
    /// When an end is not finite, or they are not in order.
    pub fn new(low: f64, high: f64) -> Result<Self, NotARange> {
        if low.is_finite() && high.is_finite() && low < high {
            Ok(Self { low, high })
        } else {
            Err(NotARange { low, high })
        }
    }

    /// The least reward.
    #[must_use]
    pub const fn low(&self) -> f64 {
        self.low
    }

    /// The largest reward.
    #[must_use]
    pub const fn high(&self) -> f64 {
        self.high
    }

    /// How far apart they are: above 0.
    #[must_use]
    pub const fn width(&self) -> f64 {
        self.high - self.low
    }
}

impl fmt::Display for RewardRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.low, self.high)
    }
}

/// A column of logged rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// r.
    Reward,
    /// a.
    Action,
    /// Where it was shown.
    Position,
    /// p₀(a).
    Propensity,
    /// The balanced estimator's weight.
    BalancedWeight,
    /// A reward model's predictions.
    Prediction,
    /// The target's distribution of a round.
    TargetDistribution,
    /// The logging policy's whole distribution of a round.
    LoggingDistribution,
    /// What each action is like.
    Embedding,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reward => "reward",
            Self::Action => "action",
            Self::Position => "position",
            Self::Propensity => "propensity",
            Self::BalancedWeight => "balanced weight",
            Self::Prediction => "reward prediction",
            Self::TargetDistribution => "target distribution",
            Self::LoggingDistribution => "whole logging distributions",
            Self::Embedding => "action embeddings",
        })
    }
}

/// A value that its column does not allow.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("row {index}, column {column}: {value} is not {expected}")]
pub struct RoundFault {
    /// Which round of the batch, from 0.
    pub index: usize,
    /// In which column.
    pub column: Column,
    /// What stands there.
    pub value: f64,
    /// What is allowed.
    pub expected: String,
}

/// An estimator needs a column that the log does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the log has no {0}")]
pub struct MissingColumn(pub Column);

/// A reward model's predictions, one each a round.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predictions {
    /// q(aᵢ).
    pub logged: Vec<f64>,
    /// q(π).
    pub target: Vec<f64>,
}

/// Columns as a reader found them, all of the same length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UncheckedRounds {
    /// Rewards.
    pub reward: Vec<f64>,
    /// Logged actions, from 0.
    pub action: Vec<u32>,
    /// Positions, from 0.
    pub position: Vec<u32>,
    /// Propensities.
    pub propensity: Vec<f64>,
    /// Predictions, when there is a model.
    pub predictions: Option<Predictions>,
    /// Weights of the balanced estimator, when there are any.
    pub balanced_weight: Option<Vec<f64>>,
}

/// What weighing made of logged choices.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct WeighedColumns {
    pub reward: Vec<f64>,
    pub weight: Vec<f64>,
    /// π of every action that was on offer, choice after choice.
    pub target: Vec<f64>,
    /// The target's mass where p₀ is 0; empty where the log does not know p₀.
    pub unsupported: Vec<f64>,
    /// Where the log does not know p₀.
    pub tally: Option<Tally>,
    /// p(e|π)/p(e|p₀), where actions have embeddings.
    pub marginal_weight: Option<Vec<f64>>,
    /// How many rewards were moved to the nearer end of the range.
    pub winsorised: u64,
}

/// The choices that rounds were made of, and what the target does there.
#[derive(Debug, Clone, PartialEq)]
struct Weighed {
    choices: Choices,
    target: Vec<f64>,
    unsupported: Option<Vec<f64>>,
    tally: Option<Tally>,
    winsorised: u64,
}

/// A batch of logged rounds under one target. Rewards lie in the declared
/// range, propensities in (0, 1], weights are finite and at least 0,
/// predictions are finite, and each action and position is one of the
/// target's.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounds {
    reward: Vec<f64>,
    weight: Vec<f64>,
    propensity: Vec<f64>,
    cell: Vec<u32>,
    /// What the target chooses in all of the rounds together, action by action,
    /// where it is not a table.
    target_mass: Option<Vec<f64>>,
    predictions: Option<Predictions>,
    balanced_weight: Option<Vec<f64>>,
    marginal_weight: Option<Vec<f64>>,
    /// When they are of logged choices; they have no cell then.
    weighed: Option<Box<Weighed>>,
}

impl Rounds {
    /// Of logged choices, as they were weighed.
    ///
    /// # Errors
    /// At the first reward or weight that is not allowed.
    pub(super) fn weighed(
        choices: Choices,
        columns: WeighedColumns,
        range: RewardRange,
    ) -> Result<Self, RoundFault> {
        let WeighedColumns { reward, weight, .. } = &columns;
        let propensity = &choices.columns().propensity;
        check_logged(reward, propensity, range)?;
        check_weight(weight, propensity)?;
        let known = choices.columns().probabilities.is_some();
        Ok(Self {
            reward: columns.reward,
            weight: columns.weight,
            propensity: choices.columns().propensity.clone(),
            cell: Vec::new(),
            target_mass: None,
            predictions: None,
            balanced_weight: None,
            marginal_weight: columns.marginal_weight,
            weighed: Some(Box::new(Weighed {
                choices,
                target: columns.target,
                unsupported: known.then_some(columns.unsupported),
                tally: columns.tally,
                winsorised: columns.winsorised,
            })),
        })
    }

    /// Checks the columns and weighs them for `target`.
    ///
    /// # Errors
    /// At the first round that a column does not allow.
    ///
    /// # Panics
    /// When the columns are not equally long, which is an error of the reader.
    pub fn new(
        unchecked: UncheckedRounds,
        target: &TargetTable,
        range: RewardRange,
    ) -> Result<Self, RoundFault> {
        let UncheckedRounds {
            reward,
            action,
            position,
            propensity,
            predictions,
            balanced_weight,
        } = unchecked;
        let rows = reward.len();
        let model_rows = predictions
            .as_ref()
            .map(|model| (model.logged.len(), model.target.len()));
        assert!(
            action.len() == rows
                && position.len() == rows
                && propensity.len() == rows
                && model_rows.is_none_or(|lengths| lengths == (rows, rows))
                && balanced_weight
                    .as_ref()
                    .is_none_or(|column| column.len() == rows),
            "a reader gives columns of the same length"
        );
        check_logged(&reward, &propensity, range)?;
        if let Some(column) = &balanced_weight {
            let expected = || "finite and at least 0".to_owned();
            check(Column::BalancedWeight, column, expected, |value| {
                value >= 0.0 && value.is_finite()
            })?;
        }
        if let Some(model) = &predictions {
            for column in [&model.logged, &model.target] {
                check(
                    Column::Prediction,
                    column,
                    || "finite".to_owned(),
                    f64::is_finite,
                )?;
            }
        }
        let cell = cells(&action, &position, target)?;
        let weight: Vec<f64> = cell
            .iter()
            .zip(&propensity)
            .map(|(cell, propensity)| target.cell(*cell) / propensity)
            .collect();
        check_weight(&weight, &propensity)?;
        Ok(Self {
            reward,
            weight,
            propensity,
            cell,
            target_mass: None,
            predictions,
            balanced_weight,
            marginal_weight: None,
            weighed: None,
        })
    }

    /// Checks arrays in memory, whose target has a distribution of its own for
    /// each round, and weighs them. Rows are read once and not copied.
    ///
    /// # Errors
    /// At the first round that a column does not allow.
    ///
    /// # Panics
    /// When the arrays do not fit together, which is an error of the caller.
    pub fn of_arrays(arrays: &Arrays<'_>, range: RewardRange) -> Result<Self, RoundFault> {
        let mut rounds = Self::none();
        rounds.refill(arrays, range)?;
        Ok(rounds)
    }

    /// No round, to be [filled](Self::refill).
    pub(super) const fn none() -> Self {
        Self {
            reward: Vec::new(),
            weight: Vec::new(),
            propensity: Vec::new(),
            cell: Vec::new(),
            target_mass: None,
            predictions: None,
            balanced_weight: None,
            marginal_weight: None,
            weighed: None,
        }
    }

    /// Becomes the rounds of these arrays, in the memory of those before.
    ///
    /// # Errors
    /// At the first round that a column does not allow; what the rounds are then
    /// is of no use.
    pub(super) fn refill(
        &mut self,
        arrays: &Arrays<'_>,
        range: RewardRange,
    ) -> Result<(), RoundFault> {
        refill(&mut self.reward, arrays.reward);
        refill(&mut self.propensity, arrays.propensity);
        refill(&mut self.cell, arrays.action);
        check_logged(&self.reward, &self.propensity, range)?;
        let rows = arrays.rounds();
        let mass = self.target_mass.get_or_insert_default();
        mass.resize(arrays.actions, 0.0);
        let model = self.predictions.get_or_insert_default();
        for column in [&mut self.weight, &mut model.logged, &mut model.target] {
            column.resize(rows, 0.0);
        }
        arrays.sweep(&mut Swept {
            weight: &mut self.weight,
            logged: &mut model.logged,
            expected: &mut model.target,
            mass,
        })?;
        if arrays.predictions.is_none() {
            self.predictions = None;
        }
        check_weight(&self.weight, &self.propensity)
    }

    /// How many rounds there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.reward.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.reward.is_empty()
    }

    /// r.
    #[must_use]
    pub fn reward(&self) -> &[f64] {
        &self.reward
    }

    /// w.
    #[must_use]
    pub fn weight(&self) -> &[f64] {
        &self.weight
    }

    /// p₀(a).
    #[must_use]
    pub fn propensity(&self) -> &[f64] {
        &self.propensity
    }

    /// Which cell of the target's table each round lies in; the action, where the
    /// target is no table.
    pub(super) fn cell(&self) -> &[u32] {
        &self.cell
    }

    /// What the target chooses in all of the rounds together, action by action,
    /// where it is a matrix.
    pub(super) fn target_mass(&self) -> Option<&[f64]> {
        self.target_mass.as_deref()
    }

    /// The choices that these are rounds of; `None` when they came as columns.
    #[must_use]
    pub fn choices(&self) -> Option<&Choices> {
        Some(&self.weighed.as_ref()?.choices)
    }

    /// π of every action that was on offer, aligned with the actions of
    /// [`Self::choices`].
    #[must_use]
    pub fn target_probabilities(&self) -> Option<&[f64]> {
        Some(&self.weighed.as_ref()?.target)
    }

    /// The share of the target's choices that the logging policy could not have
    /// made, where the log knows whole distributions.
    #[must_use]
    pub fn unsupported(&self) -> Option<&[f64]> {
        self.weighed.as_ref()?.unsupported.as_deref()
    }

    /// What was logged and what the target would choose, of choices whose log
    /// knows only the chosen action's propensity.
    #[must_use]
    pub fn tally(&self) -> Option<&Tally> {
        self.weighed.as_ref()?.tally.as_ref()
    }

    /// The shopper of each round; empty when the log names nobody.
    #[must_use]
    pub fn shoppers(&self) -> &[u64] {
        self.choices().map_or(&[], |it| &it.columns().shopper)
    }

    /// How many rewards were moved to the nearer end of the declared range.
    #[must_use]
    pub fn winsorised(&self) -> u64 {
        self.weighed.as_ref().map_or(0, |it| it.winsorised)
    }

    /// Some of the rounds.
    ///
    /// # Panics
    /// When the range reaches beyond the batch.
    #[must_use]
    pub fn view(&self, range: Range<usize>) -> RoundsView<'_> {
        RoundsView {
            reward: &self.reward[range.clone()],
            weight: &self.weight[range.clone()],
            propensity: &self.propensity[range.clone()],
            predictions: self.predictions.as_ref().map(|model| PredictionsView {
                logged: &model.logged[range.clone()],
                target: &model.target[range.clone()],
            }),
            balanced_weight: self
                .balanced_weight
                .as_ref()
                .map(|column| &column[range.clone()]),
            marginal_weight: self.marginal_weight.as_ref().map(|column| &column[range]),
        }
    }

    /// Whether the log has a column that only some have.
    #[must_use]
    pub fn has(&self, column: Column) -> bool {
        match column {
            Column::Embedding => self.marginal_weight.is_some(),
            Column::LoggingDistribution => self
                .choices()
                .is_some_and(|it| it.columns().probabilities.is_some()),
            Column::Prediction => self.predictions.is_some(),
            Column::BalancedWeight => self.balanced_weight.is_some(),
            _ => true,
        }
    }
}

/// Some rounds of a batch.
#[derive(Debug, Clone, Copy)]
pub struct RoundsView<'a> {
    /// r.
    pub reward: &'a [f64],
    /// w.
    pub weight: &'a [f64],
    /// p₀(a).
    pub propensity: &'a [f64],
    predictions: Option<PredictionsView<'a>>,
    balanced_weight: Option<&'a [f64]>,
    marginal_weight: Option<&'a [f64]>,
}

/// Some rounds' predictions.
#[derive(Debug, Clone, Copy)]
pub struct PredictionsView<'a> {
    /// q(aᵢ).
    pub logged: &'a [f64],
    /// q(π).
    pub target: &'a [f64],
}

impl<'a> RoundsView<'a> {
    /// The reward model's predictions.
    ///
    /// # Errors
    /// When the log has none.
    pub fn predictions(&self) -> Result<PredictionsView<'a>, MissingColumn> {
        self.predictions.ok_or(MissingColumn(Column::Prediction))
    }

    /// The balanced estimator's weights.
    ///
    /// # Errors
    /// When the log has none.
    pub fn balanced_weight(&self) -> Result<&'a [f64], MissingColumn> {
        self.balanced_weight
            .ok_or(MissingColumn(Column::BalancedWeight))
    }

    /// The weights of the chosen actions' embeddings.
    ///
    /// # Errors
    /// When actions have none.
    pub fn marginal_weight(&self) -> Result<&'a [f64], MissingColumn> {
        self.marginal_weight.ok_or(MissingColumn(Column::Embedding))
    }
}

fn refill<T: Copy>(column: &mut Vec<T>, values: &[T]) {
    column.clear();
    column.extend_from_slice(values);
}

fn check_logged(reward: &[f64], propensity: &[f64], range: RewardRange) -> Result<(), RoundFault> {
    let (low, high) = (range.low, range.high);
    let expected = || format!("in the declared range {range}");
    check(Column::Reward, reward, expected, |value| {
        value >= low && value <= high
    })?;
    let expected = || "in (0, 1]".to_owned();
    check(Column::Propensity, propensity, expected, |value| {
        value > 0.0 && value <= 1.0
    })
}

fn check_weight(weight: &[f64], propensity: &[f64]) -> Result<(), RoundFault> {
    if largest(0.0, weight).is_finite() {
        return Ok(());
    }
    let infinite = weight.iter().position(|weight| !weight.is_finite());
    infinite.map_or(Ok(()), |index| {
        Err(RoundFault {
            index,
            column: Column::Propensity,
            value: propensity[index],
            expected: "large enough for a finite weight".to_owned(),
        })
    })
}

pub(super) fn check(
    column: Column,
    values: &[f64],
    expected: impl Fn() -> String,
    allowed: impl Fn(f64) -> bool,
) -> Result<(), RoundFault> {
    // Without leaving early the whole column is checked by vector units.
    let wrong = |wrong: bool, value: &f64| wrong | !allowed(*value);
    if !values.iter().fold(false, wrong) {
        return Ok(());
    }
    let first = values.iter().position(|value| !allowed(*value));
    first.map_or(Ok(()), |index| {
        Err(RoundFault {
            index,
            column,
            value: values[index],
            expected: expected(),
        })
    })
}

fn cells(action: &[u32], position: &[u32], target: &TargetTable) -> Result<Vec<u32>, RoundFault> {
    let below = |column, values: &[u32], bound: usize| {
        let outside = |value: &u32| *value as usize >= bound;
        match values.iter().position(outside) {
            None => Ok(()),
            Some(index) => Err(RoundFault {
                index,
                column,
                value: f64::from(values[index]),
                expected: format!("below {bound}, as the target has {bound}"),
            }),
        }
    };
    below(Column::Action, action, target.actions())?;
    below(Column::Position, position, target.positions())?;
    let cell = |(action, position): (&u32, &u32)| target.cell_of(*action, *position);
    Ok(action.iter().zip(position).map(cell).collect())
}
