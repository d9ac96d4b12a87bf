//! What every ledger must do, as tests that every backend runs. The reference
//! is a vector of records and the definition of the chain.
//!
//! A new backend implements [`Backend`] and calls `conformance_tests!`.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use crate::domain::ids::{ChainHash, Position};

use super::memory::Failure;
use super::{AppendError, Head, Ledger, RECORD_LIMIT_BYTES, ReadError, Record, SyncError};

/// One ledger under test, empty at first.
pub(super) trait Backend {
    fn ledger(&self) -> &dyn Ledger;

    /// Drains, closes and opens it again; `false` where nothing outlives the
    /// process.
    fn reopen(&mut self) -> bool {
        false
    }

    /// Makes the next write fail; `false` where that cannot be asked for.
    fn fail_next(&self, _failure: Failure) -> bool {
        false
    }
}

/// A test for each rule; `cases` is how many random histories are tried.
macro_rules! conformance_tests {
    ($new_backend:expr, cases = $cases:expr) => {
        $crate::ledger::conformance::conformance_tests!(
            @each $new_backend,
            an_empty_ledger_is_at_its_start,
            records_are_read_back_in_order,
            records_of_every_size_are_read_back,
            the_head_does_not_depend_on_the_grouping,
            a_scan_begins_anywhere_and_checks_the_history,
            a_scan_ends_at_the_head_of_its_beginning,
            what_was_synced_is_there_after_reopening,
            a_record_that_is_too_large_changes_nothing,
            a_failed_append_poisons,
            a_failed_sync_poisons,
            a_drained_ledger_takes_no_records,
            readers_see_whole_records_during_appends,
        );

        #[test]
        fn random_histories_match_the_reference() {
            $crate::ledger::conformance::random_histories_match_the_reference($new_backend, $cases);
        }
    };
    (@each $new_backend:expr, $($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let mut backend = $new_backend();
                $crate::ledger::conformance::$name(backend.as_mut());
            }
        )*
    };
}

pub(super) use conformance_tests;

/// Bytes that differ from record to record.
fn record(seed: u64, bytes: usize) -> Vec<u8> {
    let mut content = Vec::with_capacity(bytes + 32);
    let mut block = ChainHash::START.after(&seed.to_le_bytes());
    while content.len() < bytes {
        content.extend_from_slice(&block.0);
        block = block.after(&[]);
    }
    content.truncate(bytes);
    content
}

fn append(ledger: &dyn Ledger, records: &[Vec<u8>]) -> Head {
    let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    ledger.append(&slices).expect("appended")
}

fn expected(records: &[Vec<u8>]) -> Vec<Record> {
    let mut head = Head::START;
    let place = |bytes: &Vec<u8>| {
        head = head.after(bytes);
        Record {
            position: head.position,
            chain: head.chain,
            bytes: bytes.clone(),
        }
    };
    records.iter().map(place).collect()
}

/// Everything that a reader can ask, compared with the reference.
fn assert_holds(ledger: &dyn Ledger, records: &[Vec<u8>]) {
    let expected = expected(records);
    let head = expected.last().map_or(Head::START, |last| Head {
        position: last.position,
        chain: last.chain,
    });
    assert_eq!(ledger.head(), head);
    let scanned: Result<Vec<Record>, ReadError> = ledger.scan(Position::START, None).collect();
    assert_eq!(scanned.expect("scanned"), expected);
    for record in &expected {
        let position = record.position;
        assert_eq!(ledger.read(position), Ok(Some(record.bytes.clone())));
        assert_eq!(ledger.chain_at(position), Ok(Some(record.chain)));
    }
    assert_eq!(ledger.read(head.position.next()), Ok(None));
    assert_eq!(ledger.chain_at(head.position.next()), Ok(None));
}

pub(super) fn an_empty_ledger_is_at_its_start(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    assert_eq!(ledger.start(), Head::START);
    assert_eq!(ledger.durable_head(), Head::START);
    assert_eq!(ledger.first_position(), Position(1));
    assert_eq!(ledger.read(Position::START), Ok(None));
    assert_eq!(ledger.chain_at(Position::START), Ok(Some(ChainHash::START)));
    assert_eq!(ledger.append(&[]), Ok(Head::START));
    assert_eq!(ledger.sync(), Ok(Head::START));
    assert_holds(ledger, &[]);
    if backend.reopen() {
        assert_holds(backend.ledger(), &[]);
    }
}

