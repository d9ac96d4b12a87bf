//! Reading fields: each is checked, and every fault of a request is collected
//! before the request is refused.

use std::fmt;

use uuid::Uuid;

use crate::engine::fault::FieldFault;

/// How many characters of a text that is too long a refusal repeats.
const SHOWN_CHARACTERS: usize = 40;

/// Where a field stands in a request: `cart.lines[2].unit_price`. A step and
/// the field that it is taken from, so that nothing is allocated before a fault
/// is found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    above: Option<&'a Field<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Name(&'static str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Field<'a> {
    /// A field of the request.
    pub const fn of(name: &'static str) -> Self {
        Self {
            above: None,
            step: Step::Name(name),
        }
    }

    /// A field of this field's message.
    pub const fn name(&'a self, name: &'static str) -> Self {
        Self {
            above: Some(self),
            step: Step::Name(name),
        }
    }

    /// An entry of this list, from 0.
    pub const fn index(&'a self, index: usize) -> Self {
        Self {
            above: Some(self),
            step: Step::Index(index),
        }
    }

    /// An entry of this map.
    pub const fn key(&'a self, key: &'a str) -> Self {
        Self {
            above: Some(self),
            step: Step::Key(key),
        }
    }
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(f, "{above}")?;
        }
        match (self.step, self.above) {
            (Step::Name(name), None) => f.write_str(name),
            (Step::Name(name), Some(_)) => write!(f, ".{name}"),
            (Step::Index(index), _) => write!(f, "[{index}]"),
            (Step::Key(key), _) => write!(f, "[{}]", Quoted(key)),
        }
    }
}

/// Text in quotes, its size told instead of its end when it is long.
pub(super) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        match text.char_indices().nth(SHOWN_CHARACTERS) {
            Some((end, _)) => write!(f, "{:?}… ({} bytes)", &text[..end], text.len()),
            None => write!(f, "{text:?}"),
        }
    }
}

/// Collects the faults of one request.
#[derive(Debug, Default)]
pub(super) struct Reader {
    faults: Vec<FieldFault>,
}

impl Reader {
    /// What was read, unless there were faults.
    pub fn finish<T>(self, read: T) -> Result<T, Vec<FieldFault>> {
        if self.faults.is_empty() {
            Ok(read)
        } else {
            Err(self.faults)
        }
    }

    /// A field holds what it may not.
    pub fn refuse(
        &mut self,
        field: &Field<'_>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) {
        self.faults
            .push(FieldFault::new(field.to_string(), value, expected));
    }

    /// A required field is not there.
    pub fn lack(&mut self, field: &Field<'_>, expected: impl Into<String>) {
        self.faults
            .push(FieldFault::missing(field.to_string(), expected));
    }

    /// Text that may be empty, handed on as it is.
    pub fn text(&mut self, field: &Field<'_>, text: String, most_bytes: usize) -> String {
        if text.len() > most_bytes {
            self.refuse(field, Quoted(&text), format!("at most {most_bytes} bytes"));
        } else if text.chars().any(char::is_control) {
            self.refuse(field, Quoted(&text), "text without control characters");
        }
        text
    }

    /// Text that must not be empty.
    pub fn required_text(&mut self, field: &Field<'_>, text: String, most_bytes: usize) -> String {
        if text.is_empty() {
            self.lack(field, format!("1 to {most_bytes} bytes"));
        }
        self.text(field, text, most_bytes)
    }

    /// A UUID in its 36-character form. The nil UUID stands for a fault.
    pub fn uuid(&mut self, field: &Field<'_>, text: &str) -> Uuid {
        const FORM: &str = "a UUID such as 0198c6f2-5d1e-7c3a-9b40-2f6f1d0c8a57, not nil";
        if text.is_empty() {
            self.lack(field, FORM);
            return Uuid::nil();
        }
        // The parser also takes forms without hyphens, in braces and as a URN.
        let hyphenated = text.len() == 36;
        match Uuid::try_parse(text) {
            Ok(id) if hyphenated && !id.is_nil() => id,
            _ => {
                self.refuse(field, Quoted(text), FORM);
                Uuid::nil()
            }
        }
    }

    /// A list that has at most so many entries.
    pub fn at_most(&mut self, field: &Field<'_>, count: usize, most: usize, entries: &str) {
        if count > most {
            self.refuse(
                field,
                format!("{count} {entries}"),
                format!("at most {most} {entries}"),
            );
        }
    }

    /// A whole number within bounds.
    pub fn whole(&mut self, field: &Field<'_>, number: i64, least: i64, most: i64) -> i64 {
        if !(least..=most).contains(&number) {
            self.refuse(field, number, format!("{least} to {most}"));
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_written_as_a_path() {
        let (cart, attributes) = (Field::of("cart"), Field::of("attributes"));
        let lines = cart.name("lines");
        let line = lines.index(3);
        assert_eq!(
            line.name("unit_price").to_string(),
            "cart.lines[3].unit_price"
        );
        assert_eq!(attributes.key("tier").to_string(), "attributes[\"tier\"]");
    }

    #[test]
    fn long_text_is_cut_and_measured() {
        let text = "é".repeat(200);
        let mut reader = Reader::default();
        reader.text(&Field::of("store"), text, 64);
        let faults = reader.finish(()).expect_err("too long");
        assert!(faults[0].value.ends_with("… (400 bytes)"), "{}", faults[0]);
        assert_eq!(faults[0].expected, "at most 64 bytes");
    }

    #[test]
    fn only_the_usual_form_of_a_uuid_is_read() {
        for text in [
            "0198c6f25d1e7c3a9b402f6f1d0c8a57",
            "{0198c6f2-5d1e-7c3a-9b40-2f6f1d0c8a57}",
            "urn:uuid:0198c6f2-5d1e-7c3a-9b40-2f6f1d0c8a57",
            "00000000-0000-0000-0000-000000000000",
            "0198c6f2-5d1e-7c3a-9b40-2f6f1d0c8a5g",
            "x",
            "",
        ] {
            let mut reader = Reader::default();
            reader.uuid(&Field::of("request_id"), text);
            assert!(
                reader.finish(()).is_err(),
                "{text:?} was taken for an id in its usual form"
            );
        }
        let mut reader = Reader::default();
        reader.uuid(
            &Field::of("request_id"),
            "0198C6F2-5D1E-7C3A-9B40-2F6F1D0C8A57",
        );
        assert!(reader.finish(()).is_ok(), "capital digits are digits");
    }
}
