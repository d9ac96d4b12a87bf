use jiff::tz::TimeZoneDatabase;

use super::*;

fn at(text: &str) -> Instant {
    let timestamp: Timestamp = text.parse().expect(text);
    Instant::from_unix_ms(timestamp.as_millisecond())
}

fn hours(zone: &str, from: (u16, u16), until: (u16, u16)) -> Recurrence {
    Recurrence {
        zone: TimeZoneDatabase::bundled().get(zone).expect(zone),
        days: Weekdays::ALL,
        hours: vec![DailyWindow {
            from_minute: from.0 * 60 + from.1,
            until_minute: until.0 * 60 + until.1,
        }],
        only_on: Vec::new(),
        except_on: Vec::new(),
    }
}

/// By the clock on the wall, in the zones of five shops; where the clock is put
/// forward (the gap) and where it is put back (the fold) among them.
#[test]
fn hours_are_those_of_the_zone() {
    let happy_hour = |zone| hours(zone, (2, 0), (3, 0));
    for (zone, instant, on) in [
        // No daylight saving: 02:30 is there every day.
        ("Asia/Shanghai", "2026-03-28T18:30:00Z", true),
        ("Asia/Shanghai", "2026-03-28T17:59:59.999Z", false),
        ("Asia/Shanghai", "2026-03-28T19:00:00Z", false),
        // The gap: 02:00 to 03:00 does not come on 29 March 2026. At 01:00 UTC
        // the clock goes from 02:00 to 03:00.
        ("Europe/Berlin", "2026-03-28T01:30:00Z", true),
        ("Europe/Berlin", "2026-03-29T00:59:59.999Z", false),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", false),
        ("Europe/Berlin", "2026-03-29T01:30:00Z", false),
        ("Europe/Berlin", "2026-03-30T00:30:00Z", true),
        // The fold: 02:00 to 03:00 comes twice on 25 October 2026.
        ("Europe/Berlin", "2026-10-24T23:59:59.999Z", false),
        ("Europe/Berlin", "2026-10-25T00:30:00Z", true),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", true),
        ("Europe/Berlin", "2026-10-25T02:00:00Z", false),
        ("America/New_York", "2026-03-08T06:59:59.999Z", false),
        ("America/New_York", "2026-03-08T07:30:00Z", false),
        ("America/New_York", "2026-11-01T06:30:00Z", false),
        ("America/New_York", "2026-11-01T07:30:00Z", true),
        // Half an hour of daylight saving, and a zone off the whole hour.
        ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", true),
        ("Asia/Kathmandu", "2026-05-01T20:15:00Z", true),
        ("Asia/Kathmandu", "2026-05-01T20:14:59.999Z", false),
    ] {
        assert_eq!(
            happy_hour(zone).is_on(at(instant)),
            on,
            "{zone} at {instant}"
        );
    }
}

#[test]
fn a_window_past_midnight_belongs_to_the_day_it_began_on() {
    let mut night = hours("Asia/Shanghai", (22, 0), (2, 0));
    night.days = Weekdays::new([4]);
    for (instant, on) in [
        ("2026-02-20T13:59:59Z", false), // Friday 21:59:59
        ("2026-02-20T14:00:00Z", true),  // Friday 22:00
        ("2026-02-20T17:59:59Z", true),  // Saturday 01:59:59
        ("2026-02-20T18:00:00Z", false), // Saturday 02:00
        ("2026-02-21T14:30:00Z", false), // Saturday 22:30
        ("2026-02-19T17:30:00Z", false), // Friday 01:30, of Thursday's night
    ] {
        assert_eq!(night.is_on(at(instant)), on, "{instant}");
    }
}

#[test]
fn calendars_allow_and_exclude_days() {
    let calendar = |id: &str, dates: &[&str]| {
        let dates = dates.iter().map(|date| date.parse().expect("a date"));
        Arc::new(Calendar {
            id: id.to_owned(),
            dates: dates.collect(),
        })
    };
    let holidays = calendar("cn", &["2026-02-17", "2026-02-18"]);
    let mut recurrence = Recurrence {
        hours: Vec::new(),
        only_on: vec![holidays.clone()],
        ..hours("Asia/Shanghai", (0, 0), (24, 0))
    };
    // 16:00 UTC is midnight in Shanghai.
    assert!(!recurrence.is_on(at("2026-02-16T15:59:59Z")));
    assert!(recurrence.is_on(at("2026-02-16T16:00:00Z")));
    assert!(recurrence.is_on(at("2026-02-18T15:59:59Z")));
    assert!(!recurrence.is_on(at("2026-02-18T16:00:00Z")));
    recurrence.except_on = vec![calendar("closed", &["2026-02-18"])];
    assert!(recurrence.is_on(at("2026-02-17T04:00:00Z")));
    assert!(!recurrence.is_on(at("2026-02-18T04:00:00Z")));
    assert!(!recurrence.never_on());
    // 17 and 18 February 2026 are a Tuesday and a Wednesday.
    recurrence.days = Weekdays::new([2]);
    assert!(recurrence.never_on());
    let except = Recurrence {
        only_on: Vec::new(),
        except_on: vec![holidays],
        ..recurrence
    };
    assert!(!except.never_on() && !except.is_on(at("2026-02-18T04:00:00Z")));
}
