//! Who is being answered, and who was: request ids, reloads, subjects.
//!
//! A request id enters before anything is drawn, so that a concurrent retry
//! waits for the same answer; it stays for the declared horizon, so that a
//! later retry finds it. A session's placement and cart (a [`ReloadKey`])
//! likewise.
//!
//! The registry is an index of the ledger: it is filled again from a checkpoint
//! and the events after it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use uuid::Uuid;

use crate::domain::ids::Position;
use crate::domain::keys::{Pseudonym, ReloadKey, SubjectNumber};
use crate::domain::time::{Instant, Span};

/// How long a request id is honoured.
pub const REQUEST_HORIZON: Span = Span::from_seconds(7 * 24 * 3_600);

/// Request ids are forgotten by whole generations of this length; four are
/// kept, so an id is honoured between three and four of them.
const GENERATION_MS: i64 = REQUEST_HORIZON.ms() / 3;
const GENERATIONS: usize = 4;
const SHARDS: usize = 64;

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The decision it got.
    pub decision: Position,
    /// The hash of the request's content.
    pub fingerprint: u64,
}

/// What is known of a request id or a reload key.
#[derive(Debug)]
pub enum Begun<T> {
    /// Nothing: the caller has it now and must finish or abandon it.
    New,
    /// Somebody is at it: wait, then ask again.
    UnderWay(OwnedNotified),
    /// It was answered.
    Known(T),
}

#[derive(Debug)]
enum Entry<T> {
    UnderWay(Option<Arc<Notify>>),
    Known(T),
}

/// A decision that a reload gets again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloadable {
    /// The decision.
    pub decision: Position,
    /// Until when.
    pub until: Instant,
}

#[derive(Debug, Default)]
struct RequestShard {
    /// Being answered.
    under_way: HashMap<Uuid, Option<Arc<Notify>>>,
    /// Answered, by generation, the newest first.
    answered: [HashMap<Uuid, Answered>; GENERATIONS],
    generation: i64,
}

#[derive(Debug, Default)]
struct ReloadShard {
    entries: HashMap<ReloadKey, Entry<Reloadable>>,
    sweep_at: usize,
}

/// The index. Each lock protects one shard and is held for one look-up or
/// insert.
#[derive(Debug)]
pub struct Registry {
    requests: Vec<Mutex<RequestShard>>,
    reloads: Vec<Mutex<ReloadShard>>,
    subjects: Vec<Mutex<HashMap<Pseudonym, SubjectNumber>>>,
    next_subject: AtomicU64,
}

/// The registry's content, for a checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RegistryContent {
    answered: Vec<(i64, Vec<(Uuid, Answered)>)>,
    reloads: Vec<(ReloadKey, Reloadable)>,
    subjects: Vec<(Pseudonym, SubjectNumber)>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            requests: (0..SHARDS).map(|_| Mutex::default()).collect(),
            reloads: (0..SHARDS).map(|_| Mutex::default()).collect(),
            subjects: (0..SHARDS).map(|_| Mutex::default()).collect(),
            next_subject: AtomicU64::new(1),
        }
    }
}

impl Registry {
    /// Takes up a request id.
    pub fn begin_request(&self, id: Uuid) -> Begun<Answered> {
        let mut shard = self.request_shard(id);
        if let Some(waiters) = shard.under_way.get_mut(&id) {
            return Begun::UnderWay(waiters.get_or_insert_default().clone().notified_owned());
        }
        let known = shard
            .answered
            .iter()
            .find_map(|generation| generation.get(&id))
            .copied();
        if let Some(answered) = known {
            return Begun::Known(answered);
        }
        shard.under_way.insert(id, None);
        Begun::New
    }

    /// Gives a request id up: nothing was recorded for it.
    pub fn abandon_request(&self, id: Uuid) {
        let waiters = self.request_shard(id).under_way.remove(&id).flatten();
        waiters.inspect(|waiters| waiters.notify_waiters());
    }

    /// A request was answered, at `now`.
    pub fn finish_request(&self, id: Uuid, answered: Answered, now: Instant) {
        let mut shard = self.request_shard(id);
        shard.turn_to(now.unix_ms().div_euclid(GENERATION_MS));
        shard.answered[0].insert(id, answered);
        let waiters = shard.under_way.remove(&id).flatten();
        drop(shard);
        waiters.inspect(|waiters| waiters.notify_waiters());
    }

