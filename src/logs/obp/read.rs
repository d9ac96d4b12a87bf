//! The reader.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use zip::ZipArchive;

use super::npy::{self, Header};
use crate::evaluation::choices::{ChoiceColumn, Choices, Names, UncheckedChoices, Vocabulary};
use crate::logs::fault::{LogError, LogProblem, missing};
use crate::logs::survey::Survey;

/// Rows in a batch.
const BATCH_ROWS: usize = 8_192;
/// More actions than this are a mistake.
const MOST_ACTIONS: f64 = 1e6;
/// More positions than this are a mistake.
const MOST_POSITIONS: f64 = 1e4;

/// The arrays that such a file may have.
const KNOWN: &[&str] = &[
    "action",
    "reward",
    "pscore",
    "position",
    "pi_b",
    "n_actions",
    "n_rounds",
    "context",
    "action_context",
    "expected_reward",
    "action_names",
];

/// A file's arrays, given out as choices batch by batch.
#[derive(Debug, Clone)]
pub struct ObpChoices {
    name: String,
    action: Vec<u32>,
    reward: Vec<f64>,
    pscore: Vec<f64>,
    position: Vec<u32>,
    /// With how many positions it has.
    pi_b: Option<(Vec<f64>, usize)>,
    survey: Survey,
    next: usize,
    ended: bool,
}

impl ObpChoices {
    /// Reads the arrays.
    ///
    /// # Errors
    /// When the file is refused.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let name = path.display().to_string();
        read(path, &name).map_err(|problem| LogError { name, problem })
    }

    /// What is known of the log before its first row.
    #[must_use]
    pub const fn survey(&self) -> &Survey {
        &self.survey
    }

    fn batch(&self) -> Result<Choices, LogProblem> {
        let rows = self.next..self.reward.len().min(self.next + BATCH_ROWS);
        let count = self.survey.vocabulary.actions.len();
        let all = 0..u32::try_from(count).unwrap_or(u32::MAX);
        let columns = UncheckedChoices {
            ends: (1..=rows.len()).map(|row| row * count).collect(),
            actions: rows.clone().flat_map(|_| all.clone()).collect(),
            probabilities: self
                .pi_b
                .as_ref()
                .map(|pi_b| self.probabilities(pi_b, rows.clone())),
            chosen: self.action[rows.clone()].to_vec(),
            propensity: self.pscore[rows.clone()].to_vec(),
            reward: self.reward[rows.clone()].to_vec(),
            position: self.position[rows].to_vec(),
            ..UncheckedChoices::default()
        };
        Choices::new(columns, self.survey.vocabulary.clone()).map_err(|problem| {
            let column = match problem.column {
                ChoiceColumn::Propensity => "pscore".to_owned(),
                ChoiceColumn::Probabilities => "pi_b".to_owned(),
                other => other.to_string(),
            };
            LogProblem::Value {
                row: (self.next + problem.index) as u64 + 1,
                column,
                value: problem.value,
                expected: problem.expected,
            }
        })
    }

    /// Each row's distribution at its own position.
    fn probabilities(
        &self,
        (pi_b, positions): &(Vec<f64>, usize),
        rows: std::ops::Range<usize>,
    ) -> Vec<f64> {
        let count = self.survey.vocabulary.actions.len();
        let at = |row: usize, action: usize| {
            let position = if *positions == 1 {
                0
            } else {
                self.position[row] as usize
            };
            pi_b[(row * count + action) * positions + position]
        };
        rows.flat_map(|row| (0..count).map(move |action| at(row, action)))
            .collect()
    }
}

impl Iterator for ObpChoices {
    type Item = Result<Choices, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || self.next >= self.reward.len() {
            return None;
        }
        let batch = self.batch().map_err(|problem| LogError {
            name: self.name.clone(),
            problem,
        });
        self.ended = batch.is_err();
        self.next += BATCH_ROWS;
        Some(batch)
    }
}

/// The arrays of a file.
struct Arrays {
    archive: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl Arrays {
    fn open(path: &Path) -> Result<Self, LogProblem> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        if bytes == 0 {
            return Err(LogProblem::Empty {
                expected: "an npz file",
            });
        }
        let mut reader = BufReader::new(file);
        let mut magic = [0; 2];
        let begins = reader.read_exact(&mut magic).is_ok() && magic == *b"PK";
        let archive = ZipArchive::new(reader).map_err(|_| {
            if begins {
                LogProblem::Truncated {
                    format: "a zip archive",
                    bytes,
                    end: "its directory",
                }
            } else {
                LogProblem::OtherFormat { format: "npz" }
            }
        })?;
        let names = archive.file_names();
        let names: Vec<String> = names
            .map(|name| name.strip_suffix(".npy").unwrap_or(name).to_owned())
            .collect();
        if let Some(unknown) = names.iter().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(LogProblem::UnknownColumn {
                column: unknown.clone(),
                known: "action, reward, pscore, position, pi_b, n_actions, n_rounds, context, \
                        action_context, expected_reward, action_names",
            });
        }
        Ok(Self { archive, names })
    }

    /// An array; `None` when it is not there.
    fn read<T>(
        &mut self,
        name: &'static str,
        values: impl FnOnce(&Header, &mut dyn Read) -> Result<T, String>,
    ) -> Result<Option<(Header, T)>, LogProblem> {
        if !self.names.iter().any(|known| known == name) {
            return Ok(None);
        }
        let broken = |error: String| LogProblem::Undecodable {
            row: 0,
            error: format!("array {name}: {error}"),
        };
        let entry = self.archive.by_name(&format!("{name}.npy"));
        let entry = entry.map_err(|error| broken(error.to_string()))?;
        let mut entry = BufReader::new(entry);
        let header = Header::read(&mut entry).map_err(broken)?;
        // Python's None.
        if header.kind == "|O" && header.shape.is_empty() {
            return Ok(None);
        }
        let values = values(&header, &mut entry).map_err(broken)?;
        Ok(Some((header, values)))
    }

    fn numbers(&mut self, name: &'static str) -> Result<Option<(Header, Vec<f64>)>, LogProblem> {
        self.read(name, |header, mut from| npy::numbers(header, &mut from))
    }

    /// An array that every file has, with one number a round.
    fn column(&mut self, name: &'static str) -> Result<Vec<f64>, LogProblem> {
        match self.numbers(name)? {
            Some((_, numbers)) => Ok(numbers),
            None => Err(missing(name, self.names.iter().map(String::as_str))),
        }
    }
}

