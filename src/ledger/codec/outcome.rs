//! Outcomes in the stored format.

use super::{DecodeError, hold, sixteen, sixteen_or_none, stored};
use crate::domain::distribution::Propensity;
use crate::domain::exchange::{Conversion, ExchangeRate};
use crate::domain::ids::{OfferNumber, PlacementNumber, Position, SegmentNumber};
use crate::domain::keys::{EventKey, OrderKey, SubjectNumber};
use crate::domain::money::Currency;
use crate::domain::outcome::{
    Correction, OutcomeKind, OutcomeLine, OutcomeRecord, OutcomeResult, OutcomeTarget,
};
use crate::domain::time::Instant;

pub(super) fn to_stored(record: &OutcomeRecord) -> stored::Outcome {
    stored::Outcome {
        event_id: record.event.0.to_vec(),
        fingerprint: record.fingerprint,
        kind: kind_to_stored(record.kind).into(),
        event_time_ms: record.event_time.unix_ms(),
        targets: record
            .targets
            .iter()
            .map(|target| stored::outcome::Target {
                decision: target.decision.0,
                slot: target.slot.unwrap_or(0),
                closed: target.closed,
            })
            .collect(),
        order: record
            .order
            .map(|order| order.0.to_vec())
            .unwrap_or_default(),
        currency: record.currency.map(String::from).unwrap_or_default(),
        lines: record.lines.iter().map(line_to_stored).collect(),
        reverses: record
            .reverses
            .map(|event| event.0.to_vec())
            .unwrap_or_default(),
        subject: record.subject.0,
        sealed: record.sealed.clone(),
        corrections: record
            .corrections
            .iter()
            .map(correction_to_stored)
            .collect(),
        custom_value: 0.0,
        custom_kind: record.custom_kind.clone(),
        holds: record.holds.iter().map(hold::to_stored).collect(),
        conversion: record
            .conversion
            .map(|conversion| stored::outcome::Conversion {
                to_currency: conversion.to.into(),
                rate_billionths: conversion.rate.billionths(),
            }),
    }
}

pub(super) fn from_stored(outcome: stored::Outcome) -> Result<OutcomeRecord, DecodeError> {
    let kind = kind_from_stored(&outcome)?;
    let currency = if outcome.currency.is_empty() {
        None
    } else {
        Some(currency_from_stored("outcome.currency", &outcome.currency)?)
    };
    let conversion = outcome.conversion.as_ref();
    let conversion = conversion.map(|it| conversion_from_stored(currency, it));
    let targets = outcome.targets.into_iter().map(|target| OutcomeTarget {
        decision: Position(target.decision),
        slot: (target.slot > 0).then_some(target.slot),
        closed: target.closed,
    });
    Ok(OutcomeRecord {
        event: EventKey(sixteen("outcome.event_id", &outcome.event_id)?),
        fingerprint: outcome.fingerprint,
        kind,
        custom_kind: outcome.custom_kind,
        event_time: Instant::from_unix_ms(outcome.event_time_ms),
        targets: targets.collect(),
        order: sixteen_or_none("outcome.order", &outcome.order)?.map(OrderKey),
        currency,
        conversion: conversion.transpose()?,
        lines: outcome.lines.into_iter().map(line_from_stored).collect(),
        reverses: sixteen_or_none("outcome.reverses", &outcome.reverses)?.map(EventKey),
        subject: SubjectNumber(outcome.subject),
        sealed: outcome.sealed,
        corrections: outcome
            .corrections
            .into_iter()
            .map(correction_from_stored)
            .collect::<Result<_, _>>()?,
        holds: outcome
            .holds
            .into_iter()
            .map(hold::from_stored)
            .collect::<Result<_, _>>()?,
    })
}

fn currency_from_stored(field: &'static str, code: &str) -> Result<Currency, DecodeError> {
    Currency::from_code(code)
        .map_err(|error| DecodeError::field(field, error.code, "an ISO 4217 code"))
}

fn conversion_from_stored(
    from: Option<Currency>,
    conversion: &stored::outcome::Conversion,
) -> Result<Conversion, DecodeError> {
    let field = "outcome.conversion";
    let from =
        from.ok_or_else(|| DecodeError::field(field, "a rate", "none without a currency"))?;
    let rate = ExchangeRate::from_billionths(conversion.rate_billionths);
    Ok(Conversion {
        from,
        to: currency_from_stored("outcome.conversion.to_currency", &conversion.to_currency)?,
        rate: rate.ok_or_else(|| {
            let expected = "from 1 to 10^18 thousand-millionths";
            DecodeError::field(field, conversion.rate_billionths, expected)
        })?,
    })
}

