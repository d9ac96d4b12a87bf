//! What every policy has that learns arm by arm: the rewards that it learns
//! from, how long it remembers them, and the floor under its exploration.

use smallvec::SmallVec;

use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::time::Instant;
use crate::learning::best_arm::{self, Score};
use crate::learning::config::memory::MemoryConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::memory::{Evidence, Memory};
use crate::learning::reward::{Outside, RewardDomain};
use crate::learning::state::{ArmState, SegmentState, aligned};

/// The checked parameters that tabular policies share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tabular {
    /// The least probability of each eligible offer.
    pub exploration_floor: f64,
    /// The rewards that are learnt.
    pub reward_domain: RewardDomain,
    /// How long they count.
    pub memory: Memory,
    /// For a policy that looks at squares of rewards: the variance of rewards
    /// whose squares were not kept.
    pub unknown_variance: Option<f64>,
}

impl Tabular {
    /// Checks what is written, for rewards of this domain.
    pub fn check(
        exploration_floor: f64,
        reward_domain: RewardDomain,
        memory: &MemoryConfig,
    ) -> Result<Self, PolicyError> {
        Ok(Self {
            exploration_floor: Bound::PROBABILITY.check("exploration_floor", exploration_floor)?,
            reward_domain,
            memory: Memory::check(memory, reward_domain)?,
            unknown_variance: None,
        })
    }

    /// The same for rewards in [0, 1].
    pub fn check_unit(
        exploration_floor: f64,
        outside: Outside,
        memory: &MemoryConfig,
    ) -> Result<Self, PolicyError> {
        Self::check(exploration_floor, RewardDomain::unit(outside), memory)
    }

    /// The same for rewards in [0, `largest`], which `key` names.
    ///
    /// # Panics
    /// Never: what would is refused before.
    pub fn check_from_0(
        exploration_floor: f64,
        (key, largest): (&'static str, f64),
        outside: Outside,
        memory: &MemoryConfig,
    ) -> Result<Self, PolicyError> {
        let largest = Bound::REWARD_ABOVE_0.check(key, largest)?;
        let domain = RewardDomain::new(0.0, largest, outside)
            .expect("a largest reward within its bound makes an interval");
        Self::check(exploration_floor, domain, memory)
    }

    /// What is remembered of one arm.
    pub fn evidence_of(&self, arm: Option<&ArmState>, now: Instant) -> Evidence {
        self.memory.evidence(arm, now)
    }

    /// What is remembered of each eligible offer in turn.
    pub fn evidence(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> SmallVec<[Evidence; 16]> {
        aligned(segment, eligible)
            .map(|arm| self.evidence_of(arm, now))
            .collect()
    }

    /// What is believed of each eligible offer in turn.
    pub fn beliefs<S>(
        &self,
        segment: Option<&SegmentState>,
        eligible: &EligibleOffers,
        now: Instant,
        posterior: impl Fn(&Evidence) -> S,
    ) -> SmallVec<[S; 16]> {
        aligned(segment, eligible)
            .map(|arm| posterior(&self.evidence_of(arm, now)))
            .collect()
    }

    /// Each eligible offer with the probability that its score, as it is
    /// believed, is the largest; then the floor.
    pub fn thompson<S: Score>(&self, beliefs: &[S]) -> ActionDistribution {
        best_arm::probabilities(beliefs).with_floor(self.exploration_floor)
    }
}
