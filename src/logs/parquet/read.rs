//! The streaming reader.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use uuid::Uuid;

use super::columns::{Dialect, Layout, Role};
use super::{SURVEY_KEY, Survey};
use crate::evaluation::choices::{
    ChoiceColumn, ChoiceFault, Choices, Metric, Names, UncheckedChoices,
};
use crate::logs::fault::{LogError, LogProblem, ReadFile};
use crate::logs::parquet_file::{self, texts, undecodable, values};

/// Rows in a batch.
const BATCH_ROWS: usize = 8_192;

/// Looks a log through: what its actions, segments and placements are. Quick
/// for a file that this program wrote.
///
/// # Errors
/// When the file is refused.
pub fn survey(path: &Path, dialect: Dialect) -> Result<Survey, LogError> {
    named(path, look_through(path, dialect))
}

fn named<T>(path: &Path, result: Result<T, LogProblem>) -> Result<T, LogError> {
    result.map_err(|problem| ReadFile::at(path).refusal(problem))
}

fn look_through(path: &Path, dialect: Dialect) -> Result<Survey, LogProblem> {
    let (builder, layout) = open(path, dialect)?;
    let metadata = builder.metadata().file_metadata();
    let rows = u64::try_from(metadata.num_rows()).unwrap_or_default();
    if rows == 0 {
        return Err(LogProblem::NoRows);
    }
    let pairs = metadata.key_value_metadata().into_iter().flatten();
    let kept = pairs
        .filter(|pair| pair.key == SURVEY_KEY)
        .find_map(|pair| Survey::from_json(pair.value.as_ref()?));
    if let Some(mut survey) = kept.filter(|survey| survey.rows == rows) {
        number_loggers(&layout, &mut survey.vocabulary.loggers);
        return Ok(survey);
    }
    let wanted = [
        Role::Action,
        Role::Actions,
        Role::Segment,
        Role::Placement,
        Role::Position,
        Role::Logger,
    ];
    let places: Vec<usize> = wanted.iter().filter_map(|it| layout.place(*it)).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), places);
    let batches = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
    let batches = batches.build().map_err(|error| undecodable(0, &error))?;
    let mut survey = Survey {
        has_distributions: layout.place(Role::Probabilities).is_some(),
        ..Survey::default()
    };
    for batch in batches {
        let batch = batch.map_err(|error| LogProblem::Undecodable {
            row: survey.rows,
            error: error.to_string(),
        })?;
        // The projection moved the columns.
        let layout = Layout::projected(&batch.schema(), dialect);
        let cells = Cells {
            batch: &batch,
            layout: &layout,
            first_row: survey.rows + 1,
        };
        let Survey { vocabulary, .. } = &mut survey;
        let mut numbers = Vec::new();
        cells.names(Role::Action, &mut vocabulary.actions, &mut numbers)?;
        if let Some((_, items)) = cells.list(Role::Actions)? {
            cells.items(Role::Actions, &items, &mut vocabulary.actions, &mut numbers)?;
        }
        cells.names(Role::Segment, &mut vocabulary.segments, &mut numbers)?;
        cells.names(Role::Placement, &mut vocabulary.placements, &mut numbers)?;
        cells.names(Role::Logger, &mut vocabulary.loggers, &mut numbers)?;
        let largest = cells.positions()?.into_iter().max().unwrap_or(0);
        survey.positions = survey.positions.max(largest.saturating_add(1));
        survey.rows += batch.num_rows() as u64;
    }
    let placements = survey.vocabulary.placements.iter();
    survey.placements = placements.map(str::to_owned).collect();
    number_loggers(&layout, &mut survey.vocabulary.loggers);
    if layout.place(Role::Actions).is_none() {
        survey.vocabulary.actions = Arc::new(in_order(&survey.vocabulary.actions));
    }
    Ok(survey)
}

/// Loggers are numbered in the order of their names where lists of what every logger
/// would have done go by it.
fn number_loggers(layout: &Layout, names: &mut Arc<Names>) {
    if layout.place(Role::LoggerPropensities).is_none() {
        return;
    }
    let mut sorted: Vec<&str> = names.iter().collect();
    sorted.sort_unstable();
    *names = Arc::new(sorted.into_iter().collect());
}

