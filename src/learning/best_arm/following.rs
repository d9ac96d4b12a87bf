//! The probabilities that each of K Beta arms is the best, followed from round
//! to round while one arm at a time gains one success or one failure.
//!
//! [`probabilities`] begins anew at every call. Here the
//! integrands stay on a grid: with f_i and F_i the density and the cumulative
//! distribution of arm i on the logit scale,
//!
//! - a success takes Beta(α, β) to Beta(α + 1, β): F −= f / α, then
//!   f *= x·(α + β) / α, at each node with x = σ(t);
//! - a failure takes it to Beta(α, β + 1): F += f / β, then
//!   f *= (1 − x)·(α + β) / β
//!
//! (DLMF 8.17.20 and 8.17.21, <https://dlmf.nist.gov/8.17>), and
//! p_i = ∫ (f_i / F_i) Π F_j dt over all arms j. The nodes are
//! t = c + A·sinh(u) at equal steps of u, on which the trapezoid rule of a
//! smooth integrand that vanishes at both ends converges exponentially
//! (Trefethen, Weideman (2014), <https://doi.org/10.1137/130932132>).
//!
//! A grid serves until the integrand leaves it, until an arm is too narrow for
//! it, or until the probabilities no longer sum to 1 within 10⁻⁵; then it is
//! laid anew, and held against the exact method. Sets that no grid of
//! `MOST_NODES` nodes serves are computed each time.
//!
//! **Draws are those of the exact method.** A followed probability may be off by
//! about 10⁻⁵. [`Following::draw`] therefore looks whether the uniform number
//! lies within `MARGIN` of a bound between two offers; there, about once in
//! 2,000 rounds, it asks [`probabilities`] itself.
//!
//! Cost a round with 10 arms: about 0.1 µs where the exact method takes 10.

use super::beta_curve::BetaCurve;
use super::{Curve, NODE, NODES, Score, WEIGHT, probabilities};
use crate::domain::distribution::{ActionDistribution, with_floor};
use crate::domain::math;
use crate::learning::beta::Beta;

/// A grid has at most so many nodes.
const MOST_NODES: usize = 160;

/// Nodes are taken in blocks, so that sums have one order that a processor can
/// take side by side.
const BLOCK: usize = 4;

/// The step between nodes, in standard deviations of the narrowest arm near it.
const STEP: f64 = 0.5;

/// The grid is laid anew when the step has become so many of them.
const WIDEST_STEP: f64 = 0.8;

/// Mass beyond the ends of a new grid.
const TRIMMED: f64 = 1e-6;

/// Mass beyond the ends at which a grid is laid anew.
const MOST_BEYOND: f64 = 5e-6;

/// Steps that are tried in turn, in parts of [`STEP`].
const FINER: [f64; 4] = [1.0, 0.7, 0.5, 0.35];

/// How far the bounds between two arms may be from the exact ones on a new
/// grid.
const MOST_OFF_AT_FIRST: f64 = 5e-6;

/// How far the probabilities may sum from 1.
const MOST_OFF: f64 = 1e-5;

/// Within this of a bound between two offers a draw is made exactly.
pub(in crate::learning) const MARGIN: f64 = 5e-5;

/// What a cumulative probability is at least: a quotient by it stays finite.
const LEAST_CUMULATIVE: f64 = 1e-12;

/// What a density is at least: numbers below the normal ones are slow.
const LEAST_DENSITY: f64 = 1e-150;

/// After a set that no grid serves, so many rounds go by before the next is
/// tried.
const PATIENCE: u32 = 64;

/// K Beta arms, and the probabilities that each is the best.
#[derive(Debug, Clone)]
pub struct Following {
    arms: Vec<Beta>,
    grid: Option<Grid>,
    /// Rounds to go before a grid is tried again.
    waiting: u32,
    /// The followed probabilities; meaningful after [`Self::refresh`] said so.
    followed: Vec<f64>,
}

impl Following {
    /// From what is believed of each arm.
    ///
    /// # Panics
    /// When there is no arm.
    #[must_use]
    pub fn new(arms: Vec<Beta>) -> Self {
        assert!(!arms.is_empty(), "one of no arms cannot be the best");
        Self {
            followed: vec![0.0; arms.len()],
            grid: Grid::lay(&arms),
            waiting: PATIENCE,
            arms,
        }
    }

