//! Thompson sampling with Beta posteriors, whose probabilities are followed
//! from reward to reward.

use crate::learning::best_arm::following::Following;
use crate::learning::policy::thompson_beta::ThompsonBeta;

/// One segment.
#[derive(Debug, Clone)]
pub(super) struct Thompson {
    following: Following,
    floor: f64,
}

impl Thompson {
    pub fn new(policy: &ThompsonBeta, offers: usize) -> Self {
        Self {
            following: Following::new(vec![policy.prior(); offers]),
            floor: policy.exploration_floor(),
        }
    }

    #[inline]
    pub fn choose(&mut self, uniform: f64) -> (usize, f64) {
        self.following.draw(uniform, self.floor)
    }

    #[inline]
    pub fn learn(&mut self, place: usize, earned: bool) {
        self.following.gain(place, earned);
    }
}
