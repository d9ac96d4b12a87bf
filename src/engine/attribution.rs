//! From outcome events to rewards.
//!
//! A pure function of what came for a decision: its outcomes, the purchases
//! they brought with what was reversed of them, and who may count which order
//! line. Nothing here depends on the order in which the outcomes came.
//!
//! - An outcome counts for one slot, or, when it names none, for every slot.
//! - *Conversion*: 1 once a conversion event came. A purchase that was wholly
//!   reversed, or none of whose lines this decision may count, is as if it had
//!   not come.
//! - *Net revenue*: paid less refunded, over the lines that the decision may
//!   count.
//! - *Margin*: net revenue less the cost of the pieces that were kept, and, once
//!   something was bought and not wholly reversed, less the cost of the slot's
//!   gift or points.
//! - *Weighted*: a sum of such terms: each kind of outcome that came counts its
//!   weight once, net revenue and margin theirs for each minor unit.
//! - What a placement's `winsor` leaves out of the reward counts as its nearer end.
//! - What was paid in another currency counts in the placement's, at the rate that
//!   was recorded with the purchase: its refunds and costs too.
//! - An order's line counts once a placement: for the first decision of the
//!   placement that closes with it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::domain::event::RecordedEvent;
use crate::domain::exchange::Conversion;
use crate::domain::ids::{OfferNumber, PlacementNumber, Position};
use crate::domain::keys::{EventKey, OrderKey};
use crate::domain::money::Currency;
use crate::domain::offer::Benefit;
use crate::domain::outcome::{OutcomeKind, OutcomeLine, OutcomeResult};
use crate::domain::placement::{Objective, Placement, RewardOf, RewardTerm};

/// One outcome of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionOutcome {
    /// Its id, place and how it was taken.
    pub event: RecordedEvent,
    /// What happened.
    #[serde(with = "kind_as_number")]
    pub kind: OutcomeKind,
    /// From 1; `None` for the decision as a whole.
    pub slot: Option<u32>,
}

impl DecisionOutcome {
    /// It came in time and lies inside the window.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.event.result == OutcomeResult::Recorded
    }

    fn is_about(&self, slot: u32) -> bool {
        self.slot.is_none_or(|about| about == slot)
    }
}

/// A purchase: what was bought, and what of it was taken back. Either part may
/// come first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Purchase {
    /// Where the purchase is in the ledger; `None` while only reversals came.
    pub position: Option<Position>,
    /// The order it belongs to.
    pub order: Option<OrderKey>,
    /// The currency of its lines and of what was taken back.
    pub currency: Option<Currency>,
    /// How its amounts count at placements of another currency.
    pub conversion: Option<Conversion>,
    /// What was bought.
    pub lines: Vec<OutcomeLine>,
    /// What was taken back, ascending by event.
    pub reversals: Vec<Reversal>,
}

/// Part of a purchase that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The refund or cancellation.
    pub event: EventKey,
    /// All that was left: a cancellation.
    pub whole: bool,
    /// A refund's lines.
    pub lines: Vec<OutcomeLine>,
}

/// What is left of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineBalance {
    /// Paid for the line.
    pub paid_minor: i64,
    /// Paid back of that, never more.
    pub refunded_minor: i64,
    /// The discount in the price.
    pub discount_minor: i64,
    /// Pieces kept.
    pub kept: i64,
}

impl Purchase {
    /// Whether a cancellation came.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.reversals.iter().any(|reversal| reversal.whole)
    }

    /// Notes a reversal; the same event twice is noted once.
    pub fn reverse(&mut self, reversal: Reversal) {
        let place = self
            .reversals
            .binary_search_by_key(&reversal.event, |known| known.event);
        if let Err(place) = place {
            self.reversals.insert(place, reversal);
        }
    }

    /// The line of that identity.
    #[must_use]
    pub fn line(&self, line: u64) -> Option<&OutcomeLine> {
        self.lines.iter().find(|bought| bought.line == line)
    }

    /// What this purchase's reversals take back of a line: money and pieces.
    fn reversed(&self, line: u64) -> (i64, i64) {
        self.reversals
            .iter()
            .flat_map(|reversal| &reversal.lines)
            .filter(|reversed| reversed.line == line)
            .fold((0, 0), |(money, pieces), reversed| {
                (
                    money.saturating_add(reversed.refunded_minor),
                    pieces.saturating_add(reversed.quantity),
                )
            })
    }
}

/// What the rewards of a decision are made from.
pub trait OrderBook {
    /// The purchase of that event, where one came or was reversed.
    fn purchase(&self, event: EventKey) -> Option<&Purchase>;

    /// The purchases of an order, ascending by event.
    fn purchases_of(&self, order: OrderKey) -> &[EventKey];

    /// The decision of the placement that counts an order's line; `None` while
    /// none has closed with it.
    fn claimant(&self, order: OrderKey, placement: PlacementNumber, line: u64) -> Option<Position>;
}

