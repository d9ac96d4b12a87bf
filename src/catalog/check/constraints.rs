//! Limits, exposure caps and guards.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::super::document::{
    BudgetDocument, CatalogDocument, DecisionCapDocument, ExposureCapDocument, GuardDocument,
    LimitDocument, name_of_budget, name_of_cap, name_of_decision_cap, name_of_guard, name_of_limit,
};
use super::super::fault::{Faults, Place, quoted};
use super::super::numbering::Numbering;
use super::placement::{CheckedPlacement, check_currency, check_span};
use super::stock::Stocks;
use super::{KnownNames, names, offer, pacing, schedule};
use crate::domain::ids::{LimitNumber, OfferNumber};
use crate::domain::limit::{
    CalendarUnit, Counts, Limit, LimitKind, LimitOwner, Metric, Period, Scope,
};
use crate::domain::money::Currency;
use crate::domain::offer::{Campaign, Offer};
use crate::domain::time::Span;
use crate::promotion::constraints::Constraints;
use crate::promotion::constraints::pacing::Plan;

/// The most limits, caps or guards of one entry.
const MAX_LIMITS: usize = 16;
/// The largest number of redemptions.
const MAX_REDEMPTIONS: i64 = 1_000_000_000_000;
/// The most slots of a decision.
const MAX_SLOTS: i64 = 20;
/// The most exposures of a cap.
const MAX_EXPOSURES: i64 = 10_000;
/// The most decisions of a guard.
const MAX_DECISIONS: i64 = 1_000_000;
/// A use counts for so long at least and at most.
const LEAST_WITHIN: Span = Span::from_seconds(1);
const MOST_WITHIN: Span = Span::from_seconds(400 * 86_400);

/// The limits of every entry, by the entry's place in its list.
#[derive(Debug, Default)]
pub(super) struct CheckedLimits {
    limits: Vec<Limit>,
    placements: BTreeMap<usize, Vec<LimitNumber>>,
    campaigns: BTreeMap<usize, Vec<LimitNumber>>,
    offers: BTreeMap<usize, Vec<LimitNumber>>,
    plans: Vec<Plan>,
}

/// Checks all limits; `campaigns` is aligned with the document's list.
pub(super) fn check(
    parts: &offer::Parts<'_>,
    campaigns: &[Option<Campaign>],
    faults: &mut Faults,
) -> CheckedLimits {
    let offer::Parts {
        document,
        names,
        placements,
        numbering,
        ..
    } = *parts;
    let mut checked = CheckedLimits::default();
    let mut checker = Checker {
        numbering,
        faults,
        limits: &mut checked.limits,
    };
    for (index, placement) in document.placements.iter().enumerate() {
        let list = Place::top("placement");
        let entry = list.index(index);
        let id = &placement.id;
        let mut numbers = checker.caps(&entry, LimitOwner::Placement, id, &placement.exposure_caps);
        numbers.extend(checker.guards(&entry, id, &placement.guards));
        keep(&mut checked.placements, index, numbers);
    }
    let currencies = currencies_of_campaigns(document, names, placements);
    for (index, campaign) in document.campaigns.iter().enumerate() {
        let list = Place::top("campaign");
        let entry = list.index(index);
        let (owner, id) = (LimitOwner::Campaign, &campaign.id);
        let currency = currencies.get(index).map_or(&[][..], Vec::as_slice);
        let mut numbers = checker.limits(&entry, owner, id, &campaign.limits, currency);
        numbers.extend(checker.caps(&entry, owner, id, &campaign.exposure_caps));
        let budget = campaign.budget.as_ref();
        let budget = budget.and_then(|it| checker.budget(&entry, id, it, currency));
        numbers.extend(budget.map(|(number, _)| number));
        if let Some(cap) = &campaign.per_decision {
            numbers.extend(checker.decision_cap(&entry, id, cap, currency));
        }
        let schedule = campaigns.get(index).and_then(Option::as_ref);
        let schedule = schedule.map(|it| &it.schedule);
        let plan = pacing::check(&entry, campaign, schedule, budget, checker.faults);
        checked.plans.extend(plan);
        keep(&mut checked.campaigns, index, numbers);
    }
    for (index, offer) in document.offers.iter().enumerate() {
        let list = Place::top("offer");
        let entry = list.index(index);
        let (owner, id) = (LimitOwner::Offer, &offer.id);
        let currency = currencies_at(&offer.placements, names, placements);
        let mut numbers = checker.limits(&entry, owner, id, &offer.limits, &currency);
        numbers.extend(checker.caps(&entry, owner, id, &offer.exposure_caps));
        keep(&mut checked.offers, index, numbers);
    }
    checked
}

