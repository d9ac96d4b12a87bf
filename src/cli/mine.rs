//! `promobandit mine`: what is bought together, from a file of baskets.

mod affinity_file;
mod files;
mod hybrid;
mod input;
mod layout;
mod page;
mod report;
mod rows;
mod texts;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::output::{Output, progress_bar};
use crate::affinity::similarity::{Neighbour, Similarity, neighbours};
use crate::affinity::{
    Baskets, FrequentItemsets, MinConfidence, MinSupport, MiningParameters, RuleOrder,
    RuleParameters, Rules,
};
use files::Outputs;
use hybrid::Judged;

/// Finds what is bought together: frequent itemsets and association rules by
/// FP-growth, and on request which items are alike, and how well all of it
/// together says what a basket lacks.
///
/// FILE has one basket a line, its items separated by commas; a name with a
/// comma stands in quotes. Spaces around names are dropped. An item counts
/// once a basket, an empty line is no basket; both are reported. A file
/// compressed by gzip is read as it is.
#[derive(Debug, Args)]
pub struct MineArgs {
    /// The baskets; `-` reads standard input.
    file: PathBuf,
    /// The share of baskets from which on items are frequent together.
    #[arg(long, default_value_t = 0.01)]
    min_support: f64,
    /// The share of baskets with the antecedent that must have the consequent.
    #[arg(long, default_value_t = 0.2)]
    min_confidence: f64,
    /// The most items of an itemset, and so of a rule; any number when not
    /// given.
    #[arg(long)]
    max_length: Option<usize>,
    /// More itemsets than this are refused, before anything is written.
    #[arg(long, default_value_t = MiningParameters::DEFAULT_MAX_ITEMSETS)]
    max_itemsets: usize,
    /// More rules than this are refused, before anything is written.
    #[arg(long, default_value_t = RuleParameters::DEFAULT_MAX_RULES)]
    max_rules: usize,
    /// The measure by which rules are ordered, the highest first.
    #[arg(long, value_enum, default_value_t)]
    order: Order,
    /// How many rules are printed.
    #[arg(long, default_value_t = 20)]
    top: usize,
    #[command(flatten)]
    format: input::FormatArgs,
    #[command(flatten)]
    files: files::FileArgs,
    /// Also compares items two by two, by this measure.
    #[arg(long, value_enum)]
    similarity: Option<Measure>,
    /// How many similar items are kept for each.
    #[arg(long, default_value_t = 10)]
    neighbours: usize,
    /// Items that are together in fewer baskets are not compared.
    #[arg(long, default_value_t = 2)]
    min_together: u32,
    #[command(flatten)]
    hybrid: hybrid::HybridArgs,
    /// For people or for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// [`RuleOrder`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Order {
    #[default]
    Lift,
    Confidence,
    Support,
    Leverage,
    Conviction,
    ZhangsMetric,
}

impl Order {
    const fn rule_order(self) -> RuleOrder {
        match self {
            Self::Lift => RuleOrder::Lift,
            Self::Confidence => RuleOrder::Confidence,
            Self::Support => RuleOrder::Support,
            Self::Leverage => RuleOrder::Leverage,
            Self::Conviction => RuleOrder::Conviction,
            Self::ZhangsMetric => RuleOrder::ZhangsMetric,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Lift => "lift",
            Self::Confidence => "confidence",
            Self::Support => "support",
            Self::Leverage => "leverage",
            Self::Conviction => "conviction",
            Self::ZhangsMetric => "zhangs_metric",
        }
    }
}

/// [`Similarity`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    Cosine,
    Jaccard,
    Pearson,
}

impl Measure {
    const fn similarity(self) -> Similarity {
        match self {
            Self::Cosine => Similarity::Cosine,
            Self::Jaccard => Similarity::Jaccard,
            Self::Pearson => Similarity::Pearson,
        }
    }
}

/// What was mined, for every form of the answer.
struct Mined<'a> {
    args: &'a MineArgs,
    min_count: u32,
    baskets: &'a Baskets,
    itemsets: &'a FrequentItemsets,
    rules: &'a Rules<'a>,
    similar: Option<Similar>,
    judged: Option<Judged>,
}

/// For each item those that are most like it.
struct Similar {
    similarity: Similarity,
    by_item: Vec<Vec<Neighbour>>,
}

/// How long each part took.
#[derive(Debug, Clone, Copy, Default)]
struct Timings {
    read: Duration,
    itemsets: Duration,
    rules: Duration,
    similarity: Duration,
    evaluation: Duration,
    write: Duration,
}

/// Runs the command.
///
/// # Errors
/// When an option is out of its bounds, the file cannot be read as baskets,
/// there is more to be found than may be kept, or a file cannot be written.
/// Then no file is changed.
pub fn run(args: &MineArgs) -> anyhow::Result<ExitCode> {
    let mining = MiningParameters {
        min_support: MinSupport::new(args.min_support)?,
        max_length: args.max_length,
        max_itemsets: args.max_itemsets,
    };
    let ruling = RuleParameters {
        min_confidence: MinConfidence::new(args.min_confidence)?,
        order: args.order.rule_order(),
        max_rules: args.max_rules,
    };
    let inputs = [args.file.as_path()];
    let inputs = inputs.into_iter().chain(args.hybrid.texts.file());
    let outputs = Outputs::create(&args.files, inputs)?;
    let mut timings = Timings::default();
    let baskets = timed(&mut timings.read, || input::read(&args.file, &args.format))?;
    outputs.check_names(&baskets)?;
    let itemsets = timed(&mut timings.itemsets, || mine(&baskets, &mining))?;
    let rules = timed(&mut timings.rules, || Rules::of(&itemsets, &ruling))?;
    let similar = timed(&mut timings.similarity, || compare(args, &baskets));
    let judged = timed(&mut timings.evaluation, || {
        args.hybrid.judge(args, &baskets, &mining, &ruling)
    })?;
    let mined = Mined {
        args,
        min_count: mining.min_support.min_count(baskets.len()),
        baskets: &baskets,
        itemsets: &itemsets,
        rules: &rules,
        similar,
        judged,
    };
    let written = timed(&mut timings.write, || outputs.write(&mined))?;
    args.output.print(
        || report::text(&mined, &written, &timings),
        || report::json(&mined, &written, &timings),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What `work` gives, and how long it took.
fn timed<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    *spent = start.elapsed();
    done
}

fn mine(baskets: &Baskets, parameters: &MiningParameters) -> anyhow::Result<FrequentItemsets> {
    let bar = progress_bar(0, "items");
    let found = FrequentItemsets::mine(baskets, parameters, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    Ok(found?)
}

fn compare(args: &MineArgs, baskets: &Baskets) -> Option<Similar> {
    let similarity = args.similarity?.similarity();
    Some(Similar {
        similarity,
        by_item: neighbours(baskets, similarity, args.neighbours, args.min_together),
    })
}
