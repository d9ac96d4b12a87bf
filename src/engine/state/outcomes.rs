//! Folding outcomes.

use std::sync::Arc;

use super::closing::OBSERVE;
use super::{Effect, FoldError, Forgettable, ORPHAN_RETENTION, State};
use crate::domain::event::{Closing, RecordedEvent};
use crate::domain::ids::Position;
use crate::domain::money::Currency;
use crate::domain::outcome::{
    Correction, OutcomeKind, OutcomeRecord, OutcomeResult, OutcomeTarget,
};
use crate::domain::time::{Instant, Span};
use crate::engine::attribution::{
    DecisionOutcome, LineBalance, OrderBook, Purchase, Reversal, line_balance,
};
use crate::learning::{Correction as Corrected, Receipt, RewardedDecision};

/// How far a client's clock may be ahead of the server's, or an event before
/// its decision.
pub const CLOCK_SKEW: Span = Span::from_seconds(300);

impl State {
    pub(super) fn apply_outcome(&mut self, record: &OutcomeRecord) -> Result<Effect, FoldError> {
        let keep_until = self.keep_until(record);
        let over_limit = self.use_limits(record);
        let before = self.balances(record);
        self.note_order(record, keep_until);
        self.note_purchase(record, keep_until);
        self.count_money(record, &before);
        self.note_subject(record.subject);
        let mut result = None;
        let mut skewed = record.event_time > self.now;
        let mut test = !record.targets.is_empty();
        for target in &record.targets {
            let (taken, decided) = self.take(record, *target)?;
            result = Some(better(result, taken));
            if let Some((decided_at, rehearsal)) = decided {
                skewed |= record.event_time < decided_at;
                test &= rehearsal;
            } else {
                test = false;
            }
        }
        let taken = result.unwrap_or(OutcomeResult::Recorded);
        if record.targets.is_empty() || record.targets.iter().any(|target| !target.closed) {
            self.events
                .insert(record.event, self.recorded(record, taken));
        }
        if record.targets.is_empty() {
            let purchase = Forgettable::Purchase(record.event);
            self.remember(purchase, self.now.plus(ORPHAN_RETENTION));
        }
        for correction in &record.corrections {
            self.correct(correction);
        }
        self.suggest_what_changed(record);
        if !test {
            self.counters.count_outcome(record.kind, taken);
            self.counters.skewed += u64::from(skewed);
            self.counters.over_limit += u64::from(over_limit);
        }
        if record.kind == OutcomeKind::Settled {
            for target in record.targets.iter().filter(|target| !target.closed) {
                self.close(target.decision, self.now)?;
            }
        }
        Ok(Effect::Outcome {
            result: taken,
            over_limit,
        })
    }

    /// What open decisions suggest may be something else after an outcome.
    fn suggest_what_changed(&mut self, record: &OutcomeRecord) {
        for target in record.targets.iter().filter(|target| !target.closed) {
            self.suggest(target.decision);
        }
        let event = record.reverses.unwrap_or(record.event);
        let purchase = self.purchase(event);
        if let Some(order) = purchase.map_or(record.order, |purchase| purchase.order) {
            self.suggest_order(order);
        }
    }

    const fn recorded(&self, record: &OutcomeRecord, result: OutcomeResult) -> RecordedEvent {
        RecordedEvent {
            event: record.event,
            fingerprint: record.fingerprint,
            position: self.position,
            result,
        }
    }

