//! A policy fitted to a log pessimistically: in each segment the actions stand in
//! the order of what they surely earn.
//!
//! Jin, Yang, Wang (2021), "Is pessimism provably efficient for offline RL?",
//! <https://arxiv.org/abs/2012.15085>, and Rashidinejad, Zhu, Ma, Jiao, Russell
//! (2021), "Bridging offline reinforcement learning and imitation learning: a tale
//! of pessimism", <https://arxiv.org/abs/2103.12021>: of actions that a log shows
//! unevenly, the best *lower bound* is chosen, not the best estimate, which would
//! fall for what was shown a few times and did well by luck. Their penalty b(s, a)
//! is here the distance from the mean to its bound.
//!
//! Of a segment and an action, 1{aₜ = a}/p₀(aₜ)·rₜ over the rounds that had the
//! action on offer has the mean that always choosing it would earn. With rewards
//! scaled to \[0, 1\] it is at least 0, so [`MixtureBound`] needs no largest weight
//! and holds whatever the logger learnt; at α over the number of bounds all hold at
//! once. Where a segment says nothing of an action yet (a bound of 0), the bound
//! over all segments decides.
//!
//! What is learnt from must not be evaluated on: [`held_out`] sets rounds aside,
//! whole shoppers at once. Memory is some 700 bytes a segment and action.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::choices::{Choice, Choices};
use super::interval::{Level, MixtureBound};
use super::logged::{RewardRange, Rounds};
use super::weigh::{NoChoice, TargetPolicy};
use crate::domain::random::{DecisionSeed, Stream};

/// What decides whether a unit is held out.
const SPLIT: Stream = Stream::numbered(20);

/// Whether a choice is among the `share` that is set aside: by its shopper, where
/// the log names one, otherwise by its place in the log, which is `row` where the
/// log does not number its rows.
#[must_use]
pub fn held_out(choice: &Choice<'_>, row: u64, share: f64, seed: u64) -> bool {
    let unit = choice.shopper.or(choice.sequence).unwrap_or(row);
    // The odd factor keeps a unit's number and the seed apart.
    let seed = DecisionSeed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ unit);
    seed.generator(SPLIT).next_uniform() < share
}

/// What is known of an action, in a segment or in all.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    /// How often it was chosen.
    shown: u64,
    bound: MixtureBound,
}

/// Segments and actions as a log goes by.
#[derive(Debug, Clone, PartialEq)]
pub struct PessimisticFit {
    range: RewardRange,
    level: Level,
    cells: BTreeMap<(u32, u32), Cell>,
    overall: BTreeMap<u32, Cell>,
    rounds: u64,
}

/// What an action is known to earn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Which action.
    pub action: u32,
    /// How often it was chosen in the segment.
    pub shown: u64,
    /// The lower bound of what it earns there.
    pub lower: f64,
    /// The lower bound of what it earns in all segments.
    pub overall: f64,
}

/// The fitted policy: of what is on offer it chooses the action that stands
/// highest in the segment, and then in all; of equals the one that is on offer
/// first.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    segments: BTreeMap<u32, BTreeMap<u32, Standing>>,
    overall: BTreeMap<u32, f64>,
}

impl PessimisticFit {
    /// Nothing seen yet; all bounds hold at `level` at once.
    #[must_use]
    pub const fn new(range: RewardRange, level: Level) -> Self {
        Self {
            range,
            level,
            cells: BTreeMap::new(),
            overall: BTreeMap::new(),
            rounds: 0,
        }
    }

