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

/// A condition: tests, combined. Over attributes unless it says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition<T = AttributeTest> {
    /// Every part holds; holds when there are none.
    All(Vec<Condition<T>>),
    /// At least one part holds.
    Any(Vec<Condition<T>>),
    /// The part does not hold.
    Not(Box<Condition<T>>),
    /// The test holds.
    Test(T),
}

/// One attribute compares so. A test of an attribute that the request does not
/// carry does not hold (and under `not` it does).
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeTest {
    /// The attribute's name.
    pub name: String,
    /// How it has to compare.
    pub comparison: Comparison,
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

impl<T> Condition<T> {
    /// Whether the condition holds, given which tests do.
    #[must_use]
    pub fn holds_where(&self, test_holds: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds_where(test_holds)),
            Self::Any(parts) => parts.iter().any(|part| part.holds_where(test_holds)),
            Self::Not(part) => !part.holds_where(test_holds),
            Self::Test(test) => test_holds(test),
        }
    }
}

impl Condition {
    /// Whether the condition holds for these attributes.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> bool {
        self.holds_where(&|test| test.holds(attributes))
    }
}

impl AttributeTest {
    /// Whether the attribute is there and compares so.
    #[must_use]
    pub fn holds(&self, attributes: &Attributes) -> bool {
        let value = attributes.get(&self.name);
        value.is_some_and(|value| self.comparison.holds(value))
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
