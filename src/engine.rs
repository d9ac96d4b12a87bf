//! The engine: choose, record, learn, recover.
//!
//! [`Engine`] is what the service, the command line and the simulator call. It
//! keeps a ledger, folds it into a [`state`], and answers from immutable
//! snapshots of it.
//!
//! Invariants:
//! 1. Append, then apply: nothing is answered that the ledger does not hold.
//! 2. There is one fold, [`state::State::apply`], and one way from a request to a
//!    decision, `derive`: live, at recovery, in `verify`, in simulation.
//! 3. ChooseOffer takes no lock that recording a reward holds, but the
//!    committer's buffer's, for one push; it reads the disk only for a retry or
//!    a reload.
//! 4. Time comes from a [`clock::Clock`], randomness from the engine's seed.
//! 5. Absent on purpose: the wire, configuration files, sled.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use uuid::Uuid;

use crate::catalog::edit::{Edit, EntryKind};
use crate::catalog::{Catalog, CatalogDocument};
use crate::domain::event::EventBody;
use crate::domain::ids::{ChainHash, PlacementNumber};
use crate::domain::time::{Instant, Span};
use crate::learning::{PolicyConfig, PolicyState};
use crate::ledger::Ledger;
use crate::ledger::checkpoint::Checkpoints;
use crate::ledger::codec::encode_body;
use crate::ledger::secrets::Secrets;

pub mod clock;
pub mod fault;
mod content;
mod identity;
mod sealing;
pub mod attribution;
pub mod state;
mod snapshot;
mod registry;
mod queue;
mod shared;
mod capacity;
pub mod committer;
mod checkpointer;
mod recovery;
mod derive;
pub mod revise;
pub mod view;
pub mod choose;
pub mod price;
mod closed;
pub mod record;
pub mod policies;
pub mod priors;
pub mod explain;
pub mod stats;
pub mod lift;
pub mod verify;
pub mod history;
pub mod stepped;

use checkpointer::Checkpointer;
use choose::{ChooseError, ChooseRequest, Chosen};
use clock::Clock;
use committer::{Committer, Durability};
use explain::{Candidate, Explanation};
use lift::{Grouping, LiftError, LiftRows};
use policies::{PolicyChanged, PolicyUpdateError, ResetRequest};
use price::{PriceError, PriceRequest, Repriced};
use priors::{PriorError, PriorRequest};
use queue::{CommitError, Condition, Proposal, Reply};
use record::{RecordError, Recorded, RewardRequest};
pub use recovery::{Progress, Recovered, RecoveryError};
pub use revise::{ImportError, Imported};
use revise::{PastEntry, Rehearsal, ReviseError, Revised};
use shared::Shared;
use state::{PriorsLearnt, StateHash};
use stats::Stats;
use verify::{VerifyError, VerifyReport};
use view::{DecisionView, LookupError};

pub use identity::MAX_NODE_ID;

/// How an engine behaves, whatever its catalogue.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When answers leave.
    pub durability: Durability,
    /// How much may wait to be committed before callers are turned away.
    pub queue_limit_bytes: usize,
    /// Which shop the ledger belongs to; stands in every event.
    pub shop_id: String,
    /// Which node this is, at most [`MAX_NODE_ID`].
    pub node_id: u32,
    /// What every decision's seed is made from, together with its request id.
    pub master_seed: u64,
    /// A checkpoint is written after so many events.
    pub checkpoint_every_events: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: Durability::Group,
            queue_limit_bytes: 64 * 1024 * 1024,
            shop_id: "shop".to_owned(),
            node_id: 1,
            master_seed: 0,
            checkpoint_every_events: 100_000,
        }
    }
}

/// What an engine keeps its records in.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The records.
    pub ledger: Arc<dyn Ledger>,
    /// The keys.
    pub secrets: Arc<Secrets>,
    /// The states folded from the records; `None` keeps none.
    pub checkpoints: Option<Checkpoints>,
}

