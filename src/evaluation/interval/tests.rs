mod by_shopper;

use super::*;
use crate::domain::math;
use crate::domain::random::Generator;
use crate::evaluation::estimator::{Accumulator, Estimate, Estimator};
use crate::evaluation::logged::{RewardRange, Rounds, UncheckedRounds};
use crate::evaluation::target::TargetTable;
use crate::evaluation::weighted_sums::WeightedSums;

/// Two actions, shown half and half, with reward rates 0.2 and 0.6; the
/// target's mean reward is 0.5.
fn log(seed: u64, rounds: usize) -> Rounds {
    let target = TargetTable::new(&[vec![0.25, 0.75]]).unwrap();
    let mut generator = Generator::from_seed(seed);
    let mut columns = UncheckedRounds::default();
    for _ in 0..rounds {
        let second = generator.next_uniform() < 0.5;
        let rate = if second { 0.6 } else { 0.2 };
        let reward = generator.next_uniform() < rate;
        columns.action.push(u32::from(second));
        columns.position.push(0);
        columns.propensity.push(0.5);
        columns.reward.push(f64::from(u8::from(reward)));
    }
    Rounds::new(columns, &target, RewardRange::UNIT).unwrap()
}

const TRUTH: f64 = 0.5;

fn ips() -> Estimator {
    "ips".parse().unwrap()
}

fn estimate(rounds: &Rounds) -> Estimate {
    let mut accumulator = Accumulator::new(ips()).unwrap();
    accumulator.add(rounds).unwrap();
    accumulator.estimate(RewardRange::UNIT).unwrap()
}

fn sums(rounds: &Rounds) -> WeightedSums {
    let mut sums = WeightedSums::default();
    sums.add(rounds.view(0..rounds.len()));
    sums
}

fn plan(seed: u64) -> BootstrapPlan {
    BootstrapPlan {
        resamples: 400,
        seed,
    }
}

fn bootstrap(rounds: &Rounds, seed: u64) -> BootstrapIntervals {
    let mut sample = Sample::new(ips()).unwrap();
    sample.add(rounds).unwrap();
    let samples = [sample];
    Bootstrap::draw(&samples, plan(seed)).intervals(&samples, Level::USUAL)[0]
}

/// Of 200 logs of 500 rounds, how many intervals hold the truth. At 95 % that
/// is 190, give or take 3.1; 4 deviations below that is 178. Intervals that hold
/// at every n hold more often.
#[test]
fn intervals_hold_the_truth_as_often_as_they_claim() {
    let mut held = [0u32; 7];
    for seed in 0..200 {
        let rounds = log(seed, 500);
        let (estimate, sums) = (estimate(&rounds), sums(&rounds));
        let resampled = bootstrap(&rounds, seed);
        let (range, level) = (RewardRange::UNIT, Level::USUAL);
        let intervals = [
            normal(&estimate, level),
            student_t(&estimate, level),
            resampled.percentile,
            resampled.bca,
            cressie_read(&sums, range, level),
            hoeffding(&estimate, range, 1.5, level),
            empirical_bernstein(&estimate, range, 1.5, level),
        ];
        for (held, ends) in held.iter_mut().zip(intervals) {
            let ends = ends.unwrap();
            *held += u32::from(ends.lower() <= TRUTH && TRUTH <= ends.upper());
        }
    }
    assert!(held.iter().all(|held| *held >= 178), "{held:?}");
    assert!(held[5] >= 198 && held[6] >= 198, "{held:?}");
    assert!(held[0] <= 199 && held[2] <= 199, "{held:?}");
}

/// With the target that logged, every weight is 1, and the interval is the
/// binomial's: tables give 0.0252 to 0.5561 for 2 of 10.
#[test]
fn clopper_pearson_is_exact_without_weights() {
    let target = TargetTable::uniform(1, 1).unwrap();
    let mut reward = vec![0.0; 10];
    reward[3] = 1.0;
    reward[7] = 1.0;
    let columns = UncheckedRounds {
        reward,
        action: vec![0; 10],
        position: vec![0; 10],
        propensity: vec![1.0; 10],
        ..UncheckedRounds::default()
    };
    let rounds = Rounds::new(columns, &target, RewardRange::UNIT).unwrap();
    let ends = clopper_pearson(&sums(&rounds), RewardRange::UNIT, Level::USUAL).unwrap();
    assert!(
        (ends.lower() - 0.025_210_7).abs() < 1e-6,
        "{}",
        ends.lower()
    );
    assert!(
        (ends.upper() - 0.556_095_5).abs() < 1e-6,
        "{}",
        ends.upper()
    );
}