    /// Takes up a reload key, at `now`.
    pub fn begin_reload(&self, key: ReloadKey, now: Instant) -> Begun<Reloadable> {
        let mut shard = self.reload_shard(key);
        match shard.entries.get_mut(&key) {
            Some(Entry::UnderWay(waiters)) => {
                return Begun::UnderWay(waiters.get_or_insert_default().clone().notified_owned());
            }
            Some(Entry::Known(known)) if now < known.until => return Begun::Known(*known),
            _ => {}
        }
        shard.entries.insert(key, Entry::UnderWay(None));
        Begun::New
    }

    /// Gives a reload key up.
    pub fn abandon_reload(&self, key: ReloadKey) {
        let mut shard = self.reload_shard(key);
        if matches!(shard.entries.get(&key), Some(Entry::UnderWay(_)))
            && let Some(Entry::UnderWay(Some(waiters))) = shard.entries.remove(&key)
        {
            waiters.notify_waiters();
        }
    }

    /// A reload key has a decision, at `now`.
    pub fn finish_reload(&self, key: ReloadKey, known: Reloadable, now: Instant) {
        let mut shard = self.reload_shard(key);
        shard.sweep_if_grown(now);
        let before = shard.entries.insert(key, Entry::Known(known));
        if let Some(Entry::UnderWay(Some(waiters))) = before {
            waiters.notify_waiters();
        }
    }

    /// The subject of a shopper; a new number when there is none yet.
    pub fn subject_of(&self, shopper: Pseudonym) -> SubjectNumber {
        let mut shard = self.subject_shard(shopper);
        *shard
            .entry(shopper)
            .or_insert_with(|| SubjectNumber(self.next_subject.fetch_add(1, Ordering::Relaxed)))
    }

    /// Notes a shopper's subject, as a record has it.
    pub fn note_subject(&self, shopper: Pseudonym, subject: SubjectNumber) {
        self.subject_shard(shopper).insert(shopper, subject);
        self.next_subject
            .fetch_max(subject.0 + 1, Ordering::Relaxed);
    }

    /// New subjects get numbers from `next` on.
    pub fn continue_subjects_at(&self, next: u64) {
        self.next_subject.fetch_max(next, Ordering::Relaxed);
    }

    /// The next number that a new subject would get.
    #[must_use]
    pub fn next_subject(&self) -> u64 {
        self.next_subject.load(Ordering::Relaxed)
    }

    /// What a checkpoint at `position` keeps: answers of later events are left
    /// to be folded again. Locks one shard at a time.
    #[must_use]
    pub fn content(&self, position: Position) -> RegistryContent {
        let mut content = RegistryContent::default();
        for shard in &self.requests {
            let shard = lock(shard);
            for (age, generation) in (0_i64..).zip(&shard.answered) {
                let kept: Vec<_> = generation
                    .iter()
                    .filter(|(_, answered)| answered.decision <= position)
                    .map(|(id, answered)| (*id, *answered))
                    .collect();
                if !kept.is_empty() {
                    content.answered.push((shard.generation - age, kept));
                }
            }
        }
        for shard in &self.reloads {
            content
                .reloads
                .extend(
                    lock(shard)
                        .entries
                        .iter()
                        .filter_map(|(key, entry)| match entry {
                            Entry::Known(known) if known.decision <= position => {
                                Some((*key, *known))
                            }
                            _ => None,
                        }),
                );
        }
        for shard in &self.subjects {
            content
                .subjects
                .extend(lock(shard).iter().map(|(key, subject)| (*key, *subject)));
        }
        content
    }

    /// Fills an empty registry from a checkpoint.
    pub fn restore(&self, content: RegistryContent) {
        for (generation, answered) in content.answered {
            for (id, answered) in answered {
                let mut shard = self.request_shard(id);
                if generation > shard.generation {
                    shard.turn_to(generation);
                }
                let age = usize::try_from(shard.generation - generation).unwrap_or(GENERATIONS);
                if let Some(answers) = shard.answered.get_mut(age) {
                    answers.insert(id, answered);
                }
            }
        }
        for (key, known) in content.reloads {
            self.reload_shard(key)
                .entries
                .insert(key, Entry::Known(known));
        }
        for (shopper, subject) in content.subjects {
            self.note_subject(shopper, subject);
        }
    }

    fn request_shard(&self, id: Uuid) -> MutexGuard<'_, RequestShard> {
        // The last bytes of every kind of UUID vary.
        let bytes = id.as_bytes();
        lock(&self.requests[usize::from(bytes[15] ^ bytes[7]) % SHARDS])
    }

    fn reload_shard(&self, key: ReloadKey) -> MutexGuard<'_, ReloadShard> {
        lock(&self.reloads[usize::from(key.0[15]) % SHARDS])
    }

    fn subject_shard(
        &self,
        shopper: Pseudonym,
    ) -> MutexGuard<'_, HashMap<Pseudonym, SubjectNumber>> {
        lock(&self.subjects[usize::from(shopper.0[15]) % SHARDS])
    }
}

