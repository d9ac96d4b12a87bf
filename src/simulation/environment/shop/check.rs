//! From a shop as written to a shop that can be played.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::document::{
    ArticleDocument, BasketDocument, CatalogSource, ChangeDocument, PeakDocument, ShopDocument,
    ShopperSegmentDocument,
};
use super::fatigue::Fatigue;
use super::goods::{Article, with_offer, without_offer};
use super::traffic::{Peak, Traffic, midnight};
use super::{Basket, Change, Shop, ShopperSegment};
use crate::catalog::{
    AffinityDocument, AffinityFile, Catalog, CatalogDocument, Numbering, read_toml,
};
use crate::domain::cart::Cart;
use crate::domain::decision::RequestContext;
use crate::domain::ids::{CatalogVersion, OfferNumber};
use crate::domain::math;
use crate::domain::money::{Currency, MAX_MINOR_UNITS, Money};
use crate::domain::offer::Benefit;
use crate::domain::outcome::OutcomeKind;
use crate::domain::placement::{Objective, Placement};
use crate::domain::time::{Instant, Span};
use crate::engine::choose::PricedLine;
use crate::simulation::ScenarioError;
use crate::simulation::environment::number_within;
use crate::simulation::scenario::{Files, nearest, whole_within};

/// Shares may miss 1 by so much.
const SHARE_TOLERANCE: f64 = 1e-9;
/// The most shoppers.
const MOST_SHOPPERS: u64 = 1_000_000;
/// The most pieces of a line.
const MOST_PIECES: u64 = 10_000;
/// The largest change of log-odds.
const LARGEST_APPEAL: f64 = 20.0;

/// Checks a shop as written; `files` reads the catalogue's.
pub(super) fn check(document: &ShopDocument, files: &dyn Files) -> Result<Shop, ScenarioError> {
    let catalogue = catalogue(&document.catalog, files)?;
    let built = Catalog::build(catalogue.clone(), CatalogVersion(1), &Numbering::default());
    let catalog = Arc::new(built.map_err(|faults| refused("catalog", faults.to_string()))?);
    let affinity = document.affinity.as_deref();
    let affinity = affinity.map(|name| affinity_file(name, &catalogue, files));
    let affinity = affinity.transpose()?;
    let placement = placement(document, &catalog)?;
    let value = match &document.value {
        None => placement.objective,
        Some(name) => objective("environment.value", name)?,
    };
    if value == Objective::Weighted {
        let message = "the placement's objective is weighted: say by what policies are compared, \
                       conversion, net_revenue or margin";
        return Err(refused("value", message.to_owned()));
    }
    if !placement.conversion_events.contains(&OutcomeKind::Purchase) {
        let message = format!(
            "placement {:?} converts by other events than PURCHASE, the only one that shoppers bring",
            placement.id
        );
        return Err(refused("catalog", message));
    }
    let traffic = traffic(document)?;
    let articles = articles(&document.articles, placement.currency)?;
    let shoppers = whole("shoppers", document.shoppers, MOST_SHOPPERS)?;
    let shopping = Shopping {
        catalog: &catalog,
        placement,
        articles: &articles,
        document,
    };
    let segments = shopping.segments(shoppers)?;
    let changes = shopping.changes(&traffic.zone)?;
    let fatigue = document.fatigue.map(|fatigue| {
        let days = ("fatigue.half_life_days", fatigue.half_life_days);
        within("fatigue.loss", fatigue.loss, 0.0, 1.0)?;
        within(days.0, days.1, 1e-6, 1e4)?;
        Ok::<_, ScenarioError>(Fatigue::new(fatigue))
    });
    let is_timeless = placement.offers.iter().all(|number| {
        let offer = catalog.offer(*number);
        let campaign = offer.and_then(|offer| catalog.campaign_of(offer));
        let schedules = offer.map(|offer| &offer.schedule).into_iter();
        let schedules = schedules.chain(campaign.map(|campaign| &campaign.schedule));
        schedules.into_iter().all(|it| *it == Default::default())
    });
    let mut shop = Shop {
        placement: placement.number,
        value,
        traffic,
        shoppers: u32::try_from(shoppers).unwrap_or(u32::MAX),
        segments,
        purchase_delay: span("purchase_delay", &document.purchase_delay)?,
        refund_rate: within("refund_rate", document.refund_rate, 0.0, 1.0)?,
        refund_delay: span("refund_delay", &document.refund_delay)?,
        fatigue: fatigue.transpose()?,
        changes,
        budgeted: placement
            .offers
            .iter()
            .map(|number| is_budgeted(&catalog, *number))
            .collect(),
        columns: Vec::new(),
        is_timeless,
        on_offer: Vec::new(),
        catalogue,
        affinity,
        catalog: catalog.clone(),
        document: document.clone(),
    };
    shop.columns = shop.summed_up();
    if is_timeless {
        shop.on_offer = shop.judged();
    }
    Ok(shop)
}

