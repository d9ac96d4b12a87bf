//! A sliding window: a reward counts until its decision is older than the
//! window.
//!
//! Garivier, Moulines (2011), "On upper-confidence bound policies for switching
//! bandit problems", arXiv 0805.3415, section 4, with their τ in the fold's
//! time. Memory is bounded: the window W is cut into `parts` equal parts of
//! length p = W / parts (rounded up to a millisecond) on a fixed grid, and a
//! part leaves as a whole. So everything younger than W − p counts, nothing
//! older than W (and less than a millisecond a part) does, and in between it depends on where the grid lies.
//!
//! Within a part counts and sums are whole, so learning in another order leads
//! to the same bits and a correction is exact. What has left the window is
//! corrected in the arm's whole counts alone.
//!
//! Cost: at most `parts` parts of 64 bytes an arm, all read for each reading.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::domain::time::{Instant, Span};
use crate::learning::config::memory::WindowConfig;
use crate::learning::config::{Bound, PolicyError};
use crate::learning::exact_sum::{ExactSquares, ExactSum};

/// The checked window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    part: Span,
    parts: u32,
}

impl Window {
    pub(super) fn check(config: &WindowConfig) -> Result<Self, PolicyError> {
        let span = Bound::check_span("memory.window", &config.window)?;
        let parts = Bound::PARTS.check_whole("memory.parts", config.parts)?;
        // At least a millisecond: a span is at least that.
        let part = Span::from_ms((span.ms() - 1) / i64::from(parts) + 1);
        Ok(Self { part, parts })
    }

    /// Which part of the grid an instant lies in.
    const fn index_of(self, at: Instant) -> i64 {
        at.unix_ms().div_euclid(self.part.ms())
    }

    /// The oldest part that counts when `newest` is under way.
    const fn oldest(self, newest: i64) -> i64 {
        newest.saturating_sub(self.parts as i64 - 1)
    }
}

/// An arm's window: the parts in which something was learnt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Windowed(
    /// In ascending order of index.
    VecDeque<Part>,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    index: i64,
    pulls: u64,
    earning: u64,
    rewards: ExactSum,
    /// For a policy that looks at squares.
    squares: Option<ExactSquares>,
}

impl Windowed {
    /// The part of an instant; `None` when it has left the window.
    fn part(&mut self, window: Window, at: Instant) -> Option<&mut Part> {
        let index = window.index_of(at);
        let newest = self.0.back().map_or(index, |part| part.index.max(index));
        let oldest = window.oldest(newest);
        while self.0.front().is_some_and(|part| part.index < oldest) {
            self.0.pop_front();
        }
        if index < oldest {
            return None;
        }
        let place = match self.0.binary_search_by_key(&index, |part| part.index) {
            Ok(place) => place,
            Err(place) => {
                let new = Part {
                    index,
                    pulls: 0,
                    earning: 0,
                    rewards: ExactSum::ZERO,
                    squares: None,
                };
                self.0.insert(place, new);
                place
            }
        };
        self.0.get_mut(place)
    }

    /// Counts one more reward, and its square where those are kept.
    pub(super) fn count(
        &mut self,
        window: Window,
        decided_at: Instant,
        reward: f64,
        squares: bool,
    ) {
        if let Some(part) = self.part(window, decided_at) {
            part.pulls += 1;
            part.earning += u64::from(reward != 0.0);
            part.rewards.add(reward);
            if squares {
                part.squares.get_or_insert_default().add(reward);
            }
        }
    }

    /// Puts one reward in the place of another.
    pub(super) fn exchange(
        &mut self,
        window: Window,
        decided_at: Instant,
        before: f64,
        after: f64,
    ) {
        let index = window.index_of(decided_at);
        if let Ok(place) = self.0.binary_search_by_key(&index, |part| part.index) {
            let part = &mut self.0[place];
            part.earning = part.earning + u64::from(after != 0.0) - u64::from(before != 0.0);
            part.rewards.remove(before);
            part.rewards.add(after);
            if let Some(squares) = &mut part.squares {
                squares.remove(before);
                squares.add(after);
            }
        }
    }

    /// Takes over what another memory kept, as if decided at `now`; parts of
    /// rewards are rounded.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts of rewards
    pub(super) fn begin_with(
        &mut self,
        window: Window,
        now: Instant,
        evidence: Evidence,
        squares: bool,
    ) {
        self.0.clear();
        if let Some(part) = self.part(window, now) {
            part.pulls = evidence.pulls.round() as u64;
            part.earning = (evidence.earning.round() as u64).min(part.pulls);
            part.rewards = ExactSum::of(evidence.reward_sum);
            part.squares = squares.then(|| ExactSquares::of(evidence.squares));
        }
    }

    /// What lies in the window at `now`.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub(super) fn at(&self, window: Window, now: Instant) -> Evidence {
        let oldest = window.oldest(window.index_of(now));
        let (mut rewards, mut squares) = (ExactSum::ZERO, ExactSquares::default());
        let (mut pulls, mut earning) = (0, 0);
        for part in self.0.iter().filter(|part| part.index >= oldest) {
            pulls += part.pulls;
            earning += part.earning;
            rewards.merge(part.rewards);
            squares.merge(part.squares.unwrap_or_default());
        }
        Evidence {
            pulls: pulls as f64,
            reward_sum: rewards.get(),
            earning: earning as f64,
            squares: squares.get(),
        }
    }

    pub(super) fn forget_squares(&mut self) {
        for part in &mut self.0 {
            part.squares = None;
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let counted = self.0.iter().all(|part| part.earning <= part.pulls);
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        counted && pairs.into_iter().all(|(one, next)| one.index < next.index)
    }

    pub(super) fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&(self.0.len() as u64).to_le_bytes());
        for part in &self.0 {
            sink(&part.index.to_le_bytes());
            sink(&part.pulls.to_le_bytes());
            sink(&part.earning.to_le_bytes());
            sink(&part.rewards.to_le_bytes());
            if let Some(squares) = &part.squares {
                sink(&squares.to_le_bytes());
            }
        }
    }
}
