//! The look through a store before it is used, by a child process.
//!
//! A damaged store can make sled panic in one of its own threads, wait for ever,
//! or open with records missing. The first two cannot be survived within a
//! process, so that a child goes first: it opens the store, reads every record,
//! checks checksums, contiguity, chain and high-water mark, and says what it
//! found. Whatever else happens to it is a refusal of the store.
//!
//! The cost is one reading of all records, at every start.
//!
//! Opening lets sled erase what it takes for the torn end of its log, also in a
//! store that is then refused. Who wants to examine a damaged store should copy
//! it before starting anything on it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::domain::ids::{ChainHash, Position};

use super::chunked::ChunkedLedger;
use super::data_dir::{self, Layout};
use super::open::{DEFAULT_CACHE_BYTES, OpenError, process_clock};
use super::sled::SledStore;
use super::{Head, Ledger};

/// The hidden subcommand by which a program is asked to be the child.
pub const SUBCOMMAND: &str = "__probe-store";

/// What a child exits with that found the store wanting and has said why.
const REFUSED: u8 = 3;

/// What a child exits with when one of its threads panicked.
const PANICKED: i32 = 101;

/// The time that a child gets in any case, and the speed that it must reach
/// beyond: reading is a hundred times as fast on a sound disk.
const BASE_TIMEOUT: Duration = Duration::from_secs(60);
const SLOWEST_BYTES_PER_SECOND: u64 = 5_000_000;

/// What the look through a store found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeReport {
    /// The head before the first record that is kept.
    pub start: Head,
    /// The head after the last record.
    pub head: Head,
    /// How many bytes all records have.
    pub record_bytes: u64,
    /// How long opening and reading took.
    pub elapsed: Duration,
}

/// Why the look through a store ended without a report.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The child could not be run.
    #[error("could not run {} to look through the store: {source}", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The child found what is wrong; it has said so in full.
    #[error("{reason}")]
    Refused {
        /// The child's words.
        reason: String,
    },
    /// The child came to an end that nobody meant.
    #[error(
        "the store is damaged: looking through it ended with {status} ({last_words}); restore \
         the data directory from a backup"
    )]
    Died {
        /// How it ended.
        status: ExitStatus,
        /// The last line that it wrote.
        last_words: String,
    },
    /// The child did not come to an end.
    #[error(
        "the store is damaged: looking through it was given up after {seconds} s; restore the \
         data directory from a backup"
    )]
    TimedOut {
        /// How long it was waited for.
        seconds: u64,
    },
}

/// Looks through the store of the data directory at `root`, in this process:
/// every record is read and checked.
///
/// # Errors
/// See [`OpenError`]. On a damaged store this may also panic, or never return:
/// see the module's documentation.
pub fn probe(root: &Path) -> Result<ProbeReport, OpenError> {
    let begun_at = Instant::now();
    let layout = Layout::of(root);
    let id = data_dir::read_format(&layout)?;
    let store = SledStore::open(&layout.store(), DEFAULT_CACHE_BYTES)?;
    let mark_path = layout.high_water_mark();
    let ledger = ChunkedLedger::inspect(store, &mark_path, id, process_clock())?;
    let mut record_bytes = 0;
    for record in ledger.scan(Position::START, None) {
        record_bytes += record?.bytes.len() as u64;
    }
    Ok(ProbeReport {
        start: ledger.start(),
        head: ledger.head(),
        record_bytes,
        elapsed: begun_at.elapsed(),
    })
}

/// Is the child, if this process was started as one; for the first line of a
/// program's `main`. `None` means that the program was started for its own sake.
#[must_use]
pub fn answer_if_asked(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != SUBCOMMAND {
        return None;
    }
    let Some(root) = arguments.next() else {
        eprintln!("{SUBCOMMAND} needs a data directory");
        return Some(ExitCode::from(REFUSED));
    };
    // A panic in a thread of the store would leave the main thread waiting.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::exit(PANICKED);
    }));
    thread::spawn(exit_with_parent);
    match probe(Path::new(&root)) {
        Ok(report) => {
            println!("{}", render(&report));
            Some(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{error}");
            Some(ExitCode::from(REFUSED))
        }
    }
}

