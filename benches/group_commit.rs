//! What a durable commit of the ledger costs beside the same bytes appended to
//! a plain file with `write` + `fdatasync`, and beside the least that it could
//! cost: `pwrite` + `fdatasync` into a preallocated file, whose size a commit
//! does not change. The bounds are held against the first.
//!
//! The three take turns commit by commit, because the time of an fdatasync
//! drifts by a factor of ten within seconds: figures taken one after the other
//! say nothing.
//!
//! ```text
//! cargo bench --bench group_commit [-- DIRECTORY]
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use promobandit::ledger::Ledger;
use promobandit::ledger::open::{self, Probe, Settings};

#[path = "support/plain_file.rs"]
mod plain_file;

use plain_file::PlainFileLedger;

const RECORD_BYTES: usize = 400;
const SLICES: usize = 9;
const SLICE_TIME: Duration = Duration::from_millis(700);

/// Records a commit, and the least ratio that is acceptable.
const BATCHES: [(usize, f64); 3] = [(1, 0.75), (10, 0.90), (100, 0.65)];

/// Below this time an append with its fdatasync was answered by a cache. The
/// figures of the two kinds of commits have little to do with each other.
const CACHED_BELOW_MS: f64 = 0.5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = std::env::args().skip(1);
    let directory = arguments
        .into_iter()
        .find(|argument| !argument.starts_with('-'));
    let scratch = match directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
    };
    println!("time of append + fdatasync ÷ time of a ledger commit, median of {SLICES} slices");
    let mut all_reached = true;
    for (batch, least) in BATCHES {
        let directory = scratch.path().join(format!("batch-{batch}"));
        let slices = measure(&directory, batch)?;
        all_reached &= print(batch, least, &slices);
    }
    println!(
        "{}",
        if all_reached {
            "every bound was reached"
        } else {
            "a bound was missed"
        }
    );
    Ok(())
}

/// One commit of each kind.
#[derive(Clone, Copy)]
struct Commits {
    appended_ms: f64,
    preallocated_ms: f64,
    ledger_ms: f64,
}

/// The kinds, in the order in which they take turns.
#[derive(Clone, Copy)]
enum Kind {
    Appended,
    Preallocated,
    Ledger,
}

const KINDS: [Kind; 3] = [Kind::Appended, Kind::Preallocated, Kind::Ledger];

/// Whether the bound was reached.
fn print(batch: usize, least: f64, slices: &[Vec<Commits>]) -> bool {
    let over_slices = |of: fn(&Commits) -> f64| -> Vec<f64> {
        slices.iter().map(|slice| ratio(slice, of)).collect()
    };
    let ratios = over_slices(|commits| commits.appended_ms);
    let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let reached = median(ratios.clone()) >= least;
    println!(
        "batch {batch}: {:.3} (at least {least}); slices {}",
        median(ratios),
        shown.join(" ")
    );
    println!(
        "    preallocated file ÷ ledger: {:.3}",
        median(over_slices(|commits| commits.preallocated_ms))
    );
    let (cached, written): (Vec<Commits>, Vec<Commits>) = slices
        .concat()
        .iter()
        .partition(|commits| commits.appended_ms < CACHED_BELOW_MS);
    for (name, commits) in [("below", cached), ("above", written)] {
        if !commits.is_empty() {
            let of = |figure: fn(&Commits) -> f64| median(commits.iter().map(figure).collect());
            println!(
                "    append {name} {CACHED_BELOW_MS} ms: {:6} commits, append {:.3} ms, \
                 preallocated {:.3} ms, ledger {:.3} ms",
                commits.len(),
                of(|commits| commits.appended_ms),
                of(|commits| commits.preallocated_ms),
                of(|commits| commits.ledger_ms),
            );
        }
    }
    reached
}

/// The time of another kind ÷ the ledger's, over a slice.
fn ratio(slice: &[Commits], other: fn(&Commits) -> f64) -> f64 {
    let other: f64 = slice.iter().map(other).sum();
    let ledger: f64 = slice.iter().map(|commits| commits.ledger_ms).sum();
    other / ledger
}

/// The commits of each slice, a warming slice left out.
fn measure(
    directory: &Path,
    batch: usize,
) -> Result<Vec<Vec<Commits>>, Box<dyn std::error::Error>> {
    let settings = Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::Skip,
        shop_key: None,
    };
    let opened = open::open(&directory.join("data"), &settings)?;
    let preallocated = PlainFileLedger::create(&directory.join("preallocated"))?;
    let mut appended = OpenOptions::new()
        .create_new(true)
        .append(true)
        .open(directory.join("appended"))?;
    let mut seed = 0;
    let mut slices = Vec::new();
    for _ in 0..=SLICES {
        let begun_at = Instant::now();
        let mut slice = Vec::new();
        while begun_at.elapsed() < SLICE_TIME {
            let records = records(&mut seed, batch);
            let bytes = records.concat();
            let mut times_ms = [0.0; KINDS.len()];
            // Whoever comes later finds the disk busy with what the others left
            // behind: they change places each time.
            for turn in 0..KINDS.len() {
                let kind = KINDS[(turn + slice.len()) % KINDS.len()];
                times_ms[kind as usize] = timed(|| match kind {
                    Kind::Appended => append(&mut appended, &bytes),
                    Kind::Preallocated => preallocated.write_synced(&bytes),
                    Kind::Ledger => commit(&*opened.ledger, &records),
                })?;
            }
            let [appended_ms, preallocated_ms, ledger_ms] = times_ms;
            slice.push(Commits {
                appended_ms,
                preallocated_ms,
                ledger_ms,
            });
        }
        slices.push(slice);
    }
    opened.ledger.drain()?;
    slices.remove(0);
    Ok(slices)
}

fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

fn commit(ledger: &dyn Ledger, records: &[Vec<u8>]) -> io::Result<()> {
    let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    ledger.append(&slices).map_err(io::Error::other)?;
    ledger.sync().map_err(io::Error::other)?;
    Ok(())
}

/// Records that do not compress and never repeat.
fn records(seed: &mut u64, count: usize) -> Vec<Vec<u8>> {
    let mut record = || {
        *seed += 1;
        let mut bytes = vec![0; RECORD_BYTES];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.finalize_xof().fill(&mut bytes);
        bytes
    };
    (0..count).map(|_| record()).collect()
}

fn timed(work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let begun_at = Instant::now();
    work()?;
    Ok(begun_at.elapsed().as_secs_f64() * 1_000.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
