//! A fixed amount off, at most what the cart is worth.

use super::Amounts;
use crate::domain::cart::Cart;

pub(super) fn resolve(amount_minor: i64, cart: &Cart) -> Amounts {
    Amounts::off_cart(amount_minor.min(cart.value_minor()), cart)
}
