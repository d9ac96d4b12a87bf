//! The writer.

use std::io::Write;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow_schema::{ArrowError, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use thiserror::Error;
use uuid::Uuid;

use super::{SURVEY_KEY, Survey};
use crate::evaluation::choices::{Choices, Names};

/// Rows in a row group: what a reader must hold of a column at a time.
const GROUP_ROWS: usize = 262_144;

/// Why a log could not be written.
#[derive(Debug, Error)]
pub enum ParquetWriteError {
    /// The file cannot be written.
    #[error("the Parquet file could not be written: {0}")]
    Write(#[from] ParquetError),
    /// The columns do not fit together.
    #[error("the Parquet file's columns could not be made: {0}")]
    Columns(#[from] ArrowError),
}

/// Writes choices batch by batch, under the schema of the first batch. Every
/// batch has to have the same columns.
pub struct ParquetWriter<W: Write + Send> {
    out: Option<W>,
    writer: Option<ArrowWriter<W>>,
    survey: Survey,
}

impl<W: Write + Send> std::fmt::Debug for ParquetWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter")
            .field("rows", &self.survey.rows)
            .finish_non_exhaustive()
    }
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Nothing written yet.
    pub fn new(out: W) -> Self {
        Self {
            out: Some(out),
            writer: None,
            survey: Survey::default(),
        }
    }

    /// How many rows were written.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.survey.rows
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, choices: &Choices) -> Result<(), ParquetWriteError> {
        let batch = RecordBatch::try_from_iter(columns(choices))?;
        if let Some(out) = self.out.take() {
            self.writer = Some(start(out, batch.schema().as_ref())?);
        }
        if let Some(writer) = &mut self.writer {
            writer.write(&batch)?;
        }
        self.survey.add(choices);
        Ok(())
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// When it cannot be written. Without any batch, nothing is.
    pub fn finish(mut self) -> Result<Option<W>, ParquetWriteError> {
        if let Some(writer) = &mut self.writer {
            let survey = KeyValue::new(SURVEY_KEY.to_owned(), self.survey.to_json());
            writer.append_key_value_metadata(survey);
        }
        Ok(match self.writer {
            Some(writer) => Some(writer.into_inner()?),
            None => self.out,
        })
    }
}

fn start<W: Write + Send>(out: W, schema: &Schema) -> Result<ArrowWriter<W>, ParquetError> {
    let level = ZstdLevel::try_new(3)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(concat!("promobandit ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    ArrowWriter::try_new(out, Arc::new(schema.clone()), Some(properties))
}

/// The columns that the choices have, in the order of the documentation.
fn columns(choices: &Choices) -> Vec<(&'static str, ArrayRef)> {
    let columns = choices.columns();
    let vocabulary = choices.vocabulary();
    let mut all: Vec<(&'static str, ArrayRef)> = Vec::new();
    if !columns.decision.is_empty() {
        let ids = columns
            .decision
            .iter()
            .map(|id| Some(Uuid::from_u128(*id).to_string()));
        all.push(("decision", Arc::new(ids.collect::<StringArray>())));
    }
    if !columns.sequence.is_empty() {
        let numbers = columns
            .sequence
            .iter()
            .map(|it| i64::try_from(*it).unwrap_or(i64::MAX));
        all.push(("sequence", Arc::new(Int64Array::from_iter_values(numbers))));
    }
    if !columns.decided_at_ms.is_empty() {
        let instants = TimestampMillisecondArray::from(columns.decided_at_ms.clone());
        all.push(("decided_at", Arc::new(instants.with_timezone("UTC"))));
    }
    if !columns.placement.is_empty() {
        all.push((
            "placement",
            names(&columns.placement, &vocabulary.placements),
        ));
    }
    if !columns.segment.is_empty() {
        all.push(("segment", names(&columns.segment, &vocabulary.segments)));
    }
    if !columns.shopper.is_empty() {
        let numbers = columns.shopper.iter().map(|it| it.cast_signed());
        all.push(("shopper", Arc::new(Int64Array::from_iter_values(numbers))));
    }
    let positions = columns.position.iter().map(|it| it.cast_signed());
    all.push((
        "position",
        Arc::new(Int32Array::from_iter_values(positions)),
    ));
    all.push(("actions", lists(choices)));
    if let Some(probabilities) = &columns.probabilities {
        all.push(("probabilities", probability_lists(choices, probabilities)));
    }
    let chosen: Vec<u32> = (0..choices.len())
        .map(|index| {
            let choice = choices.get(index);
            choice.actions[choice.chosen]
        })
        .collect();
    all.push(("action", names(&chosen, &vocabulary.actions)));
    if !columns.logger.is_empty() {
        all.push(("logger", names(&columns.logger, &vocabulary.loggers)));
    }
    if let Some(propensities) = &columns.logger_propensities {
        let lists = logger_lists(propensities, &vocabulary.loggers);
        all.push(("logger_propensities", lists));
    }
    let numbers = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    all.push(("propensity", numbers(&columns.propensity)));
    all.push(("reward", numbers(&columns.reward)));
    for (metric, values) in &columns.metrics {
        all.push((metric.name(), numbers(values)));
    }
    all
}

fn names(numbers: &[u32], names: &Names) -> ArrayRef {
    let mut builder = StringDictionaryBuilder::<Int32Type>::new();
    for number in numbers {
        builder.append_value(names.get(*number).unwrap_or_default());
    }
    Arc::new(builder.finish())
}

fn lists(choices: &Choices) -> ArrayRef {
    let names = &choices.vocabulary().actions;
    let mut builder = ListBuilder::new(StringDictionaryBuilder::<Int32Type>::new());
    for index in 0..choices.len() {
        for action in choices.get(index).actions {
            builder
                .values()
                .append_value(names.get(*action).unwrap_or_default());
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// A list a row, the loggers in the order of their names.
fn logger_lists(propensities: &[f64], loggers: &Names) -> ArrayRef {
    let mut order: Vec<(&str, usize)> = loggers.iter().zip(0..).collect();
    order.sort_unstable();
    let mut builder = ListBuilder::new(Float64Builder::with_capacity(propensities.len()));
    for row in propensities.chunks(order.len().max(1)) {
        for (_, logger) in &order {
            builder.values().append_value(row[*logger]);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn probability_lists(choices: &Choices, probabilities: &[f64]) -> ArrayRef {
    let mut builder = ListBuilder::new(Float64Builder::with_capacity(probabilities.len()));
    for index in 0..choices.len() {
        builder
            .values()
            .append_slice(&probabilities[choices.span(index)]);
        builder.append(true);
    }
    Arc::new(builder.finish())
}
