//! The committer: one thread that gives events their order.
//!
//! Callers push proposals into a buffer under a mutex and wait. The committer
//! takes the whole buffer at once, checks each proposal against the state,
//! appends what holds, syncs, applies, publishes a snapshot, and wakes all
//! callers of the batch together.
//!
//! - Append, then apply: state never holds what the ledger does not.
//! - Under `group` durability a caller is answered after sync and apply, under
//!   `async` after apply.
//! - After any error of the ledger nothing is accepted any more; the process is
//!   to exit. A sync is never tried again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use thiserror::Error;
use tokio::sync::Notify;

use super::choose::PreparedRequest;
use super::shared::Shared;
use super::state::{Effect, FOLD_VERSION, State};
use crate::domain::event::{Envelope, Event, EventBody, SCHEMA_VERSION};
use crate::domain::ids::Position;
use crate::domain::keys::{EventKey, OrderKey};
use crate::domain::outcome::{OutcomeRecord, OutcomeResult};
use crate::domain::time::{Instant, Span};
use crate::learning::ALGORITHM_VERSION;
use crate::ledger::RECORD_LIMIT_BYTES;
use crate::ledger::codec::{encode_body, encode_event};

/// A decision is appended at most this many events after the state that it was
/// drawn from; otherwise it is drawn again.
pub const MAX_LAG_EVENTS: u64 = 4_096;

/// Closings are written down when so many wait, …
const CLOSINGS_PER_EVENT: usize = 64;
/// … or when the oldest has waited so long.
const CLOSINGS_WAIT: Span = Span::from_seconds(60);

/// The largest body of an event: the envelope needs room beside it, and so does
/// a decision that is drawn again. The ledger would refuse a larger one, and
/// that ends the committer.
const LARGEST_BODY_BYTES: usize = RECORD_LIMIT_BYTES - 64 * 1024;

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

/// What a proposal rests on: an entity of the state, and the version that the
/// caller saw.
pub(super) type Premise = (Entity, u64);

/// Something that an outcome changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Entity {
    /// A decision, open or closed.
    Decision(Position),
    /// An outcome event's id.
    Event(EventKey),
    /// A purchase and its reversals.
    Purchase(EventKey),
    /// An order and its lines.
    Order(OrderKey),
}

/// What a caller wants appended.
#[derive(Debug)]
pub(super) struct Proposal {
    /// The event.
    pub body: EventBody,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What has to hold for it.
    pub condition: Condition,
}

/// What has to hold when a proposal is appended.
#[derive(Debug)]
pub(super) enum Condition {
    /// Nothing.
    None,
    /// The decision was drawn from a recent state; otherwise it is drawn again
    /// from this.
    Fresh(Arc<PreparedRequest>),
    /// None of these changed since the caller looked.
    Unchanged(SmallVec<[Premise; 4]>),
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// It was appended.
    Committed(Committed),
    /// What it rests on had changed: look again.
    Bounced,
    /// The ledger failed.
    Failed(CommitError),
}

/// Where an event went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Committed {
    /// Its position.
    pub position: Position,
    /// Its instant.
    pub recorded_at: Instant,
    /// It is on disk.
    pub durable: bool,
    /// How an outcome was taken.
    pub result: Option<OutcomeResult>,
    /// The decision was drawn again: the ledger has another than the caller
    /// proposed.
    pub redrawn: bool,
}

/// Why nothing is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommitError {
    /// More waits than the queue may hold.
    #[error("{waiting_bytes} bytes wait to be committed, at most {limit_bytes} may")]
    Full {
        /// How much waits.
        waiting_bytes: usize,
        /// How much may.
        limit_bytes: usize,
    },
    /// The event is larger than a record of the ledger may be.
    #[error("the event has {bytes} bytes, a record of the ledger at most {limit_bytes}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest size.
        limit_bytes: usize,
    },
    /// The engine is draining.
    #[error("the service is shutting down")]
    Draining,
    /// The ledger failed; the process is to exit.
    #[error("the ledger failed: {0}")]
    Ledger(String),
}

/// A batch of proposals and, later, what became of them.
#[derive(Debug, Default)]
struct Batch {
    replies: OnceLock<Vec<Reply>>,
    done: Notify,
}

impl Batch {
    /// Answers every caller. The queue gives a batch away once, so nobody else
    /// has done so.
    fn answer(&self, replies: Vec<Reply>) {
        let fresh = self.replies.set(replies).is_ok();
        debug_assert!(fresh, "a batch is answered once");
        self.done.notify_waiters();
    }
}

/// Waits for one proposal of a batch.
#[derive(Debug)]
pub(super) struct Ticket {
    batch: Arc<Batch>,
    index: usize,
}

impl Ticket {
    /// What became of the proposal.
    pub async fn reply(self) -> Reply {
        loop {
            let done = self.batch.done.notified();
            if let Some(replies) = self.batch.replies.get() {
                return replies[self.index].clone();
            }
            done.await;
        }
    }
}

