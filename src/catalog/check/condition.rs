//! Conditions over declared attributes.

use super::super::document::ConditionDocument;
use super::super::fault::{Faults, Place, quoted};
use super::names::Names;
use crate::domain::attribute::{
    AttributeKind, AttributeTest, AttributeValue, Comparison, Condition,
};
use std::collections::BTreeMap;

/// How deep conditions may stand in each other.
const MAX_DEPTH: usize = 16;
/// The most parts of `all` and `any`, and the most values of a list.
pub(super) const MAX_PARTS: usize = 1_000;
/// The most bytes of a text that is compared with.
pub(super) const MAX_TEXT_BYTES: usize = 256;

/// What conditions may speak of.
pub(super) struct Declared<'a> {
    /// The kinds of the attributes whose declarations are right.
    pub kinds: &'a BTreeMap<String, AttributeKind>,
    /// All names.
    pub names: &'a Names<'a>,
}

/// Checks the condition of a segment with all that is in it; `None` when it has
/// a fault.
pub(super) fn check(
    place: &Place<'_>,
    written: &ConditionDocument,
    declared: &Declared<'_>,
    faults: &mut Faults,
) -> Option<Condition> {
    let heads = "attribute, all, any and not";
    check_at(
        place,
        written,
        heads,
        1,
        faults,
        &|place, written, faults| {
            if heads_of_rules(written).next().is_some() {
                let rule = "belongs to the rule of an offer or a campaign: a segment is told by attributes alone";
                faults.lack(place, rule);
                return None;
            }
            check_attribute(place, written, declared, faults)
        },
    )
}

/// What a rule may test besides attributes, as far as it is written.
pub(super) fn heads_of_rules(written: &ConditionDocument) -> impl Iterator<Item = &'static str> {
    [
        ("cart", written.cart.is_some()),
        ("segment", written.segment.is_some()),
        ("shopper", written.shopper.is_some()),
        ("channel", written.channel.is_some()),
        ("device", written.device.is_some()),
        ("store", written.store.is_some()),
        ("region", written.region.is_some()),
    ]
    .into_iter()
    .filter_map(|(head, is_there)| is_there.then_some(head))
}

