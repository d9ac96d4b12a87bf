//! Which items are bought by the same baskets, two by two.
//!
//! Items are vectors with a 1 for each basket that has them. A [`Similarity`]
//! needs only how many baskets have the one, the other and both: Sarwar,
//! Karypis, Konstan, Riedl (2001), "Item-based collaborative filtering
//! recommendation algorithms", <https://doi.org/10.1145/371920.372071>.
//!
//! Cost: for each item the items of each of its baskets, so the sum of the
//! squares of the baskets' lengths in time; the baskets once more, by item, in
//! memory, and what is kept.

pub mod cosine;
pub mod jaccard;
pub mod pearson;

use std::cmp::Ordering;

use super::baskets::{Baskets, ItemNumber, narrow};
use super::by_item::ByItem;

/// How many baskets have one item, the other, and both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairCounts {
    /// The one.
    pub left: u32,
    /// The other.
    pub right: u32,
    /// Both.
    pub both: u32,
    /// All baskets.
    pub baskets: u32,
}

/// How likeness is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Similarity {
    /// The cosine of the angle between the vectors.
    #[default]
    Cosine,
    /// Baskets with both over baskets with either.
    Jaccard,
    /// The correlation of the vectors.
    Pearson,
}

impl Similarity {
    /// The likeness of two items; `None` where it is not defined.
    #[must_use]
    pub fn of(self, counts: PairCounts) -> Option<f64> {
        match self {
            Self::Cosine => cosine::similarity(counts),
            Self::Jaccard => jaccard::similarity(counts),
            Self::Pearson => pearson::similarity(counts),
        }
    }

    /// Its name in options and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Jaccard => "jaccard",
            Self::Pearson => "pearson",
        }
    }
}

/// An item that is like another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Which.
    pub item: ItemNumber,
    /// How much.
    pub similarity: f64,
    /// In how many baskets they are together.
    pub both: u32,
}

/// For each item, by number, the most similar of those that are in a basket
/// with it at least `min_both` times: at most `neighbours`, the most similar
/// first, among equals the more frequent pair, then by name.
#[must_use]
pub fn neighbours(
    baskets: &Baskets,
    similarity: Similarity,
    neighbours: usize,
    min_both: u32,
) -> Vec<Vec<Neighbour>> {
    let index = ByItem::of(baskets);
    let mut both = vec![0u32; baskets.item_count()];
    let mut met = Vec::new();
    (0..baskets.item_count())
        .map(|item| {
            index.count_companions(baskets, item, &mut both, &mut met);
            let mut found = Vec::with_capacity(met.len());
            for other in met.drain(..) {
                let together = std::mem::take(&mut both[other as usize]);
                let counts = PairCounts {
                    left: index.count(item),
                    right: index.count(other as usize),
                    both: together,
                    baskets: narrow(baskets.len()),
                };
                let value = similarity.of(counts).filter(|_| together >= min_both);
                found.extend(value.map(|similarity| Neighbour {
                    item: ItemNumber(other),
                    similarity,
                    both: together,
                }));
            }
            found.sort_unstable_by(nearest_first);
            found.truncate(neighbours);
            found.shrink_to_fit();
            found
        })
        .collect()
}

fn nearest_first(left: &Neighbour, right: &Neighbour) -> Ordering {
    let by_similarity = right.similarity.total_cmp(&left.similarity);
    by_similarity
        .then(right.both.cmp(&left.both))
        .then(left.item.cmp(&right.item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::baskets::BasketsBuilder;
    use crate::affinity::generator::BasketGenerator;

    fn generated(seed: u64) -> Baskets {
        let mut generator = BasketGenerator::new(15, 5, seed);
        let mut builder = BasketsBuilder::new();
        for _ in 0..80 {
            let names: Vec<String> = generator.next_basket().map(|n| n.to_string()).collect();
            builder.push(names.iter().map(String::as_str)).unwrap();
        }
        builder.finish().unwrap()
    }

    /// The definitions on whole vectors, without counts.
    fn by_vectors(similarity: Similarity, left: &[f64], right: &[f64]) -> Option<f64> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let centred = |vector: &[f64]| {
            let mean = vector.iter().sum::<f64>() / f64::from(narrow(vector.len()));
            vector
                .iter()
                .map(|value| value - mean)
                .collect::<Vec<f64>>()
        };
        let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        let value = match similarity {
            Similarity::Cosine => cosine(left, right),
            Similarity::Jaccard => {
                let either = left.iter().zip(right).map(|(a, b)| a.max(*b)).sum::<f64>();
                dot(left, right) / either
            }
            Similarity::Pearson => cosine(&centred(left), &centred(right)),
        };
        value.is_finite().then_some(value)
    }

    #[test]
    fn counts_give_what_vectors_give() {
        for seed in 0..10 {
            let baskets = generated(seed);
            let vector = |item: u32| -> Vec<f64> {
                let rows = baskets.iter_numbers();
                rows.map(|row| f64::from(u8::from(row.contains(&item))))
                    .collect()
            };
            for similarity in [Similarity::Cosine, Similarity::Jaccard, Similarity::Pearson] {
                let found = neighbours(&baskets, similarity, usize::MAX, 1);
                for (item, near) in found.iter().enumerate() {
                    for neighbour in near {
                        let (left, right) = (vector(narrow(item)), vector(neighbour.item.0));
                        let expected = by_vectors(similarity, &left, &right).unwrap();
                        assert!((neighbour.similarity - expected).abs() < 1e-12);
                    }
                }
            }
        }
    }

    #[test]
    fn the_nearest_come_first_and_the_rest_is_left_out() {
        let baskets = generated(3);
        let all = neighbours(&baskets, Similarity::Jaccard, usize::MAX, 1);
        let few = neighbours(&baskets, Similarity::Jaccard, 3, 1);
        for (all, few) in all.iter().zip(&few) {
            assert!(all.is_sorted_by(|left, right| left.similarity >= right.similarity));
            assert_eq!(few.as_slice(), &all[..few.len()]);
            assert!(few.len() <= 3);
        }
        let often = neighbours(&baskets, Similarity::Jaccard, usize::MAX, 5);
        assert!(often.iter().flatten().all(|neighbour| neighbour.both >= 5));
    }

    #[test]
    fn an_item_of_every_basket_has_no_correlation() {
        let mut builder = BasketsBuilder::new();
        for row in [["bag", "tea"], ["bag", "rice"]] {
            builder.push(row).unwrap();
        }
        let baskets = builder.finish().unwrap();
        let bag = baskets.item("bag").unwrap().index();
        assert!(neighbours(&baskets, Similarity::Pearson, 9, 1)[bag].is_empty());
        assert_eq!(neighbours(&baskets, Similarity::Cosine, 9, 1)[bag].len(), 2);
    }
}
