//! Folding what events mean for limits.
//!
//! The committer calls the same functions on a copy of the book, so that it
//! knows what is left at each place of a batch before it is appended.

use smallvec::SmallVec;

use super::{OpenDecision, State};
use crate::catalog::Catalog;
use crate::domain::decision::DecisionRecord;
use crate::domain::ids::{LimitNumber, OfferNumber, Position};
use crate::domain::keys::EventKey;
use crate::domain::outcome::{OutcomeKind, OutcomeRecord, OutcomeTarget};
use crate::domain::time::Instant;
use crate::engine::attribution::OrderBook;
use crate::promotion::constraints::book::{LimitBook, OfferUse, UseOf, uses};

/// A decision recorded at `position` takes what it holds.
pub(in crate::engine) fn hold(
    book: &mut LimitBook,
    position: Position,
    record: &DecisionRecord,
    catalog: &Catalog,
    decided_at: Instant,
) {
    if record.holds.is_empty() {
        return;
    }
    let Some(placement) = catalog.placement(record.placement) else {
        return;
    };
    let closes_at = placement.closes_at(decided_at);
    let expires_at = placement.offer_valid_until(decided_at).min(closes_at);
    let uses = uses(&record.holds, catalog.constraints(), placement.assume_shown);
    book.reserve(position, uses, decided_at, expires_at, closes_at);
}

/// An outcome recorded at `now` uses, releases or gives back capacity. Says
/// whether it used what was not left any more.
pub(in crate::engine) fn use_limits(
    book: &mut LimitBook,
    state: &State,
    record: &OutcomeRecord,
    now: Instant,
) -> bool {
    if book.is_empty() && record.holds.is_empty() {
        return false;
    }
    let most = |number: LimitNumber| {
        let limit = state.catalog()?.constraints().limit(number)?;
        Some(limit.most)
    };
    match record.kind {
        OutcomeKind::Exposure => {
            for (position, decision, slot) in open_targets(state, record) {
                book.expose(position, &offers_about(decision, slot), now, most);
            }
            false
        }
        OutcomeKind::Purchase if is_cancelled(state, record.event) => {
            release(book, state, record);
            false
        }
        OutcomeKind::Purchase => {
            let siblings = siblings(state, record);
            let used = offers_used(book, state, record, &siblings);
            let overran = book.purchase(record.event, &siblings, &used, now, most);
            let_others_go(book, state, record, &used);
            overran
        }
        OutcomeKind::Cancellation => {
            match record.reverses {
                Some(purchase)
                    if state
                        .purchase(purchase)
                        .is_some_and(|it| it.position.is_some()) =>
                {
                    book.cancel(purchase, now);
                }
                _ => release(book, state, record),
            }
            false
        }
        OutcomeKind::NotShown => {
            release(book, state, record);
            false
        }
        OutcomeKind::Settled => {
            for (position, ..) in open_targets(state, record) {
                book.close(position);
            }
            false
        }
        OutcomeKind::Click | OutcomeKind::Refund | OutcomeKind::Custom => false,
    }
}

impl State {
    pub(super) fn use_limits(&mut self, record: &OutcomeRecord) -> bool {
        let mut book = std::mem::take(&mut self.limits);
        let over_limit = use_limits(&mut book, self, record, self.now);
        self.limits = book;
        over_limit
    }
}

fn open_targets<'a>(
    state: &'a State,
    record: &'a OutcomeRecord,
) -> impl Iterator<Item = (Position, &'a OpenDecision, Option<u32>)> {
    let open = |target: &'a OutcomeTarget| {
        let decision = state.open_decision(target.decision)?;
        Some((target.decision, decision.as_ref(), target.slot))
    };
    record.targets.iter().filter_map(open)
}

/// The offers in a slot, or in all of them.
fn offers_about(decision: &OpenDecision, slot: Option<u32>) -> SmallVec<[OfferNumber; 2]> {
    (1_u32..)
        .zip(&decision.slots)
        .filter(|(place, _)| slot.is_none_or(|slot| slot == *place))
        .map(|(_, shown)| shown.offer)
        .collect()
}

fn release(book: &mut LimitBook, state: &State, record: &OutcomeRecord) {
    for (position, decision, slot) in open_targets(state, record) {
        if slot.is_none() {
            book.release(position);
        } else {
            for offer in offers_about(decision, slot) {
                book.let_go(position, offer);
            }
        }
    }
}

