//! `promobandit segment`: groups of shoppers, found in a table and looked at.

mod answer;
mod describe;
mod description;
mod fit;
mod fragment;
mod table;

use clap::Subcommand;

/// What is done with segments.
#[derive(Debug, Subcommand)]
pub enum SegmentCommand {
    Fit(Box<fit::FitArgs>),
    Describe(describe::DescribeArgs),
}

/// Runs the command.
///
/// # Errors
/// The command's own.
pub fn run(command: &SegmentCommand) -> anyhow::Result<()> {
    match command {
        SegmentCommand::Fit(args) => fit::run(args),
        SegmentCommand::Describe(args) => describe::run(args),
    }
}
