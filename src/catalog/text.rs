//! The catalogue file: TOML to a document, with the line of every fault, and
//! back.
//!
//! Each entry of the file is read by itself, so that one that cannot be read
//! hides no fault of another: the whole file's faults come at once.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::check::{self, Origin, Unreadable};
use super::document::CatalogDocument;
use super::fault::{CatalogFaults, Fault, KeyPath, Step, nearest, quoted};
use super::numbering::Numbering;
use crate::segment::Segmentation;

/// The keys of a catalogue file, each a list of tables.
pub const KINDS: [&str; 9] = [
    "attribute",
    "segment",
    "placement",
    "calendar",
    "campaign",
    "offer",
    "stock",
    "exchange_rate",
    "affinity",
];

/// Reads a catalogue file. `source` names it in refusals.
///
/// # Errors
/// Every fault of the file: of its notation, or else of all entries' keys and
/// values, each with its line. A document that comes back has none.
pub fn read_toml(text: &str, source: &str) -> Result<CatalogDocument, CatalogFaults> {
    read_toml_beside(text, source, &[])
}

/// Reads the catalogue of a file that has other keys as well: `others` are
/// somebody else's to read.
///
/// # Errors
/// As [`read_toml`].
pub fn read_toml_beside(
    text: &str,
    source: &str,
    others: &[&str],
) -> Result<CatalogDocument, CatalogFaults> {
    let lines = Lines::of(text);
    let refuse = |mut faults: Vec<Fault>| {
        faults.sort_by_key(|fault| fault.line);
        Err(CatalogFaults::from_check(Some(source), faults))
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return refuse(
            errors
                .iter()
                .map(|error| notation_fault(error, &lines))
                .collect(),
        );
    }
    let table = table.into_inner();
    let mut reader = Reader {
        table: &table,
        lines: &lines,
        faults: Vec::new(),
    };
    reader.refuse_unknown_keys(others);
    let attributes = reader.entries("attribute", "name");
    let segments = reader.entries("segment", "id");
    let placements = reader.entries("placement", "id");
    let calendars = reader.entries("calendar", "id");
    let campaigns = reader.entries("campaign", "id");
    let offers = reader.entries("offer", "id");
    let stocks = reader.entries("stock", "sku");
    let exchange_rates = reader.entries("exchange_rate", "from");
    let affinity = reader.entries("affinity", "sku");
    let mut faults = reader.faults;
    let places = [
        ("attribute", attributes.places),
        ("segment", segments.places),
        ("placement", placements.places),
        ("calendar", calendars.places),
        ("campaign", campaigns.places),
        ("offer", offers.places),
        ("stock", stocks.places),
        ("exchange_rate", exchange_rates.places),
        ("affinity", affinity.places),
    ];
    let unreadable = Unreadable {
        attributes: attributes.unreadable,
        segments: segments.unreadable,
        calendars: calendars.unreadable,
        placements: placements.unreadable,
        campaigns: campaigns.unreadable,
        offers: offers.unreadable,
        stocks: stocks.unreadable,
    };
    let document = CatalogDocument {
        attributes: attributes.values,
        segments: segments.values,
        placements: placements.values,
        calendars: calendars.values,
        campaigns: campaigns.values,
        offers: offers.values,
        stocks: stocks.values,
        exchange_rates: exchange_rates.values,
        affinity: affinity.values,
    };
    let numbering = Numbering::default().including(&document);
    if let Err(found) = check::check(&document, &numbering, &unreadable, Origin::Written) {
        faults.extend(found.into_iter().map(|mut fault| {
            restore_place(&mut fault.path, &places);
            fault.line = Some(lines.at(locate(&table, &fault.path).start));
            fault
        }));
    }
    if faults.is_empty() {
        Ok(document)
    } else {
        refuse(faults)
    }
}

