//! Buy so many, get so many more at a discount.
//!
//! Of the n pieces that count, each whole group of x + y has y that are got;
//! from the rest, whatever is beyond x is got too. The pieces that are got are
//! the cheapest of all.

use super::percent_off::part_of;
use super::pieces::{cheapest, total};
use super::{Amounts, Shortfall};
use crate::domain::cart::{Cart, CartLine};
use crate::domain::money::BasisPoints;

/// What the benefit says.
pub(super) struct Terms<'a> {
    /// The articles that count; empty means all.
    pub skus: &'a [String],
    /// x, 1 or more.
    pub buy_quantity: i64,
    /// y, 1 or more.
    pub get_quantity: i64,
    /// Off the pieces that are got.
    pub discount: BasisPoints,
}

pub(super) fn resolve(terms: &Terms<'_>, cart: &Cart) -> Amounts {
    let counts = |line: &CartLine| terms.skus.is_empty() || terms.skus.contains(&line.sku);
    let lines = cart.lines.iter().filter(|line| counts(line));
    let pieces = lines.fold(0_i64, |pieces, line| pieces.saturating_add(line.quantity));
    let group = terms.buy_quantity.saturating_add(terms.get_quantity);
    let beyond = (pieces % group - terms.buy_quantity).max(0);
    let got = pieces / group * terms.get_quantity + beyond;
    if got == 0 {
        let needed = terms.buy_quantity.saturating_add(1);
        return Amounts::short(cart, Shortfall::TooFewPieces { needed, pieces });
    }
    let values = cheapest(cart, got, counts);
    Amounts::off_values(part_of(total(&values), terms.discount), &values)
}
