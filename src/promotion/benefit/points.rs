//! Loyalty points: some for the purchase as such, some for each whole major
//! unit of the cart's value.

use super::Amounts;
use crate::domain::cart::Cart;
use crate::domain::money::Currency;

pub(super) fn resolve(fixed: i64, per_major_unit: i64, cart: &Cart, currency: Currency) -> Amounts {
    let major_units = cart.value_minor() / currency.minor_per_major();
    Amounts {
        points: fixed.saturating_add(per_major_unit.saturating_mul(major_units)),
        ..Amounts::nothing_off(cart)
    }
}
