//! What one currency is worth in another, as a shop declares it.

use std::fmt;

use super::money::{Currency, MAX_MINOR_UNITS};

/// How many parts of a rate make one.
const PARTS: i128 = 1_000_000_000;
/// The decimals of a rate.
const DECIMALS: usize = 9;
/// The largest rate.
const MAX_RATE: u64 = 1_000_000_000;

/// How many major units of one currency a major unit of another is worth: above
/// 0, at most 10⁹, with nine decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExchangeRate {
    /// In thousand-millionths.
    billionths: u64,
}

impl ExchangeRate {
    /// The rate of so many thousand-millionths; `None` when it is 0 or above 10⁹.
    #[must_use]
    pub fn from_billionths(billionths: u64) -> Option<Self> {
        let most = MAX_RATE * 1_000_000_000;
        (1..=most)
            .contains(&billionths)
            .then_some(Self { billionths })
    }

    /// In thousand-millionths.
    #[must_use]
    pub const fn billionths(self) -> u64 {
        self.billionths
    }

    /// The rate that people write: digits, and after a point at most nine more.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (text, ""),
        };
        let mut digits = whole.bytes().chain(fraction.bytes());
        let readable = (1..=10).contains(&whole.len())
            && fraction.len() <= DECIMALS
            && digits.all(|digit| digit.is_ascii_digit());
        if !readable {
            return None;
        }
        let padding = "0".repeat(DECIMALS - fraction.len());
        let billionths = format!("{whole}{fraction}{padding}").parse().ok()?;
        Self::from_billionths(billionths)
    }
}

impl fmt::Display for ExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (
            self.billionths / 1_000_000_000,
            self.billionths % 1_000_000_000,
        );
        let digits = format!("{parts:09}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            digits => write!(f, "{whole}.{digits}"),
        }
    }
}

/// From one currency to another at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Conversion {
    /// What amounts came in.
    pub from: Currency,
    /// What they are counted in.
    pub to: Currency,
    /// Major units of the second for one of the first.
    pub rate: ExchangeRate,
}

impl Conversion {
    /// What minor units of the first currency come to in minor units of the
    /// second, half a unit up; at most [`MAX_MINOR_UNITS`] either way.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // clamped to what fits
    pub fn minor_units(&self, amount: i64) -> i64 {
        let numerator = i128::from(amount)
            * i128::from(self.rate.billionths)
            * i128::from(self.to.minor_per_major());
        let denominator = PARTS * i128::from(self.from.minor_per_major());
        let rounded = (2 * numerator + denominator).div_euclid(2 * denominator);
        let most = i128::from(MAX_MINOR_UNITS);
        rounded.clamp(-most, most) as i64
    }
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1 {} = {} {}", self.from, self.rate, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversion(from: &str, to: &str, rate: &str) -> Conversion {
        let currency = |code| Currency::from_code(code).expect("a currency");
        Conversion {
            from: currency(from),
            to: currency(to),
            rate: ExchangeRate::parse(rate).expect("a rate"),
        }
    }

    #[test]
    fn amounts_convert_between_currencies_of_any_decimals() {
        let cases = [
            ("USD", "CNY", "7.1234", 10_000, 71_234),
            // 0.01 USD is 0.071234 CNY, 0.07 USD 0.498638 CNY.
            ("USD", "CNY", "7.1234", 1, 7),
            ("USD", "CNY", "7.1234", 7, 50),
            ("JPY", "CNY", "0.05", 1_000, 5_000),
            // 0.1 CNY is rounded up.
            ("JPY", "CNY", "0.005", 1, 1),
            ("KWD", "JPY", "500", 1_000, 500),
            ("CNY", "KWD", "0.043", 100, 43),
            ("USD", "CNY", "7.1234", 0, 0),
            ("USD", "CNY", "1000000000", MAX_MINOR_UNITS, MAX_MINOR_UNITS),
        ];
        for (from, to, rate, amount, expected) in cases {
            let converted = conversion(from, to, rate).minor_units(amount);
            assert_eq!(converted, expected, "{amount} {from} to {to} at {rate}");
        }
    }

    #[test]
    fn a_rate_reads_as_it_is_written() {
        for text in ["7.1234", "1", "0.000000001", "1000000000", "0.05"] {
            let rate = ExchangeRate::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(rate.to_string(), text);
            assert_eq!(ExchangeRate::from_billionths(rate.billionths()), Some(rate));
        }
        for text in [
            "0",
            "0.0",
            "-1",
            "1.",
            ".5",
            "1e3",
            "1000000001",
            "0.0000000001",
            "",
        ] {
            assert_eq!(ExchangeRate::parse(text), None, "{text}");
        }
    }
}
