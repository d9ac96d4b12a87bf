//! Changing a placement's policy and making it forget, each by an event.

use thiserror::Error;

use super::queue::{CommitError, Condition, Proposal, Reply};
use super::shared::Shared;
use super::state::{CarriedOver, Effect};
use crate::catalog::CatalogFaults;
use crate::domain::event::{EventBody, PolicyReset};
use crate::domain::ids::CatalogVersion;
use crate::ledger::codec::encode_body;

/// Which part of what a placement has learnt is forgotten, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResetRequest {
    /// The placement's id.
    pub placement: String,
    /// The segment's id; all segments where there is none.
    pub segment: Option<String>,
    /// The offer's id; all offers where there is none.
    pub offer: Option<String>,
    /// Why, for people.
    pub reason: String,
    /// Who wants it, where known.
    pub actor: String,
}

/// What a change of policy changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChanged {
    /// The catalogue version that has the new policy.
    pub version: CatalogVersion,
    /// What became of what was learnt; `None` when nothing had been, or when the
    /// change was only rehearsed.
    pub carried_over: Option<CarriedOver>,
}

/// Why a policy was not changed or reset.
#[derive(Debug, Error)]
pub enum PolicyUpdateError {
    /// A name that the shop does not have.
    #[error("there is no {kind} {id:?}")]
    Unknown {
        /// What it should name.
        kind: &'static str,
        /// The name.
        id: String,
    },
    /// The policy has faults.
    #[error(transparent)]
    Faults(#[from] CatalogFaults),
    /// Nothing is accepted now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The policy cannot be written down.
    #[error("the policy cannot be stored: {0}")]
    Encode(#[from] serde_json::Error),
}

impl PolicyUpdateError {
    pub(super) fn unknown(kind: &'static str, id: &str) -> Self {
        Self::Unknown {
            kind,
            id: id.to_owned(),
        }
    }
}

/// Makes a placement forget what it learnt, or a part of it; says how many
/// rewards that were.
pub(super) async fn reset(
    shared: &Shared,
    request: &ResetRequest,
) -> Result<u64, PolicyUpdateError> {
    let body = {
        let state = shared.read_state();
        let numbering = state.numbering();
        let unknown = PolicyUpdateError::unknown;
        let placement = numbering.placement(&request.placement);
        let segment = request.segment.as_ref().map(|id| {
            let number = numbering.segment(id);
            number.ok_or_else(|| unknown("segment", id))
        });
        let offer = request.offer.as_ref().map(|id| {
            let number = numbering.offer(id);
            number.ok_or_else(|| unknown("offer", id))
        });
        EventBody::PolicyReset(PolicyReset {
            placement: placement.ok_or_else(|| unknown("placement", &request.placement))?,
            segment: segment.transpose()?,
            offer: offer.transpose()?,
            reason: request.reason.clone(),
            actor: request.actor.clone(),
        })
    };
    let ticket = shared.queue.push(Proposal {
        bytes: encode_body(&body),
        body,
        condition: Condition::None,
    })?;
    match ticket.reply().await {
        Reply::Committed(committed) => Ok(match committed.effect {
            Effect::PolicyReset { forgotten } => forgotten,
            _ => 0,
        }),
        Reply::Failed(error) => Err(error.into()),
        Reply::Bounced => unreachable!("a reset rests on nothing that could change"),
    }
}
