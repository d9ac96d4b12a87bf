//! Worlds whose truth is known: who comes, what is on offer, what each offer
//! would earn.
//!
//! An [`Environment`] is checked configuration. [`Environment::world`] begins
//! one replication of it; the [`World`] then gives one [`Situation`] a round
//! and, for the offer that was chosen, its [`Outcome`]. Every round draws the
//! same numbers whatever is chosen, so all policies meet the same luck.

pub mod bernoulli;
pub mod classification;
pub mod cold_start;
pub mod delayed;
pub mod drifting;
pub mod linear;
pub mod session;
pub mod shop;

use std::sync::Arc;

use serde::Deserialize;

use super::scenario::{Files, ScenarioError};
use super::trace::{Column, Trace};
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{OfferNumber, PlacementNumber, SegmentNumber};
use crate::domain::placement::Objective;
use crate::domain::random::{DecisionSeed, Generator, Stream};
use crate::domain::time::{Instant, Span};
use bernoulli::{Bernoulli, BernoulliDocument};
use classification::{Classification, ClassificationDocument, ClassificationWorld};
use cold_start::{ColdStart, ColdStartDocument, ColdStartWorld};
use delayed::{Delayed, DelayedDocument};
use drifting::{Drifting, DriftingDocument};
use linear::{Linear, LinearDocument, LinearWorld, LogisticDocument};
use session::{Session, SessionDocument, SessionWorld};
use shop::{Sale, Shop, ShopDocument, ShopWorld, Visitor};

/// What a replication's world draws from.
const WORLD: Stream = Stream::numbered(16);

/// The most offers of an environment.
const MOST_ARMS: usize = 1_000;

/// An environment as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EnvironmentDocument {
    /// One segment, offers with constant rates of conversion.
    Bernoulli(BernoulliDocument),
    /// The same, and the best and the worst change places once.
    Drifting(DriftingDocument),
    /// The same as Bernoulli, and conversions come late.
    Delayed(DelayedDocument),
    /// Many segments, large and small, that are more or less alike.
    ColdStart(ColdStartDocument),
    /// Shoppers pass through stages.
    Session(SessionDocument),
    /// Features, and rewards that are linear in them.
    Linear(LinearDocument),
    /// Features, and rates of conversion that are logistic in them.
    Logistic(LogisticDocument),
    /// A classified data set: the right class earns 1.
    Classification(ClassificationDocument),
    /// A catalogue, and shoppers who come to it.
    Shop(Box<ShopDocument>),
}

/// A checked environment.
#[derive(Debug, Clone, PartialEq)]
pub enum Environment {
    /// One segment, offers with constant rates of conversion.
    Bernoulli(Bernoulli),
    /// The same, and the best and the worst change places once.
    Drifting(Drifting),
    /// The same as Bernoulli, and conversions come late.
    Delayed(Delayed),
    /// Many segments, large and small, that are more or less alike.
    ColdStart(ColdStart),
    /// Shoppers pass through stages.
    Session(Session),
    /// Features, and rewards or rates that follow from them.
    Linear(Linear),
    /// A classified data set: the right class earns 1.
    Classification(Classification),
    /// A catalogue, and shoppers who come to it.
    Shop(Box<Shop>),
}

/// What a policy is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Situation<'a> {
    /// The shopper's segment.
    pub segment: SegmentNumber,
    /// What is known of shopper and cart; empty unless the environment has
    /// features.
    pub features: &'a [f64],
    /// What is on offer; `None` when that is nothing, or the shopper is held
    /// out.
    pub eligible: Option<&'a EligibleOffers>,
    /// Who came, where the world is a shop.
    pub visitor: Option<Visitor<'a>>,
    /// When.
    pub decided_at: Instant,
    /// Where in its session; the first stage where there are none.
    pub stage: PlacementNumber,
    /// A session begins; without stages every decision is one.
    pub begins_session: bool,
}

/// What a chosen offer earns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// What policies are compared by.
    pub reward: f64,
    /// What is learnt when the decision closes.
    pub learnt: f64,
    /// How long after the decision it came; 0 without delays.
    pub delay: Span,
    /// How long after the decision all of it was taken back, if that was after
    /// closing.
    pub taken_back_after: Option<Span>,
}

