//! Logged choices, weighed for a target policy that may differ from choice to
//! choice: w = π(a) / p₀(a), and how much of the target the log supports.
//!
//! Where the log keeps whole distributions, it is known of each round which
//! share of the target's choices the logging policy could not have made. Where
//! it keeps only the chosen action's propensity, support is judged by what was
//! logged: see [`diagnostics`](super::diagnostics).

use std::collections::BTreeMap;

use thiserror::Error;

use super::choices::{Choice, Choices, Metric};
use super::logged::{Column, RewardRange, RoundFault, Rounds, WeighedColumns};
use super::target::SUM_TOLERANCE;

/// A policy that is evaluated on logged choices.
pub trait TargetPolicy {
    /// Writes π(a) for each of the choice's actions over `probabilities`, which
    /// is as long as they are. `choices` is the batch that the choice is of,
    /// for its names.
    ///
    /// # Errors
    /// When the policy chooses none of the actions.
    fn choose(
        &mut self,
        choices: &Choices,
        choice: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice>;
}

/// Why a policy chooses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoChoice {
    /// It gives no probability to anything on offer.
    #[error("the target gives no probability to any of the {actions} actions on offer")]
    Nothing {
        /// How many were on offer.
        actions: usize,
    },
    /// The log lacks what it goes by.
    #[error("the target needs {column}, which the log does not have")]
    MissingColumn {
        /// What.
        column: &'static str,
    },
}

/// Why a batch could not be weighed. `index` is a choice of the batch, from 0.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum WeighFault {
    /// The target chooses nothing at a choice.
    #[error("{why}")]
    Target {
        /// Which choice.
        index: usize,
        /// Why.
        why: NoChoice,
    },
    /// The log does not have the metric.
    #[error("the log has no column {0}")]
    NoMetric(Metric),
    /// A value that evaluation does not allow.
    #[error("column {column}: {value} is not {expected}", column = .0.column, value = .0.value, expected = .0.expected)]
    Round(RoundFault),
}

impl WeighFault {
    /// Which choice of the batch it is about, from 0.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Target { index, .. } => Some(*index),
            Self::Round(fault) => Some(fault.index),
            Self::NoMetric(_) => None,
        }
    }

    /// Whether a reward that is refused would be allowed with its sign turned:
    /// then the log may hold costs.
    #[must_use]
    pub fn looks_like_a_cost(&self, range: RewardRange) -> bool {
        let allowed = |value: f64| value >= range.low() && value <= range.high();
        match self {
            Self::Round(fault) => {
                fault.column == Column::Reward && !allowed(fault.value) && allowed(-fault.value)
            }
            _ => false,
        }
    }
}

/// How often an action was logged at a position, and how much of the target's
/// choices went to it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CellTally {
    /// How often it was logged.
    pub logged: u64,
    /// The sum of the target's probabilities.
    pub mass: f64,
}

/// By position and action.
pub type Tally = BTreeMap<(u32, u32), CellTally>;

/// Weighs a batch for a target; with a metric, that takes the place of the
/// log's own reward.
///
/// # Errors
/// At the first choice that the target chooses nothing at, or whose reward lies
/// outside the declared range.
///
/// # Panics
/// When the target's probabilities sum to something else than 1, which is an
/// error of the target.
pub fn weigh(
    choices: Choices,
    target: &mut dyn TargetPolicy,
    range: RewardRange,
    metric: Option<Metric>,
) -> Result<Rounds, WeighFault> {
    let columns = choices.columns();
    let reward = match metric {
        None => &columns.reward,
        Some(metric) => choices.metric(metric).ok_or(WeighFault::NoMetric(metric))?,
    };
    let mut weighed = WeighedColumns {
        reward: reward.to_vec(),
        target: vec![0.0; columns.actions.len()],
        ..WeighedColumns::default()
    };
    let mut tally = Tally::new();
    for index in 0..choices.len() {
        let choice = choices.get(index);
        let chosen = &mut weighed.target[choices.span(index)];
        target
            .choose(&choices, &choice, chosen)
            .map_err(|why| WeighFault::Target { index, why })?;
        let total: f64 = chosen.iter().sum();
        assert!(
            (total - 1.0).abs() <= SUM_TOLERANCE,
            "a target's probabilities sum to 1, not to {total}"
        );
        weighed
            .weight
            .push(chosen[choice.chosen] / choice.propensity);
        match choice.probabilities {
            Some(logging) => {
                let never = chosen.iter().zip(logging).filter(|(_, it)| **it == 0.0);
                let mass = never.map(|(target, _)| target).sum::<f64>();
                // A sum of nothing is −0; adding 0 makes it 0.
                weighed.unsupported.push(mass + 0.0);
            }
            None => note(&mut tally, &choice, chosen),
        }
    }
    weighed.tally = columns.probabilities.is_none().then_some(tally);
    Rounds::weighed(choices, weighed, range).map_err(WeighFault::Round)
}

