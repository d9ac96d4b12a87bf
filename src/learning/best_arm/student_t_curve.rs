//! The density of a t-distributed variable, in its own unit.
//!
//! Valid where no arm is more than 10⁹ times sharper than another, or than its
//! own distance from 0: nodes could no longer be told apart.

use std::cmp::Ordering;

use super::{Curve, Score};
use crate::domain::math;
use crate::learning::beta::{HALF_LN_TWO_PI, stirling_remainder};
use crate::learning::student_t::StudentT;

/// The logarithm of the mass beyond the upper tail's beginning: 10⁻⁹.
const LN_TAIL: f64 = -20.723_265_836_946_41;

/// Panels about an arm's mode, in scales.
const SCALE: f64 = 0.8;

/// How fast panels grow with the distance from a mode.
const GROWTH: f64 = 0.35;

/// A t-distributed variable.
pub struct StudentTCurve {
    location: f64,
    scale: f64,
    degrees: f64,
    ln_peak: f64,
    upper: f64,
}

/// The logarithm of the standard density at 0, by Stirling's remainders:
/// nothing large cancels.
fn ln_standard_peak(degrees: f64) -> f64 {
    let half = 0.5 * degrees;
    half * math::ln_1p(0.5 / half) - 0.5 - HALF_LN_TWO_PI + stirling_remainder(half + 0.5)
        - stirling_remainder(half)
}

/// Beyond which x the mass is about 10⁻⁹, for a standard variable: by the bound
/// P(T > x) ≤ f(x) (1 + x²/ν) ν / ((ν − 1) x), which falls for x above 0.
fn upper_tail(degrees: f64, ln_peak: f64) -> f64 {
    let ln_bound = |ln_x: f64| {
        let x = math::exp(ln_x);
        ln_peak - 0.5 * (degrees - 1.0) * math::ln_1p(x * x / degrees)
            + math::ln(degrees / (degrees - 1.0))
            - ln_x
    };
    let (mut low, mut high) = (0.0, 21.0);
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        if ln_bound(middle) > LN_TAIL {
            low = middle;
        } else {
            high = middle;
        }
    }
    math::exp(high)
}

impl Score for StudentT {
    type Curve = StudentTCurve;

    fn order(&self, other: &Self) -> Ordering {
        let by_location = self.location().total_cmp(&other.location());
        by_location
            .then(self.scale().total_cmp(&other.scale()))
            .then(self.degrees().total_cmp(&other.degrees()))
    }

    fn curve(&self) -> StudentTCurve {
        let (location, scale, degrees) = (self.location(), self.scale(), self.degrees());
        let ln_peak = ln_standard_peak(degrees);
        StudentTCurve {
            location,
            scale,
            degrees,
            ln_peak: ln_peak - math::ln(scale),
            upper: location + scale * upper_tail(degrees, ln_peak),
        }
    }
}

impl Curve for StudentTCurve {
    type At = f64;

    #[inline]
    fn at(t: f64) -> f64 {
        t
    }

    #[inline]
    fn density(&self, t: f64) -> f64 {
        let x = (t - self.location) / self.scale;
        let ln_relative = -0.5 * (self.degrees + 1.0) * math::ln_1p(x * x / self.degrees);
        math::exp(self.ln_peak + ln_relative)
    }

    fn upper(&self) -> f64 {
        self.upper
    }

    fn widest_panel(&self, top: f64) -> f64 {
        (SCALE * self.scale).max(GROWTH * (top - self.location).abs())
    }
}

#[cfg(test)]
mod tests {
    use super::super::probabilities;
    use super::*;
    use crate::domain::random::Generator;
    use crate::learning::beta::Beta;

    /// F(x) of a standard t-variable: x > 0 iff ν / (ν + x²), a Beta(ν/2, 1/2)
    /// variable, is small.
    fn cumulative(degrees: f64, x: f64) -> f64 {
        let logit = math::ln(degrees / (x * x));
        let tail = 0.5 * Beta::new(0.5 * degrees, 0.5).cumulative_at_logit(logit);
        if x > 0.0 { 1.0 - tail } else { tail }
    }

