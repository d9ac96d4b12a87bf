//! Whether a candidate may take the place of the policy that made the log: by
//! the paired difference, round by round, of what the two earn.
//!
//! With the candidate's weight w and a reward r scaled to \[0, 1\], a round's
//! difference is (w − 1)·r: its mean, given the rounds before, is what the
//! candidate would have earned more. It is at least −1, and so is
//! (w − 1)·(1 − r), whose mean is what it would have earned less; so each has a
//! [`MixtureBound`] that needs no largest weight and holds at every round at
//! once. Looking again and again costs nothing more: the price is paid in the
//! bounds' width (Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro 2022,
//! <https://arxiv.org/abs/2210.10768>).
//!
//! - The candidate is *promoted* when the lower bound of the first metric's
//!   difference is above 0, every guarded metric is not worse by more than its
//!   margin (non-inferiority: its lower bound is above −margin), and no segment
//!   is shown to lose. All have to hold, so no level is split among them.
//! - That a segment loses is tested for each; Holm's step-down (Holm 1979, "A
//!   simple sequentially rejective multiple test procedure") keeps the
//!   probability of accusing any segment wrongly at α. The p-value of a segment
//!   is one over its bound's evidence, which is valid at any stopping time.
//! - Otherwise it is *held*.
//!
//! What is not corrected: budgets, caps and fatigue, through which one decision
//! changes what the next may earn. Where the target's choices are partly
//! unsupported, both bounds stay valid and grow wide.

use std::collections::BTreeMap;

use thiserror::Error;

use super::choices::Metric;
use super::interval::{Ends, Level, MixtureBound};
use super::logged::{RewardRange, Rounds};

/// What the candidate earns more than the log's policy, by one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedDifference {
    range: RewardRange,
    /// A smaller metric is the better one, as a cost is.
    less_is_better: bool,
    gain: MixtureBound,
    loss: MixtureBound,
    rounds: u64,
    /// Σ(w − 1)·r, scaled.
    gained: f64,
    logged: f64,
}

/// What a difference is known to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The estimate: above 0 where the candidate is better.
    pub value: f64,
    /// Where it lies: either end holds at the level by itself.
    pub ends: Ends,
    /// What the log's policy earned, a round.
    pub logged: f64,
    /// How many rounds it rests on.
    pub rounds: u64,
}

impl PairedDifference {
    /// Nothing seen yet; `level` is that of each end by itself.
    #[must_use]
    pub fn new(range: RewardRange, less_is_better: bool, level: Level) -> Self {
        Self {
            range,
            less_is_better,
            gain: MixtureBound::new(level.miss()),
            loss: MixtureBound::new(level.miss()),
            rounds: 0,
            gained: 0.0,
            logged: 0.0,
        }
    }

    /// Adds the next round: the candidate's weight and the reward, which lies in
    /// the declared range.
    pub fn push(&mut self, weight: f64, reward: f64) {
        let scaled = (reward - self.range.low()) / self.width();
        let (better, sign) = if self.less_is_better {
            (1.0 - scaled, -1.0)
        } else {
            (scaled, 1.0)
        };
        // Each is at least −1, whatever comes.
        self.gain.push((weight - 1.0) * better, 1.0);
        self.loss.push((weight - 1.0) * (1.0 - better), 1.0);
        self.rounds += 1;
        // Of the metric itself: its complement would add the weights' noise.
        self.gained += sign * (weight - 1.0) * scaled;
        self.logged += reward;
    }

    fn width(&self) -> f64 {
        self.range.high() - self.range.low()
    }

    /// What is known; `None` of nothing.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // no log has 2^53 rounds
    pub fn difference(&self) -> Option<Difference> {
        let rounds = self.rounds as f64;
        let lower = self.gain.lower()?.clamp(-1.0, 1.0);
        let upper = (-self.loss.lower()?).clamp(-1.0, 1.0);
        let ends = Ends::new(self.width() * lower, self.width() * upper)?;
        Some(Difference {
            value: self.width() * self.gained / rounds,
            ends,
            logged: self.logged / rounds,
            rounds: self.rounds,
        })
    }

    /// The p-value of "the candidate loses nothing": small where it loses.
    #[must_use]
    pub fn loses(&self) -> f64 {
        self.loss.p_value_of_at_most(0.0)
    }
}

/// A metric that must not become worse by more than a margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// Which.
    pub metric: Metric,
    /// How much worse it may become, a round, at least 0.
    pub margin: f64,
    /// What it lies in.
    pub range: RewardRange,
}

impl Guard {
    /// A cost is better when it is less.
    #[must_use]
    pub const fn less_is_better(&self) -> bool {
        matches!(self.metric, Metric::DiscountCost)
    }
}

