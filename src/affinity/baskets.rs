//! Baskets as sorted runs of item numbers: 4 bytes for each item of each
//! basket, and each name once.

use std::collections::HashMap;

use thiserror::Error;

/// An item: the place of its name among all names, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemNumber(pub(in crate::affinity) u32);

impl ItemNumber {
    /// As a place in a list that has one entry for each item.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// At most this many different items: beyond it, what was read is not baskets.
pub const MAX_ITEMS: usize = 1 << 24;

/// At most this many items in all baskets together, so that every count and
/// every node of a tree of them has 32 bits.
pub const MAX_PLACEMENTS: usize = u32::MAX as usize - 1;

/// What was read, and what was set aside on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BasketCounts {
    /// Baskets with at least one item: what every support is a share of.
    pub baskets: usize,
    /// Baskets of exactly one item. They count, but no rule can come of them.
    pub single_item_baskets: usize,
    /// Entries without any item; they are no baskets.
    pub empty_baskets: usize,
    /// Empty names between others; they are no items.
    pub empty_names: usize,
    /// Times that an item stood again in a basket which had it already; it
    /// counts once.
    pub duplicates: usize,
    /// Items of all baskets, each once a basket.
    pub placements: usize,
    /// Items of the largest basket.
    pub largest_basket: usize,
}

/// Why baskets could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BasketsError {
    /// There is no basket.
    #[error(
        "there are 0 baskets with an item in them, at least 1 is needed \
         ({empty_baskets} empty ones were left out)"
    )]
    NoBasket {
        /// Entries without an item.
        empty_baskets: usize,
    },
    /// There are too many names.
    #[error(
        "item {name:?} would be number {number}, at most {MAX_ITEMS} different items are taken: \
         check that the separator is the file's, and that no basket id is read as an item"
    )]
    TooManyItems {
        /// The first that is too much.
        name: String,
        /// How many there would be.
        number: usize,
    },
    /// The baskets hold more items than there are numbers for.
    #[error(
        "the baskets hold more than {MAX_PLACEMENTS} items together: mine a sample of them, or a \
         shorter time"
    )]
    TooManyPlacements,
}

/// Takes baskets in, one after the other.
#[derive(Debug, Default)]
pub struct BasketsBuilder {
    numbers: HashMap<Box<str>, u32>,
    starts: Vec<usize>,
    items: Vec<u32>,
    counts: BasketCounts,
}

