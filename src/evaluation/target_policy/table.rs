//! A table of probabilities by name.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::evaluation::choices::{Choice, Choices};
use crate::evaluation::weigh::{NoChoice, TargetPolicy};

/// Weights of actions by name, at each position or at all of them. At a choice
/// the actions that are on offer share the probability in proportion to their
/// weights; one that the table leaves out has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedTable {
    /// The last one serves every position beyond it.
    positions: Vec<BTreeMap<String, f64>>,
    /// By position, then by the number of an action: what `positions` says,
    /// looked up once.
    known: Vec<Vec<f64>>,
}

/// Why weights are no table.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NotANamedTable {
    /// There is none.
    #[error("the table has no entry, at least 1 is needed")]
    Empty,
    /// A position between others has none.
    #[error("the table has no entry for position {position}, and one for a later position")]
    NoPosition {
        /// Which, from 0.
        position: usize,
    },
    /// A weight that is none.
    #[error("action {action:?} has the probability {value}, not one in [0, 1]")]
    BadEntry {
        /// Which action.
        action: String,
        /// What stands there.
        value: f64,
    },
}

impl NamedTable {
    /// From the weights at each position. One position alone serves all.
    ///
    /// # Errors
    /// When there is no entry, or one is not in [0, 1].
    pub fn new(positions: Vec<BTreeMap<String, f64>>) -> Result<Self, NotANamedTable> {
        if positions.is_empty() {
            return Err(NotANamedTable::Empty);
        }
        if let Some(position) = positions.iter().position(BTreeMap::is_empty) {
            return Err(NotANamedTable::NoPosition { position });
        }
        let mut entries = positions.iter().flatten();
        if let Some((action, value)) = entries.find(|(_, value)| !(0.0..=1.0).contains(*value)) {
            return Err(NotANamedTable::BadEntry {
                action: action.clone(),
                value: *value,
            });
        }
        Ok(Self {
            known: vec![Vec::new(); positions.len()],
            positions,
        })
    }
}

impl TargetPolicy for NamedTable {
    fn choose(
        &mut self,
        choices: &Choices,
        choice: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice> {
        let position = (choice.position as usize).min(self.positions.len() - 1);
        let known = &mut self.known[position];
        let names = &choices.vocabulary().actions;
        while known.len() < names.len() {
            let number = u32::try_from(known.len()).unwrap_or(u32::MAX);
            let name = names.get(number).unwrap_or_default();
            let weight = self.positions[position].get(name);
            known.push(weight.copied().unwrap_or(0.0));
        }
        let mut total = 0.0;
        for (action, probability) in choice.actions.iter().zip(&mut *probabilities) {
            *probability = known[*action as usize];
            total += *probability;
        }
        if !(total > 0.0) {
            return Err(NoChoice::Nothing {
                actions: choice.actions.len(),
            });
        }
        for probability in probabilities {
            *probability /= total;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evaluation::choices::{Names, UncheckedChoices, Vocabulary};

    fn table(positions: &[&[(&str, f64)]]) -> Result<NamedTable, NotANamedTable> {
        let entry = |(name, weight): &(&str, f64)| ((*name).to_owned(), *weight);
        let position = |entries: &&[(&str, f64)]| entries.iter().map(entry).collect();
        NamedTable::new(positions.iter().map(position).collect())
    }

    fn chosen(
        table: &mut NamedTable,
        actions: Vec<u32>,
        position: u32,
    ) -> Result<Vec<f64>, NoChoice> {
        let columns = UncheckedChoices {
            ends: vec![actions.len()],
            chosen: vec![0],
            propensity: vec![0.5],
            reward: vec![0.0],
            position: vec![position],
            actions,
            ..UncheckedChoices::default()
        };
        let vocabulary = Vocabulary {
            actions: Arc::new(Names::from_iter(["tea", "cake", "lantern"])),
            ..Vocabulary::default()
        };
        let choices = Choices::new(columns, vocabulary).unwrap();
        let choice = choices.get(0);
        let mut probabilities = vec![0.0; choice.actions.len()];
        table.choose(&choices, &choice, &mut probabilities)?;
        Ok(probabilities)
    }

    #[test]
    fn what_is_on_offer_shares_the_probability() {
        let mut table = table(&[&[("tea", 0.25), ("cake", 0.75)], &[("lantern", 1.0)]]).unwrap();
        assert_eq!(
            chosen(&mut table, vec![0, 1, 2], 0),
            Ok(vec![0.25, 0.75, 0.0])
        );
        assert_eq!(chosen(&mut table, vec![2, 0], 0), Ok(vec![0.0, 1.0]));
        assert_eq!(chosen(&mut table, vec![0, 2], 7), Ok(vec![0.0, 1.0]));
        assert_eq!(
            chosen(&mut table, vec![0, 1], 1),
            Err(NoChoice::Nothing { actions: 2 })
        );
    }

    #[test]
    fn a_table_has_probabilities_at_every_position() {
        assert_eq!(table(&[]), Err(NotANamedTable::Empty));
        let gap = table(&[&[("tea", 1.0)], &[], &[("tea", 1.0)]]);
        assert_eq!(gap, Err(NotANamedTable::NoPosition { position: 1 }));
        let refused = table(&[&[("tea", f64::NAN)]]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "action \"tea\" has the probability NaN, not one in [0, 1]"
        );
    }
}