    /// What is believed of each arm.
    #[must_use]
    pub fn arms(&self) -> &[Beta] {
        &self.arms
    }

    /// The arm at `index` gains a success or a failure.
    pub fn gain(&mut self, index: usize, success: bool) {
        let before = self.arms[index];
        self.arms[index] = if success {
            Beta::new(before.alpha() + 1.0, before.beta())
        } else {
            Beta::new(before.alpha(), before.beta() + 1.0)
        };
        if let Some(grid) = &mut self.grid {
            grid.gain(index, before, success);
        }
    }

    /// The arm that `uniform`, in [0, 1), falls on, when each arm has the
    /// probability that it is the best, mixed with a floor: the same as
    /// `probabilities(arms).with_floor(floor).draw(uniform)`. With it comes its
    /// probability, within about 10⁻⁵.
    pub fn draw(&mut self, uniform: f64, floor: f64) -> (usize, f64) {
        if !self.refresh() {
            return self.exactly(uniform, floor);
        }
        let count = self.followed.len();
        let mut cumulative = 0.0;
        for (index, probability) in self.followed.iter().enumerate() {
            let probability = with_floor(*probability, floor, count);
            let bound = cumulative + probability;
            if uniform < bound - MARGIN {
                if uniform > cumulative + MARGIN || index == 0 {
                    return (index, probability);
                }
                break;
            }
            cumulative = bound;
        }
        self.exactly(uniform, floor)
    }

    fn exactly(&self, uniform: f64, floor: f64) -> (usize, f64) {
        let distribution = self.exact().with_floor(floor);
        let index = distribution.draw(uniform);
        (index, distribution.probabilities()[index])
    }

    /// The probabilities as the exact method computes them.
    #[must_use]
    pub fn exact(&self) -> ActionDistribution {
        probabilities(&self.arms)
    }

    /// The followed probabilities, within about 10⁻⁵ of [`Self::exact`]; `None`
    /// where no grid serves.
    pub fn followed(&mut self) -> Option<&[f64]> {
        self.refresh().then_some(&self.followed[..])
    }

    /// Whether the followed probabilities could be brought up to date.
    fn refresh(&mut self) -> bool {
        if let Some(grid) = &self.grid
            && grid.probabilities(&mut self.followed)
        {
            return true;
        }
        let may_try = self.grid.is_some() || self.waiting == 0;
        if !may_try {
            self.waiting -= 1;
            return false;
        }
        self.grid = Grid::lay(&self.arms);
        self.waiting = PATIENCE;
        self.grid
            .as_ref()
            .is_some_and(|grid| grid.probabilities(&mut self.followed))
    }
}

/// What a grid is laid by, of one arm.
struct Shape {
    curve: BetaCurve,
    /// Where the lower tail begins.
    lower: f64,
    mode: f64,
    /// 1/α + 1/β.
    variance: f64,
}

impl Shape {
    fn of(arm: &Beta) -> Self {
        Self {
            curve: arm.curve(),
            lower: -Beta::new(arm.beta(), arm.alpha()).curve().upper(),
            mode: math::ln(arm.alpha() / arm.beta()),
            variance: 1.0 / arm.alpha() + 1.0 / arm.beta(),
        }
    }
}

/// What is kept at the nodes. Beyond the last node up to a whole block weights
/// are 0.
#[derive(Debug, Clone)]
struct Grid {
    /// How many nodes, in whole blocks.
    nodes: usize,
    /// How many of them count.
    used: usize,
    /// x = σ(t), from the lowest node up.
    x: Vec<f64>,
    /// The trapezoid rule's weights.
    weight: Vec<f64>,
    /// weight · Π F_j.
    joint: Vec<f64>,
    /// f_i, F_i and f_i / F_i at node n: element i · nodes + n.
    density: Vec<f64>,
    cumulative: Vec<f64>,
    ratio: Vec<f64>,
    /// The least 1/α + 1/β that the grid is fine enough for, by arm.
    least_variance: Vec<f64>,
    too_coarse: bool,
}

