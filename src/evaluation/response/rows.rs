//! Rows of features, each with what came of it.

use thiserror::Error;

use crate::learning::linear::regression::MOST_WEIGHTS;

/// The most features; the intercept is one weight more.
pub const MOST_FEATURES: usize = MOST_WEIGHTS - 1;

/// Rows without gaps and without repetitions, of both classes, no feature the
/// same in all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseRows {
    names: Vec<String>,
    /// Row after row.
    features: Vec<f64>,
    responses: Vec<bool>,
    /// Where each row was, from 0, among all rows that were given.
    places: Vec<usize>,
    left_out: LeftOut,
}

/// How many rows were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// A feature or the response was missing.
    pub missing: usize,
    /// Among the others, an earlier row had the same features and the same
    /// response.
    pub duplicates: usize,
}

/// Why rows cannot be fitted on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRows {
    /// There is nothing to tell rows by.
    #[error("there is no feature, at least 1 is needed")]
    NoFeature,
    /// Solving would not end.
    #[error("there are {0} features, at most {MOST_FEATURES} can be fitted")]
    TooManyFeatures(usize),
    /// Row numbers are kept in 32 bits.
    #[error("there are {0} rows, at most 4294967295 can be fitted")]
    TooManyRows(usize),
    /// All rows have a gap.
    #[error("no row is left: all {missing} lack an entry{emptiest}")]
    NoRow {
        /// How many rows there were.
        missing: usize,
        /// The feature with the most gaps, in words.
        emptiest: String,
    },
    /// Nothing to tell apart.
    #[error("all {rows} rows that are left {response}: both kinds are needed")]
    OneClass {
        /// How many rows are left.
        rows: usize,
        /// Whether they are those who responded, in words.
        response: &'static str,
    },
    /// They say nothing, and cannot be brought to deviation 1.
    #[error("constant over all rows that are left: {0}; leave such features out")]
    Constant(String),
}

impl ResponseRows {
    /// From named columns, NaN where an entry is missing, and the responses. A
    /// row with a gap is left out, then one that repeats an earlier row.
    ///
    /// # Errors
    /// See [`BadRows`].
    ///
    /// # Panics
    /// When a column has not one entry a response, which is an error of the
    /// caller.
    pub fn new(columns: &[(&str, &[f64])], responses: &[Option<bool>]) -> Result<Self, BadRows> {
        check_sizes(columns.len(), responses.len())?;
        assert!(
            columns
                .iter()
                .all(|(_, entries)| entries.len() == responses.len()),
            "columns have an entry a response"
        );
        let is_whole = |place: &usize| columns.iter().all(|(_, entries)| !entries[*place].is_nan());
        let whole = (0..responses.len()).filter_map(|place| Some((place, responses[place]?)));
        let whole: Vec<(usize, bool)> = whole.filter(|(place, _)| is_whole(place)).collect();
        if whole.is_empty() {
            return Err(no_row(columns, responses.len()));
        }
        let missing = responses.len() - whole.len();
        let kept = without_repetitions(columns, &whole);
        let duplicates = whole.len() - kept.len();
        let row = |(place, _): &(usize, bool)| {
            let place = *place;
            columns.iter().map(move |(_, entries)| entries[place])
        };
        let rows = Self {
            names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            features: kept.iter().flat_map(row).collect(),
            responses: kept.iter().map(|(_, response)| *response).collect(),
            places: kept.iter().map(|(place, _)| *place).collect(),
            left_out: LeftOut {
                missing,
                duplicates,
            },
        };
        rows.check()?;
        Ok(rows)
    }

    fn check(&self) -> Result<(), BadRows> {
        if self
            .responses
            .iter()
            .all(|response| *response == self.responses[0])
        {
            return Err(BadRows::OneClass {
                rows: self.len(),
                response: if self.responses[0] {
                    "responded"
                } else {
                    "did not respond"
                },
            });
        }
        let first = self.row(0);
        let constant = self.names.iter().enumerate().filter(|(place, _)| {
            let entries = self.features.iter().skip(*place).step_by(self.width());
            entries.clone().all(|entry| *entry == first[*place])
        });
        let told: Vec<String> = constant
            .map(|(place, name)| format!("{name} ({})", first[place]))
            .collect();
        if told.is_empty() {
            Ok(())
        } else {
            Err(BadRows::Constant(told.join(", ")))
        }
    }

