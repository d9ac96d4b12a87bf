//! A policy's shorter way, round by round, plays as the policy itself.

use std::path::Path;

use crate::simulation::runner::{Learner, RoundByRound, play};
use crate::simulation::{Override, Scenario};

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
                assert_eq!(
                    play(&scenario, seed, &mut quick, &|_| {}),
                    play(&scenario, seed, &mut learner, &|_| {}),
                    "{name}, {}, seed {seed}",
                    candidate.name
                );
                played += 1;
            }
        }
        assert_eq!(played, 2 * expected, "{name}");
    }
}
