//! Logged choices as columns, checked: what was on offer, with which
//! probabilities, what was chosen, what it earned. A target policy makes
//! [`Rounds`](super::logged::Rounds) of them: see [`super::weigh`].
//!
//! A choice is one draw: one slot of a decision, with the actions that were
//! left for that slot. Where a log keeps the whole distribution, the largest
//! ratio of target to logging probability is known for each round; where it
//! keeps only the chosen action's propensity, it is not.
//!
//! Actions and segments are numbers; [`Names`] says what they are called. A
//! reader numbers them as it goes along, so a later batch may know more names
//! than an earlier one, never other ones.

mod names;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use super::target::SUM_TOLERANCE;

pub use names::Names;

/// How far the propensity of a choice may be from its action's place in the
/// distribution. Logs in single precision come this close.
pub const PROPENSITY_TOLERANCE: f64 = 1e-6;

/// What a choice earned, besides the reward of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Whether something was bought, or whatever else converts there: 0 or 1.
    Conversion,
    /// Paid less refunded, in minor units.
    Revenue,
    /// Revenue less the cost of goods, gifts and points, in minor units.
    Margin,
    /// The discount in what was paid, and the cost of gifts and points, in
    /// minor units.
    DiscountCost,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 4] = [
        Self::Conversion,
        Self::Revenue,
        Self::Margin,
        Self::DiscountCost,
    ];

    /// The name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conversion => "conversion",
            Self::Revenue => "revenue",
            Self::Margin => "margin",
            Self::DiscountCost => "discount_cost",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A column of logged choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoiceColumn {
    /// What was on offer.
    Actions,
    /// The whole distribution.
    Probabilities,
    /// What was chosen.
    Action,
    /// With which probability.
    Propensity,
    /// What it earned.
    Reward,
    /// What else it earned.
    Metric(Metric),
    /// Every logger's probability of what was chosen.
    LoggerPropensities,
}

impl fmt::Display for ChoiceColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Actions => "actions",
            Self::Probabilities => "probabilities",
            Self::Action => "action",
            Self::Propensity => "propensity",
            Self::Reward => "reward",
            Self::Metric(metric) => metric.name(),
            Self::LoggerPropensities => "logger_propensities",
        })
    }
}

/// A choice that cannot be.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("row {index}, column {column}: {value} is not {expected}")]
pub struct ChoiceFault {
    /// Which choice of the batch, from 0.
    pub index: usize,
    /// In which column.
    pub column: ChoiceColumn,
    /// What stands there.
    pub value: String,
    /// What is allowed.
    pub expected: String,
}

/// Columns as a reader found them, one entry a choice unless said otherwise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UncheckedChoices {
    /// Where each choice's actions end in `actions`; the first begin at 0.
    pub ends: Vec<usize>,
    /// What was on offer, choice after choice.
    pub actions: Vec<u32>,
    /// The probability of each of `actions`, where the log keeps them.
    pub probabilities: Option<Vec<f64>>,
    /// Which of its own actions was chosen, from 0.
    pub chosen: Vec<u32>,
    /// With which probability.
    pub propensity: Vec<f64>,
    /// What it earned.
    pub reward: Vec<f64>,
    /// Where it was shown, from 0.
    pub position: Vec<u32>,
    /// For which segment; empty when the log knows none.
    pub segment: Vec<u32>,
    /// At which placement; empty when the log knows none.
    pub placement: Vec<u32>,
    /// Of which decision; empty when the log names none.
    pub decision: Vec<u128>,
    /// For whom, so that choices for the same shopper are told to belong
    /// together; empty when the log names nobody.
    pub shopper: Vec<u64>,
    /// When, in milliseconds since 1970; empty when the log does not say.
    pub decided_at_ms: Vec<i64>,
    /// A number that grows with the order in which the log was written; empty
    /// when the rows stand in that order.
    pub sequence: Vec<u64>,
    /// Which policy chose, in a log of several; empty when the log does not say.
    pub logger: Vec<u32>,
    /// With which probability each logger of the vocabulary would have chosen what
    /// was chosen, choice after choice, where the log keeps that.
    pub logger_propensities: Option<Vec<f64>>,
    /// What else was earned.
    pub metrics: Vec<(Metric, Vec<f64>)>,
}

