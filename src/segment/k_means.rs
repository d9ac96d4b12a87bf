//! k-means: k centres so that the sum of squared distances from rows to their
//! nearest centre, the inertia, is small.
//!
//! - Steps: Lloyd (1982), "Least squares quantization in PCM",
//!   <https://doi.org/10.1109/TIT.1982.1056489>, until no row changes its centre.
//!   A centre that lost all its rows moves to the row that is furthest from its
//!   own.
//! - Starts: Arthur, Vassilvitskii (2007), "k-means++: the advantages of careful
//!   seeding": each next centre is a row drawn with a probability in proportion
//!   to its squared distance from the centres so far; of 2 + ⌊ln k⌋ rows so drawn
//!   the one that leaves the least inertia is taken, as they propose. Of several
//!   starts the best end is kept, the first of equals.
//!
//! The least inertia of all is not promised; nobody can in useful time. A step
//! costs nkd, a start some 20 to 100 steps.

use thiserror::Error;

use crate::domain::math;
use crate::domain::random::{DecisionSeed, Generator, Stream};

/// Steps at most; a start that is not done by then ends where it is.
const MOST_STEPS: usize = 300;

/// Rows of numbers, all of the same width.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    width: usize,
    entries: &'a [f64],
}

/// How centres are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// k.
    pub clusters: usize,
    /// How many starts: 1 or more.
    pub starts: u32,
    /// The seed of the draws.
    pub seed: u64,
}

/// Where a search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// Centre after centre.
    pub centres: Vec<f64>,
    /// The centre of each row, from 0.
    pub of_rows: Vec<usize>,
    /// The sum of squared distances from rows to their centres.
    pub inertia: f64,
}

/// Why rows cannot be put into so many clusters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadSearch {
    /// Fewer than 2 clusters.
    #[error("there are {0} clusters, at least 2 are needed")]
    TooFewClusters(usize),
    /// More clusters than rows that differ.
    #[error(
        "there are {clusters} clusters and {rows} rows, of which {distinct} differ: each cluster needs one of its own"
    )]
    TooFewRows {
        /// How many clusters.
        clusters: usize,
        /// How many rows.
        rows: usize,
        /// How many of them differ, counted up to the number of clusters.
        distinct: usize,
    },
    /// No start.
    #[error("there are 0 starts, at least 1 is needed")]
    NoStart,
}

impl<'a> Rows<'a> {
    /// Rows of `width` entries, 1 or more, each finite.
    ///
    /// # Panics
    /// When the entries make no whole rows, which is an error of the caller.
    #[must_use]
    pub fn new(width: usize, entries: &'a [f64]) -> Self {
        assert!(
            width > 0 && entries.len().is_multiple_of(width),
            "rows are whole"
        );
        Self { width, entries }
    }

    /// How many entries a row has.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// How many rows there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.entries.len() / self.width
    }

    /// A row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &'a [f64] {
        &self.entries[row * self.width..][..self.width]
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        self.entries.chunks_exact(self.width)
    }
}

impl Search {
    /// Looks for centres; `started` is called after each start.
    ///
    /// # Errors
    /// When there are too few rows or clusters, before anything is computed.
    pub fn run(&self, rows: Rows<'_>, started: &mut impl FnMut()) -> Result<Clusters, BadSearch> {
        self.check(rows)?;
        let mut best: Option<Clusters> = None;
        for start in 0..self.starts {
            let stream = Stream::numbered(16 + start);
            let mut generator = DecisionSeed(self.seed).generator(stream);
            let found = settle(rows, first_centres(rows, self.clusters, &mut generator));
            if best
                .as_ref()
                .is_none_or(|best| found.inertia < best.inertia)
            {
                best = Some(found);
            }
            started();
        }
        best.ok_or(BadSearch::NoStart)
    }

    fn check(&self, rows: Rows<'_>) -> Result<(), BadSearch> {
        if self.starts == 0 {
            return Err(BadSearch::NoStart);
        }
        if self.clusters < 2 {
            return Err(BadSearch::TooFewClusters(self.clusters));
        }
        let mut distinct: Vec<&[f64]> = Vec::new();
        for row in rows.iter() {
            if distinct.len() == self.clusters {
                return Ok(());
            }
            if !distinct.contains(&row) {
                distinct.push(row);
            }
        }
        if distinct.len() == self.clusters {
            return Ok(());
        }
        Err(BadSearch::TooFewRows {
            clusters: self.clusters,
            rows: rows.count(),
            distinct: distinct.len(),
        })
    }
}

/// The squared distance of two rows.
pub(super) fn squared_distance(left: &[f64], right: &[f64]) -> f64 {
    let both = left.iter().zip(right);
    both.map(|(left, right)| (left - right) * (left - right))
        .sum()
}