/// Why a batch cannot be judged. `index` is a round of the batch, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum GateFault {
    /// The log does not have a guarded metric.
    #[error("the log has no column {0}, which is guarded")]
    NoMetric(Metric),
    /// A value outside what was declared of it.
    #[error("column {metric}: {value} is not in its declared range {range}")]
    Value {
        /// Which round.
        index: usize,
        /// Which column.
        metric: Metric,
        /// What stands there.
        value: f64,
        /// What was declared.
        range: RewardRange,
    },
}

/// The differences at work. Needs the rounds in the order of the log.
#[derive(Debug, Clone)]
pub struct Gate {
    range: RewardRange,
    level: Level,
    first: PairedDifference,
    guards: Vec<(Guard, PairedDifference)>,
    segments: BTreeMap<u32, PairedDifference>,
}

/// What is to be done with the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may take over.
    Promote,
    /// It may not, or not yet.
    Hold,
}

/// What came of the gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// What is to be done.
    pub decision: Decision,
    /// The first metric's difference; `None` of nothing.
    pub first: Option<Difference>,
    /// Each guard's difference, and whether it is not worse by more than its
    /// margin.
    pub guards: Vec<(Guard, Option<Difference>, bool)>,
    /// By segment.
    pub segments: Vec<SegmentRuling>,
}

/// What is known of one segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentRuling {
    /// Which.
    pub segment: u32,
    /// Its difference; each interval holds by itself, not all of them at once.
    pub difference: Option<Difference>,
    /// The p-value of "the candidate loses nothing here", by itself.
    pub p_value: f64,
    /// It loses, by Holm's step-down over all segments.
    pub loses: bool,
}

impl Gate {
    /// Nothing seen yet; `level` is 1 − α.
    #[must_use]
    pub fn new(range: RewardRange, guards: Vec<Guard>, level: Level) -> Self {
        let guarded = |guard: Guard| {
            let difference = PairedDifference::new(guard.range, guard.less_is_better(), level);
            (guard, difference)
        };
        Self {
            range,
            level,
            first: PairedDifference::new(range, false, level),
            guards: guards.into_iter().map(guarded).collect(),
            segments: BTreeMap::new(),
        }
    }

    /// Adds a batch that was weighed for the candidate.
    ///
    /// # Errors
    /// When a guarded metric is not there or not in its range; the gate is then
    /// not to be used any further.
    pub fn add(&mut self, rounds: &Rounds) -> Result<(), GateFault> {
        let weights = rounds.weight();
        for (weight, reward) in weights.iter().zip(rounds.reward()) {
            self.first.push(*weight, *reward);
        }
        let choices = rounds.choices();
        for (guard, difference) in &mut self.guards {
            let values = choices.and_then(|choices| choices.metric(guard.metric));
            let values = values.ok_or(GateFault::NoMetric(guard.metric))?;
            for (index, (weight, value)) in weights.iter().zip(values).enumerate() {
                if !(*value >= guard.range.low() && *value <= guard.range.high()) {
                    return Err(GateFault::Value {
                        index,
                        metric: guard.metric,
                        value: *value,
                        range: guard.range,
                    });
                }
                difference.push(*weight, *value);
            }
        }
        let segments = choices.map_or(&[][..], |choices| &choices.columns().segment);
        let rows = weights.iter().zip(rounds.reward());
        for (segment, (weight, reward)) in segments.iter().zip(rows) {
            let (range, level) = (self.range, self.level);
            let difference = self
                .segments
                .entry(*segment)
                .or_insert_with(|| PairedDifference::new(range, false, level));
            difference.push(*weight, *reward);
        }
        Ok(())
    }

    /// What is to be done, by what was seen so far.
    #[must_use]
    pub fn ruling(&self) -> Ruling {
        let first = self.first.difference();
        let guards: Vec<(Guard, Option<Difference>, bool)> = self
            .guards
            .iter()
            .map(|(guard, difference)| {
                let difference = difference.difference();
                let keeps = difference.is_some_and(|it| it.ends.lower() > -guard.margin);
                (*guard, difference, keeps)
            })
            .collect();
        let segments = self.segment_rulings();
        let promote = first.is_some_and(|it| it.ends.lower() > 0.0)
            && guards.iter().all(|(_, _, keeps)| *keeps)
            && segments.iter().all(|segment| !segment.loses);
        Ruling {
            decision: if promote {
                Decision::Promote
            } else {
                Decision::Hold
            },
            first,
            guards,
            segments,
        }
    }

