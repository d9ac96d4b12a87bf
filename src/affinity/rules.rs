//! Association rules: who has the antecedent also takes the consequent.
//!
//! Agrawal, Imieliński, Swami (1993), "Mining association rules between sets
//! of items in large databases", <https://doi.org/10.1145/170035.170072>. A
//! rule splits a frequent itemset in two. Moving an item from the antecedent
//! to the consequent can only lower the confidence, so a consequent that is
//! not confident enough is not extended: the time is in proportion to what is
//! found.
//!
//! With s(A), s(C) and s(A ∪ C) the supports:
//!
//! - confidence = s(A ∪ C) / s(A)
//! - lift = confidence / s(C): Brin, Motwani, Ullman, Tsur (1997),
//!   <https://doi.org/10.1145/253260.253325>
//! - leverage = s(A ∪ C) − s(A) s(C): Piatetsky-Shapiro (1991), "Discovery,
//!   analysis and presentation of strong rules"
//! - conviction = (1 − s(C)) / (1 − confidence), infinite where confidence is
//!   1: Brin, Motwani, Ullman, Tsur (1997)
//! - Zhang's metric = leverage / max(s(A ∪ C)(1 − s(A)), s(A)(s(C) − s(A ∪ C))),
//!   0 where that is 0: Zhang (2000), "Association rules",
//!   <https://doi.org/10.1007/3-540-45571-X_31>

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use thiserror::Error;

use super::baskets::narrow;
use super::frequent_itemsets::{FrequentItemsets, Itemset, SetCount};

/// The confidence from which on a rule is kept: 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MinConfidence(f64);

/// Not a share.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("min-confidence is {share}, it must be a share from 0 to 1, such as 0.2")]
pub struct MinConfidenceError {
    /// What was given.
    pub share: f64,
}

impl MinConfidence {
    /// A checked share.
    ///
    /// # Errors
    /// When it is no number from 0 to 1.
    pub fn new(share: f64) -> Result<Self, MinConfidenceError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(MinConfidenceError { share });
        }
        Ok(Self(share))
    }

    /// The share.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0
    }
}

/// By which measure rules are ordered, the highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuleOrder {
    /// How much more often than by chance.
    #[default]
    Lift,
    /// How sure, given the antecedent.
    Confidence,
    /// How often.
    Support,
    /// How many more baskets than by chance, as a share.
    Leverage,
    /// How much more often it would fail by chance.
    Conviction,
    /// Association from −1 to 1.
    ZhangsMetric,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleParameters {
    /// From which confidence on.
    pub min_confidence: MinConfidence,
    /// In which order.
    pub order: RuleOrder,
    /// More rules than this are refused.
    pub max_rules: usize,
}

impl RuleParameters {
    /// How many rules are kept unless another number is asked for.
    pub const DEFAULT_MAX_RULES: usize = 10_000_000;
}

/// There are more rules than may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error(
    "min-confidence {min_confidence} keeps more than {} rules of {} itemsets; max-rules is {}: \
     give a higher min-confidence or min-support, a max-length, or a higher max-rules",
    SetCount::exact(*max_rules), SetCount::exact(*itemsets), SetCount::exact(*max_rules)
)]
pub struct TooManyRules {
    /// What was asked for.
    pub min_confidence: f64,
    /// The bound.
    pub max_rules: usize,
    /// Of so many itemsets.
    pub itemsets: usize,
}

/// What is known of a rule, from three supports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleMeasures {
    /// The share of baskets that have all items.
    pub support: f64,
    /// Of those with the antecedent, the share that has the consequent.
    pub confidence: f64,
    /// Confidence over the consequent's support; 1 is chance.
    pub lift: f64,
    /// Support less what chance would give; 0 is chance.
    pub leverage: f64,
    /// How much more often the rule would fail by chance; 1 is chance.
    pub conviction: f64,
    /// From −1 (never together) over 0 (chance) to 1 (always).
    pub zhangs_metric: f64,
}