/// One replication: the state of a world at the current round.
#[derive(Debug, Clone)]
pub struct World<'a> {
    environment: &'a Environment,
    eligible: EligibleOffers,
    generator: Generator,
    /// Rounds begun.
    begun: u64,
    /// What each offer earns in the mean this round, in their order.
    means: Vec<f64>,
    /// This round's luck: an offer converts when it is below the offer's rate.
    luck: f64,
    delay: Span,
    cold_start: Option<ColdStartWorld>,
    session: Option<SessionWorld<'a>>,
    linear: Option<LinearWorld>,
    classification: Option<ClassificationWorld>,
    shop: Option<ShopWorld<'a>>,
    /// This round's features.
    features: Vec<f64>,
    /// How far this round's rewards are from their means, where they are not
    /// 0 or 1.
    deviation: Option<f64>,
}

impl Environment {
    /// Checks an environment as written; `files` reads the files that it names.
    ///
    /// # Errors
    /// Names the key, its value and its bound, or says what is wrong with a
    /// file.
    pub fn check(document: &EnvironmentDocument, files: &dyn Files) -> Result<Self, ScenarioError> {
        Ok(match document {
            EnvironmentDocument::Linear(document) => Self::Linear(Linear::check_linear(document)?),
            EnvironmentDocument::Logistic(document) => {
                Self::Linear(Linear::check_logistic(document)?)
            }
            EnvironmentDocument::Classification(document) => {
                let rows = files.rows(document).map_err(ScenarioError::Data)?;
                Self::Classification(Classification::new(Arc::new(rows)))
            }
            EnvironmentDocument::Bernoulli(document) => {
                Self::Bernoulli(Bernoulli::check(document)?)
            }
            EnvironmentDocument::Drifting(document) => Self::Drifting(Drifting::check(document)?),
            EnvironmentDocument::Delayed(document) => Self::Delayed(Delayed::check(document)?),
            EnvironmentDocument::ColdStart(document) => {
                Self::ColdStart(ColdStart::check(document)?)
            }
            EnvironmentDocument::Session(document) => Self::Session(Session::check(document)?),
            EnvironmentDocument::Shop(document) => {
                Self::Shop(Box::new(Shop::check(document, files)?))
            }
        })
    }

    /// How many offers there are. They are numbered, and named, from 0, but in a
    /// shop, whose catalogue does that.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // at most MOST_ARMS
    pub fn arms(&self) -> u32 {
        match self {
            Self::Bernoulli(environment) => environment.rates().len() as u32,
            Self::Drifting(environment) => environment.rates().len() as u32,
            Self::Delayed(environment) => environment.rates().len() as u32,
            Self::ColdStart(environment) => environment.offers(),
            Self::Session(environment) => environment.offers(),
            Self::Linear(environment) => environment.offers(),
            Self::Classification(environment) => environment.classes(),
            Self::Shop(shop) => shop.placement().offers.len() as u32,
        }
    }

    /// How many segments there are; they are numbered from 0.
    #[must_use]
    pub fn segments(&self) -> u32 {
        match self {
            Self::ColdStart(environment) => environment.segments(),
            Self::Session(environment) => environment.segments(),
            _ => 1,
        }
    }

    /// What the offers are called, in the order of their numbers.
    #[must_use]
    pub fn offer_names(&self) -> Vec<String> {
        if let Self::Shop(shop) = self {
            return shop.offer_names();
        }
        (0..self.arms())
            .map(|number| format!("offer {number}"))
            .collect()
    }

    /// How many rounds there are before the world ends; `None` when it never
    /// does.
    #[must_use]
    pub fn natural_rounds(&self) -> Option<u64> {
        match self {
            Self::Bernoulli(_)
            | Self::Drifting(_)
            | Self::Delayed(_)
            | Self::Session(_)
            | Self::Linear(_)
            | Self::Shop(_) => None,
            Self::ColdStart(environment) => Some(environment.decisions()),
            Self::Classification(environment) => Some(environment.rounds()),
        }
    }

    /// How many features a decision has; 0 for tabular environments.
    #[must_use]
    pub fn features(&self) -> usize {
        match self {
            Self::Linear(environment) => environment.dimension(),
            Self::Classification(environment) => environment.dimension(),
            _ => 0,
        }
    }

