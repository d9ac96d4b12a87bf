//! Status and schedule: whether an offer may be shown at an instant.

use std::fmt;

use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::OfferNumber;
use crate::domain::offer::{Campaign, Offer, Schedule, Status};
use crate::domain::time::Instant;

/// Why an offer may not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// Whose rule it was.
    pub scope: Scope,
    /// What the rule said.
    pub cause: Cause,
}

/// Whose rule rejects an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The offer's own.
    Offer,
    /// Its campaign's.
    Campaign,
}

/// What a rule says against an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its status is another than active.
    NotActive {
        /// The status.
        status: Status,
    },
    /// Its schedule begins later.
    NotStarted {
        /// When it begins; the first instant at which it is on.
        starts_at: Instant,
        /// When it was judged.
        at: Instant,
    },
    /// Its schedule is over.
    Ended {
        /// When it ended; the first instant at which it is off.
        ends_at: Instant,
        /// When it was judged.
        at: Instant,
    },
}

impl Rejection {
    /// The reason code, stable for programs to read.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match (self.scope, self.cause) {
            (Scope::Offer, Cause::NotActive { .. }) => "OFFER_NOT_ACTIVE",
            (Scope::Offer, Cause::NotStarted { .. }) => "OFFER_NOT_STARTED",
            (Scope::Offer, Cause::Ended { .. }) => "OFFER_ENDED",
            (Scope::Campaign, Cause::NotActive { .. }) => "CAMPAIGN_NOT_ACTIVE",
            (Scope::Campaign, Cause::NotStarted { .. }) => "CAMPAIGN_NOT_STARTED",
            (Scope::Campaign, Cause::Ended { .. }) => "CAMPAIGN_ENDED",
        }
    }
}

impl fmt::Display for Rejection {
    /// A clause such as `the campaign starts at …, later than …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.scope {
            Scope::Offer => "the offer",
            Scope::Campaign => "the campaign",
        };
        match self.cause {
            Cause::NotActive { status } => {
                write!(f, "{whose} is {}, not active", status.name())
            }
            Cause::NotStarted { starts_at, at } => {
                write!(f, "{whose} starts at {starts_at}, later than {at}")
            }
            Cause::Ended { ends_at, at } => {
                write!(f, "{whose} ended at {ends_at}, not later than {at}")
            }
        }
    }
}

/// Whether an offer may be shown at an instant: it and its campaign are active
/// and their schedules are on, from the start (inclusive) to the end
/// (exclusive).
///
/// # Errors
/// The first rule that says no: the offer's before its campaign's, the status
/// before the schedule.
pub fn judge(offer: &Offer, campaign: Option<&Campaign>, at: Instant) -> Result<(), Rejection> {
    judge_one(Scope::Offer, offer.status, offer.schedule, at)?;
    match campaign {
        Some(campaign) => judge_one(Scope::Campaign, campaign.status, campaign.schedule, at),
        None => Ok(()),
    }
}

fn judge_one(
    scope: Scope,
    status: Status,
    schedule: Schedule,
    at: Instant,
) -> Result<(), Rejection> {
    let cause = match (status, schedule.starts_at, schedule.ends_at) {
        (Status::Draft | Status::Paused | Status::Ended, _, _) => Cause::NotActive { status },
        (Status::Active, Some(starts_at), _) if at < starts_at => {
            Cause::NotStarted { starts_at, at }
        }
        (Status::Active, _, Some(ends_at)) if at >= ends_at => Cause::Ended { ends_at, at },
        (Status::Active, _, _) => return Ok(()),
    };
    Err(Rejection { scope, cause })
}

/// The offers that may be shown at an instant; `None` when there is none.
///
/// `offers` come in strictly ascending order of number, each with its
/// campaign.
///
/// # Panics
/// When the offers do not ascend: an error of the catalogue that gave them.
pub fn eligible<'a>(
    offers: impl IntoIterator<Item = (&'a Offer, Option<&'a Campaign>)>,
    at: Instant,
) -> Option<EligibleOffers> {
    let mut on = offers
        .into_iter()
        .filter(|(offer, campaign)| judge(offer, *campaign, at).is_ok())
        .map(|(offer, _)| offer.number)
        .peekable();
    on.peek()?;
    Some(EligibleOffers::new(on).expect("a placement's offers ascend strictly"))
}

/// What the rules said of one offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Which offer.
    pub offer: OfferNumber,
    /// Why it may not be shown; `None` when it may.
    pub rejection: Option<Rejection>,
}

