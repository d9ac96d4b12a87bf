//! Who makes a simulated log.

use super::shape::{Shape, number};
use crate::domain::distribution::{ActionDistribution, EligibleOffers, Propensity};
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::random::{DecisionSeed, Generator, Stream};
use crate::domain::time::Instant;
use crate::learning::{Context, Policy, PolicyState, RewardedDecision};

/// What a logger's choices are drawn from.
const CHOICES: Stream = Stream::numbered(17);

/// A logging policy.
#[derive(Debug, Clone, PartialEq)]
pub enum Logger {
    /// The shape's own probabilities, always the same.
    Fixed,
    /// A production policy that learns each position as a segment of its own.
    Adaptive {
        /// The policy.
        policy: Policy,
        /// The least probability of any action, which its configuration gives.
        floor: f64,
        /// After how many rounds it publishes what it has learnt: 1 or more.
        publish_every: u64,
    },
}

impl Logger {
    /// The largest weight that can come up.
    pub(super) fn largest_weight(&self, shape: &Shape) -> f64 {
        let target = shape.target();
        let ratios = (0..target.positions()).flat_map(|position| {
            let pairs = target.at(position).iter().zip(shape.logging(position));
            pairs
                .filter(|(target, _)| **target > 0.0)
                .map(|(target, logging)| match self {
                    Self::Fixed => target / logging,
                    Self::Adaptive { floor, .. } => target / floor,
                })
        });
        ratios.fold(0.0, f64::max)
    }

    pub(super) fn begin<'a>(&'a self, shape: &'a Shape, seed: u64) -> Running<'a> {
        let learner = match self {
            Self::Fixed => None,
            Self::Adaptive {
                policy,
                publish_every,
                ..
            } => Some(Learner {
                policy,
                publish_every: *publish_every,
                state: PolicyState::new(),
                eligible: EligibleOffers::new(
                    (0..shape.target().actions()).map(|action| OfferNumber(number(action))),
                )
                .expect("numbers from 0 ascend, and a target has an action"),
                published: vec![None; shape.target().positions()],
                learnt: 0,
            }),
        };
        Running {
            shape,
            choices: DecisionSeed(seed).generator(CHOICES),
            learner,
        }
    }
}

/// A logger at work.
pub(super) struct Running<'a> {
    shape: &'a Shape,
    choices: Generator,
    learner: Option<Learner<'a>>,
}

struct Learner<'a> {
    policy: &'a Policy,
    publish_every: u64,
    state: PolicyState,
    eligible: EligibleOffers,
    published: Vec<Option<ActionDistribution>>,
    learnt: u64,
}

/// What was chosen.
pub(super) struct Chosen {
    pub action: usize,
    /// The same as logs number it.
    pub number: u32,
}

impl Running<'_> {
    /// Chooses at a position.
    pub(super) fn choose(&mut self, position: usize) -> Chosen {
        let uniform = self.choices.next_uniform();
        let action = match &mut self.learner {
            None => drawn(self.shape.logging(position), uniform),
            Some(learner) => learner.at(position).draw(uniform),
        };
        Chosen {
            action,
            number: number(action),
        }
    }

    /// The distribution that the last choice at a position was drawn from.
    pub(super) fn distribution(&self, position: usize) -> &[f64] {
        let published = self.learner.as_ref().map(|it| &it.published[position]);
        match published {
            Some(Some(distribution)) => distribution.probabilities(),
            _ => self.shape.logging(position),
        }
    }

    pub(super) fn learn(&mut self, position: usize, action: usize, reward: f64) {
        if let Some(learner) = &mut self.learner {
            learner.learn(position, action, reward);
        }
    }
}

/// Where `uniform` falls; rounding may leave the sum a hair below it.
fn drawn(probabilities: &[f64], uniform: f64) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (action, probability) in probabilities.iter().enumerate() {
        if *probability > 0.0 {
            sum += probability;
            last = action;
            if uniform < sum {
                break;
            }
        }
    }
    last
}

impl Learner<'_> {
    fn at(&mut self, position: usize) -> &ActionDistribution {
        let context = Context {
            segment: SegmentNumber(number(position)),
            features: &[],
            seed: DecisionSeed(0),
            decided_at: Instant::from_unix_ms(0),
        };
        self.published[position].get_or_insert_with(|| {
            self.policy
                .distribution(&self.state, &context, &self.eligible)
        })
    }

    fn learn(&mut self, position: usize, action: usize, reward: f64) {
        let decision = RewardedDecision {
            segment: SegmentNumber(number(position)),
            offer: OfferNumber(number(action)),
            features: &[],
            propensity: Propensity::CERTAIN,
            decided_at: Instant::from_unix_ms(0),
            reward,
        };
        self.policy
            .learn(&mut self.state, &decision)
            .expect("a policy learns rewards of 0 and 1");
        self.learnt += 1;
        if self.learnt.is_multiple_of(self.publish_every) {
            self.published.fill(None);
        }
    }
}
