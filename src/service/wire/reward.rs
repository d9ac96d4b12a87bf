//! RecordReward's request and answer.

use prost_types::Timestamp;

use super::choose::{ID_BYTES, MOST_LINES, MOST_PIECES, NAME_BYTES, SHOPPER_BYTES};
use super::field::{Field, Reader};
use super::{durability, money};
use crate::domain::outcome::{OutcomeKind, OutcomeResult};
use crate::domain::time::Instant;
use crate::engine::fault::FieldFault;
use crate::engine::record::{Recorded, RewardLine, RewardRequest};
use crate::proto::promobandit::v1;

/// The most bytes of a custom event's name.
const CUSTOM_KIND_BYTES: usize = 64;

/// Reads an event.
///
/// # Errors
/// Every field that does not hold.
pub(in crate::service) fn reward_request(
    request: v1::RecordRewardRequest,
) -> Result<RewardRequest, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let kind = kind(&mut reader, request.kind);
    let lines_field = Field::of("lines");
    reader.at_most(&lines_field, request.lines.len(), MOST_LINES, "lines");
    let lines = request.lines.into_iter().take(MOST_LINES).enumerate();
    let read = RewardRequest {
        event_id: reader.required_text(&Field::of("event_id"), request.event_id, NAME_BYTES),
        decision_id: (!request.decision_id.is_empty())
            .then(|| reader.uuid(&Field::of("decision_id"), &request.decision_id)),
        order_id: reader.text(&Field::of("order_id"), request.order_id, NAME_BYTES),
        shopper_id: reader.text(&Field::of("shopper_id"), request.shopper_id, SHOPPER_BYTES),
        slot: slot(&mut reader, request.slot),
        offer_id: reader.text(&Field::of("offer_id"), request.offer_id, ID_BYTES),
        kind: kind.unwrap_or(OutcomeKind::Custom),
        custom_kind: reader.text(
            &Field::of("custom_kind"),
            request.custom_kind,
            CUSTOM_KIND_BYTES,
        ),
        event_time: event_time(&mut reader, request.event_time),
        lines: lines
            .map(|(index, line)| order_line(&mut reader, &lines_field.index(index), kind, line))
            .collect(),
        reverses_event_id: reader.text(
            &Field::of("reverses_event_id"),
            request.reverses_event_id,
            NAME_BYTES,
        ),
    };
    reader.finish(read)
}

/// `None` stands for a fault.
fn kind(reader: &mut Reader, kind: i32) -> Option<OutcomeKind> {
    let field = Field::of("kind");
    let names = || OutcomeKind::ALL.map(OutcomeKind::name).join(", ");
    match v1::OutcomeKind::try_from(kind) {
        Ok(v1::OutcomeKind::Unspecified) => {
            reader.lack(&field, format!("one of {}", names()));
            None
        }
        Ok(v1::OutcomeKind::Exposure) => Some(OutcomeKind::Exposure),
        Ok(v1::OutcomeKind::Click) => Some(OutcomeKind::Click),
        Ok(v1::OutcomeKind::Purchase) => Some(OutcomeKind::Purchase),
        Ok(v1::OutcomeKind::Refund) => Some(OutcomeKind::Refund),
        Ok(v1::OutcomeKind::Cancellation) => Some(OutcomeKind::Cancellation),
        Ok(v1::OutcomeKind::NotShown) => Some(OutcomeKind::NotShown),
        Ok(v1::OutcomeKind::Settled) => Some(OutcomeKind::Settled),
        Ok(v1::OutcomeKind::Custom) => Some(OutcomeKind::Custom),
        Err(_) => {
            reader.refuse(&field, kind, format!("one of {}", names()));
            None
        }
    }
}

/// From 1; how many the decision has is the engine's to know.
fn slot(reader: &mut Reader, slot: Option<i32>) -> Option<u32> {
    let slot = slot?;
    let read = u32::try_from(slot).ok().filter(|slot| *slot > 0);
    if read.is_none() {
        let expected = "1 to the decision's slots";
        reader.refuse(&Field::of("slot"), slot, expected);
    }
    read
}

/// To the millisecond; what is finer is cut off.
fn event_time(reader: &mut Reader, time: Option<Timestamp>) -> Instant {
    const FIRST_SECOND: i64 = -62_135_596_800;
    const LAST_SECOND: i64 = 253_402_300_799;
    const NANOS_PER_MS: i64 = 1_000_000;
    let field = Field::of("event_time");
    let Some(time) = time else {
        reader.lack(&field, "when the event happened");
        return Instant::default();
    };
    let (seconds, nanos) = (time.seconds, i64::from(time.nanos));
    reader.whole(&field.name("seconds"), seconds, FIRST_SECOND, LAST_SECOND);
    reader.whole(&field.name("nanos"), nanos, 0, 999_999_999);
    let ms = seconds.saturating_mul(1_000);
    Instant::from_unix_ms(ms.saturating_add(nanos / NANOS_PER_MS))
}

/// Which amounts an event of a kind brings, and their signs, the engine checks.
fn order_line(
    reader: &mut Reader,
    field: &Field<'_>,
    kind: Option<OutcomeKind>,
    line: v1::OrderLine,
) -> RewardLine {
    let fewest = i64::from(kind == Some(OutcomeKind::Purchase));
    let mut amount = |name, money| money::read(reader, &field.name(name), money);
    let price_paid = amount("price_paid", line.price_paid);
    let discount_applied = amount("discount_applied", line.discount_applied);
    let refunded_amount = amount("refunded_amount", line.refunded_amount);
    let unit_cost = amount("unit_cost", line.unit_cost);
    RewardLine {
        line_id: reader.text(&field.name("line_id"), line.line_id, NAME_BYTES),
        sku: reader.required_text(&field.name("sku"), line.sku, NAME_BYTES),
        quantity: reader.whole(&field.name("quantity"), line.quantity, fewest, MOST_PIECES),
        price_paid,
        discount_applied,
        refunded_amount,
        unit_cost,
    }
}

/// The answer to an event.
pub(in crate::service) fn recorded(
    event_id: String,
    recorded: &Recorded,
) -> v1::RecordRewardResponse {
    v1::RecordRewardResponse {
        event_id,
        result: result(recorded.result).into(),
        duplicate: recorded.duplicate,
        decision_ids: recorded.decisions.iter().map(ToString::to_string).collect(),
        durability: durability(recorded.is_durable).into(),
        over_limit: recorded.over_limit,
    }
}

pub(super) const fn result(result: OutcomeResult) -> v1::RewardResult {
    match result {
        OutcomeResult::Recorded => v1::RewardResult::Recorded,
        OutcomeResult::Late => v1::RewardResult::Late,
        OutcomeResult::OverWindow => v1::RewardResult::OverWindow,
    }
}

pub(super) const fn outcome_kind(kind: OutcomeKind) -> v1::OutcomeKind {
    match kind {
        OutcomeKind::Exposure => v1::OutcomeKind::Exposure,
        OutcomeKind::Click => v1::OutcomeKind::Click,
        OutcomeKind::Purchase => v1::OutcomeKind::Purchase,
        OutcomeKind::Refund => v1::OutcomeKind::Refund,
        OutcomeKind::Cancellation => v1::OutcomeKind::Cancellation,
        OutcomeKind::NotShown => v1::OutcomeKind::NotShown,
        OutcomeKind::Settled => v1::OutcomeKind::Settled,
        OutcomeKind::Custom => v1::OutcomeKind::Custom,
    }
}
