//! A Beta variable's density on the logit scale.

use std::cmp::Ordering;

use super::{AtNodes, Curve, NODES, Score, TAIL_DROP};
use crate::domain::math;
use crate::learning::beta::{Beta, Log};

/// Panels about an arm's mode, in standard deviations.
const SCALE: f64 = 1.3;

/// But never wider than this.
const WIDEST_SCALE: f64 = 1.5;

/// How fast panels grow with the distance from a mode.
const GROWTH: f64 = 0.5;

/// The same where a parameter is below 1: such an arm's density bends far from
/// its mode, where its exponential tail ends.
const GROWTH_BENT: f64 = 0.3;

/// Beyond this many successes and failures both, an arm's density can no
/// longer be told from rounding; it counts as one with the same mean and this
/// many of the rarer.
const SHARPEST: f64 = 1e10;

/// A Beta variable's logit.
pub struct BetaCurve {
    posterior: Beta,
    mode: f64,
    at_mode: Log,
    ln_peak: f64,
    /// How wide panels about the mode may be.
    scale: f64,
    growth: f64,
    upper: f64,
}

impl Score for Beta {
    type Curve = BetaCurve;

    fn order(&self, other: &Self) -> Ordering {
        let by_alpha = self.alpha().total_cmp(&other.alpha());
        by_alpha.then(self.beta().total_cmp(&other.beta()))
    }

    fn curve(&self) -> BetaCurve {
        BetaCurve::new(*self)
    }
}

impl BetaCurve {
    fn new(posterior: Beta) -> Self {
        let rarer = posterior.alpha().min(posterior.beta());
        let posterior = if rarer > SHARPEST {
            let blunter = SHARPEST / rarer;
            Beta::new(posterior.alpha() * blunter, posterior.beta() * blunter)
        } else {
            posterior
        };
        let (alpha, beta) = (posterior.alpha(), posterior.beta());
        let mode = math::ln(alpha / beta);
        let deviation = math::sqrt(1.0 / alpha + 1.0 / beta);
        let mut curve = Self {
            posterior,
            mode,
            at_mode: Log::at_logit(mode),
            ln_peak: posterior.ln_density_at_mode(),
            scale: (SCALE * deviation).min(WIDEST_SCALE),
            growth: if rarer < 1.0 { GROWTH_BENT } else { GROWTH },
            upper: mode + math::sqrt(2.0 * TAIL_DROP) * deviation,
        };
        // Newton's method on a convex function: from the first step on, every
        // iterate lies on the far side of the root.
        curve.refine_upper();
        curve.refine_upper();
        curve
    }

    fn refine_upper(&mut self) {
        let drop = -self.ln_relative(Log::at_logit(self.upper));
        let (alpha, beta) = (self.posterior.alpha(), self.posterior.beta());
        let x = math::logistic(self.upper);
        let slope = beta * x - alpha * (1.0 - x);
        if slope > 0.0 {
            self.upper -= (drop - TAIL_DROP) / slope;
        }
    }

    /// The logarithm of the density relative to that at the mode.
    #[inline]
    fn ln_relative(&self, at: Log) -> f64 {
        self.posterior.alpha() * (at.x - self.at_mode.x)
            + self.posterior.beta() * (at.complement - self.at_mode.complement)
    }
}

impl Curve for BetaCurve {
    type At = Log;

    #[inline]
    fn at(t: f64) -> Log {
        Log::at_logit(t)
    }

    #[inline]
    fn density(&self, at: Log) -> f64 {
        math::exp(self.ln_peak + self.ln_relative(at))
    }

    #[inline]
    fn densities(&self, at: &[Log; NODES]) -> AtNodes {
        let mut densities = at.map(|at| self.ln_peak + self.ln_relative(at));
        math::exp_each(&mut densities);
        densities
    }

    fn upper(&self) -> f64 {
        self.upper
    }

    fn widest_panel(&self, top: f64) -> f64 {
        self.scale.max(self.growth * (top - self.mode).abs())
    }
}
