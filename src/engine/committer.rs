//! The committer: one thread that gives events their order.
//!
//! Callers push proposals into a buffer under a mutex and wait. The committer
//! takes the whole buffer at once, checks each proposal against the state,
//! appends what holds, syncs, applies, publishes a snapshot, and wakes all
//! callers of the batch together.
//!
//! - Append, then apply: state never holds what the ledger does not.
//! - It is the one place where capacity of limits is given: it knows what is left
//!   at each place of a batch. A decision that was drawn from another capacity is
//!   drawn again as a whole.
//! - Under `group` durability a caller is answered after sync and apply, under
//!   `async` after apply.
//! - After any error of the ledger nothing is accepted any more; the process is
//!   to exit. A sync is never tried again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use tokio::runtime::Handle;

use super::attribution::OrderBook;
use super::capacity::Capacity;
use super::choose::Grounds;
pub use super::queue::CommitError;
use super::queue::{Batch, Committed, Condition, Entity, Proposal, Reply};
use super::shared::Shared;
use super::state::{FOLD_VERSION, State};
use crate::domain::event::{Closing, Envelope, Event, EventBody, PolicyReset, SCHEMA_VERSION};
use crate::domain::ids::{PlacementNumber, Position};
use crate::domain::outcome::OutcomeRecord;
use crate::domain::time::{Instant, Span};
use crate::learning::{ALGORITHM_VERSION, Alarm};
use crate::ledger::MARK_SYNC_INTERVAL_MS;
use crate::ledger::codec::{encode_body, encode_event};

/// A decision is appended at most this many events after the state that it was
/// drawn from; otherwise it is drawn again.
pub const MAX_LAG_EVENTS: u64 = 4_096;

/// Closings are written down when so many wait, …
const CLOSINGS_PER_EVENT: usize = 64;
/// An event of closings is complete, however few they are, once they tell of so
/// many outcomes: it must fit into a record of the ledger.
const OUTCOMES_PER_CLOSINGS: usize = 4_096;
/// So many events of closings go into one batch at most: what lies between two
/// syncs stays small.
const CLOSINGS_EVENTS_PER_BATCH: usize = 32;
/// … or when the oldest has waited so long.
const CLOSINGS_WAIT: Span = Span::from_seconds(60);

/// So many callers of one batch are woken from within the runtime.
const WOKEN_WITHIN: usize = 4;

/// So many resets go into one batch at most.
const RESETS_PER_BATCH: usize = 64;

/// An idle committer syncs the high-water mark after so long.
const MARK_SYNC_INTERVAL: Duration = Duration::from_millis(MARK_SYNC_INTERVAL_MS);

/// When an answer may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk.
    Group,
    /// When it is applied; on disk at most this much later.
    Async {
        /// The longest that an acknowledged event stays off the disk, besides
        /// the time of one sync.
        sync_interval: Duration,
    },
}

/// An event on its way into the ledger.
struct Accepted {
    /// Whose proposal it is; `None` for the committer's own.
    proposal: Option<usize>,
    body: EventBody,
    bytes: Vec<u8>,
    redrawn: bool,
}

impl Accepted {
    fn own(body: EventBody) -> Self {
        Self {
            proposal: None,
            bytes: encode_body(&body),
            body,
            redrawn: false,
        }
    }
}

/// The committing side.
pub(super) struct Committer {
    shared: Arc<Shared>,
    durability: Durability,
    /// When to sync at the latest: under `async` what was appended, under
    /// `group` the high-water mark, which the ledger writes with each commit and
    /// syncs only now and then.
    sync_at: Option<Stopwatch>,
    /// The encoded records of the batch under way.
    encoded: Vec<u8>,
    /// Where callers run, if it is known.
    runtime: Option<Handle>,
}

impl Committer {
    pub fn new(shared: Arc<Shared>, durability: Durability, runtime: Option<Handle>) -> Self {
        Self {
            shared,
            durability,
            sync_at: None,
            encoded: Vec::new(),
            runtime,
        }
    }

    /// Commits batch after batch until the queue drains or the ledger fails.
    pub fn run(mut self, mut after_batch: impl FnMut(&Arc<Shared>)) {
        loop {
            let (proposals, batch, draining) = self.shared.queue.take(self.patience());
            let idle = proposals.is_empty();
            if self.turn(proposals, batch, draining).is_err() {
                return;
            }
            after_batch(&self.shared);
            if draining && idle && self.shared.read_state().unwritten_closings().0.is_empty() {
                return;
            }
        }
    }

