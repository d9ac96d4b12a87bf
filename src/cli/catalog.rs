//! `promobandit catalog`: a catalogue file checked, compared with the catalogue
//! in force, put in its place; and what a request would see.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::client::{connect, refusal};
use super::config::OTHER_KEYS;
use super::output::Output;
use super::{EXIT_WANTING, table};
use crate::catalog::{
    CatalogDifference, CatalogDocument, CatalogFaults, Changes, Fault, read_toml_beside,
};
use crate::proto::promobandit::v1::catalog_service_client::CatalogServiceClient;
use crate::proto::promobandit::v1::{ApplyCatalogRequest, ExportCatalogRequest};

mod preview;

use preview::PreviewArgs;

/// The largest catalogue that is taken from a service or given to one.
const CATALOG_BYTES: usize = 64 * 1024 * 1024;

/// Something to do with a catalogue.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Checks a catalogue file and names every fault of it with its line. Exits
    /// with 3 when there is one.
    Check(CheckArgs),
    /// Compares a catalogue file with the catalogue that a service has in force.
    /// Exits with 3 when they differ.
    Diff(DiffArgs),
    /// Puts a catalogue file in the place of the catalogue in force: whole, and
    /// at once.
    Apply(ApplyArgs),
    /// Tells what a shopper with a cart would see, and why. Nothing is recorded.
    Preview(PreviewArgs),
}

/// Which file.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A catalogue in TOML, or a configuration of `serve` with one in it.
    file: PathBuf,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Which file, and whose catalogue.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A catalogue in TOML, or a configuration of `serve` with one in it.
    file: PathBuf,
    /// The service that runs here, such as http://127.0.0.1:7117.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Which file, and for which service.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A catalogue in TOML, or a configuration of `serve` with one in it.
    file: PathBuf,
    /// The service that runs here, such as http://127.0.0.1:7117.
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// Who makes the change; kept with it.
    #[arg(long, default_value = "", value_name = "NAME")]
    actor: String,
    /// Only check, and tell what would change.
    #[arg(long)]
    dry_run: bool,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read, the service cannot be asked, or it refuses.
pub async fn run(command: CatalogCommand) -> anyhow::Result<ExitCode> {
    match command {
        CatalogCommand::Check(args) => check(&args),
        CatalogCommand::Diff(args) => diff(&args).await,
        CatalogCommand::Apply(args) => apply(&args).await,
        CatalogCommand::Preview(args) => preview::run(&args).await,
    }
}

/// Reads a catalogue file; the inner error is its faults.
fn read(file: &Path) -> anyhow::Result<Result<CatalogDocument, CatalogFaults>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let name = file.display().to_string();
    Ok(read_toml_beside(&text, &name, &OTHER_KEYS))
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let read = read(&args.file)?;
    let file = args.file.display();
    args.output.print(
        || match &read {
            Ok(document) => format!("{file} has no fault\n{}", table::facts(counts(document))),
            Err(faults) => faults.to_string(),
        },
        || match &read {
            Ok(document) => {
                let counts = counts(document).into_iter();
                let counts: serde_json::Map<String, Value> = counts
                    .map(|(kind, count)| (kind.to_owned(), json!(count)))
                    .collect();
                json!({ "ok": true, "faults": [], "counts": counts })
            }
            Err(faults) => {
                let faults: Vec<Value> = faults.faults().iter().map(fault).collect();
                json!({ "ok": false, "faults": faults })
            }
        },
    )?;
    Ok(exit_code(read.is_ok()))
}

fn exit_code(is_well: bool) -> ExitCode {
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_WANTING)
    }
}

fn counts(document: &CatalogDocument) -> Vec<(&'static str, String)> {
    [
        ("attributes", document.attributes.len()),
        ("segments", document.segments.len()),
        ("placements", document.placements.len()),
        ("calendars", document.calendars.len()),
        ("stocks", document.stocks.len()),
        ("exchange rates", document.exchange_rates.len()),
        ("campaigns", document.campaigns.len()),
        ("offers", document.offers.len()),
    ]
    .map(|(kind, count)| (kind, count.to_string()))
    .to_vec()
}

fn fault(fault: &Fault) -> Value {
    json!({
        "line": fault.line,
        "key": fault.path.to_string(),
        "subject": fault.subject,
        "value": fault.value,
        "rule": fault.rule,
        "nearest": fault.nearest,
    })
}

async fn client(endpoint: &str) -> anyhow::Result<CatalogServiceClient<Channel>> {
    let client = CatalogServiceClient::new(connect(endpoint).await?);
    Ok(client
        .max_decoding_message_size(CATALOG_BYTES)
        .max_encoding_message_size(CATALOG_BYTES))
}

async fn diff(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let document = read(&args.file)??;
    let mut client = client(&args.endpoint).await?;
    let exported = client.export_catalog(ExportCatalogRequest {});
    let exported = exported
        .await
        .map_err(|status| refusal(&status))?
        .into_inner();
    let in_force = CatalogDocument::from_json(&exported.document_json)
        .context("the service's catalogue could not be read; is it of a later version?")?;
    let difference = CatalogDifference::between(&in_force, &document);
    let version = exported.version;
    args.output.print(
        || format!("against version {version}: {difference}"),
        || {
            json!({
                "version": version,
                "same": difference.is_empty(),
                "attributes": changes(&difference.attributes),
                "segments": changes(&difference.segments),
                "placements": changes(&difference.placements),
                "calendars": changes(&difference.calendars),
                "stocks": changes(&difference.stocks),
                "exchange_rates": changes(&difference.exchange_rates),
                "campaigns": changes(&difference.campaigns),
                "offers": changes(&difference.offers),
                "affinity": changes(&difference.affinity),
                "segments_reordered": difference.segments_reordered,
            })
        },
    )?;
    Ok(exit_code(difference.is_empty()))
}

fn changes(changes: &Changes) -> Value {
    json!({ "added": changes.added, "removed": changes.removed, "changed": changes.changed })
}

async fn apply(args: &ApplyArgs) -> anyhow::Result<ExitCode> {
    let document = read(&args.file)??;
    let request = ApplyCatalogRequest {
        document_json: document.to_json().context("the catalogue cannot be sent")?,
        actor: args.actor.clone(),
        validate_only: args.dry_run,
    };
    let mut client = client(&args.endpoint).await?;
    let applied = client.apply_catalog(request);
    let applied = applied
        .await
        .map_err(|status| refusal(&status))?
        .into_inner();
    let version = applied.version;
    args.output.print(
        || match (applied.unchanged, args.dry_run) {
            (true, _) => format!("version {version} stays: nothing is different"),
            (false, true) => format!("version {version} would be: {}", applied.difference),
            (false, false) => {
                let lines = std::iter::once(&applied.difference).chain(&applied.carried_over);
                let lines: Vec<&str> = lines.map(String::as_str).collect();
                format!("version {version} is in force: {}", lines.join("\n"))
            }
        },
        || {
            json!({
                "version": version,
                "unchanged": applied.unchanged,
                "dry_run": args.dry_run,
                "difference": applied.difference,
                "carried_over": applied.carried_over,
            })
        },
    )?;
    Ok(ExitCode::SUCCESS)
}
