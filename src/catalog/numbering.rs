//! Numbers for names: given once, never given again.
//!
//! The bandit's memory, decisions and outcomes know offers, segments and
//! placements by number. A name keeps its number through every change of the
//! catalogue, also while it is absent; another name is another number, so a
//! renamed offer starts from nothing.

use std::sync::Arc;

use imbl::{HashMap, Vector};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::check::DEFAULT_SEGMENT;
use super::document::CatalogDocument;
use crate::domain::event::CatalogChange;
use crate::domain::ids::{LimitNumber, OfferNumber, PlacementNumber, SegmentNumber};

/// The numbers of all names that the catalogue ever had.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Numbering {
    placements: Names,
    offers: Names,
    segments: Names,
    limits: Names,
}

/// Names that a document has and a numbering does not, in the order in which
/// they get their numbers: that of the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewNames {
    /// Of placements.
    pub placements: Vec<String>,
    /// Of offers.
    pub offers: Vec<String>,
    /// Of segments.
    pub segments: Vec<String>,
    /// Of limits: what distinguishes each from the others.
    pub limits: Vec<String>,
}

/// A change of the catalogue that cannot follow the changes before it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NumberingError {
    /// A name that already has a number comes as a new one.
    #[error("the {kind} {name:?} comes as new, it has the number {number} already")]
    AlreadyNumbered {
        /// What kind of name.
        kind: &'static str,
        /// The name.
        name: String,
        /// The number that it has.
        number: u32,
    },
}

impl Numbering {
    /// The names of `document` that have no number yet.
    #[must_use]
    pub fn new_names(&self, document: &CatalogDocument) -> NewNames {
        let placements = document.placements.iter().map(|placement| &placement.id);
        let offers = document.offers.iter().map(|offer| &offer.id);
        let segments = document.segments.iter().map(|segment| segment.id.as_str());
        let implicit = document
            .segments
            .last()
            .is_none_or(|last| !last.is_default())
            .then_some(DEFAULT_SEGMENT);
        let limits = document.limit_names();
        NewNames {
            placements: self.placements.missing(placements.map(String::as_str)),
            offers: self.offers.missing(offers.map(String::as_str)),
            segments: self.segments.missing(segments.chain(implicit)),
            limits: self.limits.missing(limits.iter().map(String::as_str)),
        }
    }

    /// The numbering after these names got numbers too.
    ///
    /// # Errors
    /// When one of them has a number already.
    pub fn with(mut self, new: &NewNames) -> Result<Self, NumberingError> {
        self.placements.add_all("placement", &new.placements)?;
        self.offers.add_all("offer", &new.offers)?;
        self.segments.add_all("segment", &new.segments)?;
        self.limits.add_all("limit", &new.limits)?;
        Ok(self)
    }

    /// The numbering after every name of `document` has a number.
    ///
    /// # Panics
    /// Never: the names that get numbers are those that have none.
    #[must_use]
    pub fn including(&self, document: &CatalogDocument) -> Self {
        let new = self.new_names(document);
        self.clone()
            .with(&new)
            .expect("names without a number get one")
    }

    /// The numbering after a recorded change. Applied to every change from
    /// the first one on, it gives the numbering that the last one was made
    /// with.
    ///
    /// # Errors
    /// When the change gives a number to a name that has one.
    pub fn after(mut self, change: &CatalogChange) -> Result<Self, NumberingError> {
        self.placements
            .add_all("placement", &change.new_placements)?;
        self.offers.add_all("offer", &change.new_offers)?;
        self.segments.add_all("segment", &change.new_segments)?;
        self.limits.add_all("limit", &change.new_limits)?;
        Ok(self)
    }

    /// The number of a placement's id.
    #[must_use]
    pub fn placement(&self, id: &str) -> Option<PlacementNumber> {
        self.placements.number(id).map(PlacementNumber)
    }

    /// The number of an offer's id.
    #[must_use]
    pub fn offer(&self, id: &str) -> Option<OfferNumber> {
        self.offers.number(id).map(OfferNumber)
    }

    /// The number of a segment's id.
    #[must_use]
    pub fn segment(&self, id: &str) -> Option<SegmentNumber> {
        self.segments.number(id).map(SegmentNumber)
    }

    /// The number of a limit, by what distinguishes it.
    #[must_use]
    pub fn limit(&self, name: &str) -> Option<LimitNumber> {
        self.limits.number(name).map(LimitNumber)
    }

    /// What distinguishes a limit from the others: `offer/ten-off/limit/…`.
    #[must_use]
    pub fn limit_name(&self, number: LimitNumber) -> Option<&str> {
        self.limits.name(number.0)
    }

    /// The id of a placement, also of one that the catalogue no longer has.
    #[must_use]
    pub fn placement_id(&self, number: PlacementNumber) -> Option<&str> {
        self.placements.name(number.0)
    }

    /// The id of an offer, also of one that the catalogue no longer has.
    #[must_use]
    pub fn offer_id(&self, number: OfferNumber) -> Option<&str> {
        self.offers.name(number.0)
    }

    /// The id of a segment, also of one that the catalogue no longer has.
    #[must_use]
    pub fn segment_id(&self, number: SegmentNumber) -> Option<&str> {
        self.segments.name(number.0)
    }
}

/// Names of one kind. The map only looks names up; the order is the list's. A
/// clone shares structure: each catalogue version keeps its numbering.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
struct Names {
    in_order: Vector<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Names {
    fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    fn name(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?;
        self.in_order.get(index).map(AsRef::as_ref)
    }

    fn missing<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        names
            .filter(|name| !self.numbers.contains_key(*name) && seen.insert(*name))
            .map(str::to_owned)
            .collect()
    }

    fn add_all(&mut self, kind: &'static str, names: &[String]) -> Result<(), NumberingError> {
        for name in names {
            if let Some(number) = self.number(name) {
                return Err(NumberingError::AlreadyNumbered {
                    kind,
                    name: name.clone(),
                    number,
                });
            }
            // A catalogue has at most 100,000 names a kind; four thousand
            // million would not fit the memory.
            let number = u32::try_from(self.in_order.len()).unwrap_or(u32::MAX);
            let name: Arc<str> = name.as_str().into();
            self.numbers.insert(name.clone(), number);
            self.in_order.push_back(name);
        }
        Ok(())
    }
}

impl TryFrom<Vec<String>> for Names {
    type Error = NumberingError;

    fn try_from(in_order: Vec<String>) -> Result<Self, NumberingError> {
        let mut names = Self::default();
        names.add_all("name", &in_order)?;
        Ok(names)
    }
}

impl From<Names> for Vec<String> {
    fn from(names: Names) -> Self {
        names.in_order.iter().map(|name| name.to_string()).collect()
    }
}
