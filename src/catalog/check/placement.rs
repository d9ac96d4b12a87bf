//! Placements and their policies.

use std::collections::{BTreeMap, HashMap};

use super::super::document::{CatalogDocument, PlacementDocument};
use super::super::fault::{Faults, Place, nearest, quoted};
use super::super::numbering::Numbering;
use super::KnownNames;
use super::{affinity, features, names, offer_features, reward};
use crate::domain::attribute::AttributeKind;
use crate::domain::features::Features;
use crate::domain::ids::OfferNumber;
use crate::domain::money::Currency;
use crate::domain::offer::{Campaign, Offer};
use crate::domain::outcome::OutcomeKind;
use crate::domain::placement::{Feedback, Objective, Placement, RewardOf};
use crate::domain::time::Span;
use crate::learning::contextual::model::DeclaredFeatures;
use crate::learning::{Policy, PolicyConfig, PolicyError};

/// The most slots of a decision.
const MAX_SLOTS: u32 = 20;
/// The longest attribution window, lateness and refund window.
const MAX_WINDOW: Span = Span::from_seconds(400 * 86_400);
/// The longest that a decision is honoured.
const MAX_OFFER_VALID_FOR: Span = Span::from_seconds(30 * 86_400);
/// The shortest length of time where there must be one.
const MIN_WINDOW: Span = Span::from_ms(1);

/// What could be read of a placement, for the offers that name it.
pub(super) struct CheckedPlacement {
    pub currency: Option<Currency>,
    /// What articles cost is part of the reward.
    pub counts_costs: bool,
    /// `None` when it has a fault.
    pub placement: Option<Placement>,
    /// `None` when it has a fault.
    pub policy: Option<Policy>,
}

/// Checks all placements; the result is aligned with the document's list.
pub(super) fn check(
    document: &CatalogDocument,
    names: &KnownNames<'_>,
    attributes: &BTreeMap<String, AttributeKind>,
    numbering: &Numbering,
    faults: &mut Faults,
) -> Vec<CheckedPlacement> {
    let nameable = features::Nameable {
        attributes: &names.attributes,
        kinds: attributes,
        segments: &names.segments,
        numbering,
    };
    let list = Place::top("placement");
    document
        .placements
        .iter()
        .enumerate()
        .map(|(index, written)| {
            let entry = list.index(index);
            check_one(&entry, written, document, names, nameable, faults)
        })
        .collect()
}

fn check_one(
    entry: &Place<'_>,
    written: &PlacementDocument,
    document: &CatalogDocument,
    names: &KnownNames<'_>,
    nameable: features::Nameable<'_>,
    faults: &mut Faults,
) -> CheckedPlacement {
    let numbering = nameable.numbering;
    let title = names::title(entry, written.title.as_deref(), &written.id, faults);
    let slots = names::whole(
        &entry.key("slots"),
        written.slots,
        1,
        i64::from(MAX_SLOTS),
        faults,
    );
    let objective = names::one_of(
        &entry.key("objective"),
        &written.objective,
        &Objective::ALL,
        Objective::name,
        faults,
    );
    let currency = check_currency(&entry.key("currency"), &written.currency, faults);
    let conversion_events = check_conversion_events(entry, written, faults);
    let windows = check_windows(entry, written, faults);
    let holdout = names::basis_points(
        &entry.key("holdout_basis_points"),
        written.holdout_basis_points,
        0,
        faults,
    );
    let policy = check_policy(
        entry, written, objective, document, names, numbering, faults,
    );
    let features = features::check(entry, written, nameable, faults);
    let policy = policy
        .zip(features.as_ref())
        .and_then(|(policy, features)| with_features(entry, policy, features, faults));
    let reward_terms = reward::check_terms(entry, written, objective, faults);
    let winsor = reward::check_winsor(entry, written, objective, faults);
    let holdout_group = reward::check_holdout_group(entry, written, faults);
    let counts_costs = objective == Some(Objective::Margin)
        || reward_terms
            .iter()
            .flatten()
            .any(|term| term.of == RewardOf::Margin);
    let feedback = check_feedback(entry, written, policy.as_ref(), faults);
    let prior = affinity::check_prior(entry, written, objective, policy.as_ref(), faults);
    let placement = || {
        Some(Placement {
            number: numbering.placement(&written.id)?,
            id: written.id.clone(),
            title,
            slots: u32::try_from(slots?).ok()?,
            objective: objective?,
            reward_terms: reward_terms?,
            winsor: winsor?,
            currency: currency?,
            conversion_events: conversion_events?,
            attribution_window: windows[0]?,
            allowed_lateness: windows[1]?,
            refund_window: windows[2]?,
            offer_valid_for: windows[3]?,
            feedback: feedback?,
            assume_shown: written.assume_shown,
            holdout: holdout?,
            holdout_group: holdout_group?,
            features: features?,
            affinity_prior: prior?,
            offers: Vec::new(),
            is_ranked: false,
        })
    };
    CheckedPlacement {
        currency,
        counts_costs,
        placement: placement(),
        policy,
    }
}

