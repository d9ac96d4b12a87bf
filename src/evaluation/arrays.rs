//! Rounds as arrays in memory, as Open Bandit Pipeline has them: the target's
//! distribution and the model's predictions are matrices, one row a round.

use std::ops::Range;

use super::logged::{Column, RoundFault};
use super::target::SUM_TOLERANCE;

/// Rows of a chunk: what is written of them fits the first cache beside the rows
/// themselves, and more rows would push each other out.
const CHUNK: usize = 128;

/// Arrays that fit together; matrices lie row by row, one row a round, one
/// column an action.
#[derive(Debug, Clone, Copy)]
pub struct Arrays<'a> {
    /// How many actions there are: 1 or more.
    pub actions: usize,
    /// r.
    pub reward: &'a [f64],
    /// a, from 0.
    pub action: &'a [u32],
    /// p₀(a).
    pub propensity: &'a [f64],
    /// π of every action.
    pub target: &'a [f64],
    /// q of every action, where there is a model.
    pub predictions: Option<&'a [f64]>,
}

/// What rows come to: columns that a caller keeps from one block to the next.
pub(super) struct Swept<'a> {
    /// wᵢ.
    pub weight: &'a mut [f64],
    /// q(aᵢ).
    pub logged: &'a mut [f64],
    /// q(π).
    pub expected: &'a mut [f64],
    /// Σᵢ π of every action.
    pub mass: &'a mut [f64],
}

impl<'a> Arrays<'a> {
    /// How many rounds there are.
    #[must_use]
    pub const fn rounds(&self) -> usize {
        self.reward.len()
    }

    /// Some of the rounds.
    ///
    /// # Panics
    /// When the range reaches beyond the arrays.
    #[must_use]
    pub fn block(&self, rounds: Range<usize>) -> Self {
        let cells = rounds.start * self.actions..rounds.end * self.actions;
        Self {
            actions: self.actions,
            reward: &self.reward[rounds.clone()],
            action: &self.action[rounds.clone()],
            propensity: &self.propensity[rounds],
            target: &self.target[cells.clone()],
            predictions: self.predictions.map(|all| &all[cells]),
        }
    }

    /// Reads both matrices once. Without predictions, what is said of them means
    /// nothing.
    pub(super) fn sweep(&self, swept: &mut Swept<'_>) -> Result<(), RoundFault> {
        let rows = self.rounds();
        let cells = rows * self.actions;
        assert!(
            self.actions > 0
                && self.action.len() == rows
                && self.propensity.len() == rows
                && self.target.len() == cells
                && self.predictions.is_none_or(|all| all.len() == cells),
            "arrays of rounds fit together"
        );
        self.check_actions()?;
        match self.actions {
            2 => self.sweep_unrolled::<2>(swept),
            3 => self.sweep_unrolled::<3>(swept),
            4 => self.sweep_unrolled::<4>(swept),
            5 => self.sweep_unrolled::<5>(swept),
            6 => self.sweep_unrolled::<6>(swept),
            8 => self.sweep_unrolled::<8>(swept),
            10 => self.sweep_unrolled::<10>(swept),
            12 => self.sweep_unrolled::<12>(swept),
            16 => self.sweep_unrolled::<16>(swept),
            actions => {
                let mut mass = vec![0.0; actions];
                let mut least = vec![f64::INFINITY; actions];
                self.sweep_chunks(
                    swept,
                    &mut mass[..],
                    &mut least[..],
                    |target, predictions| {
                        let target = target.chunks_exact(actions);
                        target.zip(predictions.chunks_exact(actions))
                    },
                )
            }
        }
    }

    /// Rows of a width that the compiler knows are unrolled, and what is kept of
    /// each column stays in registers: three times as fast.
    fn sweep_unrolled<const ACTIONS: usize>(
        &self,
        swept: &mut Swept<'_>,
    ) -> Result<(), RoundFault> {
        let (mut mass, mut least) = ([0.0; ACTIONS], [f64::INFINITY; ACTIONS]);
        self.sweep_chunks(swept, &mut mass, &mut least, |target, predictions| {
            let predictions = predictions.as_chunks::<ACTIONS>().0.iter();
            let rows = target.as_chunks::<ACTIONS>().0.iter().zip(predictions);
            rows.map(|(target, predictions)| (&target[..], &predictions[..]))
        })
    }

    /// Chunk by chunk; `rows` takes the two matrices apart. What is kept of each
    /// column is its sum and the least π.
    #[inline(always)]
    fn sweep_chunks<I: Iterator<Item = (&'a [f64], &'a [f64])>>(
        &self,
        swept: &mut Swept<'_>,
        mass: &mut [f64],
        least: &mut [f64],
        rows: impl Fn(&'a [f64], &'a [f64]) -> I,
    ) -> Result<(), RoundFault> {
        let mut sums = Sums::NONE;
        let mut sound = true;
        for start in (0..self.rounds()).step_by(CHUNK) {
            let span = start..(start + CHUNK).min(self.rounds());
            let chunk = self.block(span.clone());
            let cells = rows(chunk.target, chunk.predictions.unwrap_or(chunk.target));
            let chosen = &mut swept.weight[span.clone()];
            let logged = &mut swept.logged[span.clone()];
            let kept = chosen.iter_mut().zip(logged).zip(chunk.action);
            sums.read(cells, kept, mass, least);
            sound &= sums.divide(&mut swept.expected[span.clone()]);
            for (weight, propensity) in swept.weight[span].iter_mut().zip(chunk.propensity) {
                *weight /= propensity;
            }
        }
        // A NaN is not below 0, but shows in its row's total.
        if !sound || least.iter().any(|least| *least < 0.0) {
            self.find_fault()?;
        }
        swept.mass.copy_from_slice(mass);
        Ok(())
    }