pub(super) fn records_are_read_back_in_order(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    let records: Vec<_> = (0..100).map(|seed| record(seed, 90)).collect();
    for batch in records.chunks(7) {
        let head = append(ledger, batch);
        assert_eq!(ledger.head(), head, "visible once append has returned");
        assert!(ledger.durable_head().position < head.position);
    }
    assert_holds(ledger, &records);
    assert_eq!(ledger.sync(), Ok(ledger.head()));
    assert_eq!(ledger.durable_head(), ledger.head());
}

pub(super) fn records_of_every_size_are_read_back(backend: &mut dyn Backend) {
    let sizes = [
        0,
        1,
        400,
        4_000,
        4_095,
        4_096,
        4_097,
        7_107,
        7_108,
        7_109,
        7_168,
        8_192,
        14_216,
        14_217,
        65_536,
        100_000,
        RECORD_LIMIT_BYTES,
    ];
    let mut records = Vec::new();
    for (seed, bytes) in sizes.into_iter().enumerate() {
        records.push(record(seed as u64, bytes));
        records.push(record(seed as u64, 3));
    }
    append(backend.ledger(), &records);
    for single in records.clone() {
        append(backend.ledger(), std::slice::from_ref(&single));
        records.push(single);
    }
    backend.ledger().sync().expect("synced");
    assert_holds(backend.ledger(), &records);
    if backend.reopen() {
        assert_holds(backend.ledger(), &records);
    }
}

pub(super) fn the_head_does_not_depend_on_the_grouping(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    let records: Vec<_> = (0..2_000).map(|seed| record(seed, 40)).collect();
    append(ledger, &records[..1]);
    append(ledger, &records[1..1_500]);
    append(ledger, &records[1_500..]);
    assert_holds(ledger, &records);
}

pub(super) fn a_scan_begins_anywhere_and_checks_the_history(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    let records: Vec<_> = (0..60)
        .map(|seed| record(seed, 300 * (seed as usize % 30)))
        .collect();
    append(ledger, &records);
    let expected = expected(&records);
    let mut before = ChainHash::START;
    for (index, record) in expected.iter().enumerate() {
        let scan = ledger.scan(record.position, Some(before));
        let scanned: Result<Vec<Record>, ReadError> = scan.collect();
        assert_eq!(scanned.expect("scanned"), expected[index..]);
        let wrong = ledger
            .scan(record.position, Some(ChainHash([7; 32])))
            .next();
        assert!(matches!(wrong, Some(Err(ReadError::ChainBroken { .. }))));
        before = record.chain;
    }
    let past_the_end = ledger.head().position.next();
    assert_eq!(ledger.scan(past_the_end, Some(before)).count(), 0);
    let wrong = ledger.scan(past_the_end, Some(ChainHash([7; 32]))).next();
    assert!(matches!(wrong, Some(Err(ReadError::ChainBroken { .. }))));
    assert_eq!(ledger.scan(Position(1_000), None).count(), 0);
}

pub(super) fn a_scan_ends_at_the_head_of_its_beginning(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    append(ledger, &[record(1, 10), record(2, 10)]);
    let mut scan = ledger.scan(Position::START, None);
    assert!(matches!(scan.next(), Some(Ok(_))));
    append(ledger, &[record(3, 10)]);
    assert!(matches!(scan.next(), Some(Ok(_))));
    assert!(scan.next().is_none());
}

pub(super) fn what_was_synced_is_there_after_reopening(backend: &mut dyn Backend) {
    let mut records = Vec::new();
    for round in 0..4 {
        let more: Vec<_> = (0..50)
            .map(|seed| record(100 * round + seed, 500))
            .collect();
        append(backend.ledger(), &more);
        records.extend(more);
        backend.ledger().sync().expect("synced");
        if !backend.reopen() {
            return;
        }
        assert_holds(backend.ledger(), &records);
        assert_eq!(backend.ledger().durable_head(), backend.ledger().head());
    }
}

