//! What a benefit comes to for a cart: one file a kind.
//!
//! [`resolve`] is the only way from terms and a cart to amounts, when a decision
//! is answered, when it is read back and when a changed cart is priced again.
//!
//! Invariants: amounts are whole minor units; the line shares add up to the
//! discount exactly and none is above its line's value; the same terms, cart and
//! currency give the same amounts. A benefit that gives nothing for a cart says
//! why.
//!
//! Each offer is priced by itself on the whole cart: what the offers of several
//! slots come to together is for the shop's own till to say.

mod amount_off;
mod bundle;
mod buy_x_get_y;
mod coupon;
mod cross_sell;
mod free_shipping;
mod gift;
mod percent_off;
mod pieces;
mod points;
mod shares;
mod spend_threshold;

use std::fmt;

use crate::domain::cart::Cart;
use crate::domain::money::{Currency, Money};
use crate::domain::offer::Benefit;

pub use shares::share_out;

/// What a benefit comes to for one cart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Off the cart, in minor units: the sum of the line shares.
    pub discount_minor: i64,
    /// Off each line of the cart, in the cart's order.
    pub line_shares_minor: Vec<i64>,
    /// Pieces of the gift that come on top.
    pub gift_quantity: i64,
    /// Loyalty points.
    pub points: i64,
    /// Shipping costs nothing.
    pub free_shipping: bool,
    /// Why the benefit gives nothing for this cart; `None` when it gives what
    /// it promises.
    pub shortfall: Option<Shortfall>,
}

/// Why a benefit gives nothing for a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortfall {
    /// There is nothing in the cart.
    EmptyCart,
    /// What is in the cart costs nothing, or so little that the discount rounds
    /// to nothing.
    NothingToDiscount,
    /// The cart is worth less than the least that is to be spent.
    BelowSpend {
        /// What is to be spent.
        needed: Money,
        /// What the cart is worth.
        spent: Money,
    },
    /// An article of the bundle is not in the cart.
    BundleIncomplete {
        /// The first one that is missing, in the bundle's order.
        sku: String,
    },
    /// Fewer pieces that count than have to be bought before one is got.
    TooFewPieces {
        /// From how many on there is one to be got.
        needed: i64,
        /// How many there are.
        pieces: i64,
    },
    /// The article that is offered is not in the cart.
    ArticleNotInCart {
        /// Which.
        sku: String,
    },
}

impl Shortfall {
    /// The reason code, stable for programs to read.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmptyCart => "EMPTY_CART",
            Self::NothingToDiscount => "NOTHING_TO_DISCOUNT",
            Self::BelowSpend { .. } => "BELOW_SPEND",
            Self::BundleIncomplete { .. } => "BUNDLE_INCOMPLETE",
            Self::TooFewPieces { .. } => "TOO_FEW_PIECES",
            Self::ArticleNotInCart { .. } => "ARTICLE_NOT_IN_CART",
        }
    }
}

impl fmt::Display for Shortfall {
    /// A clause such as `the cart is worth 80.00 CNY, less than 100.00 CNY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyCart => f.write_str("the cart is empty"),
            Self::NothingToDiscount => f.write_str("there is no price to take a discount off"),
            Self::BelowSpend { needed, spent } => {
                write!(f, "the cart is worth {spent}, less than {needed}")
            }
            Self::BundleIncomplete { sku } => {
                write!(f, "the bundle's article {sku:?} is not in the cart")
            }
            Self::TooFewPieces { needed, pieces } => {
                write!(f, "{pieces} pieces count, fewer than {needed}")
            }
            Self::ArticleNotInCart { sku } => {
                write!(f, "the offered article {sku:?} is not in the cart")
            }
        }
    }
}

/// What `benefit` comes to for `cart`, whose prices are in `currency`.
#[must_use]
pub fn resolve(benefit: &Benefit, cart: &Cart, currency: Currency) -> Amounts {
    if cart.lines.is_empty() && !benefit.is_only_shown() {
        return Amounts::short(cart, Shortfall::EmptyCart);
    }
    match benefit {
        Benefit::PercentOff(percent) => percent_off::resolve(percent, cart),
        Benefit::AmountOff { amount_minor } => amount_off::resolve(*amount_minor, cart),
        Benefit::SpendThreshold { tiers } => spend_threshold::resolve(tiers, cart, currency),
        Benefit::Gift { quantity, .. } => gift::resolve(*quantity, cart),
        Benefit::Coupon { discount, .. } => coupon::resolve(discount, cart),
        Benefit::Bundle { skus, discount } => bundle::resolve(skus, *discount, cart),
        Benefit::BuyXGetY {
            skus,
            buy_quantity,
            get_quantity,
            discount,
        } => {
            let terms = buy_x_get_y::Terms {
                skus,
                buy_quantity: *buy_quantity,
                get_quantity: *get_quantity,
                discount: *discount,
            };
            buy_x_get_y::resolve(&terms, cart)
        }
        Benefit::Points {
            fixed,
            per_major_unit,
            ..
        } => points::resolve(*fixed, *per_major_unit, cart, currency),
        Benefit::FreeShipping { min_spend_minor } => {
            free_shipping::resolve(*min_spend_minor, cart, currency)
        }
        Benefit::CrossSell { sku, discount } => cross_sell::resolve(sku, *discount, cart),
    }
}

impl Amounts {
    /// Nothing, with the reason.
    fn short(cart: &Cart, shortfall: Shortfall) -> Self {
        Self {
            shortfall: Some(shortfall),
            ..Self::nothing_off(cart)
        }
    }

    /// No discount; what else there is, the caller adds.
    fn nothing_off(cart: &Cart) -> Self {
        Self {
            line_shares_minor: vec![0; cart.lines.len()],
            ..Self::default()
        }
    }

    /// A discount of the whole cart, shared by the value of its lines.
    fn off_cart(discount_minor: i64, cart: &Cart) -> Self {
        let values: Vec<i64> = cart.lines.iter().map(|line| line.value_minor()).collect();
        Self::off_values(discount_minor, &values)
    }

    /// A discount shared by the value that each line has a part in it with.
    fn off_values(discount_minor: i64, values_minor: &[i64]) -> Self {
        Self {
            discount_minor,
            line_shares_minor: share_out(discount_minor, values_minor),
            shortfall: (discount_minor == 0).then_some(Shortfall::NothingToDiscount),
            ..Self::default()
        }
    }
}

/// What a cart that is worth too little lacks.
fn below_spend(needed_minor: i64, cart: &Cart, currency: Currency) -> Amounts {
    let money = |minor_units| Money {
        minor_units,
        currency,
    };
    let shortfall = Shortfall::BelowSpend {
        needed: money(needed_minor),
        spent: money(cart.value_minor()),
    };
    Amounts::short(cart, shortfall)
}

#[cfg(test)]
mod tests;
