//! A Parquet file as a sheet.

use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::super::fault::LogProblem;
use super::super::parquet_file::{open, undecodable, values};
use super::{Column, Values};

pub(super) fn read(path: &Path) -> Result<(usize, Vec<Column>), LogProblem> {
    let builder = open(path)?;
    let fields = builder.schema().fields().iter();
    let mut columns: Vec<Column> = fields
        .map(|field| Column {
            name: field.name().clone(),
            values: empty(field.data_type()),
        })
        .collect();
    let mut rows = 0;
    for batch in builder.build().map_err(|error| undecodable(0, &error))? {
        let batch = batch.map_err(|error| LogProblem::Undecodable {
            row: rows as u64,
            error: error.to_string(),
        })?;
        rows += batch.num_rows();
        for (column, entries) in columns.iter_mut().zip(batch.columns()) {
            append(&mut column.values, entries);
        }
    }
    Ok((rows, columns))
}

fn empty(kind: &DataType) -> Values {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 => Values::Texts(Vec::new()),
        kind if values::are_numbers(kind) => Values::Numbers(Vec::new()),
        other => Values::Other(other.to_string()),
    }
}

fn append(values: &mut Values, entries: &ArrayRef) {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    match values {
        Values::Numbers(numbers) => values::append(entries, numbers),
        Values::Texts(texts) => match entries.data_type() {
            DataType::LargeUtf8 => texts.extend(entries.as_string::<i64>().iter().map(owned)),
            _ => texts.extend(entries.as_string::<i32>().iter().map(owned)),
        },
        Values::Other(_) => {}
    }
}
