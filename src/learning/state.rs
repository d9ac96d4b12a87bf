//! What a policy remembers: for each segment, for each arm, how often it was
//! learnt and what it earned.
//!
//! Every tabular policy keeps the same counts and sums, so a placement that
//! changes from one to another keeps them. They are whole numbers inside:
//! the order of learning does not matter, and a reward can be taken back
//! exactly. The one exception is the value of a constant step size, which is
//! a weighted mean in order of learning.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::exact_sum::ExactSum;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{OfferNumber, SegmentNumber};

/// One policy's memory over all segments. A clone shares everything with its
/// original until one of the two learns, and then all but one segment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PolicyState {
    epoch: u32,
    segments: imbl::OrdMap<SegmentNumber, Arc<SegmentState>>,
}

/// One segment's memory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "StoredSegment")]
pub struct SegmentState {
    learnt: u64,
    clipped: u64,
    /// In ascending order of offer, each once.
    arms: Vec<ArmState>,
}

/// One arm's memory in one segment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ArmState {
    offer: OfferNumber,
    pulls: u64,
    rewards: ExactSum,
    /// The recency-weighted mean; meaningful under a constant step size only.
    value: f64,
}

/// Why a stored segment cannot be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum BadSegment {
    /// Out of order, or twice the same.
    #[error("arm {after} follows arm {before}: numbers must ascend strictly")]
    NotAscending {
        /// The earlier of the two.
        before: OfferNumber,
        /// The one that should have had a larger number.
        after: OfferNumber,
    },
    /// NaN or infinite.
    #[error("arm {offer} has the value {value}, which is not finite")]
    NotFinite {
        /// The arm.
        offer: OfferNumber,
        /// Its value.
        value: f64,
    },
    /// The arms were not learnt as often as the segment.
    #[error("the arms were learnt {arms} times, the segment {segment}")]
    Miscounted {
        /// The sum over arms.
        arms: u64,
        /// What the segment says.
        segment: u64,
    },
}

#[derive(Deserialize)]
struct StoredSegment {
    learnt: u64,
    clipped: u64,
    arms: Vec<ArmState>,
}

impl TryFrom<StoredSegment> for SegmentState {
    type Error = BadSegment;

    fn try_from(stored: StoredSegment) -> Result<Self, BadSegment> {
        let StoredSegment {
            learnt,
            clipped,
            arms,
        } = stored;
        if let Some(pair) = arms.windows(2).find(|pair| pair[0].offer >= pair[1].offer) {
            return Err(BadSegment::NotAscending {
                before: pair[0].offer,
                after: pair[1].offer,
            });
        }
        if let Some(arm) = arms.iter().find(|arm| !arm.value.is_finite()) {
            return Err(BadSegment::NotFinite {
                offer: arm.offer,
                value: arm.value,
            });
        }
        let pulls = arms
            .iter()
            .fold(0u64, |sum, arm| sum.saturating_add(arm.pulls));
        if pulls != learnt {
            return Err(BadSegment::Miscounted {
                arms: pulls,
                segment: learnt,
            });
        }
        Ok(Self {
            learnt,
            clipped,
            arms,
        })
    }
}

impl PolicyState {
    /// A state that has learnt nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How often it was reset.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Forgets everything; receipts from before can no longer be corrected.
    pub fn reset(&mut self) {
        self.epoch += 1;
        self.segments.clear();
    }

    /// The segments that have learnt something, in ascending order.
    pub fn segments(&self) -> impl Iterator<Item = (SegmentNumber, &SegmentState)> {
        self.segments
            .iter()
            .map(|(number, segment)| (*number, segment.as_ref()))
    }

    /// One segment's memory; `None` when it has learnt nothing.
    #[must_use]
    pub fn segment(&self, number: SegmentNumber) -> Option<&SegmentState> {
        self.segments.get(&number).map(AsRef::as_ref)
    }

    /// One segment's memory, shared: whoever holds it sees it as it is now,
    /// whatever is learnt afterwards.
    #[must_use]
    pub fn shared_segment(&self, number: SegmentNumber) -> Option<&Arc<SegmentState>> {
        self.segments.get(&number)
    }

    pub(super) fn segment_mut(&mut self, number: SegmentNumber) -> Option<&mut SegmentState> {
        self.segments.get_mut(&number).map(Arc::make_mut)
    }

    pub(super) fn segment_or_new(&mut self, number: SegmentNumber) -> &mut SegmentState {
        Arc::make_mut(self.segments.entry(number).or_default())
    }

