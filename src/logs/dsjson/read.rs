//! The streaming reader.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use uuid::Uuid;

use crate::evaluation::choices::{
    ChoiceColumn, ChoiceFault, Choices, Metric, Names, UncheckedChoices, Vocabulary,
};
use crate::logs::fault::{LogError, LogProblem, ReadFile};
use crate::logs::lines::Lines;
use crate::logs::survey::Survey;

/// Rows in a batch.
const BATCH_ROWS: usize = 8_192;

/// One line, as far as it is read.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(rename = "_label_cost")]
    cost: Option<f64>,
    #[serde(rename = "_label_probability")]
    probability: Option<f64>,
    #[serde(rename = "_labelIndex")]
    index: Option<u32>,
    #[serde(rename = "_label_Action")]
    action: Option<u32>,
    a: Option<Vec<u32>>,
    p: Option<Vec<f64>>,
    c: Option<Context>,
    #[serde(rename = "Timestamp")]
    timestamp: Option<jiff::Timestamp>,
    promobandit: Option<Extras>,
}

#[derive(Debug, Deserialize)]
struct Context {
    #[serde(rename = "_multi")]
    multi: Option<Vec<Action>>,
}

#[derive(Debug, Deserialize)]
struct Action {
    #[serde(rename = "_tag")]
    tag: Option<String>,
}

/// What the writer adds.
#[derive(Debug, Deserialize)]
struct Extras {
    position: Option<u32>,
    segment: Option<String>,
    placement: Option<String>,
    shopper: Option<i64>,
    sequence: Option<u64>,
    decision: Option<Uuid>,
    conversion: Option<f64>,
    revenue: Option<f64>,
    margin: Option<f64>,
    discount_cost: Option<f64>,
}

impl Extras {
    const fn metric(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Conversion => self.conversion,
            Metric::Revenue => self.revenue,
            Metric::Margin => self.margin,
            Metric::DiscountCost => self.discount_cost,
        }
    }
}

/// Reads a log batch by batch. After the first refusal it gives nothing more.
pub struct DsjsonChoices {
    file: ReadFile,
    lines: Lines,
    vocabulary: Vocabulary,
}

impl std::fmt::Debug for DsjsonChoices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DsjsonChoices")
            .field("name", &self.file.name())
            .field("row", &self.lines.row())
            .finish_non_exhaustive()
    }
}

impl DsjsonChoices {
    /// Opens a log; names that are not in `vocabulary` get the next numbers.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path, vocabulary: Vocabulary) -> Result<Self, LogError> {
        let file = ReadFile::at(path);
        match Lines::open(path, "dsjson, one decision a line,") {
            Ok(lines) => Ok(Self {
                file,
                lines,
                vocabulary,
            }),
            Err(problem) => Err(file.refusal(problem)),
        }
    }

    /// Looks a log through.
    ///
    /// # Errors
    /// When it is refused.
    pub fn survey(path: &Path) -> Result<Survey, LogError> {
        let mut survey = Survey::default();
        for batch in Self::open(path, Vocabulary::default())? {
            survey.add(&batch?);
        }
        Ok(survey)
    }

    fn read_batch(&mut self) -> Result<Option<Choices>, LogProblem> {
        let mut batch = Batch::default();
        while batch.rows.len() < BATCH_ROWS {
            let Some((row, text)) = self.lines.next()? else {
                break;
            };
            if text.trim().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(text).map_err(|error| unreadable(row, &error))?;
            batch.push(row, &line, &mut self.vocabulary)?;
        }
        if batch.rows.is_empty() {
            return Ok(None);
        }
        batch.check(&self.vocabulary).map(Some)
    }
}

impl Iterator for DsjsonChoices {
    type Item = Result<Choices, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.file.is_refused() {
            return None;
        }
        let batch = self.read_batch();
        self.file.give(batch)
    }
}

fn unreadable(row: u64, error: &serde_json::Error) -> LogProblem {
    LogProblem::Undecodable {
        row: row - 1,
        error: format!("row {row}: {error}"),
    }
}

fn fault(row: u64, column: &str, value: impl ToString, expected: impl Into<String>) -> LogProblem {
    LogProblem::Value {
        row,
        column: column.to_owned(),
        value: value.to_string(),
        expected: expected.into(),
    }
}

