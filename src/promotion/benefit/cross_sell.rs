//! Another article shown beside the cart. Once it is in the cart its discount
//! is off all its pieces; a cross-sell without a discount is only shown, and
//! falls short of nothing.

use super::percent_off::part_of;
use super::pieces::{cheapest, total};
use super::{Amounts, Shortfall};
use crate::domain::cart::Cart;
use crate::domain::money::BasisPoints;

pub(super) fn resolve(sku: &str, discount: BasisPoints, cart: &Cart) -> Amounts {
    if discount.get() == 0 {
        return Amounts::nothing_off(cart);
    }
    if cart.pieces_of(sku) == 0 {
        let sku = sku.to_owned();
        return Amounts::short(cart, Shortfall::ArticleNotInCart { sku });
    }
    let values = cheapest(cart, i64::MAX, |line| line.sku == sku);
    Amounts::off_values(part_of(total(&values), discount), &values)
}
