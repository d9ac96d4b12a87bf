//! Which items are bought together by at least a given share of baskets.
//!
//! FP-growth: Han, Pei, Yin (2000), "Mining frequent patterns without
//! candidate generation", <https://doi.org/10.1145/342009.335372>. The baskets
//! become a tree whose paths share beginnings; what goes with an item is the
//! tree of the paths above its nodes, mined in the same way.
//!
//! Paper → code: the minimum support threshold ξ as a count → `min_count`; an
//! item's conditional FP-tree → `Tree::project`; the suffix pattern α →
//! `Growth::suffix`.
//!
//! Cost: time in proportion to what is found and to the paths that it is found
//! on; 16 bytes for each item of each basket at worst, once, less where
//! baskets begin alike.
//!
//! How many itemsets there are can double with every item, so what would not
//! fit into a stated number is refused, with how many there are at least,
//! about how many, and a support at which they do fit.

mod estimate;
mod set_count;
mod tree;

use thiserror::Error;

use super::baskets::{Baskets, ItemNumber, narrow};
pub use set_count::SetCount;
use tree::{Rows, Scratch, Tree};

/// The share of baskets from which on an itemset is frequent: 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MinSupport(f64);

impl MinSupport {
    /// A checked share; 0 is taken here and refused by
    /// [`FrequentItemsets::mine`], which can say what it would come to.
    ///
    /// # Errors
    /// When it is no number from 0 to 1.
    pub fn new(share: f64) -> Result<Self, MiningError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(MiningError::MinSupport { share });
        }
        Ok(Self(share))
    }

    /// The share.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0
    }

    /// The fewest baskets of `baskets` that are at least this share. The
    /// supports that are reported are the quotients that are compared here: a
    /// share of 0.07 of 100 baskets is 7, although 0.07 × 100 is a little more
    /// than 7 in floating point.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and a u32
    pub fn min_count(self, baskets: usize) -> u32 {
        let total = narrow(baskets);
        let reaches = |count: u32| f64::from(count) / f64::from(total) >= self.0;
        let mut count = (self.0 * f64::from(total)) as u32;
        while count > 0 && reaches(count - 1) {
            count -= 1;
        }
        while count < total && !reaches(count) {
            count += 1;
        }
        count
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MiningParameters {
    /// From which share of baskets on.
    pub min_support: MinSupport,
    /// The most items of an itemset; `None` for any.
    pub max_length: Option<usize>,
    /// More itemsets than this are refused.
    pub max_itemsets: usize,
}

impl MiningParameters {
    /// How many itemsets are kept unless another number is asked for; with
    /// their rules they take a few hundred megabytes.
    pub const DEFAULT_MAX_ITEMSETS: usize = 2_000_000;

    fn max_length(&self) -> usize {
        self.max_length.unwrap_or(usize::MAX)
    }
}

/// Why nothing was mined.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MiningError {
    /// No share.
    #[error("min-support is {share}, it must be a share of the baskets from 0 to 1, such as 0.01")]
    MinSupport {
        /// What was given.
        share: f64,
    },
    /// Itemsets of nothing.
    #[error("max-length is 0, it must be at least 1: leave it out for itemsets of any length")]
    MaxLength,
    /// More than fits.
    #[error(transparent)]
    TooMany(#[from] Box<TooManyItemsets>),
}

/// A support at which there are more itemsets than may be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct TooManyItemsets {
    /// What was asked for.
    pub parameters: MiningParameters,
    /// The support in baskets.
    pub min_count: u32,
    /// Of so many baskets.
    pub baskets: usize,
    /// There are at least so many.
    pub at_least: SetCount,
    /// There are about so many, where that could be estimated.
    pub about: Option<SetCount>,
    /// A support at which they fit, and how many there are then.
    pub fits: Option<(f64, usize)>,
}

impl std::fmt::Display for TooManyItemsets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            parameters,
            min_count,
            baskets,
            ..
        } = self;
        write!(
            f,
            "min-support {} ({min_count} of {baskets} baskets) has at least {} frequent itemsets",
            parameters.min_support.share(),
            self.at_least
        )?;
        if let Some(about) = &self.about {
            write!(f, ", about {about}")?;
        }
        let bound = SetCount::exact(parameters.max_itemsets);
        write!(f, "; max-itemsets is {bound}: ")?;
        if let Some((share, itemsets)) = self.fits {
            let itemsets = SetCount::exact(itemsets);
            write!(f, "give a min-support of {share} ({itemsets} itemsets), ")?;
        } else {
            f.write_str("give a higher min-support, ")?;
        }
        match parameters.max_length {
            Some(length) => write!(f, "a max-length below {length}")?,
            None => f.write_str("a max-length such as 3")?,
        }
        f.write_str(", or a higher max-itemsets")
    }
}