#[derive(Debug, Default)]
struct Buffer {
    proposals: Vec<Proposal>,
    batch: Arc<Batch>,
    /// The committer sleeps and wants to be woken.
    asleep: bool,
    draining: bool,
    failed: Option<CommitError>,
}

/// Where callers put proposals and the committer takes them.
#[derive(Debug)]
pub(super) struct Queue {
    /// Protects the proposals that wait; held for one push or one take.
    buffer: Mutex<Buffer>,
    wake: Condvar,
    waiting_bytes: AtomicUsize,
    limit_bytes: usize,
}

impl Queue {
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            buffer: Mutex::default(),
            wake: Condvar::new(),
            waiting_bytes: AtomicUsize::new(0),
            limit_bytes,
        }
    }

    /// Whether another proposal may come: asked before anything is drawn.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn check_room(&self) -> Result<(), CommitError> {
        let waiting_bytes = self.waiting_bytes.load(Ordering::Relaxed);
        if waiting_bytes >= self.limit_bytes {
            return Err(CommitError::Full {
                waiting_bytes,
                limit_bytes: self.limit_bytes,
            });
        }
        Ok(())
    }

    /// Puts a proposal in. Room was asked for before; a proposal that was drawn
    /// is never turned away for lack of it, so the queue may exceed its limit by
    /// what is under way.
    ///
    /// # Errors
    /// When the event is larger than a record may be, the engine drains or the
    /// ledger has failed.
    pub fn push(&self, proposal: Proposal) -> Result<Ticket, CommitError> {
        if proposal.bytes.len() > LARGEST_BODY_BYTES {
            return Err(CommitError::TooLarge {
                bytes: proposal.bytes.len(),
                limit_bytes: LARGEST_BODY_BYTES,
            });
        }
        self.waiting_bytes
            .fetch_add(proposal.bytes.len(), Ordering::Relaxed);
        let mut buffer = self.lock();
        if let Some(error) = buffer.refusal() {
            return Err(error);
        }
        let ticket = Ticket {
            batch: buffer.batch.clone(),
            index: buffer.proposals.len(),
        };
        buffer.proposals.push(proposal);
        let asleep = std::mem::take(&mut buffer.asleep);
        drop(buffer);
        if asleep {
            self.wake.notify_one();
        }
        Ok(ticket)
    }

    /// No more proposals; the committer finishes what waits and ends.
    pub fn drain(&self) {
        self.lock().draining = true;
        self.wake.notify_one();
    }

    /// Why proposals are turned away, if they are.
    pub fn refusal(&self) -> Option<CommitError> {
        self.lock().refusal()
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // A push or a take cannot panic half-way.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all proposals that wait; waits for one at most `patience`, or for
    /// ever. The flag says whether the queue drains.
    fn take(&self, patience: Option<Duration>) -> (Vec<Proposal>, Arc<Batch>, bool) {
        let mut buffer = self.lock();
        if buffer.proposals.is_empty() && !buffer.draining {
            buffer.asleep = true;
            buffer = match patience {
                Some(patience) => {
                    let waited = self.wake.wait_timeout(buffer, patience);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .wake
                    .wait(buffer)
                    .unwrap_or_else(PoisonError::into_inner),
            };
            buffer.asleep = false;
        }
        let capacity = buffer.proposals.len();
        let proposals = std::mem::replace(&mut buffer.proposals, Vec::with_capacity(capacity));
        let batch = std::mem::take(&mut buffer.batch);
        let draining = buffer.draining;
        drop(buffer);
        let bytes = proposals.iter().map(|proposal| proposal.bytes.len()).sum();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        (proposals, batch, draining)
    }
}

impl Buffer {
    fn refusal(&self) -> Option<CommitError> {
        self.failed
            .clone()
            .or_else(|| self.draining.then_some(CommitError::Draining))
    }
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
    /// When the oldest event that is not synced was appended.
    unsynced_since: Option<std::time::Instant>,
    /// The encoded records of the batch under way.
    encoded: Vec<u8>,
}

impl Committer {
    pub fn new(shared: Arc<Shared>, durability: Durability) -> Self {
        Self {
            shared,
            durability,
            unsynced_since: None,
            encoded: Vec::new(),
        }
    }

    /// Commits batch after batch until the queue drains or the ledger fails.
    pub fn run(mut self, mut after_batch: impl FnMut(&Arc<Shared>)) {
        loop {
            let (proposals, batch, draining) = self.shared.queue.take(self.patience());
            let idle = proposals.is_empty();
            let count = proposals.len();
            let committed = self.commit(proposals);
            let failure = committed.as_ref().err().cloned();
            batch.answer(match committed {
                Ok(replies) => replies,
                Err(error) => vec![Reply::Failed(error); count],
            });
            let failure = failure.or_else(|| self.sync_if_due(draining).err());
            if let Some(error) = failure {
                self.fail(&error);
                return;
            }
            after_batch(&self.shared);
            if draining && idle {
                return;
            }
        }
    }

    /// From now on everything is turned away, what waits already included.
    fn fail(&self, error: &CommitError) {
        let mut buffer = self.shared.queue.lock();
        buffer.failed = Some(error.clone());
        let count = std::mem::take(&mut buffer.proposals).len();
        let batch = std::mem::take(&mut buffer.batch);
        drop(buffer);
        batch.answer(vec![Reply::Failed(error.clone()); count]);
        self.shared.failed.notify_waiters();
    }

    /// How long to wait for proposals before looking at the time.
    fn patience(&self) -> Option<Duration> {
        let until_sync = match (self.durability, self.unsynced_since) {
            (Durability::Async { sync_interval }, Some(since)) => {
                Some(sync_interval.saturating_sub(since.elapsed()))
            }
            _ => None,
        };
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

    /// Commits proposals, and what time has brought about.
    ///
    /// # Errors
    /// When the ledger fails, or an event that was checked does not fold.
    pub fn commit(&mut self, proposals: Vec<Proposal>) -> Result<Vec<Reply>, CommitError> {
        let mut replies = vec![Reply::Bounced; proposals.len()];
        let (now, accepted) = self.check(proposals);
        if accepted.is_empty() {
            return Ok(replies);
        }
        let first = self.append(now, &accepted)?;
        let durable = self.durability == Durability::Group;
        if durable {
            self.shared
                .ledger
                .sync()
                .map_err(|error| CommitError::Ledger(error.to_string()))?;
        } else {
            self.unsynced_since
                .get_or_insert_with(std::time::Instant::now);
        }
        self.apply(now, first, accepted, durable, &mut replies)?;
        Ok(replies)
    }

    /// Which proposals hold, in their order, with the committer's own events
    /// before them; and the instant at which they are recorded.
    fn check(&self, proposals: Vec<Proposal>) -> (Instant, Vec<Accepted>) {
        let state = self.shared.read_state();
        let now = self.shared.clock.now().max(state.now());
        let mut accepted = Vec::with_capacity(proposals.len() + 2);
        let closings = self.closings_to_write(&state, now, &proposals);
        accepted.extend(closings.map(Accepted::own));
        let own = accepted.len();
        let mut touched = HashSet::new();
        let mut time_must_pass = state.next_due().is_some_and(|due| due <= now);
        for (index, proposal) in proposals.into_iter().enumerate() {
            let Proposal {
                body,
                bytes,
                condition,
            } = proposal;
            let holds = match &condition {
                Condition::None | Condition::Fresh(_) => true,
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
            accepted.push(self.fresh(
                Accepted {
                    proposal: Some(index),
                    body,
                    bytes,
                    redrawn: false,
                },
                condition,
                next,
            ));
        }
        if accepted.len() == own && time_must_pass {
            accepted.push(Accepted::own(EventBody::Tick));
        }
        (now, accepted)
    }

    /// A decision whose state is too old is drawn again.
    fn fresh(&self, accepted: Accepted, condition: Condition, next: Position) -> Accepted {
        let Condition::Fresh(request) = condition else {
            return accepted;
        };
        match &accepted.body {
            EventBody::Decision(record) if next.0 - record.snapshot_position.0 > MAX_LAG_EVENTS => {
                let record = request.draw(&self.shared);
                let body = EventBody::Decision(Box::new(record));
                Accepted {
                    bytes: encode_body(&body),
                    body,
                    redrawn: true,
                    ..accepted
                }
            }
            _ => accepted,
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
        let draining = proposals.is_empty() && self.shared.queue.lock().draining;
        let count = if old || draining {
            waiting.len()
        } else {
            waiting.len() / CLOSINGS_PER_EVENT * CLOSINGS_PER_EVENT
        };
        let closings: Vec<_> = waiting.iter().take(count).cloned().collect();
        let chunks: Vec<_> = closings
            .chunks(CLOSINGS_PER_EVENT)
            .map(<[_]>::to_vec)
            .map(EventBody::Closings)
            .collect();
        chunks.into_iter()
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
                let result = match effect {
                    Effect::Outcome { result } => Some(result),
                    _ => None,
                };
                replies[proposal] = Reply::Committed(Committed {
                    position,
                    recorded_at: now,
                    durable,
                    result,
                    redrawn,
                });
            }
        }
        Ok(())
    }

    /// Under `async`: syncs when the oldest event has waited long enough, or
    /// when the engine drains.
    fn sync_if_due(&mut self, draining: bool) -> Result<(), CommitError> {
        let (Durability::Async { sync_interval }, Some(since)) =
            (self.durability, self.unsynced_since)
        else {
            return Ok(());
        };
        if draining || since.elapsed() >= sync_interval {
            self.shared
                .ledger
                .sync()
                .map_err(|error| CommitError::Ledger(error.to_string()))?;
            self.unsynced_since = None;
        }
        Ok(())
    }
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
    use super::attribution::OrderBook;
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
        Entity::Order(order) => state.order(order).map_or(0, |order| {
            1 + (order.decisions.len() + order.purchases.len() + order.claims.len()) as u64
        }),
    }
}

fn ms_between(now: Instant, due: Instant) -> Duration {
    Duration::from_millis(due.since(now).ms().unsigned_abs())
}