/// Whether an offer's campaign has a budget.
fn is_budgeted(catalog: &Catalog, number: OfferNumber) -> bool {
    let offer = catalog.offer(number);
    let campaign = offer.and_then(|offer| catalog.campaign_of(offer));
    let written = campaign.and_then(|campaign| catalog.written_campaign(&campaign.id));
    written.is_some_and(|campaign| campaign.budget.is_some())
}

fn refused(key: &str, message: String) -> ScenarioError {
    ScenarioError::Shape {
        place: format!("environment.{key}: "),
        message,
    }
}

fn within(key: &str, value: f64, least: f64, most: f64) -> Result<f64, ScenarioError> {
    number_within(&format!("environment.{key}"), value, least, most)
}

fn whole(key: &str, value: i64, most: u64) -> Result<u64, ScenarioError> {
    whole_within(&format!("environment.{key}"), value, 1, most)
}

fn span(key: &str, text: &str) -> Result<Span, ScenarioError> {
    text.parse()
        .map_err(|error: crate::domain::time::NotASpan| refused(key, error.to_string()))
}

fn catalogue(source: &CatalogSource, files: &dyn Files) -> Result<CatalogDocument, ScenarioError> {
    let (text, name) = match source {
        CatalogSource::File(name) => {
            let text = files
                .text(name)
                .map_err(|error| refused("catalog", error))?;
            (text, name.clone())
        }
        CatalogSource::Inline(table) => {
            let text = toml::to_string(table);
            let text = text.map_err(|error| refused("catalog", error.to_string()))?;
            (text, "environment.catalog".to_owned())
        }
    };
    read_toml(&text, &name).map_err(|faults| refused("catalog", faults.to_string()))
}

/// What goes with what, as the catalogue can take it in.
fn affinity_file(
    name: &str,
    catalogue: &CatalogDocument,
    files: &dyn Files,
) -> Result<Vec<AffinityDocument>, ScenarioError> {
    let text = files
        .text(name)
        .map_err(|error| refused("affinity", error))?;
    let file: Result<AffinityFile, _> = toml::from_str(&text);
    let file = file.map_err(|error| refused("affinity", format!("{name}: {error}")))?;
    let mut catalogue = catalogue.clone();
    catalogue.affinity.extend(file.affinity.clone());
    let built = Shop::built(catalogue);
    built.map_err(|faults| refused("affinity", format!("{name}: {faults}")))?;
    Ok(file.affinity)
}

fn placement<'a>(
    document: &ShopDocument,
    catalog: &'a Catalog,
) -> Result<&'a Placement, ScenarioError> {
    let found = match &document.placement {
        Some(id) => catalog.placement_by_id(id).ok_or_else(|| {
            let known = catalog.placements().map(|placement| placement.id.as_str());
            let hint = nearest(id, known);
            let message = format!("{id:?} is no placement of the catalogue{hint}");
            refused("placement", message)
        })?,
        None => {
            let mut placements = catalog.placements();
            match (placements.next(), placements.next()) {
                (Some(only), None) => only,
                _ => {
                    let message = format!(
                        "the catalogue has {} placements, say at which one shoppers are met",
                        catalog.placements().len()
                    );
                    return Err(refused("placement", message));
                }
            }
        }
    };
    if found.offers.is_empty() {
        let message = format!("placement {:?} has no offer", found.id);
        return Err(refused("placement", message));
    }
    Ok(found)
}

/// An objective by its name.
pub(in crate::simulation) fn objective(key: &str, name: &str) -> Result<Objective, ScenarioError> {
    let all = [
        Objective::Conversion,
        Objective::NetRevenue,
        Objective::Margin,
    ];
    all.into_iter().find(|it| it.name() == name).ok_or_else(|| {
        let hint = nearest(name, all.into_iter().map(Objective::name));
        ScenarioError::Shape {
            place: format!("{key}: "),
            message: format!("{name:?} is not conversion, net_revenue or margin{hint}"),
        }
    })
}

