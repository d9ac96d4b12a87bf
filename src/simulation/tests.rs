mod engine;
mod features;
mod funnel;
mod rounds;
mod shop;
mod tune;

use std::ops::ControlFlow;

use super::*;

const BERNOULLI: &str = r#"
    name = "three"
    rounds = 400
    seeds = "0..7"
    [environment]
    kind = "bernoulli"
    rates = [0.1, 0.5, 0.3]
    [[policies]]
    name = "thompson"
    kind = "thompson_beta"
    [[policies]]
    name = "imed"
    kind = "imed"
    [[policies]]
    kind = "uniform"
"#;

const DELAYED: &str = r#"
    name = "late"
    rounds = 2_000
    seeds = "0..19"
    [environment]
    kind = "delayed"
    rates = [0.1, 0.5]
    delay_mean_days = 2.0
    window_days = 7.0
    decisions_per_day = 100.0
    [[policies]]
    name = "undelayed"
    kind = "thompson_beta"
    feedback = "undelayed"
    [[policies]]
    name = "at_closing"
    kind = "thompson_beta"
    [[policies]]
    name = "provisional"
    kind = "thompson_beta"
    feedback = "provisional"
    [[policies]]
    name = "delay_corrected"
    kind = "thompson_beta"
    feedback = "delay_corrected"
"#;

const COLD_START: &str = r#"
    name = "cold"
    seeds = "0..3"
    [environment]
    kind = "cold_start"
    offers = 4
    rate = 0.05
    offer_deviation = 0.4
    segment_deviation = 0.08
    segments = [{ count = 3, decisions = 40 }, { count = 5, decisions = 7 }]
    [[policies]]
    kind = "uniform"
"#;

fn played(text: &str, overrides: &[&str]) -> Summary {
    played_whole(text, overrides).summary
}

fn played_whole(text: &str, overrides: &[&str]) -> Played {
    let scenario = scenario(text, overrides).unwrap();
    run(&scenario, &|_| ControlFlow::Continue(())).expect("it is not stopped")
}

fn scenario(text: &str, overrides: &[&str]) -> Result<Scenario, String> {
    let overrides: Vec<Override> = overrides.iter().map(|set| set.parse().unwrap()).collect();
    Scenario::read(text, &overrides).map_err(|error| error.to_string())
}

fn bytes(summary: &Summary) -> String {
    serde_json::to_string(summary).unwrap()
}

#[test]
#[cfg(feature = "offline")]
fn the_number_of_threads_does_not_change_a_byte() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| played_whole(BERNOULLI, &[]))
    };
    let one = on(1);
    for threads in [2, 8] {
        let many = on(threads);
        assert_eq!(bytes(&one.summary), bytes(&many.summary));
        // Debug tells every bit of every curve.
        assert_eq!(format!("{one:?}"), format!("{many:?}"));
    }
}

#[test]
fn a_policy_plays_the_same_whatever_it_is_compared_with() {
    let all = played(BERNOULLI, &[]);
    let alone = BERNOULLI.replace("[[policies]]\n    kind = \"uniform\"", "");
    assert_eq!(played(&alone, &[]).policies[..], all.policies[..2]);
    // One seed of many is that seed alone.
    let first = played(BERNOULLI, &["seeds=3"]);
    let range = played(BERNOULLI, &["seeds=3..3"]);
    assert_eq!(first.policies, range.policies);
}

