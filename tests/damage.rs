//! Damage to a data directory: whatever bit flips, wherever a file is cut, the
//! directory is either refused at the start with an error that says what to do,
//! or everything that was acknowledged reads back as it was written. There is no
//! third outcome.
//!
//! Each case runs in a child process (this test again, see
//! `child_that_opens_and_reads`), because a store that was accepted may still
//! make its process panic or hang; that would be a failure of the test, not the
//! end of it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use promobandit::domain::ids::Position;
use promobandit::ledger::Head;
use promobandit::ledger::checkpoint::CheckpointHeader;
use promobandit::ledger::open::{self, OpenError, Opened, Probe, Settings};
use promobandit::ledger::secrets::{BLOCK_SLOTS, SubjectSlot};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CASES_OF_EACH_KIND: usize = 200;
const DEFAULT_SEED: u64 = 20_260_101;
const THREADS: usize = 2;
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
const CASE_TIMEOUT: Duration = Duration::from_secs(30);

/// Other damage than usual, for whoever wants to try more of it.
fn seed() -> u64 {
    let given = std::env::var("DAMAGE_TEST_SEED").ok();
    given.map_or(DEFAULT_SEED, |digits| {
        digits.parse().expect("DAMAGE_TEST_SEED is a number")
    })
}

/// How the child is told what to do.
const DIRECTORY_VARIABLE: &str = "DAMAGE_TEST_DIRECTORY";
const REPORT_VARIABLE: &str = "DAMAGE_TEST_REPORT";

const RECORDS: u64 = 3_000;
const DESTROYED_SLOT: SubjectSlot = SubjectSlot(77);

fn settings(probe: Probe) -> Settings {
    Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe,
        shop_key: None,
    }
}

/// Record number `position`: mostly small, now and then one of several parts.
fn record(position: u64) -> Vec<u8> {
    let bytes = match position {
        position if position % 500 == 0 => 20_000,
        position if position % 41 == 0 => 5_000,
        position => 20 + position as usize * 7 % 300,
    };
    let mut content = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&position.to_le_bytes());
    hasher.finalize_xof().fill(&mut content);
    content
}

/// The state that a checkpoint claims to be of.
fn state_at(position: u64) -> Vec<u8> {
    format!("the state at position {position}")
        .repeat(40)
        .into_bytes()
}

/// A data directory with everything in it, as a service leaves it.
fn create_original(root: &Path) {
    let mut position = 0;
    for session in 1..=4 {
        let opened = open::open(root, &settings(Probe::Skip)).expect("opened");
        while position < RECORDS * session / 4 {
            let batch: Vec<Vec<u8>> = (1..=position % 23 + 1)
                .map(|i| record(position + i))
                .collect();
            position += batch.len() as u64;
            let slices: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
            opened.ledger.append(&slices).expect("appended");
            opened.ledger.sync().expect("synced");
        }
        // Both checkpoints are older than the last records, so that it is the
        // high-water mark that must notice when those are gone.
        if session == 2 || session == 3 {
            save_checkpoint(&opened);
        }
        opened
            .secrets
            .ensure(SubjectSlot(BLOCK_SLOTS))
            .expect("extended");
        opened.secrets.destroy(DESTROYED_SLOT).expect("destroyed");
        opened.ledger.drain().expect("drained");
    }
}

fn save_checkpoint(opened: &Opened) {
    let head = opened.ledger.head();
    let header = CheckpointHeader {
        fold_version: 1,
        head,
        state_hash: [1; 32],
    };
    let saved = opened
        .checkpoints
        .save(&*opened.ledger, &header, &state_at(head.position.0));
    saved.expect("saved");
}