    /// Gives `sink` the canonical bytes of the state, for the state hash:
    /// whole numbers and the bits of values, least significant byte first, in
    /// ascending order of segment and offer.
    pub fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&self.epoch.to_le_bytes());
        sink(&(self.segments.len() as u64).to_le_bytes());
        for (number, segment) in self.segments() {
            sink(&number.0.to_le_bytes());
            segment.write_canonical(sink);
        }
    }
}

impl SegmentState {
    /// How many rewards were learnt.
    #[must_use]
    pub const fn learnt(&self) -> u64 {
        self.learnt
    }

    /// How many of them lay outside the domain and were clipped.
    #[must_use]
    pub const fn clipped(&self) -> u64 {
        self.clipped
    }

    /// The arms that were learnt, in ascending order of offer.
    #[must_use]
    pub fn arms(&self) -> &[ArmState] {
        &self.arms
    }

    /// One arm's memory; `None` when it was never learnt.
    #[must_use]
    pub fn arm(&self, offer: OfferNumber) -> Option<&ArmState> {
        let place = self.arms.binary_search_by_key(&offer, |arm| arm.offer);
        place.ok().map(|place| &self.arms[place])
    }

    pub(super) fn arm_mut(&mut self, offer: OfferNumber) -> Option<&mut ArmState> {
        let place = self.arms.binary_search_by_key(&offer, |arm| arm.offer);
        place.ok().map(|place| &mut self.arms[place])
    }

    pub(super) fn arms_mut(&mut self) -> impl Iterator<Item = &mut ArmState> {
        self.arms.iter_mut()
    }

    pub(super) fn arm_or_new(&mut self, offer: OfferNumber) -> &mut ArmState {
        let place = match self.arms.binary_search_by_key(&offer, |arm| arm.offer) {
            Ok(place) => place,
            Err(place) => {
                self.arms.insert(place, ArmState::new(offer));
                place
            }
        };
        &mut self.arms[place]
    }

    pub(super) fn count_learnt(&mut self, clipped: bool) {
        self.learnt += 1;
        self.clipped += u64::from(clipped);
    }

    pub(super) fn recount_clipped(&mut self, before: bool, after: bool) {
        self.clipped = self.clipped + u64::from(after) - u64::from(before);
    }

    fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&self.learnt.to_le_bytes());
        sink(&self.clipped.to_le_bytes());
        sink(&(self.arms.len() as u64).to_le_bytes());
        for arm in &self.arms {
            sink(&arm.offer.0.to_le_bytes());
            sink(&arm.pulls.to_le_bytes());
            sink(&arm.rewards.to_le_bytes());
            sink(&arm.value.to_bits().to_le_bytes());
        }
    }
}

/// The memory of each eligible offer in turn; `None` where there is none.
pub(super) fn aligned<'a>(
    segment: Option<&'a SegmentState>,
    eligible: &'a EligibleOffers,
) -> impl Iterator<Item = Option<&'a ArmState>> {
    let mut arms = segment
        .map_or(&[][..], SegmentState::arms)
        .iter()
        .peekable();
    eligible.iter().map(move |offer| {
        while arms.next_if(|arm| arm.offer < offer).is_some() {}
        arms.next_if(|arm| arm.offer == offer)
    })
}

impl ArmState {
    pub(super) const fn new(offer: OfferNumber) -> Self {
        Self {
            offer,
            pulls: 0,
            rewards: ExactSum::ZERO,
            value: 0.0,
        }
    }

    /// The offer.
    #[must_use]
    pub const fn offer(&self) -> OfferNumber {
        self.offer
    }

    /// How often it was learnt.
    #[must_use]
    pub const fn pulls(&self) -> u64 {
        self.pulls
    }

    /// The sum of the rewards that were learnt.
    #[must_use]
    pub fn reward_sum(&self) -> f64 {
        self.rewards.get()
    }

    /// The mean of the rewards that were learnt; `None` before the first.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub fn mean(&self) -> Option<f64> {
        (self.pulls > 0).then(|| self.rewards.get() / self.pulls as f64)
    }

    pub(super) const fn value(&self) -> f64 {
        self.value
    }

    pub(super) const fn set_value(&mut self, value: f64) {
        self.value = value;
    }

    pub(super) fn count(&mut self, reward: f64) {
        self.pulls += 1;
        self.rewards.add(reward);
    }

    pub(super) fn exchange(&mut self, before: f64, after: f64) {
        self.rewards.remove(before);
        self.rewards.add(after);
    }
}
