//! The streaming readers.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::evaluation::logged::{
    Column, Predictions, RewardRange, RoundFault, Rounds, UncheckedRounds,
};
use crate::evaluation::target::TargetTable;
use crate::logs::fault::{LogError, LogProblem, ReadFile, missing};
use crate::logs::parquet_file::{self, values};

/// Rows in a batch: a column of doubles fits the second cache many times over.
const BATCH_ROWS: usize = 8_192;
/// What the columns of a log are called.
const KNOWN: &str = "reward, action, position, pscore, w_hat and q_0, q_1, …";
/// What the columns of a target are called.
const KNOWN_TARGET: &str = "pos_0, pos_1, …";

/// Reads a prediction log batch by batch, weighed for a target. After the
/// first refusal it gives nothing more.
pub struct PredictionReader<'a> {
    file: ReadFile,
    batches: ParquetRecordBatchReader,
    columns: Columns,
    target: &'a TargetTable,
    range: RewardRange,
    rows: u64,
}

impl std::fmt::Debug for PredictionReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PredictionReader")
            .field("name", &self.file.name())
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// Where the columns stand.
struct Columns {
    reward: usize,
    action: usize,
    position: usize,
    propensity: usize,
    balanced_weight: Option<usize>,
    /// In the order of the actions.
    predictions: Vec<usize>,
}

impl<'a> PredictionReader<'a> {
    /// Opens a log.
    ///
    /// # Errors
    /// When it is not whole, not Parquet, or its columns are not a prediction
    /// log's over the target's actions.
    pub fn open(
        path: &Path,
        target: &'a TargetTable,
        range: RewardRange,
    ) -> Result<Self, LogError> {
        let file = ReadFile::at(path);
        let started = start(path)
            .and_then(|(schema, batches)| Ok((Columns::find(&schema, target)?, batches)));
        match started {
            Ok((columns, batches)) => Ok(Self {
                file,
                batches,
                columns,
                target,
                range,
                rows: 0,
            }),
            Err(problem) => Err(file.refusal(problem)),
        }
    }

    fn read_batch(&mut self) -> Result<Option<Rounds>, LogProblem> {
        match self.batches.next() {
            None if self.rows == 0 => Err(LogProblem::NoRows),
            None => Ok(None),
            Some(Err(error)) => Err(LogProblem::Undecodable {
                row: self.rows,
                error: error.to_string(),
            }),
            Some(Ok(batch)) => {
                let first_row = self.rows + 1;
                let rounds = self
                    .columns
                    .read(&batch, first_row, self.target, self.range)?;
                self.rows += batch.num_rows() as u64;
                Ok(Some(rounds))
            }
        }
    }
}

impl Iterator for PredictionReader<'_> {
    type Item = Result<Rounds, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.file.is_refused() {
            return None;
        }
        let batch = self.read_batch();
        self.file.give(batch)
    }
}

/// Reads a target's table.
///
/// # Errors
/// When the file is not whole, not Parquet, or no distribution.
pub fn read_target(path: &Path) -> Result<TargetTable, LogError> {
    let table = start(path).and_then(|(schema, batches)| table(&schema, batches));
    table.map_err(|problem| ReadFile::at(path).refusal(problem))
}

fn table(schema: &Schema, batches: ParquetRecordBatchReader) -> Result<TargetTable, LogProblem> {
    let numbered = |name: &str| number(name, "pos_");
    if let Some(field) = schema
        .fields()
        .iter()
        .find(|field| numbered(field.name()).is_none())
    {
        return Err(LogProblem::UnknownColumn {
            column: field.name().clone(),
            known: KNOWN_TARGET,
        });
    }
    let places = consecutive(schema, "pos_")?;
    if places.is_empty() {
        return Err(missing_in(schema, "pos_0"));
    }
    let mut columns = vec![Vec::new(); places.len()];
    let mut scratch = Vec::new();
    for batch in batches {
        let rows = columns[0].len() as u64;
        let batch = batch.map_err(|error| LogProblem::Undecodable {
            row: rows,
            error: error.to_string(),
        })?;
        for (column, place) in columns.iter_mut().zip(&places) {
            numbers(&batch, *place, rows + 1, &mut scratch)?;
            column.extend_from_slice(&scratch);
        }
    }
    if columns[0].is_empty() {
        return Err(LogProblem::NoRows);
    }
    Ok(TargetTable::new(&columns)?)
}

