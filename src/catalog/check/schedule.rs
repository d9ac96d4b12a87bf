//! Schedules: from what people write to instants.
//!
//! Zone rules come from the database that is compiled in, so that the same
//! document gives the same instants on every machine; they change only with
//! the program.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::civil::Time;
use jiff::fmt::temporal::{DateTimeParser, Pieces, PiecesOffset};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use super::super::document::{HoursDocument, ScheduleDocument};
use super::super::fault::{Faults, Place, nearest, quoted};
use super::super::scalar::TimeText;
use super::names::{self, Names};
use crate::domain::schedule::{Calendar, DailyWindow, Recurrence, Schedule, Weekdays};
use crate::domain::time::Instant;

/// The most windows of a day.
const MAX_HOURS: usize = 24;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
static PARSER: DateTimeParser = DateTimeParser::new();

/// The calendars that schedules name.
pub(super) struct Days<'a> {
    /// All names.
    pub names: &'a Names<'a>,
    /// Those without a fault.
    pub calendars: &'a BTreeMap<String, Arc<Calendar>>,
}

/// Checks one schedule; `None` when it has a fault.
pub(super) fn check(
    place: &Place<'_>,
    written: &ScheduleDocument,
    days: &Days<'_>,
    faults: &mut Faults,
) -> Option<Schedule> {
    let zone = match written.time_zone.as_deref() {
        None => Zone::NotGiven,
        Some(name) => find_zone(&place.key("time_zone"), name, faults),
    };
    let mut instant = |key, text: &Option<TimeText>| {
        let text = text.as_ref()?;
        Some(
            resolve(text.as_str(), &zone).map_err(|problem| match problem {
                Problem::Elsewhere => {}
                Problem::Here(rule) => faults.refuse(&place.key(key), quoted(text.as_str()), rule),
            }),
        )
    };
    let starts_at = instant("starts_at", &written.starts_at).transpose();
    let ends_at = instant("ends_at", &written.ends_at).transpose();
    let recurrence = check_recurrence(place, written, &zone, days, faults);
    let schedule = Schedule {
        starts_at: starts_at.ok()?,
        ends_at: ends_at.ok()?,
        recurrence: recurrence?,
    };
    if let (Some(starts_at), Some(ends_at)) = (schedule.starts_at, schedule.ends_at)
        && ends_at <= starts_at
    {
        let rule = format!("must be later than starts_at, which is {starts_at}");
        faults.refuse(&place.key("ends_at"), ends_at, rule);
        return None;
    }
    Some(schedule)
}

/// The days and hours; `Some(None)` where none are written, `None` when they
/// have a fault.
fn check_recurrence(
    place: &Place<'_>,
    written: &ScheduleDocument,
    zone: &Zone,
    days: &Days<'_>,
    faults: &mut Faults,
) -> Option<Option<Arc<Recurrence>>> {
    if !written.recurs() {
        return Some(None);
    }
    let known_zone = match zone {
        Zone::Known { zone, .. } => Some(zone.clone()),
        Zone::Unknown => None,
        Zone::NotGiven => {
            let rule = "is missing: days and hours are those of a time zone such as Asia/Shanghai";
            faults.lack(&place.key("time_zone"), rule);
            None
        }
    };
    let weekdays = check_weekdays(&place.key("days"), &written.days, faults);
    let hours = check_hours(&place.key("hours"), &written.hours, faults);
    let only_on = check_calendars(&place.key("only_on"), &written.only_on, days, faults);
    let except_on = check_calendars(&place.key("except_on"), &written.except_on, days, faults);
    let recurrence = Recurrence {
        zone: known_zone?,
        days: weekdays?,
        hours: hours?,
        only_on: only_on?,
        except_on: except_on?,
    };
    if recurrence.never_on() {
        let rule = "is never on: none of the days of only_on is among days and not in except_on";
        faults.lack(&place.key("only_on"), rule);
        return None;
    }
    Some(Some(Arc::new(recurrence)))
}

fn check_weekdays(place: &Place<'_>, written: &[String], faults: &mut Faults) -> Option<Weekdays> {
    if written.is_empty() {
        return Some(Weekdays::ALL);
    }
    let places: Vec<usize> = (0..Weekdays::NAMES.len()).collect();
    let days: Vec<Option<usize>> = written
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let day = |day: usize| Weekdays::NAMES[day];
            names::one_of(&place.index(index), name, &places, day, faults)
        })
        .collect();
    let days: Option<Vec<usize>> = days.into_iter().collect();
    days.map(Weekdays::new)
}

fn check_hours(
    place: &Place<'_>,
    written: &[HoursDocument],
    faults: &mut Faults,
) -> Option<Vec<DailyWindow>> {
    if written.len() > MAX_HOURS {
        let rule = format!(
            "has {} entries, may have at most {MAX_HOURS}",
            written.len()
        );
        faults.lack(place, rule);
        return None;
    }
    let windows: Vec<Option<DailyWindow>> = written
        .iter()
        .enumerate()
        .map(|(index, hours)| check_window(&place.index(index), hours, faults))
        .collect();
    windows.into_iter().collect()
}

fn check_window(
    place: &Place<'_>,
    hours: &HoursDocument,
    faults: &mut Faults,
) -> Option<DailyWindow> {
    let last_minute = DailyWindow::DAY_MINUTES - 1;
    let (from, until) = (place.key("from"), place.key("until"));
    let from_minute = minute(&from, &hours.from, 0, last_minute, faults);
    let until_minute = minute(&until, &hours.until, 1, DailyWindow::DAY_MINUTES, faults);
    let window = DailyWindow {
        from_minute: from_minute?,
        until_minute: until_minute?,
    };
    if window.from_minute == window.until_minute {
        faults.refuse(&until, quoted(&hours.until), "must differ from from");
        return None;
    }
    Some(window)
}

