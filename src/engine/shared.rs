//! What the engine's callers and its committer share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

use super::clock::Clock;
use super::identity::DecisionIds;
use super::queue::Queue;
use super::registry::{Answered, Registry, Reloadable};
use super::snapshot::{DistributionCache, Snapshot};
use super::state::{Effect, State};
use crate::domain::keys::{HashKey, SubjectNumber};
use crate::domain::time::Instant;
use crate::ledger::Ledger;
use crate::ledger::secrets::{Secrets, SecretsError, SubjectSlot};

/// Keys are drawn this many subjects ahead of need.
const SUBJECTS_AHEAD: u64 = 1_024;

pub(super) struct Shared {
    pub ledger: Arc<dyn Ledger>,
    pub clock: Arc<dyn Clock>,
    pub queue: Queue,
    /// Protects the fold. The committer writes; callers that record rewards,
    /// explain or count read, and hold it no longer than a look-up.
    state: RwLock<State>,
    snapshot: ArcSwapOption<Snapshot>,
    cache: Arc<DistributionCache>,
    pub registry: Registry,
    pub secrets: Arc<Secrets>,
    pub hash_key: HashKey,
    pub ids: DecisionIds,
    pub shop_id: String,
    pub node_id: u32,
    /// Every decision's seed is a hash of this and its request id.
    pub master_seed: u64,
    /// Held while the catalogue changes: changes are made one after the other, and
    /// a catalogue that comes in parts is not torn apart by another.
    pub catalog_changes: tokio::sync::Mutex<()>,
    /// Told when the ledger has failed.
    pub failed: Notify,
    /// A thread draws keys.
    drawing_keys: AtomicBool,
}

/// What [`Shared`] is made of.
pub(super) struct Parts {
    pub ledger: Arc<dyn Ledger>,
    pub clock: Arc<dyn Clock>,
    pub secrets: Arc<Secrets>,
    pub state: State,
    pub registry: Registry,
    pub shop_id: String,
    pub node_id: u32,
    pub master_seed: u64,
    pub queue_limit_bytes: usize,
}

impl Shared {
    pub fn new(parts: Parts) -> Self {
        let shared = Self {
            ledger: parts.ledger,
            clock: parts.clock,
            queue: Queue::new(parts.queue_limit_bytes),
            hash_key: HashKey::new(*parts.secrets.shop_key().as_bytes()),
            ids: DecisionIds::new(
                HashKey::new(*parts.secrets.id_key().as_bytes()),
                parts.node_id,
            ),
            state: RwLock::new(parts.state),
            snapshot: ArcSwapOption::empty(),
            cache: Arc::default(),
            registry: parts.registry,
            secrets: parts.secrets,
            shop_id: parts.shop_id,
            node_id: parts.node_id,
            master_seed: parts.master_seed,
            catalog_changes: tokio::sync::Mutex::new(()),
            failed: Notify::new(),
            drawing_keys: AtomicBool::new(false),
        };
        shared.publish(&shared.read_state());
        shared
    }

    pub fn read_state(&self) -> RwLockReadGuard<'_, State> {
        // A panic under the write lock is a bug that ends the committer; what
        // readers see until the process exits is the state before it.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What decisions are drawn from from now on.
    pub fn publish(&self, state: &State) {
        let before = self.snapshot.load();
        let snapshot = Snapshot::of(state, &self.cache, before.as_deref());
        self.snapshot.store(snapshot.map(Arc::new));
    }

    /// What decisions are drawn from; `None` before the first catalogue.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Tells the registry what an event brought about.
    pub fn note(&self, effect: &Effect, now: Instant) {
        match *effect {
            Effect::Decided {
                request_id,
                fingerprint,
                position,
                reload,
            } => {
                let answered = Answered {
                    decision: position,
                    fingerprint,
                };
                self.registry.finish_request(request_id, answered, now);
                if let Some((key, until)) = reload {
                    self.registry.finish_reload(
                        key,
                        Reloadable {
                            decision: position,
                            until,
                        },
                        now,
                    );
                }
            }
            Effect::Reused {
                request_id,
                fingerprint,
                position,
            } => {
                let answered = Answered {
                    decision: position,
                    fingerprint,
                };
                self.registry.finish_request(request_id, answered, now);
            }
            Effect::Outcome { .. }
            | Effect::CatalogChanged { .. }
            | Effect::PolicyReset { .. }
            | Effect::PriorsLearnt(_)
            | Effect::Nothing => {}
        }
    }

    /// A subject's encryption key; `None` when it was destroyed.
    ///
    /// # Errors
    /// When new keys were due and could not be written.
    pub fn subject_key(&self, subject: SubjectNumber) -> Result<Option<[u8; 32]>, SecretsError> {
        self.secrets.ensure(slot_of(subject))?;
        Ok(self
            .secrets
            .subject_key(slot_of(subject))
            .map(|key| *key.as_bytes()))
    }

    /// Draws keys ahead of need.
    ///
    /// # Errors
    /// When they could not be written.
    pub fn draw_keys_ahead(&self) -> Result<(), SecretsError> {
        self.secrets.ensure(self.slot_ahead())
    }

    /// Draws keys ahead of need beside the committer, when it is time. Should
    /// that fail, the decision that needs a key draws it, and says why not.
    pub fn draw_keys_beside(self: &Arc<Self>) {
        if self.slot_ahead() < self.secrets.end() || self.drawing_keys.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let shared = self.clone();
        let draw = move || {
            if let Err(error) = shared.draw_keys_ahead() {
                tracing::warn!(%error, "no keys could be drawn ahead of need");
            }
            shared.drawing_keys.store(false, Ordering::Relaxed);
        };
        let thread = std::thread::Builder::new().name("keys".to_owned());
        if let Err(error) = thread.spawn(draw) {
            self.drawing_keys.store(false, Ordering::Relaxed);
            tracing::warn!(%error, "no thread to draw keys with");
        }
    }

    fn slot_ahead(&self) -> SubjectSlot {
        let next = self.registry.next_subject();
        slot_of(SubjectNumber(next.saturating_add(SUBJECTS_AHEAD)))
    }
}

/// Subjects are numbered as the key slots are.
fn slot_of(subject: SubjectNumber) -> SubjectSlot {
    SubjectSlot(u32::try_from(subject.0).unwrap_or(u32::MAX))
}
