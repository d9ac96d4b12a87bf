//! An engine without a thread of its own: for simulation, where one caller asks
//! one thing at a time and its time is a manual clock's.
//!
//! The calls, the committer and the fold are those of [`Engine`]. What the
//! committer's thread does there once somebody waits, the waiting caller does
//! here, between two polls of its own call: so a call ends without a switch of
//! threads, and many engines may run side by side on as many threads as there
//! are.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::checkpointer::Checkpointer;
use super::choose::{ChooseError, ChooseRequest, Chosen};
use super::clock::Clock;
use super::committer::Committer;
use super::queue::CommitError;
use super::record::{RecordError, Recorded, RewardRequest};
use super::recovery::{self, RecoveryError};
use super::revise::{ImportError, Imported};
use super::{Engine, Settings, Storage};
use crate::catalog::CatalogDocument;
use crate::domain::random::DecisionSeed;

/// An engine whose committer works on its caller's thread.
pub struct SteppedEngine {
    engine: Engine,
    committer: Committer,
}

impl SteppedEngine {
    /// Recovers the state from the ledger. Keeps no checkpoints.
    ///
    /// # Errors
    /// When the ledger does not fold, or cannot be begun.
    pub fn open(
        storage: Storage,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Self, RecoveryError> {
        let durability = settings.durability;
        let (shared, recovered) = recovery::recover(storage, clock, settings, &mut |_| {})?;
        let mut committer = Committer::new(shared.clone(), durability, None);
        recovery::begin(&shared, &mut committer)?;
        let checkpointer = Checkpointer::new(None, u64::MAX, recovered.checkpoint_position);
        let engine = Engine {
            shared,
            committer: Arc::default(),
            checkpointer: Arc::new(Mutex::new(checkpointer)),
        };
        Ok(Self { engine, committer })
    }

    /// The engine, for everything that only reads. What would be recorded
    /// through it waits until the next call here.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// As [`Engine::choose`], drawn from `seed` where one is given: a simulation
    /// draws every policy's decisions from the same ones.
    ///
    /// # Errors
    /// See [`ChooseError`].
    pub fn choose(
        &mut self,
        request: &ChooseRequest,
        seed: Option<DecisionSeed>,
    ) -> Result<Chosen, ChooseError> {
        let shared = self.engine.shared.clone();
        self.drive(super::choose::choose(&shared, request, seed))
    }

    /// As [`Engine::record`].
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn record(&mut self, request: &RewardRequest) -> Result<Recorded, RecordError> {
        let engine = self.engine.clone();
        self.drive(engine.record(request))
    }

    /// As [`Engine::import_catalog`].
    ///
    /// # Errors
    /// When the document has faults, or nothing is accepted.
    pub fn import_catalog(
        &mut self,
        document: CatalogDocument,
        actor: &str,
    ) -> Result<Option<Imported>, ImportError> {
        let engine = self.engine.clone();
        self.drive(engine.import_catalog(document, actor))
    }

    /// As [`Engine::tick`].
    ///
    /// # Errors
    /// When nothing is accepted.
    pub fn tick(&mut self) -> Result<(), CommitError> {
        let engine = self.engine.clone();
        self.drive(engine.tick())
    }

    /// Polls a call to its end and commits whenever it waits. A failure of the
    /// ledger reaches the call as its own answer.
    fn drive<T>(&mut self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match call.as_mut().poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => self.committer.step(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::starter::starter;
    use crate::domain::time::{Instant, Span};
    use crate::engine::clock::ManualClock;
    use crate::ledger::memory::MemoryLedger;
    use crate::ledger::secrets::Secrets;
    use uuid::Uuid;

    const START: Instant = Instant::from_unix_ms(1_771_286_400_000);

    fn storage() -> Storage {
        Storage {
            ledger: Arc::new(MemoryLedger::new()),
            secrets: Arc::new(Secrets::derived([9; 32])),
            checkpoints: None,
        }
    }

    fn request(number: u128) -> ChooseRequest {
        ChooseRequest {
            shopper_id: format!("shopper-{}", number % 7),
            ..ChooseRequest::new(
                Uuid::from_u128(0x4000_8000_0000_0000_0000 + number),
                "checkout",
            )
        }
    }

    /// The same calls lead to the same chain of records and the same state,
    /// whoever commits.
    #[tokio::test]
    async fn a_stepped_engine_records_what_a_threaded_one_does() {
        let clock = Arc::new(ManualClock::at(START));
        let threaded = Engine::open(storage(), clock.clone(), Settings::default(), &mut |_| {});
        let (threaded, _) = threaded.unwrap();
        let opened = SteppedEngine::open(storage(), clock.clone(), Settings::default());
        let mut stepped = opened.unwrap();
        threaded.import_catalog(starter(), "test").await.unwrap();
        stepped.import_catalog(starter(), "test").unwrap();
        for number in 0..40 {
            clock.advance(Span::from_seconds(3_600));
            let request = request(number);
            let one = threaded.choose(&request).await.unwrap();
            let other = stepped.choose(&request, None).unwrap();
            assert_eq!(one.decision.recorded, other.decision.recorded);
            assert_eq!(one.decision.record, other.decision.record);
        }
        clock.advance(Span::from_seconds(30 * 86_400));
        threaded.tick().await.unwrap();
        stepped.tick().unwrap();
        let (one, other) = (threaded.stats(), stepped.engine().stats());
        assert_eq!(one.state_hash, other.state_hash);
        assert_eq!((one.chain, one.position), (other.chain, other.position));
        threaded.drain().unwrap();
    }

    #[test]
    fn a_given_seed_is_the_one_that_is_drawn_from() {
        let clock = Arc::new(ManualClock::at(START));
        let mut engine = SteppedEngine::open(storage(), clock, Settings::default()).unwrap();
        engine.import_catalog(starter(), "test").unwrap();
        let seed = DecisionSeed(17);
        let chosen = engine.choose(&request(1), Some(seed)).unwrap();
        assert_eq!(chosen.decision.record.seed, seed);
        let report = engine
            .engine()
            .verify(None, &mut |_| std::ops::ControlFlow::Continue(()));
        assert!(report.unwrap().is_ok());
    }
}
