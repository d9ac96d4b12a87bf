//! Change detection: everything counts until an arm's rewards are seen to have
//! changed; then what was learnt is to be reset.
//!
//! The generalised likelihood ratio test of Besson, Kaufmann, Maillard, Seznec
//! (2022), "Efficient change-point detection for tackling piecewise-stationary
//! bandits", JMLR 23, arXiv 1902.01575. After n rewards of an arm in the order
//! in which they were learnt it asks, for splits s of them,
//! whether s·kl(μ̂_{1:s}, μ̂_{1:n}) + (n − s)·kl(μ̂_{s+1:n}, μ̂_{1:n}) reaches
//! β(n, δ) = ln(3 n√n / δ), the threshold of their experiments, with δ the
//! `false_alarm`; kl is that of Bernoulli variables, which bounds any reward in
//! [0, 1]. Their global restart is `restart = "segment"`, their local one
//! `restart = "offer"`.
//!
//! Nothing is reset here. The caller learns that an alarm is due and resets by
//! an event of its own, so that a replay meets the reset where it happened.
//!
//! Memory is bounded: rewards are summed in blocks whose sizes are powers of
//! two, at most `BLOCKS_OF_A_SIZE` of each, the oldest two becoming one. So a
//! split is found at the exact reward among the last few and to within a fifth
//! or so of the distance further back. Fewer splits than all can only delay an
//! alarm.
//!
//! Its power: a change shows in the arms that are still played. An arm that
//! becomes the best while it is not played is found only with an
//! `exploration_floor`. Rewards outside [0, 1] are watched by whether they are
//! 0. Cost: about 6·log₂ n blocks of 24 bytes an arm, four logarithms a block
//! for each reward.

use serde::{Deserialize, Serialize};

use crate::domain::math;
use crate::learning::config::memory::{Restart, UntilChangeConfig};
use crate::learning::config::{Bound, PolicyError};
use crate::learning::divergence::bernoulli_divergence;
use crate::learning::exact_sum::ExactSum;
use crate::learning::reward::RewardDomain;

/// How many blocks of one size there are at most.
const BLOCKS_OF_A_SIZE: usize = 6;

/// The checked detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detector {
    /// ln(3 / δ).
    ln_three_by_false_alarm: f64,
    restart: Restart,
    /// Rewards are watched as they are; otherwise by whether they are 0.
    watches_rewards: bool,
}

impl Detector {
    pub(super) fn check(
        config: &UntilChangeConfig,
        domain: RewardDomain,
    ) -> Result<Self, PolicyError> {
        let false_alarm = Bound::FALSE_ALARM.check("memory.false_alarm", config.false_alarm)?;
        Ok(Self {
            ln_three_by_false_alarm: math::ln(3.0 / false_alarm),
            restart: config.restart,
            watches_rewards: domain.is_within_unit(),
        })
    }

    /// What is reset after an alarm.
    pub(super) const fn restart(&self) -> Restart {
        self.restart
    }

    fn watched(&self, reward: f64) -> f64 {
        if self.watches_rewards {
            reward
        } else {
            f64::from(u8::from(reward != 0.0))
        }
    }

    #[allow(clippy::cast_precision_loss)] // exact below 2^53 rewards
    fn threshold(&self, rewards: u64) -> f64 {
        self.ln_three_by_false_alarm + 1.5 * math::ln(rewards as f64)
    }
}

/// An arm's rewards since it was last reset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watched {
    /// Rewards that were learnt before it was watched.
    before: u64,
    /// The oldest first; sizes never grow.
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    /// The number of rewards: a power of two.
    size: u64,
    sum: ExactSum,
}

impl Watched {
    /// Begins to watch an arm that has learnt so many rewards.
    pub(super) const fn begin_after(&mut self, pulls: u64) {
        self.before = pulls;
    }

    /// Adds a reward; whether there was a change.
    pub(super) fn count(&mut self, detector: &Detector, reward: f64) -> bool {
        self.blocks.push(Block {
            size: 1,
            sum: ExactSum::of(detector.watched(reward)),
        });
        self.merge_oldest();
        self.statistic() >= detector.threshold(self.rewards())
    }

    fn rewards(&self) -> u64 {
        self.blocks.iter().map(|block| block.size).sum()
    }

    /// Where there are too many blocks of a size, the two oldest become one.
    fn merge_oldest(&mut self) {
        let mut end = self.blocks.len();
        while end > BLOCKS_OF_A_SIZE {
            let first = end - 1 - BLOCKS_OF_A_SIZE;
            if self.blocks[first].size != self.blocks[end - 1].size {
                break;
            }
            let newer = self.blocks.remove(first + 1);
            self.blocks[first].size += newer.size;
            self.blocks[first].sum.merge(newer.sum);
            end = first + 1;
        }
    }

    /// The largest likelihood ratio of a change at a split, as a logarithm.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 rewards
    fn statistic(&self) -> f64 {
        let size = self.rewards() as f64;
        let total: f64 = self.blocks.iter().map(|block| block.sum.get()).sum();
        let mean = (total / size).min(1.0);
        let (mut older, mut older_sum, mut largest) = (0.0, 0.0, 0.0);
        let (_, splits) = self.blocks.split_last().unwrap_or((&Block::NOTHING, &[]));
        for block in splits {
            older += block.size as f64;
            older_sum += block.sum.get();
            let newer = size - older;
            let older_mean = (older_sum / older).min(1.0);
            let newer_mean = ((total - older_sum) / newer).clamp(0.0, 1.0);
            let ratio = older * bernoulli_divergence(older_mean, mean)
                + newer * bernoulli_divergence(newer_mean, mean);
            largest = f64::max(largest, ratio);
        }
        largest
    }

