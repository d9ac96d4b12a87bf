//! Text in the catalogue file that stands for an amount or a time.
//!
//! Both are kept as text until the check, which alone knows the currency and
//! the time zone; here only the notations of TOML and JSON are evened out.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// An amount in major units: `"49.90"`, or a whole number without quotes.
/// Never a floating-point number, which could not say 49.90 exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Amount(String);

impl Amount {
    /// From text, unchecked.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The amount as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount in quotes such as \"49.90\", or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
        Ok(Amount::new(text))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
        Ok(Amount::new(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
        Ok(Amount::new(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
        Err(E::invalid_type(Unexpected::Float(number), &self))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

/// A date, or a date and time, with or without an offset; TOML's own notation
/// without quotes is accepted too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TimeText(String);

impl TimeText {
    /// From text, unchecked.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The time as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a date and time such as 2027-02-06T00:00:00+08:00"
)]
enum EitherNotation {
    Quoted(String),
    Native(toml::value::Datetime),
}

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match EitherNotation::deserialize(deserializer)? {
            EitherNotation::Quoted(text) => Self(text),
            EitherNotation::Native(time) => Self(time.to_string()),
        })
    }
}
