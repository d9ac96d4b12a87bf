//! Golden figures by plain re-computation, known truths, merging.

use super::*;
use crate::domain::random::Generator;
use crate::evaluation::logged::{Predictions, Rounds, UncheckedRounds};
use crate::evaluation::reward_model::fold_of;
use crate::evaluation::target::TargetTable;

const ACTIONS: usize = 4;
/// The logging policy, the target and the true reward rates.
const LOGGING: [f64; ACTIONS] = [0.55, 0.3, 0.1, 0.05];
const TARGET: [f64; ACTIONS] = [0.1, 0.2, 0.3, 0.4];
const RATE: [f64; ACTIONS] = [0.1, 0.2, 0.4, 0.5];
/// Σ π(a)·rate(a).
const TRUTH: f64 = 0.37;

fn target() -> TargetTable {
    TargetTable::new(&[TARGET.to_vec()]).unwrap()
}

fn pick(generator: &mut Generator, weights: &[f64]) -> usize {
    let mut left = generator.next_uniform();
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    weights.len() - 1
}

/// A log whose model is wrong by `model_error` for every action.
fn columns(seed: u64, rounds: usize, model_error: f64) -> UncheckedRounds {
    let mut generator = Generator::from_seed(seed);
    let mut columns = UncheckedRounds::default();
    let mut model = Predictions::default();
    let mut balanced = Vec::new();
    for _ in 0..rounds {
        let action = pick(&mut generator, &LOGGING);
        columns.action.push(u32::try_from(action).unwrap());
        columns.position.push(0);
        columns.propensity.push(LOGGING[action]);
        let reward = generator.next_uniform() < RATE[action];
        columns.reward.push(f64::from(u8::from(reward)));
        model.logged.push(RATE[action] + model_error);
        model.target.push(TRUTH + model_error);
        balanced.push(TARGET[action] / LOGGING[action]);
    }
    columns.predictions = Some(model);
    columns.balanced_weight = Some(balanced);
    columns
}

fn rounds(columns: UncheckedRounds) -> Rounds {
    Rounds::new(columns, &target(), RewardRange::UNIT).unwrap()
}

fn estimate(estimator: Estimator, rounds: &Rounds) -> Estimate {
    let mut accumulator = Accumulator::new(estimator).unwrap();
    accumulator.add(rounds).unwrap();
    accumulator.estimate(RewardRange::UNIT).unwrap()
}

/// Those that these logs have columns for.
fn mergeable() -> impl Iterator<Item = Estimator> {
    let all = Estimator::all().into_iter();
    all.filter(|estimator| {
        Accumulator::new(*estimator).is_some() && estimator.needs() != Some(Column::Embedding)
    })
}

#[test]
fn names_are_read_and_written_alike() {
    for estimator in Estimator::all() {
        assert_eq!(estimator.to_string().parse(), Ok(estimator));
    }
    let other: Estimator = "switch_dr_2.5".parse().unwrap();
    assert_eq!(
        other,
        Estimator::SwitchDr(SwitchDoublyRobust { threshold: 2.5 })
    );
    for name in [
        "",
        "IPS",
        "ips_clip",
        "ips_clipNaN",
        "dros_-1",
        "sgdr_1.5",
        "dm_1",
        "dr_clipinf",
    ] {
        assert!(name.parse::<Estimator>().is_err(), "{name} is no estimator");
    }
}

/// Each estimator, written out once more as a plain loop over rounds.
#[test]
fn every_estimator_equals_its_definition() {
    let raw = columns(11, 1_337, 0.05);
    let model = raw.predictions.clone().unwrap();
    let weight: Vec<f64> = raw
        .action
        .iter()
        .map(|action| TARGET[*action as usize] / LOGGING[*action as usize])
        .collect();
    let n = weight.len() as f64;
    let mean = |term: &dyn Fn(usize) -> f64| (0..weight.len()).map(term).sum::<f64>() / n;
    let (reward, direct, logged) = (&raw.reward, &model.target, &model.logged);
    let corrected = |rule: &dyn Fn(f64) -> f64| {
        mean(&|i| direct[i] + rule(weight[i]) * (reward[i] - logged[i]))
    };
    let mean_weight = mean(&|i| weight[i]);
    let ips = mean(&|i| weight[i] * reward[i]);
    let direct_mean = mean(&|i| direct[i]);
    let residual = mean(&|i| weight[i] * (reward[i] - logged[i]));
    let expected = [
        ("ips", ips),
        ("ips_clip1", mean(&|i| weight[i].min(1.0) * reward[i])),
        ("ips_clip2.5", mean(&|i| weight[i].min(2.5) * reward[i])),
        ("snips", ips / mean_weight),
        ("bipw", ips / mean_weight),
        ("dm", direct_mean),
        ("dr", corrected(&|w| w)),
        ("dr_clip2", corrected(&|w| w.min(2.0))),
        ("sndr", direct_mean + residual / mean_weight),
        (
            "switch_dr_1",
            corrected(&|w| if w <= 1.0 { w } else { 0.0 }),
        ),
        ("switch_dr_8", corrected(&|w| w)),
        ("dros_1", corrected(&|w| w / (w * w + 1.0))),
        ("dros_0", direct_mean),
        (
            "sgipw_0.5",
            mean(&|i| weight[i] / (0.5 + 0.5 * weight[i]) * reward[i]),
        ),
        ("sgdr_0.1", corrected(&|w| w / (0.9 + 0.1 * w))),
    ];
    let rounds = rounds(raw.clone());
    for (name, expected) in expected {
        let value = estimate(name.parse().unwrap(), &rounds).value;
        let error = (value / expected - 1.0).abs();
        assert!(error < 1e-12, "{name}: {value} is not {expected}");
    }
}