impl Grid {
    /// The coarsest of some grids on which no draw could be further off than
    /// [`MOST_OFF_AT_FIRST`].
    fn lay(arms: &[Beta]) -> Option<Self> {
        let exact = probabilities(arms);
        let shapes: Vec<Shape> = arms.iter().map(Shape::of).collect();
        let mut followed = vec![0.0; arms.len()];
        FINER.into_iter().find_map(|finer| {
            let grid = Self::with_step(&shapes, STEP * finer)?;
            let serves = grid.probabilities(&mut followed)
                && farthest_bound(&followed, exact.probabilities()) < MOST_OFF_AT_FIRST;
            serves.then_some(grid)
        })
    }

    fn with_step(shapes: &[Shape], step: f64) -> Option<Self> {
        let top = fold_max(shapes.iter().map(|shape| shape.curve.upper()));
        // The arm that sets the lower end is the surest of the good ones.
        let centre = shapes
            .iter()
            .max_by(|left, right| left.lower.total_cmp(&right.lower))?;
        let lowest = centre.lower;
        if !(top > lowest) {
            return None;
        }
        let (middle, scale) = (centre.mode, math::sqrt(centre.variance));
        // How wide a step is at a distance from the middle, for a step of 1 in u.
        let width_at = |t: f64| math::sqrt(scale * scale + (t - middle) * (t - middle));
        let width_near = |shape: &Shape| width_at(shape.mode.clamp(lowest, top));
        let matters = |shape: &Shape| shape.curve.upper() > lowest;
        let mut step_of_u = step;
        for shape in shapes.iter().filter(|shape| matters(shape)) {
            let deviation = math::sqrt(shape.variance);
            step_of_u = step_of_u.min(step * deviation / width_near(shape));
        }
        let nodes = place_nodes(middle, scale, step_of_u, lowest, top)?;
        let least_variance = |shape: &Shape| {
            if !matters(shape) {
                return 0.0;
            }
            let narrowest = step_of_u * width_near(shape) / WIDEST_STEP;
            (narrowest * narrowest).min(shape.variance)
        };
        let columns: Vec<Column> = shapes
            .iter()
            .map(|shape| column(&shape.curve, &nodes))
            .collect();
        let weight: Vec<f64> = nodes.iter().map(|t| step_of_u * width_at(*t)).collect();
        let mut grid = Self::trimmed(&nodes, &weight, &columns)?;
        grid.least_variance = shapes.iter().map(least_variance).collect();
        Some(grid)
    }

    /// Keeps the nodes between which all but [`TRIMMED`] lies.
    fn trimmed(nodes: &[f64], weight: &[f64], columns: &[Column]) -> Option<Self> {
        let product = |node: usize| -> f64 {
            columns
                .iter()
                .map(|column| column.cumulative[node])
                .product()
        };
        let products: Vec<f64> = (0..nodes.len()).map(product).collect();
        let first = products.iter().rposition(|below| *below < TRIMMED)?;
        let last = products.iter().position(|below| 1.0 - below < TRIMMED)?;
        if last <= first {
            return None;
        }
        let kept = first..last + 1;
        let used = kept.len();
        let nodes_kept = used.div_ceil(BLOCK) * BLOCK;
        let padded = |values: &[f64], padding: f64| -> Vec<f64> {
            let mut values = values[kept.clone()].to_vec();
            values.resize(nodes_kept, padding);
            values
        };
        let x: Vec<f64> = nodes.iter().map(|t| math::logistic(*t)).collect();
        let weight = padded(weight, 0.0);
        let joint = weight
            .iter()
            .zip(padded(&products, 1.0))
            .map(|(weight, product)| weight * product)
            .collect();
        let mut grid = Self {
            nodes: nodes_kept,
            used,
            x: padded(&x, 0.5),
            weight,
            joint,
            density: Vec::new(),
            cumulative: Vec::new(),
            ratio: Vec::new(),
            least_variance: Vec::new(),
            too_coarse: false,
        };
        for column in columns {
            let density = padded(&column.density, LEAST_DENSITY);
            let cumulative = padded(&column.cumulative, 1.0);
            let ratio = density.iter().zip(&cumulative).map(|(f, below)| f / below);
            grid.ratio.extend(ratio);
            grid.density.extend(density);
            grid.cumulative.extend(cumulative);
        }
        Some(grid)
    }

