//! Draws that are certain although their distribution is an older one.
//!
//! The probabilities of Thompson sampling are integrals that cost from 10 µs to
//! a third of a millisecond, and each reward changes them, but by little. An
//! *anchor* is a distribution that was computed once, with the beliefs that it
//! rests on. Let P be the law of all arms' scores as they were believed then and
//! P′ as they are now. For an event A, such as "one of the first k offers is the
//! best", the inequality of Cauchy and Schwarz says
//!
//! > |P′(A) − P(A)| ≤ √(χ²·P(A)(1 − P(A))),   χ² = ∫ (dP′/dP)² dP − 1.
//!
//! χ² is Pearson's divergence of P′ from P (Polyanskiy, Wu (2024), "Information
//! theory: from coding to learning", chapter 7). Scores are independent, so
//! 1 + χ² is the product over arms of one integral each, which has a closed form
//! (`anchored/divergence.rs`). By so much at most have the bounds between offers moved on
//! the line from 0 to 1. Where the uniform number of a draw lies further than
//! that from each of them, the offer is known; elsewhere the distribution is
//! computed and becomes the anchor. The same holds for the offer that is the
//! most probable. What the exact method itself may be off is within `MARGIN`.
//!
//! Once a segment knows its best offer, P(A)(1 − P(A)) is near 0 for every A, and an
//! anchor lasts for thousands of rewards; while offers are alike, for some tens.
//! A draw from an anchor costs about 0.1 µs, and 0.1 more for each belief that
//! changed since the one before.

mod divergence;

use smallvec::SmallVec;

use super::best_arm::following::MARGIN;
use super::best_arm::{self, Score};
use super::beta::Beta;
use super::gamma::Gamma;
use super::policy::{Context, Policy};
use super::revenue::Revenue;
use super::state::PolicyState;
use crate::domain::distribution::{
    ALIKE, ActionDistribution, EligibleOffers, most_probable, with_floor,
};
use crate::domain::ids::SegmentNumber;
use crate::domain::math;
use divergence::Divergence;

/// How far a probability may be off that the exact method computed.
const MOST_OFF: f64 = 1e-6;

/// Sets of offers that are kept at a time; beyond that they are begun anew.
const MOST_ANCHORS: usize = 1_024;

/// A policy's anchors: one for each segment and set of offers that was met.
#[derive(Debug)]
pub struct Anchored<'a> {
    policy: &'a Policy,
    anchors: Anchors,
}

#[derive(Debug)]
enum Anchors {
    Rates(Kept<Beta>),
    Counts(Kept<Gamma>),
    Revenues(Kept<Revenue>),
}

impl<'a> Anchored<'a> {
    /// No anchor yet; `None` for a policy whose offers have no scores that are
    /// independent of each other.
    #[must_use]
    pub fn of(policy: &'a Policy) -> Option<Self> {
        let anchors = match policy {
            Policy::ThompsonBeta(_) | Policy::TemperedThompson(_) => {
                Anchors::Rates(Kept::default())
            }
            Policy::ThompsonPoisson(_) => Anchors::Counts(Kept::default()),
            Policy::ThompsonRevenue(_) => Anchors::Revenues(Kept::default()),
            _ => return None,
        };
        Some(Self { policy, anchors })
    }

    /// The place of the offer that a decision draws from
    /// [`Policy::distribution`], and its probability at the anchor.
    pub fn choose(
        &mut self,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> (usize, f64) {
        let (segment, now) = (state.segment(context.segment), context.decided_at);
        let floor = self.policy.exploration_floor();
        let place = (context.segment, eligible);
        let uniform = context.seed.slot_uniform(0);
        match (self.policy, &mut self.anchors) {
            (Policy::ThompsonBeta(policy), Anchors::Rates(kept)) => {
                let beliefs = policy.beliefs(segment, eligible, now);
                kept.at(place, &beliefs).draw(uniform, floor)
            }
            (Policy::TemperedThompson(policy), Anchors::Rates(kept)) => {
                let beliefs = policy.beliefs(segment, eligible, now);
                kept.at(place, &beliefs).draw(uniform, floor)
            }
            (Policy::ThompsonPoisson(policy), Anchors::Counts(kept)) => {
                let beliefs = policy.beliefs(segment, eligible, now);
                kept.at(place, &beliefs).draw(uniform, floor)
            }
            (Policy::ThompsonRevenue(policy), Anchors::Revenues(kept)) => {
                let beliefs = policy.beliefs(segment, eligible, now);
                kept.at(place, &beliefs).draw(uniform, floor)
            }
            _ => unreachable!("anchors are made for their policy"),
        }
    }

    /// Whether the last decision was drawn without computing its distribution.
    #[cfg(test)]
    fn is_certain(&self) -> bool {
        match &self.anchors {
            Anchors::Rates(kept) => kept.is_certain(),
            Anchors::Counts(kept) => kept.is_certain(),
            Anchors::Revenues(kept) => kept.is_certain(),
        }
    }

    /// Names the places of the offers that were the most probable in the last
    /// decision.
    pub fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        let floor = self.policy.exploration_floor();
        match &mut self.anchors {
            Anchors::Rates(kept) => kept.favourites(floor, name),
            Anchors::Counts(kept) => kept.favourites(floor, name),
            Anchors::Revenues(kept) => kept.favourites(floor, name),
        }
    }
}

/// Anchors by segment and set of offers.
#[derive(Debug)]
struct Kept<S> {
    anchors: Vec<(SegmentNumber, EligibleOffers, Anchor<S>)>,
    /// The place of the one that the last decision was drawn from.
    last: usize,
}

