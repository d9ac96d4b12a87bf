//! Rounds as arrays in memory, as Open Bandit Pipeline has them: the target's
//! distribution and the model's predictions are matrices, one row a round.

use super::logged::{Column, Predictions, RoundFault};
use super::target::SUM_TOLERANCE;

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

/// What rows come to.
pub(super) struct Summed {
    /// π(aᵢ).
    pub chosen: Vec<f64>,
    /// Σᵢ π of every action.
    pub mass: Vec<f64>,
    pub predictions: Option<Predictions>,
}

impl Arrays<'_> {
    pub(super) fn sum_up(&self) -> Result<Summed, RoundFault> {
        let rows = self.reward.len();
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
        let mut rows = Rows::new(rows, self.actions);
        rows.read(self.target, self.predictions.unwrap_or(self.target));
        self.check_rows(&rows)?;
        let place = |index: usize, action: &u32| index * self.actions + *action as usize;
        let logged = |matrix: &[f64]| -> Vec<f64> {
            let places = self.action.iter().enumerate();
            places
                .map(|(index, action)| matrix[place(index, action)])
                .collect()
        };
        let predictions = self.predictions.map(|all| {
            for (dot, total) in rows.dots.iter_mut().zip(&rows.totals) {
                *dot /= total;
            }
            Predictions {
                logged: logged(all),
                target: rows.dots,
            }
        });
        Ok(Summed {
            chosen: logged(self.target),
            mass: rows.mass,
            predictions,
        })
    }

    fn check_actions(&self) -> Result<(), RoundFault> {
        let outside = |action: &u32| *action as usize >= self.actions;
        if let Some(index) = self.action.iter().position(outside) {
            let expected = format!("below {}, as the target has {0}", self.actions);
            let value = f64::from(self.action[index]);
            return Err(fault(index, Column::Action, value, expected));
        }
        Ok(())
    }

    /// Every distribution sums to 1 and has no entry below 0, so none above 1; a
    /// prediction that is not finite leaves no finite sum, not even where its
    /// probability is 0.
    fn check_rows(&self, rows: &Rows) -> Result<(), RoundFault> {
        let off = |total: &f64| !((total - 1.0).abs() <= SUM_TOLERANCE);
        if rows.least < 0.0
            || rows
                .totals
                .iter()
                .fold(false, |any, total| any | off(total))
        {
            let wrong = |value: &f64| !(0.0..=1.0).contains(value);
            if let Some(place) = self.target.iter().position(wrong) {
                let expected = "a probability in [0, 1]".to_owned();
                let column = Column::TargetDistribution;
                return Err(fault(
                    place / self.actions,
                    column,
                    self.target[place],
                    expected,
                ));
            }
            if let Some(index) = rows.totals.iter().position(off) {
                let expected = format!("a sum of 1 within {SUM_TOLERANCE}");
                let value = rows.totals[index];
                return Err(fault(index, Column::TargetDistribution, value, expected));
            }
        }
        let finite = rows
            .dots
            .iter()
            .fold(true, |all, dot| all & dot.is_finite());
        if finite {
            return Ok(());
        }
        let values = self.predictions.unwrap_or_default().iter().enumerate();
        let wrong = { values }.find(|(_, value)| !value.is_finite());
        // Finite predictions have a finite sum unless they are beyond 1e300.
        let (place, value) = wrong.map_or((0, f64::INFINITY), |(place, value)| (place, *value));
        let expected = "finite".to_owned();
        Err(fault(
            place / self.actions,
            Column::Prediction,
            value,
            expected,
        ))
    }
}

/// What one sweep over both matrices gives.
struct Rows {
    actions: usize,
    /// Σₐ π(a).
    totals: Vec<f64>,
    /// Σₐ π(a)·q(a).
    dots: Vec<f64>,
    mass: Vec<f64>,
    /// The least entry of the target's matrix.
    least: f64,
}

/// Sums that run side by side within a row.
const LANES: usize = 2;

impl Rows {
    fn new(rows: usize, actions: usize) -> Self {
        Self {
            actions,
            totals: vec![0.0; rows],
            dots: vec![0.0; rows],
            mass: vec![0.0; actions],
            least: f64::INFINITY,
        }
    }

