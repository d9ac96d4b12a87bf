//! The Beta distribution, seen on the logit scale.
//!
//! With X ~ Beta(α, β) and T = ln(X / (1 − X)), the density of T is
//! exp(α ln σ(t) + β ln(1 − σ(t))) / B(α, β), σ the logistic function. It is
//! smooth and log-concave for every α and β, also where that of X has poles at
//! 0 and 1, and its mode is ln(α/β).
//!
//! The cumulative distribution is the regularised incomplete beta function by
//! Lentz's continued fraction: DLMF 8.17.22, <https://dlmf.nist.gov/8.17>.

use super::config::{Bound, PolicyError};
use super::policy::{PosteriorInterval, bisect};
use crate::domain::math;

/// A Beta distribution; both parameters finite and above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beta {
    alpha: f64,
    beta: f64,
}

/// ½ ln 2π.
pub(super) const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_8;

impl Beta {
    /// # Panics
    /// When a parameter is not finite and above 0: configuration and rewards
    /// are checked before.
    #[must_use]
    pub fn new(alpha: f64, beta: f64) -> Self {
        assert!(
            alpha > 0.0 && alpha.is_finite() && beta > 0.0 && beta.is_finite(),
            "Beta({alpha}, {beta}) needs finite parameters above 0"
        );
        Self { alpha, beta }
    }

    /// A prior as it is written: `prior_successes` and `prior_failures`.
    pub(super) fn check_prior(successes: f64, failures: f64) -> Result<Self, PolicyError> {
        let successes = Bound::PRIOR.check("prior_successes", successes)?;
        let failures = Bound::PRIOR.check("prior_failures", failures)?;
        Ok(Self::new(successes, failures))
    }

    /// The posterior after so many more successes and failures. A sum from
    /// which something was taken back may be a rounding below 0.
    pub(super) fn after(&self, successes: f64, failures: f64) -> Self {
        Self::new(
            self.alpha + successes.max(0.0),
            self.beta + failures.max(0.0),
        )
    }

    /// α: successes, prior included.
    #[must_use]
    pub const fn alpha(&self) -> f64 {
        self.alpha
    }

    /// β: failures, prior included.
    #[must_use]
    pub const fn beta(&self) -> f64 {
        self.beta
    }

    /// The mean, in (0, 1).
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// The logarithm of T's density at its mode, by Stirling's remainders:
    /// nothing large cancels, as it would between logarithms of Γ.
    pub(super) fn ln_density_at_mode(&self) -> f64 {
        let Self { alpha, beta } = *self;
        let sum = alpha + beta;
        0.5 * math::ln(alpha * (beta / sum)) - HALF_LN_TWO_PI + stirling_remainder(sum)
            - stirling_remainder(alpha)
            - stirling_remainder(beta)
    }

    /// P(T ≤ t).
    #[must_use]
    pub fn cumulative_at_logit(&self, t: f64) -> f64 {
        let Self { alpha, beta } = *self;
        let Log { x, complement } = Log::at_logit(t);
        let mode = Log::at_logit(math::ln(alpha / beta));
        // x^α (1 − x)^β / B(α, β), which is the density of T.
        let density = math::exp(
            self.ln_density_at_mode()
                + alpha * (x - mode.x)
                + beta * (complement - mode.complement),
        );
        let (x, complement) = (math::exp(x), math::exp(complement));
        let value = if x < (alpha + 1.0) / (alpha + beta + 2.0) {
            density / alpha * continued_fraction(alpha, beta, x)
        } else {
            1.0 - density / beta * continued_fraction(beta, alpha, complement)
        };
        value.clamp(0.0, 1.0)
    }

