//! The service's own ledger as a log of choices.
//!
//! A row is one slot of a decision that has closed, was shown and is no
//! rehearsal: what was left for that slot with its whole distribution given the
//! slots above it, what was drawn with which probability, and what the slot
//! earned, later refunds taken off. The position is the slot, from 0; the
//! sequence is the decision's place in the ledger; the shopper is the ledger's
//! own number of a shopper, or one of its own for a decision that named nobody;
//! the logger is the policy that the placement had, called by its kind and the
//! first version of the catalogue that a row was chosen with it under. What another
//! of the policies would have done there is not known: it would have learnt other
//! things.
//!
//! Rows come in the order of their decisions, placement by placement. They end
//! before the placement's oldest decision that is still open: what closed early
//! among later ones did so because of what came of it, and would bias the rest.
//! What is left out is counted ([`LeftOut`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::survey::Survey;
use crate::catalog::Numbering;
use crate::domain::ids::{OfferNumber, PlacementNumber, Position, SegmentNumber};
use crate::domain::keys::SubjectNumber;
use crate::engine::history::{Earned, History, HistoryError, PastDecision};
use crate::evaluation::choices::{
    ChoiceFault, Choices, Metric, Names, UncheckedChoices, Vocabulary,
};
use crate::learning::Policy;

/// Rows in a batch.
const BATCH_ROWS: usize = 8_192;

/// The numbers of decisions that named nobody have this bit set.
const NOBODY: u64 = 1 << 63;

/// Why a ledger gives no choices.
#[derive(Debug, Error)]
pub enum LedgerLogError {
    /// The ledger does not fold.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A name that the catalogue never had.
    #[error("the ledger has no placement {name:?}; it has {known}")]
    UnknownPlacement {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A decision that no choice can be: the ledger's own checks forbid it.
    #[error("the decision at position {position}: {fault}")]
    Choice {
        /// Which.
        position: u64,
        /// Why.
        fault: ChoiceFault,
    },
}

/// What is no row, counted in decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Still open.
    pub open: u64,
    /// Closed, but made after one that is still open.
    pub after_open: u64,
    /// Closed without proof that they were shown.
    pub not_shown: u64,
    /// Without an offer, or of the holdout.
    pub without_offer: u64,
    /// Made at or before the position that rows were asked for after.
    pub before: u64,
}

/// Reads a ledger's choices batch by batch. After the first error it gives
/// nothing more.
#[derive(Debug)]
pub struct LedgerChoices<'a> {
    history: History<'a>,
    placement: Option<PlacementNumber>,
    after: Position,
    vocabulary: Vocabulary,
    loggers: Vec<Logger>,
    /// Closed, and waiting for older ones to close.
    waiting: BTreeMap<PlacementNumber, BTreeMap<Position, PastDecision>>,
    left_out: LeftOut,
    ended: bool,
}

impl<'a> LedgerChoices<'a> {
    /// Reads the choices of one placement, or of all.
    ///
    /// # Errors
    /// When there is no such placement.
    pub fn new(history: History<'a>, placement: Option<&str>) -> Result<Self, LedgerLogError> {
        let numbering = history.numbering();
        let vocabulary = vocabulary_of(numbering);
        let placement = placement
            .map(|name| {
                let number = numbering.placement(name);
                number.ok_or_else(|| LedgerLogError::UnknownPlacement {
                    name: name.to_owned(),
                    known: vocabulary.placements.iter().collect::<Vec<_>>().join(", "),
                })
            })
            .transpose()?;
        Ok(Self {
            history,
            placement,
            after: Position::START,
            vocabulary,
            loggers: Vec::new(),
            waiting: BTreeMap::new(),
            left_out: LeftOut::default(),
            ended: false,
        })
    }

    /// Only decisions made after a position: what a policy of that position has
    /// not learnt from.
    #[must_use]
    pub const fn only_after(mut self, position: Position) -> Self {
        self.after = position;
        self
    }

    /// What is known of the log before its first row; rows are not counted.
    #[must_use]
    pub fn survey(&self) -> Survey {
        Survey {
            placements: self
                .vocabulary
                .placements
                .iter()
                .map(str::to_owned)
                .collect(),
            vocabulary: self.vocabulary.clone(),
            positions: u32::try_from(self.history.most_slots()).unwrap_or(u32::MAX),
            rows: 0,
            has_distributions: true,
        }
    }

    /// What was left out; complete once the rows have come to their end.
    #[must_use]
    pub const fn left_out(&self) -> LeftOut {
        self.left_out
    }

    fn read_batch(&mut self) -> Result<Option<Choices>, LedgerLogError> {
        let mut columns = Columns::default();
        while columns.unchecked.reward.len() < BATCH_ROWS {
            let Some(decision) = self.history.next().transpose()? else {
                self.count_the_rest();
                break;
            };
            let placement = decision.record.placement;
            if self.placement.is_some_and(|wanted| wanted != placement) {
                continue;
            }
            let waiting = self.waiting.entry(placement).or_default();
            waiting.insert(decision.position, decision);
            let open = self.history.oldest_open(placement);
            while let Some(entry) = waiting.first_entry() {
                if open.is_some_and(|open| *entry.key() > open) {
                    break;
                }
                let decision = entry.remove();
                if is_row(&decision, self.after, &mut self.left_out) {
                    let logger = logger_of(&decision, &mut self.loggers, &mut self.vocabulary);
                    columns.push(&decision, logger);
                }
            }
        }
        if columns.unchecked.reward.is_empty() {
            return Ok(None);
        }
        columns.check(&self.vocabulary).map(Some)
    }

