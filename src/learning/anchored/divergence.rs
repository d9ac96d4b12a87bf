//! How far one belief lies from another: ∫ (g²/f) for densities f then and g
//! now, which is 1 + χ².
//!
//! Both families are exponential, where it is a quotient of normalising
//! constants (Nielsen, Nock (2014), "On the chi square and higher-order chi
//! distances for approximating f-divergences", arXiv 1309.3029):
//!
//! - Beta(a, b) → Beta(a′, b′): B(2a′ − a, 2b′ − b)·B(a, b) / B(a′, b′)²;
//! - Gamma(a, b) → Gamma(a′, b′), b the rate, with a″ = 2a′ − a, b″ = 2b′ − b:
//!   Γ(a″)Γ(a) / Γ(a′)² · b′^(2a′) / (b^a·b″^a″);
//!
//! infinite where a parameter of the middle one is not above 0.

use crate::domain::math;
use crate::learning::beta::{Beta, ln_beta, ln_gamma};
use crate::learning::gamma::Gamma;
use crate::learning::revenue::Revenue;

/// How much of a logarithm of Γ(z) may be rounding, in parts of z: the few
/// logarithms here are of size z·ln z, and ln z is below 35.
const ROUNDING: f64 = 1e-13;

/// A belief that can be held against a later one.
pub(super) trait Divergence {
    /// At least the logarithm of ∫ (g²/f), g the density that `now` has and f
    /// this one's.
    fn ln_square_mean(&self, now: &Self) -> f64;
}

impl Divergence for Beta {
    fn ln_square_mean(&self, now: &Self) -> f64 {
        let alpha = 2.0 * now.alpha() - self.alpha();
        let beta = 2.0 * now.beta() - self.beta();
        if !(alpha > 0.0 && beta > 0.0) {
            return f64::INFINITY;
        }
        let ln = ln_beta(alpha, beta) + ln_beta(self.alpha(), self.beta())
            - 2.0 * ln_beta(now.alpha(), now.beta());
        ln.max(0.0) + ROUNDING * (alpha + beta + now.alpha() + now.beta())
    }
}

impl Divergence for Gamma {
    fn ln_square_mean(&self, now: &Self) -> f64 {
        if self == now {
            return 0.0;
        }
        let shape = 2.0 * now.shape() - self.shape();
        let rate = 2.0 * now.rate() - self.rate();
        if !(shape > 0.0 && rate > 0.0) {
            return f64::INFINITY;
        }
        // Only quotients of rates matter: nothing large for rates in small units.
        let of_rates = 2.0 * now.shape() * math::ln(now.rate() / self.rate())
            - shape * math::ln(rate / self.rate());
        let of_shapes = ln_gamma(shape) + ln_gamma(self.shape()) - 2.0 * ln_gamma(now.shape());
        (of_rates + of_shapes).max(0.0) + ROUNDING * (shape + now.shape())
    }
}

impl Divergence for Revenue {
    /// Conversion and value are independent, and the product of two scores
    /// tells no more than both.
    fn ln_square_mean(&self, now: &Self) -> f64 {
        let conversion = self.conversion().ln_square_mean(&now.conversion());
        conversion + self.value_rate().ln_square_mean(&now.value_rate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ∫ g²/f by the trapezoid rule over t, in which both are smooth.
    fn integral(ln_then: impl Fn(f64) -> f64, ln_now: impl Fn(f64) -> f64) -> f64 {
        let step = 1e-3;
        (-40_000..40_000)
            .map(|place| {
                let t = step * f64::from(place);
                step * math::exp(2.0 * ln_now(t) - ln_then(t))
            })
            .sum()
    }

    fn ln_beta_density(belief: Beta) -> impl Fn(f64) -> f64 {
        let ln_normaliser = ln_beta(belief.alpha(), belief.beta());
        move |t| {
            belief.alpha() * math::ln_logistic(t) + belief.beta() * math::ln_logistic(-t)
                - ln_normaliser
        }
    }

    fn ln_gamma_density(belief: Gamma) -> impl Fn(f64) -> f64 {
        let (shape, rate) = (belief.shape(), belief.rate());
        move |t| shape * (math::ln(rate) + t) - rate * math::exp(t) - ln_gamma(shape)
    }

    #[test]
    fn closed_forms_are_the_integrals() {
        for ((alpha, beta), (alpha_now, beta_now)) in [
            ((1.0, 5.0), (2.0, 5.0)),
            ((3.5, 40.0), (3.5, 44.0)),
            ((20.0, 90.0), (19.0, 91.0)),
            ((300.0, 700.0), (310.0, 705.0)),
        ] {
            let (then, now) = (Beta::new(alpha, beta), Beta::new(alpha_now, beta_now));
            let exact = integral(ln_beta_density(then), ln_beta_density(now));
            let ours = math::exp(then.ln_square_mean(&now));
            assert!((ours / exact - 1.0).abs() < 1e-9, "{ours} is not {exact}");
        }
        for ((shape, rate), (shape_now, rate_now)) in [
            ((2.0, 50.0), (3.0, 80.0)),
            ((40.0, 1_000.0), (39.0, 990.0)),
            ((500.0, 4e6), (510.0, 4.1e6)),
        ] {
            let (then, now) = (Gamma::new(shape, rate), Gamma::new(shape_now, rate_now));
            let exact = integral(ln_gamma_density(then), ln_gamma_density(now));
            let ours = math::exp(then.ln_square_mean(&now));
            assert!((ours / exact - 1.0).abs() < 1e-9, "{ours} is not {exact}");
        }
    }

    #[test]
    fn what_is_too_far_away_has_no_bound() {
        let far = Beta::new(10.0, 10.0).ln_square_mean(&Beta::new(4.0, 10.0));
        assert_eq!(far, f64::INFINITY);
        let far = Gamma::new(10.0, 10.0).ln_square_mean(&Gamma::new(10.0, 5.0));
        assert_eq!(far, f64::INFINITY);
    }

    /// Rounding never makes a belief seem nearer than it is.
    #[test]
    fn sharp_beliefs_are_not_told_too_near() {
        let mut counts = 1e3;
        while counts < 1e14 {
            let (then, now) = (
                Beta::new(counts, 3.0 * counts),
                Beta::new(counts + 1.0, 3.0 * counts),
            );
            // One more success of probability p: χ² = (1 − p) / (p·n) nearly.
            let exact = 0.75 / (0.25 * 4.0 * counts);
            assert!(then.ln_square_mean(&now) > 0.99 * exact, "{counts}");
            counts *= 7.0;
        }
    }
}