impl BasketsBuilder {
    /// Without any basket.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a name for now; [`Self::finish`] numbers anew.
    ///
    /// # Errors
    /// When there are too many different names.
    pub fn intern(&mut self, name: &str) -> Result<u32, BasketsError> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let number = self.numbers.len();
        if number >= MAX_ITEMS {
            return Err(BasketsError::TooManyItems {
                name: name.to_owned(),
                number: number + 1,
            });
        }
        let number = narrow(number);
        self.numbers.insert(name.into(), number);
        Ok(number)
    }

    /// Takes one basket in. An empty name is no item, a basket without items
    /// is no basket, an item counts once; each is counted.
    ///
    /// # Errors
    /// When there are too many different items, or too many together.
    pub fn push<'n>(
        &mut self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<(), BasketsError> {
        let start = self.items.len();
        for name in names {
            if name.is_empty() {
                self.counts.empty_names += 1;
            } else {
                let number = self.intern(name)?;
                self.items.push(number);
            }
        }
        self.close(start)
    }

    /// Takes one basket of interned items in.
    ///
    /// # Errors
    /// When the baskets hold too many items together.
    ///
    /// # Panics
    /// When a number does not come from [`Self::intern`].
    pub fn push_interned(
        &mut self,
        numbers: impl IntoIterator<Item = u32>,
    ) -> Result<(), BasketsError> {
        let start = self.items.len();
        self.items.extend(numbers);
        let known = self.numbers.len();
        assert!(
            self.items[start..]
                .iter()
                .all(|number| (*number as usize) < known),
            "a basket holds a number beyond the {known} interned items"
        );
        self.close(start)
    }

    /// Ends the basket that begins at `start`.
    fn close(&mut self, start: usize) -> Result<(), BasketsError> {
        let named = self.items.len() - start;
        self.items[start..].sort_unstable();
        remove_repeated(&mut self.items, start);
        let length = self.items.len() - start;
        self.counts.duplicates += named - length;
        if length == 0 {
            self.counts.empty_baskets += 1;
            return Ok(());
        }
        if self.items.len() > MAX_PLACEMENTS {
            return Err(BasketsError::TooManyPlacements);
        }
        self.starts.push(start);
        self.counts.single_item_baskets += usize::from(length == 1);
        self.counts.largest_basket = self.counts.largest_basket.max(length);
        Ok(())
    }

    /// Counts one more entry that had no item.
    pub const fn count_empty_basket(&mut self) {
        self.counts.empty_baskets += 1;
    }

    /// Counts one more name that was empty.
    pub const fn count_empty_name(&mut self) {
        self.counts.empty_names += 1;
    }

    /// The baskets, items numbered in the order of their names.
    ///
    /// # Errors
    /// When there is no basket.
    pub fn finish(self) -> Result<Baskets, BasketsError> {
        let Self {
            numbers,
            mut starts,
            mut items,
            mut counts,
        } = self;
        if starts.is_empty() {
            return Err(BasketsError::NoBasket {
                empty_baskets: counts.empty_baskets,
            });
        }
        counts.baskets = starts.len();
        counts.placements = items.len();
        let (names, renumbered) = numbered_by_name(numbers);
        starts.push(items.len());
        for item in &mut items {
            *item = renumbered[*item as usize];
        }
        for bounds in starts.windows(2) {
            items[bounds[0]..bounds[1]].sort_unstable();
        }
        items.shrink_to_fit();
        Ok(Baskets {
            names,
            starts,
            items,
            counts,
        })
    }
}

/// Drops what stands twice in the sorted tail that begins at `start`.
fn remove_repeated(items: &mut Vec<u32>, start: usize) {
    let mut kept = start;
    for read in start..items.len() {
        if read == start || items[read] != items[kept - 1] {
            items[kept] = items[read];
            kept += 1;
        }
    }
    items.truncate(kept);
}

/// Names in order, and for each earlier number the new one. The order comes
/// from sorting, so that of the map does not matter.
fn numbered_by_name(numbers: HashMap<Box<str>, u32>) -> (Vec<Box<str>>, Vec<u32>) {
    let mut named: Vec<(Box<str>, u32)> = numbers.into_iter().collect();
    named.sort_unstable();
    let mut renumbered = vec![0; named.len()];
    for (place, (_, earlier)) in named.iter().enumerate() {
        renumbered[*earlier as usize] = narrow(place);
    }
    let names = named.into_iter().map(|(name, _)| name).collect();
    (names, renumbered)
}

/// A place among items or baskets, whose numbers are bounded.
pub(in crate::affinity) fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("items, baskets and itemsets are bounded far below 2^32")
}

/// Baskets, each a set of items; at least one, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baskets {
    names: Vec<Box<str>>,
    /// One more than there are baskets.
    starts: Vec<usize>,
    items: Vec<u32>,
    counts: BasketCounts,
}

impl Baskets {
    /// What was read.
    #[must_use]
    pub const fn counts(&self) -> &BasketCounts {
        &self.counts
    }

    /// How many baskets there are, at least one.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Never: there is at least one basket.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// How many different items there are, at least one.
    #[must_use]
    pub const fn item_count(&self) -> usize {
        self.names.len()
    }

    /// The names of all items, ascending; an item's number is its place.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// An item's name.
    ///
    /// # Panics
    /// When the item belongs to other baskets.
    #[must_use]
    pub fn name(&self, item: ItemNumber) -> &str {
        &self.names[item.index()]
    }

