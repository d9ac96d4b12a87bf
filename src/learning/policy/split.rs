//! Split: each shopper belongs to one of several arms once and for all, and an
//! arm is an offer or a policy of its own: a plain A/B test.
//!
//! Which arm a shopper belongs to is a keyed hash, uniform over the shoppers,
//! so before it is looked at a shopper falls into arm a with the probability of
//! its share w_a. The propensity that is stated is the one over that chance,
//!
//! p(o) = Σ_a w_a · p_a(o),
//!
//! with p_a what arm a's own policy states; the draw is made by the arm that the
//! shopper is in. So a log of a split supports the evaluation of every arm, as a
//! log of independent draws with the same propensities does, but for the
//! decisions of one shopper, which fall into the same arm: estimates from it are
//! clustered by shopper. In a later slot the weights are those that the slots
//! above leave: w_a in proportion to w_a · Π p_a(chosen above), by Bayes' rule.
//! Where nobody is known the draw is made by p itself, and belongs to no arm.
//!
//! An arm's policy learns from the decisions of its own shoppers alone, in a
//! memory of its own, so that arms are compared as if each ran by itself.
//!
//! Validity: arms learn at closing, know no features and do not look ahead
//! (the catalogue sees to it). Cost: the sum of what the arms' policies cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Context, Policy};
use crate::domain::distribution::{ActionDistribution, EligibleOffers, Odds};
use crate::domain::ids::OfferNumber;
use crate::learning::config::split::SplitConfig;
use crate::learning::config::{PolicyConfig, PolicyError};
use crate::learning::policy::fixed::Fixed;
use crate::learning::state::PolicyState;

/// All shares together, in basis points.
pub const ALL_BASIS_POINTS: u32 = 10_000;
/// The most arms.
const MOST_ARMS: usize = 20;
/// The most bytes of a name.
const MOST_NAME_BYTES: usize = 64;

/// The checked split.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    experiment: String,
    /// At least two, with different names, whose shares add up.
    arms: Vec<SplitArm>,
}

/// One arm.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitArm {
    /// Its name.
    pub name: Arc<str>,
    /// Its share of the shoppers, in basis points, 1 or more.
    pub share_basis_points: u32,
    /// What its shoppers see; never a split.
    pub policy: Policy,
}

impl Split {
    pub(super) fn check(
        config: &SplitConfig,
        offer_number: &dyn Fn(&str) -> Option<OfferNumber>,
    ) -> Result<Self, PolicyError> {
        let ill = |key, value: String, rule| Err(PolicyError::Ill { key, value, rule });
        if !is_name(&config.experiment) {
            return ill("experiment", quoted(&config.experiment), NAME_RULE);
        }
        let count = config.arms.len();
        if !(2..=MOST_ARMS).contains(&count) {
            return ill("arms", format!("{count} entries"), "must be from 2 to 20");
        }
        let mut arms: Vec<SplitArm> = Vec::with_capacity(count);
        for (index, written) in config.arms.iter().enumerate() {
            let in_arm = |error| PolicyError::InArm {
                arm: index,
                error: Box::new(error),
            };
            let ill = |key, value: String, rule| Err(in_arm(PolicyError::Ill { key, value, rule }));
            let name = &written.name;
            if !is_name(name) {
                return ill("name", quoted(name), NAME_RULE);
            }
            if arms.iter().any(|arm| *arm.name == **name) {
                return ill("name", quoted(name), "must stand once in a split");
            }
            let share = written.share_basis_points;
            if !(1..ALL_BASIS_POINTS).contains(&share) {
                let rule = "must be from 1 to 9999";
                return ill("share_basis_points", share.to_string(), rule);
            }
            let policy = match (&written.offer, written.policy.as_deref()) {
                (Some(offer), None) => {
                    let unknown = || PolicyError::UnknownOffer {
                        key: "offer",
                        value: offer.clone(),
                    };
                    let number = offer_number(offer).ok_or_else(unknown).map_err(in_arm)?;
                    Policy::Fixed(Fixed::always(number))
                }
                (None, Some(PolicyConfig::Split(_))) => {
                    let rule = "must be another kind: an arm cannot be split again";
                    return ill("policy.kind", quoted("split"), rule);
                }
                (None, Some(policy)) => Policy::check(policy, offer_number).map_err(|error| {
                    in_arm(PolicyError::InPolicy {
                        error: Box::new(error),
                    })
                })?,
                (offer, policy) => {
                    let both = offer.is_some() && policy.is_some();
                    let value = if both { "both" } else { "neither" };
                    let rule = "must be exactly one of offer and policy";
                    return ill("offer", value.to_owned(), rule);
                }
            };
            arms.push(SplitArm {
                name: name.as_str().into(),
                share_basis_points: share,
                policy,
            });
        }
        let total: u32 = arms.iter().map(|arm| arm.share_basis_points).sum();
        if total != ALL_BASIS_POINTS {
            let value = format!("shares of {total} together");
            return ill("arms", value, "must add up to 10000 basis points");
        }
        Ok(Self {
            experiment: config.experiment.clone(),
            arms,
        })
    }

