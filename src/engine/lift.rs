//! What each shopper did at a placement, for `report lift`: read from the ledger
//! from its start.
//!
//! A shopper is known by the subject number that decisions carry in the clear,
//! so an erased shopper still counts; rehearsals, decisions without a shopper
//! and those that allowed no use of one do not. Who was in both groups, because
//! the holdout's share was changed meanwhile, is left out and counted.
//!
//! Where the placement's policy is a split, its arms are told apart in the same
//! way: by the decisions that were made in the experiment in force.
//!
//! An order's line counts once a placement: for the purchase that brought it
//! first. Cost: one pass over the ledger; memory for every decision, purchase
//! and line of the placement.

use std::collections::{BTreeMap, HashMap, HashSet};

use thiserror::Error;

use super::choose::hint;
use super::shared::Shared;
use crate::domain::decision::{DecisionKind, DecisionRecord};
use crate::domain::event::EventBody;
use crate::domain::exchange::Conversion;
use crate::domain::ids::{CatalogVersion, OfferNumber, PlacementNumber, Position};
use crate::domain::keys::{EventKey, OrderKey, SubjectNumber};
use crate::domain::outcome::{OutcomeKind, OutcomeLine, OutcomeRecord};
use crate::domain::time::{Instant, Span};
use crate::learning::Policy;
use crate::ledger::ReadError;
use crate::ledger::codec::{DecodeError, decode_event};

/// What one shopper did. Amounts in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShopperRow {
    /// Sees no offers at the placement.
    pub held_out: bool,
    /// The share of shoppers that was held out at the first decision, in basis
    /// points.
    pub holdout_basis_points: u16,
    /// Decisions.
    pub decisions: u64,
    /// Decisions after which something was bought and kept.
    pub conversions: u64,
    /// Paid less paid back.
    pub revenue_minor: i64,
    /// That less the cost of goods kept, gifts and points.
    pub margin_minor: i64,
    /// Decisions after which more than one article was bought.
    pub cross_sold: u64,
    /// Discounts, gifts and points.
    pub cost_minor: i64,
    /// Bought so long after the first decision, or later.
    pub returned: bool,
    /// The place of the arm, where arms are told apart; 0 otherwise.
    pub arm: usize,
    /// The place of the shares by which the shopper was assigned to it.
    pub shares: usize,
}

/// How shoppers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Those who see offers, and those who are held out.
    Holdout,
    /// The arms of the placement's split; who is held out is left out.
    Arms,
}

/// What the shoppers of a placement did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiftRows {
    /// One for each shopper, in the order of their first decisions.
    pub shoppers: Vec<ShopperRow>,
    /// Shoppers who were in more than one group and are left out.
    pub switched: u64,
    /// The names of the arms, where they are told apart: those of the split in
    /// force, then those that the experiment had before.
    pub arms: Vec<String>,
    /// The shares of the arms, in basis points, as they were at one time or
    /// another. Arms beyond the end of a list had none.
    pub shares: Vec<Vec<u32>>,
    /// Purchased lines whose articles' cost is not known; a margin counts them
    /// as costing nothing.
    pub lines_without_cost: u64,
}

/// Why there are no rows.
#[derive(Debug, Error)]
pub enum LiftError {
    /// The catalogue in force has no such placement.
    #[error("placement {placement:?} is not in the catalogue{}", hint(.nearest))]
    UnknownPlacement {
        /// What was asked for.
        placement: String,
        /// The id that looks most like it.
        nearest: Option<String>,
    },
    /// There are no arms to tell apart.
    #[error("the policy of placement {placement:?} is {kind:?}, only a split has arms")]
    NoSplit {
        /// Which placement.
        placement: String,
        /// Its policy.
        kind: &'static str,
    },
    /// The split has no such arm.
    #[error("the split of placement {placement:?} has no arm {arm:?}, only {}", .known.join(", "))]
    UnknownArm {
        /// Which placement.
        placement: String,
        /// What was asked for.
        arm: String,
        /// The arms that it has.
        known: Vec<String>,
    },
    /// The ledger does not give its records.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record does not decode.
    #[error("the record at position {position} does not decode: {error}")]
    Decode {
        /// Which record.
        position: Position,
        /// Why.
        error: DecodeError,
    },
}

