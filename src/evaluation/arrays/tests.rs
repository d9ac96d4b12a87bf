use super::super::diagnostics::Thresholds;
use super::super::interval::Level;
use super::super::logged::{RewardRange, Rounds};
use super::super::pass::{Pass, Question};
use super::super::target::TargetTable;
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

/// Rounds of a law whose weights are easy: π is uneven, p₀ even.
struct Law {
    actions: usize,
    reward: Vec<f64>,
    action: Vec<u32>,
    propensity: Vec<f64>,
    target: Vec<f64>,
    predictions: Vec<f64>,
}

impl Law {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // few of each
    fn new(rounds: usize, actions: usize) -> Self {
        let even = 1.0 / actions as f64;
        let tilt = |place: usize| if place == 0 { 0.5 * even } else { 0.0 };
        let uneven = |place: usize| even + tilt(place) - tilt(actions - 1 - place);
        let cells = 0..rounds * actions;
        Self {
            actions,
            reward: (0..rounds)
                .map(|row| f64::from(u8::from(row % 3 == 0)))
                .collect(),
            action: (0..rounds).map(|row| (row % actions) as u32).collect(),
            propensity: vec![even; rounds],
            target: cells.clone().map(|cell| uneven(cell % actions)).collect(),
            predictions: cells.map(|cell| (cell % 17) as f64 / 17.0).collect(),
        }
    }

    fn arrays(&self) -> Arrays<'_> {
        Arrays {
            actions: self.actions,
            reward: &self.reward,
            action: &self.action,
            propensity: &self.propensity,
            target: &self.target,
            predictions: Some(&self.predictions),
        }
    }

    /// IPS, DM and DR, round by round.
    #[allow(clippy::cast_precision_loss)] // few of each
    fn plainly(&self) -> [f64; 3] {
        let mut means = [0.0; 3];
        for (row, reward) in self.reward.iter().enumerate() {
            let cells = row * self.actions..(row + 1) * self.actions;
            let (target, predictions) = (&self.target[cells.clone()], &self.predictions[cells]);
            let expected: f64 = target.iter().zip(predictions).map(|(p, q)| p * q).sum();
            let action = self.action[row] as usize;
            let weight = target[action] / self.propensity[row];
            means[0] += weight * reward;
            means[1] += expected;
            means[2] += expected + weight * (reward - predictions[action]);
        }
        means.map(|sum| sum / self.reward.len() as f64)
    }
}

fn pass(actions: usize) -> Pass {
    let estimators = ["ips", "dm", "dr"].map(|name| name.parse().unwrap());
    let question = Question {
        estimators: estimators.to_vec(),
        range: RewardRange::UNIT,
        largest_weight: None,
        level: Level::USUAL,
        bootstrap: None,
        poisson: None,
        independent: false,
        looks_ahead: false,
        portrait: false,
        thresholds: Thresholds::default(),
    };
    Pass::new(question, TargetTable::uniform(actions, 1).unwrap())
}

#[test]
fn blocks_and_chunks_of_any_width_say_what_single_rounds_say() {
    // Whole blocks and part of one; a width that is unrolled, an odd one, one that
    // is not unrolled.
    for (rounds, actions) in [(8_192 + 300, 10), (8_192 * 2, 3), (9_001, 7), (5, 2)] {
        let law = Law::new(rounds, actions);
        let mut pass = pass(actions);
        pass.add_arrays(&law.arrays()).unwrap();
        let answer = pass.answer();
        assert_eq!(answer.summary.rounds, rounds as u64);
        for ((estimator, estimate), plain) in answer.estimates.iter().zip(law.plainly()) {
            let gap = (estimate.value / plain - 1.0).abs();
            assert!(gap < 1e-12, "{estimator} of {rounds} × {actions}: {gap}");
        }
    }
}

#[test]
fn a_fault_beyond_the_first_block_is_named_by_its_row_of_the_whole() {
    let mut law = Law::new(20_000, 4);
    law.target[19_000 * 4 + 1] = f64::NAN;
    let refused = pass(4).add_arrays(&law.arrays()).unwrap_err();
    let message = "row 19000, column target distribution: NaN is not a probability in [0, 1]";
    assert_eq!(refused.to_string(), message);
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