#[test]
fn parts_that_merge_equal_one_pass_in_either_order() {
    let parts = [
        rounds(columns(1, 2_001, 0.02)),
        rounds(columns(2, 700, 0.02)),
    ];
    for estimator in mergeable() {
        let mut whole = Accumulator::new(estimator).unwrap();
        let mut halves = [whole.clone(), whole.clone()];
        for (half, part) in halves.iter_mut().zip(&parts) {
            whole.add(part).unwrap();
            half.add(part).unwrap();
        }
        let expected = whole.estimate(RewardRange::UNIT).unwrap();
        for order in [[0, 1], [1, 0]] {
            let mut merged = halves[order[0]].clone();
            merged.merge(&halves[order[1]]).unwrap();
            let ours = merged.estimate(RewardRange::UNIT).unwrap();
            assert_eq!(ours.rounds, 2_701);
            assert!((ours.value - expected.value).abs() < 1e-14, "{estimator}");
            if let (Some(ours), Some(theirs)) = (ours.standard_error, expected.standard_error) {
                assert!((ours - theirs).abs() < 1e-14, "{estimator}");
            }
        }
    }
    let mut left = Accumulator::new(Estimator::Mle).unwrap();
    assert!(
        left.merge(&Accumulator::new(Estimator::CressieRead).unwrap())
            .is_err()
    );
}

/// With right propensities these are unbiased or consistent, though the model
/// is wrong by 0.1. 400 logs of 500 rounds: the mean of the estimates is within
/// 4 of its own Monte Carlo standard errors, with 0.002 for biases of order
/// 1/n, and the mean standard error is within 15 % of the estimates'
/// deviation.
#[test]
fn what_should_be_unbiased_is_and_standard_errors_are_honest() {
    for name in ["ips", "snips", "dr", "sndr", "bipw"] {
        let (bias, noise, ratio) = study(name, 400, 500);
        assert!(bias.abs() < 4.0 * noise + 0.002, "{name}: bias {bias}");
        assert!((ratio.unwrap() - 1.0).abs() < 0.15, "{name}: {ratio:?}");
    }
}

/// Empirical likelihood gives mass that the weights leave over the sample's
/// mean reward, which pulls it there by some 1/√n: consistent, not unbiased.
#[test]
fn empirical_likelihood_is_consistent() {
    for name in ["mle", "cressieread"] {
        for (logs, rounds) in [(400, 500), (40, 20_000)] {
            let (bias, noise, _) = study(name, logs, rounds);
            let order = 0.3 / (rounds as f64).sqrt();
            assert!(bias.abs() < 4.0 * noise + order, "{name}: bias {bias}");
        }
    }
}

/// The bias over many logs, its Monte Carlo standard error, and the mean
/// standard error that is claimed over the deviation that there is.
fn study(name: &str, logs: u64, length: usize) -> (f64, f64, Option<f64>) {
    let estimator: Estimator = name.parse().unwrap();
    let estimates: Vec<Estimate> = (0..logs)
        .map(|seed| estimate(estimator, &rounds(columns(1_000 + seed, length, 0.1))))
        .collect();
    let count = estimates.len() as f64;
    let mean = estimates.iter().map(|estimate| estimate.value).sum::<f64>() / count;
    let square = |estimate: &Estimate| (estimate.value - mean) * (estimate.value - mean);
    let variance = estimates.iter().map(square).sum::<f64>() / (count - 1.0);
    let claimed: Option<Vec<f64>> = estimates
        .iter()
        .map(|estimate| estimate.standard_error)
        .collect();
    let ratio = claimed.map(|claimed| claimed.iter().sum::<f64>() / count / variance.sqrt());
    (mean - TRUTH, (variance / count).sqrt(), ratio)
}

