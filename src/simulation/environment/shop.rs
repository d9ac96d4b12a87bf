//! A shop and its shoppers: who comes when and with what in the cart, and what
//! an offer makes them do.
//!
//! The catalogue is the service's own, and so are its rules, its benefits and
//! its holdout. A shopper who is shown an offer buys with the log-odds
//!
//! > rate of the segment + own deviation + changes so far
//! > + what is left of (price sensitivity × discount / price of the cart + appeal)
//!
//! where the discount is what the offer takes off this very cart. Whoever buys
//! would often have bought anyway: `purchase_rate` is what happens without an
//! offer. An offer that gives nothing for a cart persuades nobody.
//!
//! Everything is drawn from the seed of the replication, of the shopper and of
//! the visit, and nothing depends on what was chosen before but how much an
//! offer has worn off. So all policies meet the same shoppers with the same luck,
//! and a shopper who buys with a small discount buys with a larger one.

mod check;
mod document;
mod fatigue;
mod goods;
mod traffic;

use std::sync::Arc;

pub(in crate::simulation) use check::objective;
pub use document::{CatalogSource, Counts, ShopDocument};
pub use goods::{Sold, SoldLine};

use crate::catalog::{
    AffinityDocument, AffinityPriorDocument, Catalog, CatalogDocument, CatalogFaults, Numbering,
};
use crate::domain::attribute::Attributes;
use crate::domain::cart::Cart;
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::{CatalogVersion, OfferNumber, PlacementNumber, SegmentNumber};
use crate::domain::keys::{HashKey, Pseudonym};
use crate::domain::math;
use crate::domain::placement::{Feedback, Objective, Placement};
use crate::domain::random::{DecisionSeed, Generator, Stream, mixed};
use crate::domain::time::{Instant, Span};
use crate::engine::choose::PricedLine;
use crate::learning::PolicyConfig;
use crate::learning::gaussian::standard_normal;
use crate::ledger::secrets::Secrets;
use crate::promotion::{Known, Occasion, eligible, in_holdout};
use crate::simulation::ScenarioError;
use crate::simulation::environment::Outcome;
use crate::simulation::scenario::Files;
use crate::simulation::trace::{Column, Trace};
use fatigue::{Exposures, Fatigue};
use goods::Terms;
use traffic::Traffic;

/// What a shopper is drawn from.
const SHOPPER: Stream = Stream::numbered(18);
/// What a visit is drawn from.
const VISIT: Stream = Stream::numbered(19);

/// A checked shop.
#[derive(Debug, Clone)]
pub struct Shop {
    placement: PlacementNumber,
    value: Objective,
    traffic: Traffic,
    shoppers: u32,
    segments: Vec<ShopperSegment>,
    purchase_delay: Span,
    refund_rate: f64,
    refund_delay: Span,
    fatigue: Option<Fatigue>,
    /// By instant.
    changes: Vec<Change>,
    /// By place among the placement's offers: its campaign has a budget.
    budgeted: Vec<bool>,
    columns: Vec<Column>,
    /// What is on offer does not depend on the instant.
    is_timeless: bool,
    /// Then: what is, by segment and basket.
    on_offer: Vec<Vec<Option<EligibleOffers>>>,
    catalogue: CatalogDocument,
    /// What goes with what, for the policies that ask for it.
    affinity: Option<Vec<AffinityDocument>>,
    catalog: Arc<Catalog>,
    document: ShopDocument,
}

/// What a policy's placement is in the shop's catalogue, where that is not left
/// as it is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Placing {
    /// What it is after.
    pub objective: Option<Objective>,
    /// What open decisions tell the policy.
    pub feedback: Option<Feedback>,
    /// What is made of what goes with what.
    pub affinity: AffinityUse,
}

/// What is made of what goes with what.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AffinityUse {
    /// A cross-sell is a candidate only for a cart with a companion of it.
    pub is_filter: bool,
    /// What the policy expects before it has learnt.
    pub prior: Option<AffinityPriorDocument>,
}

impl PartialEq for Shop {
    /// Everything else follows from what was written.
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
            && self.catalogue == other.catalogue
            && self.affinity == other.affinity
    }
}

