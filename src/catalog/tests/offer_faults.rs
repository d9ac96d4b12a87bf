//! Faults of campaigns, offers and benefits.

use super::*;
use crate::domain::offer::{CouponDiscount, PercentOff};

const PERCENT: &str =
    "{ kind = \"percent_off\", discount_basis_points = 1000, max_discount = \"30.00\" }";

/// The benefit of the offer `tea10`, written otherwise, gives this fault.
fn refuses_benefit(benefit: &str, place: &str, rule: &str) {
    refuses(
        PERCENT,
        benefit,
        &format!("offer[1].benefit{place}: {rule}"),
    );
}

fn benefit(written: &str) -> Benefit {
    let text = spoiled(PERCENT, written);
    let document = read_toml(&text, "shop.toml").unwrap_or_else(|faults| panic!("{faults}"));
    build(document)
        .offer_by_id("tea10")
        .expect("an offer")
        .benefit
        .clone()
}

#[test]
fn statuses_are_known() {
    refuses(
        "id = \"spring\"",
        "id = \"spring\"\nstatus = \"activ\"",
        "campaign[0].status (campaign \"spring\") is \"activ\": must be one of draft, approved, active, paused, ended, deleted; did you mean \"active\"?",
    );
    refuses(
        "id = \"tea10\"",
        "id = \"tea10\"\nstatus = \"gone\"",
        "offer[1].status (offer \"tea10\") is \"gone\": must be one of draft, approved, active, paused, ended, deleted",
    );
    let text = spoiled("id = \"tea10\"", "id = \"tea10\"\nstatus = \"paused\"");
    let catalog = build(read_toml(&text, "shop.toml").expect("no fault"));
    assert_eq!(
        catalog.offer_by_id("tea10").expect("an offer").status,
        Status::Paused
    );
}

#[test]
fn offers_refer_to_what_is_there() {
    refuses(
        "campaign = \"spring\"",
        "campaign = \"sprung\"",
        "offer[0].campaign (offer \"full100\") is \"sprung\": must name an entry of campaign; did you mean \"spring\"?",
    );
    refuses(
        "placements = [\"cart\"]",
        "placements = [\"cart\", \"basket\"]",
        "offer[1].placements[1] (offer \"tea10\") is \"basket\": must name an entry of placement",
    );
    refuses(
        "placements = [\"cart\"]",
        "placements = [\"cart\", \"cart\"]",
        "offer[1].placements[1] (offer \"tea10\") is \"cart\": must stand once",
    );
    refuses(
        "placements = [\"cart\"]",
        "placements = []",
        "offer[1].placements (offer \"tea10\"): is empty, must name at least 1 placement",
    );
}

#[test]
fn an_offers_placements_have_one_currency() {
    refuses(
        "currency = \"CNY\"\npolicy = { kind = \"thompson_beta\" }",
        "currency = \"JPY\"\npolicy = { kind = \"thompson_beta\" }",
        "offer[0].placements (offer \"full100\") is checkout, cart: must have one currency, these placements have JPY and CNY: make an offer for each",
    );
}

#[test]
fn a_render_payload_has_a_length() {
    let long = "x".repeat(16_385);
    refuses(
        "id = \"tea10\"",
        &format!("id = \"tea10\"\nrender = \"{long}\""),
        "offer[1].render (offer \"tea10\"): has 16385 bytes, may have at most 16384",
    );
}

#[test]
fn percentages_have_bounds() {
    for bad in ["0", "-5", "10001", "70000"] {
        refuses_benefit(
            &format!("{{ kind = \"percent_off\", discount_basis_points = {bad} }}"),
            &format!(".discount_basis_points (offer \"tea10\") is {bad}"),
            "must be from 1 to 10000",
        );
    }
}

#[test]
fn amounts_are_exact_and_above_zero() {
    for (written, place, rule) in [
        (
            "{ kind = \"amount_off\", amount = \"0.00\" }",
            ".amount (offer \"tea10\") is \"0.00\"",
            "must be above 0",
        ),
        (
            "{ kind = \"amount_off\", amount = \"1.005\" }",
            ".amount (offer \"tea10\")",
            "\"1.005\" is too fine: CNY has 2 decimals",
        ),
        (
            "{ kind = \"amount_off\", amount = \"-1\" }",
            ".amount (offer \"tea10\")",
            "\"-1\" is not an amount such as 100 or 49.90",
        ),
        (
            "{ kind = \"percent_off\", discount_basis_points = 10, max_discount = \"¥30\" }",
            ".max_discount (offer \"tea10\")",
            "\"¥30\" is not an amount such as 100 or 49.90",
        ),
        (
            "{ kind = \"free_shipping\", min_spend = 0 }",
            ".min_spend (offer \"tea10\") is \"0\"",
            "must be above 0",
        ),
        (
            "{ kind = \"amount_off\", amount = \"10000000000000.01\" }",
            ".amount (offer \"tea10\")",
            "\"10000000000000.01\" is above 10000000000000.00 CNY",
        ),
    ] {
        refuses_benefit(written, place, rule);
    }
}