/// A running engine. Clones are handles of the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    /// Protects the committer's thread handle; held to take it out once.
    committer: Arc<Mutex<Option<JoinHandle<()>>>>,
    checkpointer: Arc<Mutex<Checkpointer>>,
}

impl Engine {
    /// Recovers the state from the ledger and starts the committer. `progress` is
    /// told the position reached, now and then.
    ///
    /// # Errors
    /// When the ledger does not fold, or cannot be begun.
    pub fn open(
        storage: Storage,
        clock: Arc<dyn Clock>,
        settings: Settings,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Recovered), RecoveryError> {
        let durability = settings.durability;
        let every = settings.checkpoint_every_events;
        let checkpoints = storage.checkpoints.clone();
        let (shared, recovered) = recovery::recover(storage, clock, settings, progress)?;
        let mut committer = Committer::new(shared.clone(), durability, Handle::try_current().ok());
        recovery::begin(&shared, &mut committer)?;
        shared.draw_keys_ahead()?;
        let checkpointer = Checkpointer::new(checkpoints, every, recovered.checkpoint_position);
        let checkpointer = Arc::new(Mutex::new(checkpointer));
        let handle = spawn(shared.clone(), committer, checkpointer.clone())?;
        let committer = Arc::new(Mutex::new(Some(handle)));
        Ok((
            Self {
                shared,
                committer,
                checkpointer,
            },
            recovered,
        ))
    }

    /// Chooses offers and records the decision.
    ///
    /// Cancel-safe: a call that is dropped has either recorded nothing, or its
    /// decision will be recorded and a retry gets it.
    ///
    /// # Errors
    /// See [`ChooseError`].
    pub async fn choose(&self, request: &ChooseRequest) -> Result<Chosen, ChooseError> {
        choose::choose(&self.shared, request, None).await
    }

    /// What [`Self::choose`] would answer now, and what was said of each offer of
    /// the placement. Nothing is recorded.
    ///
    /// # Errors
    /// See [`ChooseError`].
    pub fn preview_explained(
        &self,
        request: &ChooseRequest,
    ) -> Result<(DecisionView, Vec<Candidate>), ChooseError> {
        choose::preview_explained(&self.shared, request)
    }

    /// What [`Self::choose`] would answer now. Nothing is recorded.
    ///
    /// # Errors
    /// See [`ChooseError`].
    pub fn preview(&self, request: &ChooseRequest) -> Result<DecisionView, ChooseError> {
        choose::preview(&self.shared, request)
    }

    /// Reads a decision back, open or closed. Reads the disk.
    ///
    /// # Errors
    /// When there is none of that id, or it cannot be read.
    pub fn decision(&self, id: Uuid) -> Result<DecisionView, LookupError> {
        DecisionView::find(&self.shared, id)
    }

    /// Checks and prices a decision's offers again for a cart that changed.
    /// Nothing is drawn or recorded. Reads the disk.
    ///
    /// # Errors
    /// See [`PriceError`].
    pub fn price(&self, request: &PriceRequest) -> Result<Repriced, PriceError> {
        price::price(&self.shared, request)
    }

    /// Records an outcome event. Cancel-safe like [`Self::choose`].
    ///
    /// # Errors
    /// See [`RecordError`].
    pub async fn record(&self, request: &RewardRequest) -> Result<Recorded, RecordError> {
        record::record(&self.shared, request).await
    }

    /// Takes a catalogue over, unless it is the one in force already.
    ///
    /// Cancel-safe: the catalogue takes effect whole or not at all.
    ///
    /// # Errors
    /// When the document has faults, or nothing is accepted.
    pub async fn import_catalog(
        &self,
        document: CatalogDocument,
        actor: &str,
    ) -> Result<Option<Imported>, ImportError> {
        revise::import(&self.shared, document, actor, Rehearsal::No).await
    }

