//! What goes with what, and what a policy is to expect of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::document::{
    AffinityDocument, CatalogDocument, CompanionDocument, PlacementDocument,
};
use super::super::fault::{Faults, Place, quoted};
use super::names;
use crate::domain::companions::{Companion, Companions};
use crate::domain::offer::Benefit;
use crate::domain::placement::{AffinityPrior, Objective};
use crate::domain::rule::{Rule, RuleTest};
use crate::learning::Policy;

/// The most articles that go with something.
pub(super) const MAX_AFFINITIES: usize = 20_000;
/// The most companions of an article.
const MAX_COMPANIONS: usize = 200;
/// The most articles of one companion.
const MAX_COMPANION_SKUS: usize = 4;
/// The largest lift.
const MAX_LIFT: f64 = 1e6;
/// The most bytes of an article's name, as in a cart.
const MAX_SKU_BYTES: usize = 128;
/// The most decisions that an expectation counts for.
const MAX_PRIOR_DECISIONS: i64 = 1_000_000;

/// The companions of articles by article; those with a fault are left out.
pub(super) fn check<'d>(
    document: &'d CatalogDocument,
    faults: &mut Faults,
) -> BTreeMap<&'d str, Arc<Companions>> {
    let list = Place::top("affinity");
    let mut known = BTreeMap::new();
    for (index, written) in document.affinity.iter().enumerate() {
        let entry = list.index(index);
        let is_named = check_sku(&entry.key("sku"), &written.sku, faults);
        let companions = check_companions(&entry, written, faults);
        if known.contains_key(written.sku.as_str()) {
            faults.refuse(&entry.key("sku"), quoted(&written.sku), "must stand once");
        } else if let Some(companions) = companions.filter(|_| is_named) {
            known.insert(written.sku.as_str(), Arc::new(companions));
        }
    }
    known
}

fn check_sku(place: &Place<'_>, sku: &str, faults: &mut Faults) -> bool {
    let is_named = (1..=MAX_SKU_BYTES).contains(&sku.len());
    if !is_named {
        faults.refuse(
            place,
            quoted(sku),
            format!("must have 1 to {MAX_SKU_BYTES} bytes"),
        );
    }
    is_named
}

fn check_companions(
    entry: &Place<'_>,
    written: &AffinityDocument,
    faults: &mut Faults,
) -> Option<Companions> {
    let list = entry.key("with");
    let count = written.with.len();
    if !(1..=MAX_COMPANIONS).contains(&count) {
        faults.lack(
            &list,
            format!("has {count} entries, must have 1 to {MAX_COMPANIONS}"),
        );
        return None;
    }
    let companions: Vec<Option<Companion>> = written
        .with
        .iter()
        .enumerate()
        .map(|(index, companion)| check_companion(&list.index(index), companion, written, faults))
        .collect();
    Companions::new(companions.into_iter().collect::<Option<_>>()?)
}

fn check_companion(
    place: &Place<'_>,
    written: &CompanionDocument,
    of: &AffinityDocument,
    faults: &mut Faults,
) -> Option<Companion> {
    let list = place.key("skus");
    let count = written.skus.len();
    let mut is_sound = (1..=MAX_COMPANION_SKUS).contains(&count);
    if !is_sound {
        let rule = format!("has {count} entries, must have 1 to {MAX_COMPANION_SKUS}");
        faults.lack(&list, rule);
    }
    for (index, sku) in written.skus.iter().enumerate() {
        let place = list.index(index);
        is_sound &= check_sku(&place, sku, faults);
        if *sku == of.sku {
            faults.refuse(&place, quoted(sku), "must be another article");
            is_sound = false;
        } else if written.skus[..index].contains(sku) {
            faults.refuse(&place, quoted(sku), "must stand once");
            is_sound = false;
        }
    }
    if !(written.lift > 0.0 && written.lift <= MAX_LIFT) {
        let rule = format!("must be above 0 and at most {MAX_LIFT}");
        faults.refuse(&place.key("lift"), written.lift, rule);
        is_sound = false;
    }
    is_sound.then(|| Companion {
        skus: written.skus.clone(),
        lift: written.lift,
    })
}

/// The companions of what an offer shows, where it is a cross-sell.
pub(super) fn companions_of(
    benefit: &Benefit,
    known: &BTreeMap<&str, Arc<Companions>>,
) -> Option<Arc<Companions>> {
    match benefit {
        Benefit::CrossSell { sku, .. } => known.get(sku.as_str()).cloned(),
        _ => None,
    }
}

/// An offer's rule when its article has companions: the cart must hold one, and
/// what was asked for besides.
pub(super) fn with_companions(
    rule: Option<Rule>,
    companions: Option<&Arc<Companions>>,
) -> Option<Rule> {
    let Some(companions) = companions else {
        return rule;
    };
    let goes_with = Rule::Test(RuleTest::GoesWith(companions.clone()));
    Some(match rule {
        Some(rule) => Rule::All(vec![goes_with, rule]),
        None => goes_with,
    })
}

/// What a placement's policy is to expect, `Some(None)` where it is nothing.
pub(super) fn check_prior(
    entry: &Place<'_>,
    written: &PlacementDocument,
    objective: Option<Objective>,
    policy: Option<&Policy>,
    faults: &mut Faults,
) -> Option<Option<AffinityPrior>> {
    let Some(prior) = written.affinity_prior else {
        return Some(None);
    };
    let place = entry.key("affinity_prior");
    let mut is_sound = true;
    if !(prior.base_rate > 0.0 && prior.base_rate < 1.0) {
        let rule = "must be above 0 and below 1";
        faults.refuse(&place.key("base_rate"), prior.base_rate, rule);
        is_sound = false;
    }
    let decisions = names::whole(
        &place.key("decisions"),
        prior.decisions,
        1,
        MAX_PRIOR_DECISIONS,
        faults,
    );
    if let Some(objective) = objective.filter(|it| *it != Objective::Conversion) {
        let rule = format!(
            "is a rate and needs the objective conversion, which is {} here",
            objective.name()
        );
        faults.lack(&place, rule);
        is_sound = false;
    }
    if let Some(policy) = policy.filter(|policy| !policy.acts_on_counts()) {
        let rule = format!(
            "says nothing to a policy of kind {} as it is set up here, which acts on more than \
             counts and sums of rewards, or on none",
            policy.kind()
        );
        faults.lack(&place, rule);
        is_sound = false;
    }
    let decisions = u64::try_from(decisions?).ok()?;
    is_sound.then_some(Some(AffinityPrior {
        base_rate: prior.base_rate,
        decisions,
    }))
}
