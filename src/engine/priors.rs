//! Bringing beliefs from outside to a placement's policy, by an event: rewards
//! that are thought to have been seen. Each counts as a decision that was shown
//! and earned it, so what a policy makes of them is what it makes of rewards.

use std::sync::Arc;

use smallvec::smallvec;
use thiserror::Error;
use uuid::Uuid;

use super::queue::{CommitError, Condition, Entity, Proposal, Reply};
use super::shared::Shared;
use super::state::{Effect, PriorsLearnt, State};
use crate::catalog::Catalog;
use crate::domain::event::{EventBody, PriorImport, PriorRewards};
use crate::domain::ids::SegmentNumber;
use crate::domain::placement::Placement;
use crate::learning::Policy;
use crate::ledger::codec::encode_body;

/// So many rewards are learnt by one import at most, a reward for every segment
/// counting in each: what is learnt at once holds up all else.
pub const MOST_REWARDS: u64 = 10_000;

/// Rewards that are thought to have been seen.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorRequest {
    /// The client's id: an import is learnt once, a second one of the same id is
    /// answered and changes nothing.
    pub id: Uuid,
    /// The placement's id.
    pub placement: String,
    /// The rewards, at least one entry.
    pub rewards: Vec<BelievedRewards>,
    /// Who brings them, where known.
    pub actor: String,
}

/// So many rewards of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct BelievedRewards {
    /// The segment's id; where there is none, the same in every segment of the
    /// catalogue.
    pub segment: Option<String>,
    /// The offer's id.
    pub offer: String,
    /// How much each was, in the unit of the placement's objective: 1 or 0 for a
    /// conversion, minor units for money.
    pub reward: f64,
    /// How many, from 1.
    pub times: u32,
    /// What the decisions are thought to have been made with: the entries of the
    /// placement's features in their order; empty for a policy that reads none.
    pub features: Vec<f64>,
}

/// What one entry may not say.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("rewards[{index}].{field} is {value}: must be {expected}")]
pub struct PriorFault {
    /// Which entry, from 0.
    pub index: usize,
    /// Which of its fields.
    pub field: &'static str,
    /// What stands there.
    pub value: String,
    /// What is allowed.
    pub expected: String,
}

/// Why priors were not taken.
#[derive(Debug, Error)]
pub enum PriorError {
    /// The catalogue in force has no such placement.
    #[error("there is no placement {0:?}")]
    UnknownPlacement(String),
    /// The arms of a split learn apart.
    #[error(
        "the placement {0:?} is followed by a split, whose arms learn apart: it takes no priors"
    )]
    Split(String),
    /// Entries have faults: all of them.
    #[error("{}", told(.0))]
    Faults(Vec<PriorFault>),
    /// More than fits into one import.
    #[error(
        "{found} rewards are more than the {MOST_REWARDS} that one import may bring: make several, each with an id"
    )]
    TooMany {
        /// How many there are, over all segments.
        found: u64,
    },
    /// Nothing is accepted now.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

fn told(faults: &[PriorFault]) -> String {
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    told.join("; ")
}

/// Has what the request says learnt.
pub(super) async fn import(
    shared: &Shared,
    request: &PriorRequest,
) -> Result<PriorsLearnt, PriorError> {
    loop {
        let (body, seen) = {
            let state = shared.read_state();
            if state.has_priors(request.id) {
                return Ok(PriorsLearnt {
                    learnt: 0,
                    duplicate: true,
                });
            }
            let catalog = state.catalog().ok_or_else(|| unknown(request))?;
            let import = check(&state, catalog, request)?;
            let seen = u64::from(catalog.version().0);
            (EventBody::PriorImport(Arc::new(import)), seen)
        };
        let ticket = shared.queue.push(Proposal {
            bytes: encode_body(&body),
            body,
            condition: Condition::Unchanged(smallvec![(Entity::Catalog, seen)]),
        })?;
        match ticket.reply().await {
            Reply::Committed(committed) => {
                return Ok(match committed.effect {
                    Effect::PriorsLearnt(learnt) => learnt,
                    _ => PriorsLearnt::default(),
                });
            }
            // The catalogue became another; what it says of the request may have too.
            Reply::Bounced => {}
            Reply::Failed(error) => return Err(error.into()),
        }
    }
}

