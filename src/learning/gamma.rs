//! The Gamma distribution, seen on the logarithmic scale.
//!
//! With X ~ Gamma(shape α, rate β) and T = ln X, the density of T is
//! β^α exp(α t − β e^t) / Γ(α): smooth and log-concave for every α, with its
//! mode at ln(α/β).
//!
//! The cumulative distribution is the regularised incomplete gamma function, by
//! its series below α + 1 and Lentz's continued fraction above: DLMF 8.7.1 and
//! 8.9.2, <https://dlmf.nist.gov/8>.

use super::beta::{HALF_LN_TWO_PI, stirling_remainder};
use super::policy::{PosteriorInterval, bisect};
use crate::domain::math;

/// A Gamma distribution; both parameters finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gamma {
    shape: f64,
    rate: f64,
}

impl Gamma {
    /// # Panics
    /// When a parameter is not finite and above 0: configuration and rewards
    /// are checked before.
    #[must_use]
    pub fn new(shape: f64, rate: f64) -> Self {
        assert!(
            shape > 0.0 && shape.is_finite() && rate > 0.0 && rate.is_finite(),
            "Gamma({shape}, {rate}) needs finite parameters above 0"
        );
        Self { shape, rate }
    }

    /// α.
    #[must_use]
    pub const fn shape(&self) -> f64 {
        self.shape
    }

    /// β.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.shape / self.rate
    }

    /// Where the density of T is highest.
    pub(super) fn ln_scale_mode(&self) -> f64 {
        math::ln(self.shape) - math::ln(self.rate)
    }

    /// The logarithm of T's density at its mode, by Stirling's remainder.
    pub(super) fn ln_density_at_mode(&self) -> f64 {
        0.5 * math::ln(self.shape) - HALF_LN_TWO_PI - stirling_remainder(self.shape)
    }

    /// P(T ≤ t).
    #[must_use]
    pub fn cumulative_at_ln(&self, t: f64) -> f64 {
        let u = t - self.ln_scale_mode();
        let alpha = self.shape;
        // (βx)^α e^(−βx) / Γ(α), which is the density of T.
        let density = math::exp(self.ln_density_at_mode() + alpha * (u - math::exp_m1(u)));
        let x = alpha * math::exp(u);
        let value = if x < alpha + 1.0 {
            density * series(alpha, x)
        } else {
            1.0 - density * continued_fraction(alpha, x)
        };
        value.clamp(0.0, 1.0)
    }

    /// The x with P(X ≤ x) = `probability`, by bisection on the logarithmic
    /// scale. For people to read.
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        let mode = self.ln_scale_mode();
        let width = 1.0 / math::sqrt(self.shape);
        math::exp(bisect(
            |t| self.cumulative_at_ln(t),
            mode,
            width,
            probability,
        ))
    }

    /// The equal-tailed interval that holds `level`, in (0, 1), of the
    /// probability.
    #[must_use]
    pub fn interval(&self, level: f64) -> PosteriorInterval {
        PosteriorInterval::equal_tailed(level, |probability| self.quantile(probability))
    }
}

/// Σ x^k / (α (α + 1) … (α + k)), whose length grows as √α.
fn series(alpha: f64, x: f64) -> f64 {
    const LONGEST: u32 = 1_000_000;
    let mut term = 1.0 / alpha;
    let mut sum = term;
    for step in 1..=LONGEST {
        term *= x / (alpha + f64::from(step));
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    sum
}

/// Γ(α, x) / (x^α e^−x) for x > α + 1, by Lentz's evaluation.
fn continued_fraction(alpha: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const LONGEST: u32 = 1_000_000;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut middle = x + 1.0 - alpha;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / away_from_zero(middle);
    let mut fraction = d;
    for step in 1..=LONGEST {
        let k = f64::from(step);
        let numerator = -k * (k - alpha);
        middle += 2.0;
        d = 1.0 / away_from_zero(numerator * d + middle);
        c = away_from_zero(middle + numerator / c);
        let factor = d * c;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cumulative_distribution_matches_closed_forms() {
        for step in 1..200 {
            let x = f64::from(step) / 10.0;
            let rest = math::exp(-x);
            for (shape, exact) in [
                (0.5, math::erf(math::sqrt(x))),
                (1.0, 1.0 - rest),
                (2.0, 1.0 - rest * (1.0 + x)),
                (4.0, 1.0 - rest * (1.0 + x + x * x / 2.0 + x * x * x / 6.0)),
            ] {
                let ours = Gamma::new(shape, 3.0).cumulative_at_ln(math::ln(x / 3.0));
                assert!(
                    (ours - exact).abs() < 1e-13,
                    "Gamma({shape}) at {x}: {ours} is not {exact}"
                );
            }
        }
    }

    #[test]
    fn a_quantile_inverts_the_cumulative_distribution() {
        for (shape, rate) in [(0.3, 2.0), (1.0, 1.0), (40.0, 1e-3), (1e8, 1e9)] {
            let gamma = Gamma::new(shape, rate);
            for probability in [0.025, 0.3, 0.5, 0.975] {
                let x = gamma.quantile(probability);
                let back = gamma.cumulative_at_ln(math::ln(x));
                assert!(
                    (back - probability).abs() < 1e-6,
                    "{gamma:?} at {x}: {back}"
                );
            }
        }
    }

    #[test]
    fn a_sharp_posterior_is_nearly_normal() {
        let interval = Gamma::new(1e6, 1e6).interval(0.95);
        assert!((interval.lower - (1.0 - 1.96e-3)).abs() < 1e-5);
        assert!((interval.upper - (1.0 + 1.96e-3)).abs() < 1e-5);
    }
}
