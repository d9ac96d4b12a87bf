use std::sync::Arc;

use super::super::conformance::{Backend, conformance_tests};
use super::super::data_dir::Layout;
use super::super::open::{self, OpenError, Opened, Probe, Settings};
use super::super::{Ledger, memory::MemoryLedger};
use super::*;

const SETTINGS: Settings = Settings {
    cache_bytes: open::DEFAULT_CACHE_BYTES,
    probe: Probe::Skip,
    shop_key: None,
};

struct OnDisk {
    scratch: tempfile::TempDir,
    ledger: Option<Arc<dyn Ledger>>,
}

impl OnDisk {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let opened = open::open(scratch.path(), &SETTINGS).expect("created");
        Self {
            scratch,
            ledger: Some(opened.ledger),
        }
    }

    fn root(&self) -> &Path {
        self.scratch.path()
    }

    fn close(&mut self) {
        let ledger = self.ledger.take().expect("it is open");
        ledger.drain().expect("drained");
        assert_eq!(
            Arc::strong_count(&ledger),
            1,
            "nobody else holds the directory"
        );
    }

    fn open(&self) -> Result<Opened, OpenError> {
        open::open(self.root(), &SETTINGS)
    }
}

impl Backend for OnDisk {
    fn ledger(&self) -> &dyn Ledger {
        self.ledger.as_deref().expect("it is open")
    }

    fn reopen(&mut self) -> bool {
        self.close();
        self.ledger = Some(self.open().expect("opened again").ledger);
        true
    }
}

conformance_tests!(|| Box::new(OnDisk::new()), cases = 12);

/// A store with a hundred synced records, closed.
fn closed_store() -> OnDisk {
    let mut store = OnDisk::new();
    for number in 0..100_u64 {
        store
            .ledger()
            .append(&[&number.to_le_bytes()])
            .expect("appended");
    }
    store.close();
    store
}

#[test]
fn the_head_is_that_of_the_ledger_in_memory() {
    let (disk, memory) = (OnDisk::new(), MemoryLedger::new());
    for ledger in [disk.ledger(), &memory] {
        ledger
            .append(&[b"one", b"two", &[3; 50_000]])
            .expect("appended");
    }
    assert_eq!(disk.ledger().head(), memory.head());
}

#[test]
fn large_histories_make_no_files_that_a_sync_does_not_cover() {
    let disk = OnDisk::new();
    for round in 0..40_u8 {
        let records = vec![vec![round; 7_000]; 30];
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        disk.ledger().append(&slices).expect("appended");
        disk.ledger()
            .append(&[&vec![round; 300_000]])
            .expect("appended");
        disk.ledger().sync().expect("synced");
    }
    let blobs = Layout::of(disk.root()).store().join(BLOBS);
    assert_eq!(fs::read_dir(blobs).expect("listed").count(), 0);
}

#[test]
fn a_second_opening_is_refused() {
    let disk = OnDisk::new();
    let error = disk.open().expect_err("it is open already");
    assert!(matches!(error, OpenError::DataDir(_)), "{error}");
}

#[test]
fn a_snapshot_that_was_never_finished_is_no_obstacle() {
    let disk = closed_store();
    let stray = Layout::of(disk.root())
        .store()
        .join("snap.00000000FFFFFFFF.generating");
    fs::write(&stray, b"half").expect("written");
    let opened = disk.open().expect("opened");
    assert_eq!(opened.ledger.head().position.0, 100);
    assert!(!stray.exists());
}

#[test]
fn a_store_without_its_files_is_not_taken_for_an_empty_one() {
    for name in [DATA_FILE, CONFIGURATION_FILE] {
        let disk = closed_store();
        fs::remove_file(Layout::of(disk.root()).store().join(name)).expect("removed");
        let error = disk.open().expect_err("a file is missing");
        assert!(error.to_string().contains(name), "{error}");
    }
    let disk = closed_store();
    let store = Layout::of(disk.root()).store();
    fs::remove_dir_all(&store).expect("removed");
    SledStore::create(&store, open::DEFAULT_CACHE_BYTES).expect("an empty store");
    let error = disk.open().expect_err("the records are gone");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_store_that_is_older_than_its_mark_is_refused_with_the_range() {
    let mut disk = closed_store();
    let store = Layout::of(disk.root()).store();
    let backup = tempfile::tempdir().expect("a scratch directory");
    copy(&store, backup.path());
    disk.ledger = Some(disk.open().expect("opened").ledger);
    disk.ledger().append(&[b"a", b"b", b"c"]).expect("appended");
    disk.close();
    fs::remove_dir_all(&store).expect("removed");
    copy(backup.path(), &store);
    let error = disk.open().expect_err("three records are gone");
    let expected = "the positions 101 to 103 were acknowledged";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn a_mark_that_lags_is_accepted() {
    let mut disk = closed_store();
    let mark = Layout::of(disk.root()).high_water_mark();
    let old = fs::read(&mark).expect("read");
    disk.ledger = Some(disk.open().expect("opened").ledger);
    let head = disk.ledger().append(&[b"a", b"b"]).expect("appended");
    disk.close();
    fs::write(&mark, old).expect("written");
    assert_eq!(disk.open().expect("opened").ledger.head(), head);
}

#[test]
fn a_missing_mark_is_refused() {
    let disk = closed_store();
    fs::remove_file(Layout::of(disk.root()).high_water_mark()).expect("removed");
    let error = disk.open().expect_err("the mark is missing");
    assert!(matches!(error, OpenError::Mark(_)), "{error}");
}

#[test]
fn a_store_with_another_history_is_refused() {
    let (ours, theirs) = (closed_store(), OnDisk::new());
    let mut theirs = theirs;
    theirs
        .ledger()
        .append(&[&[1; 8]; 100].map(|r| &r[..]))
        .expect("appended");
    theirs.close();
    let (to, from) = (Layout::of(ours.root()), Layout::of(theirs.root()));
    fs::remove_dir_all(to.store()).expect("removed");
    copy(&from.store(), &to.store());
    let error = ours.open().expect_err("it is another store");
    assert!(matches!(error, OpenError::OtherStore { .. }), "{error}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
