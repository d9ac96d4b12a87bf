//! `promobandit policy priors`: what is believed of offers, read from a table or
//! counted from a log, told to a running service in as many imports as it takes.
//! Their ids are made of their contents, so the command can be run again after
//! whatever went wrong: what was learnt is not learnt twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::json;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::client;
use crate::cli::client::{patiently, refusal};
use crate::cli::evaluate::choices::ChoiceLog;
use crate::cli::evaluate::log::LogSource;
use crate::cli::output::{Output, progress_bar};
use crate::cli::table::Table;
use crate::domain::ids::Position;
use crate::engine::priors::MOST_REWARDS;
use crate::proto::promobandit::v1::{BelievedRewards, GetCatalogRequest, ImportPriorsRequest};

/// Numbers of features in one import, so that it fits into a record.
const MOST_FEATURES: usize = 32 * 1024;

/// What is believed, and where.
#[derive(Debug, Args)]
pub struct PriorArgs {
    /// The placement's id.
    placement: String,
    /// CSV with the columns offer, reward (1 or 0 for a conversion, minor units for
    /// money), times (how many rewards of that size, from 1) and, where it matters,
    /// segment (empty: every segment of the catalogue); for a contextual policy the
    /// columns feature_1, feature_2, … hold the entries of the placement's features
    #[arg(
        value_name = "FILE",
        required_unless_present = "log",
        conflicts_with = "log"
    )]
    file: Option<PathBuf>,
    /// A log to count rewards from, as for `evaluate`: ledger:DIR, parquet:FILE,
    /// obp:FILE, dsjson:FILE or vw:FILE. Its actions are offers of the placement,
    /// its segments those of the catalogue; a log without segments speaks of all
    #[arg(long, value_name = "FORMAT:FILE")]
    log: Option<LogSource>,
    /// Which placement of the log; needed when it has several
    #[arg(long, value_name = "ID", requires = "log")]
    log_placement: Option<String>,
    /// No offer counts for more rewards than this in a segment: more are scaled down,
    /// each size alike [default: all count]
    #[arg(long, value_name = "REWARDS", value_parser = clap::value_parser!(u64).range(1..))]
    most: Option<u64>,
    /// The service that runs here, such as http://127.0.0.1:7117
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// Who brings them; kept with them
    #[arg(long, default_value = "", value_name = "NAME")]
    actor: String,
    /// Only tell what would be imported
    #[arg(long)]
    dry_run: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What is believed of an offer in a segment.
type Arm = (String, String);

/// So many rewards of one size.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    reward: f64,
    times: u64,
    features: Vec<f64>,
}

type Beliefs = BTreeMap<Arm, Vec<Entry>>;

pub(super) async fn run(args: PriorArgs) -> Result<()> {
    let (file, log) = (args.file.clone(), args.log.clone());
    let (placement, most) = (args.log_placement.clone(), args.most);
    let beliefs = spawn_blocking(move || -> Result<Beliefs> {
        let mut beliefs = match (file, log) {
            (Some(file), _) => {
                read_table(&file).with_context(|| format!("{} holds no priors", file.display()))?
            }
            (None, Some(log)) => count(&log, placement.as_deref())?,
            (None, None) => bail!("neither a file nor --log is given"),
        };
        if let Some(most) = most {
            beliefs
                .values_mut()
                .for_each(|entries| scale(entries, most));
        }
        Ok(beliefs)
    })
    .await??;
    if beliefs.is_empty() {
        bail!("there is no reward to learn");
    }
    let mut client = client(&args.endpoint).await?;
    let catalog = client.get_catalog(GetCatalogRequest {}).await;
    let catalog = catalog.map_err(|status| refusal(&status))?.into_inner();
    let segments = u64::try_from(catalog.segments).unwrap_or(1).max(1);
    let imports = imports(&args, &beliefs, segments);
    let (mut learnt, mut duplicates) = (0, 0);
    if !args.dry_run {
        let bar = progress_bar(imports.len() as u64, "imports");
        for import in &imports {
            let answer = patiently(|| {
                let mut client = client.clone();
                let import = import.clone();
                async move { client.import_priors(import).await }
            });
            let answer = answer.await?;
            learnt += answer.learnt;
            duplicates += u64::from(answer.duplicate);
            bar.inc(1);
        }
        bar.finish_and_clear();
    }
    print(&args, &beliefs, imports.len(), learnt, duplicates)
}

