//! Association rules as a score: the highest confidence of the rules whose
//! antecedent is in the basket and whose consequent is the item.
//!
//! Rules with one consequent count, for one item is looked for. Cost: the
//! rules whose antecedent begins with an item of the basket.

use crate::affinity::rules::Rules;
use crate::affinity::scores::Scores;

/// Rules by the first item of their antecedent.
#[derive(Debug, Clone)]
pub(super) struct BestRule {
    /// One more than there are items.
    starts: Vec<usize>,
    rules: Vec<Applicable>,
    /// The antecedents without their first items.
    others: Vec<u32>,
}

/// A rule with one consequent.
#[derive(Debug, Clone, Copy)]
struct Applicable {
    others_start: usize,
    others_end: usize,
    consequent: u32,
    confidence: f64,
}

impl BestRule {
    pub(super) fn of(items: usize, rules: &Rules<'_>) -> Self {
        let single = || rules.iter().filter(|rule| rule.consequent.len() == 1);
        let mut by_first: Vec<_> = single().collect();
        // Stable, so that a first item's rules stay in the rules' own order.
        by_first.sort_by_key(|rule| rule.antecedent.numbers()[0]);
        let mut starts = vec![0; items + 1];
        for rule in &by_first {
            starts[rule.antecedent.numbers()[0] as usize + 1] += 1;
        }
        for item in 0..items {
            starts[item + 1] += starts[item];
        }
        let mut others = Vec::new();
        let rules = by_first.iter().map(|rule| {
            let others_start = others.len();
            others.extend_from_slice(&rule.antecedent.numbers()[1..]);
            Applicable {
                others_start,
                others_end: others.len(),
                consequent: rule.consequent.numbers()[0],
                confidence: rule.measures.confidence,
            }
        });
        let rules = rules.collect();
        Self {
            starts,
            rules,
            others,
        }
    }

    /// Scores items for a basket of these numbers, ascending.
    pub(super) fn score(&self, basket: &[u32], scores: &mut Scores) {
        for (place, first) in basket.iter().enumerate() {
            let rules = self.starts[*first as usize]..self.starts[*first as usize + 1];
            for rule in &self.rules[rules] {
                let others = &self.others[rule.others_start..rule.others_end];
                let rest = &basket[place + 1..];
                if others.iter().all(|item| rest.binary_search(item).is_ok()) {
                    scores.raise(rule.consequent, rule.confidence);
                }
            }
        }
    }
}
