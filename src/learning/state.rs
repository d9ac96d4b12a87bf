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

use super::contextual::Memory;
use super::exact_sum::{ExactSquares, ExactSum};
use super::memory::Recent;
use super::pooling::Pool;
use super::reward::{AdmittedReward, NotUnlearnt, Receipt};
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{OfferNumber, SegmentNumber};

/// One policy's memory over all segments. A clone shares everything with its
/// original until one of the two learns, and then all but one segment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PolicyState {
    segments: imbl::OrdMap<SegmentNumber, Arc<SegmentState>>,
    alarms: imbl::OrdSet<Alarm>,
    /// The models of a contextual policy, over all segments.
    contextual: Option<Arc<Memory>>,
    /// What all segments tell together, while a policy that pools keeps it: a
    /// function of the segments, and so no part of what is stored or compared.
    #[serde(skip)]
    pool: Option<Arc<Pool>>,
    /// What each arm of a split has learnt, by name.
    arms: imbl::OrdMap<Arc<str>, PolicyState>,
    /// How many splits there were before the one of the arms.
    splits_before: u32,
}

impl PartialEq for PolicyState {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments
            && self.alarms == other.alarms
            && self.contextual == other.contextual
            && self.arms == other.arms
            && self.splits_before == other.splits_before
    }
}

/// What is to be reset because rewards were seen to have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alarm {
    /// The segment.
    pub segment: SegmentNumber,
    /// The offer; all of the segment's where there is none.
    pub offer: Option<OfferNumber>,
}

/// One segment's memory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "StoredSegment")]
pub struct SegmentState {
    learnt: u64,
    /// In ascending order of offer, each once.
    arms: Vec<ArmState>,
}

/// One arm's memory in one segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmState {
    offer: OfferNumber,
    /// Receipts of an earlier epoch can no longer be corrected.
    epoch: u32,
    pulls: u64,
    /// How many of the rewards were clipped.
    clipped: u64,
    /// How many of the rewards, as learnt, lie outside [0, 1].
    outside_unit: u64,
    /// How many of the rewards, as learnt, are not 0.
    earning: u64,
    rewards: ExactSum,
    /// The recency-weighted mean; meaningful under a constant step size only.
    value: f64,
    /// The second table's value, for a policy that has two.
    second_value: f64,
    /// What a policy keeps that does not remember everything for ever.
    recent: Option<Box<Recent>>,
    /// What a policy keeps that looks at squares.
    squares: Option<Box<ExactSquares>>,
}

/// One of the two values that a policy may keep of an arm; most have the first
/// alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    First,
    Second,
}

impl Table {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// What is to be counted on top of an arm's memory, for as long as nothing of it
/// was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Suggested {
    pulls: u64,
    earning: u64,
    outside_unit: u64,
    rewards: ExactSum,
}

impl Suggested {
    /// As many pulls as that, of this mean reward, which lies in [0, 1].
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )] // at most a count of pulls
    pub fn expecting(pulls: u64, mean: f64) -> Self {
        let sum = pulls as f64 * mean.clamp(0.0, 1.0);
        Self {
            pulls,
            earning: sum.round() as u64,
            outside_unit: 0,
            rewards: ExactSum::of(sum),
        }
    }

    /// How many pulls.
    #[must_use]
    pub const fn pulls(&self) -> u64 {
        self.pulls
    }

    /// Adds a pull with its reward, or takes one away that was added.
    pub(super) fn count(&mut self, reward: f64, sign: i64) {
        let step = |count: u64, counts: bool| {
            if counts {
                count.saturating_add_signed(sign)
            } else {
                count
            }
        };
        self.pulls = step(self.pulls, true);
        self.earning = step(self.earning, reward != 0.0);
        self.outside_unit = step(self.outside_unit, outside_unit(reward));
        if sign > 0 {
            self.rewards.add(reward);
        } else {
            self.rewards.remove(reward);
        }
    }

    /// Adds so many pulls that earned nothing, rounded to whole ones.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // few enough
    pub(super) fn count_without_reward(&mut self, pulls: f64) {
        self.pulls += pulls.round_ties_even() as u64;
    }
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
    /// More rewards that are not 0 than rewards.
    #[error("arm {offer} earned {earning} times in {pulls} pulls")]
    EarnedTooOften {
        /// The arm.
        offer: OfferNumber,
        /// How often it earned something.
        earning: u64,
        /// How often it was learnt.
        pulls: u64,
    },
    /// What it keeps of its recent rewards is none that could have been kept.
    #[error("arm {offer} keeps of its recent rewards what cannot be")]
    BadRecent {
        /// The arm.
        offer: OfferNumber,
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
    arms: Vec<ArmState>,
}

