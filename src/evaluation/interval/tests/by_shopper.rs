//! Logs in which a shopper's rounds have to do with each other.

use std::sync::Arc;

use super::*;
use crate::evaluation::choices::{Choice, Choices, Names, UncheckedChoices, Vocabulary};
use crate::evaluation::weigh::{NoChoice, TargetPolicy, Weighing, weigh};

/// One quarter and three quarters.
struct Uneven;

impl TargetPolicy for Uneven {
    fn choose(
        &mut self,
        _: &Choices,
        _: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice> {
        probabilities.copy_from_slice(&[0.25, 0.75]);
        Ok(())
    }
}

/// Shoppers with 8 rounds each, in turn. Half of them buy with 0.1, half with 0.7,
/// whatever they are shown: a policy earns 0.4.
fn log(seed: u64, shoppers: u64) -> Rounds {
    let mut generator = Generator::from_seed(seed);
    let rates: Vec<f64> = (0..shoppers)
        .map(|_| [0.1, 0.7][usize::from(generator.next_uniform() < 0.5)])
        .collect();
    let mut columns = UncheckedChoices {
        probabilities: Some(Vec::new()),
        ..UncheckedChoices::default()
    };
    for _ in 0..8 {
        for (shopper, rate) in (0..shoppers).zip(&rates) {
            columns.actions.extend([0, 1]);
            columns.ends.push(columns.actions.len());
            columns.probabilities.as_mut().unwrap().extend([0.5, 0.5]);
            let chosen = u32::from(generator.next_uniform() < 0.5);
            let reward = f64::from(u8::from(generator.next_uniform() < *rate));
            columns.chosen.push(chosen);
            columns.propensity.push(0.5);
            columns.reward.push(reward);
            columns.position.push(0);
            columns.shopper.push(1_000 * seed + shopper);
        }
    }
    let vocabulary = Vocabulary {
        actions: Arc::new(Names::from_iter(["tea", "cake"])),
        ..Vocabulary::default()
    };
    let choices = Choices::new(columns, vocabulary).unwrap();
    weigh(choices, &mut Uneven, &mut Weighing::new(RewardRange::UNIT)).unwrap()
}

fn grouped(rounds: &Rounds) -> GroupedTerms {
    let mut terms = GroupedTerms::new(ips()).unwrap();
    terms.add(rounds, &groups_of(rounds.shoppers())).unwrap();
    terms
}

fn poisson(rounds: &Rounds, seed: u64) -> PoissonBootstrap {
    let plan = BootstrapPlan {
        resamples: 200,
        seed,
    };
    let mut resamples = PoissonBootstrap::new(&[ips(), Estimator::Mle], plan);
    resamples.add(rounds, rounds.shoppers());
    resamples
}

fn only(resamples: &PoissonBootstrap) -> Ends {
    let intervals = resamples.intervals(Level::USUAL);
    assert_eq!(intervals.len(), 1);
    intervals[0].1.unwrap()
}

/// 150 logs of 60 shoppers: at 95 % an interval holds in 142 of them, give or take
/// 2.7, of which four are allowed and a few more for the bootstrap's ends from 200
/// resamples. Without shoppers the error is 1.7 times too small: 75 % hold, 112
/// give or take 5.3.
#[test]
fn what_clusters_holds_and_what_does_not_is_too_narrow() {
    let (mut clustered, mut resampled, mut plain) = (0, 0, 0);
    for seed in 0..150 {
        let rounds = log(seed, 60);
        let holds = |ends: Ends| u32::from(ends.lower() <= 0.4 && 0.4 <= ends.upper());
        clustered += holds(grouped(&rounds).ends(Level::USUAL).unwrap());
        resampled += holds(only(&poisson(&rounds, seed)));
        plain += holds(normal(&estimate(&rounds), Level::USUAL).unwrap());
    }
    assert!(clustered >= 131, "{clustered}");
    assert!(resampled >= 128, "{resampled}");
    assert!(plain <= 130, "{plain}");
}

/// With one shopper a group it is the textbook's cluster-robust error.
#[test]
fn groups_of_one_shopper_are_clusters() {
    let rounds = log(3, 5);
    let groups = groups_of(rounds.shoppers());
    let mut apart = groups[..5].to_vec();
    apart.sort_unstable();
    apart.dedup();
    assert_eq!(apart.len(), 5, "five shoppers fall into five groups");
    let scores: Vec<f64> = rounds
        .weight()
        .iter()
        .zip(rounds.reward())
        .map(|(weight, reward)| weight * reward)
        .collect();
    let mean = scores.iter().sum::<f64>() / 40.0;
    let influences = (0..5).map(|shopper| {
        let own = scores.iter().skip(shopper).step_by(5);
        own.map(|score| score - mean).sum::<f64>()
    });
    let squares: f64 = influences.map(|it| it * it).sum();
    let error = (5.0 / 4.0 * squares).sqrt() / 40.0;
    let ends = grouped(&rounds).ends(Level::USUAL).unwrap();
    // Student's t with 4 degrees of freedom at 95 %.
    let half = 2.776_445_105 * error;
    assert!((ends.upper() - mean - half).abs() < 1e-7);
    assert!((ends.lower() - mean + half).abs() < 1e-7);
    // One shopper alone says nothing of others.
    assert_eq!(grouped(&log(3, 1)).ends(Level::USUAL), None);
}

/// Parts that merge are the whole, in either order: a shopper has the same group
/// and the same counts in every part.
#[test]
fn parts_of_shoppers_merge() {
    let parts = [log(1, 30), log(2, 50)];
    let terms = parts.each_ref().map(grouped);
    let resamples = parts.each_ref().map(|part| poisson(part, 9));
    let mut whole = grouped(&parts[0]);
    whole
        .add(&parts[1], &groups_of(parts[1].shoppers()))
        .unwrap();
    let mut once = poisson(&parts[0], 9);
    once.add(&parts[1], parts[1].shoppers());
    for (first, second) in [(0, 1), (1, 0)] {
        let mut merged = terms[first].clone();
        merged.merge(&terms[second]);
        assert!(near(merged.ends(Level::USUAL), whole.ends(Level::USUAL)));
        let mut merged = resamples[first].clone();
        merged.merge(&resamples[second]);
        assert!(near(Some(only(&merged)), Some(only(&once))));
    }
    assert_ne!(only(&resamples[0]), only(&resamples[1]));
}

fn near(ours: Option<Ends>, theirs: Option<Ends>) -> bool {
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    (ours.lower() - theirs.lower()).abs() < 1e-12 && (ours.upper() - theirs.upper()).abs() < 1e-12
}

/// Of a log that names nobody every round is a unit of its own, and the interval
/// is the normal one, but for the noise of 200 resamples.
#[test]
fn rounds_of_nobody_are_independent() {
    let rounds = super::log(4, 2_000);
    let ends = only(&poisson(&rounds, 5));
    let plain = normal(&estimate(&rounds), Level::USUAL).unwrap();
    let width = plain.upper() - plain.lower();
    assert!((ends.lower() - plain.lower()).abs() < 0.2 * width);
    assert!((ends.upper() - plain.upper()).abs() < 0.2 * width);
}
