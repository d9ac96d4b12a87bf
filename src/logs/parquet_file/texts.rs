//! Arrow's columns of names as numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowDictionaryKeyType, Int32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray};
use arrow_schema::DataType;

use crate::evaluation::choices::Names;

/// Whether a column of this type can be read: text, or whole numbers, which are
/// their own names.
pub(in crate::logs) fn are_names(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 => true,
        DataType::Dictionary(_, values) => are_names(values),
        other => other.is_integer(),
    }
}

/// The numbers of a column's names; the place of the first that is missing when
/// one is. Names that are new get the next numbers.
pub(in crate::logs) fn read(
    column: &ArrayRef,
    names: &mut Arc<Names>,
    numbers: &mut Vec<u32>,
) -> Result<(), usize> {
    numbers.clear();
    if column.null_count() > 0
        && let Some(missing) = (0..column.len()).find(|index| column.is_null(*index))
    {
        return Err(missing);
    }
    match column.data_type() {
        DataType::Dictionary(_, _) => {
            if let Some(dictionary) = column.as_any().downcast_ref::<DictionaryArray<Int32Type>>() {
                from_dictionary(dictionary, names, numbers)?;
            }
        }
        DataType::Utf8 => {
            let texts = column.as_string::<i32>().iter().flatten();
            numbers.extend(texts.map(|name| Names::number_in(names, name)));
        }
        DataType::LargeUtf8 => {
            let texts = column.as_string::<i64>().iter().flatten();
            numbers.extend(texts.map(|name| Names::number_in(names, name)));
        }
        _ => {
            let mut values = Vec::new();
            super::values::read_whole(column, &mut values)?;
            numbers.extend(
                values
                    .iter()
                    .map(|value| Names::number_in(names, &value.to_string())),
            );
        }
    }
    Ok(())
}

/// Looks each word of the dictionary up once.
fn from_dictionary<K: ArrowDictionaryKeyType>(
    dictionary: &DictionaryArray<K>,
    names: &mut Arc<Names>,
    numbers: &mut Vec<u32>,
) -> Result<(), usize>
where
    K::Native: TryInto<usize>,
{
    // Only the words that occur are names of this log.
    let mut known: Vec<Option<u32>> = vec![None; dictionary.values().len()];
    let words = dictionary.values().as_string_opt::<i32>();
    for (index, key) in dictionary.keys().values().iter().enumerate() {
        let place: usize = (*key).try_into().map_err(|_| index)?;
        let number = match (known.get(place).copied().flatten(), words) {
            (Some(number), _) => number,
            (None, Some(words)) => {
                let number = Names::number_in(names, words.value(place));
                known[place] = Some(number);
                number
            }
            (None, None) => return Err(index),
        };
        numbers.push(number);
    }
    Ok(())
}