    /// Gives what was read from files, for a hash of the scenario.
    pub(super) fn hash_data(&self, update: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Classification(environment) => environment.hash_data(update),
            Self::Shop(shop) => shop.hash_data(update),
            _ => {}
        }
    }

    /// Checks that every seed can be played.
    ///
    /// # Errors
    /// Names the first that cannot.
    pub fn check_seeds(&self, seeds: impl Iterator<Item = u64>) -> Result<(), ScenarioError> {
        match self {
            Self::Classification(environment) => environment.check_seeds(seeds),
            _ => Ok(()),
        }
    }

    /// The groups of segments that are told apart; none where there is one
    /// segment.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        match self {
            Self::ColdStart(environment) => environment.groups(),
            Self::Session(environment) => environment.groups(),
            Self::Shop(shop) => shop.groups(),
            _ => Vec::new(),
        }
    }

    /// What the sums of a replication tell here. What the best offers earn adds
    /// up only where a decision leaves later ones as they are.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        match self {
            Self::Session(_) => &[Column::Reward, Column::Regret, Column::Exploration],
            Self::Shop(shop) => shop.columns(),
            _ => &Column::OF_TRUTH,
        }
    }

    /// How many decisions there are in a day; `None` where the world does not
    /// say.
    #[must_use]
    pub const fn decisions_per_day(&self) -> Option<f64> {
        match self {
            Self::Delayed(environment) => Some(environment.decisions_per_day()),
            Self::Shop(shop) => Some(shop.visits_per_day()),
            _ => None,
        }
    }

    /// What a decision may earn, for trying whether a policy learns it.
    pub(super) fn rewards(&self) -> Vec<f64> {
        match self {
            Self::Session(environment) => environment.rewards().collect(),
            Self::Linear(environment) if environment.has_noise() => vec![-1.0, 2.0],
            _ => vec![0.0, 1.0],
        }
    }

    /// Whether every offer is on offer in every round and earns 0 or 1, known
    /// before the next round.
    #[must_use]
    pub const fn converts_at_once(&self) -> bool {
        matches!(
            self,
            Self::Bernoulli(_) | Self::Drifting(_) | Self::ColdStart(_)
        )
    }

    /// Whether rewards come later than decisions.
    #[must_use]
    pub const fn has_delays(&self) -> bool {
        matches!(self, Self::Delayed(_) | Self::Shop(_))
    }

    /// How long a decision is open; 0 without delays.
    #[must_use]
    pub fn window(&self) -> Span {
        match self {
            Self::Delayed(environment) => environment.window(),
            Self::Shop(shop) => shop.placement().open_for(),
            _ => Span::from_ms(0),
        }
    }

    /// How long so many rounds take: a millisecond each where the environment
    /// does not say how many decisions there are in a day.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // saturates
    pub fn span_of_rounds(&self, rounds: u32) -> Span {
        if let Self::Shop(shop) = self {
            let days = f64::from(rounds) / shop.visits_per_day();
            return Span::from_ms((days * 86_400_000.0) as i64);
        }
        let start = Instant::from_unix_ms(0);
        self.instant_of(u64::from(rounds)).since(start)
    }

    /// When a round, from 0, takes place.
    fn instant_of(&self, round: u64) -> Instant {
        match self {
            Self::Delayed(environment) => environment.decided_at(round),
            _ => Instant::from_unix_ms(i64::try_from(round).unwrap_or(i64::MAX)),
        }
    }

    /// What is on offer: everything.
    ///
    /// # Panics
    /// Never: a checked environment has an offer.
    #[must_use]
    pub fn eligible(&self) -> EligibleOffers {
        let offers = match self {
            Self::Shop(shop) => EligibleOffers::new(shop.placement().offers.iter().copied()),
            _ => EligibleOffers::new((0..self.arms()).map(OfferNumber)),
        };
        offers.expect("numbers ascend, and an environment has an offer")
    }

    /// Where an offer stands among all of them.
    #[must_use]
    pub fn place_of(&self, offer: OfferNumber) -> usize {
        match self {
            Self::Shop(shop) => shop.place_of(offer),
            _ => offer.0 as usize,
        }
    }

    /// The number of an offer by its name.
    #[must_use]
    pub fn offer_number(&self, name: &str) -> Option<OfferNumber> {
        let number = name.parse::<u32>().ok()?;
        (number < self.arms()).then_some(OfferNumber(number))
    }

    /// The world of one seed, before its first round.
    #[must_use]
    pub fn world(&self, seed: u64) -> World<'_> {
        let mut generator = DecisionSeed(seed).generator(WORLD);
        let eligible = self.eligible();
        let cold_start = match self {
            Self::ColdStart(environment) => Some(environment.begin(&mut generator)),
            _ => None,
        };
        let means = match self {
            Self::Bernoulli(environment) => environment.rates().to_vec(),
            Self::Drifting(environment) => environment.rates().to_vec(),
            Self::Delayed(environment) => environment.means(),
            _ => Vec::new(),
        };
        let session = match self {
            Self::Session(environment) => Some(environment.begin()),
            _ => None,
        };
        let linear = match self {
            Self::Linear(environment) => Some(environment.begin(&mut generator)),
            _ => None,
        };
        let classification = match self {
            Self::Classification(environment) => Some(environment.begin(seed, &mut generator)),
            _ => None,
        };
        let shop = match self {
            Self::Shop(shop) => Some(shop.begin(seed)),
            _ => None,
        };
        World {
            environment: self,
            eligible,
            generator,
            begun: 0,
            means,
            luck: 0.0,
            delay: Span::from_ms(0),
            cold_start,
            session,
            linear,
            classification,
            shop,
            features: Vec::new(),
            deviation: None,
        }
    }
}

