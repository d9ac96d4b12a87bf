//! The features that a placement declares, and what is known of its offers.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::super::document::{FeatureDocument, PlacementDocument};
use super::super::fault::{Faults, Place, quoted};
use super::super::numbering::Numbering;
use super::names::{self, Names};
use super::schedule;
use crate::domain::attribute::AttributeKind;
use crate::domain::features::{
    Coding, Feature, Features, LARGEST_ENTRY, MOST_ENTRIES, Number, NumberOf, OutsideRange, Source,
    TextsOf,
};
use crate::domain::ids::SegmentNumber;
use crate::domain::rule::PlaceKind;

/// The most features of a placement.
const MAX_FEATURES: usize = 200;
/// The most pairs of features that interact.
const MAX_INTERACTIONS: usize = 200;
/// The most bytes of a text that has an entry of its own.
const MAX_TEXT_BYTES: usize = 128;
/// The most bits of a hashed text.
const MAX_HASH_BITS: i64 = 8;

/// What features may name.
#[derive(Clone, Copy)]
pub(super) struct Nameable<'a> {
    pub attributes: &'a Names<'a>,
    pub kinds: &'a BTreeMap<String, AttributeKind>,
    pub segments: &'a Names<'a>,
    pub numbering: &'a Numbering,
}

/// Where a feature comes from, before its settings are read.
enum Origin {
    Number(NumberOf),
    Flag(String),
    Texts(TextsOf),
    Segment,
    TimeOfDay,
    DayOfWeek,
}

/// The features of a placement; `None` when one has a fault.
pub(super) fn check(
    entry: &Place<'_>,
    written: &PlacementDocument,
    nameable: Nameable<'_>,
    faults: &mut Faults,
) -> Option<Features> {
    let (list, pairs) = (entry.key("features"), entry.key("feature_interactions"));
    at_most(&list, written.features.len(), MAX_FEATURES, faults)?;
    at_most(
        &pairs,
        written.feature_interactions.len(),
        MAX_INTERACTIONS,
        faults,
    )?;
    let mut features: Vec<Option<Feature>> = Vec::new();
    for (index, written) in written.features.iter().enumerate() {
        let place = list.index(index);
        let feature = check_one(&place, written, nameable, faults);
        let name = feature.as_ref().map(|feature| feature.name.as_str());
        let has_name = |known: &&Option<Feature>| known.as_ref().map(|it| it.name.as_str()) == name;
        if let Some(name) = name
            && features.iter().any(|known| has_name(&known))
        {
            let rule = "is the name of an earlier feature: give this one another";
            faults.refuse(&place.key("name"), quoted(name), rule);
        }
        features.push(feature);
    }
    let features: Vec<Feature> = features.into_iter().collect::<Option<_>>()?;
    let interactions = check_interactions(&pairs, written, &features, faults)?;
    if features.is_empty() {
        return Some(Features::default());
    }
    let features = Features::new(features, interactions, fingerprint(written, nameable));
    let entries = features.dimension();
    if entries > MOST_ENTRIES {
        let rule = format!("make {entries} entries together, may make at most {MOST_ENTRIES}");
        faults.lack(&list, rule);
        return None;
    }
    Some(features)
}

fn at_most(place: &Place<'_>, count: usize, most: usize, faults: &mut Faults) -> Option<()> {
    if count <= most {
        return Some(());
    }
    faults.lack(
        place,
        format!("has {count} entries, may have at most {most}"),
    );
    None
}

/// A hash of what was written and of what it names: what means the same keeps
/// what was learnt from it.
fn fingerprint(written: &PlacementDocument, nameable: Nameable<'_>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for feature in &written.features {
        let kind = feature
            .attribute
            .as_ref()
            .and_then(|name| nameable.kinds.get(name));
        hasher.update(kind.map_or("", |kind| kind.name()).as_bytes());
        hasher.update(&serde_json::to_vec(feature).unwrap_or_default());
    }
    hasher.update(&serde_json::to_vec(&written.feature_interactions).unwrap_or_default());
    let mut head = [0; 8];
    hasher.finalize_xof().fill(&mut head);
    u64::from_le_bytes(head)
}

