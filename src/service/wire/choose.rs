//! ChooseOffer's request.

use std::collections::HashMap;

use super::field::{Field, Quoted, Reader};
use super::money;
use crate::domain::attribute::{AttributeValue, Attributes};
use crate::domain::rule::ShopperHistory;
use crate::engine::choose::{ChooseRequest, PricedLine};
use crate::engine::fault::FieldFault;
use crate::proto::promobandit::v1;
use crate::proto::promobandit::v1::attribute_value::Value;

/// The most bytes of an id of the catalogue.
pub(super) const ID_BYTES: usize = 64;
/// The most bytes of a shopper's or a session's id.
pub(super) const SHOPPER_BYTES: usize = 256;
/// The most bytes of an article number, a category, an order, an event.
pub(super) const NAME_BYTES: usize = 128;
/// The most bytes of a device, a channel, a store.
const PLACE_BYTES: usize = 64;
/// The most pieces of one line.
pub(super) const MOST_PIECES: i64 = 1_000_000;
/// The most lines of a cart or an order.
pub(super) const MOST_LINES: usize = 500;
const MOST_ATTRIBUTES: usize = 64;
const ATTRIBUTE_NAME_BYTES: usize = 64;
const ATTRIBUTE_BYTES: usize = 256;
const MOST_CATEGORIES: usize = 32;
/// The most bytes of all texts of a cart: its record must fit into the ledger.
const CART_BYTES: usize = 256 * 1024;

/// Reads a request; its `validate_only` is the caller's to look at.
///
/// # Errors
/// Every field that does not hold.
pub(in crate::service) fn choose_request(
    request: v1::ChooseOfferRequest,
) -> Result<ChooseRequest, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let read = ChooseRequest {
        request_id: reader.uuid(&Field::of("request_id"), &request.request_id),
        placement: reader.required_text(&Field::of("placement"), request.placement, ID_BYTES),
        shopper_id: reader.text(&Field::of("shopper_id"), request.shopper_id, SHOPPER_BYTES),
        session_id: reader.text(&Field::of("session_id"), request.session_id, SHOPPER_BYTES),
        device: reader.text(&Field::of("device"), request.device, PLACE_BYTES),
        channel: reader.text(&Field::of("channel"), request.channel, PLACE_BYTES),
        store: reader.text(&Field::of("store"), request.store, PLACE_BYTES),
        region: reader.text(&Field::of("region"), request.region, PLACE_BYTES),
        history: history(&mut reader, request.shopper_history),
        payment_fingerprint: reader.text(
            &Field::of("payment_fingerprint"),
            request.payment_fingerprint,
            SHOPPER_BYTES,
        ),
        attributes: attributes(&mut reader, request.attributes),
        cart: cart(&mut reader, request.cart.unwrap_or_default()),
        slots: slots(&mut reader, request.slots),
        unpersonalized: unpersonalized(&mut reader, request.personalization),
        test: request.test,
    };
    reader.finish(read)
}

/// From 1; the placement's bound is the engine's to know.
fn slots(reader: &mut Reader, slots: Option<i32>) -> Option<u32> {
    let slots = slots?;
    let read = u32::try_from(slots).ok().filter(|slots| *slots > 0);
    if read.is_none() {
        let expected = "1 to the placement's slots";
        reader.refuse(&Field::of("slots"), slots, expected);
    }
    read
}

fn unpersonalized(reader: &mut Reader, personalization: i32) -> bool {
    match v1::Personalization::try_from(personalization) {
        Ok(v1::Personalization::Unspecified | v1::Personalization::Full) => false,
        Ok(v1::Personalization::None) => true,
        Err(_) => {
            let expected = "PERSONALIZATION_FULL (1) or PERSONALIZATION_NONE (2)";
            reader.refuse(&Field::of("personalization"), personalization, expected);
            false
        }
    }
}

fn history(reader: &mut Reader, history: i32) -> Option<ShopperHistory> {
    match v1::ShopperHistory::try_from(history) {
        Ok(v1::ShopperHistory::Unspecified) => None,
        Ok(v1::ShopperHistory::New) => Some(ShopperHistory::New),
        Ok(v1::ShopperHistory::Returning) => Some(ShopperHistory::Returning),
        Err(_) => {
            let expected = "SHOPPER_HISTORY_NEW (1) or SHOPPER_HISTORY_RETURNING (2)";
            reader.refuse(&Field::of("shopper_history"), history, expected);
            None
        }
    }
}

