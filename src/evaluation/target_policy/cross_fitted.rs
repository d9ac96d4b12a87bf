//! A policy that learnt from the rounds that it is evaluated on, cross-fitted: what
//! chooses at a round learnt from the other folds alone.
//!
//! Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey, Robins (2018),
//! "Double/debiased machine learning for treatment and structural parameters",
//! <https://doi.org/10.1111/ectj.12097>; for a learnt policy's value: Athey, Wager
//! (2021), "Policy learning with observational data",
//! <https://doi.org/10.3982/ECTA15732>. A fold is some of the shoppers; where the
//! log names none, some of the decisions, or of the rows.
//!
//! The log is read twice. First every fold's policy begins with nothing and learns,
//! as the service's does, each round of the other folds in the order of the log.
//! Then the rounds are weighed, each by the policy of its own fold. What is
//! estimated is the mean value of the folds' policies, each learnt from (K − 1)/K of
//! the shoppers: a little less than that of a policy learnt from all of them.
//!
//! Unbiased for that where shoppers are independent of each other and the logging
//! policy does not learn. A logging policy that learns carries a little of a round
//! into what later shoppers are shown, and so into the fold's policy: a bias of the
//! order of one round's part in what was learnt. The policy of a round knows rounds
//! that come later, so nothing that is to hold in the log's order holds of it
//! ([`TargetPolicy::looks_ahead`]).

use std::fmt;

use super::learnt::LearntPolicy;
use crate::evaluation::choices::{Choice, Choices};
use crate::evaluation::reward_model::fold_of;
use crate::evaluation::weigh::{NoChoice, TargetPolicy};
use crate::learning::{Policy, PolicyState};

/// A policy for each fold. It is none that reads features.
pub struct CrossFittedPolicy {
    folds: Vec<LearntPolicy>,
    apart: Apart,
    /// Rows since the log was begun.
    rows: u64,
}

/// What is never split over two folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apart {
    Shopper,
    Decision,
    Row,
}

impl fmt::Debug for CrossFittedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrossFittedPolicy")
            .field("folds", &self.folds.len())
            .field("apart", &self.apart)
            .finish_non_exhaustive()
    }
}

impl CrossFittedPolicy {
    /// Nothing learnt yet.
    ///
    /// # Panics
    /// With fewer than 2 folds.
    #[must_use]
    pub fn new(policy: &Policy, folds: usize) -> Self {
        assert!(folds > 1, "a round's fold has others to learn from");
        let fold = |_| LearntPolicy::new(policy.clone(), PolicyState::new());
        Self {
            folds: (0..folds).map(fold).collect(),
            apart: Apart::Row,
            rows: 0,
        }
    }

    /// Learns from a batch of the log, whose batches come in their order.
    ///
    /// # Errors
    /// When the policy refuses a reward.
    pub fn learn(&mut self, choices: &Choices) -> Result<(), NoChoice> {
        for index in 0..choices.len() {
            let choice = choices.get(index);
            let own = self.fold(&choice);
            let others = self.folds.iter_mut().enumerate();
            for (_, fold) in others.filter(|(fold, _)| *fold != own) {
                fold.learn(&choice)?;
            }
        }
        Ok(())
    }

    /// The log has been learnt from to its end; what is chosen next is at its first
    /// row.
    pub const fn begin_again(&mut self) {
        self.rows = 0;
    }

    fn fold(&mut self, choice: &Choice<'_>) -> usize {
        let row = self.rows;
        self.rows += 1;
        let (apart, number) = match (choice.shopper, choice.decision) {
            (Some(shopper), _) => (Apart::Shopper, shopper),
            #[allow(clippy::cast_possible_truncation)] // both halves of the id count
            (None, Some(decision)) => (Apart::Decision, (decision >> 64) as u64 ^ decision as u64),
            (None, None) => (Apart::Row, row),
        };
        self.apart = apart;
        fold_of(number, self.folds.len())
    }
}