#[test]
fn tiers_ascend_and_save_less_than_is_spent() {
    let second = "{ spend = \"300\", save = \"160\" },";
    for (written, place, rule) in [
        (
            "{ spend = \"300\", save = \"300\" },",
            ".tiers[1].save (offer \"full100\") is 300.00 CNY",
            "must be less than what is spent, 300.00 CNY",
        ),
        (
            "{ spend = \"100\", save = \"60\" },",
            ".tiers[1].spend (offer \"full100\") is 100.00 CNY",
            "must be above the spend of the tier before, 100.00 CNY",
        ),
        (
            "{ spend = \"300\", save = \"50\" },",
            ".tiers[1].save (offer \"full100\") is 50.00 CNY",
            "must be above the save of the tier before, 50.00 CNY",
        ),
        (
            "{ spend = \"300\", save = \"0\" },",
            ".tiers[1].save (offer \"full100\") is \"0\"",
            "must be above 0",
        ),
    ] {
        refuses(second, written, &format!("offer[0].benefit{place}: {rule}"));
    }
    refuses_benefit(
        "{ kind = \"spend_threshold\", tiers = [] }",
        ".tiers (offer \"tea10\")",
        "has 0 tiers, must have 1 to 20",
    );
}

#[test]
fn gifts_and_points_cost_something_under_a_margin_objective() {
    let margin = |written: &str| {
        spoiled(PERCENT, written).replace("objective = \"net_revenue\"", "objective = \"margin\"")
    };
    for (written, key) in [
        ("{ kind = \"gift\", sku = \"tea\" }", "unit_cost"),
        ("{ kind = \"points\", fixed = 10 }", "cost_per_thousand"),
    ] {
        assert!(read_toml(&spoiled(PERCENT, written), "shop.toml").is_ok());
        assert_eq!(
            faults_of(&margin(written)),
            [format!(
                "offer[1].benefit.{key} (offer \"tea10\"): is missing: the placement \"cart\" has the objective margin"
            )]
        );
    }
    let costed = margin("{ kind = \"gift\", sku = \"tea\", unit_cost = \"18.00\" }");
    assert!(read_toml(&costed, "shop.toml").is_ok());
}

#[test]
fn articles_and_quantities_have_bounds() {
    for (written, place, rule) in [
        (
            "{ kind = \"gift\", sku = \"\" }",
            ".sku (offer \"tea10\") is \"\"",
            "must have 1 to 128 bytes and no control characters",
        ),
        (
            "{ kind = \"gift\", sku = \"tea\", quantity = 0 }",
            ".quantity (offer \"tea10\") is 0",
            "must be from 1 to 1000000",
        ),
        (
            "{ kind = \"bundle\", skus = [\"a\"], discount_basis_points = 100 }",
            ".skus (offer \"tea10\")",
            "has 1 articles, must have 2 to 200",
        ),
        (
            "{ kind = \"bundle\", skus = [\"a\", \"a\"], discount_basis_points = 100 }",
            ".skus[1] (offer \"tea10\") is \"a\"",
            "must stand once",
        ),
        (
            "{ kind = \"bundle\", skus = [\"a\", \"b\"], discount_basis_points = 0 }",
            ".discount_basis_points (offer \"tea10\") is 0",
            "must be from 1 to 10000",
        ),
        (
            "{ kind = \"buy_x_get_y\", buy_quantity = 0, get_quantity = 1 }",
            ".buy_quantity (offer \"tea10\") is 0",
            "must be from 1 to 1000000",
        ),
        (
            "{ kind = \"buy_x_get_y\", buy_quantity = 2, get_quantity = -1 }",
            ".get_quantity (offer \"tea10\") is -1",
            "must be from 1 to 1000000",
        ),
        (
            "{ kind = \"points\" }",
            " (offer \"tea10\")",
            "gives no points: fixed or per_major_unit must be above 0",
        ),
        (
            "{ kind = \"points\", fixed = -1 }",
            ".fixed (offer \"tea10\") is -1",
            "must be from 0 to 1000000000",
        ),
        (
            "{ kind = \"cross_sell\", sku = \"case\", discount_basis_points = 10001 }",
            ".discount_basis_points (offer \"tea10\") is 10001",
            "must be from 0 to 10000",
        ),
    ] {
        refuses_benefit(written, place, rule);
    }
}

