//! The ledger over a store in memory that can fail, forget and be damaged.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::conformance::{Backend, conformance_tests};
use super::super::memory::Failure;
use super::*;

const STORE: StoreId = StoreId([8; 16]);

/// What a [`FragileStore`] holds, also after the store was closed.
#[derive(Default)]
struct Disk {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Writes that a loss of power may take back, oldest first.
    unflushed: Vec<Vec<Vec<u8>>>,
    fail_put: bool,
    fail_flush: bool,
}

impl Disk {
    /// A crash keeps a prefix of the writes that were not flushed.
    fn crash(&mut self, kept_writes: usize) {
        let kept = kept_writes.min(self.unflushed.len());
        for key in self.unflushed.split_off(kept).into_iter().flatten() {
            self.entries.remove(&key);
        }
        self.unflushed.clear();
    }
}

#[derive(Clone, Default)]
struct FragileStore(Arc<Mutex<Disk>>);

fn refuse(really: bool) -> Result<(), StoreError> {
    match really {
        true => Err(StoreError::Refused("no space left".to_owned())),
        false => Ok(()),
    }
}

impl ChunkStore for FragileStore {
    type Bytes = Vec<u8>;
    type Iter = std::vec::IntoIter<Result<(Vec<u8>, Vec<u8>), StoreError>>;

    fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        assert!(entries.len() <= chunk::BATCH_LIMIT_KEYS);
        let mut disk = lock(&self.0);
        refuse(std::mem::take(&mut disk.fail_put))?;
        let mut keys = Vec::new();
        for (key, value) in entries {
            let key = key.encode().to_vec();
            let earlier = disk.entries.insert(key.clone(), value.clone());
            assert!(earlier.is_none(), "nothing is ever rewritten");
            keys.push(key);
        }
        disk.unflushed.push(keys);
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut disk = lock(&self.0);
        refuse(std::mem::take(&mut disk.fail_flush))?;
        disk.unflushed.clear();
        Ok(())
    }

    fn last_up_to(&self, key: Key) -> Result<Found<Vec<u8>>, StoreError> {
        let disk = lock(&self.0);
        let found = disk.entries.range(..=key.encode().to_vec()).next_back();
        Ok(found.map(|(key, value)| (key.clone(), value.clone())))
    }

    fn entries_from(&self, key: Key) -> Self::Iter {
        let disk = lock(&self.0);
        let rest = disk.entries.range(key.encode().to_vec()..);
        let entries: Vec<_> = rest
            .map(|(key, value)| Ok((key.clone(), value.clone())))
            .collect();
        entries.into_iter()
    }
}

struct Fragile {
    scratch: tempfile::TempDir,
    store: FragileStore,
    ledger: Option<ChunkedLedger<FragileStore>>,
}

impl Fragile {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let store = FragileStore::default();
        let mark = scratch.path().join("mark");
        ChunkedLedger::create(&store, &mark, STORE, Head::START).expect("created");
        let mut fragile = Self {
            scratch,
            store,
            ledger: None,
        };
        fragile.ledger = Some(fragile.open().expect("opened"));
        fragile
    }

    fn open(&self) -> Result<ChunkedLedger<FragileStore>, OpenError> {
        let mark = self.scratch.path().join("mark");
        ChunkedLedger::open(
            self.store.clone(),
            &mark,
            STORE,
            Box::new(|| Duration::ZERO),
        )
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        lock(&self.store.0)
    }
}

impl Backend for Fragile {
    fn ledger(&self) -> &dyn Ledger {
        self.ledger.as_ref().expect("it is open")
    }

    fn reopen(&mut self) -> bool {
        self.ledger().drain().expect("drained");
        self.ledger = Some(self.open().expect("opened again"));
        true
    }

    fn fail_next(&self, failure: Failure) -> bool {
        match failure {
            Failure::Append => self.disk().fail_put = true,
            Failure::Sync => self.disk().fail_flush = true,
        }
        true
    }
}

conformance_tests!(|| Box::new(Fragile::new()), cases = 32);

/// A ledger of ten chunks, synced, with one record of several parts.
fn ten_chunks() -> Fragile {
    let fragile = Fragile::new();
    for number in 0..10_u8 {
        let bytes = if number == 5 { 20_000 } else { 100 };
        fragile
            .ledger()
            .append(&[&vec![number; bytes]])
            .expect("appended");
    }
    fragile.ledger().sync().expect("synced");
    fragile
}

