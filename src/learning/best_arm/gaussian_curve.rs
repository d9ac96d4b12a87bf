//! A normal variable's density.

use std::cmp::Ordering;

use super::{AtNodes, Curve, NODES, Score, TAIL_DROP};
use crate::domain::math;
use crate::learning::gaussian::Gaussian;

/// Panels about an arm's mean, in standard deviations.
const SCALE: f64 = 1.3;

/// How fast panels grow with the distance below a mean.
const GROWTH: f64 = 0.3;

/// 1 / √(2π).
const PEAK: f64 = 0.398_942_280_401_432_7;

/// A normal variable.
pub struct GaussianCurve {
    mean: f64,
    deviation: f64,
    inverse: f64,
}

impl Score for Gaussian {
    type Curve = GaussianCurve;

    fn order(&self, other: &Self) -> Ordering {
        let by_mean = self.mean().total_cmp(&other.mean());
        by_mean.then(self.deviation().total_cmp(&other.deviation()))
    }

    fn curve(&self) -> GaussianCurve {
        GaussianCurve {
            mean: self.mean(),
            deviation: self.deviation(),
            inverse: 1.0 / self.deviation(),
        }
    }
}

impl Curve for GaussianCurve {
    type At = f64;

    #[inline]
    fn at(t: f64) -> f64 {
        t
    }

    #[inline]
    fn density(&self, t: f64) -> f64 {
        let z = (t - self.mean) * self.inverse;
        self.inverse * PEAK * math::exp(-0.5 * z * z)
    }

    #[inline]
    fn densities(&self, at: &[f64; NODES]) -> AtNodes {
        let mut densities = at.map(|t| {
            let z = (t - self.mean) * self.inverse;
            -0.5 * z * z
        });
        math::exp_each(&mut densities);
        densities.map(|density| self.inverse * PEAK * density)
    }

    fn upper(&self) -> f64 {
        self.mean + math::sqrt(2.0 * TAIL_DROP) * self.deviation
    }

    fn widest_panel(&self, top: f64) -> f64 {
        (SCALE * self.deviation).max(GROWTH * (self.mean - top))
    }
}

#[cfg(test)]
mod tests {
    use super::super::probabilities;
    use super::*;
    use crate::domain::random::Generator;

    /// P(X > Y) = Φ((μ − ν) / √(σ² + τ²)).
    #[test]
    fn two_arms_have_a_closed_form() {
        let mut generator = Generator::from_seed(17);
        let mut worst: f64 = 0.0;
        for _ in 0..4_000 {
            let mut arm = || {
                let deviation = math::pow(10.0, 8.0 * generator.next_uniform() - 4.0);
                let mean = 5.0 * (generator.next_uniform() - 0.5) * deviation;
                Gaussian::new(mean, deviation)
            };
            let pair = [arm(), arm()];
            let spread = math::sqrt(
                pair[0].deviation() * pair[0].deviation()
                    + pair[1].deviation() * pair[1].deviation(),
            );
            let z = (pair[0].mean() - pair[1].mean()) / spread;
            let exact = 0.5 * math::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
            let error = (probabilities(&pair).probabilities()[0] - exact).abs();
            assert!(error <= 2e-6, "{error:e} for {pair:?}");
            worst = worst.max(error);
        }
        println!("largest error {worst:e}");
    }

    /// Many arms against a trapezoid rule of 4,000 steps, which is exact to
    /// rounding for such smooth integrands.
    #[test]
    fn many_arms_agree_with_a_fine_trapezoid_rule() {
        let mut generator = Generator::from_seed(23);
        for arms in [3, 10, 26] {
            let arms: Vec<Gaussian> = (0..arms)
                .map(|_| {
                    let deviation = math::pow(10.0, 1.5 * generator.next_uniform() - 1.0);
                    Gaussian::new(2.0 * generator.next_uniform(), deviation)
                })
                .collect();
            let ours = probabilities(&arms);
            for (place, probability) in ours.probabilities().iter().enumerate() {
                let exact = by_trapezoids(&arms, place);
                assert!((probability - exact).abs() <= 2e-6, "{probability} {exact}");
            }
        }
    }

    fn by_trapezoids(arms: &[Gaussian], place: usize) -> f64 {
        let (mean, deviation) = (arms[place].mean(), arms[place].deviation());
        let step = 20.0 / 4_000.0;
        let mut sum = 0.0;
        for index in 0..=4_000 {
            let z = f64::from(index) * step - 10.0;
            let t = mean + deviation * z;
            let mut product = PEAK * math::exp(-0.5 * z * z);
            for (other, arm) in arms.iter().enumerate() {
                if other != place {
                    let u = (t - arm.mean()) / arm.deviation();
                    product *= 0.5 * math::erfc(-u * std::f64::consts::FRAC_1_SQRT_2);
                }
            }
            sum += product * step;
        }
        sum
    }
}
