//! A precision matrix that grows by one row at a time and stays symmetric
//! positive definite: A = diag(prior) + Σ w x xᵀ with its Cholesky factor.
//!
//! The sum is kept beside the factor, packed, so that symmetry cannot be lost.
//! The factor is updated by plane rotations (`dense::update_factor`), which
//! cost O(d²) and keep its diagonal positive whatever the rounding, and is
//! made afresh from the sum after every 1,024 rows, so that its error cannot
//! add up: at most 10⁻⁸ relative to a fresh factor over 10⁷ rows of dimension
//! 64 is tested.
//!
//! Valid for prior precisions above 0 and finite rows: the factor then exists
//! for any rows, singular designs included. d(d + 1) numbers; a row costs
//! about 2 d² operations, a variance d²/2.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::dense::{
    add_outer, factorise, packed_length, solve_lower, solve_lower_each, solve_upper,
    solve_upper_each, update_factor,
};
use crate::domain::math;

/// The factor is made afresh after so many rows.
const REFACTOR_EVERY: u64 = 1_024;

/// A precision matrix and its Cholesky factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Precision {
    dimension: usize,
    /// Rows added.
    rows: u64,
    /// One precision a weight.
    prior: Vec<f64>,
    /// Σ w x xᵀ, packed.
    sum: Vec<f64>,
    /// L with L Lᵀ = diag(prior) + Σ w x xᵀ, packed.
    factor: Vec<f64>,
}

/// Why stored numbers are no precision matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadPrecision {
    /// Not as many numbers as the dimension asks for, or a prior that is none.
    #[error("a matrix of dimension {dimension} has {found} numbers")]
    Length {
        /// The dimension.
        dimension: usize,
        /// How many numbers there are.
        found: usize,
    },
    /// NaN or infinite, or a pivot that is not above 0.
    #[error("a matrix of dimension {0} is not positive definite")]
    NotPositive(usize),
}

#[derive(Deserialize)]
struct Stored {
    dimension: usize,
    rows: u64,
    prior: Vec<f64>,
    sum: Vec<f64>,
    factor: Vec<f64>,
}

impl TryFrom<Stored> for Precision {
    type Error = BadPrecision;

    fn try_from(stored: Stored) -> Result<Self, BadPrecision> {
        let Stored {
            dimension,
            rows,
            prior,
            sum,
            factor,
        } = stored;
        let is_precision = |entry: &f64| *entry > 0.0 && entry.is_finite();
        if prior.len() != dimension || !prior.iter().all(is_precision) {
            return Err(BadPrecision::Length {
                dimension,
                found: prior.len(),
            });
        }
        for part in [&sum, &factor] {
            if dimension > super::regression::MOST_WEIGHTS || part.len() != packed_length(dimension)
            {
                return Err(BadPrecision::Length {
                    dimension,
                    found: part.len(),
                });
            }
            if part.iter().any(|entry| !entry.is_finite()) {
                return Err(BadPrecision::NotPositive(dimension));
            }
        }
        let precision = Self {
            dimension,
            rows,
            prior,
            sum,
            factor,
        };
        if precision.pivots().any(|pivot| !(pivot > 0.0)) {
            return Err(BadPrecision::NotPositive(dimension));
        }
        Ok(precision)
    }
}

impl Precision {
    /// The prior alone: one precision above 0 a weight.
    #[must_use]
    pub fn new(prior: Vec<f64>) -> Self {
        let dimension = prior.len();
        let mut precision = Self {
            dimension,
            rows: 0,
            prior,
            sum: vec![0.0; packed_length(dimension)],
            factor: vec![0.0; packed_length(dimension)],
        };
        precision.refactor();
        precision
    }

    /// How many weights it is about.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many rows were added.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Σ w x x₀: what the rows' first entry has in common with the others.
    #[must_use]
    pub fn first_column(&self) -> &[f64] {
        &self.sum[..self.dimension]
    }

