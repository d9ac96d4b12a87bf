//! Identifiers. Each is its own type, so that an offer's number cannot be
//! passed where a segment's is asked for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a number that the catalogue gives to a name when the name is first
/// imported and never gives to another name afterwards.
macro_rules! interned_number {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

interned_number!(
    /// An offer's number: the bandit's arm.
    OfferNumber
);
interned_number!(
    /// A segment's number: the bandit's context in tabular policies.
    SegmentNumber
);
interned_number!(
    /// A placement's number.
    PlacementNumber
);
interned_number!(
    /// A limit's number.
    LimitNumber
);
interned_number!(
    /// The version of the catalogue: 1 for the first import, one more with
    /// every change.
    CatalogVersion
);

/// The place of an event in the ledger. The first event has position 1;
/// 0 means "before everything".
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The hash of everything in the ledger up to and including one event:
/// `head(n) = blake3(head(n − 1) ‖ bytes of event n)`, `head(0)` is all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// The head of an empty ledger.
    pub const START: Self = Self([0; 32]);

    /// The hash that [`Display`](fmt::Display) wrote; `None` for anything but 64
    /// hexadecimal digits.
    #[must_use]
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let are_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if digits.len() != 2 * bytes.len() || !are_digits {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The head after one more record with these bytes.
    #[must_use]
    pub fn after(self, record_bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(record_bytes);
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}
