//! Ridge and logistic regression of the reward on features.
//!
//! - Ridge: Hoerl, Kennard (1970), <https://doi.org/10.1080/00401706.1970.10488634>:
//!   the β that makes Σ w(y − xβ)² + λ|β|² least.
//! - Logistic: the β that makes Σ w·(ln(1 + e^xβ) − y·xβ) + λ|β|²/2 least, by Newton's
//!   steps, each a weighted ridge regression (iteratively reweighted least
//!   squares; McCullagh, Nelder 1989, "Generalized linear models"), halved while
//!   they do not descend.
//!
//! The first feature is the constant 1 and bears no penalty. Rewards of
//! logistic regression lie in \[0, 1\]. One ridge fit costs nd²/2, a logistic one
//! that times some 6 to 12 steps.

use super::normal_equations::NormalEquations;
use crate::domain::math;

/// Newton's steps at most; 12 are many.
const MOST_STEPS: usize = 50;
/// A step that moves no coefficient by more, relative to the largest, is the
/// last.
const SMALL: f64 = 1e-9;
/// How often a step is halved.
const MOST_HALVINGS: usize = 30;

/// Which regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The reward is xβ.
    Identity,
    /// The reward's rate is 1 / (1 + e^−xβ).
    Logistic,
}

/// Rows of features with their rewards and weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    width: usize,
    features: Vec<f64>,
    rewards: Vec<f64>,
    weights: Vec<f64>,
}

impl Examples {
    /// None yet, of so many features: 1 or more.
    #[must_use]
    pub const fn new(width: usize) -> Self {
        Self {
            width,
            features: Vec::new(),
            rewards: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Adds one. The first feature is 1, the weight at least 0.
    ///
    /// # Panics
    /// When it has another number of features, which is an error of the caller.
    pub fn push(&mut self, features: &[f64], reward: f64, weight: f64) {
        assert_eq!(
            features.len(),
            self.width,
            "examples have the same features"
        );
        self.features.extend_from_slice(features);
        self.rewards.push(reward);
        self.weights.push(weight);
    }

    fn rows(&self) -> impl Iterator<Item = (&[f64], f64, f64)> + '_ {
        let values = self.rewards.iter().zip(&self.weights);
        let rows = self.features.chunks(self.width).zip(values);
        rows.map(|(features, (reward, weight))| (features, *reward, *weight))
    }
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    link: Link,
    coefficients: Vec<f64>,
}

impl LinearModel {
    /// Fits; `penalty` is λ > 0. `None` of no example with a weight above 0, or
    /// where the numbers leave what can be computed.
    #[must_use]
    pub fn fit(link: Link, examples: &Examples, penalty: f64) -> Option<Self> {
        if !(penalty > 0.0 && examples.weights.iter().any(|weight| *weight > 0.0)) {
            return None;
        }
        let mut penalties = vec![penalty; examples.width];
        penalties[0] = 0.0;
        let coefficients = match link {
            Link::Identity => {
                let mut equations = NormalEquations::new(examples.width);
                for (features, reward, weight) in examples.rows() {
                    equations.add(features, reward, weight);
                }
                equations.solve(&penalties)?
            }
            Link::Logistic => fit_logistic(examples, &penalties)?,
        };
        Some(Self { link, coefficients })
    }

    /// xβ.
    #[must_use]
    pub fn score(&self, features: &[f64]) -> f64 {
        dot(&self.coefficients, features)
    }

    /// The predicted reward.
    #[must_use]
    pub fn predict(&self, features: &[f64]) -> f64 {
        let score = self.score(features);
        match self.link {
            Link::Identity => score,
            Link::Logistic => math::logistic(score),
        }
    }

