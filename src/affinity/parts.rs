//! The parts of an affinity: five ways to say which item goes with a basket.
//!
//! Each [`Part`] scores items for the items that are in a basket, 0 for what
//! it knows nothing of; one file each. [`Parts`] are made of baskets once and
//! then score any number of baskets, through a [`Scorer`] that has the room
//! for it.
//!
//! Every score is a share or a mean likeness, from 0 to 1, and not stretched
//! further: a part that is sure of nothing says little, and others are heard.

mod best_rule;
mod content;
mod item_texts;
mod neighbourhood;
mod popularity;
mod similar_items;

use super::baskets::Baskets;
use super::frequent_itemsets::{FrequentItemsets, MiningError, MiningParameters};
use super::rules::{MinConfidence, RuleOrder, RuleParameters, Rules, TooManyRules};
use super::scores::Scores;
use super::similarity::Similarity;

use best_rule::BestRule;
use content::Content;
pub use item_texts::{ItemTexts, ItemTextsBuilder};
use neighbourhood::{Neighbourhood, Overlap};
use popularity::Popularity;
use similar_items::SimilarItems;

/// A way to say which item goes with a basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The share of baskets that have it.
    Popularity,
    /// The confidence of the surest rule that leads from the basket to it.
    Rules,
    /// How like it is on average to the items of the basket, by the baskets
    /// that have them.
    SimilarItems,
    /// The share of the baskets that are most like this one that have it, each
    /// counting by its likeness.
    Neighbourhood,
    /// How like its text is on average to those of the items of the basket.
    Content,
}

impl Part {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// All of them, the simplest first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Popularity,
        Self::Rules,
        Self::SimilarItems,
        Self::Neighbourhood,
        Self::Content,
    ];

    /// Its place in a list that has one entry for each part.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Popularity => "popularity",
            Self::Rules => "rules",
            Self::SimilarItems => "similar_items",
            Self::Neighbourhood => "neighbourhood",
            Self::Content => "content",
        }
    }
}

/// How the parts are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartParameters {
    /// Which itemsets the rules are made of.
    pub mining: MiningParameters,
    /// From which confidence on a rule counts.
    pub min_confidence: MinConfidence,
    /// More rules than this are refused.
    pub max_rules: usize,
    /// How items are compared.
    pub similarity: Similarity,
    /// Items that are together in fewer baskets are not alike.
    pub min_together: u32,
    /// How many baskets are a basket's neighbours.
    pub neighbours: usize,
}

impl PartParameters {
    /// How many neighbours a basket has unless another number is asked for.
    pub const DEFAULT_NEIGHBOURS: usize = 50;
}

/// Similar items that are kept for each item.
const SIMILAR_ITEMS: usize = 200;

/// The highest scores of each part for a basket make the candidates; what none
/// of them has so high cannot come near the first places.
const CANDIDATES_PER_PART: usize = 100;

/// Why no parts could be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PartsError {
    /// Of the itemsets.
    #[error(transparent)]
    Mining(#[from] MiningError),
    /// Of the rules.
    #[error(transparent)]
    Rules(#[from] TooManyRules),
}

/// The parts, made of baskets.
#[derive(Debug, Clone)]
pub struct Parts {
    popularity: Popularity,
    best_rule: BestRule,
    similar_items: SimilarItems,
    neighbourhood: Neighbourhood,
    content: Content,
}

impl Parts {
    /// Makes them; `texts` are those of the items of these baskets.
    ///
    /// # Errors
    /// When there are more itemsets or rules than may be kept.
    pub fn of(
        baskets: &Baskets,
        texts: &ItemTexts,
        parameters: &PartParameters,
    ) -> Result<Self, PartsError> {
        let itemsets = FrequentItemsets::mine(baskets, &parameters.mining, &mut |_, _| {})?;
        let ruling = RuleParameters {
            min_confidence: parameters.min_confidence,
            order: RuleOrder::Confidence,
            max_rules: parameters.max_rules,
        };
        let rules = Rules::of(&itemsets, &ruling)?;
        Ok(Self {
            popularity: Popularity::of(baskets),
            best_rule: BestRule::of(baskets.item_count(), &rules),
            similar_items: SimilarItems::of(
                baskets,
                parameters.similarity,
                SIMILAR_ITEMS,
                parameters.min_together,
            ),
            neighbourhood: Neighbourhood::of(baskets, parameters.neighbours),
            content: Content::of(texts),
        })
    }

    /// In how many baskets each item is.
    #[must_use]
    pub fn item_counts(&self) -> &[u32] {
        self.popularity.counts()
    }
}

/// The items that may go with a basket, by popularity, each with the scores of
/// all parts, from 0 to 1.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    items: Vec<u32>,
    scores: Vec<[f64; Part::COUNT]>,
}

