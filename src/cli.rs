//! The command line: one file a command.
//!
//! A command has its arguments, and `run`, which answers with an exit code or
//! an error; [`exit_code_of`] says which code an error has.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::task::spawn_blocking;

use crate::catalog::CatalogFaults;
use crate::engine::committer::CommitError;
use crate::engine::{ImportError, RecoveryError};
use crate::ledger::open::OpenError;

pub mod config;
pub mod logging;
pub mod output;
pub mod table;

pub mod client;
pub mod json;
pub mod records;

pub mod catalog;
pub mod explain;
pub mod ledger;
pub mod policy;
pub mod replay;
pub mod report;

pub mod evaluate;
pub mod features;
pub mod fit;
pub mod mine;
pub mod segment;
pub mod simulate;
pub mod whole_file;

pub mod demo;
pub mod serve;

use config::ConfigError;
use logging::LogFormat;

/// Something failed while the program ran.
pub const EXIT_FAILURE: u8 = 1;
/// The command line or the configuration does not hold; clap uses the same.
pub const EXIT_USAGE: u8 = 2;
/// The data directory is refused, or what was checked is found wanting.
pub const EXIT_WANTING: u8 = 3;

/// Chooses promotions and cross-sell offers, learns from what shoppers buy, and
/// proves what another policy would have earned.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
pub struct Cli {
    /// How the log is written; it goes to the standard error. PROMOBANDIT_LOG
    /// filters it, such as `debug` or `promobandit=trace`.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "PROMOBANDIT_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all is well; 1 something failed on the way; 2 the command \
    line or the configuration does not hold; 3 the data directory is refused (damaged, in use, of \
    an unknown format), or what was checked is found wanting; evaluate and learn: 3 not identifiable, 4 a \
    candidate is held.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service.
    Serve(serve::ServeArgs),
    Explain(explain::ExplainArgs),
    /// Checks, compares and applies catalogue files, and previews what they show.
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    /// Changes and resets the policy of a placement, and tells it what is believed
    /// beforehand.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Reads the ledger: whether it is whole, and what it counts.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// What the records say of the business.
    #[command(subcommand)]
    Report(report::ReportCommand),
    Replay(Box<replay::ReplayArgs>),
    Simulate(Box<simulate::SimulateArgs>),
    Evaluate(Box<evaluate::EvaluateArgs>),
    /// Fits a policy to a part of a log, pessimistically, and evaluates it on the rest.
    Learn(Box<evaluate::learn::LearnArgs>),
    /// Fits models on tables of shoppers.
    #[command(subcommand)]
    Fit(fit::FitCommand),
    /// Finds groups of shoppers, and tells who is in which.
    #[command(subcommand)]
    Segment(segment::SegmentCommand),
    /// Finds what is bought together: frequent itemsets, rules, similar items.
    Mine(Box<mine::MineArgs>),
}

/// Runs the command that was given.
///
/// # Errors
/// The command's own.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Catalog(command) => catalog::run(command).await,
        Command::Policy(command) => policy::run(command).await,
        Command::Ledger(command) => ledger::run(command).await,
        Command::Report(command) => report::run(command).await,
        Command::Replay(args) => replay::run(*args).await,
        Command::Simulate(args) => {
            spawn_blocking(move || simulate::run(&args)).await??;
            Ok(ExitCode::SUCCESS)
        }
        Command::Evaluate(args) => Ok(spawn_blocking(move || evaluate::run(&args)).await?),
        Command::Learn(args) => Ok(spawn_blocking(move || evaluate::learn::run(&args)).await?),
        Command::Fit(command) => {
            spawn_blocking(move || fit::run(&command)).await??;
            Ok(ExitCode::SUCCESS)
        }
        Command::Segment(command) => {
            spawn_blocking(move || segment::run(&command)).await??;
            Ok(ExitCode::SUCCESS)
        }
        Command::Mine(args) => spawn_blocking(move || mine::run(&args)).await?,
    }
}

/// The exit code of an error.
#[must_use]
pub fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    let is_catalog = matches!(
        error.downcast_ref(),
        Some(ImportError::Faults(_) | ImportError::Commit(CommitError::TooLarge { .. }))
    );
    let code = if error.is::<ConfigError>() || error.is::<CatalogFaults>() || is_catalog {
        EXIT_USAGE
    } else if error.is::<OpenError>() || error.is::<RecoveryError>() {
        EXIT_WANTING
    } else {
        EXIT_FAILURE
    };
    ExitCode::from(code)
}