    /// What [`Self::import_catalog`] would change; nothing is recorded.
    ///
    /// # Errors
    /// When the document has faults.
    pub async fn rehearse_import(
        &self,
        document: CatalogDocument,
    ) -> Result<Option<Imported>, ImportError> {
        revise::import(&self.shared, document, "", Rehearsal::Yes).await
    }

    /// Changes one campaign or offer. Cancel-safe.
    ///
    /// # Errors
    /// See [`ReviseError`].
    pub async fn revise_catalog(
        &self,
        kind: EntryKind,
        edit: &Edit,
        actor: &str,
        rehearsal: Rehearsal,
    ) -> Result<Revised, ReviseError> {
        revise::revise(&self.shared, kind, edit, actor, rehearsal).await
    }

    /// The contents that a campaign or an offer had, oldest first.
    #[must_use]
    pub fn catalog_history(&self, kind: EntryKind, id: &str) -> Vec<PastEntry> {
        revise::history(&self.shared, kind, id)
    }

    /// Gives a placement another policy: the catalogue's next version. What was
    /// learnt is kept as far as the new policy can go on from it. Cancel-safe.
    ///
    /// # Errors
    /// When there is no such placement now, the policy has faults, or nothing is
    /// accepted.
    pub async fn change_policy(
        &self,
        placement: &str,
        policy: &PolicyConfig,
        actor: &str,
        rehearsal: Rehearsal,
    ) -> Result<PolicyChanged, PolicyUpdateError> {
        revise::change_policy(&self.shared, placement, policy, actor, rehearsal).await
    }

    /// Makes a placement forget what it learnt, or a part of it; says how many
    /// rewards that were. Cancel-safe.
    ///
    /// # Errors
    /// When something is named that there never was, or nothing is accepted.
    pub async fn reset_policy(&self, request: &ResetRequest) -> Result<u64, PolicyUpdateError> {
        policies::reset(&self.shared, request).await
    }

    /// Has a placement's policy learn rewards that are thought to have been seen:
    /// what is believed of offers before they were shown. An import is learnt once
    /// an id. Cancel-safe.
    ///
    /// # Errors
    /// When something is named that there is not, the policy would refuse a reward
    /// or features, there are more than [`priors::MOST_REWARDS`], or nothing is
    /// accepted.
    pub async fn import_priors(&self, request: &PriorRequest) -> Result<PriorsLearnt, PriorError> {
        priors::import(&self.shared, request).await
    }

    /// Lets the fold see the time: what is due closes.
    ///
    /// # Errors
    /// When nothing is accepted.
    pub async fn tick(&self) -> Result<(), CommitError> {
        self.append(EventBody::Tick).await
    }

    async fn append(&self, body: EventBody) -> Result<(), CommitError> {
        let bytes = encode_body(&body);
        let ticket = self.shared.queue.push(Proposal {
            body,
            bytes,
            condition: Condition::None,
        })?;
        match ticket.reply().await {
            Reply::Committed(_) => Ok(()),
            Reply::Failed(error) => Err(error),
            Reply::Bounced => unreachable!("the event rests on nothing that could change"),
        }
    }

    /// The catalogue in force.
    #[must_use]
    pub fn catalog(&self) -> Option<Arc<Catalog>> {
        self.shared
            .snapshot()
            .map(|snapshot| snapshot.catalog.clone())
    }

    /// Since when the catalogue is in force; the epoch before the first one.
    #[must_use]
    pub fn catalog_since(&self) -> Instant {
        self.shared.read_state().catalog_since()
    }

    /// Tells why a decision came out as it did. Reads the disk.
    ///
    /// # Errors
    /// When there is none of that id, or it cannot be read.
    pub fn explain(&self, id: Uuid) -> Result<Explanation, LookupError> {
        explain::explain(&self.shared, id)
    }

