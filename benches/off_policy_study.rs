//! Open Bandit Pipeline's synthetic study, rebuilt: which estimator errs how much.
//!
//!     cargo bench --bench off_policy_study -- [SEEDS [ROUNDS]]
//!
//! Saito, Aihara, Matsutani, Narita (2021), "Open Bandit Dataset and Pipeline",
//! <https://arxiv.org/abs/2008.07146>, and the synthetic example of that package.
//! 20 seeds of 10,000 rounds when nothing is given. A context x is five standard
//! normal numbers; an action is one of 30. With coefficients drawn once a seed,
//! each even on [−1, 1], the rate of reward is
//!
//! q(x, a) = σ(θ·x̃ + φ·ã + x̃ᵀMã),  x̃ = (1, x), ã = (1, a's indicators),
//!
//! shifted by what that package subtracts (the logits' mean over their deviation).
//! The logging policy is softmax(−3·q). The target is learnt on another log of
//! the same law: multinomial logistic regression of the action on x̃, each rewarded
//! round weighted by 1/p₀, and the softmax of its probabilities. The reward model
//! is logistic regression on (1, x, a's indicators) without interactions, in three
//! folds: it cannot be right, which tells the estimators apart.
//!
//! An error is |estimate − truth| / truth, with the truth Σₐ π(a|x)·q(x, a) over the
//! same contexts.

use promobandit::domain::math;
use promobandit::domain::random::Generator;
use promobandit::evaluation::arrays::Arrays;
use promobandit::evaluation::estimator::{Accumulator, Estimator, Tuned, TunedCandidates};
use promobandit::evaluation::logged::{RewardRange, Rounds};
use promobandit::evaluation::reward_model::{CrossFitted, Link, NormalEquations, Row, fold_of};
use promobandit::learning::gaussian::standard_normal;
use rayon::prelude::*;

const ACTIONS: usize = 30;
const CONTEXT: usize = 5;
/// 1 and x.
const WIDE: usize = CONTEXT + 1;
/// 1, x and the action's indicators.
const FEATURES: usize = WIDE + ACTIONS;
const BETA: f64 = -3.0;
const FOLDS: usize = 3;
/// The inverse of that package's C = 1000.
const PENALTY: f64 = 1e-3;
/// Steps of the target's regression: each costs one look at the log.
const STEPS: usize = 300;

const NAMES: [&str; 8] = [
    "dm",
    "dros_10",
    "ips",
    "snips",
    "switch_dr_10",
    "dr",
    "sndr",
    "dros_slope",
];

struct Log {
    /// (1, x), round by round.
    contexts: Vec<[f64; WIDE]>,
    rates: Vec<[f64; ACTIONS]>,
    action: Vec<u32>,
    propensity: Vec<f64>,
    reward: Vec<f64>,
}

/// The coefficients of one seed.
struct Law {
    context: [f64; WIDE],
    action: [f64; ACTIONS + 1],
    both: Vec<[f64; ACTIONS + 1]>,
}

impl Law {
    fn draw(generator: &mut Generator) -> Self {
        let mut even = || 2.0 * generator.next_uniform() - 1.0;
        Self {
            context: std::array::from_fn(|_| even()),
            action: std::array::from_fn(|_| even()),
            both: (0..WIDE).map(|_| std::array::from_fn(|_| even())).collect(),
        }
    }

    fn logits(&self, context: &[f64; WIDE]) -> [f64; ACTIONS] {
        let dot = |column: &dyn Fn(usize) -> f64| -> f64 {
            context
                .iter()
                .enumerate()
                .map(|(place, x)| x * column(place))
                .sum()
        };
        let shared = dot(&|place| self.context[place] + self.both[place][0]) + self.action[0];
        std::array::from_fn(|action| {
            shared + self.action[action + 1] + dot(&|place| self.both[place][action + 1])
        })
    }

