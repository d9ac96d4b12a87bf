//! What is on offer, and with which probability each of it is chosen.
//!
//! A policy returns an [`ActionDistribution`] over [`EligibleOffers`];
//! [`ActionDistribution::draw`] is the one place where an offer is chosen, so
//! the propensity that is recorded is the probability that was used.

use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use thiserror::Error;

use super::ids::OfferNumber;
use super::random::DecisionSeed;

/// How far a stored distribution's sum may be from 1.
pub const SUM_TOLERANCE: f64 = 1e-12;

/// The probability with which the logged action was chosen: in (0, 1].
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Propensity(f64);

/// Why a number is not a [`Propensity`].
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("propensity {0} is not in (0, 1]")]
pub struct NotAPropensity(pub f64);

impl Propensity {
    /// The propensity of what had to be chosen.
    pub const CERTAIN: Self = Self(1.0);

    /// # Errors
    /// When `probability` is not in (0, 1].
    pub fn new(probability: f64) -> Result<Self, NotAPropensity> {
        if probability > 0.0 && probability <= 1.0 {
            Ok(Self(probability))
        } else {
            Err(NotAPropensity(probability))
        }
    }

    /// The probability, in (0, 1].
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Propensity {
    type Error = NotAPropensity;

    fn try_from(probability: f64) -> Result<Self, NotAPropensity> {
        Self::new(probability)
    }
}

impl From<Propensity> for f64 {
    fn from(propensity: Propensity) -> Self {
        propensity.0
    }
}

impl fmt::Display for Propensity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The offers that may be shown, after status, schedule, rules, budgets,
/// limits and caps: at least one, in strictly ascending order of number.
/// Having none is another case, not an empty value of this type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<OfferNumber>", into = "Vec<OfferNumber>")]
pub struct EligibleOffers(SmallVec<[OfferNumber; 16]>);

/// Why offers are not a set of [`EligibleOffers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotEligibleOffers {
    /// There is no offer.
    #[error("no offer is eligible, at least 1 is needed")]
    Empty,
    /// Out of order, or twice the same.
    #[error("offer {after} follows offer {before}: numbers must ascend strictly")]
    NotAscending {
        /// The earlier of the two.
        before: OfferNumber,
        /// The one that should have had a larger number.
        after: OfferNumber,
    },
}

impl EligibleOffers {
    /// From numbers in strictly ascending order.
    ///
    /// # Errors
    /// When there is none, or they do not ascend.
    pub fn new(
        ascending: impl IntoIterator<Item = OfferNumber>,
    ) -> Result<Self, NotEligibleOffers> {
        let offers: SmallVec<[OfferNumber; 16]> = ascending.into_iter().collect();
        if offers.is_empty() {
            return Err(NotEligibleOffers::Empty);
        }
        match offers.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(NotEligibleOffers::NotAscending {
                before: pair[0],
                after: pair[1],
            }),
            None => Ok(Self(offers)),
        }
    }

    /// How many there are: 1 or more.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The offers in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[OfferNumber] {
        &self.0
    }

    /// The offers in ascending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = OfferNumber> + '_ {
        self.0.iter().copied()
    }

    /// The offer at `index`, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<OfferNumber> {
        self.0.get(index).copied()
    }

    /// Where `offer` stands, when it is eligible.
    #[must_use]
    pub fn index_of(&self, offer: OfferNumber) -> Option<usize> {
        self.0.binary_search(&offer).ok()
    }

    /// The set without the offer at `index`; `None` when nothing is left. An
    /// index that is out of range takes nothing away.
    #[must_use]
    pub fn without(&self, index: usize) -> Option<Self> {
        let left: SmallVec<[OfferNumber; 16]> = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(place, offer)| (place != index).then_some(*offer))
            .collect();
        (!left.is_empty()).then_some(Self(left))
    }
}

impl TryFrom<Vec<OfferNumber>> for EligibleOffers {
    type Error = NotEligibleOffers;

    fn try_from(ascending: Vec<OfferNumber>) -> Result<Self, NotEligibleOffers> {
        Self::new(ascending)
    }
}

impl From<EligibleOffers> for Vec<OfferNumber> {
    fn from(offers: EligibleOffers) -> Self {
        offers.0.into_vec()
    }
}

