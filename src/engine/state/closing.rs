//! Time in the fold: decisions close and are learnt, orders are forgotten,
//! closings are written down.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Claim, Effect, FoldError, Forgettable, JustClosed, OpenDecision, State, page_of};
use crate::catalog::Catalog;
use crate::domain::event::{ClosedSlot, Closing};
use crate::domain::ids::Position;
use crate::domain::outcome::OutcomeKind;
use crate::domain::time::Instant;
use crate::engine::attribution::OrderBook;
use crate::learning::policy::uniform::Uniform;
use crate::learning::{Policy, Receipt, RewardedDecision};

impl State {
    /// Time is now `now`: what was due is closed, what is old is forgotten.
    pub(super) fn pass_time(&mut self, now: Instant) -> Result<(), FoldError> {
        self.now = now;
        self.limits.pass_time(now);
        while let Some((at, position)) = self.due.get_min().copied().filter(|(at, _)| *at <= now) {
            self.close(position, at)?;
        }
        while let Some(entry) = self.forget.get_min().copied().filter(|(at, _)| *at <= now) {
            self.forget.remove(&entry);
            self.forget_at.remove(&entry.1);
            match entry.1 {
                Forgettable::Order(order) => {
                    self.orders.remove(&order);
                }
                Forgettable::Purchase(event) => {
                    self.purchases.remove(&event);
                    self.limits.forget_purchase(event);
                    self.events.remove(&event);
                }
            }
        }
        Ok(())
    }

    /// Remembers something until `at`, or longer when it already is.
    pub(super) fn remember(&mut self, what: Forgettable, at: Instant) {
        if let Some(known) = self.forget_at.get(&what).copied() {
            if known >= at {
                return;
            }
            self.forget.remove(&(known, what));
        }
        self.forget_at.insert(what, at);
        self.forget.insert((at, what));
    }

    /// Closes an open decision: its rewards are learnt and it leaves memory.
    pub(super) fn close(
        &mut self,
        position: Position,
        closed_at: Instant,
    ) -> Result<(), FoldError> {
        let Some(decision) = self.open.remove(&position) else {
            return Ok(());
        };
        self.due.remove(&(decision.closes_at, position));
        self.limits.close(position);
        self.take_off(position, &decision);
        self.claim_lines(position, &decision);
        let closing = self.closing_of(position, &decision, closed_at)?;
        self.end_stage(&decision);
        for outcome in &decision.outcomes {
            self.events.remove(&outcome.event.event);
        }
        if !decision.test {
            self.counters.closed += 1;
        }
        self.show_closing(position, &decision, &closing);
        if !closing.events.is_empty() {
            self.write_later(closing);
        }
        Ok(())
    }

    /// Keeps what closed for whoever watches.
    fn show_closing(
        &mut self,
        position: Position,
        decision: &Arc<OpenDecision>,
        closing: &Closing,
    ) {
        let Some(mut watched) = self.watched.take() else {
            return;
        };
        watched.push(JustClosed {
            position,
            decision: decision.clone(),
            closing: closing.clone(),
            state: Box::new(self.clone()),
        });
        self.watched = Some(watched);
    }

    /// The order lines that the decision counts are its own from now on.
    fn claim_lines(&mut self, position: Position, decision: &OpenDecision) {
        for outcome in &decision.outcomes {
            if outcome.kind != OutcomeKind::Purchase || !outcome.counts() {
                continue;
            }
            let Some(purchase) = self.purchases.get(&outcome.event.event).cloned() else {
                continue;
            };
            let Some(key) = purchase.order else { continue };
            let free: Vec<u64> = purchase
                .lines
                .iter()
                .map(|line| line.line)
                .filter(|line| self.claimant(key, decision.placement, *line).is_none())
                .collect();
            if let Some(order) = self.orders.get_mut(&key) {
                let placement = decision.placement;
                let claims = free.into_iter().map(|line| Claim {
                    placement,
                    line,
                    decision: position,
                });
                Arc::make_mut(order).claims.extend(claims);
            }
            self.suggest_order(key);
        }
    }