/// Reads everything, as the probe does; writes nothing.
fn look_through(fragile: &Fragile) -> Result<u64, OpenError> {
    let mark = fragile.scratch.path().join("mark");
    let clock = Box::new(|| Duration::ZERO);
    let ledger = ChunkedLedger::inspect(fragile.store.clone(), &mark, STORE, clock)?;
    let mut records = 0;
    for record in ledger.scan(Position::START, None) {
        record?;
        records += 1;
    }
    Ok(records)
}

#[test]
fn any_missing_entry_is_noticed() {
    let fragile = ten_chunks();
    let entries = fragile.disk().entries.clone();
    assert!(entries.len() > 11, "some are parts");
    for key in entries.keys() {
        fragile.disk().entries.remove(key);
        let found = look_through(&fragile);
        assert!(found.is_err(), "{key:?} is missing, yet {found:?}");
        fragile.disk().entries.clone_from(&entries);
    }
    assert_eq!(look_through(&fragile).expect("whole again"), 10);
}

#[test]
fn any_exchanged_entry_is_noticed() {
    let fragile = ten_chunks();
    let (one, other) = (
        Key {
            first: Position(2),
            part: 0,
        },
        Key {
            first: Position(3),
            part: 0,
        },
    );
    let mut disk = fragile.disk();
    let first = disk.entries[&one.encode()[..]].clone();
    let second = disk.entries.insert(other.encode().to_vec(), first);
    disk.entries
        .insert(one.encode().to_vec(), second.expect("it was there"));
    drop(disk);
    assert!(look_through(&fragile).is_err());
}

#[test]
fn any_flipped_bit_is_noticed() {
    let fragile = ten_chunks();
    let originals = fragile.disk().entries.clone();
    for (key, original) in originals {
        for bit in (0..original.len() * 8).step_by(61) {
            let mut value = original.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            fragile.disk().entries.insert(key.clone(), value);
            assert!(look_through(&fragile).is_err(), "bit {bit} of {key:?}");
        }
        fragile.disk().entries.insert(key, original);
    }
    assert_eq!(look_through(&fragile).expect("whole again"), 10);
}

#[test]
fn a_record_forged_with_a_good_checksum_breaks_the_chain() {
    let fragile = ten_chunks();
    let before = fragile
        .ledger()
        .chain_at(Position(1))
        .expect("read")
        .expect("there");
    let head = Head {
        position: Position(1),
        chain: before,
    };
    let (batches, _) = chunk::encode(head, &[b"forged"]);
    let (key, value) = batches[0][0].clone();
    fragile.disk().entries.insert(key.encode().to_vec(), value);
    let error = look_through(&fragile).expect_err("the chain does not continue");
    assert!(
        error
            .to_string()
            .contains("the chain breaks before position 3"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    /// Whatever a crash takes back, what a sync covered is there, and what is
    /// there is a prefix of what was appended.
    #[test]
    fn a_crash_takes_back_nothing_that_was_synced(
        batches in prop::collection::vec(prop::collection::vec(0_usize..12_000, 1..30), 1..12),
        synced in 0_usize..12,
        kept_writes in 0_usize..40,
    ) {
        let mut fragile = Fragile::new();
        let mut reference = vec![Head::START];
        for (number, sizes) in batches.iter().enumerate() {
            if number == synced {
                fragile.ledger().sync().expect("synced");
            }
            let records: Vec<Vec<u8>> = sizes.iter().map(|size| vec![number as u8; *size]).collect();
            let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            fragile.ledger().append(&slices).expect("appended");
            for record in slices {
                let last = *reference.last().expect("it is never empty");
                reference.push(last.after(record));
            }
        }
        let durable = fragile.ledger().durable_head();
        fragile.ledger = None;
        fragile.disk().crash(kept_writes);
        let head = fragile.open().expect("opened").head();
        prop_assert!(head.position >= durable.position);
        prop_assert_eq!(reference[head.position.0 as usize], head);
        prop_assert_eq!(look_through(&fragile).expect("whole"), head.position.0);
    }
}
