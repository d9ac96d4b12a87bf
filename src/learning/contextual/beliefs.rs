//! What a memory says of each eligible offer for one decision.

use smallvec::SmallVec;

use super::memory::{Memory, noise_variance, prior_variance};
use super::model::{Link, Model};
use crate::domain::distribution::{ActionDistribution, EligibleOffers};
use crate::domain::ids::OfferNumber;
use crate::domain::math;
use crate::domain::random::{Generator, Stream};
use crate::learning::best_arm;
use crate::learning::gaussian::{Gaussian, standard_normal};
use crate::learning::linear::dense::dot;
use crate::learning::linear::regression::{Regression, moderated};
use crate::learning::policy::Context;
use crate::learning::policy::index::largest;
use crate::learning::state::PolicyState;

/// Numbers aligned with the eligible offers.
pub type PerOffer = SmallVec<[f64; 16]>;

/// A score is no narrower than this part of the widest one.
const NARROWEST: f64 = 1e-6;

/// No mean is further below the best than so many deviations of the widest
/// score; its probability is 0 by then.
const FARTHEST: f64 = 1e3;

/// The posterior of each eligible offer's score: the reward itself, or its
/// logit.
#[derive(Debug, Clone, PartialEq)]
pub struct Beliefs {
    /// How scores become rewards.
    pub link: Link,
    /// The variance of what scores leave unexplained; 1 for logits.
    pub noise_variance: f64,
    /// Their means.
    pub means: PerOffer,
    /// Their standard deviations, 0 where the noise is known to be none; empty
    /// where only expected rewards were asked for and do not depend on them.
    pub deviations: PerOffer,
}

/// The regressions of some offers, with the offers' places.
type Taught<'a> = SmallVec<[(usize, &'a Regression); 16]>;

/// Puts the variance of one row's score in each regression at its place, some of
/// them side by side.
fn add_variances(taught: &Taught<'_>, row: &[f64], variances: &mut PerOffer) {
    const SIDE_BY_SIDE: usize = 5;
    let mut whitened: [Vec<f64>; SIDE_BY_SIDE] = Default::default();
    let (blocks, rest) = taught.as_chunks::<SIDE_BY_SIDE>();
    for block in blocks {
        let regressions = block.map(|(_, regression)| regression);
        let each = Regression::variances(regressions, row, &mut whitened);
        for ((place, _), variance) in block.iter().zip(each) {
            variances[*place] = variance;
        }
    }
    for (place, regression) in rest {
        variances[*place] = regression.variance(row, &mut whitened[0]);
    }
}

/// What a caller needs of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    /// Means and deviations.
    Posterior,
    /// What [`Beliefs::rewards`] needs.
    Rewards,
}

impl Beliefs {
    /// Of the member that predicted best so far. The features were checked.
    #[must_use]
    pub fn of(model: &Model, memory: &Memory, features: &[f64], eligible: &EligibleOffers) -> Self {
        Self::with(Needed::Posterior, model, memory, features, eligible)
    }

    fn with(
        needed: Needed,
        model: &Model,
        memory: &Memory,
        features: &[f64],
        eligible: &EligibleOffers,
    ) -> Self {
        let means_alone = needed == Needed::Rewards && model.link() == Link::Identity;
        let place = memory.leader(model);
        let offset = memory.offset(model.link());
        let member = model.members()[place];
        let mut prior = None;
        let noise = match model.link() {
            Link::Identity => noise_variance(memory.fit(model, place)),
            Link::Logit => 1.0,
        };
        let mut rows = Rows::new(model, memory, place, features);
        let mut beliefs = Self {
            link: model.link(),
            noise_variance: noise,
            means: PerOffer::new(),
            deviations: PerOffer::new(),
        };
        let mut of_prior = |row: &[f64]| {
            let prior = prior.get_or_insert_with(|| memory.prior(model, member));
            prior_variance(row, prior)
        };
        let mut taught = Taught::default();
        for offer in eligible.iter() {
            let row = rows.of(offer);
            let key = Memory::key(model, offer);
            let known = memory.regression(key, place);
            let mean = known.map_or(offset, |known| known.mean(row, offset));
            beliefs.means.push(mean);
            if means_alone {
                continue;
            }
            let variance = match known {
                Some(known) if model.shared().is_some() => known.variance(row, &mut Vec::new()),
                Some(known) => {
                    taught.push((beliefs.deviations.len(), known));
                    0.0
                }
                None => of_prior(row),
            };
            beliefs.deviations.push(variance);
        }
        if !taught.is_empty() {
            add_variances(&taught, &rows.row, &mut beliefs.deviations);
        }
        for entry in &mut beliefs.deviations {
            *entry = math::sqrt(noise * *entry);
        }
        beliefs
    }