/// A kind of shoppers. Shoppers are numbered by segment.
#[derive(Debug, Clone)]
struct ShopperSegment {
    name: String,
    first: u32,
    count: u32,
    /// The share of visits of this segment and those before it.
    reached: f64,
    attributes: Attributes,
    /// The catalogue's segment.
    assigned: SegmentNumber,
    log_odds: f64,
    spread: f64,
    price_sensitivity: f64,
    /// By place among the placement's offers.
    appeals: Vec<f64>,
    baskets: Vec<Basket>,
}

/// A cart and what it comes to.
#[derive(Debug, Clone)]
struct Basket {
    /// The share of this basket and those before it.
    reached: f64,
    cart: Cart,
    lines: Vec<PricedLine>,
    without: Terms,
    /// By place among the placement's offers.
    with: Vec<Terms>,
}

/// Something that changes for good.
#[derive(Debug, Clone)]
struct Change {
    at: Instant,
    /// By segment.
    concerns: Vec<bool>,
    log_odds: f64,
    price_sensitivity: f64,
    appeals: Vec<f64>,
}

/// One replication of a shop, at the current visit.
#[derive(Debug, Clone)]
pub(super) struct ShopWorld<'a> {
    shop: &'a Shop,
    seed: u64,
    arrivals: traffic::Stream<'a>,
    /// The own deviation of each shopper's log-odds.
    own: Vec<f64>,
    /// Who sees no offer; empty without a holdout.
    held_out: Vec<bool>,
    /// How often each came.
    visits: Vec<u32>,
    exposures: Exposures,
    changed: usize,
    /// By segment, with what changed so far.
    now: Vec<Inclination>,
    visit: Visit,
    on_offer: Option<EligibleOffers>,
}

/// What a segment's shoppers are inclined to.
#[derive(Debug, Clone)]
struct Inclination {
    log_odds: f64,
    price_sensitivity: f64,
    appeals: Vec<f64>,
}

/// Who came, and with which luck.
#[derive(Debug, Clone, Copy, Default)]
struct Visit {
    shopper: u32,
    segment: usize,
    basket: usize,
    at: Instant,
    /// Buys when it is below the probability of that.
    buys: f64,
    adds: f64,
    delay: Span,
    refunded: bool,
    refund_delay: Span,
}

/// What the service is told of a visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visitor<'a> {
    /// The shopper's number.
    pub shopper: u32,
    /// What is said of the shopper.
    pub attributes: &'a Attributes,
    /// What is in the cart.
    pub cart: &'a [PricedLine],
}

/// A purchase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sale<'a> {
    /// What was bought.
    pub sold: &'a Sold,
    /// How long after the decision.
    pub after: Span,
    /// How long after the purchase it was paid back, if it was.
    pub refunded_after: Option<Span>,
    /// An article that was shown was added.
    pub added: bool,
}

impl Shop {
    pub(super) fn check(document: &ShopDocument, files: &dyn Files) -> Result<Self, ScenarioError> {
        check::check(document, files)
    }

    /// The catalogue in which the placement has another policy, and is perhaps
    /// placed otherwise.
    #[must_use]
    pub fn catalogue(&self, policy: &PolicyConfig, placing: &Placing) -> CatalogDocument {
        let mut document = self.catalogue.clone();
        if placing.affinity.is_filter {
            let more = self.affinity.iter().flatten().cloned();
            document.affinity.extend(more);
        }
        let id = &self.placement().id;
        if let Some(placement) = document.placements.iter_mut().find(|it| it.id == *id) {
            placement.policy = policy.clone();
            if let Some(objective) = placing.objective {
                objective.name().clone_into(&mut placement.objective);
            }
            if let Some(feedback) = placing.feedback {
                feedback.name().clone_into(&mut placement.feedback);
            }
            if placing.affinity.prior.is_some() {
                placement.affinity_prior = placing.affinity.prior;
            }
        }
        document
    }