    fn log(&self, rounds: usize, generator: &mut Generator) -> Log {
        let contexts: Vec<[f64; WIDE]> = (0..rounds)
            .map(|_| {
                std::array::from_fn(|place| {
                    if place == 0 {
                        1.0
                    } else {
                        standard_normal(generator)
                    }
                })
            })
            .collect();
        let logits: Vec<[f64; ACTIONS]> = contexts.iter().map(|x| self.logits(x)).collect();
        let count = (rounds * ACTIONS) as f64;
        let mean = logits.iter().flatten().sum::<f64>() / count;
        let variance = logits
            .iter()
            .flatten()
            .map(|l| (l - mean) * (l - mean))
            .sum::<f64>()
            / count;
        let shift = mean / math::sqrt(variance);
        let mut log = Log {
            contexts,
            rates: Vec::new(),
            action: Vec::new(),
            propensity: Vec::new(),
            reward: Vec::new(),
        };
        for logits in logits {
            let rates = logits.map(|logit| math::logistic(logit - shift));
            let logging = softmax(rates.map(|rate| BETA * rate));
            let mut left = generator.next_uniform();
            let drawn = logging.iter().position(|probability| {
                left -= probability;
                left < 0.0
            });
            let action = drawn.unwrap_or(ACTIONS - 1);
            log.reward.push(f64::from(u8::from(
                generator.next_uniform() < rates[action],
            )));
            log.propensity.push(logging[action]);
            log.action.push(action as u32);
            log.rates.push(rates);
        }
        log
    }
}

fn softmax(scores: [f64; ACTIONS]) -> [f64; ACTIONS] {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = scores.map(|score| math::exp(score - most));
    let total: f64 = powers.iter().sum();
    powers.map(|power| power / total)
}

/// Multinomial logistic regression of the action on (1, x), each round weighted
/// by r/p₀, by the fixed bound on the curvature of Böhning (1992),
/// <https://doi.org/10.1007/BF00048682>.
fn learn_target(log: &Log) -> Vec<[f64; WIDE]> {
    let weights: Vec<f64> = log
        .reward
        .iter()
        .zip(&log.propensity)
        .map(|(r, p)| r / p)
        .collect();
    let mut coefficients = vec![[0.0; WIDE]; ACTIONS];
    for _ in 0..STEPS {
        let mut slopes: Vec<NormalEquations> = vec![NormalEquations::new(WIDE); ACTIONS];
        for ((context, weight), action) in log.contexts.iter().zip(&weights).zip(&log.action) {
            if *weight > 0.0 {
                let chosen = softmax(scores(&coefficients, context));
                for (place, equations) in slopes.iter_mut().enumerate() {
                    let hit = f64::from(u8::from(place == *action as usize));
                    // ½ bounds the curvature.
                    equations.add(context, 2.0 * (hit - chosen[place]), 0.5 * weight);
                }
            }
        }
        let mut largest = 0.0_f64;
        for (row, equations) in coefficients.iter_mut().zip(slopes) {
            let step = equations
                .solve(&[PENALTY; WIDE])
                .expect("contexts span their space");
            for (value, by) in row.iter_mut().zip(step) {
                *value += by;
                largest = largest.max(by.abs());
            }
        }
        if largest < 1e-4 {
            break;
        }
    }
    coefficients
}

fn scores(coefficients: &[[f64; WIDE]], context: &[f64; WIDE]) -> [f64; ACTIONS] {
    std::array::from_fn(|action| {
        let row = coefficients[action].iter().zip(context);
        row.map(|(coefficient, x)| coefficient * x).sum()
    })
}

fn features(context: &[f64; WIDE], action: usize) -> [f64; FEATURES] {
    let mut row = [0.0; FEATURES];
    row[..WIDE].copy_from_slice(context);
    row[WIDE + action] = 1.0;
    row
}