    /// The x in [0, 1] with P(X ≤ x) = `probability`, by bisection on the
    /// logit scale. For people to read: about 0.1 ms.
    #[must_use]
    pub fn quantile(&self, probability: f64) -> f64 {
        let mode = math::ln(self.alpha / self.beta);
        let width = math::sqrt(1.0 / self.alpha + 1.0 / self.beta);
        math::logistic(bisect(
            |t| self.cumulative_at_logit(t),
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

/// ln x and ln(1 − x), both accurate at both ends.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// ln x.
    pub x: f64,
    /// ln(1 − x).
    pub complement: f64,
}

impl Log {
    /// At x = σ(t).
    #[inline]
    pub fn at_logit(t: f64) -> Self {
        let rest = math::ln_1p(math::exp(-t.abs()));
        if t >= 0.0 {
            Self {
                x: -rest,
                complement: -t - rest,
            }
        } else {
            Self {
                x: t - rest,
                complement: -rest,
            }
        }
    }
}

/// What Stirling's formula leaves of ln Γ(z):
/// ln Γ(z) − (z − ½) ln z + z − ½ ln 2π, for z > 0.
pub(super) fn stirling_remainder(z: f64) -> f64 {
    if z < 10.0 {
        return math::ln_gamma(z) - (z - 0.5) * math::ln(z) + z - HALF_LN_TWO_PI;
    }
    let square = 1.0 / (z * z);
    let series = 1.0 / 12.0
        + square
            * (-1.0 / 360.0
                + square
                    * (1.0 / 1260.0
                        + square
                            * (-1.0 / 1680.0
                                + square * (1.0 / 1188.0 - square * (691.0 / 360_360.0)))));
    series / z
}

/// ln Γ(z) for z > 0, by Stirling's series where that holds.
pub(super) fn ln_gamma(z: f64) -> f64 {
    if z < 10.0 {
        math::ln_gamma(z)
    } else {
        (z - 0.5) * math::ln(z) - z + HALF_LN_TWO_PI + stirling_remainder(z)
    }
}

/// ln B(α, β).
pub(super) fn ln_beta(alpha: f64, beta: f64) -> f64 {
    ln_gamma(alpha) + ln_gamma(beta) - ln_gamma(alpha + beta)
}

/// Lentz's evaluation of the incomplete beta function's continued fraction.
/// Its length grows as the square root of the larger parameter.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const LONGEST: u32 = 200_000;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..=LONGEST {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
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

    fn logit(x: f64) -> f64 {
        math::ln(x) - math::ln_1p(-x)
    }

    #[test]
    fn the_cumulative_distribution_matches_closed_forms() {
        for step in 1..100 {
            let x = f64::from(step) / 100.0;
            let rest = 1.0 - x;
            for (alpha, beta, exact) in [
                (1.0, 1.0, x),
                (2.0, 2.0, x * x * (3.0 - 2.0 * x)),
                (0.01, 1.0, math::pow(x, 0.01)),
                (1.0, 40.0, 1.0 - math::pow_whole(rest, 40)),
                (3.0, 1.0, x * x * x),
            ] {
                let ours = Beta::new(alpha, beta).cumulative_at_logit(logit(x));
                assert!(
                    (ours - exact).abs() < 1e-13,
                    "Beta({alpha}, {beta}) at {x}: {ours} is not {exact}"
                );
            }
        }
    }

    #[test]
    fn a_quantile_inverts_the_cumulative_distribution() {
        for (alpha, beta) in [
            (1.0, 1.0),
            (0.01, 0.01),
            (0.5, 30.0),
            (50_000.0, 1_000_000.0),
            (1e9, 1e9),
        ] {
            let posterior = Beta::new(alpha, beta);
            for probability in [0.025, 0.3, 0.5, 0.975] {
                let x = posterior.quantile(probability);
                if x > 1e-12 && x < 1.0 - 1e-12 {
                    let back = posterior.cumulative_at_logit(logit(x));
                    assert!(
                        (back - probability).abs() < 1e-5,
                        "Beta({alpha}, {beta}) at {x}: {back} is not {probability}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_sharp_posterior_is_nearly_normal() {
        let posterior = Beta::new(50_000.0, 1_000_000.0);
        let interval = posterior.interval(0.95);
        let mean = posterior.mean();
        let deviation = math::sqrt(mean * (1.0 - mean) / 1_050_001.0);
        assert!((interval.lower - (mean - 1.96 * deviation)).abs() < 0.01 * deviation);
        assert!((interval.upper - (mean + 1.96 * deviation)).abs() < 0.01 * deviation);
    }

    #[test]
    fn the_density_at_the_mode_agrees_with_gamma_functions() {
        for (alpha, beta) in [(0.01, 0.02), (1.0, 1.0), (9.9, 10.1), (3.0, 400.0)] {
            let sum: f64 = alpha + beta;
            let ln_beta = math::ln_gamma(alpha) + math::ln_gamma(beta) - math::ln_gamma(sum);
            let exact = alpha * math::ln(alpha / sum) + beta * math::ln(beta / sum) - ln_beta;
            let ours = Beta::new(alpha, beta).ln_density_at_mode();
            assert!((ours - exact).abs() < 1e-12, "{ours} is not {exact}");
        }
    }
}
