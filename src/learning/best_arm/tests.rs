use proptest::prelude::*;
use rand_distr::Distribution;

use super::reference;
use super::*;
use crate::domain::distribution::SUM_TOLERANCE;
use crate::domain::random::{DecisionSeed, Generator, Stream};
use crate::learning::beta::Beta;
use crate::learning::chi_squared;

/// A posterior from one of the shapes that occur, and some that should not.
fn any_posterior(generator: &mut Generator) -> Beta {
    let mut uniform = || generator.next_uniform();
    let log_uniform = |u: f64, from: f64, to: f64| from * math::pow(to / from, u);
    let shape = (uniform() * 10.0) as u32;
    let tiny = log_uniform(uniform(), 0.01, 1.0);
    match shape {
        0 => Beta::new(1.0, 1.0),
        1 => Beta::new(50_000.0, 1_000_000.0),
        2 => Beta::new(
            50_000.0 + (400.0 * uniform()).floor(),
            1_000_000.0 - (2_000.0 * uniform()).floor(),
        ),
        3 => Beta::new(tiny, log_uniform(uniform(), 0.01, 1e6)),
        8 => Beta::new(log_uniform(uniform(), 0.01, 1e6), tiny),
        4 => Beta::new(
            1.0 + (3.0 * uniform()).floor(),
            1.0 + (60.0 * uniform()).floor(),
        ),
        shape => {
            let rate = if shape == 5 {
                uniform()
            } else {
                0.02 + 0.06 * uniform()
            };
            let pulls = log_uniform(uniform(), 1.0, 1e6).floor();
            let successes = (rate * pulls).floor();
            Beta::new(1.0 + successes, 1.0 + pulls - successes)
        }
    }
}

fn any_set(generator: &mut Generator) -> Vec<Beta> {
    let arms = 2 + generator.next_below(49);
    (0..arms).map(|_| any_posterior(generator)).collect()
}

fn largest_difference(left: &[f64], right: &[f64]) -> f64 {
    let pairs = left.iter().zip(right);
    pairs.map(|(l, r)| (l - r).abs()).fold(0.0, f64::max)
}

/// 1,000 sets of 2 to 50 posteriors, sharp and flat mixed, against the
/// reference. The largest error that was seen is 5·10⁻⁸.
#[test]
fn a_thousand_random_sets_agree_with_the_reference() {
    let mut generator = Generator::from_seed(2_024);
    let mut worst: f64 = 0.0;
    for _ in 0..1_000 {
        let set = any_set(&mut generator);
        let ours = probabilities(&set);
        let sum: f64 = ours.probabilities().iter().sum();
        assert!((sum - 1.0).abs() <= 1e-12, "{set:?} sums to {sum}");
        let error = largest_difference(ours.probabilities(), &reference::probabilities(&set));
        assert!(error <= 1e-6, "{error:e} for {set:?}");
        worst = worst.max(error);
    }
    println!("largest error {worst:e}");
}

/// 250 arms of four shapes. The largest error that was seen is 8·10⁻⁷.
#[test]
fn many_arms_agree_with_the_reference() {
    let mut generator = Generator::from_seed(200);
    let mut worst: f64 = 0.0;
    for round in 0..20 {
        let mut arm = || {
            let posterior = any_posterior(&mut generator);
            let mut uniform = || generator.next_uniform();
            match round % 4 {
                0 => posterior,
                1 => Beta::new(1.0 + uniform(), 1.0 + uniform()),
                2 => Beta::new(0.01 + 0.1 * uniform(), 0.01),
                _ => Beta::new(
                    (30.0 + 20.0 * uniform()).floor(),
                    (900.0 + 100.0 * uniform()).floor(),
                ),
            }
        };
        let set: Vec<Beta> = (0..250).map(|_| arm()).collect();
        let ours = probabilities(&set);
        let error = largest_difference(ours.probabilities(), &reference::probabilities(&set));
        assert!(error <= 1e-6, "{error:e} in round {round}");
        worst = worst.max(error);
    }
    println!("largest error {worst:e}");
}

/// F_i = x^α_i when every β is 1, so P(i is the best) = α_i / Σ α.
#[test]
fn powers_of_a_uniform_variable_have_a_closed_form() {
    for parameters in [
        vec![0.01, 0.02, 0.03],
        vec![0.01, 100.0],
        vec![1.0, 2.0, 3.0, 4.0],
        vec![1e6, 2e6, 5e6],
        (1..=200).map(|k| 0.05 * f64::from(k)).collect(),
    ] {
        let set: Vec<Beta> = parameters.iter().map(|a| Beta::new(*a, 1.0)).collect();
        let total: f64 = parameters.iter().sum();
        let exact: Vec<f64> = parameters.iter().map(|a| a / total).collect();
        let error = largest_difference(probabilities(&set).probabilities(), &exact);
        assert!(error <= 2e-7, "{error:e} for {parameters:?}");
    }
}

/// P(a uniform variable exceeds X) = 1 − E X, however sharp X is.
#[test]
fn a_flat_arm_beside_a_sharp_one_has_a_closed_form() {
    for (alpha, beta) in [
        (50_000.0, 1_000_000.0),
        (0.01, 0.01),
        (1e9, 1e10),
        (1e12, 3.0),
        (3.0, 1e12),
        (546_805.0, 423_992.0),
    ] {
        let set = [Beta::new(1.0, 1.0), Beta::new(alpha, beta)];
        let exact = beta / (alpha + beta);
        let ours = probabilities(&set).probabilities()[0];
        assert!((ours - exact).abs() <= 2e-7, "{ours} is not {exact}");
    }
}

