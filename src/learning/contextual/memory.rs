//! What a contextual policy remembers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::model::{Combination, Expansion, Link, Member, Model};
use super::random_features::RandomFeatures;
use super::rows::{self, Layout};
use crate::domain::ids::{OfferNumber, SegmentNumber};
use crate::domain::math;
use crate::domain::random::mixed;
use crate::learning::linear::regression::{Fit, moderated};
use crate::learning::linear::{FeatureScale, Regression};
use crate::learning::reward::RewardedDecision;

/// The features of so many rewards say how large features are.
pub const OPENING: usize = 64;

/// Until then, features are taken to be of size 1 in so many rows more: a few
/// rows alone say too little.
const STANDARD_ROWS: f64 = 4.0;

/// So many rewards say what an offer earns of which nothing is known: few, since
/// what is earned once something was learnt overstates it.
const UNTAUGHT: usize = 8;

/// The prior variance of an intercept: how much offers differ in the mean, in
/// units of the noise or in logits, squared.
const INTERCEPT_VARIANCE: f64 = 0.25;

/// A member that sees the features as they are, for rows that no prior is
/// needed for.
const LINEAR: Member = Member {
    expansion: Expansion::Linear,
    prior_variance: 1.0,
};

/// The key of the one model under shared parameters.
const SHARED: OfferNumber = OfferNumber(0);

/// What was learnt, over all segments and offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Memory {
    /// How many features decisions have.
    dimension: usize,
    /// Rewards learnt, over all offers.
    learnt: u64,
    /// The first rewards.
    opening: Arc<Vec<OpeningReward>>,
    /// The sizes of features, over the first rows.
    scale: Arc<FeatureScale>,
    /// How many entries of a linear row are not 0, in the mean over the first
    /// rows.
    active: f64,
    expansion: Option<Arc<RandomFeatures>>,
    /// Each member's summed log loss, under logistic regression.
    losses: Vec<f64>,
    /// Each offer's models, one a member; a member that votes may not have
    /// learnt of the offer yet.
    models: imbl::OrdMap<OfferNumber, Arc<Vec<Option<Regression>>>>,
    /// What was known of offers when they were learnt, under shared
    /// parameters.
    offers: imbl::OrdMap<OfferNumber, KnownOffer>,
}

/// One of the first rewards; its features are kept until all of them came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OpeningReward {
    segment: SegmentNumber,
    offer: OfferNumber,
    ordinal: u64,
    reward: f64,
    features: Vec<f64>,
}

/// A reward with what it was earned under.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Lesson<'a> {
    segment: SegmentNumber,
    offer: OfferNumber,
    ordinal: u64,
    reward: f64,
    features: &'a [f64],
}

impl Lesson<'_> {
    fn kept(&self) -> OpeningReward {
        OpeningReward {
            segment: self.segment,
            offer: self.offer,
            ordinal: self.ordinal,
            reward: self.reward,
            features: self.features.to_vec(),
        }
    }
}

