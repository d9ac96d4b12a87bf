//! The files that the command writes, each whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::{Found, answer};
use crate::cli::whole_file::WholeFile;
use crate::domain::math;

/// What is to be written where.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// Writes the model as JSON.
    #[arg(long, value_name = "FILE.json")]
    model_out: Option<PathBuf>,
    /// Writes the rows that were used as CSV: the row's number in the file, from
    /// 1; whether it was for training or held_out; its fold, from 1; whether it
    /// responded; and its probability to, by the model.
    #[arg(long, value_name = "FILE.csv")]
    rows_out: Option<PathBuf>,
}

/// Files that are not in their places yet.
pub(super) struct Outputs {
    model: Option<WholeFile>,
    rows: Option<WholeFile>,
}

impl Outputs {
    /// Opens them, before any work is done.
    pub(super) fn create(args: &FileArgs, input: &Path) -> anyhow::Result<Self> {
        let paths = [&args.model_out, &args.rows_out];
        let asked = paths.iter().filter_map(|path| path.as_deref());
        let mut files = WholeFile::create_apart(asked, input)?.into_iter();
        let mut next = |path: &Option<PathBuf>| path.as_ref().and_then(|_| files.next());
        Ok(Self {
            model: next(paths[0]),
            rows: next(paths[1]),
        })
    }

    /// Writes them, then puts them in their places; says where.
    pub(super) fn write(self, found: &Found<'_>) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        if let Some(mut file) = self.model {
            let text = serde_json::to_string_pretty(&answer::model_json(found))?;
            writeln!(file, "{text}").context("the model could not be written")?;
            files.push(file);
        }
        if let Some(mut file) = self.rows {
            write_rows(&mut file, found).context("the rows could not be written")?;
            files.push(file);
        }
        files.into_iter().map(WholeFile::put_in_place).collect()
    }
}

fn write_rows(file: &mut WholeFile, found: &Found<'_>) -> anyhow::Result<()> {
    let (rows, fit) = (found.rows, found.fit);
    // The part and the fold of each row.
    let mut parts = vec![("held_out", None); rows.len()];
    for (place, row) in fit.split.training.iter().enumerate() {
        parts[*row] = ("training", fit.folds.get(place));
    }
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(["row", "part", "fold", "response", "probability"])?;
    for (row, (part, fold)) in parts.into_iter().enumerate() {
        let probability = math::logistic(fit.fitted.model.score(rows.row(row)));
        writer.write_record([
            (rows.places()[row] + 1).to_string(),
            part.to_owned(),
            fold.map_or_else(String::new, |fold| (fold + 1).to_string()),
            u8::from(rows.responses()[row]).to_string(),
            probability.to_string(),
        ])?;
    }
    writer.flush()?;
    Ok(())
}