fn read(path: &Path, name: &str) -> Result<ObpChoices, LogProblem> {
    let mut arrays = Arrays::open(path)?;
    let reward = arrays.column("reward")?;
    let rows = reward.len();
    if rows == 0 {
        return Err(LogProblem::NoRows);
    }
    let action = arrays.column("action")?;
    let pscore = arrays.column("pscore")?;
    let position = match arrays.numbers("position")? {
        Some((_, numbers)) => numbers,
        None => vec![0.0; rows],
    };
    for (name, column) in [
        ("action", &action),
        ("pscore", &pscore),
        ("position", &position),
    ] {
        if column.len() != rows {
            return Err(LogProblem::ColumnType {
                column: name.to_owned(),
                found: format!("{} numbers", column.len()),
                expected: "as many numbers as rewards",
            });
        }
    }
    let action = whole("action", &action, MOST_ACTIONS)?;
    let position = whole("position", &position, MOST_POSITIONS)?;
    let pi_b = arrays.numbers("pi_b")?;
    let declared = arrays
        .numbers("n_actions")?
        .and_then(|(_, it)| it.first().copied());
    let names = arrays.read("action_names", |header, mut from| {
        npy::texts(header, &mut from)
    })?;
    let count = match (&pi_b, declared, &names) {
        (Some((header, _)), _, _) => header.shape.get(1).copied().unwrap_or(0),
        (None, Some(declared), _) => whole("n_actions", &[declared], MOST_ACTIONS)?[0] as usize,
        (None, None, Some((_, names))) => names.len(),
        (None, None, None) => action
            .iter()
            .max()
            .map_or(0, |largest| *largest as usize + 1),
    };
    if let Some(row) = action.iter().position(|action| *action as usize >= count) {
        return Err(LogProblem::Value {
            row: row as u64 + 1,
            column: "action".to_owned(),
            value: action[row].to_string(),
            expected: format!("below {count}, as there are {count} actions"),
        });
    }
    let pi_b = pi_b
        .map(|(header, numbers)| distributions(&header, numbers, rows, &position))
        .transpose()?;
    let numbered = (0..count).map(|number| number.to_string()).collect();
    let names = names
        .map(|(_, names)| names)
        .filter(|names| names.len() == count);
    let names: Vec<String> = names.unwrap_or(numbered);
    let actions: Names = names.iter().map(String::as_str).collect();
    if actions.len() != count {
        return Err(LogProblem::ColumnType {
            column: "action_names".to_owned(),
            found: "texts of which some are the same".to_owned(),
            expected: "different ones",
        });
    }
    let positions = position.iter().max().map_or(0, |largest| largest + 1);
    Ok(ObpChoices {
        name: name.to_owned(),
        survey: Survey {
            vocabulary: Vocabulary {
                actions: Arc::new(actions),
                ..Vocabulary::default()
            },
            placements: BTreeSet::new(),
            positions,
            rows: rows as u64,
            has_distributions: pi_b.is_some(),
        },
        action,
        reward,
        pscore,
        position,
        pi_b,
        next: 0,
        ended: false,
    })
}

/// `pi_b` with how many positions it has.
fn distributions(
    header: &Header,
    numbers: Vec<f64>,
    rows: usize,
    position: &[u32],
) -> Result<(Vec<f64>, usize), LogProblem> {
    let positions = match header.shape[..] {
        [found, _] if found == rows => 1,
        [found, _, positions] if found == rows && positions > 0 => positions,
        _ => {
            return Err(LogProblem::ColumnType {
                column: "pi_b".to_owned(),
                found: format!("shape {:?}", header.shape),
                expected: "one row a reward, one column an action, one layer a position",
            });
        }
    };
    let beyond = |it: &u32| positions > 1 && *it as usize >= positions;
    if let Some(row) = position.iter().position(beyond) {
        return Err(LogProblem::Value {
            row: row as u64 + 1,
            column: "position".to_owned(),
            value: position[row].to_string(),
            expected: format!("below {positions}, as pi_b has {positions} positions"),
        });
    }
    Ok((numbers, positions))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked before
fn whole(column: &str, values: &[f64], below: f64) -> Result<Vec<u32>, LogProblem> {
    let is_whole = |value: &f64| *value >= 0.0 && *value < below && value.fract() == 0.0;
    match values.iter().position(|value| !is_whole(value)) {
        None => Ok(values.iter().map(|value| *value as u32).collect()),
        Some(index) => Err(LogProblem::Value {
            row: index as u64 + 1,
            column: column.to_owned(),
            value: values[index].to_string(),
            expected: format!("a whole number from 0 and below {below}"),
        }),
    }
}
