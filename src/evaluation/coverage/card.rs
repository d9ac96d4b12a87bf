//! Replications, put together.

use super::{Entry, Watched};
use crate::domain::math;

/// One interval's line of the card.
#[derive(Debug, Clone, PartialEq)]
pub struct CardRow {
    /// Which.
    pub entry: Entry,
    /// The share of logs in which it held the truth at the last look.
    pub once: f64,
    /// The share in which it held the truth at every look.
    pub always: f64,
    /// The standard error of a share of the size of `claim`.
    pub error: f64,
    /// What it claims.
    pub claim: f64,
    /// Whether it claims so for every look at once.
    pub claims_always: bool,
    /// The median width at the last look; `None` where most logs gave none.
    pub width: Option<f64>,
    /// The share of logs in which it could not be computed at the last look.
    pub absent: f64,
}

/// The card of one logger.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// How many logs.
    pub replications: usize,
    /// The intervals.
    pub rows: Vec<CardRow>,
}

impl Card {
    /// From the logs' intervals, which stand in the same order in each; `None`
    /// of no log.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // few replications
    pub fn of(logs: &[Vec<Watched>], claim: f64) -> Option<Self> {
        let count = logs.len() as f64;
        let share = |place: usize, counts: &dyn Fn(&Watched) -> bool| {
            logs.iter().filter(|log| counts(&log[place])).count() as f64 / count
        };
        let rows = logs.first()?.iter().enumerate().map(|(place, watched)| {
            let mut widths: Vec<f64> = logs
                .iter()
                .map(|log| log[place].width.unwrap_or(f64::INFINITY))
                .collect();
            widths.sort_by(f64::total_cmp);
            let median = widths[widths.len() / 2];
            CardRow {
                entry: watched.entry,
                once: share(place, &|it| it.held_last),
                always: share(place, &|it| it.held_always),
                error: math::sqrt(claim * (1.0 - claim) / count),
                claim,
                claims_always: watched.entry.kind.holds_at_every_look(),
                width: median.is_finite().then_some(median),
                absent: share(place, &|it| it.width.is_none()),
            }
        });
        Some(Self {
            replications: logs.len(),
            rows: rows.collect(),
        })
    }
}