    /// β, one a feature.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(x, y)| x * y).sum()
}

fn fit_logistic(examples: &Examples, penalties: &[f64]) -> Option<Vec<f64>> {
    let mut coefficients = vec![0.0; examples.width];
    // At the mean's logit to begin with; a rate of 0 or 1 has none, so each side
    // gets the weight of half an example.
    let (sum, weight) = examples
        .rows()
        .fold((0.5, 1.0), |(sum, total), (_, reward, weight)| {
            (sum + weight * reward, total + weight)
        });
    coefficients[0] = math::ln(sum / (weight - sum));
    let mut loss = logistic_loss(examples, penalties, &coefficients);
    for _ in 0..MOST_STEPS {
        let step = newton_step(examples, penalties, &coefficients)?;
        let mut share = 1.0;
        let mut halvings = 0;
        let (moved, lower) = loop {
            let moved: Vec<f64> = coefficients
                .iter()
                .zip(&step)
                .map(|(at, by)| at + share * by)
                .collect();
            let lower = logistic_loss(examples, penalties, &moved);
            if lower <= loss || halvings == MOST_HALVINGS {
                break (moved, lower);
            }
            share *= 0.5;
            halvings += 1;
        };
        let largest = moved
            .iter()
            .fold(1.0_f64, |most, value| most.max(value.abs()));
        let stays = step.iter().all(|by| (share * by).abs() <= SMALL * largest);
        if !(lower <= loss) {
            return Some(coefficients);
        }
        (coefficients, loss) = (moved, lower);
        if stays {
            break;
        }
    }
    Some(coefficients)
}

/// H⁻¹ times the descent.
fn newton_step(examples: &Examples, penalties: &[f64], at: &[f64]) -> Option<Vec<f64>> {
    let mut equations = NormalEquations::new(at.len());
    for (features, reward, weight) in examples.rows() {
        let rate = math::logistic(dot(at, features));
        // A flat slope would leave the step without bounds.
        let slope = (rate * (1.0 - rate)).max(1e-12);
        equations.add(features, (reward - rate) / slope, weight * slope);
    }
    for (place, (penalty, value)) in penalties.iter().zip(at).enumerate() {
        equations.pull(place, -penalty * value);
    }
    // The constant bears no penalty, but rates that are all 0 leave it nearly
    // free.
    let damped: Vec<f64> = penalties.iter().map(|penalty| penalty.max(1e-9)).collect();
    equations.solve(&damped)
}

fn logistic_loss(examples: &Examples, penalties: &[f64], at: &[f64]) -> f64 {
    let loss: f64 = examples
        .rows()
        .map(|(features, reward, weight)| {
            let score = dot(at, features);
            // ln(1 + e^s) = −ln σ(−s).
            weight * (-math::ln_logistic(-score) - reward * score)
        })
        .sum();
    let squares = penalties.iter().zip(at);
    loss + 0.5
        * squares
            .map(|(penalty, value)| penalty * value * value)
            .sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    /// y = 2 − 3x exactly, and no penalty to speak of.
    #[test]
    fn ridge_finds_a_line() {
        let mut examples = Examples::new(2);
        for step in 0..50 {
            let x = f64::from(step) * 0.1;
            examples.push(&[1.0, x], 2.0 - 3.0 * x, 1.0 + x);
        }
        let model = LinearModel::fit(Link::Identity, &examples, 1e-9).unwrap();
        assert!((model.coefficients()[0] - 2.0).abs() < 1e-6);
        assert!((model.coefficients()[1] + 3.0).abs() < 1e-6);
        assert!((model.predict(&[1.0, 10.0]) + 28.0).abs() < 1e-6);
        assert_eq!(
            LinearModel::fit(Link::Identity, &Examples::new(2), 1.0),
            None
        );
    }

    /// With a constant and one 0/1 feature and no penalty to speak of, the fit is
    /// the two groups' rates.
    #[test]
    fn logistic_regression_of_groups_is_their_rates() {
        let mut examples = Examples::new(2);
        for (group, rewards) in [(0.0, [1.0, 0.0, 0.0, 0.0]), (1.0, [1.0, 1.0, 1.0, 0.0])] {
            for reward in rewards {
                examples.push(&[1.0, group], reward, 1.0);
            }
        }
        let model = LinearModel::fit(Link::Logistic, &examples, 1e-9).unwrap();
        assert!((model.predict(&[1.0, 0.0]) - 0.25).abs() < 1e-6);
        assert!((model.predict(&[1.0, 1.0]) - 0.75).abs() < 1e-6);
    }

    /// At the fit the loss has no slope, separable examples and rates of 0 or 1
    /// included.
    #[test]
    fn logistic_regression_ends_where_the_loss_is_flat() {
        for (seed, rate) in [(1, 0.5), (2, 0.02), (3, 0.0), (4, 1.0)] {
            let mut generator = Generator::from_seed(seed);
            let mut examples = Examples::new(3);
            for _ in 0..400 {
                let (x, y) = (generator.next_uniform(), generator.next_uniform() - 0.5);
                let reward = f64::from(u8::from(generator.next_uniform() < rate));
                examples.push(&[1.0, x, y], reward, 0.5 + x);
            }
            let model = LinearModel::fit(Link::Logistic, &examples, 0.1).unwrap();
            let penalties = [0.0, 0.1, 0.1];
            for place in 1..3 {
                let mut slope = penalties[place] * model.coefficients()[place];
                for (features, reward, weight) in examples.rows() {
                    slope += weight * (model.predict(features) - reward) * features[place];
                }
                assert!(slope.abs() < 1e-4, "{rate}, {place}: {slope}");
            }
            let mean = model.predict(&[1.0, 0.5, 0.0]);
            assert!((mean - rate).abs() < 0.1, "{rate}: {mean}");
        }
    }
}
