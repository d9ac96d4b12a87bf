//! The state hash: two states with the same hash choose and learn the same
//! from now on.
//!
//! It covers what was learnt and the open decisions with what came for them.
//! It leaves out positions and counters, which doubled or shuffled delivery may
//! change without consequence, and overlays: what open decisions suggest, and
//! how long it took until something was known of them, is no part of what is
//! learnt.

use std::fmt;

use super::{OpenDecision, State};
use crate::domain::outcome::OutcomeResult;

/// A BLAKE3 hash of the state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StateHash(pub [u8; 32]);

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHash({self})")
    }
}

impl State {
    /// The hash of the state.
    #[must_use]
    pub fn hash(&self) -> StateHash {
        let mut hasher = blake3::Hasher::new();
        let mut sink = |bytes: &[u8]| {
            hasher.update(bytes);
        };
        for (placement, state) in &self.learnt {
            sink(&placement.0.to_le_bytes());
            state.write_canonical(&mut sink);
        }
        sink(&(self.open.len() as u64).to_le_bytes());
        for decision in self.open.values() {
            write_open(decision, &mut sink);
        }
        self.write_visits(&mut sink);
        for import in &self.priors {
            sink(import.as_bytes());
        }
        if !self.limits.is_empty() {
            self.limits.write_canonical(&mut sink);
        }
        StateHash(*hasher.finalize().as_bytes())
    }
}

fn write_open(decision: &OpenDecision, sink: &mut impl FnMut(&[u8])) {
    sink(decision.request_id.as_bytes());
    sink(&decision.decided_at.unix_ms().to_le_bytes());
    sink(&decision.closes_at.unix_ms().to_le_bytes());
    sink(&decision.placement.0.to_le_bytes());
    sink(&decision.segment.0.to_le_bytes());
    sink(&[u8::from(decision.test)]);
    sink(&(decision.slots.len() as u64).to_le_bytes());
    for slot in &decision.slots {
        sink(&slot.offer.0.to_le_bytes());
        sink(&slot.propensity.get().to_bits().to_le_bytes());
    }
    if let Some(arm) = &decision.arm {
        sink(b"arm");
        sink(&(arm.len() as u64).to_le_bytes());
        sink(arm.as_bytes());
    }
    for feature in &decision.features {
        sink(&feature.to_bits().to_le_bytes());
    }
    if let Some(ahead) = &decision.ahead {
        ahead.write_canonical(sink);
    }
    let mut outcomes: Vec<_> = decision.outcomes.iter().collect();
    outcomes.sort_unstable_by_key(|outcome| outcome.event.event);
    sink(&(outcomes.len() as u64).to_le_bytes());
    for outcome in outcomes {
        sink(&outcome.event.event.0);
        sink(&outcome.event.fingerprint.to_le_bytes());
        let result = match outcome.event.result {
            OutcomeResult::Recorded => 1,
            OutcomeResult::Late => 2,
            OutcomeResult::OverWindow => 3,
        };
        sink(&[outcome.kind as u8, result]);
        sink(&outcome.slot.unwrap_or(0).to_le_bytes());
    }
}