    /// How many rounds it was fitted to.
    #[must_use]
    pub const fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Adds those of a batch of logged choices that are to be kept, in their order;
    /// they may be weighed for any target. `keep` is told their places in the batch.
    ///
    /// # Panics
    /// When the rounds are not of logged choices, which is an error of the caller.
    pub fn add(&mut self, rounds: &Rounds, keep: impl Fn(usize, &Choice<'_>) -> bool) {
        let choices = rounds.choices().expect("a fit is made of logged choices");
        for (index, reward) in rounds.reward().iter().enumerate() {
            let choice = choices.get(index);
            if !keep(index, &choice) {
                continue;
            }
            self.rounds += 1;
            let segment = choice.segment.unwrap_or_default();
            let scaled = (reward - self.range.low()) / self.range.width();
            for (place, action) in choice.actions.iter().enumerate() {
                let chosen = place == choice.chosen;
                let value = if chosen {
                    scaled / choice.propensity
                } else {
                    0.0
                };
                let new = || Cell {
                    shown: 0,
                    bound: MixtureBound::new(self.level.miss()),
                };
                for cell in [
                    self.cells.entry((segment, *action)).or_insert_with(new),
                    self.overall.entry(*action).or_insert_with(new),
                ] {
                    cell.shown += u64::from(chosen);
                    cell.bound.push(value, 0.0);
                }
            }
        }
    }

    /// The policy that follows.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // fewer cells than 2^53
    pub fn ranking(&self) -> Ranking {
        let bounds = (self.cells.len() + self.overall.len()).max(1) as f64;
        let miss = self.level.miss() / bounds;
        let lower = |cell: &Cell| {
            let scaled = cell.bound.lower_at(miss).unwrap_or_default();
            self.range.low() + self.range.width() * scaled.clamp(0.0, 1.0)
        };
        let overall: BTreeMap<u32, f64> = self
            .overall
            .iter()
            .map(|(action, cell)| (*action, lower(cell)))
            .collect();
        let mut segments: BTreeMap<u32, BTreeMap<u32, Standing>> = BTreeMap::new();
        for ((segment, action), cell) in &self.cells {
            let standing = Standing {
                action: *action,
                shown: cell.shown,
                lower: lower(cell),
                overall: overall[action],
            };
            segments
                .entry(*segment)
                .or_default()
                .insert(*action, standing);
        }
        Ranking { segments, overall }
    }
}

impl Ranking {
    /// By segment, its actions from the highest down.
    pub fn segments(&self) -> impl Iterator<Item = (u32, Vec<Standing>)> + '_ {
        self.segments.iter().map(|(segment, actions)| {
            let mut standings: Vec<Standing> = actions.values().copied().collect();
            standings.sort_by(|left, right| order(right.key(), left.key()));
            (*segment, standings)
        })
    }

    fn key(&self, segment: u32, action: u32) -> (f64, f64) {
        let known = self.segments.get(&segment).and_then(|it| it.get(&action));
        let none = f64::NEG_INFINITY;
        known.map_or_else(
            || (none, self.overall.get(&action).copied().unwrap_or(none)),
            Standing::key,
        )
    }
}

impl Standing {
    const fn key(&self) -> (f64, f64) {
        (self.lower, self.overall)
    }
}

fn order(left: (f64, f64), right: (f64, f64)) -> Ordering {
    left.0.total_cmp(&right.0).then(left.1.total_cmp(&right.1))
}

