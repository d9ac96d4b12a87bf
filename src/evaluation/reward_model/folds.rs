//! Cross-fitting: what predicts a round never saw its fold.
//!
//! Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey, Robins (2018),
//! "Double/debiased machine learning for treatment and structural parameters",
//! <https://doi.org/10.1111/ectj.12097>: their K is the number of folds.

use super::linear::{Examples, LinearModel, Link};
use crate::domain::random::{DecisionSeed, Stream};

/// Which fold of `folds` a round belongs to, by its number, or by its shopper's
/// so that all of a shopper's rounds share one; even and the same everywhere.
#[must_use]
pub const fn fold_of(number: u64, folds: usize) -> usize {
    let word = DecisionSeed(number)
        .generator(Stream::numbered(18))
        .next_word();
    #[allow(clippy::cast_possible_truncation)] // below the number of folds
    {
        ((word as u128 * folds as u128) >> 64) as usize
    }
}

/// One linear model a fold, fitted on the other folds.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossFitted {
    models: Vec<LinearModel>,
}

/// A row to fit on.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its fold.
    pub fold: usize,
    /// The first of them is 1.
    pub features: &'a [f64],
    /// In [0, 1] for logistic regression.
    pub reward: f64,
    /// At least 0.
    pub weight: f64,
}

impl CrossFitted {
    /// Fits a model for each of `folds` folds, which `rows` gives one by one and
    /// as often as it is asked. `None` where a fold's model cannot be fitted: see
    /// [`LinearModel::fit`].
    #[must_use]
    pub fn fit<'a, I: Iterator<Item = Row<'a>>>(
        link: Link,
        penalty: f64,
        folds: usize,
        width: usize,
        rows: impl Fn() -> I,
    ) -> Option<Self> {
        let fit = |fold: usize| {
            let mut examples = Examples::new(width);
            for row in rows().filter(|row| row.fold != fold) {
                examples.push(row.features, row.reward, row.weight);
            }
            LinearModel::fit(link, &examples, penalty)
        };
        let models = (0..folds).map(fit).collect::<Option<_>>()?;
        Some(Self { models })
    }

    /// The prediction for a round of a fold.
    ///
    /// # Panics
    /// When there is no such fold.
    #[must_use]
    pub fn predict(&self, fold: usize, features: &[f64]) -> f64 {
        self.models[fold].predict(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_even() {
        let mut counts = [0u32; 3];
        (0..30_000).for_each(|number| counts[fold_of(number, 3)] += 1);
        // Standard deviation 82; five of them either way.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 410),
            "{counts:?}"
        );
    }

    /// A model that saw its own round would predict the outlier in part.
    #[test]
    fn a_round_is_predicted_by_those_of_other_folds() {
        let rows = |reward: f64| {
            let row = |fold, reward| Row {
                fold,
                features: &[1.0],
                reward,
                weight: 1.0,
            };
            vec![row(0, reward), row(1, 2.0), row(1, 4.0)]
        };
        let fit = |reward: f64| {
            let rows = rows(reward);
            CrossFitted::fit(Link::Identity, 1.0, 2, 1, || rows.iter().copied()).unwrap()
        };
        for (reward, fold, expected) in [(100.0, 0, 3.0), (100.0, 1, 100.0), (0.0, 0, 3.0)] {
            let predicted = fit(reward).predict(fold, &[1.0]);
            assert!((predicted - expected).abs() < 1e-12, "{predicted}");
        }
    }
}