    /// Commits what waits now, and waits for nothing. A failure is what those
    /// who wait are answered, and everybody after them.
    pub fn step(&mut self) {
        let (proposals, batch, draining) = self.shared.queue.take_now();
        let _answered = self.turn(proposals, batch, draining);
    }

    /// Commits one batch, answers its callers and syncs what is due. After a
    /// failure nothing is accepted any more.
    fn turn(
        &mut self,
        proposals: Vec<Proposal>,
        batch: Arc<Batch>,
        draining: bool,
    ) -> Result<(), CommitError> {
        let count = proposals.len();
        let committed = self.commit(proposals);
        let failure = committed.as_ref().err().cloned();
        match committed {
            Ok(replies) if count >= WOKEN_WITHIN && !draining => self.answer(batch, replies),
            Ok(replies) => batch.answer(replies),
            Err(error) => batch.answer(vec![Reply::Failed(error); count]),
        }
        let failure = failure.or_else(|| self.sync_if_due(draining).err());
        let Some(error) = failure else {
            return Ok(());
        };
        self.shared.queue.fail(&error);
        self.shared.failed.notify_waiters();
        Err(error)
    }

    /// Answers from within the runtime: there a wake-up goes into the worker's
    /// own queue, from outside it takes a lock and often a system call for each
    /// caller.
    fn answer(&self, batch: Arc<Batch>, replies: Vec<Reply>) {
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn(async move { batch.answer(replies) })),
            None => batch.answer(replies),
        }
    }

    /// How long to wait for proposals before looking at the time.
    fn patience(&self) -> Option<Duration> {
        let until_sync = self
            .sync_at
            .map(|at| at.saturating_duration_since(stopwatch()));
        if self.shared.read_state().unwritten_closings().0.len() >= CLOSINGS_PER_EVENT {
            return Some(Duration::ZERO);
        }
        let until_due = if self.shared.clock.runs() {
            let state = self.shared.read_state();
            let now = self.shared.clock.now();
            let closing = state
                .unwritten_closings()
                .1
                .map(|since| since.plus(CLOSINGS_WAIT));
            let due = state.next_due().into_iter().chain(closing).min();
            due.map(|due| ms_between(now, due))
        } else {
            None
        };
        until_sync.into_iter().chain(until_due).min()
    }

    /// Commits proposals, and what time and they have brought about.
    ///
    /// # Errors
    /// When the ledger fails, or an event that was checked does not fold.
    pub fn commit(&mut self, proposals: Vec<Proposal>) -> Result<Vec<Reply>, CommitError> {
        let mut replies = vec![Reply::Bounced; proposals.len()];
        let (now, accepted) = self.check(proposals);
        if accepted.is_empty() {
            return Ok(replies);
        }
        self.commit_accepted(now, accepted, &mut replies)?;
        self.reset_what_changed(now)?;
        Ok(replies)
    }

    /// Appends events, syncs as the durability asks, and applies them.
    fn commit_accepted(
        &mut self,
        now: Instant,
        accepted: Vec<Accepted>,
        replies: &mut [Reply],
    ) -> Result<(), CommitError> {
        let first = self.append(now, &accepted)?;
        let durable = match self.durability {
            Durability::Group => {
                self.sync()?;
                self.sync_at = Some(stopwatch() + MARK_SYNC_INTERVAL);
                true
            }
            Durability::Async { sync_interval } => {
                self.sync_at
                    .get_or_insert_with(|| stopwatch() + sync_interval);
                false
            }
        };
        self.apply(now, first, accepted, durable, replies)
    }

    /// What policies have now seen to have changed is reset before anything else
    /// happens, by events of its own: a replay meets each reset in its place.
    fn reset_what_changed(&mut self, now: Instant) -> Result<(), CommitError> {
        loop {
            let resets = resets_to_write(&self.shared.read_state());
            if resets.is_empty() {
                return Ok(());
            }
            self.commit_accepted(now, resets, &mut [])?;
        }
    }

    /// Which proposals hold, in their order, with the committer's own events
    /// before them; and the instant at which they are recorded.
    fn check(&self, proposals: Vec<Proposal>) -> (Instant, Vec<Accepted>) {
        let state = self.shared.read_state();
        let now = self.shared.clock.now().max(state.now());
        let mut accepted = Vec::with_capacity(proposals.len() + 2);
        let closings = self.closings_to_write(&state, now, &proposals);
        accepted.extend(closings.map(Accepted::own));
        let mut touched = HashSet::new();
        let mut capacity = Capacity::new(&state, now);
        let mut time_must_pass = state.next_due().is_some_and(|due| due <= now);
        for (index, proposal) in proposals.into_iter().enumerate() {
            let Proposal {
                body,
                bytes,
                condition,
            } = proposal;
            let holds = match &condition {
                Condition::None | Condition::Fresh(..) => true,
                Condition::Unchanged(premises) => premises.iter().all(|(entity, seen)| {
                    !touched.contains(entity) && version_of(&state, *entity) == *seen
                }),
            };
            if !holds {
                continue;
            }
            if let EventBody::Outcome(record) = &body
                && closes_by(&state, record, now)
            {
                time_must_pass = true;
                continue;
            }
            if let Condition::Unchanged(premises) = &condition {
                touched.extend(premises.iter().map(|(entity, _)| *entity));
            }
            let next = Position(state.position().0 + 1 + accepted.len() as u64);
            let proposed = Accepted {
                proposal: Some(index),
                body,
                bytes,
                redrawn: false,
            };
            let event = self.fresh(proposed, condition, next, &mut capacity);
            capacity.follow(next, &event.body);
            accepted.push(event);
        }
        if accepted.is_empty() && time_must_pass {
            accepted.push(Accepted::own(EventBody::Tick));
        }
        (now, accepted)
    }

    /// A decision whose state is too old is drawn again; so is one, from the
    /// same state, for which the limits no longer are what they were.
    fn fresh(
        &self,
        accepted: Accepted,
        condition: Condition,
        next: Position,
        capacity: &mut Capacity<'_>,
    ) -> Accepted {
        let (Condition::Fresh(request, grounds), EventBody::Decision(record)) =
            (condition, &accepted.body)
        else {
            return accepted;
        };
        let lag = next.0 - record.snapshot_position.0;
        let (grounds, again) = if lag > MAX_LAG_EVENTS {
            (Grounds::now(&self.shared), true)
        } else {
            (grounds, false)
        };
        let constrained = request.is_constrained();
        if !again && (!constrained || capacity.still_fits(&request, &grounds, record)) {
            return accepted;
        }
        let record = capacity.draw(&self.shared, &request, &grounds);
        let body = EventBody::Decision(Arc::new(record));
        Accepted {
            bytes: encode_body(&body),
            body,
            redrawn: true,
            ..accepted
        }
    }

    /// Closed decisions are written down when enough wait, when the oldest has
    /// waited long enough, or when the engine drains.
    fn closings_to_write(
        &self,
        state: &State,
        now: Instant,
        proposals: &[Proposal],
    ) -> impl Iterator<Item = EventBody> + use<> {
        let (waiting, since) = state.unwritten_closings();
        let old = since.is_some_and(|since| now >= since.plus(CLOSINGS_WAIT));
        let draining = proposals.is_empty() && self.shared.queue.is_draining();
        let count = if old || draining {
            waiting.len()
        } else {
            waiting.len() / CLOSINGS_PER_EVENT * CLOSINGS_PER_EVENT
        };
        let most = CLOSINGS_EVENTS_PER_BATCH * CLOSINGS_PER_EVENT;
        let closings = waiting.iter().take(count.min(most)).cloned();
        let events = into_events(closings);
        let most = CLOSINGS_EVENTS_PER_BATCH;
        events.into_iter().take(most).map(EventBody::Closings)
    }

    fn envelope(&self, position: Position, recorded_at: Instant) -> Envelope {
        Envelope {
            schema_version: SCHEMA_VERSION,
            shop_id: self.shared.shop_id.clone(),
            node_id: self.shared.node_id,
            node_sequence: position.0,
            recorded_at,
            fold_version: FOLD_VERSION,
            algorithm_version: ALGORITHM_VERSION,
        }
    }

    /// Appends the events; returns the position of the first.
    fn append(&mut self, now: Instant, accepted: &[Accepted]) -> Result<Position, CommitError> {
        let first = self.shared.read_state().position().next();
        self.encoded.clear();
        let mut ends = Vec::with_capacity(accepted.len());
        let mut envelope = self.envelope(first, now);
        for event in accepted {
            encode_event(&envelope, &event.bytes, &mut self.encoded);
            ends.push(self.encoded.len());
            envelope.node_sequence += 1;
        }
        let mut start = 0;
        let records: Vec<&[u8]> = ends
            .iter()
            .map(|end| {
                let record = &self.encoded[start..*end];
                start = *end;
                record
            })
            .collect();
        let head = self
            .shared
            .ledger
            .append(&records)
            .map_err(|error| CommitError::Ledger(error.to_string()))?;
        assert_eq!(
            head.position.0 + 1,
            first.0 + accepted.len() as u64,
            "the ledger and the state count the same events"
        );
        Ok(first)
    }

    /// Applies what was appended, publishes the snapshot, tells the registry.
    fn apply(
        &self,
        now: Instant,
        first: Position,
        accepted: Vec<Accepted>,
        durable: bool,
        replies: &mut [Reply],
    ) -> Result<(), CommitError> {
        let mut effects = Vec::with_capacity(accepted.len());
        {
            let mut state = self.shared.write_state();
            let mut position = first;
            for event in accepted {
                let folded = Event {
                    envelope: self.envelope(position, now),
                    body: event.body,
                };
                let effect = state
                    .apply(position, &folded)
                    .map_err(|error| CommitError::Ledger(error.to_string()))?;
                effects.push((position, event.proposal, event.redrawn, effect));
                position = position.next();
            }
            self.shared.publish(&state);
        }
        for (position, proposal, redrawn, effect) in effects {
            self.shared.note(&effect, now);
            if let Some(proposal) = proposal {
                replies[proposal] = Reply::Committed(Committed {
                    position,
                    recorded_at: now,
                    durable,
                    effect,
                    redrawn,
                });
            }
        }
        Ok(())
    }

    /// Syncs what waits to be, when it is time or the engine drains.
    fn sync_if_due(&mut self, draining: bool) -> Result<(), CommitError> {
        if self.sync_at.is_some_and(|at| draining || stopwatch() >= at) {
            self.sync()?;
            self.sync_at = None;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), CommitError> {
        let synced = self.shared.ledger.sync();
        synced
            .map(drop)
            .map_err(|error| CommitError::Ledger(error.to_string()))
    }
}