fn note(tally: &mut Tally, choice: &Choice<'_>, target: &[f64]) {
    for (place, (action, probability)) in choice.actions.iter().zip(target).enumerate() {
        let logged = u64::from(place == choice.chosen);
        if logged > 0 || *probability > 0.0 {
            let cell = tally.entry((choice.position, *action)).or_default();
            cell.logged += logged;
            cell.mass += probability;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evaluation::choices::{Names, UncheckedChoices, Vocabulary};

    struct First;

    impl TargetPolicy for First {
        fn choose(
            &mut self,
            _: &Choices,
            _: &Choice<'_>,
            probabilities: &mut [f64],
        ) -> Result<(), NoChoice> {
            probabilities.fill(0.0);
            probabilities[0] = 1.0;
            Ok(())
        }
    }

    fn choices(probabilities: Option<Vec<f64>>) -> Choices {
        let columns = UncheckedChoices {
            ends: vec![2, 4],
            actions: vec![0, 1, 0, 1],
            probabilities,
            chosen: vec![0, 1],
            propensity: vec![0.25, 1.0],
            reward: vec![1.0, 0.0],
            position: vec![0, 0],
            metrics: vec![(Metric::Revenue, vec![-700.0, 0.5])],
            ..UncheckedChoices::default()
        };
        let vocabulary = Vocabulary {
            actions: Arc::new(Names::from_iter(["tea", "cake"])),
            ..Vocabulary::default()
        };
        Choices::new(columns, vocabulary).unwrap()
    }

    #[test]
    fn a_whole_distribution_tells_support_row_by_row() {
        let batch = choices(Some(vec![0.25, 0.75, 0.0, 1.0]));
        let rounds = weigh(batch, &mut First, RewardRange::UNIT, None).unwrap();
        assert_eq!(rounds.weight(), [4.0, 0.0]);
        assert_eq!(
            rounds.target_probabilities(),
            Some(&[1.0, 0.0, 1.0, 0.0][..])
        );
        assert_eq!(rounds.unsupported(), Some(&[0.0, 1.0][..]));
        assert!(rounds.tally().is_none());
    }

    #[test]
    fn without_one_support_is_what_was_logged() {
        let rounds = weigh(choices(None), &mut First, RewardRange::UNIT, None).unwrap();
        let tally = rounds.tally().unwrap();
        let cell = |logged, mass| CellTally { logged, mass };
        assert_eq!(tally[&(0, 0)], cell(1, 2.0));
        assert_eq!(tally[&(0, 1)], cell(1, 0.0));
    }

    #[test]
    fn another_metric_is_checked_against_the_range() {
        let range = RewardRange::new(0.0, 1_000.0).unwrap();
        let weigh = |metric| weigh(choices(None), &mut First, range, Some(metric)).unwrap_err();
        let refused = weigh(Metric::Revenue);
        assert!(refused.looks_like_a_cost(range));
        assert_eq!(
            refused.to_string(),
            "column reward: -700 is not in the declared range [0, 1000]"
        );
        assert_eq!(
            weigh(Metric::Margin).to_string(),
            "the log has no column margin"
        );
    }
}