    /// Moves one arm's integrand on.
    fn gain(&mut self, arm: usize, before: Beta, success: bool) {
        let (alpha, beta) = (before.alpha(), before.beta());
        let (moved, factor) = if success {
            (-1.0 / alpha, (alpha + beta) / alpha)
        } else {
            (1.0 / beta, (alpha + beta) / beta)
        };
        let (base, slope) = if success {
            (0.0, factor)
        } else {
            (factor, -factor)
        };
        let row = arm * self.nodes..(arm + 1) * self.nodes;
        let densities = self.density[row.clone()].chunks_exact_mut(BLOCK);
        let cumulatives = self.cumulative[row.clone()].chunks_exact_mut(BLOCK);
        let ratios = self.ratio[row].chunks_exact_mut(BLOCK);
        let joints = self.joint.chunks_exact_mut(BLOCK);
        let xs = self.x.chunks_exact(BLOCK);
        for ((((density, cumulative), ratio), joint), x) in
            densities.zip(cumulatives).zip(ratios).zip(joints).zip(xs)
        {
            for place in 0..BLOCK {
                let old = cumulative[place];
                let new = (old + moved * density[place]).max(LEAST_CUMULATIVE);
                density[place] = (density[place] * (base + slope * x[place])).max(LEAST_DENSITY);
                cumulative[place] = new;
                joint[place] *= new / old;
                ratio[place] = density[place] / new;
            }
        }
        let variance = 1.0 / alpha + 1.0 / beta;
        self.too_coarse |= variance < self.least_variance[arm];
    }

    /// Writes the probabilities, made to sum to 1; whether the grid still
    /// serves.
    fn probabilities(&self, into: &mut [f64]) -> bool {
        let last = self.used - 1;
        let below = self.joint[0] / self.weight[0];
        let above = 1.0 - self.joint[last] / self.weight[last];
        if self.too_coarse || !(below < MOST_BEYOND) || !(above < MOST_BEYOND) {
            return false;
        }
        let mut total = 0.0;
        for (probability, ratio) in into.iter_mut().zip(self.ratio.chunks_exact(self.nodes)) {
            let mut sums = [0.0; BLOCK];
            for (ratio, joint) in ratio
                .chunks_exact(BLOCK)
                .zip(self.joint.chunks_exact(BLOCK))
            {
                for place in 0..BLOCK {
                    sums[place] += ratio[place] * joint[place];
                }
            }
            *probability = (sums[0] + sums[2]) + (sums[1] + sums[3]);
            total += *probability;
        }
        if !((total - 1.0).abs() < MOST_OFF) {
            return false;
        }
        let scale = 1.0 / total;
        into.iter_mut().for_each(|entry| *entry *= scale);
        true
    }
}

/// How far a bound between two arms on the line from 0 to 1 is from where it
/// should be, at most.
fn farthest_bound(followed: &[f64], exact: &[f64]) -> f64 {
    let mut off: f64 = 0.0;
    let differences = followed.iter().zip(exact).map(|(one, other)| {
        off += one - other;
        off.abs()
    });
    fold_max(differences)
}

/// One arm's f and F at the nodes, from the lowest up.
struct Column {
    density: Vec<f64>,
    cumulative: Vec<f64>,
}

/// Integrates an arm's density from the topmost node down.
fn column<C: Curve>(curve: &C, nodes: &[f64]) -> Column {
    let density = |t: f64| curve.density(C::at(t)).max(LEAST_DENSITY);
    let mut survival = 0.0;
    let mut cumulative = vec![1.0; nodes.len()];
    for upper in (1..nodes.len()).rev() {
        let half = 0.5 * (nodes[upper] - nodes[upper - 1]);
        let middle = 0.5 * (nodes[upper] + nodes[upper - 1]);
        let inside: f64 = (0..NODES)
            .map(|node| WEIGHT[node] * density(middle + half * NODE[node]))
            .sum();
        survival += half * inside;
        cumulative[upper - 1] = (1.0 - survival).clamp(LEAST_CUMULATIVE, 1.0);
    }
    Column {
        density: nodes.iter().map(|t| density(*t)).collect(),
        cumulative,
    }
}