/// A decision of the placement.
#[derive(Debug)]
struct Decision {
    subject: SubjectNumber,
    catalog_version: CatalogVersion,
    offers: Vec<OfferNumber>,
}

/// A purchase after a decision.
#[derive(Debug)]
struct Purchase {
    decision: Position,
    slot: Option<u32>,
    at: Instant,
    lines: Vec<OutcomeLine>,
    conversion: Option<Conversion>,
    cancelled: bool,
    /// By line: paid back, and pieces given back.
    reversed: HashMap<u64, (i64, i64)>,
}

/// A shopper so far.
#[derive(Debug)]
struct Seen {
    first: Instant,
    row: ShopperRow,
    switched: bool,
}

struct Collector<'a> {
    shared: &'a Shared,
    placement: PlacementNumber,
    /// The experiment whose arms are told apart; `None` for the holdout.
    experiment: Option<String>,
    arms: Vec<String>,
    shares: Vec<Vec<u32>>,
    return_after: Span,
    decisions: HashMap<Position, Decision>,
    purchases: BTreeMap<EventKey, Purchase>,
    /// Refunds that came before their purchases.
    waiting: HashMap<EventKey, Vec<OutcomeRecord>>,
    counted: HashSet<(OrderKey, u64)>,
    shoppers: BTreeMap<SubjectNumber, Seen>,
    order: Vec<SubjectNumber>,
}

/// Reads what the shoppers of a placement did.
pub(super) fn collect(
    shared: &Shared,
    placement: &str,
    grouping: Grouping,
    return_after: Span,
) -> Result<LiftRows, LiftError> {
    let (number, split) = placement_of(shared, placement, grouping)?;
    let (experiment, arms) = split.unzip();
    let mut collector = Collector {
        shared,
        placement: number,
        experiment,
        arms: arms.unwrap_or_default(),
        shares: Vec::new(),
        return_after,
        decisions: HashMap::new(),
        purchases: BTreeMap::new(),
        waiting: HashMap::new(),
        counted: HashSet::new(),
        shoppers: BTreeMap::new(),
        order: Vec::new(),
    };
    let start = shared.ledger.start();
    let first = shared.ledger.first_position();
    for record in shared.ledger.scan(first, Some(start.chain)) {
        let record = record?;
        let position = record.position;
        let event =
            decode_event(&record.bytes).map_err(|error| LiftError::Decode { position, error })?;
        match &event.body {
            EventBody::Decision(decision) => {
                collector.decide(position, event.envelope.recorded_at, decision);
            }
            EventBody::Outcome(outcome) => collector.take(outcome),
            _ => {}
        }
    }
    Ok(collector.rows())
}

/// An experiment with its arms.
type Experiment = (String, Vec<String>);

/// The placement's number and, where its arms are told apart, its experiment.
fn placement_of(
    shared: &Shared,
    placement: &str,
    grouping: Grouping,
) -> Result<(PlacementNumber, Option<Experiment>), LiftError> {
    let state = shared.read_state();
    let catalog = state.catalog();
    let found = catalog.and_then(|it| it.placement_by_id(placement));
    let Some((catalog, found)) = catalog.zip(found) else {
        let nearest = catalog.and_then(|it| it.nearest_placement(placement));
        return Err(LiftError::UnknownPlacement {
            placement: placement.to_owned(),
            nearest,
        });
    };
    if grouping == Grouping::Holdout {
        return Ok((found.number, None));
    }
    let policy = catalog.policy(found.number);
    let Some(split) = policy.and_then(Policy::split) else {
        return Err(LiftError::NoSplit {
            placement: placement.to_owned(),
            kind: policy.map_or("", Policy::kind),
        });
    };
    let arms = split.arms().iter().map(|arm| arm.name.to_string());
    let experiment = (split.experiment().to_owned(), arms.collect());
    Ok((found.number, Some(experiment)))
}

/// The group that a decision's shopper belongs to, and by which shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    held_out: bool,
    holdout_basis_points: u16,
    arm: usize,
    shares: usize,
}

