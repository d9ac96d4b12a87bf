//! The catalogue that is built in: a shop at Spring Festival (春节).

use super::document::CatalogDocument;
use super::text::read_toml;

/// The starter catalogue as a file, with its comments.
pub const STARTER_TOML: &str = include_str!("starter.toml");

/// The starter catalogue. It has offers of every kind, all of them on.
///
/// # Panics
/// Never: a test reads the file.
#[must_use]
pub fn starter() -> CatalogDocument {
    read_toml(STARTER_TOML, "starter.toml").expect("the built-in catalogue has no fault")
}
