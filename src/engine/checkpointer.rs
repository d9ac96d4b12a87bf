//! Checkpoints, written beside the committer from the shared structure.
//!
//! A checkpoint that cannot be written costs a longer recovery and nothing
//! else, so a failure is reported and tried again later.

use std::sync::Arc;
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use super::registry::RegistryContent;
use super::shared::Shared;
use super::state::{CheckpointPayload, FOLD_VERSION, State};
use crate::domain::ids::Position;
use crate::ledger::Head;
use crate::ledger::checkpoint::{CheckpointHeader, Checkpoints};

/// How [`Content`] is laid out in bytes. Whatever adds a field to anything in
/// it, takes one away or moves one, adds 1 here: the bytes name no fields, so
/// an older checkpoint would be misread.
const LAYOUT: u32 = 10;

/// What the payload of a checkpoint opens with, before its layout. The first
/// layout has no such opening.
const OPENING: [u8; 8] = *b"layout \0";

/// What a checkpoint holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Content {
    pub state: CheckpointPayload,
    pub registry: RegistryContent,
}

impl Content {
    fn to_bytes(&self) -> postcard::Result<Vec<u8>> {
        let mut bytes = OPENING.to_vec();
        bytes.extend_from_slice(&LAYOUT.to_le_bytes());
        postcard::to_extend(self, bytes)
    }

    /// The content of a payload.
    ///
    /// # Errors
    /// When it is laid out otherwise: the ledger is folded instead.
    pub fn from_bytes(payload: &[u8]) -> Result<Self, String> {
        let layout = payload.strip_prefix(&OPENING);
        let (layout, content) = layout
            .and_then(|rest| rest.split_first_chunk::<4>())
            .map_or((1, payload), |(layout, content)| {
                (u32::from_le_bytes(*layout), content)
            });
        if layout != LAYOUT {
            return Err(format!(
                "it has layout {layout}, this program reads layout {LAYOUT}"
            ));
        }
        postcard::from_bytes(content).map_err(|error| error.to_string())
    }
}

/// Writes checkpoints when they are due.
#[derive(Debug)]
pub(super) struct Checkpointer {
    checkpoints: Option<Checkpoints>,
    every_events: u64,
    last: Position,
    under_way: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub const fn new(checkpoints: Option<Checkpoints>, every_events: u64, last: Position) -> Self {
        Self {
            checkpoints,
            every_events,
            last,
            under_way: None,
        }
    }

    /// Begins a checkpoint when enough events came since the last one, none is
    /// under way, and everything is on disk.
    pub fn write_if_due(&mut self, shared: &Arc<Shared>) {
        let Some(checkpoints) = &self.checkpoints else {
            return;
        };
        if self
            .under_way
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            return;
        }
        let position = shared.read_state().position();
        let due = position.0 - self.last.0 >= self.every_events;
        if !due || shared.ledger.durable_head().position != position {
            return;
        }
        // The committer calls this: nothing is applied meanwhile.
        let state = shared.read_state().clone();
        let head = shared.ledger.head();
        let (shared, checkpoints) = (shared.clone(), checkpoints.clone());
        let write = move || write(&shared, &checkpoints, &state, head);
        self.last = position;
        match std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(write)
        {
            Ok(thread) => self.under_way = Some(thread),
            Err(error) => tracing::warn!(%error, "no thread to write a checkpoint with"),
        }
    }

    /// Waits for what is under way and writes a last checkpoint.
    pub fn finish(&mut self, shared: &Arc<Shared>) {
        if let Some(thread) = self.under_way.take()
            && thread.join().is_err()
        {
            tracing::warn!("the checkpoint's thread panicked");
        }
        let position = shared.read_state().position();
        if let Some(checkpoints) = &self.checkpoints
            && position > self.last
        {
            let state = shared.read_state().clone();
            write(shared, checkpoints, &state, shared.ledger.head());
            self.last = position;
        }
    }
}

fn write(shared: &Shared, checkpoints: &Checkpoints, state: &State, head: Head) {
    if let Err(error) = try_write(shared, checkpoints, state, head) {
        tracing::warn!(
            error,
            position = head.position.0,
            "the checkpoint was not written"
        );
    }
}

fn try_write(
    shared: &Shared,
    checkpoints: &Checkpoints,
    state: &State,
    head: Head,
) -> Result<(), String> {
    let state_payload = state.to_payload();
    let content = Content {
        state: state_payload,
        registry: shared.registry.content(head.position),
    };
    let payload = content.to_bytes().map_err(|error| error.to_string())?;
    let header = CheckpointHeader {
        fold_version: FOLD_VERSION,
        head,
        state_hash: state.hash().0,
    };
    checkpoints
        .save(shared.ledger.as_ref(), &header, &payload)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            state: State::default().to_payload(),
            registry: RegistryContent::default(),
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = content().to_bytes().expect("plain data");
        let read = Content::from_bytes(&bytes).expect("this layout");
        let state = State::from_payload(read.state).expect("no catalogue");
        assert_eq!(state.hash(), State::default().hash());
    }

    #[test]
    fn another_layout_is_told_and_not_read() {
        let first = postcard::to_stdvec(&content()).expect("plain data");
        let told = Content::from_bytes(&first).expect_err("no opening");
        assert_eq!(
            told,
            format!("it has layout 1, this program reads layout {LAYOUT}")
        );
        let mut later = content().to_bytes().expect("plain data");
        later[8] += 1;
        assert!(Content::from_bytes(&later).is_err());
    }
}
