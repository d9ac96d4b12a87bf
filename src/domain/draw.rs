//! The draws of a decision: one offer a slot, without replacement.

use super::decision::SlotDraw;
use super::distribution::{ActionDistribution, EligibleOffers, Propensity};
use super::random::DecisionSeed;

/// Fills up to `slots` slots one after the other, each with an offer that the
/// slots above it left over. `distribution_of` gives slot `slot` (from 0) its
/// probabilities over what is left, given the slots above; the draw uses the
/// decision's number for that slot. Fewer slots come back when the offers run
/// out.
///
/// # Panics
/// When a distribution is not aligned with the offers that it was asked for:
/// an error of the policy.
pub fn draw_slots(
    eligible: &EligibleOffers,
    slots: usize,
    seed: DecisionSeed,
    mut distribution_of: impl FnMut(usize, &EligibleOffers) -> ActionDistribution,
) -> Vec<SlotDraw> {
    let mut draws = Vec::with_capacity(slots.min(eligible.len()));
    let mut left = Some(eligible.clone());
    for slot in 0..slots {
        let Some(offers) = left else { break };
        let distribution = distribution_of(slot, &offers);
        assert_eq!(
            offers.len(),
            distribution.len(),
            "a distribution is aligned with its offers"
        );
        let chosen = distribution.draw(seed.slot_uniform(slot));
        left = offers.without(chosen);
        draws.push(SlotDraw {
            offer: offers.as_slice()[chosen],
            chosen,
            distribution,
        });
    }
    draws
}

/// The probability of a slot's offer given the slots above it; `None` when the
/// record contradicts itself, which a draw's never does.
#[must_use]
pub fn slot_propensity(draw: &SlotDraw) -> Option<Propensity> {
    draw.distribution.propensity(draw.chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::OfferNumber;

    fn offers(numbers: &[u32]) -> EligibleOffers {
        EligibleOffers::new(numbers.iter().copied().map(OfferNumber)).unwrap()
    }

    #[test]
    fn slots_take_each_offer_once_and_stop_when_none_is_left() {
        let eligible = offers(&[3, 5, 8]);
        let draws = draw_slots(&eligible, 5, DecisionSeed(11), |_, left| {
            ActionDistribution::uniform(left)
        });
        let mut drawn: Vec<u32> = draws.iter().map(|draw| draw.offer.0).collect();
        let shares: Vec<f64> = draws
            .iter()
            .map(|draw| slot_propensity(draw).unwrap().get())
            .collect();
        drawn.sort_unstable();
        assert_eq!(drawn, [3, 5, 8]);
        assert_eq!(shares, [1.0 / 3.0, 0.5, 1.0]);
    }

    #[test]
    fn drawn_slots_do_not_change() {
        let eligible = offers(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let drawn = |seed| -> Vec<u32> {
            draw_slots(&eligible, 3, DecisionSeed(seed), |_, left| {
                ActionDistribution::uniform(left)
            })
            .iter()
            .map(|draw| draw.offer.0)
            .collect()
        };
        assert_eq!(drawn(0), [3, 2, 4]);
        assert_eq!(drawn(0x5eed), [7, 2, 5]);
    }
}
