//! Thompson sampling with Beta posteriors, whose probabilities are followed
//! from reward to reward.

use crate::domain::distribution::most_probable;
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

    /// The arms that are the most probable ones to be the best.
    pub fn favourites(&mut self, name: &mut dyn FnMut(usize)) {
        match self.following.followed() {
            Some(probabilities) => most_probable(probabilities).for_each(name),
            None => {
                let exact = self.following.exact();
                most_probable(exact.probabilities()).for_each(name);
            }
        }
    }

    #[inline]
    pub fn learn(&mut self, place: usize, earned: bool) {
        self.following.gain(place, earned);
    }
}
