//! The weights under which left-out items stand highest.
//!
//! Metzler, Croft (2007), "Linear feature-based models for information
//! retrieval", <https://doi.org/10.1007/s10791-006-9019-z>: coordinate ascent
//! straight on the measure that counts, which no gradient has. The measure is
//! the mean discounted gain over all queries, with one relevant item a query,
//! the one that was left out: 1 / log₂(1 + rank) (Järvelin, Kekäläinen 2002,
//! <https://doi.org/10.1145/582415.582418>), 0 where it is no candidate. It is
//! not cut off at a place, so that every rank has its say.
//!
//! Started from the best single part and from equal weights; each weight in
//! turn is raised and lowered by steps that are halved when none of them helps;
//! the better end is kept. Cost: a few hundred passes over the candidates of
//! all queries, 40 bytes each.

use super::Weights;
use crate::affinity::parts::{Candidates, Part};
use crate::domain::compensated_sum::CompensatedSum;
use crate::domain::math;

/// The first step of a weight, and the one after which no smaller is tried.
const FIRST_STEP: f64 = 0.5;
const LAST_STEP: f64 = 1.0 / 64.0;

/// A gain that is worth a change.
const LEAST_GAIN: f64 = 1e-9;

/// Rounds over all weights at one step, at most.
const MAX_ROUNDS: usize = 50;

/// Left-out items to find again, with the candidates of the rest of their
/// baskets.
#[derive(Debug, Clone, Default)]
pub struct Queries {
    /// Where each query's candidates end, and the place of the left-out one.
    queries: Vec<(usize, usize)>,
    scores: Vec<[f64; Part::COUNT]>,
    /// Left-out items that were no candidates.
    beyond: usize,
}

impl Queries {
    /// Takes one in.
    pub(in crate::affinity) fn push(&mut self, candidates: &Candidates, left_out: u32) {
        let place = candidates.items().iter().position(|item| *item == left_out);
        let Some(place) = place else {
            self.beyond += 1;
            return;
        };
        self.scores.extend_from_slice(candidates.scores());
        self.queries.push((self.scores.len(), place));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queries.len() + self.beyond
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mean gain under some weights; `None` without queries.
    #[allow(clippy::cast_precision_loss)] // far fewer than 2^53
    fn mean_gain(&self, weights: &Weights) -> Option<f64> {
        let mut sum = CompensatedSum::default();
        let mut start = 0;
        for (end, place) in &self.queries {
            sum.add(discounted_gain(
                weights.rank(&self.scores[start..*end], *place),
            ));
            start = *end;
        }
        (!self.is_empty()).then(|| sum.get() / self.len() as f64)
    }
}

/// What finding the item at this place, from 1, is worth: 1 / log₂(1 + rank).
#[must_use]
pub(in crate::affinity) fn discounted_gain(rank: u32) -> f64 {
    std::f64::consts::LN_2 / math::ln_1p(f64::from(rank))
}

/// The best weights that the ascent finds, and their mean gain; `None` without
/// queries. `progress` hears of each pass.
pub fn fit(queries: &Queries, progress: &mut dyn FnMut()) -> Option<(Weights, f64)> {
    let mut gain_of = |weights: &Weights| {
        progress();
        queries.mean_gain(weights)
    };
    let mut best_part: Option<(Weights, f64)> = None;
    for part in Part::ALL {
        let weights = Weights::only(part);
        let gain = gain_of(&weights)?;
        if best_part.is_none_or(|(_, best)| gain > best) {
            best_part = Some((weights, gain));
        }
    }
    let equal = Weights::equal();
    let from_equal = ascend(equal, gain_of(&equal)?, &mut gain_of)?;
    let (part, gain) = best_part?;
    let from_part = ascend(part, gain, &mut gain_of)?;
    Some(if from_equal.1 > from_part.1 {
        from_equal
    } else {
        from_part
    })
}

/// Climbs from some weights with this gain.
fn ascend(
    mut weights: Weights,
    mut gain: f64,
    gain_of: &mut dyn FnMut(&Weights) -> Option<f64>,
) -> Option<(Weights, f64)> {
    let mut step = FIRST_STEP;
    while step >= LAST_STEP {
        for _ in 0..MAX_ROUNDS {
            let before = gain;
            for part in Part::ALL {
                for change in [step, -step] {
                    let mut numbers = weights.0;
                    numbers[part.index()] = (numbers[part.index()] + change).max(0.0);
                    let Some(tried) = Weights::in_proportion(numbers) else {
                        continue;
                    };
                    let tried_gain = gain_of(&tried)?;
                    if tried_gain > gain + LEAST_GAIN {
                        (weights, gain) = (tried, tried_gain);
                    }
                }
            }
            if gain <= before {
                break;
            }
        }
        step *= 0.5;
    }
    Some((weights, gain))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Candidates of which each row is what two parts say of one.
    fn queries(of: &[(&[[f64; 2]], usize)]) -> Queries {
        let mut queries = Queries::default();
        for (candidates, left_out) in of {
            let rows = candidates
                .iter()
                .map(|[one, other]| [*one, 0.0, *other, 0.0, 0.0]);
            queries.scores.extend(rows);
            queries.queries.push((queries.scores.len(), *left_out));
        }
        queries
    }

    #[test]
    fn what_no_part_finds_alone_is_found_by_weighing() {
        let both = queries(&[
            (&[[1.0, 0.0], [0.6, 0.6], [0.0, 1.0]], 1),
            (&[[0.0, 0.9], [0.9, 0.0], [0.5, 0.5]], 2),
        ]);
        let (weights, gain) = fit(&both, &mut || {}).unwrap();
        assert_eq!(gain, 1.0);
        assert!(weights.of(Part::Popularity) > 0.0 && weights.of(Part::SimilarItems) > 0.0);
    }

    #[test]
    fn a_part_that_is_always_right_is_not_left_for_a_mixture() {
        let one = queries(&[
            (&[[0.2, 0.0], [0.1, 1.0]], 0),
            (&[[0.1, 0.9], [0.2, 0.0]], 1),
        ]);
        let (weights, gain) = fit(&one, &mut || {}).unwrap();
        assert_eq!((weights, gain), (Weights::only(Part::Popularity), 1.0));
        assert_eq!(fit(&Queries::default(), &mut || {}), None);
    }

    #[test]
    fn a_left_out_item_that_is_no_candidate_earns_nothing() {
        let mut some = queries(&[(&[[0.3, 0.0]], 0)]);
        some.beyond = 3;
        assert_eq!(some.len(), 4);
        assert_eq!(fit(&some, &mut || {}).unwrap().1, 0.25);
        assert!((discounted_gain(3) - 0.5).abs() < 1e-15);
    }
}
