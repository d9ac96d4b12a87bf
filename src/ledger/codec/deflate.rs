//! Compressed catalogues: raw DEFLATE (RFC 1951).

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::DecodeError;

/// The most bytes that a catalogue may have once it is read: a damaged or
/// malicious record must not fill the memory.
pub const MAX_INFLATED_BYTES: u64 = 512 * 1024 * 1024;

/// The bytes, compressed.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

/// What [`deflate`] was given.
///
/// # Errors
/// When the bytes are something else, or more than [`MAX_INFLATED_BYTES`].
pub fn inflate(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut inflated = Vec::new();
    let read = DeflateDecoder::new(bytes)
        .take(MAX_INFLATED_BYTES + 1)
        .read_to_end(&mut inflated);
    let malformed = |what: String| DecodeError::Malformed(format!("a compressed catalogue {what}"));
    read.map_err(|error| malformed(format!("does not decompress: {error}")))?;
    if inflated.len() as u64 > MAX_INFLATED_BYTES {
        return Err(malformed(format!(
            "has more than {MAX_INFLATED_BYTES} bytes"
        )));
    }
    Ok(inflated)
}
