//! A Gamma variable's density on the logarithmic scale.

use std::cmp::Ordering;

use super::{Curve, Score, TAIL_DROP};
use crate::domain::math;
use crate::learning::gamma::Gamma;

/// Panels about an arm's mode, in standard deviations.
const SCALE: f64 = 1.3;

/// But never wider than this: the exponential bends within a unit.
const WIDEST_SCALE: f64 = 1.0;

/// How fast panels grow with the distance below a mode.
const GROWTH: f64 = 0.4;

/// The logarithm of a Gamma variable.
pub struct GammaCurve {
    shape: f64,
    mode: f64,
    ln_peak: f64,
    /// How wide panels about the mode may be.
    scale: f64,
    upper: f64,
}

impl Score for Gamma {
    type Curve = GammaCurve;

    fn order(&self, other: &Self) -> Ordering {
        let by_shape = self.shape().total_cmp(&other.shape());
        by_shape.then(self.rate().total_cmp(&other.rate()))
    }

    fn curve(&self) -> GammaCurve {
        let (shape, mode) = (self.shape(), self.ln_scale_mode());
        // The root of e^u − 1 − u = drop / shape. Its left side is at least
        // u²/2, and at least 0.26 e^u where u ≥ 1: two bounds from above, from
        // which Newton's method on a convex function falls towards the root.
        let target = TAIL_DROP / shape;
        let exponential = math::ln(target / 0.26).max(1.0);
        let mut above = math::sqrt(2.0 * target).min(exponential);
        for _ in 0..3 {
            let slope = math::exp_m1(above);
            above -= (slope - above - target) / slope;
        }
        GammaCurve {
            shape,
            mode,
            ln_peak: self.ln_density_at_mode(),
            scale: (SCALE / math::sqrt(shape)).min(WIDEST_SCALE),
            upper: mode + above,
        }
    }
}

impl Curve for GammaCurve {
    type At = f64;

    #[inline]
    fn at(t: f64) -> f64 {
        t
    }

    #[inline]
    fn density(&self, t: f64) -> f64 {
        let u = t - self.mode;
        math::exp(self.ln_peak + self.shape * (u - math::exp_m1(u)))
    }

    fn upper(&self) -> f64 {
        self.upper
    }

    fn widest_panel(&self, top: f64) -> f64 {
        self.scale.max(GROWTH * (self.mode - top))
    }
}

#[cfg(test)]
mod tests {
    use super::super::probabilities;
    use super::*;
    use crate::domain::random::Generator;
    use crate::learning::beta::Beta;

    /// P(X > Y) for X ~ Gamma(a, b), Y ~ Gamma(c, d): bX / (bX + dY) is a
    /// Beta(a, c) variable, so it is P(Beta(a, c) > b / (b + d)).
    fn first_of_two(first: Gamma, second: Gamma) -> f64 {
        let logit = math::ln(first.rate() / second.rate());
        1.0 - Beta::new(first.shape(), second.shape()).cumulative_at_logit(logit)
    }

    #[test]
    fn two_arms_have_a_closed_form() {
        let mut generator = Generator::from_seed(41);
        let mut log_uniform =
            |from: f64, to: f64| from * math::pow(to / from, generator.next_uniform());
        let mut worst: f64 = 0.0;
        for _ in 0..2_000 {
            let pair = [(); 2].map(|()| {
                let shape = log_uniform(0.01, 1e6);
                Gamma::new(shape, shape * log_uniform(0.05, 20.0))
            });
            let exact = first_of_two(pair[0], pair[1]);
            let ours = probabilities(&pair).probabilities()[0];
            let error = (ours - exact).abs();
            assert!(error <= 1e-6, "{error:e} for {pair:?}");
            worst = worst.max(error);
        }
        println!("largest error {worst:e}");
    }

    /// The least of exponential variables has a closed form, and so has the
    /// largest of K alike and one other: inclusion and exclusion.
    #[test]
    fn exponential_arms_have_a_closed_form() {
        let (alike, rate) = (5u64, 0.4);
        let mut arms = vec![Gamma::new(1.0, 1.0); 5];
        arms.push(Gamma::new(1.0, rate));
        // ∫ r e^(−rt) (1 − e^−t)^5 dt = Σ (−1)^k C(5, k) r / (r + k)
        let binomial = [1.0, -5.0, 10.0, -10.0, 5.0, -1.0];
        let exact: f64 = (0..=alike)
            .map(|k| binomial[k as usize] * rate / (rate + k as f64))
            .sum();
        let ours = probabilities(&arms);
        assert!((ours.probabilities()[5] - exact).abs() < 1e-7, "{ours:?}");
        let each = (1.0 - exact) / 5.0;
        assert!((ours.probabilities()[0] - each).abs() < 1e-7, "{ours:?}");
    }

    #[test]
    fn what_scales_all_arms_changes_nothing() {
        let arms = |scale: f64| {
            [(0.3, 4.0), (7.0, 90.0), (2_000.0, 30_000.0)]
                .map(|(shape, rate)| Gamma::new(shape, rate * scale))
        };
        let near = probabilities(&arms(1.0));
        let far = probabilities(&arms(1e-6));
        for (one, other) in near.probabilities().iter().zip(far.probabilities()) {
            assert!((one - other).abs() < 1e-7);
        }
    }
}