pub(super) fn check_currency(
    place: &Place<'_>,
    code: &str,
    faults: &mut Faults,
) -> Option<Currency> {
    let currency = Currency::from_code(code).ok();
    if currency.is_none() {
        let rule = "must be an ISO 4217 currency code such as CNY or EUR";
        faults.refuse(place, quoted(code), rule);
    }
    currency
}

/// The attribution window, lateness, refund window and validity.
fn check_windows(
    entry: &Place<'_>,
    written: &PlacementDocument,
    faults: &mut Faults,
) -> [Option<Span>; 4] {
    [
        (
            "attribution_window",
            &written.attribution_window,
            MIN_WINDOW,
            MAX_WINDOW,
        ),
        (
            "allowed_lateness",
            &written.allowed_lateness,
            Span::ZERO,
            MAX_WINDOW,
        ),
        (
            "refund_window",
            &written.refund_window,
            Span::ZERO,
            MAX_WINDOW,
        ),
        (
            "offer_valid_for",
            &written.offer_valid_for,
            MIN_WINDOW,
            MAX_OFFER_VALID_FOR,
        ),
    ]
    .map(|(key, text, least, most)| check_span(&entry.key(key), text, least, most, faults))
}

pub(super) fn check_span(
    place: &Place<'_>,
    text: &str,
    least: Span,
    most: Span,
    faults: &mut Faults,
) -> Option<Span> {
    match text.parse::<Span>() {
        Ok(span) if (least..=most).contains(&span) => Some(span),
        Ok(_) => {
            faults.refuse(
                place,
                quoted(text),
                format!("must be from {least} to {most}"),
            );
            None
        }
        Err(error) => {
            faults.lack(place, error.to_string());
            None
        }
    }
}

fn check_conversion_events(
    entry: &Place<'_>,
    written: &PlacementDocument,
    faults: &mut Faults,
) -> Option<Vec<OutcomeKind>> {
    // What reverses, voids or closes a decision cannot also convert it.
    let possible: Vec<OutcomeKind> = OutcomeKind::ALL
        .into_iter()
        .filter(|kind| kind.shows())
        .collect();
    let list = entry.key("conversion_events");
    if written.conversion_events.is_empty() {
        faults.lack(&list, "is empty, must name at least 1 kind of outcome");
        return None;
    }
    let mut kinds: Vec<OutcomeKind> = Vec::new();
    for (index, name) in written.conversion_events.iter().enumerate() {
        let place = list.index(index);
        match names::one_of(&place, name, &possible, OutcomeKind::name, faults) {
            Some(kind) if kinds.contains(&kind) => {
                faults.refuse(&place, quoted(name), "must stand once");
            }
            Some(kind) => kinds.push(kind),
            None => {}
        }
    }
    Some(kinds)
}

