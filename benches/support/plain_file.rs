//! The least that a durable ledger can do: records in memory for reading, their
//! bytes in a preallocated plain file, `fdatasync` per commit.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;

use promobandit::domain::ids::{ChainHash, Position};
use promobandit::ledger::memory::MemoryLedger;
use promobandit::ledger::{AppendError, Head, Ledger, ReadError, Scan, SyncError};

/// The file's size; it is written round.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug)]
pub struct PlainFileLedger {
    records: MemoryLedger,
    file: File,
    /// Where the next bytes go. Held for one write.
    offset: Mutex<u64>,
}

impl PlainFileLedger {
    /// Written once in full, so that a commit changes no metadata.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).write(true).open(path)?;
        let zeros = vec![0; 1024 * 1024];
        for offset in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self {
            records: MemoryLedger::new(),
            file,
            offset: Mutex::new(0),
        })
    }

    /// Writes bytes and syncs them, past the ledger.
    pub fn write_synced(&self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)?;
        self.file.sync_data()
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut offset = self
            .offset
            .lock()
            .map_err(|_| io::Error::other("a write panicked"))?;
        if *offset + bytes.len() as u64 > FILE_BYTES {
            *offset = 0;
        }
        self.file.write_all_at(bytes, *offset)?;
        *offset += bytes.len() as u64;
        Ok(())
    }
}

impl Ledger for PlainFileLedger {
    fn append(&self, records: &[&[u8]]) -> Result<Head, AppendError> {
        self.write(&records.concat())
            .map_err(|error| AppendError::Store {
                reason: error.to_string(),
            })?;
        self.records.append(records)
    }

    fn sync(&self) -> Result<Head, SyncError> {
        self.file.sync_data().map_err(|error| SyncError::Store {
            durable: self.records.durable_head().position,
            reason: error.to_string(),
        })?;
        self.records.sync()
    }

    fn head(&self) -> Head {
        self.records.head()
    }

    fn durable_head(&self) -> Head {
        self.records.durable_head()
    }

    fn start(&self) -> Head {
        self.records.start()
    }

    fn read(&self, position: Position) -> Result<Option<Vec<u8>>, ReadError> {
        self.records.read(position)
    }

    fn chain_at(&self, position: Position) -> Result<Option<ChainHash>, ReadError> {
        self.records.chain_at(position)
    }

    fn scan(&self, from: Position, chain_before: Option<ChainHash>) -> Scan<'_> {
        self.records.scan(from, chain_before)
    }

    fn drain(&self) -> Result<Head, SyncError> {
        self.sync()?;
        self.records.drain()
    }
}