/// A batch of logged choices. Each has at least one action, each action once;
/// distributions sum to 1 within [`SUM_TOLERANCE`]; a propensity is in (0, 1]
/// and, within [`PROPENSITY_TOLERANCE`], its action's probability and its own
/// logger's; rewards and metrics are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    columns: UncheckedChoices,
    vocabulary: Vocabulary,
}

/// What the numbers of a log are called. A clone shares the names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vocabulary {
    /// The actions.
    pub actions: Arc<Names>,
    /// The segments.
    pub segments: Arc<Names>,
    /// The placements.
    pub placements: Arc<Names>,
    /// The policies that chose, in a log of several.
    pub loggers: Arc<Names>,
}

/// One choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice<'a> {
    /// What was on offer.
    pub actions: &'a [u32],
    /// The probability of each, where the log keeps them.
    pub probabilities: Option<&'a [f64]>,
    /// Which of them was chosen.
    pub chosen: usize,
    /// With which probability.
    pub propensity: f64,
    /// What it earned.
    pub reward: f64,
    /// Where it was shown, from 0.
    pub position: u32,
    /// For which segment, where the log knows it.
    pub segment: Option<u32>,
    /// At which placement, where the log knows it.
    pub placement: Option<u32>,
    /// Of which decision, where the log knows it.
    pub decision: Option<u128>,
    /// For whom, where the log knows it.
    pub shopper: Option<u64>,
    /// When, where the log knows it.
    pub decided_at_ms: Option<i64>,
    /// Its place in the order of the log, where that is not the row.
    pub sequence: Option<u64>,
    /// Which policy chose, where the log says so.
    pub logger: Option<u32>,
    /// With which probability each logger would have chosen the same, where the log
    /// keeps that.
    pub logger_propensities: Option<&'a [f64]>,
}

