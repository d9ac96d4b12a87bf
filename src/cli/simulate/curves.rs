//! Every curve as rows of a table, in CSV and in Parquet.
//!
//! | column | |
//! | --- | --- |
//! | `scenario`, `policy` | whose curve it is |
//! | `decisions` | how many rounds were over |
//! | `measure` | `reward`, `regret`, …, or `share` of an offer |
//! | `offer` | which offer's share; otherwise empty |
//! | `value`, `lower`, `upper` | the mean over replications and its 95 % interval; without a second replication there is none |

use std::io::Write;

use super::Run;
use crate::simulation::Estimate;

/// The columns' names, in their order.
const HEADER: [&str; 8] = [
    "scenario",
    "policy",
    "decisions",
    "measure",
    "offer",
    "value",
    "lower",
    "upper",
];

/// One point of a curve.
struct Row<'r> {
    scenario: &'r str,
    policy: &'r str,
    decisions: u64,
    measure: &'static str,
    offer: Option<String>,
    estimate: Estimate,
}

/// All points of all curves: by scenario, policy, curve and decisions.
fn rows(runs: &[Run]) -> impl Iterator<Item = Row<'_>> {
    runs.iter().flat_map(|run| {
        let names = run.scenario.environment.offer_names();
        let policies = run.played.summary.policies.iter().zip(&run.played.policies);
        policies.flat_map(move |(policy, curves)| {
            let measures = curves.curves.iter();
            let measures = measures.map(|curve| (curve.measure.name(), None, &curve.points));
            let shares = names.iter().zip(&curves.shares);
            let shares = shares.map(|(name, points)| ("share", Some(name.clone()), points));
            let all: Vec<_> = measures.chain(shares).collect();
            all.into_iter().flat_map(move |(measure, offer, points)| {
                points
                    .iter()
                    .enumerate()
                    .filter_map(move |(place, estimate)| {
                        Some(Row {
                            scenario: &run.scenario.name,
                            policy: &policy.name,
                            decisions: curves.points.rounds_at(place),
                            measure,
                            offer: offer.clone(),
                            estimate: (*estimate)?,
                        })
                    })
            })
        })
    })
}

/// Writes CSV.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_csv(out: impl Write, runs: &[Run]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEADER)?;
    let text = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for row in rows(runs) {
        writer.write_record([
            row.scenario,
            row.policy,
            &row.decisions.to_string(),
            row.measure,
            row.offer.as_deref().unwrap_or_default(),
            &text(Some(row.estimate.value)),
            &text(row.estimate.lower),
            &text(row.estimate.upper),
        ])?;
    }
    writer.flush()?;
    Ok(())
}

/// Writes Parquet.
///
/// # Errors
/// When it cannot be written.
#[cfg(feature = "offline")]
pub(super) fn write_parquet<W: Write + Send>(out: W, runs: &[Run]) -> anyhow::Result<W> {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::WriterProperties;

    let rows: Vec<Row<'_>> = rows(runs).collect();
    let words = |word: &dyn Fn(&Row<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(word).collect::<StringArray>())
    };
    let numbers = |number: &dyn Fn(&Row<'_>) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(number).collect::<Float64Array>())
    };
    let decisions = rows.iter().map(|row| i64::try_from(row.decisions).ok());
    let decisions: ArrayRef = Arc::new(decisions.collect::<Int64Array>());
    let columns = [
        words(&|row| Some(row.scenario.to_owned())),
        words(&|row| Some(row.policy.to_owned())),
        decisions,
        words(&|row| Some(row.measure.to_owned())),
        words(&|row| row.offer.clone()),
        numbers(&|row| Some(row.estimate.value)),
        numbers(&|row| row.estimate.lower),
        numbers(&|row| row.estimate.upper),
    ];
    let may_miss = |name: &str| matches!(name, "offer" | "lower" | "upper");
    let named = HEADER.into_iter().zip(columns);
    let named = named.map(|(name, column)| (name, column, may_miss(name)));
    let batch = RecordBatch::try_from_iter_with_nullable(named)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("promobandit ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut writer = ArrowWriter::try_new(out, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}
