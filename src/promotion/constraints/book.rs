//! The book of limits: what was committed, what is reserved.
//!
//! A decision *reserves* for the offers that it chose. An outcome of the kind
//! that the limit counts *commits* what it used; expiry, NOT_SHOWN and SETTLED
//! *release* what was reserved, a cancellation what was committed. A use that
//! no reservation covers any more commits what still fits; the rest is an
//! *overrun*, counted apart and never refused.
//!
//! Invariants:
//! 1. Committed and reserved are never negative, and no step but
//!    [`LimitBook::reserve`] and the uncovered part of a use adds to their sum.
//!    Both are only ever called with what fits.
//! 2. The book is a value: a clone shares structure, and the same steps lead to
//!    the same book.

use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{LimitNumber, OfferNumber, Position};
use crate::domain::keys::EventKey;
use crate::domain::limit::{Counts, Hold, Limit, LimitOwner, Metric, UsageKey};
use crate::domain::time::{Instant, Span};

use super::Constraints;

/// What was used of one share of a limit in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Used for good.
    pub committed: i64,
    /// Held for offers that may still be used.
    pub reserved: i64,
    /// Used although nothing was left; not part of the other two.
    pub overrun: i64,
    /// When the entry is forgotten; `None` for one without a calendar period.
    forget_at: Option<Instant>,
}

impl Usage {
    const fn is_nothing(&self) -> bool {
        self.committed == 0 && self.reserved == 0 && self.overrun == 0
    }
}

/// What became of reserved money so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Experience {
    /// Was reserved, and was then used or came back.
    pub reserved_minor: i64,
    /// Of that, was spent.
    pub spent_minor: i64,
    /// How many uses spent it.
    pub uses: i64,
}

/// What a decision holds, until it closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    expires_at: Instant,
    holds: Vec<HeldOffer>,
}

/// One hold of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct HeldOffer {
    use_of: UseOf,
    offer: OfferNumber,
    /// What is still reserved.
    reserved: i64,
    /// An outcome used it.
    used: bool,
}

/// What a use counts against, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseOf {
    /// The share and period.
    pub key: UsageKey,
    /// What is counted.
    pub metric: Metric,
    /// What makes a use.
    pub counts: Counts,
    /// A use no longer counts so long after it was made.
    pub within: Option<Span>,
    /// The end of the calendar period.
    pub period_end: Option<Instant>,
    /// It is the placement's: whatever was shown counts, once a decision.
    pub whole: bool,
}

impl UseOf {
    /// What a hold of a limit counts against. Where decisions are assumed to be
    /// shown, choosing is what exposes.
    #[must_use]
    pub fn of(limit: &Limit, key: UsageKey, assume_shown: bool) -> Self {
        let counts = match limit.counts {
            Counts::Exposures if assume_shown => Counts::Choices,
            counts => counts,
        };
        Self {
            key,
            metric: limit.metric,
            counts,
            within: limit.period.rolling(),
            period_end: limit.period.end(key.period_start),
            whole: limit.owner == LimitOwner::Placement,
        }
    }
}

/// What one purchase committed of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Committed {
    key: UsageKey,
    offer: OfferNumber,
    metric: Metric,
    amount: i64,
    overrun: i64,
    returns_at: Option<Instant>,
}

/// Something that time brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Due {
    /// A decision's reservations end.
    Expire(Position),
    /// Uses of a rolling limit no longer count.
    Return(UsageKey),
    /// A period is over and nothing can come for it any more.
    Forget(UsageKey),
}

/// An offer that a purchase used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferUse {
    /// Which.
    pub offer: OfferNumber,
    /// The decision that chose it, while it is open.
    pub decision: Option<Position>,
    /// What it counts against, where the decision has closed.
    pub recorded: Vec<UseOf>,
    /// Its part of the discount in the prices paid.
    pub discount_minor: i64,
    /// The discount, and what the benefit costs besides.
    pub cost_minor: i64,
    /// Pieces that it gives away.
    pub gift_pieces: i64,
}

/// Everything that is known of the use of limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LimitBook {
    usage: OrdMap<UsageKey, Usage>,
    held: OrdMap<Position, Arc<Held>>,
    purchases: OrdMap<EventKey, Arc<Vec<Committed>>>,
    /// Of limits of cost.
    experience: OrdMap<LimitNumber, Experience>,
    /// What time will bring about, and how much of it.
    due: OrdMap<(Instant, Due), i64>,
}

