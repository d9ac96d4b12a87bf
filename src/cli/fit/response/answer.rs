//! What was found, as text or as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Found;
use crate::cli::table::{Table, facts};
use crate::evaluation::response::{Quality, Tried};

/// For people.
pub(super) fn text(found: &Found<'_>, written: &[PathBuf]) -> String {
    let mut page = rows_told(found);
    if !found.fit.tried.is_empty() {
        let _ = write!(page, "\n{}", tried_told(found));
    }
    let _ = write!(page, "\n{}\n{}", quality_told(found), model_told(found));
    for path in written {
        let _ = writeln!(page, "\nwrote {}", path.display());
    }
    page
}

fn rows_told(found: &Found<'_>) -> String {
    let (rows, split) = (found.rows, &found.fit.split);
    let left_out = rows.left_out();
    let responses = rows
        .responses()
        .iter()
        .filter(|response| **response)
        .count();
    let mut told = vec![
        ("rows read", found.read.to_string()),
        ("with a missing entry", left_out.missing.to_string()),
        ("repeated", left_out.duplicates.to_string()),
        ("used", rows.len().to_string()),
        (
            "responses",
            format!(
                "{responses}, where {} is {}",
                found.args.label, found.positive
            ),
        ),
        ("features", rows.width().to_string()),
    ];
    if found.args.no_split {
        told.push(("held out", "0".to_owned()));
    } else {
        let seed = found.args.seed;
        told.push((
            "held out",
            format!("{}, by seed {seed}", split.held_out.len()),
        ));
    }
    facts(told)
}

fn tried_told(found: &Found<'_>) -> String {
    let name = found.args.select.name();
    let mut table = Table::new(["C", name, "least", "most", ""]);
    for tried in &found.fit.tried {
        let ends = |pick: fn(f64, f64) -> f64| tried.scores.iter().copied().reduce(pick);
        let cell = |value: Option<f64>| value.map_or_else(String::new, |it| format!("{it:.6}"));
        let is_chosen = tried.c == found.fit.fitted.model.c;
        table.row([
            tried.c.to_string(),
            format!("{:.6}", tried.mean()),
            cell(ends(f64::min)),
            cell(ends(f64::max)),
            if is_chosen { "chosen" } else { "" }.to_owned(),
        ]);
    }
    format!("over {} folds:\n{table}", found.args.folds)
}

/// Accuracy, precision, recall, F1, area under the curve and log loss.
fn measures(quality: &Quality) -> [(&'static str, Option<f64>); 6] {
    [
        ("accuracy", Some(quality.accuracy())),
        ("precision", quality.precision()),
        ("recall", quality.recall()),
        ("f1", quality.f1()),
        ("auc", quality.area_under_curve),
        ("log_loss", Some(quality.log_loss)),
    ]
}

fn quality_told(found: &Found<'_>) -> String {
    let fitted = &found.fit.fitted;
    let mut header = vec!["", "fitted on"];
    header.extend(fitted.held_out.map(|_| "held out"));
    let mut table = Table::new(header);
    let parts: Vec<Quality> = std::iter::once(fitted.training)
        .chain(fitted.held_out)
        .collect();
    for (place, (name, _)) in measures(&fitted.training).into_iter().enumerate() {
        let cell = |quality: &Quality| match measures(quality)[place].1 {
            Some(value) => format!("{value:.6}"),
            None => "none".to_owned(),
        };
        table.row(std::iter::once(name.to_owned()).chain(parts.iter().map(cell)));
    }
    table.to_string()
}

fn model_told(found: &Found<'_>) -> String {
    let model = &found.fit.fitted.model;
    let (intercept, coefficients) = parts_of(model.model.coefficients());
    let mut table = Table::new(["feature", "coefficient", "mean", "deviation"]);
    table.row(["(intercept)".to_owned(), format!("{intercept:.6}")]);
    let features = found.rows.names().iter().zip(model.scores.moments());
    for ((name, (mean, deviation)), coefficient) in features.zip(coefficients) {
        table.row([
            name.clone(),
            format!("{coefficient:.6}"),
            format!("{mean:.6}"),
            format!("{deviation:.6}"),
        ]);
    }
    format!("C = {}, a coefficient a standard score:\n{table}", model.c)
}

fn parts_of(coefficients: &[f64]) -> (f64, &[f64]) {
    coefficients
        .split_first()
        .map_or((0.0, &[]), |(intercept, others)| (*intercept, others))
}

/// For programs.
pub(super) fn json(found: &Found<'_>, written: &[PathBuf]) -> Value {
    let (rows, fit) = (found.rows, found.fit);
    let responses = rows
        .responses()
        .iter()
        .filter(|response| **response)
        .count();
    json!({
        "file": found.args.file.display().to_string(),
        "rows": {
            "read": found.read,
            "missing": rows.left_out().missing,
            "duplicates": rows.left_out().duplicates,
            "used": rows.len(),
            "responses": responses,
            "training": fit.split.training.len(),
            "held_out": fit.split.held_out.len(),
        },
        "seed": (!found.args.no_split).then_some(found.args.seed),
        "folds": (!fit.tried.is_empty()).then_some(found.args.folds),
        "selected_by": found.args.select.name(),
        "grid": fit.tried.iter().map(tried_json).collect::<Vec<_>>(),
        "model": model_json(found),
        "training": quality_json(&fit.fitted.training),
        "held_out": fit.fitted.held_out.as_ref().map(quality_json),
        "files": written.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
    })
}

fn tried_json(tried: &Tried) -> Value {
    json!({ "c": tried.c, "mean": tried.mean(), "scores": tried.scores })
}

fn quality_json(quality: &Quality) -> Value {
    let measures = measures(quality).into_iter();
    let mut told: serde_json::Map<String, Value> = measures
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    told.insert(
        "confusion".to_owned(),
        json!({
            "true_positives": quality.true_positives,
            "false_positives": quality.false_positives,
            "true_negatives": quality.true_negatives,
            "false_negatives": quality.false_negatives,
        }),
    );
    Value::Object(told)
}

/// The model alone, as it is written to its file: the probability is
/// 1 / (1 + e^−s), s the intercept and Σ coefficient · (x − mean) / deviation.
pub(super) fn model_json(found: &Found<'_>) -> Value {
    let model = &found.fit.fitted.model;
    let (intercept, coefficients) = parts_of(model.model.coefficients());
    let features = found.rows.names().iter().zip(model.scores.moments());
    let features: Vec<Value> = features
        .zip(coefficients)
        .map(|((name, (mean, deviation)), coefficient)| {
            json!({
                "name": name,
                "coefficient": coefficient,
                "mean": mean,
                "deviation": deviation,
            })
        })
        .collect();
    json!({
        "kind": "logistic_response",
        "label": found.args.label,
        "positive": found.positive,
        "c": model.c,
        "intercept": intercept,
        "features": features,
    })
}