/// Draws rows that are far from each other, by greedy k-means++.
fn first_centres(rows: Rows<'_>, clusters: usize, generator: &mut Generator) -> Vec<f64> {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )] // a logarithm of a small number
    let trials = 2 + math::ln(clusters as f64).floor() as usize;
    #[allow(clippy::cast_possible_truncation)] // below the number of rows
    let first = generator.next_below(rows.count() as u64) as usize;
    let mut centres = rows.row(first).to_vec();
    let mut squares: Vec<f64> = rows
        .iter()
        .map(|row| squared_distance(row, rows.row(first)))
        .collect();
    while centres.len() < clusters * rows.width() {
        let total: f64 = squares.iter().sum();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..trials {
            let drawn = drawn_by_weight(&squares, total * generator.next_uniform());
            let nearer: Vec<f64> = rows
                .iter()
                .zip(&squares)
                .map(|(row, square)| square.min(squared_distance(row, rows.row(drawn))))
                .collect();
            let left: f64 = nearer.iter().sum();
            if best.as_ref().is_none_or(|best| left < best.0) {
                best = Some((left, drawn, nearer));
            }
        }
        let Some((_, drawn, nearer)) = best else {
            break;
        };
        centres.extend_from_slice(rows.row(drawn));
        squares = nearer;
    }
    centres
}

/// The first place at which the sum of weights is above `point`; where rounding
/// leaves none, the last one with a weight.
fn drawn_by_weight(weights: &[f64], point: f64) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (place, weight) in weights.iter().enumerate() {
        if *weight > 0.0 {
            sum += weight;
            last = place;
            if sum > point {
                break;
            }
        }
    }
    last
}

/// Lloyd's steps from these centres.
fn settle(rows: Rows<'_>, mut centres: Vec<f64>) -> Clusters {
    let mut of_rows = vec![usize::MAX; rows.count()];
    let mut inertia = 0.0;
    for _ in 0..MOST_STEPS {
        let mut changed = false;
        inertia = 0.0;
        for (row, of_row) in rows.iter().zip(&mut of_rows) {
            let (nearest, square) = nearest_centre(&centres, row);
            changed |= *of_row != nearest;
            *of_row = nearest;
            inertia += square;
        }
        if !changed {
            break;
        }
        centres = means(rows, &mut of_rows, &centres);
    }
    Clusters {
        centres,
        of_rows,
        inertia,
    }
}

fn nearest_centre(centres: &[f64], row: &[f64]) -> (usize, f64) {
    let mut nearest = (0, f64::INFINITY);
    for (number, centre) in centres.chunks_exact(row.len()).enumerate() {
        let square = squared_distance(row, centre);
        if square < nearest.1 {
            nearest = (number, square);
        }
    }
    nearest
}

/// The mean of each centre's rows.
#[allow(clippy::cast_precision_loss)] // far fewer rows than 2^53
fn means(rows: Rows<'_>, of_rows: &mut [usize], centres: &[f64]) -> Vec<f64> {
    let width = rows.width();
    let mut counts = vec![0usize; centres.len() / width];
    of_rows.iter().for_each(|of_row| counts[*of_row] += 1);
    while let Some(empty) = counts.iter().position(|count| *count == 0) {
        let furthest = furthest_row(rows, of_rows, centres, &counts);
        counts[of_rows[furthest]] -= 1;
        of_rows[furthest] = empty;
        counts[empty] = 1;
    }
    let mut sums = vec![0.0; centres.len()];
    for (row, of_row) in rows.iter().zip(of_rows.iter()) {
        for (sum, entry) in sums[of_row * width..].iter_mut().zip(row) {
            *sum += entry;
        }
    }
    for (centre, count) in sums.chunks_exact_mut(width).zip(&counts) {
        centre.iter_mut().for_each(|sum| *sum /= *count as f64);
    }
    sums
}

