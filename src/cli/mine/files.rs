//! The files that the command writes. Each is made beside its place before
//! any work is done and put there when all of them are whole.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;

use super::{Mined, affinity_file, page, rows};
use crate::affinity::Baskets;
use crate::cli::whole_file::WholeFile;

/// What is to be written where.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// Writes all rules as CSV.
    #[arg(long, value_name = "FILE.csv")]
    rules_out: Option<PathBuf>,
    /// Writes all frequent itemsets as CSV.
    #[arg(long, value_name = "FILE.csv")]
    itemsets_out: Option<PathBuf>,
    /// Writes the similar items of each item as CSV.
    #[arg(long, value_name = "FILE.csv", requires = "similarity")]
    similarity_out: Option<PathBuf>,
    /// Writes a page with the graph of the strongest rules and a table to sort;
    /// it needs no network.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Writes what goes with what, by the hybrid, as part of a catalogue file.
    #[arg(long, value_name = "FILE.toml", requires = "evaluate")]
    affinity_out: Option<PathBuf>,
    /// What joins the items of a set in CSV.
    #[arg(long, default_value_t = ';')]
    join: char,
}

impl FileArgs {
    fn asked(&self) -> impl Iterator<Item = (Content, &Path)> {
        let all = [
            (Content::Rules, &self.rules_out),
            (Content::Itemsets, &self.itemsets_out),
            (Content::Similarity, &self.similarity_out),
            (Content::Page, &self.html),
            (Content::Affinity, &self.affinity_out),
        ];
        all.into_iter()
            .filter_map(|(content, path)| Some((content, path.as_deref()?)))
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Rules,
    Itemsets,
    Similarity,
    Page,
    Affinity,
}

/// Files that are not in their places yet.
pub(super) struct Outputs {
    join: char,
    files: Vec<(Content, WholeFile)>,
}

impl Outputs {
    /// Opens them, so that a place that cannot be written is known before any
    /// work is done.
    pub(super) fn create<'p>(
        args: &FileArgs,
        inputs: impl IntoIterator<Item = &'p Path>,
    ) -> anyhow::Result<Self> {
        let inputs: Vec<PathBuf> = inputs
            .into_iter()
            .filter_map(|input| input.canonicalize().ok())
            .collect();
        let mut files: Vec<(Content, WholeFile)> = Vec::new();
        for (content, path) in args.asked() {
            let file = WholeFile::create(path)?;
            let place = file.place();
            ensure!(
                inputs.iter().all(|input| input != place),
                "{} is read, it cannot be written as well: give another file",
                path.display()
            );
            ensure!(
                files.iter().all(|(_, other)| other.place() != place),
                "{} would be written twice: give each output a file of its own",
                path.display()
            );
            files.push((content, file));
        }
        Ok(Self {
            join: args.join,
            files,
        })
    }

    /// Refuses names that could not be told apart in a joined set.
    pub(super) fn check_names(&self, baskets: &Baskets) -> anyhow::Result<()> {
        let joined = |(content, _): &(Content, WholeFile)| {
            matches!(content, Content::Rules | Content::Itemsets)
        };
        if !self.files.iter().any(joined) {
            return Ok(());
        }
        let mut names = baskets.names().iter();
        if let Some(name) = names.find(|name| name.contains(self.join)) {
            let join = self.join;
            anyhow::bail!(
                "item {name:?} has {join:?} in its name, which joins the items of a set in CSV: \
                 give another character with --join"
            );
        }
        Ok(())
    }

    /// Writes all of them, then puts them in their places; says where.
    pub(super) fn write(mut self, mined: &Mined<'_>) -> anyhow::Result<Vec<PathBuf>> {
        for (content, file) in &mut self.files {
            let name = file.place().display().to_string();
            let written = match content {
                Content::Rules => rows::rules(file, mined, self.join),
                Content::Itemsets => rows::itemsets(file, mined, self.join),
                Content::Similarity => rows::similarity(file, mined),
                Content::Page => page::write(file, mined).map_err(Into::into),
                Content::Affinity => match &mined.judged {
                    Some(judged) => affinity_file::write(file, mined, judged),
                    None => Ok(()),
                },
            };
            written.with_context(|| format!("{name} could not be written"))?;
        }
        let place = |(_, file): (Content, WholeFile)| file.put_in_place();
        self.files.into_iter().map(place).collect()
    }
}
