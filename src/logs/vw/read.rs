//! The streaming reader.

use std::path::Path;

use super::label::{Head, Label, fault, head};
use crate::evaluation::choices::{ChoiceColumn, Choices, Names, UncheckedChoices};
use crate::logs::fault::{LogError, LogProblem, ReadFile};
use crate::logs::lines::Lines;
use crate::logs::survey::Survey;

/// Rows in a batch.
const BATCH_ROWS: usize = 8_192;
/// More actions than this are a mistake.
const MOST_ACTIONS: u32 = 1_000_000;

/// One decision as it stands in the file.
struct Decision {
    /// The chosen action's line.
    row: u64,
    label: Label,
    /// What the actions on offer are called; `None` for every action of the
    /// log.
    offered: Option<Vec<String>>,
    /// Which of them was chosen, or, of all, its number from 0.
    chosen: u32,
}

/// Reads a log batch by batch. After the first refusal it gives nothing more.
pub struct VwChoices {
    file: ReadFile,
    decisions: Decisions,
    survey: Survey,
}

impl std::fmt::Debug for VwChoices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VwChoices")
            .field("name", &self.file.name())
            .field("row", &self.decisions.lines.row())
            .finish_non_exhaustive()
    }
}

impl VwChoices {
    /// Looks a log through: which actions there are.
    ///
    /// # Errors
    /// When it is refused.
    pub fn survey(path: &Path) -> Result<Survey, LogError> {
        look_through(path).map_err(|problem| ReadFile::at(path).refusal(problem))
    }

    /// Opens a log that was surveyed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path, survey: Survey) -> Result<Self, LogError> {
        let file = ReadFile::at(path);
        match Decisions::open(path) {
            Ok(decisions) => Ok(Self {
                file,
                decisions,
                survey,
            }),
            Err(problem) => Err(file.refusal(problem)),
        }
    }

    fn read_batch(&mut self) -> Result<Option<Choices>, LogProblem> {
        let names = &self.survey.vocabulary.actions;
        let mut columns = UncheckedChoices::default();
        let mut rows = Vec::new();
        while rows.len() < BATCH_ROWS {
            let Some(decision) = self.decisions.next()? else {
                break;
            };
            match &decision.offered {
                None => columns.actions.extend(0..names.len() as u32),
                Some(offered) => {
                    for name in offered {
                        let known = names.number(name).ok_or_else(|| {
                            fault(
                                decision.row,
                                "action",
                                name,
                                "known when the file was opened",
                            )
                        })?;
                        columns.actions.push(known);
                    }
                }
            }
            columns.ends.push(columns.actions.len());
            columns.chosen.push(decision.chosen);
            columns.propensity.push(decision.label.probability);
            // 0 − cost: a cost of 0 is a reward of 0 and not of −0.
            columns.reward.push(0.0 - decision.label.cost);
            columns.position.push(0);
            rows.push(decision.row);
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let checked = Choices::new(columns, self.survey.vocabulary.clone());
        checked.map(Some).map_err(|problem| LogProblem::Value {
            row: rows[problem.index],
            column: match problem.column {
                ChoiceColumn::Propensity => "probability".to_owned(),
                ChoiceColumn::Reward => "cost".to_owned(),
                other => other.to_string(),
            },
            value: problem.value,
            expected: problem.expected,
        })
    }
}

impl Iterator for VwChoices {
    type Item = Result<Choices, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.file.is_refused() {
            return None;
        }
        let batch = self.read_batch();
        self.file.give(batch)
    }
}

/// Names the actions: those of lines that count from 1 in their order, those
/// with tags as they come.
fn look_through(path: &Path) -> Result<Survey, LogProblem> {
    let mut decisions = Decisions::open(path)?;
    let mut survey = Survey {
        positions: 1,
        ..Survey::default()
    };
    let (mut names, mut most) = (Names::default(), 0);
    while let Some(decision) = decisions.next()? {
        match &decision.offered {
            None => most = most.max(decision.chosen + 1),
            Some(offered) => offered.iter().for_each(|name| {
                names.number_or_new(name);
            }),
        }
        survey.rows += 1;
    }
    if survey.rows == 0 {
        return Err(LogProblem::NoRows);
    }
    let numbers: Option<Vec<u32>> = names.iter().map(|name| name.parse().ok()).collect();
    if let Some(numbers) = numbers {
        // All are numbers: each stands in its own place.
        most = numbers.into_iter().max().unwrap_or(0).max(most);
        names = Names::default();
    }
    for number in 1..=most {
        names.number_or_new(&number.to_string());
    }
    survey.vocabulary.actions = names.into();
    Ok(survey)
}

