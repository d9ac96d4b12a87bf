//! How much a tabular policy still makes of what it learnt long ago: all of
//! it, less with every half-life, nothing beyond a window, or nothing from
//! before a change that was detected.
//!
//! A [`Memory`] is the checked choice. Whatever it is, an arm keeps the whole
//! counts and sums of all it ever learnt, for statistics and for a successor;
//! beside them it keeps [`Recent`], what this choice needs. A policy reads an
//! arm as `Evidence`: how often, how much, how often anything, by now.
//!
//! Forgetting leads back to the prior, never to nothing: a weight that has
//! fallen to 0 leaves an arm that was never learnt.

pub mod change_point;
pub mod half_life;
pub mod window;

use serde::{Deserialize, Serialize};

use super::config::memory::{MemoryConfig, Restart};
use super::config::{Bound, PolicyError};
use super::reward::{Receipt, RewardDomain};
use super::state::ArmState;
use crate::domain::time::Instant;
use change_point::{Detector, Watched};
use half_life::{Faded, HalfLife};
use window::{Window, Windowed};

/// The checked choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Memory {
    /// Everything counts for ever.
    Forever,
    /// A reward counts half after each half-life.
    HalfLife(HalfLife),
    /// A reward counts until its decision is older than the window.
    Window(Window),
    /// Everything counts until the arm's rewards are seen to have changed.
    UntilChange(Detector),
}

/// What an arm keeps for its policy's memory beside whole counts and sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Recent {
    /// Sums whose weights halve.
    Faded(Faded),
    /// Sums by parts of a window.
    Windowed(Windowed),
    /// What a change would be seen in.
    Watched(Watched),
}

/// What an arm's rewards come to, as far as they are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Evidence {
    /// How many rewards.
    pub pulls: f64,
    /// Their sum.
    pub reward_sum: f64,
    /// How many of them are not 0.
    pub earning: f64,
    /// The sum of their squares; kept for policies that ask for it.
    pub squares: f64,
}

impl Evidence {
    /// All that an arm ever learnt.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    fn whole(arm: &ArmState) -> Self {
        Self {
            pulls: arm.pulls() as f64,
            reward_sum: arm.reward_sum(),
            earning: arm.earning() as f64,
            squares: arm.square_sum(),
        }
    }

    /// The mean reward; `None` when nothing is remembered.
    pub fn mean(&self) -> Option<f64> {
        (self.pulls > 0.0).then(|| self.reward_sum / self.pulls)
    }
}

impl Memory {
    /// Checks a memory as written, for rewards of this domain.
    pub(super) fn check(config: &MemoryConfig, domain: RewardDomain) -> Result<Self, PolicyError> {
        Ok(match config {
            MemoryConfig::Word(_) => Self::Forever,
            MemoryConfig::HalfLife(config) => Self::HalfLife(HalfLife::new(Bound::check_span(
                "memory.half_life",
                &config.half_life,
            )?)),
            MemoryConfig::Window(config) => Self::Window(Window::check(config)?),
            MemoryConfig::UntilChange(config) => {
                Self::UntilChange(Detector::check(config, domain)?)
            }
        })
    }

    /// Whether what is remembered changes as time passes, without any event.
    pub(super) const fn fades(&self) -> bool {
        match self {
            Self::Forever | Self::UntilChange(_) => false,
            Self::HalfLife(_) | Self::Window(_) => true,
        }
    }

    /// What is remembered of an arm at `now`.
    pub(super) fn evidence(&self, arm: Option<&ArmState>, now: Instant) -> Evidence {
        let Some(arm) = arm else {
            return Evidence::default();
        };
        match (self, arm.recent()) {
            (Self::HalfLife(half_life), Some(Recent::Faded(faded))) => faded.at(*half_life, now),
            (Self::Window(window), Some(Recent::Windowed(parts))) => parts.at(*window, now),
            _ => Evidence::whole(arm),
        }
    }

