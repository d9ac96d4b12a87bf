//! Order lines: what an event of each kind has to bring.

use std::collections::BTreeMap;

use super::Target;
use crate::domain::exchange::Conversion;
use crate::domain::keys::HashKey;
use crate::domain::money::{Currency, Money};
use crate::domain::outcome::{OutcomeKind, OutcomeLine};
use crate::engine::attribution::{OrderBook, Purchase};
use crate::engine::fault::FieldFault;
use crate::engine::record::{Keys, RecordError, RewardLine, RewardRequest};
use crate::engine::state::State;

/// What an event must hold by itself, whatever the state.
pub(super) fn check_alone(request: &RewardRequest) -> Result<(), RecordError> {
    let mut faults = Vec::new();
    let kind = request.kind;
    let wants_lines = matches!(kind, OutcomeKind::Purchase | OutcomeKind::Refund);
    if wants_lines && request.lines.is_empty() {
        let expected = format!("at least one line: the kind is {}", kind.name());
        faults.push(FieldFault::missing("lines", expected));
    }
    if !wants_lines && !request.lines.is_empty() {
        let expected = format!("no lines: the kind is {}", kind.name());
        faults.push(FieldFault::new(
            "lines",
            format!("{} lines", request.lines.len()),
            expected,
        ));
    }
    if kind.reverses() == request.reverses_event_id.is_empty() {
        faults.push(if kind.reverses() {
            let expected = "the event_id of the purchase that is reversed";
            FieldFault::missing("reverses_event_id", expected)
        } else {
            let expected = format!("nothing: the kind is {}", kind.name());
            FieldFault::new("reverses_event_id", &request.reverses_event_id, expected)
        });
    }
    if (kind == OutcomeKind::Custom) == request.custom_kind.is_empty() {
        faults.push(if kind == OutcomeKind::Custom {
            FieldFault::missing("custom_kind", "the name of the custom event")
        } else {
            let expected = format!("nothing: the kind is {}", kind.name());
            FieldFault::new("custom_kind", &request.custom_kind, expected)
        });
    }
    let names_part = request.slot.is_some() || !request.offer_id.is_empty();
    if names_part && request.decision_id.is_none() {
        let field = if request.slot.is_some() {
            "slot"
        } else {
            "offer_id"
        };
        faults.push(FieldFault::new(
            field,
            "set",
            "nothing, unless decision_id is set",
        ));
    }
    if request.slot.is_some() && !request.offer_id.is_empty() {
        faults.push(FieldFault::new(
            "offer_id",
            &request.offer_id,
            "nothing beside slot",
        ));
    }
    // What a line must hold is said by the kinds that have lines.
    if wants_lines {
        for (index, line) in request.lines.iter().enumerate() {
            check_line(kind, index, line, &mut faults);
        }
        check_line_ids(request, &mut faults);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(RecordError::Invalid(faults))
    }
}

fn check_line(kind: OutcomeKind, index: usize, line: &RewardLine, faults: &mut Vec<FieldFault>) {
    let mut need = |name: &str, money: Option<Money>, wanted: bool, least: i64| {
        let field = format!("lines[{index}].{name}");
        match money {
            None if wanted => {
                let expected = format!("an amount: the kind is {}", kind.name());
                faults.push(FieldFault::missing(field, expected));
            }
            Some(money) if !wanted => {
                let expected = format!("nothing: the kind is {}", kind.name());
                faults.push(FieldFault::new(field, money, expected));
            }
            Some(money) if money.minor_units < least => {
                let expected = if least > 0 {
                    "an amount above zero"
                } else {
                    "zero or more"
                };
                faults.push(FieldFault::new(field, money, expected));
            }
            _ => {}
        }
    };
    let purchase = kind == OutcomeKind::Purchase;
    need("price_paid", line.price_paid, purchase, 0);
    need("refunded_amount", line.refunded_amount, !purchase, 1);
    if purchase {
        need(
            "discount_applied",
            line.discount_applied,
            line.discount_applied.is_some(),
            0,
        );
        need("unit_cost", line.unit_cost, line.unit_cost.is_some(), 0);
    } else {
        need("discount_applied", line.discount_applied, false, 0);
        need("unit_cost", line.unit_cost, false, 0);
    }
    let fewest = i64::from(purchase);
    if line.quantity < fewest {
        let field = format!("lines[{index}].quantity");
        faults.push(FieldFault::new(
            field,
            line.quantity,
            format!("{fewest} or more"),
        ));
    }
}