const fn kind_to_stored(kind: OutcomeKind) -> stored::outcome::Kind {
    use stored::outcome::Kind;
    match kind {
        OutcomeKind::Exposure => Kind::Exposure,
        OutcomeKind::Click => Kind::Click,
        OutcomeKind::Purchase => Kind::Purchase,
        OutcomeKind::Refund => Kind::Refund,
        OutcomeKind::Cancellation => Kind::Cancellation,
        OutcomeKind::NotShown => Kind::NotShown,
        OutcomeKind::Settled => Kind::Settled,
        OutcomeKind::Custom => Kind::Custom,
    }
}

fn kind_from_stored(outcome: &stored::Outcome) -> Result<OutcomeKind, DecodeError> {
    use stored::outcome::Kind;
    match outcome.kind() {
        Kind::Exposure => Ok(OutcomeKind::Exposure),
        Kind::Click => Ok(OutcomeKind::Click),
        Kind::Purchase => Ok(OutcomeKind::Purchase),
        Kind::Refund => Ok(OutcomeKind::Refund),
        Kind::Cancellation => Ok(OutcomeKind::Cancellation),
        Kind::NotShown => Ok(OutcomeKind::NotShown),
        Kind::Settled => Ok(OutcomeKind::Settled),
        Kind::Custom => Ok(OutcomeKind::Custom),
        Kind::Unspecified => Err(DecodeError::field(
            "outcome.kind",
            outcome.kind,
            "a kind of this schema",
        )),
    }
}

pub(super) const fn result_to_stored(result: OutcomeResult) -> u32 {
    match result {
        OutcomeResult::Recorded => 1,
        OutcomeResult::Late => 2,
        OutcomeResult::OverWindow => 3,
    }
}

pub(super) fn result_from_stored(result: u32) -> Result<OutcomeResult, DecodeError> {
    match result {
        1 => Ok(OutcomeResult::Recorded),
        2 => Ok(OutcomeResult::Late),
        3 => Ok(OutcomeResult::OverWindow),
        _ => Err(DecodeError::field("closings.result", result, "1, 2 or 3")),
    }
}

const fn line_to_stored(line: &OutcomeLine) -> stored::outcome::Line {
    stored::outcome::Line {
        line: line.line,
        quantity: line.quantity,
        paid_minor: line.paid_minor,
        discount_minor: line.discount_minor,
        refunded_minor: line.refunded_minor,
        unit_cost_minor: line.unit_cost_minor,
    }
}

const fn line_from_stored(line: stored::outcome::Line) -> OutcomeLine {
    OutcomeLine {
        line: line.line,
        quantity: line.quantity,
        paid_minor: line.paid_minor,
        discount_minor: line.discount_minor,
        refunded_minor: line.refunded_minor,
        unit_cost_minor: line.unit_cost_minor,
    }
}

fn correction_to_stored(correction: &Correction) -> stored::outcome::Correction {
    stored::outcome::Correction {
        decision: correction.decision.0,
        slot: correction.slot,
        reward_before: correction.reward_before,
        reward_after: correction.reward_after,
        placement: correction.placement.0,
        segment: correction.segment.0,
        offer: correction.offer.0,
        receipt: correction.receipt.clone(),
        decided_at_ms: correction.decided_at.unix_ms(),
        propensity: correction.propensity.get(),
        features: correction.features.clone(),
        arm: correction.arm.as_deref().unwrap_or_default().to_owned(),
    }
}

fn correction_from_stored(
    correction: stored::outcome::Correction,
) -> Result<Correction, DecodeError> {
    for reward in [correction.reward_before, correction.reward_after] {
        if !reward.is_finite() {
            return Err(DecodeError::field(
                "outcome.corrections.reward",
                reward,
                "finite",
            ));
        }
    }
    Ok(Correction {
        decision: Position(correction.decision),
        slot: correction.slot,
        reward_before: correction.reward_before,
        reward_after: correction.reward_after,
        placement: PlacementNumber(correction.placement),
        segment: SegmentNumber(correction.segment),
        offer: OfferNumber(correction.offer),
        receipt: correction.receipt,
        decided_at: Instant::from_unix_ms(correction.decided_at_ms),
        propensity: Propensity::new(correction.propensity).map_err(|error| {
            DecodeError::field(
                "outcome.corrections.propensity",
                error,
                "above 0, at most 1",
            )
        })?,
        features: correction.features,
        arm: (!correction.arm.is_empty()).then(|| correction.arm.into()),
    })
}
