//! From a decision's features to the rows that regressions learn.
//!
//! Hashing is that of Weinberger et al. (2009), "Feature hashing for large
//! scale multitask learning", arXiv 0902.2206, as Vowpal Wabbit uses it, with
//! signs: entry h(key) mod (2^b − 1) + 1 of the row gains ±value, the sign
//! from another bit of the hash, so that colliding features cancel in the mean
//! instead of adding up. Entry 0 is the intercept's and takes no collisions.
//!
//! A shared row holds the decision's features, the offer's, and every product
//! of the two; an offer always has one feature of its own, its number.

use smallvec::SmallVec;

use super::model::{Expansion, Member, Model, Shared};
use super::random_features::RandomFeatures;
use crate::domain::ids::OfferNumber;
use crate::domain::random::mixed;
use crate::learning::linear::FeatureScale;

/// How features become rows, as it is known now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    pub model: &'a Model,
    pub scale: &'a FeatureScale,
    pub expansion: Option<&'a RandomFeatures>,
}

impl Layout<'_> {
    /// Writes the row that a member sees, its first entry 1.
    pub(super) fn fill(
        &self,
        member: Member,
        features: &[f64],
        offer: OfferNumber,
        row: &mut Vec<f64>,
    ) {
        row.clear();
        let hashed = match (member.expansion, self.model.shared()) {
            (Expansion::Linear, Some(shared)) => Some(shared.bits),
            (Expansion::Linear, None) => self.model.hash_bits(),
            (Expansion::RandomFeatures, _) => None,
        };
        let Some(bits) = hashed else {
            row.push(1.0);
            self.scale.append(features, row);
            if let (Expansion::RandomFeatures, Some(expansion)) = (member.expansion, self.expansion)
            {
                expansion.append(1, row);
            }
            return;
        };
        let mut standardised = Vec::with_capacity(features.len());
        self.scale.append(features, &mut standardised);
        match self.model.shared() {
            Some(shared) => fill_shared(shared, &standardised, offer, row),
            None => {
                let mut hashed = Hashed::new(bits, row);
                for (place, value) in (0..).zip(&standardised) {
                    hashed.add(feature_key(place), *value);
                }
            }
        }
    }
}

fn fill_shared(shared: &Shared, features: &[f64], offer: OfferNumber, row: &mut Vec<f64>) {
    let mut of_offer: SmallVec<[(u64, f64); 8]> = SmallVec::new();
    of_offer.push((mixed(u64::from(offer.0) | 1 << 40), 1.0));
    if let Some(known) = shared.offers.get(&offer) {
        of_offer.extend_from_slice(known);
    }
    let mut hashed = Hashed::new(shared.bits, row);
    for (key, value) in &of_offer {
        hashed.add(*key, *value);
    }
    for (place, feature) in (0..).zip(features) {
        if *feature == 0.0 {
            continue;
        }
        let key = feature_key(place);
        hashed.add(key, *feature);
        for (of_offer, value) in &of_offer {
            hashed.add(mixed(key ^ of_offer.rotate_left(23)), feature * value);
        }
    }
}

/// What is known of an offer, in one number.
pub(super) fn fingerprint(shared: &Shared, offer: OfferNumber) -> u64 {
    let known = shared.offers.get(&offer).into_iter().flatten();
    known.fold(0, |hash, (key, value)| {
        mixed(hash ^ mixed(key ^ value.to_bits().rotate_left(17)))
    })
}

fn feature_key(place: u64) -> u64 {
    mixed(place | 2 << 40)
}

struct Hashed<'a> {
    row: &'a mut Vec<f64>,
}

impl<'a> Hashed<'a> {
    fn new(bits: u32, row: &'a mut Vec<f64>) -> Self {
        row.resize(1 << bits, 0.0);
        row[0] = 1.0;
        Self { row }
    }

    #[allow(clippy::cast_possible_truncation)] // below the row's length
    fn add(&mut self, key: u64, value: f64) {
        let buckets = self.row.len() as u64 - 1;
        let sign = if key >> 63 == 1 { -1.0 } else { 1.0 };
        self.row[1 + (key % buckets) as usize] += sign * value;
    }
}