impl std::error::Error for TooManyItemsets {}

/// An itemset and how often it is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Itemset<'a> {
    items: &'a [u32],
    count: u32,
}

impl<'a> Itemset<'a> {
    /// Its items, ascending.
    pub fn items(self) -> impl ExactSizeIterator<Item = ItemNumber> + 'a {
        self.items.iter().copied().map(ItemNumber)
    }

    /// The numbers of its items, ascending.
    pub(super) const fn numbers(self) -> &'a [u32] {
        self.items
    }

    /// How many items it has.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // an itemset has an item
    pub const fn len(self) -> usize {
        self.items.len()
    }

    /// How many baskets have all of them.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }
}

/// All frequent itemsets, the most frequent first; among equals the shorter,
/// then by their items' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrequentItemsets {
    baskets: u32,
    /// One more than there are itemsets.
    starts: Vec<usize>,
    items: Vec<u32>,
    counts: Vec<u32>,
}

impl FrequentItemsets {
    /// Finds them; `progress` hears how many of how many items are done.
    ///
    /// # Errors
    /// When there are more than may be kept, a length of 0 is asked for or a
    /// support of 0.
    pub fn mine(
        baskets: &Baskets,
        parameters: &MiningParameters,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, MiningError> {
        if parameters.max_length == Some(0) {
            return Err(MiningError::MaxLength);
        }
        let min_count = parameters.min_support.min_count(baskets.len());
        let max_length = parameters.max_length();
        if min_count == 0 {
            let every = SetCount::subsets(baskets.item_count(), max_length);
            return Err(refusal(baskets, parameters, 0, every, None));
        }
        let tree = tree_of(baskets, min_count);
        let sure = SetCount::subsets(tree.longest_frequent_path(min_count), max_length);
        if sure.exceeds(parameters.max_itemsets) {
            let about = estimate::itemsets(&tree, min_count, max_length);
            return Err(refusal(baskets, parameters, min_count, sure, Some(about)));
        }
        let mut found = Self::none(baskets.len());
        let mut growth = Growth::new(min_count, parameters, |items, count| {
            found.keep(items, count);
        });
        if let Err(TooMany { sure }) = growth.grow_all(&tree, progress) {
            let about = estimate::itemsets(&tree, min_count, max_length);
            return Err(refusal(baskets, parameters, min_count, sure, Some(about)));
        }
        Ok(found.in_order())
    }

    fn none(baskets: usize) -> Self {
        Self {
            baskets: narrow(baskets),
            starts: vec![0],
            items: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn keep(&mut self, items: &[u32], count: u32) {
        let start = self.items.len();
        self.items.extend_from_slice(items);
        self.items[start..].sort_unstable();
        self.starts.push(self.items.len());
        self.counts.push(count);
    }

    fn in_order(self) -> Self {
        let mut places: Vec<usize> = (0..self.len()).collect();
        places.sort_unstable_by(|left, right| {
            let (left, right) = (self.get(*left), self.get(*right));
            let by_count = right.count.cmp(&left.count);
            let by_length = left.items.len().cmp(&right.items.len());
            by_count
                .then(by_length)
                .then_with(|| left.items.cmp(right.items))
        });
        let mut ordered = Self {
            baskets: self.baskets,
            starts: Vec::with_capacity(self.starts.len()),
            items: Vec::with_capacity(self.items.len()),
            counts: Vec::with_capacity(self.counts.len()),
        };
        ordered.starts.push(0);
        for place in places {
            let itemset = self.get(place);
            ordered.items.extend_from_slice(itemset.items);
            ordered.starts.push(ordered.items.len());
            ordered.counts.push(itemset.count);
        }
        ordered
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing is frequent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Of how many baskets they are.
    #[must_use]
    pub const fn baskets(&self) -> u32 {
        self.baskets
    }

    /// The itemset at a place.
    ///
    /// # Panics
    /// When the place is not below [`Self::len`].
    #[must_use]
    pub fn get(&self, place: usize) -> Itemset<'_> {
        Itemset {
            items: &self.items[self.starts[place]..self.starts[place + 1]],
            count: self.counts[place],
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Itemset<'_>> {
        (0..self.len()).map(|place| self.get(place))
    }

    /// The share of baskets that have all items of an itemset.
    #[must_use]
    pub fn support(&self, itemset: Itemset<'_>) -> f64 {
        f64::from(itemset.count) / f64::from(self.baskets)
    }
}

/// The tree of the items that are frequent, the most frequent nearest the root.
fn tree_of(baskets: &Baskets, min_count: u32) -> Tree {
    const RARE: u32 = u32::MAX;
    let counts = baskets.item_counts();
    let mut items: Vec<u32> = (0..narrow(counts.len()))
        .filter(|item| counts[*item as usize] >= min_count)
        .collect();
    items.sort_by_key(|item| std::cmp::Reverse(counts[*item as usize]));
    let mut ranks = vec![RARE; counts.len()];
    for (rank, item) in items.iter().enumerate() {
        ranks[*item as usize] = narrow(rank);
    }
    let supports: Vec<u32> = items.iter().map(|item| counts[*item as usize]).collect();
    let placements = supports.iter().map(|count| *count as usize).sum();
    let mut rows = Rows::with_capacity(baskets.len(), placements);
    for basket in baskets.iter_numbers() {
        let frequent = basket.iter().map(|item| ranks[*item as usize]);
        rows.push(frequent.filter(|rank| *rank != RARE), 1);
    }
    Tree::new(items, supports, &mut rows)
}

/// There are more itemsets than may be kept.
struct TooMany {
    /// So many at least.
    sure: SetCount,
}

/// One run over a tree and the trees that it is projected to.
struct Growth<Keep> {
    min_count: u32,
    max_length: usize,
    max_itemsets: usize,
    found: usize,
    suffix: Vec<u32>,
    scratch: Scratch,
    keep: Keep,
}

impl<Keep: FnMut(&[u32], u32)> Growth<Keep> {
    fn new(min_count: u32, parameters: &MiningParameters, keep: Keep) -> Self {
        Self {
            min_count,
            max_length: parameters.max_length(),
            max_itemsets: parameters.max_itemsets,
            found: 0,
            suffix: Vec::new(),
            scratch: Scratch::default(),
            keep,
        }
    }

    fn grow_all(
        &mut self,
        tree: &Tree,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(), TooMany> {
        for rank in (0..tree.len()).rev() {
            self.grow_from(tree, rank)?;
            progress(tree.len() - rank, tree.len());
        }
        Ok(())
    }

    /// The suffix with the item at `rank`, and with all that goes with both.
    fn grow_from(&mut self, tree: &Tree, rank: usize) -> Result<(), TooMany> {
        self.suffix.push(tree.item(rank));
        self.take(tree.support(rank))?;
        if rank > 0 && self.suffix.len() < self.max_length {
            let projected = tree.project(rank, self.min_count, &mut self.scratch);
            if let Some(projected) = projected {
                for rank in (0..projected.len()).rev() {
                    self.grow_from(&projected, rank)?;
                }
            }
        }
        self.suffix.pop();
        Ok(())
    }

    /// Keeps the suffix. Each subset of it is frequent too, so the depth of
    /// the recursion is bounded by the logarithm of what may be kept.
    fn take(&mut self, count: u32) -> Result<(), TooMany> {
        self.found += 1;
        let subsets = SetCount::subsets(self.suffix.len(), self.max_length);
        if self.found > self.max_itemsets || subsets.exceeds(self.max_itemsets) {
            let sure = subsets.max(SetCount::exact(self.found));
            return Err(TooMany { sure });
        }
        (self.keep)(&self.suffix, count);
        Ok(())
    }
}

/// The refusal, with advice.
fn refusal(
    baskets: &Baskets,
    parameters: &MiningParameters,
    min_count: u32,
    at_least: SetCount,
    about: Option<SetCount>,
) -> MiningError {
    MiningError::TooMany(Box::new(TooManyItemsets {
        parameters: *parameters,
        min_count,
        baskets: baskets.len(),
        at_least,
        about: about.map(|about| about.max(at_least)),
        fits: lowest_support_that_fits(baskets, parameters),
    }))
}

/// The lowest of some round supports above the asked one at which there are
/// not too many itemsets, and how many there are.
fn lowest_support_that_fits(
    baskets: &Baskets,
    parameters: &MiningParameters,
) -> Option<(f64, usize)> {
    const ROUND: [f64; 15] = [
        0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.000_5, 0.000_2, 0.000_1, 0.000_05,
        0.000_02, 0.000_01,
    ];
    let mut fits = None;
    for share in ROUND {
        if share <= parameters.min_support.share() {
            break;
        }
        let min_count = MinSupport(share).min_count(baskets.len());
        let tree = tree_of(baskets, min_count);
        let mut growth = Growth::new(min_count, parameters, |_, _| {});
        if growth.grow_all(&tree, &mut |_, _| {}).is_err() {
            break;
        }
        if growth.found > 0 {
            fits = Some((share, growth.found));
        }
        if min_count == 1 {
            break;
        }
    }
    fits
}

#[cfg(test)]
mod tests;
