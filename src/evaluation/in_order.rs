//! Rounds one by one, in the order of the log, for what learns from the rounds
//! before: the actions that were on offer, what the target and the logging
//! policy would do with each, and which cell of a reward model each is.

use super::logged::Rounds;
use super::target::TargetTable;

/// Logged choices: a model knows an action at each of the first positions by
/// itself, at all later ones together.
const POSITIONS: u32 = 8;

/// A round. The actions that were on offer stand in one order.
#[derive(Debug, Clone, Copy)]
pub struct Round<'a> {
    /// Which cell of the reward model each action is.
    pub cells: Cells<'a>,
    /// π(a) of each.
    pub target: &'a [f64],
    /// p₀(a) of each, where the log knows it.
    pub logging: Option<&'a [f64]>,
    /// Which of them was chosen.
    pub chosen: usize,
    /// w of the chosen one.
    pub weight: f64,
    /// r, in the declared range.
    pub reward: f64,
}

/// Numbers of the reward model's cells.
#[derive(Debug, Clone, Copy)]
pub enum Cells<'a> {
    /// One after the other, from this one.
    From(usize),
    /// One by one.
    Listed(&'a [u32]),
}

impl Cells<'_> {
    /// The cell of the action at a place.
    ///
    /// # Panics
    /// When cells are listed and there is none at `place`.
    #[must_use]
    pub fn get(self, place: usize) -> usize {
        match self {
            Self::From(first) => first + place,
            Self::Listed(cells) => cells[place] as usize,
        }
    }
}

/// Hands a batch's rounds over in their order: of logged choices, or of columns
/// that were weighed for `table`. Of columns without a table there are none.
pub fn in_order(rounds: &Rounds, table: Option<&TargetTable>, mut take: impl FnMut(&Round<'_>)) {
    let rows = rounds.weight().iter().zip(rounds.reward());
    if let Some((choices, target)) = rounds.choices().zip(rounds.target_probabilities()) {
        let mut cells = Vec::new();
        for (index, (weight, reward)) in rows.enumerate() {
            let choice = choices.get(index);
            let position = choice.position.min(POSITIONS - 1);
            let cell = |action: &u32| action * POSITIONS + position;
            cells.clear();
            cells.extend(choice.actions.iter().map(cell));
            take(&Round {
                cells: Cells::Listed(&cells),
                target: &target[choices.span(index)],
                logging: choice.probabilities,
                chosen: choice.chosen,
                weight: *weight,
                reward: *reward,
            });
        }
        return;
    }
    let Some(table) = table else { return };
    let actions = table.actions();
    for (cell, (weight, reward)) in rounds.cell().iter().zip(rows) {
        let cell = *cell as usize;
        let position = cell / actions;
        take(&Round {
            cells: Cells::From(position * actions),
            target: table.at(position),
            logging: None,
            chosen: cell % actions,
            weight: *weight,
            reward: *reward,
        });
    }
}
