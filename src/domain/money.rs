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

impl Currency {
    /// The minor units of an amount that people wrote in major units: digits,
    /// and after a point at most as many as the currency has. No sign, no
    /// exponent, nothing between the digits.
    ///
    /// # Errors
    /// When the text is no such amount, is finer than the minor unit, or is
    /// above [`MAX_MINOR_UNITS`].
    pub fn parse_minor_units(self, text: &str) -> Result<i64, NotAnAmount> {
        let shortened = || text.chars().take(40).collect::<String>();
        let unreadable = || NotAnAmount::Unreadable { text: shortened() };
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(unreadable()),
            None => (text, ""),
        };
        let mut digits = whole.bytes().chain(fraction.bytes());
        if whole.is_empty() || !digits.all(|digit| digit.is_ascii_digit()) {
            return Err(unreadable());
        }
        let places = self.minor_digits() as usize;
        if fraction.len() > places {
            return Err(NotAnAmount::TooFine {
                text: shortened(),
                currency: self,
            });
        }
        let padding = std::iter::repeat_n(b'0', places - fraction.len());
        let mut minor_units: i64 = 0;
        for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
            // Below 10^16 after every step, so nothing overflows.
            minor_units = minor_units * 10 + i64::from(digit - b'0');
            if minor_units > MAX_MINOR_UNITS {
                return Err(NotAnAmount::TooLarge {
                    text: shortened(),
                    currency: self,
                });
            }
        }
        Ok(minor_units)
    }
}

/// Why text is not an amount of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAnAmount {
    /// Not a plain decimal number.
    #[error("{text:?} is not an amount such as 100 or 49.90")]
    Unreadable {
        /// What was given, cut short.
        text: String,
    },
    /// More decimals than the currency has.
    #[error("{text:?} is too fine: {currency} has {} decimals", .currency.minor_digits())]
    TooFine {
        /// What was given, cut short.
        text: String,
        /// Of which currency.
        currency: Currency,
    },
    /// Above the largest amount.
    #[error(
        "{text:?} is above {}",
        Money { minor_units: MAX_MINOR_UNITS, currency: *.currency }
    )]
    TooLarge {
        /// What was given, cut short.
        text: String,
        /// Of which currency.
        currency: Currency,
    },
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

    #[test]
    fn amounts_are_read_to_the_last_minor_unit() {
        let cny = Currency::from_code("CNY").expect("a currency");
        let jpy = Currency::from_code("JPY").expect("a currency");
        let kwd = Currency::from_code("KWD").expect("a currency");
        for (currency, text, minor_units) in [
            (cny, "100", 10_000),
            (cny, "49.9", 4_990),
            (cny, "49.90", 4_990),
            (cny, "0.01", 1),
            (cny, "0", 0),
            (jpy, "1230", 1_230),
            (kwd, "1.005", 1_005),
            (cny, "10000000000000.00", MAX_MINOR_UNITS),
        ] {
            assert_eq!(currency.parse_minor_units(text), Ok(minor_units), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        let cny = Currency::from_code("CNY").expect("a currency");
        let jpy = Currency::from_code("JPY").expect("a currency");
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1,000", "1 000", "１", "1.2.3",
        ] {
            let refusal = cny.parse_minor_units(text).expect_err(text);
            assert!(matches!(refusal, NotAnAmount::Unreadable { .. }), "{text}");
        }
        assert_eq!(
            cny.parse_minor_units("1.005").expect_err("fen").to_string(),
            "\"1.005\" is too fine: CNY has 2 decimals"
        );
        assert!(matches!(
            jpy.parse_minor_units("1.0"),
            Err(NotAnAmount::TooFine { .. })
        ));
        for text in ["10000000000000.01", "99999999999999999999999999"] {
            let refusal = cny.parse_minor_units(text).expect_err(text);
            assert!(matches!(refusal, NotAnAmount::TooLarge { .. }), "{text}");
        }
    }
}
