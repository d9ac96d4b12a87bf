//! Whole decisions: what the slots of one earned together, and what another
//! policy would have earned with them.
//!
//! A slate is a decision with its slots 0 to K − 1, drawn one after the other.
//! Notation, as in the papers: slot k has the reward rₖ and the weight
//! wₖ = π(aₖ)/p₀(aₖ), both probabilities given the slots above; w₀…ₖ is the product
//! of the weights down to slot k. Each estimator is a mean over slates of a score,
//! whose expectation is Σₖ rₖ under the target where its assumption holds:
//!
//! | estimator | score | assumes |
//! | --- | --- | --- |
//! | `sips` | the product of all wₖ, times Σ rₖ | nothing |
//! | `rips` | Σ w₀…ₖ·rₖ | a slot earns what it does whatever is below it |
//! | `cascade_dr` | the same with a model of the slates before | the same |
//! | `iips` | Σ wₖ·rₖ | a slot earns what it does whatever the others show |
//! | `pseudo_inverse` | (Σ wₖ − K + 1)·Σ rₖ | what a slate earns is a sum over its slots |
//!
//! The last two need each slot's marginal probabilities. A log keeps those given
//! the slots above; they are the marginal ones where every slot was drawn from the
//! same actions, those shown above among them. Otherwise, as where offers are not
//! shown twice, the two are refused.

mod cascade_dr;
mod independent_ips;
mod pass;
mod pseudo_inverse;
mod reward_interaction_ips;
mod standard_ips;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::logged::Rounds;
use super::reward_model::RunningMeans;

pub use pass::{SlateAnswer, SlateLine, SlatePass, WhyNoSlates};

/// A slot of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The actions that were left for it.
    pub actions: Vec<u32>,
    /// π of each, given the slots above.
    pub target: Vec<f64>,
    /// Which of them was chosen.
    pub chosen: usize,
    /// wₖ.
    pub weight: f64,
    /// rₖ, scaled to \[0, 1\].
    pub reward: f64,
}

/// A decision with at least one slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Slate {
    /// Which decision.
    pub decision: u128,
    /// For whom; `None` where the log names nobody.
    pub shopper: Option<u64>,
    /// From the uppermost down.
    pub slots: Vec<Slot>,
}

impl Slate {
    /// Whether every slot could have shown what the slots above show: then its
    /// probabilities are the marginal ones.
    #[must_use]
    pub fn has_marginals(&self) -> bool {
        let shown = |slot: &Slot| slot.actions[slot.chosen];
        let slots = self.slots.iter().enumerate();
        let mut below = slots.skip(1);
        below.all(|(place, slot)| {
            let mut above = self.slots[..place].iter().map(shown);
            above.all(|action| slot.actions.contains(&action))
        })
    }

    /// Σ rₖ.
    #[must_use]
    pub fn reward(&self) -> f64 {
        self.slots.iter().map(|slot| slot.reward).sum()
    }

    /// The product of all weights.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.slots.iter().map(|slot| slot.weight).product()
    }
}

/// An estimator of what slates earn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlateEstimator {
    /// Standard inverse propensity scores.
    Sips,
    /// Reward-interaction inverse propensity scores.
    Rips,
    /// Cascade doubly robust.
    CascadeDr,
    /// Independent inverse propensity scores.
    Iips,
    /// The pseudo-inverse estimator.
    PseudoInverse,
}

/// What an estimator makes of a slate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// How much the slate weighs: its expectation is 1 where propensities are
    /// right.
    pub weight: f64,
    /// Its score, in slots' rewards scaled to \[0, 1\].
    pub value: f64,
}