    /// P(each is the largest) by the trapezoid rule over sinh(u), with every F
    /// by the incomplete beta function.
    fn reference(set: &[StudentT]) -> Vec<f64> {
        let narrowest = set.iter().map(StudentT::scale).fold(f64::MAX, f64::min);
        let middle = set.iter().map(StudentT::location).sum::<f64>() / set.len() as f64;
        let mut sums = vec![0.0; set.len()];
        let step = 2e-3;
        for place in -14_000..=14_000 {
            let u = step * f64::from(place);
            let (up, down) = (math::exp(u), math::exp(-u));
            let t = middle + 0.5 * narrowest * (up - down);
            let slope = 0.5 * narrowest * (up + down) * step;
            let below: Vec<f64> = set
                .iter()
                .map(|arm| cumulative(arm.degrees(), (t - arm.location()) / arm.scale()))
                .collect();
            for (arm, sum) in sums.iter_mut().enumerate() {
                let others: f64 = (0..set.len())
                    .filter(|other| *other != arm)
                    .map(|other| below[other])
                    .product();
                *sum += slope * set[arm].curve().density(t) * others;
            }
        }
        sums
    }

    #[test]
    fn random_sets_agree_with_the_reference() {
        let mut generator = Generator::from_seed(31);
        let mut worst: f64 = 0.0;
        for round in 0..12 {
            let mut uniform = || generator.next_uniform();
            let arms = 2 + round % 4;
            let set: Vec<StudentT> = (0..arms)
                .map(|_| {
                    let scale = math::exp(2.0 * uniform() - 1.0);
                    let degrees = 2.0 * math::exp(4.0 * uniform());
                    StudentT::new(40.0 + 3.0 * uniform(), scale, degrees)
                })
                .collect();
            let ours = probabilities(&set);
            for (one, other) in ours.probabilities().iter().zip(reference(&set)) {
                worst = worst.max((one - other).abs());
            }
            assert!(worst < 1e-6, "{worst:e} for {set:?}");
        }
        println!("largest error {worst:e}");
    }

    /// The difference of two normal variables is normal.
    #[test]
    fn many_degrees_of_freedom_are_a_normal_variable() {
        for (distance, one, other) in [(0.7, 1.0, 1.0), (3.0, 2.0, 0.5), (0.1, 1e-3, 4.0)] {
            let set = [
                StudentT::new(100.0 + distance, one, 1e9),
                StudentT::new(100.0, other, 1e9),
            ];
            let spread = math::sqrt(one * one + other * other);
            let exact = 0.5 * math::erfc(-distance / spread * std::f64::consts::FRAC_1_SQRT_2);
            let ours = probabilities(&set).probabilities()[0];
            assert!((ours - exact).abs() < 1e-6, "{ours} is not {exact}");
        }
    }

    /// Where one arm is known for certain, the other's chance is its tail.
    #[test]
    fn a_sharp_arm_beside_a_flat_one_leaves_the_tail() {
        for x in [-3.0, -0.5, 0.0, 2.0, 40.0] {
            let flat = StudentT::new(5.0, 2.0, 3.0);
            let sharp = StudentT::new(5.0 + 2.0 * x, 1e-9, 50.0);
            let exact = 1.0 - cumulative(3.0, x);
            let ours = probabilities(&[flat, sharp]).probabilities()[0];
            assert!((ours - exact).abs() < 1e-6, "{ours} is not {exact} at {x}");
        }
    }

    #[test]
    fn the_extremes_are_survived() {
        let set = [
            StudentT::new(0.0, 1e3, 2.0),
            StudentT::new(1e12, 1e3, 1e9),
            StudentT::new(-1e12, 1e12, 2.0),
            StudentT::new(3.0, 1e12, 1e9),
        ];
        for left in &set {
            for right in &set {
                let pair = probabilities(&[*left, *right]);
                assert!((pair.probabilities().iter().sum::<f64>() - 1.0).abs() <= 1e-12);
            }
        }
        assert_eq!(probabilities(&[set[0]; 3]).probabilities(), [1.0 / 3.0; 3]);
    }
}