fn check_policy(
    entry: &Place<'_>,
    written: &PlacementDocument,
    objective: Option<Objective>,
    document: &CatalogDocument,
    names: &KnownNames<'_>,
    numbering: &Numbering,
    faults: &mut Faults,
) -> Option<Policy> {
    let place = entry.key("policy");
    let number = |id: &str| names.offers.contains(id).then(|| numbering.offer(id))?;
    let policy = match Policy::check(&written.policy, number) {
        Ok(policy) => policy,
        Err(error) => {
            refuse_policy(&place, &error, names, faults);
            return None;
        }
    };
    let serves = match (&written.policy, policy.split()) {
        (PolicyConfig::Split(config), Some(split)) => {
            let list = place.key("arms");
            let mut serves = true;
            for (index, (written_arm, arm)) in config.arms.iter().zip(split.arms()).enumerate() {
                let of_arm = list.index(index);
                if let Some(offer) = &written_arm.offer {
                    let shown = std::slice::from_ref(offer);
                    let offer_place = |_| of_arm.key("offer");
                    refuse_offers_elsewhere(offer_place, &written.id, shown, document, faults);
                }
                if let Some(config) = written_arm.policy.as_deref() {
                    let inner = of_arm.key("policy");
                    if let Some(what) = beyond_an_arm(&arm.policy) {
                        let kind = arm.policy.kind();
                        let rule = format!("{kind} {what}, which an arm of a split does not yet");
                        faults.lack(&inner.key("kind"), rule);
                        serves = false;
                    }
                    serves &= check_service(
                        &inner,
                        (config, &arm.policy),
                        &written.id,
                        objective,
                        document,
                        faults,
                    );
                }
            }
            serves
        }
        (config, _) => check_service(
            &place,
            (config, &policy),
            &written.id,
            objective,
            document,
            faults,
        ),
    };
    serves.then_some(policy)
}

/// What a policy does that an arm of a split cannot, if there is something.
fn beyond_an_arm(policy: &Policy) -> Option<&'static str> {
    if policy.model().is_some() {
        Some("learns from features")
    } else if policy.looking_ahead().is_some() {
        Some("looks ahead within a session")
    } else if policy.watches_for_changes() {
        Some("asks for resets when rewards change")
    } else {
        None
    }
}

/// Whether a placement of the service can follow a policy, as written and as
/// checked.
fn check_service(
    place: &Place<'_>,
    (config, policy): (&PolicyConfig, &Policy),
    placement: &str,
    objective: Option<Objective>,
    document: &CatalogDocument,
    faults: &mut Faults,
) -> bool {
    if let PolicyConfig::Fixed(fixed) = config {
        let list = place.key("preference");
        let at = |index| list.index(index);
        refuse_offers_elsewhere(at, placement, &fixed.preference, document, faults);
    }
    let unit = policy.needs_unit_rewards();
    if let Some(objective) = objective.filter(|it| unit && *it != Objective::Conversion) {
        let rule = format!(
            "{} learns successes and failures and needs the objective conversion, which is {} here",
            policy.kind(),
            objective.name()
        );
        faults.lack(&place.key("kind"), rule);
        return false;
    }
    true
}

/// Tells a policy that learns from features what they are; `None` when it
/// cannot do with them.
fn with_features(
    entry: &Place<'_>,
    mut policy: Policy,
    features: &Features,
    faults: &mut Faults,
) -> Option<Policy> {
    let kind = policy.kind();
    let Some(model) = policy.model() else {
        return Some(policy);
    };
    if features.is_empty() {
        let rule = format!("{kind} learns from features, and this placement declares none");
        faults.lack(&entry.key("policy").key("kind"), rule);
        return None;
    }
    let (entries, most) = (features.dimension(), model.most_features());
    if entries > most {
        let rule = format!("make {entries} entries together, {kind} takes at most {most}");
        faults.lack(&entry.key("features"), rule);
        return None;
    }
    policy.declare_features(DeclaredFeatures {
        dimension: entries,
        fingerprint: features.fingerprint(),
    });
    Some(policy)
}

/// What open decisions suggest can be counted on top of counts only.
fn check_feedback(
    entry: &Place<'_>,
    written: &PlacementDocument,
    policy: Option<&Policy>,
    faults: &mut Faults,
) -> Option<Feedback> {
    let place = entry.key("feedback");
    let all = &Feedback::ALL;
    let feedback = names::one_of(&place, &written.feedback, all, Feedback::name, faults)?;
    let unfit = policy.filter(|policy| !policy.acts_on_counts());
    if let Some(policy) = unfit.filter(|_| feedback != Feedback::AtClosing) {
        let rule = format!(
            "must be \"at_closing\" with a policy of kind {}, which acts on more than counts and sums \
             of rewards",
            policy.kind()
        );
        faults.refuse(&place, quoted(&written.feedback), rule);
        return None;
    }
    Some(feedback)
}