impl Candidates {
    /// Their numbers, the most popular first, among equals by name.
    pub(super) fn items(&self) -> &[u32] {
        &self.items
    }

    /// Their scores, in the same order.
    pub(super) fn scores(&self) -> &[[f64; Part::COUNT]] {
        &self.scores
    }
}

/// Room to score baskets in.
#[derive(Debug)]
pub struct Scorer<'p> {
    parts: &'p Parts,
    /// Of all parts but popularity, which needs none.
    scores: [Scores; Part::COUNT - 1],
    overlap: Overlap,
    is_candidate: Vec<bool>,
    highest_first: Vec<u32>,
    candidates: Candidates,
}

impl<'p> Scorer<'p> {
    /// With room for the baskets of these parts.
    #[must_use]
    pub fn new(parts: &'p Parts) -> Self {
        let items = parts.item_counts().len();
        Self {
            parts,
            scores: std::array::from_fn(|_| Scores::none(items)),
            overlap: Overlap::new(&parts.neighbourhood),
            is_candidate: vec![false; items],
            highest_first: Vec::new(),
            candidates: Candidates::default(),
        }
    }

    /// The candidates for a basket of these item numbers, ascending.
    pub(super) fn candidates(&mut self, basket: &[u32]) -> &Candidates {
        let parts = self.parts;
        let [rules, similar, neighbourhood, content] = &mut self.scores;
        for scores in [&mut *rules, similar, neighbourhood, content] {
            scores.clear();
        }
        parts.best_rule.score(basket, rules);
        parts.similar_items.score(basket, similar);
        parts
            .neighbourhood
            .score(basket, &mut self.overlap, neighbourhood);
        parts.content.score(basket, content);
        self.gather(basket);
        self.collect();
        &self.candidates
    }

    /// The highest of each part together, by popularity.
    fn gather(&mut self, basket: &[u32]) {
        let found = &mut self.candidates.items;
        found.clear();
        let is_candidate = &mut self.is_candidate;
        let mut keep = |item: u32| {
            if !std::mem::replace(&mut is_candidate[item as usize], true) {
                found.push(item);
            }
        };
        let is_in_basket = |item: &u32| basket.binary_search(item).is_ok();
        let popular = self.parts.popularity.most_popular();
        let popular = popular.iter().filter(|item| !is_in_basket(item));
        popular
            .take(CANDIDATES_PER_PART)
            .copied()
            .for_each(&mut keep);
        for scores in &self.scores {
            let highest = &mut self.highest_first;
            highest.clear();
            highest.extend(scores.scored().iter().filter(|item| !is_in_basket(item)));
            if highest.len() > CANDIDATES_PER_PART {
                highest.select_nth_unstable_by(CANDIDATES_PER_PART, |left, right| {
                    let by_score = scores.of(*right).total_cmp(&scores.of(*left));
                    by_score.then(left.cmp(right))
                });
                highest.truncate(CANDIDATES_PER_PART);
            }
            highest.iter().copied().for_each(&mut keep);
        }
        for item in &*found {
            self.is_candidate[*item as usize] = false;
        }
        let popularity = &self.parts.popularity;
        found.sort_unstable_by_key(|item| popularity.rank(*item));
    }

