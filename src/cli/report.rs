//! `promobandit report`: what the records say of the business.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;

use super::EXIT_WANTING;
use super::output::Output;
use super::records::RecordsArgs;
use super::table::{Table, facts};
use crate::domain::time::Span;
use crate::evaluation::interval::Level;
use crate::proto::promobandit::v1::{LiftComparison, LiftEstimate, LiftRate, ReportLiftResponse};
use crate::service::lift::Asked;

/// What to report.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// What the offers of a placement bring against the shoppers who are held
    /// out, or the arms of its split against each other: conversion, revenue,
    /// margin, cross-selling, retention, and what each unit of cost brought,
    /// with intervals clustered by shopper. Exits with 3, and reports nothing,
    /// when the split is broken.
    Lift(LiftArgs),
}

/// Whose lift.
#[derive(Debug, Args)]
pub struct LiftArgs {
    #[command(flatten)]
    records: RecordsArgs,
    /// The placement's id.
    #[arg(long, value_name = "ID")]
    placement: String,
    /// Compare the arms of the placement's split with this one, instead of those
    /// who see offers with those who are held out.
    #[arg(long, value_name = "ARM")]
    against: Option<String>,
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
    let asked = Asked {
        placement: args.placement,
        return_after: args.return_after,
        level: Level::new(args.level).context("--level")?,
        against_arm: args.against,
    };
    let records = args.records.open().await?;
    let report = records.report_lift(asked).await?;
    if report.refusal_code.is_empty() {
        args.output.print(|| text(&report), || told(&report))?;
        Ok(ExitCode::SUCCESS)
    } else {
        args.output.print(
            || format!("NO REPORT: {}\n", report.refusal_reason),
            || {
                json!({
                    "placement": report.placement,
                    "refused": report.refusal_code,
                    "reason": report.refusal_reason,
                })
            },
        )?;
        Ok(ExitCode::from(EXIT_WANTING))
    }
}

/// Each rate with its name; the last but one says what it is of.
fn rates(compared: &LiftComparison) -> [(&'static str, &'static str, LiftRate); 5] {
    let rate = |rate: &Option<LiftRate>| rate.unwrap_or_default();
    [
        ("conversion", "of decisions", rate(&compared.conversion)),
        ("revenue", "minor units a decision", rate(&compared.revenue)),
        ("margin", "minor units a decision", rate(&compared.margin)),
        ("cross_sell", "of decisions", rate(&compared.cross_sell)),
        ("retention", "of shoppers", rate(&compared.retention)),
    ]
}

/// What the two groups of a comparison are called.
fn groups(report: &ReportLiftResponse, compared: &LiftComparison) -> [String; 2] {
    if report.against_arm.is_empty() {
        ["saw offers".to_owned(), "held out".to_owned()]
    } else {
        [&compared.arm, &report.against_arm].map(|arm| format!("arm {arm}"))
    }
}

fn text(report: &ReportLiftResponse) -> String {
    let mut page = String::new();
    let split = format!("p = {:.3}", report.split_p_value);
    page.push_str(&facts([
        ("placement", report.placement.clone()),
        (
            "left out, in more than one group",
            report.switched.to_string(),
        ),
        ("split by chance", split),
        ("intervals", format!("{} %", 100.0 * report.level)),
    ]));
    for compared in &report.comparisons {
        page.push('\n');
        page.push_str(&comparison(report, compared));
    }
    if report.lines_without_cost > 0 {
        let lines = report.lines_without_cost;
        let _ = writeln!(
            page,
            "{lines} lines had no unit_cost: the margin takes their goods for free"
        );
    }
    page
}

fn comparison(report: &ReportLiftResponse, compared: &LiftComparison) -> String {
    let [these, those] = groups(report, compared);
    let sizes = |shoppers, decisions| format!("{shoppers} shoppers, {decisions} decisions");
    let mut page = facts([
        (these.as_str(), sizes(compared.shoppers, compared.decisions)),
        (
            those.as_str(),
            sizes(compared.shoppers_against, compared.decisions_against),
        ),
    ]);
    page.push('\n');
    let mut table = Table::new(["rate", &these, &those, "difference", "relative", ""]);
    for (name, unit, rate) in rates(compared) {
        table.row([
            name.to_owned(),
            format!("{:.4}", rate.value),
            format!("{:.4}", rate.value_against),
            with_interval(rate.difference.as_ref()),
            with_interval(rate.relative.as_ref()),
            unit.to_owned(),
        ]);
    }
    page.push_str(&table.to_string());
    let ratio = with_interval(compared.benefit_per_cost.as_ref());
    let _ = writeln!(page, "\neach unit of cost brought {ratio} before its cost");
    page
}

fn with_interval(estimated: Option<&LiftEstimate>) -> String {
    match estimated {
        Some(LiftEstimate {
            value,
            lower,
            upper,
        }) => format!("{value:.4} [{lower:.4}, {upper:.4}]"),
        None => "-".to_owned(),
    }
}

fn estimated(estimated: Option<&LiftEstimate>) -> serde_json::Value {
    match estimated {
        Some(LiftEstimate {
            value,
            lower,
            upper,
        }) => json!({ "value": value, "lower": lower, "upper": upper }),
        None => serde_json::Value::Null,
    }
}

/// For programs: those who see offers against the holdout stand at the top, arms
/// in a list.
fn told(report: &ReportLiftResponse) -> serde_json::Value {
    let mut told = json!({
        "placement": report.placement,
        "level": report.level,
        "switched": report.switched,
        "lines_without_cost": report.lines_without_cost,
        "split_p_value": report.split_p_value,
    });
    if report.against_arm.is_empty() {
        for compared in &report.comparisons {
            tell(&mut told, compared, ["offered", "held_out"]);
        }
    } else {
        let arms = report.comparisons.iter().map(|compared| {
            let mut arm = json!({ "arm": compared.arm });
            tell(&mut arm, compared, ["arm", "against"]);
            arm
        });
        told["against"] = json!(report.against_arm);
        told["arms"] = arms.collect();
    }
    told
}

fn tell(told: &mut serde_json::Value, compared: &LiftComparison, [these, those]: [&str; 2]) {
    told["shoppers"] = json!({ these: compared.shoppers, those: compared.shoppers_against });
    told["decisions"] = json!({ these: compared.decisions, those: compared.decisions_against });
    told["benefit_per_cost"] = estimated(compared.benefit_per_cost.as_ref());
    for (name, _, rate) in rates(compared) {
        told[name] = json!({
            these: rate.value,
            those: rate.value_against,
            "difference": estimated(rate.difference.as_ref()),
            "relative": estimated(rate.relative.as_ref()),
        });
    }
}
