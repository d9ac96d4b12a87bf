//! Cross-sell: what goes with what, read off the baskets that were bought.
//!
//! [`Baskets`] interns items and keeps every basket as a sorted run of
//! numbers. [`FrequentItemsets`] finds the sets that are often bought together
//! by FP-growth; [`Rules`] turns them into "who has these also takes those",
//! with the usual measures; [`similarity`] compares items two by two.
//! [`Parts`] score the items that may go with a basket in five ways, a hybrid
//! weighs them, and a [`Study`] fits the weights and says on held-out baskets
//! what each is worth; [`companions`] are what the hybrid says of every item, for
//! a catalogue to use.
//!
//! Invariants: nothing here does I/O or draws from a global generator; an
//! item's number is the place of its name among all names in ascending order,
//! so an order of numbers is an order of names; every answer has one order,
//! whatever the order of the baskets; what would not fit is refused with the
//! bound before it is kept.

pub mod baskets;
mod by_item;
pub mod frequent_itemsets;
pub mod generator;
pub mod rules;
pub mod similarity;

pub mod parts;
mod scores;

pub mod hold_out;
pub mod hybrid;
pub mod ranking;
pub mod study;

pub mod companions;

pub use baskets::{BasketCounts, Baskets, BasketsBuilder, BasketsError, ItemNumber};
pub use companions::{CompanionParameters, FoundCompanion};
pub use frequent_itemsets::{
    FrequentItemsets, Itemset, MinSupport, MiningError, MiningParameters, SetCount, TooManyItemsets,
};
pub use hold_out::Split;
pub use hybrid::Weights;
pub use parts::{ItemTexts, ItemTextsBuilder, Part, PartParameters, Parts};
pub use ranking::{Measured, Ranking};
pub use rules::{
    MinConfidence, Rule, RuleMeasures, RuleOrder, RuleParameters, Rules, TooManyRules,
};
pub use study::{Study, StudyError, StudyParameters, StudyStep};