    /// Why a policy cannot make that of what goes with what: the key, and what is
    /// wrong with it.
    #[must_use]
    pub fn affinity_fault(&self, affinity: &AffinityUse) -> Option<(&'static str, &'static str)> {
        if affinity.is_filter && self.affinity.is_none() {
            let message = "environment.affinity has to name the file that says what goes with what";
            return Some(("affinity", message));
        }
        let knows = affinity.is_filter || !self.catalogue.affinity.is_empty();
        (affinity.prior.is_some() && !knows).then_some((
            "affinity_prior",
            "needs affinity = true, or a catalogue that says what goes with what",
        ))
    }

    /// A catalogue of this shop, checked.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn built(document: CatalogDocument) -> Result<Catalog, CatalogFaults> {
        Catalog::build(document, CatalogVersion(1), &Numbering::default())
    }

    /// Where shoppers are met.
    ///
    /// # Panics
    /// Never: it was looked up in this very catalogue.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        let placement = self.catalog.placement(self.placement);
        placement.expect("the placement was looked up in this catalogue")
    }

    /// The catalogue as the shop has it.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Gives the catalogue, and what goes with what, which may be files', for a
    /// hash of the scenario.
    pub(super) fn hash_data(&self, update: &mut dyn FnMut(&[u8])) {
        let json = self.catalogue.to_json();
        update(&json.expect("a checked document holds no number that JSON cannot"));
        if let Some(affinity) = &self.affinity {
            let json = serde_json::to_vec(affinity);
            update(&json.expect("lifts were checked to be finite"));
        }
    }

    /// What policies are compared by.
    #[must_use]
    pub const fn value(&self) -> Objective {
        self.value
    }

    /// When it begins.
    #[must_use]
    pub const fn starts_at(&self) -> Instant {
        self.traffic.starts_at
    }

    /// How many visits there are on a day of average weight.
    #[must_use]
    pub const fn visits_per_day(&self) -> f64 {
        self.traffic.visits_per_day
    }

    /// What a replication sums up. Where offers wear off, what is best now
    /// depends on what was shown before, so nothing adds up to be compared.
    fn summed_up(&self) -> Vec<Column> {
        let mut columns = vec![Column::Reward];
        if self.fatigue.is_none() {
            columns.extend([Column::Regret, Column::Best, Column::Exploration]);
        }
        columns.extend([Column::Treated, Column::Conversions, Column::CrossSells]);
        // Figures are told in one unit: money only where that is compared.
        let is_money = self.value != Objective::Conversion;
        if is_money {
            columns.extend([Column::Revenue, Column::Margin, Column::DiscountCost]);
        }
        if is_money && self.budgeted.contains(&true) {
            columns.push(Column::BudgetSpent);
        }
        if self.placement().holdout.get() > 0 {
            columns.extend([Column::HeldOut, Column::HeldOutConversions]);
            if is_money {
                columns.push(Column::HeldOutMargin);
            }
        }
        columns
    }

    /// What a replication sums up.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The ids of the placement's offers, in the order of their numbers.
    pub(super) fn offer_names(&self) -> Vec<String> {
        let offers = self.catalog.offers_at(self.placement());
        offers.map(|(offer, _)| offer.id.clone()).collect()
    }

    /// Where an offer stands among those of the placement.
    pub(super) fn place_of(&self, offer: OfferNumber) -> usize {
        let place = self.placement().offers.binary_search(&offer);
        place.expect("what is on offer is an offer of the placement")
    }

    /// Whether purchases may be paid back.
    #[must_use]
    pub fn has_refunds(&self) -> bool {
        self.refund_rate > 0.0
    }

    /// The kinds of shoppers.
    pub(super) fn groups(&self) -> Vec<String> {
        self.segments.iter().map(|it| it.name.clone()).collect()
    }

    /// What is on offer by segment and basket, where that does not depend on
    /// the instant.
    fn judged(&self) -> Vec<Vec<Option<EligibleOffers>>> {
        let of_segment = |segment: &ShopperSegment| {
            let baskets = segment.baskets.iter();
            let judge = |basket| self.on_offer_at(segment, basket, self.starts_at());
            baskets.map(judge).collect()
        };
        self.segments.iter().map(of_segment).collect()
    }

    /// What the rules leave; limits are the engine's to know.
    fn on_offer_at(
        &self,
        segment: &ShopperSegment,
        basket: &Basket,
        at: Instant,
    ) -> Option<EligibleOffers> {
        let context = check::context(segment, basket);
        let occasion = Occasion {
            at,
            segment: segment.assigned,
            request: Known::Request(&context),
        };
        eligible(self.catalog.offers_at(self.placement()), &occasion)
    }

    /// What a shopper's id is in requests.
    #[must_use]
    pub fn shopper_id(shopper: u32) -> String {
        format!("shopper-{shopper}")
    }

    /// The keys of one replication: they decide who is held out.
    #[must_use]
    pub fn secrets(seed: u64) -> Secrets {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Secrets::derived(bytes)
    }

    fn held_out(&self, seed: u64) -> Vec<bool> {
        let placement = self.placement();
        if placement.holdout.get() == 0 {
            return Vec::new();
        }
        let key = HashKey::new(*Self::secrets(seed).shop_key().as_bytes());
        let is_held_out = |shopper: u32| {
            let pseudonym = Pseudonym::of(&key, Self::shopper_id(shopper).as_bytes());
            in_holdout(
                &key,
                &placement.holdout_group,
                &pseudonym,
                placement.holdout,
            )
        };
        (0..self.shoppers).map(is_held_out).collect()
    }

    pub(super) fn begin(&self, seed: u64) -> ShopWorld<'_> {
        let own = self.segments.iter().flat_map(|segment| {
            (segment.first..segment.first + segment.count).map(|shopper| {
                if segment.spread == 0.0 {
                    return 0.0;
                }
                let mut generator = of_shopper(seed, shopper).generator(SHOPPER);
                segment.spread * standard_normal(&mut generator)
            })
        });
        let shoppers = self.shoppers as usize;
        ShopWorld {
            shop: self,
            seed,
            arrivals: self.traffic.begin(),
            own: own.collect(),
            held_out: self.held_out(seed),
            visits: vec![0; shoppers],
            exposures: Exposures::of(if self.fatigue.is_some() { shoppers } else { 0 }),
            changed: 0,
            now: self.segments.iter().map(ShopperSegment::inclined).collect(),
            visit: Visit::default(),
            on_offer: None,
        }
    }
}