impl Collector<'_> {
    /// The group of a decision; `None` when it belongs to none that is told
    /// apart.
    fn group_of(&mut self, record: &DecisionRecord) -> Option<Group> {
        let held_out = record.kind == DecisionKind::Holdout;
        let state = self.shared.read_state();
        let catalog = state.catalog_of(record.catalog_version);
        let mut group = Group {
            held_out,
            holdout_basis_points: catalog
                .and_then(|catalog| Some(catalog.placement(record.placement)?.holdout.get()))
                .unwrap_or_default(),
            arm: 0,
            shares: 0,
        };
        let Some(experiment) = &self.experiment else {
            return Some(group);
        };
        let name = record.arm.as_deref().filter(|_| !held_out)?;
        let split = catalog?.policy(record.placement)?.split()?;
        if split.experiment() != experiment {
            return None;
        }
        let mut shares = Vec::new();
        for arm in split.arms() {
            let place = place_of(
                &mut self.arms,
                |known| **known == *arm.name,
                || arm.name.to_string(),
            );
            if shares.len() <= place {
                shares.resize(place + 1, 0);
            }
            shares[place] = arm.share_basis_points;
        }
        group.arm = self.arms.iter().position(|known| known == name)?;
        group.shares = place_of(
            &mut self.shares,
            |known| *known == shares,
            || shares.clone(),
        );
        Some(group)
    }

    fn decide(&mut self, position: Position, at: Instant, record: &DecisionRecord) {
        let counts = record.placement == self.placement
            && !record.test
            && !record.unpersonalized
            && record.subject != SubjectNumber::NOBODY;
        if !counts {
            return;
        }
        let Some(group) = self.group_of(record) else {
            return;
        };
        let order = &mut self.order;
        let seen = self.shoppers.entry(record.subject).or_insert_with(|| {
            order.push(record.subject);
            Seen {
                first: at,
                row: ShopperRow {
                    held_out: group.held_out,
                    holdout_basis_points: group.holdout_basis_points,
                    arm: group.arm,
                    shares: group.shares,
                    ..ShopperRow::default()
                },
                switched: false,
            }
        });
        seen.row.decisions += 1;
        seen.switched |= (seen.row.held_out, seen.row.arm) != (group.held_out, group.arm);
        let decision = Decision {
            subject: record.subject,
            catalog_version: record.catalog_version,
            offers: record.chosen().collect(),
        };
        self.decisions.insert(position, decision);
    }

    fn take(&mut self, record: &OutcomeRecord) {
        match record.kind {
            OutcomeKind::Purchase => self.buy(record),
            OutcomeKind::Refund | OutcomeKind::Cancellation => {
                let Some(purchase) = record.reverses else {
                    return;
                };
                match self.purchases.get_mut(&purchase) {
                    Some(known) => reverse(known, record),
                    None => self
                        .waiting
                        .entry(purchase)
                        .or_default()
                        .push(record.clone()),
                }
            }
            _ => {}
        }
    }

    fn buy(&mut self, record: &OutcomeRecord) {
        let target = record
            .targets
            .iter()
            .find(|target| self.decisions.contains_key(&target.decision));
        let Some(target) = target else { return };
        let counted = &mut self.counted;
        let mut fresh = |line: &&OutcomeLine| {
            let order = record.order;
            order.is_none_or(|order| counted.insert((order, line.line)))
        };
        let lines = record.lines.iter().filter(|line| fresh(line));
        let lines: Vec<OutcomeLine> = lines.copied().collect();
        let mut purchase = Purchase {
            decision: target.decision,
            slot: target.slot,
            at: record.event_time,
            lines,
            conversion: record.conversion,
            cancelled: false,
            reversed: HashMap::new(),
        };
        for earlier in self.waiting.remove(&record.event).unwrap_or_default() {
            reverse(&mut purchase, &earlier);
        }
        self.purchases.insert(record.event, purchase);
    }

    /// The rows, once everything was read.
    fn rows(mut self) -> LiftRows {
        let mut rows = LiftRows {
            arms: std::mem::take(&mut self.arms),
            shares: std::mem::take(&mut self.shares),
            ..LiftRows::default()
        };
        let mut converted = HashSet::new();
        let mut cross_sold = HashSet::new();
        let purchases = std::mem::take(&mut self.purchases);
        for purchase in purchases.values() {
            let Some(decision) = self.decisions.get(&purchase.decision) else {
                continue;
            };
            let Some(seen) = self.shoppers.get_mut(&decision.subject) else {
                continue;
            };
            let sums = Sums::of(purchase);
            rows.lines_without_cost += sums.lines_without_cost;
            let row = &mut seen.row;
            row.revenue_minor += sums.revenue_minor;
            row.margin_minor += sums.revenue_minor - sums.goods_minor;
            if !sums.kept {
                continue;
            }
            let given = given_minor(self.shared, self.placement, decision, purchase, &sums);
            row.margin_minor -= given;
            row.cost_minor += sums.discount_minor + given;
            row.conversions += u64::from(converted.insert(purchase.decision));
            if sums.articles > 1 {
                row.cross_sold += u64::from(cross_sold.insert(purchase.decision));
            }
            row.returned |= purchase.at >= seen.first.plus(self.return_after);
        }
        for subject in self.order {
            match self.shoppers.get(&subject) {
                Some(seen) if seen.switched => rows.switched += 1,
                Some(seen) => rows.shoppers.push(seen.row),
                None => {}
            }
        }
        rows
    }
}

