//! How well left-out items are found again: hit rate and discounted gain, with
//! errors that know which items came from one basket.
//!
//! Hit rate at k: the share of left-out items among the first k places. NDCG at
//! k: 1 / log₂(1 + rank) within them and 0 beyond, which is already the
//! normalised gain where one item is relevant (Järvelin, Kekäläinen 2002,
//! <https://doi.org/10.1145/582415.582418>).
//!
//! Items of one basket are found, or not, together. A mean over items is a
//! ratio of sums over baskets, Σ yᵦ / Σ nᵦ, and its standard error the
//! linearised one, √(K / (K − 1) · Σ (yᵦ − mean · nᵦ)²) / Σ nᵦ over K baskets
//! (Deng, Knoblich, Lu 2018, <https://doi.org/10.1145/3219819.3219919>). The
//! same on the differences, basket by basket, compares two rankings.

use super::hybrid::discounted_gain;
use crate::domain::compensated_sum::CompensatedSum;
use crate::domain::math;

/// A mean over left-out items and its standard error; none where there is but
/// one basket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The mean.
    pub mean: f64,
    /// Its standard error, baskets being the clusters.
    pub standard_error: Option<f64>,
}

/// Sums of one basket.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct BasketSums {
    items: f64,
    hits: f64,
    gain: f64,
}

/// Where one ranking put the left-out items, basket by basket.
#[derive(Debug, Clone)]
pub struct Ranking {
    places: u32,
    baskets: Vec<BasketSums>,
}

impl Ranking {
    /// With the first `places` places counting.
    #[must_use]
    pub const fn new(places: u32) -> Self {
        Self {
            places,
            baskets: Vec::new(),
        }
    }

    /// Begins the next basket.
    pub fn begin_basket(&mut self) {
        self.baskets.push(BasketSums::default());
    }

    /// Takes in the rank, from 1, of a left-out item of the basket that was
    /// begun last; `None` where it was not ranked.
    pub fn push(&mut self, rank: Option<u32>) {
        if self.baskets.is_empty() {
            self.begin_basket();
        }
        let places = self.places;
        if let Some(sums) = self.baskets.last_mut() {
            sums.items += 1.0;
            if let Some(rank) = rank.filter(|rank| *rank <= places) {
                sums.hits += 1.0;
                sums.gain += discounted_gain(rank);
            }
        }
    }

    /// The share of left-out items in the first places; `None` without items.
    #[must_use]
    pub fn hit_rate(&self) -> Option<Measured> {
        self.measured(|sums| sums.hits)
    }

    /// The mean normalised discounted gain; `None` without items.
    #[must_use]
    pub fn ndcg(&self) -> Option<Measured> {
        self.measured(|sums| sums.gain)
    }

    /// How much higher the hit rate is than another's of the same baskets;
    /// `None` without items.
    ///
    /// # Panics
    /// When the other is of another number of baskets.
    #[must_use]
    pub fn hit_rate_above(&self, other: &Self) -> Option<Measured> {
        self.less(other).hit_rate()
    }

    /// The same of the gain.
    ///
    /// # Panics
    /// When the other is of another number of baskets.
    #[must_use]
    pub fn ndcg_above(&self, other: &Self) -> Option<Measured> {
        self.less(other).ndcg()
    }

    fn less(&self, other: &Self) -> Self {
        assert_eq!(
            self.baskets.len(),
            other.baskets.len(),
            "rankings of different baskets cannot be compared"
        );
        let pairs = self.baskets.iter().zip(&other.baskets);
        let baskets = pairs.map(|(own, other)| BasketSums {
            items: own.items,
            hits: own.hits - other.hits,
            gain: own.gain - other.gain,
        });
        Self {
            places: self.places,
            baskets: baskets.collect(),
        }
    }

    #[allow(clippy::cast_precision_loss)] // far fewer than 2^53
    fn measured(&self, value: fn(&BasketSums) -> f64) -> Option<Measured> {
        let sum = |of: &dyn Fn(&BasketSums) -> f64| {
            let terms = self.baskets.iter().map(of);
            terms.collect::<CompensatedSum>().get()
        };
        let items = sum(&|basket| basket.items);
        if items == 0.0 {
            return None;
        }
        let mean = sum(&value) / items;
        let squares = sum(&|basket| {
            let apart = value(basket) - mean * basket.items;
            apart * apart
        });
        let baskets = self.baskets.len() as f64;
        let standard_error =
            (baskets > 1.0).then(|| math::sqrt(baskets / (baskets - 1.0) * squares) / items);
        Some(Measured {
            mean,
            standard_error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(places: u32, ranks: &[&[Option<u32>]]) -> Ranking {
        let mut ranking = Ranking::new(places);
        for basket in ranks {
            ranking.begin_basket();
            basket.iter().for_each(|rank| ranking.push(*rank));
        }
        ranking
    }

    #[test]
    fn items_are_averaged_and_baskets_are_clusters() {
        let ranks: [&[_]; 3] = [
            &[Some(1), Some(3)],
            &[Some(2), None],
            &[Some(6), Some(5), Some(1), None],
        ];
        let ranking = ranking(5, &ranks);
        let hits = ranking.hit_rate().unwrap();
        assert_eq!(hits.mean, 5.0 / 8.0);
        // Apart: 2 − 1.25, 1 − 1.25, 2 − 2.5.
        let expected = (1.5 * (0.5625 + 0.0625 + 0.25_f64)).sqrt() / 8.0;
        assert!((hits.standard_error.unwrap() - expected).abs() < 1e-15);
        let log = |rank: f64| math::ln(rank + 1.0) / math::ln(2.0);
        let gain = (1.0 + 0.5 + 1.0 / log(2.0) + 1.0 / log(5.0) + 1.0) / 8.0;
        assert!((ranking.ndcg().unwrap().mean - gain).abs() < 1e-15);
    }

    #[test]
    fn one_item_a_basket_is_a_plain_share() {
        let mut plain = Ranking::new(1);
        for place in 0..100 {
            plain.begin_basket();
            plain.push(Some(1 + u32::from(place % 4 != 0)));
        }
        let hits = plain.hit_rate().unwrap();
        let expected = (0.25 * 0.75 / 99.0_f64).sqrt();
        assert!((hits.standard_error.unwrap() - expected).abs() < 1e-15);
        let same = plain.hit_rate_above(&plain).unwrap();
        assert_eq!((same.mean, same.standard_error), (0.0, Some(0.0)));
    }

    #[test]
    fn nothing_found_out_is_no_number() {
        assert_eq!(Ranking::new(5).hit_rate(), None);
        let one = ranking(5, &[&[Some(1)]]).ndcg().unwrap();
        assert_eq!((one.mean, one.standard_error), (1.0, None));
    }
}
