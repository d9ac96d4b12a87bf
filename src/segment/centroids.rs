//! The nearest of a few centres, from a shopper's numbers.
//!
//! A feature has a scale, so that features of unlike units weigh alike: the
//! distance from x to a centre c is √Σ((x − c)/scale)². Of two centres as near as
//! each other the first is taken. d look-ups by name and 2dk multiplications for
//! d features and k centres.

use thiserror::Error;

use crate::domain::attribute::{AttributeValue, Attributes};

/// The most features that centres may have.
pub const MOST_FEATURES: usize = 64;

/// Centres of groups, in the units of the features.
#[derive(Debug, Clone, PartialEq)]
pub struct Centroids {
    names: Vec<String>,
    /// 1 / scale, one a feature.
    weights: Vec<f64>,
    /// Centre after centre, each entry times its weight.
    places: Vec<f64>,
}

/// Why numbers are no centres.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BadCentroids {
    /// There are none, or too many.
    #[error("there are {0} features, 1 to {MOST_FEATURES} are allowed")]
    Features(usize),
    /// One alone tells nothing apart.
    #[error("there are {0} centres, at least 2 are needed")]
    Centres(usize),
    /// Not one entry a feature.
    #[error("a centre has {found} entries, there are {features} features")]
    Width {
        /// How many it has.
        found: usize,
        /// How many it should have.
        features: usize,
    },
    /// A scale that is none.
    #[error("the scale of {name} is {scale}, it must be above 0 and finite")]
    Scale {
        /// The feature.
        name: String,
        /// Its scale.
        scale: f64,
    },
    /// NaN or infinite.
    #[error("a centre's {name} is {entry}, it must be finite")]
    Entry {
        /// The feature.
        name: String,
        /// What it is.
        entry: f64,
    },
}

impl Centroids {
    /// From features, each with its scale, and centres with an entry a feature.
    ///
    /// # Errors
    /// When a number is out of its bounds, or there are too few.
    pub fn new(features: Vec<(String, f64)>, centres: &[Vec<f64>]) -> Result<Self, BadCentroids> {
        if !(1..=MOST_FEATURES).contains(&features.len()) {
            return Err(BadCentroids::Features(features.len()));
        }
        if centres.len() < 2 {
            return Err(BadCentroids::Centres(centres.len()));
        }
        for (name, scale) in &features {
            if !(*scale > 0.0 && scale.is_finite()) {
                let (name, scale) = (name.clone(), *scale);
                return Err(BadCentroids::Scale { name, scale });
            }
        }
        let (names, scales): (Vec<String>, Vec<f64>) = features.into_iter().unzip();
        let weights: Vec<f64> = scales.iter().map(|scale| 1.0 / scale).collect();
        let mut places = Vec::with_capacity(centres.len() * names.len());
        for centre in centres {
            let (found, features) = (centre.len(), names.len());
            if found != features {
                return Err(BadCentroids::Width { found, features });
            }
            for ((name, weight), entry) in names.iter().zip(&weights).zip(centre) {
                if !(entry * weight).is_finite() {
                    let (name, entry) = (name.clone(), *entry);
                    return Err(BadCentroids::Entry { name, entry });
                }
                places.push(entry * weight);
            }
        }
        Ok(Self {
            names,
            weights,
            places,
        })
    }

    /// The names of the features.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many centres there are: 2 or more.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub const fn len(&self) -> usize {
        self.places.len() / self.weights.len()
    }

    /// Which centre is nearest to a shopper, from 0; `None` when a feature is no
    /// number of theirs.
    #[must_use]
    pub fn nearest(&self, attributes: &Attributes) -> Option<usize> {
        let mut entries = [0.0; MOST_FEATURES];
        let entries = &mut entries[..self.names.len()];
        for (entry, name) in entries.iter_mut().zip(&self.names) {
            match attributes.get(name) {
                Some(AttributeValue::Number(number)) => *entry = *number,
                _ => return None,
            }
        }
        Some(self.nearest_to(entries))
    }

    /// Which centre is nearest to a row, an entry a feature, from 0.
    #[must_use]
    pub fn nearest_to(&self, row: &[f64]) -> usize {
        let mut nearest = (f64::INFINITY, 0);
        for (number, centre) in self.places.chunks_exact(self.weights.len()).enumerate() {
            let entries = row.iter().zip(&self.weights).zip(centre);
            let square: f64 = entries
                .map(|((entry, weight), place)| {
                    let apart = entry * weight - place;
                    apart * apart
                })
                .sum();
            if square < nearest.0 {
                nearest = (square, number);
            }
        }
        nearest.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(name: &str, scale: f64) -> (String, f64) {
        (name.to_owned(), scale)
    }

    fn centroids() -> Centroids {
        let features = vec![feature("orders", 2.0), feature("spend", 500.0)];
        Centroids::new(
            features,
            &[vec![1.0, 100.0], vec![9.0, 100.0], vec![1.0, 2_100.0]],
        )
        .unwrap()
    }

    fn attributes(values: &[(&str, f64)]) -> Attributes {
        let named =
            |(name, value): &(&str, f64)| ((*name).to_owned(), AttributeValue::Number(*value));
        values.iter().map(named).collect()
    }

    /// 5 orders are two scales from both first centres, the first is taken.
    #[test]
    fn the_nearest_centre_is_measured_in_scales() {
        for (orders, spend, nearest) in [
            (2.0, 0.0, 0),
            (8.0, 900.0, 1),
            (3.0, 1_800.0, 2),
            (5.0, 100.0, 0),
        ] {
            let shopper = attributes(&[("orders", orders), ("spend", spend), ("age", 40.0)]);
            assert_eq!(centroids().nearest(&shopper), Some(nearest));
            assert_eq!(centroids().nearest_to(&[orders, spend]), nearest);
        }
    }

    #[test]
    fn who_lacks_a_feature_is_near_no_centre() {
        assert_eq!(centroids().nearest(&attributes(&[("orders", 1.0)])), None);
        let mut shopper = attributes(&[("orders", 1.0)]);
        shopper.insert("spend".to_owned(), AttributeValue::Boolean(true));
        assert_eq!(centroids().nearest(&shopper), None);
    }

    #[test]
    fn what_is_no_centre_is_refused() {
        let told = |scale, centres: &[Vec<f64>]| {
            let features = vec![feature("spend", scale)];
            Centroids::new(features, centres).unwrap_err().to_string()
        };
        let two = [vec![1.0], vec![2.0]];
        let message = "the scale of spend is 0, it must be above 0 and finite";
        assert_eq!(told(0.0, &two), message);
        assert_eq!(
            told(1.0, &two[..1]),
            "there are 1 centres, at least 2 are needed"
        );
        let message = "a centre has 2 entries, there are 1 features";
        assert_eq!(told(1.0, &[vec![1.0], vec![1.0, 2.0]]), message);
        let message = "a centre's spend is NaN, it must be finite";
        assert_eq!(told(1.0, &[vec![1.0], vec![f64::NAN]]), message);
        let none = Centroids::new(Vec::new(), &two).unwrap_err().to_string();
        assert_eq!(none, "there are 0 features, 1 to 64 are allowed");
    }
}
