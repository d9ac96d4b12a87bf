//! User-user neighbourhoods: what those have who bought most like this.
//!
//! Resnick, Iacovou, Suchak, Bergstrom, Riedl (1994), "GroupLens: an open
//! architecture for collaborative filtering of netnews",
//! <https://doi.org/10.1145/192844.192905>. A user is what one basket says of
//! one; with 0/1 vectors the likeness of the basket Q at hand and another B is
//! |Q ∩ B| / √(|Q| |B|), the cosine, and an item's score the
//! likeness of those of the N nearest baskets that have it, over that of all N.
//!
//! A basket that holds nothing but items of Q has nothing to add and is no
//! neighbour. Among equally near ones the later come first, so that with
//! baskets in the order of time fashion counts.
//!
//! Cost: the baskets of the items of Q. The last [`MAX_BASKETS`] are looked
//! at, so that a score costs no more in a shop with more of them.

use crate::affinity::baskets::{Baskets, narrow};
use crate::affinity::by_item::ByItem;
use crate::affinity::scores::Scores;
use crate::domain::math;

/// Older baskets than this many are no neighbours.
pub(super) const MAX_BASKETS: usize = 100_000;

/// Baskets that may be neighbours.
#[derive(Debug, Clone)]
pub(super) struct Neighbourhood {
    baskets: Baskets,
    by_item: ByItem,
    neighbours: usize,
}

/// How many items each basket shares with the one at hand.
#[derive(Debug, Clone)]
pub(super) struct Overlap {
    shared: Vec<u32>,
    near: Vec<(f64, u32)>,
    met: Vec<u32>,
}

impl Overlap {
    pub(super) fn new(neighbourhood: &Neighbourhood) -> Self {
        Self {
            shared: vec![0; neighbourhood.baskets.len()],
            near: Vec::new(),
            met: Vec::new(),
        }
    }
}

impl Neighbourhood {
    pub(super) fn of(baskets: &Baskets, neighbours: usize) -> Self {
        let first = baskets.len().saturating_sub(MAX_BASKETS);
        let baskets = baskets.select(first..baskets.len());
        Self {
            by_item: ByItem::of(&baskets),
            baskets,
            neighbours,
        }
    }

    /// Scores items for a basket of these numbers.
    pub(super) fn score(&self, basket: &[u32], overlap: &mut Overlap, scores: &mut Scores) {
        for item in basket {
            for other in self.by_item.baskets_with(*item as usize) {
                let shared = &mut overlap.shared[*other as usize];
                if *shared == 0 {
                    overlap.met.push(*other);
                }
                *shared += 1;
            }
        }
        overlap.near.clear();
        for other in overlap.met.drain(..) {
            let shared = std::mem::take(&mut overlap.shared[other as usize]);
            let length = narrow(self.baskets.numbers(other as usize).len());
            if shared < length {
                // The length of the basket at hand is the same for all.
                let likeness = f64::from(shared) / math::sqrt(f64::from(length));
                overlap.near.push((likeness, other));
            }
        }
        let near = &mut overlap.near;
        if near.len() > self.neighbours {
            near.select_nth_unstable_by(self.neighbours, |left, right| {
                right.0.total_cmp(&left.0).then(right.1.cmp(&left.1))
            });
            near.truncate(self.neighbours);
        }
        // One order of additions, whatever the selection left.
        near.sort_unstable_by_key(|(_, other)| *other);
        let all: f64 = near.iter().map(|(likeness, _)| likeness).sum();
        for (likeness, other) in &*near {
            for item in self.baskets.numbers(*other as usize) {
                scores.add(*item, likeness / all);
            }
        }
    }
}
