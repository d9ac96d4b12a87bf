//! Sheets: CSV and Parquet files of named columns, held whole.
//!
//! They are the tables that an analyst brings: shoppers with what is known of
//! them, rows of features with a label. A Parquet file is known by its first
//! bytes, and so is one packed by gzip, which holds CSV. A column of CSV holds
//! numbers where every entry that is there is one, and else texts; spaces around
//! entries do not count. An entry is missing where Parquet has null or NaN, and
//! where CSV has nothing, `NA`, `N/A`, `NaN`, `nan`, `null` or `NULL`. Rows count
//! from 1, the header not among them.

#[cfg(feature = "offline")]
mod parquet;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use csv::{StringRecord, Trim};
use flate2::read::MultiGzDecoder;

use super::fault::{LogError, LogProblem, ReadFile, missing};

/// How Parquet begins.
const PARQUET: [u8; 4] = *b"PAR1";
/// How what gzip packed begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What CSV has in the place of an entry that is missing.
const MISSING: [&str; 7] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"];

/// A file's columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    name: String,
    rows: usize,
    columns: Vec<Column>,
}

/// A column, all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// An entry a row.
    pub values: Values,
}

/// The entries of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// NaN where one is missing.
    Numbers(Vec<f64>),
    /// `None` where one is missing.
    Texts(Vec<Option<String>>),
    /// Of a type that is neither, by its name: not read.
    Other(String),
}

impl Sheet {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is no table, has a column twice or no row.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let file = ReadFile::at(path);
        let read = read_columns(path).and_then(|(rows, columns)| {
            check_names(&columns)?;
            if rows == 0 {
                return Err(LogProblem::NoRows);
            }
            Ok((rows, columns))
        });
        match read {
            Ok((rows, columns)) => Ok(Self {
                name: file.name().to_owned(),
                rows,
                columns,
            }),
            Err(problem) => Err(file.refusal(problem)),
        }
    }

    /// The file's name, as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows it has: 1 or more.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in the order of the file.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of a name.
    ///
    /// # Errors
    /// When there is none; tells what there is.
    pub fn column(&self, name: &str) -> Result<&Column, LogError> {
        let found = self.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| {
            let names = self.columns.iter().map(|column| &*column.name);
            self.refusal(missing(name, names))
        })
    }

    /// The numbers of a column, NaN where one is missing.
    ///
    /// # Errors
    /// When there is no such column, or an entry that is there is no finite
    /// number.
    pub fn numbers(&self, name: &str) -> Result<&[f64], LogError> {
        let expected = "a finite number";
        let value = |row: usize, value: String| LogProblem::Value {
            row: row as u64 + 1,
            column: name.to_owned(),
            value,
            expected: expected.to_owned(),
        };
        let problem = match &self.column(name)?.values {
            Values::Numbers(numbers) => {
                match numbers.iter().position(|number| number.is_infinite()) {
                    None => return Ok(numbers),
                    Some(row) => value(row, numbers[row].to_string()),
                }
            }
            Values::Texts(texts) => {
                let no_number = |text: &Option<String>| {
                    text.as_deref()
                        .filter(|text| number_of(text).is_none())
                        .map(|text| format!("{text:?}"))
                };
                let mut found = texts.iter().enumerate();
                let found = found.find_map(|(row, text)| Some((row, no_number(text)?)));
                match found {
                    Some((row, text)) => value(row, text),
                    None => column_type(name, "text"),
                }
            }
            Values::Other(kind) => column_type(name, kind),
        };
        Err(self.refusal(problem))
    }

    /// A refusal that names the file.
    #[must_use]
    pub fn refusal(&self, problem: LogProblem) -> LogError {
        LogError {
            name: self.name.clone(),
            problem,
        }
    }
}

/// The column is of a type that holds no numbers.
fn column_type(name: &str, found: &str) -> LogProblem {
    LogProblem::ColumnType {
        column: name.to_owned(),
        found: found.to_owned(),
        expected: "numbers",
    }
}

fn check_names(columns: &[Column]) -> Result<(), LogProblem> {
    for (place, column) in columns.iter().enumerate() {
        if columns[..place]
            .iter()
            .any(|other| other.name == column.name)
        {
            let column = column.name.clone();
            return Err(LogProblem::RepeatedColumn { column });
        }
    }
    Ok(())
}

fn read_columns(path: &Path) -> Result<(usize, Vec<Column>), LogProblem> {
    let mut first = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut first)?;
    if first.is_empty() {
        return Err(LogProblem::Empty {
            expected: "a table as CSV or Parquet",
        });
    }
    if first != PARQUET {
        let is_packed = first.starts_with(&GZIP);
        return read_csv(&|| open_csv(path, is_packed));
    }
    #[cfg(feature = "offline")]
    return parquet::read(path);
    #[cfg(not(feature = "offline"))]
    return Err(LogProblem::OtherFormat {
        format: "CSV: it is Parquet, which this build does not read (feature offline)",
    });
}

