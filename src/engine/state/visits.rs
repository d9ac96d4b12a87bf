//! Visits in the fold: the decisions of one session are learnt together, where
//! their policy looks ahead.
//!
//! A decision of such a placement that names a session belongs to a visit. When
//! it closes, its rewards are kept with the visit; once none of the visit's
//! decisions is open, all are learnt, in the order in which they were made.
//! Placements share a visit when their policies are written alike and their
//! rewards mean the same: the placement is the stage. A decision that was not
//! shown is no stage, nor is one whose policy no longer looks ahead when it
//! closes: that is learnt by itself.
//!
//! Until a visit is learnt a refund still changes what its decision earned;
//! afterwards it is counted as not unlearnt, since later values rest on it.

use serde::{Deserialize, Serialize};

use super::closing::OBSERVE;
use super::{OpenDecision, State};
use crate::catalog::Catalog;
use crate::domain::decision::DecisionRecord;
use crate::domain::distribution::{EligibleOffers, Propensity};
use crate::domain::ids::{PlacementNumber, Position, SegmentNumber};
use crate::domain::keys::VisitKey;
use crate::domain::outcome::Correction;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use crate::learning::policy::q_learning::QLearning;
use crate::learning::session::{RewardedOffer, SessionDecision};
use crate::learning::{Policy, RewardedDecision};

/// So many decisions of one visit are learnt although others are open: whoever
/// never ends a session must not keep memory for ever.
const MOST_STAGES: usize = 1_000;

/// What an open decision keeps for a policy that looks ahead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ahead {
    visit: VisitKey,
    seed: DecisionSeed,
    eligible: EligibleOffers,
}

/// A visit that is not learnt yet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Visit {
    /// How many of its decisions are open.
    open: u64,
    /// Those that closed, in the order in which they were made.
    stages: Vec<Stage>,
}

/// A decision whose rewards are known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stage {
    position: Position,
    decided_at: Instant,
    placement: PlacementNumber,
    segment: SegmentNumber,
    seed: DecisionSeed,
    eligible: EligibleOffers,
    /// In the order of slots.
    shown: Vec<Shown>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Shown {
    rewarded: RewardedOffer,
    propensity: Propensity,
}

impl Ahead {
    /// What is kept of a decision; `None` unless it belongs to a visit.
    pub(super) fn of(record: &DecisionRecord) -> Option<Self> {
        Some(Self {
            visit: record.visit.filter(|_| !record.test)?,
            seed: record.seed,
            eligible: record.eligible.clone()?,
        })
    }

    /// Gives `sink` the canonical bytes.
    pub(super) fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(b"visit");
        sink(&self.visit.0);
        sink(&self.seed.0.to_le_bytes());
        write_eligible(&self.eligible, sink);
    }
}

impl State {
    /// A decision was made: its visit is not over.
    pub(super) fn begin_stage(&mut self, record: &DecisionRecord) -> Option<Ahead> {
        let ahead = Ahead::of(record)?;
        self.visits.entry(ahead.visit).or_default().open += 1;
        Some(ahead)
    }

    /// Keeps the rewards of a decision that closes with its visit; `false` where
    /// it is to be learnt by itself.
    pub(super) fn keep_stage(
        &mut self,
        position: Position,
        decision: &OpenDecision,
        rewards: &[f64],
    ) -> bool {
        let Some(ahead) = decision.ahead.as_deref() else {
            return false;
        };
        let looks_ahead = self
            .catalog()
            .and_then(|catalog| catalog.policy(decision.placement))
            .is_some_and(|policy| policy.looking_ahead().is_some());
        let Some(visit) = self.visits.get_mut(&ahead.visit).filter(|_| looks_ahead) else {
            return false;
        };
        let shown = decision
            .slots
            .iter()
            .zip(rewards)
            .map(|(slot, reward)| Shown {
                rewarded: RewardedOffer {
                    offer: slot.offer,
                    reward: *reward,
                },
                propensity: slot.propensity,
            });
        let stage = Stage {
            position,
            decided_at: decision.decided_at,
            placement: decision.placement,
            segment: decision.segment,
            seed: ahead.seed,
            eligible: ahead.eligible.clone(),
            shown: shown.collect(),
        };
        let place = visit
            .stages
            .partition_point(|known| known.position < position);
        visit.stages.insert(place, stage);
        self.waiting.insert(position, ahead.visit);
        true
    }

    /// One of a visit's decisions has closed: the last one ends it.
    pub(super) fn end_stage(&mut self, decision: &OpenDecision) {
        let Some(ahead) = decision.ahead.as_deref() else {
            return;
        };
        let Some(visit) = self.visits.get_mut(&ahead.visit) else {
            return;
        };
        visit.open -= 1;
        if visit.open > 0 && visit.stages.len() < MOST_STAGES {
            return;
        }
        let stages = std::mem::take(&mut visit.stages);
        if visit.open == 0 {
            self.visits.remove(&ahead.visit);
        }
        for stage in &stages {
            self.waiting.remove(&stage.position);
        }
        self.learn_visit(&stages);
    }