    /// Counts a reward that was just counted as a whole. Where the
    /// arm's rewards are now seen to have changed it says what is to be reset.
    pub(super) fn count(
        &self,
        arm: &mut ArmState,
        decided_at: Instant,
        reward: f64,
    ) -> Option<Restart> {
        let squares = arm.keeps_squares();
        let recent = arm.recent_mut();
        if recent.is_none() {
            *recent = self.beginning().map(Box::new);
        }
        match (self, recent.as_deref_mut()) {
            (Self::HalfLife(half_life), Some(Recent::Faded(faded))) => {
                faded.count(*half_life, decided_at, reward, squares);
            }
            (Self::Window(window), Some(Recent::Windowed(parts))) => {
                parts.count(*window, decided_at, reward, squares);
            }
            (Self::UntilChange(detector), Some(Recent::Watched(watched))) => {
                return watched.count(detector, reward).then(|| detector.restart());
            }
            _ => {}
        }
        None
    }

    /// Puts one reward in the place of another that was counted.
    pub(super) fn exchange(
        &self,
        arm: &mut ArmState,
        decided_at: Instant,
        receipt: Receipt,
        (before, after): (f64, f64),
    ) {
        match (self, arm.recent_mut().as_deref_mut()) {
            (Self::HalfLife(half_life), Some(Recent::Faded(faded))) => {
                faded.exchange(*half_life, decided_at, before, after);
            }
            (Self::Window(window), Some(Recent::Windowed(parts))) => {
                parts.exchange(*window, decided_at, before, after);
            }
            (Self::UntilChange(detector), Some(Recent::Watched(watched))) => {
                watched.exchange(detector, receipt.ordinal, before, after);
            }
            _ => {}
        }
    }

    /// What an arm keeps before its first reward.
    fn beginning(&self) -> Option<Recent> {
        match self {
            Self::Forever => None,
            Self::HalfLife(_) => Some(Recent::Faded(Faded::default())),
            Self::Window(_) => Some(Recent::Windowed(Windowed::default())),
            Self::UntilChange(_) => Some(Recent::Watched(Watched::default())),
        }
    }

    /// Goes on from what a policy with another memory kept of an arm; whether
    /// rewards learnt before can then no longer be corrected. What is
    /// remembered counts as though it had been decided at `now`, since when it
    /// was is known to its former memory only. Where squares were not kept they
    /// become those of rewards that spread with `variance`.
    pub(super) fn take_over(
        &self,
        arm: &mut ArmState,
        previous: &Self,
        now: Instant,
        variance: Option<f64>,
    ) -> bool {
        let squares = arm.keeps_squares();
        if self == previous && variance.is_none() {
            if let Some(recent) = arm.recent_mut().as_deref_mut().filter(|_| !squares) {
                recent.forget_squares();
            }
            return false;
        }
        let mut evidence = previous.evidence(Some(arm), now);
        if let (Some(variance), Some(mean)) = (variance, evidence.mean()) {
            evidence.squares = mean * evidence.reward_sum + evidence.pulls * variance;
        }
        let mut recent = self.beginning();
        let settled = match (self, &mut recent) {
            (Self::HalfLife(half_life), Some(Recent::Faded(faded))) => {
                faded.begin_with(*half_life, now, evidence, squares);
                true
            }
            (Self::Window(window), Some(Recent::Windowed(parts))) => {
                parts.begin_with(*window, now, evidence, squares);
                true
            }
            (Self::UntilChange(_), Some(Recent::Watched(watched))) => {
                watched.begin_after(arm.pulls());
                false
            }
            _ => false,
        };
        *arm.recent_mut() = recent.map(Box::new);
        settled && arm.pulls() > 0
    }
}

impl Recent {
    /// Whether it can be what this program wrote.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Faded(faded) => faded.is_sound(),
            Self::Windowed(parts) => parts.is_sound(),
            Self::Watched(watched) => watched.is_sound(),
        }
    }

    /// Keeps no squares any longer.
    fn forget_squares(&mut self) {
        match self {
            Self::Faded(faded) => faded.forget_squares(),
            Self::Windowed(parts) => parts.forget_squares(),
            Self::Watched(_) => {}
        }
    }

    /// Its canonical bytes, for the state hash.
    pub(super) fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        match self {
            Self::Faded(faded) => {
                sink(&[1]);
                faded.write_canonical(sink);
            }
            Self::Windowed(parts) => {
                sink(&[2]);
                parts.write_canonical(sink);
            }
            Self::Watched(watched) => {
                sink(&[3]);
                watched.write_canonical(sink);
            }
        }
    }
}
