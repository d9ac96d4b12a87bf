//! Finds rules that no request can meet.
//!
//! A rule is taken apart into the ways in which it can hold, each a list of
//! tests that must hold or must not; a way is closed when two of its tests
//! exclude each other, and a rule whose ways are all closed can never hold. This
//! is the tableau method for propositional logic (Smullyan, First-Order Logic,
//! 1968) with pairwise conflicts of tests as its closing rule: what it finds is
//! a contradiction, it need not find every one.
//!
//! Cost: at most [`MAX_WAYS`] ways; a rule with more counts as one that can hold.

use std::fmt;

use crate::domain::attribute::{AttributeTest, Comparison, Condition};
use crate::domain::rule::{CartTest, Rule, RuleTest};

/// So many ways are looked at.
const MAX_WAYS: usize = 1_024;

/// Why a rule can never hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contradiction(&'static str);

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A test with whether it must hold.
type Literal<'a> = (&'a RuleTest, bool);

struct Search<'a> {
    ways_left: usize,
    /// Of the way that was closed last.
    conflict: Option<&'static str>,
    on_way: Vec<Literal<'a>>,
}

/// Why the rules cannot all hold for one request, where that is found.
pub(super) fn find(rules: &[&Rule]) -> Option<Contradiction> {
    let mut search = Search {
        ways_left: MAX_WAYS,
        conflict: None,
        on_way: Vec::new(),
    };
    let open: Vec<(&Rule, bool)> = rules.iter().map(|rule| (*rule, true)).collect();
    if search.can_hold(&open) {
        return None;
    }
    search.conflict.map(Contradiction)
}

impl<'a> Search<'a> {
    /// Whether the tests on the way and all of `open` can hold together.
    fn can_hold(&mut self, open: &[(&'a Rule, bool)]) -> bool {
        let Some(((rule, wanted), rest)) = open.split_first() else {
            return true;
        };
        let with = |parts: &mut dyn Iterator<Item = (&'a Rule, bool)>| -> Vec<(&'a Rule, bool)> {
            parts.chain(rest.iter().copied()).collect()
        };
        match (rule, wanted) {
            (Condition::Not(part), _) => {
                self.can_hold(&with(&mut std::iter::once((&**part, !wanted))))
            }
            (Condition::All(parts), true) | (Condition::Any(parts), false) => {
                self.can_hold(&with(&mut parts.iter().map(|part| (part, *wanted))))
            }
            (Condition::All(parts), false) | (Condition::Any(parts), true) => {
                parts.iter().any(|part| {
                    if self.ways_left == 0 {
                        return true;
                    }
                    self.ways_left -= 1;
                    self.can_hold(&with(&mut std::iter::once((part, *wanted))))
                })
            }
            (Condition::Test(test), _) => {
                let literal = (test, *wanted);
                if let Some(conflict) = self.on_way.iter().find_map(|it| conflict(*it, literal)) {
                    self.conflict = Some(conflict);
                    return false;
                }
                self.on_way.push(literal);
                let can = self.can_hold(rest);
                self.on_way.pop();
                can
            }
        }
    }
}

/// Why two tests cannot be as wanted together.
fn conflict(one: Literal<'_>, other: Literal<'_>) -> Option<&'static str> {
    match (one, other) {
        ((one, true), (other, true)) => conflict_of_both(one, other),
        ((wanted, true), (excluded, false)) | ((excluded, false), (wanted, true)) => {
            conflict_of_opposites(wanted, excluded)
        }
        ((_, false), (_, false)) => None,
    }
}

fn conflict_of_both(one: &RuleTest, other: &RuleTest) -> Option<&'static str> {
    match (one, other) {
        (RuleTest::Shopper(one), RuleTest::Shopper(other)) if one != other => {
            Some("no shopper is both new and returning")
        }
        (RuleTest::Segment(one), RuleTest::Segment(other)) if are_apart(one, other) => {
            Some("a shopper falls into one segment, and the lists share none")
        }
        (
            RuleTest::Place { kind, one_of },
            RuleTest::Place {
                kind: other_kind,
                one_of: other,
            },
        ) if kind == other_kind && are_apart(one_of, other) => {
            Some("a request comes from one place of a kind, and the lists share none")
        }
        (RuleTest::Attribute(one), RuleTest::Attribute(other))
            if one.name == other.name && comparisons_are_apart(one, other) =>
        {
            Some("no value of the attribute is both")
        }
        _ => None,
    }
}

