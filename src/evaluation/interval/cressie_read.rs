//! The empirical Cressie-Read interval: all mean rewards that some reweighting
//! of the sample, not too far from it, could have had.
//!
//! Karampatziakis, Langford, Mineiro (2019), "Empirical likelihood for
//! contextual bandits", <https://arxiv.org/abs/1906.03323>, with the divergence
//! of power −2. Among distributions over the sample and one unseen point, with
//! mass 1 and mean weight 1, whose divergence is within an F(1, n) quantile of
//! the least, the smallest and the largest mean reward are the ends. The unseen
//! point has weight 0 or one without bound, and the range's worst reward: so an
//! end can be far from the estimate when the sample has not yet shown much.
//!
//! Notation: their φ bounds the divergence; the optimum over the dual variables
//! is x − √(2·y·z), with x, y, z as in their appendix. As in Vowpal Wabbit's
//! estimators the F quantile is at α, both ends each against the same φ.

use super::super::logged::RewardRange;
use super::super::quantile::student_two_sided;
use super::super::weighted_sums::WeightedSums;
use super::{Ends, Level};
use crate::domain::math;

/// Where y·z is within this of 0 the end counts as degenerate.
const FLAT: f64 = 1e-18;
/// √2 times how far a degenerate end is moved outwards.
const NUDGE: f64 = std::f64::consts::SQRT_2 * 1e-9;

/// The interval; `None` of nothing.
#[must_use]
pub fn cressie_read(sums: &WeightedSums, range: RewardRange, level: Level) -> Option<Ends> {
    let problem = Problem {
        n: sums.rounds()?,
        weight: sums.weight.get(),
        weight_square: sums.weight_square.get(),
        weighted: sums.weighted.get(),
        square_weighted: sums.square_weighted.get(),
        weighted_square: sums.weighted_square.get(),
    };
    let phi = problem.phi(level)?;
    let clamp = |end: f64| end.clamp(range.low(), range.high());
    let lower = problem.least(phi, range.low());
    let upper = problem.mirrored().least(phi, -range.high());
    Ends::new(
        lower.map_or(range.low(), clamp),
        upper.map_or(range.high(), |end| clamp(-end)),
    )
}

/// The sample's sums; the rewards' sign may be turned, so that both ends are a
/// minimum.
struct Problem {
    n: f64,
    weight: f64,
    weight_square: f64,
    weighted: f64,
    square_weighted: f64,
    weighted_square: f64,
}

impl Problem {
    /// φ: what the divergence may be, from its least value and the quantile.
    fn phi(&self, level: Level) -> Option<f64> {
        let n = self.n;
        let least = if self.weight < n {
            1.0 + 1.0 / n
        } else {
            // Weights are too large on average: the unseen one is 0.
            let mean = self.weight / (1.0 + n);
            let mean_square = self.weight_square / (1.0 + n);
            let variance = mean_square - mean * mean;
            if !(variance > 0.0) {
                return None;
            }
            (1.0 + n) * (mean - 1.0) * (mean - 1.0) / variance
        };
        // F(1, n) is the square of Student's t.
        let t = student_two_sided(level.get(), n)?;
        Some(-(least + t * t) / (2.0 * (1.0 + n)))
    }

    fn mirrored(&self) -> Self {
        Self {
            weighted: -self.weighted,
            square_weighted: -self.square_weighted,
            ..*self
        }
    }

    /// The least mean reward when the unseen point has reward `reward`.
    fn least(&self, phi: f64, reward: f64) -> Option<f64> {
        let ends = [self.least_with_zero(phi), self.least_unbounded(phi, reward)];
        ends.into_iter().flatten().reduce(f64::min)
    }

    /// With an unseen weight of 0.
    fn least_with_zero(&self, phi: f64) -> Option<f64> {
        let all = 1.0 + self.n;
        let weight = self.weight / all;
        let weighted = self.weighted / all;
        let variance = self.weight_square / all - weight * weight;
        if !(variance > 0.0) {
            return None;
        }
        let covariance = self.square_weighted / all - weight * weighted;
        let spread = self.weighted_square / all - weighted * weighted;
        let x = weighted + (1.0 - weight) * covariance / variance;
        let y = covariance * covariance / variance - spread;
        let z = phi + 0.5 * (1.0 - weight) * (1.0 - weight) / variance;
        below(x, y, z)
    }

    /// With an unseen weight that grows without bound.
    fn least_unbounded(&self, phi: f64, reward: f64) -> Option<f64> {
        let n = self.n;
        let gap = reward * self.weight - self.weighted;
        let squares = reward * reward * self.weight_square - 2.0 * reward * self.square_weighted
            + self.weighted_square;
        let x = reward - gap / n;
        let y = gap * gap / (n * (1.0 + n)) - squares / (1.0 + n);
        let z = phi + 1.0 / (2.0 * n);
        below(x, y, z)
    }
}

/// x − √(2yz), where there is such a point.
fn below(x: f64, y: f64, z: f64) -> Option<f64> {
    let product = y * z;
    if product.abs() <= FLAT {
        Some(x - NUDGE)
    } else if z <= 0.0 && product > 0.0 {
        Some(x - math::sqrt(2.0 * product))
    } else {
        None
    }
}