/// The parent holds the other end of the standard input and never writes. Its
/// end is the parent's end; a child that went on would hold the store's lock.
fn exit_with_parent() {
    let mut nothing = [0];
    while matches!(io::stdin().read(&mut nothing), Ok(1)) {}
    std::process::exit(PANICKED);
}

/// Lets a child process look through the store of the data directory at `root`,
/// which this process holds.
///
/// # Errors
/// See [`ProbeError`].
pub fn probe_in_child(
    program: &Path,
    root: &Path,
    timeout: Option<Duration>,
) -> Result<ProbeReport, ProbeError> {
    let timeout = timeout.unwrap_or_else(|| timeout_for(&Layout::of(root).store()));
    let not_started = |source| ProbeError::NotStarted {
        program: program.to_path_buf(),
        source,
    };
    let mut child = Command::new(program)
        .arg(SUBCOMMAND)
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(not_started)?;
    // Kept until the child has ended: closing it tells the child to end.
    let _lifeline = child.stdin.take();
    let output = read_in_background(child.stdout.take());
    let complaint = read_in_background(child.stderr.take());
    let status = wait(&mut child, timeout).map_err(not_started)?;
    let output = output.join().unwrap_or_default();
    let complaint = complaint.join().unwrap_or_default();
    let Some(status) = status else {
        return Err(ProbeError::TimedOut {
            seconds: timeout.as_secs(),
        });
    };
    match (status.code(), parse(output.trim())) {
        (Some(0), Some(report)) => Ok(report),
        (Some(code), _) if code == i32::from(REFUSED) => Err(ProbeError::Refused {
            reason: complaint.trim().to_owned(),
        }),
        _ => Err(ProbeError::Died {
            status,
            last_words: complaint
                .trim()
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned(),
        }),
    }
}

/// By the size of the files in the store.
fn timeout_for(store: &Path) -> Duration {
    let sizes = std::fs::read_dir(store).into_iter().flatten().flatten();
    let bytes: u64 = sizes
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum();
    BASE_TIMEOUT + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SECOND)
}

/// A child that writes more than a pipe holds would otherwise wait for us while
/// we wait for it.
fn read_in_background(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for a child's end; kills it after `timeout` and returns `None`.
fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    const POLL_INTERVAL: Duration = Duration::from_millis(2);

    let begun_at = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun_at.elapsed() >= timeout {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// The report as one line of text.
fn render(report: &ProbeReport) -> String {
    format!(
        "{} {} {} {} {} {}",
        report.start.position,
        report.start.chain,
        report.head.position,
        report.head.chain,
        report.record_bytes,
        report.elapsed.as_micros(),
    )
}

fn parse(line: &str) -> Option<ProbeReport> {
    let mut words = line.split(' ');
    let mut head = || {
        Some(Head {
            position: Position(words.next()?.parse().ok()?),
            chain: parse_chain(words.next()?)?,
        })
    };
    let (start, head) = (head()?, head()?);
    let record_bytes = words.next()?.parse().ok()?;
    let elapsed = Duration::from_micros(words.next()?.parse().ok()?);
    words.next().is_none().then_some(ProbeReport {
        start,
        head,
        record_bytes,
        elapsed,
    })
}

fn parse_chain(digits: &str) -> Option<ChainHash> {
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(ChainHash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_its_line() {
        let report = ProbeReport {
            start: Head::START,
            head: Head::START.after(b"one").after(b"two"),
            record_bytes: 6,
            elapsed: Duration::from_micros(1234),
        };
        assert_eq!(parse(&render(&report)), Some(report));
        assert_eq!(parse("1 2 3"), None);
    }
}
