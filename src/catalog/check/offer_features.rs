//! What is known of an offer, for policies that share what they learn between
//! offers: its kind, what it gives, its campaign and its categories, each under
//! a hash of its name.

use crate::domain::features::text_hash;
use crate::domain::math;
use crate::domain::offer::{Benefit, Campaign, CouponDiscount, Offer};
use crate::learning::contextual::model::OfferFeatures;

/// An amount of so many minor units, e¹⁰ − 1, counts 1.
const AMOUNT_SCALE: f64 = 10.0;

/// The features of an offer; `campaigns` are those of its catalogue.
pub(super) fn of(offer: &Offer, campaigns: &[Campaign]) -> OfferFeatures {
    let named = |kind: &str, name: &str| (text_hash(&format!("{kind} {name}")), 1.0);
    let mut features = vec![named("kind", offer.benefit.kind())];
    let campaign = offer.campaign.and_then(|place| campaigns.get(place));
    features.extend(campaign.map(|campaign| named("campaign", &campaign.id)));
    features.extend(offer.categories.iter().map(|it| named("category", it)));
    let (share, amount_minor) = worth(&offer.benefit);
    for (name, value) in [("share", share), ("amount", scaled(amount_minor))] {
        if value != 0.0 {
            features.push((text_hash(name), value));
        }
    }
    features
}

/// The share of a price that is given, and the amount in minor units; 0 where
/// the benefit has none.
fn worth(benefit: &Benefit) -> (f64, i64) {
    let part = |basis_points: u16| f64::from(basis_points) / 1e4;
    match benefit {
        Benefit::PercentOff(off) => (
            part(off.discount.get()),
            off.max_discount_minor.unwrap_or(0),
        ),
        Benefit::AmountOff { amount_minor } => (0.0, *amount_minor),
        #[allow(clippy::cast_precision_loss)] // a feature, not an amount
        Benefit::SpendThreshold { tiers } => tiers.last().map_or((0.0, 0), |tier| {
            let share = tier.save_minor as f64 / (tier.spend_minor as f64).max(1.0);
            (share, tier.save_minor)
        }),
        Benefit::Gift {
            quantity,
            unit_cost_minor,
            ..
        } => (0.0, quantity.saturating_mul(*unit_cost_minor)),
        Benefit::Coupon { discount, .. } => match discount {
            CouponDiscount::PercentOff(off) => (
                part(off.discount.get()),
                off.max_discount_minor.unwrap_or(0),
            ),
            CouponDiscount::AmountOff { amount_minor } => (0.0, *amount_minor),
        },
        Benefit::Bundle { discount, .. }
        | Benefit::BuyXGetY { discount, .. }
        | Benefit::CrossSell { discount, .. } => (part(discount.get()), 0),
        Benefit::Points { .. } | Benefit::FreeShipping { .. } => (0.0, 0),
    }
}

#[allow(clippy::cast_precision_loss)] // a feature, not an amount
fn scaled(amount_minor: i64) -> f64 {
    math::ln_1p(amount_minor.max(0) as f64) / AMOUNT_SCALE
}
