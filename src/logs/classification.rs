//! Classified data sets, as CSV or Parquet: a column `label` and one column a
//! feature; and the orders in which their rows are visited, one column
//! `seed_N` a seed.
//!
//! [`sheet`](super::sheet) reads the file. Features are numbers; labels are
//! whole numbers or texts, and become the classes 0, 1, … in ascending order; no
//! entry is missing.

use std::collections::BTreeMap;
use std::path::Path;

use super::fault::{LogError, LogProblem, missing};
use super::sheet::{Sheet, Values};

/// The column of the classes.
const LABEL: &str = "label";

/// What the columns of orders begin with.
const SEED: &str = "seed_";

/// A data set.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifiedRows {
    /// Features of a row.
    pub dimension: usize,
    /// All rows' features, row after row.
    pub features: Vec<f64>,
    /// Each row's class, from 0.
    pub labels: Vec<usize>,
}

/// Reads a data set.
///
/// # Errors
/// When the file cannot be read, has no column `label` or no other, or a value
/// is missing or no number; names the column and the row.
pub fn read_rows(path: &Path) -> Result<ClassifiedRows, LogError> {
    let sheet = Sheet::read(path)?;
    let labels = classes(&sheet)?;
    let mut features = Vec::new();
    for column in sheet.columns().iter().filter(|it| it.name != LABEL) {
        features.push(numbers(&sheet, &column.name)?);
    }
    if features.is_empty() {
        let found = format!("{LABEL} alone");
        let column = "of a feature".to_owned();
        return Err(sheet.refusal(LogProblem::MissingColumn { column, found }));
    }
    let row = |row: usize| features.iter().map(move |column| column[row]);
    Ok(ClassifiedRows {
        dimension: features.len(),
        features: (0..sheet.rows()).flat_map(row).collect(),
        labels,
    })
}

/// Reads the orders of visiting: row numbers from 0, by seed.
///
/// # Errors
/// When the file cannot be read, has no column `seed_N`, or an entry is no
/// whole number of 0 or more.
pub fn read_orders(path: &Path) -> Result<Vec<(u64, Vec<usize>)>, LogError> {
    let sheet = Sheet::read(path)?;
    let mut orders = Vec::new();
    for column in sheet.columns() {
        let name = &column.name;
        let Some(seed) = name.strip_prefix(SEED).and_then(|seed| seed.parse().ok()) else {
            continue;
        };
        let mut order = Vec::with_capacity(sheet.rows());
        for (row, number) in numbers(&sheet, name)?.iter().enumerate() {
            if !((0.0..4e9).contains(number) && number.fract() == 0.0) {
                return Err(sheet.refusal(LogProblem::Value {
                    row: row as u64 + 1,
                    column: name.clone(),
                    value: number.to_string(),
                    expected: "a whole number from 0".to_owned(),
                }));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // looked at
            order.push(*number as usize);
        }
        orders.push((seed, order));
    }
    if orders.is_empty() {
        let names = sheet.columns().iter().map(|column| &*column.name);
        return Err(sheet.refusal(missing(&format!("{SEED}N"), names)));
    }
    Ok(orders)
}

/// The numbers of a column, none of them missing.
fn numbers<'a>(sheet: &'a Sheet, name: &str) -> Result<&'a [f64], LogError> {
    let numbers = sheet.numbers(name)?;
    match numbers.iter().position(|number| number.is_nan()) {
        None => Ok(numbers),
        Some(row) => Err(nothing_there(sheet, name, row)),
    }
}

fn nothing_there(sheet: &Sheet, name: &str, row: usize) -> LogError {
    sheet.refusal(LogProblem::Value {
        row: row as u64 + 1,
        column: name.to_owned(),
        value: "an entry that is missing".to_owned(),
        expected: "allowed here".to_owned(),
    })
}

/// The place of each label among all of them, ascending.
fn classes(sheet: &Sheet) -> Result<Vec<usize>, LogError> {
    if let Values::Texts(texts) = &sheet.column(LABEL)?.values {
        return match texts.iter().position(Option::is_none) {
            None => Ok(ranks(texts)),
            Some(row) => Err(nothing_there(sheet, LABEL, row)),
        };
    }
    let bits = |number: &f64| {
        // −0 and 0 are one class.
        let bits = (number + 0.0).to_bits();
        // Ascending with the number, as `f64::total_cmp` has it.
        if bits >> 63 == 1 {
            !bits
        } else {
            bits | 1 << 63
        }
    };
    let numbers = numbers(sheet, LABEL)?;
    Ok(ranks(&numbers.iter().map(bits).collect::<Vec<_>>()))
}

fn ranks<T: Ord>(values: &[T]) -> Vec<usize> {
    let mut known: BTreeMap<&T, usize> = values.iter().map(|value| (value, 0)).collect();
    for (rank, place) in known.values_mut().enumerate() {
        *place = rank;
    }
    values.iter().map(|value| known[value]).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn rows_and_classes_are_read_from_csv() {
        let (_kept, path) = file("a.csv", "x,label,y\n1.5,7,-2\n0.5,-1,3e1\n2,7,0\n");
        let rows = read_rows(&path).unwrap();
        assert_eq!(rows.dimension, 2);
        assert_eq!(rows.features, [1.5, -2.0, 0.5, 30.0, 2.0, 0.0]);
        assert_eq!(rows.labels, [1, 0, 1]);
        let (_kept, path) = file("b.csv", "x,label\n1,van\n2,bus\n3,van\n");
        assert_eq!(read_rows(&path).unwrap().labels, [1, 0, 1]);
    }

    #[test]
    fn orders_are_read_by_seed() {
        let (_kept, path) = file("o.csv", "seed_0,seed_12\n1,0\n0,1\n");
        let orders = read_orders(&path).unwrap();
        assert_eq!(orders, [(0, vec![1, 0]), (12, vec![0, 1])]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("x,y\n1,2\n", "there is no column label; there are x, y"),
            (
                "label\n1\n",
                "there is no column of a feature; there are label alone",
            ),
            (
                "x,label\n1,2\nred,2\n",
                "row 2, column x: \"red\" is not a finite number",
            ),
            (
                "x,label\n1,2\n3,\n",
                "row 2, column label: an entry that is missing is not allowed here",
            ),
        ] {
            let (_kept, path) = file("bad.csv", text);
            let told = read_rows(&path).unwrap_err().to_string();
            assert_eq!(told, format!("{}: {message}", path.display()));
        }
        for (text, message) in [
            ("a\n1\n", "there is no column seed_N; there are a"),
            (
                "seed_1\n0\n1.5\n",
                "row 2, column seed_1: 1.5 is not a whole number from 0",
            ),
        ] {
            let (_kept, path) = file("bad.csv", text);
            let told = read_orders(&path).unwrap_err().to_string();
            assert_eq!(told, format!("{}: {message}", path.display()));
        }
        let told = read_rows(Path::new("/nowhere.csv"))
            .unwrap_err()
            .to_string();
        assert!(
            told.starts_with("/nowhere.csv: the file could not be read"),
            "{told}"
        );
    }
}