/// The minute of a day, as `18:00` says it.
fn minute(
    place: &Place<'_>,
    text: &str,
    least: u16,
    most: u16,
    faults: &mut Faults,
) -> Option<u16> {
    let read = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two_digits = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
        (minute < 60).then_some(hour * 60 + minute)
    };
    let minute = read(text).filter(|minute| (least..=most).contains(minute));
    if minute.is_none() {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let rule = format!("must be a time from {} to {}", time(least), time(most));
        faults.refuse(place, quoted(text), rule);
    }
    minute
}

fn check_calendars(
    place: &Place<'_>,
    written: &[String],
    days: &Days<'_>,
    faults: &mut Faults,
) -> Option<Vec<Arc<Calendar>>> {
    let calendars: Vec<Option<Arc<Calendar>>> = written
        .iter()
        .enumerate()
        .map(|(index, id)| {
            days.names.resolve(&place.index(index), id, faults)?;
            days.calendars.get(id).cloned()
        })
        .collect();
    calendars.into_iter().collect()
}

/// The zone of a name; a fault and `None` when there is none.
pub(super) fn zone(place: &Place<'_>, name: &str, faults: &mut Faults) -> Option<TimeZone> {
    match find_zone(place, name, faults) {
        Zone::Known { zone, .. } => Some(zone),
        Zone::NotGiven | Zone::Unknown => None,
    }
}

/// A zone's clocks.
pub(super) struct LocalTime(TimeZone);

/// The clocks of a zone of that name; a fault and `None` when there is none.
pub(super) fn local_time(place: &Place<'_>, name: &str, faults: &mut Faults) -> Option<LocalTime> {
    zone(place, name, faults).map(LocalTime)
}

impl LocalTime {
    /// The weekday, Monday being 0, and the hour that they show.
    pub(super) fn weekday_and_hour(&self, at: Instant) -> (usize, usize) {
        let Ok(timestamp) = jiff::Timestamp::from_millisecond(at.unix_ms()) else {
            return (0, 0);
        };
        let local = self.0.to_datetime(timestamp);
        let weekday = local.date().weekday().to_monday_zero_offset();
        (
            usize::try_from(weekday).unwrap_or(0),
            usize::try_from(local.hour()).unwrap_or(0),
        )
    }
}

enum Zone {
    NotGiven,
    /// Given, and a fault of its own.
    Unknown,
    Known {
        name: String,
        zone: TimeZone,
    },
}

enum Problem {
    /// The time zone was the fault.
    Elsewhere,
    /// What the time breaks.
    Here(String),
}

fn find_zone(place: &Place<'_>, name: &str, faults: &mut Faults) -> Zone {
    let canonical = ZONES.get(name).ok();
    match canonical {
        Some(zone) => Zone::Known {
            name: name.to_owned(),
            zone,
        },
        None => {
            let known: Vec<String> = ZONES.available().map(|zone| zone.to_string()).collect();
            let hint = nearest(name, known.iter().map(String::as_str));
            let hint = hint.map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
            let rule = "must be an IANA time zone such as Asia/Shanghai".to_owned();
            faults.refuse(place, quoted(name), rule + &hint);
            Zone::Unknown
        }
    }
}

fn resolve(text: &str, zone: &Zone) -> Result<Instant, Problem> {
    let unreadable = |_| {
        Problem::Here(
            "must be a date and time such as 2027-02-06T00:00:00+08:00, or one without an offset beside time_zone"
                .to_owned(),
        )
    };
    let pieces = PARSER.parse_pieces(text).map_err(unreadable)?;
    if pieces.time_zone_annotation().is_some() {
        let rule = "must not name a time zone in brackets: write time_zone beside it";
        return Err(Problem::Here(rule.to_owned()));
    }
    let civil = pieces
        .date()
        .to_datetime(pieces.time().unwrap_or(Time::midnight()));
    let timestamp = match (offset_of(&pieces), zone) {
        (Some(offset), _) => offset.to_timestamp(civil).ok(),
        (None, Zone::Unknown) => return Err(Problem::Elsewhere),
        (None, Zone::NotGiven) => {
            let rule = "has no offset: write one, such as +08:00 or Z, or time_zone beside it";
            return Err(Problem::Here(rule.to_owned()));
        }
        (None, Zone::Known { name, zone }) => match zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
            AmbiguousOffset::Gap { before, after } => {
                return Err(Problem::Here(format!(
                    "does not exist in {name}, where the clock is put forward from {before} to {after}: write an offset"
                )));
            }
            AmbiguousOffset::Fold { before, after } => {
                return Err(Problem::Here(format!(
                    "comes twice in {name}, where the clock is put back from {before} to {after}: write which by its offset"
                )));
            }
        },
    };
    let instant = timestamp.map(|timestamp| Instant::from_unix_ms(timestamp.as_millisecond()));
    instant
        .filter(|instant| (Instant::default()..=Instant::LAST).contains(instant))
        .ok_or_else(|| Problem::Here("must lie in the years 1970 to 9999".to_owned()))
}

fn offset_of(pieces: &Pieces<'_>) -> Option<Offset> {
    match pieces.offset()? {
        PiecesOffset::Zulu => Some(Offset::UTC),
        PiecesOffset::Numeric(offset) => Some(offset.offset()),
        // A later version of the library may know other notations.
        _ => None,
    }
}