impl<S> Default for Kept<S> {
    fn default() -> Self {
        Self {
            anchors: Vec::new(),
            last: 0,
        }
    }
}

impl<S: Score + Divergence> Kept<S> {
    /// The anchor of a segment and its offers, of which this is believed now.
    fn at(
        &mut self,
        (segment, eligible): (SegmentNumber, &EligibleOffers),
        beliefs: &[S],
    ) -> &mut Anchor<S> {
        let place = self
            .anchors
            .iter()
            .position(|(of, offers, _)| *of == segment && offers == eligible);
        self.last = if let Some(place) = place {
            self.anchors[place].2.go_on(beliefs);
            place
        } else {
            if self.anchors.len() >= MOST_ANCHORS {
                self.anchors.clear();
            }
            let anchor = Anchor::new(beliefs);
            self.anchors.push((segment, eligible.clone(), anchor));
            self.anchors.len() - 1
        };
        &mut self.anchors[self.last].2
    }

    #[cfg(test)]
    fn is_certain(&self) -> bool {
        self.anchors[self.last].2.moved > 0.0
    }

    fn favourites(&mut self, floor: f64, name: &mut dyn FnMut(usize)) {
        if let Some((.., anchor)) = self.anchors.get_mut(self.last) {
            anchor.favourites(floor, name);
        }
    }
}

/// A distribution without its floor, what it rests on, and how far beliefs have
/// moved since.
#[derive(Debug)]
struct Anchor<S> {
    arms: SmallVec<[Arm<S>; 8]>,
    distribution: ActionDistribution,
    /// The most probable offer, and the largest probability of the others; only
    /// one of those that are equal.
    favourite: usize,
    second: f64,
    /// √χ², at least.
    moved: f64,
}

#[derive(Debug)]
struct Arm<S> {
    then: S,
    now: S,
    /// At least ln ∫ (dP′/dP)² dP for its score alone.
    ln_moved: f64,
}

impl<S: Score + Divergence> Anchor<S> {
    fn new(beliefs: &[S]) -> Self {
        let distribution = best_arm::probabilities(beliefs);
        let probabilities = distribution.probabilities();
        let favourite = (0..probabilities.len()).fold(0, |best, place| {
            if probabilities[place] > probabilities[best] {
                place
            } else {
                best
            }
        });
        let others = probabilities.iter().enumerate();
        let others = others.filter(|(place, _)| *place != favourite);
        let second = others.map(|(_, it)| *it).fold(0.0, f64::max);
        Self {
            arms: beliefs
                .iter()
                .map(|belief| Arm {
                    then: *belief,
                    now: *belief,
                    ln_moved: 0.0,
                })
                .collect(),
            favourite,
            second,
            distribution,
            moved: 0.0,
        }
    }

    /// Beliefs are these now.
    fn go_on(&mut self, beliefs: &[S]) {
        let mut changed = false;
        for (arm, now) in self.arms.iter_mut().zip(beliefs) {
            if arm.now != *now {
                arm.now = *now;
                arm.ln_moved = arm.then.ln_square_mean(now);
                changed = true;
            }
        }
        if changed {
            let ln_moved: f64 = self.arms.iter().map(|arm| arm.ln_moved).sum();
            self.moved = math::sqrt(math::exp_m1(ln_moved));
        }
    }

    /// The distribution is computed anew.
    fn renew(&mut self) {
        let beliefs: SmallVec<[S; 16]> = self.arms.iter().map(|arm| arm.now).collect();
        *self = Self::new(&beliefs);
    }

    /// How far a probability may be from what it was computed as.
    fn reach(&self, probability: f64) -> f64 {
        let spread = (probability * (1.0 - probability)).max(0.0) + MOST_OFF;
        self.moved * math::sqrt(spread) + MARGIN
    }

    fn draw(&mut self, uniform: f64, floor: f64) -> (usize, f64) {
        if self.moved > 0.0 {
            if let Some(certain) = self.certain(uniform, floor) {
                return certain;
            }
            self.renew();
        }
        let index = self.floored(floor).draw(uniform);
        let count = self.arms.len();
        let probability = self.distribution.probabilities()[index];
        (index, with_floor(probability, floor, count))
    }

    fn floored(&self, floor: f64) -> ActionDistribution {
        self.distribution.clone().with_floor(floor)
    }

    /// The offer that `uniform` falls on whatever the probabilities are now.
    fn certain(&self, uniform: f64, floor: f64) -> Option<(usize, f64)> {
        let count = self.arms.len();
        let (mut below, mut cumulative, mut least) = (0.0, 0.0, 0.0);
        for (index, probability) in self.distribution.probabilities().iter().enumerate() {
            let floored = with_floor(*probability, floor, count);
            below += probability;
            cumulative += floored;
            // A floor only shrinks what a bound moves by.
            let reach = self.reach(below);
            if uniform < cumulative + reach {
                let is_certain = uniform >= least && uniform < cumulative - reach;
                return is_certain.then_some((index, floored));
            }
            least = cumulative + reach;
        }
        None
    }

    fn favourites(&mut self, floor: f64, name: &mut dyn FnMut(usize)) {
        if self.moved > 0.0 {
            let first = self.distribution.probabilities()[self.favourite];
            // p + reach(p) grows with p up to 1/2, and no second is beyond that.
            let lead = first - self.reach(first) - self.second - self.reach(self.second);
            let count = self.arms.len();
            let shrunk = with_floor(1.0, floor, count) - with_floor(0.0, floor, count);
            if lead * shrunk > ALIKE {
                return name(self.favourite);
            }
            self.renew();
        }
        most_probable(self.floored(floor).probabilities()).for_each(name);
    }
}

#[cfg(test)]
mod tests;