/// The seed of a shopper in a replication.
const fn of_shopper(seed: u64, shopper: u32) -> DecisionSeed {
    DecisionSeed(mixed(mixed(seed) ^ shopper as u64))
}

impl ShopperSegment {
    fn inclined(&self) -> Inclination {
        Inclination {
            log_odds: self.log_odds,
            price_sensitivity: self.price_sensitivity,
            appeals: self.appeals.clone(),
        }
    }
}

/// An exponential time with this mean, from a uniform number in [0, 1).
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // saturates
fn exponential(mean: Span, uniform: f64) -> Span {
    Span::from_ms((-(mean.ms() as f64) * math::ln_1p(-uniform)) as i64)
}

impl<'a> ShopWorld<'a> {
    /// The next shopper comes.
    #[allow(clippy::cast_precision_loss)] // exact below 2^53 visits
    pub fn next(&mut self, round: u64, generator: &mut Generator) {
        let shop = self.shop;
        let at = self
            .arrivals
            .time_of(round as f64 + generator.next_uniform());
        let which = generator.next_uniform();
        let segments = &shop.segments;
        let segment = segments.iter().position(|segment| which < segment.reached);
        let segment = segment.unwrap_or(segments.len() - 1);
        let whose = generator.next_below(u64::from(segments[segment].count));
        let shopper = segments[segment].first + u32::try_from(whose).unwrap_or(0);
        let visit = &mut self.visits[shopper as usize];
        *visit += 1;
        let seed = mixed(of_shopper(self.seed, shopper).0 ^ u64::from(*visit));
        let mut luck = DecisionSeed(seed).generator(VISIT);
        let which = luck.next_uniform();
        let baskets = &segments[segment].baskets;
        let basket = baskets.iter().position(|basket| which < basket.reached);
        self.visit = Visit {
            shopper,
            segment,
            basket: basket.unwrap_or(baskets.len() - 1),
            at,
            buys: luck.next_uniform(),
            adds: luck.next_uniform(),
            delay: exponential(shop.purchase_delay, luck.next_uniform()),
            refunded: luck.next_uniform() < shop.refund_rate,
            refund_delay: exponential(shop.refund_delay, luck.next_uniform()),
        };
        self.change_until(at);
        let basket = &baskets[self.visit.basket];
        self.on_offer = if self.is_held_out() {
            None
        } else if shop.is_timeless {
            shop.on_offer[segment][self.visit.basket].clone()
        } else {
            shop.on_offer_at(&segments[segment], basket, at)
        };
    }