    /// Reads the whole ledger and derives every decision again. Takes as long
    /// as that takes. A head that was noted earlier is expected to come by: a
    /// ledger that was put back together with all that stands beside it is
    /// whole, and lacks it.
    ///
    /// # Errors
    /// When the ledger cannot be read or does not fold, or `progress` breaks;
    /// what is merely wrong stands in the report.
    pub fn verify(
        &self,
        expected_head: Option<ChainHash>,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<VerifyReport, VerifyError> {
        verify::verify(&self.shared, expected_head, progress)
    }

    /// What the shoppers of a placement did, those who are held out and those
    /// who are not. Reads the whole ledger.
    ///
    /// # Errors
    /// When there is no such placement, or the ledger cannot be read.
    pub fn lift_rows(
        &self,
        placement: &str,
        grouping: Grouping,
        return_after: Span,
    ) -> Result<LiftRows, LiftError> {
        lift::collect(&self.shared, placement, grouping, return_after)
    }

    /// What a placement's policy has learnt. A clone shares structure.
    #[must_use]
    pub fn learnt(&self, placement: PlacementNumber) -> PolicyState {
        let state = self.shared.read_state();
        state.learnt().get(&placement).cloned().unwrap_or_default()
    }

    /// Counts of what happened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::stats(&self.shared)
    }

    /// The hash of the state.
    #[must_use]
    pub fn state_hash(&self) -> StateHash {
        let state = self.shared.read_state().clone();
        state.hash()
    }

    /// Why nothing is accepted, if so.
    #[must_use]
    pub fn refusal(&self) -> Option<CommitError> {
        self.shared.queue.refusal()
    }

    /// Waits until the ledger fails; the process is to exit then.
    pub async fn failed(&self) -> CommitError {
        loop {
            let failed = self.shared.failed.notified();
            match self.shared.queue.refusal() {
                Some(error @ CommitError::Ledger(_)) => return error,
                _ => failed.await,
            }
        }
    }

    /// Stops: what waits is committed, closings are written down, everything is
    /// synced, a checkpoint is written. Blocks. A second call does nothing.
    ///
    /// # Errors
    /// When the ledger fails; what was acknowledged as durable is safe even so.
    pub fn drain(&self) -> Result<(), CommitError> {
        self.shared.queue.drain();
        let handle = self
            .committer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(handle) = handle else { return Ok(()) };
        if handle.join().is_err() {
            return Err(CommitError::Ledger("the committer panicked".to_owned()));
        }
        if let Some(error @ CommitError::Ledger(_)) = self.shared.queue.refusal() {
            return Err(error);
        }
        let failed = |error: String| CommitError::Ledger(error);
        self.shared
            .ledger
            .sync()
            .map_err(|error| failed(error.to_string()))?;
        let mut checkpointer = self
            .checkpointer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        checkpointer.finish(&self.shared);
        self.shared
            .ledger
            .drain()
            .map_err(|error| failed(error.to_string()))?;
        Ok(())
    }
}

/// Starts the committer's thread.
fn spawn(
    shared: Arc<Shared>,
    committer: Committer,
    checkpointer: Arc<Mutex<Checkpointer>>,
) -> Result<JoinHandle<()>, RecoveryError> {
    let after_batch = move |shared: &Arc<Shared>| {
        let mut checkpointer = checkpointer.lock().unwrap_or_else(PoisonError::into_inner);
        checkpointer.write_if_due(shared);
        shared.draw_keys_beside();
    };
    let work = move || {
        let _fail_on_panic = FailOnPanic(shared);
        committer.run(after_batch);
    };
    std::thread::Builder::new()
        .name("committer".to_owned())
        .spawn(work)
        .map_err(|error| RecoveryError::Thread(error.to_string()))
}

/// A committer that panics must not leave its callers waiting: nothing is
/// accepted any more, and the process is told to exit.
struct FailOnPanic(Arc<Shared>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = CommitError::Ledger("the committer panicked".to_owned());
            self.0.queue.fail(&error);
            self.0.failed.notify_waiters();
        }
    }
}
