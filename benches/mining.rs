//! How long mining takes, and how much memory, on baskets that are made up.
//!
//!     cargo bench --bench mining -- [BASKETS [ITEMS [MIN_SUPPORT]]]
//!
//! One million baskets of a shop of 10,000 items and a support of 0.0005 when
//! nothing is given. The baskets go through a file, so that what is measured
//! is the whole command; a process of its own runs it, so that the peak of the
//! memory is the command's.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use promobandit::affinity::generator::BasketGenerator;
use promobandit::cli::mine::{MineArgs, run};

/// Items of a basket on average, as drawn.
const MEAN_LENGTH: u32 = 10;

/// Tells this program to mine instead of measuring.
const MINE: &str = "mine";

#[derive(Parser)]
enum Inner {
    Mine(MineArgs),
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == MINE) {
        let Inner::Mine(args) = Inner::parse();
        let code = run(&args)?;
        println!("peak memory {} MiB", peak_memory_kib()? / 1_024);
        return Ok(code);
    }
    // Cargo adds `--bench`.
    let numbers: Vec<&str> = arguments[1..]
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let number = |place: usize, default| numbers.get(place).copied().unwrap_or(default);
    measure(
        number(0, "1000000").parse()?,
        number(1, "10000").parse()?,
        number(2, "0.0005"),
    )
}

fn measure(baskets: u32, items: u32, min_support: &str) -> Result<ExitCode, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("baskets.csv");
    generate(&file, baskets, items)?;
    let mebibytes = fs::metadata(&file)?.len() >> 20;
    println!("{baskets} baskets, up to {items} items, {mebibytes} MiB as CSV");
    let rules = directory.path().join("rules.csv");
    let start = Instant::now();
    let status = Command::new(std::env::current_exe()?)
        .arg(MINE)
        .arg(&file)
        .args(["--min-support", min_support, "--top", "5", "--rules-out"])
        .arg(&rules)
        .status()?;
    println!("the whole command {:.2} s", start.elapsed().as_secs_f64());
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn generate(file: &Path, baskets: u32, items: u32) -> Result<(), Box<dyn Error>> {
    let mut writer = BufWriter::new(File::create(file)?);
    let mut generator = BasketGenerator::new(items, MEAN_LENGTH, 1);
    for _ in 0..baskets {
        for (place, item) in generator.next_basket().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(writer, "{comma}item {item}")?;
        }
        writeln!(writer)?;
    }
    Ok(writer.flush()?)
}

/// The most memory that this process has had at once.
fn peak_memory_kib() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib
        .ok_or("the system does not tell the peak memory")?
        .trim()
        .parse()?)
}
