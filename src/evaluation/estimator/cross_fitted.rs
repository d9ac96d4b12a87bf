//! Doubly robust with a model that the log itself gives, cross-fitted: each
//! round is predicted by the mean reward of its cell in the other folds.
//!
//! - DML: Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey, Robins
//!   (2018), "Double/debiased machine learning for treatment and structural
//!   parameters", <https://doi.org/10.1111/ectj.12097>; their DML2, all folds'
//!   scores in one mean. With S the sum of n rewards of a cell in the other folds
//!   and m the mean of all in them, the prediction is (S + m) / (n + 1).
//! - MRDR: Farajtabar, Chow, Ghavamzadeh (2018), "More robust doubly robust
//!   off-policy evaluation", <https://arxiv.org/abs/1802.03493>: the same, but the
//!   model is the one that makes the estimate's variance least. For cells, that
//!   weighs a round by w²·(1 − p₀), exactly so where the target is certain of its
//!   action or residuals of different actions are uncorrelated.
//!
//! A cell is a place of the target's table. Everything follows from nine sums a
//! fold and cell, so it takes one pass, any length of log, and merges. Which
//! fold a round is in depends on its number in its pass; in nothing else does the
//! order matter. Consistent with right propensities, whatever the model; unbiased,
//! since no round's prediction knows its own reward.

use super::super::logged::Rounds;
use super::super::reward_model::fold_of;
use super::super::target::TargetTable;
use super::Estimate;
use crate::domain::math;

/// How many folds.
const FOLDS: usize = 5;

/// Which model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellModel {
    /// The mean: DML.
    Mean,
    /// The mean that makes the variance least: MRDR.
    LeastVariance,
}

/// Sums over the rounds of a fold in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sums {
    rounds: f64,
    reward: f64,
    weight: f64,
    weighted: f64,
    weight_square: f64,
    square_weighted: f64,
    weighted_square: f64,
    /// Σm and Σmr with m = w²(1 − p₀).
    importance: f64,
    important: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.reward += other.reward;
        self.weight += other.weight;
        self.weighted += other.weighted;
        self.weight_square += other.weight_square;
        self.square_weighted += other.square_weighted;
        self.weighted_square += other.weighted_square;
        self.importance += other.importance;
        self.important += other.important;
    }

    /// This without `part` of it.
    fn without(&self, part: &Self) -> Self {
        Self {
            rounds: self.rounds - part.rounds,
            reward: self.reward - part.reward,
            importance: self.importance - part.importance,
            important: self.important - part.important,
            ..*self
        }
    }

    /// The prediction, drawn toward `mean` by the weight of one round.
    fn predict(&self, model: CellModel, mean: f64) -> f64 {
        let plain = (self.reward + mean) / (self.rounds + 1.0);
        match model {
            CellModel::Mean => plain,
            CellModel::LeastVariance if self.importance > 0.0 => {
                let one = self.importance / self.rounds;
                (self.important + one * plain) / (self.importance + one)
            }
            CellModel::LeastVariance => plain,
        }
    }
}

/// What was seen so far.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossFittedCells {
    /// Fold by fold, cell by cell.
    sums: Vec<Sums>,
    rounds: u64,
}

impl CrossFittedCells {
    /// Nothing seen yet, under this target.
    #[must_use]
    pub fn new(target: &TargetTable) -> Self {
        Self {
            sums: vec![Sums::default(); FOLDS * target.actions() * target.positions()],
            rounds: 0,
        }
    }

    /// Adds a batch that was weighed for the same target.
    pub fn add(&mut self, rounds: &Rounds) {
        let cells = self.sums.len() / FOLDS;
        let columns = rounds.weight().iter().zip(rounds.reward());
        let columns = columns.zip(rounds.propensity()).zip(rounds.cell());
        for (((weight, reward), propensity), cell) in columns {
            let fold = fold_of(self.rounds, FOLDS);
            let importance = weight * weight * (1.0 - propensity);
            let weighted = weight * reward;
            self.sums[fold * cells + *cell as usize].add(&Sums {
                rounds: 1.0,
                reward: *reward,
                weight: *weight,
                weighted,
                weight_square: weight * weight,
                square_weighted: weight * weighted,
                weighted_square: weighted * weighted,
                importance,
                important: importance * reward,
            });
            self.rounds += 1;
        }
    }

    /// Adds what another pass under the same target saw.
    ///
    /// # Panics
    /// When the other is of a target of another size.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(
            self.sums.len(),
            other.sums.len(),
            "passes under the same target merge"
        );
        self.rounds += other.rounds;
        for (ours, theirs) in self.sums.iter_mut().zip(&other.sums) {
            ours.add(theirs);
        }
    }

    /// The estimate; `None` of nothing, or of a fold whose others are empty.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
    pub fn estimate(&self, model: CellModel, target: &TargetTable) -> Option<Estimate> {
        let n = self.rounds as f64;
        let cells = self.sums.len() / FOLDS;
        let mut all = vec![Sums::default(); cells];
        for (place, sums) in self.sums.iter().enumerate() {
            all[place % cells].add(sums);
        }
        let (mut sum, mut squares) = (0.0, 0.0);
        for fold in self.sums.chunks(cells) {
            if fold.iter().all(|sums| sums.rounds == 0.0) {
                continue;
            }
            let others: Vec<Sums> = all
                .iter()
                .zip(fold)
                .map(|(all, part)| all.without(part))
                .collect();
            let rounds: f64 = others.iter().map(|sums| sums.rounds).sum();
            if !(rounds > 0.0) {
                return None;
            }
            let mean = others.iter().map(|sums| sums.reward).sum::<f64>() / rounds;
            let predicted: Vec<f64> = others
                .iter()
                .map(|sums| sums.predict(model, mean))
                .collect();
            let (more, more_squares) = scores(fold, &predicted, target);
            sum += more;
            squares += more_squares;
        }
        let value = (n > 0.0).then(|| sum / n)?;
        let variance = (n > 1.0).then(|| ((squares - n * value * value) / (n - 1.0)).max(0.0));
        Some(Estimate {
            value,
            standard_error: variance.map(|variance| math::sqrt(variance / n)),
            round_deviation: variance.map(math::sqrt),
            bias_bound: None,
            rounds: self.rounds,
        })
    }
}

/// Σφ and Σφ² over a fold, φ = q(π) + w·(r − q(a)).
fn scores(fold: &[Sums], predicted: &[f64], target: &TargetTable) -> (f64, f64) {
    let actions = target.actions();
    let (mut sum, mut squares) = (0.0, 0.0);
    let positions = fold
        .chunks(actions)
        .zip(predicted.chunks(actions))
        .enumerate();
    for (position, (sums, predicted)) in positions {
        let expected = target.at(position).iter().zip(predicted);
        let expected: f64 = expected.map(|(probability, q)| probability * q).sum();
        let expected = expected / target.total(position);
        for (sums, q) in sums.iter().zip(predicted) {
            let residual = sums.weighted - q * sums.weight;
            let residual_squares =
                sums.weighted_square - 2.0 * q * sums.square_weighted + q * q * sums.weight_square;
            sum += sums.rounds * expected + residual;
            squares +=
                sums.rounds * expected * expected + 2.0 * expected * residual + residual_squares;
        }
    }
    (sum, squares)
}
