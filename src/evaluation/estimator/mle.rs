//! Maximum empirical likelihood under the knowledge that weights have mean 1.
//!
//! Karampatziakis, Langford, Mineiro (2019), "Empirical likelihood for
//! contextual bandits", <https://arxiv.org/abs/1906.03323>. The distribution of
//! (w, r) that makes the sample likeliest, among those with E\[w\] = 1, gives
//! round i the mass 1 / (β(wᵢ − 1) + n); their dual variable is β. Mass that is
//! left over goes to a weight that was not seen, with the sample's mean reward.
//!
//! Weights range from 0 to infinity; nothing tighter is assumed. It needs every
//! weight: rounds with the same one are kept together, and beyond
//! [`MOST_DISTINCT_WEIGHTS`] there is no estimate.

use std::collections::BTreeMap;

use super::super::logged::RoundsView;
use crate::domain::compensated_sum::CompensatedSum;

/// How many different weights are kept.
pub const MOST_DISTINCT_WEIGHTS: usize = 1 << 20;

/// The rounds with one weight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Group {
    rounds: f64,
    reward: CompensatedSum,
}

/// The estimator: streams while there is room, and merges.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MaximumLikelihood {
    /// Keyed by the weight's bits, which order weights of at least 0 as
    /// numbers.
    groups: BTreeMap<u64, Group>,
    overflowed: bool,
}

impl MaximumLikelihood {
    /// Adds rounds.
    pub fn add(&mut self, rounds: RoundsView<'_>) {
        for (weight, reward) in rounds.weight.iter().zip(rounds.reward) {
            let reward = std::iter::once(*reward).collect();
            // Adding 0 makes −0 an ordinary 0.
            self.add_group(
                (weight + 0.0).to_bits(),
                Group {
                    rounds: 1.0,
                    reward,
                },
            );
        }
    }

    /// Adds what another pass saw.
    pub fn merge(&mut self, other: &Self) {
        self.overflowed |= other.overflowed;
        for (bits, group) in &other.groups {
            self.add_group(*bits, *group);
        }
    }

    fn add_group(&mut self, bits: u64, group: Group) {
        if self.overflowed {
            self.groups.clear();
            return;
        }
        let known = self.groups.entry(bits).or_default();
        known.rounds += group.rounds;
        known.reward.merge(&group.reward);
        self.overflowed = self.groups.len() > MOST_DISTINCT_WEIGHTS;
    }

    /// Whether there were more weights than are kept.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    fn groups(&self) -> impl Iterator<Item = (f64, Group)> + '_ {
        self.groups
            .iter()
            .map(|(bits, group)| (f64::from_bits(*bits), *group))
    }

    fn sum(&self, term: impl Fn(f64, Group) -> f64) -> f64 {
        let terms = self.groups().map(|(weight, group)| term(weight, group));
        terms.collect::<CompensatedSum>().get()
    }

    /// The estimate; `None` of nothing, or of too many weights.
    #[must_use]
    pub fn estimate(&self) -> Option<f64> {
        if self.groups.is_empty() || self.overflowed {
            return None;
        }
        let rounds = self.sum(|_, group| group.rounds);
        let mass = |beta: f64, weight: f64| 1.0 / ((weight - 1.0) * beta + rounds);
        let beta = self.dual(rounds);
        let weight = self.sum(|weight, group| group.rounds * weight * mass(beta, weight));
        let value = self.sum(|weight, group| weight * group.reward.get() * mass(beta, weight));
        let mean_reward = self.sum(|_, group| group.reward.get()) / rounds;
        Some(value + (1.0 - weight).max(0.0) * mean_reward)
    }

    /// β. No mass exceeds 1, and an unseen weight of 0 has no negative mass:
    /// so β lies between 0 and the least of n and (n − 1) / (1 − wᵢ). Within
    /// them the constraint's residual falls as β grows.
    fn dual(&self, rounds: f64) -> f64 {
        let lightest = self.groups().next().map_or(1.0, |(weight, _)| weight);
        let mut low = 0.0;
        let mut high = rounds;
        if lightest < 1.0 {
            high = high.min((rounds - 1.0) / (1.0 - lightest));
        }
        let residual = |beta: f64| {
            self.sum(|weight, group| {
                group.rounds * (weight - 1.0) / ((weight - 1.0) * beta + rounds)
            })
        };
        if !(residual(low) > 0.0) {
            return low;
        }
        if !(residual(high) < 0.0) {
            return high;
        }
        loop {
            let middle = 0.5 * (low + high);
            if !(middle > low && middle < high) {
                return middle;
            }
            if residual(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
    }
}