fn traffic(document: &ShopDocument) -> Result<Traffic, ScenarioError> {
    let zones = TimeZoneDatabase::bundled();
    let zone = zones.get(&document.time_zone).map_err(|_| {
        let message = format!("{:?} is not the name of a time zone", document.time_zone);
        refused("time_zone", message)
    })?;
    let starts_on = date("starts_on", &document.starts_on)?;
    let traffic = Traffic {
        starts_at: beginning("starts_on", starts_on, &zone)?,
        visits_per_day: within("visits_per_day", document.visits_per_day, 1e-3, 1e7)?,
        hours: weights("hours", &document.hours)?,
        weekdays: weights("weekdays", &document.weekdays)?,
        peaks: document
            .peaks
            .iter()
            .enumerate()
            .map(|(place, peak)| checked_peak(place, peak))
            .collect::<Result<_, _>>()?,
        zone,
    };
    if !traffic.goes_on() {
        let message = "hours and weekdays leave no hour at which anybody comes".to_owned();
        return Err(refused("hours", message));
    }
    Ok(traffic)
}

fn checked_peak(place: usize, peak: &PeakDocument) -> Result<Peak, ScenarioError> {
    let key = format!("peaks.{place}.days");
    let (first, last) = peak
        .days
        .split_once('/')
        .unwrap_or((&peak.days, &peak.days));
    let (first, last) = (date(&key, first)?, date(&key, last)?);
    if last < first {
        let message = format!("{:?} ends before it begins", peak.days);
        return Err(refused(&key, message));
    }
    Ok(Peak {
        first,
        last,
        factor: within(&format!("peaks.{place}.factor"), peak.factor, 0.0, 1e3)?,
    })
}

fn date(key: &str, text: &str) -> Result<Date, ScenarioError> {
    text.parse().map_err(|_| {
        let message = format!("{text:?} is not a day such as 2027-02-06");
        refused(key, message)
    })
}

fn beginning(key: &str, day: Date, zone: &TimeZone) -> Result<Instant, ScenarioError> {
    midnight(day, zone).ok_or_else(|| refused(key, format!("{day} is too far away")))
}

/// As many weights as there should be, with a mean of 1; none written are all
/// the same.
#[allow(clippy::cast_precision_loss)] // a handful
fn weights<const N: usize>(key: &str, written: &[f64]) -> Result<[f64; N], ScenarioError> {
    if written.is_empty() {
        return Ok([1.0; N]);
    }
    let Ok(mut weights) = <[f64; N]>::try_from(written) else {
        let message = format!("has {} weights, needs {N}", written.len());
        return Err(refused(key, message));
    };
    for (place, weight) in weights.iter().enumerate() {
        within(&format!("{key}.{place}"), *weight, 0.0, 1e6)?;
    }
    let mean = weights.iter().sum::<f64>() / N as f64;
    if mean <= 0.0 {
        return Err(refused(key, "every weight is 0".to_owned()));
    }
    weights.iter_mut().for_each(|weight| *weight /= mean);
    Ok(weights)
}

fn articles(
    written: &[ArticleDocument],
    currency: Currency,
) -> Result<BTreeMap<String, Article>, ScenarioError> {
    let mut articles = BTreeMap::new();
    for (place, article) in written.iter().enumerate() {
        let amount = |key: &str, text: &str| {
            currency
                .parse_minor_units(text)
                .map_err(|error| refused(&format!("articles.{place}.{key}"), error.to_string()))
        };
        let checked = Article {
            sku: article.sku.clone(),
            categories: article.categories.clone(),
            brand: article.brand.clone(),
            price_minor: amount("price", article.price.as_str())?,
            cost_minor: amount("cost", article.cost.as_str())?,
        };
        if article.sku.is_empty() || articles.insert(article.sku.clone(), checked).is_some() {
            let message = format!("{:?} must be a name, and stand once", article.sku);
            return Err(refused(&format!("articles.{place}.sku"), message));
        }
    }
    Ok(articles)
}

/// What segments and changes are checked against.
struct Shopping<'a> {
    catalog: &'a Catalog,
    placement: &'a Placement,
    articles: &'a BTreeMap<String, Article>,
    document: &'a ShopDocument,
}

