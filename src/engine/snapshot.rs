//! What decisions are drawn from: an immutable view of the state at one
//! position, read without a lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use imbl::OrdMap;

use super::derive;
use super::state::State;
use crate::catalog::Catalog;
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::ids::{CatalogVersion, PlacementNumber, Position, SegmentNumber};
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::learning::state::SegmentState;
use crate::learning::{Policy, PolicyState};

/// The state as decisions see it.
#[derive(Debug)]
pub struct Snapshot {
    /// Everything up to and including this event is in.
    pub position: Position,
    /// The catalogue in force.
    pub catalog: Arc<Catalog>,
    learnt: OrdMap<PlacementNumber, PolicyState>,
    cache: Arc<DistributionCache>,
}

impl Snapshot {
    /// The state's snapshot; `None` before the first catalogue.
    #[must_use]
    pub fn of(state: &State, cache: &Arc<DistributionCache>) -> Option<Self> {
        Some(Self {
            position: state.position(),
            catalog: state.catalog()?.clone(),
            learnt: state.learnt().clone(),
            cache: cache.clone(),
        })
    }

    /// The distribution of a placement's policy over `eligible` for one
    /// decision.
    #[must_use]
    pub fn distribution(&self, asked: &Asked<'_>, eligible: &EligibleOffers) -> ActionDistribution {
        self.cache
            .distribution(asked, self.learnt.get(&asked.placement), eligible)
    }
}

/// What a distribution is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The policy, which belongs to the catalogue version.
    pub policy: &'a Policy,
    /// Which catalogue.
    pub catalog: CatalogVersion,
    /// Where.
    pub placement: PlacementNumber,
    /// For whom.
    pub segment: SegmentNumber,
    /// When.
    pub decided_at: Instant,
    /// The decision's seed.
    pub seed: DecisionSeed,
}

/// Distributions that were computed since a segment last learnt something.
///
/// An entry belongs to one segment's state, told by identity: holding the state
/// keeps its address from being used again.
#[derive(Debug, Default)]
pub struct DistributionCache {
    /// Each protects its share of the entries; held for one look-up or insert.
    shards: [Mutex<HashMap<(PlacementNumber, SegmentNumber), Cached>>; 16],
}

#[derive(Debug)]
struct Cached {
    catalog: CatalogVersion,
    state: Arc<SegmentState>,
    eligible: EligibleOffers,
    distribution: ActionDistribution,
}

impl DistributionCache {
    /// The distribution of a policy in the state of its placement; computed
    /// anew unless the segment's state is the one it was last computed for.
    #[must_use]
    pub fn distribution(
        &self,
        asked: &Asked<'_>,
        learnt: Option<&PolicyState>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let nothing_learnt = PolicyState::default();
        let learnt = learnt.unwrap_or(&nothing_learnt);
        let fresh = || {
            let Asked {
                policy,
                segment,
                decided_at,
                seed,
                ..
            } = *asked;
            derive::distribution(policy, learnt, segment, decided_at, seed, eligible)
        };
        match learnt.shared_segment(asked.segment) {
            Some(state) if asked.policy.rests_on_state_alone() && eligible.len() > 1 => {
                self.get_or(asked, state, eligible, fresh)
            }
            _ => fresh(),
        }
    }

    fn get_or(
        &self,
        asked: &Asked<'_>,
        state: &Arc<SegmentState>,
        eligible: &EligibleOffers,
        fresh: impl FnOnce() -> ActionDistribution,
    ) -> ActionDistribution {
        let (placement, segment) = (asked.placement, asked.segment);
        let shard = &self.shards[(placement.0 ^ segment.0) as usize % self.shards.len()];
        {
            let entries = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cached) = entries.get(&(placement, segment))
                && cached.catalog == asked.catalog
                && Arc::ptr_eq(&cached.state, state)
                && cached.eligible == *eligible
            {
                return cached.distribution.clone();
            }
        }
        let distribution = fresh();
        let cached = Cached {
            catalog: asked.catalog,
            state: state.clone(),
            eligible: eligible.clone(),
            distribution: distribution.clone(),
        };
        let mut entries = shard.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert((placement, segment), cached);
        distribution
    }
}
