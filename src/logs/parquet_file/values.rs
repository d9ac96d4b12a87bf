//! Arrow's columns as numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// Whether a column of this type can be read.
pub(in crate::logs) const fn are_numbers(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float32
            | DataType::Float64
    )
}

/// Writes a column's values; the place of the first that is missing when one
/// is. A column of another type has no values.
pub(in crate::logs) fn read(column: &ArrayRef, values: &mut Vec<f64>) -> Result<(), usize> {
    values.clear();
    if column.null_count() > 0 {
        let missing = (0..column.len()).find(|index| column.is_null(*index));
        return missing.map_or(Ok(()), Err);
    }
    widen_all(column, values);
    Ok(())
}

/// Appends a column's values, NaN where one is missing. A column of another type
/// has no values.
pub(in crate::logs) fn append(column: &ArrayRef, values: &mut Vec<f64>) {
    let first = values.len();
    widen_all(column, values);
    if column.null_count() > 0 {
        for (index, value) in values[first..].iter_mut().enumerate() {
            if column.is_null(index) {
                *value = f64::NAN;
            }
        }
    }
}

/// What stands where a value is missing is left as it is.
fn widen_all(column: &ArrayRef, values: &mut Vec<f64>) {
    match column.data_type() {
        DataType::Boolean => {
            let bits = column.as_boolean().values().iter();
            values.extend(bits.map(|bit| f64::from(u8::from(bit))));
        }
        DataType::Int8 => widen::<Int8Type>(column, values, f64::from),
        DataType::Int16 => widen::<Int16Type>(column, values, f64::from),
        DataType::Int32 => widen::<Int32Type>(column, values, f64::from),
        #[allow(clippy::cast_precision_loss)] // beyond 2^53 nothing here is counted
        DataType::Int64 => widen::<Int64Type>(column, values, |value| value as f64),
        DataType::UInt8 => widen::<UInt8Type>(column, values, f64::from),
        DataType::UInt16 => widen::<UInt16Type>(column, values, f64::from),
        DataType::UInt32 => widen::<UInt32Type>(column, values, f64::from),
        #[allow(clippy::cast_precision_loss)] // beyond 2^53 nothing here is counted
        DataType::UInt64 => widen::<UInt64Type>(column, values, |value| value as f64),
        DataType::Float32 => widen::<Float32Type>(column, values, f64::from),
        DataType::Float64 => widen::<Float64Type>(column, values, |value| value),
        _ => {}
    }
}

/// Writes a column's whole numbers; the place of the first that is missing, or
/// too large for a signed number of 64 bits, when one is.
pub(in crate::logs) fn read_whole(column: &ArrayRef, values: &mut Vec<i64>) -> Result<(), usize> {
    values.clear();
    if column.null_count() > 0 {
        let missing = (0..column.len()).find(|index| column.is_null(*index));
        return missing.map_or(Ok(()), Err);
    }
    match column.data_type() {
        DataType::Int8 => widen_whole::<Int8Type>(column, values),
        DataType::Int16 => widen_whole::<Int16Type>(column, values),
        DataType::Int32 => widen_whole::<Int32Type>(column, values),
        DataType::Int64 => widen_whole::<Int64Type>(column, values),
        DataType::UInt8 => widen_whole::<UInt8Type>(column, values),
        DataType::UInt16 => widen_whole::<UInt16Type>(column, values),
        DataType::UInt32 => widen_whole::<UInt32Type>(column, values),
        DataType::UInt64 => {
            for (index, value) in column
                .as_primitive::<UInt64Type>()
                .values()
                .iter()
                .enumerate()
            {
                values.push(i64::try_from(*value).map_err(|_| index)?);
            }
        }
        _ => {}
    }
    Ok(())
}

fn widen_whole<T: ArrowPrimitiveType>(column: &ArrayRef, values: &mut Vec<i64>)
where
    T::Native: Into<i64>,
{
    let native = column.as_primitive::<T>().values().iter();
    values.extend(native.map(|value| (*value).into()));
}

fn widen<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    values: &mut Vec<f64>,
    number: impl Fn(T::Native) -> f64,
) {
    let native = column.as_primitive::<T>().values().iter();
    values.extend(native.map(|value| number(*value)));
}
