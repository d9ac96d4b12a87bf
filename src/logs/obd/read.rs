//! The streaming reader.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use thiserror::Error;

use super::{ObdRow, POSITIONS};
use crate::domain::distribution::Propensity;
use crate::domain::time::Instant;

/// The first bytes of gzip data.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How user features' columns are called, before their number.
const FEATURE_PREFIX: &str = "user_feature_";
/// The names of the propensity's column.
const PROPENSITY_NAMES: [&str; 2] = ["propensity_score", "action_prob"];
/// How much of a wrong value or header is shown.
const SHOWN_CHARS: usize = 60;

/// A log that is refused.
#[derive(Debug, Error)]
#[error("{name}: {problem}")]
pub struct ObdError {
    /// The log's name.
    pub name: String,
    /// What is wrong with it.
    pub problem: ObdProblem,
}

/// What is wrong with a log. Rows count from 1, without the header, which is
/// row 0.
#[derive(Debug, Error)]
pub enum ObdProblem {
    /// Nothing at all.
    #[error("the log is empty, a header with the columns of the Open Bandit Dataset was expected")]
    Empty,
    /// A header and nothing else.
    #[error("the log has a header and no row, at least 1 was expected")]
    NoRows,
    /// A column that every log has.
    #[error("the header has no column {column}, it has {found}")]
    MissingColumn {
        /// Which.
        column: &'static str,
        /// What the header has, cut short.
        found: String,
    },
    /// The same column twice.
    #[error("the header has the column {column} twice, it was expected once")]
    RepeatedColumn {
        /// Which.
        column: String,
    },
    /// A row that is not as long as the header.
    #[error("row {row} has {fields} fields, {expected} were expected, as in the header")]
    FieldCount {
        /// Which.
        row: u64,
        /// How many it has.
        fields: u64,
        /// How many the header has.
        expected: u64,
    },
    /// A value that its column does not allow.
    #[error("row {row}, column {column}: {value:?} is not {expected}")]
    Field {
        /// Where.
        row: u64,
        /// Where.
        column: String,
        /// What stands there, cut short.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// Bytes that are no text.
    #[error("row {row} is not UTF-8")]
    NotText {
        /// Which.
        row: u64,
    },
    /// Gzip data that does not reach its end.
    #[error("the gzip data ends within row {row}: the file was cut short")]
    Truncated {
        /// The row that could not be read whole.
        row: u64,
    },
    /// The file could not be opened or read.
    #[error("row {row} could not be read: {error}")]
    Unreadable {
        /// The row that could not be read whole.
        row: u64,
        /// Why.
        error: io::Error,
    },
}

/// Reads a log row by row. After the first refusal it gives nothing more.
pub struct ObdReader<'a> {
    name: String,
    csv: csv::Reader<Box<dyn Read + Send + 'a>>,
    columns: Columns,
    feature_names: Vec<String>,
    record: StringRecord,
    rows: u64,
    ended: bool,
}

impl std::fmt::Debug for ObdReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObdReader")
            .field("name", &self.name)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Where the columns that are read stand in a row.
struct Columns {
    timestamp: usize,
    item_id: usize,
    position: usize,
    click: usize,
    propensity: usize,
    propensity_name: &'static str,
    features: Vec<usize>,
}

impl ObdReader<'static> {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, or its header is not a log's.
    pub fn open(path: &Path) -> Result<Self, ObdError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::new(name, file),
            Err(error) => Err(ObdError {
                name,
                problem: ObdProblem::Unreadable { row: 0, error },
            }),
        }
    }
}

impl<'a> ObdReader<'a> {
    /// Reads CSV, or gzip of it, told apart by the first bytes. `name` is for
    /// refusals.
    ///
    /// # Errors
    /// When the input cannot be read, or its header is not a log's.
    pub fn new(name: impl Into<String>, input: impl Read + Send + 'a) -> Result<Self, ObdError> {
        let name = name.into();
        match Self::start(&name, input) {
            Ok(reader) => Ok(reader),
            Err(problem) => Err(ObdError { name, problem }),
        }
    }

    /// The name that refusals give.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the user features, in the order of their numbers.
    #[must_use]
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    fn start(name: &str, input: impl Read + Send + 'a) -> Result<Self, ObdProblem> {
        let text = decompressed(input)?;
        let mut csv = csv::ReaderBuilder::new().from_reader(text);
        let header = csv.headers().map_err(|error| csv_problem(error, 0))?;
        if header.is_empty() {
            return Err(ObdProblem::Empty);
        }
        let columns = Columns::find(header)?;
        let features = columns.features.iter();
        let feature_names = features.map(|index| header[*index].to_owned()).collect();
        Ok(Self {
            name: name.to_owned(),
            csv,
            columns,
            feature_names,
            record: StringRecord::new(),
            rows: 0,
            ended: false,
        })
    }

    fn read_row(&mut self) -> Result<Option<ObdRow>, ObdProblem> {
        let row = self.rows + 1;
        let more = self.csv.read_record(&mut self.record);
        if more.map_err(|error| csv_problem(error, row))? {
            self.rows = row;
            self.columns.parse(row, &self.record).map(Some)
        } else if self.rows == 0 {
            Err(ObdProblem::NoRows)
        } else {
            Ok(None)
        }
    }
}

