//! Logged choices, weighed for a target policy that may differ from choice to
//! choice: w = π(a) / p₀(a), and how much of the target the log supports.
//!
//! Where the log keeps whole distributions, it is known of each round which
//! share of the target's choices the logging policy could not have made. Where
//! it keeps only the chosen action's propensity, support is judged by what was
//! logged: see [`diagnostics`](super::diagnostics).

use std::collections::BTreeMap;

use thiserror::Error;

use super::choices::{Choice, ChoiceColumn, Choices, Metric};
use super::embeddings::Embeddings;
use super::logged::{Column, RewardRange, RoundFault, Rounds, WeighedColumns};
use super::target::SUM_TOLERANCE;
use super::target_policy::Replayed;

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

    /// Whether its choice at a round rests on rounds that come later: then nothing
    /// that is to hold in the log's order holds of it.
    fn looks_ahead(&self) -> bool {
        false
    }

    /// What a reader has to know of it besides its name, once the log was read.
    fn label(&self) -> Option<String> {
        None
    }

    /// What replay by rejection says, of a policy that learns on the way.
    fn replayed(&self) -> Option<Replayed> {
        None
    }
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
    /// It learns on the way, and refuses a reward.
    #[error("the target learns, and not from this: {why}")]
    NotLearnt {
        /// Why.
        why: String,
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
    /// The log does not have the column.
    #[error("the log has no column {0}")]
    NoColumn(ChoiceColumn),
    /// An action on offer has no embedding.
    #[error("the action {action:?} has no embedding")]
    NoEmbedding {
        /// At which choice.
        index: usize,
        /// Which action.
        action: String,
    },
    /// A value that evaluation does not allow.
    #[error("column {column}: {value} is not {expected}", column = .0.column, value = .0.value, expected = .0.expected)]
    Round(RoundFault),
}

impl WeighFault {
    /// Which choice of the batch it is about, from 0.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::Target { index, .. } | Self::NoEmbedding { index, .. } => Some(*index),
            Self::Round(fault) => Some(fault.index),
            Self::NoColumn(_) => None,
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

/// What besides the target decides how choices are weighed.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighing {
    /// What rewards lie in.
    pub range: RewardRange,
    /// What takes the place of the log's own reward.
    pub metric: Option<Metric>,
    /// A reward outside the range counts as its nearer end, and is counted, in
    /// place of being refused: what is estimated is then the winsorised reward.
    pub winsorise: bool,
    /// What actions are like, for the estimators that weigh that.
    pub embeddings: Option<Embeddings>,
}

impl Weighing {
    /// The log's own reward, none outside the range.
    #[must_use]
    pub const fn new(range: RewardRange) -> Self {
        Self {
            range,
            metric: None,
            winsorise: false,
            embeddings: None,
        }
    }

    /// The rewards, and how many were moved into the range.
    fn rewards(&self, choices: &Choices) -> Result<(Vec<f64>, u64), WeighFault> {
        let logged = match self.metric {
            None => &choices.columns().reward,
            Some(metric) => choices
                .metric(metric)
                .ok_or(WeighFault::NoColumn(ChoiceColumn::Metric(metric)))?,
        };
        let mut rewards = logged.to_vec();
        let mut moved = 0;
        if self.winsorise {
            for reward in &mut rewards {
                let within = reward.clamp(self.range.low(), self.range.high());
                moved += u64::from(within.to_bits() != reward.to_bits());
                *reward = within;
            }
        }
        Ok((rewards, moved))
    }
}

