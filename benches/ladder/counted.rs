//! A ledger that counts what is appended to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use promobandit::domain::ids::{ChainHash, Position};
use promobandit::engine::Storage;
use promobandit::ledger::secrets::Secrets;
use promobandit::ledger::{AppendError, Head, Ledger, ReadError, Scan, SyncError};

/// What was appended so far.
#[derive(Debug, Default)]
pub struct Counts {
    commits: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
}

/// Counts at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    commits: u64,
    records: u64,
    bytes: u64,
}

impl Counts {
    pub fn read(&self) -> Reading {
        Reading {
            commits: self.commits.load(Ordering::Relaxed),
            records: self.records.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Reading {
    /// Bytes a record and records a commit, since an earlier reading.
    #[allow(clippy::cast_precision_loss)] // counts of some seconds
    pub fn since(self, before: Self) -> (f64, f64) {
        let records = (self.records - before.records) as f64;
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        (
            ratio((self.bytes - before.bytes) as f64, records),
            ratio(records, (self.commits - before.commits) as f64),
        )
    }
}

/// The ledger.
#[derive(Debug, Clone)]
pub struct Counted {
    ledger: Arc<dyn Ledger>,
    counts: Arc<Counts>,
}

impl Counted {
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self {
            ledger,
            counts: Arc::default(),
        }
    }

    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    pub fn storage(&self, secrets: Arc<Secrets>) -> Storage {
        Storage {
            ledger: Arc::new(self.clone()),
            secrets,
            checkpoints: None,
        }
    }
}

impl Ledger for Counted {
    fn append(&self, records: &[&[u8]]) -> Result<Head, AppendError> {
        let bytes: usize = records.iter().map(|record| record.len()).sum();
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
        self.counts
            .records
            .fetch_add(records.len() as u64, Ordering::Relaxed);
        self.counts.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.ledger.append(records)
    }

    fn sync(&self) -> Result<Head, SyncError> {
        self.ledger.sync()
    }

    fn head(&self) -> Head {
        self.ledger.head()
    }

    fn durable_head(&self) -> Head {
        self.ledger.durable_head()
    }

    fn start(&self) -> Head {
        self.ledger.start()
    }

    fn read(&self, position: Position) -> Result<Option<Vec<u8>>, ReadError> {
        self.ledger.read(position)
    }

    fn chain_at(&self, position: Position) -> Result<Option<ChainHash>, ReadError> {
        self.ledger.chain_at(position)
    }

    fn scan(&self, from: Position, chain_before: Option<ChainHash>) -> Scan<'_> {
        self.ledger.scan(from, chain_before)
    }

    fn drain(&self) -> Result<Head, SyncError> {
        self.ledger.drain()
    }
}
