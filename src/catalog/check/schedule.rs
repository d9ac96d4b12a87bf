//! Schedules: from what people write to instants.
//!
//! Zone rules come from the database that is compiled in, so that the same
//! document gives the same instants on every machine; they change only with
//! the program.

use std::sync::LazyLock;

use jiff::civil::Time;
use jiff::fmt::temporal::{DateTimeParser, Pieces, PiecesOffset};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use super::super::document::ScheduleDocument;
use super::super::fault::{Faults, Place, nearest, quoted};
use super::super::scalar::TimeText;
use crate::domain::offer::Schedule;
use crate::domain::time::Instant;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
static PARSER: DateTimeParser = DateTimeParser::new();

/// Checks one schedule; `None` when it has a fault.
pub(super) fn check(
    place: &Place<'_>,
    written: &ScheduleDocument,
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
    let schedule = Schedule {
        starts_at: starts_at.ok()?,
        ends_at: ends_at.ok()?,
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