impl<'a> World<'a> {
    /// Begins the next round.
    pub fn next_situation(&mut self) -> Situation<'_> {
        let round = self.begun;
        self.begun += 1;
        self.luck = self.generator.next_uniform();
        let mut segment = SegmentNumber(0);
        let (mut stage, mut begins_session) = (PlacementNumber(0), true);
        let mut decided_at = self.environment.instant_of(round);
        match self.environment {
            Environment::Bernoulli(_) => {}
            Environment::Drifting(environment) => environment.drift(round, &mut self.means),
            Environment::Delayed(environment) => {
                self.delay = environment.delay(self.generator.next_uniform());
            }
            Environment::ColdStart(_) => {
                if let Some(world) = &self.cold_start {
                    segment = world.segment_of(round);
                    self.means.clear();
                    self.means.extend_from_slice(world.rates_of(segment));
                }
            }
            Environment::Session(_) => {
                if let Some(world) = &mut self.session {
                    world.next(&mut self.generator);
                    (segment, stage, begins_session) =
                        (world.segment(), world.stage(), world.begins());
                    self.means.clear();
                    self.means.extend_from_slice(world.optimal());
                }
            }
            Environment::Linear(environment) => {
                if let Some(world) = &self.linear {
                    let deviation =
                        world.round(&mut self.generator, &mut self.features, &mut self.means);
                    self.deviation = environment.has_noise().then_some(deviation);
                }
            }
            Environment::Classification(_) => {
                if let Some(world) = &self.classification {
                    world.round(round, &mut self.features, &mut self.means);
                }
            }
            Environment::Shop(_) => {
                if let Some(world) = &mut self.shop {
                    world.next(round, &mut self.generator);
                    (segment, decided_at) = (world.assigned(), world.at());
                    self.means.clear();
                    let on_offer = world.on_offer().into_iter().flat_map(EligibleOffers::iter);
                    self.means
                        .extend(on_offer.map(|offer| world.mean(Some(offer))));
                }
            }
        }
        let world = self.shop.as_ref();
        Situation {
            segment,
            features: &self.features,
            eligible: world.map_or(Some(&self.eligible), ShopWorld::on_offer),
            visitor: world.map(ShopWorld::visitor),
            decided_at,
            stage,
            begins_session,
        }
    }

    /// Which of [`Environment::groups`] this round is counted in.
    #[must_use]
    pub fn group(&self, segment: SegmentNumber) -> Option<usize> {
        match (self.environment, &self.shop) {
            (Environment::ColdStart(environment), _) => Some(environment.group_of(segment)),
            (Environment::Session(_), _) => Some(segment.0 as usize),
            (_, Some(world)) => Some(world.group()),
            _ => None,
        }
    }

    /// What the shopper buys after the offer at `index` of the eligible ones, or
    /// after none, where the world is a shop.
    #[must_use]
    pub fn sale(&self, choice: Option<usize>) -> Option<Sale<'a>> {
        let world = self.shop.as_ref()?;
        world.sale(choice.and_then(|index| self.offer_at(index)))
    }

    /// Adds what this visit came to, where the world is a shop.
    pub fn account(&self, choice: Option<usize>, trace: &mut Trace) {
        if let Some(world) = &self.shop {
            world.account(choice.and_then(|index| self.offer_at(index)), trace);
        }
    }

    fn offer_at(&self, index: usize) -> Option<OfferNumber> {
        let eligible = match &self.shop {
            Some(world) => world.on_offer()?,
            None => &self.eligible,
        };
        eligible.as_slice().get(index).copied()
    }

    /// This round's features.
    #[must_use]
    pub fn features(&self) -> &[f64] {
        &self.features
    }

    /// What is missed by showing nothing where something could have been shown.
    #[must_use]
    pub fn missed(&self) -> f64 {
        let world = self.shop.as_ref().filter(|_| !self.means.is_empty());
        world.map_or(0.0, |world| self.best_mean() - world.mean(None))
    }

    /// What the offer at `index` of the eligible ones earns in the mean, this
    /// round; with stages, by the end of the session with the best ones after
    /// it.
    #[must_use]
    pub fn mean(&self, index: usize) -> f64 {
        self.means[index]
    }

    /// What the best offer earns in the mean, this round.
    #[must_use]
    pub fn best_mean(&self) -> f64 {
        self.means.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// What the offer at `index` earns, this round; or what no offer does. What
    /// is learnt of it depends on what the policy's placement is after.
    #[must_use]
    pub fn outcome(&self, choice: Option<usize>, objective: Objective) -> Outcome {
        if let Some(world) = &self.shop {
            return match self.sale(choice) {
                Some(sale) => world.outcome(&sale, objective),
                None => Outcome::of(0.0, Span::ZERO),
            };
        }
        let Some(index) = choice else {
            return Outcome::of(0.0, Span::ZERO);
        };
        if let Some(world) = &self.session {
            return Outcome::of(world.reward(index, self.luck), Span::ZERO);
        }
        let rate = match self.environment {
            Environment::Delayed(environment) => environment.rates()[index],
            _ => self.means[index],
        };
        if let Some(deviation) = self.deviation {
            return Outcome::of(rate + deviation, self.delay);
        }
        let in_time = self.delay <= self.environment.window();
        let converted = self.luck < rate && in_time;
        Outcome::of(f64::from(u8::from(converted)), self.delay)
    }

    /// The round is over: the offer at `index` was chosen, or none.
    pub fn go_on(&mut self, choice: Option<usize>) {
        let Some(index) = choice else { return };
        let offer = self.offer_at(index);
        if let Some(world) = &mut self.session {
            world.go_on(index);
        }
        if let (Some(world), Some(offer)) = (&mut self.shop, offer) {
            world.show(offer);
        }
    }
}

impl Outcome {
    /// What is compared is what is learnt.
    const fn of(reward: f64, delay: Span) -> Self {
        Self {
            reward,
            learnt: reward,
            delay,
            taken_back_after: None,
        }
    }
}

/// Rates of conversion: at least one, at most [`MOST_ARMS`], each in [0, 1].
fn check_rates(rates: &[f64]) -> Result<Vec<f64>, ScenarioError> {
    if rates.is_empty() || rates.len() > MOST_ARMS {
        #[allow(clippy::cast_precision_loss)] // for people to read
        return Err(ScenarioError::out_of_bounds(
            "environment.rates: the number of rates",
            rates.len() as f64,
            format!("[1, {MOST_ARMS}]"),
        ));
    }
    for (place, rate) in rates.iter().enumerate() {
        number_within(&format!("environment.rates.{place}"), *rate, 0.0, 1.0)?;
    }
    Ok(rates.to_vec())
}

/// `value` when it lies within; NaN never does.
fn number_within(key: &str, value: f64, least: f64, most: f64) -> Result<f64, ScenarioError> {
    if value >= least && value <= most {
        Ok(value)
    } else {
        let bound = format!("[{least}, {most}]");
        Err(ScenarioError::out_of_bounds(key, value, bound))
    }
}
