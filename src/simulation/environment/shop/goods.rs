//! What a basket comes to: without an offer, and with each.
//!
//! Discounts are what [`resolve`] computes for the cart, the same function as
//! in the service, so an offer is worth to a shopper what it takes off this very
//! cart.

use super::document::Counts;
use crate::domain::cart::{Cart, CartLine};
use crate::domain::money::Currency;
use crate::domain::offer::Benefit;
use crate::domain::placement::Objective;
use crate::promotion::benefit::{Amounts, resolve};

/// Something that the shop sells. Amounts are minor units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Article {
    pub sku: String,
    pub categories: Vec<String>,
    pub brand: String,
    pub price_minor: i64,
    pub cost_minor: i64,
}

/// One line of what is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldLine {
    /// The article.
    pub sku: String,
    /// Pieces.
    pub quantity: i64,
    /// Paid for the line.
    pub paid_minor: i64,
    /// Taken off it.
    pub discount_minor: i64,
    /// What one piece costs the shop.
    pub unit_cost_minor: i64,
}

/// What is sold when a shopper buys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sold {
    /// Its lines.
    pub lines: Vec<SoldLine>,
    /// Paid.
    pub revenue_minor: i64,
    /// Paid less the cost of the goods, of gifts and of points.
    pub margin_minor: i64,
    /// Discounts, gifts and points.
    pub discount_cost_minor: i64,
}

/// What an offer does to one basket.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Terms {
    /// The discount as a share of the cart's price.
    pub discount_share: f64,
    /// It gives nothing for this basket: then it persuades nobody.
    pub is_short: bool,
    /// What is sold; `None` when nothing of it counts for the decision.
    pub sold: Option<Sold>,
    /// What else may be added because it is shown.
    pub added: Option<Added>,
}

/// An article that may be added.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Added {
    /// The probability that whoever buys adds it, in log-odds and at its own
    /// price; minus infinity for never.
    pub log_odds: f64,
    /// Its discount as a share of its own price.
    pub discount_share: f64,
    /// What is sold then.
    pub sold: Sold,
}

impl Sold {
    /// What it is worth to a shop that is after `objective`, in minor units or
    /// in conversions.
    #[allow(clippy::cast_precision_loss)] // amounts are below 2^53
    pub fn worth(&self, objective: Objective) -> f64 {
        match objective {
            Objective::Conversion => 1.0,
            Objective::NetRevenue => self.revenue_minor as f64,
            Objective::Margin | Objective::Weighted => self.margin_minor as f64,
        }
    }

    /// A cart with some lines left out, paid with these amounts off.
    fn of(
        cart: &Cart,
        costs_minor: &[i64],
        amounts: &Amounts,
        benefit: Option<&Benefit>,
        currency: Currency,
        counts: impl Fn(&CartLine) -> bool,
    ) -> Self {
        let mut sold = Self::default();
        let shares = &amounts.line_shares_minor;
        for ((line, cost), share) in cart.lines.iter().zip(costs_minor).zip(shares) {
            if !counts(line) {
                continue;
            }
            let paid_minor = line.value_minor() - share;
            sold.revenue_minor += paid_minor;
            sold.margin_minor += paid_minor - cost * line.quantity;
            sold.discount_cost_minor += share;
            sold.lines.push(SoldLine {
                sku: line.sku.clone(),
                quantity: line.quantity,
                paid_minor,
                discount_minor: *share,
                unit_cost_minor: *cost,
            });
        }
        let besides = benefit.map_or(0, |benefit| {
            benefit.cost_minor(sold.revenue_minor, currency.minor_per_major())
        });
        sold.margin_minor -= besides;
        sold.discount_cost_minor += besides;
        sold
    }
}

/// What a basket comes to without an offer.
pub(super) fn without_offer(
    cart: &Cart,
    costs_minor: &[i64],
    counts: Counts,
    currency: Currency,
) -> Terms {
    let nothing_off = Amounts {
        line_shares_minor: vec![0; cart.lines.len()],
        ..Amounts::default()
    };
    let all = || Sold::of(cart, costs_minor, &nothing_off, None, currency, |_| true);
    Terms {
        discount_share: 0.0,
        is_short: false,
        sold: (counts == Counts::Order).then(all),
        added: None,
    }
}

/// What it comes to with an offer. `adds` is the probability that whoever buys
/// adds an article that is shown at its own price.
#[allow(clippy::cast_precision_loss)] // amounts are below 2^53
pub(super) fn with_offer(
    benefit: &Benefit,
    cart: &Cart,
    costs_minor: &[i64],
    counts: Counts,
    currency: Currency,
    shown: Option<(&Article, f64)>,
) -> Terms {
    let amounts = resolve(benefit, cart, currency);
    let only_shown = matches!(benefit, Benefit::CrossSell { .. });
    let benefit = Some(benefit);
    let order = || Sold::of(cart, costs_minor, &amounts, benefit, currency, |_| true);
    let added = shown.map(|(article, rate)| {
        let (cart, costs_minor) = with_piece(cart, costs_minor, article);
        let amounts = benefit.map(|benefit| resolve(benefit, &cart, currency));
        let amounts = amounts.unwrap_or_default();
        let is_shown = |line: &CartLine| line.sku == article.sku;
        let own: i64 = cart
            .lines
            .iter()
            .zip(&amounts.line_shares_minor)
            .filter(|(line, _)| is_shown(line))
            .map(|(_, share)| share)
            .sum();
        let pieces = cart.pieces_of(&article.sku) as f64 * article.price_minor as f64;
        Added {
            log_odds: crate::domain::math::ln(rate) - crate::domain::math::ln_1p(-rate),
            discount_share: if pieces > 0.0 {
                own as f64 / pieces
            } else {
                0.0
            },
            sold: Sold::of(&cart, &costs_minor, &amounts, benefit, currency, |line| {
                counts == Counts::Order || is_shown(line)
            }),
        }
    });
    let value = cart.value_minor() as f64;
    Terms {
        discount_share: if value > 0.0 {
            amounts.discount_minor as f64 / value
        } else {
            0.0
        },
        // An article that is only shown needs nothing of the cart.
        is_short: amounts.shortfall.is_some() && !only_shown,
        sold: (counts == Counts::Order).then(order),
        added,
    }
}

/// The cart with one more piece of an article.
fn with_piece(cart: &Cart, costs_minor: &[i64], article: &Article) -> (Cart, Vec<i64>) {
    let (mut cart, mut costs_minor) = (cart.clone(), costs_minor.to_vec());
    match cart.lines.iter_mut().find(|line| line.sku == article.sku) {
        Some(line) => line.quantity += 1,
        None => {
            cart.lines.push(article.line(1));
            costs_minor.push(article.cost_minor);
        }
    }
    (cart, costs_minor)
}

impl Article {
    /// So many pieces in a cart.
    pub fn line(&self, quantity: i64) -> CartLine {
        CartLine {
            sku: self.sku.clone(),
            categories: self.categories.clone(),
            brand: self.brand.clone(),
            quantity,
            unit_price_minor: self.price_minor,
        }
    }
}
