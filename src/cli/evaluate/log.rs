//! The log and the target that were asked for, read and passed over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use thiserror::Error;

use crate::domain::ids::Position;
use crate::evaluation::logged::RewardRange;
use crate::evaluation::pass::{Pass, Question};
use crate::evaluation::target::TargetTable;
use crate::logs::obd::{ObdActions, ObdRounds};

/// Where the log is, and in which format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// A prediction log in Parquet.
    Golden(PathBuf),
    /// The Open Bandit Dataset.
    Obd(PathBuf),
    /// The service's own ledger: a data directory.
    Ledger(PathBuf),
    /// Choices in Parquet.
    Parquet(PathBuf),
    /// Open Bandit Pipeline's feedback, in npz or Parquet.
    Obp(PathBuf),
    /// Vowpal Wabbit's dsjson.
    Dsjson(PathBuf),
    /// Vowpal Wabbit's text.
    Vw(PathBuf),
}

/// A log that is not named FORMAT:FILE.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not ledger:DIR, parquet:FILE, obp:FILE, dsjson:FILE, vw:FILE, obd:FILE or golden:FILE"
)]
pub struct UnknownLog(String);

impl FromStr for LogSource {
    type Err = UnknownLog;

    fn from_str(text: &str) -> Result<Self, UnknownLog> {
        let named = text.split_once(':').filter(|(_, file)| !file.is_empty());
        let (format, file) = named.ok_or_else(|| UnknownLog(text.to_owned()))?;
        let file = PathBuf::from(file);
        Ok(match format {
            "golden" => Self::Golden(file),
            "obd" => Self::Obd(file),
            "ledger" => Self::Ledger(file),
            "parquet" => Self::Parquet(file),
            "obp" => Self::Obp(file),
            "dsjson" => Self::Dsjson(file),
            "vw" => Self::Vw(file),
            _ => return Err(UnknownLog(text.to_owned())),
        })
    }
}

impl std::fmt::Display for LogSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (format, file) = match self {
            Self::Golden(file) => ("golden", file),
            Self::Obd(file) => ("obd", file),
            Self::Ledger(directory) => ("ledger", directory),
            Self::Parquet(file) => ("parquet", file),
            Self::Obp(file) => ("obp", file),
            Self::Dsjson(file) => ("dsjson", file),
            Self::Vw(file) => ("vw", file),
        };
        write!(f, "{format}:{}", file.display())
    }
}

/// The policy that is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSource {
    /// Every item with the same probability.
    Uniform,
    /// A table in a file.
    Table(PathBuf),
    /// The policy that made the log.
    Logging,
    /// The policy that a ledger's placement had at a position.
    Snapshot(Position),
    /// A policy's configuration in a file, with what the placement's own policy had
    /// learnt at a position.
    Config(Position, PathBuf),
    /// A policy's configuration in a file; it learns on the way.
    Learning(PathBuf),
    /// A policy's configuration in a file, or a ledger's placement's of today; it
    /// learns from the log, fold by fold.
    CrossFitted(Option<PathBuf>),
}

/// A target that is not named as one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not uniform, logging, table:FILE, snapshot:POSITION, config:POSITION:FILE, \
     learning:FILE, cross-fitted or cross-fitted:FILE"
)]
pub struct UnknownTarget(String);

impl FromStr for TargetSource {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        match text.split_once(':') {
            None if text == "uniform" => Ok(Self::Uniform),
            None if text == "logging" => Ok(Self::Logging),
            None if text == "cross-fitted" => Ok(Self::CrossFitted(None)),
            Some(("cross-fitted", file)) if !file.is_empty() => {
                Ok(Self::CrossFitted(Some(file.into())))
            }
            Some(("snapshot", position)) => match position.parse() {
                Ok(position) => Ok(Self::Snapshot(Position(position))),
                Err(_) => Err(UnknownTarget(text.to_owned())),
            },
            Some(("table", file)) if !file.is_empty() => Ok(Self::Table(file.into())),
            Some(("learning", file)) if !file.is_empty() => Ok(Self::Learning(file.into())),
            Some(("config", rest)) => {
                let parts = rest.split_once(':').filter(|(_, file)| !file.is_empty());
                let parsed = parts.and_then(|(position, file)| {
                    Some(Self::Config(Position(position.parse().ok()?), file.into()))
                });
                parsed.ok_or_else(|| UnknownTarget(text.to_owned()))
            }
            _ => Err(UnknownTarget(text.to_owned())),
        }
    }
}

impl std::fmt::Display for TargetSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Logging => f.write_str("logging"),
            Self::Snapshot(position) => write!(f, "snapshot:{position}"),
            Self::Table(file) => write!(f, "table:{}", file.display()),
            Self::Config(position, file) => write!(f, "config:{position}:{}", file.display()),
            Self::Learning(file) => write!(f, "learning:{}", file.display()),
            Self::CrossFitted(None) => f.write_str("cross-fitted"),
            Self::CrossFitted(Some(file)) => write!(f, "cross-fitted:{}", file.display()),
        }
    }
}