impl TargetPolicy for CrossFittedPolicy {
    fn choose(
        &mut self,
        choices: &Choices,
        choice: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice> {
        let fold = self.fold(choice);
        self.folds[fold].choose(choices, choice, probabilities)
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    fn label(&self) -> Option<String> {
        let apart = match self.apart {
            Apart::Shopper => "shopper",
            Apart::Decision => "decision",
            Apart::Row => "row",
        };
        Some(format!(
            "cross-fitted in {} folds by {apart}: at each round the policy that learnt from the other \
             folds of this log alone",
            self.folds.len()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::random::Generator;
    use crate::evaluation::choices::{UncheckedChoices, Vocabulary};
    use crate::evaluation::logged::RewardRange;
    use crate::evaluation::weigh::{Weighing, weigh};
    use crate::learning::PolicyConfig;

    const ACTIONS: u32 = 8;
    /// Whatever is shown.
    const RATE: f64 = 0.2;

    /// 200 shoppers with two rounds each, both of which earn the same; every action
    /// is as good as the others, so any policy earns [`RATE`].
    fn log(seed: u64, names_shoppers: bool) -> Choices {
        let mut generator = Generator::from_seed(seed);
        let mut columns = UncheckedChoices::default();
        for shopper in 0..200 {
            let chosen = u32::try_from(generator.next_below(u64::from(ACTIONS))).unwrap();
            let reward = f64::from(u8::from(generator.next_uniform() < RATE));
            for _ in 0..2 {
                columns.actions.extend(0..ACTIONS);
                columns.ends.push(columns.actions.len());
                columns.chosen.push(chosen);
                columns.propensity.push(1.0 / f64::from(ACTIONS));
                columns.reward.push(reward);
                columns.position.push(0);
                columns.shopper.extend(names_shoppers.then_some(shopper));
            }
        }
        let names = (0..ACTIONS).map(|action| action.to_string());
        let names: Vec<String> = names.collect();
        let vocabulary = Vocabulary {
            actions: Arc::new(names.iter().map(String::as_str).collect()),
            ..Vocabulary::default()
        };
        Choices::new(columns, vocabulary).unwrap()
    }

    fn policy() -> Policy {
        let config: PolicyConfig =
            toml::from_str("kind = 'epsilon_greedy'\nepsilon = 0.1").unwrap();
        Policy::check(&config, |_| None).unwrap()
    }

    fn value(choices: Choices, target: &mut dyn TargetPolicy) -> f64 {
        let mut weighing = Weighing::new(RewardRange::UNIT);
        let rounds = weigh(choices, target, &mut weighing).unwrap();
        let scores = rounds.weight().iter().zip(rounds.reward());
        scores.map(|(w, r)| w * r).sum::<f64>() / 400.0
    }

    /// The mean over 200 logs less the truth, in Monte Carlo errors.
    fn bias(value: impl Fn(u64) -> f64) -> f64 {
        let values: Vec<f64> = (0..200).map(value).collect();
        let mean = values.iter().sum::<f64>() / 200.0;
        let squares = values.iter().map(|value| (value - mean) * (value - mean));
        (mean - RATE) / (squares.sum::<f64>() / 199.0 / 200.0).sqrt()
    }

    fn cross_fitted(choices: Choices) -> (f64, CrossFittedPolicy) {
        let mut target = CrossFittedPolicy::new(&policy(), 5);
        target.learn(&choices).unwrap();
        target.begin_again();
        (value(choices, &mut target), target)
    }

    /// A policy that is judged by the rounds it learnt from seems better than it is,
    /// and so does one whose folds split shoppers, both by more than 5 Monte Carlo
    /// errors. Cross-fitted by shopper it does not.
    #[test]
    fn what_learnt_from_a_round_does_not_judge_it() {
        let in_sample = bias(|seed| {
            let choices = log(seed, true);
            let mut target = LearntPolicy::new(policy(), PolicyState::new());
            (0..choices.len()).for_each(|row| target.learn(&choices.get(row)).unwrap());
            value(choices, &mut target)
        });
        assert!(in_sample > 5.0, "{in_sample}");
        let split = bias(|seed| cross_fitted(log(seed, false)).0);
        assert!(split > 5.0, "{split}");
        let by_shopper = bias(|seed| cross_fitted(log(seed, true)).0);
        assert!(by_shopper.abs() < 4.0, "{by_shopper}");
    }

    #[test]
    fn it_says_what_it_is() {
        let (_, target) = cross_fitted(log(1, true));
        assert!(target.looks_ahead());
        let label = target.label().unwrap();
        assert!(
            label.starts_with("cross-fitted in 5 folds by shopper"),
            "{label}"
        );
        let (_, target) = cross_fitted(log(1, false));
        assert!(target.label().unwrap().contains("by row"));
    }
}
