//! Classified data sets, as CSV or Parquet: a column `label` and one column a
//! feature; and the orders in which their rows are visited, one column
//! `seed_N` a seed.
//!
//! A Parquet file is known by its first bytes. Features are numbers; labels are
//! whole numbers or texts, and become the classes 0, 1, … in ascending order.
//! Files are held whole: data sets are small.

#[cfg(feature = "offline")]
mod parquet;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use thiserror::Error;

/// How Parquet begins.
const MAGIC: [u8; 4] = *b"PAR1";

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

/// A file that is no data set, or holds no orders.
#[derive(Debug, Error)]
#[error("{file}: {problem}")]
pub struct ClassificationError {
    file: String,
    problem: String,
}

/// A column, all of it.
#[derive(Debug, Clone, PartialEq)]
enum Values {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Default)]
struct Table {
    columns: Vec<(String, Values)>,
}

/// Reads a data set.
///
/// # Errors
/// When the file cannot be read, has no column `label` or no other, or a value
/// is no number; names the column and the row.
pub fn read_rows(path: &Path) -> Result<ClassifiedRows, ClassificationError> {
    read_table(path).and_then(classified).map_err(about(path))
}

/// Reads the orders of visiting: row numbers from 0, by seed.
///
/// # Errors
/// When the file cannot be read, has no column `seed_N`, or an entry is no
/// whole number of 0 or more.
pub fn read_orders(path: &Path) -> Result<Vec<(u64, Vec<usize>)>, ClassificationError> {
    read_table(path).and_then(orders).map_err(about(path))
}

fn about(path: &Path) -> impl FnOnce(String) -> ClassificationError {
    let file = path.display().to_string();
    move |problem| ClassificationError { file, problem }
}

fn read_table(path: &Path) -> Result<Table, String> {
    let mut file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut first = Vec::new();
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    file.by_ref()
        .take(4)
        .read_to_end(&mut first)
        .map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    if first != MAGIC {
        return from_csv(file);
    }
    #[cfg(feature = "offline")]
    return parquet::read(file);
    #[cfg(not(feature = "offline"))]
    return Err("is Parquet, which this build does not read (feature offline)".to_owned());
}

fn from_csv(file: File) -> Result<Table, String> {
    let mut reader = csv::Reader::from_reader(std::io::BufReader::new(file));
    let told = |error: csv::Error| format!("is not CSV: {error}");
    let header = reader.headers().map_err(told)?.clone();
    let mut texts: Vec<Vec<String>> = vec![Vec::new(); header.len()];
    for record in reader.records() {
        for (column, text) in texts.iter_mut().zip(&record.map_err(told)?) {
            column.push(text.trim().to_owned());
        }
    }
    let columns = header.iter().map(str::to_owned).zip(texts);
    let typed = columns.map(|(name, texts)| (name, numbers_or_texts(texts)));
    Ok(Table {
        columns: typed.collect(),
    })
}

fn numbers_or_texts(texts: Vec<String>) -> Values {
    let numbers: Result<Vec<f64>, _> = texts.iter().map(|text| text.parse()).collect();
    numbers.map_or(Values::Texts(texts), Values::Numbers)
}

fn classified(table: Table) -> Result<ClassifiedRows, String> {
    let mut labels = None;
    let mut features: Vec<Vec<f64>> = Vec::new();
    for (name, values) in table.columns {
        match values {
            values if name == LABEL => labels = Some(classes(values)),
            Values::Numbers(numbers) => features.push(numbers),
            Values::Texts(texts) => {
                let is_number = |text: &String| text.parse::<f64>().is_ok();
                let row = texts.iter().position(|text| !is_number(text)).unwrap_or(0);
                let shown = texts.get(row).map_or("", String::as_str);
                return Err(format!(
                    "column {name:?} has {shown:?} in row {row}, a feature must be a number"
                ));
            }
        }
    }
    let labels = labels.ok_or_else(|| format!("has no column {LABEL:?}"))?;
    if features.is_empty() {
        return Err(format!("has no column beside {LABEL:?}"));
    }
    let rows = 0..labels.len();
    let row = |row: usize| features.iter().map(move |column| column[row]);
    Ok(ClassifiedRows {
        dimension: features.len(),
        features: rows.flat_map(row).collect(),
        labels,
    })
}

/// The place of each label among all of them, ascending.
fn classes(values: Values) -> Vec<usize> {
    match values {
        Values::Numbers(mut numbers) => {
            // −0 and 0 are one class.
            numbers.iter_mut().for_each(|number| *number += 0.0);
            let bits = |number: &f64| {
                let bits = number.to_bits();
                // Ascending with the number, as `f64::total_cmp` has it.
                if bits >> 63 == 1 {
                    !bits
                } else {
                    bits | 1 << 63
                }
            };
            ranks(numbers.iter().map(bits).collect())
        }
        Values::Texts(texts) => ranks(texts),
    }
}

fn ranks<T: Ord + Clone>(values: Vec<T>) -> Vec<usize> {
    let mut known: BTreeMap<T, usize> = values.iter().cloned().map(|value| (value, 0)).collect();
    for (rank, place) in known.values_mut().enumerate() {
        *place = rank;
    }
    values.iter().map(|value| known[value]).collect()
}

fn orders(table: Table) -> Result<Vec<(u64, Vec<usize>)>, String> {
    let mut orders = Vec::new();
    for (name, values) in table.columns {
        let Some(seed) = name.strip_prefix(SEED).and_then(|seed| seed.parse().ok()) else {
            continue;
        };
        let Values::Numbers(numbers) = values else {
            return Err(format!(
                "column {name:?} holds texts, it must hold row numbers"
            ));
        };
        let mut order = Vec::with_capacity(numbers.len());
        for (place, number) in numbers.into_iter().enumerate() {
            if !((0.0..4e9).contains(&number) && number.fract() == 0.0) {
                return Err(format!(
                    "column {name:?} has {number} in row {place}, it must be a whole number from 0"
                ));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // looked at
            order.push(number as usize);
        }
        orders.push((seed, order));
    }
    if orders.is_empty() {
        return Err(format!("has no column \"{SEED}N\""));
    }
    Ok(orders)
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
            ("x,y\n1,2\n", "has no column \"label\""),
            ("label\n1\n", "has no column beside \"label\""),
            (
                "x,label\n1,2\nred,2\n",
                "column \"x\" has \"red\" in row 1, a feature must be a number",
            ),
        ] {
            let (_kept, path) = file("bad.csv", text);
            let told = read_rows(&path).unwrap_err().to_string();
            assert_eq!(told, format!("{}: {message}", path.display()));
        }
        for (text, message) in [
            ("a\n1\n", "has no column \"seed_N\""),
            (
                "seed_1\n0\n1.5\n",
                "column \"seed_1\" has 1.5 in row 1, it must be a whole number from 0",
            ),
        ] {
            let (_kept, path) = file("bad.csv", text);
            let told = read_orders(&path).unwrap_err().to_string();
            assert_eq!(told, format!("{}: {message}", path.display()));
        }
        let told = read_rows(Path::new("/nowhere.csv"))
            .unwrap_err()
            .to_string();
        assert!(told.starts_with("/nowhere.csv: cannot be opened"), "{told}");
    }
}
