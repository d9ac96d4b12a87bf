//! Instants and spans. An instant is UTC with millisecond precision; only the
//! edge reads a clock, everywhere else time is an argument.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(i64);

impl Instant {
    /// 9999-12-31T23:59:59.999Z: the last instant that the wire can carry.
    pub const LAST: Self = Self(253_402_300_799_999);

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// The instant `span` later; stops at the ends of `i64`.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.ms()))
    }

    /// The instant `span` earlier; stops at the ends of `i64`.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.ms()))
    }

    /// The span from `earlier` to this instant, zero when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        let ms = self.0.saturating_sub(earlier.0);
        Span(if ms < 0 { 0 } else { ms })
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 with milliseconds, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
    }
}

/// A length of time in milliseconds, never negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(i64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From milliseconds; negative ones count as zero.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(if ms < 0 { 0 } else { ms })
    }

    /// From seconds; negative ones count as zero.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_ms(seconds.saturating_mul(1_000))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// The sum; stops at the end of `i64`.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The units that a span is written in, largest first, in milliseconds.
const SPAN_UNITS: [(&str, i64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl fmt::Display for Span {
    /// The largest unit that divides the span: `7d`, `90min`, `1500ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SPAN_UNITS
            .iter()
            .find(|(_, ms)| self.0 != 0 && self.0 % ms == 0)
        {
            Some((unit, ms)) => write!(f, "{}{unit}", self.0 / ms),
            None => write!(f, "{}ms", self.0),
        }
    }
}

/// Why text is not a [`Span`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotASpan {
    /// Not a whole number with a unit.
    #[error("{text:?} is not a length of time such as 7d, 12h, 90min, 30s or 500ms")]
    Unreadable {
        /// What was given, cut short.
        text: String,
    },
    /// More milliseconds than can be counted.
    #[error("{text:?} is longer than {} days", i64::MAX / 86_400_000)]
    TooLong {
        /// What was given, cut short.
        text: String,
    },
}

impl FromStr for Span {
    type Err = NotASpan;

    /// Reads what [`Display`](fmt::Display) writes: a whole number and one of
    /// the units `d`, `h`, `min`, `s`, `ms`, with nothing between or around
    /// them. A day is 24 hours.
    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let shortened = || text.chars().take(40).collect::<String>();
        let unreadable = || NotASpan::Unreadable { text: shortened() };
        let too_long = || NotASpan::TooLong { text: shortened() };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let (_, unit_ms) = SPAN_UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(unreadable)?;
        if number.is_empty() {
            return Err(unreadable());
        }
        let count: i64 = number.parse().map_err(|_| too_long())?;
        count.checked_mul(*unit_ms).map(Self).ok_or_else(too_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_they_are_written() {
        for (text, ms) in [
            ("7d", 604_800_000),
            ("12h", 43_200_000),
            ("90min", 5_400_000),
            ("30s", 30_000),
            ("1500ms", 1_500),
            ("0ms", 0),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span.ms(), ms, "{text}");
            assert_eq!(span.to_string(), text);
        }
        assert_eq!("0d".parse(), Ok(Span::ZERO));
        assert_eq!(
            "24h".parse::<Span>().map(|span| span.to_string()),
            Ok("1d".into())
        );
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "", "7", "d", "-7d", "7 d", "7D", "1.5h", "7d3h", "+7d", "７d", "7m",
        ] {
            let refusal = text.parse::<Span>().expect_err(text);
            assert!(matches!(refusal, NotASpan::Unreadable { .. }), "{text}");
        }
        for text in ["99999999999999999999s", "106751991168d"] {
            let refusal = text.parse::<Span>().expect_err(text);
            assert!(matches!(refusal, NotASpan::TooLong { .. }), "{text}");
        }
        assert_eq!(
            "7m".parse::<Span>().expect_err("m is no unit").to_string(),
            "\"7m\" is not a length of time such as 7d, 12h, 90min, 30s or 500ms"
        );
    }
}