    fn change_until(&mut self, now: Instant) {
        while let Some(change) = self.shop.changes.get(self.changed) {
            if change.at > now {
                break;
            }
            self.changed += 1;
            for (inclination, concerned) in self.now.iter_mut().zip(&change.concerns) {
                if !concerned {
                    continue;
                }
                inclination.log_odds += change.log_odds;
                inclination.price_sensitivity *= change.price_sensitivity;
                for (appeal, more) in inclination.appeals.iter_mut().zip(&change.appeals) {
                    *appeal += more;
                }
            }
        }
    }

    /// Whether the shopper sees no offer, to measure what offers bring.
    pub fn is_held_out(&self) -> bool {
        let held_out = self.held_out.get(self.visit.shopper as usize);
        held_out.copied().unwrap_or(false)
    }

    /// When the shopper comes.
    pub const fn at(&self) -> Instant {
        self.visit.at
    }

    /// The catalogue's segment.
    pub fn assigned(&self) -> SegmentNumber {
        self.segment().assigned
    }

    /// Which of the shop's kinds of shoppers it is.
    pub const fn group(&self) -> usize {
        self.visit.segment
    }

    /// What the rules leave for this cart; `None` when that is nothing, or the
    /// shopper is held out.
    pub const fn on_offer(&self) -> Option<&EligibleOffers> {
        self.on_offer.as_ref()
    }

