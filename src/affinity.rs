//! Cross-sell: what goes with what, read off the baskets that were bought.
//!
//! [`Baskets`] interns items and keeps every basket as a sorted run of
//! numbers. [`FrequentItemsets`] finds the sets that are often bought together
//! by FP-growth; [`Rules`] turns them into "who has these also takes those",
//! with the usual measures; [`similarity`] compares items two by two.
//!
//! Invariants: nothing here does I/O or draws from a global generator; an
//! item's number is the place of its name among all names in ascending order,
//! so an order of numbers is an order of names; every answer has one order,
//! whatever the order of the baskets; what would not fit is refused with the
//! bound before it is kept.

pub mod baskets;
pub mod frequent_itemsets;
pub mod generator;
pub mod rules;
pub mod similarity;

pub use baskets::{BasketCounts, Baskets, BasketsBuilder, BasketsError, ItemNumber};
pub use frequent_itemsets::{
    FrequentItemsets, Itemset, MinSupport, MiningError, MiningParameters, SetCount, TooManyItemsets,
};
pub use rules::{
    MinConfidence, Rule, RuleMeasures, RuleOrder, RuleParameters, Rules, TooManyRules,
};