/// How much of a file tells which way it is written.
const TELLING_LINES: usize = 1_000;

/// The decisions of a file, whichever way it is written.
struct Decisions {
    lines: Lines,
    /// One decision a block, not a line.
    in_blocks: bool,
    /// What was read of a block.
    block: Vec<(u64, Head)>,
}

impl Decisions {
    fn open(path: &Path) -> Result<Self, LogProblem> {
        let in_blocks = is_in_blocks(path)?;
        Ok(Self {
            lines: Lines::open(path, EXPECTED)?,
            in_blocks,
            block: Vec::new(),
        })
    }

    fn next(&mut self) -> Result<Option<Decision>, LogProblem> {
        loop {
            let line = match self.lines.next()? {
                Some((row, text)) if !text.trim().is_empty() => Some((row, head(row, text)?)),
                Some(_) if self.block.is_empty() => continue,
                Some(_) => None,
                None if self.block.is_empty() => return Ok(None),
                None => None,
            };
            match line {
                Some((row, head)) if !self.in_blocks => return alone(row, &head).map(Some),
                Some(line) => self.block.push(line),
                None => return together(std::mem::take(&mut self.block)).map(Some),
            }
        }
    }
}

/// What such a file is.
const EXPECTED: &str = "Vowpal Wabbit's text";

/// Blocks have lines without any action: shared features, and actions that were
/// not chosen.
fn is_in_blocks(path: &Path) -> Result<bool, LogProblem> {
    let mut lines = Lines::open(path, EXPECTED)?;
    for _ in 0..TELLING_LINES {
        let Some((row, text)) = lines.next()? else {
            break;
        };
        if text.trim().is_empty() {
            continue;
        }
        let head = head(row, text)?;
        if head.is_shared || head.actions.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A decision in one line.
fn alone(row: u64, head: &Head) -> Result<Decision, LogProblem> {
    let Some(label) = head.label else {
        return Err(fault(row, "label", "", "action:cost:probability"));
    };
    if !(1..=MOST_ACTIONS).contains(&label.action) {
        let expected = "a whole number from 1 to 1000000";
        return Err(fault(row, "action", &label.action.to_string(), expected));
    }
    let several = head.actions.len() > 1;
    let place = head.actions.iter().position(|it| *it == label.action);
    let chosen = if several {
        place
            .and_then(|place| u32::try_from(place).ok())
            .unwrap_or(0)
    } else {
        label.action - 1
    };
    Ok(Decision {
        row,
        label,
        offered: several.then(|| head.actions.iter().map(ToString::to_string).collect()),
        chosen,
    })
}

/// A decision in a block of lines, one an action.
fn together(block: Vec<(u64, Head)>) -> Result<Decision, LogProblem> {
    let first = block.first().map_or(0, |(row, _)| *row);
    let actions: Vec<(u64, Head)> = block.into_iter().filter(|(_, it)| !it.is_shared).collect();
    let mut chosen = None;
    let mut offered = Vec::with_capacity(actions.len());
    for (place, (row, head)) in actions.into_iter().enumerate() {
        offered.push(head.tag.unwrap_or_else(|| (place + 1).to_string()));
        if let Some(label) = head.label {
            if chosen.is_some() {
                let expected = "a line without a cost: another action of the block has one";
                return Err(fault(row, "label", &label.cost.to_string(), expected));
            }
            chosen = Some((row, label, u32::try_from(place).unwrap_or(u32::MAX)));
        }
    }
    let Some((row, label, chosen)) = chosen else {
        let expected = "a block in which one action has its cost and probability";
        return Err(fault(first, "label", "", expected));
    };
    Ok(Decision {
        row,
        label,
        offered: Some(offered),
        chosen,
    })
}
