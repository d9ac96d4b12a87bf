//! What a log looks like under a target, for the eye: how large its weights are,
//! how it went over time, by segment and by action.
//!
//! Constant memory but for the segments and actions: time is cut into at most
//! [`MOST_BLOCKS`] blocks of equal length; when there are too many, each two become
//! one of twice the length. Reads the log in its order.

use std::collections::BTreeMap;

use super::interval::{Ends, Level};
use super::logged::Rounds;
use super::quantile::normal_quantile;
use super::weigh::CellTally;
use super::weighted_sums::WeightedSums;
use crate::domain::math;

/// The most blocks of time.
pub const MOST_BLOCKS: usize = 40;
/// Rounds of a block to begin with.
const FIRST_LENGTH: u64 = 16;
/// Where the intervals of weights end: halves and doubles of 1; the first interval
/// holds weights of 0, the last one all above.
pub const WEIGHT_ENDS: [f64; 12] = [
    0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0,
];

/// The picture so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    weights: [u64; WEIGHT_ENDS.len() + 1],
    blocks: Vec<WeightedSums>,
    length: u64,
    segments: BTreeMap<u32, WeightedSums>,
    /// By the number of an action.
    actions: Vec<CellTally>,
}

/// The inverse propensity estimate of some of a log's rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// How many rounds.
    pub rounds: u64,
    /// What they earned on average.
    pub logged: f64,
    /// What the target would have earned.
    pub value: f64,
    /// Its normal interval; `None` below 2 rounds.
    pub ends: Option<Ends>,
    /// (Σw)²/Σw²; `None` where every weight is 0.
    pub effective_sample_size: Option<f64>,
}

impl Default for Portrait {
    fn default() -> Self {
        Self {
            weights: [0; WEIGHT_ENDS.len() + 1],
            blocks: Vec::new(),
            length: FIRST_LENGTH,
            segments: BTreeMap::new(),
            actions: Vec::new(),
        }
    }
}

impl Portrait {
    /// Adds a batch.
    pub fn add(&mut self, rounds: &Rounds) {
        let rows = rounds.weight().iter().zip(rounds.reward());
        for (weight, reward) in rows.clone() {
            let place = WEIGHT_ENDS.partition_point(|end| end < weight);
            self.weights[place] += 1;
            self.block().push(*weight, *reward);
        }
        let Some((choices, target)) = rounds.choices().zip(rounds.target_probabilities()) else {
            return;
        };
        let segments = &choices.columns().segment;
        for (segment, (weight, reward)) in segments.iter().zip(rows) {
            let sums = self.segments.entry(*segment).or_default();
            sums.push(*weight, *reward);
        }
        let names = choices.vocabulary().actions.len();
        let actions = names.max(self.actions.len());
        self.actions.resize(actions, CellTally::default());
        for index in 0..choices.len() {
            let choice = choices.get(index);
            let shares = choice.actions.iter().zip(&target[choices.span(index)]);
            for (place, (action, share)) in shares.enumerate() {
                let tally = &mut self.actions[*action as usize];
                tally.logged += u64::from(place == choice.chosen);
                tally.mass += share;
            }
        }
    }

    /// The block that the next round is of.
    fn block(&mut self) -> &mut WeightedSums {
        let full = |block: &WeightedSums, length: u64| block.count() >= length;
        if self.blocks.last().is_none_or(|it| full(it, self.length)) {
            if self.blocks.len() == MOST_BLOCKS {
                self.halve();
            }
            self.blocks.push(WeightedSums::default());
        }
        let last = self.blocks.len() - 1;
        &mut self.blocks[last]
    }

    fn halve(&mut self) {
        let pairs = self.blocks.chunks(2).map(|pair| {
            let mut both = pair[0];
            pair[1..].iter().for_each(|second| both.merge(second));
            both
        });
        self.blocks = pairs.collect();
        self.length *= 2;
    }

    /// How many weights lie above one of [`WEIGHT_ENDS`] and not above the next.
    #[must_use]
    pub const fn weights(&self) -> &[u64] {
        &self.weights
    }

    /// Block by block, the oldest first.
    #[must_use]
    pub fn blocks(&self, level: Level) -> Vec<Part> {
        let parts = self.blocks.iter();
        parts.filter_map(|sums| Part::of(sums, level)).collect()
    }

    /// By segment.
    #[must_use]
    pub fn segments(&self, level: Level) -> Vec<(u32, Part)> {
        let segments = self.segments.iter();
        segments
            .filter_map(|(segment, sums)| Some((*segment, Part::of(sums, level)?)))
            .collect()
    }

    /// How often each action was shown, and how often the target would show it.
    pub fn actions(&self) -> impl Iterator<Item = (u32, CellTally)> + '_ {
        let shown = |tally: &CellTally| tally.logged > 0 || tally.mass > 0.0;
        let actions = (0..).zip(self.actions.iter().copied());
        actions.filter(move |(_, tally)| shown(tally))
    }
}

impl Part {
    fn of(sums: &WeightedSums, level: Level) -> Option<Self> {
        let n = sums.rounds()?;
        let (weight, weight_square) = (sums.weight.get(), sums.weight_square.get());
        let value = sums.weighted.get() / n;
        let squares = sums.weighted_square.get() - value * sums.weighted.get();
        let error = math::sqrt(squares.max(0.0) / (n * (n - 1.0)));
        let half = normal_quantile(1.0 - 0.5 * level.miss()).map(|z| z * error);
        Some(Self {
            rounds: sums.count(),
            logged: sums.reward.get() / n,
            value,
            ends: half.and_then(|half| Ends::new(value - half, value + half)),
            effective_sample_size: (weight_square > 0.0).then(|| weight * weight / weight_square),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::logged::{RewardRange, UncheckedRounds};
    use crate::evaluation::target::TargetTable;

    fn rounds(count: u32) -> Rounds {
        let columns = UncheckedRounds {
            reward: (0..count).map(|row| f64::from(row % 2)).collect(),
            action: (0..count).map(|row| row % 2).collect(),
            position: vec![0; count as usize],
            propensity: vec![0.5; count as usize],
            ..UncheckedRounds::default()
        };
        let target = TargetTable::new(&[vec![0.25, 0.75]]).unwrap();
        Rounds::new(columns, &target, RewardRange::UNIT).unwrap()
    }

    #[test]
    fn every_round_is_in_one_block_of_time_and_one_interval_of_weights() {
        let mut portrait = Portrait::default();
        portrait.add(&rounds(3_001));
        let blocks = portrait.blocks(Level::USUAL);
        assert!(blocks.len() <= MOST_BLOCKS && blocks.len() > MOST_BLOCKS / 2);
        assert_eq!(blocks.iter().map(|block| block.rounds).sum::<u64>(), 3_001);
        let length = blocks[0].rounds;
        let last = blocks.len() - 1;
        assert!(blocks[..last].iter().all(|block| block.rounds == length));
        // Weights of 0.5 and of 1.5, the second action's with all the reward.
        assert_eq!(portrait.weights()[3..6], [1_501, 0, 1_500]);
        assert!((blocks[0].value - 0.75).abs() < 1e-12);
        assert!((blocks[0].logged - 0.5).abs() < 1e-12);
        let ends = blocks[0].ends.unwrap();
        assert!(ends.lower() < 0.75 && ends.upper() > 0.75);
    }

    #[test]
    fn nothing_has_no_parts() {
        let portrait = Portrait::default();
        assert!(portrait.blocks(Level::USUAL).is_empty());
        assert_eq!(portrait.actions().count(), 0);
        assert_eq!(Part::of(&WeightedSums::default(), Level::USUAL), None);
    }
}
