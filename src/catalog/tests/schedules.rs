//! Times in zones, gaps and folds among them.

use super::*;
use crate::domain::schedule::Schedule;

fn with_schedule(schedule: &str) -> String {
    let text = "schedule = { starts_at = \"2026-02-17T00:00:00\", ends_at = \"2026-03-04T00:00:00\", time_zone = \"Asia/Shanghai\" }";
    spoiled(text, &format!("schedule = {schedule}"))
}

fn schedule(written: &str) -> Schedule {
    let text = with_schedule(written);
    let catalog = build(read_toml(&text, "shop.toml").unwrap_or_else(|faults| panic!("{faults}")));
    catalog
        .campaigns()
        .next()
        .expect("a campaign")
        .schedule
        .clone()
}

fn starts_at(written: &str) -> String {
    let starts_at = schedule(written).starts_at.expect("a start");
    starts_at.to_string()
}

fn refused(written: &str, expected: &str) {
    let faults = faults_of(&with_schedule(written));
    assert_eq!(faults, [expected], "for {written}");
}

#[test]
fn times_are_read_in_every_notation() {
    for (written, instant) in [
        (
            r#"{ starts_at = "2026-02-17T00:00:00", time_zone = "Asia/Shanghai" }"#,
            "2026-02-16T16:00:00.000Z",
        ),
        (
            r#"{ starts_at = "2026-02-17", time_zone = "Asia/Shanghai" }"#,
            "2026-02-16T16:00:00.000Z",
        ),
        (
            r#"{ starts_at = "2026-02-17T08:30:00+08:00" }"#,
            "2026-02-17T00:30:00.000Z",
        ),
        (
            r#"{ starts_at = "2026-02-17T08:30:00.250Z" }"#,
            "2026-02-17T08:30:00.250Z",
        ),
        // An offset says which instant; the zone is for times without one.
        (
            r#"{ starts_at = "2026-02-17T08:30:00-05:00", time_zone = "Asia/Shanghai" }"#,
            "2026-02-17T13:30:00.000Z",
        ),
        // TOML's own notations, without quotes.
        (
            "{ starts_at = 2026-02-17T08:30:00+08:00 }",
            "2026-02-17T00:30:00.000Z",
        ),
        (
            "{ starts_at = 2026-02-17T08:30:00, time_zone = 'Asia/Shanghai' }",
            "2026-02-17T00:30:00.000Z",
        ),
        (
            "{ starts_at = 2026-02-17, time_zone = 'Europe/Berlin' }",
            "2026-02-16T23:00:00.000Z",
        ),
        // Either side of a summer-time gap and fold.
        (
            "{ starts_at = 2026-03-29T01:59:59, time_zone = 'Europe/Berlin' }",
            "2026-03-29T00:59:59.000Z",
        ),
        (
            "{ starts_at = 2026-03-29T03:00:00, time_zone = 'Europe/Berlin' }",
            "2026-03-29T01:00:00.000Z",
        ),
        (
            "{ starts_at = 2026-10-25T01:59:59, time_zone = 'Europe/Berlin' }",
            "2026-10-24T23:59:59.000Z",
        ),
        (
            "{ starts_at = 2026-10-25T03:00:00, time_zone = 'Europe/Berlin' }",
            "2026-10-25T02:00:00.000Z",
        ),
        // The two instants of a fold, each by its offset.
        (
            "{ starts_at = 2026-10-25T02:30:00+02:00, time_zone = 'Europe/Berlin' }",
            "2026-10-25T00:30:00.000Z",
        ),
        (
            "{ starts_at = 2026-10-25T02:30:00+01:00, time_zone = 'Europe/Berlin' }",
            "2026-10-25T01:30:00.000Z",
        ),
    ] {
        assert_eq!(starts_at(written), instant, "{written}");
    }
}

#[test]
fn a_schedule_may_be_open() {
    assert_eq!(schedule("{}"), Schedule::default());
    let ends = schedule(r#"{ ends_at = "2026-03-04T00:00:00Z" }"#);
    assert_eq!(ends.starts_at, None);
    assert!(ends.ends_at.is_some());
}

#[test]
fn a_time_in_a_gap_or_a_fold_is_refused() {
    refused(
        "{ starts_at = 2026-03-29T02:30:00, time_zone = 'Europe/Berlin' }",
        "campaign[0].schedule.starts_at (campaign \"spring\") is \"2026-03-29T02:30:00\": does not exist in Europe/Berlin, where the clock is put forward from +01 to +02: write an offset",
    );
    refused(
        "{ ends_at = 2026-10-25T02:30:00, time_zone = 'Europe/Berlin' }",
        "campaign[0].schedule.ends_at (campaign \"spring\") is \"2026-10-25T02:30:00\": comes twice in Europe/Berlin, where the clock is put back from +02 to +01: write which by its offset",
    );
}

#[test]
fn a_time_without_offset_or_zone_is_refused() {
    refused(
        r#"{ starts_at = "2026-02-17T00:00:00" }"#,
        "campaign[0].schedule.starts_at (campaign \"spring\") is \"2026-02-17T00:00:00\": has no offset: write one, such as +08:00 or Z, or time_zone beside it",
    );
}

#[test]
fn an_unknown_zone_is_refused_once_with_the_nearest() {
    refused(
        r#"{ starts_at = "2026-02-17", ends_at = "2026-02-18", time_zone = "Asia/Shanghia" }"#,
        "campaign[0].schedule.time_zone (campaign \"spring\") is \"Asia/Shanghia\": must be an IANA time zone such as Asia/Shanghai; did you mean \"Asia/Shanghai\"?",
    );
}

#[test]
fn what_is_no_time_is_refused() {
    for written in [
        "next week",
        "2026-02-30T00:00:00Z",
        "2026-02-17T25:00:00Z",
        "",
        "1771286400",
    ] {
        refused(
            &format!("{{ starts_at = {written:?} }}"),
            &format!(
                "campaign[0].schedule.starts_at (campaign \"spring\") is {written:?}: must be a date and time such as 2027-02-06T00:00:00+08:00, or one without an offset beside time_zone"
            ),
        );
    }
    refused(
        r#"{ starts_at = "2026-02-17T00:00:00+08:00[Asia/Shanghai]" }"#,
        "campaign[0].schedule.starts_at (campaign \"spring\") is \"2026-02-17T00:00:00+08:00[Asia/Shanghai]\": must not name a time zone in brackets: write time_zone beside it",
    );
    refused(
        r#"{ starts_at = "1969-12-31T00:00:00Z" }"#,
        "campaign[0].schedule.starts_at (campaign \"spring\") is \"1969-12-31T00:00:00Z\": must lie in the years 1970 to 9999",
    );
}

#[test]
fn an_end_comes_after_its_start() {
    for ends_at in ["2026-02-17T00:00:00+08:00", "2026-02-16T00:00:00Z"] {
        let written =
            format!("{{ starts_at = \"2026-02-16T16:00:00Z\", ends_at = \"{ends_at}\" }}");
        let faults = faults_of(&with_schedule(&written));
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}");
        };
        assert!(fault.starts_with("campaign[0].schedule.ends_at (campaign \"spring\") is "));
        assert!(
            fault.ends_with(": must be later than starts_at, which is 2026-02-16T16:00:00.000Z")
        );
    }
}