/// Reads the segments of a file, a whole catalogue or entries of one, with what is
/// needed of its attributes. `source` names it in refusals.
///
/// # Errors
/// As [`read_toml`], of these entries alone, and when there is no segment.
pub fn read_segments(text: &str, source: &str) -> Result<Segmentation, CatalogFaults> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let table = table.into_inner();
    let mut reader = Reader {
        table: &table,
        lines: &lines,
        faults: errors
            .iter()
            .map(|error| notation_fault(error, &lines))
            .collect(),
    };
    let attributes = reader.entries("attribute", "name");
    let segments = reader.entries("segment", "id");
    let mut faults = reader.faults;
    if faults.is_empty() {
        let document = CatalogDocument {
            attributes: attributes.values,
            segments: segments.values,
            ..CatalogDocument::default()
        };
        match check::check_segments(&document) {
            Ok(segmentation) => return Ok(segmentation),
            Err(found) => faults.extend(found.into_iter().map(|mut fault| {
                fault.line = Some(lines.at(locate(&table, &fault.path).start));
                fault
            })),
        }
    }
    faults.sort_by_key(|fault| fault.line);
    Err(CatalogFaults::from_check(Some(source), faults))
}

/// The document, or entries of one, as a catalogue file that opens with a comment.
///
/// # Errors
/// When it holds what TOML cannot say, which no checked document does.
pub fn write_toml(document: &impl Serialize, comment: &str) -> Result<String, toml::ser::Error> {
    let mut text = String::new();
    for line in comment.lines() {
        text.push_str(if line.is_empty() { "#" } else { "# " });
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&toml::to_string(document)?);
    Ok(text)
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(place, _)| place + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// The number, from 1, of the line that holds a byte.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }
}

fn notation_fault(error: &toml::de::Error, lines: &Lines) -> Fault {
    Fault {
        path: KeyPath::default(),
        line: error.span().map(|span| lines.at(span.start)),
        subject: None,
        value: None,
        rule: format!("is not TOML: {}", error.message()),
        nearest: None,
    }
}

/// Entries of one kind.
struct Entries<T> {
    /// Those that could be read.
    values: Vec<T>,
    /// Where each of them stands in the file's list.
    places: Vec<usize>,
    /// The ids of the others, as far as they have one.
    unreadable: BTreeSet<String>,
}

struct Reader<'a> {
    table: &'a DeTable<'a>,
    lines: &'a Lines,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn refuse_unknown_keys(&mut self, others: &[&str]) {
        let known = [&KINDS, others].concat();
        let what = if others.is_empty() {
            "a catalogue"
        } else {
            "this file"
        };
        for key in self.table.keys() {
            let name = key.get_ref();
            if !known.contains(&name.as_ref()) {
                self.faults.push(Fault {
                    path: KeyPath(vec![Step::Key(Cow::Owned(name.to_string()))]),
                    line: Some(self.lines.at(key.span().start)),
                    subject: None,
                    value: None,
                    rule: format!("is unknown: {what} has {}", known.join(", ")),
                    nearest: nearest(name, known.iter().copied()),
                });
            }
        }
    }

    fn entries<T: DeserializeOwned>(&mut self, kind: &'static str, name_key: &str) -> Entries<T> {
        let mut entries = Entries {
            values: Vec::new(),
            places: Vec::new(),
            unreadable: BTreeSet::new(),
        };
        let list = match find(self.table, kind) {
            None => return entries,
            Some((_, value)) => value,
        };
        let DeValue::Array(array) = list.get_ref() else {
            self.faults.push(Fault {
                path: KeyPath(vec![Step::Key(Cow::Borrowed(kind))]),
                line: Some(self.lines.at(list.span().start)),
                subject: None,
                value: None,
                rule: format!("must be written as [[{kind}]], once for each"),
                nearest: None,
            });
            return entries;
        };
        for (index, entry) in array.iter().enumerate() {
            match T::deserialize(ValueDeserializer::from(entry.clone())) {
                Ok(value) => {
                    entries.values.push(value);
                    entries.places.push(index);
                }
                Err(error) => {
                    let name = text_of(entry, name_key);
                    self.refuse_entry(kind, index, entry, name, &error);
                    entries.unreadable.extend(name.map(str::to_owned));
                }
            }
        }
        entries
    }

    fn refuse_entry(
        &mut self,
        kind: &'static str,
        index: usize,
        entry: &Spanned<DeValue<'_>>,
        name: Option<&str>,
        error: &toml::de::Error,
    ) {
        let span = error.span().unwrap_or_else(|| entry.span());
        let mut steps = vec![Step::Key(Cow::Borrowed(kind)), Step::Index(index)];
        extend_to(entry, &span, &mut steps);
        self.faults.push(Fault {
            path: KeyPath(steps),
            line: Some(self.lines.at(span.start)),
            subject: name.map(|name| format!("{kind} {}", quoted(name))),
            value: None,
            rule: error.message().to_owned(),
            nearest: nearest_expected(error.message()),
        });
    }
}