/// The policy's own words, at the key that they are about.
fn refuse_policy(
    place: &Place<'_>,
    error: &PolicyError,
    names: &KnownNames<'_>,
    faults: &mut Faults,
) {
    match error {
        PolicyError::OutOfBounds { key, value, bound } => {
            faults.refuse(&place.key(key), value, format!("must be in {bound}"));
        }
        PolicyError::BadSpan { key, reason } => {
            faults.lack(&place.key(key), reason.to_string());
        }
        PolicyError::Unfit { key, rule } => faults.lack(&place.key(key), *rule),
        PolicyError::NoOffers { key } => {
            faults.lack(&place.key(key), "is empty, must name at least 1 offer");
        }
        PolicyError::UnknownOffer { key, value } => {
            let rule = "must name an entry of offer";
            faults.unknown(&place.key(key), value, rule, names.offers.iter());
        }
        PolicyError::RepeatedOffer { key, value } => {
            faults.refuse(&place.key(key), quoted(value), "must stand once");
        }
        PolicyError::Contradiction { key, value, reason } => {
            faults.refuse(&place.key(key), quoted(value), *reason);
        }
        PolicyError::Ill { key, value, rule } => faults.refuse(&place.key(key), value, *rule),
        PolicyError::InArm { arm, error } => {
            let list = place.key("arms");
            refuse_policy(&list.index(*arm), error, names, faults);
        }
        PolicyError::InPolicy { error } => {
            refuse_policy(&place.key("policy"), error, names, faults);
        }
    }
}

/// Refuses offers, each at its own place, that are not of the placement.
fn refuse_offers_elsewhere<'a>(
    place: impl Fn(usize) -> Place<'a>,
    placement: &str,
    named: &[String],
    document: &CatalogDocument,
    faults: &mut Faults,
) {
    let here: HashMap<&str, bool> = document
        .offers
        .iter()
        .map(|offer| {
            (
                &*offer.id,
                offer.placements.iter().any(|id| id == placement),
            )
        })
        .collect();
    for (index, name) in named.iter().enumerate() {
        if here.get(name.as_str()) == Some(&false) {
            let rule = format!("must name an offer of the placement {placement:?}");
            let known = document.offers.iter().map(|offer| &*offer.id);
            let known = known.filter(|id| here.get(id) == Some(&true));
            let hint = nearest(name, known).map_or_else(String::new, |nearest| {
                format!("; did you mean {nearest:?}?")
            });
            faults.refuse(&place(index), quoted(name), rule + &hint);
        }
    }
}

/// Gives each placement the offers that name it, ascending.
pub(super) fn attach_offers(
    placements: &mut [CheckedPlacement],
    offers: &[Offer],
    campaigns: &[Campaign],
) {
    let mut by_number: HashMap<_, &mut Placement> = placements
        .iter_mut()
        .filter_map(|checked| checked.placement.as_mut())
        .map(|placement| (placement.number, placement))
        .collect();
    let mut priorities: HashMap<_, i32> = HashMap::new();
    for offer in offers {
        for number in &offer.placements {
            if let Some(placement) = by_number.get_mut(number) {
                let first = *priorities.entry(*number).or_insert(offer.priority);
                placement.offers.push(offer.number);
                placement.is_ranked |=
                    offer.priority != first || offer.exclusive || offer.stacking_group.is_some();
            }
        }
    }
    for placement in by_number.into_values() {
        placement.offers.sort_unstable();
    }
    tell_of_offers(placements, offers, campaigns);
}

/// Tells the policies which offers of their placement belong together, and what
/// they are like.
fn tell_of_offers(placements: &mut [CheckedPlacement], offers: &[Offer], campaigns: &[Campaign]) {
    let by_number: HashMap<OfferNumber, &Offer> =
        offers.iter().map(|offer| (offer.number, offer)).collect();
    for checked in placements {
        let (Some(placement), Some(policy)) = (&checked.placement, checked.policy.take()) else {
            continue;
        };
        let here = || {
            let numbers = placement.offers.iter();
            numbers.filter_map(|number| by_number.get(number).copied())
        };
        let grouped = here().filter_map(|offer| {
            let campaign = u32::try_from(offer.campaign?).ok()?;
            Some((offer.number, campaign))
        });
        let mut policy = policy.with_campaigns(grouped.collect());
        policy.describe_offers(
            here().map(|offer| (offer.number, offer_features::of(offer, campaigns))),
        );
        checked.policy = Some(policy);
    }
}