impl LimitBook {
    /// Whether nothing was ever held or used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.usage.is_empty() && self.held.is_empty() && self.purchases.is_empty()
    }

    /// What was used of one share in one period.
    #[must_use]
    pub fn usage(&self, key: &UsageKey) -> Usage {
        self.usage.get(key).copied().unwrap_or_default()
    }

    /// Everything that was used, in the order of limits, shares and periods.
    pub fn usages(&self) -> impl Iterator<Item = (&UsageKey, &Usage)> {
        self.usage.iter()
    }

    /// What is left of `most`; below zero once the limit was lowered.
    #[must_use]
    pub fn left(&self, key: &UsageKey, most: i64) -> i64 {
        let usage = self.usage(key);
        most.saturating_sub(usage.committed)
            .saturating_sub(usage.reserved)
    }

    /// What became of the money that a limit of cost reserved.
    #[must_use]
    pub fn experience(&self, limit: LimitNumber) -> Experience {
        self.experience.get(&limit).copied().unwrap_or_default()
    }

    /// Whether a purchase used what was not left any more.
    #[must_use]
    pub fn overran(&self, purchase: EventKey) -> bool {
        self.purchases
            .get(&purchase)
            .is_some_and(|uses| uses.iter().any(|it| it.overrun > 0))
    }

    /// Notes what a decision holds. What is counted when it is chosen is
    /// committed at once, the rest is reserved until `expires_at`.
    pub fn reserve(
        &mut self,
        decision: Position,
        holds: impl IntoIterator<Item = (UseOf, OfferNumber, i64)>,
        now: Instant,
        expires_at: Instant,
        closes_at: Instant,
    ) {
        let mut held = Vec::new();
        for (use_of, offer, amount) in holds {
            self.remember_until(&use_of, closes_at);
            if use_of.counts == Counts::Choices {
                self.commit(&use_of, amount, now);
                continue;
            }
            self.change(use_of.key, |usage| usage.reserved += amount);
            held.push(HeldOffer {
                use_of,
                offer,
                reserved: amount,
                used: false,
            });
        }
        if !held.is_empty() {
            self.due.insert((expires_at, Due::Expire(decision)), 0);
            let holds = Held {
                expires_at,
                holds: held,
            };
            self.held.insert(decision, Arc::new(holds));
        }
    }

    /// Time is now `now`: reservations end, uses of rolling limits no longer
    /// count, what cannot matter any more is forgotten.
    pub fn pass_time(&mut self, now: Instant) {
        while let Some(((at, due), amount)) = self.due.get_min().copied() {
            if at > now {
                break;
            }
            self.due.remove(&(at, due));
            match due {
                Due::Expire(decision) => self.release(decision),
                Due::Return(key) => self.change(key, |usage| usage.committed -= amount),
                Due::Forget(key) => {
                    self.usage.remove(&key);
                }
            }
        }
    }

    /// What a decision still reserves comes back.
    pub fn release(&mut self, decision: Position) {
        let Some(mut held) = self.held.get(&decision).cloned() else {
            return;
        };
        if held.holds.iter().all(|hold| hold.reserved == 0) {
            return;
        }
        for hold in &mut Arc::make_mut(&mut held).holds {
            self.give_back(hold);
        }
        self.due.remove(&(held.expires_at, Due::Expire(decision)));
        self.held.insert(decision, held);
    }

    /// What a decision still reserves for one offer comes back.
    pub fn let_go(&mut self, decision: Position, offer: OfferNumber) {
        let Some(mut held) = self.held.get(&decision).cloned() else {
            return;
        };
        for hold in &mut Arc::make_mut(&mut held).holds {
            if hold.offer == offer && !hold.use_of.whole {
                self.give_back(hold);
            }
        }
        self.held.insert(decision, held);
    }

    /// The money that a decision still reserves for an offer; `None` when none
    /// of its limits is one of money.
    #[must_use]
    pub fn reserved_money(&self, decision: Position, offer: OfferNumber) -> Option<i64> {
        let money = |hold: &&HeldOffer| hold.offer == offer && hold.use_of.metric.is_money();
        let held = self.held.get(&decision)?;
        let reserved = held.holds.iter().filter(money).map(|hold| hold.reserved);
        reserved.max()
    }

    /// A decision closed: it holds nothing any more.
    pub fn close(&mut self, decision: Position) {
        self.release(decision);
        if let Some(held) = self.held.remove(&decision) {
            self.due.remove(&(held.expires_at, Due::Expire(decision)));
        }
    }

    /// Offers of an open decision were shown. Each counts once, however often
    /// it is reported.
    pub fn expose(
        &mut self,
        decision: Position,
        offers: &[OfferNumber],
        now: Instant,
        most: impl Fn(LimitNumber) -> Option<i64>,
    ) {
        let Some(held) = self.held.get(&decision).cloned() else {
            return;
        };
        let shown = |hold: &HeldOffer| {
            hold.use_of.counts == Counts::Exposures
                && !hold.used
                && (hold.use_of.whole || offers.contains(&hold.offer))
        };
        for (place, hold) in held.holds.iter().enumerate() {
            if shown(hold) {
                self.take(decision, place, hold, 1, now, &most);
            }
        }
    }

    /// A purchase used offers. `siblings` are the other purchases of the same
    /// order: what they counted as a redemption is not counted again. Says
    /// whether some of it was an overrun.
    pub fn purchase(
        &mut self,
        purchase: EventKey,
        siblings: &[EventKey],
        uses: &[OfferUse],
        now: Instant,
        most: impl Fn(LimitNumber) -> Option<i64>,
    ) -> bool {
        let mut committed = Vec::new();
        for used in uses {
            let held = used.decision.and_then(|decision| {
                let held = self.held.get(&decision)?;
                Some((decision, held.clone()))
            });
            let recorded = used.recorded.iter().map(|use_of| HeldOffer {
                use_of: *use_of,
                offer: used.offer,
                reserved: 0,
                used: false,
            });
            let own = held.iter().flat_map(|(_, held)| held.holds.iter().copied());
            for (place, hold) in own.chain(recorded).enumerate() {
                if hold.offer != used.offer || hold.use_of.counts != Counts::Purchases {
                    continue;
                }
                let key = hold.use_of.key;
                let amount = match hold.use_of.metric {
                    Metric::Redemptions => i64::from(!self.counted_by(siblings, &key, used.offer)),
                    Metric::Discount => used.discount_minor,
                    Metric::Cost => used.cost_minor,
                    Metric::Pieces if self.counted_by(siblings, &key, used.offer) => 0,
                    Metric::Pieces => used.gift_pieces,
                };
                let decision = used.decision.unwrap_or_default();
                let (amount, overrun) = self.take(decision, place, &hold, amount, now, &most);
                committed.push(Committed {
                    key,
                    offer: used.offer,
                    metric: hold.use_of.metric,
                    amount,
                    overrun,
                    returns_at: hold.use_of.within.map(|within| now.plus(within)),
                });
            }
        }
        let overran = committed.iter().any(|it| it.overrun > 0);
        if !committed.is_empty() {
            self.purchases.insert(purchase, Arc::new(committed));
        }
        overran
    }

    /// A purchase was cancelled: what it committed comes back.
    pub fn cancel(&mut self, purchase: EventKey, now: Instant) {
        let Some(uses) = self.purchases.remove(&purchase) else {
            return;
        };
        for it in uses.iter() {
            match it.returns_at {
                Some(at) if at <= now => continue,
                Some(at) => self.expect_return(it.key, at, -it.amount),
                // A period that was forgotten has nothing to give back.
                None if !self.usage.contains_key(&it.key) => continue,
                None => {}
            }
            self.change(it.key, |usage| {
                usage.committed -= it.amount;
                usage.overrun -= it.overrun;
            });
        }
    }

    /// A purchase can no longer be cancelled.
    pub fn forget_purchase(&mut self, purchase: EventKey) {
        self.purchases.remove(&purchase);
    }

    /// Whether one of these purchases counted a redemption of the offer.
    fn counted_by(&self, siblings: &[EventKey], key: &UsageKey, offer: OfferNumber) -> bool {
        siblings
            .iter()
            .filter_map(|sibling| self.purchases.get(sibling))
            .flat_map(|uses| uses.iter())
            .any(|it| it.key == *key && it.offer == offer && !it.metric.is_money())
    }

    /// Uses a hold: what it reserved covers the use, what is left covers the
    /// rest, what then remains is an overrun. A reservation ends with its use.
    /// Says what was committed and what overran.
    fn take(
        &mut self,
        decision: Position,
        place: usize,
        hold: &HeldOffer,
        amount: i64,
        now: Instant,
        most: &impl Fn(LimitNumber) -> Option<i64>,
    ) -> (i64, i64) {
        let key = hold.use_of.key;
        let reserved = hold.reserved;
        if !hold.used
            && let Some(held) = self.held.get_mut(&decision)
            && let Some(hold) = Arc::make_mut(held).holds.get_mut(place)
        {
            hold.reserved = 0;
            hold.used = true;
            self.change(key, |usage| usage.reserved -= reserved);
        }
        let over_already = hold.use_of.period_end.is_some_and(|end| end <= now);
        if amount == 0 || (over_already && !self.usage.contains_key(&key)) {
            return (0, 0);
        }
        let left = most(key.limit).map_or(i64::MAX, |most| self.left(&key, most));
        let committed = amount.min(left.max(reserved).max(0));
        let overrun = amount - committed;
        self.commit(&hold.use_of, committed, now);
        self.learn(&hold.use_of, reserved, committed);
        if overrun > 0 {
            self.change(key, |usage| usage.overrun += overrun);
        }
        (committed, overrun)
    }

    /// What a hold still reserves comes back unused.
    fn give_back(&mut self, hold: &mut HeldOffer) {
        let amount = std::mem::take(&mut hold.reserved);
        self.change(hold.use_of.key, |usage| usage.reserved -= amount);
        self.learn(&hold.use_of, amount, 0);
    }

    /// Reserved money was spent, or not.
    fn learn(&mut self, use_of: &UseOf, reserved: i64, spent: i64) {
        if use_of.metric != Metric::Cost || reserved == 0 {
            return;
        }
        let known = self.experience.entry(use_of.key.limit).or_default();
        known.reserved_minor = known.reserved_minor.saturating_add(reserved);
        known.spent_minor = known.spent_minor.saturating_add(spent);
        known.uses += i64::from(spent > 0);
    }

    fn commit(&mut self, use_of: &UseOf, amount: i64, now: Instant) {
        if amount == 0 {
            return;
        }
        self.change(use_of.key, |usage| usage.committed += amount);
        if let Some(within) = use_of.within {
            self.expect_return(use_of.key, now.plus(within), amount);
        }
    }

    fn expect_return(&mut self, key: UsageKey, at: Instant, amount: i64) {
        let entry = (at, Due::Return(key));
        let expected = self.due.get(&entry).copied().unwrap_or(0) + amount;
        if expected == 0 {
            self.due.remove(&entry);
        } else {
            self.due.insert(entry, expected);
        }
    }

    fn change(&mut self, key: UsageKey, change: impl FnOnce(&mut Usage)) {
        let mut usage = self.usage(&key);
        change(&mut usage);
        debug_assert!(
            usage.committed >= 0 && usage.reserved >= 0 && usage.overrun >= 0,
            "{key:?}: {usage:?}"
        );
        if usage.is_nothing() && usage.forget_at.is_none() {
            self.usage.remove(&key);
        } else {
            self.usage.insert(key, usage);
        }
    }

    /// Keeps the entry of a calendar period until it is over and the decision
    /// has closed.
    fn remember_until(&mut self, use_of: &UseOf, closes_at: Instant) {
        let Some(period_end) = use_of.period_end else {
            return;
        };
        let (key, at) = (use_of.key, period_end.max(closes_at));
        let known = self.usage(&key).forget_at;
        if known.is_some_and(|known| known >= at) {
            return;
        }
        if let Some(known) = known {
            self.due.remove(&(known, Due::Forget(key)));
        }
        self.due.insert((at, Due::Forget(key)), 0);
        self.change(key, |usage| usage.forget_at = Some(at));
    }

    /// Writes what is held and used, for the state's hash.
    pub fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        for (key, usage) in &self.usage {
            write_key(key, sink);
            for amount in [usage.committed, usage.reserved, usage.overrun] {
                sink(&amount.to_le_bytes());
            }
        }
        for (limit, experience) in &self.experience {
            sink(&limit.0.to_le_bytes());
            for number in [
                experience.reserved_minor,
                experience.spent_minor,
                experience.uses,
            ] {
                sink(&number.to_le_bytes());
            }
        }
        for held in self.held.values() {
            for hold in &held.holds {
                write_key(&hold.use_of.key, sink);
                sink(&hold.offer.0.to_le_bytes());
                sink(&hold.reserved.to_le_bytes());
            }
        }
    }
}

fn write_key(key: &UsageKey, sink: &mut impl FnMut(&[u8])) {
    sink(&key.limit.0.to_le_bytes());
    sink(&key.share.map_or([0; 16], |share| share.0));
    sink(&key.period_start.unix_ms().to_le_bytes());
}

/// What a decision's holds count against, by the limits of its catalogue.
pub fn uses<'a>(
    holds: &'a [Hold],
    constraints: &'a Constraints,
    assume_shown: bool,
) -> impl Iterator<Item = (UseOf, OfferNumber, i64)> + 'a {
    holds.iter().filter_map(move |hold| {
        let limit = constraints.limit(hold.key.limit)?;
        let use_of = UseOf::of(limit, hold.key, assume_shown);
        Some((use_of, hold.offer, hold.amount))
    })
}
