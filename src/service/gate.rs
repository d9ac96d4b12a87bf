//! What stands between the socket and the engine: before the engine has
//! recovered nobody is let in, and when the service goes down those who stay
//! long are told.

use std::sync::Arc;

use tokio::sync::SetOnce;

use super::status::Refusal;
use crate::engine::Engine;

/// Holds the engine once it is there. Clones are handles of the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<State>);

#[derive(Default)]
struct State {
    engine: SetOnce<Engine>,
    draining: SetOnce<()>,
}

impl Gate {
    /// A gate that stays closed until [`open`](Self::open).
    #[must_use]
    pub fn closed() -> Self {
        Self::default()
    }

    /// A gate that is open already.
    #[must_use]
    pub fn with(engine: Engine) -> Self {
        let gate = Self::closed();
        gate.open(engine);
        gate
    }

    /// Lets callers in to the engine. A gate that is open already keeps the
    /// engine that it has.
    pub fn open(&self, engine: Engine) {
        // Two openings are two recoveries of one ledger, which its lock forbids.
        let _ = self.0.engine.set(engine);
    }

    /// The engine, once it is there.
    #[must_use]
    pub fn engine(&self) -> Option<&Engine> {
        self.0.engine.get()
    }

    /// Waits for the engine.
    pub async fn opened(&self) -> &Engine {
        self.0.engine.wait().await
    }

    pub(super) fn enter(&self) -> Result<&Engine, Refusal> {
        self.engine().ok_or_else(Refusal::starting)
    }

    /// Tells streams, which may last for ever, to come to an end.
    pub(super) fn drain(&self) {
        let _ = self.0.draining.set(());
    }

    /// Waits until the service goes down.
    pub(super) async fn draining(&self) {
        self.0.draining.wait().await;
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.draining.initialized()
    }
}