impl Choices {
    /// Checks the columns.
    ///
    /// # Errors
    /// At the first choice that cannot be.
    ///
    /// # Panics
    /// When the columns are not equally long, or an action or segment has no
    /// name: errors of the reader.
    pub fn new(columns: UncheckedChoices, vocabulary: Vocabulary) -> Result<Self, ChoiceFault> {
        assert_aligned(&columns, &vocabulary);
        check_rows(&columns, &vocabulary.actions)?;
        check_loggers(&columns, vocabulary.loggers.len())?;
        for (column, values) in std::iter::once((ChoiceColumn::Reward, &columns.reward)).chain(
            columns
                .metrics
                .iter()
                .map(|(metric, values)| (ChoiceColumn::Metric(*metric), values)),
        ) {
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(ChoiceFault {
                    index,
                    column,
                    value: values[index].to_string(),
                    expected: "finite".to_owned(),
                });
            }
        }
        Ok(Self {
            columns,
            vocabulary,
        })
    }

    /// Those of the choices that are to be kept.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Choice<'_>) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|it| keep(&self.get(*it))).collect();
        if kept.len() == self.len() {
            return self.clone();
        }
        let mut columns = UncheckedChoices {
            probabilities: self.columns.probabilities.as_ref().map(|_| Vec::new()),
            logger_propensities: self
                .columns
                .logger_propensities
                .as_ref()
                .map(|_| Vec::new()),
            ..UncheckedChoices::default()
        };
        for index in &kept {
            let choice = self.get(*index);
            columns.actions.extend_from_slice(choice.actions);
            columns.ends.push(columns.actions.len());
            if let (Some(all), Some(own)) = (&mut columns.probabilities, choice.probabilities) {
                all.extend_from_slice(own);
            }
            if let (Some(all), Some(own)) =
                (&mut columns.logger_propensities, choice.logger_propensities)
            {
                all.extend_from_slice(own);
            }
        }
        let all = &self.columns;
        columns.chosen = select(&all.chosen, &kept);
        columns.propensity = select(&all.propensity, &kept);
        columns.reward = select(&all.reward, &kept);
        columns.position = select(&all.position, &kept);
        columns.segment = select(&all.segment, &kept);
        columns.placement = select(&all.placement, &kept);
        columns.decision = select(&all.decision, &kept);
        columns.shopper = select(&all.shopper, &kept);
        columns.decided_at_ms = select(&all.decided_at_ms, &kept);
        columns.sequence = select(&all.sequence, &kept);
        columns.logger = select(&all.logger, &kept);
        let metric = |(metric, values): &(Metric, Vec<f64>)| (*metric, select(values, &kept));
        columns.metrics = all.metrics.iter().map(metric).collect();
        Self {
            columns,
            vocabulary: self.vocabulary.clone(),
        }
    }

    /// How many choices there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.columns.reward.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.columns.reward.is_empty()
    }

    /// The columns.
    #[must_use]
    pub const fn columns(&self) -> &UncheckedChoices {
        &self.columns
    }

    /// What the numbers are called.
    #[must_use]
    pub const fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Where a choice's actions stand in the columns.
    #[must_use]
    pub fn span(&self, index: usize) -> Range<usize> {
        span(&self.columns, index)
    }

    /// One choice.
    ///
    /// # Panics
    /// When there is none at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Choice<'_> {
        let columns = &self.columns;
        let span = self.span(index);
        let loggers = self.vocabulary.loggers.len();
        Choice {
            actions: &columns.actions[span.clone()],
            probabilities: columns.probabilities.as_ref().map(|all| &all[span]),
            chosen: columns.chosen[index] as usize,
            propensity: columns.propensity[index],
            reward: columns.reward[index],
            position: columns.position[index],
            segment: columns.segment.get(index).copied(),
            placement: columns.placement.get(index).copied(),
            decision: columns.decision.get(index).copied(),
            shopper: columns.shopper.get(index).copied(),
            decided_at_ms: columns.decided_at_ms.get(index).copied(),
            sequence: columns.sequence.get(index).copied(),
            logger: columns.logger.get(index).copied(),
            logger_propensities: columns
                .logger_propensities
                .as_ref()
                .map(|all| &all[index * loggers..][..loggers]),
        }
    }

    /// What every choice earned by a metric; `None` when the log has no such
    /// column.
    #[must_use]
    pub fn metric(&self, metric: Metric) -> Option<&[f64]> {
        let mut metrics = self.columns.metrics.iter();
        let (_, values) = metrics.find(|(known, _)| *known == metric)?;
        Some(values)
    }
}

/// The entries at some places; none of a column that the log does not have.
fn select<T: Copy>(column: &[T], kept: &[usize]) -> Vec<T> {
    if column.is_empty() {
        return Vec::new();
    }
    kept.iter().map(|index| column[*index]).collect()
}

fn span(columns: &UncheckedChoices, index: usize) -> Range<usize> {
    let start = index
        .checked_sub(1)
        .map_or(0, |before| columns.ends[before]);
    start..columns.ends[index]
}

fn assert_aligned(columns: &UncheckedChoices, vocabulary: &Vocabulary) {
    let rows = columns.reward.len();
    let whole = |length: usize| length == rows;
    let perhaps = |length: usize| length == rows || length == 0;
    assert!(
        whole(columns.ends.len())
            && whole(columns.chosen.len())
            && whole(columns.propensity.len())
            && whole(columns.position.len())
            && perhaps(columns.segment.len())
            && perhaps(columns.placement.len())
            && perhaps(columns.decision.len())
            && perhaps(columns.shopper.len())
            && perhaps(columns.decided_at_ms.len())
            && perhaps(columns.sequence.len())
            && perhaps(columns.logger.len())
            && columns.logger_propensities.as_ref().is_none_or(|all| {
                whole(columns.logger.len()) && whole(all.len() / vocabulary.loggers.len().max(1))
            })
            && columns.metrics.iter().all(|(_, it)| whole(it.len()))
            && columns.ends.last().copied().unwrap_or(0) == columns.actions.len()
            && columns.ends.is_sorted()
            && columns
                .probabilities
                .as_ref()
                .is_none_or(|all| all.len() == columns.actions.len()),
        "a reader gives columns that fit together"
    );
    let named = |numbers: &[u32], names: &Names| {
        let largest = numbers.iter().max();
        largest.is_none_or(|largest| (*largest as usize) < names.len())
    };
    assert!(
        named(&columns.actions, &vocabulary.actions)
            && named(&columns.segment, &vocabulary.segments)
            && named(&columns.placement, &vocabulary.placements)
            && named(&columns.logger, &vocabulary.loggers),
        "a reader names what it numbers"
    );
}

