//! A ledger in memory, for the simulator and for tests: same contract, same
//! heads, nothing on disk. It grows until it is dropped.
//!
//! A test can make its next write fail, so that what a failure does above the
//! ledger can be seen without breaking a disk.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ids::{ChainHash, Position};

use super::poison::Poison;
use super::{
    AppendError, Head, Ledger, ReadError, Record, Scan, SyncError, check_record_sizes,
    check_scan_start,
};

/// See the module's documentation.
#[derive(Debug)]
pub struct MemoryLedger {
    start: Head,
    poison: Poison,
    /// Guards the records and the heads, so that a reader sees both in step;
    /// held for the time of copying one record.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: Vec<StoredRecord>,
    durable: Head,
    drained: bool,
    next_failure: Option<Failure>,
}

#[derive(Debug)]
struct StoredRecord {
    bytes: Box<[u8]>,
    /// The chain after this record, kept so that a scan can begin anywhere.
    chain: ChainHash,
}

/// Which write of a [`MemoryLedger`] is to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The next append.
    Append,
    /// The next sync.
    Sync,
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::continuing(Head::START)
    }

    /// An empty ledger that continues a history whose records are not kept.
    #[must_use]
    pub fn continuing(start: Head) -> Self {
        Self {
            start,
            poison: Poison::default(),
            inner: Mutex::new(Inner {
                durable: start,
                ..Inner::default()
            }),
        }
    }

    /// Makes the next append or sync fail, which poisons the ledger.
    pub fn fail_next(&self, failure: Failure) {
        self.inner().next_failure = Some(failure);
    }

    /// A panic while the lock was held leaves a state that is still whole: each
    /// holder changes it by one push or one assignment at a time.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head_of(&self, inner: &Inner) -> Head {
        match inner.records.last() {
            Some(last) => Head {
                position: Position(self.start.position.0 + inner.records.len() as u64),
                chain: last.chain,
            },
            None => self.start,
        }
    }

    /// Where a position stands in the vector; `None` past the head.
    fn index_of(&self, inner: &Inner, position: Position) -> Result<Option<usize>, ReadError> {
        if position == Position::START {
            return Ok(None);
        }
        let first = self.first_position();
        let before_first = ReadError::BeforeFirst { position, first };
        let offset = position.0.checked_sub(first.0).ok_or(before_first)?;
        let index = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok((index < inner.records.len()).then_some(index))
    }
}

impl Ledger for MemoryLedger {
    fn append(&self, records: &[&[u8]]) -> Result<Head, AppendError> {
        self.poison.check_append()?;
        check_record_sizes(records)?;
        let mut inner = self.inner();
        if inner.drained {
            return Err(AppendError::Drained);
        }
        if inner
            .next_failure
            .take_if(|f| *f == Failure::Append)
            .is_some()
        {
            return Err(self.poison.append_failed("a test asked for it".to_owned()));
        }
        let mut head = self.head_of(&inner);
        inner.records.reserve(records.len());
        for bytes in records {
            head = head.after(bytes);
            inner.records.push(StoredRecord {
                bytes: (*bytes).into(),
                chain: head.chain,
            });
        }
        Ok(head)
    }

    fn sync(&self) -> Result<Head, SyncError> {
        self.poison.check_sync()?;
        let mut inner = self.inner();
        if inner
            .next_failure
            .take_if(|f| *f == Failure::Sync)
            .is_some()
        {
            let durable = inner.durable.position;
            let reason = "a test asked for it".to_owned();
            return Err(self.poison.sync_failed(durable, reason));
        }
        inner.durable = self.head_of(&inner);
        Ok(inner.durable)
    }

    fn head(&self) -> Head {
        self.head_of(&self.inner())
    }

    fn durable_head(&self) -> Head {
        self.inner().durable
    }

    fn start(&self) -> Head {
        self.start
    }

    fn read(&self, position: Position) -> Result<Option<Vec<u8>>, ReadError> {
        let inner = self.inner();
        let index = self.index_of(&inner, position)?;
        Ok(index.map(|index| inner.records[index].bytes.to_vec()))
    }

    fn chain_at(&self, position: Position) -> Result<Option<ChainHash>, ReadError> {
        if position == self.start.position {
            return Ok(Some(self.start.chain));
        }
        let inner = self.inner();
        let index = self.index_of(&inner, position)?;
        Ok(index.map(|index| inner.records[index].chain))
    }

    fn scan(&self, from: Position, chain_before: Option<ChainHash>) -> Scan<'_> {
        let last = self.head().position;
        let first = match check_scan_start(self, from, chain_before) {
            Ok(first) => first,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let record_at = move |number: u64| {
            let position = Position(number);
            let inner = self.inner();
            let index = self.index_of(&inner, position).transpose()?;
            Some(index.map(|index| Record {
                position,
                chain: inner.records[index].chain,
                bytes: inner.records[index].bytes.to_vec(),
            }))
        };
        Box::new((first.0..=last.0).map_while(record_at))
    }

    fn drain(&self) -> Result<Head, SyncError> {
        self.inner().drained = true;
        self.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{Backend, conformance_tests};
    use super::*;

    struct InMemory(MemoryLedger);

    impl Backend for InMemory {
        fn ledger(&self) -> &dyn Ledger {
            &self.0
        }

        fn fail_next(&self, failure: Failure) -> bool {
            self.0.fail_next(failure);
            true
        }
    }

    conformance_tests!(|| Box::new(InMemory(MemoryLedger::new())), cases = 64);

    #[test]
    fn a_ledger_without_its_old_records_continues_the_chain() {
        let whole = MemoryLedger::new();
        whole.append(&[b"a", b"b"]).expect("appended");
        let start = whole.head();
        let cut = MemoryLedger::continuing(start);
        for ledger in [&whole, &cut] {
            ledger.append(&[b"c"]).expect("appended");
        }
        assert_eq!(cut.head(), whole.head());
        assert_eq!(cut.first_position(), Position(3));
        assert_eq!(cut.chain_at(Position(2)), Ok(Some(start.chain)));
        let before_first = cut.read(Position(2));
        assert!(matches!(before_first, Err(ReadError::BeforeFirst { .. })));
        let kept: Vec<_> = cut.scan(Position::START, Some(start.chain)).collect();
        assert_eq!(kept.len(), 1);
        let lost = cut.scan(Position(1), None).next();
        assert!(matches!(lost, Some(Err(ReadError::BeforeFirst { .. }))));
    }
}