/// What the rules say of each offer, in the order given.
pub fn explain<'a>(
    offers: impl IntoIterator<Item = (&'a Offer, Option<&'a Campaign>)>,
    at: Instant,
) -> Vec<Verdict> {
    offers
        .into_iter()
        .map(|(offer, campaign)| Verdict {
            offer: offer.number,
            rejection: judge(offer, campaign, at).err(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::BasisPoints;
    use crate::domain::offer::Benefit;

    const START: Instant = Instant::from_unix_ms(1_000);
    const END: Instant = Instant::from_unix_ms(2_000);

    fn offer(number: u32, status: Status, schedule: Schedule) -> Offer {
        Offer {
            number: OfferNumber(number),
            id: format!("offer-{number}"),
            title: String::new(),
            campaign: None,
            placements: Vec::new(),
            status,
            schedule,
            benefit: Benefit::CrossSell {
                sku: "case".into(),
                discount: BasisPoints::default(),
            },
            render_payload: String::new(),
        }
    }

    fn campaign(status: Status, schedule: Schedule) -> Campaign {
        Campaign {
            id: "spring".into(),
            title: String::new(),
            status,
            schedule,
        }
    }

    const ALWAYS: Schedule = Schedule {
        starts_at: None,
        ends_at: None,
    };
    const SECOND: Schedule = Schedule {
        starts_at: Some(START),
        ends_at: Some(END),
    };

    #[test]
    fn a_schedule_holds_from_its_start_until_just_before_its_end() {
        let offer = offer(0, Status::Active, SECOND);
        let code = |ms| {
            judge(&offer, None, Instant::from_unix_ms(ms))
                .err()
                .map(|rejection| rejection.code())
        };
        assert_eq!(code(999), Some("OFFER_NOT_STARTED"));
        assert_eq!(code(1_000), None);
        assert_eq!(code(1_999), None);
        assert_eq!(code(2_000), Some("OFFER_ENDED"));
        assert_eq!(code(i64::MIN), Some("OFFER_NOT_STARTED"));
        assert_eq!(code(i64::MAX), Some("OFFER_ENDED"));
    }

    #[test]
    fn an_open_schedule_is_always_on() {
        let offer = offer(0, Status::Active, ALWAYS);
        for ms in [i64::MIN, 0, i64::MAX] {
            assert_eq!(judge(&offer, None, Instant::from_unix_ms(ms)), Ok(()));
        }
    }

    #[test]
    fn every_status_but_active_rejects() {
        for status in [Status::Draft, Status::Paused, Status::Ended] {
            let rejected = judge(&offer(0, status, ALWAYS), None, START).expect_err("not active");
            assert_eq!(rejected.code(), "OFFER_NOT_ACTIVE");
            assert_eq!(
                rejected.to_string(),
                format!("the offer is {}, not active", status.name())
            );
            let active = offer(0, Status::Active, ALWAYS);
            let rejected = judge(&active, Some(&campaign(status, ALWAYS)), START)
                .expect_err("the campaign is not active");
            assert_eq!(rejected.code(), "CAMPAIGN_NOT_ACTIVE");
        }
    }

    #[test]
    fn a_campaign_rejects_its_offers_in_words() {
        let active = offer(0, Status::Active, ALWAYS);
        let spring = campaign(Status::Active, SECOND);
        let early = judge(&active, Some(&spring), Instant::from_unix_ms(0)).expect_err("early");
        assert_eq!(early.code(), "CAMPAIGN_NOT_STARTED");
        assert_eq!(
            early.to_string(),
            "the campaign starts at 1970-01-01T00:00:01.000Z, later than 1970-01-01T00:00:00.000Z"
        );
        let late = judge(&active, Some(&spring), END).expect_err("late");
        assert_eq!(late.code(), "CAMPAIGN_ENDED");
        assert_eq!(
            late.to_string(),
            "the campaign ended at 1970-01-01T00:00:02.000Z, not later than 1970-01-01T00:00:02.000Z"
        );
    }

    #[test]
    fn what_is_kept_and_what_is_told_agree() {
        let offers = [
            offer(2, Status::Active, ALWAYS),
            offer(3, Status::Paused, ALWAYS),
            offer(5, Status::Active, SECOND),
            offer(8, Status::Active, ALWAYS),
        ];
        let pairs = || offers.iter().map(|offer| (offer, None));
        for ms in [0, 1_000, 2_000] {
            let at = Instant::from_unix_ms(ms);
            let kept: Vec<OfferNumber> = eligible(pairs(), at).expect("some are on").into();
            let told: Vec<OfferNumber> = explain(pairs(), at)
                .into_iter()
                .filter(|verdict| verdict.rejection.is_none())
                .map(|verdict| verdict.offer)
                .collect();
            assert_eq!(kept, told);
        }
        assert_eq!(
            eligible(offers[1..2].iter().map(|offer| (offer, None)), START),
            None
        );
        assert_eq!(eligible(std::iter::empty(), START), None);
    }
}
