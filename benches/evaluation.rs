//! What a pass costs beside merely reading its arrays.
//!
//!     cargo bench --bench evaluation -- DIRECTORY
//!
//! `DIRECTORY` holds arrays as `scripts/compare_evaluation.py` writes them, little
//! endian and without a header: reward.f64, pscore.f64, action.u32 with one entry
//! a round, target.f64 and predictions.f64 with one row a round, and
//! actions.txt with the number of actions. Without one, the same law is drawn
//! here: 1,000,000 rounds, 10 actions.
//!
//! Everything runs on one thread. Each line is the best of several runs, which
//! alternate, so that a busy machine tells on all of them alike.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use promobandit::domain::random::Generator;
use promobandit::evaluation::arrays::Arrays;
use promobandit::evaluation::diagnostics::Thresholds;
use promobandit::evaluation::estimator::Estimator;
use promobandit::evaluation::interval::{Bootstrap, BootstrapPlan, Level, Sample};
use promobandit::evaluation::logged::{RewardRange, Rounds};
use promobandit::evaluation::pass::{Answer, Pass, Question};
use promobandit::evaluation::target::TargetTable;

const RUNS: usize = 9;
/// Rounds of the bootstrap, and its resamples.
const RESAMPLED: usize = 100_000;
const RESAMPLES: u32 = 1_000;

struct Log {
    actions: usize,
    reward: Vec<f64>,
    propensity: Vec<f64>,
    action: Vec<u32>,
    target: Vec<f64>,
    predictions: Vec<f64>,
}

impl Log {
    fn read(directory: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let bytes = |name: &str| fs::read(directory.join(name));
        let reals = |name: &str| -> std::io::Result<Vec<f64>> {
            let words = bytes(name)?;
            let words = words.as_chunks::<8>().0;
            Ok(words.iter().map(|word| f64::from_le_bytes(*word)).collect())
        };
        let action = bytes("action.u32")?;
        let action = action.as_chunks::<4>().0;
        Ok(Self {
            actions: fs::read_to_string(directory.join("actions.txt"))?
                .trim()
                .parse()?,
            reward: reals("reward.f64")?,
            propensity: reals("pscore.f64")?,
            action: action
                .iter()
                .map(|word| u32::from_le_bytes(*word))
                .collect(),
            target: reals("target.f64")?,
            predictions: reals("predictions.f64")?,
        })
    }

    fn draw(rounds: usize, actions: usize) -> Self {
        let mut generator = Generator::from_seed(1);
        let mut log = Self {
            actions,
            reward: Vec::new(),
            propensity: Vec::new(),
            action: Vec::new(),
            target: Vec::new(),
            predictions: Vec::new(),
        };
        let row = |generator: &mut Generator, into: &mut Vec<f64>| {
            let start = into.len();
            into.extend((0..actions).map(|_| 0.1 + generator.next_uniform()));
            let total: f64 = into[start..].iter().sum();
            into[start..].iter_mut().for_each(|value| *value /= total);
        };
        for _ in 0..rounds {
            let mut logging = Vec::new();
            row(&mut generator, &mut logging);
            row(&mut generator, &mut log.target);
            log.predictions
                .extend((0..actions).map(|_| generator.next_uniform()));
            let action = generator.next_below(actions as u64) as usize;
            log.action.push(action as u32);
            log.propensity.push(logging[action]);
            log.reward
                .push(f64::from(u8::from(generator.next_uniform() < 0.3)));
        }
        log
    }

    fn rounds(&self) -> usize {
        self.reward.len()
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

    /// Reads every array once and does nothing but add.
    fn sum(&self) -> f64 {
        let sum = |column: &[f64]| {
            let mut lanes = [0.0; 16];
            for values in column.as_chunks::<16>().0 {
                for (lane, value) in lanes.iter_mut().zip(values) {
                    *lane += value;
                }
            }
            lanes.iter().sum::<f64>()
        };
        let actions: u64 = self.action.iter().map(|action| u64::from(*action)).sum();
        sum(&self.reward)
            + sum(&self.propensity)
            + sum(&self.target)
            + sum(&self.predictions)
            + actions as f64
    }

    /// One pass: the four estimators, the diagnostics, every interval that needs no
    /// resampling.
    fn evaluate(&self) -> Answer {
        let names = ["ips", "snips", "dm", "dr"];
        let estimators = names.map(|name| name.parse::<Estimator>().expect("an estimator's name"));
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
        let table = TargetTable::uniform(self.actions, 1).expect("there is an action");
        let mut pass = Pass::new(question, table);
        pass.add_arrays(&self.arrays()).expect("arrays of rounds");
        pass.answer()
    }

    fn bootstrap(&self) -> Bootstrap {
        let block = self.arrays().block(0..RESAMPLED.min(self.rounds()));
        let rounds = Rounds::of_arrays(&block, RewardRange::UNIT).expect("arrays of rounds");
        let mut sample =
            Sample::new("ips".parse().expect("an estimator's name")).expect("a formula");
        sample.add(&rounds).expect("weights and rewards are there");
        let plan = BootstrapPlan {
            resamples: RESAMPLES,
            seed: 1,
        };
        Bootstrap::draw(&[sample], plan)
    }
}

fn timed<T>(best: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let made = black_box(work());
    *best = best.min(start.elapsed().as_secs_f64());
    made
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let log = match &directory {
        Some(directory) => Log::read(Path::new(directory))?,
        None => Log::draw(1_000_000, 10),
    };
    let [mut sum, mut pass, mut bootstrap] = [f64::INFINITY; 3];
    let mut answer = None;
    for _ in 0..RUNS {
        timed(&mut sum, || log.sum());
        answer = Some(timed(&mut pass, || log.evaluate()));
    }
    for _ in 0..3 {
        timed(&mut bootstrap, || log.bootstrap());
    }
    println!("rounds {} actions {}", log.rounds(), log.actions);
    println!("sum_ms {:.3}", 1e3 * sum);
    println!("pass_ms {:.3}", 1e3 * pass);
    println!("pass_over_sum {:.3}", pass / sum);
    println!("bootstrap_ms {:.3}", 1e3 * bootstrap);
    for (estimator, estimate) in answer.into_iter().flat_map(|answer| answer.estimates) {
        println!("{estimator} {:e}", estimate.value);
    }
    Ok(())
}
