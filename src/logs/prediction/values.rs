//! Arrow's columns as numbers.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// Whether a column of this type can be read.
pub(super) const fn are_numbers(kind: &DataType) -> bool {
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
pub(super) fn read(column: &ArrayRef, values: &mut Vec<f64>) -> Result<(), usize> {
    values.clear();
    if column.null_count() > 0 {
        let missing = (0..column.len()).find(|index| column.is_null(*index));
        return missing.map_or(Ok(()), Err);
    }
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
    Ok(())
}

fn widen<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    values: &mut Vec<f64>,
    number: impl Fn(T::Native) -> f64,
) {
    let native = column.as_primitive::<T>().values().iter();
    values.extend(native.map(|value| number(*value)));
}
