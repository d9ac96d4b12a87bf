//! One Gaussian posterior over the weights of a linear score.
//!
//! In the notation of Bishop (2006), "Pattern recognition and machine
//! learning", sections 3.3 and 4.5: with the prior w ~ N(0, Λ⁻¹) and rows x of
//! precision β, A = Λ + Σ β x xᵀ, and the posterior is N(A⁻¹h, A⁻¹) with the
//! information h = Σ β t x. The first entry of every row is 1, the intercept's.
//!
//! - *Ridge*: β = 1 and t is the reward; A⁻¹ is in units of the noise, which
//!   is estimated outside. Exact. A reward changes h alone, so one reward can be
//!   put in the place of another.
//! - *Logistic*: the likelihood of one row is replaced by a Gaussian around the
//!   present posterior. With m and v the score's mean and variance, and
//!   p = σ(m / √(1 + πv/8)) the moderated prediction (MacKay 1992,
//!   <https://doi.org/10.1162/neco.1992.4.5.720>; Spiegelhalter, Lauritzen 1990,
//!   <https://doi.org/10.1002/net.3230200507>), β = p(1 − p) and
//!   βt = βm + (y − p). The mean then moves by A⁻¹x(y − p). It depends on the
//!   order of rows, sees each row once, and takes curvature where the
//!   prediction is, not where the posterior will end: not the exact posterior,
//!   and not unlearnt.
//!
//! Scores are shifted by an offset c that the caller chooses (what a decision
//! earns before anything is known): the posterior of A⁻¹(h − c·Σβx) = u − c·g
//! is kept as its two solutions u and g, so that c may change at any time.
//!
//! Cost: three solves of d² operations a row learnt, d²/2 for a variance.

use serde::{Deserialize, Serialize};

use super::dense::{add_scaled, dot};
use super::precision::Precision;
use crate::domain::math;

/// The most weights of a regression, its intercept included.
pub const MOST_WEIGHTS: usize = 1_024;

/// Curvature is at least this, so that no row is without any weight.
const LEAST_CURVATURE: f64 = 1e-4;

/// One posterior over weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    precision: Precision,
    /// h.
    information: Vec<f64>,
    /// u = A⁻¹h.
    solution: Vec<f64>,
    /// g = A⁻¹ Σβx.
    offset_solution: Vec<f64>,
    /// Σ y and Σ y², for the noise of ridge regression.
    targets: f64,
    squares: f64,
    /// ln det A − ln det Λ.
    ln_gain: f64,
}

/// Sums of squares of one ridge regression, as functions of the offset c: the
/// residual form Σ(y − c)² − (h − c·s)ᵀ A⁻¹ (h − c·s).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fit {
    /// How many rows.
    pub rows: f64,
    /// The residual form.
    pub residual: f64,
    /// ln det A − ln det Λ: how much more is known than before.
    pub ln_gain: f64,
}

impl Regression {
    /// Before its first row. `prior` has one precision above 0 a weight, the
    /// intercept's first.
    #[must_use]
    pub fn new(prior: Vec<f64>) -> Self {
        let nothing = vec![0.0; prior.len()];
        Self {
            precision: Precision::new(prior),
            information: nothing.clone(),
            solution: nothing.clone(),
            offset_solution: nothing,
            targets: 0.0,
            squares: 0.0,
            ln_gain: 0.0,
        }
    }

