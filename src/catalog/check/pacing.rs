//! Pacing: from weights by hour and weekday to a plan.

use super::super::document::{CampaignDocument, PacingDocument};
use super::super::fault::{Faults, Place, quoted};
use super::{names, schedule};
use crate::domain::ids::LimitNumber;
use crate::domain::schedule::{Recurrence, Schedule};
use crate::domain::time::{Instant, Span};
use crate::promotion::constraints::pacing::Plan;

/// The longest campaign that can be paced.
const MAX_DAYS: i64 = 400;
/// The largest weight.
const MAX_WEIGHT: i64 = 1_000_000;
/// What a front-loaded campaign spends in an hour at its start, in percent of
/// an hour at its end.
const START_PERCENT: i64 = 300;
const MOST_START_PERCENT: i64 = 10_000;
/// The weight changes at most so often. A quarter of an hour, because some
/// zones' hours begin at a half or a quarter.
const STEP: Span = Span::from_seconds(900);

/// Checks how a campaign is paced; `None` when it is not, or has a fault.
/// `checked` is its schedule, `None` when the campaign has a fault, and `budget`
/// its checked budget.
pub(super) fn check(
    entry: &Place<'_>,
    campaign: &CampaignDocument,
    checked: Option<&Schedule>,
    budget: Option<(LimitNumber, i64)>,
    faults: &mut Faults,
) -> Option<Plan> {
    let written = campaign.pacing.as_ref()?;
    let place = entry.key("pacing");
    if campaign.budget.is_none() {
        faults.lack(&place, "has no budget beside it: there is nothing to pace");
    }
    let bounds = [
        ("starts_at", campaign.schedule.starts_at.is_some()),
        ("ends_at", campaign.schedule.ends_at.is_some()),
    ];
    for (bound, _) in bounds.iter().filter(|(_, given)| !given) {
        let rule = format!("needs schedule.{bound}: a budget is spread from a start to an end");
        faults.lack(&place, rule);
    }
    let kinds = ["even", "front_loaded"];
    let kind = names::one_of(&place.key("kind"), &written.kind, &kinds, |it| it, faults);
    let falling = kind.map(|kind| kind == "front_loaded");
    let start_percent = check_start_percent(&place, written, falling, faults);
    let weekdays = check_weights(&place, "weekdays", &written.weekdays, 7, faults);
    let hours = check_weights(&place, "hours", &written.hours, 24, faults);
    let zone = check_zone(&place, written, faults);
    let floor = names::basis_points(
        &place.key("floor_basis_points"),
        written.floor_basis_points,
        1,
        faults,
    );
    let (starts_at, ends_at) = (checked?.starts_at?, checked?.ends_at?);
    if ends_at.since(starts_at) > Span::from_seconds(MAX_DAYS * 86_400) {
        let rule = format!("needs a campaign of at most {MAX_DAYS} days");
        faults.lack(&place, rule);
        return None;
    }
    let weights = Weights {
        starts_at,
        ends_at,
        start_percent: start_percent?,
        weekdays: weekdays?,
        hours: hours?,
        zone: zone?,
        recurrence: checked?.recurrence.as_deref(),
    };
    let (limit, budget_minor) = budget?;
    let floor = f64::from(floor?.get()) / 10_000.0;
    let plan = Plan::new(limit, budget_minor, &weights.steps(), floor);
    if plan.is_none() {
        faults.lack(
            &place,
            "has no weight above 0 within the campaign's schedule",
        );
    }
    plan
}

/// What an hour at the start weighs, in percent of one at the end.
fn check_start_percent(
    place: &Place<'_>,
    written: &PacingDocument,
    falling: Option<bool>,
    faults: &mut Faults,
) -> Option<i64> {
    let place = place.key("start_percent");
    match (falling?, written.start_percent) {
        (true, None) => Some(START_PERCENT),
        (true, Some(percent)) => names::whole(&place, percent, 101, MOST_START_PERCENT, faults),
        (false, None) => Some(100),
        (false, Some(percent)) => {
            faults.refuse(&place, percent, "must stand beside kind = \"front_loaded\"");
            None
        }
    }
}

