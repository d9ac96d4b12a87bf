//! Refunds and cancellations: what they may take back, and what they change in
//! what was learnt already.

use smallvec::SmallVec;

use super::Target;
use crate::domain::ids::{PlacementNumber, Position};
use crate::domain::keys::{EventKey, OrderKey};
use crate::domain::outcome::{Correction, OutcomeKind, OutcomeLine};
use crate::domain::time::Instant;
use crate::engine::attribution::{LineBalance, OrderBook, Purchase, Reversal, line_balance};
use crate::engine::closed::ClosedDecision;
use crate::engine::fault::FieldFault;
use crate::engine::record::{Keys, RecordError, RewardRequest};
use crate::engine::state::State;

/// A reversal takes back what is left of a purchase of its decision.
pub(super) fn check_reversal(
    state: &State,
    request: &RewardRequest,
    keys: &Keys,
    targets: &[Target<'_>],
    lines: &[OutcomeLine],
) -> Result<(), RecordError> {
    let Some(event) = keys.reverses else {
        return Ok(());
    };
    let id = format!("{:?}", request.reverses_event_id);
    let from_disk = targets.iter().find_map(|target| match target {
        Target::Open(..) => None,
        Target::Closed(closed) => closed.purchase(event),
    });
    let known = state
        .purchase(event)
        .filter(|purchase| purchase.position.is_some())
        .cloned()
        .or(from_disk);
    let Some(purchase) = known else {
        // It may come before its purchase, as long as that could still count.
        let may_come = targets
            .iter()
            .any(|target| matches!(target, Target::Open(..)));
        return if may_come {
            Ok(())
        } else {
            Err(RecordError::NotFound(FieldFault::new(
                "reverses_event_id",
                id,
                "the event_id of a purchase that was recorded",
            )))
        };
    };
    if !targets.is_empty() && !targets.iter().any(|target| target.event(event).is_some()) {
        let expected = "the event_id of a purchase of the same decision";
        let fault = FieldFault::new("reverses_event_id", id, expected);
        return Err(RecordError::Precondition(fault));
    }
    if purchase.is_cancelled() {
        let expected = "a purchase that was not cancelled";
        let fault = FieldFault::new("reverses_event_id", id, expected);
        return Err(RecordError::Precondition(fault));
    }
    let left = |line: &OutcomeLine| line_balance(state, &purchase, line);
    if request.kind == OutcomeKind::Cancellation {
        let something = purchase
            .lines
            .iter()
            .map(left)
            .any(|balance| balance.kept > 0);
        return if something {
            Ok(())
        } else {
            let expected = "a purchase of which something is left";
            Err(RecordError::Precondition(FieldFault::new(
                "reverses_event_id",
                id,
                expected,
            )))
        };
    }
    for (index, line) in lines.iter().enumerate() {
        let bought = purchase.line(line.line).ok_or_else(|| {
            RecordError::Precondition(FieldFault::new(
                format!("lines[{index}]"),
                format!("{:?}", request.lines[index].sku),
                "a line of the purchase that is reversed",
            ))
        })?;
        check_line_left(index, line, left(bought))?;
    }
    Ok(())
}

fn check_line_left(index: usize, line: &OutcomeLine, left: LineBalance) -> Result<(), RecordError> {
    let money_left = left.paid_minor - left.refunded_minor;
    let fault = if line.refunded_minor > money_left {
        FieldFault::new(
            format!("lines[{index}].refunded_amount"),
            format!("{} minor units", line.refunded_minor),
            format!("at most {money_left} minor units, what is left of the line"),
        )
    } else if line.quantity > left.kept {
        FieldFault::new(
            format!("lines[{index}].quantity"),
            line.quantity,
            format!("at most {}, the pieces left of the line", left.kept),
        )
    } else {
        return Ok(());
    };
    Err(RecordError::Precondition(fault))
}

/// The order that a reversal changes: its own, or its purchase's.
pub(super) fn order_of(state: &State, keys: &Keys) -> Option<OrderKey> {
    let purchase = keys.reverses.and_then(|event| state.purchase(event));
    purchase.and_then(|purchase| purchase.order).or(keys.order)
}

/// The closed decisions that count lines of the order that a reversal changes,
/// besides those that the event is about.
pub(super) fn claimants(
    state: &State,
    keys: &Keys,
    positions: &[Position],
) -> SmallVec<[Position; 2]> {
    if keys.reverses.is_none() {
        return SmallVec::new();
    }
    let order = order_of(state, keys).and_then(|order| state.order(order));
    let mut claimants: SmallVec<[Position; 2]> = order
        .iter()
        .flat_map(|order| &order.claims)
        .map(|claim| claim.decision)
        .filter(|decision| !positions.contains(decision))
        .filter(|decision| state.open_decision(*decision).is_none())
        .collect();
    claimants.sort_unstable();
    claimants.dedup();
    claimants
}

/// The order book as it will be once the reversal is recorded.
struct WithReversal<'a> {
    state: &'a State,
    event: EventKey,
    purchase: Purchase,
}

