//! Means over replications and how sure they are.

use serde::Serialize;

use crate::domain::math;
use crate::evaluation::quantile::student_two_sided;

/// The level of every interval that is told.
pub const LEVEL: f64 = 0.95;

/// A mean over replications and its 95 % interval by Student's t: replications
/// are independent of each other, their mean is nearly normal. Without a
/// second replication there is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// The interval's lower end.
    pub lower: Option<f64>,
    /// The interval's upper end.
    pub upper: Option<f64>,
}

impl Estimate {
    /// Both ends.
    #[must_use]
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.lower.zip(self.upper)
    }

    /// The same in another unit, so many to one of the old.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let (lower, upper) = (self.lower, self.upper);
        let (lower, upper) = if factor < 0.0 {
            (upper, lower)
        } else {
            (lower, upper)
        };
        Self {
            value: self.value * factor,
            lower: lower.map(|it| it * factor),
            upper: upper.map(|it| it * factor),
        }
    }

    /// Whether the interval excludes 0.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.interval()
            .is_some_and(|(lower, upper)| lower > 0.0 || upper < 0.0)
    }
}

/// The mean of values, one a replication, and its interval; `None` of nothing.
#[must_use]
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<Estimate> {
    Spread::over(values).estimate(&mut Quantiles::default())
}

/// A running mean and the squares about it: Welford (1962), "Note on a method
/// for calculating corrected sums of squares and products",
/// <https://doi.org/10.1080/00401706.1962.10490022>.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Spread {
    /// Of these values, in their order.
    #[must_use]
    pub fn over(values: impl IntoIterator<Item = f64>) -> Self {
        let mut spread = Self::default();
        for value in values {
            spread.add(value);
        }
        spread
    }

    /// Adds a value.
    #[allow(clippy::cast_precision_loss)] // far fewer replications than 2^53
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let from_old = value - self.mean;
        self.mean += from_old / self.count as f64;
        self.squares += from_old * (value - self.mean);
    }

    /// The mean and its interval; `None` of nothing.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // far fewer replications than 2^53
    pub fn estimate(&self, quantiles: &mut Quantiles) -> Option<Estimate> {
        if self.count == 0 {
            return None;
        }
        let half = quantiles.student(self.count).map(|quantile| {
            let count = self.count as f64;
            quantile * math::sqrt(self.squares / (count - 1.0) / count)
        });
        Some(Estimate {
            value: self.mean,
            lower: half.map(|half| self.mean - half),
            upper: half.map(|half| self.mean + half),
        })
    }
}

/// Student's quantiles, each reckoned once in a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantiles {
    last: Option<(u64, Option<f64>)>,
}

impl Quantiles {
    /// That of [`LEVEL`] for a mean of `count` values.
    #[allow(clippy::cast_precision_loss)] // far fewer replications than 2^53
    fn student(&mut self, count: u64) -> Option<f64> {
        match self.last {
            Some((last, quantile)) if last == count => quantile,
            _ => {
                let quantile = student_two_sided(LEVEL, count as f64 - 1.0);
                self.last = Some((count, quantile));
                quantile
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_that_of_students_t() {
        let spread = Spread::over((1..=11).map(f64::from));
        let estimate = spread.estimate(&mut Quantiles::default()).unwrap();
        // The variance of 1..11 is 11, so the standard error is 1.
        let half = 2.228_138_851_986_27;
        assert!((estimate.value - 6.0).abs() < 1e-12);
        let (lower, upper) = estimate.interval().unwrap();
        assert!((lower - (6.0 - half)).abs() < 1e-9 && (upper - (6.0 + half)).abs() < 1e-9);
        assert!(estimate.is_clear() && !estimate.scaled(0.0).is_clear());
        assert!(estimate.scaled(-2.0).lower.unwrap() < estimate.scaled(-2.0).value);
    }

    #[test]
    fn one_value_has_no_interval_and_none_no_estimate() {
        let mut quantiles = Quantiles::default();
        let one = Spread::over([3.0]).estimate(&mut quantiles).unwrap();
        assert_eq!((one.value, one.interval()), (3.0, None));
        assert_eq!(Spread::default().estimate(&mut quantiles), None);
    }
}