fn missing(row: u64, column: &str, expected: &str) -> LogProblem {
    fault(row, column, "nothing", expected)
}

#[derive(Default)]
struct Batch {
    columns: UncheckedChoices,
    /// The line of each.
    rows: Vec<u64>,
}

impl Batch {
    fn push(
        &mut self,
        row: u64,
        line: &Line,
        vocabulary: &mut Vocabulary,
    ) -> Result<(), LogProblem> {
        let cost = line
            .cost
            .ok_or_else(|| missing(row, "_label_cost", "minus the reward"))?;
        let count = self.push_actions(row, line, vocabulary)?;
        let probabilities = probabilities(row, line, count)?;
        let chosen = chosen(row, line, count)?;
        let propensity = line
            .probability
            .or_else(|| probabilities.as_ref().map(|all| all[chosen as usize]))
            .ok_or_else(|| missing(row, "_label_probability", "the propensity"))?;
        let columns = &mut self.columns;
        same_everywhere(
            row,
            "p",
            probabilities.is_some(),
            columns.probabilities.is_some(),
            self.rows.is_empty(),
        )?;
        if let Some(probabilities) = probabilities {
            columns
                .probabilities
                .get_or_insert_default()
                .extend_from_slice(&probabilities);
        }
        columns.chosen.push(chosen);
        columns.propensity.push(propensity);
        // 0 − cost: a cost of 0 is a reward of 0 and not of −0.
        columns.reward.push(0.0 - cost);
        let first = self.rows.is_empty();
        same_everywhere(
            row,
            "Timestamp",
            line.timestamp.is_some(),
            !columns.decided_at_ms.is_empty(),
            first,
        )?;
        columns
            .decided_at_ms
            .extend(line.timestamp.map(jiff::Timestamp::as_millisecond));
        self.push_extras(row, line.promobandit.as_ref(), vocabulary)?;
        self.rows.push(row);
        Ok(())
    }

    fn push_actions(
        &mut self,
        row: u64,
        line: &Line,
        vocabulary: &mut Vocabulary,
    ) -> Result<usize, LogProblem> {
        let multi = line.c.as_ref().and_then(|context| context.multi.as_ref());
        let count = multi.map_or_else(|| line.a.as_ref().map_or(0, Vec::len), Vec::len);
        if count == 0 {
            let expected = "a list of at least 1 action, in c._multi or in a";
            return Err(missing(row, "c._multi", expected));
        }
        for place in 0..count {
            let tag = multi.and_then(|multi| multi[place].tag.as_deref());
            let number = match tag {
                Some(tag) => Names::number_in(&mut vocabulary.actions, tag),
                None => Names::number_in(&mut vocabulary.actions, &(place + 1).to_string()),
            };
            self.columns.actions.push(number);
        }
        self.columns.ends.push(self.columns.actions.len());
        Ok(count)
    }

    fn push_extras(
        &mut self,
        row: u64,
        extras: Option<&Extras>,
        vocabulary: &mut Vocabulary,
    ) -> Result<(), LogProblem> {
        let first = self.rows.is_empty();
        let columns = &mut self.columns;
        columns
            .position
            .push(extras.and_then(|it| it.position).unwrap_or(0));
        let segment = extras.and_then(|it| it.segment.as_deref());
        let placement = extras.and_then(|it| it.placement.as_deref());
        let shopper = extras.and_then(|it| it.shopper);
        let sequence = extras.and_then(|it| it.sequence);
        let decision = extras.and_then(|it| it.decision);
        for (key, there, before) in [
            ("segment", segment.is_some(), !columns.segment.is_empty()),
            (
                "placement",
                placement.is_some(),
                !columns.placement.is_empty(),
            ),
            ("shopper", shopper.is_some(), !columns.shopper.is_empty()),
            ("sequence", sequence.is_some(), !columns.sequence.is_empty()),
            ("decision", decision.is_some(), !columns.decision.is_empty()),
        ] {
            same_everywhere(row, &format!("promobandit.{key}"), there, before, first)?;
        }
        let number = |names: &mut Arc<Names>, name| Names::number_in(names, name);
        columns
            .segment
            .extend(segment.map(|name| number(&mut vocabulary.segments, name)));
        columns
            .placement
            .extend(placement.map(|name| number(&mut vocabulary.placements, name)));
        columns.shopper.extend(shopper.map(i64::cast_unsigned));
        columns.sequence.extend(sequence);
        columns.decision.extend(decision.map(|id| id.as_u128()));
        for metric in Metric::ALL {
            let value = extras.and_then(|it| it.metric(metric));
            let known = columns.metrics.iter_mut().find(|(it, _)| *it == metric);
            let key = format!("promobandit.{metric}");
            same_everywhere(row, &key, value.is_some(), known.is_some(), first)?;
            match (known, value) {
                (Some((_, values)), Some(value)) => values.push(value),
                (None, Some(value)) => columns.metrics.push((metric, vec![value])),
                (_, None) => {}
            }
        }
        Ok(())
    }