impl OpeningReward {
    fn lesson(&self) -> Lesson<'_> {
        Lesson {
            segment: self.segment,
            offer: self.offer,
            ordinal: self.ordinal,
            reward: self.reward,
            features: &self.features,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct KnownOffer {
    fingerprint: u64,
    /// Something else was known of it at times.
    changed: bool,
}

#[derive(Deserialize)]
struct Stored {
    dimension: usize,
    learnt: u64,
    opening: Arc<Vec<OpeningReward>>,
    scale: Arc<FeatureScale>,
    active: f64,
    expansion: Option<Arc<RandomFeatures>>,
    losses: Vec<f64>,
    models: imbl::OrdMap<OfferNumber, Arc<Vec<Option<Regression>>>>,
    offers: imbl::OrdMap<OfferNumber, KnownOffer>,
}

/// Why a stored memory cannot be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the models of offer {offer} hold what cannot have been learnt")]
pub struct BadMemory {
    offer: OfferNumber,
}

impl TryFrom<Stored> for Memory {
    type Error = BadMemory;

    fn try_from(stored: Stored) -> Result<Self, BadMemory> {
        for (offer, models) in &stored.models {
            let sound = stored.scale.is_sound()
                && stored.active.is_finite()
                && models.iter().flatten().all(Regression::is_sound);
            if !sound || models.len() != stored.losses.len() {
                return Err(BadMemory { offer: *offer });
            }
        }
        Ok(Self {
            dimension: stored.dimension,
            learnt: stored.learnt,
            opening: stored.opening,
            scale: stored.scale,
            active: stored.active,
            expansion: stored.expansion,
            losses: stored.losses,
            models: stored.models,
            offers: stored.offers,
        })
    }
}

impl Memory {
    /// Before anything was learnt, for decisions of so many features.
    #[must_use]
    pub fn new(model: &Model, dimension: usize) -> Self {
        Self {
            dimension,
            learnt: 0,
            opening: Arc::default(),
            scale: Arc::new(FeatureScale::of(dimension, std::iter::empty(), 0.0)),
            #[allow(clippy::cast_precision_loss)] // at most MOST_FEATURES
            active: dimension as f64,
            expansion: model
                .expands()
                .then(|| Arc::new(RandomFeatures::new(dimension, model.random_features()))),
            losses: vec![0.0; model.members().len()],
            models: imbl::OrdMap::new(),
            offers: imbl::OrdMap::new(),
        }
    }

    /// How many features decisions have.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many rewards were learnt.
    #[must_use]
    pub const fn learnt(&self) -> u64 {
        self.learnt
    }

    /// The score of an offer of which nothing is known.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // at most UNTAUGHT
    pub fn offset(&self, link: Link) -> f64 {
        let untaught = &self.opening[..self.opening.len().min(UNTAUGHT)];
        let count = untaught.len() as f64;
        let sum: f64 = untaught.iter().map(|first| first.reward).sum();
        match link {
            Link::Identity if count > 0.0 => sum / count,
            Link::Identity => 0.0,
            Link::Logit => math::ln((sum + 0.5) / (count - sum + 0.5)),
        }
    }

    /// Whose models learn of an offer.
    pub(super) fn key(model: &Model, offer: OfferNumber) -> OfferNumber {
        model.shared().map_or(offer, |_| SHARED)
    }

    pub(super) fn regression(&self, key: OfferNumber, member: usize) -> Option<&Regression> {
        self.models.get(&key)?.get(member)?.as_ref()
    }

    /// How features become rows.
    pub(super) fn layout<'a>(&'a self, model: &'a Model) -> Layout<'a> {
        Layout {
            model,
            scale: &self.scale,
            expansion: self.expansion.as_deref(),
        }
    }

    /// A member's prior precisions, the intercept's first: a typical row's
    /// score has the member's prior variance, and so has what its random
    /// features add.
    pub(super) fn prior(&self, model: &Model, member: Member) -> Vec<f64> {
        let mut prior = vec![1.0 / INTERCEPT_VARIANCE];
        let linear = match member.expansion {
            Expansion::Linear => model.linear_dimension(self.dimension),
            Expansion::RandomFeatures => self.dimension,
        };
        prior.resize(1 + linear, self.active.max(1.0) / member.prior_variance);
        if let (Expansion::RandomFeatures, Some(expansion)) = (member.expansion, &self.expansion) {
            let all = prior.len() + expansion.count();
            prior.resize(all, 1.0 / member.prior_variance);
        }
        prior
    }

    /// Learns one reward, the `ordinal`-th of its offer in its segment. The
    /// features were checked.
    pub(in crate::learning) fn learn(
        &mut self,
        model: &Model,
        decision: &RewardedDecision<'_>,
        reward: f64,
        ordinal: u64,
    ) {
        self.learnt += 1;
        self.remember_offer(model, decision.offer);
        let lesson = Lesson {
            segment: decision.segment,
            offer: decision.offer,
            ordinal,
            reward,
            features: decision.features,
        };
        if self.opening.len() >= OPENING {
            self.teach_all(model, lesson);
            return;
        }
        let opening = Arc::make_mut(&mut self.opening);
        opening.push(lesson.kept());
        let grown = opening.len();
        if grown.is_power_of_two() {
            self.begin_anew(model);
        } else {
            self.teach_all(model, lesson);
        }
        if grown == OPENING {
            for first in Arc::make_mut(&mut self.opening) {
                first.features = Vec::new();
            }
        }
    }

    /// Twice as many rows are known as when features were measured last:
    /// measures them again and learns all of them anew.
    #[allow(clippy::cast_precision_loss)] // at most OPENING rows
    fn begin_anew(&mut self, model: &Model) {
        let opening = self.opening.clone();
        let rows = opening.iter().map(|first| first.features.as_slice());
        let standard_rows = if opening.len() < OPENING {
            STANDARD_ROWS
        } else {
            0.0
        };
        let scale = FeatureScale::of(self.dimension, rows, standard_rows);
        self.scale = Arc::new(scale);
        let mut row = Vec::new();
        let mut active = 0;
        for first in opening.iter() {
            let layout = self.layout(model);
            layout.fill(LINEAR, &first.features, first.offer, &mut row);
            active += row[1..].iter().filter(|entry| **entry != 0.0).count();
        }
        self.active = active as f64 / opening.len() as f64;
        self.models = imbl::OrdMap::new();
        self.losses.fill(0.0);
        for first in opening.iter() {
            self.teach_all(model, first.lesson());
        }
    }

    /// Lets every member learn one reward.
    fn teach_all(&mut self, model: &Model, lesson: Lesson<'_>) {
        let mut row = Vec::new();
        for place in 0..model.members().len() {
            self.teach(model, place, lesson, &mut row);
        }
    }

    /// Lets one member learn one reward; `row` becomes what it saw.
    fn teach(&mut self, model: &Model, place: usize, learnt: Lesson<'_>, row: &mut Vec<f64>) {
        let member = model.members()[place];
        let layout = self.layout(model);
        layout.fill(member, learnt.features, learnt.offer, row);
        let times = match model.combination() {
            Combination::Leader => 1,
            Combination::Votes => bootstrap_weight(place, learnt),
        };
        let offset = self.offset(model.link());
        let key = Self::key(model, learnt.offer);
        let prior = match self.regression(key, place) {
            Some(_) => Vec::new(),
            None => self.prior(model, member),
        };
        if model.link() == Link::Logit && model.combination() == Combination::Leader {
            let expected = self.expected(key, place, row, &prior, offset);
            self.losses[place] += log_loss(expected, learnt.reward);
        }
        if times == 0 {
            return;
        }
        let count = model.members().len();
        let models = self
            .models
            .entry(key)
            .or_insert_with(|| Arc::new(vec![None; count]));
        let slot = &mut Arc::make_mut(models)[place];
        let regression = slot.get_or_insert_with(|| Regression::new(prior));
        match model.link() {
            Link::Identity => {
                for _ in 0..times {
                    regression.learn_linear(row, learnt.reward);
                }
            }
            Link::Logit => {
                let times = f64::from(times);
                regression.learn_logistic(row, learnt.reward, times, offset);
            }
        }
    }

    /// What a member expects of a row; `prior` is that of an offer of which
    /// nothing was learnt.
    fn expected(
        &self,
        key: OfferNumber,
        place: usize,
        row: &[f64],
        prior: &[f64],
        offset: f64,
    ) -> f64 {
        let (mean, variance) = match self.regression(key, place) {
            Some(known) => (
                known.mean(row, offset),
                known.variance(row, &mut Vec::new()),
            ),
            None => (offset, prior_variance(row, prior)),
        };
        moderated(mean, variance)
    }

    fn remember_offer(&mut self, model: &Model, offer: OfferNumber) {
        let Some(shared) = model.shared() else {
            return;
        };
        let fingerprint = rows::fingerprint(shared, offer);
        let known = self.offers.entry(offer).or_insert(KnownOffer {
            fingerprint,
            changed: false,
        });
        if known.fingerprint != fingerprint {
            *known = KnownOffer {
                fingerprint,
                changed: true,
            };
        }
    }

    /// Puts one reward in the place of another under ridge regression; `false`
    /// when it cannot be done exactly, and nothing is changed.
    pub(in crate::learning) fn correct(
        &mut self,
        model: &Model,
        decision: &RewardedDecision<'_>,
        rewards: (f64, f64),
        ordinal: u64,
    ) -> bool {
        let (before, after) = rewards;
        let same_offer = model.shared().is_none_or(|shared| {
            self.offers.get(&decision.offer).is_some_and(|known| {
                !known.changed && known.fingerprint == rows::fingerprint(shared, decision.offer)
            })
        });
        let key = Self::key(model, decision.offer);
        if model.link() != Link::Identity
            || !same_offer
            || model
                .check_features(decision.features, Some(self.dimension))
                .is_err()
        {
            return false;
        }
        let learnt = Lesson {
            segment: decision.segment,
            offer: decision.offer,
            ordinal,
            reward: before,
            features: decision.features,
        };
        let mut row = Vec::new();
        for (place, member) in model.members().iter().enumerate() {
            let layout = self.layout(model);
            layout.fill(*member, decision.features, decision.offer, &mut row);
            let times = match model.combination() {
                Combination::Leader => 1,
                Combination::Votes => bootstrap_weight(place, learnt),
            };
            let regression = self
                .models
                .get_mut(&key)
                .and_then(|models| Arc::make_mut(models)[place].as_mut());
            if let Some(regression) = regression {
                for _ in 0..times {
                    regression.correct_linear(&row, before, after);
                }
            }
        }
        let is_it = |first: &&mut OpeningReward| {
            first.segment == decision.segment
                && first.offer == decision.offer
                && first.ordinal == ordinal
        };
        if self.opening.iter().any(|first| first.ordinal == ordinal) {
            let opening = Arc::make_mut(&mut self.opening);
            if let Some(first) = opening.iter_mut().find(is_it) {
                first.reward = after;
            }
        }
        true
    }

    /// Forgets one offer's own models.
    pub(in crate::learning) fn forget(&mut self, offer: OfferNumber) {
        self.models.remove(&offer);
    }

    /// The member that predicted best so far, the first of several; 0 when
    /// members vote.
    pub(super) fn leader(&self, model: &Model) -> usize {
        if model.members().len() == 1 {
            return 0;
        }
        let mut best = (0, f64::INFINITY);
        for place in 0..model.members().len() {
            let loss = match model.link() {
                Link::Logit => self.losses[place],
                Link::Identity => {
                    let fit = self.fit(model, place);
                    0.5 * (fit.rows * math::ln(noise_variance(fit)) + fit.ln_gain)
                }
            };
            if loss < best.1 {
                best = (place, loss);
            }
        }
        best.0
    }

    /// How well a member fits, over all its regressions.
    pub(super) fn fit(&self, model: &Model, place: usize) -> Fit {
        let offset = self.offset(model.link());
        let fits = self
            .models
            .values()
            .filter_map(|models| models[place].as_ref())
            .map(|regression| regression.fit(offset));
        fits.fold(Fit::default(), |sum, fit| Fit {
            rows: sum.rows + fit.rows,
            residual: sum.residual + fit.residual,
            ln_gain: sum.ln_gain + fit.ln_gain,
        })
    }

    /// Gives `sink` the canonical bytes.
    pub(in crate::learning) fn write_canonical(&self, sink: &mut impl FnMut(&[u8])) {
        sink(b"contextual");
        sink(&(self.dimension as u64).to_le_bytes());
        sink(&self.learnt.to_le_bytes());
        sink(&(self.opening.len() as u64).to_le_bytes());
        for first in self.opening.iter() {
            sink(&first.segment.0.to_le_bytes());
            sink(&first.offer.0.to_le_bytes());
            sink(&first.ordinal.to_le_bytes());
            sink(&first.reward.to_bits().to_le_bytes());
            for feature in &first.features {
                sink(&feature.to_bits().to_le_bytes());
            }
        }
        self.scale.write_canonical(sink);
        sink(&self.active.to_bits().to_le_bytes());
        for loss in &self.losses {
            sink(&loss.to_bits().to_le_bytes());
        }
        sink(&(self.models.len() as u64).to_le_bytes());
        for (offer, models) in &self.models {
            sink(&offer.0.to_le_bytes());
            for regression in models.iter() {
                sink(&[u8::from(regression.is_some())]);
                if let Some(regression) = regression {
                    regression.write_canonical(sink);
                }
            }
        }
        for (offer, known) in &self.offers {
            sink(&offer.0.to_le_bytes());
            sink(&known.fingerprint.to_le_bytes());
            sink(&[u8::from(known.changed)]);
        }
    }
}

/// The variance of a row's score under the prior alone.
pub(super) fn prior_variance(row: &[f64], prior: &[f64]) -> f64 {
    let terms = row.iter().zip(prior);
    terms
        .map(|(entry, precision)| entry * entry / precision)
        .sum()
}

/// The noise that the residuals of a fit show; above 0 once rewards differ.
pub(super) fn noise_variance(fit: Fit) -> f64 {
    if fit.rows > 0.0 {
        (fit.residual / fit.rows).max(0.0)
    } else {
        0.0
    }
}

fn log_loss(expected: f64, reward: f64) -> f64 {
    let expected = expected.clamp(1e-9, 1.0 - 1e-9);
    -(reward * math::ln(expected) + (1.0 - reward) * math::ln(1.0 - expected))
}

/// How often a bootstrap sample of replicate `place` holds the reward: Poisson
/// with mean 1, from a hash of which reward it is.
fn bootstrap_weight(place: usize, learnt: Lesson<'_>) -> u32 {
    let of_offer = mixed(u64::from(learnt.segment.0) << 32 | u64::from(learnt.offer.0));
    let hash = mixed(mixed(of_offer ^ mixed(learnt.ordinal)) ^ place as u64);
    #[allow(clippy::cast_precision_loss)] // 53 bits fit exactly
    let uniform = (hash >> 11) as f64 / (1u64 << 53) as f64;
    let mut term = math::exp(-1.0);
    let mut cumulative = term;
    let mut times = 0;
    while uniform >= cumulative && times < 8 {
        times += 1;
        term /= f64::from(times);
        cumulative += term;
    }
    times
}
