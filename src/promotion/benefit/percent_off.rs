//! A share of the cart's value off, at most so much.

use super::Amounts;
use crate::domain::cart::Cart;
use crate::domain::money::BasisPoints;
use crate::domain::offer::PercentOff;

pub(super) fn resolve(percent: &PercentOff, cart: &Cart) -> Amounts {
    let discount = part_of(cart.value_minor(), percent.discount);
    let most = percent.max_discount_minor.unwrap_or(i64::MAX);
    Amounts::off_cart(discount.min(most), cart)
}

/// So many hundredths of a percent of a value, rounded to the currency's minor
/// unit; half a unit is rounded up, in the shopper's favour. The value is 0 or
/// more, and so never exceeded.
pub(super) fn part_of(value_minor: i64, share: BasisPoints) -> i64 {
    let all = i128::from(BasisPoints::ALL);
    let exact = i128::from(value_minor) * i128::from(share.get());
    i64::try_from((exact + all / 2) / all).unwrap_or(value_minor)
}