/// Each round's prediction of every action, by the model of the other folds.
fn predict(log: &Log) -> Vec<f64> {
    let rows: Vec<[f64; FEATURES]> = log
        .contexts
        .iter()
        .zip(&log.action)
        .map(|(context, action)| features(context, *action as usize))
        .collect();
    let examples = || {
        rows.iter()
            .zip(&log.reward)
            .enumerate()
            .map(|(index, (features, reward))| Row {
                fold: fold_of(index as u64, FOLDS),
                features,
                reward: *reward,
                weight: 1.0,
            })
    };
    let model = CrossFitted::fit(Link::Logistic, PENALTY, FOLDS, FEATURES, examples);
    let model = model.expect("both rewards are there");
    let every = log
        .contexts
        .iter()
        .enumerate()
        .flat_map(|(index, context)| {
            let fold = fold_of(index as u64, FOLDS);
            (0..ACTIONS).map(move |action| (fold, features(context, action)))
        });
    every
        .map(|(fold, features)| model.predict(fold, &features))
        .collect()
}

/// The relative errors of one seed, in the order of `NAMES`, and the largest weight.
fn study(seed: u64, rounds: usize) -> ([f64; NAMES.len()], f64) {
    let mut generator = Generator::from_seed(seed);
    let law = Law::draw(&mut generator);
    let learnt = learn_target(&law.log(rounds, &mut generator));
    let log = law.log(rounds, &mut generator);
    let target: Vec<[f64; ACTIONS]> = log
        .contexts
        .iter()
        .map(|context| softmax(softmax(scores(&learnt, context))))
        .collect();
    let earned = target.iter().zip(&log.rates);
    let earned =
        earned.map(|(target, rates)| target.iter().zip(rates).map(|(p, q)| p * q).sum::<f64>());
    let truth = earned.sum::<f64>() / rounds as f64;
    let predictions = predict(&log);
    let arrays = Arrays {
        actions: ACTIONS,
        reward: &log.reward,
        action: &log.action,
        propensity: &log.propensity,
        target: target.as_flattened(),
        predictions: Some(&predictions),
    };
    let weighed = Rounds::of_arrays(&arrays, RewardRange::UNIT).expect("a simulated log");
    let largest = weighed.weight().iter().copied().fold(0.0, f64::max);
    let errors = NAMES.map(|name| {
        let value = estimate(name.parse().expect("an estimator's name"), &weighed);
        (value - truth).abs() / truth
    });
    (errors, largest)
}

fn estimate(estimator: Estimator, rounds: &Rounds) -> f64 {
    let range = RewardRange::UNIT;
    let tuned = Tuned::all().find(|tuned| Estimator::Tuned(*tuned) == estimator);
    let value = if let Some(tuned) = tuned {
        let mut candidates = TunedCandidates::new(tuned);
        candidates.add(rounds).expect("predictions are there");
        candidates
            .estimate(range)
            .map(|(_, estimate)| estimate.value)
    } else {
        let mut accumulator = Accumulator::new(estimator).expect("it needs no order");
        accumulator.add(rounds).expect("predictions are there");
        accumulator.estimate(range).map(|estimate| estimate.value)
    };
    value.expect("there are rounds")
}

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let seeds = numbers.first().copied().unwrap_or(20);
    let rounds = numbers.get(1).copied().unwrap_or(10_000) as usize;
    let runs: Vec<_> = (0..seeds)
        .into_par_iter()
        .map(|seed| study(seed, rounds))
        .collect();
    println!("{seeds} seeds of {rounds} rounds, {ACTIONS} actions, behaviour β = {BETA}\n");
    println!("| estimator | relative error, mean | deviation over seeds |");
    println!("| --- | --- | --- |");
    let count = runs.len() as f64;
    for (place, name) in NAMES.iter().enumerate() {
        let errors: Vec<f64> = runs.iter().map(|(errors, _)| errors[place]).collect();
        let mean = errors.iter().sum::<f64>() / count;
        let squares = errors.iter().map(|error| (error - mean) * (error - mean));
        let deviation = math::sqrt(squares.sum::<f64>() / count);
        println!("| {name} | {mean:.4} | {deviation:.4} |");
    }
    let largest = runs.iter().map(|(_, largest)| *largest).fold(0.0, f64::max);
    println!("\nthe largest weight is {largest:.1}");
}