/// Exact probabilities, aligned with the eligible offers that they were made
/// for: each finite and ≥ 0, their sum 1 within [`SUM_TOLERANCE`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct ActionDistribution(SmallVec<[f64; 16]>);

/// Why numbers are not an [`ActionDistribution`].
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum NotADistribution {
    /// There is no entry.
    #[error("a distribution has no entry, at least 1 is needed")]
    Empty,
    /// An entry is negative, infinite or not a number.
    #[error("entry {index} is {value}, it must be finite and at least 0")]
    BadEntry {
        /// Where, from 0.
        index: usize,
        /// What stands there.
        value: f64,
    },
    /// The sum of the weights is 0 or overflows.
    #[error("the weights sum to {0}, the sum must be finite and above 0")]
    BadTotal(f64),
    /// Stored probabilities do not sum to 1.
    #[error("the probabilities sum to {0}, which is not 1 within {SUM_TOLERANCE}")]
    NotNormalised(f64),
}

fn check_entries(entries: &[f64]) -> Result<f64, NotADistribution> {
    if entries.is_empty() {
        return Err(NotADistribution::Empty);
    }
    let bad = |value: &f64| !(*value >= 0.0 && value.is_finite());
    if let Some(index) = entries.iter().position(bad) {
        return Err(NotADistribution::BadEntry {
            index,
            value: entries[index],
        });
    }
    Ok(entries.iter().sum())
}

/// One of `count` probabilities as [`ActionDistribution::with_floor`] makes it.
#[inline]
#[must_use]
#[allow(clippy::cast_precision_loss)] // far fewer offers than 2^53
pub fn with_floor(probability: f64, floor: f64, count: usize) -> f64 {
    if !(floor > 0.0) {
        return probability;
    }
    let count = count as f64;
    let floor = floor.min(1.0 / count);
    let rest = (1.0 - count * floor).max(0.0);
    floor + rest * probability
}

/// Probabilities that are nearer to each other than this count as equal where
/// the largest is looked for: they may have come by ways that agree to 10⁻⁵.
pub const ALIKE: f64 = 4e-5;

/// The places of the largest of some probabilities: one, or several that are
/// [`ALIKE`].
pub fn most_probable(probabilities: &[f64]) -> impl Iterator<Item = usize> + '_ {
    let largest = probabilities.iter().copied().fold(0.0, f64::max);
    let places = probabilities.iter().enumerate();
    places.filter_map(move |(place, probability)| (*probability > largest - ALIKE).then_some(place))
}

impl ActionDistribution {
    /// The distribution in proportion to `weights`.
    ///
    /// # Errors
    /// When there is none, one is negative or not finite, or all are 0.
    pub fn from_weights(weights: impl IntoIterator<Item = f64>) -> Result<Self, NotADistribution> {
        let mut entries: SmallVec<[f64; 16]> = weights.into_iter().collect();
        let total = check_entries(&entries)?;
        if !(total > 0.0 && total.is_finite()) {
            return Err(NotADistribution::BadTotal(total));
        }
        for entry in &mut entries {
            *entry /= total;
        }
        Ok(Self(entries))
    }

    /// Probabilities as they were stored, taken bit for bit.
    ///
    /// # Errors
    /// When they are not a distribution within [`SUM_TOLERANCE`].
    pub fn from_stored(
        probabilities: impl IntoIterator<Item = f64>,
    ) -> Result<Self, NotADistribution> {
        let entries: SmallVec<[f64; 16]> = probabilities.into_iter().collect();
        let total = check_entries(&entries)?;
        if !((total - 1.0).abs() <= SUM_TOLERANCE) {
            return Err(NotADistribution::NotNormalised(total));
        }
        Ok(Self(entries))
    }

    /// The same probability for each of the offers.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // far fewer offers than 2^53
    pub fn uniform(eligible: &EligibleOffers) -> Self {
        let count = eligible.len();
        Self(SmallVec::from_elem(1.0 / count as f64, count))
    }

    /// All of the probability on the offers at `indices` (at least one, each
    /// in range), in equal parts.
    ///
    /// # Panics
    /// When `indices` is empty or out of range: an error of the calling
    /// policy.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // far fewer offers than 2^53
    pub fn concentrated(eligible: &EligibleOffers, indices: &[usize]) -> Self {
        assert!(
            !indices.is_empty(),
            "a distribution needs an offer to be on"
        );
        let mut entries = SmallVec::from_elem(0.0, eligible.len());
        for index in indices {
            entries[*index] = 1.0 / indices.len() as f64;
        }
        Self(entries)
    }

