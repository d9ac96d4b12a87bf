//! By how much one policy beats another.
//!
//! All policies meet the same shoppers and the same luck (common random
//! numbers), so they are compared seed by seed: the interval of the mean of the
//! differences is much narrower than the two policies' own.

use serde::{Deserialize, Serialize};

use super::curves::PolicyCurves;
use super::estimate::{Estimate, mean};
use super::scenario::{ScenarioError, nearest, whole_within};
use super::summary::{EarlyTotal, Replication};

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

/// Two policies whose difference is told, over the first decisions or all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonDocument {
    /// The name of a policy.
    pub policy: String,
    /// The name of the one that it is compared with.
    pub than: String,
    /// Over how many decisions from the first that counts, at least 1; all unless
    /// given, and where there are fewer.
    pub decisions: Option<i64>,
}

/// A checked [`ComparisonDocument`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// A policy's name.
    pub policy: String,
    /// Another's.
    pub than: String,
    /// Over how many decisions, from the first that counts.
    pub decisions: u64,
}

impl Comparison {
    /// Checks pair number `place` against the names of the policies; `counted`
    /// decisions count.
    ///
    /// # Errors
    /// Names the key.
    pub(super) fn check(
        place: usize,
        written: &ComparisonDocument,
        names: &[&str],
        counted: u64,
    ) -> Result<Self, ScenarioError> {
        let ill = |key: &'static str, name: &str, message: String| ScenarioError::Comparison {
            place,
            key,
            value: format!("{name:?}"),
            message,
        };
        for (key, name) in [("policy", &written.policy), ("than", &written.than)] {
            if !names.contains(&name.as_str()) {
                let hint = nearest(name, names.iter().copied());
                return Err(ill(key, name, format!("no policy has this name{hint}")));
            }
        }
        if written.policy == written.than {
            let message = "it is compared with itself".to_owned();
            return Err(ill("than", &written.than, message));
        }
        let decisions = match written.decisions {
            None => counted,
            Some(decisions) => {
                let key = format!("compare.{place}.decisions");
                let most = super::scenario::MOST_ROUNDS;
                whole_within(&key, decisions, 1, most)?.min(counted)
            }
        };
        Ok(Self {
            policy: written.policy.clone(),
            than: written.than.clone(),
            decisions,
        })
    }
}

/// What a policy earns more than another over the first decisions that count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The policy.
    pub policy: String,
    /// The one that it is compared with.
    pub than: String,
    /// Over how many decisions.
    pub decisions: u64,
    /// What it was rewarded more.
    pub reward: Estimate,
    /// What it missed more.
    pub regret: Estimate,
}

/// The pairs that a scenario asks for, seed by seed; those are left out of which
/// a policy was not played.
#[must_use]
pub fn compared(
    comparisons: &[Comparison],
    names: &[String],
    policies: &[PolicyCurves],
) -> Vec<Compared> {
    let compare = |asked: &Comparison| {
        let of = |name: &String| {
            let place = names.iter().position(|it| it == name)?;
            Some(&policies[place].replications[..])
        };
        let (policy, than) = (of(&asked.policy)?, of(&asked.than)?);
        let early = |one: &Replication, figure: fn(&EarlyTotal) -> f64| {
            let total = one.early.iter().find(|it| it.decisions == asked.decisions);
            total.map_or(f64::NAN, figure)
        };
        Some(Compared {
            policy: asked.policy.clone(),
            than: asked.than.clone(),
            decisions: asked.decisions,
            reward: paired(policy, than, |one| early(one, |it| it.reward))?,
            regret: paired(policy, than, |one| early(one, |it| it.regret))?,
        })
    };
    comparisons.iter().filter_map(compare).collect()
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