fn find<'t, 'i>(
    table: &'t DeTable<'i>,
    name: &str,
) -> Option<(&'t Spanned<Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    table.iter().find(|(key, _)| key.get_ref() == name)
}

fn text_of<'v>(entry: &'v Spanned<DeValue<'_>>, key: &str) -> Option<&'v str> {
    let DeValue::Table(table) = entry.get_ref() else {
        return None;
    };
    match find(table, key)?.1.get_ref() {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

/// Adds the steps from `value` to the innermost part that holds `span`.
fn extend_to(value: &Spanned<DeValue<'_>>, span: &Range<usize>, steps: &mut Vec<Step>) {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    match value.get_ref() {
        DeValue::Table(table) => {
            for (key, inner) in table {
                if holds(inner.span()) || holds(key.span()) {
                    steps.push(Step::Key(Cow::Owned(key.get_ref().to_string())));
                    return extend_to(inner, span, steps);
                }
            }
        }
        DeValue::Array(array) => {
            for (index, inner) in array.iter().enumerate() {
                if holds(inner.span()) {
                    steps.push(Step::Index(index));
                    return extend_to(inner, span, steps);
                }
            }
        }
        _ => {}
    }
}

/// The name that was most likely meant, from a refusal such as
/// ``unknown field `titel`, expected one of `id`, `title` ``.
pub fn nearest_expected(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown ")?;
    let mut names = rest.split('`').skip(1).step_by(2);
    let name = names.next()?;
    nearest(name, names)
}

/// Where the part of the file stands that a path leads to, or the last part on
/// the way that is there: its key, or the entry of a list.
fn locate(table: &DeTable<'_>, path: &KeyPath) -> Range<usize> {
    let mut span = 0..0;
    let mut steps = path.0.iter();
    let Some((key, mut value)) = steps.next().and_then(|step| match step {
        Step::Key(name) => find(table, name),
        Step::Index(_) => None,
    }) else {
        return span;
    };
    span = key.span();
    for step in steps {
        let inner = match (step, value.get_ref()) {
            (Step::Key(name), DeValue::Table(table)) => {
                find(table, name).map(|(key, value)| (key.span(), value))
            }
            (Step::Index(index), DeValue::Array(array)) => {
                array.get(*index).map(|value| (value.span(), value))
            }
            _ => None,
        };
        let Some((inner_span, inner_value)) = inner else {
            break;
        };
        span = inner_span;
        value = inner_value;
    }
    span
}

/// Counts the entries that could not be read in again.
fn restore_place(path: &mut KeyPath, places: &[(&str, Vec<usize>)]) {
    if let [Step::Key(kind), Step::Index(index), ..] = path.0.as_mut_slice() {
        let places = places.iter().find(|(name, _)| name == kind);
        if let Some(place) = places.and_then(|(_, places)| places.get(*index)) {
            *index = *place;
        }
    }
}