/// The nodes middle + scale·sinh(u), at equal steps of u, that reach from
/// `lowest` to `top`; `None` when there are too many.
fn place_nodes(middle: f64, scale: f64, step: f64, lowest: f64, top: f64) -> Option<Vec<f64>> {
    let inverse = |t: f64| {
        let z = (t - middle) / scale;
        let size = math::ln(z.abs() + math::sqrt(z * z + 1.0));
        if z < 0.0 { -size } else { size }
    };
    let first = (inverse(lowest) / step).floor();
    let last = (inverse(top) / step).ceil();
    #[allow(clippy::cast_precision_loss)]
    if !(last - first < MOST_NODES as f64) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // fewer than MOST_NODES
    let count = (last - first) as u32 + 1;
    let node = |number: u32| {
        let u = (first + f64::from(number)) * step;
        let power = math::exp(u);
        middle + scale * 0.5 * (power - 1.0 / power)
    };
    Some((0..count).map(node).collect())
}

fn fold_max(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    /// How far followed probabilities are from exact ones, at most, over so
    /// many rounds of Thompson sampling itself.
    fn worst_error(rates: &[f64], prior: Beta, rounds: u32, seed: u64) -> (f64, u32) {
        let mut generator = Generator::from_seed(seed);
        let mut following = Following::new(vec![prior; rates.len()]);
        let mut worst: f64 = 0.0;
        let mut unserved = 0;
        for round in 0..rounds {
            let (chosen, _) = following.draw(generator.next_uniform(), 0.0);
            let success = generator.next_uniform() < rates[chosen];
            following.gain(chosen, success);
            if round % 7 == 0 {
                let exact = following.exact();
                match following.followed() {
                    None => unserved += 1,
                    Some(followed) => {
                        let (mut left, mut right) = (0.0, 0.0);
                        for (one, other) in followed.iter().zip(exact.probabilities()) {
                            left += one;
                            right += other;
                            let error: f64 = left - right;
                            worst = worst.max(error.abs());
                        }
                    }
                }
            }
        }
        (worst, unserved)
    }

    const TEN: [f64; 10] = [
        0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.055, 0.06, 0.065,
    ];

    #[test]
    fn followed_probabilities_stay_near_the_exact_ones() {
        let flat = Beta::new(1.0, 1.0);
        for (name, rates, prior, rounds) in [
            ("ten alike", &TEN[..], flat, 20_000),
            ("tiny", &[1e-4, 2e-4, 5e-4][..], flat, 10_000),
            ("sharp beside flat", &[0.9, 0.01, 0.5][..], flat, 10_000),
            ("two", &[0.5, 0.5][..], flat, 5_000),
            ("far apart", &[0.999, 0.001][..], flat, 5_000),
            ("half a pull", &TEN[..], Beta::new(0.5, 0.5), 10_000),
            ("sure already", &TEN[..], Beta::new(500.0, 10_000.0), 10_000),
        ] {
            for seed in 0..2 {
                let (worst, unserved) = worst_error(rates, prior, rounds, seed);
                println!("{name}, seed {seed}: {worst:e}, {unserved} without a grid");
                assert!(worst < 0.5 * MARGIN, "{name}, seed {seed}: {worst:e}");
                assert!(
                    unserved < rounds / 7 / 20,
                    "{name}: {unserved} without a grid"
                );
            }
        }
    }

    /// Bounds are met at random numbers that lie on them.
    #[test]
    fn draws_near_a_bound_are_those_of_the_exact_method() {
        let mut generator = Generator::from_seed(3);
        let mut following = Following::new(vec![Beta::new(1.0, 1.0); 5]);
        for _ in 0..400 {
            let exact = following.exact().with_floor(0.01);
            let mut bound = 0.0;
            for probability in exact.probabilities() {
                bound += probability;
                for offset in [-1e-9, 0.0, 1e-9, -3e-5, 3e-5] {
                    let uniform: f64 = bound + offset;
                    if (0.0..1.0).contains(&uniform) {
                        assert_eq!(following.draw(uniform, 0.01).0, exact.draw(uniform));
                    }
                }
            }
            let (chosen, _) = following.draw(generator.next_uniform(), 0.01);
            following.gain(chosen, generator.next_uniform() < 0.3);
        }
    }
}
