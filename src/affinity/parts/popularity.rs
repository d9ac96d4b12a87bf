//! Popularity: the share of baskets that have an item, whatever else is in
//! them. Every recommendation has to beat it (Cremonesi, Koren, Turrin 2010,
//! <https://doi.org/10.1145/1864708.1864721>).

use crate::affinity::baskets::{Baskets, narrow};

/// How many baskets have each item.
#[derive(Debug, Clone)]
pub(super) struct Popularity {
    baskets: f64,
    counts: Vec<u32>,
    /// The most popular first, among equals by name.
    ordered: Vec<u32>,
    /// The place of each item in that order.
    ranks: Vec<u32>,
}

impl Popularity {
    pub(super) fn of(baskets: &Baskets) -> Self {
        let counts = baskets.item_counts();
        let mut ordered: Vec<u32> = (0..narrow(counts.len())).collect();
        ordered.sort_by_key(|item| std::cmp::Reverse(counts[*item as usize]));
        let mut ranks = vec![0; counts.len()];
        for (rank, item) in (0..).zip(&ordered) {
            ranks[*item as usize] = rank;
        }
        Self {
            baskets: f64::from(narrow(baskets.len())),
            counts,
            ordered,
            ranks,
        }
    }

    /// In how many baskets each item is.
    pub(super) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The share of baskets that have an item.
    pub(super) fn share(&self, item: u32) -> f64 {
        f64::from(self.counts[item as usize]) / self.baskets
    }

    /// All items, the most popular first, among equals by name.
    pub(super) fn most_popular(&self) -> &[u32] {
        &self.ordered
    }

    /// An item's place in that order.
    pub(super) fn rank(&self, item: u32) -> u32 {
        self.ranks[item as usize]
    }
}