    /// The name of the experiment.
    #[must_use]
    pub fn experiment(&self) -> &str {
        &self.experiment
    }

    /// The arms, in the order in which they were written.
    #[must_use]
    pub fn arms(&self) -> &[SplitArm] {
        &self.arms
    }

    pub(super) fn with_campaigns(mut self, campaigns: &BTreeMap<OfferNumber, u32>) -> Self {
        for arm in &mut self.arms {
            arm.policy = arm.policy.clone().with_campaigns(campaigns.clone());
        }
        self
    }

    /// The arm of that name.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<&SplitArm> {
        self.arms.iter().find(|arm| *arm.name == *name)
    }

    /// The place of the arm that owns a basis point, below
    /// [`ALL_BASIS_POINTS`]: the first arm owns the first ones.
    #[must_use]
    pub fn arm_at(&self, basis_point: u32) -> usize {
        let mut end = 0;
        let owns = |arm: &SplitArm| {
            end += arm.share_basis_points;
            basis_point < end
        };
        let place = self.arms.iter().position(owns);
        place.unwrap_or(self.arms.len() - 1)
    }

    /// p, for a decision of one slot.
    pub(super) fn distribution(
        &self,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let nothing = PolicyState::default();
        let of_arm = |arm: &SplitArm| {
            let learnt = state.arm(&arm.name).unwrap_or(&nothing);
            arm.policy.distribution(learnt, context, eligible)
        };
        Mixture::new(self, None).odds(None, eligible, of_arm).stated
    }
}

/// The odds of one decision's slots, one after the other.
#[derive(Debug, Clone)]
pub struct Mixture<'a> {
    split: &'a Split,
    /// The shopper's arm.
    arm: Option<usize>,
    /// In proportion to the probability of each arm given the slots so far.
    weights: SmallVec<[f64; 4]>,
    /// What the arms stated for the slot before, over these offers.
    before: Option<(EligibleOffers, Vec<ActionDistribution>)>,
}

impl<'a> Mixture<'a> {
    /// Before the first slot of a shopper in `arm`, or of nobody who is known.
    #[must_use]
    pub fn new(split: &'a Split, arm: Option<usize>) -> Self {
        let shares = split.arms.iter();
        Self {
            split,
            arm,
            weights: shares
                .map(|arm| f64::from(arm.share_basis_points))
                .collect(),
            before: None,
        }
    }

    /// The odds of the next slot, which may show `eligible`; `chosen` is what the
    /// slot before it shows, `of_arm` what each arm states.
    pub fn odds(
        &mut self,
        chosen: Option<OfferNumber>,
        eligible: &EligibleOffers,
        of_arm: impl FnMut(&'a SplitArm) -> ActionDistribution,
    ) -> Odds {
        if let (Some((offers, of_arms)), Some(chosen)) = (self.before.take(), chosen)
            && let Some(place) = offers.index_of(chosen)
        {
            for (weight, stated) in self.weights.iter_mut().zip(&of_arms) {
                *weight *= stated.probabilities()[place];
            }
        }
        let of_arms: Vec<ActionDistribution> = self.split.arms.iter().map(of_arm).collect();
        let total: f64 = self.weights.iter().sum();
        for weight in &mut self.weights {
            *weight /= total;
        }
        let mean = |place| {
            let terms = self.weights.iter().zip(&of_arms);
            terms
                .map(|(weight, stated)| weight * stated.probabilities()[place])
                .sum::<f64>()
        };
        let stated = ActionDistribution::from_weights((0..eligible.len()).map(mean))
            .expect("a mean of distributions over the same offers is one");
        let in_group = self.arm.and_then(|arm| of_arms.get(arm)).cloned();
        self.before = Some((eligible.clone(), of_arms));
        Odds { stated, in_group }
    }
}

const NAME_RULE: &str = "must have 1 to 64 of the characters a to z, 0 to 9, '_', '-' and '.'";

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    (1..=MOST_NAME_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}
