//! Companions: what an article goes with, as mining found it.

use super::cart::Cart;

/// What one article goes with; at least one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Companions(Vec<Companion>);

/// Articles that an article goes with when they are in a cart together.
#[derive(Debug, Clone, PartialEq)]
pub struct Companion {
    /// All of them have to be in the cart; at least one.
    pub skus: Vec<String>,
    /// How many times likelier it is then than usual: finite, above 0.
    pub lift: f64,
}

impl Companions {
    /// `None` when there is nothing, or a lift is no finite number above 0.
    #[must_use]
    pub fn new(companions: Vec<Companion>) -> Option<Self> {
        let is_sound = |it: &Companion| !it.skus.is_empty() && it.lift > 0.0 && it.lift.is_finite();
        (!companions.is_empty() && companions.iter().all(is_sound)).then_some(Self(companions))
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Companion] {
        &self.0
    }

    /// The highest lift of those that a cart has whole; `None` when it has
    /// none.
    #[must_use]
    pub fn lift(&self, cart: &Cart) -> Option<f64> {
        let is_there = |sku: &String| cart.pieces_of(sku) > 0;
        let there = self.0.iter().filter(|it| it.skus.iter().all(is_there));
        there.map(|it| it.lift).reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cart::CartLine;

    fn companion(skus: &[&str], lift: f64) -> Companion {
        Companion {
            skus: skus.iter().map(|sku| (*sku).to_owned()).collect(),
            lift,
        }
    }

    fn cart(lines: &[(&str, i64)]) -> Cart {
        let line = |(sku, quantity): &(&str, i64)| CartLine {
            sku: (*sku).to_owned(),
            categories: Vec::new(),
            brand: String::new(),
            quantity: *quantity,
            unit_price_minor: 100,
        };
        Cart {
            lines: lines.iter().map(line).collect(),
        }
    }

    #[test]
    fn the_highest_lift_of_what_is_whole_in_the_cart_counts() {
        let of = [
            companion(&["tea"], 1.5),
            companion(&["cup"], 1.2),
            companion(&["tea", "milk"], 3.0),
        ];
        let companions = Companions::new(of.to_vec()).unwrap();
        assert_eq!(companions.lift(&cart(&[("cup", 1), ("tea", 2)])), Some(1.5));
        assert_eq!(
            companions.lift(&cart(&[("tea", 1), ("milk", 1)])),
            Some(3.0)
        );
        assert_eq!(companions.lift(&cart(&[("milk", 4), ("tea", 0)])), None);
        assert_eq!(companions.lift(&Cart::default()), None);
    }

    #[test]
    fn what_is_no_companion_is_refused() {
        assert_eq!(Companions::new(Vec::new()), None);
        assert_eq!(Companions::new(vec![companion(&[], 2.0)]), None);
        for lift in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Companions::new(vec![companion(&["tea"], lift)]), None);
        }
    }
}
