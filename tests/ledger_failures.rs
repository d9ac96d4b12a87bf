//! What a process that fails leaves behind: a disk that is full, a kill in the
//! middle of a commit. Each time a child process (this test again) writes and
//! says what was acknowledged; then its directory is opened and compared.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use promobandit::domain::ids::Position;
use promobandit::ledger::open::{self, Opened, Probe, Settings};
use promobandit::ledger::{AppendError, Head, SyncError};

const DIRECTORY_VARIABLE: &str = "FAILURE_TEST_DIRECTORY";
const REPORT_VARIABLE: &str = "FAILURE_TEST_REPORT";

/// In units of 512 bytes, as POSIX has it: 8 MiB for each file.
const FILE_LIMIT_BLOCKS: u64 = 16 * 1024;
const KILLS: u64 = 25;

fn open_at(root: &Path) -> Opened {
    let settings = Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::InChild {
            program: env!("CARGO_BIN_EXE_promobandit").into(),
            timeout: Some(Duration::from_secs(60)),
        },
        shop_key: None,
    };
    open::open(root, &settings).expect("the directory is sound")
}

fn record(position: u64) -> Vec<u8> {
    let bytes = if position.is_multiple_of(50) {
        15_000
    } else {
        300
    };
    let mut content = vec![0; bytes];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&position.to_le_bytes());
    hasher.finalize_xof().fill(&mut content);
    content
}

/// Appends and syncs until something fails. The report has one line for each
/// acknowledgement, written as a whole: a position.
#[test]
#[ignore = "a part of the tests below, which start it as a process of its own"]
fn child_that_writes_until_it_fails() {
    let root = std::env::var_os(DIRECTORY_VARIABLE).expect("started by a test below");
    let report = std::env::var_os(REPORT_VARIABLE).expect("started by a test below");
    let mut report = File::options()
        .create(true)
        .append(true)
        .open(report)
        .expect("opened");
    let opened = open_at(Path::new(&root));
    let mut position = opened.ledger.head().position.0;
    let failure = loop {
        let records: Vec<Vec<u8>> = (1..=7).map(|i| record(position + i)).collect();
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        if let Err(error) = opened.ledger.append(&slices) {
            break error.to_string();
        }
        match opened.ledger.sync() {
            Ok(head) => position = head.position.0,
            Err(error) => break error.to_string(),
        }
        report
            .write_all(format!("{position}\n").as_bytes())
            .expect("reported");
    };
    let refused = matches!(
        opened.ledger.append(&[b"x"]),
        Err(AppendError::Poisoned { .. })
    ) && matches!(opened.ledger.sync(), Err(SyncError::Poisoned { .. }))
        && matches!(opened.ledger.drain(), Err(SyncError::Poisoned { .. }));
    let last = opened.ledger.read(Position(position)).expect("reads go on");
    let read = last.as_deref() == Some(&record(position)[..]);
    let words = format!("failed: {failure}; poisoned: {refused}; read: {read}\n");
    report.write_all(words.as_bytes()).expect("reported");
}

/// Starts the child, by way of a shell that limits what it may do.
fn start_child(limits: &str, root: &Path, report: &Path) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{limits} exec \"$0\" --exact --ignored child_that_writes_until_it_fails"
        ))
        .arg(std::env::current_exe().expect("this test has a path"))
        .env(DIRECTORY_VARIABLE, root)
        .env(REPORT_VARIABLE, report)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell runs")
}

/// The last whole line of acknowledgements.
fn last_acknowledged(report: &str) -> u64 {
    let whole = report.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut positions = whole.lines().filter_map(|line| line.parse().ok());
    positions.next_back().unwrap_or(0)
}

/// Everything that was acknowledged is there, and nothing is there that was not
/// appended.
fn assert_sound(root: &Path, acknowledged: u64) -> Head {
    let opened = open_at(root);
    let head = opened.ledger.head();
    assert!(
        head.position.0 >= acknowledged,
        "{head}, acknowledged {acknowledged}"
    );
    for scanned in opened.ledger.scan(Position::START, None) {
        let scanned = scanned.expect("sound");
        assert_eq!(scanned.bytes, record(scanned.position.0));
    }
    head
}

#[test]
fn a_full_disk_poisons_and_loses_nothing() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
    let (root, report) = (scratch.path().join("data"), scratch.path().join("report"));
    // Ignoring the signal makes the limit an error of the write, as a full disk
    // is.
    let limits = format!("trap '' XFSZ; ulimit -f {FILE_LIMIT_BLOCKS};");
    let mut child = start_child(&limits, &root, &report);
    child.wait().expect("it ended");
    let said = fs::read_to_string(&report).expect("it reported");
    let last_words = said.lines().last().expect("it said something");
    assert!(
        last_words.ends_with("poisoned: true; read: true"),
        "{last_words}"
    );
    assert!(last_words.contains("restart the process"), "{last_words}");
    let acknowledged = last_acknowledged(&said);
    assert!(acknowledged > 1_000, "only {acknowledged} were written");
    assert_sound(&root, acknowledged);
}

#[test]
fn a_kill_at_any_time_loses_nothing_that_was_acknowledged() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
    let (root, report) = (scratch.path().join("data"), scratch.path().join("report"));
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut child = start_child("", &root, &report);
        let begun_at = Instant::now();
        let before = acknowledged;
        // Some kills fall into the opening, most into commits.
        let patience = Duration::from_millis(kill % 5 * 60 + 13 * kill % 50);
        while acknowledged <= before && kill % 5 != 0 && begun_at.elapsed().as_secs() < 20 {
            std::thread::sleep(Duration::from_millis(1));
            let said = fs::read_to_string(&report).unwrap_or_default();
            acknowledged = last_acknowledged(&said).max(acknowledged);
        }
        std::thread::sleep(patience);
        child.kill().expect("killed");
        child.wait().expect("it ended");
        let said = fs::read_to_string(&report).unwrap_or_default();
        acknowledged = last_acknowledged(&said).max(acknowledged);
        assert_sound(&root, acknowledged);
    }
    assert!(acknowledged > 100, "only {acknowledged} were acknowledged");
}

/// Opens a sound directory with a program that looks through it in its own way.
fn open_with_probe(script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;

    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory");
    let root = scratch.path().join("data");
    open_at(&root).ledger.drain().expect("drained");
    let program = scratch.path().join("probe");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("made runnable");
    let settings = Settings {
        cache_bytes: open::DEFAULT_CACHE_BYTES,
        probe: Probe::InChild {
            program,
            timeout: Some(Duration::from_secs(1)),
        },
        shop_key: None,
    };
    open::open(&root, &settings)
        .expect_err("the probe gave no report")
        .to_string()
}

#[test]
fn a_probe_that_hangs_dies_or_lies_is_a_refusal() {
    let hung = open_with_probe("exec sleep 60");
    assert!(hung.contains("given up after 1 s; restore"), "{hung}");
    let died = open_with_probe("echo the last words >&2; kill -ABRT $$");
    assert!(
        died.contains("signal: 6") && died.contains("the last words"),
        "{died}"
    );
    let silent = open_with_probe("exit 0");
    assert!(silent.contains("the store is damaged"), "{silent}");
    let zeros = "0".repeat(64);
    let lied = open_with_probe(&format!("echo 0 {zeros} 7 {zeros} 1 1"));
    assert!(lied.contains("ended at position 0"), "{lied}");
}
