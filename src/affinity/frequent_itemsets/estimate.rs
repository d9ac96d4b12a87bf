//! About how many frequent itemsets there are, without finding them.
//!
//! Knuth (1975), "Estimating the efficiency of backtrack programs",
//! <https://doi.org/10.1090/S0025-5718-1975-0373371-6>: one random walk down
//! the tree of the search, each level's number of children divided by the
//! probability of having come there, is without bias the number of nodes.
//! Walks go to a child with a probability in proportion to how much can lie
//! below it (the paper's importance sampling), and many are averaged.
//!
//! The seed is fixed, so the answer does not change. It is a figure for a
//! refusal and decides nothing: it tends to be too low where few long itemsets
//! hold most of the subsets, and is then raised to what is sure.

use super::set_count::SetCount;
use super::tree::{Scratch, Tree};
use crate::domain::random::Generator;

/// Walks that are averaged.
const WALKS: u32 = 256;

/// The estimate for itemsets of at most `max_length` items.
pub(super) fn itemsets(tree: &Tree, min_count: u32, max_length: usize) -> SetCount {
    let mut generator = Generator::from_seed(1975);
    let mut scratch = Scratch::default();
    let mut sum = 0.0;
    for _ in 0..WALKS {
        sum += walk(tree, min_count, max_length, &mut scratch, &mut generator);
    }
    SetCount::approximate(sum / f64::from(WALKS))
}

/// One walk's number.
#[allow(clippy::cast_precision_loss)] // numbers of items
fn walk(
    tree: &Tree,
    min_count: u32,
    max_length: usize,
    scratch: &mut Scratch,
    generator: &mut Generator,
) -> f64 {
    let mut total = 0.0;
    let mut inverse_probability = 1.0;
    let mut below = None;
    for _ in 0..max_length {
        let here = below.as_ref().unwrap_or(tree);
        total += inverse_probability * here.len() as f64;
        let (rank, probability) = draw_child(here, generator);
        inverse_probability /= probability;
        match here.project(rank, min_count, scratch) {
            Some(projected) => below = Some(projected),
            None => break,
        }
    }
    total
}

/// A child and the probability that it had: its support times the number of
/// items that could still follow it, itself included.
#[allow(clippy::cast_precision_loss)] // numbers of items
fn draw_child(tree: &Tree, generator: &mut Generator) -> (usize, f64) {
    let weight = |rank: usize| f64::from(tree.support(rank)) * (rank as f64 + 1.0);
    let whole: f64 = (0..tree.len()).map(weight).sum();
    let mut left = generator.next_uniform() * whole;
    let mut rank = 0;
    while rank + 1 < tree.len() && left >= weight(rank) {
        left -= weight(rank);
        rank += 1;
    }
    (rank, weight(rank) / whole)
}
