//! Epsilon-greedy with sample averages: only the value of the arm that was
//! learnt changes, and a distribution has two different probabilities.

use crate::domain::distribution::ALIKE;
use crate::learning::memory::Evidence;
use crate::learning::policy::epsilon_greedy::EpsilonGreedy;

/// One segment.
#[derive(Debug, Clone)]
pub(super) struct Greedy<'a> {
    policy: &'a EpsilonGreedy,
    learnt: u64,
    evidence: Vec<Evidence>,
    /// What each arm's next reward is estimated to be.
    values: Vec<f64>,
    /// The largest of them, and how many arms have it.
    best: f64,
    sharing: usize,
}

impl<'a> Greedy<'a> {
    pub fn new(policy: &'a EpsilonGreedy, offers: usize) -> Self {
        let evidence = vec![Evidence::default(); offers];
        let values: Vec<f64> = evidence.iter().map(|arm| policy.mean_of(arm)).collect();
        Self {
            policy,
            learnt: 0,
            best: values[0],
            sharing: offers,
            evidence,
            values,
        }
    }

    /// What [`EpsilonGreedy::shares`] gives the best arms and the others, drawn
    /// from as a distribution is.
    #[inline]
    pub fn choose(&self, uniform: f64) -> (usize, f64) {
        let (of_best, of_other) = self
            .policy
            .shares(self.learnt, self.sharing, self.values.len());
        let mut cumulative = 0.0;
        let mut last_possible = (0, 0.0);
        for (place, value) in self.values.iter().enumerate() {
            let probability = if *value == self.best {
                of_best
            } else {
                of_other
            };
            if probability > 0.0 {
                cumulative += probability;
                last_possible = (place, probability);
                if uniform < cumulative {
                    break;
                }
            }
        }
        last_possible
    }

    /// The best arms; all of them where it only explores.
    pub fn favourites(&self) -> impl Iterator<Item = usize> + '_ {
        let arms = self.values.len();
        let (of_best, of_other) = self.policy.shares(self.learnt, self.sharing, arms);
        let places = self.values.iter().enumerate();
        places.filter_map(move |(place, value)| {
            (*value == self.best || of_other > of_best - ALIKE).then_some(place)
        })
    }

    #[inline]
    pub fn learn(&mut self, place: usize, earned: bool) {
        self.learnt += 1;
        let evidence = &mut self.evidence[place];
        evidence.pulls += 1.0;
        if earned {
            evidence.reward_sum += 1.0;
            evidence.earning += 1.0;
        }
        self.values[place] = self.policy.mean_of(evidence);
        self.best = f64::NEG_INFINITY;
        self.sharing = 0;
        for value in &self.values {
            if *value > self.best {
                self.best = *value;
                self.sharing = 1;
            } else if *value == self.best {
                self.sharing += 1;
            }
        }
    }
}
