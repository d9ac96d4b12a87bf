//! What a shopper has in the cart.

/// One line of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartLine {
    /// The shop's article number, never empty.
    pub sku: String,
    /// The article's categories.
    pub categories: Vec<String>,
    /// The article's brand; empty when not known.
    pub brand: String,
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

impl CartLine {
    /// What the line costs before promotions, in minor units; stops at the end
    /// of `i64`.
    #[must_use]
    pub const fn value_minor(&self) -> i64 {
        self.unit_price_minor.saturating_mul(self.quantity)
    }
}

impl Cart {
    /// What the cart costs before promotions, in minor units; stops at the end
    /// of `i64`.
    #[must_use]
    pub fn value_minor(&self) -> i64 {
        let values = self.lines.iter().map(CartLine::value_minor);
        values.fold(0, i64::saturating_add)
    }

    /// How many pieces the lines of an article have together.
    #[must_use]
    pub fn pieces_of(&self, sku: &str) -> i64 {
        let lines = self.lines.iter().filter(|line| line.sku == sku);
        lines.fold(0, |pieces, line| pieces.saturating_add(line.quantity))
    }
}
