//! Status, schedule and rule: whether an offer may be shown on an occasion.

use std::fmt;

use super::rules::{self, Occasion, Unmet};
use crate::domain::distribution::EligibleOffers;
use crate::domain::ids::OfferNumber;
use crate::domain::offer::{Campaign, Offer, Status};
use crate::domain::rule::Rule;
use crate::domain::schedule::Schedule;
use crate::domain::time::Instant;

/// Why an offer may not be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Its schedule is off on this day or at this hour.
    OutsideHours {
        /// When it was judged.
        at: Instant,
    },
    /// Its rule does not hold.
    Rule(Unmet),
}

impl Rejection {
    /// The reason code, stable for programs to read.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match (self.scope, &self.cause) {
            (Scope::Offer, Cause::NotActive { .. }) => "OFFER_NOT_ACTIVE",
            (Scope::Offer, Cause::NotStarted { .. }) => "OFFER_NOT_STARTED",
            (Scope::Offer, Cause::Ended { .. }) => "OFFER_ENDED",
            (Scope::Campaign, Cause::NotActive { .. }) => "CAMPAIGN_NOT_ACTIVE",
            (Scope::Campaign, Cause::NotStarted { .. }) => "CAMPAIGN_NOT_STARTED",
            (Scope::Campaign, Cause::Ended { .. }) => "CAMPAIGN_ENDED",
            (Scope::Offer, Cause::OutsideHours { .. }) => "OFFER_OUTSIDE_HOURS",
            (Scope::Campaign, Cause::OutsideHours { .. }) => "CAMPAIGN_OUTSIDE_HOURS",
            (_, Cause::Rule(unmet)) => unmet.code(),
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
        match &self.cause {
            Cause::NotActive { status } => {
                write!(f, "{whose} is {}, not active", status.name())
            }
            Cause::OutsideHours { at } => {
                write!(f, "{whose} is off at {at}, by its days and hours")
            }
            Cause::Rule(unmet) => write!(f, "by the rule of {whose}: {unmet}"),
            Cause::NotStarted { starts_at, at } => {
                write!(f, "{whose} starts at {starts_at}, later than {at}")
            }
            Cause::Ended { ends_at, at } => {
                write!(f, "{whose} ended at {ends_at}, not later than {at}")
            }
        }
    }
}

/// Whether an offer may be shown on an occasion: it and its campaign are
/// active, their schedules are on, from the start (inclusive) to the end
/// (exclusive), and their rules hold.
///
/// # Errors
/// The first that says no: the offer's own before its campaign's, the status
/// before the schedule before the rule, the rules last.
pub fn judge(
    offer: &Offer,
    campaign: Option<&Campaign>,
    occasion: &Occasion<'_>,
) -> Result<(), Rejection> {
    let reject = |scope| move |cause| Rejection { scope, cause };
    let at = occasion.at;
    judge_time(offer.status, &offer.schedule, at).map_err(reject(Scope::Offer))?;
    if let Some(campaign) = campaign {
        let judged = judge_time(campaign.status, &campaign.schedule, at);
        judged.map_err(reject(Scope::Campaign))?;
    }
    judge_rules(offer, campaign, occasion)
}

/// Whether the rules of an offer and of its campaign hold, whatever the time.
///
/// # Errors
/// The first part that does not hold, the offer's before its campaign's.
pub fn judge_rules(
    offer: &Offer,
    campaign: Option<&Campaign>,
    occasion: &Occasion<'_>,
) -> Result<(), Rejection> {
    for (scope, rule) in rules_of(offer, campaign) {
        if let Some(unmet) = rules::unmet(rule, offer.number, occasion) {
            let cause = Cause::Rule(unmet);
            return Err(Rejection { scope, cause });
        }
    }
    Ok(())
}

fn rules_of<'a>(
    offer: &'a Offer,
    campaign: Option<&'a Campaign>,
) -> impl Iterator<Item = (Scope, &'a Rule)> {
    let own = offer.rule.iter().map(|rule| (Scope::Offer, rule));
    let shared = campaign.and_then(|campaign| campaign.rule.as_ref());
    own.chain(shared.map(|rule| (Scope::Campaign, rule)))
}

fn judge_time(status: Status, schedule: &Schedule, at: Instant) -> Result<(), Cause> {
    match (status, schedule.starts_at, schedule.ends_at) {
        (Status::Active, Some(starts_at), _) if at < starts_at => {
            Err(Cause::NotStarted { starts_at, at })
        }
        (Status::Active, _, Some(ends_at)) if at >= ends_at => Err(Cause::Ended { ends_at, at }),
        (Status::Active, _, _) => match &schedule.recurrence {
            Some(recurrence) if !recurrence.is_on(at) => Err(Cause::OutsideHours { at }),
            _ => Ok(()),
        },
        (_, _, _) => Err(Cause::NotActive { status }),
    }
}

/// Whether [`judge`] says yes, without telling why not.
fn may_be_shown(offer: &Offer, campaign: Option<&Campaign>, occasion: &Occasion<'_>) -> bool {
    let at = occasion.at;
    let by_campaign =
        |campaign: &Campaign| judge_time(campaign.status, &campaign.schedule, at).is_ok();
    judge_time(offer.status, &offer.schedule, at).is_ok()
        && campaign.is_none_or(by_campaign)
        && rules_of(offer, campaign).all(|(_, rule)| rules::holds(rule, offer.number, occasion))
}

/// The offers that may be shown on an occasion; `None` when there is none.
///
/// `offers` come in strictly ascending order of number, each with its
/// campaign.
///
/// # Panics
/// When the offers do not ascend: an error of the catalogue that gave them.
pub fn eligible<'a>(
    offers: impl IntoIterator<Item = (&'a Offer, Option<&'a Campaign>)>,
    occasion: &Occasion<'_>,
) -> Option<EligibleOffers> {
    let mut on = offers
        .into_iter()
        .filter(|(offer, campaign)| may_be_shown(offer, *campaign, occasion))
        .map(|(offer, _)| offer.number)
        .peekable();
    on.peek()?;
    Some(EligibleOffers::new(on).expect("a placement's offers ascend strictly"))
}

/// What the rules said of one offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Which offer.
    pub offer: OfferNumber,
    /// Why it may not be shown; `None` when it may.
    pub rejection: Option<Rejection>,
}

/// What the rules say of each offer, in the order given.
pub fn explain<'a>(
    offers: impl IntoIterator<Item = (&'a Offer, Option<&'a Campaign>)>,
    occasion: &Occasion<'_>,
) -> Vec<Verdict> {
    offers
        .into_iter()
        .map(|(offer, campaign)| Verdict {
            offer: offer.number,
            rejection: judge(offer, campaign, occasion).err(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
