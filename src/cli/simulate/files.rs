//! The files that the command writes. Each is made beside its place before
//! anything is played, so that one that cannot be written costs no time.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::{Run, curves, page};
use crate::cli::whole_file::WholeFile;

/// What is to be written where.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// Writes a page with the answers, the plots behind them and the tables; it
    /// needs no network.
    #[arg(long, value_name = "PAGE.html")]
    report: Option<PathBuf>,
    /// Writes every point of every curve as CSV.
    #[arg(long, value_name = "FILE.csv")]
    curves_csv: Option<PathBuf>,
    /// Writes every point of every curve as Parquet.
    #[cfg(feature = "offline")]
    #[arg(long, value_name = "FILE.parquet")]
    curves_parquet: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Report,
    CurvesCsv,
    #[cfg(feature = "offline")]
    CurvesParquet,
}

impl FileArgs {
    fn asked(&self) -> impl Iterator<Item = (Content, &Path)> {
        let all = [
            (Content::Report, &self.report),
            (Content::CurvesCsv, &self.curves_csv),
            #[cfg(feature = "offline")]
            (Content::CurvesParquet, &self.curves_parquet),
        ];
        all.into_iter()
            .filter_map(|(content, path)| Some((content, path.as_deref()?)))
    }
}

/// Files that are not in their places yet.
pub(super) struct Outputs(Vec<(Content, WholeFile)>);

impl Outputs {
    /// Makes every file that is asked for, beside its place.
    ///
    /// # Errors
    /// When one cannot be made, or would lie upon another or upon what is read.
    pub(super) fn create(args: &FileArgs, read: &[PathBuf]) -> anyhow::Result<Self> {
        let mut files: Vec<(Content, WholeFile)> = Vec::new();
        let inputs: Vec<PathBuf> = read
            .iter()
            .filter_map(|it| it.canonicalize().ok())
            .collect();
        for (content, path) in args.asked() {
            let file = WholeFile::create(path)?;
            let place = file.place();
            ensure!(
                !inputs.iter().any(|input| input == place),
                "{} is the scenario itself",
                path.display()
            );
            ensure!(
                !files.iter().any(|(_, other)| other.place() == place),
                "{} is named for two files",
                path.display()
            );
            files.push((content, file));
        }
        Ok(Self(files))
    }

    /// Writes them all and puts them in their places; says where.
    ///
    /// # Errors
    /// When one cannot be written; then none of those after it is changed.
    pub(super) fn write(self, runs: &[Run]) -> anyhow::Result<Vec<PathBuf>> {
        let mut whole = Vec::with_capacity(self.0.len());
        for (content, mut file) in self.0 {
            let place = file.place().display().to_string();
            let written = match content {
                Content::Report => file
                    .write_all(page::page(runs).as_bytes())
                    .map_err(Into::into),
                Content::CurvesCsv => curves::write_csv(&mut file, runs),
                #[cfg(feature = "offline")]
                Content::CurvesParquet => curves::write_parquet(&mut file, runs).map(|_| ()),
            };
            written.with_context(|| format!("{place} could not be written"))?;
            whole.push(file);
        }
        whole.into_iter().map(WholeFile::put_in_place).collect()
    }
}
