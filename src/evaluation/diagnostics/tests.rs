use super::*;
use crate::domain::random::Generator;
use crate::evaluation::logged::{RewardRange, UncheckedRounds};

/// A log over as many actions as there are propensities, each shown as often
/// as it says; every tenth reward is 1.
fn log(seed: u64, rounds: usize, logging: &[f64], target: &TargetTable) -> Rounds {
    let mut generator = Generator::from_seed(seed);
    let mut columns = UncheckedRounds::default();
    for index in 0..rounds {
        let mut left = generator.next_uniform();
        let mut action = 0;
        while action + 1 < logging.len() && left >= logging[action] {
            left -= logging[action];
            action += 1;
        }
        columns.action.push(u32::try_from(action).unwrap());
        columns.position.push(0);
        columns.propensity.push(logging[action]);
        columns.reward.push(f64::from(u8::from(index % 10 == 0)));
    }
    Rounds::new(columns, target, RewardRange::UNIT).unwrap()
}

fn target(probabilities: &[f64]) -> TargetTable {
    TargetTable::new(&[probabilities.to_vec()]).unwrap()
}

fn summary(rounds: &Rounds, target: &TargetTable) -> Summary {
    let mut diagnostics = Diagnostics::new(target);
    diagnostics.add(rounds);
    diagnostics.summary(target)
}

fn codes(rounds: &Rounds, target: &TargetTable) -> Vec<&'static str> {
    let verdict = summary(rounds, target).verdict(&Thresholds::default());
    verdict.reasons.iter().map(Reason::code).collect()
}

#[test]
fn a_log_with_overlap_answers() {
    let target = target(&[0.2, 0.8]);
    let rounds = log(1, 2_000, &[0.5, 0.5], &target);
    let verdict = summary(&rounds, &target).verdict(&Thresholds::default());
    assert!(verdict.identifiable(), "{verdict:?}");
    assert_eq!(verdict.warnings, []);
}

#[test]
fn each_gap_has_its_reason() {
    // 100 rounds with even weights would do; these weights are uneven.
    let even = target(&[0.5, 0.5]);
    let short = log(2, 90, &[0.5, 0.5], &even);
    assert_eq!(codes(&short, &even), ["FEW_EFFECTIVE_ROUNDS"]);

    // The logging policy never shows the second action.
    let mostly = target(&[0.95, 0.05]);
    let gap = log(3, 2_000, &[1.0, 0.0], &mostly);
    assert_eq!(codes(&gap, &mostly), ["UNSUPPORTED", "MEAN_WEIGHT"]);

    // Nothing in common at all.
    let other = target(&[0.0, 1.0]);
    let none = log(3, 2_000, &[1.0, 0.0], &other);
    assert_eq!(
        codes(&none, &other),
        ["NO_OVERLAP", "UNSUPPORTED", "MEAN_WEIGHT"]
    );

    // Propensities that are half of what was drawn from.
    let mut wrong = UncheckedRounds::default();
    for index in 0..1_000u32 {
        wrong.action.push(index % 2);
        wrong.position.push(0);
        wrong.propensity.push(0.25);
        wrong.reward.push(f64::from(u8::from(index % 5 == 0)));
    }
    let wrong = Rounds::new(wrong, &even, RewardRange::UNIT).unwrap();
    assert_eq!(codes(&wrong, &even), ["MEAN_WEIGHT"]);

    // One round in ten thousand with a weight of 5,000.
    let mut columns = UncheckedRounds::default();
    for index in 0..10_000 {
        columns.action.push(u32::from(index == 0));
        columns.position.push(0);
        columns
            .propensity
            .push(if index == 0 { 1e-4 } else { 1.0 - 1e-4 });
        columns.reward.push(f64::from(u8::from(index % 2 == 0)));
    }
    let heavy = Rounds::new(columns, &even, RewardRange::UNIT).unwrap();
    assert_eq!(
        codes(&heavy, &even),
        ["FEW_EFFECTIVE_ROUNDS", "LARGE_WEIGHT"]
    );
}

#[test]
fn rewards_that_are_all_the_same_answer_nothing() {
    let even = target(&[0.5, 0.5]);
    let mut columns = UncheckedRounds::default();
    for index in 0..1_000 {
        columns.action.push(index % 2);
        columns.position.push(0);
        columns.propensity.push(0.5);
        columns.reward.push(0.0);
    }
    let rounds = Rounds::new(columns, &even, RewardRange::UNIT).unwrap();
    assert_eq!(codes(&rounds, &even), ["ONE_REWARD"]);
}

#[test]
fn nothing_is_known_of_nothing() {
    let even = target(&[0.5, 0.5]);
    let empty = Diagnostics::new(&even).summary(&even);
    assert_eq!(empty.effective_sample_size, None);
    assert_eq!(empty.mean_weight, None);
    assert_eq!(empty.unsupported_mass, None);
    assert_eq!(
        empty.verdict(&Thresholds::default()).reasons,
        [Reason::NoRounds]
    );
}

#[test]
fn parts_that_merge_equal_one_pass() {
    let target = target(&[0.2, 0.8]);
    let parts = [
        log(5, 700, &[0.5, 0.5], &target),
        log(6, 300, &[0.1, 0.9], &target),
    ];
    let mut whole = Diagnostics::new(&target);
    let mut merged = Diagnostics::new(&target);
    for part in &parts {
        whole.add(part);
    }
    for part in parts.iter().rev() {
        let mut alone = Diagnostics::new(&target);
        alone.add(part);
        merged.merge(&alone);
    }
    let (ours, theirs) = (merged.summary(&target), whole.summary(&target));
    assert_eq!(ours.rounds, theirs.rounds);
    assert_eq!(ours.unsupported_mass, theirs.unsupported_mass);
    let gap = ours.effective_sample_size.unwrap() - theirs.effective_sample_size.unwrap();
    assert!(gap.abs() < 1e-9);
}
