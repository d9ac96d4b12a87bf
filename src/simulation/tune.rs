//! Which of a scenario's policies is the best, found without playing them all
//! to the end: successive halving.
//!
//! Jamieson, Talwalkar (2016), "Non-stochastic best arm identification and
//! hyperparameter optimization", <https://arxiv.org/abs/1502.07943>. Its arms
//! are the candidates, usually the cells of grids; its resource is seeds. The
//! rounds of halving are rungs here: on each, those that are left play as many
//! further seeds as all rungs before together, and the worse half is dropped.
//! The last rung ends with the scenario's last seed.
//!
//! The best of many looks better than it is on the seeds that chose it. So the
//! final figure comes from seeds that the search never saw, the ones after the
//! scenario's, which the winner plays beside the scenario's first policy.
//!
//! Cost: about ⌈log₂ n⌉ · n · s / 2^(⌈log₂ n⌉ − 1) replications for n candidates
//! and s seeds, instead of n · s.

use serde::Serialize;
use thiserror::Error;

use super::comparison::paired;
use super::estimate::{Estimate, mean};
use super::runner::{Done, Played, run};
use super::scenario::{Candidate, Scenario, ScenarioError};
use super::seeds::SeedRange;
use super::summary::Replication;
use super::trace::Column;

/// A search that has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Search<'s> {
    scenario: &'s Scenario,
    held_out: SeedRange,
}

/// Why a search cannot begin.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TuneError {
    /// Nothing to choose from.
    #[error(
        "there is {0} policy to choose from, at least 2 are needed: give a policy a grid, such as \
         grid = {{ epsilon = [0.05, 0.1] }}"
    )]
    TooFew(usize),
    /// No seed is left after the scenario's.
    #[error("there are no {0} seeds after the scenario's to tell the final figure on")]
    NoSeeds(u64),
    /// The world cannot play the seeds that are held out.
    #[error("the final figure needs seeds after the scenario's: {0}")]
    Seeds(ScenarioError),
}

/// One rung.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// The seeds that were played up to it.
    pub seeds: String,
    /// Who played, the best first.
    pub policies: Vec<Scored>,
    /// How many of them were kept.
    pub kept: usize,
}

/// A policy and what it came to a decision: what it missed, or what it earned
/// where the world does not know what it missed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scored {
    /// The policy's name.
    pub policy: String,
    /// By how much.
    #[serde(flatten)]
    pub estimate: Estimate,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// Whether scores are regrets, less of which is better.
    pub by_regret: bool,
    /// The rungs in their order.
    pub rungs: Vec<Rung>,
    /// The candidate that was left.
    pub winner: Candidate,
    /// Its score on the seeds that chose it.
    pub on_search_seeds: Estimate,
    /// The scenario as it was played on the seeds that were held out: the winner,
    /// and after it the scenario's first policy unless that has won.
    pub held_out: Scenario,
    /// What they came to there.
    pub played: Played,
}

/// A candidate that is still there, with what it came to so far.
struct Contender<'s> {
    candidate: &'s Candidate,
    replications: Vec<Replication>,
}

impl<'s> Search<'s> {
    /// A search among a scenario's policies, whose final figure comes from
    /// `held_out` further seeds.
    ///
    /// # Errors
    /// When there is nothing to choose from, or no seed is left.
    pub fn new(scenario: &'s Scenario, held_out: u64) -> Result<Self, TuneError> {
        if scenario.candidates.len() < 2 {
            return Err(TuneError::TooFew(scenario.candidates.len()));
        }
        let seeds = scenario.seeds.part(scenario.seeds.count(), held_out);
        let held_out = seeds.ok_or(TuneError::NoSeeds(held_out))?;
        let environment = &scenario.environment;
        environment
            .check_seeds(held_out.iter())
            .map_err(TuneError::Seeds)?;
        Ok(Self { scenario, held_out })
    }

    /// How many candidates play on each rung, and up to which seed.
    fn plan(&self) -> Vec<(usize, u64)> {
        let mut left = self.scenario.candidates.len();
        let mut counts = Vec::new();
        while left > 1 {
            counts.push(left);
            left = left.div_ceil(2);
        }
        let seeds = self.scenario.seeds.count();
        let rungs = counts.len();
        let until = |rung: usize| {
            let halvings = u32::try_from(rungs - 1 - rung).unwrap_or(u32::MAX);
            seeds.checked_shr(halvings).unwrap_or(0).max(1)
        };
        let counted = counts.into_iter().enumerate();
        counted.map(|(rung, left)| (left, until(rung))).collect()
    }