impl RuleMeasures {
    /// The measures of shares: of all items, of the antecedent and of the
    /// consequent, the latter two above 0. The order of the operations is part
    /// of the definition, so that other programs give the same bits.
    #[must_use]
    pub fn of(support: f64, antecedent: f64, consequent: f64) -> Self {
        let confidence = support / antecedent;
        let leverage = support - antecedent * consequent;
        let conviction = if confidence < 1.0 {
            (1.0 - consequent) / (1.0 - confidence)
        } else {
            f64::INFINITY
        };
        let largest = (support * (1.0 - antecedent)).max(antecedent * (consequent - support));
        let zhangs_metric = if largest == 0.0 {
            0.0
        } else {
            leverage / largest
        };
        Self {
            support,
            confidence,
            lift: confidence / consequent,
            leverage,
            conviction,
            zhangs_metric,
        }
    }

    /// The measure that an order is by.
    #[must_use]
    pub const fn by(&self, order: RuleOrder) -> f64 {
        match order {
            RuleOrder::Lift => self.lift,
            RuleOrder::Confidence => self.confidence,
            RuleOrder::Support => self.support,
            RuleOrder::Leverage => self.leverage,
            RuleOrder::Conviction => self.conviction,
            RuleOrder::ZhangsMetric => self.zhangs_metric,
        }
    }
}

/// A rule, as places of its three itemsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Split {
    antecedent: u32,
    consequent: u32,
    union: u32,
}

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule<'a> {
    /// Who has these
    pub antecedent: Itemset<'a>,
    /// also takes these; no item is in both.
    pub consequent: Itemset<'a>,
    /// How often both are bought together.
    pub count: u32,
    /// How good it is.
    pub measures: RuleMeasures,
}

/// All rules that are confident enough, in the order that was asked for; among
/// equals by support, then by the names of the antecedent and the consequent.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    itemsets: &'a FrequentItemsets,
    splits: Vec<Split>,
}

impl<'a> Rules<'a> {
    /// The rules of itemsets.
    ///
    /// # Errors
    /// When there are more than may be kept.
    pub fn of(
        itemsets: &'a FrequentItemsets,
        parameters: &RuleParameters,
    ) -> Result<Self, TooManyRules> {
        let mut search = Search::new(itemsets, parameters);
        for place in 0..itemsets.len() {
            search.split(place)?;
        }
        let mut rules = Self {
            itemsets,
            splits: search.found,
        };
        rules.sort(parameters.order);
        Ok(rules)
    }

    fn sort(&mut self, order: RuleOrder) {
        let key = |split: &Split| self.rule(*split).measures.by(order);
        let mut keyed: Vec<(f64, Split)> = self
            .splits
            .iter()
            .map(|split| (key(split), *split))
            .collect();
        keyed.sort_unstable_by(|(left_key, left), (right_key, right)| {
            let by_key = right_key.total_cmp(left_key);
            by_key.then_with(|| self.compare_equals(*left, *right))
        });
        self.splits = keyed.into_iter().map(|(_, split)| split).collect();
    }

    fn compare_equals(&self, left: Split, right: Split) -> Ordering {
        let set = |place: u32| self.itemsets.get(place as usize);
        let by_count = set(right.union).count().cmp(&set(left.union).count());
        let numbers = |place: u32| set(place).numbers();
        by_count
            .then_with(|| numbers(left.antecedent).cmp(numbers(right.antecedent)))
            .then_with(|| numbers(left.consequent).cmp(numbers(right.consequent)))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.splits.len()
    }

    /// Whether nothing is confident enough.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.splits.is_empty()
    }

    /// The rules, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Rule<'a>> {
        self.splits.iter().map(|split| self.rule(*split))
    }

    fn rule(&self, split: Split) -> Rule<'a> {
        let antecedent = self.itemsets.get(split.antecedent as usize);
        let consequent = self.itemsets.get(split.consequent as usize);
        let union = self.itemsets.get(split.union as usize);
        let share = |itemset| self.itemsets.support(itemset);
        Rule {
            antecedent,
            consequent,
            count: union.count(),
            measures: RuleMeasures::of(share(union), share(antecedent), share(consequent)),
        }
    }
}