    /// Adds the outcome to one of its decisions. Says how it was taken and, for
    /// an open decision, when that was made and whether it was a rehearsal.
    fn take(
        &mut self,
        record: &OutcomeRecord,
        target: OutcomeTarget,
    ) -> Result<(OutcomeResult, Option<(Instant, bool)>), FoldError> {
        if target.closed {
            let late = Closing {
                decision: target.decision,
                closed_at: self.now,
                slots: Vec::new(),
                events: vec![self.recorded(record, OutcomeResult::Late)],
                taught: false,
                late: true,
            };
            self.write_later(late);
            return Ok((OutcomeResult::Late, None));
        }
        let Some(decision) = self.open.get(&target.decision) else {
            return Err(FoldError::Dangling {
                position: self.position,
                what: format!("the decision at {}, which is not open", target.decision),
            });
        };
        let result = decision.result_at(record.event_time);
        let decided = (decision.decided_at, decision.test);
        let event = self.recorded(record, result);
        let outcome = DecisionOutcome {
            event,
            kind: record.kind,
            slot: target.slot,
        };
        if let Some(decision) = self.open.get_mut(&target.decision) {
            Arc::make_mut(decision).outcomes.push(outcome);
        }
        Ok((result, Some(decided)))
    }

    /// Until when the orders and purchases of an outcome are remembered: while
    /// a refund may still come.
    fn keep_until(&self, record: &OutcomeRecord) -> Instant {
        let catalog = self.catalog();
        let of_target = |target: &OutcomeTarget| {
            let decision = self.open.get(&target.decision)?;
            let placement = catalog?.placement(decision.placement)?;
            Some(decision.closes_at.plus(placement.refund_window))
        };
        let orphan = self.now.plus(ORPHAN_RETENTION);
        record
            .targets
            .iter()
            .filter_map(of_target)
            .max()
            .unwrap_or(orphan)
    }

    fn note_order(&mut self, record: &OutcomeRecord, keep_until: Instant) {
        let Some(key) = record.order else { return };
        let order = Arc::make_mut(self.orders.entry(key).or_default());
        for target in &record.targets {
            if let Err(place) = order.decisions.binary_search(&target.decision) {
                order.decisions.insert(place, target.decision);
            }
        }
        if record.kind == OutcomeKind::Purchase
            && let Err(place) = order.purchases.binary_search(&record.event)
        {
            order.purchases.insert(place, record.event);
        }
        self.remember(Forgettable::Order(key), keep_until);
    }

    fn note_purchase(&mut self, record: &OutcomeRecord, keep_until: Instant) {
        let event = match (record.kind, record.reverses) {
            (OutcomeKind::Purchase, _) => record.event,
            (OutcomeKind::Refund | OutcomeKind::Cancellation, Some(purchase)) => purchase,
            _ => return,
        };
        let purchase = Arc::make_mut(self.purchases.entry(event).or_default());
        if record.kind == OutcomeKind::Purchase {
            purchase.position = Some(self.position);
            purchase.order = record.order;
            purchase.currency = record.currency;
            purchase.conversion = record.conversion;
            purchase.lines.clone_from(&record.lines);
        } else {
            purchase.currency = purchase.currency.or(record.currency);
            purchase.reverse(Reversal {
                event: record.event,
                whole: record.kind == OutcomeKind::Cancellation,
                lines: record.lines.clone(),
            });
        }
        self.remember(Forgettable::Purchase(event), keep_until);
    }

    /// What is left of each line that the outcome may change: those of its
    /// purchase and of the other purchases of the same order, each line of an
    /// order once.
    fn balances(&self, record: &OutcomeRecord) -> Vec<(u64, LineBalance)> {
        let event = record.reverses.unwrap_or(record.event);
        let order = self
            .purchase(event)
            .map_or(record.order, |purchase| purchase.order);
        let siblings = order.map_or(&[][..], |order| self.purchases_of(order));
        let alone = [event];
        let events = if siblings.is_empty() {
            &alone[..]
        } else {
            siblings
        };
        events
            .iter()
            .filter_map(|event| self.purchase(*event))
            .flat_map(|purchase| purchase.lines.iter().map(move |line| (purchase, line)))
            .filter(|(purchase, line)| !self.came_before(purchase, line.line))
            .map(|(purchase, line)| (line.line, line_balance(self, purchase, line)))
            .collect()
    }

    /// Whether the line came with an earlier purchase of the same order.
    fn came_before(&self, purchase: &Purchase, line: u64) -> bool {
        let Some(order) = purchase.order else {
            return false;
        };
        self.purchases_of(order)
            .iter()
            .filter_map(|other| self.purchase(*other))
            .any(|other| other.line(line).is_some() && other.position < purchase.position)
    }