impl TargetPolicy for Ranking {
    fn choose(
        &mut self,
        _: &Choices,
        choice: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice> {
        let segment = choice.segment.unwrap_or_default();
        let keys = choice
            .actions
            .iter()
            .map(|action| self.key(segment, *action));
        let best = keys.enumerate().reduce(|best, next| {
            if order(next.1, best.1).is_gt() {
                next
            } else {
                best
            }
        });
        probabilities.fill(0.0);
        if let Some((place, _)) = best {
            probabilities[place] = 1.0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::random::Generator;
    use crate::evaluation::choices::{Names, UncheckedChoices, Vocabulary};
    use crate::evaluation::target_policy::UniformTarget;
    use crate::evaluation::weigh::{Weighing, weigh};

    /// Two segments and three actions; the log hardly ever shows the third.
    const LOGGING: [f64; 3] = [0.69, 0.3, 0.01];
    const RATES: [[f64; 3]; 2] = [[0.1, 0.3, 0.2], [0.4, 0.1, 0.2]];

    fn log(seed: u64, rounds: usize) -> Rounds {
        let mut generator = Generator::from_seed(seed);
        let mut columns = UncheckedChoices {
            ends: (1..=rounds).map(|row| 3 * row).collect(),
            actions: [0, 1, 2].repeat(rounds),
            probabilities: Some(LOGGING.repeat(rounds)),
            position: vec![0; rounds],
            ..UncheckedChoices::default()
        };
        for row in 0..rounds {
            let uniform = generator.next_uniform();
            let chosen = usize::from(uniform >= 0.69) + usize::from(uniform >= 0.99);
            let reward = generator.next_uniform() < RATES[row % 2][chosen];
            columns.chosen.push(u32::try_from(chosen).unwrap());
            columns.propensity.push(LOGGING[chosen]);
            columns.reward.push(f64::from(u8::from(reward)));
            columns.segment.push(u32::from(row % 2 == 1));
            columns.shopper.push(row as u64 / 4);
        }
        let vocabulary = Vocabulary {
            actions: Arc::new(Names::from_iter(["tea", "cake", "lantern"])),
            segments: Arc::new(Names::from_iter(["new", "gold"])),
            ..Vocabulary::default()
        };
        let choices = Choices::new(columns, vocabulary).unwrap();
        let mut weighing = Weighing::new(RewardRange::UNIT);
        weigh(choices, &mut UniformTarget, &mut weighing).unwrap()
    }

    fn first(ranking: &Ranking) -> Vec<u32> {
        ranking
            .segments()
            .map(|(_, actions)| actions[0].action)
            .collect()
    }

    /// In 40 logs of 2,000 rounds the best action of each segment stands first in
    /// nearly all, however well the third did by luck; its bounds hold in nearly all.
    #[test]
    fn what_is_sure_stands_before_what_was_lucky() {
        let (mut right, mut held) = (0, 0);
        for seed in 0..40 {
            let mut fit = PessimisticFit::new(RewardRange::UNIT, Level::USUAL);
            fit.add(&log(seed, 2_000), |_, _| true);
            let ranking = fit.ranking();
            right += u32::from(first(&ranking) == [1, 0]);
            let below = |(segment, actions): (u32, Vec<Standing>)| {
                let rates = RATES[segment as usize];
                let mut actions = actions.iter();
                actions.all(|it| it.lower <= rates[it.action as usize])
            };
            held += u32::from(ranking.segments().all(below));
        }
        assert!(right >= 38, "{right}");
        assert!(held >= 38, "{held}");
    }

    #[test]
    fn what_a_segment_does_not_know_all_of_them_tell() {
        let mut fit = PessimisticFit::new(RewardRange::UNIT, Level::USUAL);
        fit.add(&log(1, 4_100), |index, _| index >= 100);
        assert_eq!(fit.rounds(), 4_000);
        let mut ranking = fit.ranking();
        let rounds = log(2, 8);
        let choices = rounds.choices().unwrap();
        let mut choose = |segment: u32| {
            let choice = Choice {
                segment: Some(segment),
                ..choices.get(0)
            };
            let mut probabilities = [0.5; 3];
            ranking
                .choose(choices, &choice, &mut probabilities)
                .unwrap();
            probabilities
        };
        assert_eq!(choose(0), [0.0, 1.0, 0.0]);
        assert_eq!(choose(1), [1.0, 0.0, 0.0]);
        // A third segment: the first action earns 0.25 over both, the others 0.2.
        assert_eq!(choose(7), [1.0, 0.0, 0.0]);
        let mut nothing = PessimisticFit::new(RewardRange::UNIT, Level::USUAL).ranking();
        let mut probabilities = [0.5; 3];
        let choice = choices.get(0);
        nothing
            .choose(choices, &choice, &mut probabilities)
            .unwrap();
        assert_eq!(probabilities, [1.0, 0.0, 0.0]);
    }

    /// A fifth of the shoppers, each with all rounds or none: of 1,000 shoppers 200
    /// give or take 13.
    #[test]
    fn shoppers_are_held_out_whole() {
        let rounds = log(3, 4_000);
        let choices = rounds.choices().unwrap();
        let out: Vec<bool> = (0..4_000)
            .map(|row| held_out(&choices.get(row), row as u64, 0.2, 5))
            .collect();
        let shoppers = out.chunks(4);
        assert!(
            shoppers
                .clone()
                .all(|own| own.iter().all(|it| *it == own[0]))
        );
        let count = shoppers.filter(|own| own[0]).count();
        assert!((150..=250).contains(&count), "{count}");
        let again = held_out(&choices.get(0), 0, 0.2, 5);
        assert_eq!(again, out[0]);
    }
}