/// A hash of short lists of numbers: multiply and rotate, for each rule needs
/// two of them. Nobody outside chooses the numbers, so nobody can make them
/// collide on purpose; the map's order is never asked for.
#[derive(Debug, Default)]
struct NumbersHasher(u64);

impl Hasher for NumbersHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // 2^64 over the golden ratio, as in Fibonacci hashing.
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, length: usize) {
        self.write_u64(length as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// The way through all splits of all itemsets.
struct Search<'a> {
    itemsets: &'a FrequentItemsets,
    parameters: &'a RuleParameters,
    places: HashMap<&'a [u32], u32, BuildHasherDefault<NumbersHasher>>,
    found: Vec<Split>,
    consequent: Vec<u32>,
    antecedent: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(itemsets: &'a FrequentItemsets, parameters: &'a RuleParameters) -> Self {
        let places = itemsets.iter().enumerate();
        Self {
            itemsets,
            parameters,
            places: places
                .map(|(place, itemset)| (itemset.numbers(), narrow(place)))
                .collect(),
            found: Vec::new(),
            consequent: Vec::new(),
            antecedent: Vec::new(),
        }
    }

    /// Every confident split of one itemset.
    fn split(&mut self, place: usize) -> Result<(), TooManyRules> {
        let union = self.itemsets.get(place);
        if union.len() < 2 {
            return Ok(());
        }
        self.extend(union, narrow(place), 0)
    }

    /// The consequent with each of the items from `first` on in turn.
    fn extend(&mut self, union: Itemset<'a>, place: u32, first: usize) -> Result<(), TooManyRules> {
        if self.consequent.len() + 1 == union.len() {
            return Ok(());
        }
        for next in first..union.len() {
            self.consequent.push(union.numbers()[next]);
            let split = self.place_split(union, place);
            if self.is_confident(split) {
                self.keep(split)?;
                self.extend(union, place, next + 1)?;
            }
            self.consequent.pop();
        }
        Ok(())
    }

    /// Where the two parts stand. Both are frequent, for the whole is.
    fn place_split(&mut self, union: Itemset<'a>, place: u32) -> Split {
        self.antecedent.clear();
        let rest = union.numbers().iter();
        let rest = rest.filter(|item| !self.consequent.contains(item));
        self.antecedent.extend(rest);
        Split {
            antecedent: self.places[self.antecedent.as_slice()],
            consequent: self.places[self.consequent.as_slice()],
            union: place,
        }
    }

    fn is_confident(&self, split: Split) -> bool {
        let share = |place: u32| self.itemsets.support(self.itemsets.get(place as usize));
        share(split.union) / share(split.antecedent) >= self.parameters.min_confidence.0
    }

    fn keep(&mut self, split: Split) -> Result<(), TooManyRules> {
        if self.found.len() >= self.parameters.max_rules {
            return Err(TooManyRules {
                min_confidence: self.parameters.min_confidence.0,
                max_rules: self.parameters.max_rules,
                itemsets: self.itemsets.len(),
            });
        }
        self.found.push(split);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affinity::baskets::{Baskets, BasketsBuilder};
    use crate::affinity::frequent_itemsets::{MinSupport, MiningParameters};
    use crate::affinity::generator::BasketGenerator;

    fn itemsets(baskets: &Baskets, min_support: f64) -> FrequentItemsets {
        let parameters = MiningParameters {
            min_support: MinSupport::new(min_support).unwrap(),
            max_length: None,
            max_itemsets: MiningParameters::DEFAULT_MAX_ITEMSETS,
        };
        FrequentItemsets::mine(baskets, &parameters, &mut |_, _| {}).unwrap()
    }

    fn parameters(min_confidence: f64) -> RuleParameters {
        RuleParameters {
            min_confidence: MinConfidence::new(min_confidence).unwrap(),
            order: RuleOrder::Lift,
            max_rules: RuleParameters::DEFAULT_MAX_RULES,
        }
    }

    fn baskets(rows: &[&str]) -> Baskets {
        let mut builder = BasketsBuilder::new();
        for row in rows {
            builder.push(row.split_whitespace()).unwrap();
        }
        builder.finish().unwrap()
    }

    #[test]
    fn the_measures_are_their_definitions() {
        // Of 10 baskets 4 have the antecedent, 5 the consequent, 3 both.
        let measures = RuleMeasures::of(0.3, 0.4, 0.5);
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-15);
        close(measures.confidence, 0.75);
        close(measures.lift, 1.5);
        close(measures.leverage, 0.1);
        close(measures.conviction, 2.0);
        close(measures.zhangs_metric, 0.1 / 0.18);
    }

    #[test]
    fn certain_rules_have_infinite_conviction_and_a_zero_divisor_gives_0() {
        let certain = RuleMeasures::of(0.25, 0.25, 0.5);
        assert_eq!(certain.conviction, f64::INFINITY);
        // In every basket: nothing is said about association.
        let always = RuleMeasures::of(1.0, 1.0, 1.0);
        assert_eq!(always.zhangs_metric, 0.0);
        assert_eq!(always.lift, 1.0);
    }

    #[test]
    fn rules_come_in_order() {
        let baskets = baskets(&["a b", "a b", "a c", "b c", "a b c"]);
        let itemsets = itemsets(&baskets, 0.2);
        let rules = Rules::of(&itemsets, &parameters(0.7)).unwrap();
        let told: Vec<String> = rules
            .iter()
            .map(|rule| {
                let side = |itemset: Itemset<'_>| {
                    let names = itemset.items().map(|item| baskets.name(item));
                    names.collect::<String>()
                };
                let (antecedent, consequent) = (side(rule.antecedent), side(rule.consequent));
                format!("{antecedent}>{consequent} {:.4}", rule.measures.lift)
            })
            .collect();
        assert_eq!(told, ["a>b 0.9375", "b>a 0.9375"]);
    }

    #[test]
    fn every_split_is_found_that_trying_all_finds() {
        for seed in 0..20 {
            let mut generator = BasketGenerator::new(12, 5, seed);
            let mut builder = BasketsBuilder::new();
            for _ in 0..50 {
                let names: Vec<String> = generator.next_basket().map(|n| n.to_string()).collect();
                builder.push(names.iter().map(String::as_str)).unwrap();
            }
            let baskets = builder.finish().unwrap();
            let itemsets = itemsets(&baskets, 0.06);
            for min_confidence in [0.0, 0.3, 0.5, 1.0] {
                let rules = Rules::of(&itemsets, &parameters(min_confidence)).unwrap();
                let mut expected = 0;
                for union in itemsets.iter().filter(|itemset| itemset.len() > 1) {
                    for mask in 1..(1u32 << union.len()) - 1 {
                        let of_mask =
                            |(at, number): (usize, &u32)| (mask >> at & 1 == 1).then_some(*number);
                        let antecedent: Vec<u32> = union
                            .numbers()
                            .iter()
                            .enumerate()
                            .filter_map(of_mask)
                            .collect();
                        let whole = itemsets.iter().find(|set| set.numbers() == antecedent);
                        let share = itemsets.support(whole.unwrap());
                        expected += usize::from(itemsets.support(union) / share >= min_confidence);
                    }
                }
                assert_eq!(rules.len(), expected, "seed {seed}, {min_confidence}");
            }
        }
    }

    #[test]
    fn one_rule_too_many_is_refused() {
        let baskets = baskets(&["a b", "a b"]);
        let itemsets = itemsets(&baskets, 0.5);
        let mut asked = parameters(0.0);
        asked.max_rules = 2;
        assert_eq!(Rules::of(&itemsets, &asked).unwrap().len(), 2);
        asked.max_rules = 1;
        let refused = Rules::of(&itemsets, &asked).unwrap_err();
        assert!(refused.to_string().contains("max-rules is 1"), "{refused}");
        assert!(MinConfidence::new(f64::NAN).is_err());
        assert!(MinConfidence::new(1.01).is_err());
    }
}