    /// How many offers it is over.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The probabilities, in the order of the eligible offers.
    #[must_use]
    pub fn probabilities(&self) -> &[f64] {
        &self.0
    }

    /// The probability of the offer at `index` as a propensity; `None` when it
    /// is 0 or the index is out of range.
    #[must_use]
    pub fn propensity(&self, index: usize) -> Option<Propensity> {
        let probability = *self.0.get(index)?;
        // A lone offer's sum may round to a hair above 1.
        Propensity::new(probability.min(1.0)).ok()
    }

    /// The mixture `(1 − share)·p + share/K` with the uniform distribution;
    /// `share` in [0, 1].
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // far fewer offers than 2^53
    pub fn mixed_with_uniform(self, share: f64) -> Self {
        let floor = share / self.0.len() as f64;
        self.with_floor(floor)
    }

    /// The mixture `floor + (1 − K·floor)·p` with the uniform distribution, so
    /// that each of the K offers has at least `floor`. A floor of 1/K or more
    /// gives the uniform distribution; one that is not above 0 changes
    /// nothing.
    #[must_use]
    pub fn with_floor(mut self, floor: f64) -> Self {
        let count = self.0.len();
        for entry in &mut self.0 {
            *entry = with_floor(*entry, floor, count);
        }
        self
    }

    /// The same probabilities over a larger set, in which the offers that come
    /// in have none. This distribution is over `these`, all of which are among
    /// `those`.
    #[must_use]
    pub fn widened(&self, these: &EligibleOffers, those: &EligibleOffers) -> Self {
        let probability = |offer| {
            let place = these.index_of(offer);
            place.map_or(0.0, |place| self.0[place])
        };
        Self(those.iter().map(probability).collect())
    }

    /// The same probabilities over a smaller set: the opposite of
    /// [`Self::widened`]. `None` when something that is left out has a
    /// probability, or something kept is not there.
    #[must_use]
    pub fn narrowed(&self, those: &EligibleOffers, these: &EligibleOffers) -> Option<Self> {
        let left_out = |(offer, probability): (OfferNumber, &f64)| {
            these.index_of(offer).is_some() || *probability == 0.0
        };
        let kept = |offer| Some(self.0[those.index_of(offer)?]);
        let narrowed: Option<SmallVec<_>> = these.iter().map(kept).collect();
        let whole = those.iter().zip(&self.0).all(left_out);
        narrowed.filter(|_| whole).map(Self)
    }

    /// The index of the offer that `uniform`, in [0, 1), falls on: the inverse
    /// of the cumulative distribution. Never an offer with probability 0.
    #[must_use]
    pub fn draw(&self, uniform: f64) -> usize {
        let mut cumulative = 0.0;
        let mut last_possible = 0;
        for (index, probability) in self.0.iter().enumerate() {
            if *probability > 0.0 {
                cumulative += probability;
                last_possible = index;
                if uniform < cumulative {
                    break;
                }
            }
        }
        last_possible
    }
}

impl TryFrom<Vec<f64>> for ActionDistribution {
    type Error = NotADistribution;

    fn try_from(probabilities: Vec<f64>) -> Result<Self, NotADistribution> {
        Self::from_stored(probabilities)
    }
}

impl From<ActionDistribution> for Vec<f64> {
    fn from(distribution: ActionDistribution) -> Self {
        distribution.0.into_vec()
    }
}

/// What a slot is drawn by.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    /// The probabilities that are stated: those of the draw as anybody sees it
    /// who does not know to which group the shopper was assigned.
    pub stated: ActionDistribution,
    /// Where shoppers are assigned to groups by chance, once and for all: the
    /// probabilities in the shopper's group, of which the stated ones are the
    /// mean over groups. The draw is made by these.
    pub in_group: Option<ActionDistribution>,
}

impl From<ActionDistribution> for Odds {
    fn from(stated: ActionDistribution) -> Self {
        Self {
            stated,
            in_group: None,
        }
    }
}