fn check_rows(columns: &UncheckedChoices, names: &Names) -> Result<(), ChoiceFault> {
    let mut sorted: Vec<u32> = Vec::new();
    for index in 0..columns.reward.len() {
        let refuse = |column, value: String, expected: &str| {
            Err(ChoiceFault {
                index,
                column,
                value,
                expected: expected.to_owned(),
            })
        };
        let span = span(columns, index);
        let actions = &columns.actions[span.clone()];
        if actions.is_empty() {
            let expected = "a list of at least 1 action";
            return refuse(ChoiceColumn::Actions, "[]".to_owned(), expected);
        }
        if let Some(action) = repeated(actions, &mut sorted) {
            let name = format!("{:?}", names.get(action).unwrap_or_default());
            let expected = "on offer once: it stands in the list twice";
            return refuse(ChoiceColumn::Actions, name, expected);
        }
        let chosen = columns.chosen[index] as usize;
        if chosen >= actions.len() {
            let expected = "one of the actions that were on offer";
            return refuse(ChoiceColumn::Action, chosen.to_string(), expected);
        }
        let propensity = columns.propensity[index];
        if !(propensity > 0.0 && propensity <= 1.0) {
            let expected = "in (0, 1]";
            return refuse(ChoiceColumn::Propensity, propensity.to_string(), expected);
        }
        let Some(probabilities) = columns.probabilities.as_ref().map(|all| &all[span]) else {
            continue;
        };
        let bad = |value: &&f64| !(0.0..=1.0).contains(*value);
        if let Some(value) = probabilities.iter().find(bad) {
            return refuse(ChoiceColumn::Probabilities, value.to_string(), "in [0, 1]");
        }
        let total: f64 = probabilities.iter().sum();
        if !((total - 1.0).abs() <= SUM_TOLERANCE) {
            let expected = "1 within 1e-6, which probabilities sum to";
            return refuse(ChoiceColumn::Probabilities, total.to_string(), expected);
        }
        if !((probabilities[chosen] - propensity).abs() <= PROPENSITY_TOLERANCE) {
            let expected = format!(
                "the chosen action's probability, which is {}",
                probabilities[chosen]
            );
            return refuse(ChoiceColumn::Propensity, propensity.to_string(), &expected);
        }
    }
    Ok(())
}

/// Where the log keeps every logger's probability of what was chosen, the row's own
/// logger has the row's propensity.
fn check_loggers(columns: &UncheckedChoices, loggers: usize) -> Result<(), ChoiceFault> {
    let Some(all) = &columns.logger_propensities else {
        return Ok(());
    };
    for (index, propensities) in all.chunks(loggers.max(1)).enumerate() {
        let refuse = |value: f64, expected: String| {
            Err(ChoiceFault {
                index,
                column: ChoiceColumn::LoggerPropensities,
                value: value.to_string(),
                expected,
            })
        };
        let bad = |value: &&f64| !(0.0..=1.0).contains(*value);
        if let Some(value) = propensities.iter().find(bad) {
            return refuse(*value, "in [0, 1]".to_owned());
        }
        let own = propensities[columns.logger[index] as usize];
        let propensity = columns.propensity[index];
        if !((own - propensity).abs() <= PROPENSITY_TOLERANCE) {
            return refuse(own, format!("the row's propensity, which is {propensity}"));
        }
    }
    Ok(())
}

/// An action that stands in a list twice.
fn repeated(actions: &[u32], sorted: &mut Vec<u32>) -> Option<u32> {
    if actions.windows(2).all(|pair| pair[0] < pair[1]) {
        return None;
    }
    sorted.clear();
    sorted.extend_from_slice(actions);
    sorted.sort_unstable();
    let mut pairs = sorted.windows(2);
    pairs.find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

#[cfg(test)]
mod tests;
