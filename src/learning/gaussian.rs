//! Gaussian variables: draws, and the belief that a score is one.

use crate::domain::math;
use crate::domain::random::Generator;

/// A standard normal number by the polar method of Marsaglia and Bray (1964),
/// <https://doi.org/10.1137/1006063>: no function but ln and √.
pub fn standard_normal(generator: &mut Generator) -> f64 {
    loop {
        let x = 2.0 * generator.next_uniform() - 1.0;
        let y = 2.0 * generator.next_uniform() - 1.0;
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * math::sqrt(-2.0 * math::ln(square) / square);
        }
    }
}

/// A normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaussian {
    mean: f64,
    deviation: f64,
}

impl Gaussian {
    /// # Panics
    /// Unless the mean is finite and the standard deviation finite and above 0.
    #[must_use]
    pub fn new(mean: f64, deviation: f64) -> Self {
        assert!(
            mean.is_finite() && deviation > 0.0 && deviation.is_finite(),
            "N({mean}, {deviation}²) is no distribution"
        );
        Self { mean, deviation }
    }

    /// The mean, which is the mode.
    #[must_use]
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation.
    #[must_use]
    pub const fn deviation(&self) -> f64 {
        self.deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut generator = Generator::from_seed(3);
        let numbers: Vec<f64> = (0..40_000)
            .map(|_| standard_normal(&mut generator))
            .collect();
        let mean = numbers.iter().sum::<f64>() / 40_000.0;
        let square = numbers.iter().map(|it| it * it).sum::<f64>() / 40_000.0;
        let fourth = numbers.iter().map(|it| it * it * it * it).sum::<f64>() / 40_000.0;
        // Standard errors 0.005, 0.007 and 0.05; four of each.
        assert!(
            mean.abs() < 0.02 && (square - 1.0).abs() < 0.03,
            "{mean} {square}"
        );
        assert!((fourth - 3.0).abs() < 0.2, "{fourth}");
    }
}
