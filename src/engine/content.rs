//! The hash of a request's content: what tells a retry from another request
//! under the same id.

use crate::domain::attribute::{AttributeValue, Attributes};
use crate::domain::keys::HashKey;

/// Gathers the fields of a request, each with its length or in a fixed width,
/// so that no two contents gather to the same bytes.
#[derive(Debug, Default)]
pub(super) struct Content(Vec<u8>);

impl Content {
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as i64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    pub fn number(&mut self, number: i64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.0.push(u8::from(flag));
        self
    }

    pub fn attributes(&mut self, attributes: &Attributes) -> &mut Self {
        self.number(attributes.len() as i64);
        for (name, value) in attributes {
            self.text(name);
            match value {
                AttributeValue::String(text) => self.number(1).text(text),
                AttributeValue::Number(number) => {
                    self.number(2).number(number.to_bits().cast_signed())
                }
                AttributeValue::Boolean(flag) => self.number(3).flag(*flag),
            };
        }
        self
    }

    /// The first 8 bytes of the keyed hash.
    pub fn fingerprint(&self, key: &HashKey) -> u64 {
        key.hash_u64(b"content", &[&self.0])
    }

    /// 16 bytes of the keyed hash in a domain of its own.
    pub fn key(&self, key: &HashKey, domain: &[u8]) -> [u8; 16] {
        key.hash(domain, &[&self.0])
    }
}