    /// Puts one reward in the place of another: that of the arm's update
    /// number `ordinal`, from 1.
    pub(super) fn exchange(&mut self, detector: &Detector, ordinal: u64, before: f64, after: f64) {
        let Some(mut left) = ordinal.checked_sub(self.before) else {
            return;
        };
        if left == 0 {
            return;
        }
        for block in &mut self.blocks {
            if left <= block.size {
                block.sum.remove(detector.watched(before));
                block.sum.add(detector.watched(after));
                return;
            }
            left -= block.size;
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let sizes = self.blocks.iter().all(|block| block.size.is_power_of_two());
        let pairs = self.blocks.windows(2);
        sizes && pairs.into_iter().all(|pair| pair[0].size >= pair[1].size)
    }

    pub(super) fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(&self.before.to_le_bytes());
        sink(&(self.blocks.len() as u64).to_le_bytes());
        for block in &self.blocks {
            sink(&block.size.to_le_bytes());
            sink(&block.sum.to_le_bytes());
        }
    }
}

impl Block {
    const NOTHING: Self = Self {
        size: 0,
        sum: ExactSum::ZERO,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;
    use crate::learning::reward::Outside;

    fn detector(false_alarm: f64) -> Detector {
        let config = UntilChangeConfig {
            false_alarm,
            ..UntilChangeConfig::default()
        };
        Detector::check(&config, RewardDomain::unit(Outside::Refuse)).unwrap()
    }

    /// A detector that never raises an alarm.
    fn deaf() -> Detector {
        Detector {
            ln_three_by_false_alarm: 1e9,
            ..detector(1e-3)
        }
    }

    fn toss(generator: &mut Generator, rate: f64) -> f64 {
        f64::from(u8::from(generator.next_uniform() < rate))
    }

    #[test]
    fn blocks_are_few_and_hold_everything() {
        let mut watched = Watched::default();
        let never = deaf();
        for place in 0..100_000u32 {
            assert!(!watched.count(&never, f64::from(u8::from(place % 10 == 0))));
        }
        assert!(watched.is_sound());
        assert_eq!(watched.rewards(), 100_000);
        let sum: f64 = watched.blocks.iter().map(|block| block.sum.get()).sum();
        assert_eq!(sum, 10_000.0);
        assert!(watched.blocks.len() < 100, "{}", watched.blocks.len());
        // The last rewards stand alone: their splits are exact.
        assert!(
            watched
                .blocks
                .iter()
                .rev()
                .take(3)
                .all(|block| block.size == 1)
        );
    }

    /// On few rewards, where no block has more than one, the statistic is the
    /// paper's over all splits.
    #[test]
    fn the_statistic_is_the_likelihood_ratio() {
        let rewards = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0];
        let mut watched = Watched::default();
        let never = deaf();
        for reward in rewards {
            watched.count(&never, reward);
        }
        let mean = 0.5;
        let largest = (1..6)
            .map(|split| {
                let (older, newer) = rewards.split_at(split);
                let part = |rewards: &[f64]| {
                    let size = rewards.len() as f64;
                    size * bernoulli_divergence(rewards.iter().sum::<f64>() / size, mean)
                };
                part(older) + part(newer)
            })
            .fold(0.0, f64::max);
        assert!((watched.statistic() - largest).abs() < 1e-12);
    }

    /// 200 streams of 2,000 rewards without a change: at δ = 0.05 no more than
    /// 10 alarms are expected, and the bound is far from tight.
    #[test]
    fn without_a_change_there_is_hardly_an_alarm() {
        let mut generator = Generator::from_seed(5);
        let cautious = detector(0.05);
        let mut alarms = 0;
        for stream in 0..200u32 {
            let rate = 0.02 + 0.9 * f64::from(stream) / 200.0;
            let mut watched = Watched::default();
            let mut rewards = (0..2_000).map(|_| toss(&mut generator, rate));
            alarms += u32::from(rewards.any(|reward| watched.count(&cautious, reward)));
        }
        assert!(alarms <= 10, "{alarms} alarms");
    }

    #[test]
    fn a_fall_from_20_to_2_per_cent_is_seen_within_a_few_hundred_rewards() {
        let mut generator = Generator::from_seed(6);
        let cautious = detector(1e-3);
        for _ in 0..20 {
            let mut watched = Watched::default();
            for _ in 0..20_000 {
                assert!(!watched.count(&cautious, toss(&mut generator, 0.2)));
            }
            let mut after = (0..).map(|_| toss(&mut generator, 0.02));
            let seen = after.position(|reward| watched.count(&cautious, reward));
            assert!(
                seen.is_some_and(|seen| (50..400).contains(&seen)),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn a_corrected_reward_leaves_what_the_right_one_would_have() {
        let never = deaf();
        let rewards: Vec<f64> = (0..500u32).map(|place| f64::from(place % 3 / 2)).collect();
        let stream = |changed: Option<usize>| {
            let mut watched = Watched::default();
            watched.begin_after(7);
            for (place, reward) in rewards.iter().enumerate() {
                let other = changed == Some(place);
                watched.count(&never, if other { 1.0 - reward } else { *reward });
            }
            watched
        };
        for place in [0, 3, 250, 498, 499] {
            let mut corrected = stream(Some(place));
            let (before, after) = (1.0 - rewards[place], rewards[place]);
            corrected.exchange(&never, place as u64 + 8, before, after);
            assert_eq!(corrected, stream(None));
        }
        // What was learnt before it was watched is not in it.
        let mut watched = stream(None);
        watched.exchange(&never, 7, 1.0, 0.0);
        watched.exchange(&never, 508, 1.0, 0.0);
        assert_eq!(watched, stream(None));
    }
}