/// The place of what `is_it`, which is put last where it is not there.
fn place_of<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    list.iter().position(is_it).unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    })
}

fn reverse(purchase: &mut Purchase, record: &OutcomeRecord) {
    purchase.cancelled |= record.kind == OutcomeKind::Cancellation;
    for line in &record.lines {
        let (money, pieces) = purchase.reversed.entry(line.line).or_default();
        *money = money.saturating_add(line.refunded_minor);
        *pieces = pieces.saturating_add(line.quantity);
    }
}

/// What is left of a purchase.
#[derive(Debug, Default)]
struct Sums {
    revenue_minor: i64,
    goods_minor: i64,
    discount_minor: i64,
    articles: usize,
    kept: bool,
    lines_without_cost: u64,
}

impl Sums {
    fn of(purchase: &Purchase) -> Self {
        let mut sums = Self::default();
        if purchase.cancelled {
            return sums;
        }
        let converted = |amount: i64| {
            let conversion = purchase.conversion;
            conversion.map_or(amount, |conversion| conversion.minor_units(amount))
        };
        for line in &purchase.lines {
            let (money, pieces) = purchase.reversed.get(&line.line).copied().unwrap_or((0, 0));
            let paid = line.paid_minor - money.min(line.paid_minor);
            let kept = (line.quantity - pieces).max(0);
            let cost = kept.saturating_mul(line.unit_cost_minor.unwrap_or(0));
            sums.revenue_minor += converted(paid);
            sums.goods_minor += converted(cost);
            sums.lines_without_cost += u64::from(line.unit_cost_minor.is_none());
            if kept > 0 && (line.paid_minor == 0 || paid > 0) {
                sums.kept = true;
                sums.articles += 1;
                sums.discount_minor += converted(line.discount_minor);
            }
        }
        sums
    }
}

/// What the offers that were used cost besides the discount.
fn given_minor(
    shared: &Shared,
    placement: PlacementNumber,
    decision: &Decision,
    purchase: &Purchase,
    sums: &Sums,
) -> i64 {
    let state = shared.read_state();
    let Some(catalog) = state.catalog_of(decision.catalog_version) else {
        return 0;
    };
    let currency = catalog
        .placement(placement)
        .map(|placement| placement.currency);
    let minor_per_major = currency.map_or(1, |currency| currency.minor_per_major());
    (1_u32..)
        .zip(&decision.offers)
        .filter(|(slot, _)| purchase.slot.is_none_or(|about| about == *slot))
        .filter_map(|(_, offer)| catalog.offer(*offer))
        .map(|offer| {
            offer
                .benefit
                .cost_minor(sums.revenue_minor, minor_per_major)
        })
        .fold(0, i64::saturating_add)
}
