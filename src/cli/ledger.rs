//! `promobandit ledger`: whether the records are whole, what they count, and the
//! decisions among them for other programs.

mod export;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::EXIT_WANTING;
use super::json;
use super::output::{Output, progress_bar};
use super::records::RecordsArgs;
use super::table::{Table, facts};
use crate::domain::ids::ChainHash;
use crate::proto::promobandit::v1::{
    LimitUsage, PolicyStats, StatsResponse, VerifyProgress, VerifyReport,
};

/// What to do with the ledger.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Reads the whole ledger and derives every decision again, bit for bit;
    /// exits with 3 when anything is wrong.
    Verify(VerifyArgs),
    /// Counts decisions, outcomes and what was learnt.
    Stats(StatsArgs),
    Export(export::ExportArgs),
}

/// Whose ledger is verified.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    records: RecordsArgs,
    /// The chain head (64 hexadecimal digits) that the ledger must contain, as
    /// an earlier verify or stats printed it.
    #[arg(long, value_name = "HASH", value_parser = chain_head)]
    expect_head: Option<ChainHash>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Whose ledger is counted.
#[derive(Debug, Args)]
pub struct StatsArgs {
    #[command(flatten)]
    records: RecordsArgs,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// When the ledger cannot be asked or read to its end.
pub async fn run(command: LedgerCommand) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Verify(args) => verify(args).await,
        LedgerCommand::Stats(args) => stats(args).await,
        LedgerCommand::Export(args) => {
            tokio::task::spawn_blocking(move || export::run(&args)).await?
        }
    }
}

fn chain_head(digits: &str) -> Result<ChainHash, &'static str> {
    ChainHash::from_hex(digits).ok_or("expected 64 hexadecimal digits")
}

async fn verify(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let bar = progress_bar(0, "events");
    let moved = bar.clone();
    let progress = move |told: VerifyProgress| {
        moved.set_length(told.last_position);
        moved.set_position(told.position);
    };
    let records = args.records.open().await?;
    let report = records.verify(args.expect_head, progress).await;
    bar.finish_and_clear();
    let report = report?;
    args.output
        .print(|| verify_text(&report), || json::verify_report(&report))?;
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_WANTING)
    })
}

fn verify_text(report: &VerifyReport) -> String {
    let mut page = String::new();
    let verdict = if report.ok {
        "the ledger is whole and every decision that can be derived again is the same"
    } else {
        "THE LEDGER IS NOT WHAT IT SHOULD BE"
    };
    let _ = writeln!(page, "{verdict}\n");
    let others: BTreeMap<u32, u64> = report.other_algorithm.iter().map(copied).collect();
    let others = others
        .into_iter()
        .map(|(version, count)| format!("{count} need algorithm version {version}"));
    let (first, last) = (report.first_position, report.last_position);
    page.push_str(&facts(
        [
            ("events", report.events.to_string()),
            ("positions", format!("{first} to {last}")),
            ("decisions", report.decisions.to_string()),
            ("derived again, the same", report.rederived.to_string()),
            ("of erased shoppers", report.erased.to_string()),
            ("before what is kept", report.before_retained.to_string()),
        ]
        .into_iter()
        .chain(others.map(|what| ("not derived again", what)))
        .chain([
            ("faults", report.faults_total.to_string()),
            ("chain head", report.chain_head.clone()),
            ("state hash", report.state_hash.clone()),
        ]),
    ));
    for fault in &report.faults {
        let _ = writeln!(page, "  position {}: {}", fault.position, fault.what);
    }
    let told = report.faults.len() as u64;
    if report.faults_total > told {
        let _ = writeln!(page, "  and {} more", report.faults_total - told);
    }
    page
}

const fn copied((version, count): (&u32, &u64)) -> (u32, u64) {
    (*version, *count)
}

async fn stats(args: StatsArgs) -> anyhow::Result<ExitCode> {
    let counted = args.records.open().await?.stats().await?;
    args.output
        .print(|| stats_text(&counted), || json::stats(&counted))?;
    Ok(ExitCode::SUCCESS)
}

fn stats_text(stats: &StatsResponse) -> String {
    let counts = [
        ("position", stats.position),
        ("first position", stats.first_position),
        ("events", stats.events),
        ("bytes on disk", stats.disk_bytes),
        ("decisions", stats.decisions),
        ("without an offer", stats.no_offer),
        ("of the holdout", stats.holdout),
        ("rehearsals, apart", stats.test_decisions),
        ("open", stats.open_decisions),
        ("closed", stats.closed_decisions),
        ("learnt", stats.learnt),
        ("not shown", stats.not_shown),
        ("with a reward that the policy refused", stats.unlearnable),
        ("resets of policies", stats.resets),
        ("rewards learnt as a prior", stats.prior_rewards),
        ("rewards learnt winsorised", stats.winsorised),
        ("outcomes", stats.outcomes),
        ("exposures", stats.exposures),
        ("clicks", stats.clicks),
        ("purchases", stats.purchases),
        ("refunds", stats.refunds),
        ("cancellations", stats.cancellations),
        ("settled", stats.settled),
        ("custom", stats.custom),
        ("not-shown events", stats.not_shown_events),
        ("late", stats.late),
        ("over the window", stats.over_window),
        ("with clock skew", stats.skewed),
        ("corrected after closing", stats.corrected),
        ("not corrected after closing", stats.not_unlearnt),
        ("over a limit", stats.over_limit),
    ];
    let mut page = facts(counts.map(|(name, count)| (name, count.to_string())));
    let _ = writeln!(page, "\n  catalogue version {}", stats.catalog_version);
    let _ = writeln!(page, "  chain head {}", stats.chain_head);
    let _ = writeln!(page, "  state hash {}", stats.state_hash);
    for total in &stats.totals {
        let _ = writeln!(
            page,
            "  {}: paid {}, refunded {}, discount {} (minor units)",
            total.currency, total.paid, total.refunded, total.discount
        );
    }
    if !stats.limits.is_empty() {
        page.push('\n');
        page.push_str(&limits(&stats.limits));
    }
    if !stats.policies.is_empty() {
        page.push('\n');
        page.push_str(&learnt(&stats.policies));
    }
    page
}

/// What was used of limits; money in minor units.
fn limits(limits: &[LimitUsage]) -> String {
    let mut table = Table::new([
        "limit",
        "most",
        "shares",
        "committed",
        "reserved",
        "overrun",
    ]);
    for limit in limits {
        table.row([
            limit.limit.clone(),
            limit.most.to_string(),
            limit.shares.to_string(),
            limit.committed.to_string(),
            limit.reserved.to_string(),
            limit.overrun.to_string(),
        ]);
    }
    table.to_string()
}

fn learnt(policies: &[PolicyStats]) -> String {
    let mut table = Table::new(["placement", "segment", "offer", "pulls", "mean", "95 %"]);
    for policy in policies {
        for arm in policy.arms.iter().filter(|arm| arm.pulls > 0) {
            table.row([
                match policy.split_arm.as_str() {
                    "" => policy.placement.clone(),
                    arm => format!("{}, arm {arm}", policy.placement),
                },
                policy.segment.clone(),
                arm.offer_id.clone(),
                arm.pulls.to_string(),
                format!("{:.4}", arm.mean),
                format!("[{:.4}, {:.4}]", arm.lower, arm.upper),
            ]);
        }
    }
    if table.is_empty() {
        "  nothing was learnt yet\n".to_owned()
    } else {
        table.to_string()
    }
}