    /// Learns the decision's rewards and says what came of it.
    fn closing_of(
        &mut self,
        position: Position,
        decision: &OpenDecision,
        closed_at: Instant,
    ) -> Result<Closing, FoldError> {
        let catalog = self.catalog_for(decision.catalog_version)?;
        let placement =
            catalog
                .placement(decision.placement)
                .ok_or_else(|| FoldError::Dangling {
                    position: self.position,
                    what: format!("placement number {}", decision.placement),
                })?;
        let rewardable = decision.rewardable(position, placement);
        let taught = rewardable.teaches() && !decision.test && !decision.slots.is_empty();
        if !decision.test && !decision.slots.is_empty() {
            self.counters.learnt += u64::from(taught);
            self.counters.not_shown += u64::from(!taught);
        }
        let (rewards, as_they_came): (SmallVec<[f64; 1]>, SmallVec<[f64; 1]>) = (1_u32..)
            .zip(&decision.slots)
            .map(|(index, slot)| {
                let benefit = catalog.offer(slot.offer).map(|offer| &offer.benefit);
                (
                    rewardable.reward(self, index, benefit),
                    rewardable.reward_as_it_comes(self, index, benefit),
                )
            })
            .unzip();
        let waits = taught && self.keep_stage(position, decision, &rewards);
        let mut slots = Vec::with_capacity(decision.slots.len());
        for ((index, reward), as_it_came) in (1_u32..).zip(rewards).zip(as_they_came) {
            let as_it_came = Some(as_it_came).filter(|as_it_came| *as_it_came != reward);
            if taught && as_it_came.is_some() {
                self.counters.winsorised += 1;
            }
            let receipt = match (taught, waits) {
                (false, _) => None,
                (true, true) => Some(Receipt::WITH_ITS_SESSION),
                (true, false) => self.learn(decision, index, reward),
            };
            slots.push(ClosedSlot {
                reward,
                reward_as_it_came: as_it_came,
                receipt: receipt
                    .map(|receipt| receipt.to_bytes())
                    .unwrap_or_default(),
            });
        }
        Ok(Closing {
            decision: position,
            closed_at,
            slots,
            events: decision
                .outcomes
                .iter()
                .map(|outcome| outcome.event)
                .collect(),
            taught,
            late: false,
        })
    }

    /// Learns one slot's reward; `None` when the policy refuses it.
    fn learn(&mut self, decision: &OpenDecision, slot: u32, reward: f64) -> Option<Receipt> {
        let catalog = self.catalog()?.clone();
        let shown = decision.slots.get(slot as usize - 1)?;
        let policy = catalog.policy(decision.placement).unwrap_or(&OBSERVE);
        if policy.model().is_some() && !self.reads_features(&catalog, decision) {
            self.counters.unlearnable += 1;
            return None;
        }
        let state = self.learnt.entry(decision.placement).or_default();
        let rewarded = RewardedDecision {
            segment: decision.segment,
            offer: shown.offer,
            features: &decision.features,
            propensity: shown.propensity,
            decided_at: decision.decided_at,
            reward,
        };
        match policy.learn_in(decision.arm.as_deref(), state, &rewarded) {
            Ok(learnt) => Some(learnt.receipt),
            Err(_) => {
                self.counters.unlearnable += 1;
                None
            }
        }
    }

    /// Whether a decision's features still mean what the placement declares.
    fn reads_features(&self, catalog: &Catalog, decision: &OpenDecision) -> bool {
        let declared = |catalog: &Catalog| {
            let placement = catalog.placement(decision.placement);
            placement.map(|placement| placement.features.fingerprint())
        };
        let made_with = self.catalog_of(decision.catalog_version);
        made_with.is_some_and(|made_with| declared(made_with) == declared(catalog))
    }

    /// Has a closing written down with one of the next events.
    pub(super) fn write_later(&mut self, closing: Closing) {
        self.unwritten_since = self.unwritten_since.or(Some(self.now));
        self.unwritten.push_back(closing);
    }

    /// Closings were written down: they leave memory and can be found on disk.
    pub(super) fn apply_closings(&mut self, closings: &[Closing]) -> Result<Effect, FoldError> {
        for closing in closings {
            if self.unwritten.pop_front().as_ref() != Some(closing) {
                return Err(FoldError::Closings {
                    position: self.position,
                });
            }
            let positions = self.written.entry(page_of(closing.decision)).or_default();
            if positions.last() != Some(&self.position) {
                Arc::make_mut(positions).push(self.position);
            }
        }
        self.unwritten_since = (!self.unwritten.is_empty()).then_some(self.now);
        Ok(Effect::Nothing)
    }
}

/// What counts rewards for a placement that the catalogue no longer has.
pub(super) const OBSERVE: Policy = Policy::Uniform(Uniform);
