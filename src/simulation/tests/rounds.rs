//! A policy's shorter way, round by round, plays as the policy itself.

use std::ops::ControlFlow;
use std::path::Path;

use super::engine::committed;
use crate::simulation::decider::RoundByRound;
use crate::simulation::learner::Learner;
use crate::simulation::runner::play;
use crate::simulation::{Column, Override, Scenario, Trace};

#[test]
fn the_shorter_way_plays_the_committed_scenarios_alike() {
    for (name, settings, expected) in [
        ("bernoulli_ten_arms", &["rounds=4000"][..], 2),
        (
            "drift",
            &["rounds=3000", "count_from=0", "environment.swap_at=1500"],
            1,
        ),
        (
            "cold_start",
            &[
                "environment.segments=[{ count = 3, decisions = 300 }, { count = 12, decisions = 15 }]",
            ],
            1,
        ),
    ] {
        let path = format!("simulations/{name}.toml");
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let settings: Vec<Override> = settings.iter().map(|set| set.parse().unwrap()).collect();
        let scenario = Scenario::read(&text.unwrap(), &settings).unwrap();
        let mut played = 0;
        for candidate in &scenario.candidates {
            for seed in 0..2 {
                let Some(mut quick) = RoundByRound::new(candidate, &scenario.environment) else {
                    continue;
                };
                let mut learner = Learner::new(candidate, &scenario.environment);
                let on = |_| ControlFlow::Continue(());
                let quick = play(&scenario, candidate, seed, &mut quick, &on).unwrap();
                let whole = play(&scenario, candidate, seed, &mut learner, &on).unwrap();
                let told = format!("{name}, {}, seed {seed}", candidate.name);
                assert_eq!(quick.total, whole.total, "{told}");
                assert_eq!(quick.choices(), whole.choices(), "{told}");
                // Probabilities agree to 10⁻⁵: one on the edge of what counts as
                // alike may be named one way only, at 0.045 at most.
                let price = |trace: &Trace| {
                    let last = trace.stops().last().unwrap();
                    last.sums.of(Column::Exploration)
                };
                let apart = (price(&quick) - price(&whole)).abs();
                assert!(apart < 0.1, "{told}: {apart}");
                played += 1;
            }
        }
        assert_eq!(played, 2 * expected, "{name}");
    }
}

/// A policy that draws from anchors plays to the same trace, favourites
/// included, and learns the same.
#[test]
fn anchored_draws_play_the_committed_scenarios_alike() {
    for (name, settings, expected) in [
        (
            "spring_festival",
            &[
                "rounds=250",
                "environment.visits_per_day=12",
                "environment.shoppers=60",
            ][..],
            2,
        ),
        (
            "delayed_conversions",
            &["rounds=400", "environment.decisions_per_day=12"],
            4,
        ),
        ("stale_snapshots", &["rounds=400"], 4),
        ("fatigue", &["rounds=300", "environment.shoppers=20"], 2),
    ] {
        let scenario = committed(name, settings);
        let mut played = 0;
        for candidate in &scenario.candidates {
            let mut whole = Learner::new(candidate, &scenario.environment);
            let mut quick = Learner::new(candidate, &scenario.environment).with_anchors();
            if !quick.has_anchors() {
                continue;
            }
            let on = |_| ControlFlow::Continue(());
            let of_whole = play(&scenario, candidate, 5, &mut whole, &on).unwrap();
            let of_quick = play(&scenario, candidate, 5, &mut quick, &on).unwrap();
            assert_eq!(of_quick, of_whole, "{name}, {}", candidate.name);
            assert!(quick.into_learnt() == whole.into_learnt());
            played += 1;
        }
        assert_eq!(played, expected, "{name}");
    }
}