fn attributes(reader: &mut Reader, given: HashMap<String, v1::AttributeValue>) -> Attributes {
    let field = Field::of("attributes");
    reader.at_most(&field, given.len(), MOST_ATTRIBUTES, "attributes");
    // Faults come in the order of the names, not in that of a hash map.
    let mut given: Vec<_> = given.into_iter().collect();
    given.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut read = Attributes::new();
    for (name, value) in given.into_iter().take(MOST_ATTRIBUTES) {
        let name = {
            let field = field.key(&name);
            let value = attribute(reader, &field, value.value);
            let named = (1..=ATTRIBUTE_NAME_BYTES).contains(&name.len());
            if !named || name.chars().any(char::is_control) {
                let expected =
                    format!("a name of 1 to {ATTRIBUTE_NAME_BYTES} bytes, no control characters");
                reader.refuse(&field, Quoted(&name), expected);
            }
            value.map(|value| (name.clone(), value))
        };
        read.extend(name);
    }
    read
}

fn attribute(
    reader: &mut Reader,
    field: &Field<'_>,
    value: Option<Value>,
) -> Option<AttributeValue> {
    match value {
        Some(Value::StringValue(text)) => {
            let field = field.name("string_value");
            Some(AttributeValue::String(reader.text(
                &field,
                text,
                ATTRIBUTE_BYTES,
            )))
        }
        Some(Value::NumberValue(number)) if number.is_finite() => {
            // 0 and -0 are the same number, and must be the same content.
            Some(AttributeValue::Number(number + 0.0))
        }
        Some(Value::NumberValue(number)) => {
            reader.refuse(&field.name("number_value"), number, "a finite number");
            None
        }
        Some(Value::BoolValue(truth)) => Some(AttributeValue::Boolean(truth)),
        None => {
            reader.lack(field, "a string_value, number_value or bool_value");
            None
        }
    }
}

pub(super) fn cart(reader: &mut Reader, cart: v1::Cart) -> Vec<PricedLine> {
    let cart_field = Field::of("cart");
    let lines_field = cart_field.name("lines");
    reader.at_most(&lines_field, cart.lines.len(), MOST_LINES, "lines");
    let texts = cart.lines.iter().take(MOST_LINES).map(text_bytes);
    let bytes: usize = texts.sum();
    if bytes > CART_BYTES {
        let value = format!("{bytes} bytes of text");
        reader.refuse(
            &cart_field,
            value,
            format!("at most {CART_BYTES} bytes of text"),
        );
    }
    let lines = cart.lines.into_iter().take(MOST_LINES).enumerate();
    lines
        .map(|(index, line)| cart_line(reader, &lines_field.index(index), line))
        .collect()
}

fn text_bytes(line: &v1::CartLine) -> usize {
    let categories = line.categories.iter().map(String::len);
    line.sku.len() + line.brand.len() + categories.sum::<usize>()
}

fn cart_line(reader: &mut Reader, field: &Field<'_>, line: v1::CartLine) -> PricedLine {
    let categories = field.name("categories");
    reader.at_most(
        &categories,
        line.categories.len(),
        MOST_CATEGORIES,
        "categories",
    );
    let price = field.name("unit_price");
    let unit_price = money::read(reader, &price, line.unit_price);
    if let Some(negative) = unit_price.filter(|price| price.minor_units < 0) {
        reader.refuse(&price, negative, "zero or more");
    }
    PricedLine {
        sku: reader.required_text(&field.name("sku"), line.sku, NAME_BYTES),
        categories: (0..)
            .zip(line.categories)
            .take(MOST_CATEGORIES)
            .map(|(index, category)| {
                reader.required_text(&categories.index(index), category, NAME_BYTES)
            })
            .collect(),
        brand: reader.text(&field.name("brand"), line.brand, NAME_BYTES),
        quantity: reader.whole(&field.name("quantity"), line.quantity, 1, MOST_PIECES),
        unit_price,
    }
}
