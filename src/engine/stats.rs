//! What `ledger stats` tells.

use std::sync::Arc;

use super::shared::Shared;
use super::state::{Counters, State, StateHash};
use crate::catalog::Catalog;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{ChainHash, PlacementNumber, Position, SegmentNumber};
use crate::learning::{ArmSummary, PolicyState};

/// Counts, and what was learnt.
#[derive(Debug, Clone)]
pub struct Stats {
    /// The last event.
    pub position: Position,
    /// The first event that is kept.
    pub first_position: Position,
    /// The chain's head.
    pub chain: ChainHash,
    /// The state's hash.
    pub state_hash: StateHash,
    /// The catalogue in force.
    pub catalog: Option<Arc<Catalog>>,
    /// How many decisions still take outcomes.
    pub open_decisions: u64,
    /// Counts since the first event.
    pub counters: Counters,
    /// What each placement's policy has learnt in each segment.
    pub learnt: Vec<SegmentStats>,
}

/// What a placement's policy has learnt in a segment.
#[derive(Debug, Clone)]
pub struct SegmentStats {
    /// Where.
    pub placement: PlacementNumber,
    /// For whom.
    pub segment: SegmentNumber,
    /// About which offers, ascending.
    pub arms: Vec<ArmSummary>,
}

pub(super) fn stats(shared: &Shared) -> Stats {
    let (state, head) = {
        let state = shared.read_state();
        (state.clone(), shared.ledger.head())
    };
    Stats {
        position: state.position(),
        first_position: shared.ledger.first_position(),
        chain: head.chain,
        state_hash: state.hash(),
        catalog: state.catalog().cloned(),
        open_decisions: state.open_decisions() as u64,
        counters: state.counters().clone(),
        learnt: learnt(&state),
    }
}

fn learnt(state: &State) -> Vec<SegmentStats> {
    let Some(catalog) = state.catalog() else {
        return Vec::new();
    };
    state
        .learnt()
        .iter()
        .flat_map(|(placement, policy_state)| {
            policy_state
                .segments()
                .map(|(segment, _)| summary(catalog, *placement, policy_state, segment))
        })
        .collect()
}

/// What a policy knows in a segment of the offers of its placement.
pub(super) fn summary(
    catalog: &Catalog,
    placement: PlacementNumber,
    learnt: &PolicyState,
    segment: SegmentNumber,
) -> SegmentStats {
    let offers = catalog
        .placement(placement)
        .map_or(&[][..], |found| &found.offers);
    let eligible = EligibleOffers::new(offers.iter().copied()).ok();
    let arms = match (catalog.policy(placement), eligible) {
        (Some(policy), Some(eligible)) => policy.summary(learnt, segment, &eligible),
        _ => Vec::new(),
    };
    SegmentStats {
        placement,
        segment,
        arms,
    }
}
