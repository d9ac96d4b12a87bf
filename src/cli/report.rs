//! `promobandit report`: what the records say of the business.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::EXIT_WANTING;
use super::output::Output;
use super::records::DataDirArgs;
use super::table::{Table, facts};
use crate::domain::time::Span;
use crate::engine::lift::{LiftRows, ShopperRow};
use crate::evaluation::interval::Level;
use crate::evaluation::lift::{Compared, Estimated, Lift, LiftReport, NoLift, Shopper};

/// What to report.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// What the offers of a placement bring against the shoppers who are held
    /// out: conversion, revenue, margin, cross-selling, retention, and what
    /// each unit of cost brought, with intervals clustered by shopper. Exits
    /// with 3, and reports nothing, when the split is broken.
    Lift(LiftArgs),
}

/// Whose lift.
#[derive(Debug, Args)]
pub struct LiftArgs {
    #[command(flatten)]
    records: DataDirArgs,
    /// The placement's id.
    #[arg(long, value_name = "ID")]
    placement: String,
    /// A shopper has returned who buys so long after the first decision, or
    /// later.
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    return_after: Span,
    /// The probability with which each interval is to hold the truth, between
    /// 0 and 1.
    #[arg(long, value_name = "LEVEL", default_value_t = 0.95)]
    level: f64,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// When the records cannot be read, or there is no such placement.
pub async fn run(command: ReportCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReportCommand::Lift(args) => lift(args).await,
    }
}

async fn lift(args: LiftArgs) -> anyhow::Result<ExitCode> {
    let level = Level::new(args.level).context("--level")?;
    let engine = args.records.open().await?;
    let (placement, return_after) = (args.placement.clone(), args.return_after);
    let read = move || engine.lift_rows(&placement, return_after);
    let rows = tokio::task::spawn_blocking(read)
        .await
        .context("reading the records did not end")??;
    let mut gathered = Lift::default();
    for row in &rows.shoppers {
        gathered.add(&shopper(row));
    }
    let placement = &args.placement;
    match gathered.report(level) {
        Ok(report) => {
            args.output.print(
                || lift_text(placement, level, &rows, &report),
                || lift_json(placement, level, &rows, &report),
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => {
            args.output.print(
                || format!("NO REPORT: {refusal}\n"),
                || refusal_json(placement, &refusal),
            )?;
            Ok(ExitCode::from(EXIT_WANTING))
        }
    }
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

/// Each rate with its name; the last column says what it is of.
fn rates(report: &LiftReport) -> [(&'static str, &'static str, &Compared); 5] {
    [
        ("conversion", "of decisions", &report.conversion),
        ("revenue", "minor units a decision", &report.revenue),
        ("margin", "minor units a decision", &report.margin),
        ("cross_sell", "of decisions", &report.cross_sell),
        ("retention", "of shoppers", &report.retention),
    ]
}

fn lift_text(placement: &str, level: Level, rows: &LiftRows, report: &LiftReport) -> String {
    let [offered, held_out] = report.shoppers;
    let [of_offered, of_held_out] = report.decisions;
    let mut page = facts([
        ("placement", placement.to_owned()),
        (
            "saw offers",
            format!("{offered} shoppers, {of_offered} decisions"),
        ),
        (
            "held out",
            format!("{held_out} shoppers, {of_held_out} decisions"),
        ),
        ("left out, in both groups", rows.switched.to_string()),
        (
            "split by chance",
            format!("p = {:.3}", report.split_p_value),
        ),
        ("intervals", format!("{} %", 100.0 * level.get())),
    ]);
    page.push('\n');
    let mut table = Table::new(["rate", "offers", "held out", "difference", "relative", ""]);
    for (name, unit, rate) in rates(report) {
        table.row([
            name.to_owned(),
            format!("{:.4}", rate.offered),
            format!("{:.4}", rate.held_out),
            with_interval(&rate.difference),
            with_interval(&rate.relative),
            unit.to_owned(),
        ]);
    }
    page.push_str(&table.to_string());
    let ratio = with_interval(&report.benefit_per_cost);
    let _ = writeln!(page, "\neach unit of cost brought {ratio} before its cost");
    if rows.lines_without_cost > 0 {
        let lines = rows.lines_without_cost;
        let _ = writeln!(
            page,
            "{lines} lines had no unit_cost: the margin takes their goods for free"
        );
    }
    page
}

fn with_interval(estimated: &Estimated) -> String {
    match estimated.interval {
        Some(ends) => format!(
            "{:.4} [{:.4}, {:.4}]",
            estimated.value,
            ends.lower(),
            ends.upper()
        ),
        None => "-".to_owned(),
    }
}

fn estimated_json(estimated: &Estimated) -> serde_json::Value {
    match estimated.interval {
        Some(ends) => json!({
            "value": estimated.value,
            "lower": ends.lower(),
            "upper": ends.upper(),
        }),
        None => serde_json::Value::Null,
    }
}

fn lift_json(
    placement: &str,
    level: Level,
    rows: &LiftRows,
    report: &LiftReport,
) -> serde_json::Value {
    let mut told = json!({
        "placement": placement,
        "level": level.get(),
        "shoppers": { "offered": report.shoppers[0], "held_out": report.shoppers[1] },
        "decisions": { "offered": report.decisions[0], "held_out": report.decisions[1] },
        "switched": rows.switched,
        "lines_without_cost": rows.lines_without_cost,
        "split_p_value": report.split_p_value,
        "benefit_per_cost": estimated_json(&report.benefit_per_cost),
    });
    for (name, _, rate) in rates(report) {
        told[name] = json!({
            "offered": rate.offered,
            "held_out": rate.held_out,
            "difference": estimated_json(&rate.difference),
            "relative": estimated_json(&rate.relative),
        });
    }
    told
}

fn refusal_json(placement: &str, refusal: &NoLift) -> serde_json::Value {
    json!({
        "placement": placement,
        "refused": match refusal {
            NoLift::TooFew { .. } => "TOO_FEW",
            NoLift::BrokenSplit { .. } => "BROKEN_SPLIT",
        },
        "reason": refusal.to_string(),
    })
}