impl TryFrom<StoredSegment> for SegmentState {
    type Error = BadSegment;

    fn try_from(stored: StoredSegment) -> Result<Self, BadSegment> {
        let StoredSegment { learnt, arms } = stored;
        if let Some(pair) = arms.windows(2).find(|pair| pair[0].offer >= pair[1].offer) {
            return Err(BadSegment::NotAscending {
                before: pair[0].offer,
                after: pair[1].offer,
            });
        }
        let values = arms
            .iter()
            .flat_map(|arm| [(arm.offer, arm.value), (arm.offer, arm.second_value)]);
        if let Some((offer, value)) = values.into_iter().find(|(_, value)| !value.is_finite()) {
            return Err(BadSegment::NotFinite { offer, value });
        }
        if let Some(arm) = arms.iter().find(|arm| arm.earning > arm.pulls) {
            return Err(BadSegment::EarnedTooOften {
                offer: arm.offer,
                earning: arm.earning,
                pulls: arm.pulls,
            });
        }
        let is_sound = |arm: &&ArmState| arm.recent.as_deref().is_none_or(Recent::is_sound);
        if let Some(arm) = arms.iter().find(|arm| !is_sound(arm)) {
            return Err(BadSegment::BadRecent { offer: arm.offer });
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
        Ok(Self { learnt, arms })
    }
}

impl PolicyState {
    /// A state that has learnt nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what was learnt of one segment and offer, or of all of them
    /// where one is not named. Receipts from before can no longer be
    /// corrected. The models of a contextual policy are those of all segments:
    /// they are forgotten only where no segment is named, all of them or one
    /// offer's own. Says how many rewards are forgotten.
    pub fn reset(&mut self, segment: Option<SegmentNumber>, offer: Option<OfferNumber>) -> u64 {
        let mut forgotten = 0;
        self.pool = None;
        let numbers: Vec<SegmentNumber> = match segment {
            Some(number) => vec![number],
            None => self.segments.keys().copied().collect(),
        };
        for number in numbers {
            if let Some(segment) = self.segment_mut(number) {
                let before = segment.learnt;
                segment.reset(offer);
                forgotten += before - segment.learnt;
            }
        }
        let is_left = |alarm: &&Alarm| {
            let elsewhere = segment.is_some_and(|segment| segment != alarm.segment);
            elsewhere || (offer.is_some() && offer != alarm.offer)
        };
        self.alarms = self.alarms.iter().filter(is_left).copied().collect();
        let names: Vec<Arc<str>> = self.arms.keys().cloned().collect();
        for name in names {
            forgotten += self.arm_or_new(&name).reset(segment, offer);
        }
        match (segment, offer, &mut self.contextual) {
            (None, None, memory) => *memory = None,
            (None, Some(offer), Some(memory)) => Arc::make_mut(memory).forget(offer),
            _ => {}
        }
        forgotten
    }

    /// What is to be reset: the caller does so, by an event where there is a
    /// ledger. Stays until it is done.
    pub fn alarms(&self) -> impl Iterator<Item = Alarm> + '_ {
        self.alarms.iter().copied()
    }

    pub(super) fn raise(&mut self, alarm: Alarm) {
        self.alarms.insert(alarm);
    }