/// Figures of Vowpal Wabbit's estimators package, version 0.2.2, on 60 rounds
/// that the loop makes: at mean weights above and below 1, and for two ranges.
#[test]
fn figures_of_vowpal_wabbit_are_met() {
    type Figures = ([f64; 2], [[f64; 2]; 4]);
    let cases: [([f64; 5], Figures); 2] = [
        (
            [0.1, 0.15, 0.2, 0.4, 0.8],
            (
                [0.175_160_594_672_436_08, 0.175_492_845_655_165_54],
                [
                    [0.056_072_003_616_231_464, 0.305_039_107_494_879_7],
                    [0.064_852_306_810_317_15, 0.363_404_574_237_420_23],
                    [0.055_924_603_478_302, 0.309_614_716_690_402],
                    [0.005_713_328_466_535_716_5, 0.408_374_093_644_335_5],
                ],
            ),
        ),
        (
            [0.15, 0.2, 0.3, 0.5, 1.0],
            (
                [0.168_222_222_222_222_22, 0.168_222_222_222_222_25],
                [
                    [0.041_216_461_911_031_12, 0.216_561_315_866_746_65],
                    [0.047_770_907_634_168_89, 0.262_512_686_440_262_65],
                    [0.041_615_589_262_992_22, 0.514_794_644_181_257_5],
                    [-0.293_054_639_365_081_97, 0.873_682_733_550_022_9],
                ],
            ),
        ),
    ];
    for (propensities, (values, intervals)) in cases {
        let rounds = sixty(propensities);
        for (name, value) in ["mle", "cressieread"].into_iter().zip(values) {
            let mut accumulator = Accumulator::new(name.parse().unwrap()).unwrap();
            accumulator.add(&rounds).unwrap();
            let ours = accumulator.estimate(RewardRange::UNIT).unwrap().value;
            assert!(
                (ours / value - 1.0).abs() < 1e-12,
                "{name}: {ours} is not {value}"
            );
        }
        let (estimate, sums) = (estimate(&rounds), sums(&rounds));
        let wide = RewardRange::new(-1.0, 2.0).unwrap();
        let ours = [
            normal(&estimate, Level::USUAL),
            clopper_pearson(&sums, RewardRange::UNIT, Level::USUAL),
            cressie_read(&sums, RewardRange::UNIT, Level::USUAL),
            cressie_read(&sums, wide, Level::USUAL),
        ];
        for (ours, theirs) in ours.into_iter().zip(intervals) {
            let ours = ours.unwrap();
            assert!(
                (ours.lower() - theirs[0]).abs() < 1e-10,
                "{ours:?}, {theirs:?}"
            );
            assert!(
                (ours.upper() - theirs[1]).abs() < 1e-10,
                "{ours:?}, {theirs:?}"
            );
        }
    }
}

/// Sixty rounds over five actions, which the target chooses evenly.
fn sixty(propensities: [f64; 5]) -> Rounds {
    let mut columns = UncheckedRounds::default();
    for index in 0..60u32 {
        let action = if index % 3 == 0 {
            index % 5
        } else {
            index * index % 5
        };
        columns.action.push(action);
        columns.position.push(0);
        columns.propensity.push(propensities[action as usize]);
        columns.reward.push(f64::from(u8::from(index % 7 == 0)));
    }
    let target = TargetTable::uniform(5, 1).unwrap();
    Rounds::new(columns, &target, RewardRange::UNIT).unwrap()
}

#[test]
fn the_bootstrap_follows_its_seed_and_agrees_with_the_normal_interval() {
    let rounds = log(3, 4_000);
    let first = bootstrap(&rounds, 1);
    assert_eq!(first, bootstrap(&rounds, 1));
    assert_ne!(first, bootstrap(&rounds, 2));
    let plain = normal(&estimate(&rounds), Level::USUAL).unwrap();
    let width = plain.upper() - plain.lower();
    for ends in [first.percentile.unwrap(), first.bca.unwrap()] {
        // An end of 400 resamples has a standard error of about 0.04 widths.
        assert!((ends.lower() - plain.lower()).abs() < 0.15 * width);
        assert!((ends.upper() - plain.upper()).abs() < 0.15 * width);
    }
}

#[test]
fn samples_that_merge_are_one_sample() {
    let (left, right) = (log(1, 300), log(2, 200));
    let mut whole = Sample::new(ips()).unwrap();
    whole.add(&left).unwrap();
    whole.add(&right).unwrap();
    let mut merged = Sample::new(ips()).unwrap();
    merged.add(&left).unwrap();
    let mut other = Sample::new(ips()).unwrap();
    other.add(&right).unwrap();
    merged.merge(&other);
    assert_eq!(merged, whole);

    let mut both = sums(&left);
    both.merge(&sums(&right));
    let mut once = sums(&left);
    once.add(right.view(0..right.len()));
    let (range, level) = (RewardRange::UNIT, Level::USUAL);
    let ours = cressie_read(&both, range, level).unwrap();
    let theirs = cressie_read(&once, range, level).unwrap();
    assert!((ours.lower() - theirs.lower()).abs() < 1e-13);
    assert!((ours.upper() - theirs.upper()).abs() < 1e-13);
}