/// A hash of everything that a reader can get out of an open directory.
fn digest(opened: &Opened) -> Result<String, OpenError> {
    let mut hasher = blake3::Hasher::new();
    for scanned in opened.ledger.scan(Position::START, None) {
        let scanned = scanned?;
        hasher.update(&scanned.position.0.to_le_bytes());
        hasher.update(&scanned.bytes);
    }
    // A second way to the same records.
    for position in (1..=RECORDS).step_by(97) {
        let bytes = opened.ledger.read(Position(position))?.unwrap_or_default();
        hasher.update(&bytes);
    }
    hasher.update(&opened.ledger.head().chain.0);
    hasher.update(opened.secrets.shop_key().as_bytes());
    hasher.update(opened.secrets.id_key().as_bytes());
    for slot in 0..opened.secrets.end().0 {
        match opened.secrets.subject_key(SubjectSlot(slot)) {
            Some(key) => hasher.update(key.as_bytes()),
            None => hasher.update(b"destroyed"),
        };
    }
    Ok(hasher.finalize().to_string())
}

/// What a child has to say: `read DIGEST`, `refused REASON`.
fn open_and_read(root: &Path) -> String {
    let probe = Probe::InChild {
        program: env!("CARGO_BIN_EXE_promobandit").into(),
        timeout: Some(PROBE_TIMEOUT),
    };
    let opened = match open::open(root, &settings(probe)) {
        Ok(opened) => opened,
        Err(error) => return format!("refused {error}"),
    };
    let loaded = match opened.checkpoints.load_latest(&*opened.ledger, |_| true) {
        Ok(loaded) => loaded,
        Err(error) => return format!("refused {error}"),
    };
    if let Some(checkpoint) = loaded.checkpoint {
        let position = checkpoint.header.head.position.0;
        assert_eq!(
            checkpoint.payload,
            state_at(position),
            "a state is what was saved"
        );
    }
    match digest(&opened) {
        Ok(digest) => format!("read {digest}"),
        Err(error) => format!("accepted at the start, and then {error}"),
    }
}

#[test]
#[ignore = "a part of the test below, which starts it as a process of its own"]
fn child_that_opens_and_reads() {
    let root = std::env::var_os(DIRECTORY_VARIABLE).expect("started by the test below");
    let report = std::env::var_os(REPORT_VARIABLE).expect("started by the test below");
    let outcome = open_and_read(Path::new(&root));
    fs::write(report, outcome).expect("reported");
}

/// Runs the child above on a directory; its words, or how it ended without any.
fn run_child(root: &Path, report: &Path) -> String {
    let mut child = Command::new(std::env::current_exe().expect("this test has a path"))
        .args(["--exact", "--ignored", "child_that_opens_and_reads"])
        .env(DIRECTORY_VARIABLE, root)
        .env(REPORT_VARIABLE, report)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the child runs");
    let begun_at = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("waited for") {
            break status;
        }
        if begun_at.elapsed() > CASE_TIMEOUT {
            child.kill().expect("killed");
            child.wait().expect("gone");
            return "hung".to_owned();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    fs::read_to_string(report).unwrap_or_else(|_| format!("ended without a word: {status}"))
}

#[derive(Debug, Clone)]
enum Damage {
    Flip { byte: u64, bit: u8 },
    Cut { length: u64 },
}

#[derive(Debug, Clone)]
struct Case {
    file: PathBuf,
    damage: Damage,
}

/// Every file below a directory that has something to damage.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.metadata().expect("a file").len() > 0 {
                files.push(path.strip_prefix(root).expect("below it").to_path_buf());
            }
        }
    }
    files.sort();
    files
}

/// The files in turn; sled's data file, where nearly all bytes are, every other
/// time.
fn choose_cases(root: &Path) -> Vec<Case> {
    let mut random = StdRng::seed_from_u64(seed());
    let files = files_below(root);
    let data_file = PathBuf::from("store/db");
    assert!(files.contains(&data_file));
    let mut cases = Vec::new();
    for number in 0..2 * CASES_OF_EACH_KIND {
        let flips = number < CASES_OF_EACH_KIND;
        let file = match number % 2 {
            0 => data_file.clone(),
            _ => files[number / 2 % files.len()].clone(),
        };
        let length = fs::metadata(root.join(&file)).expect("a file").len();
        let damage = if flips {
            Damage::Flip {
                byte: random.random_range(0..length),
                bit: random.random_range(0..8),
            }
        } else {
            // Half of the cuts are small, as an interrupted write makes them.
            let least = if number % 4 < 2 {
                length.saturating_sub(4_096)
            } else {
                0
            };
            Damage::Cut {
                length: random.random_range(least..length),
            }
        };
        cases.push(Case { file, damage });
    }
    cases
}

