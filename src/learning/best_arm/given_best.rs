//! What each of K independent Beta variables is in the mean, given which of
//! them is the largest.
//!
//! By the same panels, nodes and collocation as the probabilities (see the
//! module above): with f and F an arm's density and cumulative distribution on
//! the logit scale, x the logistic function and G_a(t) = ∫_{−∞}^t x(s) f_a(s) ds,
//!
//! - P(i is the best) = ∫ f_i Π_{j≠i} F_j,
//! - E[θ_i; i is the best] = ∫ x f_i Π_{j≠i} F_j,
//! - E[θ_a; i is the best] = ∫ f_i (G_a / F_a) Π_{j≠i} F_j for a ≠ i.
//!
//! The absolute error is that of the probabilities, about 10⁻⁶. Cost: O(K²) a
//! node; 10 arms take some 20 µs.

use smallvec::SmallVec;

use super::{AtNodes, COLLOCATION, Curve, Group, NEGLIGIBLE, NODE, NODES, Score, WEIGHT, dot};
use crate::domain::math;
use crate::learning::beta::Beta;

/// What is known once it is known which arm is the best.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenBest {
    /// P(arm is the best).
    pub probability: SmallVec<[f64; 16]>,
    /// E[θ_a | i is the best], by i and then by a; the plain mean where i is
    /// never the best.
    means: Vec<f64>,
}

/// An arm on the way down.
struct Arm<C> {
    /// Its place in the order given.
    place: usize,
    group: Group<C>,
    /// E θ, and ∫ x f above the panel.
    mean: f64,
    upper_mean: f64,
    /// E[θ | θ below the node].
    below: AtNodes,
}

impl GivenBest {
    /// E[θ_a | `best` is the best].
    #[must_use]
    pub fn mean(&self, best: usize, arm: usize) -> f64 {
        self.means[best * self.probability.len() + arm]
    }

    /// Integrates.
    ///
    /// # Panics
    /// When there is no posterior: eligible offers are never none.
    #[must_use]
    pub fn of(posteriors: &[Beta]) -> Self {
        assert!(!posteriors.is_empty(), "one of no arms cannot be the best");
        let count = posteriors.len();
        let mut arms: Vec<Arm<_>> = posteriors
            .iter()
            .enumerate()
            .map(|(place, posterior)| Arm {
                place,
                group: Group::new(posterior.curve(), 1),
                mean: posterior.mean(),
                upper_mean: 0.0,
                below: [posterior.mean(); NODES],
            })
            .collect();
        arms.sort_by(|left, right| right.group.upper.total_cmp(&left.group.upper));
        let mut given = Self {
            probability: SmallVec::from_elem(0.0, count),
            means: vec![0.0; count * count],
        };
        let mut top = arms[0].group.upper;
        loop {
            let width = panel_width(&arms, top);
            let bottom = top - width;
            if given.add_panel(&mut arms, top, 0.5 * width) < NEGLIGIBLE {
                break;
            }
            top = bottom;
        }
        given.normalise(&arms);
        given
    }

    /// Adds a panel; gives the probability that every arm lies below it.
    fn add_panel<C: Curve<At = crate::learning::beta::Log>>(
        &mut self,
        arms: &mut [Arm<C>],
        top: f64,
        half: f64,
    ) -> f64 {
        let count = arms.len();
        let nodes = NODE.map(|node| C::at(top - half * (1.0 + node)));
        let values = nodes.map(|at| math::exp(at.x));
        let mut left = 1.0;
        for arm in arms.iter_mut() {
            arm.enter(&nodes, &values, half);
            left *= arm.group.joint_cumulative();
        }
        for node in 0..NODES {
            let all: f64 = arms.iter().map(|arm| arm.group.cumulative[node]).product();
            for best in 0..count {
                let of_best = &arms[best].group;
                if of_best.density[node] <= 0.0 {
                    continue;
                }
                let others = if of_best.cumulative[node] > 1e-3 {
                    all / of_best.cumulative[node]
                } else {
                    product_without(arms, best, node)
                };
                let mass = half * WEIGHT[node] * of_best.density[node] * others;
                let row = arms[best].place * count;
                self.probability[arms[best].place] += mass;
                for (place, arm) in arms.iter().enumerate() {
                    let mean = if place == best {
                        values[node]
                    } else {
                        arm.below[node]
                    };
                    self.means[row + arm.place] += mass * mean;
                }
            }
        }
        left
    }