/// The monotonic clock: it only spaces syncs, and no event depends on it.
fn stopwatch() -> Stopwatch {
    Stopwatch::now()
}

/// The resets that policies ask for.
fn resets_to_write(state: &State) -> Vec<Accepted> {
    let reset = |(placement, alarm): (PlacementNumber, Alarm)| {
        Accepted::own(EventBody::PolicyReset(PolicyReset {
            placement,
            segment: Some(alarm.segment),
            offer: alarm.offer,
            reason: "the rewards of an offer changed".to_owned(),
            actor: "change detection".to_owned(),
        }))
    };
    state.alarms().take(RESETS_PER_BATCH).map(reset).collect()
}

/// Closings in their order, as many to an event as fit.
fn into_events(closings: impl Iterator<Item = Closing>) -> Vec<Vec<Closing>> {
    let mut events: Vec<Vec<Closing>> = Vec::new();
    let mut outcomes = 0;
    for closing in closings {
        outcomes += closing.events.len();
        match events.last_mut() {
            Some(event)
                if event.len() < CLOSINGS_PER_EVENT && outcomes <= OUTCOMES_PER_CLOSINGS =>
            {
                event.push(closing);
            }
            _ => {
                outcomes = closing.events.len();
                events.push(vec![closing]);
            }
        }
    }
    events
}

