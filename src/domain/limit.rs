//! Limits: how often an offer may be used, or how much it may cost.
//!
//! A limit belongs to an offer, a campaign or a placement. It is kept apart for
//! each *share*: everybody together, each shopper, each session and so on; and,
//! where it recurs, for each *period*. What is counted against one share in one
//! period is told by its [`UsageKey`].

use std::fmt;

use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::ids::{LimitNumber, OfferNumber};
use super::keys::ShareKey;
use super::time::{Instant, Span};

/// What a limit is for; it decides the reason code, and what happens to those
/// whose share is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LimitKind {
    /// So many redemptions, or so much discount. Without a share to count it
    /// against, the offer is refused.
    Limit,
    /// So much money for a campaign.
    Budget,
    /// So many exposures to a shopper. One who is not known is not counted.
    ExposureCap,
    /// So many decisions: the abuse guard of a placement. What is not known is
    /// not counted.
    Guard,
    /// So much in the slots of one decision. Nothing is kept of it.
    Decision,
    /// So many pieces of an article that gifts give away.
    Stock,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LimitOwner {
    /// One offer's.
    Offer,
    /// A campaign's: all of its offers count.
    Campaign,
    /// A placement's: everything that it shows counts.
    Placement,
    /// An article's: all offers that give it away count.
    Article,
}

/// Who shares a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Everybody.
    Global,
    /// Each shopper has one of their own.
    Shopper,
    /// Each visit.
    Session,
    /// Each device.
    Device,
    /// Each store.
    Store,
    /// Each payment fingerprint.
    Payment,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::Global,
        Self::Shopper,
        Self::Session,
        Self::Device,
        Self::Store,
        Self::Payment,
    ];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Shopper => "shopper",
            Self::Session => "session",
            Self::Device => "device",
            Self::Store => "store",
            Self::Payment => "payment",
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Metric {
    /// Uses.
    Redemptions,
    /// The discount in the prices paid, in minor units.
    Discount,
    /// The discount, and what gifts and points cost, in minor units.
    Cost,
    /// Pieces of a gift.
    Pieces,
}

impl Metric {
    /// Every metric that a limit may name.
    pub const ALL: [Self; 3] = [Self::Redemptions, Self::Discount, Self::Cost];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redemptions => "redemptions",
            Self::Discount => "discount",
            Self::Cost => "cost",
            Self::Pieces => "pieces",
        }
    }

    /// Whether it is counted in minor units.
    #[must_use]
    pub const fn is_money(self) -> bool {
        matches!(self, Self::Discount | Self::Cost)
    }
}

/// What makes a use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Counts {
    /// A purchase; choosing reserves for as long as the offer is valid.
    Purchases,
    /// An exposure; choosing reserves likewise.
    Exposures,
    /// Choosing.
    Choices,
}

/// When what was counted no longer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Period {
    /// Never.
    Always,
    /// At the end of the hour, day, week or month of a time zone.
    Calendar {
        /// Which of them.
        unit: CalendarUnit,
        /// Whose clocks tell.
        zone: TimeZone,
    },
    /// So long after it was counted.
    Rolling(Span),
}

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarUnit {
    /// From minute 0.
    Hour,
    /// From midnight.
    Day,
    /// From Monday, midnight.
    Week,
    /// From the first, midnight.
    Month,
}

impl CalendarUnit {
    /// Every unit.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The name in the catalogue file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// A limit of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its number: the same as long as owner, kind, scope, metric, counts and
    /// period are the same, so that raising `most` forgets nothing.
    pub number: LimitNumber,
    /// What it is for.
    pub kind: LimitKind,
    /// Whose it is.
    pub owner: LimitOwner,
    /// Who shares it.
    pub scope: Scope,
    /// What is counted.
    pub metric: Metric,
    /// What makes a use.
    pub counts: Counts,
    /// For how long.
    pub period: Period,
    /// Committed and reserved together never exceed this; 1 or more.
    pub most: i64,
}

/// One share of a limit in one period: what is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UsageKey {
    /// Which limit.
    pub limit: LimitNumber,
    /// Whose share; `None` for one that all share.
    pub share: Option<ShareKey>,
    /// The start of its calendar period; the epoch for the others.
    pub period_start: Instant,
}

/// Capacity that a decision takes for an offer that it chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// What it counts against.
    pub key: UsageKey,
    /// For which offer.
    pub offer: OfferNumber,
    /// Uses, or minor units.
    pub amount: i64,
}

