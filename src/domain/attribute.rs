//! Declared attributes, and conditions over them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What kind of value a declared attribute takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// Text.
    String,
    /// A finite number.
    Number,
    /// Yes or no.
    Boolean,
}

impl AttributeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::String, Self::Number, Self::Boolean];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// The value of an attribute. A number is finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Yes or no.
    Boolean(bool),
    /// A finite number.
    Number(f64),
    /// Text.
    String(String),
}

impl AttributeValue {
    /// The value's kind.
    #[must_use]
    pub const fn kind(&self) -> AttributeKind {
        match self {
            Self::Boolean(_) => AttributeKind::Boolean,
            Self::Number(_) => AttributeKind::Number,
            Self::String(_) => AttributeKind::String,
        }
    }
}

/// Attribute values by name, in the order of the names.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// A condition over attributes. One that speaks of an attribute that the
/// request does not carry does not hold (and under `not` it does).
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Every part holds; holds when there are none.
    All(Vec<Condition>),
    /// At least one part holds.
    Any(Vec<Condition>),
    /// The part does not hold.
    Not(Box<Condition>),
    /// One attribute compares so.
    Attribute {
        /// The attribute's name.
        name: String,
        /// How it has to compare.
        comparison: Comparison,
    },
}

/// How an attribute has to compare.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// Is this value.
    Equals(AttributeValue),
    /// Is one of these values.
    OneOf(Vec<AttributeValue>),
    /// Is a number from `at_least` (inclusive) to `below` (exclusive).
    Between {
        /// Inclusive; open where `None`.
        at_least: Option<f64>,
        /// Exclusive; open where `None`.
        below: Option<f64>,
    },
    /// Was given at all.
    Present,
}

impl Condition {
    /// Whether the condition holds for these attributes.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(attributes)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(attributes)),
            Self::Not(part) => !part.holds(attributes),
            Self::Attribute { name, comparison } => attributes
                .get(name)
                .is_some_and(|value| comparison.holds(value)),
        }
    }
}

impl Comparison {
    fn holds(&self, value: &AttributeValue) -> bool {
        match self {
            Self::Equals(expected) => value == expected,
            Self::OneOf(expected) => expected.contains(value),
            Self::Between { at_least, below } => match value {
                AttributeValue::Number(number) => {
                    at_least.is_none_or(|bound| *number >= bound)
                        && below.is_none_or(|bound| *number < bound)
                }
                _ => false,
            },
            Self::Present => true,
        }
    }
}