fn apply(case: &Case, root: &Path) {
    let path = root.join(&case.file);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("opened");
    match case.damage {
        Damage::Flip { byte, bit } => {
            let mut content = [0];
            file.read_exact_at(&mut content, byte).expect("read");
            content[0] ^= 1 << bit;
            file.write_all_at(&content, byte).expect("written");
        }
        Damage::Cut { length } => file.set_len(length).expect("cut"),
    }
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_directory(&path, &target);
        } else {
            fs::copy(&path, target).expect("copied");
        }
    }
}

/// One case in a directory of its own: the outcome, if it is one of the two that
/// are allowed.
fn judge(
    case: &Case,
    original: &Path,
    scratch: &Path,
    expected: &str,
) -> Result<&'static str, String> {
    let root = scratch.join("data");
    copy_directory(original, &root);
    apply(case, &root);
    let outcome = run_child(&root, &scratch.join("report"));
    fs::remove_dir_all(&root).expect("removed");
    if let Some(reason) = outcome.strip_prefix("refused ") {
        // Clear means that it says what to do.
        return match reason.contains("restore") {
            true => Ok("refused"),
            false => Err(format!(
                "{case:?}: the refusal says not what to do: {reason}"
            )),
        };
    }
    match outcome == expected {
        true => Ok("harmless"),
        false => Err(format!("{case:?}: {outcome}, expected {expected}")),
    }
}

/// `checkpoints/checkpoint-…` and `store/snap.…` without their numbers.
fn kind_of(file: &Path) -> String {
    let name = file.to_string_lossy().into_owned();
    let end = name
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(name.len());
    name[..end].to_owned()
}

#[test]
fn damage_is_refused_or_harmless() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
    let original = scratch.path().join("original");
    create_original(&original);
    let expected = {
        let copy = scratch.path().join("sound");
        copy_directory(&original, &copy);
        run_child(&copy, &scratch.path().join("report"))
    };
    assert!(
        expected.starts_with("read "),
        "the undamaged directory: {expected}"
    );

    let cases = choose_cases(&original);
    let next = AtomicUsize::new(0);
    let table: Mutex<BTreeMap<(String, &str, &str), usize>> = Mutex::default();
    let failures: Mutex<Vec<String>> = Mutex::default();
    let work = |thread: usize| {
        let own = scratch.path().join(format!("thread-{thread}"));
        fs::create_dir(&own).expect("created");
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let kind = match case.damage {
                Damage::Flip { .. } => "flip",
                Damage::Cut { .. } => "cut",
            };
            let _ = fs::remove_file(own.join("report"));
            let outcome = judge(case, &original, &own, &expected).unwrap_or_else(|failure| {
                failures.lock().expect("not poisoned").push(failure);
                "FAILED"
            });
            let key = (kind_of(&case.file), kind, outcome);
            *table.lock().expect("not poisoned").entry(key).or_default() += 1;
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || work(thread));
        }
    });
    for ((file, damage, outcome), count) in table.into_inner().expect("not poisoned") {
        println!("{file:30} {damage:5} {outcome:10} {count:4}");
    }
    let failures = failures.into_inner().expect("not poisoned");
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// The original is what it claims to be.
#[test]
fn an_undamaged_directory_reads_back_what_was_written() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
    create_original(scratch.path());
    let probe = Probe::InChild {
        program: env!("CARGO_BIN_EXE_promobandit").into(),
        timeout: None,
    };
    let opened = open::open(scratch.path(), &settings(probe)).expect("opened");
    let mut head = Head::START;
    for scanned in opened.ledger.scan(Position::START, None) {
        let scanned = scanned.expect("sound");
        assert_eq!(scanned.bytes, record(scanned.position.0));
        head = head.after(&scanned.bytes);
    }
    assert!(head.position.0 >= RECORDS);
    assert_eq!(opened.ledger.head(), head);
    let report = opened.probe.expect("it was probed");
    assert_eq!(report.head, head);
    assert!(opened.secrets.is_destroyed(DESTROYED_SLOT));
}