    /// The names of the features.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many features a row has.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.names.len()
    }

    /// How many rows there are: 2 or more.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub const fn len(&self) -> usize {
        self.responses.len()
    }

    /// The features of a row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.features[row * self.width()..][..self.width()]
    }

    /// Whether each row responded.
    #[must_use]
    pub fn responses(&self) -> &[bool] {
        &self.responses
    }

    /// Where each row was, from 0, among all that were given.
    #[must_use]
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// How many rows were left out.
    #[must_use]
    pub const fn left_out(&self) -> LeftOut {
        self.left_out
    }
}

fn check_sizes(features: usize, rows: usize) -> Result<(), BadRows> {
    if features == 0 {
        return Err(BadRows::NoFeature);
    }
    if features > MOST_FEATURES {
        return Err(BadRows::TooManyFeatures(features));
    }
    if u32::try_from(rows).is_err() {
        return Err(BadRows::TooManyRows(rows));
    }
    Ok(())
}

fn no_row(columns: &[(&str, &[f64])], rows: usize) -> BadRows {
    let gaps = |entries: &[f64]| entries.iter().filter(|entry| entry.is_nan()).count();
    let counted = columns.iter().map(|(name, entries)| (gaps(entries), *name));
    // Of equals the first.
    let most = counted.reduce(|most, next| if next.0 > most.0 { next } else { most });
    let emptiest = match most {
        Some((gaps, name)) if gaps > 0 => format!(", {name} in {gaps} of them"),
        _ => String::new(),
    };
    BadRows::NoRow {
        missing: rows,
        emptiest,
    }
}

/// The first of each set of equal rows, in their order.
fn without_repetitions(columns: &[(&str, &[f64])], rows: &[(usize, bool)]) -> Vec<(usize, bool)> {
    // −0 is 0.
    let bits = |place: usize| {
        columns
            .iter()
            .map(move |(_, entries)| (entries[place] + 0.0).to_bits())
    };
    let same = |left: &(usize, bool), right: &(usize, bool)| {
        bits(left.0).cmp(bits(right.0)).then(left.1.cmp(&right.1))
    };
    let mut sorted = rows.to_vec();
    // Stable: the first of equal rows stays the first.
    sorted.sort_by(same);
    sorted.dedup_by(|later, first| same(later, first).is_eq());
    sorted.sort_unstable_by_key(|(place, _)| *place);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);

    #[test]
    fn rows_with_gaps_and_repeated_rows_are_left_out() {
        let (x, y) = (
            [1.0, 0.0, 1.0, f64::NAN, -0.0, 1.0, 1.0],
            [2.0, 5.0, 2.0, 1.0, 5.0, 2.0, 9.0],
        );
        let responses = [YES, NO, YES, NO, NO, NO, None];
        let rows = ResponseRows::new(&[("x", &x), ("y", &y)], &responses).unwrap();
        assert_eq!(rows.places(), [0, 1, 5]);
        assert_eq!(
            rows.left_out(),
            LeftOut {
                missing: 2,
                duplicates: 2
            }
        );
        assert_eq!(rows.responses(), [true, false, false]);
        assert_eq!(rows.row(2), [1.0, 2.0]);
    }

    #[test]
    fn what_cannot_be_fitted_is_told() {
        let told = |columns: &[(&str, &[f64])], responses: &[Option<bool>]| {
            ResponseRows::new(columns, responses)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            told(&[], &[YES]),
            "there is no feature, at least 1 is needed"
        );
        let wide = vec![("x", [1.0].as_slice()); 1_024];
        let message = "there are 1024 features, at most 1023 can be fitted";
        assert_eq!(told(&wide, &[YES]), message);
        let (gaps, entries) = ([1.0, f64::NAN, f64::NAN], [1.0, 2.0, 3.0]);
        let message = "no row is left: all 3 lack an entry, g in 2 of them";
        assert_eq!(
            told(&[("x", &entries), ("g", &gaps)], &[None, YES, NO]),
            message
        );
        let message = "no row is left: all 3 lack an entry";
        assert_eq!(told(&[("x", &entries)], &[None; 3]), message);
        let message = "all 2 rows that are left did not respond: both kinds are needed";
        assert_eq!(told(&[("x", &entries)], &[NO, NO, None]), message);
        let message =
            "constant over all rows that are left: c (7), d (0.5); leave such features out";
        let constant = [
            ("c", [7.0; 3].as_slice()),
            ("x", &entries),
            ("d", &[0.5; 3]),
        ];
        assert_eq!(told(&constant, &[YES, NO, NO]), message);
    }
}
