//! PriceOffer: what a decision's offers come to once the cart changed.
//!
//! The offers stay those that were drawn and the terms those of the catalogue
//! version that the decision was made with; nothing is recorded. Why an offer
//! no longer holds is part of the answer.

use std::fmt;

use thiserror::Error;
use uuid::Uuid;

use super::choose::{PricedLine, checked_cart};
use super::fault::FieldFault;
use super::sealing::UnsealError;
use super::shared::Shared;
use super::view::{DecisionView, LookupError};
use crate::catalog::Catalog;
use crate::domain::cart::Cart;
use crate::domain::decision::{DecisionRecord, RequestContext};
use crate::domain::ids::OfferNumber;
use crate::domain::offer::Status;
use crate::domain::time::Instant;
use crate::promotion::benefit::{Amounts, Shortfall, resolve};
use crate::promotion::{Known, Occasion, Rejection, judge_rules};

/// What a caller of PriceOffer asks.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRequest {
    /// Which decision.
    pub decision: Uuid,
    /// The cart's lines as they are now.
    pub cart: Vec<PricedLine>,
}

/// What PriceOffer answers.
#[derive(Debug, Clone)]
pub struct Repriced {
    /// The decision.
    pub decision: DecisionView,
    /// Until when its offers are honoured.
    pub valid_until: Instant,
    /// Its offers in slot order.
    pub offers: Vec<RepricedOffer>,
}

/// A chosen offer, priced for another cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepricedOffer {
    /// Which.
    pub offer: OfferNumber,
    /// What it comes to, whether it may be honoured or not.
    pub amounts: Amounts,
    /// Why it may not be honoured; `None` when it may.
    pub lapse: Option<Lapse>,
}

/// Why a chosen offer no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lapse {
    /// It is not honoured any more.
    ValidityOver {
        /// Until when it was.
        valid_until: Instant,
        /// When it was asked for.
        at: Instant,
    },
    /// Its rule does not hold for the cart.
    Rejected(Rejection),
    /// The shopper was erased, and what its rule asks with the shopper.
    Erased,
    /// It, or its campaign, was ended or deleted, and its terms void what was
    /// offered before.
    Voided,
    /// It gives nothing for the cart.
    Short(Shortfall),
}

impl Lapse {
    /// The reason code, stable for programs to read.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ValidityOver { .. } => "OFFER_NO_LONGER_VALID",
            Self::Rejected(rejection) => rejection.code(),
            Self::Erased => "SHOPPER_ERASED",
            Self::Voided => "OFFER_VOIDED",
            Self::Short(shortfall) => shortfall.code(),
        }
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValidityOver { valid_until, at } => {
                write!(f, "the offer was valid until {valid_until}, it is {at}")
            }
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Erased => f.write_str("the offer has a rule, and the shopper was erased"),
            Self::Voided => f.write_str("the offer was ended, and its terms say void"),
            Self::Short(shortfall) => shortfall.fmt(f),
        }
    }
}

/// Why PriceOffer refused.
#[derive(Debug, Error)]
pub enum PriceError {
    /// Fields that do not hold.
    #[error("the request does not hold: {}", super::fault::list(.0))]
    Invalid(Vec<FieldFault>),
    /// The decision is not to be had.
    #[error(transparent)]
    Lookup(#[from] LookupError),
}

/// Prices a decision's offers for another cart.
pub(super) fn price(shared: &Shared, request: &PriceRequest) -> Result<Repriced, PriceError> {
    let decision = DecisionView::find(shared, request.decision)?;
    let now = shared.clock.now();
    let (Some(placement), Some(recorded)) = (decision.placement(), decision.recorded) else {
        let version = decision.catalog.version();
        return Err(LookupError::NoCatalog(version).into());
    };
    let mut faults = Vec::new();
    let cart = checked_cart(&request.cart, placement, &mut faults);
    if !faults.is_empty() {
        return Err(PriceError::Invalid(faults));
    }
    let valid_until = placement.offer_valid_until(recorded.at);
    let over = (now >= valid_until).then_some(Lapse::ValidityOver {
        valid_until,
        at: now,
    });
    let context = match decision.context(shared) {
        Ok(context) => Some(RequestContext {
            cart: cart.clone(),
            ..context
        }),
        Err(LookupError::Unseal(UnsealError::Erased)) => None,
        Err(error) => return Err(error.into()),
    };
    let by_rule = |offer| rejection(&decision, offer, context.as_ref(), now);
    let amounts = amounts(&decision.record, &decision.catalog, &cart);
    let offers = decision.record.chosen().zip(amounts);
    let offers = offers.map(|(offer, amounts)| RepricedOffer {
        offer,
        lapse: over
            .clone()
            .or_else(|| is_voided(shared, offer).then_some(Lapse::Voided))
            .or_else(|| by_rule(offer))
            .or_else(|| amounts.shortfall.clone().map(Lapse::Short)),
        amounts,
    });
    let offers = offers.collect();
    Ok(Repriced {
        offers,
        valid_until,
        decision,
    })
}

/// Whether the catalogue in force has ended the offer and voids what was offered
/// before.
fn is_voided(shared: &Shared, offer: OfferNumber) -> bool {
    let over = |status| matches!(status, Status::Ended | Status::Deleted);
    shared.snapshot().is_some_and(|snapshot| {
        let catalog = &snapshot.catalog;
        catalog.offer(offer).is_some_and(|offer| {
            let campaign = catalog.campaign_of(offer);
            let ended = over(offer.status) || campaign.is_some_and(|it| over(it.status));
            offer.void_on_end && ended
        })
    })
}

/// What the offer's rules say of the cart. Its schedule says nothing: what was
/// offered is honoured until its validity is over.
fn rejection(
    decision: &DecisionView,
    offer: OfferNumber,
    context: Option<&RequestContext>,
    at: Instant,
) -> Option<Lapse> {
    let catalog = &decision.catalog;
    let offer = catalog.offer(offer)?;
    let campaign = catalog.campaign_of(offer);
    let Some(context) = context else {
        let shared = campaign.and_then(|campaign| campaign.rule.as_ref());
        return (offer.rule.is_some() || shared.is_some()).then_some(Lapse::Erased);
    };
    let occasion = Occasion {
        at,
        segment: decision.record.segment,
        request: Known::Request(context),
    };
    let judged = judge_rules(offer, campaign, &occasion);
    judged.err().map(Lapse::Rejected)
}

/// What each chosen offer of a decision comes to for a cart, in slot order.
pub(super) fn amounts(record: &DecisionRecord, catalog: &Catalog, cart: &Cart) -> Vec<Amounts> {
    let Some(placement) = catalog.placement(record.placement) else {
        return Vec::new();
    };
    record
        .chosen()
        .filter_map(|offer| catalog.offer(offer))
        .map(|offer| resolve(&offer.benefit, cart, placement.currency))
        .collect()
}