#[test]
fn hoeffding_is_its_formula() {
    let rounds = log(5, 1_000);
    let estimate = estimate(&rounds);
    let ends = hoeffding(&estimate, RewardRange::UNIT, 1.5, Level::USUAL).unwrap();
    let half = 1.5 * math::sqrt(math::ln(40.0) / 2_000.0);
    assert!((ends.upper() - estimate.value - half).abs() < 1e-12);
    for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            hoeffding(&estimate, RewardRange::UNIT, bound, Level::USUAL),
            None
        );
    }
}

#[test]
fn nothing_has_no_interval() {
    let nothing = WeightedSums::default();
    assert_eq!(
        cressie_read(&nothing, RewardRange::UNIT, Level::USUAL),
        None
    );
    assert_eq!(
        clopper_pearson(&nothing, RewardRange::UNIT, Level::USUAL),
        None
    );
    let samples = [Sample::new(ips()).unwrap()];
    let drawn = Bootstrap::draw(&samples, plan(1));
    assert_eq!(drawn.intervals(&samples, Level::USUAL)[0].percentile, None);
    assert_eq!(Sample::new(Estimator::Mle), None);
    assert!(Level::new(1.0).is_err());
    assert_eq!(Ends::new(1.0, 0.0), None);
    assert_eq!(Ends::new(f64::NAN, 0.0), None);
}

/// Batches of 100 rounds of a logger that shows the action it has seen do
/// better with 0.9, and the other with 0.1: no weight exceeds 7.5.
fn adaptive(seed: u64, batches: usize) -> Vec<Rounds> {
    let target = TargetTable::new(&[vec![0.25, 0.75]]).unwrap();
    let mut generator = Generator::from_seed(seed);
    let (mut shown, mut rewarded) = ([2.0; 2], [1.0; 2]);
    let mut batch = || {
        let mut columns = UncheckedRounds::default();
        for _ in 0..100 {
            let better = rewarded[1] / shown[1] > rewarded[0] / shown[0];
            let second = if better { 0.9 } else { 0.1 };
            let action = usize::from(generator.next_uniform() < second);
            let reward = f64::from(u8::from(generator.next_uniform() < [0.2, 0.6][action]));
            shown[action] += 1.0;
            rewarded[action] += reward;
            columns.action.push(u32::try_from(action).unwrap());
            columns.position.push(0);
            columns.propensity.push([1.0 - second, second][action]);
            columns.reward.push(reward);
        }
        Rounds::new(columns, &target, RewardRange::UNIT).unwrap()
    };
    (0..batches).map(|_| batch()).collect()
}

/// 200 logs, each looked at 20 times. The confidence sequence may miss the
/// truth at some look in 5 % of the logs, 10 give or take 3.1; the normal
/// interval, whose claim is for one look, misses in several times as many.
#[test]
fn only_the_confidence_sequence_stands_being_looked_at_again() {
    let fixed = |seed: u64| {
        (0..20)
            .map(|part| log(1_000 * (seed + 1) + part, 100))
            .collect()
    };
    for (logs, largest_weight) in [
        ((0..200).map(fixed).collect::<Vec<Vec<Rounds>>>(), 1.5),
        ((0..200).map(|seed| adaptive(seed, 20)).collect(), 7.5),
    ] {
        let (mut missed, mut normal_missed) = (0, 0);
        for batches in &logs {
            let mut sequence =
                ConfidenceSequence::new(RewardRange::UNIT, largest_weight, Level::USUAL).unwrap();
            let mut accumulator = Accumulator::new(ips()).unwrap();
            let (mut held, mut normal_held) = (true, true);
            for batch in batches {
                sequence.add(batch);
                accumulator.add(batch).unwrap();
                let holds = |ends: Ends| ends.lower() <= TRUTH && TRUTH <= ends.upper();
                held &= holds(sequence.ends().unwrap());
                let estimate = accumulator.estimate(RewardRange::UNIT).unwrap();
                normal_held &= holds(normal(&estimate, Level::USUAL).unwrap());
            }
            missed += u32::from(!held);
            normal_missed += u32::from(!normal_held);
        }
        assert!(missed <= 22, "{missed} of 200");
        assert!(normal_missed >= 25, "{normal_missed} of 200");
    }
}

#[test]
fn a_confidence_sequence_narrows_and_refuses_what_was_not_declared() {
    let width = |rounds: usize| {
        let mut sequence = ConfidenceSequence::new(RewardRange::UNIT, 1.5, Level::USUAL).unwrap();
        sequence.add(&log(4, rounds));
        let ends = sequence.ends().unwrap();
        ends.upper() - ends.lower()
    };
    assert!(width(400) < 0.5);
    assert!(width(20_000) < 0.25 * width(400));
    let mut sequence = ConfidenceSequence::new(RewardRange::UNIT, 1.0, Level::USUAL).unwrap();
    assert_eq!(sequence.ends(), None);
    sequence.add(&log(4, 400));
    assert_eq!(sequence.ends(), None);
    assert_eq!(
        ConfidenceSequence::new(RewardRange::UNIT, 0.0, Level::USUAL),
        None
    );
}
