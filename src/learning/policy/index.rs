//! What index policies share: the counts that an index is made of, and the
//! step from indices to probabilities.

use smallvec::SmallVec;

use super::tabular::Tabular;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::learning::memory::Evidence;

/// One eligible arm as an index sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counted {
    /// nᵢ.
    pub pulls: f64,
    /// μ̂ᵢ; 0 before the first pull.
    pub mean: f64,
}

impl Counted {
    /// The arms in the same order.
    pub fn all(evidence: &[Evidence]) -> SmallVec<[Self; 16]> {
        let counted = |arm: &Evidence| Self {
            pulls: arm.pulls,
            mean: arm.mean().unwrap_or(0.0),
        };
        evidence.iter().map(counted).collect()
    }
}

/// Where the largest values stand.
pub(in crate::learning) fn largest(values: &[f64]) -> SmallVec<[usize; 16]> {
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (0..values.len())
        .filter(|place| values[*place] == best)
        .collect()
}

/// All of the probability on the largest index, in equal parts where several
/// are equal; then the floor. An arm of which nothing is remembered comes
/// before every other, whatever `index` says of the others.
pub(super) fn choose_largest(
    arms: &[Counted],
    eligible: &EligibleOffers,
    tabular: &Tabular,
    index: impl Fn(&Counted) -> f64,
) -> ActionDistribution {
    let indices: SmallVec<[f64; 16]> = arms
        .iter()
        .map(|arm| {
            if arm.pulls > 0.0 {
                index(arm)
            } else {
                f64::INFINITY
            }
        })
        .collect();
    ActionDistribution::concentrated(eligible, &largest(&indices))
        .with_floor(tabular.exploration_floor)
}
