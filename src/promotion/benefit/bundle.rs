//! Articles that are cheaper together: one piece of each makes a bundle, and
//! the cart holds as many bundles as it has pieces of its scarcest article. The
//! discount is off the pieces in bundles alone; where an article stands in
//! several lines, its cheapest pieces go into bundles first.

use super::percent_off::part_of;
use super::pieces::{cheapest, total};
use super::{Amounts, Shortfall};
use crate::domain::cart::Cart;
use crate::domain::money::BasisPoints;

pub(super) fn resolve(skus: &[String], discount: BasisPoints, cart: &Cart) -> Amounts {
    if let Some(sku) = skus.iter().find(|sku| cart.pieces_of(sku) == 0) {
        return Amounts::short(cart, Shortfall::BundleIncomplete { sku: sku.clone() });
    }
    let bundles = skus.iter().map(|sku| cart.pieces_of(sku)).min();
    let mut values = vec![0; cart.lines.len()];
    for sku in skus {
        let of_sku = cheapest(cart, bundles.unwrap_or(0), |line| line.sku == *sku);
        for (value, more) in values.iter_mut().zip(of_sku) {
            *value = more.max(*value);
        }
    }
    Amounts::off_values(part_of(total(&values), discount), &values)
}