    /// How many weights it has.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.precision.dimension()
    }

    /// How many rows it has learnt.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.precision.rows()
    }

    /// The posterior mean of a row's score, under the offset c.
    #[must_use]
    pub fn mean(&self, row: &[f64], offset: f64) -> f64 {
        offset + dot(&self.solution, row) - offset * dot(&self.offset_solution, row)
    }

    /// The posterior variance of a row's score, for ridge in units of the
    /// noise; `whitened` becomes L⁻¹ of the row.
    #[must_use]
    pub fn variance(&self, row: &[f64], whitened: &mut Vec<f64>) -> f64 {
        whitened.clear();
        whitened.extend_from_slice(row);
        self.precision.whiten(whitened);
        dot(whitened, whitened)
    }

    /// [`Self::variance`] of one row in several regressions of its dimension,
    /// side by side.
    #[must_use]
    pub fn variances<const N: usize>(
        these: [&Self; N],
        row: &[f64],
        whitened: &mut [Vec<f64>; N],
    ) -> [f64; N] {
        let precisions = these.map(|it| &it.precision);
        Precision::whitened_each(precisions, row, whitened.each_mut());
        whitened.each_ref().map(|whitened| dot(whitened, whitened))
    }

    /// Learns a reward by ridge regression.
    pub fn learn_linear(&mut self, row: &[f64], reward: f64) {
        self.targets += reward;
        self.squares += reward * reward;
        self.absorb(row, 1.0, reward);
        self.ln_gain = self.precision.ln_gain();
    }

    /// Puts one reward in the place of another that ridge regression learnt
    /// with this row.
    pub fn correct_linear(&mut self, row: &[f64], before: f64, after: f64) {
        self.targets += after - before;
        self.squares += after * after - before * before;
        add_scaled(&mut self.information, after - before, row);
        self.solution.copy_from_slice(&self.information);
        self.precision.solve(&mut self.solution);
    }

    /// Learns a reward in [0, 1] by logistic regression; `times` counts the
    /// row as so many.
    pub fn learn_logistic(&mut self, row: &[f64], reward: f64, times: f64, offset: f64) {
        let mean = self.mean(row, offset);
        let variance = self.variance(row, &mut Vec::new());
        let expected = moderated(mean, variance);
        let curvature = (expected * (1.0 - expected)).max(LEAST_CURVATURE);
        let target = curvature * mean + (reward - expected);
        self.absorb(row, times * curvature, times * target);
    }

    fn absorb(&mut self, row: &[f64], weight: f64, weighted_target: f64) {
        self.precision.add(row, weight);
        add_scaled(&mut self.information, weighted_target, row);
        self.solution.copy_from_slice(&self.information);
        self.offset_solution
            .copy_from_slice(self.precision.first_column());
        self.precision
            .solve_both(&mut self.solution, &mut self.offset_solution);
    }

    /// How well ridge regression fits, under the offset c.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 rows
    pub fn fit(&self, offset: f64) -> Fit {
        let rows = self.precision.rows() as f64;
        let column = self.precision.first_column();
        let total = self.squares - 2.0 * offset * self.targets + rows * offset * offset;
        let explained = dot(&self.information, &self.solution)
            - 2.0 * offset * dot(column, &self.solution)
            + offset * offset * dot(column, &self.offset_solution);
        Fit {
            rows,
            // Below that it is rounding.
            residual: (total - explained).max(1e-12 * total),
            ln_gain: self.ln_gain,
        }
    }

    /// Whether every number is finite and the parts fit together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let dimension = self.dimension();
        let parts = [&self.information, &self.solution, &self.offset_solution];
        parts
            .iter()
            .all(|part| part.len() == dimension && part.iter().all(|entry| entry.is_finite()))
            && [self.targets, self.squares, self.ln_gain]
                .iter()
                .all(|number| number.is_finite())
    }

    /// Gives `sink` the canonical bytes.
    pub fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        self.precision.write_canonical(sink);
        let parts = [&self.information, &self.solution, &self.offset_solution];
        for entry in parts.into_iter().flatten() {
            sink(&entry.to_bits().to_le_bytes());
        }
        for number in [self.targets, self.squares, self.ln_gain] {
            sink(&number.to_bits().to_le_bytes());
        }
    }
}