fn keep(entries: &mut BTreeMap<usize, Vec<LimitNumber>>, index: usize, numbers: Vec<LimitNumber>) {
    if !numbers.is_empty() {
        entries.insert(index, numbers);
    }
}

/// Brings the limits of placements, campaigns and offers to the offers that
/// they bind.
pub(super) fn attach(
    checked: CheckedLimits,
    stocks: Stocks,
    placements: &[CheckedPlacement],
    offers: &[Offer],
) -> Constraints {
    let none = Vec::new();
    // Without a fault the offers are those of the document, one by one.
    let own: BTreeMap<OfferNumber, &Vec<LimitNumber>> = checked
        .offers
        .iter()
        .filter_map(|(index, limits)| Some((offers.get(*index)?.number, limits)))
        .collect();
    let campaign_of: BTreeMap<OfferNumber, usize> = offers
        .iter()
        .filter_map(|offer| Some((offer.number, offer.campaign?)))
        .collect();
    let stock_of: BTreeMap<OfferNumber, LimitNumber> = offers
        .iter()
        .filter_map(|offer| Some((offer.number, stocks.get(offer.benefit.gift()?.0)?.number)))
        .collect();
    let at = placements.iter().enumerate().filter_map(|(index, it)| {
        let placement = it.placement.as_ref()?;
        let here = checked.placements.get(&index).unwrap_or(&none);
        let offers = placement.offers.iter().map(|offer| {
            let campaign = campaign_of.get(offer);
            let campaign = campaign.and_then(|place| checked.campaigns.get(place));
            let of_offer = own.get(offer).copied().unwrap_or(&none);
            let limits: SmallVec<[LimitNumber; 4]> = of_offer
                .iter()
                .chain(campaign.unwrap_or(&none))
                .chain(here)
                .chain(stock_of.get(offer))
                .copied()
                .collect();
            (*offer, limits)
        });
        Some((placement.number, offers.collect()))
    });
    let limits = checked.limits.into_iter().chain(stocks.into_values());
    Constraints::new(limits, at, checked.plans)
}

/// The currencies that each campaign's offers have.
fn currencies_of_campaigns(
    document: &CatalogDocument,
    names: &KnownNames<'_>,
    placements: &[CheckedPlacement],
) -> Vec<Vec<Currency>> {
    let mut of_campaign = vec![Vec::new(); document.campaigns.len()];
    for offer in &document.offers {
        let campaign = offer.campaign.as_deref();
        let place = campaign.and_then(|id| names.campaigns.place_of(id));
        let Some(known) = place.and_then(|place| of_campaign.get_mut(place)) else {
            continue;
        };
        for currency in currencies_at(&offer.placements, names, placements) {
            if !known.contains(&currency) {
                known.push(currency);
            }
        }
    }
    of_campaign
}

fn currencies_at(
    ids: &[String],
    names: &KnownNames<'_>,
    placements: &[CheckedPlacement],
) -> Vec<Currency> {
    let mut currencies = Vec::new();
    let places = ids.iter().filter_map(|id| names.placements.place_of(id));
    for currency in places.filter_map(|place| placements.get(place)?.currency) {
        if !currencies.contains(&currency) {
            currencies.push(currency);
        }
    }
    currencies
}

