//! Encryption of what a record says of its subject (ChaCha20-Poly1305, RFC
//! 8439).
//!
//! The nonce is derived from what makes a record unique under its key, so that
//! it need not be stored: the client's id of the request or event, and the
//! instant that the engine took it up.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use thiserror::Error;

use crate::domain::time::Instant;

/// A subject's key opens no sealed part, or has been destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnsealError {
    /// The subject was erased.
    #[error("the subject was erased")]
    Erased,
    /// The bytes were not sealed under this key.
    #[error("the sealed part does not open under its subject's key")]
    Forged,
}

/// What a nonce is derived from.
#[derive(Debug, Clone, Copy)]
pub struct NonceSeed<'a> {
    /// `decision` or `outcome`.
    pub kind: &'static str,
    /// The client's id of the request or event, or its hash.
    pub id: &'a [u8],
    /// When the engine took it up, as the record keeps it.
    pub at: Instant,
}

impl NonceSeed<'_> {
    fn nonce(self) -> Nonce {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.kind.as_bytes());
        hasher.update(&[0]);
        hasher.update(&self.at.unix_ms().to_le_bytes());
        hasher.update(self.id);
        let mut nonce = [0; 12];
        hasher.finalize_xof().fill(&mut nonce);
        nonce.into()
    }
}

/// Encrypts `plaintext` under a subject's key.
///
/// # Panics
/// Never: encryption fails only on plaintexts of 256 GiB.
#[must_use]
pub fn seal(key: &[u8; 32], seed: NonceSeed<'_>, plaintext: &[u8]) -> Vec<u8> {
    ChaCha20Poly1305::new(&Key::from(*key))
        .encrypt(&seed.nonce(), plaintext)
        .expect("a record is far below the cipher's limit of 256 GiB")
}

/// Decrypts what [`seal`] made.
///
/// # Errors
/// When the bytes were not sealed under this key and nonce.
pub fn unseal(key: &[u8; 32], seed: NonceSeed<'_>, sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
    ChaCha20Poly1305::new(&Key::from(*key))
        .decrypt(&seed.nonce(), sealed)
        .map_err(|_| UnsealError::Forged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_only_under_its_key_and_nonce() {
        let seed = NonceSeed {
            kind: "decision",
            id: b"id",
            at: Instant::from_unix_ms(5),
        };
        let sealed = seal(&[1; 32], seed, b"cart");
        assert_eq!(unseal(&[1; 32], seed, &sealed).as_deref(), Ok(&b"cart"[..]));
        assert_eq!(unseal(&[2; 32], seed, &sealed), Err(UnsealError::Forged));
        let other = NonceSeed {
            at: Instant::from_unix_ms(6),
            ..seed
        };
        assert_eq!(unseal(&[1; 32], other, &sealed), Err(UnsealError::Forged));
    }
}