/// The row that is furthest from its own centre, which keeps another.
fn furthest_row(rows: Rows<'_>, of_rows: &[usize], centres: &[f64], counts: &[usize]) -> usize {
    let mut furthest = (0, f64::NEG_INFINITY);
    for (number, (row, of_row)) in rows.iter().zip(of_rows).enumerate() {
        let centre = &centres[of_row * rows.width()..][..rows.width()];
        let square = squared_distance(row, centre);
        if counts[*of_row] > 1 && square > furthest.1 {
            furthest = (number, square);
        }
    }
    furthest.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn search(clusters: usize) -> Search {
        Search {
            clusters,
            starts: 10,
            seed: 1,
        }
    }

    /// Three groups of four rows at the corners of squares of side 2: each centre
    /// is a square's middle, the inertia 12 · 2.
    #[test]
    fn groups_that_stand_apart_are_found() {
        let corners = [(0.0, 0.0), (100.0, 0.0), (0.0, 100.0)];
        let square = |(x, y): (f64, f64)| [x, y, x + 2.0, y, x, y + 2.0, x + 2.0, y + 2.0];
        let entries: Vec<f64> = corners.into_iter().flat_map(square).collect();
        let found = search(3).run(Rows::new(2, &entries), &mut || {}).unwrap();
        assert_eq!(found.inertia, 24.0);
        let mut centres: Vec<&[f64]> = found.centres.chunks(2).collect();
        centres.sort_by(|left, right| {
            left[0]
                .total_cmp(&right[0])
                .then(left[1].total_cmp(&right[1]))
        });
        assert_eq!(centres, [[1.0, 1.0], [1.0, 101.0], [101.0, 1.0]]);
        assert!(
            found
                .of_rows
                .chunks(4)
                .all(|group| group.iter().all(|of| *of == group[0]))
        );
    }

    /// On a line the best clusters are intervals, so all can be tried. Evenly
    /// spread rows are the hard case: every start ends at another fixed point.
    #[test]
    fn the_best_of_ten_starts_is_near_the_least_inertia_on_a_line() {
        let mut generator = Generator::from_seed(5);
        let mut entries: Vec<f64> = (0..60).map(|_| generator.next_uniform()).collect();
        entries.sort_by(f64::total_cmp);
        let around_mean = |part: &[f64]| {
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            part.iter()
                .map(|entry| (entry - mean) * (entry - mean))
                .sum::<f64>()
        };
        let mut least = f64::INFINITY;
        for first in 1..59 {
            for second in first + 1..60 {
                let parts = [
                    &entries[..first],
                    &entries[first..second],
                    &entries[second..],
                ];
                least = least.min(parts.into_iter().map(around_mean).sum());
            }
        }
        let found = search(3).run(Rows::new(1, &entries), &mut || {}).unwrap();
        let ratio = found.inertia / least;
        assert!((1.0 - 1e-12..1.02).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_centre_without_rows_moves_to_the_furthest_row() {
        let entries = [0.0, 1.0, 2.0, 50.0];
        // The third is nearest to none.
        let found = settle(Rows::new(1, &entries), vec![0.0, 2.0, -1e9]);
        assert_eq!(found.of_rows[3], 2);
        assert_eq!(found.inertia, 0.5);
    }

    #[test]
    fn too_few_rows_are_told_before_anything_is_computed() {
        let entries = [1.0, 1.0, 2.0, 2.0];
        let told = |search: Search| {
            let rows = Rows::new(1, &entries);
            let refused = search
                .run(rows, &mut || panic!("nothing starts"))
                .unwrap_err();
            refused.to_string()
        };
        let message = "there are 3 clusters and 4 rows, of which 2 differ: each cluster needs one of \
                       its own";
        assert_eq!(told(search(3)), message);
        assert_eq!(
            told(search(1)),
            "there are 1 clusters, at least 2 are needed"
        );
        let none = Search {
            starts: 0,
            ..search(2)
        };
        assert_eq!(told(none), "there are 0 starts, at least 1 is needed");
    }

    proptest! {
        /// Where it ends, each row is at its nearest centre, each centre the mean
        /// of its rows.
        #[test]
        fn it_ends_at_a_fixed_point(
            entries in prop::collection::vec(-1e3f64..1e3, 24..120),
            clusters in 2usize..5,
            seed in any::<u64>(),
        ) {
            let whole = entries.len() / 2 * 2;
            let rows = Rows::new(2, &entries[..whole]);
            let found = Search { clusters, starts: 1, seed }.run(rows, &mut || {}).unwrap();
            let mut sums = vec![(0.0, 0.0, 0.0); clusters];
            let mut inertia = 0.0;
            for (row, of_row) in rows.iter().zip(&found.of_rows) {
                let (nearest, square) = nearest_centre(&found.centres, row);
                prop_assert_eq!(nearest, *of_row);
                inertia += square;
                let sum = &mut sums[*of_row];
                *sum = (sum.0 + row[0], sum.1 + row[1], sum.2 + 1.0);
            }
            prop_assert!((inertia - found.inertia).abs() <= 1e-9 * inertia);
            for (centre, sum) in found.centres.chunks(2).zip(sums) {
                prop_assert!((centre[0] - sum.0 / sum.2).abs() < 1e-9);
                prop_assert!((centre[1] - sum.1 / sum.2).abs() < 1e-9);
            }
        }
    }
}
