//! A text file line by line, plain or compressed by gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::fault::LogProblem;

/// The first bytes of gzip data.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What is read at a time.
const BUFFER_BYTES: usize = 1 << 16;
/// A longer line is no line of a log.
const LONGEST_LINE_BYTES: u64 = 1 << 26;

/// The lines of a file, each with its number from 1. After the first error
/// there is nothing more.
pub(super) struct Lines {
    from: Box<dyn BufRead + Send>,
    row: u64,
    line: String,
}

impl Lines {
    /// Opens a file; `expected` says what it should be.
    ///
    /// # Errors
    /// When it cannot be read, or is empty.
    pub fn open(path: &Path, expected: &'static str) -> Result<Self, LogProblem> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
        let start = file.fill_buf()?;
        if start.is_empty() {
            return Err(LogProblem::Empty { expected });
        }
        let from: Box<dyn BufRead + Send> = if start.starts_with(&GZIP_MAGIC) {
            let plain = MultiGzDecoder::new(file);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, plain))
        } else {
            Box::new(file)
        };
        Ok(Self {
            from,
            row: 0,
            line: String::new(),
        })
    }

    /// The next line without its end, and its number; `None` after the last.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, or too long.
    pub fn next(&mut self) -> Result<Option<(u64, &str)>, LogProblem> {
        self.line.clear();
        let undecodable = |error: String| LogProblem::Undecodable {
            row: self.row,
            error,
        };
        let read = self
            .from
            .by_ref()
            .take(LONGEST_LINE_BYTES)
            .read_line(&mut self.line)
            .map_err(|error| undecodable(error.to_string()))?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 == LONGEST_LINE_BYTES {
            return Err(undecodable(format!(
                "the next line has {LONGEST_LINE_BYTES} bytes or more"
            )));
        }
        self.row += 1;
        Ok(Some((self.row, self.line.trim_end_matches(['\r', '\n']))))
    }

    /// How many lines were read.
    pub const fn row(&self) -> u64 {
        self.row
    }
}