impl Limit {
    /// The reason code of an offer that this limit refuses.
    #[must_use]
    pub fn code(&self) -> String {
        let owner = match self.owner {
            LimitOwner::Offer => "OFFER",
            LimitOwner::Campaign => "CAMPAIGN",
            LimitOwner::Placement => "PLACEMENT",
            LimitOwner::Article => "ARTICLE",
        };
        let scope = self.scope.name().to_ascii_uppercase();
        match self.kind {
            LimitKind::Limit => {
                let metric = self.metric.name().to_ascii_uppercase();
                format!("{owner}_LIMIT_{scope}_{metric}")
            }
            LimitKind::Budget => "CAMPAIGN_BUDGET".to_owned(),
            LimitKind::ExposureCap => format!("{owner}_EXPOSURE_CAP"),
            LimitKind::Guard => format!("VELOCITY_{scope}"),
            LimitKind::Decision => {
                let metric = self.metric.name().to_ascii_uppercase();
                format!("{owner}_DECISION_{metric}")
            }
            LimitKind::Stock => "GIFT_STOCK".to_owned(),
        }
    }

    /// Whether an offer is refused to somebody whose share is not known.
    #[must_use]
    pub const fn needs_share(&self) -> bool {
        matches!(self.kind, LimitKind::Limit | LimitKind::Budget)
    }

    /// Where uses at an instant count for a share.
    #[must_use]
    pub fn key(&self, share: Option<ShareKey>, at: Instant) -> UsageKey {
        UsageKey {
            limit: self.number,
            share,
            period_start: self.period.start(at),
        }
    }
}

impl fmt::Display for Limit {
    /// A clause such as `the offer's limit of 1 redemption for each shopper`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = match self.owner {
            LimitOwner::Offer => "the offer's",
            LimitOwner::Campaign => "the campaign's",
            LimitOwner::Placement => "the placement's",
            LimitOwner::Article => "the article's",
        };
        let most = self.most;
        match (self.kind, self.metric) {
            (LimitKind::ExposureCap, _) => write!(f, "{owner} cap of {most} exposures")?,
            (LimitKind::Guard, _) => write!(f, "{owner} guard of {most} decisions")?,
            (LimitKind::Budget, _) => write!(f, "{owner} budget of {most} minor units")?,
            (LimitKind::Stock, _) => write!(f, "{owner} stock of {most} pieces")?,
            (LimitKind::Decision, Metric::Redemptions) => {
                write!(f, "{owner} cap of {most} offers in a decision")?;
            }
            (LimitKind::Decision, metric) => write!(
                f,
                "{owner} cap of {most} minor units of {} in a decision",
                metric.name()
            )?,
            (LimitKind::Limit, Metric::Redemptions) => {
                write!(f, "{owner} limit of {most} redemptions")?;
            }
            (LimitKind::Limit, metric) => {
                write!(
                    f,
                    "{owner} limit of {most} minor units of {}",
                    metric.name()
                )?;
            }
        }
        if self.scope != Scope::Global {
            write!(f, " for each {}", self.scope.name())?;
        }
        match &self.period {
            Period::Always => Ok(()),
            Period::Calendar { unit, .. } => write!(f, " a {}", unit.name()),
            Period::Rolling(span) => write!(f, " within {span}"),
        }
    }
}

impl Period {
    /// The start of the calendar period that an instant lies in; the epoch for
    /// the other kinds.
    #[must_use]
    pub fn start(&self, at: Instant) -> Instant {
        match self {
            Self::Always | Self::Rolling(_) => Instant::default(),
            Self::Calendar { unit, zone } => calendar_start(*unit, zone, at).unwrap_or_default(),
        }
    }

    /// The end of the calendar period that starts at `start`; `None` for the
    /// other kinds.
    #[must_use]
    pub fn end(&self, start: Instant) -> Option<Instant> {
        let Self::Calendar { unit, zone } = self else {
            return None;
        };
        // The longest period has 31 days of at most 25 hours.
        let steps_ms = match unit {
            CalendarUnit::Hour => 3_600_000,
            CalendarUnit::Day => 26 * 3_600_000,
            CalendarUnit::Week => 7 * 86_400_000 + 2 * 3_600_000,
            CalendarUnit::Month => 32 * 86_400_000,
        };
        let within_next = start.plus(Span::from_ms(steps_ms));
        Some(calendar_start(*unit, zone, within_next).unwrap_or(within_next))
    }

