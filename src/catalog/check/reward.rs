//! Weighted and winsorised rewards, and who shares a holdout.

use super::super::document::{PlacementDocument, RewardTermDocument};
use super::super::fault::{Faults, Place, quoted};
use super::names;
use crate::domain::outcome::OutcomeKind;
use crate::domain::placement::{Objective, RewardOf, RewardTerm, Winsor};
use crate::learning::exact_sum::LARGEST_REWARD;

/// The most terms of a reward.
const MAX_TERMS: usize = 16;
/// The largest weight, either way.
const MAX_WEIGHT: f64 = 1e9;

/// The terms of a weighted objective; none for the others.
pub(super) fn check_terms(
    entry: &Place<'_>,
    written: &PlacementDocument,
    objective: Option<Objective>,
    faults: &mut Faults,
) -> Option<Vec<RewardTerm>> {
    let list = entry.key("reward_terms");
    let terms = &written.reward_terms;
    match (objective?, terms.len()) {
        (Objective::Weighted, 0) => {
            faults.lack(
                &list,
                "is empty, a weighted objective needs at least 1 term",
            );
            return None;
        }
        (Objective::Weighted, count) if count > MAX_TERMS => {
            let rule = format!("has {count} entries, may have at most {MAX_TERMS}");
            faults.lack(&list, rule);
            return None;
        }
        (Objective::Weighted, _) | (_, 0) => {}
        (other, _) => {
            let rule = format!(
                "must stand beside objective = \"weighted\", which is {} here",
                other.name()
            );
            faults.lack(&list, rule);
            return None;
        }
    }
    let mut checked: Vec<RewardTerm> = Vec::with_capacity(terms.len());
    for (index, term) in terms.iter().enumerate() {
        let place = list.index(index);
        let Some(term) = check_term(&place, term, faults) else {
            continue;
        };
        if checked.iter().any(|known| known.of == term.of) {
            faults.lack(
                &place,
                "counts the same as an earlier term, must stand once",
            );
        } else {
            checked.push(term);
        }
    }
    (checked.len() == terms.len()).then_some(checked)
}

fn check_term(
    place: &Place<'_>,
    written: &RewardTermDocument,
    faults: &mut Faults,
) -> Option<RewardTerm> {
    let weight = written.weight;
    let within = weight.abs() <= MAX_WEIGHT && weight != 0.0;
    if !within {
        let rule = format!("must be from -{MAX_WEIGHT} to {MAX_WEIGHT}, not 0");
        faults.refuse(&place.key("weight"), weight, rule);
    }
    let of = match (&written.event, &written.value) {
        (Some(event), None) => {
            let shows: Vec<OutcomeKind> = OutcomeKind::ALL
                .into_iter()
                .filter(|kind| kind.shows())
                .collect();
            let event_place = place.key("event");
            names::one_of(&event_place, event, &shows, OutcomeKind::name, faults)
                .map(RewardOf::Event)
        }
        (None, Some(value)) => {
            let values = [Objective::NetRevenue, Objective::Margin];
            let value_place = place.key("value");
            let value = names::one_of(&value_place, value, &values, Objective::name, faults);
            value.map(|value| match value {
                Objective::Margin => RewardOf::Margin,
                _ => RewardOf::NetRevenue,
            })
        }
        _ => {
            faults.lack(place, "must have exactly one of event and value");
            None
        }
    };
    let of = of.filter(|_| within)?;
    Some(RewardTerm { of, weight })
}

/// The ends of a reward; `Some(None)` where none are given.
pub(super) fn check_winsor(
    entry: &Place<'_>,
    written: &PlacementDocument,
    objective: Option<Objective>,
    faults: &mut Faults,
) -> Option<Option<Winsor>> {
    let Some(winsor) = written.winsor else {
        return Some(None);
    };
    let place = entry.key("winsor");
    if objective == Some(Objective::Conversion) {
        faults.lack(
            &place,
            "must stand beside another objective than conversion, whose rewards are 0 and 1",
        );
        return None;
    }
    if winsor.min.is_none() && winsor.max.is_none() {
        faults.lack(&place, "must have at least one of min and max");
        return None;
    }
    let mut holds = true;
    for (key, end) in [("min", winsor.min), ("max", winsor.max)] {
        if let Some(end) = end.filter(|end| !(end.abs() <= LARGEST_REWARD)) {
            faults.refuse(&place.key(key), end, "must be in [-2^52, 2^52]");
            holds = false;
        }
    }
    let checked = Winsor {
        min: winsor.min.unwrap_or(-LARGEST_REWARD),
        max: winsor.max.unwrap_or(LARGEST_REWARD),
    };
    if holds && !(checked.min < checked.max) {
        let rule = format!("must be above min, which is {}", checked.min);
        faults.refuse(&place.key("max"), checked.max, rule);
        holds = false;
    }
    holds.then_some(Some(checked))
}

/// Whose hash tells who is held out.
pub(super) fn check_holdout_group(
    entry: &Place<'_>,
    written: &PlacementDocument,
    faults: &mut Faults,
) -> Option<String> {
    let Some(group) = &written.holdout_group else {
        return Some(written.id.clone());
    };
    let place = entry.key("holdout_group");
    if written.holdout_basis_points == 0 {
        let rule = "must stand beside holdout_basis_points above 0: nobody is held out here";
        faults.refuse(&place, quoted(group), rule);
        return None;
    }
    if !names::is_id(group) {
        faults.refuse(&place, quoted(group), names::id_rule());
        return None;
    }
    // Apart from every placement's own.
    Some(format!("group/{group}"))
}