fn print(
    args: &PriorArgs,
    beliefs: &Beliefs,
    imports: usize,
    learnt: u64,
    duplicates: u64,
) -> Result<()> {
    let arms = beliefs.iter().map(|((segment, offer), entries)| {
        let times: u64 = entries.iter().map(|entry| entry.times).sum();
        let sum: f64 = entries.iter().map(|it| it.reward * it.times as f64).sum();
        (segment, offer, times, sum / times as f64)
    });
    let arms: Vec<_> = arms.collect();
    args.output.print(
        || {
            let mut table = Table::new(["segment", "offer", "rewards", "mean"]);
            for (segment, offer, times, mean) in &arms {
                let segment = if segment.is_empty() { "every one" } else { segment };
                table.row([
                    segment.to_owned(),
                    (*offer).clone(),
                    times.to_string(),
                    format!("{mean:.6}"),
                ]);
            }
            let told = match (args.dry_run, duplicates) {
                (true, _) => format!("{imports} imports would bring this; nothing was learnt"),
                (false, 0) => format!("{learnt} rewards were learnt"),
                (false, _) => format!(
                    "{learnt} rewards were learnt; {duplicates} of {imports} imports had been before"
                ),
            };
            format!("{table}{told}")
        },
        || {
            let arms = arms.iter().map(|(segment, offer, times, mean)| {
                json!({ "segment": segment, "offer": offer, "rewards": times, "mean": mean })
            });
            json!({
                "arms": arms.collect::<Vec<_>>(),
                "imports": imports,
                "duplicates": duplicates,
                "learnt": learnt,
                "dry_run": args.dry_run,
            })
        },
    )
}

fn read_table(file: &Path) -> Result<Beliefs> {
    let mut csv = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)?;
    let header = csv.headers()?.clone();
    let find = |name: &str| header.iter().position(|column| column == name);
    let need = |name| find(name).with_context(|| format!("the header has no column {name}"));
    let (offer, reward, times) = (need("offer")?, need("reward")?, need("times")?);
    let segment = find("segment");
    let features: Vec<usize> = (1..)
        .map_while(|number: usize| find(&format!("feature_{number}")))
        .collect();
    let known = features.len() + 3 + usize::from(segment.is_some());
    if known != header.len() {
        let is_known = |column: &usize| {
            [Some(offer), Some(reward), Some(times), segment].contains(&Some(*column))
                || features.contains(column)
        };
        let other = (0..header.len()).find(|column| !is_known(column));
        bail!(
            "the column {:?} is none of segment, offer, reward, times, feature_1, feature_2, …",
            other
                .and_then(|column| header.get(column))
                .unwrap_or_default()
        );
    }
    let mut beliefs = Beliefs::new();
    for (row, record) in (1_u64..).zip(csv.records()) {
        let record = record?;
        let text = |column: usize| record.get(column).unwrap_or_default();
        let number = |column: usize| {
            let number: Option<f64> = text(column).parse().ok().filter(|it: &f64| it.is_finite());
            let (name, given) = (header.get(column).unwrap_or_default(), text(column));
            number.with_context(|| format!("row {row}, column {name}: {given:?} is no number"))
        };
        let count = text(times).parse::<u32>().ok().filter(|count| *count > 0);
        let entry = Entry {
            reward: number(reward)?,
            times: u64::from(count.with_context(|| {
                let given = text(times);
                format!("row {row}, column times: {given:?} is not a whole number from 1")
            })?),
            features: features
                .iter()
                .map(|it| number(*it))
                .collect::<Result<_>>()?,
        };
        if text(offer).is_empty() {
            bail!("row {row}, column offer: empty, must be the id of an offer");
        }
        let arm = (segment.map_or("", text).to_owned(), text(offer).to_owned());
        beliefs.entry(arm).or_default().push(entry);
    }
    Ok(beliefs)
}

