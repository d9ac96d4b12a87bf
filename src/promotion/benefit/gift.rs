//! An article added to the cart for nothing: pieces that the cart has already
//! keep their price.

use super::Amounts;
use crate::domain::cart::Cart;

pub(super) fn resolve(quantity: i64, cart: &Cart) -> Amounts {
    Amounts {
        gift_quantity: quantity,
        ..Amounts::nothing_off(cart)
    }
}
