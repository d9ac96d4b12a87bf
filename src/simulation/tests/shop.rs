//! Shops: what shoppers do, and what is wrong with one.

use std::path::Path;

use super::*;
use crate::domain::ids::OfferNumber;
use crate::domain::math;

/// One segment; a tenth and a fifth off.
const SHOP: &str = r#"
name = "shop"
rounds = 4_000
seeds = "0..3"
[environment]
kind = "shop"
starts_on = "2027-02-01"
visits_per_day = 1_000
shoppers = 900
purchase_delay = "10min"
refund_rate = 0.2
refund_delay = "1d"
articles = [{ sku = "tea", price = "50.00", cost = "20.00" }]
[environment.catalog]
[[environment.catalog.placement]]
id = "checkout"
objective = "margin"
currency = "CNY"
attribution_window = "12h"
allowed_lateness = "0s"
refund_window = "2d"
holdout_basis_points = 2000
policy = { kind = "uniform" }
[[environment.catalog.offer]]
id = "tenth"
placements = ["checkout"]
benefit = { kind = "percent_off", discount_basis_points = 1000 }
[[environment.catalog.offer]]
id = "fifth"
placements = ["checkout"]
benefit = { kind = "percent_off", discount_basis_points = 2000 }
[[environment.segments]]
name = "everybody"
share = 1.0
purchase_rate = 0.25
price_sensitivity = 5.0
baskets = [{ lines = { tea = 2 } }]
[[policies]]
name = "fifth"
kind = "fixed"
preference = ["fifth"]
[[policies]]
name = "tenth"
kind = "fixed"
preference = ["tenth"]
"#;

/// The committed files beside the scenarios.
pub(super) struct Committed;

impl Files for Committed {
    fn rows(&self, document: &ClassificationDocument) -> Result<LabelledRows, String> {
        Err(format!("{} is not read here", document.data))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        let path = Path::new("simulations").join(name);
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

/// A reward follows from the cart, the discount and the chance of a purchase.
#[test]
fn a_shop_earns_what_its_numbers_say() {
    let summary = played(SHOP, &["environment.refund_rate=0.0"]);
    // Two for 50, of which 40 are costs; a fifth is 20, a tenth 10.
    let log_odds = -math::ln(3.0);
    let chance = math::logistic;
    let shown = [
        (chance(log_odds + 1.0), 40.0),
        (chance(log_odds + 0.5), 50.0),
    ];
    for (policy, (rate, margin)) in summary.policies.iter().zip(shown) {
        let expected = 0.8 * rate * margin + 0.2 * 0.25 * 60.0;
        let error = policy.reward_se.unwrap().max(0.3);
        assert!(
            (policy.reward_mean - expected).abs() < 4.5 * error,
            "{}: {} instead of {expected}",
            policy.name,
            policy.reward_mean
        );
        // Nobody earns more with a tenth than with a fifth off.
        assert!(
            (policy.regret_mean == 0.0) == (policy.name == "fifth"),
            "{policy:?}"
        );
    }
}

/// All policies meet the same shoppers with the same luck: whoever buys for less
/// buys for more.
#[test]
fn a_larger_discount_sells_to_everybody_whom_a_smaller_one_does() {
    let scenario = scenario(SHOP, &[]).unwrap();
    let mut world = scenario.environment.world(5);
    let mut sold = [0; 3];
    for _ in 0..2_000 {
        let situation = world.next_situation();
        let Some(eligible) = situation.eligible else {
            assert!(world.sale(None).is_some() || world.sale(Some(0)).is_none());
            continue;
        };
        assert_eq!(eligible.as_slice(), [OfferNumber(0), OfferNumber(1)]);
        let buys = [None, Some(0), Some(1)].map(|choice| world.sale(choice).is_some());
        assert!(buys[0] <= buys[1] && buys[1] <= buys[2], "{buys:?}");
        for (count, buys) in sold.iter_mut().zip(buys) {
            *count += u32::from(buys);
        }
        world.go_on(Some(1));
    }
    assert!(sold[0] < sold[1] && sold[1] < sold[2], "{sold:?}");
}

#[test]
fn about_a_fifth_is_held_out_and_always_the_same_shoppers() {
    let scenario = scenario(SHOP, &[]).unwrap();
    let mut world = scenario.environment.world(2);
    let mut held_out = std::collections::BTreeMap::new();
    for _ in 0..4_000 {
        let situation = world.next_situation();
        let shopper = situation.visitor.unwrap().shopper;
        let is_held_out = situation.eligible.is_none();
        assert_eq!(*held_out.entry(shopper).or_insert(is_held_out), is_held_out);
    }
    let shoppers = held_out.len();
    let held_out = held_out
        .values()
        .filter(|is_held_out| **is_held_out)
        .count();
    // Five standard deviations of a binomial share of a fifth.
    assert!(
        (5 * held_out).abs_diff(shoppers) < 300,
        "{held_out} of {shoppers}"
    );
}

#[test]
fn what_is_wrong_with_a_shop_is_told() {
    for (change, message) in [
        (
            "environment.segments.everybody.share=0.9",
            "environment.segments: the sum of the shares is 0.9, it must be in [1, 1]",
        ),
        (
            "environment.segments.everybody.purchase_rate=1.5",
            "environment.segments.everybody.purchase_rate is 1.5, it must be in [0.000000001, \
             0.999999999]",
        ),
        (
            "environment.starts_on=\"soon\"",
            "environment.starts_on: \"soon\" is not a day such as 2027-02-06",
        ),
        (
            "environment.time_zone=\"Asia/Shanghi\"",
            "environment.time_zone: \"Asia/Shanghi\" is not the name of a time zone",
        ),
        (
            "environment.placement=\"chekout\"",
            "environment.placement: \"chekout\" is no placement of the catalogue; the nearest known \
             name is \"checkout\"",
        ),
        (
            "environment.catalog=\"none.toml\"",
            "environment.catalog: the file \"none.toml\" is not read here",
        ),
        (
            "environment.segments.everybody.baskets.0.lines={ coffee = 1 }",
            "environment.segments.everybody.baskets.0.lines.coffee: \"coffee\" is no article of the \
             shop",
        ),
        (
            "environment.segments.everybody.appeal={ tenht = 1.0 }",
            "environment.segments.everybody.appeal: \"tenht\" is no offer of placement \"checkout\"; \
             the nearest known name is \"tenth\"",
        ),
        (
            "environment.segments.everybody.attributes={ tier = \"gold\" }",
            "environment.segments.everybody.attributes.tier: the catalogue does not declare it",
        ),
        (
            "environment.hours=[1, 2]",
            "environment.hours: has 2 weights, needs 24",
        ),
        (
            "environment.weekdays=[0, 0, 0, 0, 0, 0, 0]",
            "environment.weekdays: every weight is 0",
        ),
        (
            "policies.fifth.preference=[\"fifht\"]",
            "policies.fifth: the catalogue has 1 fault\n  placement[0].policy.preference (placement \
             \"checkout\") is \"fifht\": must name an entry of offer; did you mean \"fifth\"?",
        ),
        (
            "policies.fifth.objective=\"profit\"",
            "policies.fifth.objective: \"profit\" is not conversion, net_revenue or margin",
        ),
        (
            "policies.fifth.update_every=5",
            "policies.fifth.update_every is 5, it must be in [1, 1]",
        ),
    ] {
        assert_eq!(scenario(SHOP, &[change]).unwrap_err(), message, "{change}");
    }
}