    /// How many decisions there are to make.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        let mut before = 0;
        let mut replications = 2 * self.held_out.count();
        for (left, until) in self.plan() {
            replications += left as u64 * (until - before);
            before = until;
        }
        replications * self.scenario.rounds
    }

    /// Searches. `None` when it was stopped.
    #[must_use]
    pub fn run(&self, done: Done<'_>) -> Option<Tuned> {
        let columns = self.scenario.environment.columns();
        let by_regret = columns.contains(&Column::Regret);
        let contender = |candidate| Contender {
            candidate,
            replications: Vec::new(),
        };
        let mut left: Vec<Contender<'_>> = self.scenario.candidates.iter().map(contender).collect();
        let (mut rungs, mut before) = (Vec::new(), 0);
        for (_, until) in self.plan() {
            if until > before {
                self.play_on(&mut left, before, until - before, done)?;
            }
            before = until;
            left.sort_by(|one, other| {
                let (one, other) = (self.score(one), self.score(other));
                let order = one.value.total_cmp(&other.value);
                if by_regret { order } else { order.reverse() }
            });
            let scored = |contender: &Contender<'_>| Scored {
                policy: contender.candidate.name.clone(),
                estimate: self.score(contender),
            };
            let kept = left.len().div_ceil(2);
            rungs.push(Rung {
                seeds: self.scenario.seeds.part(0, until)?.to_string(),
                policies: left.iter().map(scored).collect(),
                kept,
            });
            left.truncate(kept);
        }
        let winner = left.first()?;
        let (held_out, played) = self.final_figure(winner.candidate, done)?;
        Some(Tuned {
            by_regret,
            rungs,
            winner: winner.candidate.clone(),
            on_search_seeds: self.score(winner),
            held_out,
            played,
        })
    }

    /// Plays further seeds with those that are left.
    fn play_on(
        &self,
        left: &mut [Contender<'_>],
        from: u64,
        count: u64,
        done: Done<'_>,
    ) -> Option<()> {
        let candidates = left.iter().map(|it| it.candidate.clone()).collect();
        let seeds = self.scenario.seeds.part(from, count)?;
        let played = whole(&self.with(candidates, seeds), done)?;
        for (contender, curves) in left.iter_mut().zip(played.policies) {
            contender.replications.extend(curves.replications);
        }
        Some(())
    }

    /// The winner beside the first policy, on seeds that chose nothing.
    fn final_figure(&self, winner: &Candidate, done: Done<'_>) -> Option<(Scenario, Played)> {
        let first = self.scenario.candidates.first()?;
        let mut candidates = vec![winner.clone()];
        if first.name != winner.name {
            candidates.push(first.clone());
        }
        let scenario = self.with(candidates, self.held_out);
        let played = whole(&scenario, done)?;
        Some((scenario, played))
    }

    fn with(&self, candidates: Vec<Candidate>, seeds: SeedRange) -> Scenario {
        Scenario {
            candidates,
            seeds,
            ..self.scenario.clone()
        }
    }

    /// What a contender missed, or earned, a decision.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    fn score(&self, contender: &Contender<'_>) -> Estimate {
        let scenario = self.scenario;
        let by_regret = scenario.environment.columns().contains(&Column::Regret);
        let figure = |one: &Replication| if by_regret { one.regret } else { one.reward };
        let decisions = (scenario.rounds - scenario.count_from) as f64;
        mean(contender.replications.iter().map(figure))
            .expect("a contender is scored after it played")
            .scaled(1.0 / decisions)
    }
}

/// What a scenario came to, when it was not stopped.
fn whole(scenario: &Scenario, done: Done<'_>) -> Option<Played> {
    run(scenario, done).filter(|played| played.summary.stopped_of.is_none())
}

impl Tuned {
    /// What the winner earned more a decision than the scenario's first policy,
    /// on the seeds that were held out; `None` when it is that policy.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    pub fn gain(&self) -> Option<Estimate> {
        let [winner, first] = &self.played.policies[..] else {
            return None;
        };
        let earned = |one: &Replication| {
            if self.by_regret {
                -one.regret
            } else {
                one.reward
            }
        };
        let decisions = (self.held_out.rounds - self.held_out.count_from) as f64;
        let more = paired(&winner.replications, &first.replications, earned)?;
        Some(more.scaled(1.0 / decisions))
    }

    /// The winner's score a decision on the seeds that were held out.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 decisions
    pub fn on_held_out_seeds(&self) -> Option<Estimate> {
        let winner = self.played.policies.first()?.replications.iter();
        let decisions = (self.held_out.rounds - self.held_out.count_from) as f64;
        let figures = winner.map(|one| {
            if self.by_regret {
                one.regret
            } else {
                one.reward
            }
        });
        Some(mean(figures)?.scaled(1.0 / decisions))
    }
}