impl Odds {
    /// The same over a larger set: see [`ActionDistribution::widened`].
    #[must_use]
    pub fn widened(&self, these: &EligibleOffers, those: &EligibleOffers) -> Self {
        let in_group = self.in_group.as_ref();
        Self {
            stated: self.stated.widened(these, those),
            in_group: in_group.map(|group| group.widened(these, those)),
        }
    }
}

/// Why what was recorded is no draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotADraw {
    /// There is not one probability for each offer.
    #[error("{probabilities} probabilities for {offers} offers")]
    NotAligned {
        /// How many offers were left.
        offers: usize,
        /// How many probabilities were recorded.
        probabilities: usize,
    },
    /// An offer of probability 0, or none at all.
    #[error("offer number {index} of those that were left had no probability")]
    Impossible {
        /// The recorded place.
        index: usize,
    },
}

/// One slot's draw: what was left for it, with which probabilities given the
/// slots above it, and what came out.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotDraw {
    eligible: EligibleOffers,
    distribution: ActionDistribution,
    index: usize,
}

impl SlotDraw {
    /// Draws one offer with `uniform` in [0, 1).
    ///
    /// # Panics
    /// When a distribution is not aligned with the offers, or an offer has a
    /// probability in the group and none as stated: an error of the policy that
    /// made them.
    #[must_use]
    pub fn new(eligible: EligibleOffers, odds: Odds, uniform: f64) -> Self {
        let Odds {
            stated: distribution,
            in_group,
        } = odds;
        let drawn_by = in_group.as_ref().unwrap_or(&distribution);
        assert!(
            eligible.len() == distribution.len() && eligible.len() == drawn_by.len(),
            "a distribution is aligned with its offers"
        );
        let index = drawn_by.draw(uniform);
        assert!(
            distribution.propensity(index).is_some(),
            "what a group draws has a stated probability"
        );
        Self {
            eligible,
            distribution,
            index,
        }
    }

    /// A draw as it was recorded.
    ///
    /// # Errors
    /// When the distribution is not aligned with the offers, or what was drawn
    /// had no probability.
    pub fn from_stored(
        eligible: EligibleOffers,
        distribution: ActionDistribution,
        index: usize,
    ) -> Result<Self, NotADraw> {
        if eligible.len() != distribution.len() {
            return Err(NotADraw::NotAligned {
                offers: eligible.len(),
                probabilities: distribution.len(),
            });
        }
        if distribution.propensity(index).is_none() {
            return Err(NotADraw::Impossible { index });
        }
        Ok(Self {
            eligible,
            distribution,
            index,
        })
    }

    /// What was left when this slot was drawn.
    #[must_use]
    pub const fn eligible(&self) -> &EligibleOffers {
        &self.eligible
    }

    /// The probabilities over [`Self::eligible`], given the slots above.
    #[must_use]
    pub const fn distribution(&self) -> &ActionDistribution {
        &self.distribution
    }

    /// Where the chosen offer stands among [`Self::eligible`].
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The chosen offer.
    #[must_use]
    pub fn offer(&self) -> OfferNumber {
        self.eligible.as_slice()[self.index]
    }

    /// The probability of the chosen offer, given the slots above.
    ///
    /// # Panics
    /// Never: a draw falls on an offer whose probability is above 0.
    #[must_use]
    pub fn propensity(&self) -> Propensity {
        self.distribution
            .propensity(self.index)
            .expect("what was drawn has a probability above 0")
    }
}

/// Fills `slots` slots one after the other without replacement: each is drawn
/// by `odds_of` (the draws above, what is left), with the decision's number for
/// that slot. Fewer slots come back when the offers run out, or when there are
/// no odds.
pub fn draw_slots<O: Into<Odds>>(
    eligible: &EligibleOffers,
    slots: usize,
    seed: DecisionSeed,
    mut odds_of: impl FnMut(&[SlotDraw], &EligibleOffers) -> Option<O>,
) -> SmallVec<[SlotDraw; 2]> {
    let mut draws: SmallVec<[SlotDraw; 2]> = SmallVec::new();
    let mut left = Some(eligible.clone());
    for slot in 0..slots {
        let Some(offers) = left else { break };
        let Some(odds) = odds_of(&draws, &offers) else {
            break;
        };
        let draw = SlotDraw::new(offers, odds.into(), seed.slot_uniform(slot));
        left = draw.eligible.without(draw.index);
        draws.push(draw);
    }
    draws
}

#[cfg(test)]
mod tests;
