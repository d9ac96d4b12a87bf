//! Recovery: checkpoint, then the events after it; or all events.

use std::sync::Arc;

use thiserror::Error;

use super::Settings;
use super::Storage;
use super::checkpointer::Content;
use super::clock::Clock;
use super::committer::Committer;
use super::queue::{CommitError, Condition, Proposal};
use super::record::words_of;
use super::registry::Registry;
use super::sealing::UnsealError;
use super::shared::{Parts, Shared};
use super::state::{FOLD_VERSION, FoldError, State};
use super::view::{LookupError, context_of};
use crate::domain::event::{Event, EventBody};
use crate::domain::ids::{ChainHash, Position};
use crate::domain::keys::SubjectNumber;
use crate::ledger::ReadError;
use crate::ledger::checkpoint::{Checkpoint, CheckpointError};
use crate::ledger::codec::{DecodeError, decode_event, encode_body};
use crate::ledger::secrets::SecretsError;

/// Progress is told after so many events.
const PROGRESS_EVENTS: u64 = 4_096;

/// How far reading the ledger has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The event that was read last.
    pub position: Position,
    /// The last event there is.
    pub last: Position,
}

/// What recovery did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The last event.
    pub position: Position,
    /// The checkpoint that was used; [`Position::START`] without one.
    pub checkpoint_position: Position,
    /// Why newer checkpoints were passed over, if any were.
    pub passed_over: Vec<String>,
    /// How many events were folded after it.
    pub folded_events: u64,
}

/// Why an engine does not start.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// The ledger does not give its records.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record does not decode.
    #[error("the record at position {position} does not decode: {error}")]
    Decode {
        /// Which record.
        position: Position,
        /// Why.
        error: DecodeError,
    },
    /// The events do not fold.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// A whole checkpoint contradicts the ledger.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The key file.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A record's sealed part does not open.
    #[error("the sealed part of the record at position {position}: {error}")]
    Sealed {
        /// Which record.
        position: Position,
        /// Why.
        error: LookupError,
    },
    /// The ledger belongs to another shop.
    #[error(
        "the ledger belongs to shop {found:?}, the configuration says {expected:?}: use the \
         directory of that shop, or set shop_id = {found:?}"
    )]
    OtherShop {
        /// The configured shop.
        expected: String,
        /// The ledger's.
        found: String,
    },
    /// The first events could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The committer's thread could not be started.
    #[error("the committer's thread could not be started: {0}")]
    Thread(String),
}

/// Makes the engine's state again.
pub(super) fn recover(
    storage: Storage,
    clock: Arc<dyn Clock>,
    settings: Settings,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Arc<Shared>, Recovered), RecoveryError> {
    let mut passed_over = Vec::new();
    let registry = Registry::default();
    let loaded = match &storage.checkpoints {
        Some(checkpoints) => {
            let loaded = checkpoints.load_latest(storage.ledger.as_ref(), |header| {
                header.fold_version == FOLD_VERSION
            })?;
            passed_over.extend(
                loaded
                    .passed_over
                    .iter()
                    .map(|passed| format!("{}: {}", passed.path.display(), passed.reason)),
            );
            loaded.checkpoint
        }
        None => None,
    };
    let mut state = State::default();
    let mut chain = None;
    if let Some(checkpoint) = loaded {
        match restore(&checkpoint, &registry) {
            Ok(restored) => {
                state = restored;
                chain = Some(checkpoint.header.head.chain);
            }
            Err(reason) => passed_over.push(reason),
        }
    }
    let checkpoint_position = state.position();
    registry.continue_subjects_at(state.next_subject());
    let shared = Arc::new(Shared::new(Parts {
        ledger: storage.ledger,
        clock,
        secrets: storage.secrets,
        state,
        registry,
        shop_id: settings.shop_id,
        node_id: settings.node_id,
        master_seed: settings.master_seed,
        queue_limit_bytes: settings.queue_limit_bytes,
    }));
    check_shop(&shared)?;
    let folded_events = fold_rest(&shared, chain, progress)?;
    let position = shared.read_state().position();
    Ok((
        shared,
        Recovered {
            position,
            checkpoint_position,
            passed_over,
            folded_events,
        },
    ))
}

