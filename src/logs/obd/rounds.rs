//! A log of the Open Bandit Dataset as rounds for evaluation.

use std::collections::BTreeMap;
use std::path::Path;

use thiserror::Error;

use super::{ObdError, ObdReader, ObdRow, POSITIONS};
use crate::evaluation::logged::{RewardRange, RoundFault, Rounds, UncheckedRounds};
use crate::evaluation::target::TargetTable;

/// Rows in a batch.
const BATCH_ROWS: usize = 8_192;

/// The items that a log shows or a target chooses, numbered from 0 in the
/// order of their ids: the actions of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObdActions(BTreeMap<u32, u32>);

impl ObdActions {
    /// Of these items.
    ///
    /// # Panics
    /// When there are 2³² items or more.
    #[must_use]
    pub fn new(items: impl IntoIterator<Item = u32>) -> Self {
        let unnumbered: BTreeMap<u32, u32> = items.into_iter().map(|item| (item, 0)).collect();
        let numbered = unnumbered.into_keys().enumerate().map(|(number, item)| {
            let number = u32::try_from(number).expect("item ids have 32 bits");
            (item, number)
        });
        Self(numbered.collect())
    }

    /// Of every item that a log shows; the log is read to its end.
    ///
    /// # Errors
    /// When the log is refused.
    pub fn of_log(path: &Path) -> Result<Self, ObdError> {
        let mut items = std::collections::BTreeSet::new();
        for row in ObdReader::open(path)? {
            items.insert(row?.item_id);
        }
        Ok(Self::new(items))
    }

    /// The items, in the order of their numbers.
    pub fn items(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.0.keys().copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of an item.
    #[must_use]
    pub fn number(&self, item: u32) -> Option<u32> {
        self.0.get(&item).copied()
    }
}

/// Why a log gives no rounds.
#[derive(Debug, Error)]
pub enum ObdRoundsError {
    /// The log is refused.
    #[error(transparent)]
    Log(#[from] ObdError),
    /// An item that is no action.
    #[error("{name}: row {row}, column item_id: {item} is not an item of the target")]
    UnknownItem {
        /// The log.
        name: String,
        /// Where.
        row: u64,
        /// Which.
        item: u32,
    },
    /// A value that evaluation does not allow.
    #[error("{name}: row {row}, column {column}: {value} is not {expected}", column = .fault.column, value = .fault.value, expected = .fault.expected)]
    Round {
        /// The log.
        name: String,
        /// Where.
        row: u64,
        /// What.
        fault: RoundFault,
    },
}

/// Reads a log batch by batch, weighed for a target: the click is the reward,
/// position 1 is 0. After the first refusal it gives nothing more.
#[derive(Debug)]
pub struct ObdRounds<'a> {
    reader: ObdReader<'static>,
    actions: &'a ObdActions,
    target: &'a TargetTable,
    range: RewardRange,
    rows: u64,
    ended: bool,
}

impl<'a> ObdRounds<'a> {
    /// Opens a log.
    ///
    /// # Errors
    /// When it cannot be read, or its header is not a log's.
    pub fn open(
        path: &Path,
        actions: &'a ObdActions,
        target: &'a TargetTable,
        range: RewardRange,
    ) -> Result<Self, ObdRoundsError> {
        Ok(Self {
            reader: ObdReader::open(path)?,
            actions,
            target,
            range,
            rows: 0,
            ended: false,
        })
    }

    /// How many positions a target needs.
    #[must_use]
    pub const fn positions() -> usize {
        POSITIONS as usize
    }

    fn read_batch(&mut self) -> Result<Option<Rounds>, ObdRoundsError> {
        let mut columns = UncheckedRounds::default();
        let first_row = self.rows + 1;
        while columns.reward.len() < BATCH_ROWS {
            let Some(row) = self.reader.next().transpose()? else {
                break;
            };
            self.rows = row.row;
            self.push(&row, &mut columns)?;
        }
        if columns.reward.is_empty() {
            return Ok(None);
        }
        let rounds = Rounds::new(columns, self.target, self.range);
        rounds.map(Some).map_err(|fault| ObdRoundsError::Round {
            name: self.reader.name().to_owned(),
            row: first_row + fault.index as u64,
            fault,
        })
    }

    fn push(&self, row: &ObdRow, columns: &mut UncheckedRounds) -> Result<(), ObdRoundsError> {
        let number = self.actions.number(row.item_id);
        let number = number.ok_or_else(|| ObdRoundsError::UnknownItem {
            name: self.reader.name().to_owned(),
            row: row.row,
            item: row.item_id,
        })?;
        columns.reward.push(f64::from(u8::from(row.click)));
        columns.action.push(number);
        // The reader gives positions from 1.
        columns.position.push(row.position - 1);
        columns.propensity.push(row.propensity_score.get());
        Ok(())
    }
}

impl Iterator for ObdRounds<'_> {
    type Item = Result<Rounds, ObdRoundsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.read_batch().transpose();
        self.ended = !matches!(batch, Some(Ok(_)));
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "timestamp,item_id,position,click,propensity_score\n\
        2019-11-24 00:00:01.000000+00:00,7,1,0,0.5\n\
        2019-11-24 00:00:02.000000+00:00,3,2,1,0.25\n";

    #[test]
    fn a_log_becomes_weighed_rounds() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("log.csv");
        std::fs::write(&path, LOG).unwrap();
        let actions = ObdActions::of_log(&path).unwrap();
        assert_eq!(actions.items().collect::<Vec<_>>(), [3, 7]);
        let target = TargetTable::uniform(actions.len(), ObdRounds::positions()).unwrap();
        let range = RewardRange::UNIT;
        let rounds = ObdRounds::open(&path, &actions, &target, range).unwrap();
        let batches: Vec<Rounds> = rounds.map(Result::unwrap).collect();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].reward(), [0.0, 1.0]);
        assert_eq!(batches[0].weight(), [1.0, 2.0]);

        let few = ObdActions::new([3]);
        let mut rounds = ObdRounds::open(&path, &few, &target, range).unwrap();
        let refused = rounds.next().unwrap().unwrap_err().to_string();
        assert!(refused.ends_with("row 1, column item_id: 7 is not an item of the target"));
        assert!(rounds.next().is_none());
    }
}
