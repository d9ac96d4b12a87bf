//! The baskets turned round: for each item those that have it.

use super::baskets::{Baskets, narrow};

/// For each item the baskets that have it.
#[derive(Debug, Clone)]
pub(super) struct ByItem {
    /// One more than there are items.
    starts: Vec<usize>,
    baskets: Vec<u32>,
}

impl ByItem {
    pub(super) fn of(baskets: &Baskets) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        for count in baskets.item_counts() {
            end += count as usize;
            starts.push(end);
        }
        let mut next = starts.clone();
        let mut by_item = vec![0; end];
        for (basket, items) in baskets.iter_numbers().enumerate() {
            for item in items {
                let place = &mut next[*item as usize];
                by_item[*place] = narrow(basket);
                *place += 1;
            }
        }
        Self {
            starts,
            baskets: by_item,
        }
    }

    /// How many baskets have an item.
    pub(super) fn count(&self, item: usize) -> u32 {
        narrow(self.starts[item + 1] - self.starts[item])
    }

    /// The baskets that have an item, ascending.
    pub(super) fn baskets_with(&self, item: usize) -> &[u32] {
        &self.baskets[self.starts[item]..self.starts[item + 1]]
    }

    /// Adds up how often each other item is in a basket with this one, and
    /// lists those that are.
    pub(super) fn count_companions(
        &self,
        baskets: &Baskets,
        item: usize,
        both: &mut [u32],
        met: &mut Vec<u32>,
    ) {
        for basket in self.baskets_with(item) {
            for other in baskets.numbers(*basket as usize) {
                if *other as usize == item {
                    continue;
                }
                let count = &mut both[*other as usize];
                if *count == 0 {
                    met.push(*other);
                }
                *count += 1;
            }
        }
    }
}