fn check_line_ids(request: &RewardRequest, faults: &mut Vec<FieldFault>) {
    let mut seen = BTreeMap::new();
    for (index, line) in request
        .lines
        .iter()
        .enumerate()
        .filter(|(_, it)| !it.line_id.is_empty())
    {
        if let Some(before) = seen.insert(&line.line_id, index) {
            let expected = format!("another id than that of lines[{before}]");
            faults.push(FieldFault::new(
                format!("lines[{index}].line_id"),
                format!("{:?}", line.line_id),
                expected,
            ));
        }
    }
}

/// All amounts are in one currency: that of the decisions' placements, or one
/// that the catalogue in force converts to it. A reversal is in its purchase's
/// currency, and counts at its rate.
pub(super) fn check_currency(
    state: &State,
    request: &RewardRequest,
    keys: &Keys,
    targets: &[Target<'_>],
) -> Result<(Option<Currency>, Option<Conversion>), RecordError> {
    let amounts = request.lines.iter().enumerate().flat_map(|(index, line)| {
        [
            ("price_paid", line.price_paid),
            ("discount_applied", line.discount_applied),
            ("refunded_amount", line.refunded_amount),
            ("unit_cost", line.unit_cost),
        ]
        .into_iter()
        .filter_map(move |(name, money)| Some((format!("lines[{index}].{name}"), money?)))
    });
    let amounts: Vec<(String, Money)> = amounts.collect();
    let Some((first, money)) = amounts.first() else {
        return Ok((None, None));
    };
    let found = money.currency;
    let placements = || targets.iter().filter_map(|target| target.placement(state));
    let counted_in = placements().next().map(|(_, placement)| placement);
    let counterpart = counterpart(state, keys, targets);
    let conversion = match (counted_in, &counterpart) {
        (Some(placement), _) if placement.currency == found => None,
        (Some(_), Some(purchase)) if purchase.conversion.is_some() => purchase.conversion,
        (Some(placement), _) => {
            let catalog = state.catalog();
            catalog.and_then(|catalog| catalog.conversion(found, placement.currency))
        }
        (None, _) => None,
    };
    let (expected, whose) = match (counterpart.and_then(|it| it.currency), counted_in) {
        (Some(currency), _) if keys.reverses.is_some() => (
            currency,
            "the currency of the purchase that is reversed".to_owned(),
        ),
        (Some(currency), _) => (
            currency,
            "the currency of what was paid back of it".to_owned(),
        ),
        (None, Some(placement)) if conversion.is_none() => (
            placement.currency,
            format!("the currency of placement {:?}", placement.id),
        ),
        _ => (found, format!("the currency of {first}")),
    };
    for (field, money) in &amounts {
        if money.currency != expected {
            return Err(RecordError::Invalid(vec![FieldFault::new(
                format!("{field}.currency_code"),
                money.currency,
                format!("{expected}, {whose}"),
            )]));
        }
    }
    let counted = conversion.map_or(found, |conversion| conversion.to);
    for (_, placement) in placements() {
        if counted != placement.currency {
            return Err(RecordError::Invalid(vec![FieldFault::new(
                "lines",
                counted,
                format!(
                    "{}, the currency of placement {:?}",
                    placement.currency, placement.id
                ),
            )]));
        }
    }
    Ok((Some(found), conversion))
}

/// The purchase that an event reverses, or what is known of a purchase whose
/// reversals came first.
fn counterpart(state: &State, keys: &Keys, targets: &[Target<'_>]) -> Option<Purchase> {
    let event = keys.reverses.unwrap_or(keys.event);
    let from_disk = || {
        targets.iter().find_map(|target| match target {
            Target::Open(..) => None,
            Target::Closed(closed) => closed.purchase(event),
        })
    };
    state.purchase(event).cloned().or_else(from_disk)
}

/// The lines as the ledger keeps them. A line's identity within its order is
/// its `line_id`, or its sku and how many lines of that sku stand before it.
pub(in crate::engine::record) fn lines_of(
    key: &HashKey,
    request: &RewardRequest,
) -> Vec<OutcomeLine> {
    let mut of_sku: BTreeMap<&str, u64> = BTreeMap::new();
    let minor = |money: Option<Money>| money.map_or(0, |money| money.minor_units);
    request
        .lines
        .iter()
        .map(|line| {
            let line_key = if line.line_id.is_empty() {
                let before = of_sku.entry(&line.sku).or_default();
                *before += 1;
                key.hash_u64(
                    b"line by sku",
                    &[line.sku.as_bytes(), &before.to_le_bytes()],
                )
            } else {
                key.hash_u64(b"line by id", &[line.line_id.as_bytes()])
            };
            OutcomeLine {
                line: line_key,
                quantity: line.quantity,
                paid_minor: minor(line.price_paid),
                discount_minor: minor(line.discount_applied),
                refunded_minor: minor(line.refunded_amount),
                unit_cost_minor: line.unit_cost.map(|money| money.minor_units),
            }
        })
        .collect()
}