impl SlateEstimator {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Sips,
        Self::Rips,
        Self::CascadeDr,
        Self::Iips,
        Self::PseudoInverse,
    ];

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sips => "sips",
            Self::Rips => "rips",
            Self::CascadeDr => "cascade_dr",
            Self::Iips => "iips",
            Self::PseudoInverse => "pseudo_inverse",
        }
    }

    /// What it takes for granted; `None` of nothing but right propensities.
    #[must_use]
    pub const fn assumes(self) -> Option<&'static str> {
        match self {
            Self::Sips => None,
            Self::Rips | Self::CascadeDr => {
                Some("assumes that a slot earns what it does whatever is below it")
            }
            Self::Iips => Some("assumes that a slot earns what it does whatever the others show"),
            Self::PseudoInverse => Some("assumes that what a slate earns is a sum over its slots"),
        }
    }

    /// Whether it needs each slot's marginal probabilities.
    #[must_use]
    pub const fn needs_marginals(self) -> bool {
        matches!(self, Self::Iips | Self::PseudoInverse)
    }

    /// The slate's score; `model` knows the slates before it alone.
    #[must_use]
    pub fn score(self, slate: &Slate, model: &RunningMeans) -> Score {
        match self {
            Self::Sips => standard_ips::score(slate),
            Self::Rips => reward_interaction_ips::score(slate),
            Self::CascadeDr => cascade_dr::score(slate, model),
            Self::Iips => independent_ips::score(slate),
            Self::PseudoInverse => pseudo_inverse::score(slate),
        }
    }
}

impl fmt::Display for SlateEstimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no estimator's of slates.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not sips, rips, cascade_dr, iips or pseudo_inverse")]
pub struct UnknownSlateEstimator(String);

impl FromStr for SlateEstimator {
    type Err = UnknownSlateEstimator;

    fn from_str(name: &str) -> Result<Self, UnknownSlateEstimator> {
        let mut all = Self::ALL.into_iter();
        all.find(|estimator| estimator.name() == name)
            .ok_or_else(|| UnknownSlateEstimator(name.to_owned()))
    }
}

/// Why a log has no slates.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SlateFault {
    /// The rows do not say which decision they are of.
    #[error("the log does not say which decision a row is of, so there are no slates")]
    NoDecisions,
    /// A decision's slots do not stand together from 0 on.
    #[error(
        "the decision {decision:032x} has position {found} where {expected} was expected: a \
         decision's slots have to stand together, from 0 on"
    )]
    OutOfOrder {
        /// Which.
        decision: u128,
        /// The position that stands there.
        found: u32,
        /// The one that was expected.
        expected: u32,
    },
}

/// Puts rows together to slates; batches may end within one.
#[derive(Debug, Clone, Default)]
pub struct Gatherer {
    open: Option<Slate>,
}

impl Gatherer {
    /// Takes a batch that was weighed for the target, with `scale` making
    /// rewards of \[0, 1\] of the log's; hands over the slates that end in it.
    ///
    /// # Errors
    /// When the rows are not those of slates.
    pub fn add(
        &mut self,
        rounds: &Rounds,
        scale: impl Fn(f64) -> f64,
        mut take: impl FnMut(&Slate),
    ) -> Result<(), SlateFault> {
        let weighed = rounds.choices().zip(rounds.target_probabilities());
        let (choices, target) = weighed.ok_or(SlateFault::NoDecisions)?;
        let decisions = &choices.columns().decision;
        if decisions.len() != rounds.len() {
            return Err(SlateFault::NoDecisions);
        }
        for (index, decision) in decisions.iter().enumerate() {
            let choice = choices.get(index);
            if self
                .open
                .as_ref()
                .is_none_or(|open| open.decision != *decision)
            {
                self.end(&mut take);
                self.open = Some(Slate {
                    decision: *decision,
                    shopper: choice.shopper,
                    slots: Vec::new(),
                });
            }
            let Some(open) = &mut self.open else { continue };
            let expected = u32::try_from(open.slots.len()).unwrap_or(u32::MAX);
            if choice.position != expected {
                return Err(SlateFault::OutOfOrder {
                    decision: *decision,
                    found: choice.position,
                    expected,
                });
            }
            open.slots.push(Slot {
                actions: choice.actions.to_vec(),
                target: target[choices.span(index)].to_vec(),
                chosen: choice.chosen,
                weight: rounds.weight()[index],
                reward: scale(rounds.reward()[index]),
            });
        }
        Ok(())
    }

    /// Hands the last slate over: there is no further batch.
    pub fn end(&mut self, mut take: impl FnMut(&Slate)) {
        if let Some(slate) = self.open.take() {
            take(&slate);
        }
    }
}

#[cfg(test)]
mod tests;