fn is_cancelled(state: &State, purchase: EventKey) -> bool {
    let known = state.purchase(purchase);
    known.is_some_and(|purchase| purchase.is_cancelled())
}

/// The other purchases of the order.
fn siblings(state: &State, record: &OutcomeRecord) -> SmallVec<[EventKey; 2]> {
    let all = record
        .order
        .map_or(&[][..], |order| state.purchases_of(order));
    all.iter()
        .copied()
        .filter(|it| *it != record.event)
        .collect()
}

/// The offers that a purchase used, each once, with its part of the discount:
/// as much as was reserved for it, and the last one the rest.
fn offers_used(
    book: &LimitBook,
    state: &State,
    record: &OutcomeRecord,
    siblings: &[EventKey],
) -> Vec<OfferUse> {
    let mut used: Vec<OfferUse> = Vec::new();
    for (position, decision, slot) in open_targets(state, record) {
        for offer in offers_about(decision, slot) {
            if used.iter().all(|known| known.offer != offer) {
                used.push(use_of(offer, Some(position), Vec::new()));
            }
        }
    }
    if let Some(catalog) = state.catalog() {
        let recorded = record.holds.iter().filter_map(|hold| {
            let limit = catalog.constraints().limit(hold.key.limit)?;
            Some((hold.offer, UseOf::of(limit, hold.key, false)))
        });
        for (offer, counted) in recorded {
            match used.iter_mut().find(|known| known.offer == offer) {
                Some(known) if known.decision.is_none() => known.recorded.push(counted),
                Some(_) => {}
                None => used.push(use_of(offer, None, vec![counted])),
            }
        }
    }
    let new_lines = || {
        record.lines.iter().filter(|line| {
            !siblings
                .iter()
                .filter_map(|sibling| state.purchase(*sibling))
                .any(|sibling| sibling.line(line.line).is_some())
        })
    };
    let sum = |amounts: &mut dyn Iterator<Item = i64>| amounts.fold(0, i64::saturating_add);
    let converted = |amount: i64| {
        let conversion = record.conversion;
        conversion.map_or(amount, |conversion| conversion.minor_units(amount))
    };
    let mut discount_minor = converted(sum(&mut new_lines().map(|line| line.discount_minor)));
    let net_minor = converted(sum(&mut new_lines().map(|line| line.paid_minor)));
    let counted_in = record.conversion.map(|conversion| conversion.to);
    let minor_per_major = counted_in
        .or(record.currency)
        .map_or(1, |it| it.minor_per_major());
    let last = used.len().saturating_sub(1);
    for (place, it) in used.iter_mut().enumerate() {
        let reserved = it
            .decision
            .and_then(|decision| book.reserved_money(decision, it.offer));
        it.discount_minor = if place == last {
            discount_minor
        } else {
            discount_minor.min(reserved.unwrap_or(0))
        };
        discount_minor -= it.discount_minor;
        let benefit = state
            .catalog()
            .and_then(|catalog| catalog.offer(it.offer))
            .map(|offer| &offer.benefit);
        let besides = benefit.map_or(0, |it| it.cost_minor(net_minor, minor_per_major));
        it.cost_minor = it.discount_minor.saturating_add(besides);
        it.gift_pieces = benefit
            .and_then(|benefit| benefit.gift())
            .map_or(0, |(_, pieces)| pieces);
    }
    used
}

const fn use_of(offer: OfferNumber, decision: Option<Position>, recorded: Vec<UseOf>) -> OfferUse {
    OfferUse {
        offer,
        decision,
        recorded,
        discount_minor: 0,
        cost_minor: 0,
        gift_pieces: 0,
    }
}

/// An order uses an offer once: what its other decisions reserve for the same
/// offer comes back.
fn let_others_go(book: &mut LimitBook, state: &State, record: &OutcomeRecord, used: &[OfferUse]) {
    for (position, decision, slot) in open_targets(state, record) {
        for offer in offers_about(decision, slot) {
            let elsewhere = |it: &OfferUse| it.offer == offer && it.decision != Some(position);
            if used.iter().any(elsewhere) {
                book.let_go(position, offer);
            }
        }
    }
}
