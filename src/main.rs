use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use promobandit::cli::{self, Cli};
use promobandit::ledger::probe;

/// A decision makes some dozens of small values, many of them freed by another
/// thread than the one that made them: this allocator takes a quarter less of
/// the processor for it than the system's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = probe::answer_if_asked(std::env::args_os()) {
        return code;
    }
    let cli = Cli::parse();
    cli::logging::start(cli.log_format);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("promobandit: the asynchronous threads could not be started: {error}");
            return ExitCode::from(cli::EXIT_FAILURE);
        }
    };
    let ended = runtime.block_on(cli::run(cli));
    // A recovery that nobody waits for any more must not hold the process.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| {
        eprintln!("promobandit: {error:#}");
        cli::exit_code_of(&error)
    })
}