    fn count_the_rest(&mut self) {
        let placements = 0..u32::try_from(self.vocabulary.placements.len()).unwrap_or(u32::MAX);
        let read = placements
            .map(PlacementNumber)
            .filter(|number| self.placement.is_none_or(|wanted| wanted == *number));
        self.left_out.open = read.map(|it| self.history.open_decisions(it)).sum();
        self.left_out.after_open = self.waiting.values().map(|it| it.len() as u64).sum();
    }
}

/// The number of the policy that chose. Rows of one policy mostly follow each other,
/// and a ledger has few.
fn logger_of(decision: &PastDecision, known: &mut Vec<Logger>, vocabulary: &mut Vocabulary) -> u32 {
    let placement = decision.record.placement;
    let logger = Logger {
        placement,
        policy: decision.catalog.policy(placement).cloned(),
    };
    let place = known.iter().rposition(|it| *it == logger);
    if let Some(number) = place.and_then(|place| u32::try_from(place).ok()) {
        return number;
    }
    let place = vocabulary.placements.get(placement.0).unwrap_or_default();
    let kind = logger.policy.as_ref().map_or("none", Policy::kind);
    let name = format!("{place} {kind}@{}", decision.record.catalog_version);
    known.push(logger);
    Names::number_in(&mut vocabulary.loggers, &name)
}

/// A placement's policy, as it was configured.
#[derive(Debug, PartialEq)]
struct Logger {
    placement: PlacementNumber,
    policy: Option<Policy>,
}

/// Whether a decision makes rows; what does not is counted.
fn is_row(decision: &PastDecision, after: Position, left_out: &mut LeftOut) -> bool {
    let why_not = if decision.position <= after {
        &mut left_out.before
    } else if decision.slots.is_empty() {
        &mut left_out.without_offer
    } else if !decision.taught {
        &mut left_out.not_shown
    } else {
        return true;
    };
    *why_not += 1;
    false
}

impl Iterator for LedgerChoices<'_> {
    type Item = Result<Choices, LedgerLogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.read_batch().transpose();
        self.ended = !matches!(batch, Some(Ok(_)));
        batch
    }
}

/// The names that the catalogue gave numbers to: an action is an offer's
/// number, a segment a segment's.
fn vocabulary_of(numbering: &Numbering) -> Vocabulary {
    fn names<'a>(name: impl Fn(u32) -> Option<&'a str>) -> Arc<Names> {
        Arc::new((0..).map_while(name).collect())
    }
    Vocabulary {
        actions: names(|number| numbering.offer_id(OfferNumber(number))),
        segments: names(|number| numbering.segment_id(SegmentNumber(number))),
        placements: names(|number| numbering.placement_id(PlacementNumber(number))),
        loggers: Arc::default(),
    }
}

#[derive(Debug)]
struct Columns {
    unchecked: UncheckedChoices,
}

impl Default for Columns {
    fn default() -> Self {
        let unchecked = UncheckedChoices {
            probabilities: Some(Vec::new()),
            metrics: Metric::ALL.map(|metric| (metric, Vec::new())).to_vec(),
            ..UncheckedChoices::default()
        };
        Self { unchecked }
    }
}

impl Columns {
    fn push(&mut self, decision: &PastDecision, logger: u32) {
        let record = &decision.record;
        let columns = &mut self.unchecked;
        for ((position, draw), earned) in (0..).zip(&record.slots).zip(&decision.slots) {
            columns
                .actions
                .extend(draw.eligible().iter().map(|offer| offer.0));
            columns.ends.push(columns.actions.len());
            if let Some(probabilities) = &mut columns.probabilities {
                probabilities.extend_from_slice(draw.distribution().probabilities());
            }
            let index = u32::try_from(draw.index()).unwrap_or(u32::MAX);
            columns.chosen.push(index);
            columns.propensity.push(draw.propensity().get());
            columns.reward.push(earned.reward);
            columns.position.push(position);
            columns.segment.push(record.segment.0);
            columns.placement.push(record.placement.0);
            columns.decision.extend(decision.id.map(|id| id.as_u128()));
            columns.shopper.push(match record.subject {
                SubjectNumber::NOBODY => NOBODY | decision.position.0,
                SubjectNumber(number) => number,
            });
            columns.decided_at_ms.push(decision.decided_at.unix_ms());
            columns.sequence.push(decision.position.0);
            columns.logger.push(logger);
            for (metric, values) in &mut columns.metrics {
                values.push(value_of(*metric, earned));
            }
        }
    }

    fn check(self, vocabulary: &Vocabulary) -> Result<Choices, LedgerLogError> {
        let sequence = self.unchecked.sequence.clone();
        Choices::new(self.unchecked, vocabulary.clone()).map_err(|fault| LedgerLogError::Choice {
            position: sequence[fault.index],
            fault,
        })
    }
}

#[allow(clippy::cast_precision_loss)] // amounts are below 2^53
fn value_of(metric: Metric, earned: &Earned) -> f64 {
    match metric {
        Metric::Conversion => f64::from(u8::from(earned.converted)),
        Metric::Revenue => earned.net_revenue_minor as f64,
        Metric::Margin => earned.margin_minor as f64,
        Metric::DiscountCost => earned.discount_cost_minor as f64,
    }
}
