//! Ids: how they may be written, that each is used once, and what refers to
//! what.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault::{Faults, Place, quoted};
use crate::domain::money::BasisPoints;

/// The most bytes of an id.
const MAX_ID_BYTES: usize = 64;
/// The most characters of a title.
const MAX_TITLE_CHARS: usize = 200;
/// The most bytes of an article number.
const MAX_SKU_BYTES: usize = 128;

/// The names of one kind of entry.
pub(super) struct Names<'a> {
    kind: &'static str,
    /// Where each stands in its list; `None` for one that could not be read.
    places: BTreeMap<&'a str, Option<usize>>,
}

impl<'a> Names<'a> {
    /// Collects the names of a list, refusing what is badly written or twice
    /// the same.
    pub(super) fn collect(
        kind: &'static str,
        key: &'static str,
        names: impl Iterator<Item = &'a str>,
        unreadable: &'a BTreeSet<String>,
        faults: &mut Faults,
    ) -> Self {
        let list = Place::top(kind);
        let unreadable = unreadable.iter().map(|name| (name.as_str(), None));
        let mut places: BTreeMap<&str, Option<usize>> = unreadable.collect();
        for (index, name) in names.enumerate() {
            let entry = list.index(index);
            let place = entry.key(key);
            if !is_id(name) {
                faults.refuse(&place, quoted(name), id_rule());
            }
            match places.get(name) {
                None => {
                    places.insert(name, Some(index));
                }
                Some(Some(first)) => {
                    let rule = format!("must be used once, {kind}[{first}] has it already");
                    faults.refuse(&place, quoted(name), rule);
                }
                Some(None) => {
                    let rule = format!("must be used once, another {kind} has it already");
                    faults.refuse(&place, quoted(name), rule);
                }
            }
        }
        Self { kind, places }
    }

    /// Where the entry of a name stands in its list: `None` when there is no
    /// such name, which is a fault, or when its entry could not be read, which
    /// is another's.
    pub(super) fn resolve(
        &self,
        place: &Place<'_>,
        name: &str,
        faults: &mut Faults,
    ) -> Option<usize> {
        match self.places.get(name) {
            Some(index) => *index,
            None => {
                let rule = format!("must name an entry of {}", self.kind);
                faults.unknown(place, name, rule, self.iter());
                None
            }
        }
    }

    /// Whether the list has this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Where the entry of a name stands in its list, if it can be read.
    pub(super) fn place_of(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied().flatten()
    }

    /// Every name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.places.keys().copied()
    }
}

/// How an id may be written.
#[must_use]
pub fn id_rule() -> String {
    format!("must have 1 to {MAX_ID_BYTES} of the characters a to z, 0 to 9, '_', '-' and '.'")
}

/// Whether it is written so.
#[must_use]
pub fn is_id(name: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    (1..=MAX_ID_BYTES).contains(&name.len()) && name.bytes().all(allowed)
}

/// The title, or the id where there is none.
pub(super) fn title(
    entry: &Place<'_>,
    title: Option<&str>,
    id: &str,
    faults: &mut Faults,
) -> String {
    let Some(title) = title else {
        return id.to_owned();
    };
    let length = title.chars().count();
    if !(1..=MAX_TITLE_CHARS).contains(&length) || title.chars().any(char::is_control) {
        let rule = format!("must have 1 to {MAX_TITLE_CHARS} characters and no control characters");
        faults.refuse(&entry.key("title"), quoted(title), rule);
    }
    title.to_owned()
}

/// An article number.
pub(super) fn sku(place: &Place<'_>, sku: &str, faults: &mut Faults) -> String {
    if !(1..=MAX_SKU_BYTES).contains(&sku.len()) || sku.chars().any(char::is_control) {
        let rule = format!("must have 1 to {MAX_SKU_BYTES} bytes and no control characters");
        faults.refuse(place, quoted(sku), rule);
    }
    sku.to_owned()
}

/// A whole number within bounds.
pub(super) fn whole(
    place: &Place<'_>,
    value: i64,
    least: i64,
    most: i64,
    faults: &mut Faults,
) -> Option<i64> {
    if (least..=most).contains(&value) {
        return Some(value);
    }
    faults.refuse(place, value, format!("must be from {least} to {most}"));
    None
}

/// A share in basis points from `least` to 10,000.
pub(super) fn basis_points(
    place: &Place<'_>,
    value: i64,
    least: u16,
    faults: &mut Faults,
) -> Option<BasisPoints> {
    let share = u16::try_from(value).ok().filter(|share| *share >= least);
    let share = share.and_then(BasisPoints::new);
    if share.is_none() {
        let most = BasisPoints::ALL;
        faults.refuse(place, value, format!("must be from {least} to {most}"));
    }
    share
}

/// The value of `known` that has this name.
pub(super) fn one_of<T: Copy>(
    place: &Place<'_>,
    name: &str,
    known: &[T],
    name_of: impl Fn(T) -> &'static str,
    faults: &mut Faults,
) -> Option<T> {
    let found = known.iter().copied().find(|value| name_of(*value) == name);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|value| name_of(*value)).collect();
        let rule = format!("must be one of {}", names.join(", "));
        faults.unknown(place, name, rule, names);
    }
    found
}
