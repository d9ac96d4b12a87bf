//! Features: what a placement declares of its decisions, and the vector of
//! finite numbers that a contextual policy learns from.
//!
//! A vector is a function of the request, its segment and the instant at which
//! it is judged. Its entries are those of each declared feature in turn, then
//! the products of interactions; [`Features::names`] says which is which.
//! Nothing in it is NaN, infinite or beyond ±[`LARGEST_ENTRY`].
//!
//! Texts that nobody listed are hashed as Vowpal Wabbit does (Weinberger et al.
//! 2009, "Feature hashing for large scale multitask learning", arXiv
//! 0902.2206): entry h(text) mod 2^b gains ±1, the sign from another bit of the
//! hash, so that texts which share an entry cancel in the mean.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use smallvec::{SmallVec, smallvec};

use super::attribute::AttributeValue;
use super::decision::RequestContext;
use super::ids::SegmentNumber;
use super::math;
use super::rule::{PlaceKind, ShopperHistory};
use super::schedule::Weekdays;
use super::time::Instant;

/// No entry is further from 0.
pub const LARGEST_ENTRY: f64 = 1e9;

/// The most entries of a vector: it is kept with each decision.
pub const MOST_ENTRIES: usize = 512;

const MINUTES_A_DAY: f64 = 1_440.0;

/// What a placement declares; may be nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Features {
    features: Vec<Feature>,
    /// Where each feature's entries stand.
    spans: Vec<Range<usize>>,
    /// Pairs of features whose entries are multiplied.
    interactions: Vec<(usize, usize)>,
    dimension: usize,
    fingerprint: u64,
}

/// One declared feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// What interactions and people call it.
    pub name: String,
    /// Where its entries come from.
    pub source: Source,
}

/// Where a feature's entries come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A number: one entry.
    Number(Number),
    /// A boolean attribute: one entry, 1 when it is true, otherwise 0.
    Flag {
        /// The attribute's name.
        attribute: String,
    },
    /// Texts: 1 for each that is there.
    Texts {
        /// Which.
        of: TextsOf,
        /// Which entry belongs to which text.
        coding: Coding,
    },
    /// The segment: 1 for the one of these that it is.
    Segment {
        /// Their numbers and ids.
        one_of: Vec<(SegmentNumber, String)>,
    },
    /// The time of day by the clock on the wall: the sine and cosine of its
    /// angle, so that 23:59 lies beside 00:00.
    TimeOfDay(TimeZone),
    /// The day of the week: seven entries, of which one is 1.
    DayOfWeek(TimeZone),
}

/// A number of the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Which.
    pub of: NumberOf,
    /// What stands for it when the request does not give it; finite.
    pub missing: f64,
    /// The smallest.
    pub min: f64,
    /// The largest; above `min`.
    pub max: f64,
    /// What happens to one that lies outside.
    pub outside: OutsideRange,
    /// The entry is not x but ±ln(1 + |x|): for what differs by orders of
    /// magnitude.
    pub logarithm: bool,
}

/// Which number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberOf {
    /// An attribute.
    Attribute(String),
    /// What the cart is worth before promotions, in minor units.
    CartValue,
    /// How many lines the cart has.
    CartLines,
    /// How many pieces.
    CartPieces,
}

/// What happens to a number outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutsideRange {
    /// The nearer end stands for it.
    #[default]
    Clip,
    /// The request is refused.
    Refuse,
}

impl OutsideRange {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Clip, Self::Refuse];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Refuse => "refuse",
        }
    }
}

/// Which texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextsOf {
    /// An attribute's.
    Attribute(String),
    /// The articles of the cart.
    CartSkus,
    /// The categories of what is in the cart.
    CartCategories,
    /// The brands of what is in the cart.
    CartBrands,
    /// Where the request comes from.
    Place(PlaceKind),
    /// `new` or `returning`.
    ShopperHistory,
}

/// Which entry belongs to which text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coding {
    /// One entry for each of these; other texts have none.
    OneOf(Vec<String>),
    /// One of 2^b entries, by a hash.
    Hashed {
        /// b.
        bits: u32,
    },
}

