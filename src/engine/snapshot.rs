//! What decisions are drawn from: an immutable view of the state at one
//! position, read without a lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use imbl::OrdMap;

use super::state::State;
use crate::catalog::Catalog;
use crate::domain::distribution::{ActionDistribution, EligibleOffers, Odds, SlotDraw};
use crate::domain::ids::{CatalogVersion, OfferNumber, PlacementNumber, Position, SegmentNumber};
use crate::domain::placement::Feedback;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::learning::delay::Overlay;
use crate::learning::policy::split::Mixture;
use crate::learning::state::{SegmentState, Suggested};
use crate::learning::{Context, Policy, PolicyState};
use crate::promotion::OfferIndex;
use crate::promotion::constraints::Constraints;
use crate::promotion::constraints::book::LimitBook;
use crate::promotion::constraints::pacing::throttle;

/// From so many offers on an index costs a decision less than judging them all.
const INDEXED_FROM_OFFERS: usize = 32;

/// The state as decisions see it.
#[derive(Debug)]
pub struct Snapshot {
    /// Everything up to and including this event is in.
    pub position: Position,
    /// The catalogue in force.
    pub catalog: Arc<Catalog>,
    indexes: Arc<OfferIndexes>,
    /// What was used of limits.
    pub limits: LimitBook,
    beliefs: Beliefs,
    cache: Arc<DistributionCache>,
}

impl Snapshot {
    /// The state's snapshot; `None` before the first catalogue. What rests on
    /// the catalogue alone is taken from the snapshot before, where that has the
    /// same one.
    #[must_use]
    pub fn of(
        state: &State,
        cache: &Arc<DistributionCache>,
        before: Option<&Self>,
    ) -> Option<Self> {
        let catalog = state.catalog()?;
        let same = before.filter(|before| Arc::ptr_eq(&before.catalog, catalog));
        let indexes = same.map(|before| before.indexes.clone());
        Some(Self {
            position: state.position(),
            indexes: indexes.unwrap_or_else(|| Arc::new(OfferIndexes::of(catalog))),
            catalog: catalog.clone(),
            limits: state.limits().clone(),
            beliefs: Beliefs::of(state),
            cache: cache.clone(),
        })
    }

    /// Finds the candidates of a placement of this snapshot's catalogue.
    #[must_use]
    pub fn index(&self, placement: PlacementNumber) -> Option<&OfferIndex> {
        self.indexes.at(placement)
    }

    /// The distribution of a placement's policy over `eligible` for one
    /// decision.
    #[must_use]
    pub fn distribution(&self, asked: &Asked<'_>, eligible: &EligibleOffers) -> ActionDistribution {
        let distribution = self.cache.distribution(asked, &self.beliefs, eligible);
        asked.paced(distribution, eligible, &self.limits)
    }
}

/// What was learnt, and what open decisions suggest beside it.
#[derive(Debug, Clone)]
pub struct Beliefs {
    learnt: OrdMap<PlacementNumber, PolicyState>,
    overlays: OrdMap<PlacementNumber, Overlay>,
}

impl Beliefs {
    /// The state's. Shares structure with it.
    #[must_use]
    pub fn of(state: &State) -> Self {
        Self {
            learnt: state.learnt().clone(),
            overlays: state.overlays().clone(),
        }
    }

    /// Whether the state still believes the same, told by identity.
    #[must_use]
    pub fn are_those_of(&self, state: &State) -> bool {
        self.learnt.ptr_eq(state.learnt()) && self.overlays.ptr_eq(state.overlays())
    }
}

/// The index of each placement that has enough offers for one.
#[derive(Debug, Default)]
pub struct OfferIndexes(HashMap<PlacementNumber, OfferIndex>);

impl OfferIndexes {
    /// Of all placements of a catalogue.
    #[must_use]
    pub fn of(catalog: &Catalog) -> Self {
        let large = catalog
            .placements()
            .filter(|placement| placement.offers.len() >= INDEXED_FROM_OFFERS);
        Self(
            large
                .map(|placement| {
                    let offers = catalog.offers_at(placement);
                    (placement.number, OfferIndex::of(offers))
                })
                .collect(),
        )
    }

    /// The index of a placement, if it has one.
    #[must_use]
    pub fn at(&self, placement: PlacementNumber) -> Option<&OfferIndex> {
        self.0.get(&placement)
    }
}

