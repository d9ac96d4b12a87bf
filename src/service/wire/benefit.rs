//! What offers give. What it costs the shop stays in the house.

use super::money;
use crate::domain::money::{BasisPoints, Currency};
use crate::domain::offer::{Benefit, CouponDiscount, PercentOff, SpendTier};
use crate::promotion::benefit::Amounts;
use crate::proto::promobandit::v1;
use crate::proto::promobandit::v1::benefit::Kind;
use crate::proto::promobandit::v1::coupon::Discount;

pub(super) fn to_wire(benefit: &Benefit, currency: Currency) -> v1::Benefit {
    v1::Benefit {
        kind: Some(kind(benefit, currency)),
    }
}

/// What a benefit comes to for a cart.
pub(super) fn amounts(amounts: &Amounts, currency: Currency) -> v1::BenefitAmounts {
    let shares = amounts.line_shares_minor.iter();
    let discounted = amounts.discount_minor > 0;
    let shortfall = amounts.shortfall.as_ref();
    v1::BenefitAmounts {
        discount: Some(money::to_wire(amounts.discount_minor, currency)),
        line_shares: shares
            .filter(|_| discounted)
            .map(|share| money::to_wire(*share, currency))
            .collect(),
        gift_quantity: amounts.gift_quantity,
        points: amounts.points,
        free_shipping: amounts.free_shipping,
        shortfall_code: shortfall.map_or_else(String::new, |it| it.code().to_owned()),
        shortfall_reason: shortfall.map(ToString::to_string).unwrap_or_default(),
    }
}

fn kind(benefit: &Benefit, currency: Currency) -> Kind {
    match benefit {
        Benefit::PercentOff(percent) => Kind::PercentOff(percent_off(percent, currency)),
        Benefit::AmountOff { amount_minor } => Kind::AmountOff(amount_off(*amount_minor, currency)),
        Benefit::SpendThreshold { tiers } => Kind::SpendThreshold(v1::SpendThreshold {
            tiers: tiers
                .iter()
                .map(|tier| spend_tier(tier, currency))
                .collect(),
        }),
        Benefit::Gift {
            sku,
            quantity,
            unit_cost_minor: _,
        } => Kind::Gift(v1::Gift {
            sku: sku.clone(),
            quantity: *quantity,
        }),
        Benefit::Coupon { code, discount } => Kind::Coupon(v1::Coupon {
            code: code.clone(),
            discount: Some(coupon_discount(discount, currency)),
        }),
        Benefit::Bundle { skus, discount } => Kind::Bundle(v1::Bundle {
            skus: skus.clone(),
            basis_points: basis_points(*discount),
        }),
        Benefit::BuyXGetY {
            skus,
            buy_quantity,
            get_quantity,
            discount,
        } => Kind::BuyXGetY(v1::BuyXGetY {
            skus: skus.clone(),
            buy_quantity: *buy_quantity,
            get_quantity: *get_quantity,
            basis_points: basis_points(*discount),
        }),
        Benefit::Points {
            fixed,
            per_major_unit,
            cost_per_thousand_minor: _,
        } => Kind::Points(v1::Points {
            fixed: *fixed,
            per_major_unit: *per_major_unit,
        }),
        Benefit::FreeShipping { min_spend_minor } => Kind::FreeShipping(v1::FreeShipping {
            min_spend: min_spend_minor.map(|minor| money::to_wire(minor, currency)),
        }),
        Benefit::CrossSell { sku, discount } => Kind::CrossSell(v1::CrossSell {
            sku: sku.clone(),
            basis_points: basis_points(*discount),
        }),
    }
}

fn coupon_discount(discount: &CouponDiscount, currency: Currency) -> Discount {
    match discount {
        CouponDiscount::PercentOff(percent) => Discount::PercentOff(percent_off(percent, currency)),
        CouponDiscount::AmountOff { amount_minor } => {
            Discount::AmountOff(amount_off(*amount_minor, currency))
        }
    }
}

fn percent_off(percent: &PercentOff, currency: Currency) -> v1::PercentOff {
    let most = percent.max_discount_minor;
    v1::PercentOff {
        basis_points: basis_points(percent.discount),
        max_discount: most.map(|minor| money::to_wire(minor, currency)),
    }
}

fn amount_off(amount_minor: i64, currency: Currency) -> v1::AmountOff {
    v1::AmountOff {
        amount: Some(money::to_wire(amount_minor, currency)),
    }
}

fn spend_tier(tier: &SpendTier, currency: Currency) -> v1::SpendTier {
    v1::SpendTier {
        spend: Some(money::to_wire(tier.spend_minor, currency)),
        save: Some(money::to_wire(tier.save_minor, currency)),
    }
}

fn basis_points(share: BasisPoints) -> i32 {
    i32::from(share.get())
}
