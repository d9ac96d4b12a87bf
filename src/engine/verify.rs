//! `verify`: reads the ledger from its start, folds it, and derives every
//! decision again.
//!
//! A decision was drawn from the state at an earlier position, at most
//! [`MAX_LAG_EVENTS`] before its own, so the states of that many events are
//! kept. They share structure: keeping one costs what the event changed.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use thiserror::Error;

use super::committer::MAX_LAG_EVENTS;
use super::derive;
use super::recovery::Progress;
use super::sealing::UnsealError;
use super::shared::Shared;
use super::snapshot::{Asked, Beliefs, DistributionCache, Drawing, OfferIndexes};
use super::state::{FoldError, State, StateHash};
use super::view::{LookupError, context_of};
use crate::domain::decision::DecisionRecord;
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{CatalogVersion, ChainHash, Position};
use crate::domain::time::Instant;
use crate::learning::ALGORITHM_VERSION;
use crate::ledger::ReadError;
use crate::ledger::codec::{DecodeError, decode_event};
use crate::promotion::constraints::book::LimitBook;
use crate::promotion::constraints::gate::Recorded;

/// At most so many faults are told one by one.
const FAULTS_TOLD: usize = 100;

/// Progress is told after so many events.
const PROGRESS_EVENTS: u64 = 1_024;

/// What `verify` found.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    /// The first event that is kept.
    pub first_position: Position,
    /// The last event that was read.
    pub last_position: Position,
    /// The chain's head after it.
    pub chain: ChainHash,
    /// The hash of the state that the events lead to.
    pub state_hash: StateHash,
    /// How many events were read.
    pub events: u64,
    /// How many of them are decisions.
    pub decisions: u64,
    /// Decisions that came out the same, bit for bit.
    pub rederived: u64,
    /// Decisions of erased shoppers: all but segment and holdout came out the
    /// same.
    pub erased: u64,
    /// Decisions of other versions of the arithmetic, by version.
    pub other_algorithm: BTreeMap<u32, u64>,
    /// Decisions drawn from a state before the first event that is kept.
    pub before_retained: u64,
    /// What is wrong, the first ones.
    pub faults: Vec<VerifyFault>,
    /// How much is wrong.
    pub faults_total: u64,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyFault {
    /// Where.
    pub position: Position,
    /// What.
    pub what: String,
}

impl VerifyReport {
    /// Whether every decision that can be derived again came out the same.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.faults_total == 0
    }

    fn fault(&mut self, position: Position, what: String) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(VerifyFault { position, what });
        }
    }
}

/// Why a ledger cannot be verified to its end.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The ledger does not give its records, or their chain is broken.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record does not decode.
    #[error("the record at position {position} does not decode: {error}")]
    Decode {
        /// Which record.
        position: Position,
        /// Why.
        error: DecodeError,
    },
    /// The events do not fold.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Whoever asked wants no answer any more.
    #[error("verifying was given up at position {position}")]
    GivenUp {
        /// The event that was read last.
        position: Position,
    },
}

/// What was believed at recent positions.
#[derive(Debug, Default)]
struct History {
    /// Ascending; each holds from its position to the next one's.
    states: VecDeque<(Position, Beliefs)>,
    /// Likewise what was used of limits.
    limits: VecDeque<(Position, LimitBook)>,
}

impl History {
    /// Notes the state after an event, when what is believed changed.
    fn note(&mut self, state: &State) {
        let same = self
            .states
            .back()
            .is_some_and(|(_, known)| known.are_those_of(state));
        if !same {
            self.states
                .push_back((state.position(), Beliefs::of(state)));
        }
        if !state.limits().is_empty() {
            self.limits
                .push_back((state.position(), state.limits().clone()));
        }
        let oldest = state.position().0.saturating_sub(MAX_LAG_EVENTS + 1);
        forget_before(&mut self.states, oldest);
        forget_before(&mut self.limits, oldest);
    }

