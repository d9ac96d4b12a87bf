//! What a policy learns from, and what it answers.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::contextual::FeatureError;
use super::exact_sum::LARGEST_REWARD;
use crate::domain::distribution::Propensity;
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::time::Instant;

/// A decision whose reward is known: one slot of it, as recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardedDecision<'a> {
    /// The segment that it was decided for.
    pub segment: SegmentNumber,
    /// The offer that was shown.
    pub offer: OfferNumber,
    /// The features that it was decided with; empty for tabular policies.
    pub features: &'a [f64],
    /// The probability with which the offer was chosen.
    pub propensity: Propensity,
    /// When it was decided: what forgetting counts from.
    pub decided_at: Instant,
    /// What it earned, in the unit of the placement's objective.
    pub reward: f64,
}

/// What [`Policy::learn`](super::Policy::learn) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learnt {
    /// Keep this to correct the reward later.
    pub receipt: Receipt,
    /// Whether the reward lay outside the declared domain and was moved to
    /// its nearer end.
    pub clipped: bool,
}

/// What became of a state that another policy had learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adopted {
    /// Arms, over all segments, whose counts and sums were kept.
    pub arms_kept: u64,
    /// Arms that start anew, because their rewards are not in the domain.
    pub arms_reset: u64,
    /// Arms among those kept whose earlier rewards can no longer be corrected.
    pub arms_settled: u64,
}

impl AddAssign for Adopted {
    fn add_assign(&mut self, other: Self) {
        self.arms_kept += other.arms_kept;
        self.arms_reset += other.arms_reset;
        self.arms_settled += other.arms_settled;
    }
}

/// The place of one learnt reward in a state, small enough to keep with each
/// decision. It means something only together with the decision and policy it
/// came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// How often the arm had been reset or changed its policy.
    pub epoch: u32,
    /// Which update of its arm it was, from 1.
    pub ordinal: u64,
    /// Which split of the placement an arm of which learnt it, from 1; 0 where
    /// it was none.
    pub split: u32,
}

impl Receipt {
    /// Of a reward that is learnt with the rest of its session: it cannot be
    /// taken back, for no arm ever has this epoch.
    pub const WITH_ITS_SESSION: Self = Self {
        epoch: u32::MAX,
        ordinal: 0,
        split: 0,
    };

    /// The receipt as the ledger keeps it: epoch, ordinal and, in a split, which
    /// one, least significant byte first.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16);
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.ordinal.to_le_bytes());
        if self.split != 0 {
            bytes.extend_from_slice(&self.split.to_le_bytes());
        }
        bytes
    }

    /// The receipt from the ledger's bytes; `None` when they are neither 12
    /// nor 16.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (epoch, rest) = bytes.split_first_chunk::<4>()?;
        let (ordinal, rest) = rest.split_first_chunk::<8>()?;
        let split = match rest {
            [] => 0,
            rest => u32::from_le_bytes(rest.try_into().ok()?),
        };
        Some(Self {
            epoch: u32::from_le_bytes(*epoch),
            ordinal: u64::from_le_bytes(*ordinal),
            split,
        })
    }
}

/// What [`Policy::correct`](super::Policy::correct) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// The state now holds the new reward in place of the old one, with the
    /// later decisions as they were recorded.
    Corrected {
        /// Whether the new reward was moved to the end of the domain.
        clipped: bool,
    },
    /// The old reward stays learnt, for this reason; the caller counts it.
    NotUnlearnt(NotUnlearnt),
}

/// Why a reward could not be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotUnlearnt {
    /// The arm was reset afterwards, or taken over by a policy to which the
    /// receipt means nothing.
    #[error("the arm was reset, or changed its policy, after the decision was learnt")]
    Superseded,
    /// What was learnt afterwards rests on it: the policy looks ahead within a
    /// session.
    #[error("what was learnt later rests on it")]
    RestedUpon,
    /// The state never learnt it: the receipt belongs to another one.
    #[error("the receipt names an update that the state does not have")]
    Unknown,
    /// The policy learnt it by an approximation that depends on the order, or
    /// what was known of the offer has changed since.
    #[error("the policy cannot take a reward back exactly")]
    Approximate,
}

/// Why a reward is not learnt. The state stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum LearnError {
    /// NaN or infinite.
    #[error("reward {0} is not finite")]
    NotFinite(f64),
    /// The features that the decision was made with.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// Outside the declared domain, where that is refused.
    #[error("reward {reward} is outside [{min}, {max}]")]
    OutsideDomain {
        /// The reward.
        reward: f64,
        /// The smallest that is learnt.
        min: f64,
        /// The largest that is learnt.
        max: f64,
    },
}