    /// What the service is told.
    pub fn visitor(&self) -> Visitor<'a> {
        let segment = self.segment();
        Visitor {
            shopper: self.visit.shopper,
            attributes: &segment.attributes,
            cart: &segment.baskets[self.visit.basket].lines,
        }
    }

    fn segment(&self) -> &'a ShopperSegment {
        &self.shop.segments[self.visit.segment]
    }

    /// What an offer, or none, does to this visit's basket, and the probability
    /// of a purchase with it.
    fn prospect(&self, offer: Option<OfferNumber>) -> (&'a Terms, f64) {
        let basket = &self.segment().baskets[self.visit.basket];
        let inclination = &self.now[self.visit.segment];
        let log_odds = inclination.log_odds + self.own[self.visit.shopper as usize];
        let Some(offer) = offer else {
            return (&basket.without, math::logistic(log_odds));
        };
        let place = self.shop.place_of(offer);
        let terms = &basket.with[place];
        if terms.is_short {
            return (terms, math::logistic(log_odds));
        }
        let effect =
            inclination.price_sensitivity * terms.discount_share + inclination.appeals[place];
        let left = self.shop.fatigue.as_ref().map_or(1.0, |fatigue| {
            let shopper = self.visit.shopper as usize;
            self.exposures
                .left(fatigue, shopper, offer.0, self.visit.at)
        });
        (terms, math::logistic(log_odds + left * effect))
    }

    /// The probability that whoever buys adds what the offer shows.
    fn chance_of_adding(&self, added: &goods::Added) -> f64 {
        let sensitivity = self.now[self.visit.segment].price_sensitivity;
        math::logistic(added.log_odds + sensitivity * added.discount_share)
    }

    /// What an offer, or none, is worth in the mean, as policies are compared.
    pub fn mean(&self, offer: Option<OfferNumber>) -> f64 {
        let worth = |sold: Option<&Sold>| sold.map_or(0.0, |sold| self.worth(sold));
        let (terms, chance) = self.prospect(offer);
        let plain = worth(terms.sold.as_ref());
        let once_bought = terms.added.as_ref().map_or(plain, |added| {
            let adding = self.chance_of_adding(added);
            adding * worth(Some(&added.sold)) + (1.0 - adding) * plain
        });
        chance * once_bought * (1.0 - self.shop.refund_rate)
    }

    /// What a purchase is worth, as policies are compared: money in major
    /// units.
    pub fn worth(&self, sold: &Sold) -> f64 {
        let worth = sold.worth(self.shop.value);
        match self.shop.value {
            Objective::Conversion => worth,
            _ => self.major(worth),
        }
    }

    /// Minor units in major ones.
    #[allow(clippy::cast_precision_loss)] // at most 10,000
    fn major(&self, minor_units: f64) -> f64 {
        minor_units / self.shop.placement().currency.minor_per_major() as f64
    }

    /// Adds what the visit came to: a purchase that is paid back came to
    /// nothing.
    #[allow(clippy::cast_precision_loss)] // amounts are below 2^53
    pub fn account(&self, shown: Option<OfferNumber>, trace: &mut Trace) {
        let kept = self
            .sale(shown)
            .filter(|sale| sale.refunded_after.is_none());
        let mut add = |column: Column, amount: f64| trace.add(None, column, amount);
        let Some(offer) = shown else {
            if self.is_held_out() {
                add(Column::HeldOut, 1.0);
                if let Some(sale) = kept {
                    add(Column::HeldOutConversions, 1.0);
                    let margin = self.major(sale.sold.margin_minor as f64);
                    add(Column::HeldOutMargin, margin);
                }
            }
            return;
        };
        add(Column::Treated, 1.0);
        let Some(sale) = kept else { return };
        add(Column::Conversions, 1.0);
        add(Column::Revenue, self.major(sale.sold.revenue_minor as f64));
        add(Column::Margin, self.major(sale.sold.margin_minor as f64));
        let cost = self.major(sale.sold.discount_cost_minor as f64);
        add(Column::DiscountCost, cost);
        if sale.added {
            add(Column::CrossSells, 1.0);
        }
        if self.shop.budgeted[self.shop.place_of(offer)] {
            add(Column::BudgetSpent, cost);
        }
    }

    /// What the shopper buys after an offer, or none.
    pub fn sale(&self, offer: Option<OfferNumber>) -> Option<Sale<'a>> {
        let (terms, chance) = self.prospect(offer);
        if self.visit.buys >= chance {
            return None;
        }
        let added = terms.added.as_ref();
        let added = added.filter(|added| self.visit.adds < self.chance_of_adding(added));
        let sold = added.map(|added| &added.sold).or(terms.sold.as_ref())?;
        Some(Sale {
            sold,
            after: self.visit.delay,
            refunded_after: self.visit.refunded.then_some(self.visit.refund_delay),
            added: added.is_some(),
        })
    }

    /// What a purchase comes to: as policies are compared, and as one learns it
    /// whose placement is after `objective`.
    pub fn outcome(&self, sale: &Sale<'_>, objective: Objective) -> Outcome {
        let placement = self.shop.placement();
        let closing = placement.open_for();
        let in_time = sale.after <= placement.attribution_window;
        let refunded_after = sale.refunded_after.map(|later| sale.after.plus(later));
        let before_closing = refunded_after.is_some_and(|after| after < closing);
        let learnt = if in_time && !before_closing {
            sale.sold.worth(objective)
        } else {
            0.0
        };
        let still_corrects = closing.plus(placement.refund_window);
        Outcome {
            reward: if refunded_after.is_some() {
                0.0
            } else {
                self.worth(sale.sold)
            },
            learnt,
            delay: sale.after,
            taken_back_after: refunded_after
                .filter(|after| learnt != 0.0 && *after < still_corrects),
        }
    }

    /// The shopper was shown an offer.
    pub fn show(&mut self, offer: OfferNumber) {
        if let Some(fatigue) = &self.shop.fatigue {
            let shopper = self.visit.shopper as usize;
            self.exposures.add(fatigue, shopper, offer.0, self.visit.at);
        }
    }
}
