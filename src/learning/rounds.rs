//! Acting and learning round after round at a fraction of the cost.
//!
//! A service asks a policy now and then and learns hours later; a simulation
//! asks and learns in turn, millions of times, with every offer on offer and
//! rewards of 0 and 1. [`Rounds`] keeps at hand what a policy would compute
//! anew each time.
//!
//! It is no second implementation of a policy's choice but a shorter way to it:
//! for the same seeds [`Rounds::choose`] gives the offer that
//! [`ActionDistribution::draw`](crate::domain::distribution::ActionDistribution::draw)
//! gives on [`Policy::distribution`] after the same rewards were learnt by
//! [`Policy::learn`]. The tests compare both, round by round.

mod greedy;
mod thompson;

use super::memory::Memory;
use super::policy::Policy;
use crate::domain::ids::SegmentNumber;
use crate::domain::random::DecisionSeed;
use greedy::Greedy;
use thompson::Thompson;

/// One policy's rounds over all segments. Offers are numbered from 0, segments
/// too.
#[derive(Debug, Clone)]
pub struct Rounds<'a> {
    /// A segment of which nothing was learnt.
    first: Segment<'a>,
    /// By segment number, up to the largest that was met.
    segments: Vec<Segment<'a>>,
}

/// What is at hand for one segment.
#[derive(Debug, Clone)]
enum Segment<'a> {
    Greedy(Greedy<'a>),
    Thompson(Box<Thompson>),
}

impl<'a> Segment<'a> {
    fn of(policy: &'a Policy, offers: usize) -> Option<Self> {
        match policy {
            Policy::EpsilonGreedy(policy) if policy.acts_on_counts() => {
                Some(Self::Greedy(Greedy::new(policy, offers)))
            }
            Policy::ThompsonBeta(policy) => {
                Some(Self::Thompson(Box::new(Thompson::new(policy, offers))))
            }
            _ => None,
        }
    }
}

impl<'a> Rounds<'a> {
    /// The rounds of a policy over so many offers, 1 or more; `None` for a
    /// policy that has no shorter way.
    #[must_use]
    pub fn of(policy: &'a Policy, offers: usize) -> Option<Self> {
        let learns_as_it_is = |reward| policy.admitted(reward) == Some(reward);
        if policy.memory() != Memory::Forever || ![0.0, 1.0].into_iter().all(learns_as_it_is) {
            return None;
        }
        let first = Segment::of(policy, offers)?;
        Some(Self {
            segments: vec![first.clone()],
            first,
        })
    }

    fn segment(&mut self, number: SegmentNumber) -> &mut Segment<'a> {
        let place = number.0 as usize;
        if self.segments.len() <= place {
            self.segments.resize(place + 1, self.first.clone());
        }
        &mut self.segments[place]
    }

    /// The place of the offer that a decision with this seed chooses, and its
    /// probability, within 10⁻⁵.
    #[inline]
    pub fn choose(&mut self, segment: SegmentNumber, seed: DecisionSeed) -> (usize, f64) {
        let uniform = seed.slot_uniform(0);
        match self.segment(segment) {
            Segment::Greedy(greedy) => greedy.choose(uniform),
            Segment::Thompson(thompson) => thompson.choose(uniform),
        }
    }

    /// Names the places of the offers that are the most probable now; those that
    /// are [alike](crate::domain::distribution::ALIKE) are named together.
    pub fn favourites(&mut self, segment: SegmentNumber, name: &mut dyn FnMut(usize)) {
        match self.segment(segment) {
            Segment::Greedy(greedy) => greedy.favourites().for_each(name),
            Segment::Thompson(thompson) => thompson.favourites(name),
        }
    }

    /// The offer at this place earned 1, or 0.
    #[inline]
    pub fn learn(&mut self, segment: SegmentNumber, place: usize, earned: bool) {
        match self.segment(segment) {
            Segment::Greedy(greedy) => greedy.learn(place, earned),
            Segment::Thompson(thompson) => thompson.learn(place, earned),
        }
    }
}

#[cfg(test)]
mod tests;
