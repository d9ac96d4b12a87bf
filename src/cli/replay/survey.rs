//! A first reading of a log: what is in it, and whether its policy was
//! uniform.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::logs::obd::{ObdError, ObdReader, ObdRow};

/// How far `propensity · items` may be from 1: logs round their decimals.
const TOLERANCE: f64 = 1e-6;

/// What a log holds.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many impressions.
    pub rows: u64,
    /// How many of them were clicked.
    pub clicks: u64,
    /// Which items were shown at each position.
    pub items: BTreeMap<u32, BTreeSet<u32>>,
    /// The row and propensity of the least and of the greatest propensity.
    propensities: Option<[(u64, f64); 2]>,
}

impl Survey {
    /// Reads a log to its end.
    ///
    /// # Errors
    /// When the log is refused.
    pub fn of(log: &Path) -> Result<Self, ObdError> {
        let mut survey = Self::default();
        for row in ObdReader::open(log)? {
            survey.add(&row?);
        }
        Ok(survey)
    }

    fn add(&mut self, row: &ObdRow) {
        self.rows += 1;
        self.clicks += u64::from(row.click);
        let items = self.items.entry(row.position).or_default();
        items.insert(row.item_id);
        let here = (row.row, row.propensity_score.get());
        let [least, greatest] = self.propensities.get_or_insert([here, here]);
        if here.1 < least.1 {
            *least = here;
        }
        if here.1 > greatest.1 {
            *greatest = here;
        }
    }

    /// Why the logging policy was not uniform over so many items, if it was
    /// not: a row and its propensity.
    pub fn not_uniform(&self, items: usize) -> Option<(u64, f64)> {
        #[allow(clippy::cast_precision_loss)] // a catalogue's items
        let count = items as f64;
        let off = |(_, propensity): &(u64, f64)| !((propensity * count - 1.0).abs() <= TOLERANCE);
        self.propensities?.into_iter().find(off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(rows: &str) -> Survey {
        let text = format!("timestamp,item_id,position,click,propensity_score\n{rows}");
        let mut survey = Survey::default();
        for row in ObdReader::new("log", text.as_bytes()).expect("a header") {
            survey.add(&row.expect("a row"));
        }
        survey
    }

    #[test]
    fn equal_propensities_of_all_items_are_uniform() {
        let rows =
            "2019-11-24T00:00:00Z,0,1,0,0.333333333\n2019-11-24T00:00:01Z,1,2,1,0.333333333\n";
        let survey = survey(rows);
        assert_eq!((survey.rows, survey.clicks), (2, 1));
        assert_eq!(survey.not_uniform(3), None);
        assert_eq!(survey.not_uniform(2), Some((1, 0.333_333_333)));
    }

    #[test]
    fn one_other_propensity_is_not_uniform() {
        let rows = "2019-11-24T00:00:00Z,0,1,0,0.5\n2019-11-24T00:00:01Z,1,1,1,0.25\n";
        assert_eq!(survey(rows).not_uniform(2), Some((2, 0.25)));
    }
}