    /// Takes back what another policy's memory raised.
    pub(super) fn clear_alarms(&mut self) {
        self.alarms.clear();
    }

    /// The models of a contextual policy; `None` before it has learnt.
    #[must_use]
    pub fn contextual(&self) -> Option<&Memory> {
        self.contextual.as_deref()
    }

    /// The same, to learn with: `new` where there is none.
    pub(super) fn contextual_or(&mut self, new: impl FnOnce() -> Memory) -> &mut Memory {
        Arc::make_mut(self.contextual.get_or_insert_with(|| Arc::new(new())))
    }

    /// Forgets the models of a contextual policy.
    pub(super) fn forget_contextual(&mut self) {
        self.contextual = None;
    }

    /// Lets `take_over` treat every arm as a new policy must.
    pub(super) fn take_over(&mut self, mut take_over: impl FnMut(&mut ArmState)) {
        self.pool = None;
        let numbers: Vec<SegmentNumber> = self.segments.keys().copied().collect();
        for number in numbers {
            if let Some(segment) = self.segment_mut(number) {
                segment.take_over(&mut take_over);
            }
        }
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

    /// What an arm of a split has learnt; `None` when that is nothing.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<&Self> {
        self.arms.get(name)
    }

    /// What the arms of a split have learnt, by name.
    pub fn arms(&self) -> impl Iterator<Item = (&Arc<str>, &Self)> {
        self.arms.iter()
    }

    pub(super) fn arm_or_new(&mut self, name: &Arc<str>) -> &mut Self {
        self.arms.entry(name.clone()).or_default()
    }

    /// Which split of the placement the arms belong to, from 1.
    pub(super) const fn split_number(&self) -> u32 {
        self.splits_before + 1
    }

    /// Ends a split: what its arms have learnt is added to what was learnt beside
    /// them, but for the arms that go on in the next one. No reward that an arm
    /// has learnt so far can be corrected any more.
    pub(super) fn end_split(&mut self, goes_on: impl Fn(&str) -> bool) {
        self.splits_before += 1;
        self.pool = None;
        let (go_on, end): (Vec<_>, Vec<_>) = std::mem::take(&mut self.arms)
            .into_iter()
            .partition(|(name, _)| goes_on(name));
        self.arms = go_on.into_iter().collect();
        for (number, segment) in end.iter().flat_map(|(_, state)| state.segments()) {
            self.segment_or_new(number).absorb(segment);
        }
    }

    /// What was kept of all segments together.
    pub(super) fn pool(&self) -> Option<&Pool> {
        self.pool.as_deref()
    }

    /// Takes out what was kept of all segments together, before they change.
    pub(super) fn take_pool(&mut self) -> Option<Arc<Pool>> {
        self.pool.take()
    }

    /// Keeps what all segments tell together, as they are now.
    pub(super) fn keep_pool(&mut self, pool: Arc<Pool>) {
        self.pool = Some(pool);
    }

    /// The state with more counted in one segment than was learnt there.
    pub(super) fn suggesting(
        &self,
        number: SegmentNumber,
        suggested: &[(OfferNumber, Suggested)],
    ) -> Self {
        let mut seen = self.clone();
        let segment = seen.segment_or_new(number);
        for (offer, more) in suggested.iter().filter(|(_, more)| more.pulls > 0) {
            segment.learnt += more.pulls;
            segment.arm_or_new(*offer).add(more);
        }
        seen
    }

