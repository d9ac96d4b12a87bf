//! Checking one table of the file: what is out of bounds is noted with its
//! line, and the default stays.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use crate::catalog::fault::{KeyPath, Step, quoted};
use crate::catalog::{Fault, nearest_expected};
use crate::domain::time::Span;

/// A table of the file, and where its faults go.
pub(super) struct Section<'a> {
    name: &'static str,
    text: &'a str,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Section<'a> {
    pub fn new(name: &'static str, text: &'a str, faults: &'a mut Vec<Fault>) -> Self {
        Self { name, text, faults }
    }

    /// The table as written; empty when its keys or their kinds are wrong.
    pub fn read<T: DeserializeOwned + Default>(&mut self, value: &Spanned<DeValue<'_>>) -> T {
        T::deserialize(ValueDeserializer::from(value.clone())).unwrap_or_else(|error| {
            let span = error.span().unwrap_or_else(|| value.span());
            let key = key_at(value, &span);
            let path: Vec<&str> = [Some(self.name), key].into_iter().flatten().collect();
            let mut fault = fault_at(&path, line_of(self.text, span.start));
            fault.rule = error.message().to_owned();
            fault.nearest = nearest_expected(error.message());
            self.faults.push(fault);
            T::default()
        })
    }

    /// Refuses what stands at a place of the file.
    pub fn refuse_at(
        &mut self,
        key: &str,
        at: Range<usize>,
        value: Option<String>,
        rule: impl Into<String>,
    ) {
        let mut fault = fault_at(&[self.name, key], line_of(self.text, at.start));
        fault.value = value;
        fault.rule = rule.into();
        self.faults.push(fault);
    }

    /// Refuses a value.
    pub fn refuse<T>(&mut self, key: &str, written: &Spanned<T>, value: String, rule: &str) {
        self.refuse_at(key, written.span(), Some(value), rule);
    }

    /// A whole number within bounds, when it is given.
    pub fn whole(
        &mut self,
        key: &str,
        written: Option<Spanned<i64>>,
        least: u64,
        most: u64,
    ) -> Option<u64> {
        let written = written?;
        let number = *written.get_ref();
        let read = u64::try_from(number)
            .ok()
            .filter(|number| (least..=most).contains(number));
        if read.is_none() {
            let rule = format!("must be from {least} to {most}");
            self.refuse(key, &written, number.to_string(), &rule);
        }
        read
    }

    /// A length of time within bounds, when it is given.
    pub fn span(
        &mut self,
        key: &str,
        written: Option<Spanned<String>>,
        least: &str,
        most: &str,
    ) -> Option<Duration> {
        let written = written?;
        let text = written.get_ref();
        let bound = |bound: &str| bound.parse::<Span>().unwrap_or_default();
        let bounds = bound(least)..=bound(most);
        match text.parse::<Span>() {
            Ok(span) if bounds.contains(&span) => {
                Some(Duration::from_millis(span.ms().unsigned_abs()))
            }
            _ => {
                let rule = format!("must be a length of time from {least} to {most}");
                self.refuse(key, &written, quoted(text), &rule);
                None
            }
        }
    }
}

/// The key of a table whose entry holds a place of the file.
fn key_at<'v>(value: &'v Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<&'v str> {
    let DeValue::Table(table) = value.get_ref() else {
        return None;
    };
    let holds = |outer: Range<usize>| outer.start <= at.start && at.end <= outer.end;
    let (key, _) = table
        .iter()
        .find(|(key, value)| holds(key.span()) || holds(value.span()))?;
    Some(key.get_ref())
}

/// A fault at a key; what is wrong is still to be said.
pub(super) fn fault_at(path: &[&str], line: usize) -> Fault {
    let steps = path
        .iter()
        .map(|key| Step::Key(Cow::Owned((*key).to_owned())));
    Fault {
        path: KeyPath(steps.collect()),
        line: Some(line),
        subject: None,
        value: None,
        rule: String::new(),
        nearest: None,
    }
}

/// The line, from 1, that holds a byte.
pub(super) fn line_of(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
