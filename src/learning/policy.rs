//! The closed set of policies, and what each of them answers.

pub mod bagging;
pub mod epsilon_greedy;
mod falling;
pub mod fixed;
pub mod imed;
pub(super) mod index;
pub mod information_directed;
pub mod kl_ucb;
pub mod lin_ucb;
pub mod linear_thompson;
pub mod logistic_thompson;
pub mod pooled_thompson;
pub mod q_learning;
pub mod reg_cb;
pub mod score_thompson;
mod shrunken_mean;
pub mod softmax;
pub mod split;
pub mod square_cb;
mod tabular;
pub mod tempered_thompson;
pub mod thompson_beta;
pub mod thompson_normal;
pub mod thompson_poisson;
pub mod thompson_revenue;
pub mod ucb1;
pub mod uniform;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::config::memory::Restart;
use super::config::{PolicyConfig, PolicyError};
use super::contextual::model::{DeclaredFeatures, Link, OfferFeatures};
use super::contextual::{self, Model};
use super::delay::Overlay;
use super::memory::Memory;
use super::pooling::Counts;
use super::reward::{
    Adopted, Correction, LearnError, Learnt, NotUnlearnt, Receipt, RewardDomain, RewardedDecision,
};
use super::state::{Alarm, ArmState, PolicyState, SegmentState, Suggested, aligned};
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::placement::Feedback;
use crate::domain::random::DecisionSeed;
use crate::domain::time::Instant;
use bagging::Bagging;
use epsilon_greedy::EpsilonGreedy;
use fixed::Fixed;
use imed::Imed;
use information_directed::InformationDirected;
use kl_ucb::KlUcb;
use lin_ucb::LinUcb;
use pooled_thompson::PooledThompson;
use q_learning::QLearning;
use reg_cb::RegCb;
use score_thompson::ScoreThompson;
use softmax::Softmax;
use split::Split;
use square_cb::SquareCb;
use tabular::Tabular;
use tempered_thompson::TemperedThompson;
use thompson_beta::ThompsonBeta;
use thompson_normal::ThompsonNormal;
use thompson_poisson::ThompsonPoisson;
use thompson_revenue::ThompsonRevenue;
use ucb1::Ucb1;
use uniform::Uniform;

/// A checked policy. It holds parameters only; what it learnt is a
/// [`PolicyState`].
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// Every eligible offer with the same probability.
    Uniform(Uniform),
    /// The first eligible offer of a list.
    Fixed(Fixed),
    /// Mostly the best mean so far.
    EpsilonGreedy(EpsilonGreedy),
    /// Mostly the best of what the rest of the session will earn.
    QLearning(QLearning),
    /// In proportion to e^(mean / temperature).
    Softmax(Softmax),
    /// The best mean with a bonus for few pulls.
    Ucb1(Ucb1),
    /// The best mean that the rewards do not rule out.
    KlUcb(KlUcb),
    /// The cheapest to rule out, and looked at the least.
    Imed(Imed),
    /// As probable as it is to be the best, under Beta posteriors.
    ThompsonBeta(ThompsonBeta),
    /// The same under Beta posteriors that are sharper than they should be.
    TemperedThompson(TemperedThompson),
    /// As probable as it is to be the best, given what all segments learnt.
    PooledThompson(PooledThompson),
    /// As probable as its mean count is to be the largest, under Gamma
    /// posteriors.
    ThompsonPoisson(ThompsonPoisson),
    /// As probable as its mean revenue is to be the largest, when most
    /// decisions earn nothing.
    ThompsonRevenue(ThompsonRevenue),
    /// As probable as its reward is to be the largest, under a linear model.
    LinearThompson(ScoreThompson),
    /// The largest reward that a linear model holds possible.
    LinUcb(LinUcb),
    /// As probable as its rate is to be the largest, under a logistic model.
    LogisticThompson(ScoreThompson),
    /// In inverse proportion to what it seems to fall short of the best.
    SquareCb(SquareCb),
    /// The largest reward that a model with nearly the least loss predicts.
    RegCb(RegCb),
    /// As often as models of bootstrap samples hold it for the best.
    Bagging(Bagging),
    /// As probable as its mean reward is to be the largest, under normal
    /// rewards of unknown mean and spread.
    ThompsonNormal(ThompsonNormal),
    /// The least squared regret for what is learnt of which is the best.
    InformationDirected(InformationDirected),
    /// Each shopper always by the same one of several arms.
    Split(Split),
}

