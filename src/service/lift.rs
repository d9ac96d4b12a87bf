//! What offers, or the arms of a split, bring: from what the ledger tells of the
//! shoppers to a report.

use super::wire;
use crate::domain::time::Span;
use crate::engine::Engine;
use crate::engine::lift::{Grouping, LiftError, LiftRows, ShopperRow};
use crate::evaluation::interval::Level;
use crate::evaluation::lift::{Arms, Lift, NoLift, Shopper};
use crate::proto::promobandit::v1;

/// What a report is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The placement's id.
    pub placement: String,
    /// Who buys so long after the first decision, or later, has returned.
    pub return_after: Span,
    /// Of the intervals.
    pub level: Level,
    /// The arm that the others are compared with; `None` compares with the
    /// holdout.
    pub against_arm: Option<String>,
}

impl Asked {
    /// When a shopper has returned, unless said otherwise.
    pub const RETURN_AFTER: Span = Span::from_seconds(7 * 86_400);
}

/// Reads the whole ledger and reports; why there is no report is an answer too.
///
/// # Errors
/// When there is no such placement or arm, or the ledger cannot be read.
pub fn report(engine: &Engine, asked: &Asked) -> Result<v1::ReportLiftResponse, LiftError> {
    let grouping = match asked.against_arm {
        Some(_) => Grouping::Arms,
        None => Grouping::Holdout,
    };
    let rows = engine.lift_rows(&asked.placement, grouping, asked.return_after)?;
    let compared = match &asked.against_arm {
        None => against_holdout(&rows, asked.level),
        Some(arm) => {
            let place = rows.arms.iter().position(|known| known == arm);
            let place = place.ok_or_else(|| LiftError::UnknownArm {
                placement: asked.placement.clone(),
                arm: arm.clone(),
                known: rows.arms.clone(),
            })?;
            against_arm(&rows, place, asked.level)
        }
    };
    Ok(wire::lift_report(asked, &rows, &compared))
}

/// The arms' places, each with what it comes to; the one place of those who see
/// offers is 0.
pub(super) type Comparisons = Vec<(usize, crate::evaluation::lift::LiftReport)>;

fn against_holdout(rows: &LiftRows, level: Level) -> Result<Comparisons, NoLift> {
    let mut gathered = Lift::default();
    for row in &rows.shoppers {
        gathered.add(&shopper(row));
    }
    Ok(vec![(0, gathered.report(level)?)])
}

fn against_arm(rows: &LiftRows, against: usize, level: Level) -> Result<Comparisons, NoLift> {
    let mut arms = Arms::new(rows.arms.len());
    let share = |basis_points: &u32| f64::from(*basis_points) / 10_000.0;
    let shares: Vec<Vec<f64>> = rows
        .shares
        .iter()
        .map(|shares| shares.iter().map(share).collect())
        .collect();
    for row in &rows.shoppers {
        arms.add(row.arm, &shares[row.shares], &shopper(row));
    }
    arms.report(against, level)
}

#[allow(clippy::cast_precision_loss)] // counts and amounts below 2^53
fn shopper(row: &ShopperRow) -> Shopper {
    Shopper {
        held_out: row.held_out,
        holdout_share: f64::from(row.holdout_basis_points) / 10_000.0,
        decisions: row.decisions as f64,
        conversions: row.conversions as f64,
        revenue: row.revenue_minor as f64,
        margin: row.margin_minor as f64,
        cross_sold: row.cross_sold as f64,
        cost: row.cost_minor as f64,
        returned: row.returned,
    }
}