fn unknown(request: &PriorRequest) -> PriorError {
    PriorError::UnknownPlacement(request.placement.clone())
}

fn check(
    state: &State,
    catalog: &Catalog,
    request: &PriorRequest,
) -> Result<PriorImport, PriorError> {
    let placement = catalog
        .placement_by_id(&request.placement)
        .ok_or_else(|| unknown(request))?;
    let policy = catalog
        .policy(placement.number)
        .ok_or_else(|| unknown(request))?;
    if policy.split().is_some() {
        return Err(PriorError::Split(request.placement.clone()));
    }
    let mut checked = Checked {
        state,
        catalog,
        placement,
        policy,
        rewards: Vec::with_capacity(request.rewards.len()),
        faults: Vec::new(),
    };
    for (index, rewards) in request.rewards.iter().enumerate() {
        checked.add(index, rewards);
    }
    if !checked.faults.is_empty() {
        return Err(PriorError::Faults(checked.faults));
    }
    let times = checked.rewards.iter().map(|it| u64::from(it.times));
    let found = times.sum();
    if found > MOST_REWARDS {
        return Err(PriorError::TooMany { found });
    }
    Ok(PriorImport {
        id: request.id,
        placement: placement.number,
        rewards: checked.rewards,
        actor: request.actor.clone(),
    })
}

/// Entries as far as they were checked.
struct Checked<'a> {
    state: &'a State,
    catalog: &'a Catalog,
    placement: &'a Placement,
    policy: &'a Policy,
    rewards: Vec<PriorRewards>,
    faults: Vec<PriorFault>,
}

impl Checked<'_> {
    fn add(&mut self, index: usize, believed: &BelievedRewards) {
        let features = self.features_hold(&believed.features);
        let mut refuse = |field, value: String, expected: String| {
            self.faults.push(PriorFault {
                index,
                field,
                value,
                expected,
            });
        };
        let offer = self.catalog.numbering().offer(&believed.offer);
        if offer.is_none() {
            let value = format!("{:?}", believed.offer);
            refuse("offer_id", value, "the id of an offer".to_owned());
        }
        let segments: Option<Vec<SegmentNumber>> = match &believed.segment {
            Some(id) => self.catalog.numbering().segment(id).map(|it| vec![it]),
            None => Some(
                self.catalog
                    .segmentation()
                    .iter()
                    .map(|it| it.number)
                    .collect(),
            ),
        };
        if segments.is_none() {
            let value = format!("{:?}", believed.segment.as_deref().unwrap_or_default());
            refuse("segment", value, "the id of a segment".to_owned());
        }
        if self.policy.admitted(believed.reward).is_none() {
            let value = believed.reward.to_string();
            let expected = format!(
                "a reward that the policy of {:?} learns, in the unit of the objective {}",
                self.placement.id,
                self.placement.objective.name(),
            );
            refuse("reward", value, expected);
        }
        if believed.times == 0 {
            refuse("times", "0".to_owned(), "from 1".to_owned());
        }
        if let Err(expected) = features {
            let value = format!("a list of {}", believed.features.len());
            refuse("features", value, expected);
        }
        let Some((offer, segments)) = offer.zip(segments) else {
            return;
        };
        self.rewards
            .extend(segments.into_iter().map(|segment| PriorRewards {
                segment,
                offer,
                reward: believed.reward,
                times: believed.times,
                features: believed.features.clone(),
            }));
    }

    fn features_hold(&self, features: &[f64]) -> Result<(), String> {
        let Some(model) = self.policy.model() else {
            let expected = "empty: the placement's policy reads no features";
            return if features.is_empty() {
                Ok(())
            } else {
                Err(expected.to_owned())
            };
        };
        let known = self.state.learnt().get(&self.placement.number);
        let known = known.and_then(|state| state.contextual().map(|it| it.dimension()));
        let held = model.check_features(features, known);
        held.map_err(|error| format!("the entries of the placement's features: {error}"))
    }
}
