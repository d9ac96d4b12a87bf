//! Folding beliefs brought from outside: rewards that are thought to have been
//! seen are learnt as if they had been, now.

use uuid::Uuid;

use super::closing::OBSERVE;
use super::{Effect, FoldError, State};
use crate::domain::distribution::Propensity;
use crate::domain::event::{PriorImport, PriorRewards};
use crate::learning::RewardedDecision;

/// What became of an import of priors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriorsLearnt {
    /// How many rewards were learnt.
    pub learnt: u64,
    /// An import of the same id had been learnt before, so nothing was.
    pub duplicate: bool,
}

impl State {
    /// Whether an import of priors was learnt.
    #[must_use]
    pub fn has_priors(&self, import: Uuid) -> bool {
        self.priors.contains(&import)
    }

    /// Learns what an import says, unless it was learnt before. What the policy
    /// of now would refuse was refused before the event was recorded; where an
    /// event says otherwise, it is counted as unlearnable.
    pub(super) fn apply_prior_import(&mut self, import: &PriorImport) -> Result<Effect, FoldError> {
        if self.numbering.placement_id(import.placement).is_none() {
            return Err(self.no_placement(import.placement));
        }
        if self.priors.insert(import.id).is_some() {
            return Ok(Effect::PriorsLearnt(PriorsLearnt {
                learnt: 0,
                duplicate: true,
            }));
        }
        let catalog = self.catalog().cloned();
        let policy = catalog
            .as_ref()
            .and_then(|catalog| catalog.policy(import.placement))
            .unwrap_or(&OBSERVE);
        let state = self.learnt.entry(import.placement).or_default();
        let (mut learnt, mut refused) = (0, 0);
        for rewards in spread(&import.rewards) {
            let rewarded = RewardedDecision {
                segment: rewards.segment,
                offer: rewards.offer,
                features: &rewards.features,
                propensity: Propensity::CERTAIN,
                decided_at: self.now,
                reward: rewards.reward,
            };
            match policy.learn(state, &rewarded) {
                Ok(_) => learnt += 1,
                Err(_) => refused += 1,
            }
        }
        self.counters.prior_rewards += learnt;
        self.counters.unlearnable += refused;
        Ok(Effect::PriorsLearnt(PriorsLearnt {
            learnt,
            duplicate: false,
        }))
    }
}

/// Every reward of an import, one by one: those of an entry are spread evenly over
/// the whole, so that a policy for which later rewards count more sees the mix that
/// it was told of, and not one entry after the other.
fn spread(entries: &[PriorRewards]) -> impl Iterator<Item = &PriorRewards> {
    let mut order: Vec<(f64, usize)> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let times = f64::from(entry.times);
        order.extend((0..entry.times).map(|turn| ((f64::from(turn) + 0.5) / times, index)));
    }
    order.sort_by(|(one, first), (other, second)| one.total_cmp(other).then(first.cmp(second)));
    order.into_iter().map(|(_, index)| &entries[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{OfferNumber, SegmentNumber};

    #[test]
    fn rewards_are_spread_evenly() {
        let rewards = |reward, times| PriorRewards {
            segment: SegmentNumber(1),
            offer: OfferNumber(1),
            reward,
            times,
            features: Vec::new(),
        };
        let entries = [rewards(0.0, 6), rewards(1.0, 2), rewards(2.0, 0)];
        let order: Vec<f64> = spread(&entries).map(|it| it.reward).collect();
        assert_eq!(order, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }
}