/// What happens to a finite reward outside the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It is an error.
    #[default]
    Refuse,
    /// It counts as the nearer end, and is counted.
    Clip,
}

/// The rewards that a policy learns from: a closed interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardDomain {
    min: f64,
    max: f64,
    outside: Outside,
}

/// A reward inside the domain, and whether it had to be moved there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AdmittedReward {
    pub value: f64,
    pub clipped: bool,
}

impl RewardDomain {
    /// Every reward within ±[`LARGEST_REWARD`]; beyond is refused.
    pub const WIDEST: Self = Self {
        min: -LARGEST_REWARD,
        max: LARGEST_REWARD,
        outside: Outside::Refuse,
    };

    /// [0, 1].
    #[must_use]
    pub const fn unit(outside: Outside) -> Self {
        Self {
            min: 0.0,
            max: 1.0,
            outside,
        }
    }

    /// `None` unless −2⁵² ≤ `min` < `max` ≤ 2⁵².
    #[must_use]
    pub fn new(min: f64, max: f64, outside: Outside) -> Option<Self> {
        (min >= -LARGEST_REWARD && min < max && max <= LARGEST_REWARD).then_some(Self {
            min,
            max,
            outside,
        })
    }

    /// The smallest reward that is learnt.
    #[must_use]
    pub const fn min(&self) -> f64 {
        self.min
    }

    /// The largest reward that is learnt.
    #[must_use]
    pub const fn max(&self) -> f64 {
        self.max
    }

    /// Whether it lies in [0, 1].
    pub(super) const fn is_within_unit(&self) -> bool {
        self.min >= 0.0 && self.max <= 1.0
    }

    /// The reward as the policy may learn it.
    pub(super) fn admit(&self, reward: f64) -> Result<AdmittedReward, LearnError> {
        if !reward.is_finite() {
            return Err(LearnError::NotFinite(reward));
        }
        let value = reward.clamp(self.min, self.max);
        let clipped = reward < self.min || reward > self.max;
        if clipped && self.outside == Outside::Refuse {
            return Err(LearnError::OutsideDomain {
                reward,
                min: self.min,
                max: self.max,
            });
        }
        Ok(AdmittedReward { value, clipped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_survives_its_bytes() {
        let receipt = Receipt {
            epoch: 0x0102_0304,
            ordinal: 77,
            split: 0,
        };
        let bytes = receipt.to_bytes();
        assert_eq!(bytes, [4, 3, 2, 1, 77, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Receipt::from_bytes(&bytes), Some(receipt));
        assert_eq!(Receipt::from_bytes(&bytes[..11]), None);
        let in_split = Receipt {
            split: 2,
            ..receipt
        };
        let bytes = in_split.to_bytes();
        assert_eq!(bytes[12..], [2, 0, 0, 0]);
        assert_eq!(Receipt::from_bytes(&bytes), Some(in_split));
        assert_eq!(Receipt::from_bytes(&bytes[..15]), None);
    }

    #[test]
    fn nothing_that_is_not_finite_is_admitted() {
        let clip = RewardDomain::new(0.0, 1.0, Outside::Clip).unwrap();
        for reward in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(matches!(clip.admit(reward), Err(LearnError::NotFinite(_))));
        }
    }

    #[test]
    fn outside_is_refused_or_clipped_as_declared() {
        let clip = RewardDomain::new(0.0, 1.0, Outside::Clip).unwrap();
        let admitted = clip.admit(3.0).unwrap();
        assert_eq!((admitted.value, admitted.clipped), (1.0, true));
        let refuse = RewardDomain::new(0.0, 1.0, Outside::Refuse).unwrap();
        assert_eq!(
            refuse.admit(3.0).unwrap_err().to_string(),
            "reward 3 is outside [0, 1]"
        );
        assert!(!refuse.admit(1.0).unwrap().clipped);
    }

    #[test]
    fn a_domain_is_a_proper_interval() {
        assert!(RewardDomain::new(1.0, 1.0, Outside::Clip).is_none());
        assert!(RewardDomain::new(f64::NAN, 1.0, Outside::Clip).is_none());
        assert!(RewardDomain::new(0.0, f64::INFINITY, Outside::Clip).is_none());
    }
}
