//! Time, as an argument: the one place that reads the wall clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use crate::domain::time::{Instant, Span};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant. May step back, as wall clocks do; the committer
    /// lets no event do so.
    fn now(&self) -> Instant;

    /// Whether time passes by itself, so that somebody has to look at it when
    /// nothing else happens.
    fn runs(&self) -> bool;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place
    fn now(&self) -> Instant {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let unix_ms = since_epoch.map_or(0, |span| i64::try_from(span.as_millis()).unwrap_or(0));
        Instant::from_unix_ms(unix_ms)
    }

    fn runs(&self) -> bool {
        true
    }
}

/// A clock that stands still until it is moved: for simulation and tests.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `now`.
    #[must_use]
    pub const fn at(now: Instant) -> Self {
        Self(AtomicI64::new(now.unix_ms()))
    }

    /// Moves to `now`.
    pub fn set(&self, now: Instant) {
        self.0.store(now.unix_ms(), Ordering::SeqCst);
    }

    /// Moves on by `span`.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.ms(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant::from_unix_ms(self.0.load(Ordering::SeqCst))
    }

    fn runs(&self) -> bool {
        false
    }
}