impl Shopping<'_> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss
    )] // at most MOST_SHOPPERS
    fn segments(&self, shoppers: u64) -> Result<Vec<ShopperSegment>, ScenarioError> {
        let written = &self.document.segments;
        let mut names = BTreeSet::new();
        let mut shares = 0.0;
        for (place, segment) in written.iter().enumerate() {
            if !names.insert(segment.name.as_str()) {
                let message = format!("the name {:?} stands twice", segment.name);
                return Err(refused(&format!("segments.{place}.name"), message));
            }
            let key = format!("segments.{}", segment.name);
            shares += within(&format!("{key}.share"), segment.share, 0.0, 1.0)?;
            within(&format!("{key}.visits"), segment.visits, 0.0, 1e3)?;
        }
        if !((shares - 1.0).abs() <= SHARE_TOLERANCE) {
            let key = "environment.segments: the sum of the shares";
            return Err(ScenarioError::out_of_bounds(key, shares, "[1, 1]"));
        }
        let weight = |it: &ShopperSegmentDocument| it.share * it.visits;
        let all: f64 = written.iter().map(weight).sum();
        if all <= 0.0 {
            return Err(refused("segments", "nobody ever comes".to_owned()));
        }
        let (mut reached, mut share, mut first) = (0.0, 0.0, 0);
        let mut segments = Vec::with_capacity(written.len());
        for segment in written {
            reached += weight(segment) / all;
            share += segment.share;
            // The last shopper of a segment is where the shares so far end.
            let end = ((share / shares * shoppers as f64).round() as u32).max(first);
            let checked = self.segment(segment, first, end - first, reached)?;
            if checked.count == 0 && weight(segment) > 0.0 {
                let message = format!("none of {shoppers} shoppers belongs to it");
                return Err(refused(
                    &format!("segments.{}.share", segment.name),
                    message,
                ));
            }
            segments.push(checked);
            first = end;
        }
        Ok(segments)
    }

    fn segment(
        &self,
        written: &ShopperSegmentDocument,
        first: u32,
        count: u32,
        reached: f64,
    ) -> Result<ShopperSegment, ScenarioError> {
        let key = |name: &str| format!("segments.{}.{name}", written.name);
        for (name, value) in &written.attributes {
            let known = self.catalog.attribute_kind(name);
            if known != Some(value.kind()) {
                let message = match known {
                    Some(kind) => format!("is a {}, not a {}", value.kind().name(), kind.name()),
                    None => {
                        let known = self.catalog.attributes().keys().map(String::as_str);
                        format!("the catalogue does not declare it{}", nearest(name, known))
                    }
                };
                return Err(refused(&key(&format!("attributes.{name}")), message));
            }
        }
        let rate = within(
            &key("purchase_rate"),
            written.purchase_rate,
            1e-9,
            1.0 - 1e-9,
        )?;
        let assigned = self.catalog.segmentation().assign(&written.attributes);
        if written.baskets.is_empty() {
            return Err(refused(
                &key("baskets"),
                "is empty, needs at least 1".to_owned(),
            ));
        }
        let all: f64 = written.baskets.iter().map(|basket| basket.weight).sum();
        let mut baskets = Vec::with_capacity(written.baskets.len());
        let mut so_far = 0.0;
        for (place, basket) in written.baskets.iter().enumerate() {
            let key = key(&format!("baskets.{place}"));
            so_far += within(&format!("{key}.weight"), basket.weight, 0.0, 1e6)? / all;
            baskets.push(self.basket(&key, basket, so_far)?);
        }
        if !(all > 0.0) {
            return Err(refused(&key("baskets"), "every weight is 0".to_owned()));
        }
        Ok(ShopperSegment {
            name: written.name.clone(),
            first,
            count,
            reached,
            attributes: written.attributes.clone(),
            assigned: assigned.number,
            log_odds: math::ln(rate) - math::ln_1p(-rate),
            spread: within(&key("spread"), written.spread, 0.0, 10.0)?,
            price_sensitivity: within(
                &key("price_sensitivity"),
                written.price_sensitivity,
                0.0,
                1e3,
            )?,
            appeals: self.appeals(&key("appeal"), &written.appeal)?,
            baskets,
        })
    }

    /// A number for each offer of the placement, by its place; 0 where none is
    /// named.
    fn appeals(&self, key: &str, named: &BTreeMap<String, f64>) -> Result<Vec<f64>, ScenarioError> {
        let mut appeals = vec![0.0; self.placement.offers.len()];
        let offers = self.placement.offers.iter();
        let ids: Vec<&str> = offers
            .filter_map(|number| Some(self.catalog.offer(*number)?.id.as_str()))
            .collect();
        for (id, appeal) in named {
            let Some(place) = ids.iter().position(|known| known == id) else {
                let hint = nearest(id, ids.iter().copied());
                let message = format!(
                    "{id:?} is no offer of placement {:?}{hint}",
                    self.placement.id
                );
                return Err(refused(key, message));
            };
            let key = format!("{key}.{id}");
            appeals[place] = within(&key, *appeal, -LARGEST_APPEAL, LARGEST_APPEAL)?;
        }
        Ok(appeals)
    }

    fn article(&self, key: &str, sku: &str) -> Result<&Article, ScenarioError> {
        self.articles.get(sku).ok_or_else(|| {
            let hint = nearest(sku, self.articles.keys().map(String::as_str));
            refused(key, format!("{sku:?} is no article of the shop{hint}"))
        })
    }

    fn basket(
        &self,
        key: &str,
        written: &BasketDocument,
        reached: f64,
    ) -> Result<Basket, ScenarioError> {
        let currency = self.placement.currency;
        let counts = self.document.counts;
        let mut cart = Cart::default();
        let mut costs_minor = Vec::new();
        for (sku, quantity) in &written.lines {
            let key = format!("{key}.lines.{sku}");
            let quantity = whole(&key, *quantity, MOST_PIECES)?;
            let article = self.article(&key, sku)?;
            cart.lines
                .push(article.line(i64::try_from(quantity).unwrap_or(i64::MAX)));
            costs_minor.push(article.cost_minor);
        }
        if cart.value_minor() > MAX_MINOR_UNITS / 2 {
            return Err(refused(
                key,
                "is worth too much to be reckoned with".to_owned(),
            ));
        }
        for (sku, rate) in &written.adds {
            let key = format!("{key}.adds.{sku}");
            self.article(&key, sku)?;
            within(&key, *rate, 0.0, 1.0 - 1e-9)?;
        }
        let shown = |benefit: &Benefit| {
            let Benefit::CrossSell { sku, .. } = benefit else {
                return None;
            };
            let rate = written.adds.get(sku).copied().unwrap_or(0.0);
            Some((self.articles.get(sku)?, rate))
        };
        let with = |benefit: &Benefit| {
            with_offer(
                benefit,
                &cart,
                &costs_minor,
                counts,
                currency,
                shown(benefit),
            )
        };
        let offers = self.placement.offers.iter();
        let offers = offers.filter_map(|number| self.catalog.offer(*number));
        let lines = cart.lines.iter().map(|line| PricedLine {
            sku: line.sku.clone(),
            categories: line.categories.clone(),
            brand: line.brand.clone(),
            quantity: line.quantity,
            unit_price: Some(Money {
                minor_units: line.unit_price_minor,
                currency,
            }),
        });
        Ok(Basket {
            reached,
            lines: lines.collect(),
            without: without_offer(&cart, &costs_minor, counts, currency),
            with: offers.map(|offer| with(&offer.benefit)).collect(),
            cart,
        })
    }

    fn changes(&self, zone: &TimeZone) -> Result<Vec<Change>, ScenarioError> {
        let written = self.document.changes.iter().enumerate();
        let mut changes = written
            .map(|(place, change)| self.change(place, change, zone))
            .collect::<Result<Vec<_>, _>>()?;
        changes.sort_by_key(|change| change.at);
        Ok(changes)
    }

    fn change(
        &self,
        place: usize,
        written: &ChangeDocument,
        zone: &TimeZone,
    ) -> Result<Change, ScenarioError> {
        let key = |name: &str| format!("changes.{place}.{name}");
        let day = date(&key("on"), &written.on)?;
        let names: Vec<&str> = self
            .document
            .segments
            .iter()
            .map(|segment| segment.name.as_str())
            .collect();
        for name in &written.segments {
            if !names.contains(&name.as_str()) {
                let hint = nearest(name, names.iter().copied());
                let message = format!("{name:?} is no segment of the shop{hint}");
                return Err(refused(&key("segments"), message));
            }
        }
        let concerns = |name: &str| {
            written.segments.is_empty() || written.segments.iter().any(|known| known == name)
        };
        Ok(Change {
            at: beginning(&key("on"), day, zone)?,
            concerns: names.into_iter().map(concerns).collect(),
            log_odds: within(
                &key("log_odds"),
                written.log_odds,
                -LARGEST_APPEAL,
                LARGEST_APPEAL,
            )?,
            price_sensitivity: within(
                &key("price_sensitivity"),
                written.price_sensitivity,
                0.0,
                100.0,
            )?,
            appeals: self.appeals(&key("appeal"), &written.appeal)?,
        })
    }
}

/// What a request of a segment's shopper with a basket says, as far as rules
/// ask.
pub(super) fn context(segment: &ShopperSegment, basket: &Basket) -> RequestContext {
    RequestContext {
        attributes: segment.attributes.clone(),
        cart: basket.cart.clone(),
        ..RequestContext::default()
    }
}