/// What is known when a distribution is asked for, besides the state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Context<'a> {
    /// The shopper's segment.
    pub segment: SegmentNumber,
    /// The features; empty for tabular policies, which do not read them.
    pub features: &'a [f64],
    /// The decision's seed, for policies that are defined by draws of their
    /// own.
    pub seed: DecisionSeed,
    /// The decision's time, for policies that forget.
    pub decided_at: Instant,
}

/// What a policy knows of one eligible offer, for people to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmSummary {
    /// The offer.
    pub offer: OfferNumber,
    /// How often it was learnt in the segment.
    pub pulls: u64,
    /// The mean of the rewards that were learnt; `None` before the first.
    pub mean: Option<f64>,
    /// What the policy estimates its reward to be, prior included; `None`
    /// when it estimates nothing.
    pub estimate: Option<f64>,
    /// Where its mean reward lies, as the policy believes; `None` when the
    /// policy holds no posterior.
    pub posterior: Option<PosteriorInterval>,
}

/// An equal-tailed interval of a posterior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PosteriorInterval {
    /// The probability inside, in (0, 1).
    pub level: f64,
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

impl PosteriorInterval {
    /// The interval that holds `level`, in (0, 1), and leaves the same
    /// probability on either side.
    pub(super) fn equal_tailed(level: f64, quantile: impl Fn(f64) -> f64) -> Self {
        let tail = 0.5 * (1.0 - level);
        Self {
            level,
            lower: quantile(tail),
            upper: quantile(1.0 - tail),
        }
    }
}