/// What is left of a line, over all purchases of its order: the same line may
/// have come with several events, for several decisions.
#[must_use]
pub fn line_balance(book: &impl OrderBook, purchase: &Purchase, line: &OutcomeLine) -> LineBalance {
    let mut cancelled = purchase.is_cancelled();
    let (mut money, mut pieces) = purchase.reversed(line.line);
    for event in purchase
        .order
        .map_or(&[][..], |order| book.purchases_of(order))
    {
        let Some(other) = book.purchase(*event) else {
            continue;
        };
        if other.position != purchase.position {
            cancelled |= other.is_cancelled() && other.line(line.line).is_some();
            let (more_money, more_pieces) = other.reversed(line.line);
            money = money.saturating_add(more_money);
            pieces = pieces.saturating_add(more_pieces);
        }
    }
    LineBalance {
        paid_minor: line.paid_minor,
        discount_minor: line.discount_minor,
        refunded_minor: if cancelled {
            line.paid_minor
        } else {
            money.min(line.paid_minor)
        },
        kept: if cancelled {
            0
        } else {
            (line.quantity - pieces).max(0)
        },
    }
}

impl LineBalance {
    /// The same in another currency. What is left of the line is converted, so
    /// that of one that was wholly refunded nothing is left.
    #[must_use]
    pub fn converted(self, conversion: Option<&Conversion>) -> Self {
        let Some(conversion) = conversion else {
            return self;
        };
        let paid_minor = conversion.minor_units(self.paid_minor);
        let left = conversion.minor_units(self.paid_minor - self.refunded_minor);
        Self {
            paid_minor,
            refunded_minor: paid_minor - left,
            discount_minor: conversion.minor_units(self.discount_minor),
            kept: self.kept,
        }
    }
}

/// A decision, as far as its rewards depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Rewardable<'a> {
    /// The decision.
    pub position: Position,
    /// Where it was made.
    pub placement: &'a Placement,
    /// What came for it.
    pub outcomes: &'a [DecisionOutcome],
}

