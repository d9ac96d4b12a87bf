//! `promobandit ledger export`: closed decisions for pandas, polars, Spark,
//! Vowpal Wabbit, Open Bandit Pipeline.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::output::{Output, progress_bar};
use crate::cli::records::open_stopped;
use crate::cli::table::facts;
use crate::cli::whole_file::WholeFile;
use crate::domain::ids::Position;
use crate::engine::Progress;
use crate::engine::history::History;
use crate::logs::dsjson::DsjsonWriter;
use crate::logs::ledger::{LedgerChoices, LeftOut};

/// Writes closed decisions to a file that other programs read.
///
/// One row is one slot of a decision that has closed, was shown and is no
/// rehearsal, with what was on offer, every probability, what was chosen and
/// what it earned, later refunds taken off. docs/logs.md documents each format.
/// The file is there whole or not at all. Shoppers stand in it as the ledger's
/// own numbers, never as the ids that clients gave.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Read this data directory; the service that uses it must be stopped.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// How the file is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where the file is to be.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Only the decisions of this placement; all of them when not given.
    #[arg(long, value_name = "ID")]
    placement: Option<String>,
    /// Read the ledger as it was at this position; its head when not given.
    #[arg(long, value_name = "POSITION")]
    until: Option<u64>,
    /// What was written, for people or for programs.
    #[arg(long, value_enum, default_value_t)]
    report: Output,
}

/// In which form decisions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Parquet, under the documented schema.
    #[default]
    Parquet,
    /// Vowpal Wabbit's dsjson, one decision a line.
    Dsjson,
    /// Open Bandit Pipeline's feedback, as npz.
    Obp,
}

/// Runs the command.
///
/// # Errors
/// When the directory cannot be read, nothing in it has closed, or the file
/// cannot be written. Then no file is changed.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let opened = open_stopped(&args.data_dir)?;
    let bar = progress_bar(0, "events");
    let read = || {
        let until = args.until.map(Position);
        let told = |told: Progress| {
            bar.set_length(told.last.0);
            bar.set_position(told.position.0);
        };
        let (ledger, secrets) = (opened.ledger.as_ref(), Some(&opened.secrets));
        let history = History::open(ledger, secrets, until, told)?;
        anyhow::Ok(LedgerChoices::new(history, args.placement.as_deref())?)
    };
    let written = match args.format {
        Format::Parquet => parquet(args, read()?),
        Format::Dsjson => dsjson(args, read()?),
        Format::Obp => obp(args, read),
    };
    bar.finish_and_clear();
    let Written {
        file,
        rows,
        left_out,
    } = written?;
    let Some(file) = file else {
        bail!(
            "nothing to write: no decision that was shown has closed; {} are still open",
            left_out.open
        );
    };
    let place = file.put_in_place()?.display().to_string();
    args.report.print(
        || text(&place, rows, left_out),
        || {
            json!({
                "file": place,
                "rows": rows,
                "left_out": {
                    "open": left_out.open,
                    "after_open": left_out.after_open,
                    "not_shown": left_out.not_shown,
                    "without_offer": left_out.without_offer,
                },
            })
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

fn text(place: &str, rows: u64, left_out: LeftOut) -> String {
    let counts = [
        ("rows written", rows),
        ("decisions still open, left out", left_out.open),
        ("made after an open one, left out", left_out.after_open),
        ("never shown, left out", left_out.not_shown),
        ("without an offer, left out", left_out.without_offer),
    ];
    let counts = facts(counts.map(|(name, count)| (name, count.to_string())));
    format!("{place}\n\n{counts}")
}

/// What was written, not in its place yet.
struct Written {
    /// `None` when there was nothing to write.
    file: Option<WholeFile>,
    rows: u64,
    left_out: LeftOut,
}

impl Written {
    fn new(file: Option<WholeFile>, rows: u64, log: &LedgerChoices<'_>) -> Self {
        Self {
            file: file.filter(|_| rows > 0),
            rows,
            left_out: log.left_out(),
        }
    }
}

fn dsjson(args: &ExportArgs, mut choices: LedgerChoices<'_>) -> anyhow::Result<Written> {
    let mut writer = DsjsonWriter::new(WholeFile::create(&args.output)?);
    for batch in &mut choices {
        writer.add(&batch?)?;
    }
    let rows = writer.rows();
    Ok(Written::new(Some(writer.finish()), rows, &choices))
}

#[cfg(feature = "offline")]
fn parquet(args: &ExportArgs, mut choices: LedgerChoices<'_>) -> anyhow::Result<Written> {
    let mut writer = crate::logs::parquet::ParquetWriter::new(WholeFile::create(&args.output)?);
    for batch in &mut choices {
        writer.add(&batch?)?;
    }
    let rows = writer.rows();
    Ok(Written::new(writer.finish()?, rows, &choices))
}

/// The ledger is read twice: see [`ObpColumns`](crate::logs::obp::ObpColumns).
#[cfg(feature = "offline")]
fn obp<'a>(
    args: &ExportArgs,
    read: impl Fn() -> anyhow::Result<LedgerChoices<'a>>,
) -> anyhow::Result<Written> {
    let file = WholeFile::create(&args.output)?;
    let mut choices = read()?;
    let mut columns = crate::logs::obp::ObpColumns::new(choices.survey());
    for batch in &mut choices {
        columns.add(&batch?);
    }
    let rows = columns.rows() as u64;
    if rows == 0 {
        return Ok(Written::new(None, rows, &choices));
    }
    let again = read()?.map(|batch| anyhow::Ok(batch?));
    let file = columns.write(file, again)?;
    Ok(Written::new(Some(file), rows, &choices))
}

#[cfg(not(feature = "offline"))]
fn parquet(_: &ExportArgs, _: LedgerChoices<'_>) -> anyhow::Result<Written> {
    bail!("this program was built without the feature offline and writes no Parquet")
}

#[cfg(not(feature = "offline"))]
fn obp<'a>(
    _: &ExportArgs,
    _: impl Fn() -> anyhow::Result<LedgerChoices<'a>>,
) -> anyhow::Result<Written> {
    bail!("this program was built without the feature offline and writes no npz")
}
