//! Forgetting by half-life: a reward weighs 2^(−age / h), with its age counted
//! in the fold's time from when its decision was made.
//!
//! Discounted statistics as in Garivier, Moulines (2011), "On upper-confidence
//! bound policies for switching bandit problems", arXiv 0805.3415: their
//! discount γ a round is 2^(−1/h) here, with h in rounds. Beta posteriors on
//! such sums: Raj, Kalyani (2017), arXiv 1707.09727.
//!
//! Sums are kept against a landmark L, a whole number of half-lives since 1970:
//! a reward of time t enters with 2^((t − L) / h), and a reader at time u
//! multiplies by 2^((L − u) / h). So what was learnt is not touched as time
//! passes, the order of learning does not matter, and a reward is taken back
//! with the weight that it entered with. The landmark moves by whole
//! half-lives, a step of `STEP_HALF_LIVES` at a time, which scales the sums
//! by powers of two: exactly. Sums are compensated, so a correction is exact to
//! about 10⁻²⁵ of the largest sum that there ever was.
//!
//! Cost: four sums an arm, one power of two a reward and a reading.

use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::domain::compensated_sum::CompensatedSum;
use crate::domain::math;
use crate::domain::time::{Instant, Span};

/// How far the landmark moves at a time. Weights stay below 2^65, so that no
/// sum of rewards up to 2⁵² comes near the end of what a number can hold.
const STEP_HALF_LIVES: i64 = 64;

/// The checked half-life, at least a millisecond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HalfLife(Span);

impl HalfLife {
    /// From a span that was checked to be above 0.
    pub(super) const fn new(span: Span) -> Self {
        Self(span)
    }

    /// `at` as whole half-lives since 1970, rounded down, and 2 to the power of
    /// what is left over, in [1, 2).
    #[allow(clippy::cast_precision_loss)] // exact below 285,000 years
    fn power(self, at: Instant) -> (i64, f64) {
        let length_ms = self.0.ms();
        let whole = at.unix_ms().div_euclid(length_ms);
        let rest = at.unix_ms().rem_euclid(length_ms);
        (whole, math::exp2(rest as f64 / length_ms as f64))
    }
}

/// An arm's fading sums.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Faded {
    /// L, in half-lives since 1970.
    landmark: i64,
    pulls: CompensatedSum,
    rewards: CompensatedSum,
    earning: CompensatedSum,
    /// For a policy that looks at squares.
    squares: Option<CompensatedSum>,
}

fn earned(reward: f64) -> f64 {
    f64::from(u8::from(reward != 0.0))
}

impl Faded {
    /// The weight of a decision against the landmark.
    fn weight(&self, half_life: HalfLife, decided_at: Instant) -> f64 {
        let (whole, rest) = half_life.power(decided_at);
        math::times_power_of_two(rest, whole.saturating_sub(self.landmark))
    }

    /// Moves the landmark on when a decision of this time would weigh too much.
    fn reach(&mut self, half_life: HalfLife, decided_at: Instant) {
        let (whole, _) = half_life.power(decided_at);
        let landmark = whole.div_euclid(STEP_HALF_LIVES) * STEP_HALF_LIVES;
        let is_new = self.pulls == CompensatedSum::default();
        if landmark > self.landmark || is_new {
            let fall = self.landmark.saturating_sub(landmark);
            let sums = [&mut self.pulls, &mut self.rewards, &mut self.earning];
            for sum in sums.into_iter().chain(&mut self.squares) {
                sum.scale_by_power_of_two(fall);
            }
            self.landmark = landmark;
        }
    }

    /// Counts one more reward, and its square where those are kept.
    pub(super) fn count(
        &mut self,
        half_life: HalfLife,
        decided_at: Instant,
        reward: f64,
        squares: bool,
    ) {
        self.reach(half_life, decided_at);
        let weight = self.weight(half_life, decided_at);
        self.pulls.add(weight);
        self.rewards.add(weight * reward);
        self.earning.add(weight * earned(reward));
        if squares {
            let sum = self.squares.get_or_insert_default();
            sum.add(weight * (reward * reward));
        }
    }

    /// Puts one reward in the place of another.
    pub(super) fn exchange(
        &mut self,
        half_life: HalfLife,
        decided_at: Instant,
        before: f64,
        after: f64,
    ) {
        let weight = self.weight(half_life, decided_at);
        self.rewards.add(-(weight * before));
        self.rewards.add(weight * after);
        self.earning.add(-(weight * earned(before)));
        self.earning.add(weight * earned(after));
        if let Some(squares) = &mut self.squares {
            squares.add(-(weight * (before * before)));
            squares.add(weight * (after * after));
        }
    }

