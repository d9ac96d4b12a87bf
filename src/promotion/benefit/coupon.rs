//! What a code comes to once it is redeemed: a percentage or an amount.

use super::{Amounts, amount_off, percent_off};
use crate::domain::cart::Cart;
use crate::domain::offer::CouponDiscount;

pub(super) fn resolve(discount: &CouponDiscount, cart: &Cart) -> Amounts {
    match discount {
        CouponDiscount::PercentOff(percent) => percent_off::resolve(percent, cart),
        CouponDiscount::AmountOff { amount_minor } => amount_off::resolve(*amount_minor, cart),
    }
}