pub(super) fn a_record_that_is_too_large_changes_nothing(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    let head = append(ledger, &[record(1, 10)]);
    let too_large = record(2, RECORD_LIMIT_BYTES + 1);
    let refused = ledger.append(&[b"small", &too_large]);
    let expected = AppendError::RecordTooLarge {
        index: 1,
        bytes: RECORD_LIMIT_BYTES + 1,
        limit_bytes: RECORD_LIMIT_BYTES,
    };
    assert_eq!(refused, Err(expected));
    assert_eq!(ledger.head(), head);
    append(ledger, &[record(3, 10)]);
    assert_holds(ledger, &[record(1, 10), record(3, 10)]);
}

/// Both writes are refused, and reads go on.
fn assert_poisoned(ledger: &dyn Ledger, records: &[Vec<u8>]) {
    let append = ledger.append(&[b"more"]);
    assert!(
        matches!(append, Err(AppendError::Poisoned { .. })),
        "{append:?}"
    );
    for sync in [ledger.sync(), ledger.drain()] {
        assert!(matches!(sync, Err(SyncError::Poisoned { .. })), "{sync:?}");
    }
    assert_holds(ledger, records);
}

pub(super) fn a_failed_append_poisons(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    append(ledger, &[record(1, 10)]);
    let synced = ledger.sync().expect("synced");
    if !backend.fail_next(Failure::Append) {
        return;
    }
    let failed = ledger.append(&[b"lost"]);
    assert!(matches!(failed, Err(AppendError::Store { .. })));
    assert_poisoned(ledger, &[record(1, 10)]);
    assert_eq!(ledger.durable_head(), synced);
}

pub(super) fn a_failed_sync_poisons(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    append(ledger, &[record(1, 10)]);
    let synced = ledger.sync().expect("synced");
    append(ledger, &[record(2, 10)]);
    if !backend.fail_next(Failure::Sync) {
        return;
    }
    let failed = ledger.sync();
    assert!(matches!(failed, Err(SyncError::Store { durable, .. }) if durable == Position(1)));
    assert_poisoned(ledger, &[record(1, 10), record(2, 10)]);
    assert_eq!(ledger.durable_head(), synced);
}

pub(super) fn a_drained_ledger_takes_no_records(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    let head = append(ledger, &[record(1, 10)]);
    assert_eq!(ledger.drain(), Ok(head));
    assert_eq!(ledger.durable_head(), head);
    assert_eq!(ledger.append(&[b"late"]), Err(AppendError::Drained));
    assert_eq!(ledger.drain(), Ok(head));
    assert_holds(ledger, &[record(1, 10)]);
}

pub(super) fn readers_see_whole_records_during_appends(backend: &mut dyn Backend) {
    let ledger = backend.ledger();
    let done = AtomicBool::new(false);
    let done = &done;
    let read = move || {
        while !done.load(Ordering::Acquire) {
            let head = ledger.head();
            let last = ledger.scan(Position::START, None).last();
            let last = last.map(|record| record.expect("whole").position);
            assert!(last.unwrap_or_default() >= head.position);
            let bytes = ledger.read(head.position).expect("read");
            assert_eq!(bytes.is_some(), head.position != Position::START);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(read);
        for seed in 0..200 {
            append(ledger, &[record(seed, 700), record(seed, 9_000)]);
        }
        done.store(true, Ordering::Release);
    });
}

/// One thing that happens to a ledger.
#[derive(Debug, Clone)]
enum Step {
    Append(Vec<usize>),
    Sync,
    Reopen,
}

fn any_step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![
        8 => 0_usize..1_000,
        2 => 3_000_usize..9_000,
        1 => 9_000_usize..60_000,
    ];
    prop_oneof![
        6 => prop::collection::vec(size, 0..40).prop_map(Step::Append),
        2 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ]
}

pub(super) fn random_histories_match_the_reference(
    new_backend: impl Fn() -> Box<dyn Backend>,
    cases: u32,
) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in prop::collection::vec(any_step(), 1..20))| {
        let mut backend = new_backend();
        let mut records = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(sizes) => {
                    let seed = |index: usize| (number * 100 + index) as u64;
                    let sized = sizes.into_iter().enumerate();
                    let more: Vec<_> = sized.map(|(i, size)| record(seed(i), size)).collect();
                    append(backend.ledger(), &more);
                    records.extend(more);
                }
                Step::Sync => drop(backend.ledger().sync().expect("synced")),
                Step::Reopen => drop(backend.reopen()),
            }
        }
        assert_holds(backend.ledger(), &records);
    });
}
