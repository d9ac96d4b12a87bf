//! Parquet files: opened, told to be whole, their columns as numbers and names.

pub(super) mod texts;
pub(super) mod values;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::fault::LogProblem;

/// How Parquet begins and ends.
const MAGIC: [u8; 4] = *b"PAR1";

/// Opens a file, and tells what is wrong with one that is not whole. Types are
/// Parquet's own, whatever the program that wrote it would have them be.
pub(super) fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, LogProblem> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Err(LogProblem::Empty {
            expected: "a Parquet file",
        });
    }
    let mut ends = [[0; 4]; 2];
    if bytes >= 8 {
        file.read_exact(&mut ends[0])?;
        file.seek(SeekFrom::End(-4))?;
        file.read_exact(&mut ends[1])?;
    }
    match ends {
        [MAGIC, MAGIC] => {}
        [MAGIC, _] => {
            return Err(LogProblem::Truncated {
                format: "Parquet",
                bytes,
                end: "a footer",
            });
        }
        _ => return Err(LogProblem::OtherFormat { format: "Parquet" }),
    }
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(|error| undecodable(0, &error))
}

/// The file's own structure is wrong after a row.
pub(super) fn undecodable(row: u64, error: &ParquetError) -> LogProblem {
    LogProblem::Undecodable {
        row,
        error: error.to_string(),
    }
}
