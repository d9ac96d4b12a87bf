//! Benefits of every kind.

use super::super::document::{BenefitDocument, SpendTierDocument};
use super::super::fault::{Faults, Place, quoted};
use super::super::scalar::Amount;
use super::names::{basis_points, sku, whole};
use crate::domain::money::{Currency, Money};
use crate::domain::offer::{Benefit, CouponDiscount, PercentOff, SpendTier};

/// The most pieces that a benefit speaks of.
const MAX_QUANTITY: i64 = 1_000_000;
/// The most tiers of a spend-threshold.
const MAX_TIERS: usize = 20;
/// The most articles of a bundle or of buy-x-get-y.
const MAX_SKUS: usize = 200;
/// The most bytes of a coupon's code.
const MAX_CODE_BYTES: usize = 64;
/// The most points for a purchase or for a unit of it.
const MAX_POINTS: i64 = 1_000_000_000;

/// What a benefit is checked against.
pub(super) struct Context<'a> {
    /// `None` where it is not known; amounts are then not looked at.
    pub currency: Option<Currency>,
    /// A placement of the offer with a margin objective.
    pub costs_needed: Option<&'a str>,
}

/// Checks one benefit; `None` when it has a fault or its currency is unknown.
pub(super) fn check(
    place: &Place<'_>,
    written: &BenefitDocument,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Benefit> {
    match written {
        BenefitDocument::PercentOff {
            discount_basis_points,
            max_discount,
        } => percent_off(place, *discount_basis_points, max_discount, context, faults)
            .map(Benefit::PercentOff),
        BenefitDocument::AmountOff { amount } => Some(Benefit::AmountOff {
            amount_minor: positive(&place.key("amount"), amount, context, faults)?,
        }),
        BenefitDocument::SpendThreshold { tiers } => Some(Benefit::SpendThreshold {
            tiers: check_tiers(&place.key("tiers"), tiers, context, faults)?,
        }),
        BenefitDocument::Gift {
            sku,
            quantity,
            unit_cost,
        } => check_gift(place, sku, *quantity, unit_cost.as_ref(), context, faults),
        BenefitDocument::Coupon { .. } => check_coupon(place, written, context, faults),
        BenefitDocument::Bundle {
            skus,
            discount_basis_points,
        } => {
            let skus = check_skus(&place.key("skus"), skus, 2, faults);
            let discount = discount(place, *discount_basis_points, 1, faults);
            Some(Benefit::Bundle {
                skus: skus?,
                discount: discount?,
            })
        }
        BenefitDocument::BuyXGetY { .. } => check_buy_x_get_y(place, written, faults),
        BenefitDocument::Points { .. } => check_points(place, written, context, faults),
        BenefitDocument::FreeShipping { min_spend } => {
            let min_spend = min_spend.as_ref();
            let min_spend =
                min_spend.map(|amount| positive(&place.key("min_spend"), amount, context, faults));
            Some(Benefit::FreeShipping {
                min_spend_minor: flatten(min_spend)?,
            })
        }
        BenefitDocument::CrossSell {
            sku: article,
            discount_basis_points,
        } => {
            let article = sku(&place.key("sku"), article, faults);
            Some(Benefit::CrossSell {
                sku: article,
                discount: discount(place, *discount_basis_points, 0, faults)?,
            })
        }
    }
}

/// What was not written is right; what was written and has a fault is not.
fn flatten<T>(written: Option<Option<T>>) -> Option<Option<T>> {
    match written {
        None => Some(None),
        Some(checked) => checked.map(Some),
    }
}

fn amount(
    place: &Place<'_>,
    written: &Amount,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<i64> {
    match context.currency?.parse_minor_units(written.as_str()) {
        Ok(minor_units) => Some(minor_units),
        Err(error) => {
            faults.lack(place, error.to_string());
            None
        }
    }
}

fn positive(
    place: &Place<'_>,
    written: &Amount,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<i64> {
    let minor_units = amount(place, written, context, faults)?;
    if minor_units > 0 {
        return Some(minor_units);
    }
    faults.refuse(place, quoted(written.as_str()), "must be above 0");
    None
}

fn discount(
    place: &Place<'_>,
    written: i64,
    least: u16,
    faults: &mut Faults,
) -> Option<crate::domain::money::BasisPoints> {
    basis_points(&place.key("discount_basis_points"), written, least, faults)
}

fn percent_off(
    place: &Place<'_>,
    discount_basis_points: i64,
    max_discount: &Option<Amount>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<PercentOff> {
    let discount = discount(place, discount_basis_points, 1, faults);
    let max_discount = max_discount
        .as_ref()
        .map(|amount| positive(&place.key("max_discount"), amount, context, faults));
    Some(PercentOff {
        discount: discount?,
        max_discount_minor: flatten(max_discount)?,
    })
}

fn check_tiers(
    place: &Place<'_>,
    tiers: &[SpendTierDocument],
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Vec<SpendTier>> {
    if !(1..=MAX_TIERS).contains(&tiers.len()) {
        let rule = format!("has {} tiers, must have 1 to {MAX_TIERS}", tiers.len());
        faults.lack(place, rule);
        return None;
    }
    let mut checked: Vec<Option<SpendTier>> = Vec::new();
    for (index, tier) in tiers.iter().enumerate() {
        let entry = place.index(index);
        let before = checked.last().copied().flatten();
        checked.push(check_tier(&entry, tier, before, context, faults));
    }
    checked.into_iter().collect()
}

fn check_tier(
    place: &Place<'_>,
    tier: &SpendTierDocument,
    before: Option<SpendTier>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<SpendTier> {
    let spend_minor = positive(&place.key("spend"), &tier.spend, context, faults);
    let save_minor = positive(&place.key("save"), &tier.save, context, faults);
    let (spend_minor, save_minor) = (spend_minor?, save_minor?);
    let currency = context.currency?;
    let money = |minor_units| Money {
        minor_units,
        currency,
    };
    let (spend, save) = (money(spend_minor), money(save_minor));
    if save_minor >= spend_minor {
        let rule = format!("must be less than what is spent, {spend}");
        faults.refuse(&place.key("save"), save, rule);
        return None;
    }
    if let Some(before) = before {
        if spend_minor <= before.spend_minor {
            let rule = format!(
                "must be above the spend of the tier before, {}",
                money(before.spend_minor)
            );
            faults.refuse(&place.key("spend"), spend, rule);
            return None;
        }
        if save_minor <= before.save_minor {
            let rule = format!(
                "must be above the save of the tier before, {}",
                money(before.save_minor)
            );
            faults.refuse(&place.key("save"), save, rule);
            return None;
        }
    }
    Some(SpendTier {
        spend_minor,
        save_minor,
    })
}

/// A cost that only a margin objective needs.
fn cost(
    place: &Place<'_>,
    written: Option<&Amount>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<i64> {
    match (written, context.costs_needed) {
        (Some(written), _) => amount(place, written, context, faults),
        (None, None) => Some(0),
        (None, Some(placement)) => {
            let rule = format!("is missing: the placement {placement:?} has the objective margin");
            faults.lack(place, rule);
            None
        }
    }
}

fn check_gift(
    place: &Place<'_>,
    article: &str,
    quantity: i64,
    unit_cost: Option<&Amount>,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Benefit> {
    let article = sku(&place.key("sku"), article, faults);
    let quantity = whole(&place.key("quantity"), quantity, 1, MAX_QUANTITY, faults);
    let unit_cost_minor = cost(&place.key("unit_cost"), unit_cost, context, faults);
    Some(Benefit::Gift {
        sku: article,
        quantity: quantity?,
        unit_cost_minor: unit_cost_minor?,
    })
}

fn check_coupon(
    place: &Place<'_>,
    written: &BenefitDocument,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Benefit> {
    let BenefitDocument::Coupon {
        code,
        discount_basis_points,
        max_discount,
        amount,
    } = written
    else {
        return None;
    };
    let printable = |letter: char| !letter.is_whitespace() && !letter.is_control();
    if !(1..=MAX_CODE_BYTES).contains(&code.len()) || !code.chars().all(printable) {
        let rule = format!("must have 1 to {MAX_CODE_BYTES} bytes and no space");
        faults.refuse(&place.key("code"), quoted(code), rule);
    }
    let discount = match (discount_basis_points, amount, max_discount) {
        (Some(share), None, _) => {
            let percent = percent_off(place, *share, max_discount, context, faults);
            CouponDiscount::PercentOff(percent?)
        }
        (None, Some(amount), None) => CouponDiscount::AmountOff {
            amount_minor: positive(&place.key("amount"), amount, context, faults)?,
        },
        (None, Some(_), Some(_)) => {
            let rule = "is for discount_basis_points, this coupon has an amount";
            faults.lack(&place.key("max_discount"), rule);
            return None;
        }
        (None, None, _) | (Some(_), Some(_), _) => {
            faults.lack(
                place,
                "must have exactly one of discount_basis_points and amount",
            );
            return None;
        }
    };
    Some(Benefit::Coupon {
        code: code.clone(),
        discount,
    })
}

fn check_skus(
    place: &Place<'_>,
    skus: &[String],
    least: usize,
    faults: &mut Faults,
) -> Option<Vec<String>> {
    if !(least..=MAX_SKUS).contains(&skus.len()) {
        let rule = format!(
            "has {} articles, must have {least} to {MAX_SKUS}",
            skus.len()
        );
        faults.lack(place, rule);
        return None;
    }
    let mut checked = Vec::new();
    for (index, article) in skus.iter().enumerate() {
        let place = place.index(index);
        let article = sku(&place, article, faults);
        if checked.contains(&article) {
            faults.refuse(&place, quoted(&article), "must stand once");
        }
        checked.push(article);
    }
    Some(checked)
}

fn check_buy_x_get_y(
    place: &Place<'_>,
    written: &BenefitDocument,
    faults: &mut Faults,
) -> Option<Benefit> {
    let BenefitDocument::BuyXGetY {
        skus,
        buy_quantity,
        get_quantity,
        discount_basis_points,
    } = written
    else {
        return None;
    };
    let skus = check_skus(&place.key("skus"), skus, 0, faults);
    let mut pieces = |key, quantity| whole(&place.key(key), quantity, 1, MAX_QUANTITY, faults);
    let buy_quantity = pieces("buy_quantity", *buy_quantity);
    let get_quantity = pieces("get_quantity", *get_quantity);
    let discount = discount(place, *discount_basis_points, 1, faults);
    Some(Benefit::BuyXGetY {
        skus: skus?,
        buy_quantity: buy_quantity?,
        get_quantity: get_quantity?,
        discount: discount?,
    })
}

fn check_points(
    place: &Place<'_>,
    written: &BenefitDocument,
    context: &Context<'_>,
    faults: &mut Faults,
) -> Option<Benefit> {
    let BenefitDocument::Points {
        fixed,
        per_major_unit,
        cost_per_thousand,
    } = written
    else {
        return None;
    };
    let cost_place = place.key("cost_per_thousand");
    let cost = cost(&cost_place, cost_per_thousand.as_ref(), context, faults);
    let mut points = |key, points| whole(&place.key(key), points, 0, MAX_POINTS, faults);
    let (given, per_unit) = (
        points("fixed", *fixed),
        points("per_major_unit", *per_major_unit),
    );
    let (given, per_unit) = (given?, per_unit?);
    if given == 0 && per_unit == 0 {
        faults.lack(
            place,
            "gives no points: fixed or per_major_unit must be above 0",
        );
        return None;
    }
    Some(Benefit::Points {
        fixed: given,
        per_major_unit: per_unit,
        cost_per_thousand_minor: cost?,
    })
}