    /// Learns decisions that closed, each with those that share its policy.
    fn learn_visit(&mut self, stages: &[Stage]) {
        let Some(catalog) = self.catalog().cloned() else {
            return;
        };
        let mut learnt: Vec<PlacementNumber> = Vec::new();
        for stage in stages {
            if learnt.contains(&stage.placement) {
                continue;
            }
            let policy = catalog.policy(stage.placement).unwrap_or(&OBSERVE);
            let together = |other: &&Stage| shares(&catalog, stage.placement, other.placement);
            let session: Vec<&Stage> = stages.iter().filter(together).collect();
            learnt.extend(session.iter().map(|stage| stage.placement));
            match policy.looking_ahead() {
                Some(policy) => self.learn_together(policy, &session),
                None => session
                    .iter()
                    .for_each(|stage| self.learn_alone(policy, stage)),
            }
        }
    }

    fn learn_together(&mut self, policy: &QLearning, session: &[&Stage]) {
        let shown: Vec<Vec<RewardedOffer>> = session
            .iter()
            .map(|stage| stage.shown.iter().map(|shown| shown.rewarded).collect())
            .collect();
        let decisions: Vec<SessionDecision<'_>> = session
            .iter()
            .zip(&shown)
            .map(|(stage, shown)| SessionDecision {
                placement: stage.placement,
                segment: stage.segment,
                decided_at: stage.decided_at,
                seed: stage.seed,
                eligible: &stage.eligible,
                shown,
            })
            .collect();
        let answers = policy.learn_session(&mut self.learnt, &decisions);
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        self.counters.unlearnable += refused as u64;
    }

    fn learn_alone(&mut self, policy: &Policy, stage: &Stage) {
        for shown in &stage.shown {
            let rewarded = RewardedDecision {
                segment: stage.segment,
                offer: shown.rewarded.offer,
                features: &[],
                propensity: shown.propensity,
                decided_at: stage.decided_at,
                reward: shown.rewarded.reward,
            };
            let state = self.learnt.entry(stage.placement).or_default();
            let refused = policy.learn(state, &rewarded).is_err();
            self.counters.unlearnable += u64::from(refused);
        }
    }

    /// Puts right what a decision earned whose visit is not learnt yet; `false`
    /// when it is no such decision.
    pub(super) fn correct_waiting(&mut self, correction: &Correction) -> bool {
        let visit = self.waiting.get(&correction.decision);
        let visit = visit.and_then(|visit| self.visits.get_mut(visit));
        let mut stages = visit.into_iter().flat_map(|visit| &mut visit.stages);
        let shown = stages
            .find(|stage| stage.position == correction.decision)
            .and_then(|stage| {
                stage
                    .shown
                    .get_mut((correction.slot as usize).wrapping_sub(1))
            });
        let Some(shown) = shown else {
            return false;
        };
        shown.rewarded.reward = correction.reward_after;
        true
    }

    /// Gives `sink` the canonical bytes of the visits that are not learnt yet.
    pub(super) fn write_visits(&self, sink: &mut impl FnMut(&[u8])) {
        for (key, visit) in &self.visits {
            sink(&key.0);
            sink(&visit.open.to_le_bytes());
            for stage in &visit.stages {
                sink(&stage.decided_at.unix_ms().to_le_bytes());
                sink(&stage.placement.0.to_le_bytes());
                sink(&stage.segment.0.to_le_bytes());
                sink(&stage.seed.0.to_le_bytes());
                write_eligible(&stage.eligible, sink);
                for shown in &stage.shown {
                    sink(&shown.rewarded.offer.0.to_le_bytes());
                    sink(&shown.rewarded.reward.to_bits().to_le_bytes());
                }
            }
        }
    }
}

/// Whether the decisions of two placements are stages of one session.
fn shares(catalog: &Catalog, one: PlacementNumber, other: PlacementNumber) -> bool {
    if one == other {
        return true;
    }
    let of = |number| catalog.placement(number).zip(catalog.policy(number));
    match (of(one), of(other)) {
        (Some((one, policy)), Some((other, same))) => policy == same && one.rewards_like(other),
        _ => false,
    }
}

fn write_eligible(eligible: &EligibleOffers, sink: &mut impl FnMut(&[u8])) {
    sink(&(eligible.len() as u64).to_le_bytes());
    for offer in eligible.iter() {
        sink(&offer.0.to_le_bytes());
    }
}