fn restore(checkpoint: &Checkpoint, registry: &Registry) -> Result<State, String> {
    let place = checkpoint.header.head.position;
    let reason = |why: String| format!("the checkpoint at position {place}: {why}");
    let content = Content::from_bytes(&checkpoint.payload).map_err(reason)?;
    let state = State::from_payload(content.state).map_err(|error| reason(error.to_string()))?;
    if state.position() != place || state.hash().0 != checkpoint.header.state_hash {
        return Err(reason(
            "its state is not the one that its header names".to_owned(),
        ));
    }
    registry.restore(content.registry);
    Ok(state)
}

/// All events are of one shop, the last one included: a checkpoint may leave
/// none to fold.
fn check_shop(shared: &Shared) -> Result<(), RecoveryError> {
    let position = shared.ledger.head().position;
    let Some(bytes) = shared.ledger.read(position)? else {
        return Ok(());
    };
    let event = decode_event(&bytes).map_err(|error| RecoveryError::Decode { position, error })?;
    let found = event.envelope.shop_id;
    if found == shared.shop_id {
        return Ok(());
    }
    let expected = shared.shop_id.clone();
    Err(RecoveryError::OtherShop { expected, found })
}

/// Folds the events after what the state already holds.
fn fold_rest(
    shared: &Shared,
    chain: Option<ChainHash>,
    progress: &mut dyn FnMut(Progress),
) -> Result<u64, RecoveryError> {
    let last = shared.ledger.head().position;
    let from = shared.read_state().position().next();
    let mut folded = 0_u64;
    for record in shared.ledger.scan(from, chain) {
        let record = record?;
        let position = record.position;
        let event = decode_event(&record.bytes)
            .map_err(|error| RecoveryError::Decode { position, error })?;
        let effect = shared.write_state().apply(position, &event)?;
        shared.note(&effect, event.envelope.recorded_at);
        note_subject(shared, position, &event)?;
        folded += 1;
        if folded.is_multiple_of(PROGRESS_EVENTS) {
            progress(Progress { position, last });
        }
    }
    let state = shared.read_state();
    shared.registry.continue_subjects_at(state.next_subject());
    shared.publish(&state);
    Ok(folded)
}

/// Which subject a shopper is, is known again from the shopper's own records.
fn note_subject(shared: &Shared, position: Position, event: &Event) -> Result<(), RecoveryError> {
    let (subject, shopper) = match &event.body {
        EventBody::Decision(record) if record.subject != SubjectNumber::NOBODY => {
            let context = context_of(shared, record, position);
            (record.subject, context.map(|context| context.shopper))
        }
        EventBody::Outcome(record)
            if record.subject != SubjectNumber::NOBODY && record.targets.is_empty() =>
        {
            let words = words_of(shared, record, position);
            (record.subject, words.map(|words| words.shopper))
        }
        _ => return Ok(()),
    };
    match shopper {
        Ok(Some(shopper)) => shared.registry.note_subject(shopper, subject),
        Ok(None) | Err(LookupError::Unseal(UnsealError::Erased)) => {}
        Err(error) => return Err(RecoveryError::Sealed { position, error }),
    }
    Ok(())
}

/// Writes the first event of an empty ledger.
pub(super) fn begin(shared: &Shared, committer: &mut Committer) -> Result<(), RecoveryError> {
    if shared.ledger.head().position > Position::START {
        return Ok(());
    }
    let body = EventBody::Genesis {
        ledger_id: shared
            .hash_key
            .hash(b"ledger", &[shared.shop_id.as_bytes()]),
        created_by: concat!("promobandit ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let bytes = encode_body(&body);
    committer.commit(vec![Proposal {
        body,
        bytes,
        condition: Condition::None,
    }])?;
    Ok(())
}
