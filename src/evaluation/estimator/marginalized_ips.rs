//! Marginalized inverse propensity scores: weights of what actions are like, not
//! of the actions themselves.
//!
//! Saito, Joachims (2022), "Off-policy evaluation for large action spaces via
//! embeddings", <https://arxiv.org/abs/2202.06317>. Each action a has an
//! embedding e (its campaign, its brand: see
//! [`Embeddings`](crate::evaluation::embeddings::Embeddings)); their w(x, e) is
//! p(e|π)/p(e|p₀), the probability under either policy that an action with this
//! embedding is chosen.
//!
//! Unbiased when an action earns what it does through its embedding alone, and
//! every embedding that the target chooses was possible; the variance is at most
//! that of inverse propensity scores, and much less where many actions share an
//! embedding. Otherwise biased by what actions of one embedding earn apart.

use super::super::logged::{MissingColumn, RoundsView};
use super::super::moments::Terms;
use super::Formula;

/// mean(w(e)·r).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarginalizedIps;

impl Formula for MarginalizedIps {
    fn terms(&self) -> usize {
        1
    }

    fn fill(&self, rounds: RoundsView<'_>, terms: &mut Terms) -> Result<(), MissingColumn> {
        let rows = rounds.marginal_weight()?.iter().zip(rounds.reward);
        for (term, (weight, reward)) in terms[0].iter_mut().zip(rows) {
            *term = weight * reward;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Accumulator, Estimator};
    use crate::domain::random::Generator;
    use crate::evaluation::choices::{Choice, Choices, Names, UncheckedChoices, Vocabulary};
    use crate::evaluation::embeddings::Embeddings;
    use crate::evaluation::logged::{RewardRange, Rounds};
    use crate::evaluation::weigh::{NoChoice, TargetPolicy, Weighing, weigh};

    const LOGGING: [f64; 6] = [0.4, 0.25, 0.15, 0.1, 0.05, 0.05];
    const TARGET: [f64; 6] = [0.05, 0.05, 0.1, 0.0, 0.1, 0.7];
    /// Two kinds of three actions each, which earn 0.2 and 0.5: the target's mean
    /// is 0.2·0.2 + 0.8·0.5.
    const RATES: [f64; 2] = [0.2, 0.5];
    const TRUTH: f64 = 0.44;

    struct Fixed;

    impl TargetPolicy for Fixed {
        fn choose(
            &mut self,
            _: &Choices,
            _: &Choice<'_>,
            probabilities: &mut [f64],
        ) -> Result<(), NoChoice> {
            probabilities.copy_from_slice(&TARGET);
            Ok(())
        }
    }

    fn log(seed: u64) -> Rounds {
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut generator = Generator::from_seed(seed);
        let mut columns = UncheckedChoices {
            probabilities: Some(LOGGING.repeat(400)),
            actions: (0..6).cycle().take(2_400).collect(),
            ends: (1..=400).map(|row| 6 * row).collect(),
            ..UncheckedChoices::default()
        };
        for _ in 0..400 {
            let (uniform, mut sum) = (generator.next_uniform(), 0.0);
            let action = LOGGING.iter().position(|share| {
                sum += share;
                uniform < sum
            });
            let action = action.unwrap_or(5);
            let reward = generator.next_uniform() < RATES[action / 3];
            columns.chosen.push(u32::try_from(action).unwrap());
            columns.propensity.push(LOGGING[action]);
            columns.reward.push(f64::from(u8::from(reward)));
            columns.position.push(0);
        }
        let vocabulary = Vocabulary {
            actions: Arc::new(Names::from_iter(names)),
            ..Vocabulary::default()
        };
        let kind = |(place, name): (usize, &str)| (name.to_owned(), vec![(place / 3).to_string()]);
        let mut weighing = Weighing {
            embeddings: Some(Embeddings::new(
                names.into_iter().enumerate().map(kind).collect(),
            )),
            ..Weighing::new(RewardRange::UNIT)
        };
        let choices = Choices::new(columns, vocabulary).unwrap();
        weigh(choices, &mut Fixed, &mut weighing).unwrap()
    }

    /// 300 logs of 400 rounds: the mean is within 4 Monte Carlo errors of the
    /// truth, and the deviation less than 0.7 of plain scores'.
    #[test]
    fn it_is_unbiased_and_sharper_where_kinds_tell_all() {
        let study = |name: &str| {
            let estimator: Estimator = name.parse().unwrap();
            let values: Vec<f64> = (0..300)
                .map(|seed| {
                    let mut accumulator = Accumulator::new(estimator).unwrap();
                    accumulator.add(&log(seed)).unwrap();
                    accumulator.estimate(RewardRange::UNIT).unwrap().value
                })
                .collect();
            let mean = values.iter().sum::<f64>() / 300.0;
            let squares = values.iter().map(|value| (value - mean) * (value - mean));
            (mean, (squares.sum::<f64>() / 299.0).sqrt())
        };
        let (mean, deviation) = study("mips");
        assert!((mean - TRUTH).abs() < 4.0 * deviation / 17.3, "{mean}");
        let (_, plain) = study("ips");
        assert!(deviation < 0.7 * plain, "{deviation} {plain}");
    }
}