/// Whether an outcome's open decision is due to close before the outcome would
/// be recorded.
fn closes_by(state: &State, record: &OutcomeRecord, now: Instant) -> bool {
    record
        .targets
        .iter()
        .filter(|target| !target.closed)
        .any(|target| {
            state
                .open_decision(target.decision)
                .is_none_or(|decision| decision.closes_at <= now)
        })
}

/// A number that changes whenever something of the entity does.
pub(super) fn version_of(state: &State, entity: Entity) -> u64 {
    const CLOSED: u64 = 1 << 63;
    match entity {
        Entity::Decision(position) => match state.open_decision(position) {
            Some(decision) => decision.outcomes.len() as u64,
            None => CLOSED | state.last_touched(position).0,
        },
        Entity::Event(event) => state
            .recorded_event(event)
            .map_or(0, |known| known.position.0),
        Entity::Purchase(event) => state.purchase(event).map_or(0, |purchase| {
            1 + 2 * purchase.reversals.len() as u64 + u64::from(purchase.position.is_some())
        }),
        Entity::Catalog => state
            .catalog()
            .map_or(0, |catalog| u64::from(catalog.version().0)),
        Entity::Order(order) => state.order(order).map_or(0, |order| {
            1 + (order.decisions.len() + order.purchases.len() + order.claims.len()) as u64
        }),
    }
}

fn ms_between(now: Instant, due: Instant) -> Duration {
    Duration::from_millis(due.since(now).ms().unsigned_abs())
}
