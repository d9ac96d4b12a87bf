//! What a shopper has in the cart.

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartLine {
    /// The shop's article number, never empty.
    pub sku: String,
    /// The article's categories.
    pub categories: Vec<String>,
    /// Pieces, 1 or more.
    pub quantity: i64,
    /// The price of one piece before promotions, in minor units of the
    /// placement's currency.
    pub unit_price_minor: i64,
}

/// A cart; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cart {
    /// The lines, in the order that the client gave.
    pub lines: Vec<CartLine>,
}
