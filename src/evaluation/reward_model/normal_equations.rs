//! Symmetric positive definite systems, as least squares makes them, solved by
//! [`dense`]'s Cholesky factor: d³/6 multiplications for d unknowns.

use crate::learning::linear::dense;

/// Σ wxxᵀ and Σ wyx over examples (x, y) with weights w; streams and merges.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalEquations {
    features: usize,
    /// Packed as [`dense`] has it.
    squares: Vec<f64>,
    products: Vec<f64>,
}

impl NormalEquations {
    /// Of nothing yet, over so many features.
    #[must_use]
    pub fn new(features: usize) -> Self {
        Self {
            features,
            squares: vec![0.0; dense::packed_length(features)],
            products: vec![0.0; features],
        }
    }

    /// Adds an example.
    ///
    /// # Panics
    /// When it has another number of features, which is an error of the caller.
    pub fn add(&mut self, features: &[f64], value: f64, weight: f64) {
        assert_eq!(
            features.len(),
            self.features,
            "examples have the same features"
        );
        dense::add_outer(&mut self.squares, features, weight);
        dense::add_scaled(&mut self.products, weight * value, features);
    }

    /// Adds to one of the right-hand sides.
    pub(super) fn pull(&mut self, place: usize, by: f64) {
        self.products[place] += by;
    }

    /// Adds what another pass saw.
    ///
    /// # Panics
    /// When the other has another number of features.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(
            self.features, other.features,
            "equations of the same features merge"
        );
        dense::add_scaled(&mut self.squares, 1.0, &other.squares);
        dense::add_scaled(&mut self.products, 1.0, &other.products);
    }

    /// The x with (Σ wxxᵀ + diag(`penalties`))·x = Σ wyx; `None` where that is not
    /// positive definite.
    ///
    /// # Panics
    /// When there is not one penalty a feature.
    #[must_use]
    pub fn solve(&self, penalties: &[f64]) -> Option<Vec<f64>> {
        assert_eq!(
            penalties.len(),
            self.features,
            "there is one penalty a feature"
        );
        let mut factor = self.squares.clone();
        let mut diagonal = 0;
        for (column, penalty) in penalties.iter().enumerate() {
            factor[diagonal] += penalty;
            diagonal += self.features - column;
        }
        if !dense::factorise(&mut factor, self.features) {
            return None;
        }
        let mut unknowns = self.products.clone();
        dense::solve_lower(&factor, &mut unknowns);
        dense::solve_upper(&factor, &mut unknowns);
        unknowns
            .iter()
            .all(|value| value.is_finite())
            .then_some(unknowns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_with_a_known_answer_is_solved() {
        let mut equations = NormalEquations::new(3);
        // A·x = b with A = [[4, 2, 2], [2, 5, 3], [2, 3, 6]] and x = (1, −2, 3).
        equations.squares = vec![4.0, 2.0, 2.0, 5.0, 3.0, 6.0];
        equations.products = vec![6.0, 1.0, 14.0];
        let unknowns = equations.solve(&[0.0; 3]).unwrap();
        for (ours, expected) in unknowns.iter().zip([1.0, -2.0, 3.0]) {
            assert!((ours - expected).abs() < 1e-12, "{unknowns:?}");
        }
    }

    #[test]
    fn examples_that_do_not_span_the_features_need_a_penalty() {
        let mut equations = NormalEquations::new(2);
        equations.add(&[1.0, 1.0], 2.0, 1.0);
        assert_eq!(equations.solve(&[0.0, 0.0]), None);
        let even = equations.solve(&[1.0, 1.0]).unwrap();
        assert!(even.iter().all(|value| (value - 2.0 / 3.0).abs() < 1e-12));
        let mut twice = equations.clone();
        twice.merge(&equations);
        let mut weighted = NormalEquations::new(2);
        weighted.add(&[1.0, 1.0], 2.0, 2.0);
        assert_eq!(twice, weighted);
    }
}
