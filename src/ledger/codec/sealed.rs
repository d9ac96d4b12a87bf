//! The plaintext of what records keep encrypted.

use prost::Message;

use super::{DecodeError, sixteen_or_none, stored};
use crate::domain::attribute::AttributeValue;
use crate::domain::cart::{Cart, CartLine};
use crate::domain::decision::RequestContext;
use crate::domain::keys::{Pseudonym, SessionKey};
use crate::domain::outcome::{LineWords, OutcomeWords};
use crate::domain::rule::ShopperHistory;

/// The plaintext of a decision's sealed part.
#[must_use]
pub fn encode_request(context: &RequestContext) -> Vec<u8> {
    use stored::sealed_request::attribute::Value;
    let attributes =
        context
            .attributes
            .iter()
            .map(|(name, value)| stored::sealed_request::Attribute {
                name: name.clone(),
                value: Some(match value {
                    AttributeValue::String(text) => Value::Text(text.clone()),
                    AttributeValue::Number(number) => Value::Number(*number),
                    AttributeValue::Boolean(flag) => Value::Flag(*flag),
                }),
            });
    let cart = context
        .cart
        .lines
        .iter()
        .map(|line| stored::sealed_request::CartLine {
            sku: line.sku.clone(),
            categories: line.categories.clone(),
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
            brand: line.brand.clone(),
        });
    stored::SealedRequest {
        shopper: context
            .shopper
            .map(|key| key.0.to_vec())
            .unwrap_or_default(),
        session: context
            .session
            .map(|key| key.0.to_vec())
            .unwrap_or_default(),
        device: context.device.clone(),
        channel: context.channel.clone(),
        store: context.store.clone(),
        attributes: attributes.collect(),
        cart: cart.collect(),
        region: context.region.clone(),
        history: history_to_stored(context.history).into(),
    }
    .encode_to_vec()
}

/// A decision's sealed part from its plaintext.
///
/// # Errors
/// When the bytes are none.
pub fn decode_request(bytes: &[u8]) -> Result<RequestContext, DecodeError> {
    use stored::sealed_request::attribute::Value;
    let request = stored::SealedRequest::decode(bytes)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    let history = request.history();
    let attributes = request.attributes.into_iter().map(|attribute| {
        let value = match attribute.value {
            Some(Value::Text(text)) => AttributeValue::String(text),
            Some(Value::Number(number)) => AttributeValue::Number(number),
            Some(Value::Flag(flag)) => AttributeValue::Boolean(flag),
            None => {
                return Err(DecodeError::field(
                    "sealed.attribute",
                    attribute.name,
                    "a value",
                ));
            }
        };
        Ok((attribute.name, value))
    });
    let lines = request.cart.into_iter().map(|line| CartLine {
        sku: line.sku,
        categories: line.categories,
        quantity: line.quantity,
        brand: line.brand,
        unit_price_minor: line.unit_price_minor,
    });
    Ok(RequestContext {
        shopper: sixteen_or_none("sealed.shopper", &request.shopper)?.map(Pseudonym),
        session: sixteen_or_none("sealed.session", &request.session)?.map(SessionKey),
        device: request.device,
        channel: request.channel,
        store: request.store,
        region: request.region,
        history: history_from_stored(history),
        attributes: attributes.collect::<Result<_, _>>()?,
        cart: Cart {
            lines: lines.collect(),
        },
    })
}

const fn history_to_stored(
    history: Option<ShopperHistory>,
) -> stored::sealed_request::ShopperHistory {
    use stored::sealed_request::ShopperHistory as Stored;
    match history {
        None => Stored::Unspecified,
        Some(ShopperHistory::New) => Stored::New,
        Some(ShopperHistory::Returning) => Stored::Returning,
    }
}

const fn history_from_stored(
    history: stored::sealed_request::ShopperHistory,
) -> Option<ShopperHistory> {
    use stored::sealed_request::ShopperHistory as Stored;
    match history {
        Stored::Unspecified => None,
        Stored::New => Some(ShopperHistory::New),
        Stored::Returning => Some(ShopperHistory::Returning),
    }
}

/// The plaintext of an outcome's sealed part.
#[must_use]
pub fn encode_outcome(words: &OutcomeWords) -> Vec<u8> {
    stored::SealedOutcome {
        event_id: words.event_id.clone(),
        order_id: words.order_id.clone(),
        shopper: words.shopper.map(|key| key.0.to_vec()).unwrap_or_default(),
        reverses_event_id: words.reverses_event_id.clone(),
        lines: words
            .lines
            .iter()
            .map(|line| stored::sealed_outcome::Line {
                line_id: line.line_id.clone(),
                sku: line.sku.clone(),
            })
            .collect(),
    }
    .encode_to_vec()
}

/// An outcome's sealed part from its plaintext.
///
/// # Errors
/// When the bytes are none.
pub fn decode_outcome(bytes: &[u8]) -> Result<OutcomeWords, DecodeError> {
    let outcome = stored::SealedOutcome::decode(bytes)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    Ok(OutcomeWords {
        event_id: outcome.event_id,
        order_id: outcome.order_id,
        shopper: sixteen_or_none("sealed.shopper", &outcome.shopper)?.map(Pseudonym),
        reverses_event_id: outcome.reverses_event_id,
        lines: outcome
            .lines
            .into_iter()
            .map(|line| LineWords {
                line_id: line.line_id,
                sku: line.sku,
            })
            .collect(),
    })
}
