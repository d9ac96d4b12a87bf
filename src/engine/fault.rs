//! What is wrong with a request: field, value, bound.

use std::fmt;

/// The longest value that an error repeats, in characters.
const SHOWN_CHARACTERS: usize = 80;

/// A field of a request that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's path, such as `cart.lines[2].quantity`.
    pub field: String,
    /// What it held, shortened.
    pub value: String,
    /// What it may hold.
    pub expected: String,
}

impl FieldFault {
    /// A fault of a field.
    #[must_use]
    pub fn new(
        field: impl Into<String>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        let full = value.to_string();
        let mut value: String = full.chars().take(SHOWN_CHARACTERS).collect();
        if value.len() < full.len() {
            value.push('…');
        }
        Self {
            field: field.into(),
            value,
            expected: expected.into(),
        }
    }

    /// A required field that was not given.
    #[must_use]
    pub fn missing(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            value: String::new(),
            expected: expected.into(),
        }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            write!(
                f,
                "{} is missing or empty, expected {}",
                self.field, self.expected
            )
        } else {
            write!(
                f,
                "{} is {}, expected {}",
                self.field, self.value, self.expected
            )
        }
    }
}

/// All of them in one line.
pub(super) fn list(faults: &[FieldFault]) -> String {
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.join("; ")
}
