//! What stands before a line's bar.

use super::super::fault::LogProblem;

/// The chosen action with its cost and its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Label {
    pub action: u32,
    pub cost: f64,
    pub probability: f64,
}

/// What stands before a line's bar.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Head {
    /// `shared` stands there.
    pub is_shared: bool,
    pub label: Option<Label>,
    /// Every action that is named, in order, the chosen one included.
    pub actions: Vec<u32>,
    /// What the line is called.
    pub tag: Option<String>,
}

/// Reads what stands before a line's bar.
pub(super) fn head(row: u64, line: &str) -> Result<Head, LogProblem> {
    let Some((before, _)) = line.split_once('|') else {
        return Err(fault(
            row,
            "label",
            line,
            "a line with a bar before its features",
        ));
    };
    let mut head = Head::default();
    let glued = !before.is_empty() && !before.ends_with([' ', '\t']);
    let words: Vec<&str> = before.split_ascii_whitespace().collect();
    for (place, word) in words.iter().enumerate() {
        if let Some(tag) = word.strip_prefix('\'') {
            head.tag = Some(tag.to_owned());
        } else if *word == "shared" {
            head.is_shared = true;
        } else if glued && place + 1 == words.len() && !word.contains(':') {
            // A word that touches the bar is a tag.
            head.tag = Some((*word).to_owned());
        } else {
            named_action(row, word, &mut head)?;
        }
    }
    Ok(head)
}

/// `action`, or `action:cost:probability`.
fn named_action(row: u64, word: &str, head: &mut Head) -> Result<(), LogProblem> {
    let parts: Vec<&str> = word.split(':').collect();
    let action: u32 = parts[0]
        .parse()
        .map_err(|_| fault(row, "action", parts[0], "a whole number"))?;
    head.actions.push(action);
    match parts[..] {
        [_] => Ok(()),
        [_, cost, probability] => {
            if head.label.is_some() {
                return Err(fault(row, "label", word, "the only action with a cost"));
            }
            let number = |column, text: &str| {
                let number: Option<f64> = text.parse().ok();
                number.ok_or_else(|| fault(row, column, text, "a number"))
            };
            head.label = Some(Label {
                action,
                cost: number("cost", cost)?,
                probability: number("probability", probability)?,
            });
            Ok(())
        }
        _ => Err(fault(row, "label", word, "action:cost:probability")),
    }
}

pub(super) fn fault(row: u64, column: &str, value: &str, expected: &str) -> LogProblem {
    const SHOWN_CHARS: usize = 60;
    LogProblem::Value {
        row,
        column: column.to_owned(),
        value: format!("{:?}", value.chars().take(SHOWN_CHARS).collect::<String>()),
        expected: expected.to_owned(),
    }
}