    /// The same for a decision; `None` while nothing was learnt, or for
    /// features that cannot be used.
    pub(in crate::learning) fn asked(
        model: &Model,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> Option<Self> {
        let memory = usable(model, state, context)?;
        Some(Self::of(model, memory, context.features, eligible))
    }

    /// The same where only what offers are expected to earn is needed.
    pub(in crate::learning) fn asked_for_rewards(
        model: &Model,
        state: &PolicyState,
        context: &Context<'_>,
        eligible: &EligibleOffers,
    ) -> Option<Self> {
        let memory = usable(model, state, context)?;
        let features = context.features;
        Some(Self::with(
            Needed::Rewards,
            model,
            memory,
            features,
            eligible,
        ))
    }

    /// What each offer is expected to earn.
    #[must_use]
    pub fn rewards(&self) -> PerOffer {
        match self.link {
            Link::Identity => self.means.clone(),
            Link::Logit => {
                let both = self.means.iter().zip(&self.deviations);
                both.map(|(mean, deviation)| moderated(*mean, deviation * deviation))
                    .collect()
            }
        }
    }

    /// What differences of rewards are measured in: the standard deviation of
    /// what the features leave unexplained, or 1 for rewards in [0, 1]; above
    /// 0.
    pub(in crate::learning) fn reward_unit(&self) -> f64 {
        match self.link {
            Link::Identity => math::sqrt(self.noise_variance).max(f64::MIN_POSITIVE),
            Link::Logit => 1.0,
        }
    }

    /// Each mean moved by so many standard deviations.
    #[must_use]
    pub fn bounds(&self, deviations: f64) -> PerOffer {
        let both = self.means.iter().zip(&self.deviations);
        both.map(|(mean, deviation)| mean + deviations * deviation)
            .collect()
    }
}

/// All of the probability on the largest, in equal parts where several are.
pub(in crate::learning) fn on_the_largest(
    values: &[f64],
    eligible: &EligibleOffers,
) -> ActionDistribution {
    ActionDistribution::concentrated(eligible, &largest(values))
}

/// Each offer with the probability that its score is the largest.
pub(in crate::learning) fn thompson(
    model: &Model,
    state: &PolicyState,
    context: &Context<'_>,
    eligible: &EligibleOffers,
    posterior_scale: f64,
) -> ActionDistribution {
    let Some(memory) = usable(model, state, context) else {
        return ActionDistribution::uniform(eligible);
    };
    if let Some(shared) = model.shared() {
        let mut generator = context.seed.generator(Stream::POSTERIOR);
        let wins = joint_wins(
            model,
            memory,
            context.features,
            eligible,
            posterior_scale,
            shared.draws,
            &mut generator,
        );
        return ActionDistribution::from_weights(wins).expect("every draw has a best offer");
    }
    let beliefs = Beliefs::of(model, memory, context.features, eligible);
    let widest = beliefs.deviations.iter().copied().fold(0.0, f64::max);
    if !(posterior_scale * widest > 0.0) {
        return on_the_largest(&beliefs.means, eligible);
    }
    // In units of the widest, with the best mean at 0, nothing is too large or
    // too small for the quadrature.
    let unit = posterior_scale * widest;
    let best = beliefs
        .means
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let scores: SmallVec<[Gaussian; 16]> = beliefs
        .means
        .iter()
        .zip(&beliefs.deviations)
        .map(|(mean, deviation)| {
            let deviation = (posterior_scale * deviation / unit).max(NARROWEST);
            Gaussian::new(((mean - best) / unit).max(-FARTHEST), deviation)
        })
        .collect();
    best_arm::probabilities(&scores)
}

/// The memory of a state, when the decision's features fit it.
pub(in crate::learning) fn usable<'a>(
    model: &Model,
    state: &'a PolicyState,
    context: &Context<'_>,
) -> Option<&'a Memory> {
    let memory = state.contextual()?;
    model
        .check_features(context.features, Some(memory.dimension()))
        .is_ok()
        .then_some(memory)
}

