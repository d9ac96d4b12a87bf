//! Who is in which segment.

use crate::domain::attribute::{AttributeValue, Attributes};
use crate::logs::sheet::{Sheet, Values};
use crate::segment::Segmentation;

/// The segments of the shoppers of a table.
pub(super) struct Description {
    /// The columns of numbers, in the order of the table.
    pub features: Vec<String>,
    /// In the order in which segments are tried.
    pub groups: Vec<Group>,
    /// How many shoppers there are.
    pub rows: usize,
}

/// A segment.
pub(super) struct Group {
    pub id: String,
    pub title: String,
    pub rows: usize,
    /// The mean of each feature over the shoppers of whom it is known.
    pub means: Vec<Option<f64>>,
}

impl Description {
    /// Puts each row into its segment, as the service would with the row's columns
    /// as attributes.
    pub(super) fn of(sheet: &Sheet, segmentation: &Segmentation) -> Self {
        let numbers: Vec<(&str, &[f64])> = sheet
            .columns()
            .iter()
            .filter_map(|column| match &column.values {
                Values::Numbers(numbers) => Some((column.name.as_str(), numbers.as_slice())),
                Values::Texts(_) | Values::Other(_) => None,
            })
            .collect();
        let segments: Vec<_> = segmentation.iter().collect();
        let mut counts = vec![0; segments.len()];
        let mut sums = vec![vec![(0.0, 0u32); numbers.len()]; segments.len()];
        for row in 0..sheet.rows() {
            let of_row = segmentation.assign(&attributes(sheet, row)).number;
            let group = segments.iter().position(|segment| segment.number == of_row);
            let group = group.unwrap_or(segments.len() - 1);
            counts[group] += 1;
            for ((_, entries), (sum, known)) in numbers.iter().zip(&mut sums[group]) {
                // Infinite entries are no attributes either.
                if entries[row].is_finite() {
                    *sum += entries[row];
                    *known += 1;
                }
            }
        }
        let groups = segments.iter().zip(counts).zip(sums);
        let mean = |(sum, known): (f64, u32)| (known > 0).then(|| sum / f64::from(known));
        Self {
            features: numbers.iter().map(|(name, _)| (*name).to_owned()).collect(),
            groups: groups
                .map(|((segment, rows), sums)| Group {
                    id: segment.id.clone(),
                    title: segment.title.clone(),
                    rows,
                    means: sums.into_iter().map(mean).collect(),
                })
                .collect(),
            rows: sheet.rows(),
        }
    }

    /// The part of all shoppers that a group has.
    #[allow(clippy::cast_precision_loss)] // far fewer rows than 2^53
    pub(super) fn share(&self, group: &Group) -> f64 {
        group.rows as f64 / self.rows as f64
    }
}

/// What is known of a row's shopper.
fn attributes(sheet: &Sheet, row: usize) -> Attributes {
    let mut attributes = Attributes::new();
    for column in sheet.columns() {
        let value = match &column.values {
            Values::Numbers(numbers) if numbers[row].is_finite() => {
                AttributeValue::Number(numbers[row])
            }
            Values::Texts(texts) => match &texts[row] {
                Some(text) => AttributeValue::String(text.clone()),
                None => continue,
            },
            Values::Numbers(_) | Values::Other(_) => continue,
        };
        attributes.insert(column.name.clone(), value);
    }
    attributes
}