fn check_interactions(
    list: &Place<'_>,
    written: &PlacementDocument,
    features: &[Feature],
    faults: &mut Faults,
) -> Option<Vec<(usize, usize)>> {
    let mut pairs = Vec::new();
    for (index, names) in written.feature_interactions.iter().enumerate() {
        let entry = list.index(index);
        let mut place_of = |side: usize| {
            let name = &names[side];
            let found = features.iter().position(|feature| feature.name == *name);
            if found.is_none() {
                let known = features.iter().map(|feature| feature.name.as_str());
                let rule = "must name a feature of this placement";
                faults.unknown(&entry.index(side), name, rule, known);
            }
            found
        };
        let pair = (place_of(0), place_of(1));
        let (Some(left), Some(right)) = pair else {
            continue;
        };
        if pairs.contains(&(left, right)) || pairs.contains(&(right, left)) {
            faults.refuse(&entry, format!("{names:?}"), "must stand once");
        }
        pairs.push((left, right));
    }
    (pairs.len() == written.feature_interactions.len()).then_some(pairs)
}

fn check_one(
    place: &Place<'_>,
    written: &FeatureDocument,
    nameable: Nameable<'_>,
    faults: &mut Faults,
) -> Option<Feature> {
    let given = [
        ("attribute", &written.attribute),
        ("cart", &written.cart),
        ("request", &written.request),
        ("time", &written.time),
    ];
    let mut given = given
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_deref()?)));
    let Some((key, value)) = given.next() else {
        faults.lack(
            place,
            "comes from nowhere: give one of attribute, cart, request, time",
        );
        return None;
    };
    if let Some((other, _)) = given.next() {
        let rule = format!("stands beside {key}: a feature comes from one of them");
        faults.lack(&place.key(other), rule);
        return None;
    }
    let at = place.key(key);
    let (default_name, origin) = match key {
        "attribute" => attribute_origin(&at, value, nameable, faults)?,
        "cart" => cart_origin(&at, value, faults)?,
        "request" => request_origin(&at, value, faults)?,
        _ => time_origin(&at, value, faults)?,
    };
    let name = written.name.clone().unwrap_or(default_name);
    if !names::is_id(&name) {
        faults.refuse(&place.key("name"), quoted(&name), names::id_rule());
        return None;
    }
    let source = source(place, written, origin, nameable, faults)?;
    Some(Feature { name, source })
}

fn attribute_origin(
    place: &Place<'_>,
    name: &str,
    nameable: Nameable<'_>,
    faults: &mut Faults,
) -> Option<(String, Origin)> {
    if !nameable.attributes.contains(name) {
        let rule = "must name a declared attribute";
        faults.unknown(place, name, rule, nameable.attributes.iter());
        return None;
    }
    let origin = match nameable.kinds.get(name)? {
        AttributeKind::Number => Origin::Number(NumberOf::Attribute(name.to_owned())),
        AttributeKind::Boolean => Origin::Flag(name.to_owned()),
        AttributeKind::String => Origin::Texts(TextsOf::Attribute(name.to_owned())),
    };
    Some((name.to_owned(), origin))
}

fn cart_origin(place: &Place<'_>, value: &str, faults: &mut Faults) -> Option<(String, Origin)> {
    const KNOWN: [&str; 6] = ["value", "lines", "pieces", "category", "brand", "sku"];
    let known = names::one_of(place, value, &KNOWN, |it| it, faults)?;
    let origin = match known {
        "value" => Origin::Number(NumberOf::CartValue),
        "lines" => Origin::Number(NumberOf::CartLines),
        "pieces" => Origin::Number(NumberOf::CartPieces),
        "category" => Origin::Texts(TextsOf::CartCategories),
        "brand" => Origin::Texts(TextsOf::CartBrands),
        _ => Origin::Texts(TextsOf::CartSkus),
    };
    Some((format!("cart_{known}"), origin))
}

