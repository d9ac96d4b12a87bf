//! `promobandit segment describe`: who is in which segment.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::answer;
use super::description::Description;
use crate::catalog::read_segments;
use crate::cli::output::Output;
use crate::cli::whole_file::WholeFile;
use crate::logs::sheet::Sheet;

/// Puts the shoppers of a table into the segments of a catalogue, as the service
/// would with a row's columns as attributes, and tells their number and means.
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// The table of shoppers, CSV or Parquet with a header.
    file: PathBuf,
    /// The segments: what `segment fit` wrote, or a catalogue.
    #[arg(long, value_name = "FILE.toml")]
    segments: PathBuf,
    /// Writes a page with the same figures; it needs no network.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read, has a fault, or cannot be written.
pub(super) fn run(args: &DescribeArgs) -> anyhow::Result<()> {
    let html = WholeFile::create_apart(args.html.as_deref(), &args.file)?.pop();
    let name = args.segments.display().to_string();
    let text = std::fs::read_to_string(&args.segments)
        .with_context(|| format!("{name} cannot be read"))?;
    let segmentation = read_segments(&text, &name)?;
    let sheet = Sheet::read(&args.file)?;
    let description = Description::of(&sheet, &segmentation);
    if let Some(mut file) = html {
        let page = answer::page(&description);
        file.write_all(page.as_bytes())
            .context("the page could not be written")?;
        file.put_in_place()?;
    }
    args.output
        .print(|| answer::text(&description), || answer::json(&description))
}
