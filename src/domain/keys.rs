//! Keyed hashes: what is kept of ids that clients made.
//!
//! A shopper's id, an event's id, an order's id never enter the ledger in the
//! clear; their BLAKE3 keyed hashes do. The key belongs to the data directory.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a 16-byte keyed hash of one kind of id.
macro_rules! keyed_hash {
    ($(#[$meta:meta])* $name:ident, $domain:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The hash of `id` under `key`.
            #[must_use]
            pub fn of(key: &HashKey, id: &[u8]) -> Self {
                Self(key.hash($domain, &[id]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:032x})"), u128::from_be_bytes(self.0))
            }
        }
    };
}

keyed_hash!(
    /// A shopper.
    Pseudonym,
    b"shopper"
);
keyed_hash!(
    /// A visit.
    SessionKey,
    b"session"
);
keyed_hash!(
    /// A visit whose decisions are learnt together: told apart from the session
    /// itself, since it stands in the clear.
    VisitKey,
    b"visit"
);
keyed_hash!(
    /// An outcome event.
    EventKey,
    b"event"
);
keyed_hash!(
    /// An order.
    OrderKey,
    b"order"
);

/// Finds the decision that a reload of the page gets again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReloadKey(pub [u8; 16]);

impl fmt::Debug for ReloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReloadKey({:032x})", u128::from_be_bytes(self.0))
    }
}

/// Whose share of a limit: a shopper's, a session's, a device's, a store's, a
/// payment fingerprint's. It is a hash apart from the other keys, so that it
/// cannot be matched with them without the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShareKey(pub [u8; 16]);

impl ShareKey {
    /// The share of `id` among those of one scope.
    #[must_use]
    pub fn of(key: &HashKey, scope: &str, id: &[u8]) -> Self {
        Self(key.hash(b"limit share", &[scope.as_bytes(), id]))
    }
}

impl fmt::Debug for ShareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShareKey({:032x})", u128::from_be_bytes(self.0))
    }
}

/// Which subject's encryption key covers a record's sealed part. 0 is nobody's:
/// requests that name neither a shopper nor a session.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct SubjectNumber(pub u64);

impl SubjectNumber {
    /// Nobody.
    pub const NOBODY: Self = Self(0);
}

/// The secret that keyed hashes are made with.
#[derive(Clone)]
pub struct HashKey([u8; 32]);

impl HashKey {
    /// From 32 secret bytes.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The first 16 bytes of the keyed hash of `parts` in `domain`. Each part
    /// goes in with its length, so that no two lists of parts collide.
    #[must_use]
    pub fn hash(&self, domain: &[u8], parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in std::iter::once(&domain).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        out
    }

    /// The first 8 bytes of [`Self::hash`].
    #[must_use]
    pub fn hash_u64(&self, domain: &[u8], parts: &[&[u8]]) -> u64 {
        let hash = self.hash(domain, parts);
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_le_bytes(first)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_parts_do_not_run_into_each_other() {
        let key = HashKey::new([7; 32]);
        assert_ne!(
            key.hash(b"d", &[b"ab", b"c"]),
            key.hash(b"d", &[b"a", b"bc"])
        );
        assert_ne!(key.hash(b"d", &[b"ab"]), key.hash(b"e", &[b"ab"]));
        assert_ne!(Pseudonym::of(&key, b"x").0, SessionKey::of(&key, b"x").0);
    }
}
