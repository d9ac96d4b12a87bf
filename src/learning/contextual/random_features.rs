//! Random Fourier features: a linear model that is nearly a Gaussian process.
//!
//! Rahimi, Recht (2007), "Random features for large-scale kernel machines",
//! NIPS 20: with ω ~ N(0, I/ℓ²) and b uniform on [0, 2π), the products of
//! z(x) = √(2/D) cos(ωx + b) are in the mean those of the Gaussian kernel
//! e^(−|x − y|²/2ℓ²). Rows come standardised, and ℓ² is the number of features,
//! so that typical rows are at a distance where the kernel is neither 0 nor 1.
//! The frequencies follow from a constant seed: they are the same for every
//! memory of the same dimension, and are not stored.
//!
//! D(d + 1) products and D cosines a row.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::model::MOST_RANDOM_FEATURES;
use crate::domain::math;
use crate::domain::random::Generator;
use crate::learning::gaussian::standard_normal;
use crate::learning::linear::dense::dot;
use crate::learning::linear::regression::MOST_WEIGHTS;

/// Where the frequencies are drawn from.
const SEED: u64 = 0x7261_6e64_6f6d;

/// The expansion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct RandomFeatures {
    dimension: usize,
    /// D rows of d frequencies.
    frequencies: Vec<f64>,
    phases: Vec<f64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Stored {
    dimension: usize,
    count: usize,
}

/// Why stored numbers are no expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{dimension} features cannot be expanded to {count} random ones")]
pub struct BadExpansion {
    dimension: usize,
    count: usize,
}

impl TryFrom<Stored> for RandomFeatures {
    type Error = BadExpansion;

    fn try_from(stored: Stored) -> Result<Self, BadExpansion> {
        let Stored { dimension, count } = stored;
        if dimension > MOST_WEIGHTS || count > MOST_RANDOM_FEATURES {
            return Err(BadExpansion { dimension, count });
        }
        Ok(Self::new(dimension, count))
    }
}

impl From<RandomFeatures> for Stored {
    fn from(expansion: RandomFeatures) -> Self {
        Self {
            dimension: expansion.dimension,
            count: expansion.phases.len(),
        }
    }
}

impl RandomFeatures {
    /// `count` random features of standardised rows with `dimension` entries.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // at most MOST_WEIGHTS
    pub fn new(dimension: usize, count: usize) -> Self {
        let mut generator = Generator::from_seed(SEED);
        let inverse_length = 1.0 / math::sqrt(dimension.max(1) as f64);
        let mut frequencies = Vec::with_capacity(count * dimension);
        let mut phases = Vec::with_capacity(count);
        for _ in 0..count {
            for _ in 0..dimension {
                frequencies.push(standard_normal(&mut generator) * inverse_length);
            }
            phases.push(std::f64::consts::TAU * generator.next_uniform());
        }
        Self {
            dimension,
            frequencies,
            phases,
        }
    }

    /// How many random features there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.phases.len()
    }

    /// Appends the random features of the standardised row in
    /// `row[start..]` to it.
    #[allow(clippy::cast_precision_loss)] // at most MOST_RANDOM_FEATURES
    pub fn append(&self, start: usize, row: &mut Vec<f64>) {
        let height = math::sqrt(2.0 / self.phases.len().max(1) as f64);
        let end = start + self.dimension;
        for (place, phase) in self.phases.iter().enumerate() {
            let frequencies =
                &self.frequencies[place * self.dimension..(place + 1) * self.dimension];
            let angle = dot(frequencies, &row[start..end]) + phase;
            row.push(height * math::cos(angle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The products are those of the kernel, within four standard deviations
    /// of a mean of D = 512 terms (each at most 1 in size).
    #[test]
    fn products_are_those_of_the_gaussian_kernel() {
        let expansion = RandomFeatures::new(2, 512);
        let random = |features: [f64; 2]| {
            let mut row = features.to_vec();
            expansion.append(0, &mut row);
            row.split_off(2)
        };
        for (one, other) in [
            ([0.3, -1.0], [0.3, -1.0]),
            ([0.0, 0.0], [1.0, 0.5]),
            ([2.0, -1.0], [-1.0, 1.0]),
        ] {
            let distance = (one[0] - other[0]) * (one[0] - other[0])
                + (one[1] - other[1]) * (one[1] - other[1]);
            let kernel = math::exp(-distance / 4.0);
            let product = dot(&random(one), &random(other));
            assert!(
                (product - kernel).abs() < 4.0 / math::sqrt(512.0),
                "{product} {kernel}"
            );
        }
    }

    #[test]
    fn what_is_stored_makes_the_same_expansion() {
        let expansion = RandomFeatures::new(3, 40);
        let bytes = postcard::to_stdvec(&expansion).unwrap();
        assert!(bytes.len() < 10);
        let read: RandomFeatures = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(read, expansion);
        let bad = Stored {
            dimension: 1 << 40,
            count: 4,
        };
        let bytes = postcard::to_stdvec(&bad).unwrap();
        assert!(postcard::from_bytes::<RandomFeatures>(&bytes).is_err());
    }
}