/// Opens a file and checks that its columns hold numbers.
fn start(path: &Path) -> Result<(Schema, ParquetRecordBatchReader), LogProblem> {
    let builder = parquet_file::open(path)?;
    let schema = builder.schema().as_ref().clone();
    let other = |field: &&arrow_schema::FieldRef| !values::are_numbers(field.data_type());
    if let Some(field) = schema.fields().iter().find(other) {
        return Err(LogProblem::ColumnType {
            column: field.name().clone(),
            found: field.data_type().to_string(),
            expected: "numbers",
        });
    }
    let batches = builder.with_batch_size(BATCH_ROWS).build();
    Ok((
        schema,
        batches.map_err(|error| parquet_file::undecodable(0, &error))?,
    ))
}

/// The N of a column called `prefix` and N.
fn number(name: &str, prefix: &str) -> Option<usize> {
    let digits = name.strip_prefix(prefix)?;
    let number: usize = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// Where the columns `prefix`0, `prefix`1, … stand, as far as there are any.
fn consecutive(schema: &Schema, prefix: &str) -> Result<Vec<usize>, LogProblem> {
    let fields = schema.fields().iter().enumerate();
    let mut places: Vec<(usize, usize)> = fields
        .filter_map(|(place, field)| Some((number(field.name(), prefix)?, place)))
        .collect();
    places.sort_unstable();
    for (expected, (number, _)) in places.iter().enumerate() {
        if *number > expected {
            return Err(missing_in(schema, &format!("{prefix}{expected}")));
        }
        if *number < expected {
            return Err(LogProblem::RepeatedColumn {
                column: format!("{prefix}{number}"),
            });
        }
    }
    Ok(places.into_iter().map(|(_, place)| place).collect())
}

fn missing_in(schema: &Schema, column: &str) -> LogProblem {
    missing(
        column,
        schema.fields().iter().map(|field| field.name().as_str()),
    )
}

fn numbers(
    batch: &RecordBatch,
    place: usize,
    first_row: u64,
    scratch: &mut Vec<f64>,
) -> Result<(), LogProblem> {
    values::read(batch.column(place), scratch).map_err(|index| LogProblem::Value {
        row: first_row + index as u64,
        column: batch.schema().field(place).name().clone(),
        value: "null".to_owned(),
        expected: "a number".to_owned(),
    })
}

impl Columns {
    fn find(schema: &Schema, target: &TargetTable) -> Result<Self, LogProblem> {
        let names = ["reward", "action", "position", "pscore", "w_hat"];
        let mut places = [None; 5];
        for (place, field) in schema.fields().iter().enumerate() {
            let name = field.name().as_str();
            let Some(known) = names.iter().position(|known| *known == name) else {
                if number(name, "q_").is_none() {
                    return Err(LogProblem::UnknownColumn {
                        column: name.to_owned(),
                        known: KNOWN,
                    });
                }
                continue;
            };
            if places[known].replace(place).is_some() {
                return Err(LogProblem::RepeatedColumn {
                    column: name.to_owned(),
                });
            }
        }
        let needed = |index: usize| places[index].ok_or_else(|| missing_in(schema, names[index]));
        let predictions = consecutive(schema, "q_")?;
        if !predictions.is_empty() && predictions.len() != target.actions() {
            return Err(LogProblem::ActionCount {
                predicted: predictions.len(),
                target: target.actions(),
            });
        }
        Ok(Self {
            reward: needed(0)?,
            action: needed(1)?,
            position: needed(2)?,
            propensity: needed(3)?,
            balanced_weight: places[4],
            predictions,
        })
    }

    fn read(
        &self,
        batch: &RecordBatch,
        first_row: u64,
        target: &TargetTable,
        range: RewardRange,
    ) -> Result<Rounds, LogProblem> {
        let column = |place: usize| {
            let mut values = Vec::with_capacity(batch.num_rows());
            numbers(batch, place, first_row, &mut values).map(|()| values)
        };
        let whole = |place: usize| whole_numbers(&column(place)?, batch, place, first_row);
        let (action, position) = (whole(self.action)?, whole(self.position)?);
        let predictions = if self.predictions.is_empty() {
            None
        } else {
            Some(self.predict(batch, first_row, target, &action, &position)?)
        };
        let unchecked = UncheckedRounds {
            reward: column(self.reward)?,
            propensity: column(self.propensity)?,
            balanced_weight: self.balanced_weight.map(column).transpose()?,
            action,
            position,
            predictions,
        };
        Rounds::new(unchecked, target, range)
            .map_err(|fault| self.problem(&fault, batch, first_row))
    }

    /// Sums each row's predictions up for the target, column by column. A
    /// position that the target does not have is refused afterwards.
    fn predict(
        &self,
        batch: &RecordBatch,
        first_row: u64,
        target: &TargetTable,
        action: &[u32],
        position: &[u32],
    ) -> Result<Predictions, LogProblem> {
        let rows = batch.num_rows();
        let mut predictions = Predictions {
            logged: vec![0.0; rows],
            target: vec![0.0; rows],
        };
        let mut scratch = Vec::with_capacity(rows);
        for (candidate, place) in (0u32..).zip(&self.predictions) {
            numbers(batch, *place, first_row, &mut scratch)?;
            let probabilities: Vec<f64> = (0..target.positions())
                .map(|position| target.at(position)[candidate as usize])
                .collect();
            for (row, predicted) in scratch.iter().enumerate() {
                let probability = probabilities.get(position[row] as usize);
                predictions.target[row] += probability.unwrap_or(&0.0) * predicted;
                if action[row] == candidate {
                    predictions.logged[row] = *predicted;
                }
            }
        }
        for (sum, position) in predictions.target.iter_mut().zip(position) {
            if (*position as usize) < target.positions() {
                *sum /= target.total(*position as usize);
            }
        }
        Ok(predictions)
    }

    /// A fault with the file's own row and column.
    fn problem(&self, fault: &RoundFault, batch: &RecordBatch, first_row: u64) -> LogProblem {
        let mut value = fault.value;
        let place = match fault.column {
            Column::Reward => self.reward,
            Column::Action => self.action,
            Column::Position => self.position,
            // The target of such a log is a table, and it has no choices.
            Column::Propensity
            | Column::TargetDistribution
            | Column::LoggingDistribution
            | Column::Embedding => self.propensity,
            Column::BalancedWeight => self.balanced_weight.unwrap_or(self.propensity),
            Column::Prediction => {
                let mut scratch = Vec::new();
                let wrong = self.predictions.iter().find(|place| {
                    let known = values::read(batch.column(**place), &mut scratch).is_ok();
                    known && !scratch[fault.index].is_finite()
                });
                value = scratch.get(fault.index).copied().unwrap_or(value);
                wrong.copied().unwrap_or(self.reward)
            }
        };
        LogProblem::Value {
            row: first_row + fault.index as u64,
            column: batch.schema().field(place).name().clone(),
            value: value.to_string(),
            expected: fault.expected.clone(),
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked before
fn whole_numbers(
    values: &[f64],
    batch: &RecordBatch,
    place: usize,
    first_row: u64,
) -> Result<Vec<u32>, LogProblem> {
    let is_whole =
        |value: &f64| *value >= 0.0 && *value <= f64::from(u32::MAX) && value.fract() == 0.0;
    match values.iter().position(|value| !is_whole(value)) {
        None => Ok(values.iter().map(|value| *value as u32).collect()),
        Some(index) => Err(LogProblem::Value {
            row: first_row + index as u64,
            column: batch.schema().field(place).name().clone(),
            value: values[index].to_string(),
            expected: "a whole number from 0".to_owned(),
        }),
    }
}