/// A right model makes the direct method exact and the others nearly so,
/// clipped or not.
#[test]
fn a_right_model_leaves_no_bias() {
    let names = ["dm", "dr_clip1", "switch_dr_1", "dros_1", "sgdr_0.5"];
    for name in names {
        let estimator: Estimator = name.parse().unwrap();
        let estimates: Vec<f64> = (0..200)
            .map(|seed| estimate(estimator, &rounds(columns(5_000 + seed, 500, 0.0))).value)
            .collect();
        let count = estimates.len() as f64;
        let mean = estimates.iter().sum::<f64>() / count;
        let variance = estimates
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum::<f64>();
        let tolerance = 4.0 * (variance / count / (count - 1.0)).sqrt() + 1e-12;
        assert!(
            (mean - TRUTH).abs() < tolerance,
            "{name}: {mean} is not {TRUTH}"
        );
    }
}

fn cross_fitted(model: CellModel, rounds: &Rounds) -> Estimate {
    let mut cells = CrossFittedCells::new(&target());
    cells.add(rounds);
    cells.estimate(model, &target()).unwrap()
}

/// The sums give what a loop over rounds gives, which predicts each round from
/// the other folds.
#[test]
fn cross_fitting_by_sums_equals_a_loop_over_rounds() {
    let raw = columns(21, 900, 0.0);
    let folds: Vec<usize> = (0..900).map(|round| fold_of(round, 5)).collect();
    for model in [CellModel::Mean, CellModel::LeastVariance] {
        let weight = |round: usize| {
            let action = raw.action[round] as usize;
            TARGET[action] / LOGGING[action]
        };
        let others = |fold: usize, action: Option<u32>| {
            let mut sums = [0.0; 4];
            for round in (0..900).filter(|round| folds[*round] != fold) {
                if action.is_none_or(|action| action == raw.action[round]) {
                    let importance = weight(round) * weight(round) * (1.0 - raw.propensity[round]);
                    let reward = raw.reward[round];
                    for (sum, term) in
                        sums.iter_mut()
                            .zip([1.0, reward, importance, importance * reward])
                    {
                        *sum += term;
                    }
                }
            }
            sums
        };
        let predict = |fold: usize, action: u32| {
            let all = others(fold, None);
            let [n, sum, importance, important] = others(fold, Some(action));
            let plain = (sum + all[1] / all[0]) / (n + 1.0);
            match model {
                CellModel::Mean => plain,
                CellModel::LeastVariance => {
                    let one = importance / n;
                    (important + one * plain) / (importance + one)
                }
            }
        };
        let predicted: Vec<Vec<f64>> = (0..5)
            .map(|fold| (0..4).map(|action| predict(fold, action)).collect())
            .collect();
        let scores: Vec<f64> = (0..900)
            .map(|round| {
                let q = &predicted[folds[round]];
                let expected: f64 = q.iter().zip(TARGET).map(|(q, p)| q * p).sum();
                expected + weight(round) * (raw.reward[round] - q[raw.action[round] as usize])
            })
            .collect();
        let mean = scores.iter().sum::<f64>() / 900.0;
        let variance = scores.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / 899.0;
        let ours = cross_fitted(model, &rounds(raw.clone()));
        assert!((ours.value - mean).abs() < 1e-12);
        let error = (variance / 900.0).sqrt();
        assert!((ours.standard_error.unwrap() - error).abs() < 1e-12);
    }
}

/// 400 logs of 500 rounds: the mean is within 4 of its Monte Carlo errors of the
/// truth, standard errors are honest, and merging two parts equals their sums.
#[test]
fn cross_fitted_estimates_are_unbiased_and_merge() {
    for model in [CellModel::Mean, CellModel::LeastVariance] {
        let estimates: Vec<Estimate> = (0..400)
            .map(|seed| cross_fitted(model, &rounds(columns(3_000 + seed, 500, 0.0))))
            .collect();
        let mean = estimates.iter().map(|it| it.value).sum::<f64>() / 400.0;
        let squares = estimates
            .iter()
            .map(|it| (it.value - mean) * (it.value - mean));
        let deviation = (squares.sum::<f64>() / 399.0).sqrt();
        assert!((mean - TRUTH).abs() < 4.0 * deviation / 20.0, "{mean}");
        let claimed = estimates
            .iter()
            .map(|it| it.standard_error.unwrap())
            .sum::<f64>()
            / 400.0;
        assert!(
            (claimed / deviation - 1.0).abs() < 0.15,
            "{claimed}, {deviation}"
        );
    }
    let parts = [rounds(columns(1, 700, 0.0)), rounds(columns(2, 300, 0.0))];
    let mut halves = parts.each_ref().map(|part| {
        let mut cells = CrossFittedCells::new(&target());
        cells.add(part);
        cells
    });
    let second = halves[1].clone();
    let mut other = second.clone();
    other.merge(&halves[0]);
    halves[0].merge(&second);
    let one = halves[0].estimate(CellModel::Mean, &target()).unwrap();
    let two = other.estimate(CellModel::Mean, &target()).unwrap();
    assert_eq!(one.rounds, 1_000);
    assert!((one.value - two.value).abs() < 1e-12);
    assert!((one.value - TRUTH).abs() < 0.15);
}