fn open_csv(path: &Path, is_packed: bool) -> io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 16, File::open(path)?);
    Ok(if is_packed {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

/// Reads CSV twice, first to see which columns hold numbers, so that numbers
/// are never held as texts.
fn read_csv(
    open: &dyn Fn() -> io::Result<Box<dyn Read>>,
) -> Result<(usize, Vec<Column>), LogProblem> {
    let mut are_numbers = Vec::new();
    let header = each_record(open()?, |record| {
        are_numbers.resize(record.len(), true);
        for (are_numbers, text) in are_numbers.iter_mut().zip(record) {
            *are_numbers = *are_numbers && number_of(text).is_some();
        }
    })?;
    are_numbers.resize(header.len(), true);
    let mut columns: Vec<Column> = header
        .iter()
        .zip(are_numbers)
        .map(|(name, are_numbers)| Column {
            name: name.to_owned(),
            values: if are_numbers {
                Values::Numbers(Vec::new())
            } else {
                Values::Texts(Vec::new())
            },
        })
        .collect();
    let mut rows = 0;
    each_record(open()?, |record| {
        rows += 1;
        for (column, text) in columns.iter_mut().zip(record) {
            match &mut column.values {
                Values::Numbers(numbers) => numbers.push(number_of(text).unwrap_or(f64::NAN)),
                Values::Texts(texts) => texts.push(text_of(text)),
                Values::Other(_) => {}
            }
        }
    })?;
    Ok((rows, columns))
}

/// Gives `each` the records one by one, and answers with the header.
fn each_record(
    reader: impl Read,
    mut each: impl FnMut(&StringRecord),
) -> Result<StringRecord, LogProblem> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(Trim::All)
        .from_reader(reader);
    let told = |row: u64, error: csv::Error| {
        let text = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => LogProblem::Unreadable(error),
            _ => LogProblem::Undecodable { row, error: text },
        }
    };
    let header = reader.headers().map_err(|error| told(0, error))?.clone();
    let mut record = StringRecord::new();
    let mut row = 0;
    while reader
        .read_record(&mut record)
        .map_err(|error| told(row, error))?
    {
        row += 1;
        each(&record);
    }
    Ok(header)
}

/// The number of an entry, NaN of one that is missing.
fn number_of(text: &str) -> Option<f64> {
    if MISSING.contains(&text) {
        return Some(f64::NAN);
    }
    text.parse().ok().filter(|number: &f64| !number.is_nan())
}

fn text_of(text: &str) -> Option<String> {
    (!MISSING.contains(&text)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Sheet, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sheet.csv");
        fs::write(&path, bytes).unwrap();
        Sheet::read(&path).map_err(|error| told(&error))
    }

    /// What is wrong, without the file's name.
    fn told(error: &LogError) -> String {
        error.problem.to_string()
    }

    const SHOPPERS: &[u8] = b"id,spend,city,note\na1, 12.5 ,Lyon,\nb2,NA,Turin,\nc3,-1e2,,\n";

    #[test]
    fn columns_are_numbers_or_texts_and_may_have_gaps() {
        let sheet = read(SHOPPERS).unwrap();
        assert_eq!((sheet.rows(), sheet.columns().len()), (3, 4));
        let spend = sheet.numbers("spend").unwrap();
        assert_eq!((spend[0], spend[2]), (12.5, -100.0));
        assert!(spend[1].is_nan());
        let city = Values::Texts(vec![
            Some("Lyon".to_owned()),
            Some("Turin".to_owned()),
            None,
        ]);
        assert_eq!(sheet.column("city").unwrap().values, city);
        let note = sheet.numbers("note").unwrap();
        assert!(note.iter().all(|entry| entry.is_nan()));
    }

    #[test]
    fn a_packed_sheet_is_the_same_sheet() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(SHOPPERS).unwrap();
        let packed = read(&packed.finish().unwrap()).unwrap();
        let plain = read(SHOPPERS).unwrap();
        assert_eq!(packed.columns()[0], plain.columns()[0]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let sheet = read(b"a,b,c\n1,x,inf\n2,3,1\n").unwrap();
        for (column, message) in [
            ("d", "there is no column d; there are a, b, c"),
            ("b", "row 1, column b: \"x\" is not a finite number"),
            ("c", "row 1, column c: inf is not a finite number"),
        ] {
            assert_eq!(told(&sheet.numbers(column).unwrap_err()), message);
        }
        for (text, message) in [
            (
                "",
                "the file is empty, a table as CSV or Parquet was expected",
            ),
            ("a,b\n", "the file has no row, at least 1 was expected"),
            ("a,a\n1,2\n", "column a is there twice"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err(), message);
        }
        let ragged = read(b"a,b\n1,2\n3\n").unwrap_err();
        assert!(
            ragged.starts_with("after row 1 the file could not be decoded"),
            "{ragged}"
        );
        let absent = Sheet::read(Path::new("/nowhere.csv"))
            .unwrap_err()
            .to_string();
        assert!(
            absent.starts_with("/nowhere.csv: the file could not be read"),
            "{absent}"
        );
    }
}