    /// Adds `weight` · `row` `row`ᵀ.
    pub fn add(&mut self, row: &[f64], weight: f64) {
        add_outer(&mut self.sum, row, weight);
        self.rows += 1;
        let due = self.rows.is_multiple_of(REFACTOR_EVERY);
        if !(due && self.refactor()) {
            let root = math::sqrt(weight);
            let mut scaled: Vec<f64> = row.iter().map(|entry| root * entry).collect();
            update_factor(&mut self.factor, &mut scaled);
        }
    }

    /// Makes the factor afresh; `false`, and it stays as it is, when rounding
    /// has left the sum without one.
    fn refactor(&mut self) -> bool {
        let mut fresh = self.sum.clone();
        let mut place = 0;
        for (index, precision) in self.prior.iter().enumerate() {
            fresh[place] += precision;
            place += self.dimension - index;
        }
        let done = factorise(&mut fresh, self.dimension);
        if done {
            self.factor = fresh;
        }
        done
    }

    /// `vector` becomes A⁻¹ `vector`.
    pub fn solve(&self, vector: &mut [f64]) {
        solve_lower(&self.factor, vector);
        solve_upper(&self.factor, vector);
    }

    /// The same for two vectors, side by side.
    pub fn solve_both(&self, one: &mut [f64], other: &mut [f64]) {
        let factor = &self.factor[..];
        solve_lower_each([factor, factor], [&mut *one, &mut *other]);
        solve_upper_each(factor, [one, other]);
    }

    /// L⁻¹ `row` for each of some matrices of the row's dimension, side by side.
    pub fn whitened_each<const N: usize>(
        these: [&Self; N],
        row: &[f64],
        whitened: [&mut Vec<f64>; N],
    ) {
        let whitened = whitened.map(|whitened| {
            whitened.clear();
            whitened.extend_from_slice(row);
            &mut whitened[..]
        });
        solve_lower_each(these.map(|it| &it.factor[..]), whitened);
    }

    /// `row` becomes L⁻¹ `row`, whose dot products are those of rows under
    /// A⁻¹: with itself it is the variance of the row's score.
    pub fn whiten(&self, row: &mut [f64]) {
        solve_lower(&self.factor, row);
    }

    /// ln det A less ln det of the prior: how much more is known than before.
    #[must_use]
    pub fn ln_gain(&self) -> f64 {
        let pivots = self.pivots().zip(&self.prior);
        pivots
            .map(|(pivot, prior)| math::ln(pivot * pivot / prior))
            .sum()
    }