    /// Takes over what another memory kept, as if decided at `now`.
    pub(super) fn begin_with(
        &mut self,
        half_life: HalfLife,
        now: Instant,
        evidence: Evidence,
        squares: bool,
    ) {
        *self = Self::default();
        self.reach(half_life, now);
        let weight = self.weight(half_life, now);
        self.pulls.add(weight * evidence.pulls);
        self.rewards.add(weight * evidence.reward_sum);
        self.earning.add(weight * evidence.earning);
        if squares {
            let sum = self.squares.get_or_insert_default();
            sum.add(weight * evidence.squares);
        }
    }

    /// What is left at `now`.
    pub(super) fn at(&self, half_life: HalfLife, now: Instant) -> Evidence {
        let (whole, rest) = half_life.power(now);
        let fall = self.landmark.saturating_sub(whole);
        let left = |sum: &CompensatedSum| math::times_power_of_two(sum.get(), fall) / rest;
        let pulls = left(&self.pulls).max(0.0);
        Evidence {
            pulls,
            reward_sum: left(&self.rewards),
            // What rounding left of a sum that was taken back.
            earning: left(&self.earning).clamp(0.0, pulls),
            squares: self.squares.as_ref().map_or(0.0, left),
        }
    }

    pub(super) const fn forget_squares(&mut self) {
        self.squares = None;
    }

    pub(super) fn is_sound(&self) -> bool {
        let sums = [&self.pulls, &self.rewards, &self.earning].into_iter();
        sums.chain(&self.squares).all(|sum| sum.get().is_finite())
    }

    pub(super) fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&self.landmark.to_le_bytes());
        let sums = [&self.pulls, &self.rewards, &self.earning].into_iter();
        for sum in sums.chain(&self.squares) {
            sink(&sum.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: HalfLife = HalfLife::new(Span::from_seconds(3_600));

    fn hours(count: f64) -> Instant {
        Instant::from_unix_ms((count * 3_600_000.0) as i64)
    }

    #[test]
    fn a_reward_counts_half_after_a_half_life() {
        let mut faded = Faded::default();
        faded.count(HOUR, hours(10.0), 8.0, false);
        faded.count(HOUR, hours(10.5), 0.0, false);
        let evidence = faded.at(HOUR, hours(11.5));
        let older = math::exp2(-1.5);
        assert!(
            (evidence.pulls - (older + 0.5)).abs() < 1e-15,
            "{evidence:?}"
        );
        assert!((evidence.reward_sum - 8.0 * older).abs() < 1e-14);
        assert!((evidence.earning - older).abs() < 1e-15);
    }

    /// The same rewards in the opposite order, with the landmark moving under
    /// way in one of the two only.
    #[test]
    fn the_order_of_learning_does_not_matter() {
        let rewards: Vec<(f64, f64)> = (0..4_000)
            .map(|place| (f64::from(place) * 0.37, f64::from(place % 7) * 1e3))
            .collect();
        let (mut forward, mut backward) = (Faded::default(), Faded::default());
        for (at, reward) in &rewards {
            forward.count(HOUR, hours(*at), *reward, true);
        }
        for (at, reward) in rewards.iter().rev() {
            backward.count(HOUR, hours(*at), *reward, true);
        }
        let now = hours(1_500.0);
        let (one, other) = (forward.at(HOUR, now), backward.at(HOUR, now));
        assert_eq!(forward.landmark, backward.landmark);
        assert!((one.pulls - other.pulls).abs() <= 1e-15 * one.pulls);
        assert!((one.reward_sum - other.reward_sum).abs() <= 1e-15 * one.reward_sum);
    }

    #[test]
    fn what_is_old_enough_is_as_if_it_had_never_been() {
        let mut faded = Faded::default();
        faded.count(HOUR, hours(0.0), 5.0, false);
        assert_eq!(faded.at(HOUR, hours(1e6)), Evidence::default());
        // And what comes then is not disturbed by it.
        faded.count(HOUR, hours(1e6), 1.0, false);
        assert_eq!(faded.at(HOUR, hours(1e6)).reward_sum, 1.0);
        faded.exchange(HOUR, hours(0.0), 5.0, 0.0);
        assert_eq!(faded.at(HOUR, hours(1e6)).reward_sum, 1.0);
    }

    #[test]
    fn the_ends_of_time_are_survived() {
        for at in [i64::MIN, -1, 0, i64::MAX] {
            let mut faded = Faded::default();
            let at = Instant::from_unix_ms(at);
            faded.count(HalfLife::new(Span::from_ms(1)), at, 1.0, true);
            assert!(faded.is_sound());
            let now = faded.at(HalfLife::new(Span::from_ms(1)), at);
            assert_eq!((now.pulls, now.reward_sum), (1.0, 1.0));
        }
    }
}