/// A number that lies outside its range and is to be refused.
#[derive(Debug, Clone, PartialEq)]
pub struct OutsideNumber<'a> {
    /// The feature.
    pub feature: &'a Feature,
    /// Which number.
    pub of: &'a NumberOf,
    /// What the request gave.
    pub value: f64,
    /// The smallest that is taken.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Features {
    /// From features and the pairs of them, by place, that interact.
    /// `fingerprint` differs when any entry means something else.
    #[must_use]
    pub fn new(
        features: Vec<Feature>,
        interactions: Vec<(usize, usize)>,
        fingerprint: u64,
    ) -> Self {
        let mut spans: Vec<Range<usize>> = Vec::with_capacity(features.len());
        let mut dimension = 0;
        for feature in &features {
            let end = dimension + feature.source.entries();
            spans.push(dimension..end);
            dimension = end;
        }
        let products = interactions
            .iter()
            .map(|(left, right)| spans[*left].len() * spans[*right].len());
        dimension += products.sum::<usize>();
        Self {
            features,
            spans,
            interactions,
            dimension,
            fingerprint,
        }
    }

    /// Whether nothing is declared.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// How many entries a vector has.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// Differs when any entry means something else; 0 when nothing is declared.
    #[must_use]
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What each entry is called, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .features
            .iter()
            .flat_map(Feature::entry_names)
            .collect();
        for (left, right) in &self.interactions {
            for one in self.spans[*left].clone() {
                for other in self.spans[*right].clone() {
                    names.push(format!("{}*{}", names[one], names[other]));
                }
            }
        }
        names
    }

    /// The vector of a request.
    #[must_use]
    pub fn vector(
        &self,
        request: &RequestContext,
        segment: SegmentNumber,
        at: Instant,
    ) -> Vec<f64> {
        let mut vector = Vec::with_capacity(self.dimension);
        for feature in &self.features {
            feature.source.append(request, segment, at, &mut vector);
        }
        for (left, right) in &self.interactions {
            for one in self.spans[*left].clone() {
                for other in self.spans[*right].clone() {
                    let product = vector[one] * vector[other];
                    vector.push(product.clamp(-LARGEST_ENTRY, LARGEST_ENTRY));
                }
            }
        }
        vector
    }

    /// The numbers of a request that lie outside their ranges and are not to be
    /// clipped.
    pub fn refused(&self, request: &RequestContext) -> impl Iterator<Item = OutsideNumber<'_>> {
        self.features.iter().filter_map(|feature| {
            let Source::Number(number) = &feature.source else {
                return None;
            };
            let value = number.of.value(request)?;
            let inside = (number.min..=number.max).contains(&value);
            (number.outside == OutsideRange::Refuse && !inside).then_some(OutsideNumber {
                feature,
                of: &number.of,
                value,
                min: number.min,
                max: number.max,
            })
        })
    }
}

impl Feature {
    fn entry_names(&self) -> Vec<String> {
        let name = &self.name;
        let each = |what: &str| format!("{name}={what}");
        match &self.source {
            Source::Number(_) | Source::Flag { .. } => vec![name.clone()],
            Source::Texts { coding, .. } => match coding {
                Coding::OneOf(texts) => texts.iter().map(|text| each(text)).collect(),
                Coding::Hashed { bits } => (0..1_usize << bits)
                    .map(|entry| format!("{name}#{entry}"))
                    .collect(),
            },
            Source::Segment { one_of } => one_of.iter().map(|(_, id)| each(id)).collect(),
            Source::TimeOfDay(_) => vec![format!("{name}.sin"), format!("{name}.cos")],
            Source::DayOfWeek(_) => Weekdays::NAMES.map(each).to_vec(),
        }
    }
}

impl Source {
    /// How many entries it has.
    #[must_use]
    pub const fn entries(&self) -> usize {
        match self {
            Self::Number(_) | Self::Flag { .. } => 1,
            Self::Texts { coding, .. } => match coding {
                Coding::OneOf(texts) => texts.len(),
                Coding::Hashed { bits } => 1 << *bits,
            },
            Self::Segment { one_of } => one_of.len(),
            Self::TimeOfDay(_) => 2,
            Self::DayOfWeek(_) => 7,
        }
    }

