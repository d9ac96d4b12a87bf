//! What each item goes with, by the hybrid: the pairs that a catalogue uses.
//!
//! For every item the hybrid ranks the others as if it were all that is in the
//! basket; the first ones are what it leads to. A pair's lift is how much more
//! often both are in a basket than by chance, pulled toward 1 where little is
//! known: (n(AB) + κ) / (n(A) n(B) / n + κ) with κ = [`SHRINKAGE`], the mean of a
//! Gamma(κ, κ) prior's posterior (DuMouchel 1999, "Bayesian data mining in large
//! frequency tables", <https://doi.org/10.1080/00031305.1999.10474456>, with one
//! component and its parameters fixed).

use std::cmp::Ordering;

use super::baskets::{Baskets, ItemNumber, narrow};
use super::by_item::ByItem;
use super::hybrid::Weights;
use super::parts::{Parts, Scorer};

/// κ: so many baskets with both, where chance expects as many, are known
/// beforehand.
pub const SHRINKAGE: f64 = 5.0;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompanionParameters {
    /// How many items each item leads to.
    pub per_item: usize,
    /// How many items may lead to one.
    pub per_product: usize,
    /// From which lift on.
    pub min_lift: f64,
}

/// An item that another leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundCompanion {
    /// Who has this
    pub item: ItemNumber,
    /// may want this.
    pub product: ItemNumber,
    /// The hybrid's score, from 0 to 1.
    pub score: f64,
    /// How many times likelier the product is with the item than usual.
    pub lift: f64,
    /// How many baskets have both.
    pub both: u32,
}

/// The companions of every item that has some: by product, the highest score
/// first, among equals by the item's name. `parts` are made of `baskets`.
#[must_use]
pub fn companions(
    baskets: &Baskets,
    parts: &Parts,
    weights: &Weights,
    parameters: &CompanionParameters,
) -> Vec<FoundCompanion> {
    let index = ByItem::of(baskets);
    let mut scorer = Scorer::new(parts);
    let mut both = vec![0_u32; baskets.item_count()];
    let mut met = Vec::new();
    let mut found = Vec::new();
    for item in 0..narrow(baskets.item_count()) {
        index.count_companions(baskets, item as usize, &mut both, &mut met);
        let candidates = scorer.candidates(&[item]);
        let scored = candidates.items().iter().zip(candidates.scores());
        let mut scored: Vec<(u32, f64)> = scored
            .map(|(product, scores)| (*product, weights.score(scores)))
            .filter(|(_, score)| *score > 0.0)
            .collect();
        // Stable: candidates come by popularity.
        scored.sort_by(|left, right| right.1.total_cmp(&left.1));
        let of_pair = |(product, score): (u32, f64)| {
            let together = both[product as usize];
            let count = |item: u32| f64::from(index.count(item as usize));
            let by_chance = count(item) * count(product) / f64::from(narrow(baskets.len()));
            FoundCompanion {
                item: ItemNumber(item),
                product: ItemNumber(product),
                score,
                lift: (f64::from(together) + SHRINKAGE) / (by_chance + SHRINKAGE),
                both: together,
            }
        };
        let pairs = scored.into_iter().map(of_pair);
        let kept = pairs.filter(|pair| pair.lift >= parameters.min_lift);
        found.extend(kept.take(parameters.per_item));
        for other in met.drain(..) {
            both[other as usize] = 0;
        }
    }
    found.sort_unstable_by(by_product);
    let products = found.chunk_by(|left, right| left.product == right.product);
    let kept = products.flat_map(|of_one| of_one.iter().take(parameters.per_product));
    kept.copied().collect()
}

fn by_product(left: &FoundCompanion, right: &FoundCompanion) -> Ordering {
    let by_score = right.score.total_cmp(&left.score);
    left.product
        .cmp(&right.product)
        .then(by_score)
        .then(left.item.cmp(&right.item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::baskets::BasketsBuilder;
    use crate::affinity::frequent_itemsets::{MinSupport, MiningParameters};
    use crate::affinity::parts::{ItemTexts, Part, PartParameters};
    use crate::affinity::rules::MinConfidence;
    use crate::affinity::similarity::Similarity;

    #[test]
    fn pairs_have_shrunk_lifts_and_stand_by_product() {
        let mut builder = BasketsBuilder::new();
        for row in [
            "cup tea", "cup tea", "cup tea", "salt", "salt tea", "salt", "salt", "salt",
        ] {
            builder.push(row.split(' ')).unwrap();
        }
        let baskets = builder.finish().unwrap();
        let part_parameters = PartParameters {
            mining: MiningParameters {
                min_support: MinSupport::new(0.1).unwrap(),
                max_length: None,
                max_itemsets: 100,
            },
            min_confidence: MinConfidence::new(0.0).unwrap(),
            max_rules: 100,
            similarity: Similarity::Cosine,
            min_together: 1,
            neighbours: 5,
        };
        let parts = Parts::of(&baskets, &ItemTexts::names_of(&baskets), &part_parameters);
        let parameters = CompanionParameters {
            per_item: 5,
            per_product: 5,
            min_lift: 1.0,
        };
        let weights = Weights::only(Part::SimilarItems);
        let found = companions(&baskets, &parts.unwrap(), &weights, &parameters);
        let told: Vec<(&str, &str, u32, f64)> = found
            .iter()
            .map(|it| {
                (
                    baskets.name(it.product),
                    baskets.name(it.item),
                    it.both,
                    it.lift,
                )
            })
            .collect();
        // Three of eight have cups, four tea: 1.5 together by chance. Salt and
        // tea are together once, 2.5 by chance.
        let lift = 8.0 / 6.5;
        assert_eq!(told, [("cup", "tea", 3, lift), ("tea", "cup", 3, lift)]);
    }
}
