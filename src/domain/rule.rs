//! Rules: to which requests an offer may be shown.

use std::sync::Arc;

use super::attribute::{AttributeTest, Condition};
use super::cart::{Cart, CartLine};
use super::companions::Companions;
use super::ids::SegmentNumber;

/// A rule: tests of a request, combined.
pub type Rule = Condition<RuleTest>;

/// One test of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleTest {
    /// Of an attribute.
    Attribute(AttributeTest),
    /// Of the cart.
    Cart(CartTest),
    /// The cart holds something that the offer's article goes with.
    GoesWith(Arc<Companions>),
    /// The shopper falls into one of these segments.
    Segment(Vec<SegmentNumber>),
    /// The shopper has bought before, or has not.
    Shopper(ShopperHistory),
    /// The request comes from one of these places.
    Place {
        /// Which kind of place.
        kind: PlaceKind,
        /// Their names, at least one.
        one_of: Vec<String>,
    },
}

/// A test of what is in the cart: of the lines that match, at least so many
/// pieces, worth at least so much. A line matches when each list that is not
/// empty has its article, one of its categories, its brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartTest {
    /// Articles; empty means any.
    pub skus: Vec<String>,
    /// Categories; empty means any.
    pub categories: Vec<String>,
    /// Brands; empty means any.
    pub brands: Vec<String>,
    /// Pieces of the lines that match, 0 or more.
    pub min_quantity: i64,
    /// What the lines that match are worth before promotions, 0 or more.
    pub min_spend_minor: i64,
}

/// Whether a shopper has bought here before, as the shop says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShopperHistory {
    /// Never.
    New,
    /// At least once.
    Returning,
}

impl ShopperHistory {
    /// Both.
    pub const ALL: [Self; 2] = [Self::New, Self::Returning];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Returning => "returning",
        }
    }
}

/// Where a request comes from, in one of four ways to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlaceKind {
    /// Through what.
    Channel,
    /// On what.
    Device,
    /// In which store.
    Store,
    /// In which region.
    Region,
}

impl PlaceKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Channel, Self::Device, Self::Store, Self::Region];

    /// The name in the catalogue file and in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Device => "device",
            Self::Store => "store",
            Self::Region => "region",
        }
    }
}

impl CartTest {
    /// Whether it speaks of some lines only.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !(self.skus.is_empty() && self.categories.is_empty() && self.brands.is_empty())
    }

    /// Whether it counts a line.
    #[must_use]
    pub fn matches(&self, line: &CartLine) -> bool {
        let is_of = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        is_of(&self.skus, &line.sku)
            && is_of(&self.brands, &line.brand)
            && (self.categories.is_empty()
                || line
                    .categories
                    .iter()
                    .any(|category| self.categories.contains(category)))
    }

    /// The pieces that count, and what they are worth in minor units; both stop
    /// at the end of `i64`.
    #[must_use]
    pub fn measure(&self, cart: &Cart) -> (i64, i64) {
        let lines = cart.lines.iter().filter(|line| self.matches(line));
        lines.fold((0, 0), |(pieces, worth): (i64, i64), line| {
            (
                pieces.saturating_add(line.quantity),
                worth.saturating_add(line.value_minor()),
            )
        })
    }

    /// Whether the cart has enough.
    #[must_use]
    pub fn holds(&self, cart: &Cart) -> bool {
        let (pieces, worth_minor) = self.measure(cart);
        pieces >= self.min_quantity && worth_minor >= self.min_spend_minor
    }
}
