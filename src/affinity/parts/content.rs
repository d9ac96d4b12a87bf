//! Content similarity: how like the text of an item is to those of a basket.
//!
//! Salton, Buckley (1988), "Term-weighting approaches in automatic text
//! retrieval", <https://doi.org/10.1016/0306-4573(88)90021-0>. A word that
//! stands tf times in an item's text, and in the texts of df of N items, weighs
//! tf · (ln((1 + N) / (1 + df)) + 1); an item is the vector of its words'
//! weights over its length, and the likeness of two items their cosine. An
//! item's score is the mean of its likeness to the items of the basket. This is
//! scikit-learn's `TfidfVectorizer` with its defaults but for the words.
//!
//! It needs no basket with the item, so it is what there is for a new one.
//! Cost: the items that share a word with the basket.

use super::item_texts::ItemTexts;
use crate::affinity::baskets::narrow;
use crate::affinity::scores::Scores;
use crate::domain::math;

/// Weighted words by item and items by word.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// One more than there are items.
    item_starts: Vec<usize>,
    /// Words of each item, ascending, with their weights.
    words: Vec<(u32, f64)>,
    /// One more than there are words.
    word_starts: Vec<usize>,
    /// Items of each word, ascending, with the word's weight in them.
    items: Vec<(u32, f64)>,
}

impl Content {
    pub(super) fn of(texts: &ItemTexts) -> Self {
        let mut counts: Vec<Vec<(u32, u32)>> = (0..texts.item_count())
            .map(|item| counted(texts.words(item)))
            .collect();
        let mut items_with = vec![0_u32; texts.different_words()];
        for (word, _) in counts.iter().flatten() {
            items_with[*word as usize] += 1;
        }
        let items = f64::from(narrow(texts.item_count()));
        let rarity = |word: u32| {
            let having = f64::from(items_with[word as usize]);
            math::ln((1.0 + items) / (1.0 + having)) + 1.0
        };
        let mut item_starts = vec![0];
        let mut words = Vec::new();
        for of_item in &mut counts {
            let start = words.len();
            let weighted = of_item.drain(..);
            words.extend(weighted.map(|(word, times)| (word, f64::from(times) * rarity(word))));
            let squares = words[start..].iter().map(|(_, weight)| weight * weight);
            let length = math::sqrt(squares.sum::<f64>());
            for (_, weight) in &mut words[start..] {
                *weight /= length;
            }
            item_starts.push(words.len());
        }
        let (word_starts, items) = turned_round(&item_starts, &words, items_with.len());
        Self {
            item_starts,
            words,
            word_starts,
            items,
        }
    }

    /// Scores items for a basket of these numbers.
    pub(super) fn score(&self, basket: &[u32], scores: &mut Scores) {
        let length = f64::from(narrow(basket.len()));
        for item in basket {
            let words = self.item_starts[*item as usize]..self.item_starts[*item as usize + 1];
            for (word, weight) in &self.words[words] {
                let items = self.word_starts[*word as usize]..self.word_starts[*word as usize + 1];
                for (other, other_weight) in &self.items[items] {
                    scores.add(*other, weight * other_weight / length);
                }
            }
        }
    }
}

/// Words with how often they stand there, ascending.
fn counted(words: &[u32]) -> Vec<(u32, u32)> {
    let mut sorted = words.to_vec();
    sorted.sort_unstable();
    let runs = sorted.chunk_by(|left, right| left == right);
    runs.map(|run| (run[0], narrow(run.len()))).collect()
}

/// For each word its items.
fn turned_round(
    item_starts: &[usize],
    words: &[(u32, f64)],
    different_words: usize,
) -> (Vec<usize>, Vec<(u32, f64)>) {
    let mut word_starts = vec![0; different_words + 1];
    for (word, _) in words {
        word_starts[*word as usize + 1] += 1;
    }
    for word in 0..different_words {
        word_starts[word + 1] += word_starts[word];
    }
    let mut next = word_starts.clone();
    let mut items = vec![(0, 0.0); words.len()];
    for (item, ends) in (0..).zip(item_starts.windows(2)) {
        for (word, weight) in &words[ends[0]..ends[1]] {
            let place = &mut next[*word as usize];
            items[*place] = (item, *weight);
            *place += 1;
        }
    }
    (word_starts, items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::baskets::BasketsBuilder;

    /// "milk" is in three of four texts, every other word in one.
    #[test]
    fn likeness_is_the_cosine_of_weighted_words() {
        let names = ["butter milk", "milk", "soda", "whole milk milk"];
        let mut builder = BasketsBuilder::new();
        builder.push(names).unwrap();
        let baskets = builder.finish().unwrap();
        let content = Content::of(&ItemTexts::names_of(&baskets));
        let milk = math::ln(5.0 / 4.0) + 1.0;
        let rare = math::ln(5.0 / 2.0) + 1.0;
        let length =
            |milk_times: f64| math::sqrt(rare * rare + milk_times * milk * milk_times * milk);
        let expected = [
            [
                1.0,
                milk / length(1.0),
                0.0,
                2.0 * milk * milk / length(1.0) / length(2.0),
            ],
            [milk / length(1.0), 1.0, 0.0, 2.0 * milk / length(2.0)],
            [0.0, 0.0, 1.0, 0.0],
        ];
        for (item, expected) in (0..).zip(expected) {
            let mut scores = Scores::none(4);
            content.score(&[item], &mut scores);
            for (other, expected) in (0..).zip(expected) {
                assert!(
                    (scores.of(other) - expected).abs() < 1e-12,
                    "{item} {other}"
                );
            }
        }
    }
}
