//! The density of what a decision earns in the mean, p·v, on the logarithmic
//! scale: p a Beta variable, v = k / r with r a Gamma variable.
//!
//! With s the logit of p, ln(p·v) has the density
//! ∫ f(s) g(t − ln σ(s)) ds, f that of s and g that of ln v. The trapezoid rule
//! over s turns it into a mixture of shifted copies of g, mostly 30 to 100; for a
//! smooth integrand that falls off at both ends its error falls faster than
//! any power of the spacing (Trefethen, Weideman 2014,
//! <https://doi.org/10.1137/130932132>).

use std::cmp::Ordering;

use super::{Curve, Score, TAIL_DROP};
use crate::domain::math;
use crate::learning::beta::{Beta, Log};
use crate::learning::gamma::Gamma;
use crate::learning::revenue::Revenue;

/// Spacing of the mixture, in the smaller of the two standard deviations.
const SPACING: f64 = 0.6;

/// The most parts of a mixture.
const MOST_PARTS: f64 = 25_000.0;

/// A value that is known better than this part of the conversion's deviation
/// counts as known that well: it adds 1/12,800 to the deviation of the product.
const SHARPEST_VALUE: f64 = 1.0 / 80.0;

/// Panels about an arm's mode, in standard deviations.
const SCALE: f64 = 1.0;

/// But never wider than this.
const WIDEST_SCALE: f64 = 1.0;

/// How fast panels grow with the distance from a mode.
const GROWTH: f64 = 0.3;

/// So many parts of a mixture are computed side by side.
const BLOCK: usize = 64;

/// The logarithm of what is too small to count.
const LEAST_EXPONENT: f64 = -50.0;

/// The logarithm of p·v.
pub struct RevenueCurve {
    /// Of each part.
    weights: Vec<f64>,
    shifts: Vec<f64>,
    /// Of r's shape parameter, and of ln v: its mode and density there.
    shape: f64,
    value_mode: f64,
    value_ln_peak: f64,
    mode: f64,
    scale: f64,
    upper: f64,
}

/// How far above, or below, its mode the logit of a Beta variable reaches.
fn reach(tail: f64, other: f64) -> f64 {
    // e^−20 of the density at the mode by the normal part, or by the
    // exponential tail of a flat one.
    let normal = math::sqrt(2.0 * TAIL_DROP * (1.0 / tail + 1.0 / other));
    let exponential = (TAIL_DROP + 5.0) / tail + 3.0;
    normal.max(exponential.min(4.0 * normal))
}

impl Score for Revenue {
    type Curve = RevenueCurve;

    fn order(&self, other: &Self) -> Ordering {
        let by_beta = self.conversion().order(&other.conversion());
        by_beta
            .then(self.value_rate().order(&other.value_rate()))
            .then(self.value_shape().total_cmp(&other.value_shape()))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded
    #[allow(clippy::cast_precision_loss)]
    fn curve(&self) -> RevenueCurve {
        let conversion: Beta = self.conversion();
        let rate: Gamma = self.value_rate();
        let (alpha, beta) = (conversion.alpha(), conversion.beta());
        let middle = math::ln(alpha / beta);
        let at_middle = Log::at_logit(middle);
        let deviation = math::sqrt(1.0 / alpha + 1.0 / beta);
        let (below, above) = (reach(alpha, beta), reach(beta, alpha));
        let value_deviation =
            (1.0 / math::sqrt(rate.shape())).max(SHARPEST_VALUE * deviation.min(1.0));
        let shape = rate.shape().min(1.0 / (value_deviation * value_deviation));
        let rate = Gamma::new(shape, rate.rate() * (shape / rate.shape()));
        let wanted = SPACING * deviation.min(value_deviation).min(1.0);
        let count = ((below + above) / wanted).ceil().clamp(16.0, MOST_PARTS);
        let spacing = (below + above) / count;
        let ln_peak = conversion.ln_density_at_mode();
        let mut parts: Vec<(f64, f64)> = (0..=count as usize)
            .map(|place| {
                let at = Log::at_logit(middle - below + spacing * place as f64);
                let relative =
                    alpha * (at.x - at_middle.x) + beta * (at.complement - at_middle.complement);
                (spacing * math::exp(ln_peak + relative), at.x)
            })
            .collect();
        let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
        parts.retain(|(weight, _)| *weight > 1e-12 * total);
        for part in &mut parts {
            part.0 /= total;
        }
        let value_mode = math::ln(self.value_shape()) - rate.ln_scale_mode();
        // The upper tail of v is a power: e^(−αu) on this scale.
        let value_reach = reach(shape, shape);
        let odds = (1.0 - conversion.mean()) * deviation;
        let (weights, shifts) = parts.into_iter().unzip();
        RevenueCurve {
            weights,
            shifts,
            shape,
            value_mode,
            value_ln_peak: rate.ln_density_at_mode(),
            mode: at_middle.x + value_mode,
            scale: (SCALE * math::sqrt(odds * odds + value_deviation * value_deviation))
                .min(WIDEST_SCALE),
            upper: Log::at_logit(middle + above).x + value_mode + value_reach,
        }
    }
}

impl Curve for RevenueCurve {
    type At = f64;

    #[inline]
    fn at(t: f64) -> f64 {
        t
    }