/// `wanted` must hold and `excluded` must not: a conflict when whatever meets
/// the one meets the other.
fn conflict_of_opposites(wanted: &RuleTest, excluded: &RuleTest) -> Option<&'static str> {
    let implied = match (wanted, excluded) {
        (RuleTest::Cart(wanted), RuleTest::Cart(excluded)) => cart_implies(wanted, excluded),
        (RuleTest::Segment(wanted), RuleTest::Segment(excluded)) => is_within(wanted, excluded),
        (
            RuleTest::Place { kind, one_of },
            RuleTest::Place {
                kind: other_kind,
                one_of: excluded,
            },
        ) => kind == other_kind && is_within(one_of, excluded),
        (RuleTest::Attribute(wanted), RuleTest::Attribute(excluded)) => {
            wanted.name == excluded.name && excluded.comparison == Comparison::Present
                || wanted == excluded
        }
        (wanted, excluded) => wanted == excluded,
    };
    implied.then_some("what is asked for is excluded too")
}

/// Whether every cart that has enough for `wanted` has enough for `excluded`.
fn cart_implies(wanted: &CartTest, excluded: &CartTest) -> bool {
    let list = |wanted: &[String], excluded: &[String]| {
        excluded.is_empty() || (!wanted.is_empty() && is_within(wanted, excluded))
    };
    list(&wanted.skus, &excluded.skus)
        && list(&wanted.categories, &excluded.categories)
        && list(&wanted.brands, &excluded.brands)
        && wanted.min_quantity >= excluded.min_quantity
        && wanted.min_spend_minor >= excluded.min_spend_minor
}

fn comparisons_are_apart(one: &AttributeTest, other: &AttributeTest) -> bool {
    use crate::domain::attribute::AttributeValue::Number;
    let values = |comparison| match comparison {
        Comparison::Equals(value) => Some(vec![value]),
        Comparison::OneOf(values) => Some(values),
        Comparison::Between { .. } | Comparison::Present => None,
    };
    match (
        values(one.comparison.clone()),
        values(other.comparison.clone()),
    ) {
        (Some(one), Some(other)) => are_apart(&one, &other),
        (Some(values), None) | (None, Some(values)) => {
            let bounded = |test: &AttributeTest| match test.comparison {
                Comparison::Between { at_least, below } => Some((at_least, below)),
                _ => None,
            };
            let bounds = bounded(one).or_else(|| bounded(other));
            bounds.is_some_and(|(at_least, below)| {
                values.iter().all(|value| match value {
                    Number(number) => {
                        at_least.is_some_and(|bound| *number < bound)
                            || below.is_some_and(|bound| *number >= bound)
                    }
                    _ => true,
                })
            })
        }
        (None, None) => match (&one.comparison, &other.comparison) {
            (
                Comparison::Between { at_least, below },
                Comparison::Between {
                    at_least: other_at_least,
                    below: other_below,
                },
            ) => ends_before(*below, *other_at_least) || ends_before(*other_below, *at_least),
            _ => false,
        },
    }
}

fn ends_before(below: Option<f64>, at_least: Option<f64>) -> bool {
    below
        .zip(at_least)
        .is_some_and(|(below, at_least)| below <= at_least)
}

fn are_apart<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    !one.iter().any(|it| other.contains(it))
}

fn is_within<T: PartialEq>(these: &[T], those: &[T]) -> bool {
    these.iter().all(|it| those.contains(it))
}