#[test]
fn what_was_played_before_a_stop_counts() {
    let scenario = scenario(BERNOULLI, &["rounds=5000"]).unwrap();
    let all = run(&scenario, &|_| ControlFlow::Continue(())).unwrap();
    let made = std::sync::atomic::AtomicU64::new(0);
    let stopped = run(&scenario, &|more| {
        let made = made.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
        // Some seeds of three policies and 5,000 rounds.
        if made < 70_000 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let stopped = stopped.unwrap();
    let replications = stopped.summary.replications;
    assert!((1..8).contains(&replications), "{replications}");
    assert_eq!(stopped.summary.stopped_of, Some(8));
    assert_eq!(stopped.summary.seeds, format!("0..{}", replications - 1));
    let first = usize::try_from(replications).unwrap();
    for (some, all) in stopped.policies.iter().zip(&all.policies) {
        assert_eq!(some.replications[..], all.replications[..first]);
    }
    assert_eq!(run(&scenario, &|_| ControlFlow::Break(())), None);
}

#[test]
fn curves_end_at_what_the_summary_says() {
    let played = played_whole(BERNOULLI, &["count_from=100"]);
    for (summary, curves) in played.summary.policies.iter().zip(&played.policies) {
        let last = |measure: Measure| curves.curve(measure).unwrap().last().unwrap();
        assert!((last(Measure::Regret).value - summary.regret_mean).abs() < 1e-9);
        let reward = last(Measure::Reward).value / 300.0;
        assert!((reward - summary.reward_mean).abs() < 1e-12);
        let regret = last(Measure::Regret).interval().unwrap();
        // Student's quantile with 7 degrees of freedom.
        let half = 2.364_624_251 * summary.regret_se.unwrap();
        assert!(
            (regret.1 - summary.regret_mean - half).abs() < 1e-6,
            "{regret:?}"
        );
        assert_eq!(curves.points.rounds_at(127), 400);
        let whole: f64 = curves.shares.iter().map(|it| it[60].unwrap().value).sum();
        assert!((whole - 1.0).abs() < 1e-12);
        assert_eq!(curves.choices.iter().sum::<u64>(), 8 * 300);
    }
    // Uniform has no favourite, so it pays for ignorance and not for exploring.
    let uniform = played.policies[2]
        .curve(Measure::PriceOfExploration)
        .unwrap();
    assert!(uniform.last().unwrap().value.abs() < 20.0);
    let part = played.policies[2].curve(Measure::PartOfBest).unwrap();
    assert!((part.points[50].unwrap().value - 0.6).abs() < 0.15);
}

#[test]
fn policies_are_compared_seed_by_seed_with_the_best() {
    let summary = played(BERNOULLI, &[]);
    let [imed, uniform] = &summary.differences[..] else {
        panic!("two others than the best")
    };
    assert_eq!((&*imed.policy, &*imed.than), ("imed", "thompson"));
    assert_eq!((&*uniform.policy, &*uniform.than), ("uniform", "thompson"));
    // 80.175 less 9.6.
    assert!((uniform.regret.value - 70.575).abs() < 1e-9);
    assert!(uniform.regret.lower.unwrap() > 60.0 && uniform.reward.is_clear());
}

#[test]
fn a_hash_tells_scenarios_apart() {
    let hash = |overrides: &[&str]| scenario(BERNOULLI, overrides).unwrap().hash;
    assert_eq!(
        hash(&[]),
        scenario(&format!("# Why?\n{BERNOULLI}"), &[]).unwrap().hash
    );
    assert_ne!(hash(&[]), hash(&["rounds=401"]));
    assert_eq!(hash(&[]).len(), 64);
}

#[test]
fn learning_beats_not_learning_and_every_decision_is_reported() {
    let done = std::sync::atomic::AtomicU64::new(0);
    let scenario = scenario(BERNOULLI, &["rounds=5000"]).unwrap();
    let played = run(&scenario, &|more| {
        done.fetch_add(more, std::sync::atomic::Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    assert_eq!(done.into_inner(), 3 * 8 * 5_000);
    let summary = played.unwrap().summary;
    let [thompson, imed, uniform] = &summary.policies[..] else {
        panic!("three policies")
    };
    // Uniform loses 0.2 a decision.
    assert!((uniform.regret_mean - 1_000.0).abs() < 20.0);
    assert!((uniform.reward_mean - 0.3).abs() < 0.01);
    assert!(thompson.regret_mean < 50.0 && imed.regret_mean < 50.0);
    assert_eq!((uniform.decisions, uniform.kind), (5_000, "uniform"));
}

#[test]
fn golden_summary() {
    let summary = played(BERNOULLI, &[]);
    let regrets: Vec<f64> = summary.policies.iter().map(|one| one.regret_mean).collect();
    let expected = [9.6, 11.9, 80.175];
    for (regret, expected) in regrets.iter().zip(expected) {
        assert!((regret - expected).abs() < 1e-9, "{regrets:?}");
    }
}

#[test]
fn the_json_has_its_declared_keys() {
    let json = serde_json::to_value(played(BERNOULLI, &["seeds=0..1", "rounds=10"])).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    for key in ["policies", "replications", "rounds", "scenario", "seeds"] {
        assert!(keys(&json).contains(&key.to_owned()), "{key}");
    }
    assert_eq!(json["seeds"], "0..1");
    for key in [
        "name",
        "kind",
        "decisions",
        "reward_mean",
        "reward_se",
        "regret_mean",
        "regret_se",
        "regret_p95",
        "regret_max",
    ] {
        assert!(
            keys(&json["policies"][0]).contains(&key.to_owned()),
            "{key}"
        );
    }
}

#[test]
fn best_and_worst_change_places_when_the_world_drifts() {
    let text = r#"
        name = "swap"
        rounds = 100
        seeds = 0
        [environment]
        kind = "drifting"
        rates = [0.2, 0.0, 1.0]
        swap_at = 60
        [[policies]]
        name = "last"
        kind = "fixed"
        preference = ["2"]
    "#;
    let whole = played(text, &[]);
    assert_eq!(whole.policies[0].regret_mean, 40.0);
    assert_eq!(whole.policies[0].reward_mean, 0.6);
    let after = played(text, &["count_from=60"]);
    assert_eq!(
        (after.policies[0].decisions, after.policies[0].reward_mean),
        (40, 0.0)
    );
}

#[test]
fn a_late_conversion_counts_inside_the_window_and_delay_costs_regret() {
    let summary = played(DELAYED, &[]);
    let [undelayed, at_closing, provisional, _] = &summary.policies[..] else {
        panic!("four policies")
    };
    // 700 decisions pass before the first window closes.
    assert!(
        at_closing.regret_mean > undelayed.regret_mean + 100.0,
        "{summary:?}"
    );
    assert!(
        provisional.regret_mean < at_closing.regret_mean,
        "{summary:?}"
    );
    let always = DELAYED
        .replace("thompson_beta", "fixed\"\npreference = [\"1\"]#")
        .replace("#\"", "");
    let reward = played(&always, &[]).policies[0].reward_mean;
    // 0.5 · (1 − e^−3.5) = 0.485
    assert!((reward - 0.485).abs() < 0.01, "{reward}");
}

#[test]
fn a_provisional_run_ends_in_the_state_of_the_undelayed_rewards() {
    // With no delay at all the three modes are one.
    let summary = played(
        DELAYED,
        &[
            "environment.delay_mean_days=0.0",
            "environment.window_days=0.0",
        ],
    );
    assert_eq!(
        summary.policies[0].regret_mean,
        summary.policies[1].regret_mean
    );
    assert_eq!(
        summary.policies[0].regret_mean,
        summary.policies[2].regret_mean
    );
}

#[test]
fn correcting_for_delay_loses_less_than_waiting() {
    let regrets: Vec<f64> = played(DELAYED, &["seeds=0..9"])
        .policies
        .iter()
        .map(|policy| policy.regret_mean)
        .collect();
    let [undelayed, at_closing, _, corrected] = regrets[..] else {
        panic!("four policies")
    };
    // 2,000 decisions in 20 days, of which a wrong one loses 0.388: a week of
    // not knowing costs 136.
    assert!(undelayed < corrected, "{regrets:?}");
    assert!(corrected < 0.4 * at_closing, "{regrets:?}");
}

#[test]
fn a_stale_snapshot_costs_regret() {
    let summary = |every: &str| {
        let every = format!("policies.thompson.update_every={every}");
        played(BERNOULLI, &["seeds=0..19", &every]).policies[0].regret_mean
    };
    assert_eq!(
        summary("1"),
        played(BERNOULLI, &["seeds=0..19"]).policies[0].regret_mean
    );
    // The first 200 decisions are uniform: each loses 0.2 in the mean.
    let (fresh, stale) = (summary("1"), summary("200"));
    assert!(stale > 35.0 && stale > 2.0 * fresh, "{stale} {fresh}");
    let refused = scenario(BERNOULLI, &["policies.imed.update_every=0"]).unwrap_err();
    assert_eq!(
        refused,
        "policies.imed.update_every is 0, it must be in [1, 1000000000]"
    );
    let steps = BERNOULLI.replace("kind = \"imed\"", "kind = \"epsilon_greedy\"\nstep = 0.1");
    assert!(scenario(&steps, &[]).is_ok());
    let delayed = DELAYED.replacen(
        "kind = \"thompson_beta\"",
        "kind = \"epsilon_greedy\"\nstep = 0.1",
        1,
    );
    let refused = scenario(&delayed, &["policies.undelayed.feedback=provisional"]).unwrap_err();
    assert_eq!(
        refused,
        "policies.undelayed: feedback is not at_closing, but epsilon_greedy acts on more than \
         counts and sums of rewards"
    );
}

#[test]
fn segments_come_as_often_as_they_should() {
    let scenario = scenario(COLD_START, &[]).unwrap();
    assert_eq!(scenario.rounds, 155);
    let mut world = scenario.environment.world(1);
    let mut counts = [0u32; 8];
    let mut rates = Vec::new();
    for _ in 0..155 {
        let segment = world.next_situation().segment;
        counts[segment.0 as usize] += 1;
        rates.push(world.best_mean());
    }
    assert_eq!(counts, [40, 40, 40, 7, 7, 7, 7, 7]);
    assert!(rates.iter().all(|rate| *rate > 0.02 && *rate < 0.5));
    assert_eq!(played(COLD_START, &["rounds=9"]).rounds, 9);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_played() {
    for (overrides, message) in [
        (
            &["rounds=0"][..],
            "rounds is 0, it must be in [1, 1000000000]",
        ),
        (
            &["rounds=-5"],
            "rounds is -5, it must be in [1, 1000000000]",
        ),
        (
            &["count_from=400"],
            "count_from is 400, it must be in [0, 399]",
        ),
        (
            &["seeds=9..1"],
            "seeds: \"9..1\" has no seed in it, the last one must not be below the first",
        ),
        (
            &["environment.rates=[0.1, 1.5]"],
            "environment.rates.1 is 1.5, it must be in [0, 1]",
        ),
        (
            &["environment.rates=[nan]"],
            "environment.rates.0 is NaN, it must be in [0, 1]",
        ),
        (
            &["environment.rates=[]"],
            "environment.rates: the number of rates is 0, it must be in [1, 1000]",
        ),
        (&["policies=[]"], "policies is empty, it needs at least 1"),
        (
            &["policies.imed.name=thompson"],
            "policies: the name \"thompson\" stands twice, each may stand once",
        ),
        (
            &["policies.thompson.prior_failures=0"],
            "policies.thompson: prior_failures is 0, it must be in [0.01, 1e9]",
        ),
        (
            &["policies.imed.feedback=provisional"],
            "policies.imed: feedback needs an environment with delays, such as kind = \"delayed\"",
        ),
        (
            &[
                "policies.imed={ name = 'low', kind = 'softmax', reward = { min = 0.0, max = 0.5 } }",
            ],
            "policies.low: reward 1 is outside [0, 0.5], and an offer of this environment earns it",
        ),
        (
            &["policies.imd.outside=clip"],
            "--set policies has no entry \"imd\"; the nearest known name is \"imed\"",
        ),
    ] {
        assert_eq!(scenario(BERNOULLI, overrides).unwrap_err(), message);
    }
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_known_one() {
    for (overrides, start, nearest) in [
        ("round=3", "unknown field `round`", "rounds"),
        (
            "environment.rate=[0.1]",
            "environment: unknown field `rate`",
            "rates",
        ),
        (
            "environment.kind=bernouli",
            "environment: unknown variant `bernouli`",
            "bernoulli",
        ),
        (
            "policies.imed.kind=imad",
            "policies.imed: unknown variant `imad`",
            "imed",
        ),
        (
            "policies.thompson.prior_succeses=2",
            "policies.thompson: unknown field `prior_succeses`",
            "prior_successes",
        ),
    ] {
        let message = scenario(BERNOULLI, &[overrides]).unwrap_err();
        assert!(message.starts_with(start), "{message}");
        let end = format!("; the nearest known name is {nearest:?}");
        assert!(message.ends_with(&end), "{message}");
    }
    assert!(
        scenario("name = ", &[])
            .unwrap_err()
            .starts_with("not TOML")
    );
}

/// The scenario that comes with the program can be played.
#[test]
fn the_committed_scenarios_are_well_formed() {
    for text in [
        include_str!("../../simulations/bernoulli_ten_arms.toml"),
        include_str!("../../simulations/cold_start.toml"),
        include_str!("../../simulations/delayed_conversions.toml"),
        include_str!("../../simulations/stale_snapshots.toml"),
    ] {
        assert!(text.starts_with("# "), "a scenario opens with its question");
        scenario(text, &[]).unwrap();
    }
}