    /// What was used of limits then.
    fn limits_at(&self, position: Position) -> LimitBook {
        let after = self.limits.partition_point(|(known, _)| *known <= position);
        let known = after
            .checked_sub(1)
            .and_then(|place| self.limits.get(place));
        known.map(|(_, book)| book.clone()).unwrap_or_default()
    }

    fn at(&self, position: Position) -> Option<&Beliefs> {
        let after = self.states.partition_point(|(known, _)| *known <= position);
        after
            .checked_sub(1)
            .and_then(|place| self.states.get(place))
            .map(|(_, state)| state)
    }
}

/// Drops what only held before a position.
fn forget_before<T>(states: &mut VecDeque<(Position, T)>, oldest: u64) {
    while states
        .get(1)
        .is_some_and(|(position, _)| position.0 <= oldest)
    {
        states.pop_front();
    }
}

/// What is wrong with one decision, or how it was derived again.
enum Checked {
    Rederived,
    Erased,
    OtherAlgorithm(u32),
    BeforeRetained,
}

/// The fold so far, and what came before it.
struct Verifier<'a> {
    shared: &'a Shared,
    state: State,
    history: History,
    cache: DistributionCache,
    /// Of the catalogue version that the last decision was made with.
    indexes: (Option<CatalogVersion>, OfferIndexes),
    report: VerifyReport,
}

