//! `promobandit fit`: models of shoppers, from an analyst's table.

mod label;
mod response;

use clap::Subcommand;

/// What is fitted.
#[derive(Debug, Subcommand)]
pub enum FitCommand {
    Response(Box<response::ResponseArgs>),
}

/// Runs the command.
///
/// # Errors
/// The command's own.
pub fn run(command: &FitCommand) -> anyhow::Result<()> {
    match command {
        FitCommand::Response(args) => response::run(args),
    }
}