/// The t with P(T ≤ t) = `probability`, by bisection around the mode of T; the
/// first step outward is `width`. For people to read: 60 halvings.
pub(super) fn bisect(
    cumulative: impl Fn(f64) -> f64,
    mode: f64,
    mut width: f64,
    probability: f64,
) -> f64 {
    while width < 1e4
        && !(cumulative(mode - width) <= probability && cumulative(mode + width) >= probability)
    {
        width *= 2.0;
    }
    let (mut low, mut high) = (mode - width, mode + width);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if cumulative(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

impl Policy {
    /// Checks a policy as written. `offer_number` gives the number of an
    /// offer's name, or `None` when the catalogue does not have it.
    ///
    /// # Errors
    /// Names the key, its value and its bound.
    pub fn check(
        config: &PolicyConfig,
        offer_number: impl Fn(&str) -> Option<OfferNumber>,
    ) -> Result<Self, PolicyError> {
        Ok(match config {
            PolicyConfig::Uniform(_) => Self::Uniform(Uniform),
            PolicyConfig::Fixed(config) => Self::Fixed(Fixed::check(config, offer_number)?),
            PolicyConfig::EpsilonGreedy(config) => {
                Self::EpsilonGreedy(EpsilonGreedy::check(config)?)
            }
            PolicyConfig::QLearning(config) => Self::QLearning(QLearning::check(config)?),
            PolicyConfig::Softmax(config) => Self::Softmax(Softmax::check(config)?),
            PolicyConfig::Ucb1(config) => Self::Ucb1(Ucb1::check(config)?),
            PolicyConfig::KlUcb(config) => Self::KlUcb(KlUcb::check(config)?),
            PolicyConfig::Imed(config) => Self::Imed(Imed::check(config)?),
            PolicyConfig::ThompsonBeta(config) => Self::ThompsonBeta(ThompsonBeta::check(config)?),
            PolicyConfig::TemperedThompson(config) => {
                Self::TemperedThompson(TemperedThompson::check(config)?)
            }
            PolicyConfig::PooledThompson(config) => {
                Self::PooledThompson(PooledThompson::check(config)?)
            }
            PolicyConfig::ThompsonPoisson(config) => {
                Self::ThompsonPoisson(ThompsonPoisson::check(config)?)
            }
            PolicyConfig::ThompsonRevenue(config) => {
                Self::ThompsonRevenue(ThompsonRevenue::check(config)?)
            }
            PolicyConfig::LinearThompson(config) => {
                Self::LinearThompson(linear_thompson::check(config)?)
            }
            PolicyConfig::LinUcb(config) => Self::LinUcb(LinUcb::check(config)?),
            PolicyConfig::LogisticThompson(config) => {
                Self::LogisticThompson(logistic_thompson::check(config)?)
            }
            PolicyConfig::SquareCb(config) => Self::SquareCb(SquareCb::check(config)?),
            PolicyConfig::RegCb(config) => Self::RegCb(RegCb::check(config)?),
            PolicyConfig::Bagging(config) => Self::Bagging(Bagging::check(config)?),
            PolicyConfig::ThompsonNormal(config) => {
                Self::ThompsonNormal(ThompsonNormal::check(config)?)
            }
            PolicyConfig::InformationDirected(config) => {
                Self::InformationDirected(InformationDirected::check(config)?)
            }
            PolicyConfig::Split(config) => Self::Split(Split::check(config, &offer_number)?),
        })
    }

    /// The kind's name, as in the configuration.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Uniform(_) => "uniform",
            Self::Fixed(_) => "fixed",
            Self::EpsilonGreedy(_) => "epsilon_greedy",
            Self::QLearning(_) => "q_learning",
            Self::Softmax(_) => "softmax",
            Self::Ucb1(_) => "ucb1",
            Self::KlUcb(_) => "kl_ucb",
            Self::Imed(_) => "imed",
            Self::ThompsonBeta(_) => "thompson_beta",
            Self::TemperedThompson(_) => "tempered_thompson",
            Self::PooledThompson(_) => "pooled_thompson",
            Self::ThompsonPoisson(_) => "thompson_poisson",
            Self::ThompsonRevenue(_) => "thompson_revenue",
            Self::LinearThompson(_) => "linear_thompson",
            Self::LinUcb(_) => "lin_ucb",
            Self::LogisticThompson(_) => "logistic_thompson",
            Self::SquareCb(_) => "square_cb",
            Self::RegCb(_) => "reg_cb",
            Self::Bagging(_) => "bagging",
            Self::ThompsonNormal(_) => "thompson_normal",
            Self::InformationDirected(_) => "information_directed",
            Self::Split(_) => "split",
        }
    }

    /// The probability of each eligible offer. A function of its arguments
    /// alone, the same bits everywhere under one
    /// [`ALGORITHM_VERSION`](super::ALGORITHM_VERSION).
    #[must_use]
    pub fn distribution(
        &self,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> ActionDistribution {
        let segment = state.segment(context.segment);
        let now = context.decided_at;
        match self {
            Self::Uniform(policy) => policy.distribution(eligible),
            Self::Fixed(policy) => policy.distribution(eligible),
            Self::EpsilonGreedy(policy) => policy.distribution(segment, eligible, now),
            Self::QLearning(policy) => policy.distribution(segment, eligible, now),
            Self::Softmax(policy) => policy.distribution(segment, eligible, now),
            Self::Ucb1(policy) => policy.distribution(segment, eligible, now),
            Self::KlUcb(policy) => policy.distribution(segment, eligible, now),
            Self::Imed(policy) => policy.distribution(segment, eligible, now),
            Self::ThompsonBeta(policy) => policy.distribution(segment, eligible, now),
            Self::TemperedThompson(policy) => policy.distribution(segment, eligible, now),
            Self::PooledThompson(policy) => policy.distribution(state, context.segment, eligible),
            Self::ThompsonPoisson(policy) => policy.distribution(segment, eligible, now),
            Self::ThompsonRevenue(policy) => policy.distribution(segment, eligible, now),
            Self::LinearThompson(policy) => policy.distribution(state, context, eligible),
            Self::LinUcb(policy) => policy.distribution(state, context, eligible),
            Self::LogisticThompson(policy) => policy.distribution(state, context, eligible),
            Self::SquareCb(policy) => policy.distribution(state, context, eligible),
            Self::RegCb(policy) => policy.distribution(state, context, eligible),
            Self::Bagging(policy) => policy.distribution(state, context, eligible),
            Self::ThompsonNormal(policy) => policy.distribution(segment, eligible, now),
            Self::InformationDirected(policy) => policy.distribution(segment, eligible, now),
            Self::Split(policy) => policy.distribution(state, context, eligible),
        }
    }

    /// What it has of a policy that learns arm by arm; `None` when it does not
    /// look at what was learnt, or learns models.
    const fn tabular(&self) -> Option<&Tabular> {
        match self {
            Self::Uniform(_)
            | Self::Fixed(_)
            | Self::LinearThompson(_)
            | Self::LinUcb(_)
            | Self::LogisticThompson(_)
            | Self::SquareCb(_)
            | Self::RegCb(_)
            | Self::Bagging(_)
            | Self::Split(_) => None,
            Self::EpsilonGreedy(policy) => Some(&policy.tabular),
            Self::QLearning(policy) => Some(&policy.greedy.tabular),
            Self::Softmax(policy) => Some(&policy.tabular),
            Self::Ucb1(policy) => Some(&policy.tabular),
            Self::KlUcb(policy) => Some(&policy.tabular),
            Self::Imed(policy) => Some(&policy.tabular),
            Self::ThompsonBeta(policy) => Some(&policy.tabular),
            Self::TemperedThompson(policy) => Some(&policy.tabular),
            Self::PooledThompson(policy) => Some(&policy.tabular),
            Self::ThompsonPoisson(policy) => Some(&policy.tabular),
            Self::ThompsonRevenue(policy) => Some(&policy.tabular),
            Self::ThompsonNormal(policy) => Some(&policy.tabular),
            Self::InformationDirected(policy) => Some(&policy.tabular),
        }
    }

    /// The least probability of each eligible offer, for a policy that learns arm
    /// by arm.
    pub(super) const fn exploration_floor(&self) -> f64 {
        match self.tabular() {
            Some(tabular) => tabular.exploration_floor,
            None => 0.0,
        }
    }

    /// Whether its distribution follows from a segment's state and the eligible
    /// offers alone, not from time, features or the seed: then one that was
    /// computed can be used again while the state is the same.
    #[must_use]
    pub const fn rests_on_state_alone(&self) -> bool {
        match (self, self.tabular()) {
            (Self::PooledThompson(_) | Self::Split(_), _) => false,
            (_, Some(tabular)) => !tabular.memory.fades(),
            (_, None) => self.model().is_none(),
        }
    }

    /// The models of a contextual policy; `None` for policies that do not look
    /// at features.
    #[must_use]
    pub const fn model(&self) -> Option<&Model> {
        match self {
            Self::LinearThompson(policy) => Some(&policy.model),
            Self::LinUcb(policy) => Some(&policy.model),
            Self::LogisticThompson(policy) => Some(&policy.model),
            Self::SquareCb(policy) => Some(&policy.model),
            Self::RegCb(policy) => Some(&policy.model),
            Self::Bagging(policy) => Some(&policy.model),
            _ => None,
        }
    }

    const fn model_mut(&mut self) -> Option<&mut Model> {
        match self {
            Self::LinearThompson(policy) => Some(&mut policy.model),
            Self::LinUcb(policy) => Some(&mut policy.model),
            Self::LogisticThompson(policy) => Some(&mut policy.model),
            Self::SquareCb(policy) => Some(&mut policy.model),
            Self::RegCb(policy) => Some(&mut policy.model),
            Self::Bagging(policy) => Some(&mut policy.model),
            _ => None,
        }
    }

    /// Tells a contextual policy what its decisions' features are; others take
    /// no notice.
    pub fn declare_features(&mut self, declared: DeclaredFeatures) {
        if let Some(model) = self.model_mut() {
            model.declare(declared);
        }
    }

    /// Tells a contextual policy with shared parameters what is known of
    /// offers; others take no notice.
    pub fn describe_offers(&mut self, offers: impl Iterator<Item = (OfferNumber, OfferFeatures)>) {
        if let Some(model) = self.model_mut() {
            model.describe_offers(offers);
        }
    }

    /// Whether it can learn rewards in [0, 1] only, as conversion earns.
    #[must_use]
    pub fn needs_unit_rewards(&self) -> bool {
        match self {
            Self::Split(policy) => policy
                .arms()
                .iter()
                .any(|arm| arm.policy.needs_unit_rewards()),
            Self::Uniform(_)
            | Self::Fixed(_)
            | Self::EpsilonGreedy(_)
            | Self::QLearning(_)
            | Self::Softmax(_)
            | Self::ThompsonPoisson(_)
            | Self::ThompsonRevenue(_)
            | Self::ThompsonNormal(_) => false,
            Self::Ucb1(_)
            | Self::KlUcb(_)
            | Self::Imed(_)
            | Self::ThompsonBeta(_)
            | Self::TemperedThompson(_)
            | Self::PooledThompson(_)
            | Self::InformationDirected(_) => true,
            Self::LinearThompson(_)
            | Self::LinUcb(_)
            | Self::LogisticThompson(_)
            | Self::SquareCb(_)
            | Self::RegCb(_)
            | Self::Bagging(_) => match self.model() {
                Some(model) => matches!(model.link(), Link::Logit),
                None => false,
            },
        }
    }

    /// The rewards that it learns from. A policy that does not look at them
    /// counts them all the same, for statistics and for a successor.
    const fn reward_domain(&self) -> RewardDomain {
        match (self.tabular(), self.model()) {
            (Some(tabular), _) => tabular.reward_domain,
            (None, Some(model)) => model.reward_domain(),
            (None, None) => RewardDomain::WIDEST,
        }
    }

    /// How long it remembers.
    pub(super) const fn memory(&self) -> Memory {
        match self.tabular() {
            Some(tabular) => tabular.memory,
            None => Memory::Forever,
        }
    }

    /// The split, if this is one.
    #[must_use]
    pub const fn split(&self) -> Option<&Split> {
        match self {
            Self::Split(policy) => Some(policy),
            _ => None,
        }
    }

    /// Whether it asks for resets when rewards change: see
    /// [`PolicyState::alarms`].
    #[must_use]
    pub const fn watches_for_changes(&self) -> bool {
        matches!(self.memory(), Memory::UntilChange(_))
    }

    /// The policy that looks beyond the decision, if this is one: what it learns
    /// of a decision rests on later ones, so it learns sessions whole.
    #[must_use]
    pub const fn looking_ahead(&self) -> Option<&QLearning> {
        match self {
            Self::QLearning(policy) if policy.looks_ahead() => Some(policy),
            _ => None,
        }
    }

    /// Whether it acts on counts and sums of all rewards alone, so that what
    /// open decisions suggest can be counted on top of them.
    #[must_use]
    pub const fn acts_on_counts(&self) -> bool {
        let remembers = matches!(self.memory(), Memory::Forever);
        remembers
            && match self {
                Self::EpsilonGreedy(policy) => policy.acts_on_counts(),
                Self::QLearning(policy) => !policy.looks_ahead() && policy.greedy.acts_on_counts(),
                Self::Uniform(_)
                | Self::Fixed(_)
                | Self::Softmax(_)
                | Self::Ucb1(_)
                | Self::KlUcb(_)
                | Self::Imed(_)
                | Self::ThompsonBeta(_)
                | Self::TemperedThompson(_)
                | Self::PooledThompson(_)
                | Self::ThompsonPoisson(_)
                | Self::ThompsonRevenue(_)
                | Self::InformationDirected(_) => true,
                // It looks at squares, which nobody suggests.
                Self::ThompsonNormal(_)
                | Self::LinearThompson(_)
                | Self::LinUcb(_)
                | Self::LogisticThompson(_)
                | Self::SquareCb(_)
                | Self::RegCb(_)
                | Self::Bagging(_)
                | Self::Split(_) => false,
            }
    }

    /// The state as a decision of a segment at `at` sees it: what was learnt,
    /// and on top of it what open decisions suggest. What a policy that pools
    /// takes from other segments is what those have learnt.
    #[must_use]
    pub fn seeing(
        &self,
        learnt: &PolicyState,
        overlay: &Overlay,
        feedback: Feedback,
        segment: SegmentNumber,
        at: Instant,
    ) -> PolicyState {
        let suggested = overlay.suggested(feedback, segment, at);
        let mut learnt = learnt.clone();
        self.prepare(&mut learnt);
        learnt.suggesting(segment, &suggested)
    }

    /// The state as a decision of a segment sees it that expects something of
    /// offers besides what was learnt: as if that had been learnt too. For a
    /// policy that [acts on counts](Self::acts_on_counts).
    #[must_use]
    pub fn expecting(
        &self,
        state: &PolicyState,
        segment: SegmentNumber,
        expected: &[(OfferNumber, Suggested)],
    ) -> PolicyState {
        let mut state = state.clone();
        self.prepare(&mut state);
        state.suggesting(segment, expected)
    }

    /// A reward as the policy would learn it; `None` when it would refuse.
    #[must_use]
    pub fn admitted(&self, reward: f64) -> Option<f64> {
        let admitted = self.reward_domain().admit(reward).ok()?;
        Some(admitted.value)
    }

    /// For a policy that looks at squares of rewards, the variance of rewards
    /// whose squares were not kept.
    const fn unknown_variance(&self) -> Option<f64> {
        match self.tabular() {
            Some(tabular) => tabular.unknown_variance,
            None => None,
        }
    }

    /// Learns one reward; to a policy that looks ahead it is the last one of
    /// its session.
    ///
    /// # Errors
    /// When the reward is not finite, or outside the domain and not to be
    /// clipped; the state is then unchanged.
    pub fn learn(
        &self,
        state: &mut PolicyState,
        decision: &RewardedDecision<'_>,
    ) -> Result<Learnt, LearnError> {
        let reward = self.reward_domain().admit(decision.reward)?;
        if let Some(model) = self.model() {
            let known = state.contextual().map(contextual::Memory::dimension);
            model.check_features(decision.features, known)?;
        }
        let (receipt, change) = self.pooling(state, decision, |state| {
            let segment = state.segment_or_new(decision.segment);
            segment.count_learnt();
            let arm = segment.arm_or_new(decision.offer);
            match self {
                Self::EpsilonGreedy(policy) => policy.step(arm, reward.value),
                Self::QLearning(policy) => policy.step(arm, reward.value),
                _ => {}
            }
            let receipt = arm.count(reward);
            if self.unknown_variance().is_some() {
                arm.count_square(reward.value);
            }
            let memory = self.memory();
            (
                receipt,
                memory.count(arm, decision.decided_at, reward.value),
            )
        });
        if let Some(model) = self.model() {
            let dimension = decision.features.len();
            let models = state.contextual_or(|| contextual::Memory::new(model, dimension));
            models.learn(model, decision, reward.value, receipt.ordinal);
        }
        if let Some(restart) = change {
            state.raise(Alarm {
                segment: decision.segment,
                offer: match restart {
                    Restart::Segment => None,
                    Restart::Offer => Some(decision.offer),
                },
            });
        }
        Ok(Learnt {
            receipt,
            clipped: reward.clipped,
        })
    }

    /// The same for a decision that belongs to an arm of a split: that arm's
    /// policy learns it, in its own memory. A decision of no arm, or of one that
    /// the policy does not have, is learnt beside them.
    ///
    /// # Errors
    /// As [`Self::learn`].
    pub fn learn_in(
        &self,
        arm: Option<&str>,
        state: &mut PolicyState,
        decision: &RewardedDecision<'_>,
    ) -> Result<Learnt, LearnError> {
        let Some(arm) = self
            .split()
            .zip(arm)
            .and_then(|(split, arm)| split.arm(arm))
        else {
            return self.learn(state, decision);
        };
        let mut learnt = arm.policy.learn(state.arm_or_new(&arm.name), decision)?;
        learnt.receipt.split = state.split_number();
        Ok(learnt)
    }

    /// Changes the counts of the arm that a decision is about, and what is kept
    /// of them for all segments together along with it: nothing, unless the
    /// policy pools.
    fn pooling<T>(
        &self,
        state: &mut PolicyState,
        decision: &RewardedDecision<'_>,
        change: impl FnOnce(&mut PolicyState) -> T,
    ) -> T {
        let pool = match self {
            Self::PooledThompson(policy) => Some(policy.take_pool(state)),
            _ => state.take_pool().and(None),
        };
        let counts = |state: &PolicyState| {
            let segment = state.segment(decision.segment);
            Counts::of(segment.and_then(|segment| segment.arm(decision.offer)))
        };
        let before = counts(state);
        let changed = change(state);
        if let Some(mut pool) = pool {
            Arc::make_mut(&mut pool).replace(decision.offer, before, counts(state));
            state.keep_pool(pool);
        }
        changed
    }

    /// Puts `reward_after` in the place of the reward of a decision that was
    /// learnt, as when a purchase is refunded. `decision` is given as it was
    /// learnt (with the reward that the state holds now, when it was corrected
    /// before); later decisions stay as they were recorded.
    ///
    /// Exact for counts, sums and means: the state is bit for bit the one that
    /// learnt `reward_after` in the first place. With a constant step size α
    /// the weight of a reward after k later ones is α(1 − α)^k, and the
    /// correction is exact up to rounding (relative 10⁻¹²); with a half-life it
    /// is the weight that the reward entered with (relative 10⁻¹²). A window
    /// holds whole counts and sums. A reset that a change brought about stays.
    ///
    /// # Errors
    /// When either reward may not be learnt; the state is then unchanged.
    pub fn correct(
        &self,
        state: &mut PolicyState,
        decision: &RewardedDecision<'_>,
        receipt: Receipt,
        reward_after: f64,
    ) -> Result<Correction, LearnError> {
        let domain = self.reward_domain();
        let before = domain.admit(decision.reward)?;
        let after = domain.admit(reward_after)?;
        if receipt.split != 0 {
            return Ok(Correction::NotUnlearnt(NotUnlearnt::Superseded));
        }
        let known = state
            .segment(decision.segment)
            .and_then(|segment| segment.arm(decision.offer))
            .ok_or(NotUnlearnt::Unknown)
            .and_then(|arm| arm.learnt_since(receipt));
        let later = match known {
            Ok(_) if self.looking_ahead().is_some() => {
                return Ok(Correction::NotUnlearnt(NotUnlearnt::RestedUpon));
            }
            Ok(later) => later,
            Err(reason) => return Ok(Correction::NotUnlearnt(reason)),
        };
        if let Some(model) = self.model() {
            let rewards = (before.value, after.value);
            let dimension = decision.features.len();
            let models = state.contextual_or(|| contextual::Memory::new(model, dimension));
            if !models.correct(model, decision, rewards, receipt.ordinal) {
                return Ok(Correction::NotUnlearnt(NotUnlearnt::Approximate));
            }
        }
        self.pooling(state, decision, |state| {
            let segment = state.segment_mut(decision.segment);
            let arm = segment.and_then(|segment| segment.arm_mut(decision.offer));
            if let Some(arm) = arm {
                match self {
                    Self::EpsilonGreedy(policy) => {
                        policy.amend(arm, later, after.value - before.value);
                    }
                    Self::QLearning(policy) => {
                        policy.greedy.amend(arm, later, after.value - before.value);
                    }
                    _ => {}
                }
                arm.exchange(before, after);
                let rewards = (before.value, after.value);
                if self.unknown_variance().is_some() {
                    arm.exchange_square(rewards.0, rewards.1);
                }
                let memory = self.memory();
                memory.exchange(arm, decision.decided_at, receipt, rewards);
            }
        });
        Ok(Correction::Corrected {
            clipped: after.clipped,
        })
    }

    /// The same for a decision that belongs to an arm of a split.
    ///
    /// # Errors
    /// As [`Self::correct`].
    pub fn correct_in(
        &self,
        arm: Option<&str>,
        state: &mut PolicyState,
        decision: &RewardedDecision<'_>,
        receipt: Receipt,
        reward_after: f64,
    ) -> Result<Correction, LearnError> {
        let arm = self
            .split()
            .zip(arm)
            .and_then(|(split, arm)| split.arm(arm));
        match arm.filter(|_| receipt.split == state.split_number()) {
            Some(arm) => {
                let receipt = Receipt {
                    split: 0,
                    ..receipt
                };
                let state = state.arm_or_new(&arm.name);
                arm.policy.correct(state, decision, receipt, reward_after)
            }
            None => self.correct(state, decision, receipt, reward_after),
        }
    }

    /// Takes over what `previous` learnt, when a placement changes its policy.
    /// Counts and sums mean the same to every tabular policy and are kept,
    /// except where an arm's rewards lie outside the domain of this one. The
    /// value of a constant step size starts at the arm's mean. What another
    /// memory held counts as decided at `now`, the instant of the change. Squares
    /// that were not kept are taken to be those of rewards with the prior's
    /// variance.
    ///
    /// The arms of a split start anew, so that they are compared as equals; an
    /// arm that a split before it had under the same name goes on. What the arms
    /// that are gone have learnt comes to what the placement had learnt before
    /// the split: a policy that follows a split takes over all of it.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 pulls
    pub fn adopt(&self, state: &mut PolicyState, previous: &Self, now: Instant) -> Adopted {
        let mut adopted = Adopted::default();
        if previous.split().is_some() || self.split().is_some() {
            let goes_on = |name: &str| self.split().is_some_and(|split| split.arm(name).is_some());
            state.end_split(goes_on);
            if let (Some(split), Some(former)) = (self.split(), previous.split()) {
                for (arm, before) in split
                    .arms()
                    .iter()
                    .filter_map(|arm| Some((arm, former.arm(&arm.name)?)))
                {
                    let state = state.arm_or_new(&arm.name);
                    adopted += arm.policy.adopt(state, &before.policy, now);
                }
            }
        }
        let other_models = match (self.model(), previous.model()) {
            (Some(model), Some(previous)) => !model.remembers_like(previous),
            (None, None) => false,
            _ => true,
        };
        if other_models {
            state.forget_contextual();
        }
        let other_domain = self.reward_domain() != previous.reward_domain();
        let (memory, former) = (self.memory(), previous.memory());
        // Squares that nobody kept.
        let new_variance = match previous.unknown_variance() {
            Some(_) => None,
            None => self.unknown_variance(),
        };
        if memory != former {
            state.clear_alarms();
        }
        state.take_over(|arm| {
            if !self.holds(arm, previous) {
                arm.reset();
                adopted.arms_reset += 1;
                return;
            }
            adopted.arms_kept += 1;
            let other_step = match self {
                Self::EpsilonGreedy(policy) => policy.take_over(arm, previous),
                Self::QLearning(policy) => policy.take_over(arm, previous),
                _ => false,
            };
            // A clipped reward can be found again in its own domain only.
            if let (Some(variance), Some(mean)) = (new_variance, arm.mean()) {
                let squares = mean * arm.reward_sum() + arm.pulls() as f64 * variance;
                arm.set_square_sum(Some(squares));
            } else if self.unknown_variance().is_none() {
                arm.set_square_sum(None);
            }
            let other_memory = memory.take_over(arm, &former, now, new_variance);
            if other_step || other_memory || other_models || (other_domain && arm.clipped() > 0) {
                arm.begin_epoch();
                adopted.arms_settled += 1;
            }
        });
        self.prepare(state);
        adopted
    }

    /// Whether the policy can go on from what `previous` learnt of an arm.
    fn holds(&self, arm: &ArmState, previous: &Self) -> bool {
        match self {
            // An arm tells of its rewards that they lie in [0, 1], no more; that
            // they are not negative is known when such a policy kept them.
            Self::ThompsonPoisson(_) | Self::ThompsonRevenue(_) => {
                arm.within_unit()
                    || matches!(
                        previous,
                        Self::ThompsonPoisson(_) | Self::ThompsonRevenue(_)
                    )
            }
            _ => !self.needs_unit_rewards() || arm.within_unit(),
        }
    }

    /// Makes ready what is not kept with a state that was read back, so that the
    /// next decision need not. Changes nothing that a distribution or the
    /// state's canonical form shows.
    pub fn prepare(&self, state: &mut PolicyState) {
        match self {
            Self::PooledThompson(policy) => policy.prepare(state),
            Self::Split(policy) => {
                for arm in policy.arms() {
                    if state.arm(&arm.name).is_some() {
                        arm.policy.prepare(state.arm_or_new(&arm.name));
                    }
                }
            }
            _ => {}
        }
    }

    /// The same policy when offers belong to these campaigns, by any numbers of
    /// theirs. Only a policy that pools looks at them.
    #[must_use]
    pub fn with_campaigns(self, campaigns: BTreeMap<OfferNumber, u32>) -> Self {
        match self {
            Self::PooledThompson(policy) => Self::PooledThompson(policy.with_campaigns(campaigns)),
            Self::Split(policy) => Self::Split(policy.with_campaigns(&campaigns)),
            other => other,
        }
    }

    /// What the policy knows at `now` of each eligible offer, in their order.
    #[must_use]
    pub fn summary(
        &self,
        state: &PolicyState,
        segment: SegmentNumber,
        eligible: &EligibleOffers,
        now: Instant,
    ) -> Vec<ArmSummary> {
        let memory: Option<&SegmentState> = state.segment(segment);
        let pooled = match self {
            Self::PooledThompson(policy) => policy.posteriors(state, segment, eligible),
            _ => Vec::new(),
        };
        eligible
            .iter()
            .zip(aligned(memory, eligible))
            .enumerate()
            .map(|(place, (offer, arm))| {
                let evidence = self.memory().evidence(arm, now);
                let (estimate, posterior) = match self {
                    // A split's arms know, each by itself.
                    Self::Uniform(_) | Self::Fixed(_) | Self::Split(_) => (None, None),
                    // What they estimate depends on the features.
                    Self::LinearThompson(_)
                    | Self::LinUcb(_)
                    | Self::LogisticThompson(_)
                    | Self::SquareCb(_)
                    | Self::RegCb(_)
                    | Self::Bagging(_) => (None, None),
                    Self::EpsilonGreedy(policy) => (Some(policy.action_value(arm, now)), None),
                    Self::QLearning(policy) => (Some(policy.action_value(arm, now)), None),
                    Self::Softmax(policy) => (Some(policy.value(&evidence)), None),
                    Self::Ucb1(_) | Self::KlUcb(_) | Self::Imed(_) => (evidence.mean(), None),
                    Self::ThompsonBeta(policy) => {
                        let posterior = policy.posterior(&evidence);
                        (Some(posterior.mean()), Some(posterior.interval(0.95)))
                    }
                    Self::TemperedThompson(policy) => {
                        (Some(policy.posterior(&evidence).mean()), None)
                    }
                    Self::PooledThompson(_) => {
                        let posterior = pooled[place];
                        (Some(posterior.mean()), Some(posterior.interval(0.95)))
                    }
                    Self::ThompsonRevenue(policy) => {
                        (Some(policy.posterior(&evidence).mean()), None)
                    }
                    Self::ThompsonNormal(policy) => {
                        (Some(policy.posterior(&evidence).location()), None)
                    }
                    Self::InformationDirected(policy) => {
                        let posterior = policy.posterior(&evidence);
                        (Some(posterior.mean()), Some(posterior.interval(0.95)))
                    }
                    Self::ThompsonPoisson(policy) => {
                        let posterior = policy.posterior(&evidence);
                        (Some(posterior.mean()), Some(posterior.interval(0.95)))
                    }
                };
                ArmSummary {
                    offer,
                    pulls: arm.map_or(0, ArmState::pulls),
                    mean: arm.and_then(ArmState::mean),
                    estimate,
                    posterior,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