    fn append(
        &self,
        request: &RequestContext,
        segment: SegmentNumber,
        at: Instant,
        vector: &mut Vec<f64>,
    ) {
        let start = vector.len();
        match self {
            Self::Number(number) => vector.push(number.entry(request)),
            Self::Flag { attribute } => {
                let value = request.attributes.get(attribute);
                vector.push(one_if(value == Some(&AttributeValue::Boolean(true))));
            }
            Self::Texts { of, coding } => {
                vector.resize(start + self.entries(), 0.0);
                coding.mark(&of.texts(request), &mut vector[start..]);
            }
            Self::Segment { one_of } => {
                vector.extend(one_of.iter().map(|(number, _)| one_if(*number == segment)));
            }
            Self::TimeOfDay(zone) => {
                let turn = minute_of_day(zone, at) / MINUTES_A_DAY;
                let angle = std::f64::consts::TAU * turn;
                vector.extend([math::sin(angle), math::cos(angle)]);
            }
            Self::DayOfWeek(zone) => {
                vector.resize(start + 7, 0.0);
                if let Some(local) = local(zone, at) {
                    let day = local.weekday().to_monday_zero_offset();
                    vector[start + usize::from(day.unsigned_abs())] = 1.0;
                }
            }
        }
    }
}

impl Number {
    fn entry(&self, request: &RequestContext) -> f64 {
        let value = self.of.value(request).unwrap_or(self.missing);
        // Attributes are finite; a NaN would clamp to itself.
        let value = if value.is_nan() { self.missing } else { value };
        let value = value.clamp(self.min, self.max);
        if self.logarithm {
            math::ln_1p(value.abs()).copysign(value)
        } else {
            value
        }
    }
}

impl NumberOf {
    /// What the request gives; `None` when it does not.
    #[allow(clippy::cast_precision_loss)] // a feature, not an amount
    fn value(&self, request: &RequestContext) -> Option<f64> {
        let lines = &request.cart.lines;
        match self {
            Self::Attribute(name) => match request.attributes.get(name) {
                Some(AttributeValue::Number(number)) => Some(*number),
                _ => None,
            },
            Self::CartValue => Some(request.cart.value_minor() as f64),
            Self::CartLines => Some(lines.len() as f64),
            Self::CartPieces => {
                let pieces = lines.iter().map(|line| line.quantity);
                Some(pieces.fold(0, i64::saturating_add) as f64)
            }
        }
    }
}

impl TextsOf {
    /// Each text that is there, once; an empty one is none.
    fn texts<'a>(&self, request: &'a RequestContext) -> SmallVec<[&'a str; 8]> {
        let lines = request.cart.lines.iter();
        let mut texts: SmallVec<[&str; 8]> = match self {
            Self::Attribute(name) => match request.attributes.get(name) {
                Some(AttributeValue::String(text)) => smallvec![text.as_str()],
                _ => smallvec![],
            },
            Self::CartSkus => lines.map(|line| line.sku.as_str()).collect(),
            Self::CartCategories => {
                let categories = lines.flat_map(|line| &line.categories);
                categories.map(String::as_str).collect()
            }
            Self::CartBrands => lines.map(|line| line.brand.as_str()).collect(),
            Self::Place(kind) => smallvec![request.place(*kind)],
            Self::ShopperHistory => request
                .history
                .map(ShopperHistory::name)
                .into_iter()
                .collect(),
        };
        texts.sort_unstable();
        texts.dedup();
        texts.retain(|text| !text.is_empty());
        texts
    }
}

impl Coding {
    /// Marks texts among the entries.
    fn mark(&self, texts: &[&str], entries: &mut [f64]) {
        match self {
            Self::OneOf(known) => {
                for (entry, known) in entries.iter_mut().zip(known) {
                    *entry = one_if(texts.contains(&known.as_str()));
                }
            }
            Self::Hashed { .. } => {
                for text in texts {
                    let hash = text_hash(text);
                    let sign = if hash >> 63 == 1 { -1.0 } else { 1.0 };
                    #[allow(clippy::cast_possible_truncation)] // below the number of entries
                    let place = (hash % entries.len() as u64) as usize;
                    entries[place] += sign;
                }
            }
        }
    }
}

/// A hash of a text that is the same everywhere.
#[must_use]
pub fn text_hash(text: &str) -> u64 {
    let mut head = [0; 8];
    blake3::Hasher::new()
        .update(text.as_bytes())
        .finalize_xof()
        .fill(&mut head);
    u64::from_le_bytes(head)
}

const fn one_if(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}

fn local(zone: &TimeZone, at: Instant) -> Option<jiff::civil::DateTime> {
    let timestamp = Timestamp::from_millisecond(at.unix_ms()).ok()?;
    Some(zone.to_datetime(timestamp))
}

fn minute_of_day(zone: &TimeZone, at: Instant) -> f64 {
    local(zone, at).map_or(0.0, |local| {
        f64::from(local.hour()) * 60.0 + f64::from(local.minute())
    })
}

#[cfg(test)]
mod tests;
