//! Many segments, some with many decisions and some with few; the offers'
//! rates of conversion are drawn anew in each replication.
//!
//! The log-odds of offer j in segment s are those of the base rate, and
//! σ·Zⱼ, and σ′·Zⱼₛ, with σ the `offer_deviation`, σ′ the `segment_deviation` and
//! every Z standard normal. Decisions of all segments come in random order.

use serde::Deserialize;

use super::{MOST_ARMS, number_within};
use crate::domain::ids::SegmentNumber;
use crate::domain::math;
use crate::domain::random::Generator;
use crate::learning::gaussian::standard_normal;
use crate::simulation::ScenarioError;
use crate::simulation::scenario::whole_within;

/// The most segments, and the most decisions, of an environment.
const MOST_DECISIONS: u64 = 10_000_000;

/// As written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColdStartDocument {
    /// How many offers, in [1, 1 000].
    pub offers: i64,
    /// The rate of conversion in the middle, in [10⁻⁶, 0.999].
    pub rate: f64,
    /// How much offers differ in every segment alike, as a standard deviation
    /// of log-odds in [0, 10].
    pub offer_deviation: f64,
    /// How much an offer differs between segments, likewise.
    pub segment_deviation: f64,
    /// The segments, by how many decisions they have.
    pub segments: Vec<SegmentsDocument>,
}

/// Some segments with the same number of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentsDocument {
    /// How many segments.
    pub count: i64,
    /// How many decisions each of them has.
    pub decisions: i64,
}

/// The checked environment.
#[derive(Debug, Clone, PartialEq)]
pub struct ColdStart {
    offers: u32,
    rate: f64,
    offer_deviation: f64,
    segment_deviation: f64,
    /// Decisions of each segment.
    decisions: Vec<u64>,
    /// The group that each segment was written in.
    group_of: Vec<usize>,
    groups: Vec<SegmentsDocument>,
}

/// What one replication drew before its first round.
#[derive(Debug, Clone)]
pub(super) struct ColdStartWorld {
    offers: usize,
    /// By segment, then by offer.
    rates: Vec<f64>,
    /// The segment of each round.
    order: Vec<u32>,
}

impl ColdStart {
    pub(super) fn check(document: &ColdStartDocument) -> Result<Self, ScenarioError> {
        let within = |key: &str, value, least, most| {
            number_within(&format!("environment.{key}"), value, least, most)
        };
        let offers = whole_within("environment.offers", document.offers, 1, MOST_ARMS as u64)?;
        let (mut decisions, mut group_of) = (Vec::new(), Vec::new());
        let mut total: u64 = 0;
        for (place, group) in document.segments.iter().enumerate() {
            let key = |name: &str| format!("environment.segments.{place}.{name}");
            let count = whole_within(&key("count"), group.count, 1, MOST_DECISIONS)?;
            let each = whole_within(&key("decisions"), group.decisions, 1, MOST_DECISIONS)?;
            total = total.saturating_add(count.saturating_mul(each));
            check_total(total)?;
            decisions.extend((0..count).map(|_| each));
            group_of.extend((0..count).map(|_| place));
        }
        check_total(total)?;
        Ok(Self {
            offers: u32::try_from(offers).unwrap_or(u32::MAX),
            rate: within("rate", document.rate, 1e-6, 0.999)?,
            offer_deviation: within("offer_deviation", document.offer_deviation, 0.0, 10.0)?,
            segment_deviation: within("segment_deviation", document.segment_deviation, 0.0, 10.0)?,
            decisions,
            group_of,
            groups: document.segments.clone(),
        })
    }

    pub(super) const fn offers(&self) -> u32 {
        self.offers
    }

    #[allow(clippy::cast_possible_truncation)] // at most MOST_DECISIONS
    pub(super) const fn segments(&self) -> u32 {
        self.decisions.len() as u32
    }

    /// The groups of segments, for people to read.
    pub(super) fn groups(&self) -> Vec<String> {
        let words = |group: &SegmentsDocument| {
            format!("{} segments of {} decisions", group.count, group.decisions)
        };
        self.groups.iter().map(words).collect()
    }

    /// Which of them a segment is in.
    pub(super) fn group_of(&self, segment: SegmentNumber) -> usize {
        self.group_of[segment.0 as usize]
    }

    pub(super) fn decisions(&self) -> u64 {
        self.decisions.iter().sum()
    }

    /// Draws the rates and the order of a replication.
    #[allow(clippy::cast_possible_truncation)] // counts were bounded
    pub(super) fn begin(&self, generator: &mut Generator) -> ColdStartWorld {
        let offers = self.offers as usize;
        let base = math::ln(self.rate) - math::ln_1p(-self.rate);
        let common: Vec<f64> = (0..offers)
            .map(|_| base + self.offer_deviation * standard_normal(generator))
            .collect();
        let mut rates = Vec::with_capacity(offers * self.decisions.len());
        let mut order = Vec::with_capacity(self.decisions() as usize);
        for (segment, decisions) in self.decisions.iter().enumerate() {
            for middle in &common {
                let own = self.segment_deviation * standard_normal(generator);
                rates.push(math::logistic(middle + own));
            }
            order.extend((0..*decisions).map(|_| segment as u32));
        }
        // Fisher and Yates, from the end.
        for last in (1..order.len()).rev() {
            let other = generator.next_below(last as u64 + 1) as usize;
            order.swap(last, other);
        }
        ColdStartWorld {
            offers,
            rates,
            order,
        }
    }
}

#[allow(clippy::cast_precision_loss)] // for people to read
fn check_total(total: u64) -> Result<(), ScenarioError> {
    if (1..=MOST_DECISIONS).contains(&total) {
        return Ok(());
    }
    Err(ScenarioError::out_of_bounds(
        "environment.segments: the number of decisions",
        total as f64,
        format!("[1, {MOST_DECISIONS}]"),
    ))
}

impl ColdStartWorld {
    pub(super) fn segment_of(&self, round: u64) -> SegmentNumber {
        let place = usize::try_from(round).ok();
        let segment = place.and_then(|place| self.order.get(place));
        SegmentNumber(*segment.expect("a scenario has no more rounds than its environment"))
    }

    pub(super) fn rates_of(&self, segment: SegmentNumber) -> &[f64] {
        let from = segment.0 as usize * self.offers;
        &self.rates[from..from + self.offers]
    }
}