    /// How long a use counts, where that runs from the use itself.
    #[must_use]
    pub fn rolling(&self) -> Option<Span> {
        match self {
            Self::Rolling(span) => Some(*span),
            Self::Always | Self::Calendar { .. } => None,
        }
    }
}

/// The start of a unit by a zone's clocks. A start that the clocks leap over is
/// the instant that they leap to; one that comes twice is the first.
fn calendar_start(unit: CalendarUnit, zone: &TimeZone, at: Instant) -> Option<Instant> {
    let timestamp = jiff::Timestamp::from_millisecond(at.unix_ms()).ok()?;
    let local = zone.to_datetime(timestamp);
    let date = local.date();
    if unit == CalendarUnit::Hour {
        let into = i64::from(local.minute()) * 60_000
            + i64::from(local.second()) * 1_000
            + i64::from(local.millisecond());
        return Some(at.minus(Span::from_ms(into)));
    }
    let first = match unit {
        CalendarUnit::Hour | CalendarUnit::Day => date,
        CalendarUnit::Week => {
            let days = i64::from(date.weekday().since(Weekday::Monday));
            date.checked_sub(jiff::Span::new().days(days)).ok()?
        }
        CalendarUnit::Month => date.first_of_month(),
    };
    let midnight: DateTime = first.at(0, 0, 0, 0);
    let start = zone.to_ambiguous_timestamp(midnight).compatible().ok()?;
    Some(Instant::from_unix_ms(start.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        jiff::tz::TimeZoneDatabase::bundled()
            .get(name)
            .expect("a zone")
    }

    fn at(text: &str) -> Instant {
        let timestamp: jiff::Timestamp = text.parse().expect("a time");
        Instant::from_unix_ms(timestamp.as_millisecond())
    }

    fn period(unit: CalendarUnit, name: &str) -> Period {
        Period::Calendar {
            unit,
            zone: zone(name),
        }
    }

    #[test]
    fn periods_start_and_end_by_the_zones_clocks() {
        use CalendarUnit::{Day, Hour, Month, Week};
        for (unit, name, now, start, end) in [
            // Shanghai is eight hours ahead all year.
            (
                Day,
                "Asia/Shanghai",
                "2026-02-17T03:00:00Z",
                "2026-02-16T16:00:00Z",
                "2026-02-17T16:00:00Z",
            ),
            (
                Day,
                "Asia/Shanghai",
                "2026-02-16T16:00:00Z",
                "2026-02-16T16:00:00Z",
                "2026-02-17T16:00:00Z",
            ),
            (
                Week,
                "Asia/Shanghai",
                "2026-02-17T03:00:00Z",
                "2026-02-15T16:00:00Z",
                "2026-02-22T16:00:00Z",
            ),
            (
                Month,
                "Asia/Shanghai",
                "2026-02-17T03:00:00Z",
                "2026-01-31T16:00:00Z",
                "2026-02-28T16:00:00Z",
            ),
            (
                Hour,
                "Asia/Kolkata",
                "2026-02-17T03:29:59Z",
                "2026-02-17T02:30:00Z",
                "2026-02-17T03:30:00Z",
            ),
            // Berlin puts its clocks forward on 29 March and back on 25 October.
            (
                Day,
                "Europe/Berlin",
                "2026-03-29T10:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                Day,
                "Europe/Berlin",
                "2026-10-25T10:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                Month,
                "Europe/Berlin",
                "2026-03-15T10:00:00Z",
                "2026-02-28T23:00:00Z",
                "2026-03-31T22:00:00Z",
            ),
            // In Cairo the clocks leap over midnight itself.
            (
                Day,
                "Africa/Cairo",
                "2026-04-24T10:00:00Z",
                "2026-04-23T22:00:00Z",
                "2026-04-24T21:00:00Z",
            ),
        ] {
            let period = period(unit, name);
            assert_eq!(period.start(at(now)), at(start), "{unit:?} {name} {now}");
            assert_eq!(
                period.end(at(start)),
                Some(at(end)),
                "{unit:?} {name} {now}"
            );
        }
    }

    #[test]
    fn the_others_have_neither_start_nor_end() {
        for period in [Period::Always, Period::Rolling(Span::from_seconds(60))] {
            assert_eq!(period.start(at("2026-02-17T03:00:00Z")), Instant::default());
            assert_eq!(period.end(Instant::default()), None);
        }
    }
}