/// Weighs a batch for a target.
///
/// # Errors
/// At the first choice that the target chooses nothing at, whose reward lies
/// outside the declared range, or that offers an action without an embedding
/// where there are embeddings; when the log lacks a column that is asked for.
///
/// # Panics
/// When the target's probabilities sum to something else than 1, which is an
/// error of the target.
pub fn weigh(
    choices: Choices,
    target: &mut dyn TargetPolicy,
    weighing: &mut Weighing,
) -> Result<Rounds, WeighFault> {
    let columns = choices.columns();
    let (reward, winsorised) = weighing.rewards(&choices)?;
    let mut weighed = WeighedColumns {
        reward,
        winsorised,
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
    if let Some(embeddings) = &mut weighing.embeddings {
        let weights = marginal_weights(&choices, &weighed.target, embeddings)?;
        weighed.marginal_weight = Some(weights);
    }
    Rounds::weighed(choices, weighed, weighing.range).map_err(WeighFault::Round)
}

/// What each chosen action's embedding weighs.
fn marginal_weights(
    choices: &Choices,
    target: &[f64],
    embeddings: &mut Embeddings,
) -> Result<Vec<f64>, WeighFault> {
    let names = &choices.vocabulary().actions;
    let weight = |index: usize| {
        let choice = choices.get(index);
        let lacking = WeighFault::NoColumn(ChoiceColumn::Probabilities);
        let logging = choice.probabilities.ok_or(lacking)?;
        let target = &target[choices.span(index)];
        let weight = embeddings.weight(names, choice.actions, target, logging, choice.chosen);
        weight.map_err(|action| WeighFault::NoEmbedding {
            index,
            action: names.get(action).unwrap_or_default().to_owned(),
        })
    };
    (0..choices.len()).map(weight).collect()
}

pub(super) fn note(tally: &mut Tally, choice: &Choice<'_>, target: &[f64]) {
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
        let rounds = weigh(batch, &mut First, &mut Weighing::new(RewardRange::UNIT)).unwrap();
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
        let mut weighing = Weighing::new(RewardRange::UNIT);
        let rounds = weigh(choices(None), &mut First, &mut weighing).unwrap();
        let tally = rounds.tally().unwrap();
        let cell = |logged, mass| CellTally { logged, mass };
        assert_eq!(tally[&(0, 0)], cell(1, 2.0));
        assert_eq!(tally[&(0, 1)], cell(1, 0.0));
    }

    #[test]
    fn another_metric_is_checked_against_the_range() {
        let range = RewardRange::new(0.0, 1_000.0).unwrap();
        let mut weighing = Weighing {
            metric: Some(Metric::Revenue),
            ..Weighing::new(range)
        };
        let weigh = |weighing: &mut Weighing| weigh(choices(None), &mut First, weighing);
        let refused = weigh(&mut weighing).unwrap_err();
        assert!(refused.looks_like_a_cost(range));
        assert_eq!(
            refused.to_string(),
            "column reward: -700 is not in the declared range [0, 1000]"
        );
        weighing.winsorise = true;
        let rounds = weigh(&mut weighing).unwrap();
        assert_eq!((rounds.reward(), rounds.winsorised()), (&[0.0, 0.5][..], 1));
        weighing.metric = Some(Metric::Margin);
        let refused = weigh(&mut weighing).unwrap_err();
        assert_eq!(refused.to_string(), "the log has no column margin");
    }

    #[test]
    fn embeddings_need_whole_distributions_and_every_name() {
        let table = |names: &[&str]| {
            let entry = |name: &&str| ((*name).to_owned(), vec!["sweet".to_owned()]);
            Weighing {
                embeddings: Some(Embeddings::new(names.iter().map(entry).collect())),
                ..Weighing::new(RewardRange::UNIT)
            }
        };
        let logged = || choices(Some(vec![0.25, 0.75, 0.0, 1.0]));
        let both = &mut table(&["tea", "cake"]);
        let rounds = weigh(logged(), &mut First, both).unwrap();
        let view = rounds.view(0..2);
        assert_eq!(view.marginal_weight(), Ok(&[1.0, 1.0][..]));
        let refused = |choices, weighing: &mut Weighing| {
            weigh(choices, &mut First, weighing)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(logged(), &mut table(&["tea"])),
            "the action \"cake\" has no embedding"
        );
        assert_eq!(
            refused(choices(None), both),
            "the log has no column probabilities"
        );
    }
}
