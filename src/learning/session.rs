//! Sessions as a policy learns them that looks ahead: a shopper's decisions in
//! their order, from cart to checkout to what comes after.
//!
//! A state is (segment, stage), and the stage is the placement: what was learnt
//! of each placement is one table of action values. A session ends for good
//! with its last decision; nothing is earned after it.

use serde::{Deserialize, Serialize};

use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{OfferNumber, PlacementNumber, SegmentNumber};
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;

/// One decision of a session whose rewards are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionDecision<'a> {
    /// The stage.
    pub placement: PlacementNumber,
    /// The shopper's segment at this decision.
    pub segment: SegmentNumber,
    /// When it was decided.
    pub decided_at: Instant,
    /// The decision's seed: which of two tables learns.
    pub seed: DecisionSeed,
    /// What was on offer.
    pub eligible: &'a EligibleOffers,
    /// What was shown, in the order of slots.
    pub shown: &'a [RewardedOffer],
}

/// An offer that was shown, and what it earned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RewardedOffer {
    /// The offer.
    pub offer: OfferNumber,
    /// In the unit of the placement's objective.
    pub reward: f64,
}