    fn segment_rulings(&self) -> Vec<SegmentRuling> {
        let mut rulings: Vec<SegmentRuling> = self
            .segments
            .iter()
            .map(|(segment, difference)| SegmentRuling {
                segment: *segment,
                difference: difference.difference(),
                p_value: difference.loses(),
                loses: false,
            })
            .collect();
        for place in rejected(rulings.iter().map(|it| it.p_value), self.level.miss()) {
            rulings[place].loses = true;
        }
        rulings
    }
}

/// Holm's step-down: which hypotheses are rejected, so that any true one is
/// with a probability of at most `miss`.
#[allow(clippy::cast_precision_loss)] // few hypotheses
fn rejected(p_values: impl IntoIterator<Item = f64>, miss: f64) -> Vec<usize> {
    let mut ordered: Vec<(usize, f64)> = p_values.into_iter().enumerate().collect();
    ordered.sort_by(|left, right| left.1.total_cmp(&right.1));
    let all = ordered.len();
    let rejected = ordered
        .into_iter()
        .enumerate()
        .take_while(|(place, (_, p_value))| *p_value <= miss / (all - place) as f64);
    rejected.map(|(_, (index, _))| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Generator;

    /// Rounds of two arms with rewards 0.1 and `second`; the log shows the
    /// second with 0.3, the candidate always.
    fn seen(second: f64, rounds: usize, seed: u64) -> PairedDifference {
        let mut generator = Generator::from_seed(seed);
        let mut difference = PairedDifference::new(RewardRange::UNIT, false, Level::USUAL);
        for _ in 0..rounds {
            let shows = generator.next_uniform() < 0.3;
            let rate = if shows { second } else { 0.1 };
            let reward = f64::from(u8::from(generator.next_uniform() < rate));
            difference.push(if shows { 1.0 / 0.3 } else { 0.0 }, reward);
        }
        difference
    }

    #[test]
    fn a_difference_is_found_and_its_sign_told() {
        // The log earns 0.3·0.3 + 0.7·0.1 = 0.16, the candidate 0.3.
        let better = seen(0.3, 20_000, 1);
        let difference = better.difference().unwrap();
        assert!((difference.value - 0.14).abs() < 0.02, "{difference:?}");
        assert!(difference.ends.lower() > 0.0 && difference.ends.upper() > 0.14);
        assert!(better.loses() > 0.5);
        let worse = seen(0.02, 20_000, 2);
        assert!(worse.difference().unwrap().ends.upper() < 0.0);
        assert!(worse.loses() < 1e-4);
    }

    /// With no difference, 300 gates that are looked at after every 100 rounds:
    /// each end may ever miss in 5 %, 15 give or take 3.8; so may the test.
    #[test]
    fn looking_again_and_again_promotes_nobody_wrongly() {
        let (mut above, mut accused) = (0, 0);
        for seed in 0..300 {
            let mut generator = Generator::from_seed(seed);
            let mut difference = PairedDifference::new(RewardRange::UNIT, false, Level::USUAL);
            let (mut ever_above, mut ever_accused) = (false, false);
            for round in 1..=2_000 {
                let shows = generator.next_uniform() < 0.3;
                let reward = f64::from(u8::from(generator.next_uniform() < 0.2));
                difference.push(if shows { 1.0 / 0.3 } else { 0.0 }, reward);
                if round % 100 == 0 {
                    let known = difference.difference().unwrap();
                    ever_above |= known.ends.lower() > 0.0;
                    ever_accused |= difference.loses() <= 0.05;
                }
            }
            above += u32::from(ever_above);
            accused += u32::from(ever_accused);
        }
        assert!(above <= 26 && accused <= 26, "{above} {accused}");
    }

    #[test]
    fn a_cost_is_better_when_it_is_less() {
        let range = RewardRange::new(0.0, 100.0).unwrap();
        let mut difference = PairedDifference::new(range, true, Level::USUAL);
        for round in 0..10_000 {
            // The candidate shows the cheap arm alone.
            let cheap = round % 2 == 0;
            let cost = if cheap { 10.0 } else { 50.0 };
            difference.push(if cheap { 2.0 } else { 0.0 }, cost);
        }
        let known = difference.difference().unwrap();
        assert!((known.value - 20.0).abs() < 1e-9, "{known:?}");
        assert!(known.ends.lower() > 0.0);
    }

    #[test]
    fn holm_steps_down_until_one_holds() {
        assert_eq!(rejected([0.04, 0.01, 0.03, 0.005], 0.05), [3, 1]);
        assert_eq!(rejected([0.2, 0.3], 0.05), [0; 0]);
        assert_eq!(rejected([0.01, 0.02], 0.05), [0, 1]);
    }
}