/// Passes over a log that is not one of choices.
pub(super) fn pass(
    source: &LogSource,
    target: Option<&TargetSource>,
    question: Question,
) -> Result<Pass> {
    match source {
        LogSource::Golden(file) => golden(file, target, question),
        LogSource::Obd(file) => obd(file, target, question),
        _ => bail!("{source} is a log of choices"),
    }
}

#[cfg(feature = "offline")]
fn golden(file: &Path, target: Option<&TargetSource>, question: Question) -> Result<Pass> {
    use crate::logs::prediction::{PredictionReader, read_target, target_path};

    let beside = match target {
        None => target_path(file),
        Some(TargetSource::Table(table)) => table.clone(),
        Some(_) => {
            bail!("a golden log is evaluated for the target beside it; leave --target out")
        }
    };
    let range = question.range;
    // A log that is missing or broken is named before its target is.
    std::fs::File::open(file).with_context(|| format!("{} could not be read", file.display()))?;
    let target = read_target(&beside)?;
    let mut pass = Pass::new(question, target.clone());
    for rounds in PredictionReader::open(file, &target, range)? {
        pass.add(&rounds?);
    }
    Ok(pass)
}

#[cfg(not(feature = "offline"))]
fn golden(_: &Path, _: Option<&TargetSource>, _: Question) -> Result<Pass> {
    bail!("this program was built without the feature offline and reads no Parquet")
}

fn obd(file: &Path, target: Option<&TargetSource>, question: Question) -> Result<Pass> {
    let logged = ObdActions::of_log(file)?;
    let range = question.range;
    let (actions, target) = match target {
        None => bail!("an obd log needs --target uniform or --target table:FILE.csv"),
        Some(TargetSource::Uniform) => {
            let target = TargetTable::uniform(logged.len(), ObdRounds::positions())?;
            (logged, target)
        }
        Some(TargetSource::Table(table)) => {
            read_table(table, &logged).with_context(|| format!("{}", table.display()))?
        }
        Some(other) => bail!("an obd log does not know the target {other}"),
    };
    pass_over(file, &actions, &target, question, range)
}

fn pass_over(
    file: &Path,
    actions: &ObdActions,
    target: &TargetTable,
    question: Question,
    range: RewardRange,
) -> Result<Pass> {
    let mut pass = Pass::new(question, target.clone());
    for rounds in ObdRounds::open(file, actions, target, range)? {
        pass.add(&rounds?);
    }
    Ok(pass)
}

/// Reads item_id, probability and perhaps position, from 1. An item that the
/// log shows and the table leaves out has probability 0.
fn read_table(path: &Path, logged: &ObdActions) -> Result<(ObdActions, TargetTable)> {
    let mut csv = csv::Reader::from_path(path)?;
    let header = csv.headers()?.clone();
    let find = |name: &str| header.iter().position(|column| column == name);
    let item = find("item_id").context("the header has no column item_id")?;
    let probability = find("probability").context("the header has no column probability")?;
    let position = find("position");
    let positions = ObdRounds::positions();
    let mut rows: BTreeMap<(usize, u32), f64> = BTreeMap::new();
    for (row, record) in (1u64..).zip(csv.records()) {
        let record = record?;
        let item: u32 = field(&record, item, row, "item_id")?;
        let probability: f64 = field(&record, probability, row, "probability")?;
        let places = match position {
            None => 0..positions,
            Some(column) => {
                let place: usize = field(&record, column, row, "position")?;
                if !(1..=positions).contains(&place) {
                    bail!("row {row}, column position: {place} is not 1 to {positions}");
                }
                place - 1..place
            }
        };
        for place in places {
            if rows.insert((place, item), probability).is_some() {
                bail!(
                    "row {row}: item {item} is there twice at position {}",
                    place + 1
                );
            }
        }
    }
    let items = rows.keys().map(|(_, item)| *item);
    let actions = ObdActions::new(items.chain(logged.items()));
    let column = |place: usize| {
        let probability = |item| rows.get(&(place, item)).copied().unwrap_or(0.0);
        actions.items().map(probability).collect::<Vec<f64>>()
    };
    let columns: Vec<Vec<f64>> = (0..positions).map(column).collect();
    Ok((actions.clone(), TargetTable::new(&columns)?))
}

fn field<T: FromStr>(record: &csv::StringRecord, column: usize, row: u64, name: &str) -> Result<T> {
    let text = record.get(column).unwrap_or_default();
    let value = text.trim().parse().ok();
    value.with_context(|| format!("row {row}, column {name}: {text:?} is no such number"))
}