    /// Gives `sink` the canonical bytes of the state, for the state hash:
    /// whole numbers and the bits of values, least significant byte first, in
    /// ascending order of segment and offer.
    pub fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&(self.segments.len() as u64).to_le_bytes());
        for (number, segment) in self.segments() {
            sink(&number.0.to_le_bytes());
            segment.write_canonical(sink);
        }
        for alarm in &self.alarms {
            sink(b"alarm");
            sink(&alarm.segment.0.to_le_bytes());
            sink(&alarm.offer.map_or(u32::MAX, |offer| offer.0).to_le_bytes());
        }
        if let Some(memory) = &self.contextual {
            memory.write_canonical(sink);
        }
        if self.splits_before > 0 || !self.arms.is_empty() {
            sink(b"split");
            sink(&self.splits_before.to_le_bytes());
            sink(&(self.arms.len() as u64).to_le_bytes());
        }
        for (name, state) in &self.arms {
            sink(&(name.len() as u64).to_le_bytes());
            sink(name.as_bytes());
            state.write_canonical(sink);
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
    pub fn clipped(&self) -> u64 {
        self.arms.iter().map(|arm| arm.clipped).sum()
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

    /// Learns one reward of an arm that the segment has.
    pub(super) fn count_learnt(&mut self) {
        self.learnt += 1;
    }

    fn reset(&mut self, offer: Option<OfferNumber>) {
        let named = |arm: &&mut ArmState| offer.is_none_or(|offer| offer == arm.offer);
        for arm in self.arms.iter_mut().filter(named) {
            self.learnt -= arm.pulls;
            arm.reset();
        }
    }

    /// Lets `take_over` treat each arm as a new policy must, which may reset
    /// it; counts again what is left.
    pub(super) fn take_over(&mut self, take_over: impl FnMut(&mut ArmState)) {
        self.arms.iter_mut().for_each(take_over);
        self.learnt = self.arms.iter().map(|arm| arm.pulls).sum();
    }

    /// Adds what another memory of the same segment has counted.
    fn absorb(&mut self, other: &Self) {
        self.learnt += other.learnt;
        for arm in &other.arms {
            self.arm_or_new(arm.offer).absorb(arm);
        }
    }

    fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&self.learnt.to_le_bytes());
        sink(&(self.arms.len() as u64).to_le_bytes());
        for arm in &self.arms {
            sink(&arm.offer.0.to_le_bytes());
            sink(&arm.epoch.to_le_bytes());
            sink(&arm.pulls.to_le_bytes());
            sink(&arm.clipped.to_le_bytes());
            sink(&arm.outside_unit.to_le_bytes());
            sink(&arm.earning.to_le_bytes());
            sink(&arm.rewards.to_le_bytes());
            sink(&arm.value.to_bits().to_le_bytes());
            if arm.second_value.to_bits() != 0 {
                sink(b"second");
                sink(&arm.second_value.to_bits().to_le_bytes());
            }
            if let Some(recent) = &arm.recent {
                recent.write_canonical(sink);
            }
            if let Some(squares) = &arm.squares {
                sink(b"squares");
                sink(&squares.to_le_bytes());
            }
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
            epoch: 0,
            pulls: 0,
            clipped: 0,
            outside_unit: 0,
            earning: 0,
            rewards: ExactSum::ZERO,
            value: 0.0,
            second_value: 0.0,
            recent: None,
            squares: None,
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

    pub(super) fn recent(&self) -> Option<&Recent> {
        self.recent.as_deref()
    }

    pub(super) const fn recent_mut(&mut self) -> &mut Option<Box<Recent>> {
        &mut self.recent
    }

    /// Whether it keeps the squares of its rewards.
    pub(super) const fn keeps_squares(&self) -> bool {
        self.squares.is_some()
    }

    /// The sum of the rewards' squares; 0 where they are not kept.
    pub(super) fn square_sum(&self) -> f64 {
        self.squares.as_deref().map_or(0.0, |squares| squares.get())
    }

    /// Counts a reward's square.
    pub(super) fn count_square(&mut self, reward: f64) {
        self.squares.get_or_insert_default().add(reward);
    }

    /// Puts one reward's square in the place of another's.
    pub(super) fn exchange_square(&mut self, before: f64, after: f64) {
        let squares = self.squares.get_or_insert_default();
        squares.remove(before);
        squares.add(after);
    }

    /// Lets all squares together be as large as this, or keeps none.
    pub(super) fn set_square_sum(&mut self, sum: Option<f64>) {
        self.squares = sum.map(|sum| Box::new(ExactSquares::of(sum)));
    }

    pub(super) const fn set_value(&mut self, value: f64) {
        self.value = value;
    }

    /// The value in one of two tables.
    pub(super) const fn value_in(&self, table: Table) -> f64 {
        match table {
            Table::First => self.value,
            Table::Second => self.second_value,
        }
    }

    pub(super) const fn set_value_in(&mut self, table: Table, value: f64) {
        match table {
            Table::First => self.value = value,
            Table::Second => self.second_value = value,
        }
    }

    /// How many rewards were clipped.
    pub(super) const fn clipped(&self) -> u64 {
        self.clipped
    }

    /// How many of the rewards that were learnt are not 0.
    #[must_use]
    pub const fn earning(&self) -> u64 {
        self.earning
    }

    /// Whether every reward, as learnt, lies in [0, 1].
    pub(super) const fn within_unit(&self) -> bool {
        self.outside_unit == 0
    }

    /// Counts one more reward and gives its receipt.
    pub(super) fn count(&mut self, reward: AdmittedReward) -> Receipt {
        self.pulls += 1;
        self.clipped += u64::from(reward.clipped);
        self.outside_unit += u64::from(outside_unit(reward.value));
        self.earning += u64::from(reward.value != 0.0);
        self.rewards.add(reward.value);
        Receipt {
            epoch: self.epoch,
            ordinal: self.pulls,
            split: 0,
        }
    }

    /// How many rewards came after the one of this receipt.
    pub(super) fn learnt_since(&self, receipt: Receipt) -> Result<u64, NotUnlearnt> {
        if receipt.epoch < self.epoch {
            Err(NotUnlearnt::Superseded)
        } else if receipt.epoch == self.epoch && (1..=self.pulls).contains(&receipt.ordinal) {
            Ok(self.pulls - receipt.ordinal)
        } else {
            Err(NotUnlearnt::Unknown)
        }
    }

    /// Puts one reward in the place of another that was counted.
    pub(super) fn exchange(&mut self, before: AdmittedReward, after: AdmittedReward) {
        self.clipped = self.clipped + u64::from(after.clipped) - u64::from(before.clipped);
        self.outside_unit = self.outside_unit + u64::from(outside_unit(after.value))
            - u64::from(outside_unit(before.value));
        self.earning =
            self.earning + u64::from(after.value != 0.0) - u64::from(before.value != 0.0);
        self.rewards.remove(before.value);
        self.rewards.add(after.value);
    }

    /// Adds another's counts and sums. Its own rewards can no longer be
    /// corrected; values of constant steps and memories are made anew by the
    /// policy that takes over.
    fn absorb(&mut self, other: &Self) {
        self.epoch += 1;
        let square_sum = match (self.pulls, &self.squares, &other.squares) {
            (0, _, squares) => squares.as_deref().map(|squares| squares.get()),
            (_, Some(own), Some(others)) => Some(own.get() + others.get()),
            _ => None,
        };
        self.set_square_sum(square_sum);
        self.pulls += other.pulls;
        self.clipped += other.clipped;
        self.outside_unit += other.outside_unit;
        self.earning += other.earning;
        self.rewards.add_all(other.rewards);
        self.recent = None;
    }

    fn add(&mut self, more: &Suggested) {
        self.pulls += more.pulls;
        self.earning += more.earning;
        self.outside_unit += more.outside_unit;
        self.rewards.add_all(more.rewards);
    }

    /// Forgets everything but that there were receipts.
    pub(super) fn reset(&mut self) {
        let epoch = self.epoch + 1;
        *self = Self {
            epoch,
            ..Self::new(self.offer)
        };
    }

    /// Keeps what was learnt, but lets no receipt from before be corrected.
    pub(super) fn begin_epoch(&mut self) {
        self.epoch += 1;
    }
}

fn outside_unit(reward: f64) -> bool {
    !(0.0..=1.0).contains(&reward)
}
