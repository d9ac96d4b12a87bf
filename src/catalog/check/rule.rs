//! The rules of offers and campaigns.

use super::super::document::{CartTestDocument, ConditionDocument};
use super::super::fault::{Faults, Place, quoted};
use super::super::numbering::Numbering;
use super::condition::{self, Declared, MAX_PARTS, MAX_TEXT_BYTES};
use super::names::{self, Names};
use super::{DEFAULT_SEGMENT, contradiction};
use crate::domain::ids::SegmentNumber;
use crate::domain::money::{Currency, Money};
use crate::domain::rule::{CartTest, PlaceKind, Rule, RuleTest, ShopperHistory};

/// The most pieces that a rule asks for.
const MAX_QUANTITY: i64 = 1_000_000;

/// What a rule has one of.
const HEADS: &str = "attribute, all, any and not, or of cart, segment, shopper, channel, device, \
                     store and region";

/// What rules may speak of.
pub(super) struct Speech<'a> {
    /// The attributes.
    pub declared: Declared<'a>,
    /// The segments.
    pub segments: &'a Names<'a>,
    /// Their numbers.
    pub numbering: &'a Numbering,
    /// The currency of amounts.
    pub currency: AmountCurrency,
}

/// Which currency a rule's amounts are in.
#[derive(Debug, Clone, Copy)]
pub(super) enum AmountCurrency {
    /// This one.
    Known(Currency),
    /// The placements have several.
    Several,
    /// Another fault keeps it from being known.
    Unknown,
}

/// Checks one rule with all that is in it, and that some request can meet it;
/// `None` when it has a fault.
pub(super) fn check(
    place: &Place<'_>,
    written: &ConditionDocument,
    speech: &Speech<'_>,
    faults: &mut Faults,
) -> Option<Rule> {
    let rule = condition::check_at(
        place,
        written,
        HEADS,
        1,
        faults,
        &|place, written, faults| check_test(place, written, speech, faults),
    )?;
    if let Some(contradiction) = contradiction::find(&[&rule]) {
        faults.lack(place, format!("can never hold: {contradiction}"));
        return None;
    }
    Some(rule)
}

fn check_test(
    place: &Place<'_>,
    written: &ConditionDocument,
    speech: &Speech<'_>,
    faults: &mut Faults,
) -> Option<RuleTest> {
    if let Some(cart) = &written.cart {
        return check_cart(&place.key("cart"), cart, speech, faults).map(RuleTest::Cart);
    }
    if let Some(segments) = &written.segment {
        return check_segments(&place.key("segment"), segments, speech, faults)
            .map(RuleTest::Segment);
    }
    if let Some(shopper) = &written.shopper {
        let place = place.key("shopper");
        let known = &ShopperHistory::ALL;
        return names::one_of(&place, shopper, known, ShopperHistory::name, faults)
            .map(RuleTest::Shopper);
    }
    let places = [
        &written.channel,
        &written.device,
        &written.store,
        &written.region,
    ];
    for (kind, names) in PlaceKind::ALL.into_iter().zip(places) {
        if let Some(names) = names {
            let one_of = check_names(&place.key(kind.name()), names, 1, faults)?;
            return Some(RuleTest::Place { kind, one_of });
        }
    }
    condition::check_attribute(place, written, &speech.declared, faults).map(RuleTest::Attribute)
}

/// Names that requests bring: the catalogue does not know them all.
fn check_names(
    place: &Place<'_>,
    names: &[String],
    least: usize,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    if !(least..=MAX_PARTS).contains(&names.len()) {
        let rule = format!(
            "has {} names, must have {least} to {MAX_PARTS}",
            names.len()
        );
        faults.lack(place, rule);
        return None;
    }
    let mut whole = true;
    for (index, name) in names.iter().enumerate() {
        if !(1..=MAX_TEXT_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
            let rule = format!("must have 1 to {MAX_TEXT_BYTES} bytes and no control characters");
            faults.refuse(&place.index(index), quoted(name), rule);
            whole = false;
        }
    }
    whole.then(|| names.to_vec())
}

fn check_segments(
    place: &Place<'_>,
    segments: &[String],
    speech: &Speech<'_>,
    faults: &mut Faults,
) -> Option<Vec<SegmentNumber>> {
    check_names(place, segments, 1, faults)?;
    let numbers: Vec<Option<SegmentNumber>> = segments
        .iter()
        .enumerate()
        .map(|(index, id)| {
            // The default segment is there also where nobody wrote it.
            if id != DEFAULT_SEGMENT {
                speech.segments.resolve(&place.index(index), id, faults)?;
            }
            speech.numbering.segment(id)
        })
        .collect();
    numbers.into_iter().collect()
}

fn check_cart(
    place: &Place<'_>,
    written: &CartTestDocument,
    speech: &Speech<'_>,
    faults: &mut Faults,
) -> Option<CartTest> {
    let mut list = |key, names: &[String]| check_names(&place.key(key), names, 0, faults);
    let (skus, categories, brands) = (
        list("sku", &written.sku),
        list("category", &written.category),
        list("brand", &written.brand),
    );
    let quantity = place.key("min_quantity");
    let min_quantity = names::whole(&quantity, written.min_quantity, 0, MAX_QUANTITY, faults);
    let spend = place.key("min_spend");
    let min_spend = match &written.min_spend {
        None => Some(0),
        Some(written) => check_spend(&spend, written.as_str(), speech.currency, faults),
    };
    let (min_quantity, min_spend_minor) = (min_quantity?, min_spend?);
    if min_quantity == 0 && min_spend_minor == 0 {
        let rule = "asks for nothing: min_quantity or min_spend must be above 0";
        faults.lack(place, rule);
        return None;
    }
    Some(CartTest {
        skus: skus?,
        categories: categories?,
        brands: brands?,
        min_quantity,
        min_spend_minor,
    })
}

fn check_spend(
    place: &Place<'_>,
    written: &str,
    currency: AmountCurrency,
    faults: &mut Faults,
) -> Option<i64> {
    let currency = match currency {
        AmountCurrency::Known(currency) => currency,
        AmountCurrency::Several => {
            let rule = "needs one currency, the placements have several: write it at the offers";
            faults.refuse(place, quoted(written), rule);
            return None;
        }
        AmountCurrency::Unknown => return None,
    };
    match currency.parse_minor_units(written) {
        Ok(minor_units) if minor_units > 0 => Some(minor_units),
        Ok(minor_units) => {
            let amount = Money {
                minor_units,
                currency,
            };
            faults.refuse(place, amount, "must be above 0");
            None
        }
        Err(error) => {
            faults.lack(place, error.to_string());
            None
        }
    }
}
