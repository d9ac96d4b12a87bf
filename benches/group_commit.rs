//! What a durable commit of the ledger costs beside the least that it could
//! cost: the same bytes appended to a plain, preallocated file with
//! `pwrite` + `fdatasync`.
//!
//! The two take turns commit by commit, because the time of an fdatasync
//! drifts by a factor of ten within seconds: figures taken one after the other
//! say nothing.
//!
//! ```text
//! cargo bench --bench group_commit [-- DIRECTORY]
//! ```

use std::io;
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

/// Below this time an fdatasync of the plain file was answered by a cache. The
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
    println!("ratio: time of pwrite + fdatasync ÷ time of a ledger commit, median of {SLICES}");
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

/// One commit on both sides.
#[derive(Clone, Copy)]
struct Pair {
    plain_ms: f64,
    ledger_ms: f64,
}

/// Whether the bound was reached.
fn print(batch: usize, least: f64, slices: &[Vec<Pair>]) -> bool {
    let ratios: Vec<f64> = slices.iter().map(|slice| ratio(slice)).collect();
    let shown: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let reached = median(ratios.clone()) >= least;
    println!(
        "batch {batch}: {:.3} (at least {least}); slices {}",
        median(ratios),
        shown.join(" ")
    );
    let pairs = slices.concat();
    let (cached, written): (Vec<Pair>, Vec<Pair>) = pairs
        .iter()
        .partition(|pair| pair.plain_ms < CACHED_BELOW_MS);
    for (name, pairs) in [("below", cached), ("above", written)] {
        if !pairs.is_empty() {
            println!(
                "    plain {name} {CACHED_BELOW_MS} ms: {:6} commits, plain {:.3} ms, ledger {:.3} ms",
                pairs.len(),
                median(pairs.iter().map(|pair| pair.plain_ms).collect()),
                median(pairs.iter().map(|pair| pair.ledger_ms).collect()),
            );
        }
    }
    reached
}

fn ratio(pairs: &[Pair]) -> f64 {
    let plain: f64 = pairs.iter().map(|pair| pair.plain_ms).sum();
    let ledger: f64 = pairs.iter().map(|pair| pair.ledger_ms).sum();
    plain / ledger
}

/// The commits of each slice, a warming slice left out.
fn measure(directory: &Path, batch: usize) -> Result<Vec<Vec<Pair>>, Box<dyn std::error::Error>> {
    let settings = Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::Skip,
        shop_key: None,
    };
    let opened = open::open(&directory.join("data"), &settings)?;
    let plain = PlainFileLedger::create(&directory.join("plain"))?;
    let mut seed = 0;
    let mut slices = Vec::new();
    for _ in 0..=SLICES {
        let begun_at = Instant::now();
        let mut pairs = Vec::new();
        while begun_at.elapsed() < SLICE_TIME {
            let records = records(&mut seed, batch);
            let plain_commit = || timed(|| plain.write_synced(&records.concat()));
            let ledger_commit = || timed(|| commit(&*opened.ledger, &records));
            // Whoever comes second finds the disk busy with what the first left
            // behind: they change places each time.
            let (plain_ms, ledger_ms) = if pairs.len() % 2 == 0 {
                let plain_ms = plain_commit()?;
                (plain_ms, ledger_commit()?)
            } else {
                let ledger_ms = ledger_commit()?;
                (plain_commit()?, ledger_ms)
            };
            pairs.push(Pair {
                plain_ms,
                ledger_ms,
            });
        }
        slices.push(pairs);
    }
    opened.ledger.drain()?;
    slices.remove(0);
    Ok(slices)
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
