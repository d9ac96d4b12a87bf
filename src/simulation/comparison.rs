//! By how much one policy beats another.
//!
//! All policies meet the same shoppers and the same luck (common random
//! numbers), so they are compared seed by seed: the interval of the mean of the
//! differences is much narrower than the two policies' own.

use serde::Serialize;

use super::curves::PolicyCurves;
use super::estimate::{Estimate, mean};
use super::summary::Replication;

/// What a policy earns more than another in a whole replication.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The policy.
    pub policy: String,
    /// The one that it is compared with.
    pub than: String,
    /// What it was rewarded more.
    pub reward: Estimate,
    /// What it missed more.
    pub regret: Estimate,
}

/// What one policy's replications came to more than those of the other, on the
/// same seeds.
#[must_use]
pub fn paired(
    policy: &[Replication],
    than: &[Replication],
    figure: impl Fn(&Replication) -> f64,
) -> Option<Estimate> {
    let pairs = policy.iter().zip(than);
    mean(pairs.map(|(one, other)| figure(one) - figure(other)))
}

/// The places of the policies, that which earns most first: which misses
/// least, where that is known, because it is told without the luck of rewards.
#[must_use]
pub fn ranking(policies: &[PolicyCurves], by_regret: bool) -> Vec<usize> {
    let score = |curves: &PolicyCurves| {
        let figure = |one: &Replication| if by_regret { -one.regret } else { one.reward };
        let figures = curves.replications.iter().map(figure);
        figures.sum::<f64>()
    };
    let scores: Vec<f64> = policies.iter().map(score).collect();
    let mut places: Vec<usize> = (0..policies.len()).collect();
    places.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]));
    places
}

/// Every policy's differences to the first of the ranking, in its order.
#[must_use]
pub fn differences(
    names: &[String],
    policies: &[PolicyCurves],
    ranking: &[usize],
) -> Vec<Difference> {
    let Some((leader, others)) = ranking.split_first() else {
        return Vec::new();
    };
    let than = &policies[*leader].replications;
    let difference = |place: &usize| {
        let policy = &policies[*place].replications;
        Some(Difference {
            policy: names[*place].clone(),
            than: names[*leader].clone(),
            reward: paired(policy, than, |one| one.reward)?,
            regret: paired(policy, than, |one| one.regret)?,
        })
    };
    others.iter().filter_map(difference).collect()
}
