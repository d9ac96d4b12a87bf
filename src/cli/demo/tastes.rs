//! What the simulated shoppers like: for each segment of the starter catalogue
//! the probability that an offer makes a shopper buy.

use std::collections::BTreeMap;

use crate::catalog::CatalogDocument;
use crate::domain::random::Generator;
use crate::proto::promobandit::v1::AttributeValue;
use crate::proto::promobandit::v1::attribute_value::Value;

/// Where the shoppers are.
pub const PLACEMENT: &str = "checkout";

/// How probable a purchase is with the offer that a segment likes best.
const FAVOURITE_RATE: f64 = 0.30;
/// And with the one that it likes second best.
const SECOND_RATE: f64 = 0.18;
/// All others lie between these.
const OTHER_RATES: [f64; 2] = [0.03, 0.10];

/// The segments in the order of the starter catalogue, how many of ten shoppers
/// belong to each, and their two favourites.
const SEGMENTS: [(&str, u64, [&str; 2]); 5] = [
    ("high_value", 2, ["double_points", "tea_gift"]),
    ("sport_lovers", 2, ["sport_bundle", "socks_buy_2_get_1"]),
    ("middle_value", 2, ["ten_percent_off", "spend_100_save_50"]),
    ("low_value", 3, ["spend_100_save_50", "coupon_20"]),
    ("default", 1, ["free_shipping", "lucky_amount_off"]),
];

/// A segment's taste.
#[derive(Debug, Clone)]
pub struct Taste {
    /// The segment's id.
    pub segment: &'static str,
    /// How many of [`Tastes::shares`] shoppers belong to it.
    share: u64,
    /// The probability of a purchase by offer.
    rates: BTreeMap<String, f64>,
}

/// Everybody's taste.
#[derive(Debug, Clone)]
pub struct Tastes(Vec<Taste>);

impl Tastes {
    /// The tastes of a seed for the offers of a catalogue.
    #[must_use]
    pub fn new(catalog: &CatalogDocument, seed: u64) -> Self {
        let mut generator = Generator::from_seed(seed);
        let offers = catalog.offers.iter().filter(|offer| {
            offer
                .placements
                .iter()
                .any(|placement| placement == PLACEMENT)
        });
        let offers: Vec<&str> = offers.map(|offer| offer.id.as_str()).collect();
        let tastes = SEGMENTS.map(|(segment, share, [favourite, second])| {
            let mut rate_of = |offer: &str| {
                let [least, most] = OTHER_RATES;
                let other = least + (most - least) * generator.next_uniform();
                match offer {
                    _ if offer == favourite => FAVOURITE_RATE,
                    _ if offer == second => SECOND_RATE,
                    _ => other,
                }
            };
            let rates = offers
                .iter()
                .map(|offer| ((*offer).to_owned(), rate_of(offer)));
            Taste {
                segment,
                share,
                rates: rates.collect(),
            }
        });
        Self(tastes.into())
    }

    /// The segments' tastes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Taste> {
        self.0.iter()
    }

    /// Which segment the next shopper belongs to, and its taste.
    #[must_use]
    pub fn draw(&self, generator: &mut Generator) -> Option<(usize, &Taste)> {
        let shares: u64 = self.iter().map(|taste| taste.share).sum();
        let mut place = generator.next_below(shares);
        self.iter().enumerate().find(|(_, taste)| {
            let here = place < taste.share;
            place = place.saturating_sub(taste.share);
            here
        })
    }
}

impl Taste {
    /// The probability that an offer makes a shopper buy.
    #[must_use]
    pub fn rate(&self, offer: &str) -> f64 {
        self.rates.get(offer).copied().unwrap_or(0.0)
    }

    /// The offer that is liked best, with its probability.
    #[must_use]
    pub fn best(&self) -> (&str, f64) {
        let rates = self
            .rates
            .iter()
            .map(|(offer, rate)| (offer.as_str(), *rate));
        rates.fold(
            ("", 0.0),
            |best, here| if here.1 > best.1 { here } else { best },
        )
    }

    /// The mean over the offers: what a uniform policy earns.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // a handful of offers
    pub fn uniform(&self) -> f64 {
        self.rates.values().sum::<f64>() / self.rates.len().max(1) as f64
    }

    /// What a checkout says of a shopper with this taste, so that the rules of
    /// the starter catalogue find the segment.
    #[must_use]
    pub fn attributes(&self) -> Vec<(String, AttributeValue)> {
        let (name, value) = match self.segment {
            "high_value" => ("value_tier", Value::StringValue("high".to_owned())),
            "sport_lovers" => (
                "favourite_category",
                Value::StringValue("running".to_owned()),
            ),
            "middle_value" => ("purchases_last_year", Value::NumberValue(12.0)),
            "low_value" => ("new_customer", Value::BoolValue(true)),
            _ => return Vec::new(),
        };
        vec![(name.to_owned(), AttributeValue { value: Some(value) })]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::starter::starter;

    #[test]
    fn the_favourites_are_offers_of_the_starter_catalogue() {
        let tastes = Tastes::new(&starter(), 1);
        for (taste, (_, _, [favourite, second])) in tastes.iter().zip(SEGMENTS) {
            assert_eq!(taste.best(), (favourite, FAVOURITE_RATE));
            assert!((taste.rate(second) - SECOND_RATE).abs() < 1e-15);
            assert!(taste.uniform() > 0.05 && taste.uniform() < 0.15);
        }
    }

    #[test]
    fn the_segments_are_those_of_the_starter_catalogue() {
        let catalog = starter();
        let ids: Vec<&str> = catalog.segments.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, SEGMENTS.map(|(segment, _, _)| segment));
    }

    #[test]
    fn every_segment_has_its_share_of_shoppers() {
        let tastes = Tastes::new(&starter(), 1);
        let mut generator = Generator::from_seed(7);
        let mut counts = [0_u64; SEGMENTS.len()];
        for _ in 0..10_000 {
            let (index, _) = tastes.draw(&mut generator).expect("a segment");
            counts[index] += 1;
        }
        for (count, (_, share, _)) in counts.iter().zip(SEGMENTS) {
            assert!(count.abs_diff(share * 1_000) < 200, "{counts:?}");
        }
    }
}