    /// Adds to the shop's totals what the outcome changed; rehearsals never
    /// count.
    fn count_money(&mut self, record: &OutcomeRecord, before: &[(u64, LineBalance)]) {
        let rehearsal = |target: &OutcomeTarget| {
            self.open
                .get(&target.decision)
                .is_some_and(|decision| decision.test)
        };
        if !record.targets.is_empty() && record.targets.iter().all(rehearsal) {
            return;
        }
        let Some(currency) = record.currency.or_else(|| self.currency_of(record)) else {
            return;
        };
        for (line, after) in self.balances(record) {
            let known = before.iter().find(|(known, _)| *known == line);
            let known = known.map(|(_, balance)| *balance).unwrap_or_default();
            let total = self.counters.total_mut(currency);
            let add = |sum: &mut i64, difference: i64| *sum = sum.saturating_add(difference);
            add(&mut total.paid_minor, after.paid_minor - known.paid_minor);
            add(
                &mut total.refunded_minor,
                after.refunded_minor - known.refunded_minor,
            );
            add(
                &mut total.discount_minor,
                after.discount_minor - known.discount_minor,
            );
        }
    }

    /// A cancellation names no currency: its purchase does, or else its decision's
    /// placement.
    fn currency_of(&self, record: &OutcomeRecord) -> Option<Currency> {
        let purchase = record.reverses.and_then(|event| self.purchase(event));
        if let Some(currency) = purchase.and_then(|purchase| purchase.currency) {
            return Some(currency);
        }
        let placement = |target: &OutcomeTarget| {
            let decision = self.open.get(&target.decision)?;
            Some(self.catalog()?.placement(decision.placement)?.currency)
        };
        let corrected = |correction: &Correction| {
            Some(self.catalog()?.placement(correction.placement)?.currency)
        };
        record
            .targets
            .iter()
            .find_map(placement)
            .or_else(|| record.corrections.iter().find_map(corrected))
    }

    /// Puts a learnt reward right.
    fn correct(&mut self, correction: &Correction) {
        let corrected =
            self.correct_waiting(correction) || self.try_correct(correction).unwrap_or(false);
        if corrected {
            self.counters.corrected += 1;
        } else {
            self.counters.not_unlearnt += 1;
        }
    }

    fn try_correct(&mut self, correction: &Correction) -> Option<bool> {
        let receipt = Receipt::from_bytes(&correction.receipt)?;
        let catalog = self.catalog()?.clone();
        let policy = catalog.policy(correction.placement).unwrap_or(&OBSERVE);
        let state = self.learnt.get_mut(&correction.placement)?;
        let learnt = RewardedDecision {
            segment: correction.segment,
            offer: correction.offer,
            features: &correction.features,
            propensity: correction.propensity,
            decided_at: correction.decided_at,
            reward: correction.reward_before,
        };
        let (arm, after) = (correction.arm.as_deref(), correction.reward_after);
        let outcome = policy
            .correct_in(arm, state, &learnt, receipt, after)
            .ok()?;
        Some(matches!(outcome, Corrected::Corrected { .. }))
    }

    /// Whether some closing about the decision waits to be written down.
    #[must_use]
    pub fn unwritten_about(&self, decision: Position) -> Vec<Closing> {
        let about = |closing: &&Closing| closing.decision == decision;
        self.unwritten.iter().filter(about).cloned().collect()
    }
}

/// Of several decisions' answers the one that says most: counted before beyond
/// the window before late.
fn better(known: Option<OutcomeResult>, taken: OutcomeResult) -> OutcomeResult {
    let rank = |result: OutcomeResult| match result {
        OutcomeResult::Recorded => 0,
        OutcomeResult::OverWindow => 1,
        OutcomeResult::Late => 2,
    };
    known
        .filter(|known| rank(*known) <= rank(taken))
        .unwrap_or(taken)
}