    /// Each part's scores of the candidates.
    fn collect(&mut self) {
        let popularity = &self.parts.popularity;
        let scores = &self.scores;
        let of_item = |item: &u32| -> [f64; Part::COUNT] {
            std::array::from_fn(|part| match part.checked_sub(1) {
                None => popularity.share(*item),
                Some(place) => scores[place].of(*item),
            })
        };
        let candidates = &mut self.candidates;
        candidates.scores.clear();
        candidates
            .scores
            .extend(candidates.items.iter().map(of_item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::baskets::BasketsBuilder;
    use crate::affinity::frequent_itemsets::MinSupport;

    fn parts(neighbours: usize) -> Parts {
        let mut builder = BasketsBuilder::new();
        for row in ["a b", "a b c", "a c", "b d"] {
            builder.push(row.split(' ')).unwrap();
        }
        let baskets = builder.finish().unwrap();
        let parameters = PartParameters {
            mining: MiningParameters {
                min_support: MinSupport::new(0.25).unwrap(),
                max_length: None,
                max_itemsets: 100,
            },
            min_confidence: MinConfidence::new(0.0).unwrap(),
            max_rules: 100,
            similarity: Similarity::Cosine,
            min_together: 1,
            neighbours,
        };
        Parts::of(&baskets, &ItemTexts::names_of(&baskets), &parameters).unwrap()
    }

    fn scores(parts: &Parts, basket: &[u32], part: Part) -> Vec<(u32, f64)> {
        let mut scorer = Scorer::new(parts);
        // What was scored before leaves no trace.
        scorer.candidates(&[1, 3]);
        let candidates = scorer.candidates(basket);
        let scored = candidates.items().iter().zip(candidates.scores());
        scored
            .map(|(item, scores)| (*item, scores[part.index()]))
            .collect()
    }

    fn assert_close(scores: &[(u32, f64)], expected: &[(u32, f64)]) {
        assert_eq!(scores.len(), expected.len(), "{scores:?}");
        for (score, expected) in scores.iter().zip(expected) {
            let close = score.0 == expected.0 && (score.1 - expected.1).abs() < 1e-15;
            assert!(close, "{scores:?}, not {expected:?}");
        }
    }

    /// Items a to d are 0 to 3; candidates come by popularity.
    #[test]
    fn each_part_is_its_definition() {
        let two = parts(2);
        let of_a = |part| scores(&two, &[0], part);
        let third = 1.0 / 3.0;
        assert_close(&of_a(Part::Popularity), &[(1, 0.75), (2, 0.5), (3, 0.25)]);
        assert_close(
            &of_a(Part::Rules),
            &[(1, 2.0 * third), (2, 2.0 * third), (3, 0.0)],
        );
        let like_c = 2.0 / 6.0_f64.sqrt();
        assert_close(
            &of_a(Part::SimilarItems),
            &[(1, 2.0 * third), (2, like_c), (3, 0.0)],
        );
        assert_close(&of_a(Part::Neighbourhood), &[(1, 0.5), (2, 0.5), (3, 0.0)]);
        assert_close(&of_a(Part::Content), &[(1, 0.0), (2, 0.0), (3, 0.0)]);
    }

    #[test]
    fn a_basket_of_two_takes_the_best_rule_and_the_mean_likeness() {
        let three = parts(3);
        let of_ab = |part| scores(&three, &[0, 1], part);
        assert_close(&of_ab(Part::Rules), &[(2, 2.0 / 3.0), (3, 1.0 / 3.0)]);
        let like_c = (2.0 / 6.0_f64.sqrt() + 1.0 / 6.0_f64.sqrt()) / 2.0;
        let like_d = 1.0 / 3.0_f64.sqrt() / 2.0;
        assert_close(&of_ab(Part::SimilarItems), &[(2, like_c), (3, like_d)]);
        // "a b" has nothing to add; "a b c" shares both, "a c" and "b d" one.
        let (all, one) = (2.0 / 3.0_f64.sqrt(), 1.0 / 2.0_f64.sqrt());
        let sum = all + 2.0 * one;
        assert_close(
            &of_ab(Part::Neighbourhood),
            &[(2, (all + one) / sum), (3, one / sum)],
        );
    }
}
