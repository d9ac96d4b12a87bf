//! Reports of what offers bring.

use super::field::{Field, Quoted, Reader};
use crate::domain::time::Span;
use crate::engine::fault::FieldFault;
use crate::engine::lift::LiftRows;
use crate::evaluation::interval::Level;
use crate::evaluation::lift::{Compared, Estimated, LiftReport, NoLift};
use crate::proto::promobandit::v1;
use crate::service::lift::{Asked, Comparisons};

/// The longest until a shopper has returned.
const MOST_RETURN_AFTER: Span = Span::from_seconds(400 * 86_400);

/// Reads what a report is asked for.
pub fn lift_request(request: &v1::ReportLiftRequest) -> Result<Asked, Vec<FieldFault>> {
    let mut reader = Reader::default();
    let placement = Field::of("placement");
    if request.placement.is_empty() {
        reader.refuse(&placement, Quoted(""), "the id of a placement");
    }
    let return_after = match request.return_after_ms {
        Some(ms) if (0..=MOST_RETURN_AFTER.ms()).contains(&ms) => Span::from_ms(ms),
        given => {
            if let Some(ms) = given {
                let expected = format!("from 0 to {}", MOST_RETURN_AFTER.ms());
                reader.refuse(&Field::of("return_after_ms"), ms, expected);
            }
            Asked::RETURN_AFTER
        }
    };
    let level = match request.level.map(Level::new) {
        None => Level::USUAL,
        Some(Ok(level)) => level,
        Some(Err(error)) => {
            let value = request.level.unwrap_or_default();
            reader.refuse(&Field::of("level"), value, error.to_string());
            Level::USUAL
        }
    };
    reader.finish(Asked {
        placement: request.placement.clone(),
        return_after,
        level,
        against_arm: (!request.against_arm.is_empty()).then(|| request.against_arm.clone()),
    })
}

/// A report, or why there is none.
pub fn lift_report(
    asked: &Asked,
    rows: &LiftRows,
    compared: &Result<Comparisons, NoLift>,
) -> v1::ReportLiftResponse {
    let name = |arm: usize| rows.arms.get(arm).map_or("", String::as_str);
    let (refusal_code, refusal_reason) = match compared {
        Ok(_) => ("", String::new()),
        Err(refusal) => refused(refusal, name),
    };
    let comparisons = compared.as_deref().unwrap_or_default();
    v1::ReportLiftResponse {
        placement: asked.placement.clone(),
        level: asked.level.get(),
        refusal_code: refusal_code.to_owned(),
        refusal_reason,
        switched: rows.switched,
        lines_without_cost: rows.lines_without_cost,
        split_p_value: comparisons
            .first()
            .map_or(0.0, |(_, report)| report.split_p_value),
        comparisons: comparisons
            .iter()
            .map(|(arm, report)| comparison(name(*arm), report))
            .collect(),
        against_arm: asked.against_arm.clone().unwrap_or_default(),
    }
}

/// A code and a sentence, in which arms have their names.
fn refused<'a>(refusal: &NoLift, name: impl Fn(usize) -> &'a str) -> (&'static str, String) {
    let sentence = refusal.to_string();
    let named = |arm: usize| {
        let place = format!("arm {arm}");
        sentence.replacen(&place, &format!("arm {:?}", name(arm)), 1)
    };
    match refusal {
        NoLift::TooFew { .. } => ("TOO_FEW", sentence),
        NoLift::TooFewInArm { arm, .. } => ("TOO_FEW", named(*arm)),
        NoLift::BrokenSplit { .. } => ("BROKEN_SPLIT", sentence),
        NoLift::BrokenArms { arm, .. } => ("BROKEN_SPLIT", named(*arm)),
    }
}

fn comparison(arm: &str, report: &LiftReport) -> v1::LiftComparison {
    let [shoppers, shoppers_against] = report.shoppers;
    let [decisions, decisions_against] = report.decisions;
    v1::LiftComparison {
        arm: arm.to_owned(),
        shoppers,
        shoppers_against,
        decisions,
        decisions_against,
        conversion: Some(rate(&report.conversion)),
        revenue: Some(rate(&report.revenue)),
        margin: Some(rate(&report.margin)),
        cross_sell: Some(rate(&report.cross_sell)),
        retention: Some(rate(&report.retention)),
        benefit_per_cost: estimate(&report.benefit_per_cost),
    }
}

fn rate(compared: &Compared) -> v1::LiftRate {
    v1::LiftRate {
        value: compared.offered,
        value_against: compared.held_out,
        difference: estimate(&compared.difference),
        relative: estimate(&compared.relative),
    }
}

fn estimate(estimated: &Estimated) -> Option<v1::LiftEstimate> {
    let ends = estimated.interval?;
    Some(v1::LiftEstimate {
        value: estimated.value,
        lower: ends.lower(),
        upper: ends.upper(),
    })
}