#[test]
fn equal_arms_share_equally_and_one_arm_is_certain() {
    let same = probabilities(&[Beta::new(3.0, 40.0); 7]);
    assert_eq!(same.probabilities(), [1.0 / 7.0; 7]);
    assert_eq!(probabilities(&[Beta::new(0.5, 2.0)]).probabilities(), [1.0]);
}

#[test]
fn the_largest_and_smallest_parameters_are_survived() {
    let extremes = [0.01, 1.0, 1e9, 9e15];
    let mut set = Vec::new();
    for alpha in extremes {
        set.extend(extremes.map(|beta| Beta::new(alpha, beta)));
    }
    for left in &set {
        for right in &set {
            let pair = probabilities(&[*left, *right]);
            let sum: f64 = pair.probabilities().iter().sum();
            assert!((sum - 1.0).abs() <= SUM_TOLERANCE);
        }
    }
    let all = probabilities(&set);
    assert!(all.probabilities().iter().all(|p| (0.0..=1.0).contains(p)));
}

/// Ten tests at 10⁻⁴ each: by Bonferroni all of them pass with probability
/// 0.999 if the probabilities are right. The seed is fixed, so they pass
/// always or never.
#[test]
fn a_million_draws_agree() {
    let sets = [
        (1..=10).map(|k| Beta::new(f64::from(k), 20.0)).collect(),
        vec![Beta::new(1.0, 1.0), Beta::new(50_000.0, 1_000_000.0)],
        vec![
            Beta::new(0.2, 0.3),
            Beta::new(0.5, 0.5),
            Beta::new(4.0, 9.0),
        ],
        (0..5)
            .map(|k| Beta::new(500.0 + 10.0 * f64::from(k), 9_500.0))
            .collect(),
        (0..25)
            .map(|k| Beta::new(1.0 + f64::from(k % 4), 30.0))
            .collect::<Vec<_>>(),
    ];
    for (number, set) in sets.iter().enumerate() {
        let ours = probabilities(set);
        let mut of_posteriors = vec![0; set.len()];
        let mut of_distribution = vec![0; set.len()];
        let mut generator = DecisionSeed(number as u64).generator(Stream::POSTERIOR);
        let variates: Vec<_> = set
            .iter()
            .map(|arm| rand_distr::Beta::new(arm.alpha(), arm.beta()).unwrap())
            .collect();
        for draw in 0..1_000_000 {
            let mut best = (0, f64::MIN);
            for (arm, variate) in variates.iter().enumerate() {
                let value = variate.sample(&mut generator);
                if value > best.1 {
                    best = (arm, value);
                }
            }
            of_posteriors[best.0] += 1;
            of_distribution[ours.draw(DecisionSeed(draw).slot_uniform(number))] += 1;
        }
        for counts in [of_posteriors, of_distribution] {
            let (statistic, degrees) = chi_squared::statistic(&counts, ours.probabilities());
            assert!(
                statistic <= chi_squared::limit(degrees, 3.719),
                "chi-squared {statistic} with {degrees} degrees of freedom, set {number}"
            );
        }
    }
}

#[test]
fn the_bits_do_not_change() {
    let set = [
        Beta::new(1.0, 1.0),
        Beta::new(3.0, 40.0),
        Beta::new(50_000.0, 1_000_000.0),
        Beta::new(0.5, 7.25),
        Beta::new(120.0, 2_000.0),
    ];
    let bits: Vec<String> = probabilities(&set)
        .probabilities()
        .iter()
        .map(|p| format!("{:#x}", p.to_bits()))
        .collect();
    assert_eq!(
        bits,
        [
            "0x3fec9f154a9e10de",
            "0x3fa54dd85a05a95d",
            "0x3f32dc783eddb506",
            "0x3fa8c3d6f0116268",
            "0x3f8f5d0c6e28ab9c",
        ]
    );
}

fn posteriors() -> impl Strategy<Value = Vec<Beta>> {
    let parameter = prop_oneof![
        0.01..2.0f64,
        (1..100u32).prop_map(f64::from),
        (1..2_000_000u32).prop_map(f64::from),
    ];
    let arm = (parameter.clone(), parameter).prop_map(|(alpha, beta)| Beta::new(alpha, beta));
    prop::collection::vec(arm, 1..30)
}

proptest! {
    #[test]
    fn the_order_of_arms_does_not_matter_to_a_bit(
        (set, shuffled) in posteriors().prop_flat_map(|set| {
            let places: Vec<usize> = (0..set.len()).collect();
            (Just(set), Just(places).prop_shuffle())
        })
    ) {
        let permuted: Vec<Beta> = shuffled.iter().map(|place| set[*place]).collect();
        let ours = probabilities(&set);
        let theirs = probabilities(&permuted);
        for (place, original) in shuffled.iter().enumerate() {
            prop_assert_eq!(theirs.probabilities()[place], ours.probabilities()[*original]);
        }
    }

    #[test]
    fn a_success_never_makes_an_arm_less_probable(set in posteriors(), index in 0..30usize) {
        let index = index % set.len();
        let mut better = set.clone();
        better[index] = Beta::new(set[index].alpha() + 1.0, set[index].beta());
        let before = probabilities(&set).probabilities()[index];
        let after = probabilities(&better).probabilities()[index];
        prop_assert!(after >= before - 5e-7, "{before} became {after}");
    }

    #[test]
    fn the_mirror_image_swaps_two_arms(set in prop::collection::vec(posteriors(), 2)) {
        let mirror = |arm: Beta| Beta::new(arm.beta(), arm.alpha());
        let pair = [set[0][0], set[1][0]];
        let ours = probabilities(&pair);
        let theirs = probabilities(&pair.map(mirror));
        prop_assert!((ours.probabilities()[0] - theirs.probabilities()[1]).abs() <= 5e-7);
    }
}