/// Checks one condition with all that is in it, the tests by `check_test`;
/// `heads` are the keys of which it has one, in words.
pub(super) fn check_at<T>(
    place: &Place<'_>,
    written: &ConditionDocument,
    heads: &str,
    depth: usize,
    faults: &mut Faults,
    check_test: &impl Fn(&Place<'_>, &ConditionDocument, &mut Faults) -> Option<T>,
) -> Option<Condition<T>> {
    if depth > MAX_DEPTH {
        let rule = format!("stands deeper than {MAX_DEPTH} conditions in each other");
        faults.lack(place, rule);
        return None;
    }
    let combined = [
        written.attribute.is_some(),
        written.all.is_some(),
        written.any.is_some(),
        written.not.is_some(),
    ];
    let combined = combined.into_iter().filter(|head| *head).count();
    if combined + heads_of_rules(written).count() != 1 {
        faults.lack(place, format!("must have exactly one of {heads}"));
        return None;
    }
    if written.attribute.is_none() && has_comparison(written) {
        faults.lack(
            place,
            "must name the attribute that equals, one_of, at_least, below or present compares",
        );
        return None;
    }
    let mut parts = |key, parts: &[ConditionDocument]| {
        check_parts(&place.key(key), parts, heads, depth + 1, faults, check_test)
    };
    if let Some(all) = &written.all {
        return parts("all", all).map(Condition::All);
    }
    if let Some(any) = &written.any {
        return parts("any", any).map(Condition::Any);
    }
    if let Some(not) = &written.not {
        let part = check_at(&place.key("not"), not, heads, depth + 1, faults, check_test)?;
        return Some(Condition::Not(Box::new(part)));
    }
    check_test(place, written, faults).map(Condition::Test)
}

fn has_comparison(written: &ConditionDocument) -> bool {
    written.equals.is_some()
        || written.one_of.is_some()
        || written.at_least.is_some()
        || written.below.is_some()
        || written.present.is_some()
}

fn check_parts<T>(
    place: &Place<'_>,
    parts: &[ConditionDocument],
    heads: &str,
    depth: usize,
    faults: &mut Faults,
    check_test: &impl Fn(&Place<'_>, &ConditionDocument, &mut Faults) -> Option<T>,
) -> Option<Vec<Condition<T>>> {
    if !(1..=MAX_PARTS).contains(&parts.len()) {
        let rule = format!("has {} parts, must have 1 to {MAX_PARTS}", parts.len());
        faults.lack(place, rule);
        return None;
    }
    // Every part is checked before the first fault ends it.
    let checked: Vec<Option<Condition<T>>> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| check_at(&place.index(index), part, heads, depth, faults, check_test))
        .collect();
    checked.into_iter().collect()
}

/// A test of an attribute.
pub(super) fn check_attribute(
    place: &Place<'_>,
    written: &ConditionDocument,
    declared: &Declared<'_>,
    faults: &mut Faults,
) -> Option<AttributeTest> {
    let name = written.attribute.as_deref()?;
    let known = declared.names.contains(name);
    if !known {
        let rule = "must name a declared attribute";
        faults.unknown(&place.key("attribute"), name, rule, declared.names.iter());
    }
    let kind = declared.kinds.get(name).copied();
    let comparison = check_comparison(place, written, kind, faults)?;
    known.then(|| AttributeTest {
        name: name.to_owned(),
        comparison,
    })
}

/// `kind` is `None` where the declaration itself has a fault.
fn check_comparison(
    place: &Place<'_>,
    written: &ConditionDocument,
    kind: Option<AttributeKind>,
    faults: &mut Faults,
) -> Option<Comparison> {
    let between = written.at_least.is_some() || written.below.is_some();
    match (&written.equals, &written.one_of, between, written.present) {
        (Some(value), None, false, None) => {
            let equal = check_value(&place.key("equals"), value, kind, faults);
            equal.then(|| Comparison::Equals(value.clone()))
        }
        (None, Some(values), false, None) => {
            check_values(&place.key("one_of"), values, kind, faults)
        }
        (None, None, true, None) => {
            check_between(place, written.at_least, written.below, kind, faults)
        }
        (None, None, false, Some(true)) => Some(Comparison::Present),
        (None, None, false, Some(false)) => {
            let rule =
                "must be true; write not = { attribute = …, present = true } for the opposite";
            faults.refuse(&place.key("present"), false, rule);
            None
        }
        _ => {
            faults.lack(
                place,
                "must compare in exactly one way: equals, one_of, at_least with or without below, below, or present",
            );
            None
        }
    }
}

fn check_values(
    place: &Place<'_>,
    values: &[AttributeValue],
    kind: Option<AttributeKind>,
    faults: &mut Faults,
) -> Option<Comparison> {
    if !(1..=MAX_PARTS).contains(&values.len()) {
        let rule = format!("has {} values, must have 1 to {MAX_PARTS}", values.len());
        faults.lack(place, rule);
        return None;
    }
    let wrong = values
        .iter()
        .enumerate()
        .filter(|(index, value)| !check_value(&place.index(*index), value, kind, faults))
        .count();
    (wrong == 0).then(|| Comparison::OneOf(values.to_vec()))
}

fn check_value(
    place: &Place<'_>,
    value: &AttributeValue,
    kind: Option<AttributeKind>,
    faults: &mut Faults,
) -> bool {
    let shown = match value {
        AttributeValue::Boolean(flag) => flag.to_string(),
        AttributeValue::Number(number) => number.to_string(),
        AttributeValue::String(text) => quoted(text),
    };
    if let Some(kind) = kind.filter(|kind| *kind != value.kind()) {
        let rule = format!("must be a {}, as the attribute is declared", kind.name());
        faults.refuse(place, shown, rule);
        return false;
    }
    match value {
        AttributeValue::Number(number) if !number.is_finite() => {
            faults.refuse(place, shown, "must be finite");
            false
        }
        AttributeValue::String(text) if text.len() > MAX_TEXT_BYTES => {
            faults.refuse(
                place,
                shown,
                format!("must have at most {MAX_TEXT_BYTES} bytes"),
            );
            false
        }
        _ => true,
    }
}

fn check_between(
    place: &Place<'_>,
    at_least: Option<f64>,
    below: Option<f64>,
    kind: Option<AttributeKind>,
    faults: &mut Faults,
) -> Option<Comparison> {
    if let Some(kind) = kind.filter(|kind| *kind != AttributeKind::Number) {
        let kind = kind.name();
        let rule = format!("at_least and below compare numbers, the attribute is a {kind}");
        faults.lack(place, rule);
        return None;
    }
    for (key, bound) in [("at_least", at_least), ("below", below)] {
        if let Some(bound) = bound.filter(|bound| !bound.is_finite()) {
            faults.refuse(&place.key(key), bound, "must be finite");
            return None;
        }
    }
    if let (Some(at_least), Some(below)) = (at_least, below)
        && below <= at_least
    {
        let rule = format!("must be above at_least, which is {at_least}");
        faults.refuse(&place.key("below"), below, rule);
        return None;
    }
    Some(Comparison::Between { at_least, below })
}
