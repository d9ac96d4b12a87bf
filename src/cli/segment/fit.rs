//! `promobandit segment fit`: groups of shoppers by k-means.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::answer;
use super::description::Description;
use super::fragment::Fragment;
use super::table::{Missing, Shoppers};
use crate::catalog::read_segments;
use crate::cli::features::FeatureArgs;
use crate::cli::output::{Output, progress_bar};
use crate::cli::whole_file::WholeFile;
use crate::domain::random::{DecisionSeed, Stream};
use crate::domain::standard_scores::StandardScores;
use crate::logs::sheet::Sheet;
use crate::segment::k_means::{Clusters, Rows, Search};
use crate::segment::silhouette::mean_silhouettes;

/// Finds groups of shoppers by k-means on standardised features.
///
/// FILE has one row a shopper, as CSV (as it is or packed by gzip) or Parquet with
/// a header. Each feature is brought to mean 0 and deviation 1. When the number of
/// clusters is not given, 2 to --max-clusters are tried on a sample of the rows,
/// and the number with the highest mean silhouette is taken, the first of equals.
/// The groups leave as entries of a catalogue: attributes with their scales, and
/// segments with their centroids.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// The table of shoppers.
    file: PathBuf,
    #[command(flatten)]
    features: FeatureArgs,
    /// How many clusters; by silhouette when not given.
    #[arg(long)]
    clusters: Option<usize>,
    /// The most clusters that are tried when their number is not given.
    #[arg(long, default_value_t = 10, conflicts_with = "clusters")]
    max_clusters: usize,
    /// The rows on which numbers of clusters are tried: so many, drawn by the seed,
    /// or all where there are no more.
    #[arg(
        long,
        default_value_t = 4_000,
        value_name = "ROWS",
        conflicts_with = "clusters"
    )]
    sample: usize,
    /// How many starts; the one that ends with the least inertia is kept.
    #[arg(long, default_value_t = 10)]
    starts: u32,
    /// The seed of the starts and of the sample.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// What becomes of rows in which a feature is missing; they are counted.
    #[arg(long, value_enum, default_value_t)]
    missing: Missing,
    /// The feature by whose mean groups are ordered and named: high, middle and low
    /// value. Without it they are numbered, the largest first.
    #[arg(long, value_name = "COLUMN")]
    value: Option<String>,
    /// Writes the groups as entries of a catalogue.
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
    /// Writes a page with sizes and means of the groups; it needs no network.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Which of the seed's streams draws the sample.
const SAMPLE: Stream = Stream::numbered(u32::MAX);

/// What was found.
pub(super) struct Fitted {
    /// Rows of the file, and those among them that lack an entry.
    pub read: usize,
    pub incomplete: usize,
    pub missing: Missing,
    pub clusters: usize,
    pub starts: u32,
    pub seed: u64,
    pub inertia: f64,
    /// How the number of clusters was chosen; `None` when it was given.
    pub choice: Option<Choice>,
}

/// Numbers of clusters, tried on a sample.
pub(super) struct Choice {
    /// The rows of the sample.
    pub sampled: usize,
    /// From 2 clusters on.
    pub tried: Vec<Tried>,
}

/// A number of clusters, and how well they stand apart.
pub(super) struct Tried {
    pub clusters: usize,
    pub mean_silhouette: Option<f64>,
}

/// Runs the command.
///
/// # Errors
/// When the file cannot be read as a table, its rows cannot be put into groups, or
/// a file cannot be written. Then no file is changed.
pub(super) fn run(args: &FitArgs) -> anyhow::Result<()> {
    let paths = [&args.out, &args.html];
    let asked = paths.iter().filter_map(|path| path.as_deref());
    let mut files = WholeFile::create_apart(asked, &args.file)?.into_iter();
    let mut out = args.out.as_ref().and_then(|_| files.next());
    let mut html = args.html.as_ref().and_then(|_| files.next());
    let sheet = Sheet::read(&args.file)?;
    let columns = args.features.choose(&sheet, &[])?;
    let shoppers = Shoppers::new(&columns, args.missing)?;
    if let Some(value) = &args.value {
        let is_feature = shoppers.names.contains(&value.as_str());
        ensure!(is_feature, "--value names {value}, which is no feature");
    }
    let (fragment, fitted) = find(args, &shoppers, sheet.rows())?;
    let text = fragment.to_toml(&args.file.display().to_string(), &fitted)?;
    let name = args
        .out
        .as_ref()
        .map_or_else(|| "the groups".to_owned(), |out| out.display().to_string());
    let segmentation = read_segments(&text, &name)?;
    let description = Description::of(&sheet, &segmentation);
    if let Some(file) = &mut out {
        file.write_all(text.as_bytes())
            .with_context(|| format!("{name} could not be written"))?;
    }
    if let Some(file) = &mut html {
        let page = answer::page(&description);
        file.write_all(page.as_bytes())
            .context("the page could not be written")?;
    }
    let written = out.into_iter().chain(html).map(WholeFile::put_in_place);
    let written: Vec<PathBuf> = written.collect::<anyhow::Result<_>>()?;
    args.output.print(
        || answer::fitted_text(&fitted, &description, &written),
        || answer::fitted_json(&fitted, &description, &written),
    )
}