    /// The item of a name.
    #[must_use]
    pub fn item(&self, name: &str) -> Option<ItemNumber> {
        let place = self.names.binary_search_by(|known| (**known).cmp(name));
        place.ok().map(|place| ItemNumber(narrow(place)))
    }

    /// One basket's item numbers, ascending.
    pub(in crate::affinity) fn numbers(&self, basket: usize) -> &[u32] {
        &self.items[self.starts[basket]..self.starts[basket + 1]]
    }

    /// Every basket's item numbers, ascending.
    pub(in crate::affinity) fn iter_numbers(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).map(|basket| self.numbers(basket))
    }

    /// Every basket's items, ascending.
    pub fn iter(&self) -> impl Iterator<Item = impl Iterator<Item = ItemNumber>> {
        self.iter_numbers()
            .map(|numbers| numbers.iter().copied().map(ItemNumber))
    }

    /// Some of the baskets, by their places, in that order; items keep their
    /// numbers, also those that none of these has.
    ///
    /// # Panics
    /// When there is no place, or one is not below [`Self::len`].
    #[must_use]
    pub(super) fn select(&self, places: impl IntoIterator<Item = usize>) -> Self {
        let mut starts = vec![0];
        let mut items = Vec::new();
        let mut counts = BasketCounts::default();
        for place in places {
            let basket = self.numbers(place);
            items.extend_from_slice(basket);
            starts.push(items.len());
            counts.single_item_baskets += usize::from(basket.len() == 1);
            counts.largest_basket = counts.largest_basket.max(basket.len());
        }
        counts.baskets = starts.len() - 1;
        counts.placements = items.len();
        assert!(counts.baskets > 0, "no basket was selected");
        Self {
            names: self.names.clone(),
            starts,
            items,
            counts,
        }
    }

    /// In how many baskets each item is.
    #[must_use]
    pub fn item_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.item_count()];
        for item in &self.items {
            counts[*item as usize] += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(baskets: &Baskets) -> Vec<Vec<&str>> {
        let names = baskets.iter();
        names
            .map(|items| items.map(|item| baskets.name(item)).collect())
            .collect()
    }

    #[test]
    fn items_are_numbered_in_the_order_of_their_names() {
        let mut builder = BasketsBuilder::new();
        builder.push(["milk", "bread"]).unwrap();
        builder.push(["apple", "milk"]).unwrap();
        let baskets = builder.finish().unwrap();
        assert_eq!(named(&baskets), [["bread", "milk"], ["apple", "milk"]]);
        let apple = baskets.item("apple").unwrap();
        assert_eq!(apple.index(), 0);
        assert_eq!(baskets.item("pear"), None);
        assert_eq!(baskets.item_counts(), [1, 1, 2]);
    }

    #[test]
    fn what_is_set_aside_is_counted() {
        let mut builder = BasketsBuilder::new();
        builder.push(["a", "b", "a", "a"]).unwrap();
        builder.push([]).unwrap();
        builder.push(["", ""]).unwrap();
        builder.push(["b", "", "b"]).unwrap();
        builder.count_empty_basket();
        let baskets = builder.finish().unwrap();
        let expected = BasketCounts {
            baskets: 2,
            single_item_baskets: 1,
            empty_baskets: 3,
            empty_names: 3,
            duplicates: 3,
            placements: 3,
            largest_basket: 2,
        };
        assert_eq!(*baskets.counts(), expected);
        assert_eq!(named(&baskets), [vec!["a", "b"], vec!["b"]]);
    }

    #[test]
    fn no_basket_at_all_is_refused() {
        let mut builder = BasketsBuilder::new();
        builder.push([""]).unwrap();
        let refused = builder.finish().unwrap_err();
        assert_eq!(refused, BasketsError::NoBasket { empty_baskets: 1 });
        assert!(refused.to_string().contains("at least 1 is needed"));
    }
}
