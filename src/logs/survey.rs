//! What has to be known of a log before its first row is weighed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::evaluation::choices::{Choices, Names, Vocabulary};

/// Every action, segment and placement of a log, and how many positions there
/// are. A reader that is given one numbers them alike.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survey {
    /// What the numbers are called.
    pub vocabulary: Vocabulary,
    /// The placements that some row is of: a log may have names of others.
    pub placements: BTreeSet<String>,
    /// How many positions there are: one more than the largest.
    pub positions: u32,
    /// How many rows there are.
    pub rows: u64,
    /// The log keeps whole distributions.
    pub has_distributions: bool,
}

/// A survey as a file keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    actions: Vec<String>,
    segments: Vec<String>,
    placements: Vec<String>,
    placements_of_rows: BTreeSet<String>,
    /// Of a log of several loggers.
    #[serde(default)]
    loggers: Vec<String>,
    positions: u32,
    rows: u64,
    has_distributions: bool,
}

impl Survey {
    /// Takes a batch into account.
    pub fn add(&mut self, choices: &Choices) {
        self.vocabulary = choices.vocabulary().clone();
        let columns = choices.columns();
        let largest = columns.position.iter().max();
        self.positions = self
            .positions
            .max(largest.map_or(0, |largest| largest.saturating_add(1)));
        let placements: BTreeSet<u32> = columns.placement.iter().copied().collect();
        let names = placements
            .into_iter()
            .filter_map(|it| self.vocabulary.placements.get(it));
        self.placements.extend(names.map(str::to_owned));
        self.rows += choices.len() as u64;
        self.has_distributions |= columns.probabilities.is_some();
    }

    /// As text to be kept with the log.
    #[must_use]
    pub fn to_json(&self) -> String {
        let names = |names: &Names| names.iter().map(str::to_owned).collect();
        let Vocabulary {
            actions,
            segments,
            placements,
            loggers,
        } = &self.vocabulary;
        let stored = Stored {
            actions: names(actions),
            segments: names(segments),
            placements: names(placements),
            placements_of_rows: self.placements.clone(),
            loggers: names(loggers),
            positions: self.positions,
            rows: self.rows,
            has_distributions: self.has_distributions,
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// What [`Self::to_json`] wrote; `None` when it is not that.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok()?;
        let names = |names: &[String]| Arc::new(names.iter().map(String::as_str).collect());
        Some(Self {
            vocabulary: Vocabulary {
                actions: names(&stored.actions),
                segments: names(&stored.segments),
                placements: names(&stored.placements),
                loggers: names(&stored.loggers),
            },
            placements: stored.placements_of_rows,
            positions: stored.positions,
            rows: stored.rows,
            has_distributions: stored.has_distributions,
        })
    }
}
