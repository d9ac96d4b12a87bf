//! What `ledger stats` tells.

use std::sync::Arc;

use super::shared::Shared;
use super::state::{Counters, State, StateHash};
use crate::catalog::Catalog;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{ChainHash, LimitNumber, PlacementNumber, Position, SegmentNumber};
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
    /// What was used of each limit, in the order of their numbers.
    pub limits: Vec<LimitStats>,
}

/// What was used of a limit, over all of its shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitStats {
    /// Which.
    pub limit: LimitNumber,
    /// What each share may use; `None` when the catalogue no longer has it.
    pub most: Option<i64>,
    /// How many shares are known.
    pub shares: u64,
    /// Used for good.
    pub committed: i64,
    /// Held for what may still be used.
    pub reserved: i64,
    /// Used although nothing was left.
    pub overrun: i64,
}

/// What a placement's policy has learnt in a segment.
#[derive(Debug, Clone)]
pub struct SegmentStats {
    /// Where.
    pub placement: PlacementNumber,
    /// For whom.
    pub segment: SegmentNumber,
    /// In which arm of a split; `None` for what no arm has learnt.
    pub arm: Option<Arc<str>>,
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
        limits: limits(&state),
    }
}

fn limits(state: &State) -> Vec<LimitStats> {
    let catalog = state.catalog();
    let mut told: Vec<LimitStats> = Vec::new();
    for (key, usage) in state.limits().usages() {
        if told.last().is_none_or(|last| last.limit != key.limit) {
            let limit = catalog.and_then(|catalog| catalog.constraints().limit(key.limit));
            told.push(LimitStats {
                limit: key.limit,
                most: limit.map(|limit| limit.most),
                shares: 0,
                committed: 0,
                reserved: 0,
                overrun: 0,
            });
        }
        if let Some(last) = told.last_mut() {
            last.shares += 1;
            last.committed = last.committed.saturating_add(usage.committed);
            last.reserved = last.reserved.saturating_add(usage.reserved);
            last.overrun = last.overrun.saturating_add(usage.overrun);
        }
    }
    told
}

fn learnt(state: &State) -> Vec<SegmentStats> {
    let Some(catalog) = state.catalog() else {
        return Vec::new();
    };
    state
        .learnt()
        .iter()
        .flat_map(|(placement, learnt)| {
            let beside = learnt.segments().map(|(segment, _)| (segment, None));
            let in_arms = learnt.arms().flat_map(|(name, learnt)| {
                let segments = learnt.segments();
                segments.map(move |(segment, _)| (segment, Some(name)))
            });
            beside
                .chain(in_arms)
                .map(|(segment, arm)| summary(state, catalog, *placement, segment, arm))
        })
        .collect()
}

/// What a placement's policy knows now in a segment of the placement's offers.
pub(super) fn summary(
    state: &State,
    catalog: &Catalog,
    placement: PlacementNumber,
    segment: SegmentNumber,
    arm: Option<&Arc<str>>,
) -> SegmentStats {
    let offers = catalog
        .placement(placement)
        .map_or(&[][..], |found| &found.offers);
    let eligible = EligibleOffers::new(offers.iter().copied()).ok();
    let nothing = PolicyState::default();
    let learnt = state.learnt().get(&placement).unwrap_or(&nothing);
    let policy = catalog.policy(placement);
    let (policy, learnt) = match arm {
        Some(arm) => (
            policy.and_then(|policy| Some(&policy.split()?.arm(arm)?.policy)),
            learnt.arm(arm).unwrap_or(&nothing),
        ),
        None => (policy, learnt),
    };
    let arms = match (policy, eligible) {
        (Some(policy), Some(eligible)) => policy.summary(learnt, segment, &eligible, state.now()),
        _ => Vec::new(),
    };
    SegmentStats {
        placement,
        segment,
        arm: arm.cloned(),
        arms,
    }
}