/// The rows of one decision's offers: one for all of them when each offer has
/// its own model.
struct Rows<'a> {
    model: &'a Model,
    memory: &'a Memory,
    place: usize,
    features: &'a [f64],
    row: Vec<f64>,
    filled: bool,
}

impl<'a> Rows<'a> {
    fn new(model: &'a Model, memory: &'a Memory, place: usize, features: &'a [f64]) -> Self {
        Self {
            model,
            memory,
            place,
            features,
            row: Vec::new(),
            filled: false,
        }
    }

    fn of(&mut self, offer: OfferNumber) -> &[f64] {
        if !self.filled || self.model.shared().is_some() {
            let member = self.model.members()[self.place];
            let (model, memory) = (self.model, self.memory);
            let layout = memory.layout(model);
            layout.fill(member, self.features, offer, &mut self.row);
            self.filled = true;
        }
        &self.row
    }
}

/// Joint draws of the scores under shared parameters: how often each offer is
/// the best of `draws`, ties divided.
///
/// With A = L Lᵀ and v_i = L⁻¹x_i, the scores of a draw of the parameters are
/// x_iᵀ(m + s·L⁻ᵀz) = x_iᵀm + s·v_iᵀz: one normal vector z a draw.
#[must_use]
pub fn joint_wins(
    model: &Model,
    memory: &Memory,
    features: &[f64],
    eligible: &EligibleOffers,
    posterior_scale: f64,
    draws: u32,
    generator: &mut Generator,
) -> PerOffer {
    let beliefs = Beliefs::of(model, memory, features, eligible);
    let place = memory.leader(model);
    let prior = memory.prior(model, model.members()[place]);
    let scale = posterior_scale * math::sqrt(beliefs.noise_variance);
    let mut rows = Rows::new(model, memory, place, features);
    let whitened: Vec<Vec<f64>> = eligible
        .iter()
        .map(|offer| {
            let row = rows.of(offer);
            let mut whitened = Vec::new();
            match memory.regression(Memory::key(model, offer), place) {
                Some(known) => {
                    let _ = known.variance(row, &mut whitened);
                }
                None => {
                    let entries = row.iter().zip(&prior);
                    whitened
                        .extend(entries.map(|(entry, precision)| entry / math::sqrt(*precision)));
                }
            }
            whitened
        })
        .collect();
    let mut wins = PerOffer::from_elem(0.0, eligible.len());
    let mut normal = vec![0.0; prior.len()];
    for _ in 0..draws {
        normal.fill_with(|| standard_normal(generator));
        let scores: PerOffer = beliefs
            .means
            .iter()
            .zip(&whitened)
            .map(|(mean, whitened)| mean + scale * dot(whitened, &normal))
            .collect();
        add_best(&scores, &mut wins);
    }
    wins
}

/// Divides 1 among the largest.
pub(in crate::learning) fn add_best(scores: &[f64], wins: &mut [f64]) {
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let tied = scores.iter().filter(|score| **score == best).count();
    for (score, wins) in scores.iter().zip(wins) {
        if *score == best {
            #[allow(clippy::cast_precision_loss)] // far fewer than 2^53 offers
            let share = 1.0 / tied as f64;
            *wins += share;
        }
    }
}

/// The votes of members that each learnt a bootstrap sample.
#[must_use]
pub fn votes(
    model: &Model,
    memory: &Memory,
    features: &[f64],
    eligible: &EligibleOffers,
) -> PerOffer {
    let offset = memory.offset(model.link());
    let mut wins = PerOffer::from_elem(0.0, eligible.len());
    for place in 0..model.members().len() {
        let mut rows = Rows::new(model, memory, place, features);
        let scores: PerOffer = eligible
            .iter()
            .map(|offer| {
                let row = rows.of(offer);
                let known = memory.regression(Memory::key(model, offer), place);
                known.map_or(offset, |known| known.mean(row, offset))
            })
            .collect();
        add_best(&scores, &mut wins);
    }
    wins
}