impl RequestShard {
    /// Makes room for answers of a generation; the oldest are forgotten.
    fn turn_to(&mut self, generation: i64) {
        if generation <= self.generation {
            return;
        }
        let steps = usize::try_from(generation - self.generation).unwrap_or(GENERATIONS);
        self.answered
            .rotate_right(steps.min(GENERATIONS) % GENERATIONS);
        self.answered
            .iter_mut()
            .take(steps)
            .for_each(|oldest| *oldest = HashMap::new());
        self.generation = generation;
    }
}

impl ReloadShard {
    /// Drops what is over, whenever the entries have doubled since the last
    /// time.
    fn sweep_if_grown(&mut self, now: Instant) {
        if self.entries.len() < self.sweep_at.max(256) {
            return;
        }
        self.entries.retain(|_, entry| match entry {
            Entry::UnderWay(_) => true,
            Entry::Known(known) => now < known.until,
        });
        self.sweep_at = self.entries.len() * 2;
    }
}

/// Nothing in these critical sections can panic half-way through a change, so a
/// poisoned lock still protects whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn answered(position: u64) -> Answered {
        Answered {
            decision: Position(position),
            fingerprint: 7,
        }
    }

    #[test]
    fn a_request_is_taken_up_once() {
        let registry = Registry::default();
        assert!(matches!(registry.begin_request(id(1)), Begun::New));
        assert!(matches!(registry.begin_request(id(1)), Begun::UnderWay(_)));
        registry.finish_request(id(1), answered(5), Instant::from_unix_ms(0));
        assert!(
            matches!(registry.begin_request(id(1)), Begun::Known(known) if known == answered(5))
        );
        assert!(matches!(registry.begin_request(id(2)), Begun::New));
        registry.abandon_request(id(2));
        assert!(matches!(registry.begin_request(id(2)), Begun::New));
    }

    #[test]
    fn a_request_id_is_honoured_for_the_horizon_and_then_forgotten() {
        let registry = Registry::default();
        let start = Instant::from_unix_ms(GENERATION_MS * 10 + 17);
        registry.finish_request(id(1), answered(1), start);
        // Another id of the same shard turns the generations.
        let same_shard = |n: u128| id(1 | (n + 1) << 72);
        registry.finish_request(same_shard(1), answered(2), start.plus(REQUEST_HORIZON));
        assert!(matches!(registry.begin_request(id(1)), Begun::Known(_)));
        let later = start.plus(REQUEST_HORIZON).plus(REQUEST_HORIZON);
        registry.finish_request(same_shard(2), answered(3), later);
        assert!(matches!(registry.begin_request(id(1)), Begun::New));
    }

    #[test]
    fn a_restored_registry_knows_what_the_checkpoint_knew() {
        let registry = Registry::default();
        let now = Instant::from_unix_ms(GENERATION_MS * 10);
        for number in 1..=200_u128 {
            let position = u64::try_from(number).expect("small");
            let at = now.plus(Span::from_ms(
                i64::try_from(number).expect("small") * 4_000_000,
            ));
            registry.finish_request(id(number), answered(position), at);
        }
        let shopper = Pseudonym([4; 16]);
        let subject = registry.subject_of(shopper);
        let restored = Registry::default();
        restored.restore(registry.content(Position(150)));
        assert!(matches!(restored.begin_request(id(150)), Begun::Known(_)));
        assert!(matches!(restored.begin_request(id(151)), Begun::New));
        assert_eq!(restored.subject_of(shopper), subject);
        assert!(restored.subject_of(Pseudonym([5; 16])) > subject);
    }

    #[test]
    fn a_reload_is_over_at_its_end() {
        let registry = Registry::default();
        let key = ReloadKey([1; 16]);
        let at = Instant::from_unix_ms;
        assert!(matches!(registry.begin_reload(key, at(0)), Begun::New));
        let known = Reloadable {
            decision: Position(3),
            until: at(100),
        };
        registry.finish_reload(key, known, at(1));
        assert!(matches!(registry.begin_reload(key, at(99)), Begun::Known(k) if k == known));
        assert!(matches!(registry.begin_reload(key, at(100)), Begun::New));
    }
}