impl<'a> Rewardable<'a> {
    /// The decision was proven to have been shown.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| outcome.counts() && outcome.kind.shows())
    }

    /// Whether it teaches: it was shown, or its placement assumes so and nothing
    /// says otherwise.
    #[must_use]
    pub fn teaches(&self) -> bool {
        let denied =
            |outcome: &DecisionOutcome| outcome.counts() && outcome.kind == OutcomeKind::NotShown;
        self.is_shown() || (self.placement.assume_shown && !self.outcomes.iter().any(denied))
    }

    /// The purchases that count for a slot, with the lines that this decision
    /// may count.
    fn purchases<'b, B: OrderBook>(
        self,
        book: &'b B,
        slot: u32,
    ) -> impl Iterator<Item = (&'b Purchase, SmallVec<[&'b OutcomeLine; 8]>)> + 'b
    where
        'a: 'b,
    {
        self.outcomes
            .iter()
            .filter(move |outcome| {
                outcome.kind == OutcomeKind::Purchase && outcome.counts() && outcome.is_about(slot)
            })
            .filter_map(move |outcome| book.purchase(outcome.event.event))
            .map(move |purchase| {
                let mine = |line: &&OutcomeLine| {
                    purchase.order.is_none_or(|order| {
                        book.claimant(order, self.placement.number, line.line)
                            .is_none_or(|claimant| claimant == self.position)
                    })
                };
                (purchase, purchase.lines.iter().filter(mine).collect())
            })
    }

    /// The reward of a slot that shows an offer with `benefit`, winsorised where the
    /// placement says so.
    #[must_use]
    pub fn reward(&self, book: &impl OrderBook, slot: u32, benefit: Option<&Benefit>) -> f64 {
        let reward = self.reward_as_it_comes(book, slot, benefit);
        self.placement
            .winsor
            .map_or(reward, |winsor| winsor.of(reward))
    }

    /// The same before it is winsorised.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // amounts are below 2^53
    pub fn reward_as_it_comes(
        &self,
        book: &impl OrderBook,
        slot: u32,
        benefit: Option<&Benefit>,
    ) -> f64 {
        match self.placement.objective {
            Objective::Conversion => f64::from(u8::from(self.converts(book, slot))),
            Objective::NetRevenue => self.net_revenue_minor(book, slot) as f64,
            Objective::Margin => self.margin_minor(book, slot, benefit) as f64,
            Objective::Weighted => {
                let terms = self.placement.reward_terms.iter();
                let worth = |term: &RewardTerm| match term.of {
                    RewardOf::Event(kind) => {
                        term.weight * f64::from(u8::from(self.came(book, slot, kind)))
                    }
                    RewardOf::NetRevenue => term.weight * self.net_revenue_minor(book, slot) as f64,
                    RewardOf::Margin => term.weight * self.margin_minor(book, slot, benefit) as f64,
                };
                terms.map(worth).sum()
            }
        }
    }

    /// Whether an outcome of a kind came and was not wholly reversed.
    fn came(&self, book: &impl OrderBook, slot: u32, kind: OutcomeKind) -> bool {
        if kind == OutcomeKind::Purchase {
            return self.bought_and_kept(book, slot);
        }
        self.outcomes
            .iter()
            .any(|outcome| outcome.kind == kind && outcome.counts() && outcome.is_about(slot))
    }

    /// Whether something converted, whatever the placement is after.
    #[must_use]
    pub fn converts(&self, book: &impl OrderBook, slot: u32) -> bool {
        let events = &self.placement.conversion_events;
        events.iter().any(|kind| self.came(book, slot, *kind))
    }

    /// What is left of a line of a purchase, in the placement's currency.
    fn balance(
        self,
        book: &impl OrderBook,
        purchase: &Purchase,
        line: &OutcomeLine,
    ) -> LineBalance {
        let balance = line_balance(book, purchase, line);
        balance.converted(purchase.conversion.as_ref())
    }

    /// Something was bought for the slot that was not wholly reversed.
    fn bought_and_kept(&self, book: &impl OrderBook, slot: u32) -> bool {
        self.purchases(book, slot).any(|(purchase, lines)| {
            lines.iter().any(|line| {
                let balance = line_balance(book, purchase, line);
                balance.kept > 0
                    && (balance.paid_minor == 0 || balance.refunded_minor < balance.paid_minor)
            })
        })
    }

    /// Paid less refunded, whatever the placement is after.
    #[must_use]
    pub fn net_revenue_minor(&self, book: &impl OrderBook, slot: u32) -> i64 {
        self.purchases(book, slot)
            .flat_map(|(purchase, lines)| lines.into_iter().map(move |line| (purchase, line)))
            .map(|(purchase, line)| self.balance(book, purchase, line))
            .fold(0_i64, |sum, balance| {
                sum.saturating_add(balance.paid_minor - balance.refunded_minor)
            })
    }

    /// Net revenue less what it cost, whatever the placement is after.
    #[must_use]
    pub fn margin_minor(&self, book: &impl OrderBook, slot: u32, benefit: Option<&Benefit>) -> i64 {
        let goods = self
            .purchases(book, slot)
            .flat_map(|(purchase, lines)| lines.into_iter().map(move |line| (purchase, line)))
            .fold(0_i64, |sum, (purchase, line)| {
                let kept = line_balance(book, purchase, line).kept;
                let cost = kept.saturating_mul(line.unit_cost_minor.unwrap_or(0));
                let conversion = purchase.conversion;
                sum.saturating_add(conversion.map_or(cost, |it| it.minor_units(cost)))
            });
        let net = self.net_revenue_minor(book, slot);
        let extra = self.benefit_cost_minor(book, slot, benefit, net);
        net.saturating_sub(goods).saturating_sub(extra)
    }

    /// What a slot's gift or points cost, once something was bought and kept.
    fn benefit_cost_minor(
        &self,
        book: &impl OrderBook,
        slot: u32,
        benefit: Option<&Benefit>,
        net_revenue_minor: i64,
    ) -> i64 {
        match benefit {
            Some(benefit) if self.bought_and_kept(book, slot) => {
                benefit.cost_minor(net_revenue_minor, self.placement.currency.minor_per_major())
            }
            _ => 0,
        }
    }

    /// What the offers cost the shop: the discount in the lines that were not
    /// wholly reversed, and the slot's gift or points.
    #[must_use]
    pub fn discount_cost_minor(
        &self,
        book: &impl OrderBook,
        slot: u32,
        benefit: Option<&Benefit>,
    ) -> i64 {
        let discount = self
            .purchases(book, slot)
            .flat_map(|(purchase, lines)| lines.into_iter().map(move |line| (purchase, line)))
            .map(|(purchase, line)| self.balance(book, purchase, line))
            .filter(|balance| balance.kept > 0)
            .fold(0_i64, |sum, balance| {
                sum.saturating_add(balance.discount_minor)
            });
        let net = self.net_revenue_minor(book, slot);
        discount.saturating_add(self.benefit_cost_minor(book, slot, benefit, net))
    }
}

/// One arm's share of a decision, as the fold keeps it while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OpenSlot {
    /// What was shown.
    pub offer: OfferNumber,
    /// The probability it was drawn with, given the slots above.
    pub propensity: crate::domain::distribution::Propensity,
}

/// Kinds as small numbers in checkpoints.
mod kind_as_number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use crate::domain::outcome::OutcomeKind;

    pub fn serialize<S: Serializer>(kind: &OutcomeKind, serializer: S) -> Result<S::Ok, S::Error> {
        (*kind as u8).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<OutcomeKind, D::Error> {
        let number = u8::deserialize(d)?;
        let known = OutcomeKind::ALL
            .into_iter()
            .find(|kind| *kind as u8 == number);
        known.ok_or_else(|| de::Error::custom(format!("{number} is no kind of outcome")))
    }
}