    fn pivots(&self) -> impl Iterator<Item = f64> + '_ {
        let dimension = self.dimension;
        (0..dimension)
            .map(move |index| index * dimension - index * index.saturating_sub(1) / 2)
            .map(|place| self.factor[place])
    }

    /// Gives `sink` the canonical bytes.
    pub fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&(self.dimension as u64).to_le_bytes());
        sink(&self.rows.to_le_bytes());
        for entry in self.prior.iter().chain(&self.sum).chain(&self.factor) {
            sink(&entry.to_bits().to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::dot;
    use super::*;
    use crate::domain::random::Generator;

    fn row(generator: &mut Generator, dimension: usize) -> Vec<f64> {
        // Correlated, of unlike sizes, now and then a large one.
        let common = generator.next_uniform() - 0.5;
        (0..dimension)
            .map(|place| {
                let size = [1.0, 1e-3, 30.0][place % 3];
                size * (generator.next_uniform() - 0.5 + common)
            })
            .collect()
    }

    /// The largest relative error of the factor after `rows` rows, looked at
    /// just before it is made afresh and at the end, against a factor of a sum
    /// that was kept with compensation.
    fn drift(dimension: usize, rows: u64) -> f64 {
        let mut generator = Generator::from_seed(8);
        let prior = vec![1.0; dimension];
        let mut precision = Precision::new(prior.clone());
        let mut exact = vec![(0.0, 0.0); packed_length(dimension)];
        let mut worst: f64 = 0.0;
        for done in 1..=rows {
            let row = row(&mut generator, dimension);
            let weight = 0.05 + generator.next_uniform();
            precision.add(&row, weight);
            let mut place = 0;
            for first in 0..dimension {
                let factor = weight * row[first];
                for entry in &row[first..] {
                    let (sum, lost): &mut (f64, f64) = &mut exact[place];
                    let term = factor * entry - *lost;
                    let next = *sum + term;
                    *lost = (next - *sum) - term;
                    *sum = next;
                    place += 1;
                }
            }
            let before_fresh = done % REFACTOR_EVERY == REFACTOR_EVERY - 1;
            let looked_at = before_fresh && (done / REFACTOR_EVERY).is_power_of_two();
            if looked_at || done == rows {
                worst = worst.max(relative_error(&precision, &exact, &prior));
            }
        }
        worst
    }

    fn relative_error(precision: &Precision, exact: &[(f64, f64)], prior: &[f64]) -> f64 {
        let dimension = precision.dimension();
        let mut fresh: Vec<f64> = exact.iter().map(|(sum, _)| *sum).collect();
        let mut place = 0;
        for (index, precision) in prior.iter().enumerate() {
            fresh[place] += precision;
            place += dimension - index;
        }
        assert!(factorise(&mut fresh, dimension));
        let difference: Vec<f64> = precision
            .factor
            .iter()
            .zip(&fresh)
            .map(|(one, other)| one - other)
            .collect();
        assert!(difference.iter().all(|entry| entry.is_finite()));
        math::sqrt(dot(&difference, &difference) / dot(&fresh, &fresh))
    }

    #[test]
    fn the_factor_does_not_drift() {
        let error = drift(24, 30_000);
        assert!(error <= 1e-10, "{error:e}");
    }

    /// `cargo test --release --lib ten_million_rows -- --ignored --nocapture`
    #[test]
    #[ignore = "takes minutes"]
    fn ten_million_rows_of_dimension_64_leave_the_factor_exact() {
        let error = drift(64, 10_000_000);
        println!("relative error of the factor {error:e}");
        assert!(error <= 1e-8, "{error:e}");
    }

    #[test]
    fn a_singular_design_is_carried_by_the_prior() {
        let prior = vec![1e-3; 3];
        let mut precision = Precision::new(prior.clone());
        for _ in 0..5_000 {
            precision.add(&[1.0, 2.0, 3.0], 1.0);
        }
        let mut solution = [1.0, 2.0, 3.0];
        precision.solve(&mut solution);
        // A = ε I + n x xᵀ, so A⁻¹ x = x / (ε + n |x|²).
        for (place, entry) in solution.iter().enumerate() {
            let exact = (place + 1) as f64 / (1e-3 + 5_000.0 * 14.0);
            assert!((entry / exact - 1.0).abs() < 1e-6, "{entry} {exact}");
        }
    }

    #[test]
    fn its_determinant_and_its_whitened_rows_are_those_of_the_matrix() {
        let mut precision = Precision::new(vec![2.0, 3.0]);
        precision.add(&[1.0, -1.0], 2.0);
        // A = [[4, −2], [−2, 5]], det 16, A⁻¹ = [[5, 2], [2, 4]] / 16
        assert!((precision.ln_gain() - math::ln(16.0 / 6.0)).abs() < 1e-14);
        let mut whitened = [1.0, 1.0];
        precision.whiten(&mut whitened);
        assert!((dot(&whitened, &whitened) - 13.0 / 16.0).abs() < 1e-14);
    }

    #[test]
    fn what_is_stored_is_looked_at() {
        let precision = Precision::new(vec![2.0, 3.0]);
        let bytes = postcard::to_stdvec(&precision).unwrap();
        assert_eq!(
            postcard::from_bytes::<Precision>(&bytes).unwrap(),
            precision
        );
        let mut bad = precision.clone();
        bad.factor[2] = f64::NAN;
        let bytes = postcard::to_stdvec(&bad).unwrap();
        assert!(postcard::from_bytes::<Precision>(&bytes).is_err());
        bad.factor.pop();
        let bytes = postcard::to_stdvec(&bad).unwrap();
        assert!(postcard::from_bytes::<Precision>(&bytes).is_err());
    }
}
