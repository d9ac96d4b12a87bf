//! An offer's log-likelihood between its nodes, and the posterior that follows
//! from it.
//!
//! L(t), t = logit m, is known at Chebyshev's nodes of an interval about the
//! prior's mode, and between them by the polynomial through all of them
//! (Trefethen (2013), "Approximation theory and approximation practice",
//! chapters 3 and 19). L's singularities lie at the distance π from the real
//! line, so on an interval of half-width h the error of n nodes falls as ρ⁻ⁿ
//! with ρ = π/h + √(1 + (π/h)²): with 32 nodes below 10⁻⁷ of L's size for the
//! widest interval, h = 6, and below rounding for h ≤ 2.5.
//!
//! The posterior's moments are integrals over panels of Gauss-Legendre nodes
//! between the points where its density has fallen to e^−25 of the mode's.
//! Cost: about 5 µs a curve.

use super::Moments;
use crate::domain::math;
use crate::learning::best_arm::{AtNodes, NODE, WEIGHT};
use crate::learning::beta::{Beta, Log, ln_beta};

/// How many nodes.
pub(super) const NODES: usize = 32;

/// The interval reaches so many deviations of the prior's logit on each side, …
const REACH_DEVIATIONS: f64 = 5.0;
/// … and no further than this.
const WIDEST_REACH: f64 = 6.0;

/// The density is integrated down to this logarithm below its mode.
const DROP: f64 = 25.0;

/// Panels on each side of the mode.
const PANELS: u32 = 3;

/// The nodes, and what turns values there into a polynomial.
#[derive(Debug)]
pub(super) struct Nodes {
    centre: f64,
    reach: f64,
    /// t, descending.
    at: [f64; NODES],
    logs: [Log; NODES],
    /// cos(π·j·(g + ½)/n) by g, then j.
    cosines: Vec<[f64; NODES]>,
}

#[allow(clippy::cast_precision_loss)] // small whole numbers
fn cosine(j: usize, g: usize) -> f64 {
    let turns = (j * (2 * g + 1)) as f64 / (2 * NODES) as f64;
    math::cos(std::f64::consts::PI * turns)
}

impl Nodes {
    pub fn new(prior: Beta) -> Self {
        let centre = math::ln(prior.alpha() / prior.beta());
        let deviation = math::sqrt(1.0 / prior.alpha() + 1.0 / prior.beta());
        let reach = (REACH_DEVIATIONS * deviation).min(WIDEST_REACH);
        let at = std::array::from_fn(|g| centre + reach * cosine(1, g));
        Self {
            centre,
            reach,
            at,
            logs: at.map(Log::at_logit),
            cosines: (0..NODES)
                .map(|g| std::array::from_fn(|j| cosine(j, g)))
                .collect(),
        }
    }

    /// m and 1 − m at each node.
    pub fn means(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.at
            .iter()
            .map(|t| (math::logistic(*t), math::logistic(-*t)))
    }
}

/// A polynomial in Chebyshev's form, and its first two derivatives, over the
/// interval scaled to [−1, 1].
struct Polynomial {
    value: [f64; NODES],
    slope: [f64; NODES],
    bend: [f64; NODES],
}

impl Polynomial {
    #[allow(clippy::cast_precision_loss)] // small whole numbers
    fn through(values: &[f64; NODES], nodes: &Nodes) -> Self {
        let mut sums = [0.0; NODES];
        for (value, cosines) in values.iter().zip(&nodes.cosines) {
            for (sum, cosine) in sums.iter_mut().zip(cosines) {
                *sum += value * cosine;
            }
        }
        let value =
            std::array::from_fn(|j| sums[j] * if j == 0 { 1.0 } else { 2.0 } / NODES as f64);
        let slope = derivative(&value);
        Self {
            value,
            bend: derivative(&slope),
            slope,
        }
    }
}

/// The derivative of a series.
#[allow(clippy::cast_precision_loss)] // small whole numbers
fn derivative(series: &[f64; NODES]) -> [f64; NODES] {
    let mut result = [0.0; NODES];
    for j in (0..NODES - 1).rev() {
        let after = if j + 2 < NODES { result[j + 2] } else { 0.0 };
        result[j] = after + 2.0 * (j + 1) as f64 * series[j + 1];
    }
    result[0] *= 0.5;
    result
}

/// Clenshaw's evaluation of a series at `x` in [−1, 1].
fn evaluate(series: &[f64; NODES], x: f64) -> f64 {
    evaluate_each(series, [x])[0]
}

/// The same at several points side by side: each alone is one long chain of
/// operations that wait for each other.
fn evaluate_each<const N: usize>(series: &[f64; NODES], x: [f64; N]) -> [f64; N] {
    let (mut after, mut later) = ([0.0; N], [0.0; N]);
    for coefficient in series[1..].iter().rev() {
        for place in 0..N {
            let before = after[place];
            after[place] = coefficient + 2.0 * x[place] * before - later[place];
            later[place] = before;
        }
    }
    std::array::from_fn(|place| series[0] + x[place] * after[place] - later[place])
}

/// The logarithm of an offer's posterior density over t, but for a constant:
/// that of its prior and L(t).
pub(super) struct Curve<'a> {
    nodes: &'a Nodes,
    likelihood: Polynomial,
    prior: Beta,
    ln_normaliser: f64,
    /// At the nodes.
    density: [f64; NODES],
}

/// What a curve comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Posterior {
    /// Of m.
    pub moments: Moments,
    /// The logarithm of the probability of what was seen.
    pub ln_evidence: f64,
}

/// L at the prior's mean: what was seen, when m is known to be that.
pub(super) fn ln_likelihood_at_mean(values: &[f64; NODES], nodes: &Nodes) -> f64 {
    evaluate(&Polynomial::through(values, nodes).value, 0.0)
}