struct Checker<'a> {
    numbering: &'a Numbering,
    faults: &'a mut Faults,
    limits: &'a mut Vec<Limit>,
}

/// A limit as far as it was checked.
struct Parts {
    kind: LimitKind,
    owner: LimitOwner,
    scope: Option<Scope>,
    metric: Option<Metric>,
    counts: Option<Counts>,
    period: Option<Period>,
    most: Option<i64>,
}

impl Checker<'_> {
    fn limits(
        &mut self,
        entry: &Place<'_>,
        owner: LimitOwner,
        id: &str,
        written: &[LimitDocument],
        currencies: &[Currency],
    ) -> Vec<LimitNumber> {
        let list = entry.key("limits");
        self.check_count(&list, written.len());
        let names: Vec<String> = written
            .iter()
            .map(|limit| name_of_limit(owner_key(owner), id, limit))
            .collect();
        let mut numbers = Vec::new();
        for (index, limit) in written.iter().enumerate() {
            let place = list.index(index);
            let parts = self.limit(&place, owner, limit, currencies);
            numbers.extend(self.number(&place, &names, index, parts));
        }
        numbers
    }

    fn limit(
        &mut self,
        place: &Place<'_>,
        owner: LimitOwner,
        written: &LimitDocument,
        currencies: &[Currency],
    ) -> Parts {
        let faults = &mut *self.faults;
        let scope = place.key("scope");
        let scope = names::one_of(&scope, &written.scope, &Scope::ALL, Scope::name, faults);
        let metric = place.key("metric");
        let metric = names::one_of(&metric, &written.metric, &Metric::ALL, Metric::name, faults);
        let counts = place.key("counts");
        let kinds = [Counts::Purchases, Counts::Choices];
        let counts = names::one_of(&counts, &written.counts, &kinds, name_of_counts, faults);
        Parts {
            kind: LimitKind::Limit,
            owner,
            scope,
            metric,
            counts,
            period: self.period(place, written),
            most: metric.and_then(|metric| self.most(place, metric, written, currencies)),
        }
    }

    /// A whole number of redemptions, or an amount of the one currency.
    fn most(
        &mut self,
        place: &Place<'_>,
        metric: Metric,
        written: &LimitDocument,
        currencies: &[Currency],
    ) -> Option<i64> {
        let place = place.key("most");
        let text = written.most.as_str();
        if metric == Metric::Redemptions {
            return match text.parse::<i64>() {
                Ok(most) => names::whole(&place, most, 1, MAX_REDEMPTIONS, self.faults),
                Err(_) => {
                    let rule = format!("must be a whole number from 1 to {MAX_REDEMPTIONS}");
                    self.faults.refuse(&place, quoted(text), rule);
                    None
                }
            };
        }
        self.money(&place, text, currencies)
    }

    /// An amount above 0 of the one currency, in minor units.
    fn money(&mut self, place: &Place<'_>, text: &str, currencies: &[Currency]) -> Option<i64> {
        let currency = match currencies {
            [] => return None,
            [currency] => *currency,
            [first, second, ..] => {
                let rule = format!(
                    "is money and needs offers of one currency, these have {first} and {second}"
                );
                self.faults.lack(place, rule);
                return None;
            }
        };
        match currency.parse_minor_units(text) {
            Ok(0) => {
                let rule = format!("must be above 0 {currency}");
                self.faults.refuse(place, quoted(text), rule);
                None
            }
            Ok(most) => Some(most),
            Err(error) => {
                self.faults.lack(place, error.to_string());
                None
            }
        }
    }

    fn period(&mut self, place: &Place<'_>, written: &LimitDocument) -> Option<Period> {
        match (&written.period, &written.within) {
            (Some(_), Some(within)) => {
                let rule = "must not stand beside period: a use counts for the one or the other";
                self.faults
                    .refuse(&place.key("within"), quoted(within), rule);
                None
            }
            (Some(unit), None) => {
                let place_of_unit = place.key("period");
                let (units, name) = (&CalendarUnit::ALL, CalendarUnit::name);
                let unit = names::one_of(&place_of_unit, unit, units, name, self.faults);
                let Some(zone) = &written.time_zone else {
                    let rule = "has no time_zone beside it: write whose clocks tell, such as \
                                Asia/Shanghai";
                    self.faults.lack(&place_of_unit, rule);
                    return None;
                };
                let zone = schedule::zone(&place.key("time_zone"), zone, self.faults);
                let (unit, zone) = (unit?, zone?);
                Some(Period::Calendar { unit, zone })
            }
            (None, within) => {
                if let Some(zone) = &written.time_zone {
                    let rule = "must stand beside a period: nothing else is told by a clock";
                    self.faults
                        .refuse(&place.key("time_zone"), quoted(zone), rule);
                }
                match within {
                    Some(within) => self.within(place, within),
                    None => Some(Period::Always),
                }
            }
        }
    }

    fn within(&mut self, place: &Place<'_>, within: &str) -> Option<Period> {
        let place = place.key("within");
        let span = check_span(&place, within, LEAST_WITHIN, MOST_WITHIN, self.faults);
        span.map(Period::Rolling)
    }

    fn caps(
        &mut self,
        entry: &Place<'_>,
        owner: LimitOwner,
        id: &str,
        written: &[ExposureCapDocument],
    ) -> Vec<LimitNumber> {
        let list = entry.key("exposure_caps");
        self.check_count(&list, written.len());
        let names: Vec<String> = written
            .iter()
            .map(|cap| name_of_cap(owner_key(owner), id, cap))
            .collect();
        let mut numbers = Vec::new();
        for (index, cap) in written.iter().enumerate() {
            let place = list.index(index);
            let most = place.key("most");
            let parts = Parts {
                kind: LimitKind::ExposureCap,
                owner,
                scope: Some(Scope::Shopper),
                metric: Some(Metric::Redemptions),
                counts: Some(Counts::Exposures),
                period: self.within(&place, &cap.within),
                most: names::whole(&most, cap.most, 1, MAX_EXPOSURES, self.faults),
            };
            numbers.extend(self.number(&place, &names, index, parts));
        }
        numbers
    }

    fn guards(
        &mut self,
        entry: &Place<'_>,
        id: &str,
        written: &[GuardDocument],
    ) -> Vec<LimitNumber> {
        let list = entry.key("guards");
        self.check_count(&list, written.len());
        let names: Vec<String> = written.iter().map(|it| name_of_guard(id, it)).collect();
        let mut numbers = Vec::new();
        for (index, guard) in written.iter().enumerate() {
            let place = list.index(index);
            let (per, most) = (place.key("per"), place.key("most"));
            let parts = Parts {
                kind: LimitKind::Guard,
                owner: LimitOwner::Placement,
                // A guard for everybody would let a few shut out all others.
                scope: names::one_of(&per, &guard.per, &Scope::ALL[1..], Scope::name, self.faults),
                metric: Some(Metric::Redemptions),
                counts: Some(Counts::Choices),
                period: self.within(&place, &guard.within),
                most: names::whole(&most, guard.most, 1, MAX_DECISIONS, self.faults),
            };
            numbers.extend(self.number(&place, &names, index, parts));
        }
        numbers
    }

    /// A campaign's budget: its number and its minor units.
    fn budget(
        &mut self,
        entry: &Place<'_>,
        id: &str,
        written: &BudgetDocument,
        currencies: &[Currency],
    ) -> Option<(LimitNumber, i64)> {
        let place = entry.key("budget");
        let of_currency = place.key("currency");
        let currency = check_currency(&of_currency, &written.currency, self.faults)?;
        if let Some(other) = currencies.iter().find(|other| **other != currency) {
            let rule = format!("must be {other}, the currency of the campaign's offers");
            self.faults.refuse(&of_currency, currency, rule);
            return None;
        }
        let amount = place.key("amount");
        let most = match currency.parse_minor_units(written.amount.as_str()) {
            Ok(0) => {
                let rule = format!("must be above 0 {currency}");
                self.faults
                    .refuse(&amount, quoted(written.amount.as_str()), rule);
                return None;
            }
            Ok(most) => most,
            Err(error) => {
                self.faults.lack(&amount, error.to_string());
                return None;
            }
        };
        let parts = Parts {
            kind: LimitKind::Budget,
            owner: LimitOwner::Campaign,
            scope: Some(Scope::Global),
            metric: Some(Metric::Cost),
            counts: Some(Counts::Purchases),
            period: Some(Period::Always),
            most: Some(most),
        };
        let number = self.number(&place, &[name_of_budget(id)], 0, parts)?;
        Some((number, most))
    }

    /// What a campaign's offers may come to in one decision.
    fn decision_cap(
        &mut self,
        entry: &Place<'_>,
        id: &str,
        written: &DecisionCapDocument,
        currencies: &[Currency],
    ) -> Vec<LimitNumber> {
        let place = entry.key("per_decision");
        if written.offers.is_none() && written.discount.is_none() {
            let rule = "must have at least one of offers and discount";
            self.faults.lack(&place, rule);
        }
        let offers = written.offers.and_then(|offers| {
            let most = names::whole(&place.key("offers"), offers, 1, MAX_SLOTS, self.faults);
            Some((Metric::Redemptions, most?))
        });
        let discount = written.discount.as_ref().and_then(|amount| {
            let most = self.money(&place.key("discount"), amount.as_str(), currencies);
            Some((Metric::Discount, most?))
        });
        let mut numbers = Vec::new();
        for (metric, most) in offers.into_iter().chain(discount) {
            let parts = Parts {
                kind: LimitKind::Decision,
                owner: LimitOwner::Campaign,
                scope: Some(Scope::Global),
                metric: Some(metric),
                counts: Some(Counts::Choices),
                period: Some(Period::Always),
                most: Some(most),
            };
            let name = name_of_decision_cap(id, metric.name());
            numbers.extend(self.number(&place, &[name], 0, parts));
        }
        numbers
    }

    fn check_count(&mut self, list: &Place<'_>, count: usize) {
        if count > MAX_LIMITS {
            let rule = format!("has {count} entries, may have at most {MAX_LIMITS}");
            self.faults.lack(list, rule);
        }
    }

    /// Keeps a limit when all of it is right.
    fn number(
        &mut self,
        place: &Place<'_>,
        names: &[String],
        index: usize,
        parts: Parts,
    ) -> Option<LimitNumber> {
        let name = names.get(index)?;
        if let Some(first) = names[..index].iter().position(|other| other == name) {
            let rule = format!("counts the same as entry {first} of the list, must stand once");
            self.faults.lack(place, rule);
            return None;
        }
        let number = self.numbering.limit(name)?;
        self.limits.push(Limit {
            number,
            kind: parts.kind,
            owner: parts.owner,
            scope: parts.scope?,
            metric: parts.metric?,
            counts: parts.counts?,
            period: parts.period?,
            most: parts.most?,
        });
        Some(number)
    }
}

const fn owner_key(owner: LimitOwner) -> &'static str {
    match owner {
        LimitOwner::Offer => "offer",
        LimitOwner::Campaign => "campaign",
        LimitOwner::Placement => "placement",
        LimitOwner::Article => "stock",
    }
}

const fn name_of_counts(counts: Counts) -> &'static str {
    match counts {
        Counts::Purchases => "purchases",
        Counts::Exposures => "exposures",
        Counts::Choices => "choices",
    }
}
