//! Money: integer minor units with an ISO 4217 currency, never a float.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The largest amount accepted from outside, in minor units: 10^15, so that the
/// sum of nine thousand such amounts still fits an `i64`.
pub const MAX_MINOR_UNITS: i64 = 1_000_000_000_000_000;

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The currency of a three-letter code in capitals.
    ///
    /// # Errors
    /// When ISO 4217 knows no such code, or the code names no money (`XXX`,
    /// `XTS`, precious metals).
    pub fn from_code(code: &str) -> Result<Self, UnknownCurrency> {
        let unknown = || UnknownCurrency {
            code: code.chars().take(16).collect(),
        };
        let currency = iso_currency::Currency::from_code(code).ok_or_else(unknown)?;
        match currency.exponent() {
            Some(exponent) if exponent <= 4 => Ok(Self(currency)),
            _ => Err(unknown()),
        }
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimal digits the minor unit has: 2 for CNY, 0 for JPY.
    #[must_use]
    pub fn minor_digits(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// How many minor units make one major unit: 100 for CNY, 1 for JPY.
    #[must_use]
    pub fn minor_per_major(self) -> i64 {
        10_i64.pow(self.minor_digits())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;

    fn try_from(code: String) -> Result<Self, UnknownCurrency> {
        Self::from_code(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// A code that is no currency.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code:?} is not an ISO 4217 currency code such as CNY or EUR")]
pub struct UnknownCurrency {
    /// What was given.
    pub code: String,
}

/// An amount in a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Minor units: fen, cents, yen.
    pub minor_units: i64,
    /// Of which currency.
    pub currency: Currency,
}

impl fmt::Display for Money {
    /// `-12.30 CNY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor_units < 0 { "-" } else { "" };
        let digits = self.currency.minor_digits() as usize;
        let per_major = self.currency.minor_per_major().unsigned_abs();
        let magnitude = self.minor_units.unsigned_abs();
        write!(f, "{sign}{}", magnitude / per_major)?;
        if digits > 0 {
            write!(f, ".{:0digits$}", magnitude % per_major)?;
        }
        write!(f, " {}", self.currency)
    }
}

/// Hundredths of a percent, from 0 to 10,000.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// Everything: 100 %.
    pub const ALL: u16 = 10_000;

    /// `None` above 10,000.
    #[must_use]
    pub fn new(basis_points: u16) -> Option<Self> {
        (basis_points <= Self::ALL).then_some(Self(basis_points))
    }

    /// Hundredths of a percent.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_people_write_it() {
        let cny = Currency::from_code("CNY").expect("a currency");
        let jpy = Currency::from_code("JPY").expect("a currency");
        assert_eq!(
            Money {
                minor_units: -1_230,
                currency: cny
            }
            .to_string(),
            "-12.30 CNY"
        );
        assert_eq!(
            Money {
                minor_units: 5,
                currency: cny
            }
            .to_string(),
            "0.05 CNY"
        );
        assert_eq!(
            Money {
                minor_units: 1_230,
                currency: jpy
            }
            .to_string(),
            "1230 JPY"
        );
    }

    #[test]
    fn what_is_no_money_is_refused() {
        for code in ["", "cny", "ABC", "XXX", "XAU", "CNYY"] {
            assert!(
                Currency::from_code(code).is_err(),
                "{code} was taken for a currency"
            );
        }
    }
}