impl<'a> Curve<'a> {
    /// L's values at the nodes, and the prior of m.
    pub fn new(values: &[f64; NODES], prior: Beta, nodes: &'a Nodes) -> Self {
        let ln_normaliser = ln_beta(prior.alpha(), prior.beta());
        let ln_prior = |log: &Log| prior.alpha() * log.x + prior.beta() * log.complement;
        Self {
            nodes,
            likelihood: Polynomial::through(values, nodes),
            prior,
            ln_normaliser,
            density: std::array::from_fn(|g| values[g] + ln_prior(&nodes.logs[g])),
        }
    }

    fn scaled(&self, t: f64) -> f64 {
        (t - self.nodes.centre) / self.nodes.reach
    }

    fn ln_density(&self, t: f64) -> f64 {
        let log = Log::at_logit(t);
        self.prior.alpha() * log.x
            + self.prior.beta() * log.complement
            + evaluate(&self.likelihood.value, self.scaled(t))
    }

    /// The same at the nodes of a panel.
    fn ln_density_each(&self, t: AtNodes) -> AtNodes {
        let likelihood = evaluate_each(&self.likelihood.value, t.map(|t| self.scaled(t)));
        let logs = t.map(Log::at_logit);
        std::array::from_fn(|node| {
            self.prior.alpha() * logs[node].x
                + self.prior.beta() * logs[node].complement
                + likelihood[node]
        })
    }

    fn slope(&self, t: f64) -> f64 {
        let (alpha, beta) = (self.prior.alpha(), self.prior.beta());
        let x = math::logistic(t);
        alpha - (alpha + beta) * x
            + evaluate(&self.likelihood.slope, self.scaled(t)) / self.nodes.reach
    }

    fn bend(&self, t: f64) -> f64 {
        let x = math::logistic(t);
        let square = self.nodes.reach * self.nodes.reach;
        evaluate(&self.likelihood.bend, self.scaled(t)) / square
            - (self.prior.alpha() + self.prior.beta()) * x * (1.0 - x)
    }

    /// The mode: Newton's steps between the neighbours of the best node, halved
    /// where they would leave them.
    fn mode(&self) -> f64 {
        let best = (1..NODES).fold(0, |best, g| {
            if self.density[g] > self.density[best] {
                g
            } else {
                best
            }
        });
        let (centre, reach) = (self.nodes.centre, self.nodes.reach);
        let mut high = best
            .checked_sub(1)
            .map_or(centre + reach, |g| self.nodes.at[g]);
        let mut low = self
            .nodes
            .at
            .get(best + 1)
            .copied()
            .unwrap_or(centre - reach);
        let mut mode = self.nodes.at[best];
        for _ in 0..40 {
            let slope = self.slope(mode);
            if slope > 0.0 {
                low = mode;
            } else {
                high = mode;
            }
            let newton = mode - slope / self.bend(mode);
            let next = if newton > low && newton < high {
                newton
            } else {
                0.5 * (low + high)
            };
            if (next - mode).abs() < 1e-10 * reach {
                break;
            }
            mode = next;
        }
        mode
    }

    /// How far from the mode the density has fallen, in the direction of
    /// `step`, or the interval ends.
    fn fallen(&self, mode: f64, peak: f64, step: f64) -> f64 {
        let end = self.nodes.centre + self.nodes.reach * step.signum();
        let mut at = mode;
        let mut width = 2.0 * step;
        while (at - end) * step < 0.0 && self.ln_density(at) > peak - DROP {
            at = mode + width;
            width *= 1.5;
        }
        if (at - end) * step < 0.0 { at } else { end }
    }

    /// Mean and variance of m, and how probable it made what was seen.
    pub fn posterior(&self) -> Posterior {
        let mode = self.mode();
        let peak = self.ln_density(mode);
        let bend = self.bend(mode);
        let deviation = if bend < 0.0 {
            math::sqrt(-1.0 / bend)
        } else {
            0.1 * self.nodes.reach
        };
        let low = self.fallen(mode, peak, -deviation);
        let high = self.fallen(mode, peak, deviation);
        let mut sums = [0.0; 3];
        // Moments about the mode's rate, so that little cancels.
        let middle = math::logistic(mode);
        for part in [(low, mode), (mode, high)] {
            let ln_density = |t| self.ln_density_each(t).map(|it| it - peak);
            integrate(ln_density, middle, part, &mut sums);
        }
        let [mass, first, second] = sums;
        let shift = first / mass;
        Posterior {
            moments: Moments {
                mean: middle + shift,
                variance: (second / mass - shift * shift).max(f64::MIN_POSITIVE),
            },
            ln_evidence: peak + math::ln(mass) - self.ln_normaliser,
        }
    }
}

/// Adds the integrals of a density over t, and of it times m and m² about
/// `middle`, from `from` to `to`.
fn integrate(
    ln_density: impl Fn(AtNodes) -> AtNodes,
    middle: f64,
    (from, to): (f64, f64),
    sums: &mut [f64; 3],
) {
    let half = 0.5 * (to - from) / f64::from(PANELS);
    for panel in 0..PANELS {
        let centre = from + half * f64::from(2 * panel + 1);
        let t = NODE.map(|node| centre + half * node);
        let mut densities = ln_density(t);
        math::exp_each(&mut densities);
        for ((t, density), weight) in t.iter().zip(densities).zip(&WEIGHT) {
            let density = half * weight * density;
            let from_middle = math::logistic(*t) - middle;
            sums[0] += density;
            sums[1] += density * from_middle;
            sums[2] += density * from_middle * from_middle;
        }
    }
}