impl Iterator for ObdReader<'_> {
    type Item = Result<ObdRow, ObdError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read_row() {
            Ok(Some(row)) => Some(Ok(row)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(problem) => {
                self.ended = true;
                let name = self.name.clone();
                Some(Err(ObdError { name, problem }))
            }
        }
    }
}

fn decompressed<'a>(
    mut input: impl Read + Send + 'a,
) -> Result<Box<dyn Read + Send + 'a>, ObdProblem> {
    let mut start = Vec::new();
    let first = input.by_ref().take(2).read_to_end(&mut start);
    first.map_err(|error| ObdProblem::Unreadable { row: 0, error })?;
    let is_gzip = start == GZIP_MAGIC;
    let whole = Cursor::new(start).chain(BufReader::new(input));
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}

fn csv_problem(error: csv::Error, row: u64) -> ObdProblem {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ObdProblem::Truncated { row }
        }
        csv::ErrorKind::Io(error) => ObdProblem::Unreadable { row, error },
        csv::ErrorKind::Utf8 { .. } => ObdProblem::NotText { row },
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => ObdProblem::FieldCount {
            row,
            fields: len,
            expected: expected_len,
        },
        other => ObdProblem::Unreadable {
            row,
            error: io::Error::other(format!("{other:?}")),
        },
    }
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, ObdProblem> {
        let find = |name: &str| header.iter().position(|column| column == name);
        let column = |column: &'static str| {
            find(column).ok_or_else(|| ObdProblem::MissingColumn {
                column,
                found: listed(header),
            })
        };
        let feature = |(index, name): (usize, &str)| {
            let number: u32 = name.strip_prefix(FEATURE_PREFIX)?.parse().ok()?;
            Some((number, index))
        };
        let mut features: Vec<(u32, usize)> =
            header.iter().enumerate().filter_map(feature).collect();
        features.sort_unstable();
        let propensity_name = PROPENSITY_NAMES
            .into_iter()
            .find(|name| find(name).is_some())
            .unwrap_or(PROPENSITY_NAMES[0]);
        let columns = Self {
            timestamp: column("timestamp")?,
            item_id: column("item_id")?,
            position: column("position")?,
            click: column("click")?,
            propensity: column(propensity_name)?,
            propensity_name,
            features: features.into_iter().map(|(_, index)| index).collect(),
        };
        columns.refuse_repeated(header)?;
        Ok(columns)
    }

    fn refuse_repeated(&self, header: &StringRecord) -> Result<(), ObdProblem> {
        let used = [
            self.timestamp,
            self.item_id,
            self.position,
            self.click,
            self.propensity,
        ];
        for index in used.into_iter().chain(self.features.iter().copied()) {
            let name = &header[index];
            if header.iter().filter(|column| *column == name).count() > 1 {
                return Err(ObdProblem::RepeatedColumn {
                    column: name.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn parse(&self, row: u64, record: &StringRecord) -> Result<ObdRow, ObdProblem> {
        let refuse = |column: &str, index: usize, expected| ObdProblem::Field {
            row,
            column: column.to_owned(),
            value: record[index].chars().take(SHOWN_CHARS).collect(),
            expected,
        };
        let timestamp = parse_timestamp(&record[self.timestamp]).ok_or_else(|| {
            let expected =
                "a date and time with an offset such as 2019-11-24 00:00:34.762830+00:00";
            refuse("timestamp", self.timestamp, expected)
        })?;
        let item_id = record[self.item_id].parse().map_err(|_| {
            let expected = "a whole number from 0 to 4294967295";
            refuse("item_id", self.item_id, expected)
        })?;
        let position = record[self.position].parse().ok();
        let position = position.filter(|position| (1..=POSITIONS).contains(position));
        let position = position.ok_or_else(|| refuse("position", self.position, "1, 2 or 3"))?;
        let click = match &record[self.click] {
            "0" => false,
            "1" => true,
            _ => return Err(refuse("click", self.click, "0 or 1")),
        };
        let propensity = record[self.propensity].parse().ok();
        let propensity = propensity.and_then(|number| Propensity::new(number).ok());
        let propensity_score = propensity.ok_or_else(|| {
            let expected = "a probability above 0 and at most 1";
            refuse(self.propensity_name, self.propensity, expected)
        })?;
        let features = self.features.iter();
        Ok(ObdRow {
            row,
            timestamp,
            item_id,
            position,
            click,
            propensity_score,
            user_features: features.map(|index| record[*index].to_owned()).collect(),
        })
    }
}

fn parse_timestamp(text: &str) -> Option<Instant> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    Some(Instant::from_unix_ms(timestamp.as_millisecond()))
}

fn listed(header: &StringRecord) -> String {
    const SHOWN_COLUMNS: usize = 12;
    let shown = header.iter().take(SHOWN_COLUMNS);
    let shown = shown.map(|name| name.chars().take(SHOWN_CHARS).collect::<String>());
    let mut list = shown.collect::<Vec<_>>().join(", ");
    if header.len() > SHOWN_COLUMNS {
        list.push_str(", …");
    }
    list
}

#[cfg(test)]
mod tests;
