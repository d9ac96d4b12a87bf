//! Which offers still fit into their limits.
//!
//! Capacity is looked at for the *whole* set that is on offer before anything
//! is drawn: an offer that does not fit is not in the set that the distribution
//! is made over, so no draw is ever taken back. Between slots the offers that
//! were chosen above count as taken.

use smallvec::SmallVec;

use super::book::LimitBook;
use super::cost::OfferCost;
use super::{Constraints, PlacementConstraints};
use crate::domain::decision::ConcurrencyRefusal;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{LimitNumber, OfferNumber};
use crate::domain::keys::ShareKey;
use crate::domain::limit::{Hold, Limit, LimitKind, LimitOwner, Metric, Scope, UsageKey};
use crate::domain::time::Instant;

/// Offers that may not be taken.
pub type Refused = SmallVec<[OfferNumber; 4]>;

/// Says which offers may not be taken.
pub trait Gate {
    /// Which of `left` may not be taken in `slot`, from 0, after `chosen` was
    /// taken in the slots above.
    fn refuse(&mut self, slot: usize, chosen: &[OfferNumber], left: &EligibleOffers) -> Refused;
}

/// No limit at all.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl Gate for Open {
    fn refuse(&mut self, _: usize, _: &[OfferNumber], _: &EligibleOffers) -> Refused {
        Refused::new()
    }
}

/// What was refused when a decision was made.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a>(pub &'a [ConcurrencyRefusal]);

impl Gate for Recorded<'_> {
    fn refuse(&mut self, slot: usize, _: &[OfferNumber], left: &EligibleOffers) -> Refused {
        let until = |refusal: &&ConcurrencyRefusal| refusal.slot as usize <= slot;
        let offers = self.0.iter().filter(until).map(|refusal| refusal.offer);
        offers
            .filter(|offer| left.index_of(*offer).is_some())
            .collect()
    }
}

/// Whose shares a request counts against; `None` where the request does not
/// tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares {
    /// The shopper's.
    pub shopper: Option<ShareKey>,
    /// The visit's.
    pub session: Option<ShareKey>,
    /// The device's.
    pub device: Option<ShareKey>,
    /// The store's.
    pub store: Option<ShareKey>,
    /// The payment fingerprint's.
    pub payment: Option<ShareKey>,
}

impl Shares {
    /// Where a use at `at` counts; `None` when the share is not known.
    fn key(&self, limit: &Limit, at: Instant) -> Option<UsageKey> {
        let share = match limit.scope {
            Scope::Global => return Some(limit.key(None, at)),
            Scope::Shopper => self.shopper,
            Scope::Session => self.session,
            Scope::Device => self.device,
            Scope::Store => self.store,
            Scope::Payment => self.payment,
        };
        share.map(|share| limit.key(Some(share), at))
    }
}

/// What a request asks of the limits.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The limits of the catalogue that the decision is made with.
    pub constraints: &'a Constraints,
    /// Those of its placement.
    pub placement: &'a PlacementConstraints,
    /// The limits in force: of the two amounts the smaller counts.
    pub in_force: &'a Constraints,
    /// Whose shares.
    pub shares: &'a Shares,
    /// When it was evaluated: decides the calendar period.
    pub at: Instant,
    /// What each offer takes of a limit of money.
    pub costs: &'a dyn Fn(OfferNumber) -> OfferCost,
}

/// The limits as a book has them.
pub struct Live<'a> {
    asking: Asking<'a>,
    book: &'a LimitBook,
    /// Where each limit counts that was looked at.
    keys: SmallVec<[(LimitNumber, Option<UsageKey>); 8]>,
    /// What was refused so far, and why.
    refusals: Vec<ConcurrencyRefusal>,
}

impl<'a> Live<'a> {
    /// The limits as `book` has them.
    #[must_use]
    pub fn new(asking: Asking<'a>, book: &'a LimitBook) -> Self {
        Self {
            asking,
            book,
            keys: SmallVec::new(),
            refusals: Vec::new(),
        }
    }

    /// What was refused, in the order of slots and offers.
    #[must_use]
    pub fn into_refusals(self) -> Vec<ConcurrencyRefusal> {
        self.refusals
    }

    /// What the chosen offers hold.
    #[must_use]
    pub fn holds(&mut self, chosen: &[OfferNumber]) -> Vec<Hold> {
        let asking = self.asking;
        let mut holds = Vec::new();
        for (place, offer) in chosen.iter().enumerate() {
            for limit in self.limits_of(*offer) {
                // What is the placement's counts once a decision.
                if limit.owner == LimitOwner::Placement && place > 0
                    || limit.kind == LimitKind::Decision
                {
                    continue;
                }
                if let Some(key) = self.key(limit) {
                    holds.push(Hold {
                        key,
                        offer: *offer,
                        amount: asking.amount(limit, *offer),
                    });
                }
            }
        }
        holds
    }

    fn limits_of(&self, offer: OfferNumber) -> impl Iterator<Item = &'a Limit> + use<'a> {
        let asking = self.asking;
        let numbers = asking.placement.of(offer).iter();
        numbers.filter_map(move |number| asking.constraints.limit(*number))
    }

    /// Where a limit counts, looked up once.
    fn key(&mut self, limit: &Limit) -> Option<UsageKey> {
        let known = self.keys.iter().find(|(number, _)| *number == limit.number);
        if let Some((_, key)) = known {
            return *key;
        }
        let key = self.asking.shares.key(limit, self.asking.at);
        self.keys.push((limit.number, key));
        key
    }

    /// The first limit that an offer does not fit into, after `taken`.
    fn refusing(&mut self, offer: OfferNumber, taken: &[OfferNumber]) -> Option<&'a Limit> {
        let asking = self.asking;
        self.limits_of(offer).find(|limit| {
            if limit.owner == LimitOwner::Placement && !taken.is_empty() {
                return false;
            }
            let Some(key) = self.key(limit) else {
                return limit.needs_share();
            };
            let above = taken
                .iter()
                .filter(|other| asking.placement.of(**other).contains(&limit.number));
            let above: i64 = above.map(|other| asking.amount(limit, *other)).sum();
            let left = match limit.kind {
                LimitKind::Decision => asking.most(limit),
                _ => self.book.left(&key, asking.most(limit)),
            };
            left.saturating_sub(above) < asking.amount(limit, offer).max(1)
        })
    }
}

impl Gate for Live<'_> {
    fn refuse(&mut self, slot: usize, chosen: &[OfferNumber], left: &EligibleOffers) -> Refused {
        let mut refused = Refused::new();
        for offer in left.iter() {
            if self.refusals.iter().any(|known| known.offer == offer) {
                refused.push(offer);
            } else if let Some(limit) = self.refusing(offer, chosen) {
                refused.push(offer);
                self.refusals.push(ConcurrencyRefusal {
                    offer,
                    code: limit.code(),
                    limit: Some(limit.number),
                    slot: u32::try_from(slot).unwrap_or(u32::MAX),
                });
            }
        }
        refused
    }
}

impl Asking<'_> {
    fn amount(&self, limit: &Limit, offer: OfferNumber) -> i64 {
        match limit.metric {
            Metric::Redemptions => 1,
            Metric::Discount => (self.costs)(offer).discount_minor,
            Metric::Cost => (self.costs)(offer).cost_minor,
            Metric::Pieces => (self.costs)(offer).gift_pieces,
        }
    }

    fn most(&self, limit: &Limit) -> i64 {
        let now = self.in_force.limit(limit.number);
        now.map_or(limit.most, |now| now.most.min(limit.most))
    }
}