/// What a distribution is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The policy, which belongs to the catalogue version.
    pub policy: &'a Policy,
    /// The arm whose policy it is, where the placement's is a split.
    pub arm: Option<&'a str>,
    /// What open decisions tell it, likewise.
    pub feedback: Feedback,
    /// Which catalogue.
    pub catalog: CatalogVersion,
    /// Its limits, and how its budgets are paced.
    pub constraints: &'a Constraints,
    /// Where.
    pub placement: PlacementNumber,
    /// For whom.
    pub segment: SegmentNumber,
    /// When.
    pub decided_at: Instant,
    /// The decision's seed.
    pub seed: DecisionSeed,
    /// The placement's features of the request.
    pub features: &'a [f64],
    /// What the policy expects of the eligible offers before it has learnt;
    /// empty where it is nothing.
    pub expected: &'a [(OfferNumber, Suggested)],
}

impl<'a> Asked<'a> {
    /// What the policy is told.
    const fn context(&self) -> Context<'a> {
        Context {
            segment: self.segment,
            features: self.features,
            seed: self.seed,
            decided_at: self.decided_at,
        }
    }

    /// What pacing makes of the policy's distribution, by the book of the state
    /// that the decision is drawn from.
    #[must_use]
    pub fn paced(
        &self,
        distribution: ActionDistribution,
        eligible: &EligibleOffers,
        book: &LimitBook,
    ) -> ActionDistribution {
        let at = self.decided_at;
        let factors = self.constraints.factors(self.placement, eligible, book, at);
        match factors {
            Some(factors) => throttle(distribution, &factors),
            None => distribution,
        }
    }
}

/// The odds of a decision's slots, one after the other.
#[derive(Debug)]
pub struct Drawing<'a> {
    asked: Asked<'a>,
    mixture: Option<Mixture<'a>>,
}

impl<'a> Drawing<'a> {
    /// Before the first slot; `arm` is the place of the shopper's arm where the
    /// policy that is asked is a split.
    #[must_use]
    pub fn new(asked: Asked<'a>, arm: Option<usize>) -> Self {
        let split = asked.policy.split();
        Self {
            asked,
            mixture: split.map(|split| Mixture::new(split, arm)),
        }
    }

    /// The odds of the slot below the draws `above`, by what `distribution` says
    /// of the policy or, in a split, of each arm's.
    pub fn odds(
        &mut self,
        above: &[SlotDraw],
        eligible: &EligibleOffers,
        distribution: impl Fn(&Asked<'_>, &EligibleOffers) -> ActionDistribution,
    ) -> Odds {
        let asked = self.asked;
        let Some(mixture) = &mut self.mixture else {
            return distribution(&asked, eligible).into();
        };
        let chosen = above.last().map(SlotDraw::offer);
        mixture.odds(chosen, eligible, |arm| {
            let of_arm = Asked {
                policy: &arm.policy,
                arm: Some(&arm.name),
                ..asked
            };
            distribution(&of_arm, eligible)
        })
    }
}

/// Distributions that were computed since a segment last learnt something.
///
/// An entry belongs to one segment's state, told by identity: holding the state
/// keeps its address from being used again.
#[derive(Debug, Default)]
pub struct DistributionCache {
    /// Each protects its share of the entries; held for one look-up or insert.
    shards: [Mutex<HashMap<CachedFor, Cached>>; 16],
}

/// Where, for whom and, in a split, in which arm.
type CachedFor = (PlacementNumber, SegmentNumber, Option<Box<str>>);

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
        beliefs: &Beliefs,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let nothing_learnt = PolicyState::default();
        let learnt = beliefs.learnt.get(&asked.placement);
        let learnt = match asked.arm {
            Some(arm) => learnt.and_then(|learnt| learnt.arm(arm)),
            None => learnt,
        };
        let learnt = learnt.unwrap_or(&nothing_learnt);
        let (policy, context) = (asked.policy, asked.context());
        let fresh = || policy.distribution(learnt, &context, eligible);
        let overlay = beliefs.overlays.get(&asked.placement);
        let overlay = overlay.filter(|_| asked.feedback != Feedback::AtClosing);
        if overlay.is_some() || !asked.expected.is_empty() {
            // Open decisions grow older and carts differ, so nothing could be
            // used again.
            let (segment, at) = (asked.segment, asked.decided_at);
            let mut seen = match overlay {
                Some(overlay) => policy.seeing(learnt, overlay, asked.feedback, segment, at),
                None => learnt.clone(),
            };
            if !asked.expected.is_empty() {
                seen = policy.expecting(&seen, segment, asked.expected);
            }
            return policy.distribution(&seen, &context, eligible);
        }
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
        let key = (placement, segment, asked.arm.map(Box::from));
        let shard = &self.shards[(placement.0 ^ segment.0) as usize % self.shards.len()];
        {
            let entries = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cached) = entries.get(&key)
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
        entries.insert(key, cached);
        distribution
    }
}
