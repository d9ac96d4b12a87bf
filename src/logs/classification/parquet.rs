//! A Parquet file as a table of numbers and texts.

use std::fs::File;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Table, Values};

pub(super) fn read(file: File) -> Result<Table, String> {
    let told = |error: &dyn std::fmt::Display| format!("is not whole Parquet: {error}");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| told(&error))?;
    let mut table = Table::default();
    for field in builder.schema().fields() {
        let empty = if is_text(field.data_type()) {
            Values::Texts(Vec::new())
        } else {
            Values::Numbers(Vec::new())
        };
        table.columns.push((field.name().clone(), empty));
    }
    for batch in builder.build().map_err(|error| told(&error))? {
        let batch = batch.map_err(|error| told(&error))?;
        for ((name, values), column) in table.columns.iter_mut().zip(batch.columns()) {
            if column.null_count() > 0 {
                return Err(format!("column {name:?} has an empty entry"));
            }
            append(values, column).ok_or_else(|| {
                format!(
                    "column {name:?} is of type {}, it must hold numbers or texts",
                    column.data_type()
                )
            })?;
        }
    }
    Ok(table)
}

const fn is_text(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// `None` for other types.
fn append(values: &mut Values, column: &dyn Array) -> Option<()> {
    match values {
        Values::Numbers(numbers) => numbers.extend(as_numbers(column)?),
        Values::Texts(texts) => texts.extend(as_texts(column)?),
    }
    Some(())
}

fn as_texts(column: &dyn Array) -> Option<Vec<String>> {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().iter().map(owned).collect(),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().map(owned).collect(),
        DataType::Utf8View => column.as_string_view().iter().map(owned).collect(),
        _ => return None,
    })
}

#[allow(clippy::cast_precision_loss)] // labels and row numbers are far below 2^53
fn as_numbers(column: &dyn Array) -> Option<Vec<f64>> {
    Some(match column.data_type() {
        DataType::Float64 => each::<Float64Type>(column, |value| value),
        DataType::Float32 => each::<Float32Type>(column, f64::from),
        DataType::Int64 => each::<Int64Type>(column, |value| value as f64),
        DataType::Int32 => each::<Int32Type>(column, f64::from),
        DataType::Int16 => each::<Int16Type>(column, f64::from),
        DataType::Int8 => each::<Int8Type>(column, f64::from),
        DataType::UInt64 => each::<UInt64Type>(column, |value| value as f64),
        DataType::UInt32 => each::<UInt32Type>(column, f64::from),
        DataType::UInt16 => each::<UInt16Type>(column, f64::from),
        DataType::UInt8 => each::<UInt8Type>(column, f64::from),
        DataType::Boolean => column
            .as_boolean()
            .iter()
            .map(|value| f64::from(u8::from(value == Some(true))))
            .collect(),
        _ => return None,
    })
}

fn each<T: ArrowPrimitiveType>(column: &dyn Array, number: fn(T::Native) -> f64) -> Vec<f64> {
    let values = column.as_primitive::<T>().values();
    values.iter().copied().map(number).collect()
}
