//! Shipping for nothing, from a cart value on.

use super::{Amounts, below_spend};
use crate::domain::cart::Cart;
use crate::domain::money::Currency;

pub(super) fn resolve(min_spend_minor: Option<i64>, cart: &Cart, currency: Currency) -> Amounts {
    match min_spend_minor {
        Some(needed) if cart.value_minor() < needed => below_spend(needed, cart, currency),
        _ => Amounts {
            free_shipping: true,
            ..Amounts::nothing_off(cart)
        },
    }
}