/// Replay of a uniform log and a certain target is the mean of matched rounds;
/// for a target that draws it is consistent: 0.4 is the truth here, with a
/// standard error of about 0.005.
#[test]
fn replay_is_the_mean_of_matched_rounds() {
    let mut generator = Generator::from_seed(2);
    let mut columns = UncheckedRounds::default();
    let (mut matched, mut rewards) = (0.0, 0.0);
    for _ in 0..20_000 {
        let action = pick(&mut generator, &[0.25; 4]);
        let reward = f64::from(u8::from(generator.next_uniform() < RATE[action]));
        if action == 2 {
            matched += 1.0;
            rewards += reward;
        }
        columns.action.push(u32::try_from(action).unwrap());
        columns.position.push(0);
        columns.propensity.push(0.25);
        columns.reward.push(reward);
    }
    let replay = |target: [f64; 4]| {
        let target = TargetTable::new(&[target.to_vec()]).unwrap();
        let rounds = Rounds::new(columns.clone(), &target, RewardRange::UNIT).unwrap();
        estimate(Estimator::Replay(Replay), &rounds)
    };
    assert!((replay([0.0, 0.0, 1.0, 0.0]).value - rewards / matched).abs() < 1e-12);
    assert!((replay(TARGET).value - TRUTH).abs() < 0.02);
}

/// With a model that is wrong by 0.3 every cut biases, and both rules stay near
/// the unbiased end; with a right one SLOPE cuts, and neither errs more than the
/// plain estimator.
#[test]
fn parameters_are_chosen_by_what_they_cost() {
    for tuned in Tuned::all().filter(|tuned| tuned.family != Family::IpsClip) {
        let run = |model_error: f64, seed: u64| {
            let mut candidates = TunedCandidates::new(tuned);
            candidates
                .add(&rounds(columns(seed, 4_000, model_error)))
                .unwrap();
            candidates.estimate(RewardRange::UNIT).unwrap()
        };
        for seed in 0..10 {
            let (_, wrong) = run(0.3, seed);
            // One standard error of doubly robust is 0.027 here.
            assert!(
                (wrong.value - TRUTH).abs() < 0.12,
                "{tuned}: {}",
                wrong.value
            );
            let (parameter, right) = run(0.0, seed);
            let cuts = if tuned.family == Family::Sgdr {
                parameter > 0.0
            } else {
                parameter < 8.0
            };
            assert!(cuts || tuned.rule == Rule::Mse, "{tuned}: {parameter}");
            let plain = estimate("dr".parse().unwrap(), &rounds(columns(seed, 4_000, 0.0)));
            assert!(right.standard_error.unwrap() <= plain.standard_error.unwrap());
        }
    }
}

#[test]
fn clipping_states_its_bias() {
    let rounds = rounds(columns(3, 20_000, 0.0));
    let plain = estimate("ips".parse().unwrap(), &rounds);
    let clipped = estimate("ips_clip2".parse().unwrap(), &rounds);
    let bound = clipped.bias_bound.unwrap();
    assert_eq!(plain.bias_bound, None);
    assert!(plain.value - clipped.value > 0.1);
    assert!(plain.value - clipped.value <= bound);
}

#[test]
fn nothing_is_estimated_from_nothing_or_from_missing_columns() {
    let mut bare = columns(1, 10, 0.0);
    bare.predictions = None;
    bare.balanced_weight = None;
    let bare = rounds(bare);
    for estimator in mergeable() {
        let mut accumulator = Accumulator::new(estimator).unwrap();
        assert_eq!(accumulator.estimate(RewardRange::UNIT), None);
        let added = accumulator.add(&bare);
        match estimator.needs() {
            Some(column) => assert_eq!(added, Err(MissingColumn(column))),
            None => assert_eq!(added, Ok(())),
        }
    }
}
