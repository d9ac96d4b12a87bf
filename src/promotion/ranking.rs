//! What a slot is drawn among: of the offers that are left, those that may
//! stand beside the offers of the slots above, and of these the ones of the
//! highest priority.
//!
//! Priorities are strict tiers: an offer of a lower one has no probability
//! while one of a higher is there. An exclusive offer stands alone; of a
//! stacking group at most one is shown.

use std::borrow::Cow;

use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::OfferNumber;
use crate::domain::offer::Offer;

/// The offers of `left` that the next slot is drawn among, below the offers
/// `above`; `None` when none may stand beside those.
pub fn fitting<'l, 'o>(
    offer_of: impl Fn(OfferNumber) -> Option<&'o Offer>,
    above: &[OfferNumber],
    left: &'l EligibleOffers,
) -> Option<Cow<'l, EligibleOffers>> {
    let above: Vec<&Offer> = above.iter().copied().filter_map(&offer_of).collect();
    let fits = |offer: &Offer| above.iter().all(|other| stand_together(offer, other));
    let beside = left.iter().filter_map(offer_of);
    let mut best: Vec<&Offer> = beside.filter(|offer| fits(offer)).collect();
    let highest = best.iter().map(|offer| offer.priority).max()?;
    best.retain(|offer| offer.priority == highest);
    if best.len() == left.len() {
        return Some(Cow::Borrowed(left));
    }
    let best = EligibleOffers::new(best.iter().map(|offer| offer.number)).ok()?;
    Some(Cow::Owned(best))
}

fn stand_together(one: &Offer, other: &Offer) -> bool {
    let same_group = one.stacking_group.is_some() && one.stacking_group == other.stacking_group;
    !(one.exclusive || other.exclusive || same_group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::BasisPoints;
    use crate::domain::offer::{Benefit, Status};
    use crate::domain::schedule::Schedule;

    /// Offers by number: priority, exclusive, stacking group.
    const OFFERS: [(i32, bool, Option<&str>); 6] = [
        (0, false, None),
        (0, false, Some("discounts")),
        (0, false, Some("discounts")),
        (5, true, None),
        (-1, false, None),
        (0, false, Some("gifts")),
    ];

    fn offers() -> Vec<Offer> {
        let offer =
            |(number, (priority, exclusive, group)): (u32, (i32, bool, Option<&str>))| Offer {
                number: OfferNumber(number),
                id: format!("offer-{number}"),
                title: String::new(),
                campaign: None,
                categories: Vec::new(),
                placements: Vec::new(),
                status: Status::Active,
                schedule: Schedule::default(),
                rule: None,
                priority,
                exclusive,
                companions: None,
                stacking_group: group.map(str::to_owned),
                void_on_end: false,
                benefit: Benefit::CrossSell {
                    sku: "case".to_owned(),
                    discount: BasisPoints::default(),
                },
                render_payload: String::new(),
            };
        (0..).zip(OFFERS).map(offer).collect()
    }

    #[test]
    fn a_slot_is_drawn_among_the_highest_priority_that_fits() {
        let offers = offers();
        for (above, left, drawn_among) in [
            // The exclusive offer has the highest priority …
            (&[][..], &[0, 1, 2, 3, 4, 5][..], Some(&[3][..])),
            // … stands alone when it is chosen …
            (&[3], &[0, 1, 2, 4, 5], None),
            // … and beside nothing that is.
            (&[0], &[1, 2, 3, 4, 5], Some(&[1, 2, 5])),
            (&[1], &[0, 2, 4, 5], Some(&[0, 5])),
            // The lower priority's turn comes when the higher is used up.
            (&[0, 1, 5], &[2, 4], Some(&[4])),
            (&[0, 1, 4, 5], &[2], None),
            (&[], &[0, 1, 2, 5], Some(&[0, 1, 2, 5])),
        ] {
            let numbers =
                |of: &[u32]| -> Vec<OfferNumber> { of.iter().copied().map(OfferNumber).collect() };
            let left = EligibleOffers::new(numbers(left)).expect("ascending");
            let offer_of = |number: OfferNumber| offers.get(number.0 as usize);
            let found = fitting(offer_of, &numbers(above), &left);
            let found = found.map(|it| it.iter().collect::<Vec<_>>());
            assert_eq!(found, drawn_among.map(numbers), "below {above:?}");
        }
    }
}
