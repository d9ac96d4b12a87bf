//! `verify`: reads the ledger from its start, folds it, and derives every
//! decision again.
//!
//! A decision was drawn from the state at an earlier position, at most
//! [`MAX_LAG_EVENTS`] before its own, so the states of that many events are
//! kept. They share structure: keeping one costs what the event changed.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;

use imbl::OrdMap;
use thiserror::Error;

use super::committer::MAX_LAG_EVENTS;
use super::derive::{self, Standing};
use super::recovery::Progress;
use super::sealing::UnsealError;
use super::shared::Shared;
use super::state::{FoldError, State, StateHash};
use super::view::{LookupError, context_of};
use crate::domain::decision::{DecisionKind, DecisionRecord};
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{ChainHash, PlacementNumber, Position};
use crate::learning::{ALGORITHM_VERSION, PolicyState};
use crate::ledger::ReadError;
use crate::ledger::codec::{DecodeError, decode_event};

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

/// What was learnt at recent positions.
#[derive(Debug, Default)]
struct History {
    /// Ascending; each holds from its position to the next one's.
    states: VecDeque<(Position, OrdMap<PlacementNumber, PolicyState>)>,
}

impl History {
    /// Notes the state after an event, when what was learnt changed.
    fn note(&mut self, state: &State) {
        let same = self
            .states
            .back()
            .is_some_and(|(_, known)| known.ptr_eq(state.learnt()));
        if !same {
            self.states
                .push_back((state.position(), state.learnt().clone()));
        }
        let oldest = state.position().0.saturating_sub(MAX_LAG_EVENTS + 1);
        while self
            .states
            .get(1)
            .is_some_and(|(position, _)| position.0 <= oldest)
        {
            self.states.pop_front();
        }
    }

    fn at(&self, position: Position) -> Option<&OrdMap<PlacementNumber, PolicyState>> {
        let after = self.states.partition_point(|(known, _)| *known <= position);
        after
            .checked_sub(1)
            .and_then(|place| self.states.get(place))
            .map(|(_, state)| state)
    }
}

pub(super) fn verify(
    shared: &Shared,
    expected_head: Option<ChainHash>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<VerifyReport, VerifyError> {
    let last = shared.read_state().position();
    let start = shared.ledger.start();
    let mut state = State::default();
    let mut history = History::default();
    let mut report = VerifyReport {
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
    let mut reached = expected_head.is_none_or(|head| head == start.chain);
    history.note(&state);
    for record in shared.ledger.scan(report.first_position, Some(start.chain)) {
        let record = record?;
        let position = record.position;
        if position > last {
            break;
        }
        let event =
            decode_event(&record.bytes).map_err(|error| VerifyError::Decode { position, error })?;
        if let EventBody::Decision(decision) = &event.body {
            report.decisions += 1;
            check_decision(
                shared,
                &state,
                &history,
                position,
                &event,
                decision,
                &mut report,
            );
        }
        state.apply(position, &event)?;
        history.note(&state);
        report.events += 1;
        report.last_position = position;
        report.chain = record.chain;
        reached |= expected_head == Some(record.chain);
        if report.events.is_multiple_of(PROGRESS_EVENTS) {
            let told = progress(Progress { position, last });
            if told.is_break() {
                return Err(VerifyError::GivenUp { position });
            }
        }
    }
    if let Some(head) = expected_head.filter(|_| !reached) {
        let what = format!("the chain never has the head {head}: acknowledged events are missing");
        report.fault(report.last_position, what);
    }
    report.state_hash = state.hash();
    Ok(report)
}

fn check_decision(
    shared: &Shared,
    state: &State,
    history: &History,
    position: Position,
    event: &Event,
    record: &DecisionRecord,
    report: &mut VerifyReport,
) {
    if event.envelope.algorithm_version != ALGORITHM_VERSION {
        *report
            .other_algorithm
            .entry(event.envelope.algorithm_version)
            .or_default() += 1;
        return;
    }
    if record.snapshot_position < shared.ledger.start().position {
        report.before_retained += 1;
        return;
    }
    let context = match context_of(shared, record, position) {
        Ok(context) => Some(context),
        Err(LookupError::Unseal(UnsealError::Erased)) => None,
        Err(error) => return report.fault(position, error.to_string()),
    };
    let Some(catalog) = state.catalog_of(record.catalog_version) else {
        let what = format!(
            "catalogue version {} was never brought",
            record.catalog_version
        );
        return report.fault(position, what);
    };
    let Some((placement, policy)) = catalog
        .placement(record.placement)
        .zip(catalog.policy(record.placement))
    else {
        let what = format!(
            "placement number {} is not in its catalogue",
            record.placement
        );
        return report.fault(position, what);
    };
    let Some(learnt) = history.at(record.snapshot_position) else {
        let what = format!(
            "it was drawn from the state at {}, more than {MAX_LAG_EVENTS} events before it",
            record.snapshot_position
        );
        return report.fault(position, what);
    };
    let recorded = Standing {
        segment: record.segment,
        holdout: record.kind == DecisionKind::Holdout,
    };
    let standing = context.as_ref().map_or(recorded, |context| {
        derive::standing(
            catalog,
            placement,
            context,
            record.unpersonalized,
            &shared.hash_key,
        )
    });
    let nothing_learnt = PolicyState::default();
    let learnt = learnt.get(&record.placement).unwrap_or(&nothing_learnt);
    let derived = derive::derive(
        catalog,
        placement,
        standing,
        record.evaluated_at,
        record.slots_requested as usize,
        record.seed,
        |_, eligible| {
            let (segment, at) = (standing.segment, record.evaluated_at);
            derive::distribution(policy, learnt, segment, at, record.seed, eligible)
        },
    );
    match derived.difference(standing, record) {
        Some(what) => report.fault(position, what),
        None if context.is_some() => report.rederived += 1,
        None => report.erased += 1,
    }
}