pub(super) fn verify(
    shared: &Shared,
    expected_head: Option<ChainHash>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<VerifyReport, VerifyError> {
    let last = shared.read_state().position();
    let start = shared.ledger.start();
    let mut verifier = Verifier::new(shared);
    let mut reached = expected_head == Some(start.chain);
    for record in shared
        .ledger
        .scan(shared.ledger.first_position(), Some(start.chain))
    {
        let record = record?;
        let position = record.position;
        if position > last {
            break;
        }
        let event =
            decode_event(&record.bytes).map_err(|error| VerifyError::Decode { position, error })?;
        verifier.follow(position, &event)?;
        verifier.report.chain = record.chain;
        reached |= expected_head == Some(record.chain);
        if verifier.report.events.is_multiple_of(PROGRESS_EVENTS)
            && progress(Progress { position, last }).is_break()
        {
            return Err(VerifyError::GivenUp { position });
        }
    }
    let mut report = verifier.report;
    if let Some(head) = expected_head.filter(|_| !reached) {
        let what = format!("the chain never has the head {head}: acknowledged events are missing");
        report.fault(report.last_position, what);
    }
    report.state_hash = verifier.state.hash();
    Ok(report)
}

impl<'a> Verifier<'a> {
    fn new(shared: &'a Shared) -> Self {
        let (state, start) = (State::default(), shared.ledger.start());
        let mut history = History::default();
        history.note(&state);
        let report = VerifyReport {
            first_position: shared.ledger.first_position(),
            last_position: start.position,
            chain: start.chain,
            state_hash: state.hash(),
            events: 0,
            decisions: 0,
            rederived: 0,
            erased: 0,
            other_algorithm: BTreeMap::new(),
            before_retained: 0,
            faults: Vec::new(),
            faults_total: 0,
        };
        Self {
            shared,
            state,
            history,
            cache: DistributionCache::default(),
            indexes: (None, OfferIndexes::default()),
            report,
        }
    }

    /// Checks one event against what came before it, and folds it.
    fn follow(&mut self, position: Position, event: &Event) -> Result<(), VerifyError> {
        if let EventBody::Decision(record) = &event.body {
            self.report.decisions += 1;
            self.index(record.catalog_version);
            match self.check(position, event.envelope.algorithm_version, record) {
                Ok(Checked::Rederived) => self.report.rederived += 1,
                Ok(Checked::Erased) => self.report.erased += 1,
                Ok(Checked::BeforeRetained) => self.report.before_retained += 1,
                Ok(Checked::OtherAlgorithm(version)) => {
                    *self.report.other_algorithm.entry(version).or_default() += 1;
                }
                Err(what) => self.report.fault(position, what),
            }
            if let Some(what) = self.overcommitted(event.envelope.recorded_at, record) {
                self.report.fault(position, what);
            }
        }
        self.state.apply(position, event)?;
        self.history.note(&self.state);
        self.report.events += 1;
        self.report.last_position = position;
        Ok(())
    }

    /// Makes the indexes those of a catalogue version.
    fn index(&mut self, version: CatalogVersion) {
        if self.indexes.0 == Some(version) {
            return;
        }
        if let Some(catalog) = self.state.catalog_of(version) {
            self.indexes = (Some(version), OfferIndexes::of(catalog));
        }
    }

    /// The limit that a decision takes more of than was left at its place, if
    /// there is one.
    fn overcommitted(&self, now: Instant, record: &DecisionRecord) -> Option<String> {
        if record.holds.is_empty() {
            return None;
        }
        let constraints = self.state.catalog_of(record.catalog_version)?.constraints();
        let mut book = self.state.limits().clone();
        book.pass_time(now);
        record.holds.iter().find_map(|hold| {
            let limit = constraints.limit(hold.key.limit)?;
            let same = record.holds.iter().filter(|other| other.key == hold.key);
            let taken: i64 = same.map(|other| other.amount).sum();
            let left = book.left(&hold.key, limit.most);
            (taken > left).then(|| format!("it takes {taken} of {limit}, of which {left} was left"))
        })
    }

    /// Derives a decision again and compares; says what is wrong with it.
    fn check(
        &self,
        position: Position,
        algorithm_version: u32,
        record: &DecisionRecord,
    ) -> Result<Checked, String> {
        if algorithm_version != ALGORITHM_VERSION {
            return Ok(Checked::OtherAlgorithm(algorithm_version));
        }
        if record.snapshot_position < self.shared.ledger.start().position {
            return Ok(Checked::BeforeRetained);
        }
        let context = match context_of(self.shared, record, position) {
            Ok(context) => Some(context),
            Err(LookupError::Unseal(UnsealError::Erased)) => None,
            Err(error) => return Err(error.to_string()),
        };
        let version = record.catalog_version;
        let catalog = self
            .state
            .catalog_of(version)
            .ok_or_else(|| format!("catalogue version {version} was never brought"))?;
        let (placement, policy) = catalog
            .placement(record.placement)
            .zip(catalog.policy(record.placement))
            .ok_or_else(|| format!("placement {} is not in its catalogue", record.placement))?;
        let beliefs = self.history.at(record.snapshot_position).ok_or_else(|| {
            format!(
                "it was drawn from the state at {}, more than {MAX_LAG_EVENTS} events before it",
                record.snapshot_position
            )
        })?;
        let limits = self.history.limits_at(record.snapshot_position);
        let key = &self.shared.hash_key;
        let standing = derive::recorded_standing(catalog, placement, context.as_ref(), record, key);
        let asked = Asked {
            policy,
            arm: None,
            feedback: placement.feedback,
            catalog: version,
            constraints: catalog.constraints(),
            placement: record.placement,
            segment: standing.segment,
            decided_at: record.evaluated_at,
            seed: record.seed,
            features: &standing.features,
            expected: &[],
        };
        let mut drawing = Drawing::new(asked, standing.arm);
        let lifts = derive::Lifts::recorded(catalog, context.as_ref(), record);
        let derived = derive::derive(
            catalog,
            placement,
            &standing,
            derive::Judging {
                request: derive::known(context.as_ref(), record),
                index: self.indexes.1.at(record.placement),
            },
            &derive::Terms::of(record),
            &mut Recorded(&record.refusals),
            |above, eligible| {
                drawing.odds(above, eligible, |asked, eligible| {
                    let expected = lifts.expected(placement, eligible);
                    let asked = Asked {
                        expected: &expected,
                        ..*asked
                    };
                    let distribution = self.cache.distribution(&asked, beliefs, eligible);
                    asked.paced(distribution, eligible, &limits)
                })
            },
        );
        let kept = lifts.kept(placement, derived.eligible.as_ref());
        match derived.difference(&standing, &kept, record) {
            Some(what) => Err(what),
            None if context.is_some() => Ok(Checked::Rederived),
            None => Ok(Checked::Erased),
        }
    }
}
