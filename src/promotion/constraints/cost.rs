//! What an offer takes of a limit of money, or of an article's stock, when it is
//! chosen: what it comes to for the cart as it is then.

use crate::domain::cart::Cart;
use crate::domain::money::Currency;
use crate::domain::offer::Benefit;
use crate::promotion::benefit::resolve;

/// What an offer takes; money in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfferCost {
    /// Off the prices.
    pub discount_minor: i64,
    /// That, and what gifts and points cost the shop besides.
    pub cost_minor: i64,
    /// Pieces that it gives away.
    pub gift_pieces: i64,
}

/// What `benefit` takes for `cart`, whose prices are in `currency`.
#[must_use]
pub fn offer_cost(benefit: &Benefit, cart: &Cart, currency: Currency) -> OfferCost {
    let discount_minor = resolve(benefit, cart, currency).discount_minor;
    let net_minor = cart.value_minor().saturating_sub(discount_minor);
    let besides = benefit.cost_minor(net_minor, currency.minor_per_major());
    OfferCost {
        discount_minor,
        cost_minor: discount_minor.saturating_add(besides),
        gift_pieces: benefit.gift().map_or(0, |(_, pieces)| pieces),
    }
}