    fn check_actions(&self) -> Result<(), RoundFault> {
        let largest = self.action.iter().fold(0, |most, action| most.max(*action));
        if (largest as usize) < self.actions {
            return Ok(());
        }
        let outside = |action: &u32| *action as usize >= self.actions;
        let first = self.action.iter().position(outside);
        first.map_or(Ok(()), |index| {
            let expected = format!("below {}, as the target has {0}", self.actions);
            let value = f64::from(self.action[index]);
            Err(fault(index, Column::Action, value, expected))
        })
    }

    /// Names the first entry that is not allowed. Every distribution sums to 1 and
    /// has no entry below 0, so none above 1; a prediction that is not finite leaves
    /// no finite sum, not even where its probability is 0.
    fn find_fault(&self) -> Result<(), RoundFault> {
        let row = |place: usize| place / self.actions;
        let wrong = |value: &f64| !(0.0..=1.0).contains(value);
        let column = Column::TargetDistribution;
        if let Some(place) = self.target.iter().position(wrong) {
            let expected = "a probability in [0, 1]".to_owned();
            return Err(fault(row(place), column, self.target[place], expected));
        }
        let totals = self.target.chunks_exact(self.actions).map(total);
        let off = |(_, total): &(usize, f64)| !is_one(*total);
        if let Some((index, value)) = totals.enumerate().find(off) {
            let expected = format!("a sum of 1 within {SUM_TOLERANCE}");
            return Err(fault(index, column, value, expected));
        }
        let predictions = self.predictions.unwrap_or_default();
        let wrong = |value: &f64| !value.is_finite();
        // Finite predictions have a finite sum unless they are beyond 1e300.
        let (index, value) = { predictions.iter().position(wrong) }
            .map_or((0, f64::INFINITY), |place| (row(place), predictions[place]));
        Err(fault(index, Column::Prediction, value, "finite".to_owned()))
    }
}

/// Sums that run side by side within a row: the second is of every other action.
const LANES: usize = 2;

/// The sums of a chunk's rows. The lanes of a sum are put together later, so that
/// they share a register while rows are read.
struct Sums {
    /// Σₐ π(a).
    total: [[f64; LANES]; CHUNK],
    /// Σₐ π(a)·q(a).
    dot: [[f64; LANES]; CHUNK],
}

impl Sums {
    const NONE: Self = Self {
        total: [[0.0; LANES]; CHUNK],
        dot: [[0.0; LANES]; CHUNK],
    };

    /// Reads a chunk's rows; no branch depends on what stands there. `kept` takes
    /// π(aᵢ) and q(aᵢ).
    #[inline(always)]
    fn read<'a, 'b>(
        &mut self,
        rows: impl Iterator<Item = (&'a [f64], &'a [f64])>,
        kept: impl Iterator<Item = ((&'b mut f64, &'b mut f64), &'b u32)>,
        mass: &mut [f64],
        least: &mut [f64],
    ) {
        let sums = self.total.iter_mut().zip(&mut self.dot);
        let rows = rows.zip(kept.zip(sums));
        for ((target, predictions), (((chosen, logged), action), (total, dot))) in rows {
            let (mut totals, mut dots) = ([0.0; LANES], [0.0; LANES]);
            let cells = target.iter().zip(predictions);
            let columns = cells.zip(mass.iter_mut().zip(least.iter_mut()));
            for (place, ((probability, predicted), (mass, least))) in columns.enumerate() {
                let lane = place % LANES;
                totals[lane] += probability;
                dots[lane] += probability * predicted;
                *mass += probability;
                // A comparison, not `min`, whose rule for NaN costs more.
                if *probability < *least {
                    *least = *probability;
                }
            }
            (*total, *dot) = (totals, dots);
            *chosen = target[*action as usize];
            *logged = predictions[*action as usize];
        }
    }

    /// Writes q(π) of the rows that were read; whether each of them has a total of
    /// 1 and a finite q(π).
    fn divide(&self, expected: &mut [f64]) -> bool {
        let mut sound = true;
        for (expected, (dot, total)) in expected.iter_mut().zip(self.dot.iter().zip(&self.total)) {
            let (dot, total) = (dot[0] + dot[1], total[0] + total[1]);
            *expected = dot / total;
            sound &= is_one(total) & dot.is_finite();
        }
        sound
    }
}

fn is_one(total: f64) -> bool {
    (total - 1.0).abs() <= SUM_TOLERANCE
}

/// The sum of a row, in the order of [`Sums::read`].
fn total(row: &[f64]) -> f64 {
    let lane = |lane: usize| row.iter().skip(lane).step_by(LANES).sum::<f64>();
    lane(0) + lane(1)
}

fn fault(index: usize, column: Column, value: f64, expected: String) -> RoundFault {
    RoundFault {
        index,
        column,
        value,
        expected,
    }
}

#[cfg(test)]
mod tests;
