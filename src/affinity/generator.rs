//! Baskets that are made up, the same ones for the same seed: for tests and
//! for measuring, not for judging a recommendation.
//!
//! After the generator of Agrawal, Srikant (1994), "Fast algorithms for mining
//! association rules", section 2.4.3 (<https://dl.acm.org/doi/10.5555/645920.672836>),
//! made simpler: a basket takes items of a few of the shop's groups, where a
//! group is a handful of items that are bought together, and fills up with
//! single items. The popularity of groups and of items falls like 1 / rank.

use crate::domain::random::Generator;

/// Items of one group.
const GROUP_SIZE: u64 = 4;

/// Makes baskets without end.
#[derive(Debug, Clone)]
pub struct BasketGenerator {
    generator: Generator,
    items: u32,
    mean_length: u32,
    basket: Vec<u32>,
}

impl BasketGenerator {
    /// Baskets of `items` items, of `mean_length` items on average before
    /// repeated ones are dropped.
    ///
    /// # Panics
    /// When there is no item or the length is 0.
    #[must_use]
    pub fn new(items: u32, mean_length: u32, seed: u64) -> Self {
        assert!(
            items > 0 && mean_length > 0,
            "baskets of {mean_length} of {items} items hold nothing"
        );
        Self {
            generator: Generator::from_seed(seed),
            items,
            mean_length,
            basket: Vec::new(),
        }
    }

    /// The next basket: item numbers from 0, ascending, each once.
    pub fn next_basket(&mut self) -> impl Iterator<Item = u32> + '_ {
        let length = 1 + self
            .generator
            .next_below(2 * u64::from(self.mean_length) - 1);
        self.basket.clear();
        while (self.basket.len() as u64) < length {
            if self.generator.next_below(2) == 0 {
                self.add_group();
            } else {
                let item = self.popular(self.items);
                self.basket.push(item);
            }
        }
        self.basket.sort_unstable();
        self.basket.dedup();
        self.basket.iter().copied()
    }

    /// Most of the items of a popular group.
    fn add_group(&mut self) {
        let groups = (self.items / 3).max(1);
        let group = self.popular(groups);
        for member in 0..GROUP_SIZE {
            if self.generator.next_below(10) < 7 {
                // Members are spread over the shop by a fixed stride.
                let item = (u64::from(group) + member * 7_919) % u64::from(self.items);
                self.basket.extend(u32::try_from(item));
            }
        }
    }

    /// A number below `bound`, its probability about as 1 / (number + 1):
    /// uniform within an octave, the octave uniform.
    fn popular(&mut self, bound: u32) -> u32 {
        let octaves = u64::from(32 - bound.leading_zeros());
        loop {
            let octave = self.generator.next_below(octaves);
            let within = self.generator.next_below(1 << octave);
            let number = u32::try_from((1 << octave) + within - 1).unwrap_or(u32::MAX);
            if number < bound {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_its_baskets() {
        let baskets = |seed| {
            let mut generator = BasketGenerator::new(100, 5, seed);
            let mut next = || generator.next_basket().collect::<Vec<u32>>();
            [next(), next(), next()]
        };
        assert_eq!(baskets(1), baskets(1));
        assert_ne!(baskets(1), baskets(2));
    }

    #[test]
    fn baskets_are_ascending_and_of_the_shop() {
        let mut generator = BasketGenerator::new(10, 6, 9);
        for _ in 0..1_000 {
            let basket: Vec<u32> = generator.next_basket().collect();
            assert!(basket.is_sorted_by(|left, right| left < right));
            assert!(basket.iter().all(|item| *item < 10));
        }
    }
}