/// As many weights as there must be, none of which is below 0 and not all 0;
/// empty where none are written.
fn check_weights<'a>(
    place: &Place<'_>,
    key: &'static str,
    written: &'a [i64],
    count: usize,
    faults: &mut Faults,
) -> Option<&'a [i64]> {
    let list = place.key(key);
    if written.is_empty() {
        return Some(written);
    }
    if written.len() != count {
        let found = written.len();
        faults.lack(&list, format!("has {found} weights, must have {count}"));
        return None;
    }
    let mut right = true;
    for (index, weight) in written.iter().enumerate() {
        let place = list.index(index);
        right &= names::whole(&place, *weight, 0, MAX_WEIGHT, faults).is_some();
    }
    if right && written.iter().all(|weight| *weight == 0) {
        faults.lack(&list, "has no weight above 0");
        right = false;
    }
    right.then_some(written)
}

fn check_zone(
    place: &Place<'_>,
    written: &PacingDocument,
    faults: &mut Faults,
) -> Option<Option<schedule::LocalTime>> {
    let needed = !written.weekdays.is_empty() || !written.hours.is_empty();
    match (&written.time_zone, needed) {
        (None, false) => Some(None),
        (None, true) => {
            let rule = "has weekdays or hours and no time_zone: write whose clocks tell them";
            faults.lack(place, rule);
            None
        }
        (Some(zone), false) => {
            let rule = "must stand beside weekdays or hours: nothing else is told by a clock";
            faults.refuse(&place.key("time_zone"), quoted(zone), rule);
            None
        }
        (Some(zone), true) => schedule::local_time(&place.key("time_zone"), zone, faults).map(Some),
    }
}

/// What each moment of a campaign weighs.
struct Weights<'a> {
    starts_at: Instant,
    ends_at: Instant,
    start_percent: i64,
    weekdays: &'a [i64],
    hours: &'a [i64],
    zone: Option<schedule::LocalTime>,
    recurrence: Option<&'a Recurrence>,
}

impl Weights<'_> {
    /// Where the weight changes, and to what; the end last.
    fn steps(&self) -> Vec<(Instant, f64)> {
        let mut steps = Vec::new();
        let mut from = self.starts_at;
        while from < self.ends_at {
            // Steps lie at whole quarters of an hour, whatever the start.
            let into = from.unix_ms().rem_euclid(STEP.ms());
            let to = from.plus(Span::from_ms(STEP.ms() - into)).min(self.ends_at);
            steps.push((from, self.weight(from, to)));
            from = to;
        }
        steps.push((self.ends_at, 0.0));
        steps
    }

    /// The weight of the moments from `from` to `to`, which lie in one hour.
    #[allow(clippy::cast_precision_loss)] // small whole numbers
    fn weight(&self, from: Instant, to: Instant) -> f64 {
        if self.recurrence.is_some_and(|it| !it.is_on(from)) {
            return 0.0;
        }
        let of_clock = self.zone.as_ref().map_or(1.0, |zone| {
            let (weekday, hour) = zone.weekday_and_hour(from);
            let weight = |weights: &[i64], place: usize| {
                weights.get(place).map_or(1.0, |weight| *weight as f64)
            };
            weight(self.weekdays, weekday) * weight(self.hours, hour)
        });
        let whole = self.ends_at.since(self.starts_at).ms() as f64;
        let middle = (from.since(self.starts_at).ms() + to.since(self.starts_at).ms()) as f64;
        let passed = middle / 2.0 / whole;
        let above_end = (self.start_percent - 100) as f64 / 100.0;
        of_clock * (1.0 + above_end * (1.0 - passed))
    }
}