/// Actions that are whole numbers, all from 0 to the largest; others as they
/// are.
fn in_order(names: &Names) -> Names {
    let numbers: Option<Vec<u32>> = names.iter().map(|name| name.parse().ok()).collect();
    let Some(largest) = numbers.and_then(|numbers| numbers.into_iter().max()) else {
        return names.clone();
    };
    let mut all = Names::default();
    for number in 0..=largest {
        all.number_or_new(&number.to_string());
    }
    all
}

/// Opens a file so that texts come as dictionaries, whose words are looked up
/// once.
fn open(
    path: &Path,
    dialect: Dialect,
) -> Result<(ParquetRecordBatchReaderBuilder<File>, Layout), LogProblem> {
    let builder = parquet_file::open(path)?;
    let schema = builder.schema().clone();
    let layout = Layout::find(&schema, dialect)?;
    let fields = schema.fields().iter().map(|field| {
        if field.name() == layout.name(Role::Decision) {
            return field.clone();
        }
        Arc::new(with_dictionary(field))
    });
    let hinted = Schema::new(fields.collect::<Vec<_>>());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(hinted));
    let failed = |error| undecodable(0, &error);
    let metadata =
        ArrowReaderMetadata::try_new(builder.metadata().clone(), options).map_err(failed)?;
    let file = File::open(path)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    Ok((builder, layout))
}

fn with_dictionary(field: &Field) -> Field {
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        DataType::List(item) => DataType::List(Arc::new(with_dictionary(item))),
        other => other.clone(),
    };
    field.clone().with_data_type(kind)
}

/// Reads a choice log batch by batch. After the first refusal it gives nothing
/// more.
pub struct ParquetChoices {
    file: ReadFile,
    batches: ParquetRecordBatchReader,
    layout: Layout,
    survey: Survey,
    rows: u64,
}

impl std::fmt::Debug for ParquetChoices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetChoices")
            .field("name", &self.file.name())
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl ParquetChoices {
    /// Opens a log that was surveyed.
    ///
    /// # Errors
    /// When the file is refused.
    pub fn open(path: &Path, dialect: Dialect, survey: Survey) -> Result<Self, LogError> {
        let opened = open(path, dialect).and_then(|(builder, layout)| {
            let batches = builder.with_batch_size(BATCH_ROWS).build();
            Ok((batches.map_err(|error| undecodable(0, &error))?, layout))
        });
        let (batches, layout) = named(path, opened)?;
        Ok(Self {
            file: ReadFile::at(path),
            batches,
            layout,
            survey,
            rows: 0,
        })
    }

    fn read_batch(&mut self) -> Result<Option<Choices>, LogProblem> {
        let batch = match self.batches.next() {
            None if self.rows == 0 => return Err(LogProblem::NoRows),
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(LogProblem::Undecodable {
                    row: self.rows,
                    error: error.to_string(),
                });
            }
            Some(Ok(batch)) => batch,
        };
        let cells = Cells {
            batch: &batch,
            layout: &self.layout,
            first_row: self.rows + 1,
        };
        let choices = cells.choices(&self.survey)?;
        self.rows += batch.num_rows() as u64;
        Ok(Some(choices))
    }
}

impl Iterator for ParquetChoices {
    type Item = Result<Choices, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.file.is_refused() {
            return None;
        }
        let batch = self.read_batch();
        self.file.give(batch)
    }
}

/// A batch's cells.
struct Cells<'a> {
    batch: &'a RecordBatch,
    layout: &'a Layout,
    /// From 1.
    first_row: u64,
}

