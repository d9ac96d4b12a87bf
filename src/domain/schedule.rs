//! Schedules: from when to when something is on, and on which days and at which
//! hours in between.
//!
//! Days and hours are local: an instant is turned into the one local time that
//! it has in the zone. So where the clock is put forward the hour that is left
//! out never comes, and where it is put back the hour that comes twice is on
//! twice. Zone rules are those that are compiled in.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::time::Instant;

/// From when to when something is on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Inclusive; open where `None`.
    pub starts_at: Option<Instant>,
    /// Exclusive; open where `None`.
    pub ends_at: Option<Instant>,
    /// On which days and at which hours; always where `None`.
    pub recurrence: Option<Arc<Recurrence>>,
}

/// On which local days and at which local hours something is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// Whose local time.
    pub zone: TimeZone,
    /// The days of the week; never none.
    pub days: Weekdays,
    /// The hours of each such day; the whole day where there are none.
    pub hours: Vec<DailyWindow>,
    /// Only the days of these calendars; every day where there are none.
    pub only_on: Vec<Arc<Calendar>>,
    /// Not the days of these calendars.
    pub except_on: Vec<Arc<Calendar>>,
}

/// Days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

/// Part of each day, in minutes since midnight by the clock on the wall. One
/// that ends no later than it begins goes on past midnight, and belongs to the
/// day that it began on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyWindow {
    /// Inclusive, from 0 to 1,439.
    pub from_minute: u16,
    /// Exclusive, from 1 to 1,440.
    pub until_minute: u16,
}

/// Days that people gave a name to, such as a country's holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The id that people use.
    pub id: String,
    /// The days.
    pub dates: BTreeSet<Date>,
}

impl Weekdays {
    /// Every day.
    pub const ALL: Self = Self(0x7f);
    /// The days in the order of the week, with their names in the catalogue
    /// file.
    pub const NAMES: [&'static str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

    /// From places in [`Self::NAMES`].
    #[must_use]
    pub fn new(days: impl IntoIterator<Item = usize>) -> Self {
        Self(days.into_iter().fold(0, |bits, day| bits | 1 << day))
    }

    /// Whether it has this day.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & 1 << day.to_monday_zero_offset() != 0
    }
}

impl DailyWindow {
    /// A whole day.
    pub const DAY_MINUTES: u16 = 24 * 60;

    const fn goes_past_midnight(self) -> bool {
        self.until_minute <= self.from_minute
    }
}

impl Recurrence {
    /// Whether it is on at an instant.
    #[must_use]
    pub fn is_on(&self, at: Instant) -> bool {
        let Ok(timestamp) = Timestamp::from_millisecond(at.unix_ms()) else {
            return false;
        };
        let local = self.zone.to_datetime(timestamp);
        let (today, time) = (local.date(), local.time());
        let minute = time.hour().unsigned_abs() as u16 * 60 + time.minute().unsigned_abs() as u16;
        if self.hours.is_empty() {
            return self.has_day(today);
        }
        self.hours.iter().any(|window| {
            let begun_today = minute >= window.from_minute;
            if !window.goes_past_midnight() {
                return begun_today && minute < window.until_minute && self.has_day(today);
            }
            let from_yesterday = minute < window.until_minute;
            let yesterday = || today.yesterday().is_ok_and(|day| self.has_day(day));
            (begun_today && self.has_day(today)) || (from_yesterday && yesterday())
        })
    }

    /// Whether the calendars leave no day on which it could ever be on.
    #[must_use]
    pub fn never_on(&self) -> bool {
        let mut named = self.only_on.iter().flat_map(|calendar| &calendar.dates);
        !self.only_on.is_empty() && !named.any(|day| self.has_day(*day))
    }

    fn has_day(&self, day: Date) -> bool {
        let is_in = |calendars: &[Arc<Calendar>]| {
            calendars
                .iter()
                .any(|calendar| calendar.dates.contains(&day))
        };
        self.days.contains(day.weekday())
            && (self.only_on.is_empty() || is_in(&self.only_on))
            && !is_in(&self.except_on)
    }
}

#[cfg(test)]
mod tests;