    fn check(self, vocabulary: &Vocabulary) -> Result<Choices, LogProblem> {
        let rows = self.rows;
        Choices::new(self.columns, vocabulary.clone()).map_err(|problem| {
            let ChoiceFault {
                index,
                column,
                value,
                expected,
            } = problem;
            let column = match column {
                ChoiceColumn::Actions => "c._multi".to_owned(),
                ChoiceColumn::Probabilities => "p".to_owned(),
                ChoiceColumn::Action => "_labelIndex".to_owned(),
                ChoiceColumn::Propensity => "_label_probability".to_owned(),
                ChoiceColumn::Reward => "_label_cost".to_owned(),
                ChoiceColumn::Metric(_) | ChoiceColumn::LoggerPropensities => {
                    format!("promobandit.{column}")
                }
            };
            fault(rows[index], &column, value, expected)
        })
    }
}

/// A key is in every line or in none.
fn same_everywhere(
    row: u64,
    key: &str,
    there: bool,
    before: bool,
    first: bool,
) -> Result<(), LogProblem> {
    match (there, before) {
        (false, true) => Err(missing(row, key, "there, as in the lines before")),
        (true, false) if !first => Err(fault(
            row,
            key,
            "a value",
            "missing, as in the lines before",
        )),
        _ => Ok(()),
    }
}

/// The probability of each action, in their own order; `None` when the line has
/// none.
fn probabilities(row: u64, line: &Line, count: usize) -> Result<Option<Vec<f64>>, LogProblem> {
    let Some(given) = &line.p else {
        return Ok(None);
    };
    if given.len() != count {
        let expected = format!("{count}, one for each action");
        return Err(fault(
            row,
            "p",
            format!("a list of {}", given.len()),
            expected,
        ));
    }
    let Some(order) = &line.a else {
        return Ok(Some(given.clone()));
    };
    if order.len() != count {
        let expected = format!("{count}, each action once");
        return Err(fault(
            row,
            "a",
            format!("a list of {}", order.len()),
            expected,
        ));
    }
    let mut probabilities = vec![f64::NAN; count];
    for (action, probability) in order.iter().zip(given) {
        let place = action.checked_sub(1).map(|place| place as usize);
        match place.and_then(|place| probabilities.get_mut(place)) {
            Some(free) if free.is_nan() => *free = *probability,
            _ => {
                return Err(fault(
                    row,
                    "a",
                    action,
                    format!("each of 1 to {count} once"),
                ));
            }
        }
    }
    Ok(Some(probabilities))
}

/// Which action was chosen, from 0.
fn chosen(row: u64, line: &Line, count: usize) -> Result<u32, LogProblem> {
    let (column, from, number) = match (line.index, line.action, &line.a) {
        (Some(index), _, _) => ("_labelIndex", 0, index),
        (None, Some(action), _) => ("_label_Action", 1, action),
        (None, None, Some(order)) => ("a", 1, order.first().copied().unwrap_or(0)),
        (None, None, None) => {
            let expected = "which action was chosen";
            return Err(missing(row, "_labelIndex", expected));
        }
    };
    let place = number.checked_sub(from);
    place
        .filter(|place| (*place as usize) < count)
        .ok_or_else(|| {
            let last = count - 1 + from as usize;
            let expected = format!("{from} to {last}, an action that was on offer");
            fault(row, column, number, expected)
        })
}
