//! A policy of [`learning`](crate::learning) in a state: what it would have
//! chosen, had it known at every choice what it knows in that state.

use std::fmt;

use crate::domain::distribution::{EligibleOffers, Propensity};
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::evaluation::choices::{Choice, Choices};
use crate::evaluation::weigh::{NoChoice, TargetPolicy};
use crate::learning::{Context, Policy, PolicyState, RewardedDecision};

/// A policy and what it has learnt. Actions and segments of the log have the
/// numbers that the state knows them by.
pub struct LearntPolicy {
    policy: Policy,
    state: PolicyState,
    /// Distributions of this state, by segment and actions, where the policy
    /// rests on its state alone; the one that was asked for last.
    last: Option<(SegmentNumber, Vec<u32>, Vec<f64>)>,
}

impl fmt::Debug for LearntPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LearntPolicy")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl LearntPolicy {
    /// The policy in the state.
    #[must_use]
    pub const fn new(policy: Policy, state: PolicyState) -> Self {
        Self {
            policy,
            state,
            last: None,
        }
    }

    /// Learns what a choice earned.
    pub(super) fn learn(&mut self, choice: &Choice<'_>) -> Result<(), NoChoice> {
        self.last = None;
        learn(&self.policy, &mut self.state, choice)
    }

    /// What it has learnt.
    #[must_use]
    pub const fn state(&self) -> &PolicyState {
        &self.state
    }
}

/// The probabilities of a choice's actions, in their order, under a policy in a
/// state.
pub(super) fn distribution(
    policy: &Policy,
    state: &PolicyState,
    choice: &Choice<'_>,
    segment: SegmentNumber,
) -> Vec<f64> {
    let mut order: Vec<usize> = (0..choice.actions.len()).collect();
    order.sort_unstable_by_key(|place| choice.actions[*place]);
    let ascending = order
        .iter()
        .map(|place| OfferNumber(choice.actions[*place]));
    let eligible = EligibleOffers::new(ascending)
        .expect("a checked choice has at least one action and each once");
    let context = Context {
        segment,
        features: &[],
        seed: DecisionSeed(choice.sequence.unwrap_or_default()),
        decided_at: Instant::from_unix_ms(choice.decided_at_ms.unwrap_or_default()),
    };
    let distribution = policy.distribution(state, &context, &eligible);
    let mut probabilities = vec![0.0; order.len()];
    for (place, probability) in order.into_iter().zip(distribution.probabilities()) {
        probabilities[place] = *probability;
    }
    probabilities
}

/// Learns what a choice earned, as the service's fold does when a decision closes.
pub(super) fn learn(
    policy: &Policy,
    state: &mut PolicyState,
    choice: &Choice<'_>,
) -> Result<(), NoChoice> {
    let rewarded = RewardedDecision {
        segment: SegmentNumber(choice.segment.unwrap_or_default()),
        offer: OfferNumber(choice.actions[choice.chosen]),
        features: &[],
        propensity: Propensity::CERTAIN,
        decided_at: Instant::from_unix_ms(choice.decided_at_ms.unwrap_or_default()),
        reward: choice.reward,
    };
    let learnt = policy.learn(state, &rewarded);
    learnt.map_err(|error| NoChoice::NotLearnt {
        why: error.to_string(),
    })?;
    Ok(())
}

impl TargetPolicy for LearntPolicy {
    fn choose(
        &mut self,
        _: &Choices,
        choice: &Choice<'_>,
        probabilities: &mut [f64],
    ) -> Result<(), NoChoice> {
        let segment = SegmentNumber(choice.segment.unwrap_or_default());
        if let Some((known, actions, computed)) = &self.last
            && *known == segment
            && actions == choice.actions
            && self.policy.rests_on_state_alone()
        {
            probabilities.copy_from_slice(computed);
            return Ok(());
        }
        let computed = distribution(&self.policy, &self.state, choice, segment);
        probabilities.copy_from_slice(&computed);
        self.last = Some((segment, choice.actions.to_vec(), computed));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::evaluation::choices::{Names, UncheckedChoices, Vocabulary};
    use crate::learning::PolicyConfig;

    #[test]
    fn it_chooses_by_its_state_whatever_the_order_of_the_actions() {
        let config: PolicyConfig =
            toml::from_str("kind = 'epsilon_greedy'\nepsilon = 0.2").unwrap();
        let policy = Policy::check(&config, |_| None).unwrap();
        let mut state = PolicyState::new();
        let rewarded = RewardedDecision {
            segment: SegmentNumber(1),
            offer: OfferNumber(2),
            features: &[],
            propensity: Propensity::CERTAIN,
            decided_at: Instant::from_unix_ms(0),
            reward: 1.0,
        };
        policy.learn(&mut state, &rewarded).unwrap();
        let columns = UncheckedChoices {
            ends: vec![2, 4, 6],
            actions: vec![2, 0, 0, 2, 0, 2],
            chosen: vec![0; 3],
            propensity: vec![0.5; 3],
            reward: vec![0.0; 3],
            position: vec![0; 3],
            segment: vec![1, 1, 0],
            ..UncheckedChoices::default()
        };
        let vocabulary = Vocabulary {
            actions: Arc::new(Names::from_iter(["tea", "cake", "lantern"])),
            segments: Arc::new(Names::from_iter(["other", "gold"])),
            ..Vocabulary::default()
        };
        let choices = Choices::new(columns, vocabulary).unwrap();
        let mut target = LearntPolicy::new(policy, state);
        let mut chosen = |index| {
            let mut probabilities = [0.0; 2];
            let choice = choices.get(index);
            target
                .choose(&choices, &choice, &mut probabilities)
                .unwrap();
            probabilities
        };
        assert_eq!(chosen(0), [0.9, 0.1]);
        assert_eq!(chosen(1), [0.1, 0.9]);
        assert_eq!(chosen(2), [0.5, 0.5]);
    }
}
