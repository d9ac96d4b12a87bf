//! Picking single pieces out of lines: the cheapest first, and among equal
//! prices those of the earlier line.

use crate::domain::cart::{Cart, CartLine};

/// What the cheapest `pieces` of the lines that `counts` are worth, by line of
/// the cart. Takes all there are when there are fewer.
pub(super) fn cheapest(cart: &Cart, pieces: i64, counts: impl Fn(&CartLine) -> bool) -> Vec<i64> {
    let mut by_price: Vec<(i64, usize)> = (0..)
        .zip(&cart.lines)
        .filter(|(_, line)| counts(line))
        .map(|(place, line)| (line.unit_price_minor, place))
        .collect();
    by_price.sort_unstable();
    let mut values = vec![0; cart.lines.len()];
    let mut left = pieces;
    for (price_minor, place) in by_price {
        let taken = cart.lines[place].quantity.min(left);
        values[place] = price_minor.saturating_mul(taken);
        left -= taken;
    }
    values
}

/// The sum; stops at the end of `i64`.
pub(super) fn total(values: &[i64]) -> i64 {
    values.iter().copied().fold(0, i64::saturating_add)
}