    fn density(&self, t: f64) -> f64 {
        let centre = t - self.value_mode;
        let (mut u, mut exponent) = ([0.0; BLOCK], [0.0; BLOCK]);
        let mut sum = 0.0;
        for (weights, shifts) in self.weights.chunks(BLOCK).zip(self.shifts.chunks(BLOCK)) {
            let count = weights.len();
            let (u, exponent) = (&mut u[..count], &mut exponent[..count]);
            for (u, shift) in u.iter_mut().zip(shifts) {
                *u = shift - centre;
            }
            exponent.copy_from_slice(u);
            math::exp_m1_each(exponent);
            for (exponent, u) in exponent.iter_mut().zip(&mut *u) {
                let it = self.shape * (*u - *exponent);
                // What is smaller than e^−50 counts as nothing.
                *u = if it > LEAST_EXPONENT { 1.0 } else { 0.0 };
                *exponent = it.max(LEAST_EXPONENT);
            }
            math::exp_each(exponent);
            for ((weight, density), counts) in weights.iter().zip(&*exponent).zip(&*u) {
                sum += weight * density * counts;
            }
        }
        math::exp(self.value_ln_peak) * sum
    }

    fn upper(&self) -> f64 {
        self.upper
    }

    fn widest_panel(&self, top: f64) -> f64 {
        self.scale.max(GROWTH * (top - self.mode).abs())
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::Distribution;

    use super::super::probabilities;
    use super::*;
    use crate::domain::random::Generator;

    fn largest_difference(left: &[f64], right: &[f64]) -> f64 {
        let pairs = left.iter().zip(right);
        pairs.map(|(l, r)| (l - r).abs()).fold(0.0, f64::max)
    }

    /// Where what a conversion is worth is known and the same, the order of
    /// p·v is that of p.
    #[test]
    fn equal_known_values_leave_the_conversion() {
        let mut generator = Generator::from_seed(8);
        for _ in 0..20 {
            let arms: Vec<Beta> = (0..5)
                .map(|_| {
                    let pulls = 50.0 + generator.next_below(3_000) as f64;
                    let successes = 1.0 + (0.06 * pulls * generator.next_uniform()).floor();
                    Beta::new(successes, pulls)
                })
                .collect();
            let known = Gamma::new(1e7, 3e7);
            let scores: Vec<Revenue> = arms
                .iter()
                .map(|arm| Revenue::new(*arm, known, 2.0))
                .collect();
            let error = largest_difference(
                probabilities(&scores).probabilities(),
                probabilities(&arms).probabilities(),
            );
            // The value is known to 3·10⁻⁴ only, and so is the order.
            assert!(error < 1e-4, "{error:e} for {arms:?}");
        }
    }

    /// Where both convert for certain, P(v₁ > v₂) = P(r₁ < r₂) is that of a
    /// Beta variable.
    #[test]
    fn certain_conversions_leave_the_value() {
        let certain = Beta::new(1e9, 1e-2);
        for (first, second) in [
            ((2.0, 30.0), (3.0, 50.0)),
            ((1.5, 1.0), (40.0, 30.0)),
            ((900.0, 1_000.0), (900.0, 1_020.0)),
        ] {
            let [one, other] =
                [first, second].map(|(shape, rate): (f64, f64)| Gamma::new(shape, rate));
            let scores = [one, other].map(|rate| Revenue::new(certain, rate, 1.0));
            let logit = math::ln(one.rate() / other.rate());
            let exact = Beta::new(one.shape(), other.shape()).cumulative_at_logit(logit);
            let ours = probabilities(&scores).probabilities()[0];
            assert!((ours - exact).abs() < 1e-6, "{ours} is not {exact}");
        }
    }

    #[test]
    fn random_sets_agree_with_a_million_draws() {
        let mut generator = Generator::from_seed(77);
        for _ in 0..4 {
            let scores: Vec<Revenue> = (0..4)
                .map(|_| {
                    let sold = generator.next_below(12) as f64;
                    let shown = 20.0 + 200.0 * generator.next_uniform();
                    let spent = sold * (40.0 + 60.0 * generator.next_uniform());
                    Revenue::new(
                        Beta::new(1.0 + sold, 1.0 + shown),
                        Gamma::new(2.5 + 1.5 * sold, 50.0 + spent),
                        1.5,
                    )
                })
                .collect();
            let laws: Vec<_> = scores
                .iter()
                .map(|score| {
                    let (p, r) = (score.conversion(), score.value_rate());
                    (
                        rand_distr::Beta::new(p.alpha(), p.beta()).unwrap(),
                        rand_distr::Gamma::new(r.shape(), 1.0 / r.rate()).unwrap(),
                    )
                })
                .collect();
            let draws = 1_000_000u32;
            let mut wins = [0u32; 4];
            for _ in 0..draws {
                let worth: Vec<f64> = laws
                    .iter()
                    .map(|(p, r)| p.sample(&mut generator) / r.sample(&mut generator))
                    .collect();
                let best = (0..4)
                    .max_by(|l, r| worth[*l].total_cmp(&worth[*r]))
                    .unwrap();
                wins[best] += 1;
            }
            let ours = probabilities(&scores);
            for (probability, won) in ours.probabilities().iter().zip(wins) {
                let seen = f64::from(won) / f64::from(draws);
                // Five standard deviations, of 16 comparisons.
                let error = 5.0 * math::sqrt(probability * (1.0 - probability) / 1e6) + 1e-5;
                assert!(
                    (seen - probability).abs() < error,
                    "{probability} seen {seen}"
                );
            }
        }
    }
}
