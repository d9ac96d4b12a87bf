//! Posting lists: from what a request says to the offers that its rules may
//! hold for.
//!
//! Each offer whose rule needs something (an article, a category or a brand in
//! the cart, a segment, a place, the value of an attribute) is listed under the
//! values that would do, and only there; an offer that needs nothing of the
//! kind is a candidate always. Where a rule needs several things, the offer is
//! listed under the one that the fewest offers share. Offers that are not active
//! are left out.
//!
//! The candidates of a request are a superset of its eligible offers: each is
//! judged still. So an index changes what a decision costs, never what comes out.
//!
//! Cost: linear in the rules to build; a request pays for what it says and for
//! its candidates, not for the placement's offers.

use std::collections::HashMap;

use crate::domain::attribute::{AttributeTest, AttributeValue, Comparison, Condition};
use crate::domain::decision::RequestContext;
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::offer::{Campaign, Offer, Status};
use crate::domain::rule::{PlaceKind, Rule, RuleTest};

/// Something that a rule can need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Facet<'a> {
    Sku(&'a str),
    Category(&'a str),
    Brand(&'a str),
    Segment(SegmentNumber),
    Place(PlaceKind, &'a str),
    Text(&'a str, &'a str),
    Flag(&'a str, bool),
}

/// A facet's hash, by which the index finds it: two facets that share one only
/// make a candidate too many.
type FacetHash = u64;

/// Finds the candidates of one placement. The map is only looked up in.
#[derive(Debug, Clone, Default)]
pub struct OfferIndex {
    /// Ascending.
    always: Vec<OfferNumber>,
    /// Ascending each.
    postings: HashMap<FacetHash, Vec<OfferNumber>>,
}

impl OfferIndex {
    /// Of a placement's offers, ascending, each with its campaign.
    pub fn of<'a>(offers: impl Iterator<Item = (&'a Offer, Option<&'a Campaign>)> + Clone) -> Self {
        let active = offers.filter(|(offer, campaign)| {
            offer.status == Status::Active
                && campaign.is_none_or(|campaign| campaign.status == Status::Active)
        });
        let needs: Vec<(OfferNumber, Vec<Vec<FacetHash>>)> = active
            .map(|(offer, campaign)| {
                let shared = campaign.and_then(|campaign| campaign.rule.as_ref());
                let rules = offer.rule.iter().chain(shared);
                (offer.number, rules.flat_map(needs_of).collect())
            })
            .collect();
        let mut shares: HashMap<FacetHash, usize> = HashMap::new();
        for facet in needs.iter().flat_map(|(_, needs)| needs).flatten() {
            *shares.entry(*facet).or_default() += 1;
        }
        let mut index = Self::default();
        for (offer, needs) in needs {
            let shared =
                |need: &Vec<FacetHash>| -> usize { need.iter().map(|facet| shares[facet]).sum() };
            match needs.into_iter().min_by_key(shared) {
                None => index.always.push(offer),
                Some(need) => {
                    for facet in need {
                        let posting = index.postings.entry(facet).or_default();
                        if posting.last() != Some(&offer) {
                            posting.push(offer);
                        }
                    }
                }
            }
        }
        index
    }

    /// The offers that may be eligible for a request, strictly ascending.
    #[must_use]
    pub fn candidates(&self, segment: SegmentNumber, request: &RequestContext) -> Vec<OfferNumber> {
        let mut candidates = self.always.clone();
        if self.postings.is_empty() {
            return candidates;
        }
        for_each_facet(segment, request, |facet| {
            if let Some(posting) = self.postings.get(&hash(facet)) {
                candidates.extend_from_slice(posting);
            }
        });
        if candidates.len() > self.always.len() {
            candidates.sort_unstable();
            candidates.dedup();
        }
        candidates
    }
}

/// Everything that a request says and that a rule can need.
fn for_each_facet(
    segment: SegmentNumber,
    request: &RequestContext,
    mut each: impl FnMut(Facet<'_>),
) {
    each(Facet::Segment(segment));
    for kind in PlaceKind::ALL {
        each(Facet::Place(kind, request.place(kind)));
    }
    for line in &request.cart.lines {
        each(Facet::Sku(&line.sku));
        each(Facet::Brand(&line.brand));
        for category in &line.categories {
            each(Facet::Category(category));
        }
    }
    for (name, value) in &request.attributes {
        match value {
            AttributeValue::String(text) => each(Facet::Text(name, text)),
            AttributeValue::Boolean(flag) => each(Facet::Flag(name, *flag)),
            AttributeValue::Number(_) => {}
        }
    }
}

/// What a rule needs: of each entry at least one facet has to be there for the
/// rule to hold.
fn needs_of(rule: &Rule) -> Vec<Vec<FacetHash>> {
    match rule {
        Condition::All(parts) => parts.iter().flat_map(needs_of).collect(),
        Condition::Any(parts) => {
            // Whichever part holds, one of its needs is met: the first of each.
            let firsts: Option<Vec<Vec<FacetHash>>> = parts
                .iter()
                .map(|part| needs_of(part).into_iter().next())
                .collect();
            firsts.map(|firsts| firsts.concat()).into_iter().collect()
        }
        Condition::Not(_) => Vec::new(),
        Condition::Test(test) => needs_of_test(test),
    }
}

fn needs_of_test(test: &RuleTest) -> Vec<Vec<FacetHash>> {
    match test {
        RuleTest::Cart(test) if test.min_quantity > 0 || test.min_spend_minor > 0 => {
            let lists = [
                named(&test.skus, Facet::Sku),
                named(&test.categories, Facet::Category),
                named(&test.brands, Facet::Brand),
            ];
            lists.into_iter().filter(|list| !list.is_empty()).collect()
        }
        RuleTest::Segment(segments) => {
            let segments = segments.iter().map(|it| hash(Facet::Segment(*it)));
            vec![segments.collect()]
        }
        RuleTest::Place { kind, one_of } => {
            vec![named(one_of, |name| Facet::Place(*kind, name))]
        }
        RuleTest::Attribute(test) => needs_of_attribute(test),
        RuleTest::GoesWith(companions) => {
            let firsts = companions.as_slice().iter();
            let firsts = firsts.map(|it| hash(Facet::Sku(&it.skus[0])));
            vec![firsts.collect()]
        }
        RuleTest::Cart(_) | RuleTest::Shopper(_) => Vec::new(),
    }
}

fn needs_of_attribute(test: &AttributeTest) -> Vec<Vec<FacetHash>> {
    let values = match &test.comparison {
        Comparison::Equals(value) => std::slice::from_ref(value),
        Comparison::OneOf(values) => values.as_slice(),
        Comparison::Between { .. } | Comparison::Present => return Vec::new(),
    };
    let facets: Option<Vec<FacetHash>> = values
        .iter()
        .map(|value| match value {
            AttributeValue::String(text) => Some(hash(Facet::Text(&test.name, text))),
            AttributeValue::Boolean(flag) => Some(hash(Facet::Flag(&test.name, *flag))),
            AttributeValue::Number(_) => None,
        })
        .collect();
    facets.into_iter().collect()
}

fn named<'a>(names: &'a [String], facet: impl Fn(&'a str) -> Facet<'a>) -> Vec<FacetHash> {
    names.iter().map(|name| hash(facet(name))).collect()
}

/// FNV-1a over the facet's hash input.
fn hash(facet: Facet<'_>) -> FacetHash {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    facet.hash(&mut hasher);
    hasher.finish()
}

struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests;