#[test]
fn coupons_have_a_code_and_one_discount() {
    for (written, place, rule) in [
        (
            "{ kind = \"coupon\", code = \"TEA 10\", amount = \"10\" }",
            ".code (offer \"tea10\") is \"TEA 10\"",
            "must have 1 to 64 bytes and no space",
        ),
        (
            "{ kind = \"coupon\", code = \"\", amount = \"10\" }",
            ".code (offer \"tea10\") is \"\"",
            "must have 1 to 64 bytes and no space",
        ),
        (
            "{ kind = \"coupon\", code = \"TEA10\" }",
            " (offer \"tea10\")",
            "must have exactly one of discount_basis_points and amount",
        ),
        (
            "{ kind = \"coupon\", code = \"TEA10\", amount = \"10\", discount_basis_points = 100 }",
            " (offer \"tea10\")",
            "must have exactly one of discount_basis_points and amount",
        ),
        (
            "{ kind = \"coupon\", code = \"TEA10\", amount = \"10\", max_discount = \"10\" }",
            ".max_discount (offer \"tea10\")",
            "is for discount_basis_points, this coupon has an amount",
        ),
    ] {
        refuses_benefit(written, place, rule);
    }
}

#[test]
fn every_benefit_is_read() {
    let basis_points = |share| crate::domain::money::BasisPoints::new(share).expect("a share");
    assert_eq!(
        benefit("{ kind = \"percent_off\", discount_basis_points = 1000 }"),
        Benefit::PercentOff(PercentOff {
            discount: basis_points(1_000),
            max_discount_minor: None,
        })
    );
    assert_eq!(
        benefit("{ kind = \"amount_off\", amount = \"8.88\" }"),
        Benefit::AmountOff { amount_minor: 888 }
    );
    assert_eq!(
        benefit("{ kind = \"gift\", sku = \"tea\", unit_cost = \"18.5\" }"),
        Benefit::Gift {
            sku: "tea".into(),
            quantity: 1,
            unit_cost_minor: 1_850,
        }
    );
    assert_eq!(
        benefit(
            "{ kind = \"coupon\", code = \"TEA10\", discount_basis_points = 1000, max_discount = 30 }"
        ),
        Benefit::Coupon {
            code: "TEA10".into(),
            discount: CouponDiscount::PercentOff(PercentOff {
                discount: basis_points(1_000),
                max_discount_minor: Some(3_000),
            }),
        }
    );
    assert_eq!(
        benefit("{ kind = \"coupon\", code = \"TEA10\", amount = \"10\" }"),
        Benefit::Coupon {
            code: "TEA10".into(),
            discount: CouponDiscount::AmountOff {
                amount_minor: 1_000
            },
        }
    );
    assert_eq!(
        benefit("{ kind = \"bundle\", skus = [\"a\", \"b\"], discount_basis_points = 2000 }"),
        Benefit::Bundle {
            skus: vec!["a".into(), "b".into()],
            discount: basis_points(2_000),
        }
    );
    assert_eq!(
        benefit("{ kind = \"buy_x_get_y\", buy_quantity = 2, get_quantity = 1 }"),
        Benefit::BuyXGetY {
            skus: Vec::new(),
            buy_quantity: 2,
            get_quantity: 1,
            discount: basis_points(10_000),
        }
    );
    assert_eq!(
        benefit("{ kind = \"points\", per_major_unit = 2, cost_per_thousand = \"10\" }"),
        Benefit::Points {
            fixed: 0,
            per_major_unit: 2,
            cost_per_thousand_minor: 1_000,
        }
    );
    assert_eq!(
        benefit("{ kind = \"free_shipping\" }"),
        Benefit::FreeShipping {
            min_spend_minor: None
        }
    );
    assert_eq!(
        benefit("{ kind = \"cross_sell\", sku = \"case\" }"),
        Benefit::CrossSell {
            sku: "case".into(),
            discount: basis_points(0),
        }
    );
}
