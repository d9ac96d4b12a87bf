//! Item-item similarity as a score: the mean of the similarities of an item to
//! those of the basket.
//!
//! Deshpande, Karypis (2004), "Item-based top-N recommendation algorithms",
//! <https://doi.org/10.1145/963770.963776>. Cost: the kept neighbours of the
//! items of the basket.

use crate::affinity::baskets::{Baskets, narrow};
use crate::affinity::scores::Scores;
use crate::affinity::similarity::{Neighbour, Similarity, neighbours};

/// For each item those most like it.
#[derive(Debug, Clone)]
pub(super) struct SimilarItems {
    by_item: Vec<Vec<Neighbour>>,
}

impl SimilarItems {
    pub(super) fn of(
        baskets: &Baskets,
        similarity: Similarity,
        kept: usize,
        min_together: u32,
    ) -> Self {
        Self {
            by_item: neighbours(baskets, similarity, kept, min_together),
        }
    }

    /// Scores items for a basket of these numbers. One that is unlike is not
    /// told from one that is not compared.
    pub(super) fn score(&self, basket: &[u32], scores: &mut Scores) {
        let length = f64::from(narrow(basket.len()));
        for item in basket {
            for neighbour in &self.by_item[*item as usize] {
                scores.add(neighbour.item.0, neighbour.similarity / length);
            }
        }
    }
}
