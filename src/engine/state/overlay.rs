//! What open decisions suggest, kept beside what was learnt.
//!
//! An overlay is a function of the events so far, like everything in the state,
//! but nothing that is learnt depends on it: when a decision closes, what it
//! suggested comes off and its reward is learnt as if nothing had been
//! suggested. So the state hash leaves overlays out, and is the same whatever
//! placements ask of them.

use std::sync::Arc;

use super::closing::OBSERVE;
use super::{OpenDecision, State};
use crate::domain::ids::{OfferNumber, PlacementNumber, Position};
use crate::domain::keys::OrderKey;
use crate::domain::placement::{Feedback, Placement};
use crate::domain::time::Instant;
use crate::learning::Policy;
use crate::learning::delay::Overlay;

impl State {
    /// An open decision changed, or something that its reward follows from.
    pub(super) fn suggest(&mut self, position: Position) {
        if let Some(decision) = self.open.get(&position).cloned() {
            self.lay(position, &decision, Some(self.now));
        }
    }

    /// All open decisions of an order may have changed.
    pub(super) fn suggest_order(&mut self, order: OrderKey) {
        if self.overlays.is_empty() {
            return;
        }
        if let Some(order) = self.orders.get(&order).cloned() {
            for position in &order.decisions {
                self.suggest(*position);
            }
        }
    }

    /// A decision is about to close.
    pub(super) fn take_off(&mut self, position: Position, decision: &OpenDecision) {
        if let Some(overlay) = self.overlays.get_mut(&decision.placement) {
            overlay.close(position.0);
        }
    }

    /// Another catalogue is in force: placements may ask for something else.
    /// Where a placement asks for the same as before, its overlay stays, with
    /// what it knows of delays.
    pub(super) fn lay_anew(&mut self) {
        let Some(catalog) = self.catalog().cloned() else {
            return;
        };
        let asks = |placement: &&Placement| placement.feedback != Feedback::AtClosing;
        let mut overlays = imbl::OrdMap::new();
        for placement in catalog.placements().filter(asks) {
            let known = self.overlays.get(&placement.number).cloned();
            let known = known.filter(|overlay| overlay.is_for(placement.open_for()));
            let overlay = known.unwrap_or_else(|| Overlay::new(placement.open_for()));
            overlays.insert(placement.number, overlay);
        }
        self.overlays = overlays;
        if self.overlays.is_empty() {
            return;
        }
        let open: Vec<(Position, Arc<OpenDecision>)> = self
            .open
            .iter()
            .filter(|(_, decision)| self.overlays.contains_key(&decision.placement))
            .map(|(position, decision)| (*position, decision.clone()))
            .collect();
        for (position, decision) in open {
            self.lay(position, &decision, None);
        }
    }

    /// Puts on what a decision suggests, or takes it off when that is nothing.
    fn lay(&mut self, position: Position, decision: &OpenDecision, seen: Option<Instant>) {
        if !self.overlays.contains_key(&decision.placement) {
            return;
        }
        let arms = self.suggested(position, decision);
        let Some(overlay) = self.overlays.get_mut(&decision.placement) else {
            return;
        };
        match arms {
            Some(arms) => {
                let (segment, decided_at) = (decision.segment, decision.decided_at);
                overlay.put(position.0, segment, decided_at, arms.into_iter(), seen);
            }
            None => overlay.take_off(position.0),
        }
    }

    /// What each slot of a decision has earned, as its policy would learn it;
    /// `None` when it would teach nothing.
    fn suggested(
        &self,
        position: Position,
        decision: &OpenDecision,
    ) -> Option<Vec<(OfferNumber, f64)>> {
        let made_with = self.catalog_of(decision.catalog_version)?;
        let placement = made_with.placement(decision.placement)?;
        let rewardable = decision.rewardable(position, placement);
        if decision.test || decision.slots.is_empty() || !rewardable.teaches() {
            return None;
        }
        let policy = self.policy_of(decision.placement)?;
        let arms = (1..).zip(&decision.slots).filter_map(|(index, slot)| {
            let benefit = made_with.offer(slot.offer).map(|offer| &offer.benefit);
            let reward = rewardable.reward(self, index, benefit);
            Some((slot.offer, policy.admitted(reward)?))
        });
        Some(arms.collect())
    }

    fn policy_of(&self, placement: PlacementNumber) -> Option<&Policy> {
        Some(self.catalog()?.policy(placement).unwrap_or(&OBSERVE))
    }
}
