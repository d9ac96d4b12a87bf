//! What waits to be committed, and the answers that callers wait for.
//!
//! Callers push under a mutex that is held for one push; the committer takes the
//! whole buffer at once and later wakes all callers of the batch together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use thiserror::Error;
use tokio::sync::Notify;

use super::choose::{Grounds, PreparedRequest};
use super::state::Effect;
use crate::domain::event::EventBody;
use crate::domain::ids::Position;
use crate::domain::keys::{EventKey, OrderKey};
use crate::domain::time::Instant;
use crate::ledger::RECORD_LIMIT_BYTES;

/// The largest body of an event: the envelope needs room beside it, and so does
/// a decision that is drawn again. The ledger would refuse a larger one, and
/// that ends the committer.
const LARGEST_BODY_BYTES: usize = RECORD_LIMIT_BYTES - 64 * 1024;

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
    /// The catalogue.
    Catalog,
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
    /// The decision was drawn from a recent state, and the limits refuse what
    /// they refused then; otherwise it is drawn again from this.
    Fresh(Arc<PreparedRequest>, Grounds),
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
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Committed {
    /// Its position.
    pub position: Position,
    /// Its instant.
    pub recorded_at: Instant,
    /// It is on disk.
    pub durable: bool,
    /// What it brought about.
    pub effect: Effect,
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
pub(super) struct Batch {
    replies: OnceLock<Vec<Reply>>,
    done: Notify,
}

impl Batch {
    /// Answers every caller. The queue gives a batch away once, so nobody else
    /// has done so.
    pub fn answer(&self, replies: Vec<Reply>) {
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

    /// Whether no more proposals come.
    pub fn is_draining(&self) -> bool {
        self.lock().draining
    }

    /// From now on everything is turned away, what waits already included.
    pub fn fail(&self, error: &CommitError) {
        let mut buffer = self.lock();
        buffer.failed = Some(error.clone());
        let count = std::mem::take(&mut buffer.proposals).len();
        let batch = std::mem::take(&mut buffer.batch);
        drop(buffer);
        batch.answer(vec![Reply::Failed(error.clone()); count]);
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // A push or a take cannot panic half-way.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all proposals that wait; waits for one at most `patience`, or for
    /// ever. The flag says whether the queue drains.
    pub fn take(&self, patience: Option<Duration>) -> (Vec<Proposal>, Arc<Batch>, bool) {
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
        if !buffer.proposals.is_empty() {
            // Where callers run on the same cores, those that are ready to push
            // come first: fewer and larger batches. An idle machine gives the
            // turn straight back.
            drop(buffer);
            std::thread::yield_now();
            buffer = self.lock();
        }
        self.emptied(buffer)
    }

    /// Takes the proposals that wait now; perhaps there are none. The flag says
    /// whether the queue drains.
    pub fn take_now(&self) -> (Vec<Proposal>, Arc<Batch>, bool) {
        self.emptied(self.lock())
    }

    fn emptied(&self, mut buffer: MutexGuard<'_, Buffer>) -> (Vec<Proposal>, Arc<Batch>, bool) {
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