/// The expected value of σ(z) for z ~ N(mean, variance), by MacKay's
/// approximation: within 0.02 of it.
#[must_use]
pub fn moderated(mean: f64, variance: f64) -> f64 {
    const PI_OVER_8: f64 = std::f64::consts::PI / 8.0;
    math::logistic(mean / math::sqrt(1.0 + PI_OVER_8 * variance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    fn rows(count: usize) -> Vec<[f64; 3]> {
        let mut generator = Generator::from_seed(5);
        let mut entry = || 2.0 * generator.next_uniform() - 1.0;
        (0..count).map(|_| [1.0, entry(), entry()]).collect()
    }

    /// One weight in closed form: prior precision λ, n rows of 1, mean ȳ:
    /// (n ȳ + λ c) / (n + λ).
    #[test]
    fn an_intercept_alone_is_a_shrunken_mean() {
        let mut regression = Regression::new(vec![2.0]);
        for reward in [1.0, 4.0, 7.0] {
            regression.learn_linear(&[1.0], reward);
        }
        for offset in [0.0, 3.0, -8.0] {
            let exact = (12.0 + 2.0 * offset) / 5.0;
            assert!((regression.mean(&[1.0], offset) - exact).abs() < 1e-14);
        }
        assert!((regression.variance(&[1.0], &mut Vec::new()) - 0.2).abs() < 1e-15);
        // Σ(y − c)² − (Σ(y − c))² / (n + λ) at c = 3: 21 − 9/5
        assert!((regression.fit(3.0).residual - 19.2).abs() < 1e-12);
        let gain = regression.fit(0.0).ln_gain;
        assert!((gain - math::ln(5.0 / 2.0)).abs() < 1e-14);
    }

    #[test]
    fn ridge_finds_the_weights_of_a_line() {
        let prior = [1e-6; 3];
        let mut regression = Regression::new(prior.to_vec());
        for row in rows(200) {
            let reward = 0.5 + 2.0 * row[1] - 3.0 * row[2];
            regression.learn_linear(&row, reward);
        }
        let weights = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
            .map(|row| regression.mean(&row, 0.0));
        for (weight, exact) in weights.iter().zip([0.5, 2.0, -3.0]) {
            assert!((weight - exact).abs() < 1e-6, "{weights:?}");
        }
    }

    #[test]
    fn a_corrected_reward_is_as_good_as_the_right_one_from_the_start() {
        let prior = [1.0; 3];
        let rows = rows(50);
        let learnt = |wrong: bool| {
            let mut regression = Regression::new(prior.to_vec());
            for (place, row) in rows.iter().enumerate() {
                let reward = if wrong && place == 7 { 90.0 } else { row[1] };
                regression.learn_linear(row, reward);
            }
            regression
        };
        let mut corrected = learnt(true);
        corrected.correct_linear(&rows[7], 90.0, rows[7][1]);
        let right = learnt(false);
        for row in &rows {
            let difference = corrected.mean(row, 0.3) - right.mean(row, 0.3);
            assert!(difference.abs() < 1e-12, "{difference:e}");
        }
        let residuals = corrected.fit(0.3).residual - right.fit(0.3).residual;
        assert!(residuals.abs() < 1e-9, "{residuals:e}");
    }

    /// Against the posterior mode by Newton's method on all rows at once: the
    /// online approximation comes near it.
    #[test]
    fn logistic_regression_comes_near_the_mode() {
        let prior = [0.1; 3];
        let truth = [-0.5, 2.0, -1.0];
        let mut generator = Generator::from_seed(11);
        let rows = rows(4_000);
        let mut regression = Regression::new(prior.to_vec());
        for row in &rows {
            let rate = math::logistic(dot(row, &truth));
            let reward = f64::from(u8::from(generator.next_uniform() < rate));
            regression.learn_logistic(row, reward, 1.0, 0.0);
        }
        let mut whitened = Vec::new();
        for (place, exact) in truth.iter().enumerate() {
            let mut row = [0.0; 3];
            row[place] = 1.0;
            let deviation = math::sqrt(regression.variance(&row, &mut whitened));
            let found = regression.mean(&row, 0.0);
            // Four standard deviations of the posterior.
            assert!((found - exact).abs() < 4.0 * deviation, "{found} {exact}");
            assert!(deviation < 0.1, "{deviation}");
        }
    }

    #[test]
    fn separable_rows_and_certain_predictions_stay_finite() {
        let prior = [1e-3; 2];
        let mut regression = Regression::new(prior.to_vec());
        for step in 0..20_000 {
            let side = if step % 2 == 0 { 1.0 } else { -1.0 };
            let reward = f64::from(u8::from(side > 0.0));
            regression.learn_logistic(&[1.0, 1e3 * side], reward, 1.0, -4.0);
        }
        regression.learn_logistic(&[1.0, 1e3], 0.0, 1.0, -4.0);
        assert!(regression.is_sound());
        assert!(regression.mean(&[1.0, -1e3], -4.0) < 0.0);
    }
}
