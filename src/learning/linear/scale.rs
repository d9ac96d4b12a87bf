//! How large features are: means and standard deviations over some rows.
//!
//! A weight's prior says how much its feature may move a score, so it has to
//! know the feature's size. Rows are standardised with the moments of the first
//! ones that were seen, which are then kept, and no entry goes further than
//! `FARTHEST` deviations from its mean: a feature that hardly varied among
//! the first rows cannot swamp the others when it does. The idea is that of
//! Ross, Mineiro, Langford (2013), "Normalized online learning", arXiv
//! 1305.6646; frozen, it leaves what was learnt a sum over rows.

use serde::{Deserialize, Serialize};

/// A standardised entry goes no further from 0 than this.
const FARTHEST: f64 = 5.0;

/// The sizes of features.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FeatureScale {
    /// Each feature's mean and 1 / standard deviation.
    moments: Vec<(f64, f64)>,
}

impl FeatureScale {
    /// Over rows of `dimension` entries, and over `standard_rows` more that have
    /// mean 0 and deviation 1 in the feature's own unit. A feature that never
    /// varied keeps its unit; without rows all do.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // far fewer rows than 2^53
    pub fn of<'a>(
        dimension: usize,
        rows: impl Iterator<Item = &'a [f64]> + Clone,
        standard_rows: f64,
    ) -> Self {
        let count = (rows.clone().count() as f64 + standard_rows).max(1.0);
        let moments = (0..dimension).map(|place| {
            let entries = rows.clone().map(|row| row[place]);
            let mean = entries.clone().sum::<f64>() / count;
            let squares: f64 = entries.map(|entry| (entry - mean) * (entry - mean)).sum();
            let variance = (squares + standard_rows * (1.0 + mean * mean)) / count;
            // Below that it is rounding.
            if variance > 1e-12 * mean * mean && variance > f64::MIN_POSITIVE {
                (mean, 1.0 / variance.sqrt())
            } else {
                (mean, 1.0)
            }
        });
        Self {
            moments: moments.collect(),
        }
    }

    /// How many features a row has.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.moments.len()
    }

    /// Appends a row's standardised entries to `standardised`.
    pub fn append(&self, row: &[f64], standardised: &mut Vec<f64>) {
        let both = row.iter().zip(&self.moments);
        standardised.extend(
            both.map(|(entry, (mean, inverse))| {
                ((entry - mean) * inverse).clamp(-FARTHEST, FARTHEST)
            }),
        );
    }

    /// Whether every number is finite.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let moments = self.moments.iter();
        moments
            .clone()
            .all(|(mean, inverse)| mean.is_finite() && inverse.is_finite())
    }

    /// Gives `sink` the canonical bytes.
    pub fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        for (mean, inverse) in &self.moments {
            sink(&mean.to_bits().to_le_bytes());
            sink(&inverse.to_bits().to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_standardised_whatever_their_units() {
        let rows = [[1_000.0, 0.01, 7.0], [3_000.0, 0.03, 7.0]];
        let scale = FeatureScale::of(3, rows.iter().map(<[f64; 3]>::as_slice), 0.0);
        let mut row = Vec::new();
        scale.append(&[3_000.0, 0.01, 7.0], &mut row);
        for (entry, exact) in row.iter().zip([1.0, -1.0, 0.0]) {
            assert!((entry - exact).abs() < 1e-9, "{row:?}");
        }
        // The third never varied: its unit is kept, and it is clipped.
        row.clear();
        scale.append(&[1e9, 0.02, 7.5], &mut row);
        assert_eq!((row[0], row[2]), (5.0, 0.5));
    }

    #[test]
    fn without_rows_nothing_is_changed_but_what_is_too_large() {
        let scale = FeatureScale::of(2, std::iter::empty(), 0.0);
        let mut row = Vec::new();
        scale.append(&[0.25, -80.0], &mut row);
        assert_eq!(row, [0.25, -5.0]);
    }
}
