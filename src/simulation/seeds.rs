//! The seeds of a scenario's replications.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How many replications a scenario may have.
pub const MOST_SEEDS: u64 = 1_000_000;

/// Consecutive seeds, at least one: `"0..199"` is 200 of them, both ends
/// included, and `"7"` is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedRange {
    first: u64,
    last: u64,
}

/// Why a text is not a [`SeedRange`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotSeeds {
    /// Not one whole number, nor two with `..` between them.
    #[error("{0:?} is not a range of seeds such as \"0..199\"")]
    Unreadable(String),
    /// The end lies before the beginning.
    #[error("\"{first}..{last}\" has no seed in it, the last one must not be below the first")]
    Empty {
        /// What stands before the dots.
        first: u64,
        /// What stands after them.
        last: u64,
    },
    /// More than [`MOST_SEEDS`].
    #[error("\"{first}..{last}\" are more than {MOST_SEEDS} seeds")]
    TooMany {
        /// What stands before the dots.
        first: u64,
        /// What stands after them.
        last: u64,
    },
}

impl SeedRange {
    /// The seeds in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u64> {
        self.first..=self.last
    }

    /// The first.
    #[must_use]
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The first so many of them, all if they are fewer; `None` of 0.
    #[must_use]
    pub fn first_of(self, count: u64) -> Option<Self> {
        let last = self.first.checked_add(count.checked_sub(1)?)?;
        Some(Self {
            first: self.first,
            last: last.min(self.last),
        })
    }

    /// `count` seeds, of which `before` others come first from the beginning of
    /// this range; they may lie beyond its end. `None` of none, and where there
    /// are none left.
    #[must_use]
    pub fn part(self, before: u64, count: u64) -> Option<Self> {
        let first = self.first.checked_add(before)?;
        let last = first.checked_add(count.checked_sub(1)?)?;
        Some(Self { first, last })
    }

    /// How many there are: 1 or more.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.last - self.first + 1
    }
}

impl FromStr for SeedRange {
    type Err = NotSeeds;

    fn from_str(text: &str) -> Result<Self, NotSeeds> {
        let unreadable = || NotSeeds::Unreadable(text.to_owned());
        let number = |part: &str| part.trim().parse::<u64>().map_err(|_| unreadable());
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(text)?, number(text)?),
        };
        if last < first {
            return Err(NotSeeds::Empty { first, last });
        }
        if last - first >= MOST_SEEDS {
            return Err(NotSeeds::TooMany { first, last });
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for SeedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_a_range() {
        let range: SeedRange = "0..199".parse().unwrap();
        assert_eq!((range.count(), range.to_string()), (200, "0..199".into()));
        let one: SeedRange = "7".parse().unwrap();
        assert_eq!(one.iter().collect::<Vec<_>>(), [7]);
        assert_eq!(" 3 .. 4 ".parse::<SeedRange>().unwrap().count(), 2);
        assert_eq!(range.first_of(0), None);
        assert_eq!(range.first_of(20).unwrap().to_string(), "0..19");
        assert_eq!(one.first_of(9), Some(one));
        assert_eq!(range.part(200, 50).unwrap().to_string(), "200..249");
        assert_eq!((range.part(3, 0), range.part(u64::MAX, 2)), (None, None));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for (text, message) in [
            ("", "\"\" is not a range of seeds such as \"0..199\""),
            (
                "-1..3",
                "\"-1..3\" is not a range of seeds such as \"0..199\"",
            ),
            (
                "0..=3",
                "\"0..=3\" is not a range of seeds such as \"0..199\"",
            ),
            (
                "5..4",
                "\"5..4\" has no seed in it, the last one must not be below the first",
            ),
            ("0..1000000", "\"0..1000000\" are more than 1000000 seeds"),
            (
                "0..18446744073709551615",
                "\"0..18446744073709551615\" are more than 1000000 seeds",
            ),
        ] {
            assert_eq!(text.parse::<SeedRange>().unwrap_err().to_string(), message);
        }
    }
}