fn request_origin(place: &Place<'_>, value: &str, faults: &mut Faults) -> Option<(String, Origin)> {
    const KNOWN: [&str; 6] = ["channel", "device", "store", "region", "segment", "shopper"];
    let known = names::one_of(place, value, &KNOWN, |it| it, faults)?;
    let kind = PlaceKind::ALL.into_iter().find(|kind| kind.name() == known);
    let origin = match (kind, known) {
        (Some(kind), _) => Origin::Texts(TextsOf::Place(kind)),
        (None, "segment") => Origin::Segment,
        (None, _) => Origin::Texts(TextsOf::ShopperHistory),
    };
    Some((known.to_owned(), origin))
}

fn time_origin(place: &Place<'_>, value: &str, faults: &mut Faults) -> Option<(String, Origin)> {
    const KNOWN: [&str; 2] = ["time_of_day", "day_of_week"];
    let known = names::one_of(place, value, &KNOWN, |it| it, faults)?;
    let origin = if known == "time_of_day" {
        Origin::TimeOfDay
    } else {
        Origin::DayOfWeek
    };
    Some((known.to_owned(), origin))
}

fn source(
    place: &Place<'_>,
    written: &FeatureDocument,
    origin: Origin,
    nameable: Nameable<'_>,
    faults: &mut Faults,
) -> Option<Source> {
    let (what, takes): (_, &[&str]) = match origin {
        Origin::Number(_) => (
            "a number",
            &["missing", "min", "max", "outside", "logarithm"],
        ),
        Origin::Flag(_) => ("a boolean", &[]),
        Origin::Texts(_) => ("a text", &["one_of", "hash_bits"]),
        Origin::Segment => ("the segment", &["one_of"]),
        Origin::TimeOfDay | Origin::DayOfWeek => ("the time", &["time_zone"]),
    };
    refuse_settings(place, written, what, takes, faults)?;
    Some(match origin {
        Origin::Number(of) => Source::Number(number(place, written, of, faults)?),
        Origin::Flag(attribute) => Source::Flag { attribute },
        Origin::Texts(of) => Source::Texts {
            of,
            coding: coding(place, written, faults)?,
        },
        Origin::Segment => Source::Segment {
            one_of: segments(place, written, nameable, faults)?,
        },
        Origin::TimeOfDay => Source::TimeOfDay(zone(place, written, faults)?),
        Origin::DayOfWeek => Source::DayOfWeek(zone(place, written, faults)?),
    })
}

/// Settings that say nothing about such a feature.
fn refuse_settings(
    place: &Place<'_>,
    written: &FeatureDocument,
    what: &str,
    takes: &[&str],
    faults: &mut Faults,
) -> Option<()> {
    let given = [
        ("one_of", written.one_of.is_some()),
        ("hash_bits", written.hash_bits.is_some()),
        ("missing", written.missing.is_some()),
        ("min", written.min.is_some()),
        ("max", written.max.is_some()),
        ("outside", written.outside.is_some()),
        ("logarithm", written.logarithm),
        ("time_zone", written.time_zone.is_some()),
    ];
    let mut holds = Some(());
    for (key, _) in given
        .into_iter()
        .filter(|(key, given)| *given && !takes.contains(key))
    {
        let rule = if takes.is_empty() {
            format!("says nothing about {what}, which takes no settings")
        } else {
            format!(
                "says nothing about {what}, which takes {}",
                takes.join(", ")
            )
        };
        faults.lack(&place.key(key), rule);
        holds = None;
    }
    holds
}

