//! Standard scores: columns brought to mean 0 and deviation 1.
//!
//! z = (x − mean) / deviation, with √(Σ(x − mean)²/n) for the deviation over n
//! rows, so that columns of unlike units weigh alike.

use super::compensated_sum::CompensatedSum;
use super::math;

/// The means and deviations of columns.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardScores {
    /// (mean, deviation), one a column.
    moments: Vec<(f64, f64)>,
}

impl StandardScores {
    /// Over rows of `width` finite entries. A column that never varies keeps its
    /// unit: its deviation counts as 1. Without rows all do, around 0.
    #[must_use]
    pub fn of<'a>(width: usize, rows: impl Iterator<Item = &'a [f64]> + Clone) -> Self {
        let moments = (0..width).map(|place| moments(rows.clone().map(|row| row[place])));
        Self {
            moments: moments.collect(),
        }
    }

    /// That change nothing.
    #[must_use]
    pub fn unchanged(width: usize) -> Self {
        Self {
            moments: vec![(0.0, 1.0); width],
        }
    }

    /// The mean and the deviation of each column; no deviation is 0.
    #[must_use]
    pub fn moments(&self) -> &[(f64, f64)] {
        &self.moments
    }

    /// Appends a row's standard scores to `scores`.
    pub fn append(&self, row: &[f64], scores: &mut Vec<f64>) {
        let both = row.iter().zip(&self.moments);
        scores.extend(both.map(|(entry, (mean, deviation))| (entry - mean) / deviation));
    }
}

#[allow(clippy::cast_precision_loss)] // far fewer rows than 2^53
fn moments(entries: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let Some(first) = entries.clone().next() else {
        return (0.0, 1.0);
    };
    if entries.clone().all(|entry| entry == first) {
        return (first, 1.0);
    }
    let count = entries.clone().count() as f64;
    let mean = sum(entries.clone()) / count;
    let squares = entries.map(|entry| (entry - mean) * (entry - mean));
    let deviation = math::sqrt(sum(squares) / count);
    // Differences too small to be squared are none.
    let deviation = if deviation > 0.0 { deviation } else { 1.0 };
    (mean, deviation)
}

fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    terms.collect::<CompensatedSum>().get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_have_mean_0_and_deviation_1() {
        let rows = [[1.0, 0.1, -4e6], [2.0, 0.1, 1e6], [6.0, 0.1, 3e6]];
        let scores = StandardScores::of(3, rows.iter().map(<[f64; 3]>::as_slice));
        // Mean 3, variance (4 + 1 + 9) / 3.
        assert_eq!(scores.moments()[0], (3.0, (14.0_f64 / 3.0).sqrt()));
        // The second never varies.
        assert_eq!(scores.moments()[1], (0.1, 1.0));
        let mut scored = Vec::new();
        rows.iter().for_each(|row| scores.append(row, &mut scored));
        for place in [0, 2] {
            let column = scored.iter().skip(place).step_by(3);
            let mean: f64 = column.clone().sum();
            let squares: f64 = column.map(|entry| entry * entry).sum();
            assert!(
                mean.abs() < 1e-12 && (squares - 3.0).abs() < 1e-12,
                "{scored:?}"
            );
        }
        assert!(scored.iter().skip(1).step_by(3).all(|entry| *entry == 0.0));
    }

    #[test]
    fn without_rows_nothing_changes() {
        let none = StandardScores::of(2, std::iter::empty());
        assert_eq!(none, StandardScores::unchanged(2));
        let mut scored = Vec::new();
        none.append(&[-3.5, 1e9], &mut scored);
        assert_eq!(scored, [-3.5, 1e9]);
    }
}
