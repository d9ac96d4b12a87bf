//! Calendars: days with a name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::super::document::{CalendarDocument, CatalogDocument};
use super::super::fault::{Faults, Place, quoted};
use super::names;
use crate::domain::schedule::Calendar;

/// The most days of a calendar.
const MAX_DATES: usize = 10_000;

/// The calendars by id, without those that have a fault.
pub(super) fn check(
    document: &CatalogDocument,
    faults: &mut Faults,
) -> BTreeMap<String, Arc<Calendar>> {
    let list = Place::top("calendar");
    let mut calendars = BTreeMap::new();
    for (index, written) in document.calendars.iter().enumerate() {
        let entry = list.index(index);
        names::title(&entry, written.title.as_deref(), &written.id, faults);
        if let Some(dates) = check_dates(&entry, written, faults) {
            let id = written.id.clone();
            calendars.insert(id.clone(), Arc::new(Calendar { id, dates }));
        }
    }
    calendars
}

fn check_dates(
    entry: &Place<'_>,
    written: &CalendarDocument,
    faults: &mut Faults,
) -> Option<BTreeSet<Date>> {
    let list = entry.key("dates");
    if written.dates.is_empty() {
        faults.lack(&list, "is empty, must name at least 1 day");
        return None;
    }
    let mut dates = BTreeSet::new();
    let mut whole = true;
    for (index, text) in written.dates.iter().enumerate() {
        let place = list.index(index);
        let (first, last) = text.split_once('/').unwrap_or((text, text));
        match (first.parse::<Date>(), last.parse::<Date>()) {
            (Ok(first), Ok(last)) if first <= last => {
                let days = first.series(jiff::Span::new().days(1));
                let left = MAX_DATES + 1 - dates.len().min(MAX_DATES);
                dates.extend(days.take_while(|day| *day <= last).take(left));
            }
            (Ok(_), Ok(_)) => {
                faults.refuse(&place, quoted(text), "must not end before it begins");
                whole = false;
            }
            _ => {
                let rule =
                    "must be a day such as 2027-02-06, or days such as 2027-02-06/2027-02-12";
                faults.refuse(&place, quoted(text), rule);
                whole = false;
            }
        }
    }
    if dates.len() > MAX_DATES {
        faults.lack(&list, format!("has more than {MAX_DATES} days"));
        return None;
    }
    whole.then_some(dates)
}