impl Cells<'_> {
    fn fault(&self, index: usize, role: Role, value: &str, expected: &str) -> LogProblem {
        LogProblem::Value {
            row: self.first_row + index as u64,
            column: self.layout.name(role).to_owned(),
            value: value.to_owned(),
            expected: expected.to_owned(),
        }
    }

    fn column(&self, role: Role) -> Option<&ArrayRef> {
        Some(self.batch.column(self.layout.place(role)?))
    }

    /// A column of names as numbers; empty when it is not there.
    fn names(
        &self,
        role: Role,
        names: &mut Arc<Names>,
        numbers: &mut Vec<u32>,
    ) -> Result<(), LogProblem> {
        numbers.clear();
        let Some(column) = self.column(role) else {
            return Ok(());
        };
        texts::read(column, names, numbers)
            .map_err(|index| self.fault(index, role, "null", "a name"))
    }

    /// A column of numbers; empty when it is not there.
    fn numbers(&self, role: Role) -> Result<Vec<f64>, LogProblem> {
        let mut numbers = Vec::new();
        if let Some(column) = self.column(role) {
            values::read(column, &mut numbers)
                .map_err(|index| self.fault(index, role, "null", "a number"))?;
        }
        Ok(numbers)
    }

    /// A column of whole numbers; empty when it is not there.
    fn whole(&self, role: Role) -> Result<Vec<i64>, LogProblem> {
        let mut numbers = Vec::new();
        if let Some(column) = self.column(role) {
            values::read_whole(column, &mut numbers).map_err(|index| {
                let expected = "a whole number of 64 bits";
                self.fault(index, role, "null, or too large,", expected)
            })?;
        }
        Ok(numbers)
    }

    /// Positions; 0 when the log has none.
    fn positions(&self) -> Result<Vec<u32>, LogProblem> {
        if self.column(Role::Position).is_none() {
            return Ok(vec![0; self.batch.num_rows()]);
        }
        let numbers = self.whole(Role::Position)?;
        let position = |(index, number): (usize, &i64)| {
            let small = u32::try_from(*number)
                .ok()
                .filter(|it| *it < MOST_POSITIONS);
            small.ok_or_else(|| {
                let expected = format!("a whole number from 0 and below {MOST_POSITIONS}");
                self.fault(index, Role::Position, &number.to_string(), &expected)
            })
        };
        numbers.iter().enumerate().map(position).collect()
    }

    /// A column of lists: where each ends, and the items of all of them.
    fn list(&self, role: Role) -> Result<Option<(Vec<usize>, ArrayRef)>, LogProblem> {
        let Some(column) = self.column(role) else {
            return Ok(None);
        };
        if let Some(index) = (0..column.len()).find(|index| column.is_null(*index)) {
            return Err(self.fault(index, role, "null", "a list"));
        }
        let lists = column.as_list::<i32>();
        let offsets = lists.value_offsets();
        let place = |offset: i32| usize::try_from(offset).unwrap_or_default();
        let first = offsets.first().copied().map_or(0, place);
        let ends: Vec<usize> = offsets
            .iter()
            .skip(1)
            .map(|it| place(*it) - first)
            .collect();
        let length = ends.last().copied().unwrap_or(0);
        Ok(Some((ends, lists.values().slice(first, length))))
    }

    /// The row that an item of a list belongs to.
    fn row_of(&self, role: Role, item: usize) -> usize {
        let ends = self.list(role).ok().flatten().map(|(ends, _)| ends);
        ends.map_or(0, |ends| ends.partition_point(|end| *end <= item))
    }

    fn items(
        &self,
        role: Role,
        items: &ArrayRef,
        names: &mut Arc<Names>,
        numbers: &mut Vec<u32>,
    ) -> Result<(), LogProblem> {
        texts::read(items, names, numbers).map_err(|item| {
            let expected = "a list of names";
            self.fault(
                self.row_of(role, item),
                role,
                "a list with null in it",
                expected,
            )
        })
    }

    fn choices(&self, survey: &Survey) -> Result<Choices, LogProblem> {
        let mut vocabulary = survey.vocabulary.clone();
        let mut columns = UncheckedChoices {
            propensity: self.numbers(Role::Propensity)?,
            reward: self.numbers(Role::Reward)?,
            position: self.positions()?,
            sequence: self.sequence()?,
            shopper: self.shoppers()?,
            decided_at_ms: self.instants()?,
            decision: self.decisions()?,
            metrics: self.metrics()?,
            ..UncheckedChoices::default()
        };
        let mut action = Vec::new();
        self.names(Role::Action, &mut vocabulary.actions, &mut action)?;
        self.names(
            Role::Segment,
            &mut vocabulary.segments,
            &mut columns.segment,
        )?;
        self.names(
            Role::Placement,
            &mut vocabulary.placements,
            &mut columns.placement,
        )?;
        self.fill_loggers(&mut vocabulary.loggers, &mut columns)?;
        self.fill_lists(survey, &mut vocabulary.actions, &mut columns)?;
        if vocabulary.actions.len() > survey.vocabulary.actions.len() {
            let known = survey.vocabulary.actions.len();
            let is_new = |number: &u32| *number as usize >= known;
            let index = action.iter().position(is_new).unwrap_or_default();
            let name = format!(
                "{:?}",
                vocabulary.actions.get(action[index]).unwrap_or_default()
            );
            let expected = "an action that the file's own list of actions knows";
            return Err(self.fault(index, Role::Action, &name, expected));
        }
        self.find_chosen(&action, &vocabulary.actions, &mut columns)?;
        Choices::new(columns, vocabulary).map_err(|fault| self.problem(fault))
    }

    /// What was on offer, and with which probabilities.
    fn fill_lists(
        &self,
        survey: &Survey,
        names: &mut Arc<Names>,
        columns: &mut UncheckedChoices,
    ) -> Result<(), LogProblem> {
        let rows = self.batch.num_rows();
        match self.list(Role::Actions)? {
            Some((ends, items)) => {
                self.items(Role::Actions, &items, names, &mut columns.actions)?;
                columns.ends = ends;
            }
            None => {
                let count = survey.vocabulary.actions.len();
                let all = 0..u32::try_from(count).unwrap_or(u32::MAX);
                columns.actions = (0..rows).flat_map(|_| all.clone()).collect();
                columns.ends = (1..=rows).map(|row| row * count).collect();
            }
        }
        let Some((ends, items)) = self.list(Role::Probabilities)? else {
            return Ok(());
        };
        if let Some(index) = (0..rows).find(|row| ends[*row] != columns.ends[*row]) {
            let length = |ends: &[usize]| {
                ends[index] - index.checked_sub(1).map_or(0, |before| ends[before])
            };
            let value = format!("a list of {}", length(&ends));
            let expected = format!("one number for each of {} actions", length(&columns.ends));
            return Err(self.fault(index, Role::Probabilities, &value, &expected));
        }
        let mut probabilities = Vec::new();
        values::read(&items, &mut probabilities).map_err(|item| {
            let row = self.row_of(Role::Probabilities, item);
            let value = "a list with null in it";
            self.fault(row, Role::Probabilities, value, "a list of numbers")
        })?;
        columns.probabilities = Some(probabilities);
        Ok(())
    }

    /// Which policy chose, and with which probability each would have chosen the
    /// same.
    fn fill_loggers(
        &self,
        names: &mut Arc<Names>,
        columns: &mut UncheckedChoices,
    ) -> Result<(), LogProblem> {
        let known = names.len();
        self.names(Role::Logger, names, &mut columns.logger)?;
        let is_new = |number: &u32| *number as usize >= known;
        if let Some(index) = columns.logger.iter().position(is_new) {
            let name = names.get(columns.logger[index]).unwrap_or_default();
            let expected = "a logger that the file's own list of loggers knows";
            return Err(self.fault(index, Role::Logger, &format!("{name:?}"), expected));
        }
        let role = Role::LoggerPropensities;
        let Some((ends, items)) = self.list(role)? else {
            return Ok(());
        };
        if columns.logger.is_empty() {
            let expected = "beside a column logger, which says whose propensity is the row's";
            return Err(self.fault(0, role, "a list", expected));
        }
        if let Some(index) = (0..ends.len()).find(|row| ends[*row] != (row + 1) * known) {
            let length = ends[index] - index * known;
            let expected = format!("one number for each of {known} loggers, in the order of names");
            return Err(self.fault(index, role, &format!("a list of {length}"), &expected));
        }
        let mut propensities = Vec::new();
        values::read(&items, &mut propensities).map_err(|item| {
            self.fault(
                item / known,
                role,
                "a list with null in it",
                "a list of numbers",
            )
        })?;
        columns.logger_propensities = Some(propensities);
        Ok(())
    }

    /// Finds each chosen action among those that were on offer.
    fn find_chosen(
        &self,
        action: &[u32],
        names: &Names,
        columns: &mut UncheckedChoices,
    ) -> Result<(), LogProblem> {
        let mut start = 0;
        for (index, (action, end)) in action.iter().zip(&columns.ends).enumerate() {
            let offered = &columns.actions[start..*end];
            // Where every action is on offer, its number is its place.
            let guess = *action as usize;
            let place = match offered.get(guess) {
                Some(known) if known == action => Some(guess),
                _ => offered.iter().position(|known| known == action),
            };
            let Some(place) = place else {
                let name = format!("{:?}", names.get(*action).unwrap_or_default());
                let expected = "one of the actions that were on offer";
                return Err(self.fault(index, Role::Action, &name, expected));
            };
            columns
                .chosen
                .push(u32::try_from(place).unwrap_or(u32::MAX));
            start = *end;
        }
        Ok(())
    }

    #[allow(clippy::cast_sign_loss)] // refused before
    fn sequence(&self) -> Result<Vec<u64>, LogProblem> {
        let numbers = self.whole(Role::Sequence)?;
        if let Some(index) = numbers.iter().position(|number| *number < 0) {
            let value = numbers[index].to_string();
            return Err(self.fault(index, Role::Sequence, &value, "at least 0"));
        }
        Ok(numbers.into_iter().map(|number| number as u64).collect())
    }

    /// Whole numbers as they are, texts by their hash.
    fn shoppers(&self) -> Result<Vec<u64>, LogProblem> {
        let Some(column) = self.column(Role::Shopper) else {
            return Ok(Vec::new());
        };
        if column.data_type().is_integer() {
            let numbers = self.whole(Role::Shopper)?;
            return Ok(numbers.into_iter().map(i64::cast_unsigned).collect());
        }
        let mut names = Arc::default();
        let mut numbers = Vec::new();
        self.names(Role::Shopper, &mut names, &mut numbers)?;
        let hashed: Vec<u64> = names.iter().map(hash_of).collect();
        Ok(numbers.into_iter().map(|it| hashed[it as usize]).collect())
    }

    /// Milliseconds since 1970.
    fn instants(&self) -> Result<Vec<i64>, LogProblem> {
        let Some(column) = self.column(Role::DecidedAt) else {
            return Ok(Vec::new());
        };
        if let Some(index) = (0..column.len()).find(|index| column.is_null(*index)) {
            return Err(self.fault(index, Role::DecidedAt, "null", "an instant"));
        }
        Ok(match column.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => column
                .as_primitive::<TimestampSecondType>()
                .values()
                .iter()
                .map(|it| it.saturating_mul(1_000))
                .collect(),
            DataType::Timestamp(TimeUnit::Millisecond, _) => column
                .as_primitive::<TimestampMillisecondType>()
                .values()
                .to_vec(),
            DataType::Timestamp(TimeUnit::Microsecond, _) => column
                .as_primitive::<TimestampMicrosecondType>()
                .values()
                .iter()
                .map(|it| it.div_euclid(1_000))
                .collect(),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => column
                .as_primitive::<TimestampNanosecondType>()
                .values()
                .iter()
                .map(|it| it.div_euclid(1_000_000))
                .collect(),
            _ => self.whole(Role::DecidedAt)?,
        })
    }

    fn decisions(&self) -> Result<Vec<u128>, LogProblem> {
        let Some(column) = self.column(Role::Decision) else {
            return Ok(Vec::new());
        };
        let Some(texts) = column.as_string_opt::<i32>() else {
            return Ok(Vec::new());
        };
        let id = |(index, text): (usize, Option<&str>)| {
            let text = text.unwrap_or("null");
            let id = Uuid::parse_str(text).map(|id| id.as_u128());
            id.map_err(|_| self.fault(index, Role::Decision, text, "a UUID"))
        };
        texts.iter().enumerate().map(id).collect()
    }

    fn metrics(&self) -> Result<Vec<(Metric, Vec<f64>)>, LogProblem> {
        let there = Metric::ALL
            .into_iter()
            .filter(|metric| self.column(Role::Metric(*metric)).is_some());
        there
            .map(|metric| Ok((metric, self.numbers(Role::Metric(metric))?)))
            .collect()
    }

    /// A fault with the file's own row and column.
    fn problem(&self, fault: ChoiceFault) -> LogProblem {
        let role = match fault.column {
            ChoiceColumn::Actions => Role::Actions,
            ChoiceColumn::Probabilities => Role::Probabilities,
            ChoiceColumn::Action => Role::Action,
            ChoiceColumn::Propensity => Role::Propensity,
            ChoiceColumn::Reward => Role::Reward,
            ChoiceColumn::Metric(metric) => Role::Metric(metric),
            ChoiceColumn::LoggerPropensities => Role::LoggerPropensities,
        };
        self.fault(fault.index, role, &fault.value, &fault.expected)
    }
}

/// More positions than this are a mistake.
const MOST_POSITIONS: u32 = 10_000;

/// A number for a shopper's name.
pub(in crate::logs) fn hash_of(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}