fn number(
    place: &Place<'_>,
    written: &FeatureDocument,
    of: NumberOf,
    faults: &mut Faults,
) -> Option<Number> {
    let mut within = |key, value: f64, min: f64, max: f64| {
        if (min..=max).contains(&value) {
            return Some(value);
        }
        faults.refuse(
            &place.key(key),
            value,
            format!("must be from {min} to {max}"),
        );
        None
    };
    let min = within(
        "min",
        written.min.unwrap_or(-LARGEST_ENTRY),
        -LARGEST_ENTRY,
        LARGEST_ENTRY,
    );
    let max = within(
        "max",
        written.max.unwrap_or(LARGEST_ENTRY),
        -LARGEST_ENTRY,
        LARGEST_ENTRY,
    );
    let (min, max) = (min?, max?);
    if !(min < max) {
        faults.refuse(
            &place.key("max"),
            max,
            format!("must be above min, which is {min}"),
        );
        return None;
    }
    let missing = match written.missing {
        Some(missing) => within("missing", missing, min, max)?,
        None => 0.0_f64.clamp(min, max),
    };
    let outside = match &written.outside {
        None => OutsideRange::default(),
        Some(name) => {
            let place = place.key("outside");
            names::one_of(&place, name, &OutsideRange::ALL, OutsideRange::name, faults)?
        }
    };
    Some(Number {
        of,
        missing,
        min,
        max,
        outside,
        logarithm: written.logarithm,
    })
}

fn coding(place: &Place<'_>, written: &FeatureDocument, faults: &mut Faults) -> Option<Coding> {
    match (&written.one_of, written.hash_bits) {
        (Some(texts), None) => Some(Coding::OneOf(listed(&place.key("one_of"), texts, faults)?)),
        (None, Some(bits)) => {
            let place = place.key("hash_bits");
            let bits = names::whole(&place, bits, 1, MAX_HASH_BITS, faults)?;
            let bits = u32::try_from(bits).ok()?;
            Some(Coding::Hashed { bits })
        }
        (Some(_), Some(_)) => {
            faults.lack(
                &place.key("hash_bits"),
                "stands beside one_of: give one of them",
            );
            None
        }
        (None, None) => {
            faults.lack(
                place,
                "is a text: give one_of, the texts that matter, or hash_bits",
            );
            None
        }
    }
}

/// Texts that have entries of their own: at least one, each once.
fn listed(place: &Place<'_>, texts: &[String], faults: &mut Faults) -> Option<Vec<String>> {
    if texts.is_empty() {
        faults.lack(place, "is empty, must have at least 1 text");
        return None;
    }
    let mut known: Vec<String> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let entry = place.index(index);
        if !(1..=MAX_TEXT_BYTES).contains(&text.len()) {
            let rule = format!("must have 1 to {MAX_TEXT_BYTES} bytes");
            faults.refuse(&entry, quoted(text), rule);
        } else if known.contains(text) {
            faults.refuse(&entry, quoted(text), "must stand once");
        } else {
            known.push(text.clone());
        }
    }
    (known.len() == texts.len()).then_some(known)
}

fn segments(
    place: &Place<'_>,
    written: &FeatureDocument,
    nameable: Nameable<'_>,
    faults: &mut Faults,
) -> Option<Vec<(SegmentNumber, String)>> {
    let Some(one_of) = &written.one_of else {
        faults.lack(
            place,
            "is the segment: give one_of, the segments that matter",
        );
        return None;
    };
    let list = place.key("one_of");
    let ids = listed(&list, one_of, faults)?;
    let mut numbers = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let is_known = nameable.segments.contains(id) || id == super::DEFAULT_SEGMENT;
        match nameable.numbering.segment(id).filter(|_| is_known) {
            Some(number) => numbers.push((number, id.clone())),
            None => {
                let rule = "must name an entry of segment";
                faults.unknown(&list.index(index), id, rule, nameable.segments.iter());
            }
        }
    }
    (numbers.len() == ids.len()).then_some(numbers)
}

fn zone(place: &Place<'_>, written: &FeatureDocument, faults: &mut Faults) -> Option<TimeZone> {
    match &written.time_zone {
        None => Some(TimeZone::UTC),
        Some(name) => schedule::zone(&place.key("time_zone"), name, faults),
    }
}
