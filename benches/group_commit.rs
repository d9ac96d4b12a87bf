//! What a durable commit of the ledger costs beside the least that it could
//! cost: the same bytes appended to a plain, preallocated file with
//! `pwrite` + `fdatasync`.
//!
//! The two take turns commit by commit, because the time of an fdatasync
//! drifts by a factor of ten within seconds: figures taken one after the other
//! say nothing. Each slice gives one ratio (plain time ÷ ledger time, 1 means as
//! fast); printed is the median of the slices.
//!
//! ```text
//! cargo bench --bench group_commit [-- DIRECTORY]
//! ```

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use promobandit::ledger::Ledger;
use promobandit::ledger::open::{self, Probe, Settings};

const RECORD_BYTES: usize = 400;
const SLICES: usize = 9;
const SLICE_TIME: Duration = Duration::from_millis(700);
const PLAIN_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Records a commit, and the least ratio that is acceptable.
const BATCHES: [(usize, f64); 3] = [(1, 0.75), (10, 0.90), (100, 0.65)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = match std::env::args()
        .nth(1)
        .filter(|argument| !argument.starts_with('-'))
    {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?,
    };
    println!("batch  plain ms  ledger ms  ratio (median of {SLICES})  least  slices");
    let mut all_reached = true;
    for (batch, least) in BATCHES {
        let directory = scratch.path().join(format!("batch-{batch}"));
        let outcome = measure(&directory, batch)?;
        all_reached &= outcome.ratio >= least;
        println!(
            "{batch:5}  {:8.3}  {:9.3}  {:22.3}  {least:5.2}  {:?}",
            outcome.plain_ms, outcome.ledger_ms, outcome.ratio, outcome.slices
        );
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

struct Outcome {
    plain_ms: f64,
    ledger_ms: f64,
    ratio: f64,
    slices: Vec<f64>,
}

fn measure(directory: &Path, batch: usize) -> Result<Outcome, Box<dyn std::error::Error>> {
    let settings = Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::Skip,
        shop_key: None,
    };
    let opened = open::open(&directory.join("data"), &settings)?;
    let mut plain = PlainFile::create(&directory.join("plain"))?;
    let mut seed = 0;
    let (mut ratios, mut plain_times, mut ledger_times) = (Vec::new(), Vec::new(), Vec::new());
    for slice in 0..=SLICES {
        let begun_at = Instant::now();
        let (mut plain_time, mut ledger_time, mut commits) = (0.0, 0.0, 0.0);
        while begun_at.elapsed() < SLICE_TIME {
            let records = records(&mut seed, batch);
            let plain_ms = timed(|| plain.commit(&records))?;
            let ledger_ms = timed(|| commit(&*opened.ledger, &records))?;
            plain_time += plain_ms;
            ledger_time += ledger_ms;
            commits += 1.0;
        }
        // The first slice warms up.
        if slice > 0 {
            ratios.push(plain_time / ledger_time);
            plain_times.push(plain_time / commits);
            ledger_times.push(ledger_time / commits);
        }
    }
    opened.ledger.drain()?;
    let slices = ratios
        .iter()
        .map(|ratio| (ratio * 100.0).round() / 100.0)
        .collect();
    Ok(Outcome {
        plain_ms: median(plain_times),
        ledger_ms: median(ledger_times),
        ratio: median(ratios),
        slices,
    })
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

/// The least that a durable append can do.
struct PlainFile {
    file: File,
    offset: u64,
}

impl PlainFile {
    /// Written once in full, so that a commit changes no metadata.
    fn create(path: &PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).write(true).open(path)?;
        let zeros = vec![0; 1024 * 1024];
        for offset in (0..PLAIN_FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file, offset: 0 })
    }

    fn commit(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let bytes = records.concat();
        if self.offset + bytes.len() as u64 > PLAIN_FILE_BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(&bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        self.file.sync_data()
    }
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
