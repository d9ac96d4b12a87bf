//! Tables beside a log of choices, in CSV: a target's probabilities, and what
//! actions are like.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::evaluation::embeddings::Embeddings;
use crate::evaluation::target_policy::NamedTable;

/// Reads action (or item_id), probability and perhaps position, from 0.
pub(super) fn read_table(path: &Path) -> Result<NamedTable> {
    let mut csv = csv::Reader::from_path(path)?;
    let header = csv.headers()?.clone();
    let find = |name: &str| header.iter().position(|column| column == name);
    let action = find("action")
        .or_else(|| find("item_id"))
        .context("the header has no column action")?;
    let probability = find("probability").context("the header has no column probability")?;
    let position = find("position");
    let mut positions: Vec<BTreeMap<String, f64>> = Vec::new();
    for (row, record) in (1_u64..).zip(csv.records()) {
        let record = record?;
        let text = |column: usize| record.get(column).unwrap_or_default().trim();
        let weight: f64 = text(probability).parse().ok().with_context(|| {
            format!(
                "row {row}, column probability: {:?} is no number",
                text(probability)
            )
        })?;
        let place: usize = match position {
            None => 0,
            Some(column) => text(column)
                .parse()
                .ok()
                .filter(|it| *it < 10_000)
                .with_context(|| {
                    let given = text(column);
                    format!(
                        "row {row}, column position: {given:?} is not a number from 0 below 10000"
                    )
                })?,
        };
        if positions.len() <= place {
            positions.resize(place + 1, BTreeMap::new());
        }
        let name = text(action).to_owned();
        if positions[place].insert(name.clone(), weight).is_some() {
            bail!("row {row}: the action {name:?} is there twice at position {place}");
        }
    }
    Ok(NamedTable::new(positions)?)
}

/// Reads action (or item_id) and whatever other columns there are: together
/// they are the action's embedding.
pub(super) fn read_embeddings(path: &Path) -> Result<Embeddings> {
    let mut csv = csv::Reader::from_path(path)?;
    let header = csv.headers()?.clone();
    let action = header
        .iter()
        .position(|column| matches!(column, "action" | "item_id"))
        .context("the header has no column action")?;
    if header.len() < 2 {
        bail!("the header has no column but action: at least one says what actions are like");
    }
    let mut embeddings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (row, record) in (1_u64..).zip(csv.records()) {
        let record = record?;
        let name = record.get(action).unwrap_or_default().trim().to_owned();
        let others = record
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != action);
        let embedding = others.map(|(_, text)| text.trim().to_owned()).collect();
        if embeddings.insert(name.clone(), embedding).is_some() {
            bail!("row {row}: the action {name:?} is there twice");
        }
    }
    Ok(Embeddings::new(embeddings))
}
