//! When shoppers come: a rate of visits that follows the hours of the day, the
//! days of the week and what days are special.
//!
//! Visits are a stratified sample of the rate's integral: the n-th lies where
//! the integral is n + u, with u uniform in [0, 1). So each hour has its number
//! of visits to within one, and a replication's times depend on nothing but the
//! seed.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::domain::time::{Instant, Span};

const HOUR: Span = Span::from_seconds(3_600);

/// The rate of visits. Weights have a mean of 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Traffic {
    pub starts_at: Instant,
    pub zone: TimeZone,
    pub visits_per_day: f64,
    pub hours: [f64; 24],
    pub weekdays: [f64; 7],
    pub peaks: Vec<Peak>,
}

/// Days, both ends included, and how many times as many visits they have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub first: Date,
    pub last: Date,
    pub factor: f64,
}

/// How far one replication has come.
#[derive(Debug, Clone)]
pub(super) struct Stream<'a> {
    traffic: &'a Traffic,
    /// The hour under way.
    hour_at: Instant,
    /// Expected visits before it, and in it.
    before: f64,
    within: f64,
}

/// When a day begins in a zone; `None` beyond what can be told.
pub(super) fn midnight(day: Date, zone: &TimeZone) -> Option<Instant> {
    let timestamp = zone.to_timestamp(day.to_datetime(Time::midnight())).ok()?;
    Some(Instant::from_unix_ms(timestamp.as_millisecond()))
}

impl Traffic {
    /// Expected visits in the hour that begins at `at`.
    fn in_hour(&self, at: Instant) -> f64 {
        let Ok(timestamp) = Timestamp::from_millisecond(at.unix_ms()) else {
            return 0.0;
        };
        let local = self.zone.to_datetime(timestamp);
        let hour = self.hours[usize::from(local.hour().unsigned_abs())];
        let weekday = local.date().weekday().to_monday_zero_offset();
        let weekday = self.weekdays[usize::from(weekday.unsigned_abs())];
        let special = |peak: &&Peak| (peak.first..=peak.last).contains(&local.date());
        let peaks = self.peaks.iter().filter(special).map(|peak| peak.factor);
        self.visits_per_day / 24.0 * hour * weekday * peaks.product::<f64>()
    }

    /// Whether there are visits on some day after every special one.
    pub fn goes_on(&self) -> bool {
        let after = |peak: &Peak| peak.last.checked_add(1.day()).ok();
        let last = self.peaks.iter().filter_map(after).max();
        let midnight = last.and_then(|day| midnight(day, &self.zone));
        let from = midnight.map_or(self.starts_at, |it| it.max(self.starts_at));
        let hours = (0..8 * 24).map(|hour| from.plus(Span::from_ms(hour * HOUR.ms())));
        hours.map(|at| self.in_hour(at)).sum::<f64>() > 0.0
    }

    pub fn begin(&self) -> Stream<'_> {
        Stream {
            traffic: self,
            hour_at: self.starts_at,
            before: 0.0,
            within: self.in_hour(self.starts_at),
        }
    }
}

impl Stream<'_> {
    /// When the visit comes at which the integral of the rate is `visits`, which
    /// never falls from call to call.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // within an hour
    pub fn time_of(&mut self, visits: f64) -> Instant {
        while self.before + self.within <= visits {
            self.before += self.within;
            self.hour_at = self.hour_at.plus(HOUR);
            self.within = self.traffic.in_hour(self.hour_at);
        }
        let part = (visits - self.before) / self.within;
        self.hour_at
            .plus(Span::from_ms((part * HOUR.ms() as f64) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn traffic() -> Traffic {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let starts_at = midnight(date(2027, 2, 1), &zone).unwrap();
        let mut hours = [1.2; 24];
        hours[..4].fill(0.0);
        Traffic {
            starts_at,
            zone,
            visits_per_day: 240.0,
            hours,
            weekdays: [0.9, 0.9, 0.9, 0.9, 0.9, 1.25, 1.25],
            peaks: vec![Peak {
                first: date(2027, 2, 3),
                last: date(2027, 2, 4),
                factor: 3.0,
            }],
        }
    }

    #[test]
    fn days_and_hours_have_the_visits_that_they_weigh() {
        let traffic = traffic();
        let mut stream = traffic.begin();
        let mut days = [0_u32; 8];
        let mut at = traffic.starts_at;
        for visit in 0..2_600_u32 {
            let next = stream.time_of(f64::from(visit) + 0.5);
            assert!(next >= at, "time never goes back");
            at = next;
            let since = at.since(traffic.starts_at).ms();
            assert!(since % 86_400_000 >= 4 * 3_600_000, "nobody comes at night");
            if let Some(day) = days.get_mut(usize::try_from(since / 86_400_000).unwrap()) {
                *day += 1;
            }
        }
        // 2027-02-01 is a Monday.
        assert_eq!(days[..7], [216, 216, 648, 648, 216, 300, 300]);
    }

    #[test]
    fn a_shop_that_nobody_comes_to_any_more_is_told() {
        let mut traffic = traffic();
        assert!(traffic.goes_on());
        traffic.hours = [0.0; 24];
        assert!(!traffic.goes_on());
    }
}
