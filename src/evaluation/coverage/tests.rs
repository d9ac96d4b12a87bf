use super::*;
use crate::evaluation::target::TargetTable;
use crate::learning::config::ThompsonBetaConfig;
use crate::learning::{Policy, PolicyConfig};

fn shape() -> Shape {
    let target = TargetTable::new(&[vec![0.2, 0.3, 0.5]]).unwrap();
    Shape::new(target, &[1.0], vec![0.6, 0.3, 0.1], vec![0.1, 0.2, 0.3]).unwrap()
}

fn thompson(floor: f64) -> Logger {
    let config = ThompsonBetaConfig {
        exploration_floor: floor,
        ..toml::from_str("").unwrap()
    };
    Logger::Adaptive {
        policy: Policy::check(&PolicyConfig::ThompsonBeta(config), |_| None).unwrap(),
        floor,
        publish_every: 10,
    }
}

fn design() -> Design {
    Design {
        rounds: 1_000,
        look_every: 200,
        range: RewardRange::UNIT,
        level: Level::USUAL,
        resamples: 40,
    }
}

fn card(logger: &Logger, replications: u64) -> Card {
    let logs: Vec<Vec<Watched>> = (0..replications)
        .map(|seed| replicate(&shape(), logger, &design(), seed))
        .collect();
    Card::of(&logs, 0.95).unwrap()
}

/// 120 logs: at 95 %, 114 hold the truth, give or take 2.4; 4 deviations below
/// that is 104, or 0.87.
#[test]
fn a_card_tells_who_keeps_the_claim_and_who_does_not() {
    for logger in [Logger::Fixed, thompson(0.05)] {
        let card = card(&logger, 120);
        for row in card.rows.iter().filter(|row| row.claims_always) {
            assert!(row.always >= 0.87 && row.once >= row.always, "{row:?}");
            assert!(row.width.unwrap() > 0.0);
        }
        let bootstrap = card
            .rows
            .iter()
            .find(|row| row.entry.kind == Kind::BootstrapPercentile && row.entry.estimator == IPS);
        let bootstrap = bootstrap.unwrap();
        assert!(bootstrap.always < bootstrap.once - 0.05, "{bootstrap:?}");
    }
}

#[test]
fn a_replication_follows_from_its_seed() {
    let logger = thompson(0.05);
    let one = |seed| replicate(&shape(), &logger, &design(), seed);
    assert_eq!(one(3), one(3));
    assert_ne!(one(3), one(4));
}

#[test]
fn a_shape_is_what_the_log_was_like() {
    let target = TargetTable::new(&[vec![0.5, 0.5], vec![1.0, 0.0]]).unwrap();
    let places = [(2.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)];
    let shape = Shape::of_log(target.clone(), &places).unwrap();
    let two_thirds = 2.0 / 3.0;
    assert!((shape.logging(0)[0] - two_thirds).abs() < 1e-12);
    // (1 + 0.5) / 3, (0 + 0.5) / 2 and (1 + 0.5) / 2, the first position 3 of 4 times.
    let truth = 0.75 * (0.5 * 0.5 + 0.5 * 0.25) + 0.25 * 0.75;
    assert!((shape.truth() - truth).abs() < 1e-12);
    assert_eq!(
        Shape::of_log(target, &[(0.0, 0.0); 4]),
        Err(NotAShape::NoRounds)
    );

    let target = TargetTable::uniform(2, 1).unwrap();
    let refused = Shape::new(target, &[1.0], vec![1.0, 0.0], vec![0.1, 0.1]).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("action 1 at position 0 with 0.5")
    );
}