    fn normalise<C>(&mut self, arms: &[Arm<C>]) {
        let count = arms.len();
        let total: f64 = self.probability.iter().sum();
        for best in 0..count {
            let mass = self.probability[best];
            for arm in arms {
                let mean = &mut self.means[best * count + arm.place];
                *mean = if mass > 0.0 { *mean / mass } else { arm.mean };
            }
            self.probability[best] = mass / total;
        }
    }
}

fn product_without<C>(arms: &[Arm<C>], without: usize, node: usize) -> f64 {
    let others = arms
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != without);
    others.map(|(_, arm)| arm.group.cumulative[node]).product()
}

impl<C: Curve> Arm<C> {
    /// Fills what is known at the nodes of a panel of width 2·`half`.
    fn enter(&mut self, nodes: &[C::At; NODES], values: &AtNodes, half: f64) {
        self.group.enter(nodes, half);
        let mut weighted = self.group.density;
        for (density, value) in weighted.iter_mut().zip(values) {
            *density *= value;
        }
        for (node, row) in COLLOCATION.iter().enumerate() {
            let above = self.upper_mean + half * dot(row, &weighted);
            let cumulative = self.group.cumulative[node];
            self.below[node] = if cumulative > 0.0 {
                ((self.mean - above) / cumulative).clamp(0.0, values[node])
            } else {
                0.0
            };
        }
        self.upper_mean += half * dot(&WEIGHT, &weighted);
    }
}

/// How wide the next panel may be: what every arm near it allows.
fn panel_width<C: Curve>(arms: &[Arm<C>], top: f64) -> f64 {
    let mut width = f64::INFINITY;
    for arm in arms {
        let distance = (top - arm.group.upper).max(0.0);
        if distance >= width {
            break;
        }
        let at = top.min(arm.group.upper);
        width = width.min(distance.max(arm.group.curve.widest_panel(at)));
    }
    width
}

#[cfg(test)]
mod tests {
    use rand_distr::Distribution;

    use super::super::probabilities;
    use super::*;
    use crate::domain::random::Generator;

    fn random_set(generator: &mut Generator) -> Vec<Beta> {
        let arms = 1 + generator.next_below(12);
        (0..arms)
            .map(|_| {
                let pulls = math::exp(9.0 * generator.next_uniform());
                let rate = 0.3 * generator.next_uniform();
                Beta::new(0.5 + rate * pulls, 0.5 + (1.0 - rate) * pulls)
            })
            .collect()
    }

    /// The probabilities are those of the other road, and the means over what
    /// is best are the plain ones.
    #[test]
    fn what_is_known_given_the_best_adds_up() {
        let mut generator = Generator::from_seed(12);
        for _ in 0..300 {
            let set = random_set(&mut generator);
            let given = GivenBest::of(&set);
            let ours = &given.probability;
            for (one, other) in ours.iter().zip(probabilities(&set).probabilities()) {
                assert!((one - other).abs() < 1e-6, "{one} {other} for {set:?}");
            }
            for (arm, posterior) in set.iter().enumerate() {
                let mean: f64 = (0..set.len())
                    .map(|best| ours[best] * given.mean(best, arm))
                    .sum();
                let error = (mean - posterior.mean()).abs();
                assert!(error < 1e-6, "{error:e} for {arm} of {set:?}");
            }
        }
    }

    #[test]
    fn a_million_draws_agree() {
        let set = [
            Beta::new(2.0, 5.0),
            Beta::new(30.0, 80.0),
            Beta::new(1.0, 1.0),
        ];
        let given = GivenBest::of(&set);
        let laws = set.map(|arm| rand_distr::Beta::new(arm.alpha(), arm.beta()).unwrap());
        let mut generator = Generator::from_seed(3);
        let mut wins = [0.0; 3];
        let mut sums = [[0.0; 3]; 3];
        for _ in 0..1_000_000 {
            let draw = laws.map(|law| law.sample(&mut generator));
            let best = (0..3).max_by(|l, r| draw[*l].total_cmp(&draw[*r])).unwrap();
            wins[best] += 1.0;
            for (sum, value) in sums[best].iter_mut().zip(draw) {
                *sum += value;
            }
        }
        for (best, sums) in sums.iter().enumerate() {
            for (arm, sum) in sums.iter().enumerate() {
                let seen = sum / wins[best];
                // Five standard errors at least: no θ deviates by more than ½.
                let error = 2.5 / math::sqrt(wins[best]);
                let ours = given.mean(best, arm);
                assert!(
                    (seen - ours).abs() < error,
                    "{best} {arm}: {ours} seen {seen}"
                );
            }
        }
    }
}