fn find(
    args: &FitArgs,
    shoppers: &Shoppers<'_>,
    read: usize,
) -> anyhow::Result<(Fragment, Fitted)> {
    let width = shoppers.names.len();
    let rows = Rows::new(width, &shoppers.entries);
    let scores = StandardScores::of(width, shoppers.entries.chunks_exact(width));
    let mut scored = Vec::with_capacity(shoppers.entries.len());
    rows.iter().for_each(|row| scores.append(row, &mut scored));
    let rows = Rows::new(width, &scored);
    let choice = match args.clusters {
        Some(_) => None,
        None => Some(try_numbers(args, rows)?),
    };
    let clusters = args.clusters.or_else(|| choice.as_ref()?.best());
    let clusters = clusters.context("no number of clusters could be told by its silhouette")?;
    let found = search(args, clusters, rows)?;
    let fragment = Fragment::new(&shoppers.names, &scores, &found, args.value.as_deref());
    let fitted = Fitted {
        read,
        incomplete: shoppers.incomplete,
        missing: args.missing,
        clusters,
        starts: args.starts,
        seed: args.seed,
        inertia: found.inertia,
        choice,
    };
    Ok((fragment, fitted))
}

fn search(args: &FitArgs, clusters: usize, rows: Rows<'_>) -> anyhow::Result<Clusters> {
    let bar = progress_bar(u64::from(args.starts), "starts");
    let search = Search {
        clusters,
        starts: args.starts,
        seed: args.seed,
    };
    let found = search.run(rows, &mut || bar.inc(1));
    bar.finish_and_clear();
    Ok(found?)
}

/// The mean silhouette of 2 and more clusters, on a sample.
fn try_numbers(args: &FitArgs, rows: Rows<'_>) -> anyhow::Result<Choice> {
    ensure!(
        args.max_clusters >= 2,
        "--max-clusters is {}, at least 2 are needed",
        args.max_clusters
    );
    ensure!(
        args.sample > args.max_clusters,
        "--sample is {}, it must be above --max-clusters ({})",
        args.sample,
        args.max_clusters
    );
    let sample = sample(rows, args.sample, args.seed);
    let sample = Rows::new(rows.width(), &sample);
    let mut found = Vec::new();
    for clusters in 2..=args.max_clusters {
        found.push(search(args, clusters, sample)?.of_rows);
    }
    let clusterings: Vec<&[usize]> = found.iter().map(Vec::as_slice).collect();
    let silhouettes = (2..).zip(mean_silhouettes(sample, &clusterings));
    let tried = silhouettes.map(|(clusters, mean_silhouette)| Tried {
        clusters,
        mean_silhouette,
    });
    Ok(Choice {
        sampled: sample.count(),
        tried: tried.collect(),
    })
}

/// So many rows, each set of them with the same probability; all where there are
/// no more.
fn sample(rows: Rows<'_>, most: usize, seed: u64) -> Vec<f64> {
    let mut generator = DecisionSeed(seed).generator(SAMPLE);
    let mut order: Vec<usize> = (0..rows.count()).collect();
    let taken = most.min(order.len());
    for place in 0..taken {
        let left = (order.len() - place) as u64;
        #[allow(clippy::cast_possible_truncation)] // below the number of rows
        order.swap(place, place + generator.next_below(left) as usize);
    }
    let taken = order[..taken].iter();
    taken.flat_map(|row| rows.row(*row)).copied().collect()
}

impl Choice {
    /// The number with the highest silhouette, the first of equals.
    fn best(&self) -> Option<usize> {
        let told = self.tried.iter();
        let told = told.filter_map(|tried| Some((tried.clusters, tried.mean_silhouette?)));
        told.reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map(|(clusters, _)| clusters)
    }
}