    /// Sweeps. Rows of a width that the compiler knows are unrolled and kept in
    /// registers, which is three times as fast.
    fn read(&mut self, target: &[f64], predictions: &[f64]) {
        match self.actions {
            2 => self.unrolled::<2>(target, predictions),
            3 => self.unrolled::<3>(target, predictions),
            4 => self.unrolled::<4>(target, predictions),
            5 => self.unrolled::<5>(target, predictions),
            6 => self.unrolled::<6>(target, predictions),
            8 => self.unrolled::<8>(target, predictions),
            10 => self.unrolled::<10>(target, predictions),
            12 => self.unrolled::<12>(target, predictions),
            16 => self.unrolled::<16>(target, predictions),
            actions => {
                let mut mass = vec![0.0; actions];
                let rows = target
                    .chunks_exact(actions)
                    .zip(predictions.chunks_exact(actions));
                self.sweep(rows, &mut mass);
            }
        }
    }

    fn unrolled<const ACTIONS: usize>(&mut self, target: &[f64], predictions: &[f64]) {
        let mut mass = [0.0; ACTIONS];
        let predictions = predictions.as_chunks::<ACTIONS>().0.iter();
        let rows = target.as_chunks::<ACTIONS>().0.iter().zip(predictions);
        let rows = rows.map(|(target, predictions)| (&target[..], &predictions[..]));
        self.sweep(rows, &mut mass);
    }

    #[inline(always)]
    fn sweep<'a>(&mut self, rows: impl Iterator<Item = (&'a [f64], &'a [f64])>, mass: &mut [f64]) {
        let mut least = [f64::INFINITY; LANES];
        let sums = self.totals.iter_mut().zip(&mut self.dots);
        for ((target, predictions), (total, dot)) in rows.zip(sums) {
            let (mut totals, mut dots) = ([0.0; LANES], [0.0; LANES]);
            let columns = target.iter().zip(predictions).zip(mass.iter_mut());
            for (place, ((probability, predicted), mass)) in columns.enumerate() {
                let lane = place % LANES;
                totals[lane] += probability;
                dots[lane] += probability * predicted;
                // A comparison, not `min`, whose rule for NaN costs more; a NaN shows
                // in the total.
                if *probability < least[lane] {
                    least[lane] = *probability;
                }
                *mass += probability;
            }
            *total = totals[0] + totals[1];
            *dot = dots[0] + dots[1];
        }
        self.mass.copy_from_slice(mass);
        self.least = least.into_iter().fold(self.least, f64::min);
    }
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
mod tests {
    use super::super::logged::{RewardRange, Rounds};
    use super::*;

    fn arrays<'a>(target: &'a [f64], predictions: &'a [f64], action: &'a [u32]) -> Arrays<'a> {
        Arrays {
            actions: 2,
            reward: &[1.0, 0.0],
            action,
            propensity: &[0.5, 0.25],
            target,
            predictions: Some(predictions),
        }
    }

    #[test]
    fn rows_are_summed_up_for_their_own_target() {
        let arrays = arrays(&[0.25, 0.75, 1.0, 0.0], &[0.5, 0.1, 0.2, 0.4], &[1, 0]);
        let rounds = Rounds::of_arrays(&arrays, RewardRange::UNIT).unwrap();
        assert_eq!(rounds.weight(), [1.5, 4.0]);
        let view = rounds.view(0..2);
        let model = view.predictions().unwrap();
        assert_eq!(model.logged, [0.1, 0.2]);
        assert!((model.target[0] - 0.2).abs() < 1e-15 && model.target[1] == 0.2);
    }

    #[test]
    fn what_cannot_be_is_named_with_its_row_and_column() {
        let good = ([0.25, 0.75, 1.0, 0.0], [0.5, 0.1, 0.2, 0.4], [1, 0]);
        type Spoil = fn(&mut ([f64; 4], [f64; 4], [u32; 2]));
        let cases: [(Spoil, &str); 5] = [
            (
                |it| it.0[3] = -0.5,
                "row 1, column target distribution: -0.5",
            ),
            (
                |it| it.0[1] = f64::NAN,
                "row 0, column target distribution: NaN",
            ),
            (
                |it| it.0[0] = 0.5,
                "row 0, column target distribution: 1.25",
            ),
            (
                |it| it.1[3] = f64::NAN,
                "row 1, column reward prediction: NaN",
            ),
            (|it| it.2[1] = 2, "row 1, column action: 2 is not below 2"),
        ];
        for (spoil, message) in cases {
            let mut columns = good;
            spoil(&mut columns);
            let arrays = arrays(&columns.0, &columns.1, &columns.2);
            let refused = Rounds::of_arrays(&arrays, RewardRange::UNIT).unwrap_err();
            assert!(refused.to_string().starts_with(message), "{refused}");
        }
    }
}