impl OrderBook for WithReversal<'_> {
    fn purchase(&self, event: EventKey) -> Option<&Purchase> {
        if event == self.event {
            Some(&self.purchase)
        } else {
            self.state.purchase(event)
        }
    }

    fn purchases_of(&self, order: OrderKey) -> &[EventKey] {
        self.state.purchases_of(order)
    }

    fn claimant(&self, order: OrderKey, placement: PlacementNumber, line: u64) -> Option<Position> {
        self.state.claimant(order, placement, line)
    }
}

/// What a reversal changes in what closed decisions taught, as long as their
/// refund windows are open.
pub(super) fn corrections(
    state: &State,
    now: Instant,
    request: &RewardRequest,
    keys: &Keys,
    targets: &[Target<'_>],
    siblings: &[&ClosedDecision],
    lines: &[OutcomeLine],
) -> Vec<Correction> {
    let Some(event) = keys.reverses else {
        return Vec::new();
    };
    let Some(purchase) = state.purchase(event) else {
        return Vec::new();
    };
    let mut reversed = purchase.clone();
    reversed.reverse(Reversal {
        event: keys.event,
        whole: request.kind == OutcomeKind::Cancellation,
        lines: lines.to_vec(),
    });
    let after = WithReversal {
        state,
        event,
        purchase: reversed,
    };
    let closed = targets.iter().filter_map(|target| match target {
        Target::Open(..) => None,
        Target::Closed(closed) => Some(*closed),
    });
    closed
        .chain(siblings.iter().copied())
        .flat_map(|closed| corrections_of(state, now, &after, closed))
        .collect()
}

fn corrections_of(
    state: &State,
    now: Instant,
    after: &WithReversal<'_>,
    closed: &ClosedDecision,
) -> Vec<Correction> {
    let (Some(rewardable), Some(closing)) = (closed.rewardable(), &closed.closing) else {
        return Vec::new();
    };
    let window_ends = closing.closed_at.plus(rewardable.placement.refund_window);
    if !closing.taught || now > window_ends {
        return Vec::new();
    }
    (1_u32..)
        .zip(closed.record.slots.iter().zip(&closing.slots))
        .filter(|(_, (_, slot))| !slot.receipt.is_empty())
        .filter_map(|(index, (draw, slot))| {
            let benefit = closed
                .catalog
                .offer(draw.offer())
                .map(|offer| &offer.benefit);
            let reward_before = rewardable.reward(state, index, benefit);
            let reward_after = rewardable.reward(after, index, benefit);
            (reward_before.to_bits() != reward_after.to_bits()).then(|| Correction {
                decision: closed.position,
                slot: index,
                reward_before,
                reward_after,
                placement: closed.record.placement,
                segment: closed.record.segment,
                offer: draw.offer(),
                receipt: slot.receipt.clone(),
                decided_at: closed.decided_at,
                propensity: draw.propensity(),
                features: closed.record.features.clone(),
                arm: closed.record.arm.clone(),
            })
        })
        .collect()
}