/// The rewards of a log, counted by segment, offer and size.
fn count(source: &LogSource, placement: Option<&str>) -> Result<Beliefs> {
    let log = ChoiceLog::open(source, placement)?
        .context("a log of this format names no offers of a catalogue; replay it instead")?;
    let mut counts: BTreeMap<(Arm, u64), u64> = BTreeMap::new();
    for batch in log.read(Position::START)? {
        let batch = batch?;
        let names = batch.vocabulary();
        for index in 0..batch.len() {
            let choice = batch.get(index);
            let segment = choice.segment.and_then(|number| names.segments.get(number));
            let offer = choice.actions.get(choice.chosen);
            let offer = offer.and_then(|number| names.actions.get(*number));
            let arm = (
                segment.unwrap_or_default().to_owned(),
                offer
                    .context("an action of the log has no name")?
                    .to_owned(),
            );
            *counts.entry((arm, choice.reward.to_bits())).or_default() += 1;
        }
    }
    let mut beliefs = Beliefs::new();
    for ((arm, reward), times) in counts {
        beliefs.entry(arm).or_default().push(Entry {
            reward: f64::from_bits(reward),
            times,
            features: Vec::new(),
        });
    }
    Ok(beliefs)
}

/// Leaves at most so many rewards, each size in proportion: rounded down, and what
/// is left given to the largest remainders.
fn scale(entries: &mut Vec<Entry>, most: u64) {
    let total: u64 = entries.iter().map(|entry| entry.times).sum();
    if total <= most {
        return;
    }
    let share = |entry: &Entry| u128::from(entry.times) * u128::from(most);
    let total = u128::from(total);
    let mut by_remainder: Vec<usize> = (0..entries.len()).collect();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(share(&entries[*index]) % total));
    let whole = |entry: &Entry| u64::try_from(share(entry) / total).unwrap_or(u64::MAX);
    let left = most - entries.iter().map(whole).sum::<u64>();
    let favoured = usize::try_from(left).unwrap_or(usize::MAX);
    let scaled: Vec<u64> = entries.iter().map(whole).collect();
    for (entry, times) in entries.iter_mut().zip(scaled) {
        entry.times = times;
    }
    for index in by_remainder.into_iter().take(favoured) {
        entries[index].times += 1;
    }
    entries.retain(|entry| entry.times > 0);
}

/// The imports that bring it all: each has its part of every entry, so that they
/// are alike whichever comes last.
fn imports(args: &PriorArgs, beliefs: &Beliefs, segments: u64) -> Vec<ImportPriorsRequest> {
    let entries = beliefs
        .iter()
        .flat_map(|(arm, entries)| entries.iter().map(move |entry| (arm, entry)));
    let (mut rewards, mut features) = (0, 0);
    for ((segment, _), entry) in entries.clone() {
        rewards += entry.times * if segment.is_empty() { segments } else { 1 };
        let copies = if segment.is_empty() { segments } else { 1 };
        // An entry is about as large as ten numbers besides its features.
        features += (entry.features.len() + 10) as u64 * copies;
    }
    let parts = rewards
        .div_ceil(MOST_REWARDS / 2)
        .max(features.div_ceil(MOST_FEATURES as u64))
        .max(1);
    (0..parts)
        .map(|part| {
            let until =
                |times: u64, part: u64| u128::from(times) * u128::from(part) / u128::from(parts);
            let rewards =
                entries
                    .clone()
                    .enumerate()
                    .filter_map(|(index, ((segment, offer), entry))| {
                        // Single rewards do not all fall into the last part.
                        let shift = index as u64 % parts;
                        let turn = (part + shift) % parts;
                        let times = until(entry.times, turn + 1) - until(entry.times, turn);
                        let times = u32::try_from(times).ok().filter(|times| *times > 0)?;
                        Some(BelievedRewards {
                            segment: segment.clone(),
                            offer_id: offer.clone(),
                            reward: entry.reward,
                            times,
                            features: entry.features.clone(),
                        })
                    });
            let rewards: Vec<_> = rewards.collect();
            ImportPriorsRequest {
                import_id: id_of(&args.placement, part, parts, &rewards).to_string(),
                placement: args.placement.clone(),
                rewards,
                actor: args.actor.clone(),
            }
        })
        .filter(|import| !import.rewards.is_empty())
        .collect()
}

/// The id that an import of this content has.
fn id_of(placement: &str, part: u64, parts: u64, rewards: &[BelievedRewards]) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    let mut text = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    text("promobandit priors");
    text(placement);
    for rewards in rewards {
        text(&rewards.segment);
        text(&rewards.offer_id);
    }
    for number in [part, parts] {
        hasher.update(&number.to_le_bytes());
    }
    for rewards in rewards {
        hasher.update(&rewards.reward.to_bits().to_le_bytes());
        hasher.update(&rewards.times.to_le_bytes());
        hasher.update(&(rewards.features.len() as u64).to_le_bytes());
        for feature in &rewards.features {
            hasher.update(&feature.to_bits().to_le_bytes());
        }
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
