//! PriceOffer.

use super::choose::cart;
use super::field::{Field, Reader};
use super::{benefit, timestamp, version};
use crate::engine::fault::FieldFault;
use crate::engine::price::{PriceRequest, Repriced, RepricedOffer};
use crate::proto::promobandit::v1;

/// Reads a request.
///
/// # Errors
/// Every field that does not hold.
pub(in crate::service) fn price_request(
    request: v1::PriceOfferRequest,
) -> Result<PriceRequest, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let read = PriceRequest {
        decision: reader.uuid(&Field::of("decision_id"), &request.decision_id),
        cart: cart(&mut reader, request.cart.unwrap_or_default()),
    };
    reader.finish(read)
}

/// The decision's offers for the cart as it is now.
pub(in crate::service) fn repriced(told: &Repriced) -> v1::PriceOfferResponse {
    v1::PriceOfferResponse {
        offers: (1..)
            .zip(&told.offers)
            .map(|(slot, offer)| priced_offer(told, slot, offer))
            .collect(),
        offer_valid_until: Some(timestamp(told.valid_until)),
    }
}

fn priced_offer(told: &Repriced, slot: u32, priced: &RepricedOffer) -> v1::PricedOffer {
    let decision = &told.decision;
    let offer = decision.catalog.offer(priced.offer);
    let currency = decision.placement().map(|placement| placement.currency);
    let lapse = priced.lapse.as_ref();
    v1::PricedOffer {
        slot: version(slot),
        offer_id: offer.map(|offer| offer.id.clone()).unwrap_or_default(),
        holds: lapse.is_none(),
        reason_code: lapse.map_or_else(String::new, |lapse| lapse.code().to_owned()),
        reason: lapse.map(ToString::to_string).unwrap_or_default(),
        amounts: currency.map(|currency| benefit::amounts(&priced.amounts, currency)),
    }
}
