//! What is wrong with a catalogue: every fault at once, each with its place.

use std::borrow::Cow;
use std::fmt;

/// Beyond this many faults no nearest names are looked for: each look is over
/// all names of its kind.
const MAX_NEAREST_NAMES: usize = 100;

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(Cow<'static, str>),
    /// An entry of a list, from 0.
    Index(usize),
}

/// Where in a document something stands: `offer[3].benefit.tiers[1].spend`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPath(pub Vec<Step>);

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where; empty for the document as a whole.
    pub path: KeyPath,
    /// The line of the file, from 1, where the document came from one.
    pub line: Option<usize>,
    /// What stands around it, by name: `offer "tea10"`.
    pub subject: Option<String>,
    /// What was written; `None` where something is missing or the rule says
    /// it.
    pub value: Option<String>,
    /// What is allowed.
    pub rule: String,
    /// The known name that is most like an unknown one.
    pub nearest: Option<String>,
}

impl fmt::Display for Fault {
    /// `line 41: offer[3].placements[0] (offer "tea10") is "chekout": must
    /// name a placement; did you mean "checkout"?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        let mut placed = false;
        if !self.path.0.is_empty() {
            write!(f, "{}", self.path)?;
            placed = true;
        }
        if let Some(subject) = &self.subject {
            write!(f, " ({subject})")?;
        }
        if let Some(value) = &self.value {
            write!(f, " is {value}")?;
            placed = true;
        }
        let colon = if placed { ": " } else { "" };
        write!(f, "{colon}{}", self.rule)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean {nearest:?}?")?;
        }
        Ok(())
    }
}

/// All that is wrong with a catalogue: at least one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogFaults {
    source: Option<String>,
    faults: Vec<Fault>,
}

impl CatalogFaults {
    /// Of at least one fault.
    pub(super) fn from_check(source: Option<&str>, faults: Vec<Fault>) -> Self {
        debug_assert!(!faults.is_empty(), "a refusal needs a fault");
        Self {
            source: source.map(str::to_owned),
            faults,
        }
    }

    /// The faults, in the order of the document where lines are known.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The file, where the document came from one.
    #[must_use]
    pub fn source_name(&self) -> Option<&str> {
        self.source.as_deref()
    }
}

impl fmt::Display for CatalogFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.source.as_deref().unwrap_or("the catalogue");
        let count = self.faults.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{name} has {count} fault{plural}")?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CatalogFaults {}

/// A place in the document while it is being checked: a step and the place
/// that it is taken from, so that nothing is allocated before a fault is found.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    step: Step,
}

impl<'a> Place<'a> {
    /// A key of the document.
    pub(super) const fn top(key: &'static str) -> Self {
        Self {
            above: None,
            step: Step::Key(Cow::Borrowed(key)),
        }
    }

    /// A key of what stands here.
    pub(super) const fn key(&'a self, key: &'static str) -> Self {
        Self {
            above: Some(self),
            step: Step::Key(Cow::Borrowed(key)),
        }
    }

    /// An entry of the list that stands here.
    pub(super) const fn index(&'a self, index: usize) -> Self {
        Self {
            above: Some(self),
            step: Step::Index(index),
        }
    }

    /// The way from the top of the document to here. A key that a policy gives
    /// as `reward.min` is two steps.
    pub(super) fn path(&self) -> KeyPath {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(Place { above, step }) = place {
            match step {
                Step::Key(Cow::Borrowed(keys)) => {
                    steps.extend(keys.rsplit('.').map(|key| Step::Key(Cow::Borrowed(key))));
                }
                step => steps.push(step.clone()),
            }
            place = *above;
        }
        steps.reverse();
        KeyPath(steps)
    }
}

/// Collects faults.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<Fault>,
}

impl Faults {
    /// What was written breaks a rule.
    pub(super) fn refuse(
        &mut self,
        place: &Place<'_>,
        value: impl fmt::Display,
        rule: impl Into<String>,
    ) {
        self.push(place, Some(value.to_string()), rule.into(), None);
    }

    /// A rule is broken by what is missing, or the rule says what was written.
    pub(super) fn lack(&mut self, place: &Place<'_>, rule: impl Into<String>) {
        self.push(place, None, rule.into(), None);
    }

    /// A name is none of the known ones.
    pub(super) fn unknown<'n>(
        &mut self,
        place: &Place<'_>,
        name: &str,
        rule: impl Into<String>,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let nearest = if self.found.len() < MAX_NEAREST_NAMES {
            nearest(name, known)
        } else {
            None
        };
        self.push(place, Some(quoted(name)), rule.into(), nearest);
    }

    fn push(
        &mut self,
        place: &Place<'_>,
        value: Option<String>,
        rule: String,
        nearest: Option<String>,
    ) {
        self.found.push(Fault {
            path: place.path(),
            line: None,
            subject: None,
            value,
            rule,
            nearest,
        });
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The faults that were found.
    pub(super) fn into_vec(self) -> Vec<Fault> {
        self.found
    }
}

/// Text in quotes, cut short when it is long.
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?} (cut short)", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// The known name that is most like `name`, when it is like enough: at most a
/// third of its letters are otherwise.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let length = name.chars().count();
    let allowed = (length / 3).max(1);
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 4 * allowed)
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, _)| (1..=allowed).contains(distance))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
