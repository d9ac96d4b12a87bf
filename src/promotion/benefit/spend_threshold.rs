//! Spend so much, save so much (满减): the highest tier that the cart reaches
//! counts, once.

use super::{Amounts, below_spend};
use crate::domain::cart::Cart;
use crate::domain::money::Currency;
use crate::domain::offer::SpendTier;

/// `tiers` ascend in what is to be spent.
pub(super) fn resolve(tiers: &[SpendTier], cart: &Cart, currency: Currency) -> Amounts {
    let spent = cart.value_minor();
    let reached = tiers.iter().rev().find(|tier| tier.spend_minor <= spent);
    match (reached, tiers.first()) {
        (Some(tier), _) => Amounts::off_cart(tier.save_minor, cart),
        (None, Some(lowest)) => below_spend(lowest.spend_minor, cart, currency),
        (None, None) => Amounts::nothing_off(cart),
    }
}
